//! `revisions`: the texts that runs were made with.

use crate::{Store, StoreError};
use domain::policy::{OutputContract, RevisionId};
use sqlx::SqliteConnection;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub policy: String,
    pub revision: RevisionId,
    /// The policy file as it was first evaluated under this revision.
    pub file_text: String,
    /// What the model reads of it.
    pub body: String,
    pub contract: OutputContract,
}

impl Store {
    pub async fn revision(
        &self,
        policy: &str,
        revision: &RevisionId,
    ) -> Result<Revision, StoreError> {
        let row = sqlx::query!(
            "SELECT file_text, body, contract FROM revisions WHERE policy = ? AND revision = ?",
            policy,
            revision.0,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.fault(error))?
        .ok_or_else(|| StoreError::Missing(format!("revision {} of {policy}", revision.0)))?;
        Ok(Revision {
            policy: policy.to_owned(),
            revision: revision.clone(),
            file_text: row.file_text,
            body: row.body,
            contract: serde_json::from_str(&row.contract)
                .map_err(|error| self.unreadable("an output contract", error))?,
        })
    }
}

/// Keeps the first text of a revision; a later one differs only in what the model
/// does not read.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    revision: &Revision,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let contract = serde_json::to_string(&revision.contract)
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query!(
        "INSERT INTO revisions (policy, revision, file_text, body, contract, created_at_ms)
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        revision.policy,
        revision.revision.0,
        revision.file_text,
        revision.body,
        contract,
        now_ms,
    )
    .execute(connection)
    .await
    .map(|_| ())
}
