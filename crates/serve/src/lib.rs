//! `touchstone serve`: a policy behind HTTP, for programs. It speaks OpenAI's chat
//! completions and a verdict document of our own, judges as a run does, and records
//! nothing. Where it listens beyond loopback it asks for a token.

mod accept;
mod access;
mod app;
mod chat;
mod classify;
mod deciding;
mod dispatch;
mod error;
mod metrics;
mod stream;

use accept::Phase;
use access::Access;
use app::{App, Served};
use dispatch::Dispatch;
use metrics::Metrics;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use studio::Classifier;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use app::OPENAPI;

/// Bounds on what the server takes upon itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub body_bytes_max: usize,
    /// Cases that wait for the engine; also the most that one request may bring.
    pub queue_max: usize,
    pub connections_max: usize,
    /// Requests a second of one client.
    pub rate_per_s: Option<u32>,
    /// From a request's body to its verdict.
    pub request_time: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes_max: 1 << 20,
            queue_max: 256,
            connections_max: 512,
            rate_per_s: Some(200),
            request_time: Duration::from_secs(120),
        }
    }
}

/// Where the server listens and for whom.
#[derive(Debug, Clone)]
pub struct Place {
    pub address: IpAddr,
    /// 0: any that is free.
    pub port: u16,
    /// Empty: everybody on this machine.
    pub tokens: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(
        "{0} is not a loopback address, so programs of other machines could ask. Give a token file with --token-file, or leave --bind out."
    )]
    TokenNeeded(IpAddr),
    #[error("The server cannot listen on {address}: {source}. Choose another --port or --bind.")]
    Bind {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("The server cannot start: {0}.")]
    Thread(std::io::Error),
}

/// Reads a token file: a token a line, `#` begins a remark.
pub fn read_token_file(path: &Path) -> Result<Vec<String>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{shown} cannot be read: {error}."))?;
    access::read_tokens(&text).map_err(|why| format!("{shown}: {why}."))
}

/// A server that listens already and answers once it runs.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    thread: JoinHandle<()>,
    limits: Limits,
    phase: watch::Sender<Phase>,
}

/// Stops a server, from anywhere.
#[derive(Clone)]
pub struct Stop {
    phase: watch::Sender<Phase>,
    dispatch: Dispatch,
}

impl Stop {
    /// Accepts nothing more and finishes what was accepted.
    pub fn stop(&self) {
        self.phase.send_if_modified(|phase| {
            let serving = *phase == Phase::Serving;
            if serving {
                *phase = Phase::Draining;
            }
            serving
        });
    }

    /// Ends at once; what was accepted is given up.
    pub fn abort(&self) {
        self.dispatch.abort();
        self.phase.send_replace(Phase::Cutting);
    }
}

impl Server {
    /// Listens. `file` is the policy's file as people know it; with `any_policy` a caller
    /// may bring a policy of its own.
    pub async fn bind(
        place: &Place,
        limits: Limits,
        file: String,
        classifier: Classifier,
        any_policy: bool,
    ) -> Result<Server, ServeError> {
        if place.tokens.is_empty() && !place.address.is_loopback() {
            return Err(ServeError::TokenNeeded(place.address));
        }
        let address = SocketAddr::new(place.address, place.port);
        let bind = |source| ServeError::Bind { address, source };
        let listener = accept::listen(address).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let info = classifier.judge().info().clone();
        let metrics = Arc::new(Metrics::new(vec![
            ("policy", classifier.policy().id.clone()),
            ("revision", classifier.policy().revision.0.clone()),
            ("model", info.name),
            ("digest", info.digest),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ]));
        let judge = classifier.judge().clone();
        let (dispatch, thread) = Dispatch::start(judge, limits.queue_max, metrics.clone())
            .map_err(ServeError::Thread)?;
        let app = Arc::new(App {
            served: Served::new(file, classifier, any_policy),
            dispatch,
            metrics,
            access: Access::new(&place.tokens, limits.rate_per_s),
            body_bytes_max: limits.body_bytes_max,
            cases_max: limits.queue_max,
            request_time: limits.request_time,
        });
        let (phase, _) = watch::channel(Phase::Serving);
        Ok(Server {
            listener,
            address,
            app,
            thread,
            limits,
            phase,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn stopper(&self) -> Stop {
        Stop {
            phase: self.phase.clone(),
            dispatch: self.app.dispatch.clone(),
        }
    }

    /// Answers until it is stopped; returns when nothing is under way any more.
    pub async fn run(self) {
        let router = app::router(self.app.clone());
        let phase = self.phase.subscribe();
        let metrics = self.app.metrics.clone();
        accept::serve(
            self.listener,
            router,
            self.limits.connections_max,
            metrics,
            phase,
        )
        .await;
        self.app.dispatch.stop();
        let thread = self.thread;
        if tokio::task::spawn_blocking(move || thread.join())
            .await
            .is_err()
        {
            tracing::error!("the dispatching thread could not be joined");
        }
    }
}
