//! `cases`: snapshots of cases, named by their content.

use domain::case::Case;
use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;

/// Names a suite as a run sees it: the cases in order, labels included.
pub fn suite_hash(cases: &[Case]) -> String {
    let mut hash = Sha256::new();
    for case in cases {
        hash.update(case_hash(&json(case)));
        hash.update("\n");
    }
    hex(&hash.finalize())
}

pub(crate) fn json(case: &Case) -> String {
    serde_json::to_string(case).expect("a case has string keys and plain values only")
}

pub(crate) fn case_hash(json: &str) -> String {
    hex(&Sha256::digest(json))
}

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    case_hash: &str,
    json: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO cases (case_hash, json) VALUES (?, ?) ON CONFLICT DO NOTHING",
        case_hash,
        json,
    )
    .execute(connection)
    .await
    .map(|_| ())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
