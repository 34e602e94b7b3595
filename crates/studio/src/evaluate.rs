//! The loop: wait for a pause in the typing, give up what is outdated, ask the model
//! only what is not known yet, record and report each verdict as it comes.
//!
//! Nothing runs where nothing changed: an evaluation with the revision, suite, model and
//! settings of the policy's latest finished run is `Unchanged`. One whose newest run was
//! interrupted continues that run. Any other is recorded as a run of its own, even when
//! every outcome is known already: the history then says what was seen.

use crate::compare::Table;
use crate::documents::not_utf8;
use crate::models::Ready;
use crate::stream::{self, Work};
use crate::studio::{Studio, Timing, now_ms};
use crate::turns::Turn;
use crate::view::{EvaluateRequest, Failure, RunEvent};
use crate::workspace::{check_name, policy_path, read_suite, shown, suite_path};
use domain::case::{Case, fingerprint};
use domain::policy::{Effort, Policy, parse};
use domain::prompt;
use domain::run::{RunId, Sampling, Settings};
use engine::Prefix;
use std::path::Path;
use std::time::{Duration, Instant};
use store::{Identity, Model, NewRun, Revision, Run, RunState, suite_hash};

/// Bounds on a reply, generous because a cut reply is no verdict. Of 1,639 real replies the
/// median had 159 tokens, the 95th percentile 1,102, the longest 3,176; longer ones
/// come with higher effort, and lowering the effort is the better way to shorten them.
pub(crate) fn tokens_max(effort: Effort) -> u32 {
    match effort {
        Effort::Low => 512,
        Effort::Medium => 2048,
        Effort::High => 8192,
    }
}

/// How far back the latest finished run is looked for.
const RECENT_MAX: u32 = 50;

impl Studio {
    /// Judges the request's text over the policy's own suite. A newer evaluation of this
    /// studio cancels this one. The events end with exactly one of `Finished`, `Cancelled`,
    /// `Failed`, `Unchanged`; an `Err` repeats a `Failed` for callers that do not look at
    /// events. A cancelled evaluation is `Ok`.
    pub async fn evaluate(
        &self,
        request: EvaluateRequest,
        on_event: impl FnMut(RunEvent) + Send,
    ) -> Result<Timing, Failure> {
        let suite = suite_path(self.root(), &request.policy);
        self.evaluate_suite(request, &suite, on_event).await
    }

    /// As `evaluate`, over any suite file, for a policy that need not be a file of the
    /// workspace (the command line).
    pub async fn evaluate_suite(
        &self,
        request: EvaluateRequest,
        suite: &Path,
        mut on_event: impl FnMut(RunEvent) + Send,
    ) -> Result<Timing, Failure> {
        let turn = self.turns().begin();
        let mut clock = Clock::start();
        let last = self
            .attempt(&request, suite, &turn, &mut clock, &mut on_event)
            .await;
        conclude(last, clock, &mut on_event)
    }

    /// Continues an interrupted run with its own texts and cases.
    pub async fn resume(
        &self,
        run: RunId,
        mut on_event: impl FnMut(RunEvent) + Send,
    ) -> Result<Timing, Failure> {
        let turn = self.turns().begin();
        let mut clock = Clock::start();
        let last = self
            .attempt_resume(run, &turn, &mut clock, &mut on_event)
            .await;
        conclude(last, clock, &mut on_event)
    }

    /// Everything up to the last event, which is returned.
    async fn attempt(
        &self,
        request: &EvaluateRequest,
        suite: &Path,
        turn: &Turn,
        clock: &mut Clock,
        on_event: &mut (dyn FnMut(RunEvent) + Send),
    ) -> Result<RunEvent, Failure> {
        let none = || Ok(RunEvent::Cancelled { run: None });
        let pause = tokio::time::sleep(Duration::from_millis(request.delay_ms.into()));
        if turn.or_cancelled(pause).await.is_none() {
            return none();
        }
        let Some(mut running) = turn.or_cancelled(self.turns().idle()).await else {
            return none();
        };
        self.tidy(&mut running).await?;
        let (policy, cases) = self.read_request(request, suite)?;
        let waiting = Instant::now();
        let Some(ready) = turn.or_cancelled(self.model().ready()).await else {
            return none();
        };
        let ready = ready?;
        clock.timing.load_ms = ms(waiting);
        let settings = Settings {
            effort: request.effort,
            template_version: prompt::TEMPLATE_VERSION,
            sampling: Sampling::Greedy,
            tokens_max: tokens_max(request.effort),
            numerics: ready.judge.numerics(),
            server: ready.judge.server().cloned(),
        };
        let prefix = prefix(&policy, settings.effort);
        check_length(&shown_policy(self, &request.policy), &prefix, &ready)?;
        let (run, continued) = match self
            .known_run(request, &policy, &cases, &ready, &settings)
            .await?
        {
            Some(run) if run.state == RunState::Finished => {
                let view = self.run_view(run.run, request.baseline).await?;
                return Ok(RunEvent::Unchanged { view });
            }
            Some(run) => (run.run, true),
            None => (
                self.record_run(request, &policy, cases, &ready, &settings)
                    .await?,
                false,
            ),
        };
        if continued {
            self.store()
                .set_state(run, RunState::Running, now_ms())
                .await?;
        }
        *running = Some(run);
        let table = self.table(run, request.baseline).await?;
        let last = self
            .drive(table, &policy, prefix, ready, turn, clock, on_event)
            .await;
        self.settle(run, last, &mut running).await
    }

