-- What a model said about a case under a text that is no run's: a revision with its rules
-- in another order, without a clause, with a part of an edit; and seeded repeats. Written by
-- add_probes; read before a model is asked the same again. Never updated or deleted.
CREATE TABLE probes (
    probe           INTEGER PRIMARY KEY,
    -- The key: everything that a verdict depends on; the seed is in the settings.
    revision        TEXT NOT NULL CHECK (length(revision) = 64),
    fingerprint     TEXT NOT NULL CHECK (length(fingerprint) = 64),
    model_digest    TEXT NOT NULL REFERENCES models (digest),
    settings        TEXT NOT NULL CHECK (json_valid(settings)),
    verdict         TEXT NOT NULL CHECK (verdict IN ('violates', 'safe', 'unparsed')),
    label           TEXT,
    margin          REAL,
    created_at_ms   INTEGER NOT NULL CHECK (created_at_ms >= 0)
) STRICT;

CREATE UNIQUE INDEX probes_by_key ON probes (revision, model_digest, settings, fingerprint);

CREATE TRIGGER probes_never_updated BEFORE UPDATE ON probes
BEGIN SELECT RAISE(ABORT, 'a probe is never updated'); END;

CREATE TRIGGER probes_never_deleted BEFORE DELETE ON probes
BEGIN SELECT RAISE(ABORT, 'a probe is never deleted'); END;
