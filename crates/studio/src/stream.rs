//! From the engine's events to outcomes, in the database and on the screen.
//!
//! The engine works on a thread of its own and speaks through a bounded channel, so a slow
//! reader slows the engine and never grows a queue. Outcomes are committed before they
//! are shown: what the analyst has seen, a killed process does not lose.

use crate::compare::Table;
use crate::drafts::{self, Drafts};
use crate::evaluate::{Clock, ms};
use crate::judge::Judge;
use crate::order::{self, Queue};
use crate::studio::{Studio, now_ms};
use crate::turns::Turn;
use crate::view::{Failure, Progress, RunEvent};
use domain::case::Case;
use domain::policy::OutputContract;
use domain::prompt;
use domain::run::{Outcome, Sampling, Settings, TokenCounts};
use domain::verdict::{Reading, Verdict, read};
use engine::{Alternatives, Channel, Draft, Event, Finish, GenerateError, Prefix, Reply, Request};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The window is told at most so often; a first verdict is told at once.
const ROWS_EVERY: Duration = Duration::from_millis(50);
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
const EVENTS_MAX: usize = 1024;

pub(crate) struct Work {
    pub table: Table,
    pub contract: OutputContract,
    pub prefix: Prefix,
    pub judge: Arc<dyn Judge>,
}

/// Judges every case of the table that has no outcome yet. Returns the table once all have
/// one, nothing when it was cancelled before.
pub(crate) async fn judge_all(
    studio: &Studio,
    work: Work,
    turn: &Turn,
    clock: &mut Clock,
    on_event: &mut (dyn FnMut(RunEvent) + Send),
) -> Result<Option<Table>, Failure> {
    on_event(RunEvent::Started {
        view: work.table.view(),
    });
    let queue = order::pending(&work.table);
    if queue.positions.is_empty() {
        return Ok(Some(work.table));
    }
    let drafts = drafts::drafts(studio, &work.table.run).await?;
    let requests = requests(&work, &queue.positions, drafts);
    let (sender, mut events) = mpsc::channel(EVENTS_MAX);
    let (judge, prefix, cancel) = (work.judge.clone(), work.prefix.clone(), turn.flag().clone());
    let context_tokens = work.judge.info().context_tokens;
    let engine = tokio::task::spawn_blocking(move || {
        judge.generate(&prefix, &requests, &cancel, &mut |event| {
            // Nobody listens any more: whoever did has failed, and will say so.
            if sender.blocking_send(event).is_err() {
                cancel.cancel();
            }
        })
    });
    let mut stream = Stream::new(work.table, work.contract, queue, context_tokens);
    let listened = stream.listen(studio, &mut events, clock, on_event).await;
    drop(events);
    let ended = engine
        .await
        .map_err(|error| Failure::internal(format!("The engine stopped unexpectedly: {error}")))?;
    listened?;
    clock.timing.prefill_tokens_per_s = stream.prefill_tokens_per_s;
    clock.timing.decode_tokens_per_s = stream.tokens_per_s();
    match ended {
        // A cancellation that came with the last reply is none.
        Ok(()) | Err(GenerateError::Cancelled) => {
            let whole = stream.done() == stream.table.entries.len();
            Ok(whole.then_some(stream.table))
        }
        Err(GenerateError::TooLong(message)) => Err(Failure::input(message)),
        Err(GenerateError::Internal(message)) => Err(Failure::model(message)),
        Err(GenerateError::Unanswered(left)) => Err(stream.unanswered(&left)),
    }
}

fn requests(work: &Work, positions: &[usize], mut drafts: Drafts) -> Vec<Request> {
    let sides = prompt::alternatives(&work.contract);
    let settings = &work.table.run.settings;
    positions
        .iter()
        .map(|position| {
            let entry = &work.table.entries[*position];
            let draft = drafts.remove(&entry.fingerprint);
            request(&entry.case, settings, &sides, draft)
        })
        .collect()
}

