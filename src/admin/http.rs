//! `/metrics`, `/healthz` and `/readyz`, open to whoever reaches them, and beside them an API that looks after itself.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::State;
use axum::extract::connect_info::Connected;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::{IncomingStream, Listener};
use axum::{Json, Router};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Sleep;

use crate::clock;
use crate::policy::Peer;
use crate::telemetry::Telemetry;

/// Connections at a time; more wait.
const MAX_CONNECTIONS: usize = 64;

/// A connection that sends nothing for so long is closed.
const SILENCE: Duration = Duration::from_secs(120);

/// How long requests that run may take after a stop.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// What decides whether traffic may be sent here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Whether the journal takes commits.
    pub journal_open: bool,
    /// Whether there is room on disk for what comes in.
    pub space_left: bool,
    /// Channels with a bind that can send.
    pub channels_bound: u32,
    /// How many of them are enough.
    pub channels_needed: u32,
    /// Whether the gateway drains.
    pub draining: bool,
}

/// What the server asks the gateway.
pub trait Probe: Send + Sync + 'static {
    /// The present state.
    fn readiness(&self) -> Readiness;

    /// Called before each scrape, to set gauges that are not kept up to date otherwise.
    fn before_scrape(&self) {}
}

/// Serves until `stop` is done, then lets requests that run finish, for at most 5 s.
///
/// # Errors
/// What the system says.
pub async fn serve(
    listener: TcpListener,
    telemetry: Arc<Telemetry>,
    probe: Arc<dyn Probe>,
    api: Option<Router>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let bounded = Bounded { listener, slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)) };
    let paths = router(telemetry, probe).merge(api.unwrap_or_default());
    let service = paths.into_make_service_with_connect_info::<Peer>();
    let (stopping, mut stopped) = watch::channel(false);
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    let late = async move {
        // An error means that the server is gone, and then the other branch is done.
        let _ = stopped.wait_for(|stop| *stop).await;
        tokio::time::sleep(LAST_REQUESTS).await;
    };
    tokio::select! {
        served = axum::serve(bounded, service).with_graceful_shutdown(stop) => served,
        () = late => Ok(()),
    }
}

#[derive(Clone)]
struct Shared {
    telemetry: Arc<Telemetry>,
    probe: Arc<dyn Probe>,
}

fn router(telemetry: Arc<Telemetry>, probe: Arc<dyn Probe>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .with_state(Shared { telemetry, probe })
}

async fn metrics(State(shared): State<Shared>) -> Response {
    shared.probe.before_scrape();
    let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match shared.telemetry.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, form)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
    checks: Checks,
}

/// Each is true where it lets traffic come.
#[derive(Serialize)]
struct Checks {
    journal: bool,
    space: bool,
    channels: bool,
    not_draining: bool,
}

async fn readyz(State(shared): State<Shared>) -> Response {
    let state = shared.probe.readiness();
    let checks = Checks {
        journal: state.journal_open,
        space: state.space_left,
        channels: state.channels_bound >= state.channels_needed,
        not_draining: !state.draining,
    };
    let ready = checks.journal && checks.space && checks.channels && checks.not_draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready, checks })).into_response()
}

/// A listener that holds only so many connections.
struct Bounded {
    listener: TcpListener,
    slots: Arc<Semaphore>,
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if let Some(slot) = slot {
                return (Connection::new(stream, slot), peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A connection that ends when it is silent too long.
struct Connection {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TcpStream, slot: OwnedSemaphorePermit) -> Self {
        Self { stream, silence: Box::pin(tokio::time::sleep(SILENCE)), _slot: slot }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, into) {
            self.silence.as_mut().reset(clock::timer(clock::mono().plus(SILENCE)));
            return Poll::Ready(read);
        }
        ready!(self.silence.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
