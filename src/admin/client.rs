//! The other end of the ops socket, for the command line. It blocks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use veilgate_ledger::ActorName;
use veilgate_names::{AuthorizationId, PlatformId};

use super::protocol::{Call, MAX_REQUEST, MAX_RESPONSE, Refusal, Request, Response};

/// How long the gateway may take to answer. Imports of many millions of rows take minutes.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Lines refused that are told one by one.
const TOLD: usize = 100;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens at the socket.
    #[error("the gateway does not answer at its ops socket: {0}")]
    NotRunning(io::Error),
    /// The connection broke, or the answer did not come in time.
    #[error("the gateway did not answer: {0}")]
    Broken(io::Error),
    /// The answer cannot be read; gateway and command line are of different versions.
    #[error("the gateway's answer cannot be read; is it of another version?")]
    Unreadable,
    /// The request cannot be sent.
    #[error("{0}")]
    Request(#[from] Refusal),
    /// The file to import cannot be read.
    #[error("cannot read the file: {0}")]
    File(io::Error),
    /// A line is no authorization id.
    #[error("a line is no authorization id; the batches before it are done")]
    NoId,
}

/// Sends one request and waits for its answer.
///
/// # Errors
/// Where there is no answer; a refusal is one.
pub fn call(socket: &Path, request: Request, actor: Option<ActorName>) -> Result<Response, CallError> {
    Client::connect(socket, actor)?.call(request)
}

/// A connection to a running gateway.
pub struct Client {
    stream: BufReader<UnixStream>,
    actor: Option<ActorName>,
}

impl Client {
    /// Connects. `actor` is told with each request.
    ///
    /// # Errors
    /// [`CallError::NotRunning`] if nobody listens.
    pub fn connect(socket: &Path, actor: Option<ActorName>) -> Result<Self, CallError> {
        let stream = UnixStream::connect(socket).map_err(CallError::NotRunning)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(CallError::Broken)?;
        Ok(Self { stream: BufReader::new(stream), actor })
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// Where there is no answer; a refusal is one.
    pub fn call(&mut self, request: Request) -> Result<Response, CallError> {
        let line = Call { request, actor: self.actor.clone() }.to_line()?;
        self.stream.get_mut().write_all(&line).map_err(CallError::Broken)?;
        let mut answer = Vec::new();
        let most = u64::try_from(MAX_RESPONSE).unwrap_or(u64::MAX);
        (&mut self.stream).take(most).read_until(b'\n', &mut answer).map_err(CallError::Broken)?;
        if answer.is_empty() {
            return Err(CallError::Broken(io::ErrorKind::UnexpectedEof.into()));
        }
        serde_json::from_slice(&answer).map_err(|_| CallError::Unreadable)
    }

    /// Registers authorizations of a platform from JSON lines, as many at a time as fit a request. Empty lines are
    /// skipped.
    ///
    /// # Errors
    /// As for [`Self::call`]; what was registered before stays.
    pub fn import_authorizations(
        &mut self,
        platform: Option<PlatformId>,
        lines: impl BufRead,
    ) -> Result<Response, CallError> {
        let mut sum = Sum::default();
        for batch in Batches::new(lines) {
            let Batch { first, lines } = batch.map_err(CallError::File)?;
            let platform = platform.clone();
            match self.call(Request::AuthorizationsImport { platform, path: None, lines })? {
                Response::Imported { put, refused, .. } => {
                    sum.put += put;
                    let room = TOLD.saturating_sub(sum.refused.len());
                    let refused = refused.into_iter().map(|(line, why)| (line + first - 1, why));
                    sum.refused.extend(refused.take(room));
                }
                other => return Ok(other),
            }
        }
        Ok(Response::Imported { put: sum.put, tenures: 0, refused: sum.refused })
    }

    /// Revokes the authorizations whose ids stand on the lines, as many at a time as fit a request; those of each
    /// request are in force and durable before the next. Empty lines are skipped. Doing it again changes nothing, so
    /// one that broke off is simply repeated.
    ///
    /// # Errors
    /// As for [`Self::call`], and for a line that is no id; what was revoked before stays.
    pub fn revoke(&mut self, lines: impl BufRead) -> Result<Response, CallError> {
        let (mut all, mut all_already, mut all_unknown, mut all_stopped) = (0, 0, 0, 0);
        for batch in Batches::new(lines) {
            let lines = batch.map_err(CallError::File)?.lines;
            let ids = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
            let authorization_ids: Vec<AuthorizationId> =
                ids.map(AuthorizationId::parse).collect::<Result<_, _>>().map_err(|_| CallError::NoId)?;
            match self.call(Request::Revoke { authorization_ids })? {
                Response::Revoked { revoked, already, unknown, stopped } => {
                    all += revoked;
                    all_already += already;
                    all_unknown += unknown;
                    all_stopped += stopped;
                }
                other => return Ok(other),
            }
        }
        let (revoked, already, unknown, stopped) = (all, all_already, all_unknown, all_stopped);
        Ok(Response::Revoked { revoked, already, unknown, stopped })
    }
}

/// Lines that fit one request.
struct Batch {
    /// The number of the first, from 1.
    first: u64,
    lines: Vec<String>,
}

/// Cuts lines into batches.
struct Batches<R> {
    lines: io::Lines<R>,
    /// The line that did not fit the last batch.
    left: Option<String>,
    next: u64,
}

impl<R: BufRead> Batches<R> {
    fn new(lines: R) -> Self {
        Self { lines: lines.lines(), left: None, next: 1 }
    }
}

impl<R: BufRead> Iterator for Batches<R> {
    type Item = io::Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut lines, mut octets, first) = (Vec::new(), 0, self.next);
        loop {
            let line = match self.left.take().map(Ok).or_else(|| self.lines.next()) {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(line)) => line,
            };
            octets += escaped(&line);
            if octets > MAX_REQUEST - 1024 && !lines.is_empty() {
                self.left = Some(line);
                break;
            }
            self.next += 1;
            lines.push(line);
        }
        (!lines.is_empty()).then_some(Ok(Batch { first, lines }))
    }
}

#[derive(Default)]
struct Sum {
    put: u64,
    refused: Vec<(u64, String)>,
}

/// How many octets a text takes as a JSON string in a list.
fn escaped(line: &str) -> usize {
    line.bytes().map(|b| if b < 0x20 { 6 } else { 1 + usize::from(matches!(b, b'"' | b'\\')) }).sum::<usize>()
        + 3
}
