//! The ops socket: who may connect, how much may wait, and one command after the other on each connection.

use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, TryAcquireError, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::protocol::{Actor, Call, MAX_REQUEST, Request, Response};
use crate::telemetry::Telemetry;
use crate::telemetry::events::OpsCalled;
use crate::telemetry::words::OpsCommand;

/// Connections at a time.
const MAX_CONNECTIONS: usize = 16;

/// How long a connection may be silent between commands, or take for a line.
const SILENCE: Duration = Duration::from_secs(60);

/// What commands do.
pub trait Operations: Send + Sync + 'static {
    /// Does what is asked. It must end by itself; a connection waits for it.
    fn perform(&self, request: Request, actor: Actor) -> impl Future<Output = Response> + Send;
}

/// A bound ops socket. The file goes when it is dropped.
pub struct OpsSocket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl OpsSocket {
    /// Binds `path` with mode 0600. A socket left by a process that is gone is replaced.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] if another process answers there; otherwise what the system says.
    pub fn bind(path: &Path) -> io::Result<Self> {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        // Restricted under another name first, so that the real one is never open to others.
        let mut fresh = path.to_path_buf().into_os_string();
        fresh.push(format!(".{}", std::process::id()));
        let fresh = PathBuf::from(fresh);
        let listener = UnixListener::bind(&fresh)?;
        let placed = fs::set_permissions(&fresh, Permissions::from_mode(0o600))
            .and_then(|()| fs::metadata(&fresh))
            .and_then(|about| fs::rename(&fresh, path).map(|()| about.uid()));
        match placed {
            Ok(owner) => Ok(Self { listener, path: path.to_path_buf(), owner }),
            Err(error) => {
                let _ = fs::remove_file(&fresh);
                Err(error)
            }
        }
    }

    /// Serves until `stop` is done, then lets commands that run finish.
    pub async fn serve<O: Operations>(
        self,
        operations: Arc<O>,
        telemetry: Arc<Telemetry>,
        stop: impl Future<Output = ()>,
    ) {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let (stop_all, stopping) = watch::channel(false);
        let mut running = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
                Some(_) = running.join_next() => continue,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors, most likely: let some go before the next attempt.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let uid = stream.peer_cred().ok().map(|peer| peer.uid());
            let slot = match Arc::clone(&slots).try_acquire_owned() {
                Ok(slot) if self.may_connect(uid) => slot,
                Ok(_) | Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => continue,
            };
            let connection = Connection::new(stream, uid, Arc::clone(&telemetry));
            let (operations, stopping) = (Arc::clone(&operations), stopping.clone());
            running.spawn(async move {
                connection.run(&*operations, stopping).await;
                drop(slot);
            });
        }
        stop_all.send_replace(true);
        while running.join_next().await.is_some() {}
    }

    /// The owner of the socket and root.
    fn may_connect(&self, uid: Option<u32>) -> bool {
        uid.is_some_and(|uid| uid == self.owner || uid == 0)
    }
}

impl Drop for OpsSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

struct Connection {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    uid: Option<u32>,
    telemetry: Arc<Telemetry>,
}

impl Connection {
    fn new(stream: UnixStream, uid: Option<u32>, telemetry: Arc<Telemetry>) -> Self {
        let (read, write) = stream.into_split();
        Self { read: BufReader::new(read), write, uid, telemetry }
    }

    async fn run<O: Operations>(mut self, operations: &O, mut stopping: watch::Receiver<bool>) {
        loop {
            let line = tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                line = timeout(SILENCE, read_line(&mut self.read)) => line,
            };
            let Ok(Ok(Some(line))) = line else { return };
            let whole = line.ends_with(b"\n");
            let response = self.answer(operations, &line).await;
            let sent = timeout(SILENCE, self.write.write_all(&response.to_line())).await;
            if !whole || !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }

    async fn answer<O: Operations>(&self, operations: &O, line: &[u8]) -> Response {
        let call = if line.len() > MAX_REQUEST { None } else { Some(Call::parse(line)) };
        let (command, response) = match call {
            None => (OpsCommand::Unreadable, Response::refused("request longer than 64 KiB")),
            Some(Err(refusal)) => (OpsCommand::Unreadable, Response::Refused(refusal)),
            Some(Ok(call)) => {
                let actor = Actor { uid: self.uid, name: call.actor };
                (call.request.command(), operations.perform(call.request, actor).await)
            }
        };
        let done = !matches!(response, Response::Refused(_));
        OpsCalled { command, actor_uid: self.uid, done }.emit(&self.telemetry);
        response
    }
}

/// One line with its end, or what there is of one that is too long or cut short; `None` at the end of input.
async fn read_line(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let most = u64::try_from(MAX_REQUEST).unwrap_or(u64::MAX).saturating_add(1);
    from.take(most).read_until(b'\n', &mut line).await?;
    Ok((!line.is_empty()).then_some(line))
}

#[cfg(test)]
mod tests;
