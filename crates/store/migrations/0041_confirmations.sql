-- What was found about a flip between two revisions: real, noise or undecided. A later test
-- may look at more pairs and adds a row; the newest of a flip counts. Written by
-- add_confirmations; read wherever two runs are compared. Never updated or deleted.
CREATE TABLE confirmations (
    confirmation     INTEGER PRIMARY KEY AUTOINCREMENT,
    before_revision  TEXT NOT NULL CHECK (length(before_revision) = 64),
    after_revision   TEXT NOT NULL CHECK (length(after_revision) = 64),
    fingerprint      TEXT NOT NULL CHECK (length(fingerprint) = 64),
    model_digest     TEXT NOT NULL REFERENCES models (digest),
    before_settings  TEXT NOT NULL CHECK (json_valid(before_settings)),
    after_settings   TEXT NOT NULL CHECK (json_valid(after_settings)),
    -- domain::certainty::Evidence, as JSON.
    evidence         TEXT NOT NULL CHECK (json_valid(evidence)),
    created_at_ms    INTEGER NOT NULL CHECK (created_at_ms >= 0)
) STRICT;

CREATE INDEX confirmations_by_revisions
    ON confirmations (before_revision, after_revision, model_digest);

CREATE TRIGGER confirmations_never_updated BEFORE UPDATE ON confirmations
BEGIN SELECT RAISE(ABORT, 'a confirmation is never updated'); END;

CREATE TRIGGER confirmations_never_deleted BEFORE DELETE ON confirmations
BEGIN SELECT RAISE(ABORT, 'a confirmation is never deleted'); END;
