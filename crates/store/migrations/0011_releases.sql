-- The releases of a policy: a run that met its gates, with the change log as it was
-- written. Written by add_release; read by the release screen, which drafts the next change
-- log from the newest one, and by the bundle. Never updated, never deleted.
CREATE TABLE releases (
    release        INTEGER PRIMARY KEY AUTOINCREMENT,
    policy         TEXT NOT NULL CHECK (policy <> ''),
    -- As people name it: `3`, `2026-11`.
    version        TEXT NOT NULL CHECK (trim(version) = version AND version <> '' AND length(version) <= 64),
    run            INTEGER NOT NULL REFERENCES runs (run),
    -- Markdown.
    change_log     TEXT NOT NULL CHECK (trim(change_log, char(9, 10, 13, 32)) <> ''),
    -- The gates as they were met, as JSON.
    gates          TEXT NOT NULL CHECK (json_valid(gates)),
    released_at_ms INTEGER NOT NULL CHECK (released_at_ms >= 0),
    UNIQUE (policy, version)
) STRICT;

CREATE INDEX releases_by_policy ON releases (policy, release);

CREATE TRIGGER releases_of_finished_runs_only BEFORE INSERT ON releases
WHEN (SELECT state FROM runs WHERE run = NEW.run) <> 'finished'
BEGIN SELECT RAISE(ABORT, 'only a finished run is released'); END;

CREATE TRIGGER releases_of_own_runs_only BEFORE INSERT ON releases
WHEN (SELECT policy FROM runs WHERE run = NEW.run) <> NEW.policy
BEGIN SELECT RAISE(ABORT, 'a policy releases its own runs'); END;

CREATE TRIGGER releases_never_updated BEFORE UPDATE ON releases
BEGIN SELECT RAISE(ABORT, 'a release is never updated'); END;

CREATE TRIGGER releases_never_deleted BEFORE DELETE ON releases
BEGIN SELECT RAISE(ABORT, 'a release is never deleted'); END;
