-- Whether content of this workspace may be sent to a host; the newest row of a host counts,
-- and none is no consent. Written by decide_host; read before anything is sent.
CREATE TABLE host_consents (
    consent        INTEGER PRIMARY KEY,
    host           TEXT NOT NULL CHECK (host <> ''),
    allowed        INTEGER NOT NULL CHECK (allowed IN (0, 1)),
    -- Also without encryption.
    plain_http     INTEGER NOT NULL CHECK (plain_http IN (0, 1)),
    decided_at_ms  INTEGER NOT NULL CHECK (decided_at_ms >= 0),
    CHECK (allowed = 1 OR plain_http = 0)
) STRICT;

CREATE INDEX host_consents_by_host ON host_consents (host, consent);

CREATE TRIGGER host_consents_never_updated BEFORE UPDATE ON host_consents
BEGIN SELECT RAISE(ABORT, 'a decision on a host is never updated'); END;

CREATE TRIGGER host_consents_never_deleted BEFORE DELETE ON host_consents
BEGIN SELECT RAISE(ABORT, 'a decision on a host is never deleted'); END;
