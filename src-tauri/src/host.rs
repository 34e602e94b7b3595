//! The studio behind the window: opened when first asked for, replaced when another
//! workspace is picked. While it cannot be opened, each call says why, and tries again.

use std::path::PathBuf;
use std::sync::Arc;
use studio::Studio;
use studio::view::{Code, Failure, WorkspaceEvent};
use tokio::sync::Mutex;

type Listener = Arc<dyn Fn(WorkspaceEvent) + Send + Sync>;

pub struct Host {
    state: Mutex<State>,
}

struct State {
    root: Option<PathBuf>,
    studio: Option<Arc<Studio>>,
    listener: Option<Listener>,
}

impl Host {
    pub fn new(root: Option<PathBuf>) -> Host {
        let state = State {
            root,
            studio: None,
            listener: None,
        };
        Host {
            state: Mutex::new(state),
        }
    }

    /// The open studio. Calls that come while it opens wait for it.
    pub async fn studio(&self) -> Result<Arc<Studio>, Failure> {
        let mut state = self.state.lock().await;
        if let Some(studio) = &state.studio {
            return Ok(studio.clone());
        }
        let root = state.root.clone().ok_or_else(|| Failure {
            code: Code::Input,
            message: "No workspace is open. Pick a folder that holds policies/ and fixtures/."
                .into(),
        })?;
        let studio = Arc::new(Studio::open(&root).await?);
        state.replace(studio.clone());
        Ok(studio)
    }

    /// Opens another workspace; the present one stays open where that fails.
    pub async fn open(&self, root: PathBuf) -> Result<Arc<Studio>, Failure> {
        let studio = Arc::new(Studio::open(&root).await?);
        let mut state = self.state.lock().await;
        state.root = Some(root);
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
}

impl State {
    fn replace(&mut self, studio: Arc<Studio>) {
        self.studio = Some(studio);
        if let Err(failure) = self.listen() {
            tracing::warn!("changes made outside will not be noticed: {}", failure.message);
        }
    }

    fn listen(&self) -> Result<(), Failure> {
        let (Some(studio), Some(listener)) = (&self.studio, &self.listener) else {
            return Ok(());
        };
        let listener = listener.clone();
        studio.watch(move |event| listener(event))
    }
}
