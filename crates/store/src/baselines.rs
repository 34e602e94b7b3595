//! `baselines`: the run that someone chose to compare a policy's runs with.

use crate::{Store, StoreError};
use domain::run::RunId;

impl Store {
    pub async fn baseline(&self, policy: &str) -> Result<Option<RunId>, StoreError> {
        let run = sqlx::query_scalar!("SELECT run FROM baselines WHERE policy = ?", policy)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| self.fault(error))?;
        Ok(run.map(RunId))
    }

    pub async fn set_baseline(
        &self,
        policy: &str,
        run: Option<RunId>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let Some(RunId(run)) = run else {
            return sqlx::query!("DELETE FROM baselines WHERE policy = ?", policy)
                .execute(&self.pool)
                .await
                .map(|_| ())
                .map_err(|error| self.fault(error));
        };
        sqlx::query!(
            "INSERT INTO baselines (policy, run, set_at_ms) VALUES (?, ?, ?)
             ON CONFLICT (policy) DO UPDATE SET run = excluded.run, set_at_ms = excluded.set_at_ms",
            policy,
            run,
            now_ms,
        )
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(|error| self.fault(error))
    }
}
