//! One north SMPP connection: a sans-IO session driven on a socket and one timer. Reads in batches, answers when
//! the journal has what was accepted, and delivers what waits for the account through the session's window.

mod about;
mod bind;
mod deliver;
mod pressure;
mod requests;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rustc_hash::FxHashMap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, watch};
use veilgate_admission::{Accounts, BindTicket, CertificateFingerprint};
use veilgate_flow::{Attempt, Moment, MultiResult, Turn};
use veilgate_names::{AccountKind, MessageId, Monotonic};
use veilgate_smpp::session::{CloseReason, Session, SessionConfig, State};
use veilgate_smpp::side::North;
use veilgate_store::Store;

use self::bind::BindRequest;
use self::pressure::Gauge;
use crate::clock;
use crate::hub::{Hub, SessionBox, Wakes};
use crate::telemetry::events::NorthClosed;
use crate::telemetry::metrics::AccountMetrics;
use crate::telemetry::words::NorthClose;

/// Octets read ahead of what is parsed.
const READ_AHEAD: usize = 64 * 1024;
/// PDUs taken in one go; then it is the turn of other connections. The binds of an account share it, so that many binds
/// are not as many turns.
const BATCH: usize = 256;
/// The least that a bind takes in one go: less would cost more than it takes.
const LEAST_BATCH: usize = 16;
/// How often an idle session looks at its account and the drain flag.
const LOOK_ROUND: Duration = Duration::from_secs(1);

/// How long a client that has closed its half may wait for its answers.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// What every session of the server shares.
pub struct Shared {
    /// The gateway.
    pub hub: Arc<Hub>,
    /// Who may bind.
    pub accounts: Arc<Accounts>,
    /// Where parked messages are read that a client asks for.
    pub store: Arc<dyn Store>,
    /// Limits of a session.
    pub config: SessionConfig,
    /// How long a peer may leave written octets unread.
    pub write_stall: Duration,
    /// Password checks at a time; each takes tens of milliseconds of a core.
    pub checks: Arc<Semaphore>,
    /// True while the gateway drains.
    pub draining: watch::Receiver<bool>,
}

/// Who connected.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// From where.
    pub address: IpAddr,
    /// SHA-256 of its certificate, over TLS.
    pub certificate: Option<CertificateFingerprint>,
}

/// Serves one connection until it ends. `bound` is dropped when the bind stands: the connection is no longer half-open.
pub async fn serve<R, W, G>(shared: Arc<Shared>, peer: Peer, reader: R, writer: W, half_open: G)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mailbox = shared.hub.open_session();
    let began = clock::mono();
    let mut connection = Connection {
        session: Session::new(shared.config, began),
        input: BytesMut::with_capacity(READ_AHEAD),
        scratch: Vec::new(),
        bound: None,
        mailbox: Arc::clone(&mailbox),
        wakes: Wakes::default(),
        unwritten_since: None,
        open: FxHashMap::default(),
        read_closed: None,
        peer,
        began,
        shared: Arc::clone(&shared),
    };
    let reason = connection.run(reader, writer, half_open).await;
    connection.end(reason);
}

struct Connection {
    session: Session<North>,
    input: BytesMut,
    scratch: Vec<u8>,
    bound: Option<Bound>,
    mailbox: Arc<SessionBox>,
    /// Who is woken after the answer is written.
    wakes: Wakes,
    unwritten_since: Option<Monotonic>,
    /// Open requests by sequence number: since when, and what they are answered as.
    open: FxHashMap<u32, (Monotonic, Kind)>,
    /// Since when the client has said its last word; it may still read.
    read_closed: Option<Monotonic>,
    peer: Peer,
    began: Monotonic,
    shared: Arc<Shared>,
}

struct Bound {
    ticket: BindTicket,
    metrics: Arc<AccountMetrics>,
    receives: bool,
    gauge: Gauge,
}

/// What a request is answered as, and what its answer says beside.
enum Kind {
    Submit,
    Data,
    Multi(Box<MultiResult>),
    Cancel,
    Replace,
}

/// What one pass over the input found.
enum Pass {
    /// Nothing more to do with what is there.
    Idle,
    /// There is more, but others come first.
    More,
    /// A bind to be decided.
    Bind(BindRequest),
    /// The session is over.
    Closed(NorthClose),
}

