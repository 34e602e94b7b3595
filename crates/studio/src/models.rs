//! Which models there are and which one judges. Loading happens on a thread of its own,
//! so that opening a workspace never waits for weights.
//!
//! Pebble, the demonstration model, is looked for in this order: the folder named by
//! `TOUCHSTONE_PEBBLE`; `fixtures/pebble` of the workspace and of the folders above it;
//! `pebble` and `fixtures/pebble` beside the executable and in the folders above it;
//! `fixtures/pebble` of the current folder.
//!
//! Listed are Pebble, the configured model, and the checkpoints of `models/` in the workspace,
//! of the folder of fetched models, and of the hub's cache.
//!
//! The model that judges is the first of these that is given: the host's option, the
//! choice stored by `select` in `.touchstone/model`, `model` of touchstone.toml, Pebble.
//! An address, `http://host:port/v1#model`, stands for a model on a server; it is reached
//! when it is needed first, and again after a while or when it left cases without an answer.

mod described;

use self::described::{configured_context, is_checkpoint, name_in_cache};
use crate::fetch::{UNFINISHED, Unfinished, models_folder};
use crate::judge::{Judge, of_engine};
use crate::servers::{self, Servers};
use crate::view::{Failure, ModelView};
use domain::run::Numerics;
use engine::{Device, Engine, Placement};
use remote::Endpoint;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::watch;

pub(crate) const PEBBLE: &str = "pebble";
const PEBBLE_VARIABLE: &str = "TOUCHSTONE_PEBBLE";

/// A server is asked anew who it is after this time: it may have been updated.
const CONNECTION_MAX: Duration = Duration::from_secs(600);

/// A folder that looks like a checkpoint, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub id: String,
    /// Of an address, the address itself.
    pub path: PathBuf,
    pub demonstration: bool,
    pub remote: bool,
}

/// The model that judges, on its way into memory or there.
#[derive(Clone)]
struct Slot {
    found: Found,
    state: watch::Receiver<State>,
    /// Of a server's: its state changes whenever it is reached or lost.
    change: Option<Arc<watch::Sender<State>>>,
    reached: Arc<Mutex<Option<Instant>>>,
}

#[derive(Clone)]
enum State {
    /// A server that was not asked yet.
    Unreached,
    Loading,
    Ready(Arc<dyn Judge>),
    Failed(String),
}

pub(crate) struct Models {
    root: PathBuf,
    configured: Option<String>,
    numerics: Numerics,
    device: Device,
    servers: Arc<Servers>,
    slot: Mutex<Result<Slot, String>>,
}

/// A model ready to judge.
#[derive(Clone)]
pub(crate) struct Ready {
    pub judge: Arc<dyn Judge>,
    pub demonstration: bool,
}

impl Models {
    /// Chooses the model and begins to load it. A choice that is no checkpoint is
    /// reported when the model is needed, and can be replaced until then.
    pub(crate) fn new(
        root: &Path,
        option: Option<&str>,
        configured: Option<String>,
        numerics: Numerics,
        device: Device,
        servers: Arc<Servers>,
    ) -> Models {
        let stored = std::fs::read_to_string(choice_path(root)).ok();
        let stored = stored.as_deref().map(str::trim).filter(|id| !id.is_empty());
        let id = option
            .or(stored)
            .or(configured.as_deref())
            .unwrap_or(PEBBLE);
        let slot = find(root, id).map(|found| load(found, device, numerics, root));
        Models {
            root: root.to_owned(),
            slot: Mutex::new(slot),
            configured,
            numerics,
            device,
            servers,
        }
    }

    /// Judges with what the host brought.
    pub(crate) fn fixed(root: &Path, judge: Arc<dyn Judge>, servers: Arc<Servers>) -> Models {
        let found = Found {
            id: judge.info().name.clone(),
            path: root.to_owned(),
            demonstration: true,
            remote: false,
        };
        let numerics = judge.numerics();
        let (_, state) = watch::channel(State::Ready(judge));
        Models {
            root: root.to_owned(),
            configured: None,
            numerics,
            device: Device::Cpu,
            servers,
            slot: Mutex::new(Ok(Slot {
                found,
                state,
                change: None,
                reached: Arc::default(),
            })),
        }
    }