/// What the engine is asked about a case.
pub(crate) fn request(
    case: &Case,
    settings: &Settings,
    sides: &prompt::Alternatives,
    draft: Option<Draft>,
) -> Request {
    Request {
        user: prompt::user(case),
        sampling: match settings.sampling {
            Sampling::Greedy => engine::Sampling::Greedy,
            Sampling::Seeded {
                seed,
                temperature,
                top_p,
            } => engine::Sampling::Seeded {
                seed,
                temperature,
                top_p,
            },
        },
        tokens_max: settings.tokens_max,
        alternatives: Alternatives {
            over: sides.violating.clone(),
            under: sides.safe.clone(),
        },
        draft,
    }
}

struct Stream {
    table: Table,
    contract: OutputContract,
    /// The table's position of each request.
    queue: Queue,
    context_tokens: u32,
    started: Instant,
    /// When the shared prefix was ready and decoding began.
    decoding: Option<Instant>,
    prefill_tokens_per_s: f64,
    prefix_tokens: u32,
    prefix_reused: u32,
    /// What each running request has written in its analysis, and how many tokens in all.
    running: Vec<Option<(String, u32)>>,
    cached: usize,
    finished: usize,
    finished_tokens: u64,
    /// Not in the database yet.
    fresh: Vec<(usize, Outcome)>,
    /// Positions whose previews were not told yet.
    previewed: Vec<usize>,
    told: Option<Instant>,
    news: bool,
    watched_told: (Option<usize>, usize),
}

impl Stream {
    fn new(table: Table, contract: OutputContract, queue: Queue, context_tokens: u32) -> Stream {
        Stream {
            cached: table.entries.len() - queue.positions.len(),
            running: vec![None; queue.positions.len()],
            table,
            contract,
            queue,
            context_tokens,
            started: Instant::now(),
            decoding: None,
            prefill_tokens_per_s: 0.0,
            prefix_tokens: 0,
            prefix_reused: 0,
            finished: 0,
            finished_tokens: 0,
            fresh: Vec::new(),
            previewed: Vec::new(),
            told: None,
            news: false,
            watched_told: (None, 0),
        }
    }

    /// Takes events until the engine has ended and everything is stored and told.
    async fn listen(
        &mut self,
        studio: &Studio,
        events: &mut mpsc::Receiver<Event>,
        clock: &mut Clock,
        on_event: &mut (dyn FnMut(RunEvent) + Send),
    ) -> Result<(), Failure> {
        loop {
            let event = match self.wait() {
                None => events.recv().await,
                Some(left) => match timeout(left, events.recv()).await {
                    Ok(event) => event,
                    Err(_elapsed) => {
                        self.tell(studio, clock, on_event).await?;
                        continue;
                    }
                },
            };
            match event {
                Some(event) => self.take(event),
                None => return self.tell(studio, clock, on_event).await,
            }
            if self.wait().is_some_and(|left| left.is_zero()) {
                self.tell(studio, clock, on_event).await?;
            }
        }
    }

    /// How long until something must be told; nothing while there is no news.
    fn wait(&self) -> Option<Duration> {
        let every = if self.fresh.is_empty() && self.previewed.is_empty() {
            self.news.then_some(PROGRESS_EVERY)?
        } else {
            ROWS_EVERY
        };
        let told = self.told.map_or(every, |told| told.elapsed());
        Some(every.saturating_sub(told))
    }

