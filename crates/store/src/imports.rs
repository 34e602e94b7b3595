//! `imports`: runs that came in a bundle. They are written in one transaction that stays
//! open until the caller's files are in place, so that nothing is imported by half.

use crate::{NewRun, Store, StoreError, outcomes, runs};
use domain::run::{Outcome, RunId};
use sqlx::{Sqlite, SqliteConnection, Transaction};

#[derive(Debug, Clone, Copy)]
pub struct NewImport<'a> {
    pub run: NewRun<'a>,
    /// One for each case, in the suite's order.
    pub outcomes: &'a [Outcome],
    pub finished_at_ms: i64,
    pub manifest_sha256: &'a str,
    pub key_ids: &'a [String],
    pub imported_at_ms: i64,
}

/// An import that nobody else sees yet; dropping it leaves the database as it was.
pub struct PendingImport {
    pub run: RunId,
    store: Store,
    transaction: Transaction<'static, Sqlite>,
}

impl Store {
    /// Writes a finished run with the outcomes that it came with, and no others.
    pub async fn import_run(&self, new: &NewImport<'_>) -> Result<PendingImport, StoreError> {
        let mut transaction = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| self.fault(error))?;
        let run = insert(&mut transaction, new)
            .await
            .map_err(|error| self.fault(error))?;
        Ok(PendingImport {
            run,
            store: self.clone(),
            transaction,
        })
    }

    /// A policy's runs that came in a bundle, with the bundle's name.
    pub async fn imported(&self, policy: &str) -> Result<Vec<(RunId, String)>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT i.run AS "run!", i.manifest_sha256 FROM imports AS i
               JOIN runs AS r ON r.run = i.run WHERE r.policy = ? ORDER BY i.run"#,
            policy,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))?;
        Ok(rows
            .into_iter()
            .map(|row| (RunId(row.run), row.manifest_sha256))
            .collect())
    }
}

impl PendingImport {
    pub async fn commit(self) -> Result<RunId, StoreError> {
        self.transaction
            .commit()
            .await
            .map_err(|error| self.store.fault(error))?;
        Ok(self.run)
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    new: &NewImport<'_>,
) -> Result<RunId, sqlx::Error> {
    let run = runs::insert(connection, &new.run).await?;
    for (position, outcome) in (0u32..).zip(new.outcomes) {
        outcomes::insert(connection, run, position, outcome, new.imported_at_ms).await?;
    }
    let RunId(id) = run;
    sqlx::query!(
        "UPDATE runs SET state = 'finished', finished_at_ms = ? WHERE run = ?",
        new.finished_at_ms,
        id,
    )
    .execute(&mut *connection)
    .await?;
    let key_ids =
        serde_json::to_string(new.key_ids).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query!(
        "INSERT INTO imports (run, manifest_sha256, key_ids, imported_at_ms) VALUES (?, ?, ?, ?)",
        id,
        new.manifest_sha256,
        key_ids,
        new.imported_at_ms,
    )
    .execute(connection)
    .await?;
    Ok(run)
}
