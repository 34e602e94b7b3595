//! An open workspace and the state that its calls share.

use crate::judge::Judge;
use crate::model_tasks::ModelTask;
use crate::models::Models;
use crate::servers::{Outside, Servers};
use crate::turns::Turns;
use crate::view::{
    Failure, Figures, ModelView, Problem, RunSummary, Severity, Usage, WorkspaceView,
};
use crate::watch::Known;
use crate::workspace::{self, Config};
use crate::{DATA, files};
use domain::case::Case;
use domain::run::{Numerics, Outcome};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use store::{Store, StoreError};

const DATABASE: &str = "studio.db";
const DEBOUNCE_MS: u32 = 300;

/// An open workspace. Clones share it; every method may be called from any thread of a
/// tokio runtime.
#[derive(Clone)]
pub struct Studio {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    config: Config,
    /// What was wrong when the workspace was opened.
    problems: Vec<Problem>,
    store: Store,
    models: Models,
    servers: Arc<Servers>,
    turns: Turns,
    model_task: ModelTask,
    /// The case whose trace is streamed.
    watched: Mutex<Option<String>>,
    known: Arc<Known>,
    /// One save at a time, so that comparing with the disk and writing are one step.
    saving: Mutex<()>,
}

#[derive(Clone, Default)]
pub struct Options {
    /// The model to judge with, before any choice stored in the workspace: `pebble`, a folder,
    /// or a server's address.
    pub model: Option<String>,
    /// How the engine multiplies, before what touchstone.toml says.
    pub numerics: Option<Numerics>,
    /// Where a model on disk computes, before what touchstone.toml says.
    pub device: Option<engine::Device>,
    pub bad_database: BadDatabase,
    /// Judges instead of any model on disk (a replay, in tests).
    pub judge: Option<Arc<dyn Judge>>,
    /// Hosts that content may be sent to, for this process alone.
    pub outside: Outside,
}

/// What to do with a database that is corrupted or comes from a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadDatabase {
    /// `open` fails with `Code::BadDatabase`; the message names the file and the remedy.
    #[default]
    Refuse,
    /// Keep it under another name beside the fresh one, and say so in `WorkspaceView::problems`.
    MoveAside,
}

/// Where the time of one evaluation went; zero for what did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Timing {
    /// From the request to the last event, debounce included.
    pub wall_ms: f64,
    /// Waiting for the model to be loaded.
    pub load_ms: f64,
    pub prefill_tokens_per_s: f64,
    pub decode_tokens_per_s: f64,
    /// From the request to the first new verdict in the database.
    pub first_verdict_ms: Option<f64>,
    pub store_ms: f64,
}

/// A run as the command line prints it: everything, outcomes whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    pub summary: RunSummary,
    pub figures: Figures,
    /// Only of a run by a server.
    pub usage: Option<Usage>,
    pub cases: Vec<RecordedCase>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedCase {
    pub case: Case,
    pub outcome: Option<Outcome>,
    pub cached: bool,
}

impl Studio {
    /// Opens a folder as a workspace, creates its `.touchstone/` and begins to load the model.
    /// Runs that an ended process left behind are marked interrupted.
    pub async fn open(root: &Path, options: Options) -> Result<Studio, Failure> {
        let root = std::fs::canonicalize(root)
            .map_err(|error| Failure::file(root, "opened as a workspace", &error))?;
        if !root.is_dir() {
            let message = format!("{} is not a folder. Open a folder.", root.display());
            return Err(Failure::input(message));
        }
        let data = root.join(DATA);
        std::fs::create_dir_all(&data).map_err(|error| Failure::file(&data, "created", &error))?;
        let (config, config_problem) = workspace::config(&root);
        let mut problems = Vec::from_iter(config_problem);
        let store = open_store(&data.join(DATABASE), options.bad_database, &mut problems).await?;
        let servers = Arc::new(Servers::open(store.clone(), options.outside).await?);
        let device = options.device.or(config.device.map(Into::into));
        let device = device.unwrap_or_default();
        let models = match options.judge {
            Some(judge) => Models::fixed(&root, judge, servers.clone()),
            None => Models::new(
                &root,
                options.model.as_deref(),
                config.model.clone(),
                options.numerics.or(config.numerics).unwrap_or_default(),
                device,
                servers.clone(),
            ),
        };
        Ok(Studio {
            inner: Arc::new(Inner {
                known: Arc::new(Known::new(&root)),
                root,
                config,
                problems,
                store,
                models,
                servers,
                turns: Turns::default(),
                model_task: ModelTask::default(),
                watched: Mutex::default(),
                saving: Mutex::default(),
            }),
        })
    }

    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// `debounce_ms` of touchstone.toml, or 300.
    pub fn debounce_ms(&self) -> u32 {
        self.inner.config.debounce_ms.unwrap_or(DEBOUNCE_MS)
    }