    pub(crate) fn views(&self) -> Vec<ModelView> {
        let slot = self.lock().clone();
        let mut found: Vec<Found> = Vec::new();
        let ids = [Some(PEBBLE.to_owned()), self.configured.clone()];
        let elsewhere = folders(&models_folder()).into_iter().chain(cached());
        let ids = ids
            .into_iter()
            .flatten()
            .chain(folders(&self.root.join("models")));
        for id in ids.chain(elsewhere).chain(self.servers.addresses()) {
            found.extend(find(&self.root, &id).ok());
        }
        found.extend(slot.as_ref().ok().map(|slot| slot.found.clone()));
        let mut views: Vec<ModelView> = Vec::new();
        for model in found {
            if views
                .iter()
                .any(|view| view.path == model.path.to_string_lossy())
            {
                continue;
            }
            let state = match &slot {
                Ok(slot) if slot.found.path == model.path => Some(slot.state.borrow().clone()),
                _ => None,
            };
            let mut shown = view(&model, state.as_ref());
            if model.remote {
                let said = match &state {
                    Some(State::Ready(judge)) => judge.server(),
                    _ => None,
                };
                shown.server = self.servers.view(&model.id, said);
            }
            views.push(shown);
        }
        views
    }

    /// How models of this program's own are computed.
    pub(crate) fn numerics(&self) -> Numerics {
        self.numerics
    }

    /// The id of the model that judges; nothing while none could be loaded.
    pub(crate) fn selected(&self) -> Option<String> {
        let slot = self.lock();
        let slot = slot.as_ref().ok()?;
        // A server that is away stays the choice: it is asked again each time.
        let failed = !slot.found.remote && matches!(*slot.state.borrow(), State::Failed(_));
        (!failed).then(|| slot.found.id.clone())
    }

    /// Why no model can judge, if it is known already.
    pub(crate) fn trouble(&self) -> Option<String> {
        match self.lock().as_ref() {
            Err(message) => Some(message.clone()),
            Ok(slot) => match &*slot.state.borrow() {
                State::Failed(message) => Some(message.clone()),
                State::Unreached | State::Loading | State::Ready(_) => None,
            },
        }
    }

    /// Where models on disk compute.
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// The model's digest, once it is loaded.
    pub(crate) fn digest(&self) -> Option<String> {
        let slot = self.lock();
        let state = slot.as_ref().ok()?.state.borrow();
        match &*state {
            State::Ready(judge) => Some(judge.info().digest.clone()),
            State::Unreached | State::Loading | State::Failed(_) => None,
        }
    }

    /// Waits until the model is loaded, or its server reached.
    pub(crate) async fn ready(&self) -> Result<Ready, Failure> {
        let slot = self.lock().clone().map_err(Failure::model)?;
        self.reach(&slot).await?;
        wait(slot).await
    }

    /// Speaks to a slot's server, unless that was done a moment ago. A failure is kept to be
    /// shown, and does not keep the next call from trying again.
    async fn reach(&self, slot: &Slot) -> Result<(), Failure> {
        let Some(change) = &slot.change else {
            return Ok(());
        };
        // Leave that was taken back counts at once, connected or not.
        let (endpoint, _) = Endpoint::parse(&slot.found.id).map_err(Failure::input)?;
        self.servers.check(&endpoint)?;
        let reached = *slot.reached.lock().expect("no holder of this lock panics");
        let fresh = reached.is_some_and(|reached| reached.elapsed() < CONNECTION_MAX);
        if fresh && matches!(*slot.state.borrow(), State::Ready(_)) {
            return Ok(());
        }
        match self.servers.connect(&slot.found.id).await {
            Ok(judge) => {
                *slot.reached.lock().expect("no holder of this lock panics") = Some(Instant::now());
                change.send_replace(State::Ready(judge));
                Ok(())
            }
            Err(failure) => {
                change.send_replace(State::Failed(failure.message.clone()));
                Err(failure)
            }
        }
    }

    /// The server is asked anew who it is before it judges again.
    pub(crate) fn disconnect(&self) {
        if let Ok(slot) = self.lock().as_ref() {
            *slot.reached.lock().expect("no holder of this lock panics") = None;
        }
    }

