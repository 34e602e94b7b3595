//! Asks the model about texts that are no run's: each question once, the answers kept.
//!
//! A search asks about many texts; all cases of one text go to the engine in one call,
//! because they share its prefix. It waits behind evaluations, and a new one ends it.

use crate::compare::reading;
use crate::evaluate::prefix;
use crate::judge::Judge;
use crate::stream;
use crate::studio::{Studio, now_ms};
use crate::turns::Turn;
use crate::view::{Code, Failure, ProbeCounts};
use domain::case::Case;
use domain::policy::{Policy, parse};
use domain::prompt;
use domain::run::{Outcome, RunId, Settings};
use domain::verdict::Verdict;
use engine::{Draft, Event, GenerateError, Reply};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use store::{Probe, ProbeKey, Run};
use tokio::sync::MutexGuard;

/// A case to ask about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub case: Case,
    pub fingerprint: String,
    /// A reply that the next one may well repeat.
    pub draft: Option<Draft>,
}

impl Subject {
    pub(crate) fn new(case: &Case, fingerprint: &str, outcome: Option<&Outcome>) -> Subject {
        Subject {
            case: case.clone(),
            fingerprint: fingerprint.to_owned(),
            draft: outcome
                .filter(|outcome| outcome.unparsed_reason.is_none())
                .map(|outcome| Draft {
                    analysis: outcome.trace.clone(),
                    answer: outcome.answer.clone(),
                }),
        }
    }
}

/// What counts of an answer: two that are equal here make no flip.
pub(crate) type Said = (Verdict, Option<String>);

pub(crate) fn said(outcome: &Outcome) -> Said {
    let (verdict, label) = reading(outcome);
    (verdict, label.map(str::to_owned))
}

/// Told after each question, with what was asked so far.
pub(crate) type OnProbe<'a> = &'a mut (dyn FnMut(ProbeCounts) + Send);

pub(crate) struct Prober<'a> {
    studio: &'a Studio,
    judge: Arc<dyn Judge>,
    turn: Turn,
    pub counts: ProbeCounts,
    on_probe: OnProbe<'a>,
    _running: MutexGuard<'a, Option<RunId>>,
}

impl Studio {
    /// A prober with the model of a run; waits for its turn.
    pub(crate) async fn prober<'a>(
        &'a self,
        run: &Run,
        on_probe: OnProbe<'a>,
    ) -> Result<Prober<'a>, Failure> {
        let (turn, running) = self.turns().behind().await;
        let ready = turn
            .or_cancelled(self.model().ready())
            .await
            .ok_or_else(cancelled)??;
        if let Some(why) = ready.judge.differs(&run.model, &run.settings) {
            let message = format!("Run {} was judged with {why} to ask it again.", run.run.0);
            return Err(Failure::input(message));
        }
        Ok(Prober {
            studio: self,
            judge: ready.judge,
            turn,
            counts: ProbeCounts::default(),
            on_probe,
            _running: running,
        })
    }

    /// The policy of a run, as it was judged.
    pub(crate) async fn policy_of(&self, run: &Run) -> Result<Policy, Failure> {
        let text = self.file_text(run).await?;
        parse(text.as_bytes())
            .map_err(|error| Failure::internal(format!("run {}: {error}", run.run.0)))
    }
}

impl Prober<'_> {
    /// What the model says of each case under a policy and settings, in order.
    pub(crate) async fn ask(
        &mut self,
        policy: &Policy,
        settings: &Settings,
        subjects: &[&Subject],
    ) -> Result<Vec<Probe>, Failure> {
        let digest = self.judge.info().digest.clone();
        let key = ProbeKey {
            revision: &policy.revision,
            model_digest: &digest,
            settings,
        };
        let mut known = self.studio.store().probes(&key).await?;
        let mut seen = HashSet::new();
        let missing: Vec<Subject> = subjects
            .iter()
            .filter(|subject| !known.contains_key(&subject.fingerprint))
            .filter(|subject| seen.insert(subject.fingerprint.clone()))
            .map(|subject| (*subject).clone())
            .collect();
        self.counts.known += (subjects.len() - missing.len()) as u32;
        if !missing.is_empty() {
            let fresh = self.generate(policy, settings, missing).await?;
            self.counts.asked += fresh.len() as u32;
            let rows: Vec<(String, Probe)> = fresh.into_iter().collect();
            self.studio
                .store()
                .add_probes(&key, &rows, now_ms())
                .await?;
            known.extend(rows);
        }
        if self.turn.is_cancelled() {
            return Err(cancelled());
        }
        (self.on_probe)(self.counts);
        subjects
            .iter()
            .map(|subject| {
                known
                    .get(&subject.fingerprint)
                    .cloned()
                    .ok_or_else(|| no_answer(&subject.case.id))
            })
            .collect()
    }

    /// One call of the engine (`&mut`, as whoever listens need not be shared). What was answered before a cancellation is kept.
    async fn generate(
        &mut self,
        policy: &Policy,
        settings: &Settings,
        subjects: Vec<Subject>,
    ) -> Result<HashMap<String, Probe>, Failure> {
        let sides = prompt::alternatives(&policy.output);
        let (cases, requests): (Vec<_>, Vec<_>) = subjects
            .into_iter()
            .map(|subject| {
                let request = stream::request(&subject.case, settings, &sides, subject.draft);
                ((subject.case.id, subject.fingerprint), request)
            })
            .unzip();
        let (judge, prefix, cancel) = (
            self.judge.clone(),
            prefix(policy, settings.effort),
            self.turn.flag().clone(),
        );
        let answered = tokio::task::spawn_blocking(move || {
            let mut replies: Vec<(usize, Reply)> = Vec::new();
            let ended = judge.generate(&prefix, &requests, &cancel, &mut |event| {
                if let Event::Finished { index, reply } = event {
                    replies.push((index, reply));
                }
            });
            (replies, ended)
        });
        let (replies, ended) = answered.await.map_err(|error| {
            Failure::internal(format!("The engine stopped unexpectedly: {error}"))
        })?;
        match ended {
            Ok(()) | Err(GenerateError::Cancelled | GenerateError::Unanswered(_)) => {}
            Err(GenerateError::TooLong(message)) => return Err(Failure::input(message)),
            Err(GenerateError::Internal(message)) => return Err(Failure::model(message)),
        }
        let context_tokens = self.judge.info().context_tokens;
        let read = |(index, reply): (usize, Reply)| {
            let (case, fingerprint) = cases[index].clone();
            let outcome = stream::outcome(case, reply, &policy.output, context_tokens);
            let probe = Probe {
                verdict: outcome.verdict,
                label: outcome.label,
                margin: outcome.margin,
            };
            (fingerprint, probe)
        };
        Ok(replies.into_iter().map(read).collect())
    }
}

fn cancelled() -> Failure {
    Failure {
        code: Code::Cancelled,
        message: "Cancelled. What was asked is kept, so that asking again goes on from there."
            .to_owned(),
    }
}

fn no_answer(case: &str) -> Failure {
    Failure::model(format!(
        "{case} got no answer. What was answered is kept; ask again for the rest."
    ))
}
