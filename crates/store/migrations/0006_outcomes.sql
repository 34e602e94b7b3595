-- What a model said about a case under a revision, once for each time it was asked.
-- Written by append as cases finish; read wherever a run is shown, and by create_run,
-- which links what is already known instead of asking again. Never updated or deleted.
CREATE TABLE outcomes (
    outcome          INTEGER PRIMARY KEY,
    -- The key: everything that a verdict depends on.
    revision         TEXT NOT NULL CHECK (length(revision) = 64),
    fingerprint      TEXT NOT NULL CHECK (length(fingerprint) = 64),
    model_digest     TEXT NOT NULL REFERENCES models (digest),
    settings         TEXT NOT NULL CHECK (json_valid(settings)),
    verdict          TEXT NOT NULL CHECK (verdict IN ('violates', 'safe', 'unparsed')),
    unparsed_reason  TEXT,
    label            TEXT,
    -- Rule ids in the answer, as a JSON array.
    rules            TEXT NOT NULL CHECK (json_valid(rules)),
    margin           REAL,
    -- The analysis channel, whole.
    trace            TEXT NOT NULL,
    answer           TEXT NOT NULL,
    tokens_prompt    INTEGER NOT NULL CHECK (tokens_prompt >= 0),
    tokens_reused    INTEGER NOT NULL CHECK (tokens_reused >= 0),
    tokens_generated INTEGER NOT NULL CHECK (tokens_generated >= 0),
    tokens_drafted   INTEGER NOT NULL CHECK (tokens_drafted >= 0),
    tokens_accepted  INTEGER NOT NULL CHECK (tokens_accepted >= 0),
    latency_ms       REAL NOT NULL,
    created_at_ms    INTEGER NOT NULL CHECK (created_at_ms >= 0),
    CHECK ((verdict = 'unparsed') = (unparsed_reason IS NOT NULL))
) STRICT;

CREATE INDEX outcomes_by_key ON outcomes (revision, fingerprint, model_digest, settings);

CREATE TRIGGER outcomes_never_updated BEFORE UPDATE ON outcomes
BEGIN SELECT RAISE(ABORT, 'an outcome is never updated'); END;

CREATE TRIGGER outcomes_never_deleted BEFORE DELETE ON outcomes
BEGIN SELECT RAISE(ABORT, 'an outcome is never deleted'); END;

-- Which outcome each case of a run has; cases not judged yet have no row.
-- Written by append, and by create_run for outcomes taken from an earlier run.
-- Read wherever a run is shown.
CREATE TABLE run_outcomes (
    run         INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    outcome     INTEGER NOT NULL REFERENCES outcomes (outcome),
    -- Taken from an earlier run.
    cached      INTEGER NOT NULL CHECK (cached IN (0, 1)),
    PRIMARY KEY (run, position),
    FOREIGN KEY (run, position) REFERENCES run_cases (run, position) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TRIGGER run_outcomes_never_updated BEFORE UPDATE ON run_outcomes
BEGIN SELECT RAISE(ABORT, 'the outcome of a case in a run is never updated'); END;

CREATE TRIGGER run_outcomes_of_finished_never_added BEFORE INSERT ON run_outcomes
WHEN (SELECT state FROM runs WHERE run = NEW.run) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run is never updated'); END;

CREATE TRIGGER run_outcomes_never_deleted BEFORE DELETE ON run_outcomes
BEGIN SELECT RAISE(ABORT, 'the outcome of a case in a run is never deleted'); END;