    fn take(&mut self, event: Event) {
        self.news = true;
        match event {
            Event::PrefixReady {
                tokens,
                reused,
                elapsed_ms,
            } => {
                self.prefix_tokens = tokens;
                self.prefix_reused = reused;
                self.decoding = Some(Instant::now());
                if elapsed_ms > 0.0 {
                    self.prefill_tokens_per_s =
                        f64::from(tokens.saturating_sub(reused)) / elapsed_ms * 1e3;
                }
            }
            Event::Text {
                index,
                channel,
                text,
            } => {
                let (written, tokens) = self.running[index].get_or_insert_default();
                *tokens += 1;
                if channel == Channel::Analysis {
                    written.push_str(&text);
                }
            }
            Event::Restarted { index } => self.running[index] = None,
            Event::Preview { index, margin } => {
                let position = self.queue.positions[index];
                self.table.entries[position].preview(margin);
                self.previewed.push(position);
            }
            Event::Finished { index, reply } => {
                self.running[index] = None;
                self.finished += 1;
                self.finished_tokens += u64::from(reply.generated_tokens);
                let position = self.queue.positions[index];
                let case = self.table.entries[position].case.id.clone();
                let outcome = outcome(case, reply, &self.contract, self.context_tokens);
                self.fresh.push((position, outcome));
            }
        }
    }

    /// Commits the new outcomes and tells them, or tells the progress alone.
    async fn tell(
        &mut self,
        studio: &Studio,
        clock: &mut Clock,
        on_event: &mut (dyn FnMut(RunEvent) + Send),
    ) -> Result<(), Failure> {
        self.told = Some(Instant::now());
        self.news = false;
        self.tell_watched(studio.watched().as_deref(), on_event);
        let fresh = std::mem::take(&mut self.fresh);
        let mut positions = std::mem::take(&mut self.previewed);
        // Whose verdict is there already needs no preview.
        positions.retain(|position| fresh.iter().all(|(judged, _)| judged != position));
        if fresh.is_empty() && positions.is_empty() {
            on_event(RunEvent::Progress {
                progress: self.progress(clock),
            });
            return Ok(());
        }
        self.store(studio, &fresh, clock).await?;
        for (position, outcome) in fresh {
            let table = &mut self.table;
            table.entries[position].judge(outcome, &table.clauses);
            positions.push(position);
        }
        let rows = positions
            .into_iter()
            .map(|position| self.table.row(&self.table.entries[position]))
            .collect();
        on_event(RunEvent::Outcomes {
            rows,
            figures: self.table.figures(),
            progress: self.progress(clock),
        });
        Ok(())
    }

    /// Commits the new outcomes.
    async fn store(
        &self,
        studio: &Studio,
        fresh: &[(usize, Outcome)],
        clock: &mut Clock,
    ) -> Result<(), Failure> {
        if fresh.is_empty() {
            return Ok(());
        }
        let storing = Instant::now();
        let rows: Vec<(u32, Outcome)> = fresh
            .iter()
            .map(|(position, outcome)| (*position as u32, outcome.clone()))
            .collect();
        let run = self.table.run.run;
        studio.store().append(run, &rows, now_ms()).await?;
        clock.timing.store_ms += ms(storing);
        let elapsed_ms = clock.elapsed_ms();
        clock.timing.first_verdict_ms.get_or_insert(elapsed_ms);
        Ok(())
    }

    fn tell_watched(&mut self, case: Option<&str>, on_event: &mut (dyn FnMut(RunEvent) + Send)) {
        let Some(case) = case else {
            return;
        };
        let entries = &self.table.entries;
        let index = self
            .queue
            .positions
            .iter()
            .position(|position| entries[*position].case.id == case);
        let Some((text, _)) = index.and_then(|index| self.running[index].as_ref()) else {
            return;
        };
        if self.watched_told != (index, text.len()) {
            self.watched_told = (index, text.len());
            on_event(RunEvent::TraceText {
                case: case.to_owned(),
                text: text.clone(),
            });
        }
    }

