//! Many requests to one server: the first alone until it is under way, so that the prefix
//! they share is in the server's cache, then several at a time, each asked again while its
//! fault is a passing one. Dropping the future closes every connection.

use crate::api::{Event, Finish, Limits, Prefix, Reply, Request};
use crate::client::{Client, Listener};
use crate::fault::Fault;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rand::Rng;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;

/// What the requests of one call tell each other.
#[derive(Default)]
struct Pace {
    /// The first request is under way, or its first attempt has failed.
    warm: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A server that asks one request to wait has all of them wait.
    not_before: Option<Instant>,
    failures_in_a_row: u32,
    last: Option<Fault>,
}

impl Client {
    /// Answers all requests, in the given order of start; each ends with one `Finished` or
    /// one `Failed`. Ends early where nobody listens.
    pub async fn generate(&self, prefix: &Prefix, requests: &[Request], events: Sender<Event>) {
        let pace = Pace::default();
        let started = Instant::now();
        let mut waiting = requests.iter().enumerate();
        let mut running = FuturesUnordered::new();
        if let Some((index, request)) = waiting.next() {
            running.push(self.answer(prefix, request, index, &events, &pace));
            tokio::select! {
                _ = running.next() => {}
                () = pace.warm.notified() => {}
            }
            let elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
            let _ = events.send(Event::Warm { elapsed_ms }).await;
        }
        loop {
            while running.len() < self.line.limits.concurrency.max(1) && !events.is_closed() {
                let Some((index, request)) = waiting.next() else {
                    break;
                };
                running.push(self.answer(prefix, request, index, &events, &pace));
            }
            if running.next().await.is_none() {
                return;
            }
        }
    }

    async fn answer(
        &self,
        prefix: &Prefix,
        request: &Request,
        index: usize,
        events: &Sender<Event>,
        pace: &Pace,
    ) {
        let event = match self.insist(prefix, request, index, events, pace).await {
            Ok(reply) => Event::Finished { index, reply },
            Err(fault) => Event::Failed {
                index,
                message: fault.to_string(),
            },
        };
        let _ = events.send(event).await;
    }

    /// Asks until there is a reply or no hope of one.
    async fn insist(
        &self,
        prefix: &Prefix,
        request: &Request,
        index: usize,
        events: &Sender<Event>,
        pace: &Pace,
    ) -> Result<Reply, Fault> {
        if let Some(why) = self.objection(prefix, request) {
            return Ok(refused(why));
        }
        let limits = &self.line.limits;
        let (mut attempts, mut waited) = (0, Duration::ZERO);
        loop {
            if let Some(fault) = pace.given_up(limits) {
                return Err(fault);
            }
            pace.wait().await;
            let listener = Listener {
                index,
                events,
                warm: &pace.warm,
            };
            let fault = match self.ask(prefix, request, listener).await {
                Ok(reply) => {
                    pace.answered();
                    return Ok(reply);
                }
                Err(Fault::TooLong(message)) => {
                    pace.answered();
                    return Ok(refused(message));
                }
                Err(fault) => fault,
            };
            pace.warm.notify_one();
            let pause = backoff(limits, attempts + 1, &fault);
            let hope = match &fault {
                Fault::Busy { .. } => {
                    waited += pause;
                    let hope = waited <= limits.patience;
                    if hope {
                        pace.hold(pause);
                    }
                    hope
                }
                fault => {
                    attempts += 1;
                    fault.is_passing() && attempts < limits.attempts_max
                }
            };
            tracing::debug!(index, attempts, %fault, hope, "a request has no reply yet");
            if !hope {
                pace.failed(&fault);
                return Err(fault);
            }
            let _ = events.send(Event::Again { index }).await;
            tokio::time::sleep(pause).await;
        }
    }
}

impl Pace {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    async fn wait(&self) {
        loop {
            let until = self.lock().not_before;
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => return,
            }
        }
    }

    fn hold(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut state = self.lock();
        state.not_before = state.not_before.max(Some(until));
    }

    fn answered(&self) {
        self.lock().failures_in_a_row = 0;
    }

    fn failed(&self, fault: &Fault) {
        let mut state = self.lock();
        state.failures_in_a_row += 1;
        state.last = Some(fault.clone());
    }

    /// Why nothing more is asked: so many in a row had no answer.
    fn given_up(&self, limits: &Limits) -> Option<Fault> {
        let state = self.lock();
        let last = state.last.as_ref()?;
        (state.failures_in_a_row >= limits.failures_in_a_row_max)
            .then(|| Fault::NotAsked(last.to_string()))
    }
}

/// How long to wait before the next attempt: what the server asks for, else twice as long
/// as the time before; half of it by chance, so that many do not come back at once.
pub(crate) fn backoff(limits: &Limits, attempt: u32, fault: &Fault) -> Duration {
    let doubled = limits
        .backoff_first
        .saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let most = doubled.min(limits.backoff_most);
    let jitter = most.mul_f64(rand::rng().random_range(0.5..1.0));
    match fault {
        Fault::Busy {
            retry_after: Some(asked),
            ..
        } => *asked + jitter.min(limits.backoff_first),
        _ => jitter,
    }
}

fn refused(why: String) -> Reply {
    Reply {
        analysis: String::new(),
        answer: None,
        finish: Finish::Refused(why.trim_end_matches(['.', ' ']).to_owned()),
        margin: None,
        prompt_tokens: 0,
        reused_tokens: 0,
        generated_tokens: 0,
        latency_ms: 0.0,
    }
}