    async fn attempt_resume(
        &self,
        run: RunId,
        turn: &Turn,
        clock: &mut Clock,
        on_event: &mut (dyn FnMut(RunEvent) + Send),
    ) -> Result<RunEvent, Failure> {
        let none = || Ok(RunEvent::Cancelled { run: None });
        let Some(mut running) = turn.or_cancelled(self.turns().idle()).await else {
            return none();
        };
        self.tidy(&mut running).await?;
        let found = self.store().run(run).await?;
        match found.state {
            RunState::Interrupted => {}
            RunState::Finished => {
                let view = self.run_view(run, None).await?;
                return Ok(RunEvent::Unchanged { view });
            }
            RunState::Running => {
                return Err(Failure::input(format!(
                    "Run {} is running in another window or terminal. Wait for it, or stop it there.",
                    run.0
                )));
            }
        }
        let waiting = Instant::now();
        let Some(ready) = turn.or_cancelled(self.model().ready()).await else {
            return none();
        };
        let ready = ready?;
        clock.timing.load_ms = ms(waiting);
        if let Some(why) = ready.judge.differs(&found.model, &found.settings) {
            let message = format!("Run {} was begun with {why} to resume it.", run.0);
            return Err(Failure::input(message));
        }
        let text = self.file_text(&found).await?;
        let policy = parse(text.as_bytes())
            .map_err(|error| Failure::internal(format!("run {}: {error}", run.0)))?;
        let prefix = prefix(&policy, found.settings.effort);
        self.store()
            .set_state(run, RunState::Running, now_ms())
            .await?;
        *running = Some(run);
        let table = self.table(run, None).await?;
        let last = self
            .drive(table, &policy, prefix, ready, turn, clock, on_event)
            .await;
        self.settle(run, last, &mut running).await
    }

    /// Marks a run interrupted that was left running because its caller went away.
    async fn tidy(&self, running: &mut Option<RunId>) -> Result<(), Failure> {
        if let Some(run) = running.take() {
            self.give_up(run).await?;
        }
        Ok(())
    }

    fn read_request(
        &self,
        request: &EvaluateRequest,
        suite: &Path,
    ) -> Result<(Policy, Vec<Case>), Failure> {
        check_name(&request.policy)?;
        let policy = parse(request.text.as_bytes()).map_err(|error| {
            let file = shown_policy(self, &request.policy);
            let line = error
                .line
                .map_or_else(String::new, |line| format!(", line {line}"));
            Failure::input(format!("{file}{line}: {}", error.message))
        })?;
        let file = shown(self.root(), suite);
        let read = read_suite(self.root(), suite)?;
        if read.hash.is_empty() {
            return Err(Failure::input(format!(
                "{file} does not exist. Add a case, or put a file there with one case a line."
            )));
        }
        if read.cases.is_empty() {
            return Err(if std::str::from_utf8(&read.bytes).is_err() {
                not_utf8(&file, &read.bytes)
            } else {
                let first = read.problems.first().map(|problem| {
                    format!(" Line {}: {}", problem.line.unwrap_or(1), problem.message)
                });
                Failure::input(format!(
                    "{file} has no usable case.{} Add a case.",
                    first.unwrap_or_default()
                ))
            });
        }
        let mut cases = read.cases;
        if !request.only.is_empty() {
            cases.retain(|case| request.only.contains(&case.id));
            if cases.is_empty() {
                return Err(Failure::input(format!(
                    "{file} has none of the chosen cases."
                )));
            }
        }
        Ok((policy, cases))
    }

    /// The run that already is what is asked for: the latest finished one, or the newest,
    /// interrupted.
    async fn known_run(
        &self,
        request: &EvaluateRequest,
        policy: &Policy,
        cases: &[Case],
        ready: &Ready,
        settings: &Settings,
    ) -> Result<Option<Run>, Failure> {
        let identity = Identity {
            policy: &request.policy,
            revision: &policy.revision,
            model_digest: &ready.judge.info().digest,
            settings,
            suite_hash: &suite_hash(cases),
        };
        let mut runs = self.store().runs(&request.policy, RECENT_MAX).await?;
        // What came in a bundle was judged elsewhere, and says nothing of this machine.
        let imported = self.store().imported(&request.policy).await?;
        runs.retain(|run| imported.iter().all(|(other, _)| *other != run.run));
        if runs
            .first()
            .is_some_and(|newest| newest.state == RunState::Interrupted && newest.is(&identity))
        {
            return Ok(Some(runs.swap_remove(0)));
        }
        let finished = runs.into_iter().find(|run| run.state == RunState::Finished);
        Ok(finished.filter(|run| run.is(&identity)))
    }