    pub async fn workspace(&self) -> Result<WorkspaceView, Failure> {
        let root = self.root();
        let (names, name_problems) = workspace::names(root);
        let mut problems = self.inner.problems.clone();
        problems.extend(name_problems);
        let mut policies = Vec::new();
        for name in names {
            let (summary, found) = workspace::summary(root, &name);
            policies.push(summary);
            problems.extend(found);
        }
        if policies.is_empty() {
            problems.push(Problem {
                severity: Severity::Warning,
                file: workspace::POLICIES.to_owned(),
                line: None,
                message: "There is no policy here. Put Markdown files into policies/, or create \
                          a policy."
                    .to_owned(),
            });
        }
        if let Some(message) = self.inner.models.trouble() {
            problems.push(Problem {
                severity: Severity::Error,
                file: "model".to_owned(),
                line: None,
                message,
            });
        }
        let name = root.file_name();
        Ok(WorkspaceView {
            name: name.map_or_else(
                || "/".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            ),
            root: root.to_string_lossy().into_owned(),
            policies,
            models: self.inner.models.views(),
            model: self.inner.models.selected(),
            problems,
        })
    }

    /// The models that were found, the selected one among them.
    pub fn models(&self) -> Vec<ModelView> {
        self.inner.models.views()
    }

    /// Judges with another model from the next evaluation on; returns when it is loaded.
    /// When it cannot be loaded the present one stays.
    pub async fn select_model(&self, id: &str) -> Result<ModelView, Failure> {
        self.inner.models.select(id).await
    }

    /// Streams the trace of this case, of whatever runs, as `RunEvent::TraceText`.
    pub fn watch_trace(&self, case: Option<String>) {
        *self
            .inner
            .watched
            .lock()
            .expect("no holder of this lock panics") = case;
    }

    /// Stops the evaluation under way, if any, and whatever waits behind it.
    pub fn cancel(&self) {
        self.inner.turns.cancel();
    }

    /// Stops confirming, attribution and ablation, and no evaluation.
    pub fn cancel_probes(&self) {
        self.inner.turns.cancel_later();
    }

    /// Stops what runs and closes the database in good order.
    pub async fn close(&self) {
        self.cancel();
        self.cancel_model_task();
        let _idle = self.inner.turns.idle().await;
        self.inner.store.close().await;
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn model(&self) -> &Models {
        &self.inner.models
    }

    pub(crate) fn servers_outside(&self) -> &Servers {
        &self.inner.servers
    }

    pub(crate) fn model_task(&self) -> &ModelTask {
        &self.inner.model_task
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.inner.turns
    }

    pub(crate) fn known(&self) -> &Arc<Known> {
        &self.inner.known
    }

    pub(crate) fn watched(&self) -> Option<String> {
        self.inner
            .watched
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }

    /// Writes a file whose bytes on disk are still those that `base_hash` names (empty: no
    /// file), or returns what is there instead.
    pub(crate) fn replace(
        &self,
        path: &Path,
        bytes: &[u8],
        base_hash: &str,
    ) -> Result<Result<String, Vec<u8>>, Failure> {
        let _saving = self
            .inner
            .saving
            .lock()
            .expect("no holder of this lock panics");
        let disk = files::read(path)?;
        let disk_hash = disk.as_deref().map(files::hash).unwrap_or_default();
        if disk_hash != base_hash {
            return Ok(Err(disk.unwrap_or_default()));
        }
        let hash = files::hash(bytes);
        // Told before the write, so that the watcher cannot see the new file first.
        self.inner.known.expect(path, &hash);
        if let Err(failure) = files::write(path, bytes) {
            self.inner.known.expect(path, &disk_hash);
            return Err(failure);
        }
        Ok(Ok(hash))
    }
}

async fn open_store(
    path: &Path,
    bad: BadDatabase,
    problems: &mut Vec<Problem>,
) -> Result<Store, Failure> {
    match (Store::open(path).await, bad) {
        (Err(error), BadDatabase::MoveAside) if error.is_bad_file() => {
            let kept = move_aside(path, &error)?;
            problems.push(Problem {
                severity: Severity::Warning,
                file: format!("{DATA}/{DATABASE}"),
                line: None,
                message: format!(
                    "{error} It was kept as {}; history starts afresh.",
                    kept.display()
                ),
            });
            Ok(Store::open(path).await?)
        }
        (opened, _) => Ok(opened?),
    }
}

fn move_aside(path: &Path, error: &StoreError) -> Result<PathBuf, Failure> {
    tracing::warn!(%error, "the database is moved aside");
    Ok(store::move_aside(path, now_ms())?)
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_millis() as i64)
}
