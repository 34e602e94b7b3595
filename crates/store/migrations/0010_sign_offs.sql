-- Who vouches for a run of a policy, and with which words.
-- Written by add_sign_off; read by the release screen and by the bundle. A person who
-- changes their mind signs again: nothing is updated or deleted.
CREATE TABLE sign_offs (
    sign_off     INTEGER PRIMARY KEY AUTOINCREMENT,
    run          INTEGER NOT NULL REFERENCES runs (run),
    name         TEXT NOT NULL CHECK (trim(name) <> '' AND length(name) <= 200),
    role         TEXT NOT NULL CHECK (trim(role) <> '' AND length(role) <= 200),
    -- Names the public key that the person signs bundles with; absent where there is none.
    key          TEXT CHECK (trim(key) <> '' AND length(key) <= 200),
    statement    TEXT NOT NULL CHECK (trim(statement) <> '' AND length(statement) <= 4000),
    signed_at_ms INTEGER NOT NULL CHECK (signed_at_ms >= 0)
) STRICT;

CREATE INDEX sign_offs_by_run ON sign_offs (run, sign_off);

CREATE TRIGGER sign_offs_of_finished_runs_only BEFORE INSERT ON sign_offs
WHEN (SELECT state FROM runs WHERE run = NEW.run) <> 'finished'
BEGIN SELECT RAISE(ABORT, 'only a finished run is signed off'); END;

CREATE TRIGGER sign_offs_never_updated BEFORE UPDATE ON sign_offs
BEGIN SELECT RAISE(ABORT, 'a sign-off is never updated'); END;

CREATE TRIGGER sign_offs_never_deleted BEFORE DELETE ON sign_offs
BEGIN SELECT RAISE(ABORT, 'a sign-off is never deleted'); END;
