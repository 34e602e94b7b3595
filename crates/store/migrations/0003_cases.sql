-- Cases as they stood in a suite when a run was made, kept once however many runs
-- they were in, so that a run stays readable after its suite has changed.
-- Written by create_run; read wherever a run is shown. Never updated or deleted.
CREATE TABLE cases (
    -- SHA-256 of `json`.
    case_hash   TEXT PRIMARY KEY NOT NULL CHECK (length(case_hash) = 64),
    json        TEXT NOT NULL CHECK (json_valid(json))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER cases_never_updated BEFORE UPDATE ON cases
BEGIN SELECT RAISE(ABORT, 'a case snapshot is never updated'); END;

CREATE TRIGGER cases_never_deleted BEFORE DELETE ON cases
BEGIN SELECT RAISE(ABORT, 'a case snapshot is never deleted'); END;
