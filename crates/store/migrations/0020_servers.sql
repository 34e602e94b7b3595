-- Models on servers that people added to this workspace or took out again; the newest row
-- of an address counts. Written by change_server; read when the models are listed.
-- No key is ever here: keys are in the system's keychain.
CREATE TABLE server_changes (
    change         INTEGER PRIMARY KEY,
    -- The interface's base and the model: http://host:port/v1#model
    address        TEXT NOT NULL CHECK (address LIKE 'http%'),
    present        INTEGER NOT NULL CHECK (present IN (0, 1)),
    -- How it is spoken to, as JSON: interface, requests in flight, prices.
    options        TEXT NOT NULL CHECK (json_valid(options)),
    changed_at_ms  INTEGER NOT NULL CHECK (changed_at_ms >= 0)
) STRICT;

CREATE INDEX server_changes_by_address ON server_changes (address, change);

CREATE TRIGGER server_changes_never_updated BEFORE UPDATE ON server_changes
BEGIN SELECT RAISE(ABORT, 'a change of a server is never updated'); END;

CREATE TRIGGER server_changes_never_deleted BEFORE DELETE ON server_changes
BEGIN SELECT RAISE(ABORT, 'a change of a server is never deleted'); END;
