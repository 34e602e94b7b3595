//! Hands one call's requests to several workers and brings back their events.
//!
//! A model that fits the processor's caches gains nothing from splitting a product of matrices
//! over threads: the pieces are too small. So each thread answers requests of its own. Which
//! worker answers a request makes no difference to its reply.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{Event, GenerateError, Incoming};

/// Threads that each compute alone; none where all threads share each product.
pub(crate) struct Crew(Vec<ThreadPool>);

/// A request, and its index in the call.
pub(crate) type Numbered = (usize, Incoming);

/// What a worker does before each of its steps: reports what happened, says for how many
/// requests it has room, and is given as many or fewer.
pub(crate) type Exchange<'a> =
    dyn FnMut(Vec<Event>, usize) -> Result<Vec<Numbered>, GenerateError> + 'a;

/// A worker's whole work: it ends once it has nothing and is given nothing.
pub(crate) type Work<'a> = dyn Fn(&mut Exchange<'_>) -> Result<(), GenerateError> + Sync + 'a;

/// What a worker tells whoever hands out the requests.
enum Said {
    Step {
        worker: usize,
        events: Vec<Event>,
        wanted: usize,
    },
    Ended {
        worker: usize,
        result: Result<(), GenerateError>,
    },
}

impl Crew {
    /// One thread for each that the machine gives this process.
    pub(crate) fn each_alone() -> Crew {
        let alone = |_| ThreadPoolBuilder::new().num_threads(1).build();
        // Without threads of their own, the shared ones serve.
        let pools: Result<Vec<_>, _> = (0..rayon::current_num_threads()).map(alone).collect();
        Crew(pools.unwrap_or_default())
    }

    pub(crate) fn all_together() -> Crew {
        Crew(Vec::new())
    }

    /// How many work at the same time.
    pub(crate) fn workers(&self) -> usize {
        self.0.len().max(1)
    }

    /// Works until `next` has nothing more. `next` and `on_event` are called on this thread.
    pub(crate) fn work(
        &self,
        work: &Work<'_>,
        next: &mut dyn FnMut() -> Option<Incoming>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        let mut begun = 0;
        let mut numbered = || {
            let incoming = next()?;
            begun += 1;
            Some((begun - 1, incoming))
        };
        if self.0.len() < 2 {
            return work(&mut |events, wanted| {
                events.into_iter().for_each(&mut *on_event);
                Ok((0..wanted).map_while(|_| numbered()).collect())
            });
        }
        let (say, hear) = mpsc::channel();
        thread::scope(|scope| {
            let mut desks: Vec<Desk> = self.0.iter().map(Desk::new).collect();
            for (worker, desk) in desks.iter_mut().enumerate() {
                desk.hire(scope, worker, Vec::new(), work, &say);
            }
            let mut result = Ok(());
            while desks.iter().any(Desk::at_work) {
                // `say` lives as long as this loop: there is always someone who may speak.
                let Ok(said) = hear.recv() else { break };
                match said {
                    Said::Step {
                        worker,
                        events,
                        wanted,
                    } => {
                        events.into_iter().for_each(&mut *on_event);
                        if wanted == 0 {
                            continue;
                        }
                        let mut given = Vec::new();
                        if result.is_ok() {
                            // Whoever has nothing to do comes first: a request joins sooner there.
                            let idle = desks.iter_mut().enumerate();
                            for (worker, desk) in idle.filter(|(_, desk)| !desk.at_work()) {
                                if let Some(first) = numbered() {
                                    desk.hire(scope, worker, vec![first], work, &say);
                                }
                            }
                            given.extend((0..wanted).map_while(|_| numbered()));
                        }
                        desks[worker].give(given);
                    }
                    Said::Ended { worker, result: of } => {
                        desks[worker].leave();
                        result = result.and(of);
                    }
                }
            }
            result
        })
    }
}

/// A worker's place, and while it is taken, the way to give it requests.
struct Desk<'a> {
    pool: &'a ThreadPool,
    give: Option<Sender<Vec<Numbered>>>,
}

