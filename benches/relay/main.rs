//! A minimal stateless relay on rusmpp, to measure against: an SMPP server to the north, a client to the south. Every PDU is
//! decoded and encoded by rusmpp; sequence numbers are mapped, message ids remembered until their receipt comes. Nothing
//! is checked, kept or counted: no passwords, no limits, no store, no resend, and who disconnects loses what was under way.
//!
//! usage: relay LISTEN SOUTH BINDS

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::owned::Encode;
use rusmpp::pdus::{BindTransceiver, BindTransceiverResp, DeliverSm};
use rusmpp::tlvs::{TlvTag, TlvValue};
use rusmpp::{Command, Pdu};
use rustc_hash::FxBuildHasher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use veilgate_simulators::{output, wire};

/// Octets that may wait for a peer before nothing more is taken for it.
const MOST_WAITING: usize = 4 * 1024 * 1024;
const SHARDS: usize = 64;

type Map<K, V> = HashMap<K, V, FxBuildHasher>;

/// One connection, seen from the other side.
struct Link {
    state: Mutex<State>,
    /// Something waits to be written.
    filled: Notify,
    /// All of it is written.
    emptied: Notify,
}

#[derive(Default)]
struct State {
    out: BytesMut,
    sequence: u32,
    /// Who asked, and under which number there.
    pending: Map<u32, (Arc<Link>, u32)>,
}

/// The links to the south, and which link to the north each message came by.
struct Relay {
    south: Vec<Arc<Link>>,
    ids: Vec<Ids>,
    next: AtomicUsize,
}

/// Message ids of the south and who waits for their receipts.
#[derive(Default)]
struct Ids(Mutex<Map<Box<[u8]>, Arc<Link>>>);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("relay: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: relay LISTEN SOUTH BINDS";
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or(usage);
    let (listen, south, binds): (SocketAddr, SocketAddr, usize) =
        (next()?.parse()?, next()?.parse()?, next()?.parse()?);
    let mut links = Vec::new();
    let mut readers = Vec::new();
    for _ in 0..binds.max(1) {
        let (reader, writer) = connect(south).await?;
        let link = Arc::new(Link::new());
        link.put(1, Pdu::BindTransceiver(BindTransceiver::default()));
        tokio::spawn(write(Arc::clone(&link), writer));
        links.push(Arc::clone(&link));
        readers.push((link, reader));
    }
    let ids = (0..SHARDS).map(|_| Ids::default()).collect();
    let relay = Arc::new(Relay { south: links, ids, next: AtomicUsize::new(0) });
    for (link, reader) in readers {
        tokio::spawn(serve(Arc::clone(&relay), link, reader, None));
    }
    let listener = TcpListener::bind(listen).await?;
    output::line("listening");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        let link = Arc::new(Link::new());
        let turn = relay.next.fetch_add(1, Ordering::Relaxed) % relay.south.len();
        let partner = relay.south.get(turn).cloned();
        tokio::spawn(write(Arc::clone(&link), writer));
        tokio::spawn(serve(Arc::clone(&relay), link, reader, partner));
    }
}

async fn connect(address: SocketAddr) -> std::io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream.into_split())
}

/// Reads a connection to its end. `partner` is the link to the south of one from the north.
async fn serve(relay: Arc<Relay>, link: Arc<Link>, mut reader: OwnedReadHalf, partner: Option<Arc<Link>>) {
    let mut input = BytesMut::with_capacity(256 * 1024);
    loop {
        while let Some(command) = cut(&mut input) {
            relay.handle(&link, partner.as_ref(), command).await;
        }
        input.reserve(64 * 1024);
        if !matches!(reader.read_buf(&mut input).await, Ok(1..)) {
            link.filled.notify_one();
            return;
        }
    }
}

/// Writes whatever waits, until the connection fails.
async fn write(link: Arc<Link>, mut writer: OwnedWriteHalf) {
    loop {
        let mut octets = std::mem::take(&mut link.state.lock().out);
        if octets.is_empty() {
            link.filled.notified().await;
            continue;
        }
        let written = writer.write_all_buf(&mut octets).await;
        link.emptied.notify_waiters();
        if written.is_err() {
            return;
        }
    }
}

/// Takes a whole PDU off the front; `None` if there is none. One that rusmpp refuses is passed over.
fn cut(input: &mut BytesMut) -> Option<Command> {
    loop {
        let length = usize::try_from(input.get(..4)?.get_u32()).ok().filter(|length| *length >= 16)?;
        if input.len() < length {
            return None;
        }
        let mut frame = input.split_to(length);
        frame.advance(4);
        if let Ok((command, _)) = Command::decode(&mut frame, length - 4) {
            return Some(command);
        }
    }
}

