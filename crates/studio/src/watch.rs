//! Changes made outside the studio: by another editor, by git. What the studio itself
//! wrote is known by its hash and never reported.

use crate::files;
use crate::studio::Studio;
use crate::view::{Failure, WorkspaceEvent};
use crate::workspace::{FIXTURES, POLICIES, names, policy_path, suite_path};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// A save is a burst of events (temporary file, rename, attributes): look once it is over.
const QUIET: Duration = Duration::from_millis(80);
/// Look at the latest after this many bursts without a pause.
const BURSTS_MAX: u32 = 10;

/// Watches the workspace's files until it is dropped.
pub struct Watch {
    _watcher: RecommendedWatcher,
}

/// The hashes of the files as the studio knows them; no hash where there is no file.
pub(crate) struct Known {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: Vec<String>,
    hashes: HashMap<PathBuf, String>,
}

impl Known {
    pub(crate) fn new(root: &Path) -> Known {
        let known = Known {
            root: root.to_owned(),
            state: Mutex::default(),
        };
        known.changes();
        known
    }

    /// The studio is about to write this.
    pub(crate) fn expect(&self, path: &Path, hash: &str) {
        let mut state = self.lock();
        state.hashes.insert(path.to_owned(), hash.to_owned());
        let name = path.file_stem().and_then(|name| name.to_str());
        if path.parent() == Some(&self.root.join(POLICIES))
            && let Some(name) = name
            && !state.names.iter().any(|known| known == name)
        {
            state.names.push(name.to_owned());
            state.names.sort();
        }
    }

    /// What differs from what is known; it is known from now on.
    fn changes(&self) -> Vec<WorkspaceEvent> {
        let (found, _) = names(&self.root);
        let mut state = self.lock();
        let mut events = Vec::new();
        if state.names != found {
            state.names.clone_from(&found);
            events.push(WorkspaceEvent::PoliciesChanged);
        }
        for name in found {
            let policy = policy_path(&self.root, &name);
            if let Some(file_hash) = state.differs(policy) {
                let name = name.clone();
                events.push(WorkspaceEvent::PolicyChanged { name, file_hash });
            }
            let suite = suite_path(&self.root, &name);
            if let Some(file_hash) = state.differs(suite) {
                events.push(WorkspaceEvent::SuiteChanged { name, file_hash });
            }
        }
        events
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl State {
    /// The file's hash where it is another than the known one.
    fn differs(&mut self, path: PathBuf) -> Option<String> {
        let bytes = files::read(&path).ok()?;
        let hash = bytes.as_deref().map(files::hash).unwrap_or_default();
        let known = self.hashes.entry(path).or_default();
        if *known == hash {
            return None;
        }
        known.clone_from(&hash);
        Some(hash)
    }
}

impl Studio {
    /// Reports changes made outside the studio, until the result is dropped.
    pub fn watch(
        &self,
        on_event: impl FnMut(WorkspaceEvent) + Send + 'static,
    ) -> Result<Watch, Failure> {
        // Full means that a look is due anyway.
        let (sender, signals) = sync_channel(1);
        let fault = |error: notify::Error| {
            Failure::internal(format!(
                "Changes made outside cannot be watched: {error}. Reopen the workspace after \
                 editing its files elsewhere."
            ))
        };
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // Reading a file is no change, and looking reads.
                if !event.is_ok_and(|event| event.kind.is_access()) {
                    let _ = sender.try_send(());
                }
            })
            .map_err(fault)?;
        // The folders may be created later: the root tells.
        watcher
            .watch(self.root(), RecursiveMode::NonRecursive)
            .map_err(fault)?;
        for folder in [POLICIES, FIXTURES] {
            let folder = self.root().join(folder);
            if !folder.is_dir() {
                std::fs::create_dir_all(&folder)
                    .map_err(|error| Failure::file(&folder, "created", &error))?;
            }
            watcher
                .watch(&folder, RecursiveMode::NonRecursive)
                .map_err(fault)?;
        }
        let known: Arc<Known> = self.known().clone();
        std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || look(&signals, &known, on_event))
            .map_err(|error| Failure::internal(format!("no thread for watching: {error}")))?;
        Ok(Watch { _watcher: watcher })
    }
}

/// Ends when the watcher, which holds the sender, is dropped.
fn look(signals: &Receiver<()>, known: &Known, mut on_event: impl FnMut(WorkspaceEvent)) {
    while signals.recv().is_ok() {
        for _ in 0..BURSTS_MAX {
            match signals.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        known.changes().into_iter().for_each(&mut on_event);
    }
}
