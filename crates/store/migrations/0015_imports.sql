-- Runs that came in a bundle: judged elsewhere, believed because somebody imported them.
-- Written by import_run with the run itself; read by create_run, which takes no outcome over
-- from such a run, and by evaluation, which never takes one for a run of its own.
CREATE TABLE imports (
    run             INTEGER PRIMARY KEY NOT NULL REFERENCES runs (run),
    -- Names the bundle, whoever signed it.
    manifest_sha256 TEXT NOT NULL CHECK (length(manifest_sha256) = 64),
    -- The key ids that signed it, as a JSON array.
    key_ids         TEXT NOT NULL CHECK (json_valid(key_ids)),
    imported_at_ms  INTEGER NOT NULL CHECK (imported_at_ms >= 0)
) STRICT;

CREATE INDEX imports_by_bundle ON imports (manifest_sha256);

CREATE TRIGGER imports_never_updated BEFORE UPDATE ON imports
BEGIN SELECT RAISE(ABORT, 'an import is never updated'); END;

CREATE TRIGGER imports_never_deleted BEFORE DELETE ON imports
BEGIN SELECT RAISE(ABORT, 'an import is never deleted'); END;
