//! `models`: who judged.

use sqlx::SqliteConnection;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub digest: String,
    pub name: String,
    pub demonstration: bool,
}

/// Keeps the name under which a digest was first used.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    model: &Model,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO models (digest, name, demonstration, first_used_at_ms)
         VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        model.digest,
        model.name,
        model.demonstration,
        now_ms,
    )
    .execute(connection)
    .await
    .map(|_| ())
}
