//! One evaluation at a time, and the newest wins: whoever begins cancels those before.

use domain::run::RunId;
use engine::Cancel;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, Notify, watch};

#[derive(Default)]
pub(crate) struct Turns {
    newest: Mutex<Option<Ticket>>,
    /// Raised to end what waits behind evaluations.
    ended: watch::Sender<u64>,
    /// Held by the evaluation that runs. It holds a run that was left running because
    /// its caller went away in the middle.
    running: AsyncMutex<Option<RunId>>,
}

/// The right to evaluate until someone else begins. Dropping it ends what it started.
pub(crate) struct Turn(Ticket);

#[derive(Clone)]
struct Ticket {
    work: Work,
    cancel: Cancel,
    changed: Arc<Notify>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Evaluation,
    /// What may be done at any time, and gives way to every evaluation.
    Later,
}

impl Ticket {
    fn new(work: Work) -> Ticket {
        Ticket {
            work,
            cancel: Cancel::default(),
            changed: Arc::default(),
        }
    }

    fn cancel(&self) {
        self.cancel.cancel();
        self.changed.notify_waiters();
    }
}

impl Turns {
    pub(crate) fn begin(&self) -> Turn {
        let ticket = Ticket::new(Work::Evaluation);
        self.end_waiting();
        if let Some(older) = self.lock().replace(ticket.clone()) {
            older.cancel();
        }
        Turn(ticket)
    }

    /// As `begin`, behind what runs or waits already: work that may be done later, and that
    /// a new evaluation ends, even while it waits. Nothing when it was ended.
    pub(crate) async fn behind(&self) -> Option<(Turn, AsyncMutexGuard<'_, Option<RunId>>)> {
        let mut ended = self.ended.subscribe();
        loop {
            let running = tokio::select! {
                biased;
                _ = ended.changed() => return None,
                running = self.idle() => running,
            };
            let waiting = {
                let mut newest = self.lock();
                match newest
                    .as_ref()
                    .filter(|ticket| !ticket.cancel.is_cancelled())
                {
                    Some(ticket) => Turn::watch(ticket),
                    None => {
                        let ticket = Ticket::new(Work::Later);
                        *newest = Some(ticket.clone());
                        return Some((Turn(ticket), running));
                    }
                }
            };
            // An evaluation has begun and waits for its turn; it goes first.
            drop(running);
            tokio::select! {
                biased;
                _ = ended.changed() => return None,
                () = waiting => {}
            }
        }
    }

    /// Ends whatever runs or waits.
    pub(crate) fn cancel(&self) {
        self.end_waiting();
        if let Some(ticket) = self.lock().take() {
            ticket.cancel();
        }
    }

    /// Ends what gives way to evaluations, and leaves these alone.
    pub(crate) fn cancel_later(&self) {
        self.end_waiting();
        let mut newest = self.lock();
        if let Some(ticket) = newest.take_if(|ticket| ticket.work == Work::Later) {
            ticket.cancel();
        }
    }

    fn end_waiting(&self) {
        self.ended.send_modify(|times| *times += 1);
    }

    /// Waits until no other evaluation runs.
    pub(crate) async fn idle(&self) -> AsyncMutexGuard<'_, Option<RunId>> {
        self.running.lock().await
    }

    fn lock(&self) -> MutexGuard<'_, Option<Ticket>> {
        self.newest.lock().expect("no holder of this lock panics")
    }
}

impl Turn {
    /// The engine's flag.
    pub(crate) fn flag(&self) -> &Cancel {
        &self.0.cancel
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.cancel.is_cancelled()
    }

    /// What `work` gives, or nothing when the turn is cancelled before.
    pub(crate) async fn or_cancelled<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.cancelled() => None,
            result = work => Some(result),
        }
    }

    async fn cancelled(&self) {
        Turn::watch(&self.0).await;
    }

    /// Ends when the ticket is cancelled, by whomever.
    fn watch(ticket: &Ticket) -> impl Future<Output = ()> + use<> {
        let ticket = ticket.clone();
        async move {
            loop {
                // Made before the flag is read, so that no notification falls in between.
                let changed = ticket.changed.notified();
                if ticket.cancel.is_cancelled() {
                    return;
                }
                changed.await;
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
