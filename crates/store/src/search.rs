//! `outcomes_search`: traces and answers by what they say. It finds; it marks nothing.

use crate::outcomes::verdict;
use crate::{Store, StoreError};
use domain::run::RunId;
use domain::verdict::Verdict;

/// The index knows runs of three characters; a shorter term is compared text by text.
const INDEXED_CHARS_MIN: usize = 3;

/// An outcome that holds every term, in the newest run that has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub run: RunId,
    pub policy: String,
    pub case: String,
    pub started_at_ms: i64,
    pub verdict: Verdict,
    pub label: Option<String>,
    pub trace: String,
    pub answer: String,
}

struct Row {
    run: i64,
    policy: String,
    case_id: String,
    started_at_ms: i64,
    verdict: String,
    label: Option<String>,
    trace: String,
    answer: String,
}

impl Store {
    /// Outcomes whose trace and answer together hold every term (lower case), newest first;
    /// of one policy, or of all. No terms find nothing.
    pub async fn search(
        &self,
        terms: &[String],
        policy: Option<&str>,
        found_max: u32,
    ) -> Result<Vec<Found>, StoreError> {
        let long = |term: &&String| term.chars().count() >= INDEXED_CHARS_MIN;
        let indexed: Vec<String> = terms.iter().filter(long).map(|term| quoted(term)).collect();
        let short: Vec<&String> = terms.iter().filter(|term| !long(term)).collect();
        let short = serde_json::to_string(&short)
            .map_err(|error| self.unreadable("the words to search for", error))?;
        let rows = if terms.is_empty() {
            Vec::new()
        } else if indexed.is_empty() {
            self.scan(&short, policy, found_max).await?
        } else {
            self.look_up(&indexed.join(" AND "), &short, policy, found_max)
                .await?
        };
        rows.into_iter()
            .map(|row| {
                Ok(Found {
                    run: RunId(row.run),
                    policy: row.policy,
                    case: row.case_id,
                    started_at_ms: row.started_at_ms,
                    verdict: verdict(&row.verdict)
                        .ok_or_else(|| self.unreadable("a verdict", &row.verdict))?,
                    label: row.label,
                    trace: row.trace,
                    answer: row.answer,
                })
            })
            .collect()
    }

    async fn look_up(
        &self,
        query: &str,
        short: &str,
        policy: Option<&str>,
        found_max: u32,
    ) -> Result<Vec<Row>, StoreError> {
        sqlx::query_as!(
            Row,
            r#"SELECT r.run AS "run!: i64", runs.policy AS "policy!: String",
                 c.case_id AS "case_id!: String", runs.started_at_ms AS "started_at_ms!: i64",
                 o.verdict AS "verdict!: String", o.label AS "label?: String",
                 o.trace AS "trace!: String", o.answer AS "answer!: String"
               FROM outcomes AS o
               JOIN run_outcomes AS r ON r.outcome = o.outcome AND r.run =
                 (SELECT MAX(newest.run) FROM run_outcomes AS newest WHERE newest.outcome = o.outcome)
               JOIN run_cases AS c ON c.run = r.run AND c.position = r.position
               JOIN runs ON runs.run = r.run
               WHERE o.outcome IN
                   (SELECT rowid FROM outcomes_search WHERE outcomes_search MATCH ?)
                 AND (? IS NULL OR runs.policy = ?)
                 AND NOT EXISTS (SELECT 1 FROM json_each(?) AS term
                   WHERE instr(lower(o.trace || char(10) || o.answer), term.value) = 0)
               ORDER BY o.outcome DESC LIMIT ?"#,
            query,
            policy,
            policy,
            short,
            found_max,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))
    }

    async fn scan(
        &self,
        short: &str,
        policy: Option<&str>,
        found_max: u32,
    ) -> Result<Vec<Row>, StoreError> {
        sqlx::query_as!(
            Row,
            r#"SELECT r.run AS "run!: i64", runs.policy AS "policy!: String",
                 c.case_id AS "case_id!: String", runs.started_at_ms AS "started_at_ms!: i64",
                 o.verdict AS "verdict!: String", o.label AS "label?: String",
                 o.trace AS "trace!: String", o.answer AS "answer!: String"
               FROM outcomes AS o
               JOIN run_outcomes AS r ON r.outcome = o.outcome AND r.run =
                 (SELECT MAX(newest.run) FROM run_outcomes AS newest WHERE newest.outcome = o.outcome)
               JOIN run_cases AS c ON c.run = r.run AND c.position = r.position
               JOIN runs ON runs.run = r.run
               WHERE (? IS NULL OR runs.policy = ?)
                 AND NOT EXISTS (SELECT 1 FROM json_each(?) AS term
                   WHERE instr(lower(o.trace || char(10) || o.answer), term.value) = 0)
               ORDER BY o.outcome DESC LIMIT ?"#,
            policy,
            policy,
            short,
            found_max,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))
    }
}

/// A term as FTS5 reads a string: whatever it holds, it is text and no operator.
fn quoted(term: &str) -> String {
    format!("\"{}\"", term.replace('"', "\"\""))
}