    /// Loads another model and, when that went well, judges with it and remembers it.
    pub(crate) async fn select(&self, id: &str) -> Result<ModelView, Failure> {
        let found = find(&self.root, id).map_err(Failure::model)?;
        let current = self.lock().clone().ok();
        let slot = match current {
            Some(slot)
                if slot.found.path == found.path
                    && !matches!(*slot.state.borrow(), State::Failed(_)) =>
            {
                slot
            }
            _ => load(found.clone(), self.device, self.numerics, &self.root),
        };
        self.reach(&slot).await?;
        wait(slot.clone()).await?;
        let state = slot.state.borrow().clone();
        *self.lock() = Ok(slot);
        let path = choice_path(&self.root);
        if let Err(error) = std::fs::write(&path, format!("{}\n", found.id)) {
            return Err(Failure::file(&path, "written", &error));
        }
        let mut shown = view(&found, Some(&state));
        if let State::Ready(judge) = &state {
            shown.server = self.servers.view(&found.id, judge.server());
        }
        Ok(shown)
    }

    fn lock(&self) -> MutexGuard<'_, Result<Slot, String>> {
        self.slot.lock().expect("no holder of this lock panics")
    }
}

async fn wait(mut slot: Slot) -> Result<Ready, Failure> {
    let state = slot
        .state
        .wait_for(|state| !matches!(state, State::Loading))
        .await
        .map(|state| state.clone());
    match state {
        Ok(State::Ready(judge)) => Ok(Ready {
            demonstration: slot.found.demonstration || judge.is_demonstration(),
            judge,
        }),
        Ok(State::Failed(message)) => Err(Failure::model(message)),
        // The sender went away without a word: the loading thread panicked.
        Ok(State::Unreached | State::Loading) | Err(_) => Err(Failure::internal(format!(
            "Loading {} ended unexpectedly. The log has the cause.",
            slot.found.path.display()
        ))),
    }
}

/// Loads a model to `device`; a GPU is tested with Pebble, if the workspace can reach it.
fn load(found: Found, device: Device, numerics: Numerics, root: &Path) -> Slot {
    if found.remote {
        let (change, state) = watch::channel(State::Unreached);
        return Slot {
            found,
            state,
            change: Some(Arc::new(change)),
            reached: Arc::default(),
        };
    }
    let (sender, state) = watch::channel(State::Loading);
    let path = found.path.clone();
    let pebble = find(root, PEBBLE).ok().map(|found| found.path);
    let data = root.join(crate::DATA);
    let work = move || {
        let started = Instant::now();
        let placement = Placement {
            device,
            pebble: pebble.as_deref(),
            numerics: of_engine(numerics),
            kept: Some(&data),
        };
        let state = match Engine::load_to(&path, placement) {
            Ok(engine) => State::Ready(Arc::new(engine)),
            Err(error) => State::Failed(error.to_string()),
        };
        let elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
        tracing::info!(path = %path.display(), elapsed_ms, "a model was loaded");
        let _ = sender.send(state);
    };
    if let Err(error) = std::thread::Builder::new()
        .name("model".to_owned())
        .spawn(work)
    {
        tracing::error!(%error, "no thread for loading a model");
    }
    Slot {
        found,
        state,
        change: None,
        reached: Arc::default(),
    }
}

fn choice_path(root: &Path) -> PathBuf {
    root.join(crate::DATA).join("model")
}

pub(crate) fn find(root: &Path, id: &str) -> Result<Found, String> {
    if id == PEBBLE {
        let places = pebble_places(root);
        let path = places.iter().find(|path| is_checkpoint(path));
        return path.map(|path| pebble(path)).ok_or_else(|| {
            format!(
                "Pebble, the demonstration model, was not found. Set {PEBBLE_VARIABLE} to its \
                 folder, put it into {}, or choose the folder of another model.",
                root.join("fixtures/pebble").display()
            )
        });
    }
    if Endpoint::is_address(id) {
        let id = servers::normal(id).map_err(|failure| failure.message)?;
        return Ok(Found {
            path: PathBuf::from(&id),
            id,
            demonstration: false,
            remote: true,
        });
    }
    let mut path = root.join(id);
    // A fetched model may be named without its folder.
    let fetched = models_folder().join(id);
    if !is_checkpoint(&path) && is_checkpoint(&fetched) {
        path = fetched;
    }
    if !is_checkpoint(&path) {
        return Err(format!(
            "{} is no model: a folder with config.json and *.safetensors, or a GGUF file, is \
             needed. Choose another.",
            path.display()
        ));
    }
    let path = std::fs::canonicalize(&path).unwrap_or(path);
    let is_pebble = pebble_places(root)
        .iter()
        .any(|place| std::fs::canonicalize(place).is_ok_and(|place| place == path));
    Ok(if is_pebble {
        pebble(&path)
    } else {
        Found {
            id: path.to_string_lossy().into_owned(),
            demonstration: names_pebble(&path),
            path,
            remote: false,
        }
    })
}

