//! A bound ESME: requests through a window, responses matched by sequence number, deliveries answered and
//! handed on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use rusmpp::Pdu;
use rusmpp::pdus::{BindReceiver, BindTransceiver, BindTransmitter, CancelSm, DeliverSmResp, QuerySm};
use rusmpp::values::InterfaceVersion;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::incoming::Incoming;
use super::submission::{Inexpressible, Submission};
use crate::clock;
use crate::message::{Message, Unfit, cstring, tag};
use crate::tls::{self, Stream, TlsOptions};
use crate::wire::{self, Frame, FrameReader, HEADER, WireError};

/// How an ESME binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum BindMode {
    /// Sends only.
    Transmitter,
    /// Receives only.
    Receiver,
    /// Both.
    #[default]
    Transceiver,
}

/// How to connect and behave.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The server.
    pub address: SocketAddr,
    /// Account, at most 15 characters.
    pub system_id: String,
    /// Password, at most 8 characters.
    pub password: String,
    /// `system_type`, at most 12 characters.
    pub system_type: String,
    /// Bind mode.
    pub mode: BindMode,
    /// 0x33, 0x34 or 0x50.
    pub interface_version: u8,
    /// TLS, if wanted.
    pub tls: Option<TlsOptions>,
    /// Requests without response at a time.
    pub window: usize,
    /// Time for a response.
    pub response_timeout: Duration,
    /// Interval of enquire_link; `None` never.
    pub enquire_link: Option<Duration>,
    /// `command_status` of each deliver_sm_resp; `None` leaves deliver_sm unanswered.
    pub deliver_status: Option<u32>,
    /// Deliveries kept for the reader; when full, the socket is not read on.
    pub incoming_limit: usize,
    /// Octets of everything received that are kept for leak scans.
    pub capture_limit: usize,
}

impl ConnectOptions {
    /// A transceiver with window 10 and SMPP 3.4.
    #[must_use]
    pub fn new(address: SocketAddr, system_id: &str, password: &str) -> Self {
        Self {
            address,
            system_id: system_id.to_owned(),
            password: password.to_owned(),
            system_type: String::new(),
            mode: BindMode::default(),
            interface_version: 0x34,
            tls: None,
            window: 10,
            response_timeout: Duration::from_secs(10),
            enquire_link: None,
            deliver_status: Some(0),
            incoming_limit: 100_000,
            capture_limit: 16 * 1024 * 1024,
        }
    }
}

/// Why an ESME failed.
#[derive(Debug, thiserror::Error)]
pub enum EsmeError {
    /// The connection failed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The bind was refused.
    #[error("bind refused with status 0x{0:X}")]
    BindRefused(u32),
    /// No response in time.
    #[error("no response in time")]
    Timeout,
    /// A field does not fit.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A text cannot be encoded.
    #[error(transparent)]
    Inexpressible(#[from] Inexpressible),
}

impl From<std::io::Error> for EsmeError {
    fn from(error: std::io::Error) -> Self {
        Self::Wire(error.into())
    }
}

/// The response to one request.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Response {
    /// `command_status`.
    pub status: u32,
    /// Message id of an accepted message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Reason code of the gateway (TLV `0x1508`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its sequence number.
    pub sequence: u32,
    /// From request to response, in microseconds.
    pub elapsed_us: u64,
}

/// A bound ESME.
pub struct Client {
    link: Arc<Link>,
    window: Arc<Semaphore>,
    response_timeout: Duration,
    tasks: Vec<JoinHandle<()>>,
}

struct Link {
    outgoing: mpsc::Sender<Bytes>,
    pending: Mutex<HashMap<u32, oneshot::Sender<Frame>>>,
    sequence: AtomicU32,
    captured: Mutex<Vec<u8>>,
    capture_limit: usize,
    closed: AtomicBool,
    undecodable: AtomicU64,
}

impl Client {
    /// Connects and binds. The receiver gets every deliver_sm until the connection ends.
    ///
    /// # Errors
    /// No connection, a refused bind, or no answer to it in time.
    pub async fn connect(options: ConnectOptions) -> Result<(Self, mpsc::Receiver<Incoming>), EsmeError> {
        let stream = tls::connect(options.address, options.tls.as_ref()).await?;
        Self::bind(stream, options).await
    }