    async fn record_run(
        &self,
        request: &EvaluateRequest,
        policy: &Policy,
        cases: Vec<Case>,
        ready: &Ready,
        settings: &Settings,
    ) -> Result<RunId, Failure> {
        let info = ready.judge.info();
        let cases: Vec<(Case, String)> = cases
            .into_iter()
            .map(|case| {
                let fingerprint = fingerprint(&case);
                (case, fingerprint)
            })
            .collect();
        let run = NewRun {
            revision: &Revision {
                policy: request.policy.clone(),
                revision: policy.revision.clone(),
                file_text: request.text.clone(),
                body: policy.body.clone(),
                contract: policy.output.clone(),
            },
            model: &Model {
                digest: info.digest.clone(),
                name: info.name.clone(),
                demonstration: ready.demonstration,
            },
            settings,
            cases: &cases,
            started_at_ms: now_ms(),
        };
        Ok(self.store().create_run(&run).await?)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "both ways into the loop meet here once"
    )]
    async fn drive(
        &self,
        table: Table,
        policy: &Policy,
        prefix: Prefix,
        ready: Ready,
        turn: &Turn,
        clock: &mut Clock,
        on_event: &mut (dyn FnMut(RunEvent) + Send),
    ) -> Result<Option<Table>, Failure> {
        let work = Work {
            table,
            contract: policy.output.clone(),
            prefix,
            judge: ready.judge,
        };
        stream::judge_all(self, work, turn, clock, on_event).await
    }

    /// Gives the run its last state. `last` has its table when every case has an outcome.
    async fn settle(
        &self,
        run: RunId,
        last: Result<Option<Table>, Failure>,
        running: &mut Option<RunId>,
    ) -> Result<RunEvent, Failure> {
        if let Ok(Some(mut table)) = last {
            self.store()
                .set_state(run, RunState::Finished, now_ms())
                .await?;
            *running = None;
            // The first finished run becomes the baseline by that.
            let run = self.store().run(run).await?;
            let baseline = self.baseline(&run.policy, None, &run.model.digest).await?;
            table.is_baseline = baseline == Some(run.run);
            table.run = run;
            table.usage = self.usage(&table);
            return Ok(RunEvent::Finished { view: table.view() });
        }
        let kept = self.give_up(run).await;
        *running = None;
        if last.is_err() {
            self.model().disconnect();
        }
        last?;
        Ok(RunEvent::Cancelled {
            run: kept?.then_some(run),
        })
    }

    /// Marks a run interrupted, or removes it where it has nothing. Returns whether it stays.
    async fn give_up(&self, run: RunId) -> Result<bool, Failure> {
        if self.store().discard_if_empty(run).await? {
            return Ok(false);
        }
        self.store()
            .set_state(run, RunState::Interrupted, now_ms())
            .await?;
        Ok(true)
    }
}

/// What an evaluation took, as it goes.
pub(crate) struct Clock {
    started: Instant,
    pub timing: Timing,
}

impl Clock {
    fn start() -> Clock {
        Clock {
            started: Instant::now(),
            timing: Timing::default(),
        }
    }

    pub(crate) fn elapsed_ms(&self) -> f64 {
        ms(self.started)
    }
}

pub(crate) fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn conclude(
    last: Result<RunEvent, Failure>,
    mut clock: Clock,
    on_event: &mut (dyn FnMut(RunEvent) + Send),
) -> Result<Timing, Failure> {
    clock.timing.wall_ms = clock.elapsed_ms();
    match last {
        Ok(event) => {
            on_event(event);
            Ok(clock.timing)
        }
        Err(failure) => {
            on_event(RunEvent::Failed {
                failure: failure.clone(),
            });
            Err(failure)
        }
    }
}

fn shown_policy(studio: &Studio, name: &str) -> String {
    shown(studio.root(), &policy_path(studio.root(), name))
}

pub(crate) fn prefix(policy: &Policy, effort: Effort) -> Prefix {
    Prefix {
        effort: match effort {
            Effort::Low => engine::Effort::Low,
            Effort::Medium => engine::Effort::Medium,
            Effort::High => engine::Effort::High,
        },
        developer: prompt::developer(policy),
    }
}

/// A policy that fills the context alone fails as a whole, with both figures; a single
/// case that does not fit beside it becomes an unparsed outcome that says so.
pub(crate) fn check_length(file: &str, prefix: &Prefix, ready: &Ready) -> Result<(), Failure> {
    let tokens = ready.judge.prompt_tokens(prefix, "");
    let info = ready.judge.info();
    if tokens < info.context_tokens {
        return Ok(());
    }
    Err(Failure::input(format!(
        "{file} has {tokens} tokens with the model's framing, and {} reads {} in all, case and \
         reply included. Shorten the policy, or select a model with a longer context.",
        info.name, info.context_tokens
    )))
}
