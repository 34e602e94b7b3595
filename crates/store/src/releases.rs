//! `releases`: the runs of a policy that left it, with their change logs.

use crate::{Store, StoreError};
use domain::gate::GateResult;
use domain::run::RunId;

#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    pub policy: String,
    pub version: String,
    pub run: RunId,
    /// Markdown.
    pub change_log: String,
    /// As they were met.
    pub gates: Vec<GateResult>,
    pub released_at_ms: i64,
}

impl Store {
    pub async fn add_release(&self, new: &Release) -> Result<(), StoreError> {
        let gates = serde_json::to_string(&new.gates)
            .map_err(|error| self.fault(sqlx::Error::Encode(error.into())))?;
        sqlx::query!(
            "INSERT INTO releases (policy, version, run, change_log, gates, released_at_ms)
             VALUES (?, ?, ?, ?, ?, ?)",
            new.policy,
            new.version,
            new.run.0,
            new.change_log,
            gates,
            new.released_at_ms,
        )
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(|error| self.fault(error))
    }

    /// A policy's releases, newest first.
    pub async fn releases(&self, policy: &str) -> Result<Vec<Release>, StoreError> {
        let rows = sqlx::query!(
            "SELECT version, run, change_log, gates, released_at_ms FROM releases
             WHERE policy = ? ORDER BY release DESC",
            policy,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))?;
        rows.into_iter()
            .map(|row| {
                Ok(Release {
                    policy: policy.to_owned(),
                    version: row.version,
                    run: RunId(row.run),
                    change_log: row.change_log,
                    gates: serde_json::from_str(&row.gates)
                        .map_err(|error| self.unreadable("the gates of a release", error))?,
                    released_at_ms: row.released_at_ms,
                })
            })
            .collect()
    }
}
