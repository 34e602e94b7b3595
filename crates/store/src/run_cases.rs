//! `run_cases`: the suite snapshot of a run, read back beside its outcomes.

use crate::outcomes::verdict;
use crate::{Store, StoreError, cases};
use domain::case::Case;
use domain::run::{Judged, Outcome, RunId, TokenCounts};
use domain::verdict::Expected;
use sqlx::SqliteConnection;

/// One case of a run, with what was said about it so far.
#[derive(Debug, Clone, PartialEq)]
pub struct RunCase {
    pub position: u32,
    pub case: Case,
    pub fingerprint: String,
    pub outcome: Option<Outcome>,
    /// The outcome was taken from an earlier run.
    pub cached: bool,
}

/// How many cases of a run were judged alike: what metrics need of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgedCount {
    pub run: RunId,
    pub judged: Judged,
    pub cases: u32,
}

impl Store {
    /// The cases of a run in the suite's order.
    pub async fn run_cases(&self, RunId(run): RunId) -> Result<Vec<RunCase>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT c.position AS "position: u32", c.fingerprint, s.json,
                 o.verdict AS "verdict?", o.unparsed_reason, o.label, o.rules AS "rules?",
                 o.margin, o.trace AS "trace?", o.answer AS "answer?",
                 o.tokens_prompt AS "tokens_prompt?: u32",
                 o.tokens_reused AS "tokens_reused?: u32",
                 o.tokens_generated AS "tokens_generated?: u32",
                 o.tokens_drafted AS "tokens_drafted?: u32",
                 o.tokens_accepted AS "tokens_accepted?: u32",
                 o.latency_ms AS "latency_ms?", r.cached AS "cached?: bool"
               FROM run_cases AS c
               JOIN cases AS s ON s.case_hash = c.case_hash
               LEFT JOIN run_outcomes AS r ON r.run = c.run AND r.position = c.position
               LEFT JOIN outcomes AS o ON o.outcome = r.outcome
               WHERE c.run = ? ORDER BY c.position"#,
            run,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))?;
        rows.into_iter().map(|row| self.read_case(row)).collect()
    }

    /// What was expected and judged in each of a policy's runs `from` and newer.
    pub async fn judged(
        &self,
        policy: &str,
        RunId(from): RunId,
    ) -> Result<Vec<JudgedCount>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT c.run, c.expected, o.verdict, COUNT(*) AS "cases!: u32"
               FROM runs JOIN run_cases AS c ON c.run = runs.run
               JOIN run_outcomes AS r ON r.run = c.run AND r.position = c.position
               JOIN outcomes AS o ON o.outcome = r.outcome
               WHERE runs.policy = ? AND runs.run >= ?
               GROUP BY c.run, c.expected, o.verdict"#,
            policy,
            from,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))?;
        rows.into_iter()
            .map(|row| {
                let expected = match row.expected.as_deref() {
                    None => None,
                    Some("violates") => Some(Expected::Violates),
                    Some("safe") => Some(Expected::Safe),
                    Some(other) => return Err(self.unreadable("an expected verdict", other)),
                };
                let verdict = verdict(&row.verdict)
                    .ok_or_else(|| self.unreadable("a verdict", &row.verdict))?;
                Ok(JudgedCount {
                    run: RunId(row.run),
                    judged: Judged { verdict, expected },
                    cases: row.cases,
                })
            })
            .collect()
    }

    fn read_case(&self, row: Row) -> Result<RunCase, StoreError> {
        let case: Case = serde_json::from_str(&row.json)
            .map_err(|error| self.unreadable("the snapshot of a case", error))?;
        let outcome = match &row.verdict {
            None => None,
            Some(text) => Some(Outcome {
                case: case.id.clone(),
                verdict: verdict(text).ok_or_else(|| self.unreadable("a verdict", text))?,
                unparsed_reason: row.unparsed_reason,
                label: row.label,
                rules: serde_json::from_str(row.rules.as_deref().unwrap_or("[]"))
                    .map_err(|error| self.unreadable("the rules of an outcome", error))?,
                margin: row.margin,
                trace: row.trace.unwrap_or_default(),
                answer: row.answer.unwrap_or_default(),
                tokens: TokenCounts {
                    prompt: row.tokens_prompt.unwrap_or_default(),
                    reused: row.tokens_reused.unwrap_or_default(),
                    generated: row.tokens_generated.unwrap_or_default(),
                    drafted: row.tokens_drafted.unwrap_or_default(),
                    accepted: row.tokens_accepted.unwrap_or_default(),
                },
                latency_ms: row.latency_ms.unwrap_or_default(),
            }),
        };
        Ok(RunCase {
            position: row.position,
            case,
            fingerprint: row.fingerprint,
            outcome,
            cached: row.cached.unwrap_or(false),
        })
    }
}

/// The columns of an outcome are all absent together, where the case is not judged yet.
struct Row {
    position: u32,
    fingerprint: String,
    json: String,
    verdict: Option<String>,
    unparsed_reason: Option<String>,
    label: Option<String>,
    rules: Option<String>,
    margin: Option<f64>,
    trace: Option<String>,
    answer: Option<String>,
    tokens_prompt: Option<u32>,
    tokens_reused: Option<u32>,
    tokens_generated: Option<u32>,
    tokens_drafted: Option<u32>,
    tokens_accepted: Option<u32>,
    latency_ms: Option<f64>,
    cached: Option<bool>,
}

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    run: i64,
    position: usize,
    case: &Case,
    fingerprint: &str,
) -> Result<(), sqlx::Error> {
    let json = cases::json(case);
    let case_hash = cases::case_hash(&json);
    cases::insert(connection, &case_hash, &json).await?;
    let position = i64::try_from(position).expect("a suite has fewer than 2^63 cases");
    let expected = case.expected.map(|expected| match expected {
        Expected::Violates => "violates",
        Expected::Safe => "safe",
    });
    sqlx::query!(
        "INSERT INTO run_cases (run, position, case_id, case_hash, fingerprint, expected, expected_label)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        run,
        position,
        case.id,
        case_hash,
        fingerprint,
        expected,
        case.label,
    )
    .execute(connection)
    .await
    .map(|_| ())
}