impl Connection {
    async fn run<R, W, G>(&mut self, mut reader: R, mut writer: W, half_open: G) -> NorthClose
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut half_open = Some(half_open);
        let shared = Arc::clone(&self.shared);
        let mailbox = Arc::clone(&self.mailbox);
        let mut draining = shared.draining.clone();
        loop {
            let now = clock::now();
            self.look_round(*draining.borrow_and_update(), now.mono);
            self.gauge(now.mono);
            self.answer();
            let more = match self.pass(now) {
                Pass::Idle => false,
                Pass::More => true,
                Pass::Bind(request) => {
                    self.bind(request).await;
                    if self.bound.is_some() {
                        half_open.take();
                    }
                    continue;
                }
                Pass::Closed(reason) => {
                    let _ = tokio::time::timeout(LOOK_ROUND, writer.write_all(self.session.transmit())).await;
                    let _ = tokio::time::timeout(LOOK_ROUND, writer.shutdown()).await;
                    return reason;
                }
            };
            if more || !self.wakes.is_empty() {
                // A lone submit is durable: the sender's answer first, the work that follows from it then.
                self.answer();
                let written = self.write_now(&mut writer).await;
                self.wakes.ring();
                match written {
                    Some(Ok(0) | Err(_)) => return NorthClose::Peer,
                    Some(Ok(count)) => self.wrote(count),
                    None => {}
                }
            }
            // Last, since what was read may have made room in the window.
            self.deliver(now.mono);
            // Not only when the timer fires: mail may ring more often than that.
            if self.is_write_stalled() {
                return NorthClose::WriteStall;
            }
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            let timer = tokio::time::sleep_until(clock::timer(self.wake_at(now.mono)));
            if self.read_closed.is_some_and(|since| !self.owes() || now.mono.since(since) >= LAST_ANSWERS) {
                return NorthClose::Peer;
            }
            let may_read = self.read_closed.is_none()
                && !self.session.is_stalled()
                && self.input.len() < self.read_ahead();
            let has_output = self.session.backlog() > 0;
            tokio::select! {
                biased;
                written = writer.write(self.session.transmit()), if has_output => match written {
                    Ok(0) | Err(_) => return NorthClose::Peer,
                    Ok(count) => self.wrote(count),
                },
                () = mailbox.wake.notified() => {}
                read = reader.read_buf(&mut self.input), if may_read => match read {
                    Ok(0) if self.owes() => self.read_closed = Some(now.mono),
                    Ok(0) | Err(_) => return NorthClose::Peer,
                    Ok(count) => self.read(count),
                },
                () = timer => {}
                _ = draining.changed() => {}
            }
        }
    }

    /// Octets read ahead: one PDU must fit, however long.
    fn read_ahead(&self) -> usize {
        usize::try_from(self.shared.config.max_pdu).unwrap_or(usize::MAX).max(READ_AHEAD)
    }

    /// Writes as much as the socket takes without waiting; nothing if it takes nothing.
    async fn write_now<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) -> Option<std::io::Result<usize>> {
        let output = self.session.transmit();
        if output.is_empty() {
            return None;
        }
        std::future::poll_fn(|context| match Pin::new(&mut *writer).poll_write(context, output) {
            Poll::Ready(written) => Poll::Ready(Some(written)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Whether a client that has closed its half still waits for something.
    fn owes(&mut self) -> bool {
        !self.open.is_empty() || self.session.backlog() > 0 || self.session.is_stalled()
    }

    fn read(&self, count: usize) {
        if let Some(bound) = &self.bound {
            bound.metrics.octets_in.inc_by(u64::try_from(count).unwrap_or(0));
        }
    }

    fn wrote(&mut self, count: usize) {
        self.session.transmit().advance(count);
        self.unwritten_since = None;
        if let Some(bound) = &self.bound {
            bound.metrics.octets_out.inc_by(u64::try_from(count).unwrap_or(0));
        }
    }

    fn is_write_stalled(&mut self) -> bool {
        if self.session.backlog() == 0 {
            self.unwritten_since = None;
            return false;
        }
        let now = clock::mono();
        now.since(*self.unwritten_since.get_or_insert(now)) >= self.shared.write_stall
    }

    fn wake_at(&mut self, now: Monotonic) -> Monotonic {
        let round = now.plus(LOOK_ROUND);
        let postponed =
            self.bound.as_ref().filter(|bound| bound.receives && self.session.window_free_out() > 0);
        let outbox = postponed.map(|bound| self.shared.hub.flow.outbox(bound.ticket.account().id()));
        let postponed = outbox.and_then(|outbox| outbox.lock().next_at()).filter(|at| *at > now);
        [self.session.deadline(), postponed].into_iter().flatten().fold(round, Monotonic::min)
    }

    /// Unbinds when the gateway drains or the account is no longer active.
    fn look_round(&mut self, draining: bool, now: Monotonic) {
        let inactive = self.bound.as_ref().is_some_and(|bound| !bound.ticket.account().is_active());
        let open = matches!(
            self.session.state(),
            State::ExpectBind | State::BoundTransmitter | State::BoundReceiver | State::BoundTransceiver
        );
        if (draining || inactive) && open {
            self.session.unbind(now);
        }
    }

    /// Takes the PDUs that are there, up to a batch. What it changes is committed as one turn.
    fn pass(&mut self, at: Moment) -> Pass {
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        let mut turn = Turn::default();
        let mut result = Pass::More;
        for _ in 0..self.batch() {
            let received = self.session.receive(rest, at.mono);
            let taken = received.consumed;
            rest = rest.get(taken..).unwrap_or_default();
            let again = match received.event {
                Some(event) => self.handle(event, at, &mut turn),
                None if taken > 0 => None,
                None => match self.session.expire(at.mono) {
                    Some(event) => self.handle(event, at, &mut turn),
                    None => {
                        result = Pass::Idle;
                        break;
                    }
                },
            };
            if let Some(pass) = again {
                result = pass;
                break;
            }
        }
        let left = rest.len();
        self.input = input;
        self.input.advance(self.input.len() - left);
        self.wakes.extend(self.shared.hub.commit_quietly(turn));
        result
    }

    fn batch(&self) -> usize {
        let binds = self.bound.as_ref().map_or(1, |bound| bound.ticket.account().binds());
        (BATCH / usize::try_from(binds.max(1)).unwrap_or(BATCH)).max(LEAST_BATCH)
    }

    fn kind(&self) -> AccountKind {
        self.bound.as_ref().map_or(AccountKind::Enterprise, |bound| bound.ticket.account().kind())
    }

    fn closed(&self, reason: CloseReason) -> NorthClose {
        match reason {
            CloseReason::BadLength => NorthClose::Framing,
            CloseReason::BindTimeout => NorthClose::BindTimeout,
            CloseReason::PduTimeout => NorthClose::PduTimeout,
            CloseReason::Silent => NorthClose::Silent,
            CloseReason::Unbound | CloseReason::UnbindTimeout if *self.shared.draining.borrow() => {
                NorthClose::Drain
            }
            CloseReason::Unbound | CloseReason::UnbindTimeout => NorthClose::Reload,
            CloseReason::PeerUnbound | CloseReason::BindRefused(_) => NorthClose::Unbound,
            CloseReason::Disconnected => NorthClose::Peer,
        }
    }

    /// Gives back what was in flight, and the places it held.
    fn end(&mut self, reason: NorthClose) {
        self.session.disconnect();
        let hub = &self.shared.hub;
        let account = self.bound.as_ref().map(|bound| bound.ticket.account().id().clone());
        if let Some(bound) = &self.bound {
            let at = clock::now();
            let mut turn = Turn::default();
            let mut in_flight: Vec<u64> = self.session.outstanding().collect();
            in_flight.reverse();
            for token in in_flight {
                hub.flow.delivered(
                    bound.ticket.account().id(),
                    MessageId(token),
                    Attempt::Returned,
                    at,
                    &mut turn,
                );
            }
            bound.metrics.binds.dec();
            hub.ledger.unbound(bound.ticket.account().id(), self.peer.address);
            hub.commit(turn);
        }
        hub.close_session(&self.mailbox, account.as_ref());
        let lasted_ms = clock::mono().since(self.began);
        NorthClosed { account, peer: self.peer.address, reason, lasted_ms }.emit(&hub.telemetry);
    }
}