    /// What is said when a server left some cases without an answer. They have no outcome,
    /// so that resuming the run asks for exactly these.
    fn unanswered(&self, left: &[(usize, String)]) -> Failure {
        let total = self.table.entries.len();
        let mut message = format!("{} of {total} cases have no answer yet.", left.len());
        if let Some((index, why)) = left.first() {
            let case = &self.table.entries[self.queue.positions[*index]].case.id;
            message.push_str(&format!(" {case}: {why}"));
        }
        if self.done() > 0 {
            let run = self.table.run.run.0;
            message.push_str(&format!(
                " What was judged is kept; resume run {run} to ask for the rest."
            ));
        }
        Failure::model(message)
    }

    fn done(&self) -> usize {
        self.cached + self.finished
    }

    fn tokens(&self) -> u64 {
        let running: u64 = self
            .running
            .iter()
            .flatten()
            .map(|(_, tokens)| u64::from(*tokens))
            .sum();
        self.finished_tokens + running
    }

    fn tokens_per_s(&self) -> f64 {
        let seconds = self
            .decoding
            .map_or(0.0, |since| since.elapsed().as_secs_f64());
        if seconds > 0.0 {
            self.tokens() as f64 / seconds
        } else {
            0.0
        }
    }

    fn progress(&self, clock: &Clock) -> Progress {
        let total = self.table.entries.len();
        let left = (total - self.done()) as f64;
        let spent_ms = ms(self.started);
        Progress {
            done: self.done() as u32,
            total: total as u32,
            cached: self.cached as u32,
            running: self.running.iter().flatten().count() as u32,
            tokens_per_s: self.tokens_per_s(),
            left_ms: (self.finished > 0).then(|| spent_ms / self.finished as f64 * left),
            elapsed_ms: clock.elapsed_ms(),
            prefix_tokens: self.prefix_tokens,
            prefix_reused: self.prefix_reused,
            flips_left: self.queue.flips_left(&self.table),
        }
    }
}

/// Reads a reply. What has no whole final message is unparsed, with the reason.
pub(crate) fn outcome(
    case: String,
    reply: Reply,
    contract: &OutputContract,
    context_tokens: u32,
) -> Outcome {
    let unparsed = |reason: String| Reading {
        verdict: Verdict::Unparsed,
        label: None,
        rules: Vec::new(),
        unparsed_reason: Some(reason),
    };
    let reading = match (&reply.finish, &reply.answer) {
        (Finish::Stop, Some(answer)) => read(contract, answer),
        (Finish::Stop, None) => unparsed("The reply ended without a final message.".to_owned()),
        (Finish::Length, _) => {
            let end = reply.prompt_tokens + reply.generated_tokens;
            let bound = if end >= context_tokens {
                format!("where the model's context of {context_tokens} tokens ends")
            } else {
                format!(
                    "after {} tokens, the bound of its effort",
                    reply.generated_tokens
                )
            };
            unparsed(format!(
                "The reply was cut off {bound}, before its answer was whole. Try another effort, \
                 or shorten the policy or the case."
            ))
        }
        (
            Finish::PromptTooLong {
                prompt_tokens,
                context_tokens,
            },
            _,
        ) => unparsed(format!(
            "Policy and case have {prompt_tokens} tokens; the model reads {context_tokens}. \
             Shorten the case or the policy."
        )),
        (Finish::Refused(why), _) => unparsed(format!("The server gave no reply: {why}.")),
        (Finish::Malformed(detail), _) => unparsed(format!(
            "The reply breaks the model's message format: {detail}"
        )),
    };
    Outcome {
        case,
        verdict: reading.verdict,
        unparsed_reason: reading.unparsed_reason,
        label: reading.label,
        rules: reading.rules,
        margin: reply.margin.filter(|margin| margin.is_finite()),
        trace: reply.analysis,
        answer: reply.answer.unwrap_or_default(),
        tokens: TokenCounts {
            prompt: reply.prompt_tokens,
            reused: reply.reused_tokens,
            generated: reply.generated_tokens,
            drafted: reply.drafted_tokens,
            accepted: reply.accepted_tokens,
        },
        latency_ms: reply.latency_ms,
    }
}
