-- The models that have judged, by the digest of config, tokenizer and weights.
-- Written by create_run; read by history. A digest never changes its meaning, so
-- a row keeps the name that the model had when it was first used.
CREATE TABLE models (
    digest              TEXT PRIMARY KEY NOT NULL CHECK (length(digest) = 64),
    name                TEXT NOT NULL,
    demonstration       INTEGER NOT NULL CHECK (demonstration IN (0, 1)),
    first_used_at_ms    INTEGER NOT NULL CHECK (first_used_at_ms >= 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER models_never_updated BEFORE UPDATE ON models
BEGIN SELECT RAISE(ABORT, 'a model is never updated'); END;

CREATE TRIGGER models_never_deleted BEFORE DELETE ON models
BEGIN SELECT RAISE(ABORT, 'a model is never deleted'); END;
