use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use veilgate_config::{LogFormat, LogLevel};
use veilgate_names::Timestamp;

use super::{Probe, Readiness, serve};
use crate::telemetry::Telemetry;

struct State {
    readiness: Mutex<Readiness>,
    telemetry: Arc<Telemetry>,
}

impl Probe for State {
    fn readiness(&self) -> Readiness {
        *self.readiness.lock().unwrap()
    }

    fn before_scrape(&self) {
        self.telemetry.metrics.flow.live.set(42);
    }
}

const READY: Readiness = Readiness {
    journal_open: true,
    space_left: true,
    channels_bound: 1,
    channels_needed: 1,
    draining: false,
};

struct Running {
    address: SocketAddr,
    state: Arc<State>,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let now = || Timestamp(0);
        let log = std::io::sink();
        let telemetry = Arc::new(Telemetry::with_writer(LogLevel::Info, LogFormat::Json, now, log));
        let state = Arc::new(State { readiness: Mutex::new(READY), telemetry: Arc::clone(&telemetry) });
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { stopped.await.unwrap_or(()) };
        let probe: Arc<dyn Probe> = Arc::<State>::clone(&state);
        let served = tokio::spawn(serve(listener, telemetry, probe, None, stopped));
        Self { address, state, stop, served }
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn health_and_metrics_answer() {
    let running = Running::start().await;
    assert!(running.get("/healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
    let metrics = running.get("/metrics").await;
    assert!(metrics.contains("content-type: application/openmetrics-text; version=1.0.0"), "{metrics}");
    assert!(metrics.contains("\nveilgate_messages_live 42\n"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
    assert!(running.get("/other").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let running = Running::start().await;
    let ready = running.get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 200 OK\r\n"), "{ready}");
    let body = r#"{"ready":true,"checks":{"journal":true,"space":true,"channels":true,"not_draining":true}}"#;
    assert!(ready.ends_with(body), "{ready}");
    for (state, missing) in [
        (Readiness { journal_open: false, ..READY }, r#""journal":false"#),
        (Readiness { space_left: false, ..READY }, r#""space":false"#),
        (Readiness { channels_bound: 0, ..READY }, r#""channels":false"#),
        (Readiness { draining: true, ..READY }, r#""not_draining":false"#),
    ] {
        *running.state.readiness.lock().unwrap() = state;
        let answer = running.get("/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains(missing) && answer.contains(r#""ready":false"#), "{answer}");
    }
}

#[tokio::test]
async fn a_stop_ends_idle_connections() {
    let running = Running::start().await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: ops\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    running.stop.send(()).unwrap();
    running.served.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn connections_beyond_the_limit_wait_until_a_silent_one_is_closed() {
    let running = Running::start().await;
    let mut held = Vec::new();
    for _ in 0..super::MAX_CONNECTIONS {
        held.push(TcpStream::connect(running.address).await.unwrap());
    }
    assert!(running.get("/healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_end_cannot_hold_up_a_stop() {
    let running = Running::start().await;
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    running.get("/healthz").await;
    running.stop.send(()).unwrap();
    running.served.await.unwrap().unwrap();
}
