//! `server_changes`: models on servers that were added to the workspace or taken out.

use crate::{Store, StoreError};

/// A model on a server, as it was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerEntry {
    pub address: String,
    /// JSON; its meaning is the caller's.
    pub options: String,
}

impl Store {
    /// The models on servers that are there now, by address.
    pub async fn servers(&self) -> Result<Vec<ServerEntry>, StoreError> {
        sqlx::query_as!(
            ServerEntry,
            "SELECT address, options FROM server_changes AS c
             WHERE present = 1 AND change =
               (SELECT max(change) FROM server_changes AS n WHERE n.address = c.address)
             ORDER BY address"
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))
    }

    pub async fn change_server(
        &self,
        entry: &ServerEntry,
        present: bool,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO server_changes (address, present, options, changed_at_ms)
             VALUES (?, ?, ?, ?)",
            entry.address,
            present,
            entry.options,
            now_ms,
        )
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(|error| self.fault(error))
    }
}
