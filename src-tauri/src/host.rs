//! The studio behind the window: opened when first asked for, replaced when another
//! workspace is picked. While it cannot be opened, each call says why, and tries again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use studio::view::{Code, Failure, FileDrop, WorkspaceEvent};
use studio::{BadDatabase, Options, Studio, Watch};
use tokio::sync::Mutex;

type Listener = Arc<dyn Fn(WorkspaceEvent) + Send + Sync>;

type DropListener = Arc<dyn Fn(FileDrop) + Send + Sync>;

pub struct Host {
    state: Mutex<State>,
    drops: SyncMutex<Option<DropListener>>,
}

struct State {
    root: Option<PathBuf>,
    studio: Option<Studio>,
    listener: Option<Listener>,
    /// Reports to `listener` for as long as it is kept.
    watch: Option<Watch>,
}

impl Host {
    pub fn new(root: Option<PathBuf>) -> Host {
        let state = State {
            root,
            studio: None,
            listener: None,
            watch: None,
        };
        Host {
            state: Mutex::new(state),
            drops: SyncMutex::default(),
        }
    }

    /// The open studio. Calls that come while it opens wait for it.
    pub async fn studio(&self) -> Result<Studio, Failure> {
        let mut state = self.state.lock().await;
        if let Some(studio) = &state.studio {
            return Ok(studio.clone());
        }
        let root = state.root.clone().ok_or_else(no_workspace)?;
        let studio = Studio::open(&root, Options::default()).await?;
        state.replace(studio.clone());
        Ok(studio)
    }

    /// Opens another workspace; the present one stays open where that fails.
    pub async fn open(&self, root: PathBuf) -> Result<Studio, Failure> {
        let studio = Studio::open(&root, Options::default()).await?;
        let mut state = self.state.lock().await;
        state.root = Some(root);
        let former = state.replace(studio.clone());
        drop(state);
        if let Some(former) = former {
            former.close().await;
        }
        Ok(studio)
    }

    /// Opens the workspace whose database refused to open, with a fresh one; the old
    /// one is kept beside it.
    pub async fn move_database_aside(&self) -> Result<Studio, Failure> {
        let mut state = self.state.lock().await;
        if let Some(studio) = &state.studio {
            return Ok(studio.clone());
        }
        let root = state.root.clone().ok_or_else(no_workspace)?;
        let options = Options {
            bad_database: BadDatabase::MoveAside,
            ..Options::default()
        };
        let studio = Studio::open(&root, options).await?;
        state.replace(studio.clone());
        Ok(studio)
    }

    /// From now on `listener` hears of changes made outside, in this workspace and in
    /// those opened later.
    pub async fn watch(
        &self,
        listener: impl Fn(WorkspaceEvent) + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        let mut state = self.state.lock().await;
        state.listener = Some(Arc::new(listener));
        state.listen()
    }

    /// From now on `listener` hears of files that are dragged over the window.
    pub fn listen_to_drops(&self, listener: impl Fn(FileDrop) + Send + Sync + 'static) {
        *self.drops.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(listener));
    }

    pub fn dropped(&self, event: FileDrop) {
        let drops = self.drops.lock();
        let listener = drops.unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(listener) = listener {
            listener(event);
        }
    }

    /// Stops what runs and closes the database in good order.
    pub async fn close(&self) {
        let studio = self.state.lock().await.studio.take();
        if let Some(studio) = studio {
            studio.close().await;
        }
    }
}

fn no_workspace() -> Failure {
    Failure {
        code: Code::Input,
        message: "No workspace is open. Pick a folder that holds policies/ and fixtures/.".into(),
    }
}

impl State {
    fn replace(&mut self, studio: Studio) -> Option<Studio> {
        let former = self.studio.replace(studio);
        if let Err(failure) = self.listen() {
            tracing::warn!("changes made outside go unnoticed: {}", failure.message);
        }
        former
    }

    fn listen(&mut self) -> Result<(), Failure> {
        self.watch = None;
        let (Some(studio), Some(listener)) = (&self.studio, &self.listener) else {
            return Ok(());
        };
        let listener = listener.clone();
        self.watch = Some(studio.watch(move |event| listener(event))?);
        Ok(())
    }
}
