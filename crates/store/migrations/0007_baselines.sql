-- The run that a policy's other runs are compared with, where someone chose one.
-- Written by set_baseline; read whenever a run is shown beside its baseline.
-- The one table whose rows change: it records a preference, not a result.
CREATE TABLE baselines (
    policy      TEXT PRIMARY KEY NOT NULL CHECK (policy <> ''),
    run         INTEGER NOT NULL REFERENCES runs (run),
    set_at_ms   INTEGER NOT NULL CHECK (set_at_ms >= 0)
) STRICT, WITHOUT ROWID;
