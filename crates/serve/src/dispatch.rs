//! One thread between the requests and the model. Cases wait in a bounded queue; the
//! thread hands them to the engine between two of its steps, so that cases which arrive
//! together, or while others are judged, share each pass over the weights. Whoever asked
//! gives a case up by dropping its ticket; it then leaves the queue or the engine.

use crate::metrics::Metrics;
use engine::{Cancel, Channel, Event, GenerateError, Incoming, Prefix, Reply, Request};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use studio::judge::Judge;
use tokio::sync::mpsc;

/// How long a case under another policy or effort waits while the engine goes on with
/// the prefix that it holds.
const SWITCH_AFTER: Duration = Duration::from_millis(500);
/// Weight of the newest case in the estimate of the time a case takes.
const PACE_WEIGHT: f64 = 0.1;
const RETRY_MAX_S: f64 = 60.0;

/// What is told about one case.
#[derive(Debug)]
pub enum Told {
    Text(Channel, String),
    Finished(Box<Reply>),
    Failed(GenerateError),
}

/// What is asked about one case.
pub struct Ask {
    pub prefix: Arc<Prefix>,
    pub request: Request,
    /// Tell the text as it is generated, not only the reply.
    pub stream: bool,
}

/// A case in the queue or in the engine; dropping it gives the case up.
pub struct Ticket {
    told: mpsc::Receiver<Told>,
    cancel: Cancel,
    shared: Arc<Shared>,
}

impl Ticket {
    /// The next news; nothing once all was told, or the dispatcher is gone.
    pub async fn next(&mut self) -> Option<Told> {
        self.told.recv().await
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel.cancel();
        // One whose end was told, or that the engine has, is not in the queue.
        self.shared.lock().forget(&self.shared.metrics);
    }
}

/// The queue has no room for the cases asked about.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Full { retry_after_s: u32 },
    Stopping,
}

struct Job {
    ask: Ask,
    cancel: Cancel,
    told: mpsc::Sender<Told>,
    since: Instant,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    stopping: bool,
    /// Seconds between two cases that finish while others wait.
    pace_s: f64,
    last_finished: Option<Instant>,
}

impl Queue {
    /// Leaves out what was given up.
    fn forget(&mut self, metrics: &Metrics) {
        self.waiting.retain(|job| !job.cancel.is_cancelled());
        metrics.queue_depth.set(self.waiting.len() as i64);
    }
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    metrics: Arc<Metrics>,
    queue_max: usize,
    /// Ends everything at once.
    cancel: Cancel,
}

/// The way to the engine's thread. Clones share it.
#[derive(Clone)]
pub struct Dispatch(Arc<Shared>);

impl Dispatch {
    /// Starts the thread. It ends after `stop`, when the queue is empty.
    pub fn start(
        judge: Arc<dyn Judge>,
        queue_max: usize,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Dispatch, JoinHandle<()>)> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            metrics,
            queue_max,
            cancel: Cancel::default(),
        });
        let worker = shared.clone();
        let thread = std::thread::Builder::new()
            .name("dispatch".to_owned())
            .spawn(move || work(&worker, judge.as_ref()))?;
        Ok((Dispatch(shared), thread))
    }

    /// Puts all cases into the queue, or none.
    pub fn ask(&self, asks: Vec<Ask>) -> Result<Vec<Ticket>, Refused> {
        let mut queue = self.0.lock();
        if queue.stopping {
            return Err(Refused::Stopping);
        }
        let waiting = queue.waiting.len();
        if waiting + asks.len() > self.0.queue_max {
            let s = (queue.pace_s * waiting as f64)
                .ceil()
                .clamp(1.0, RETRY_MAX_S);
            return Err(Refused::Full {
                retry_after_s: s as u32,
            });
        }
        let tickets = asks
            .into_iter()
            .map(|ask| enqueue(&self.0, &mut queue, ask))
            .collect();
        self.0.metrics.queue_depth.set(queue.waiting.len() as i64);
        drop(queue);
        self.0.changed.notify_one();
        Ok(tickets)
    }

    /// Takes no more cases and ends the thread once those accepted are judged.
    pub fn stop(&self) {
        self.0.lock().stopping = true;
        self.0.changed.notify_one();
    }

    /// As `stop`, and gives up what is under way.
    pub fn abort(&self) {
        self.0.cancel.cancel();
        self.stop();
    }
}

