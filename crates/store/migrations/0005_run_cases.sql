-- The suite snapshot of a run: which cases, in which order, with which labels.
-- Written by create_run, whole; read wherever a run is shown, and by resume.
-- Deleted only along with a run that was cancelled before its first outcome.
CREATE TABLE run_cases (
    run            INTEGER NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    position       INTEGER NOT NULL CHECK (position >= 0),
    case_id        TEXT NOT NULL CHECK (case_id <> ''),
    case_hash      TEXT NOT NULL REFERENCES cases (case_hash),
    -- Names what the model reads of the case.
    fingerprint    TEXT NOT NULL CHECK (length(fingerprint) = 64),
    expected       TEXT CHECK (expected IN ('violates', 'safe')),
    expected_label TEXT,
    PRIMARY KEY (run, position),
    UNIQUE (run, case_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER run_cases_never_updated BEFORE UPDATE ON run_cases
BEGIN SELECT RAISE(ABORT, 'the suite snapshot of a run is never updated'); END;

CREATE TRIGGER run_cases_of_finished_never_added BEFORE INSERT ON run_cases
WHEN (SELECT state FROM runs WHERE run = NEW.run) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run is never updated'); END;

CREATE TRIGGER run_cases_of_finished_never_deleted BEFORE DELETE ON run_cases
WHEN (SELECT state FROM runs WHERE run = OLD.run) = 'finished'
BEGIN SELECT RAISE(ABORT, 'a finished run is never updated'); END;