    /// Binds on a connection that is there, for instance after an outbind.
    ///
    /// # Errors
    /// A refused bind, or no answer to it in time.
    pub async fn bind(
        stream: Stream,
        options: ConnectOptions,
    ) -> Result<(Self, mpsc::Receiver<Incoming>), EsmeError> {
        let (reader, writer) = tokio::io::split(stream);
        let (outgoing, queue) = mpsc::channel(options.window.clamp(1, 10_000) + 16);
        let link = Arc::new(Link {
            outgoing,
            pending: Mutex::default(),
            sequence: AtomicU32::new(0),
            captured: Mutex::default(),
            capture_limit: options.capture_limit,
            closed: AtomicBool::new(false),
            undecodable: AtomicU64::new(0),
        });
        let (deliveries, incoming) = mpsc::channel(options.incoming_limit.max(1));
        let status = options.deliver_status;
        let mut tasks = vec![
            tokio::spawn(write(writer, queue)),
            tokio::spawn(read(reader, Arc::clone(&link), deliveries, status)),
        ];
        if let Some(interval) = options.enquire_link {
            tasks.push(tokio::spawn(enquire(Arc::clone(&link), interval)));
        }
        let window = Arc::new(Semaphore::new(options.window.max(1)));
        let client = Self { link, window, response_timeout: options.response_timeout, tasks };
        let response = client.request(bind_pdu(&options)?).await?;
        if response.status != 0 {
            return Err(EsmeError::BindRefused(response.status));
        }
        Ok((client, incoming))
    }

    /// Submits one message, in as many parts as it takes; one response a part.
    ///
    /// # Errors
    /// The connection ended, no response came in time, or the message cannot be encoded.
    pub async fn submit(&self, submission: &Submission) -> Result<Vec<Response>, EsmeError> {
        let mut responses = Vec::new();
        for message in submission.messages()? {
            responses.push(self.send(&message).await?);
        }
        Ok(responses)
    }

    /// Submits exactly this message.
    ///
    /// # Errors
    /// The connection ended, no response came in time, or a field does not fit.
    pub async fn send(&self, message: &Message) -> Result<Response, EsmeError> {
        self.request(message.to_submit()?).await
    }

    /// Sends any request and waits for its response.
    ///
    /// # Errors
    /// The connection ended or no response came in time.
    pub async fn request(&self, pdu: Pdu) -> Result<Response, EsmeError> {
        let _room = self.window.acquire().await.map_err(|_| WireError::Closed)?;
        let begun = clock::nanos();
        let (sequence, answer) = self.link.ask(pdu).await?;
        let outcome = tokio::time::timeout(self.response_timeout, answer).await;
        self.link.pending.lock().remove(&sequence);
        let frame = outcome.map_err(|_| EsmeError::Timeout)?.map_err(|_| WireError::Closed)?;
        Ok(read_response(&frame, clock::nanos().saturating_sub(begun) / 1_000))
    }

    /// Checks the link.
    ///
    /// # Errors
    /// The connection ended or no response came in time.
    pub async fn enquire_link(&self) -> Result<Response, EsmeError> {
        self.request(Pdu::EnquireLink).await
    }

    /// Asks for the state of a message.
    ///
    /// # Errors
    /// The connection ended, no response came in time, or the id does not fit.
    pub async fn query(&self, message_id: &str) -> Result<Response, EsmeError> {
        let query = QuerySm { message_id: cstring(message_id, "message_id")?, ..QuerySm::default() };
        self.request(Pdu::QuerySm(query)).await
    }

    /// Cancels a message.
    ///
    /// # Errors
    /// The connection ended, no response came in time, or the id does not fit.
    pub async fn cancel(&self, message_id: &str) -> Result<Response, EsmeError> {
        let cancel = CancelSm { message_id: cstring(message_id, "message_id")?, ..CancelSm::default() };
        self.request(Pdu::CancelSm(cancel)).await
    }

    /// Unbinds and closes.
    ///
    /// # Errors
    /// The connection ended or no response came in time.
    pub async fn unbind(self) -> Result<(), EsmeError> {
        self.request(Pdu::Unbind).await?;
        Ok(())
    }

    /// Has the connection ended?
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.closed.load(Ordering::Relaxed)
    }

    /// PDUs that came and that rusmpp refuses.
    #[must_use]
    pub fn undecodable(&self) -> u64 {
        self.link.undecodable.load(Ordering::Relaxed)
    }

    /// Every octet received so far, up to the limit.
    #[must_use]
    pub fn captured(&self) -> Vec<u8> {
        self.link.captured.lock().clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Link {
    async fn ask(&self, pdu: Pdu) -> Result<(u32, oneshot::Receiver<Frame>), EsmeError> {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) % 0x7FFF_FFFF + 1;
        let (sender, answer) = oneshot::channel();
        self.pending.lock().insert(sequence, sender);
        let mut out = BytesMut::new();
        wire::encode(&mut out, 0, sequence, pdu);
        if self.closed.load(Ordering::Relaxed) || self.outgoing.send(out.freeze()).await.is_err() {
            self.pending.lock().remove(&sequence);
            return Err(WireError::Closed.into());
        }
        Ok((sequence, answer))
    }

    fn capture(&self, octets: &[u8]) {
        let mut captured = self.captured.lock();
        let room = self.capture_limit.saturating_sub(captured.len()).min(octets.len());
        captured.extend_from_slice(octets.get(..room).unwrap_or_default());
    }
}

