//! `host_consents`: the hosts that content of this workspace may be sent to.

use crate::{Store, StoreError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConsent {
    pub host: String,
    /// Also without encryption.
    pub plain_http: bool,
}

impl Store {
    /// The hosts that are allowed now.
    pub async fn allowed_hosts(&self) -> Result<Vec<HostConsent>, StoreError> {
        sqlx::query_as!(
            HostConsent,
            r#"SELECT host, plain_http AS "plain_http: bool" FROM host_consents AS c
             WHERE allowed = 1 AND consent =
               (SELECT max(consent) FROM host_consents AS n WHERE n.host = c.host)
             ORDER BY host"#
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))
    }

    /// Records a decision; an earlier one stays in the record and no longer counts.
    pub async fn decide_host(
        &self,
        consent: &HostConsent,
        allowed: bool,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let plain_http = allowed && consent.plain_http;
        sqlx::query!(
            "INSERT INTO host_consents (host, allowed, plain_http, decided_at_ms)
             VALUES (?, ?, ?, ?)",
            consent.host,
            allowed,
            plain_http,
            now_ms,
        )
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(|error| self.fault(error))
    }
}
