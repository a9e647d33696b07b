//! The other end of the ops socket, for the command line. It blocks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use veilgate_ledger::ActorName;

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

    /// Registers authorizations from JSON lines, as many at a time as fit a request. Empty lines are skipped.
    ///
    /// # Errors
    /// As for [`Self::call`]; what was registered before stays.
    pub fn import_authorizations(&mut self, lines: impl BufRead) -> Result<Response, CallError> {
        let mut sum = Sum::default();
        let (mut batch, mut octets, mut first) = (Vec::new(), 0, 1);
        for (number, line) in (1..).zip(lines.lines()) {
            let line = line.map_err(CallError::File)?;
            let size = escaped(&line);
            if octets + size > MAX_REQUEST - 1024 && !batch.is_empty() {
                if let Some(refused) = self.send(std::mem::take(&mut batch), first, &mut sum)? {
                    return Ok(refused);
                }
                octets = 0;
            }
            if batch.is_empty() {
                first = number;
            }
            octets += size;
            batch.push(line);
        }
        let refused = if batch.is_empty() { None } else { self.send(batch, first, &mut sum)? };
        Ok(refused.unwrap_or(Response::Imported { put: sum.put, tenures: 0, refused: sum.refused }))
    }

    /// Sends the lines from number `first` on; gives back an answer that is no import's.
    fn send(&mut self, lines: Vec<String>, first: u64, sum: &mut Sum) -> Result<Option<Response>, CallError> {
        match self.call(Request::AuthorizationsImport { path: None, lines })? {
            Response::Imported { put, refused, .. } => {
                sum.put += put;
                let room = TOLD.saturating_sub(sum.refused.len());
                let refused = refused.into_iter().map(|(line, why)| (line + first - 1, why));
                sum.refused.extend(refused.take(room));
                Ok(None)
            }
            other => Ok(Some(other)),
        }
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
