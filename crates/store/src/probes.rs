//! `probes`: what was said under texts that are no run's, kept so that nothing is asked
//! twice.

use crate::outcomes::verdict;
use crate::{Store, StoreError};
use domain::policy::RevisionId;
use domain::run::Settings;
use domain::verdict::Verdict;
use sqlx::SqliteConnection;
use std::collections::HashMap;

/// Everything but the case that a probe depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeKey<'a> {
    pub revision: &'a RevisionId,
    pub model_digest: &'a str,
    pub settings: &'a Settings,
}

/// What was said of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    pub verdict: Verdict,
    pub label: Option<String>,
    pub margin: Option<f64>,
}

impl Store {
    /// What is known under a key, by the fingerprint of the case.
    pub async fn probes(&self, key: &ProbeKey<'_>) -> Result<HashMap<String, Probe>, StoreError> {
        let settings = json(key.settings).map_err(|error| self.fault(error))?;
        let rows = sqlx::query!(
            r#"SELECT fingerprint, verdict, label, margin FROM probes
               WHERE revision = ? AND model_digest = ? AND settings = ?"#,
            key.revision.0,
            key.model_digest,
            settings,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))?;
        rows.into_iter()
            .map(|row| {
                let verdict = verdict(&row.verdict)
                    .ok_or_else(|| self.unreadable("a verdict", &row.verdict))?;
                let probe = Probe {
                    verdict,
                    label: row.label,
                    margin: row.margin,
                };
                Ok((row.fingerprint, probe))
            })
            .collect()
    }

    /// Keeps what was said; of what is known already the first word stays.
    pub async fn add_probes(
        &self,
        key: &ProbeKey<'_>,
        probes: &[(String, Probe)],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let settings = json(key.settings).map_err(|error| self.fault(error))?;
        let mut transaction = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| self.fault(error))?;
        for (fingerprint, probe) in probes {
            insert(&mut transaction, key, &settings, fingerprint, probe, now_ms)
                .await
                .map_err(|error| self.fault(error))?;
        }
        transaction
            .commit()
            .await
            .map_err(|error| self.fault(error))
    }
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

async fn insert(
    connection: &mut SqliteConnection,
    key: &ProbeKey<'_>,
    settings: &str,
    fingerprint: &str,
    probe: &Probe,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let verdict = match probe.verdict {
        Verdict::Violates => "violates",
        Verdict::Safe => "safe",
        Verdict::Unparsed => "unparsed",
    };
    let margin = probe.margin.filter(|margin| margin.is_finite());
    sqlx::query!(
        "INSERT INTO probes (revision, fingerprint, model_digest, settings, verdict, label,
           margin, created_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        key.revision.0,
        fingerprint,
        key.model_digest,
        settings,
        verdict,
        probe.label,
        margin,
        now_ms,
    )
    .execute(connection)
    .await
    .map(|_| ())
}
