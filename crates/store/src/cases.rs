//! `cases`: snapshots of cases, named by their content.

use domain::case::Case;
use domain::hex_digest;
use sqlx::SqliteConnection;

/// Names a suite as a run sees it: the cases in order, labels included.
pub fn suite_hash(cases: &[Case]) -> String {
    let names: Vec<String> = cases.iter().map(|case| case_hash(&json(case))).collect();
    hex_digest(names.join("\n").as_bytes())
}

pub(crate) fn json(case: &Case) -> String {
    serde_json::to_string(case).expect("a case has string keys and plain values only")
}

pub(crate) fn case_hash(json: &str) -> String {
    hex_digest(json.as_bytes())
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