impl<'a> Desk<'a> {
    fn new(pool: &'a ThreadPool) -> Desk<'a> {
        Desk { pool, give: None }
    }

    fn at_work(&self) -> bool {
        self.give.is_some()
    }

    fn leave(&mut self) {
        self.give = None;
    }

    fn give(&self, requests: Vec<Numbered>) {
        if let Some(give) = &self.give {
            // Nobody is there any more only when the work is over.
            let _ = give.send(requests);
        }
    }

    /// Begins to work, with these requests before all others.
    fn hire<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        worker: usize,
        mut first: Vec<Numbered>,
        work: &'scope Work<'_>,
        say: &Sender<Said>,
    ) where
        'a: 'scope,
    {
        let (give, given): (_, Receiver<Vec<Numbered>>) = mpsc::channel();
        self.give = Some(give);
        let (pool, say) = (self.pool, say.clone());
        scope.spawn(move || {
            let (saying, gone) = (say.clone(), |_| GenerateError::Cancelled);
            let mut exchange = move |events: Vec<Event>, wanted: usize| {
                if !first.is_empty() {
                    return Ok(std::mem::take(&mut first));
                }
                if events.is_empty() && wanted == 0 {
                    return Ok(Vec::new());
                }
                let step = Said::Step {
                    worker,
                    events,
                    wanted,
                };
                saying.send(step).map_err(|_| GenerateError::Cancelled)?;
                match wanted {
                    0 => Ok(Vec::new()),
                    _ => given.recv().map_err(gone),
                }
            };
            let result = pool.install(move || work(&mut exchange));
            // Whoever listened may have given up.
            let _ = say.send(Said::Ended { worker, result });
        });
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::cell::Cell;
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};
    use std::thread::ThreadId;
    use std::time::Duration;

    use super::*;
    use crate::{Alternatives, Cancel, Request, Sampling};

    /// For a thread that has not run yet, on a machine that does much else.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn crew(threads: usize) -> Crew {
        let one = |_| ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        Crew((0..threads).map(one).collect())
    }

    fn incoming() -> Incoming {
        let request = Request {
            user: String::new(),
            sampling: Sampling::Greedy,
            tokens_max: 1,
            alternatives: Alternatives::default(),
            draft: None,
        };
        let cancel = Cancel::default();
        Incoming { request, cancel }
    }

    fn answered(index: usize) -> Event {
        Event::Restarted { index }
    }

    /// Answers what it is given in one step, two at a time.
    fn obliging(exchange: &mut Exchange<'_>) -> Result<(), GenerateError> {
        let mut events = Vec::new();
        loop {
            let given = exchange(std::mem::take(&mut events), 2)?;
            if given.is_empty() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(1));
            events.extend(given.iter().map(|(index, _)| answered(*index)));
        }
    }

    #[test]
    fn each_request_is_answered_once_whatever_the_number_of_workers() {
        for threads in [0, 1, 2, 5] {
            let (mut left, mut seen) = (23, Vec::new());
            let mut next = || {
                left -= 1;
                (left >= 0).then(incoming)
            };
            let mut on_event = |event| seen.push(event);
            crew(threads)
                .work(&obliging, &mut next, &mut on_event)
                .unwrap();
            assert_eq!(seen.len(), 23, "{threads} threads");
            let all: Vec<Event> = (0..23).map(answered).collect();
            assert!(all.iter().all(|event| seen.contains(event)));
        }
    }

    #[test]
    fn a_worker_that_had_nothing_takes_what_comes_later() {
        let (names, changed) = (Mutex::new(HashSet::new()), Condvar::new());
        let first = AtomicUsize::new(0);
        let work = |exchange: &mut Exchange<'_>| {
            let mut events = Vec::new();
            loop {
                let given = exchange(std::mem::take(&mut events), 1)?;
                if given.is_empty() {
                    return Ok(());
                }
                let mut names = names.lock().unwrap();
                names.insert(thread::current().id());
                changed.notify_all();
                if first.fetch_add(1, Ordering::Relaxed) > 0 {
                    // Whoever has the second waits for the other worker, however late it is.
                    let alone = |names: &mut HashSet<ThreadId>| names.len() < 2;
                    drop(changed.wait_timeout_while(names, PATIENCE, alone).unwrap());
                }
                events.extend(given.iter().map(|(index, _)| answered(*index)));
            }
        };
        // One request at first; two more once it is answered, when the other worker has left.
        let (given, done) = (Cell::new(0), Cell::new(0));
        let mut next = || {
            let waiting = if done.get() == 0 { 1 } else { 3 };
            (given.get() < waiting).then(|| {
                given.set(given.get() + 1);
                incoming()
            })
        };
        let mut on_event = |_| done.set(done.get() + 1);
        crew(2).work(&work, &mut next, &mut on_event).unwrap();
        assert_eq!(done.get(), 3);
        assert_eq!(names.into_inner().unwrap().len(), 2);
    }

    #[test]
    fn a_worker_that_fails_ends_the_call_and_its_reason_is_given() {
        let begun = AtomicUsize::new(0);
        let work = |exchange: &mut Exchange<'_>| match begun.fetch_add(1, Ordering::Relaxed) {
            3 => Err(GenerateError::Internal("the fourth".to_owned())),
            _ => obliging(exchange),
        };
        let mut endless = || Some(incoming());
        let result = crew(4).work(&work, &mut endless, &mut |_| ());
        let Err(GenerateError::Internal(why)) = result else {
            panic!("{result:?}");
        };
        assert_eq!(why, "the fourth");
    }
}
