-- The texts that runs were made with.
-- Written by create_run, once per policy and revision; read by history, restore,
-- comparison and resume. Never updated, never deleted.
CREATE TABLE revisions (
    policy        TEXT NOT NULL CHECK (policy <> ''),
    revision      TEXT NOT NULL CHECK (length(revision) = 64),
    -- The policy file as it was first evaluated under this revision.
    file_text     TEXT NOT NULL,
    -- What the model reads of it.
    body          TEXT NOT NULL,
    -- The output contract, as JSON.
    contract      TEXT NOT NULL CHECK (json_valid(contract)),
    created_at_ms INTEGER NOT NULL CHECK (created_at_ms >= 0),
    PRIMARY KEY (policy, revision)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER revisions_never_updated BEFORE UPDATE ON revisions
BEGIN SELECT RAISE(ABORT, 'a revision is never updated'); END;

CREATE TRIGGER revisions_never_deleted BEFORE DELETE ON revisions
BEGIN SELECT RAISE(ABORT, 'a revision is never deleted'); END;