fn enqueue(shared: &Arc<Shared>, queue: &mut Queue, ask: Ask) -> Ticket {
    let cancel = Cancel::default();
    // A message for each generated token at most, the last bytes of each channel, and the
    // end: the channel is never full, so the engine never waits for a slow reader.
    let messages_max = match ask.stream {
        true => ask.request.tokens_max as usize + 8,
        false => 1,
    };
    let (sender, told) = mpsc::channel(messages_max);
    queue.waiting.push_back(Job {
        ask,
        cancel: cancel.clone(),
        told: sender,
        since: Instant::now(),
    });
    Ticket {
        told,
        cancel,
        shared: shared.clone(),
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The prefix of the case that has waited longest; waits for one. Nothing once stopped.
    fn wait(&self) -> Option<Arc<Prefix>> {
        let mut queue = self.lock();
        loop {
            queue.forget(&self.metrics);
            if self.cancel.is_cancelled() {
                return None;
            }
            if let Some(job) = queue.waiting.front() {
                return Some(job.ask.prefix.clone());
            }
            if queue.stopping {
                return None;
            }
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next case under `prefix`. None while a case under another one has waited too
    /// long: the engine then comes to its end and changes over.
    fn take(&self, prefix: &Arc<Prefix>) -> Option<Job> {
        let mut queue = self.lock();
        queue.forget(&self.metrics);
        let same = |job: &Job| Arc::ptr_eq(&job.ask.prefix, prefix) || job.ask.prefix == *prefix;
        let patient = queue
            .waiting
            .front()
            .is_some_and(|first| same(first) || first.since.elapsed() < SWITCH_AFTER);
        let at = match patient {
            true => queue.waiting.iter().position(same),
            false => None,
        };
        let job = at.and_then(|at| queue.waiting.remove(at));
        self.metrics.queue_depth.set(queue.waiting.len() as i64);
        job
    }

    /// Follows how long a case takes while there is always one to judge.
    fn finished(&self, job: &Job, now: Instant) {
        let mut queue = self.lock();
        let since = queue
            .last_finished
            .map_or(job.since, |at| at.max(job.since));
        let took_s = now.duration_since(since).as_secs_f64();
        queue.pace_s = match queue.last_finished {
            Some(_) => queue.pace_s + PACE_WEIGHT * (took_s - queue.pace_s),
            None => took_s,
        };
        queue.last_finished = Some(now);
    }
}

fn work(shared: &Shared, judge: &dyn Judge) {
    while let Some(prefix) = shared.wait() {
        // A panic of the model ends the cases that it had, not the server: their channels
        // close, and whoever waits is told.
        let drive = AssertUnwindSafe(|| drive(shared, judge, &prefix));
        if catch_unwind(drive).is_err() {
            tracing::error!("the model panicked");
            shared.metrics.in_flight.set(0);
        }
    }
    // Only an abort leaves cases behind.
    let mut queue = shared.lock();
    queue.stopping = true;
    for job in queue.waiting.drain(..) {
        tell(&job, Told::Failed(GenerateError::Cancelled));
    }
    shared.metrics.queue_depth.set(0);
}

/// Judges all that comes under one prefix until there is nothing, or others have waited.
fn drive(shared: &Shared, judge: &dyn Judge, prefix: &Arc<Prefix>) {
    let running: RefCell<HashMap<usize, Job>> = RefCell::default();
    let mut begun = 0;
    let mut next = || {
        let mut running = running.borrow_mut();
        running.retain(|_, job| !job.cancel.is_cancelled());
        let job = shared.take(prefix);
        let incoming = job.map(|job| {
            let incoming = Incoming {
                request: job.ask.request.clone(),
                cancel: job.cancel.clone(),
            };
            running.insert(begun, job);
            begun += 1;
            incoming
        });
        shared.metrics.in_flight.set(running.len() as i64);
        incoming
    };
    let mut on_event = |event| match event {
        Event::PrefixReady { tokens, reused, .. } => {
            shared.metrics.prefix(tokens, reused);
        }
        Event::Text {
            index,
            channel,
            text,
        } => {
            if let Some(job) = running.borrow().get(&index).filter(|job| job.ask.stream) {
                tell(job, Told::Text(channel, text));
            }
        }
        // No request here has a draft.
        Event::Preview { .. } => {}
        // What was told does not count, and what is told anew is not told twice.
        Event::Restarted { index } => {
            if let Some(job) = running.borrow_mut().get_mut(&index) {
                job.ask.stream = false;
            }
        }
        Event::Finished { index, reply } => {
            let mut running = running.borrow_mut();
            if let Some(job) = running.remove(&index) {
                let now = Instant::now();
                shared.finished(&job, now);
                shared.metrics.case(&reply, now.duration_since(job.since));
                // Before the answer: who has it finds the metrics that go with it.
                shared.metrics.in_flight.set(running.len() as i64);
                tell(&job, Told::Finished(Box::new(reply)));
            }
        }
    };
    let ended = judge.generate_from(prefix, &mut next, &shared.cancel, &mut on_event);
    shared.metrics.in_flight.set(0);
    let mut running = running.into_inner();
    let unanswered = match ended {
        Ok(()) => Vec::new(),
        Err(GenerateError::Unanswered(missing)) => missing,
        Err(error) => return fail(shared, prefix, running.into_values().collect(), &error),
    };
    let missing = |job: &Job, why| tell(job, Told::Failed(GenerateError::Internal(why)));
    for (index, why) in unanswered {
        if let Some(job) = running.remove(&index) {
            missing(&job, why);
        }
    }
    // A judge that ends well without an answer for someone is at fault.
    for job in running.values() {
        missing(job, "there is no answer".to_owned());
    }
}

/// An error ends all that runs. One of the prefix itself came before any case was taken,
/// and ends all that wait under it, else they would meet it again and again.
fn fail(shared: &Shared, prefix: &Arc<Prefix>, mut failed: Vec<Job>, error: &GenerateError) {
    tracing::error!(%error, "the engine failed");
    if failed.is_empty() {
        let mut queue = shared.lock();
        let waiting = std::mem::take(&mut queue.waiting);
        let (same, others): (Vec<Job>, Vec<Job>) = waiting
            .into_iter()
            .partition(|job| job.ask.prefix == *prefix);
        queue.waiting = others.into();
        failed = same;
    }
    for job in failed {
        tell(&job, Told::Failed(copy(error)));
    }
}

fn copy(error: &GenerateError) -> GenerateError {
    match error {
        GenerateError::Cancelled => GenerateError::Cancelled,
        GenerateError::TooLong(message) => GenerateError::TooLong(message.clone()),
        GenerateError::Internal(message) => GenerateError::Internal(message.clone()),
        GenerateError::Unanswered(missing) => GenerateError::Unanswered(missing.clone()),
    }
}

fn tell(job: &Job, told: Told) {
    if let Err(error) = job.told.try_send(told) {
        // Closed: nobody waits any more. Full cannot be, by the bound.
        debug_assert!(matches!(error, mpsc::error::TrySendError::Closed(_)));
    }
}
