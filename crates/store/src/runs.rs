//! `runs`: a revision judged over a suite by one model with one set of settings.

use crate::{Model, Revision, Store, StoreError, cases, models, revisions, run_cases};
use domain::case::Case;
use domain::policy::RevisionId;
use domain::run::{RunId, Settings};
use sqlx::SqliteConnection;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    Running,
    Finished,
    /// Cancelled, or its process ended; what it has can be resumed.
    Interrupted,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub run: RunId,
    pub policy: String,
    pub revision: RevisionId,
    pub model: Model,
    pub settings: Settings,
    pub suite_hash: String,
    pub state: RunState,
    pub started_at_ms: i64,
    pub finished_at_ms: Option<i64>,
}

/// What two runs have in common when they must come out the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity<'a> {
    pub policy: &'a str,
    pub revision: &'a RevisionId,
    pub model_digest: &'a str,
    pub settings: &'a Settings,
    pub suite_hash: &'a str,
}

impl Run {
    pub fn is(&self, identity: &Identity<'_>) -> bool {
        self.policy == identity.policy
            && self.revision == *identity.revision
            && self.model.digest == identity.model_digest
            && self.settings == *identity.settings
            && self.suite_hash == identity.suite_hash
    }
}

#[derive(Debug, Clone, Copy)]
pub struct NewRun<'a> {
    pub revision: &'a Revision,
    pub model: &'a Model,
    pub settings: &'a Settings,
    /// Each case with its fingerprint, in the suite's order.
    pub cases: &'a [(Case, String)],
    pub started_at_ms: i64,
}

impl Store {
    /// Records a run with its suite snapshot, and links every outcome that is already
    /// known for its revision, model and settings. All of it or nothing.
    pub async fn create_run(&self, new: &NewRun<'_>) -> Result<RunId, StoreError> {
        let mut transaction = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| self.fault(error))?;
        let run = insert(&mut transaction, new)
            .await
            .map_err(|error| self.fault(error))?;
        link_known(&mut transaction, new, run)
            .await
            .map_err(|error| self.fault(error))?;
        transaction
            .commit()
            .await
            .map_err(|error| self.fault(error))?;
        Ok(run)
    }

    /// Moves a run that is not finished to another state.
    pub async fn set_state(
        &self,
        RunId(run): RunId,
        state: RunState,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let text = state_text(state);
        let finished_at_ms = (state == RunState::Finished).then_some(now_ms);
        let done = sqlx::query!(
            "UPDATE runs SET state = ?, finished_at_ms = ? WHERE run = ?",
            text,
            finished_at_ms,
            run,
        )
        .execute(&self.pool)
        .await
        .map_err(|error| self.fault(error))?;
        match done.rows_affected() {
            0 => Err(StoreError::Missing(format!("run {run}"))),
            _ => Ok(()),
        }
    }

    /// Removes a run that was cancelled before it had any outcome, so that history keeps
    /// only what says something. Returns whether it was one.
    pub async fn discard_if_empty(&self, RunId(run): RunId) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM runs WHERE run = ? AND state <> 'finished'
             AND NOT EXISTS (SELECT 1 FROM run_outcomes AS o WHERE o.run = runs.run)",
            run,
        )
        .execute(&self.pool)
        .await
        .map_err(|error| self.fault(error))?;
        Ok(done.rows_affected() > 0)
    }

    pub async fn run(&self, RunId(run): RunId) -> Result<Run, StoreError> {
        sqlx::query_as!(
            Row,
            r#"SELECT run AS "run!", policy, revision, model_digest, name AS model_name,
                 demonstration AS "demonstration: bool", settings, suite_hash, state,
                 started_at_ms, finished_at_ms
               FROM runs JOIN models ON digest = model_digest WHERE run = ?"#,
            run,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.fault(error))?
        .map(|row| self.read(row))
        .transpose()?
        .ok_or_else(|| StoreError::Missing(format!("run {run}")))
    }

    /// A policy's newest runs, newest first.
    pub async fn runs(&self, policy: &str, count_max: u32) -> Result<Vec<Run>, StoreError> {
        sqlx::query_as!(
            Row,
            r#"SELECT run AS "run!", policy, revision, model_digest, name AS model_name,
                 demonstration AS "demonstration: bool", settings, suite_hash, state,
                 started_at_ms, finished_at_ms
               FROM runs JOIN models ON digest = model_digest
               WHERE policy = ? ORDER BY run DESC LIMIT ?"#,
            policy,
            count_max,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(error))?
        .into_iter()
        .map(|row| self.read(row))
        .collect()
    }

    /// The first finished run of a policy by a model.
    pub async fn first_finished(
        &self,
        policy: &str,
        model_digest: &str,
    ) -> Result<Option<RunId>, StoreError> {
        let run = sqlx::query_scalar!(
            r#"SELECT MIN(run) AS "run: i64" FROM runs
               WHERE policy = ? AND model_digest = ? AND state = 'finished'"#,
            policy,
            model_digest,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(|error| self.fault(error))?;
        Ok(run.map(RunId))
    }

    pub(crate) async fn interrupt_left_behind(&self) -> Result<(), StoreError> {
        let done = sqlx::query!("UPDATE runs SET state = 'interrupted' WHERE state = 'running'")
            .execute(&self.pool)
            .await
            .map_err(|error| self.fault(error))?;
        if done.rows_affected() > 0 {
            tracing::info!(
                runs = done.rows_affected(),
                "runs of an ended process were marked interrupted"
            );
        }
        Ok(())
    }

    fn read(&self, row: Row) -> Result<Run, StoreError> {
        Ok(Run {
            run: RunId(row.run),
            policy: row.policy,
            revision: RevisionId(row.revision),
            model: Model {
                digest: row.model_digest,
                name: row.model_name,
                demonstration: row.demonstration,
            },
            settings: serde_json::from_str(&row.settings)
                .map_err(|error| self.unreadable("the settings of a run", error))?,
            suite_hash: row.suite_hash,
            state: match row.state.as_str() {
                "running" => RunState::Running,
                "finished" => RunState::Finished,
                "interrupted" => RunState::Interrupted,
                other => return Err(self.unreadable("the state of a run", other)),
            },
            started_at_ms: row.started_at_ms,
            finished_at_ms: row.finished_at_ms,
        })
    }
}