async fn write(mut writer: WriteHalf<Stream>, mut queue: mpsc::Receiver<Bytes>) {
    let mut batch = Vec::new();
    let mut out = BytesMut::new();
    while queue.recv_many(&mut batch, 64).await > 0 {
        for octets in batch.drain(..) {
            out.extend_from_slice(&octets);
        }
        if writer.write_all(&out).await.is_err() || writer.flush().await.is_err() {
            return;
        }
        out.clear();
    }
}

async fn read(
    reader: ReadHalf<Stream>,
    link: Arc<Link>,
    deliveries: mpsc::Sender<Incoming>,
    status: Option<u32>,
) {
    let mut reader = FrameReader::new(reader);
    while let Ok(frame) = reader.next().await {
        link.capture(&frame.octets);
        if frame.is_response() {
            if let Some(waiting) = link.pending.lock().remove(&frame.sequence) {
                let _ = waiting.send(frame);
            }
            continue;
        }
        if let Some(incoming) = delivery(&frame, &link)
            && deliveries.send(incoming).await.is_err()
        {
            // Nobody reads any more: the delivery is answered all the same.
        }
        let Some(octets) = reply(&frame, status) else { continue };
        if link.outgoing.send(octets).await.is_err() || frame.id == 6 {
            break;
        }
    }
    link.closed.store(true, Ordering::Relaxed);
    link.pending.lock().clear();
}

fn delivery(frame: &Frame, link: &Link) -> Option<Incoming> {
    if frame.id != 5 && frame.id != 0x103 {
        return None;
    }
    let command = frame.command().ok();
    let message = command.as_ref().and_then(|command| command.pdu()).and_then(Message::from_pdu);
    if message.is_none() {
        link.undecodable.fetch_add(1, Ordering::Relaxed);
    }
    message.map(|message| Incoming::read(message, frame.octets.clone()))
}

fn reply(frame: &Frame, status: Option<u32>) -> Option<Bytes> {
    let mut out = BytesMut::new();
    match frame.id {
        5 => match status? {
            0 => wire::encode(&mut out, 0, frame.sequence, Pdu::DeliverSmResp(DeliverSmResp::default())),
            status => wire::encode_header(&mut out, 0x8000_0005, status, frame.sequence),
        },
        0x103 => wire::encode_header(&mut out, 0x8000_0103, status?, frame.sequence),
        6 | 0x15 => wire::encode_header(&mut out, frame.id | 0x8000_0000, 0, frame.sequence),
        0x102 | 0x0B => return None,
        _ => wire::encode_header(&mut out, 0x8000_0000, 3, frame.sequence),
    }
    Some(out.freeze())
}

async fn enquire(link: Arc<Link>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if link.ask(Pdu::EnquireLink).await.is_err() {
            return;
        }
    }
}

fn bind_pdu(options: &ConnectOptions) -> Result<Pdu, Unfit> {
    let system_id = cstring(&options.system_id, "system_id")?;
    let password = cstring(&options.password, "password")?;
    let system_type = cstring(&options.system_type, "system_type")?;
    let interface_version = InterfaceVersion::from(options.interface_version);
    Ok(match options.mode {
        BindMode::Transmitter => {
            let base = BindTransmitter::default();
            Pdu::BindTransmitter(BindTransmitter {
                system_id,
                password,
                system_type,
                interface_version,
                ..base
            })
        }
        BindMode::Receiver => {
            let base = BindReceiver::default();
            Pdu::BindReceiver(BindReceiver { system_id, password, system_type, interface_version, ..base })
        }
        BindMode::Transceiver => {
            let base = BindTransceiver::default();
            Pdu::BindTransceiver(BindTransceiver {
                system_id,
                password,
                system_type,
                interface_version,
                ..base
            })
        }
    })
}

/// Reads a response by hand: an id, then TLVs. A refusal may come with or without the id.
fn read_response(frame: &Frame, elapsed_us: u64) -> Response {
    let body = frame.octets.get(HEADER..).unwrap_or_default();
    let end = body.iter().position(|octet| *octet == 0);
    let text = end.and_then(|end| body.get(..end)).and_then(|text| std::str::from_utf8(text).ok());
    let submitted = matches!(frame.id & 0x7FFF_FFFF, 0x04 | 0x103 | 0x21);
    let message_id = text.filter(|text| submitted && !text.is_empty()).map(str::to_owned);
    let after_id = end.and_then(|end| body.get(end + 1..)).unwrap_or_default();
    let reason = reason_in(after_id).or_else(|| reason_in(body));
    Response { status: frame.status, message_id, reason, sequence: frame.sequence, elapsed_us }
}

fn reason_in(mut tlvs: &[u8]) -> Option<String> {
    while let [a, b, c, d, rest @ ..] = tlvs {
        let (value, next) = rest.split_at_checked(usize::from(u16::from_be_bytes([*c, *d])))?;
        if u16::from_be_bytes([*a, *b]) == tag::REASON {
            return Some(String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned());
        }
        tlvs = next;
    }
    None
}
