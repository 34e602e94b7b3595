//! Asks the model about texts that are no run's: each question once, the answers kept.
//!
//! A search asks about many texts; all cases of one text go to the engine in one call,
//! because they share its prefix. It waits behind evaluations, and a new one ends it. The
//! same searches tell what is known without asking: they stop where an answer is missing.

use crate::compare::reading;
use crate::evaluate::prefix;
use crate::judge::Judge;
use crate::stream;
use crate::studio::{Studio, now_ms};
use crate::turns::Turn;
use crate::view::{Code, Failure, ProbeCounts, Probing, Tested};
use domain::case::Case;
use domain::policy::{Policy, RevisionId, parse};
use domain::prompt;
use domain::run::{Outcome, RunId, Settings};
use domain::verdict::Verdict;
use engine::{Draft, Event, GenerateError, Reply};
use std::collections::hash_map::Entry;
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

/// Told after each question.
pub(crate) type OnProbe<'a> = &'a mut (dyn FnMut(Probing) + Send);

pub(crate) struct Prober<'a> {
    studio: &'a Studio,
    model_digest: String,
    source: Source<'a>,
    pub counts: ProbeCounts,
    /// Steps done, of those that are planned.
    pub done: u32,
    pub total: u32,
}

/// Where answers come from that the search needs.
enum Source<'a> {
    /// The database, and the model for what is not there.
    Model {
        judge: Arc<dyn Judge>,
        turn: Turn,
        on_probe: OnProbe<'a>,
        _running: MutexGuard<'a, Option<RunId>>,
    },
    /// The database alone; of each text and settings it is read once.
    Known {
        read: HashMap<(RevisionId, String), HashMap<String, Probe>>,
        missing: bool,
    },
}

impl Studio {
    /// A prober with the model of a run; waits for its turn.
    pub(crate) async fn prober<'a>(
        &'a self,
        run: &Run,
        on_probe: OnProbe<'a>,
    ) -> Result<Prober<'a>, Failure> {
        let (turn, running) = self.turns().behind().await.ok_or_else(cancelled)?;
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
            model_digest: ready.judge.info().digest.clone(),
            source: Source::Model {
                judge: ready.judge,
                turn,
                on_probe,
                _running: running,
            },
            counts: ProbeCounts::default(),
            done: 0,
            total: 0,
        })
    }

    /// A prober that knows what was asked before, and neither waits nor asks.
    pub(crate) fn knower(&self, run: &Run) -> Prober<'_> {
        Prober {
            studio: self,
            model_digest: run.model.digest.clone(),
            source: Source::Known {
                read: HashMap::new(),
                missing: false,
            },
            counts: ProbeCounts::default(),
            done: 0,
            total: 0,
        }
    }

    /// The policy of a run, as it was judged.
    pub(crate) async fn policy_of(&self, run: &Run) -> Result<Policy, Failure> {
        let text = self.file_text(run).await?;
        parse(text.as_bytes())
            .map_err(|error| Failure::internal(format!("run {}: {error}", run.run.0)))
    }
}

impl Prober<'_> {
    /// Whether the search ended because an answer is not known; asking anew is then possible.
    pub(crate) fn lacks_an_answer(&mut self) -> bool {
        match &mut self.source {
            Source::Known { missing, .. } => std::mem::take(missing),
            Source::Model { .. } => false,
        }
    }

    /// One planned step is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        self.total = self.total.max(self.done);
        self.tell(Vec::new());
    }

    pub(crate) fn tell(&mut self, tested: Vec<Tested>) {
        let news = Probing {
            effort: self.counts,
            done: self.done,
            total: self.total,
            tested,
        };
        match &mut self.source {
            Source::Model { on_probe, .. } => on_probe(news),
            Source::Known { .. } => {}
        }
    }

    /// What the model says of each case under a policy and settings, in order.
    pub(crate) async fn ask(
        &mut self,
        policy: &Policy,
        settings: &Settings,
        subjects: &[&Subject],
    ) -> Result<Vec<Probe>, Failure> {
        let digest = self.model_digest.clone();
        let key = ProbeKey {
            revision: &policy.revision,
            model_digest: &digest,
            settings,
        };
        if matches!(self.source, Source::Known { .. }) {
            return self.recall(&key, subjects).await;
        }
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
        if self.is_cancelled() {
            return Err(cancelled());
        }
        let answer = |subject: &&Subject| known.get(&subject.fingerprint).cloned();
        subjects
            .iter()
            .map(|subject| answer(subject).ok_or_else(|| no_answer(&subject.case.id)))
            .collect()
    }

    /// As `ask`, from what is known.
    async fn recall(
        &mut self,
        key: &ProbeKey<'_>,
        subjects: &[&Subject],
    ) -> Result<Vec<Probe>, Failure> {
        let Source::Known { read, missing } = &mut self.source else {
            return Err(cancelled());
        };
        let settings = serde_json::to_string(key.settings)
            .map_err(|error| Failure::internal(format!("settings: {error}")))?;
        let known = match read.entry((key.revision.clone(), settings)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(self.studio.store().probes(key).await?),
        };
        let mut found = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let Some(probe) = known.get(&subject.fingerprint) else {
                *missing = true;
                return Err(no_answer(&subject.case.id));
            };
            found.push(probe.clone());
        }
        self.counts.known += found.len() as u32;
        Ok(found)
    }

    fn is_cancelled(&self) -> bool {
        match &self.source {
            Source::Model { turn, .. } => turn.is_cancelled(),
            Source::Known { .. } => false,
        }
    }

    /// One call of the engine. What was answered before a cancellation is kept.
    async fn generate(
        &mut self,
        policy: &Policy,
        settings: &Settings,
        subjects: Vec<Subject>,
    ) -> Result<HashMap<String, Probe>, Failure> {
        let Source::Model { judge, turn, .. } = &self.source else {
            return Ok(HashMap::new());
        };
        let (judge, cancel) = (judge.clone(), turn.flag().clone());
        let context_tokens = judge.info().context_tokens;
        let prefix = prefix(policy, settings.effort);
        let sides = prompt::alternatives(&policy.output);
        let (cases, requests): (Vec<_>, Vec<_>) = subjects
            .into_iter()
            .map(|subject| {
                let request = stream::request(&subject.case, settings, &sides, subject.draft);
                ((subject.case.id, subject.fingerprint), request)
            })
            .unzip();
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
