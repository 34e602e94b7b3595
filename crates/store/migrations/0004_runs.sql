-- A revision judged over a suite by one model with one set of settings.
-- Written by create_run; its state alone is updated, until it is finished.
-- Read by history, comparison and resume.
CREATE TABLE runs (
    -- AUTOINCREMENT: people quote run numbers, so one is never given twice.
    run            INTEGER PRIMARY KEY AUTOINCREMENT,
    policy         TEXT NOT NULL,
    revision       TEXT NOT NULL,
    model_digest   TEXT NOT NULL REFERENCES models (digest),
    -- The settings in canonical JSON; compared as text.
    settings       TEXT NOT NULL CHECK (json_valid(settings)),
    -- Names the snapshot: cases in order, labels included.
    suite_hash     TEXT NOT NULL CHECK (length(suite_hash) = 64),
    state          TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted')),
    started_at_ms  INTEGER NOT NULL CHECK (started_at_ms >= 0),
    finished_at_ms INTEGER,
    FOREIGN KEY (policy, revision) REFERENCES revisions (policy, revision),
    CHECK ((state = 'finished') = (finished_at_ms IS NOT NULL))
) STRICT;

CREATE INDEX runs_by_policy ON runs (policy, run);

CREATE TRIGGER runs_finished_never_updated BEFORE UPDATE ON runs
WHEN OLD.state = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run is never updated'); END;

CREATE TRIGGER runs_identity_never_updated BEFORE UPDATE ON runs
WHEN NEW.run <> OLD.run OR NEW.policy <> OLD.policy OR NEW.revision <> OLD.revision
    OR NEW.model_digest <> OLD.model_digest OR NEW.settings <> OLD.settings
    OR NEW.suite_hash <> OLD.suite_hash OR NEW.started_at_ms <> OLD.started_at_ms
BEGIN SELECT RAISE(ABORT, 'only the state of a run is updated'); END;

CREATE TRIGGER runs_finished_never_deleted BEFORE DELETE ON runs
WHEN OLD.state = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run is never deleted'); END;
