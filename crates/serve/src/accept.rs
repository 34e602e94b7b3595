//! Connections: how many at once, how long a head may take, and the end in good order.

use crate::app::Peer;
use crate::metrics::Metrics;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// How long a connection may take to send a request's head, or stay idle between two.
const HEAD_TIME: Duration = Duration::from_secs(60);
/// After an error of `accept` that concerns the whole process, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that wait in the system's queue. Once that is full the system drops what comes, and
/// a caller learns of it only minutes later: with 128, as usual, an overload did that in the end.
const BACKLOG: u32 = 1024;

/// How far the server is on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Serving,
    /// Nothing new is accepted; what was accepted is finished.
    Draining,
    /// What is still open is cut.
    Cutting,
}

/// Listens, with room for those that wait. Must be called on a runtime.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // As TcpListener::bind does: a restart need not wait for the last connections' time-outs.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `phase` says otherwise; returns when all connections are closed. Beyond
/// `connections_max`, connections wait in the system's own bounded queue.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    metrics: Arc<Metrics>,
    mut phase: watch::Receiver<Phase>,
) {
    let permits = Arc::new(Semaphore::new(connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = not_serving(&mut phase) => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Some((permit, stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (router, metrics, phase) = (router.clone(), metrics.clone(), phase.clone());
        connections.spawn(async move {
            metrics.connections.inc();
            connection(stream, peer, router, phase).await;
            metrics.connections.dec();
            drop(permit);
        });
    }
    // From here on the system refuses connections.
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    let cut = tokio::select! {
        () = drained => false,
        () = cutting(&mut phase) => true,
    };
    if cut {
        tracing::warn!(open = connections.len(), "connections are cut");
        connections.shutdown().await;
    }
}

/// A phase whose sender is gone is over.
async fn not_serving(phase: &mut watch::Receiver<Phase>) {
    let _over = phase.wait_for(|phase| *phase != Phase::Serving).await;
}

async fn cutting(phase: &mut watch::Receiver<Phase>) {
    let _over = phase.wait_for(|phase| *phase == Phase::Cutting).await;
}

type Accepted = (tokio::sync::OwnedSemaphorePermit, TcpStream, Peer);

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = permits.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((permit, stream, Peer(address.ip()))),
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    mut phase: watch::Receiver<Phase>,
) {
    // Events of a stream are small and should not wait for one another.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection has no TCP_NODELAY");
    }
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = not_serving(&mut phase) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