struct Row {
    run: i64,
    policy: String,
    revision: String,
    model_digest: String,
    model_name: String,
    demonstration: bool,
    settings: String,
    suite_hash: String,
    state: String,
    started_at_ms: i64,
    finished_at_ms: Option<i64>,
}

/// The run and its suite snapshot, without any outcome.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    new: &NewRun<'_>,
) -> Result<RunId, sqlx::Error> {
    revisions::insert(connection, new.revision, new.started_at_ms).await?;
    models::insert(connection, new.model, new.started_at_ms).await?;
    let settings = settings_text(new)?;
    let cases: Vec<Case> = new.cases.iter().map(|(case, _)| case.clone()).collect();
    let suite_hash = cases::suite_hash(&cases);
    let run = sqlx::query!(
        "INSERT INTO runs (policy, revision, model_digest, settings, suite_hash, state, started_at_ms)
         VALUES (?, ?, ?, ?, ?, 'running', ?)",
        new.revision.policy,
        new.revision.revision.0,
        new.model.digest,
        settings,
        suite_hash,
        new.started_at_ms,
    )
    .execute(&mut *connection)
    .await?
    .last_insert_rowid();
    for (position, (case, fingerprint)) in new.cases.iter().enumerate() {
        run_cases::insert(connection, run, position, case, fingerprint).await?;
    }
    Ok(RunId(run))
}

/// Of several outcomes of the same key the first is taken: the later ones can differ only
/// in timing. What came in a bundle is somebody else's word and is never taken over.
async fn link_known(
    connection: &mut SqliteConnection,
    new: &NewRun<'_>,
    RunId(run): RunId,
) -> Result<(), sqlx::Error> {
    let settings = settings_text(new)?;
    sqlx::query!(
        "INSERT INTO run_outcomes (run, position, outcome, cached)
         SELECT c.run, c.position, MIN(o.outcome), 1
         FROM run_cases AS c JOIN outcomes AS o
           ON o.revision = ? AND o.fingerprint = c.fingerprint
           AND o.model_digest = ? AND o.settings = ?
         WHERE c.run = ? AND o.outcome NOT IN (
           SELECT r.outcome FROM imports AS i JOIN run_outcomes AS r ON r.run = i.run)
         GROUP BY c.run, c.position",
        new.revision.revision.0,
        new.model.digest,
        settings,
        run,
    )
    .execute(connection)
    .await
    .map(|_| ())
}

fn settings_text(new: &NewRun<'_>) -> Result<String, sqlx::Error> {
    serde_json::to_string(new.settings).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn state_text(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Finished => "finished",
        RunState::Interrupted => "interrupted",
    }
}