fn pebble(path: &Path) -> Found {
    Found {
        id: PEBBLE.to_owned(),
        path: std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        demonstration: true,
        remote: false,
    }
}

/// A copy of Pebble elsewhere is still the demonstration model.
fn names_pebble(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().to_lowercase().starts_with(PEBBLE))
}

fn pebble_places(root: &Path) -> Vec<PathBuf> {
    let mut places = Vec::new();
    places.extend(std::env::var_os(PEBBLE_VARIABLE).map(PathBuf::from));
    places.extend(
        root.ancestors()
            .map(|folder| folder.join("fixtures/pebble")),
    );
    if let Ok(executable) = std::env::current_exe() {
        for folder in executable.ancestors().skip(1) {
            places.extend([folder.join(PEBBLE), folder.join("fixtures/pebble")]);
        }
    }
    places.extend(std::env::current_dir().map(|folder| folder.join("fixtures/pebble")));
    places
}

/// Paths of what lies in a folder of models.
fn folders(models: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(models);
    let mut ids: Vec<String> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.path().to_str().map(str::to_owned))
        .collect();
    ids.sort();
    ids
}

/// Checkpoints of our architecture that others fetched into the hub's cache.
fn cached() -> Vec<String> {
    let below = |path: &Path| folders(path).into_iter().map(PathBuf::from);
    let cache = hf_hub::Cache::from_env();
    below(cache.path())
        .filter(|repo| {
            repo.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("models--"))
        })
        .flat_map(|repo| folders(&repo.join("snapshots")))
        .filter(|snapshot| {
            let config = std::fs::read_to_string(Path::new(snapshot).join("config.json"));
            config.is_ok_and(|text| text.contains("\"gpt_oss\""))
        })
        .collect()
}

/// Folders of models whose fetch is not complete, with what was asked for and the bytes
/// that came.
pub(crate) fn unfinished() -> Vec<(PathBuf, Unfinished, u64)> {
    let mut found = Vec::new();
    for folder in folders(&models_folder()) {
        let folder = PathBuf::from(folder);
        let note = std::fs::read(folder.join(UNFINISHED)).unwrap_or_default();
        if let Ok(note) = serde_json::from_slice::<Unfinished>(&note) {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let sizes = entries
                .filter(|entry| entry.file_name() != UNFINISHED)
                .filter_map(|entry| Some(entry.metadata().ok()?.len()));
            let came = sizes.sum();
            found.push((folder, note, came));
        }
    }
    found
}

/// The files of a folder's weights, or a GGUF file.
fn weights(path: &Path) -> impl Iterator<Item = PathBuf> {
    let gguf = engine::gguf_file(path);
    std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .chain(gguf)
}

fn view(found: &Found, state: Option<&State>) -> ModelView {
    let name = found.path.file_name();
    let mut view = ModelView {
        id: found.id.clone(),
        name: name.map_or_else(
            || found.id.clone(),
            |name| name.to_string_lossy().into_owned(),
        ),
        demonstration: found.demonstration,
        path: found.path.to_string_lossy().into_owned(),
        digest: None,
        device: "cpu".to_owned(),
        bytes: 0,
        context_tokens: 0,
        problem: None,
        server: None,
    };
    if found.remote {
        let model = found.id.split_once('#').map(|(_, model)| model.to_owned());
        view.name = model.unwrap_or_else(|| found.id.clone());
        view.device = "server".to_owned();
    }
    match state {
        Some(State::Ready(judge)) => {
            let info = judge.info();
            view.name.clone_from(&info.name);
            view.digest = Some(info.digest.clone());
            view.device.clone_from(&info.device);
            view.bytes = info.bytes;
            view.demonstration |= judge.is_demonstration();
            view.context_tokens = match info.context_tokens {
                u32::MAX => 0,
                tokens => tokens,
            };
        }
        Some(State::Unreached | State::Loading | State::Failed(_)) | None => {
            let sizes = weights(&found.path).filter_map(|path| path.metadata().ok());
            view.bytes = sizes.map(|metadata| metadata.len()).sum();
            view.context_tokens = configured_context(&found.path).unwrap_or(0);
        }
    }
    if let Some(name) = name_in_cache(&found.path) {
        view.name = name;
    }
    if let Some(State::Failed(message)) = state {
        view.problem = Some(message.clone());
    }
    view
}

#[cfg(test)]
mod tests;