impl Link {
    fn new() -> Self {
        Self { state: Mutex::default(), filled: Notify::new(), emptied: Notify::new() }
    }

    /// Appends a PDU of the relay's own.
    fn put(&self, sequence: u32, pdu: Pdu) {
        let mut state = self.state.lock();
        state.sequence = state.sequence.max(sequence);
        wire::encode(&mut state.out, 0, sequence, pdu);
        drop(state);
        self.filled.notify_one();
    }

    /// Appends an answer under the number it was asked with.
    fn answer(&self, command: &Command, sequence: u32) {
        put_as(&mut self.state.lock().out, command, sequence);
        self.filled.notify_one();
    }

    /// Appends a request of `from` under a number of this connection.
    async fn ask(&self, command: &Command, from: &Arc<Self>) {
        loop {
            let emptied = self.emptied.notified();
            if self.state.lock().out.len() <= MOST_WAITING {
                break;
            }
            emptied.await;
        }
        let mut state = self.state.lock();
        state.sequence = state.sequence % 0x7FFF_FFFF + 1;
        let sequence = state.sequence;
        state.pending.insert(sequence, (Arc::clone(from), command.sequence_number()));
        put_as(&mut state.out, command, sequence);
        drop(state);
        self.filled.notify_one();
    }
}

/// Encodes a command with another sequence number.
fn put_as(out: &mut BytesMut, command: &Command, sequence: u32) {
    let mark = out.len();
    out.extend_from_slice(&[0; 4]);
    command.encode(out);
    let length = u32::try_from(out.len() - mark).unwrap_or(0).to_be_bytes();
    for (at, octets) in [(mark, length), (mark + 12, sequence.to_be_bytes())] {
        if let Some(place) = out.get_mut(at..at + 4) {
            place.copy_from_slice(&octets);
        }
    }
}

impl Relay {
    async fn handle(&self, link: &Arc<Link>, partner: Option<&Arc<Link>>, command: Command) {
        let sequence = command.sequence_number();
        match (command.pdu(), partner) {
            (Some(Pdu::SubmitSm(_)), Some(south)) => south.ask(&command, link).await,
            (Some(Pdu::SubmitSmResp(response)), None) => {
                let Some((north, asked)) = link.state.lock().pending.remove(&sequence) else { return };
                let id = response.message_id().as_ref();
                self.remember(id, Arc::clone(&north));
                north.answer(&command, asked);
            }
            (Some(Pdu::DeliverSm(deliver)), None) => {
                let north = receipted(deliver).and_then(|id| self.forget(id));
                match north {
                    Some(north) => north.ask(&command, link).await,
                    // Of nobody: taken, so that it does not come again.
                    None => link.put(sequence, Pdu::DeliverSmResp(rusmpp::pdus::DeliverSmResp::default())),
                }
            }
            (Some(Pdu::BindTransceiver(_)), _) => {
                link.put(sequence, Pdu::BindTransceiverResp(BindTransceiverResp::default()));
            }
            (Some(Pdu::EnquireLink), _) => link.put(sequence, Pdu::EnquireLinkResp),
            (Some(Pdu::Unbind), _) => link.put(sequence, Pdu::UnbindResp),
            _ => {
                // Answers to what was asked of this side, refusals without a body among them.
                let asked = link.state.lock().pending.remove(&sequence);
                if let Some((other, asked)) = asked {
                    other.answer(&command, asked);
                }
            }
        }
    }

    fn remember(&self, id: &[u8], north: Arc<Link>) {
        if let Some(ids) = self.shard(id) {
            ids.0.lock().insert(id.into(), north);
        }
    }

    fn forget(&self, id: &[u8]) -> Option<Arc<Link>> {
        self.shard(id)?.0.lock().remove(id)
    }

    fn shard(&self, id: &[u8]) -> Option<&Ids> {
        let last = id.iter().rev().take(3).fold(0, |sum: usize, octet| sum * 31 + usize::from(*octet));
        self.ids.get(last % SHARDS)
    }
}

fn receipted(deliver: &DeliverSm) -> Option<&[u8]> {
    let tlv = deliver.tlvs().iter().find(|tlv| tlv.tag() == TlvTag::ReceiptedMessageId)?;
    match tlv.value()? {
        TlvValue::ReceiptedMessageId(id) => Some(id.as_ref()),
        _ => None,
    }
}
