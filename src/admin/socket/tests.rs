use std::io::{Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use veilgate_config::{LogFormat, LogLevel};
use veilgate_names::{AuthorizationId, Timestamp};

use super::{Operations, OpsSocket};
use crate::admin::client::{CallError, Client, call};
use crate::admin::{Actor, ActorName, MAX_REQUEST, Request, Response, Status};
use crate::telemetry::Telemetry;

/// Takes note of what is asked; registers every line but those that say "bad".
#[derive(Default)]
struct Notes(Mutex<Vec<(Request, Actor)>>);

impl Operations for Notes {
    async fn perform(&self, request: Request, actor: Actor) -> Response {
        self.0.lock().unwrap().push((request.clone(), actor));
        match request {
            Request::Revoke { authorization_ids } => Response::Revoked {
                revoked: authorization_ids.len() as u64,
                already: 0,
                unknown: 0,
                stopped: 0,
            },
            Request::AuthorizationsImport { lines, .. } => {
                let refused: Vec<_> = (1..)
                    .zip(&lines)
                    .filter(|(_, line)| line.as_str() == "bad")
                    .map(|(number, _)| (number, "SCHEMA".to_owned()))
                    .collect();
                Response::Imported { put: (lines.len() - refused.len()) as u64, tenures: 0, refused }
            }
            Request::Status {} => Response::Status(Status::default()),
            _ => Response::refused("not here"),
        }
    }
}

struct Running {
    folder: tempfile::TempDir,
    notes: Arc<Notes>,
    telemetry: Arc<Telemetry>,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = OpsSocket::bind(&folder.path().join("ops.sock")).unwrap();
        let now = || Timestamp(0);
        let log = std::io::sink();
        let telemetry = Arc::new(Telemetry::with_writer(LogLevel::Info, LogFormat::Json, now, log));
        let notes = Arc::new(Notes::default());
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { stopped.await.unwrap_or(()) };
        let served = tokio::spawn(socket.serve(Arc::clone(&notes), Arc::clone(&telemetry), stopped));
        Self { folder, notes, telemetry, stop, served }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ops.sock")
    }

    /// Runs the blocking client off the event loop.
    async fn blocking<T: Send + 'static>(&self, run: impl FnOnce(PathBuf) -> T + Send + 'static) -> T {
        let path = self.path();
        tokio::task::spawn_blocking(move || run(path)).await.unwrap()
    }
}

#[tokio::test]
async fn a_command_is_done_and_its_actor_known() {
    let running = Running::start();
    let mode = std::fs::metadata(running.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let request = Request::Revoke { authorization_ids: vec![AuthorizationId::parse("au-1").unwrap()] };
    let response =
        running.blocking(move |path| call(&path, request, ActorName::parse("zhang")).unwrap()).await;
    assert_eq!(response, Response::Revoked { revoked: 1, already: 0, unknown: 0, stopped: 0 });
    let (_, actor) = running.notes.0.lock().unwrap().remove(0);
    assert_eq!(actor.name, ActorName::parse("zhang"));
    assert!(actor.uid.is_some());
    let refused = running.blocking(|path| call(&path, Request::Drain {}, None).unwrap()).await;
    assert_eq!(refused, Response::refused("not here"));
}

#[tokio::test]
async fn authorizations_stream_in_as_many_requests_as_they_need() {
    let running = Running::start();
    let response = running
        .blocking(|path| {
            let line = format!("{{\"authorization_id\":\"{}\"}}", "a".repeat(900));
            let mut text = vec![line; 300];
            text[199] = "bad".to_owned();
            let mut client = Client::connect(&path, None).unwrap();
            client.import_authorizations(None, Cursor::new(text.join("\n"))).unwrap()
        })
        .await;
    assert_eq!(
        response,
        Response::Imported { put: 299, tenures: 0, refused: vec![(200, "SCHEMA".to_owned())] }
    );
    assert!(running.notes.0.lock().unwrap().len() >= 5);
}

#[tokio::test]
async fn bad_lines_are_answered_and_the_next_is_served() {
    let running = Running::start();
    let answers = running
        .blocking(|path| {
            let mut stream = UnixStream::connect(path).unwrap();
            stream.write_all(b"nonsense\n{\"command\":\"sta").unwrap();
            stream.write_all(b"tus\"}\n").unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answers = String::new();
            stream.read_to_string(&mut answers).unwrap();
            answers
        })
        .await;
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers[0], r#"{"result":"refused","error":"not JSON"}"#);
    assert!(answers[1].starts_with(r#"{"result":"status""#), "{}", answers[1]);
}

#[tokio::test]
async fn a_line_too_long_ends_the_connection() {
    let running = Running::start();
    let answer = running
        .blocking(|path| {
            let mut stream = UnixStream::connect(path).unwrap();
            let _ = stream.write_all(&vec![b'x'; MAX_REQUEST + 1]);
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        })
        .await;
    assert_eq!(answer, "{\"result\":\"refused\",\"error\":\"request longer than 64 KiB\"}\n");
    let alive = running.blocking(|path| call(&path, Request::Status {}, None).is_ok()).await;
    assert!(alive);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let running = Running::start();
    let closed = running
        .blocking(|path| {
            let mut held: Vec<Client> = Vec::new();
            for _ in 0..super::MAX_CONNECTIONS {
                let mut client = Client::connect(&path, None).unwrap();
                client.call(Request::Status {}).unwrap();
                held.push(client);
            }
            call(&path, Request::Status {}, None).is_err()
        })
        .await;
    assert!(closed);
}

#[tokio::test]
async fn a_stop_closes_idle_connections_and_takes_the_file_away() {
    let running = Running::start();
    let path = running.path();
    let idle = running.blocking(|path| Client::connect(&path, None).unwrap()).await;
    running.stop.send(()).unwrap();
    running.served.await.unwrap();
    assert!(!path.exists());
    drop(idle);
    let gone = tokio::task::spawn_blocking(move || call(&path, Request::Status {}, None)).await.unwrap();
    assert!(matches!(gone, Err(CallError::NotRunning(_))));
    running.telemetry.close();
}

#[tokio::test]
async fn a_socket_is_taken_over_only_from_the_dead() {
    let running = Running::start();
    let taken = OpsSocket::bind(&running.path()).map(|_| ());
    assert_eq!(taken.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    let stale = running.folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert!(stale.exists());
    assert!(OpsSocket::bind(&stale).is_ok());
}
