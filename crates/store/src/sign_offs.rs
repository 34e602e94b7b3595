//! `sign_offs`: who vouches for a run.

use crate::{Store, StoreError};
use domain::run::RunId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOff {
    pub run: RunId,
    pub name: String,
    pub role: String,
    /// Names the public key that the person signs bundles with.
    pub key: Option<String>,
    pub statement: String,
    pub signed_at_ms: i64,
}

impl Store {
    pub async fn add_sign_off(&self, new: &SignOff) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO sign_offs (run, name, role, key, statement, signed_at_ms)
             VALUES (?, ?, ?, ?, ?, ?)",
            new.run.0,
            new.name,
            new.role,
            new.key,
            new.statement,
            new.signed_at_ms,
        )
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(|error| self.fault(error))
    }

    /// A run's sign-offs, oldest first.
    pub async fn sign_offs(&self, RunId(run): RunId) -> Result<Vec<SignOff>, StoreError> {
        let rows = sqlx::query!(
            "SELECT name, role, key, statement, signed_at_ms FROM sign_offs
             WHERE run = ? ORDER BY sign_off",
            run,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))?;
        Ok(rows
            .into_iter()
            .map(|row| SignOff {
                run: RunId(run),
                name: row.name,
                role: row.role,
                key: row.key,
                statement: row.statement,
                signed_at_ms: row.signed_at_ms,
            })
            .collect())
    }
}
