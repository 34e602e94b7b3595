//! One evaluation at a time, and the newest wins: whoever begins cancels those before.

use domain::run::RunId;
use engine::Cancel;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, Notify};

#[derive(Default)]
pub(crate) struct Turns {
    newest: Mutex<Option<Ticket>>,
    /// Held by the evaluation that runs. It holds a run that was left running because
    /// its caller went away in the middle.
    running: AsyncMutex<Option<RunId>>,
}

/// The right to evaluate until someone else begins. Dropping it ends what it started.
pub(crate) struct Turn(Ticket);

#[derive(Clone, Default)]
struct Ticket {
    cancel: Cancel,
    changed: Arc<Notify>,
}

impl Ticket {
    fn cancel(&self) {
        self.cancel.cancel();
        self.changed.notify_waiters();
    }
}

impl Turns {
    pub(crate) fn begin(&self) -> Turn {
        let ticket = Ticket::default();
        if let Some(older) = self.lock().replace(ticket.clone()) {
            older.cancel();
        }
        Turn(ticket)
    }

    /// As `begin`, behind what runs or waits already: work that may be done later, and that
    /// a new evaluation ends.
    pub(crate) async fn behind(&self) -> (Turn, AsyncMutexGuard<'_, Option<RunId>>) {
        loop {
            let running = self.idle().await;
            let waiting = {
                let mut newest = self.lock();
                match newest
                    .as_ref()
                    .filter(|ticket| !ticket.cancel.is_cancelled())
                {
                    Some(ticket) => Turn::watch(ticket),
                    None => {
                        let ticket = Ticket::default();
                        *newest = Some(ticket.clone());
                        return (Turn(ticket), running);
                    }
                }
            };
            // An evaluation has begun and waits for its turn; it goes first.
            drop(running);
            waiting.await;
        }
    }

    pub(crate) fn cancel(&self) {
        if let Some(ticket) = self.lock().take() {
            ticket.cancel();
        }
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
