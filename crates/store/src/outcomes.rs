//! `outcomes` and `run_outcomes`: what was said about each case, appended as it finishes.

use crate::{Store, StoreError};
use domain::run::{Outcome, RunId};
use domain::verdict::Verdict;
use sqlx::SqliteConnection;

impl Store {
    /// Adds outcomes to a run that is not finished, each at its case's position.
    /// When this returns, a killed process no longer loses them.
    pub async fn append(
        &self,
        run: RunId,
        outcomes: &[(u32, Outcome)],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut transaction = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| self.fault(error))?;
        for (position, outcome) in outcomes {
            insert(&mut transaction, run, *position, outcome, now_ms)
                .await
                .map_err(|error| self.fault(error))?;
        }
        transaction
            .commit()
            .await
            .map_err(|error| self.fault(error))
    }
}

pub(crate) fn verdict(text: &str) -> Option<Verdict> {
    match text {
        "violates" => Some(Verdict::Violates),
        "safe" => Some(Verdict::Safe),
        "unparsed" => Some(Verdict::Unparsed),
        _ => None,
    }
}

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    RunId(run): RunId,
    position: u32,
    outcome: &Outcome,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let verdict = match outcome.verdict {
        Verdict::Violates => "violates",
        Verdict::Safe => "safe",
        Verdict::Unparsed => "unparsed",
    };
    let rules =
        serde_json::to_string(&outcome.rules).map_err(|error| sqlx::Error::Encode(error.into()))?;
    // SQLite has no NaN: a margin that is no number is no margin.
    let margin = outcome.margin.filter(|margin| margin.is_finite());
    let tokens = outcome.tokens;
    let inserted = sqlx::query!(
        "INSERT INTO outcomes (revision, fingerprint, model_digest, settings, verdict,
           unparsed_reason, label, rules, margin, trace, answer, tokens_prompt, tokens_reused,
           tokens_generated, tokens_drafted, tokens_accepted, latency_ms, created_at_ms)
         SELECT r.revision, c.fingerprint, r.model_digest, r.settings, ?, ?, ?, ?, ?, ?, ?, ?, ?,
           ?, ?, ?, ?, ?
         FROM runs AS r JOIN run_cases AS c ON c.run = r.run
         WHERE r.run = ? AND c.position = ?",
        verdict,
        outcome.unparsed_reason,
        outcome.label,
        rules,
        margin,
        outcome.trace,
        outcome.answer,
        tokens.prompt,
        tokens.reused,
        tokens.generated,
        tokens.drafted,
        tokens.accepted,
        outcome.latency_ms,
        now_ms,
        run,
        position,
    )
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(sqlx::Error::RowNotFound);
    }
    let id = inserted.last_insert_rowid();
    sqlx::query!(
        "INSERT INTO run_outcomes (run, position, outcome, cached) VALUES (?, ?, ?, 0)",
        run,
        position,
        id,
    )
    .execute(connection)
    .await
    .map(|_| ())
}
