//! `confirmations`: what was found about the flips between two revisions.

use crate::probes::json;
use crate::{Store, StoreError};
use domain::certainty::Evidence;
use domain::policy::RevisionId;
use domain::run::Settings;
use std::collections::HashMap;

/// The two sides of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Sides<'a> {
    pub before: &'a RevisionId,
    pub after: &'a RevisionId,
    pub model_digest: &'a str,
    pub before_settings: &'a Settings,
    pub after_settings: &'a Settings,
}

impl Store {
    /// The newest finding about each flip, by the fingerprint of its case.
    pub async fn confirmations(
        &self,
        sides: &Sides<'_>,
    ) -> Result<HashMap<String, Evidence>, StoreError> {
        let before_settings = json(sides.before_settings).map_err(|error| self.fault(error))?;
        let after_settings = json(sides.after_settings).map_err(|error| self.fault(error))?;
        let rows = sqlx::query!(
            "SELECT fingerprint, evidence FROM confirmations
             WHERE before_revision = ? AND after_revision = ? AND model_digest = ?
               AND before_settings = ? AND after_settings = ?
             ORDER BY confirmation",
            sides.before.0,
            sides.after.0,
            sides.model_digest,
            before_settings,
            after_settings,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))?;
        rows.into_iter()
            .map(|row| {
                let evidence = serde_json::from_str(&row.evidence)
                    .map_err(|error| self.unreadable("a confirmation", error))?;
                Ok((row.fingerprint, evidence))
            })
            .collect()
    }

    pub async fn add_confirmations(
        &self,
        sides: &Sides<'_>,
        found: &[(String, Evidence)],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let before_settings = json(sides.before_settings).map_err(|error| self.fault(error))?;
        let after_settings = json(sides.after_settings).map_err(|error| self.fault(error))?;
        let mut transaction = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| self.fault(error))?;
        for (fingerprint, evidence) in found {
            let evidence = json(evidence).map_err(|error| self.fault(error))?;
            sqlx::query!(
                "INSERT INTO confirmations (before_revision, after_revision, fingerprint,
                   model_digest, before_settings, after_settings, evidence, created_at_ms)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                sides.before.0,
                sides.after.0,
                fingerprint,
                sides.model_digest,
                before_settings,
                after_settings,
                evidence,
                now_ms,
            )
            .execute(&mut *transaction)
            .await
            .map_err(|error| self.fault(error))?;
        }
        transaction
            .commit()
            .await
            .map_err(|error| self.fault(error))
    }
}
