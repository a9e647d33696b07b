//! One north SMPP connection: a sans-IO session driven on a socket and one timer. Reads in batches, answers when
//! the journal has what was accepted, and delivers what waits for the account through the session's window.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rustc_hash::FxHashMap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, watch};
use veilgate_admission::{Account, Accounts, BindRefusal, BindTicket, CertificateFingerprint};
use veilgate_flow::{Attempt, Moment, Refusal, Turn, Waiting, with_deliver};
use veilgate_names::{AccountKind, MessageId, Monotonic, Reason};
use veilgate_smpp::codec::{CString, Status};
use veilgate_smpp::pdu::{BindMode, Unsuccessfuls};
use veilgate_smpp::session::{CloseReason, Event, SendError, Session, SessionConfig, State};
use veilgate_smpp::side::North;

use super::words::{audit_cause, audit_mode, bind_kind, refusal_status, refusal_word};
use crate::clock;
use crate::hub::{Hub, SessionBox, Wakes};
use crate::north::guessing;
use crate::telemetry::events::{
    BindAccepted, BindRefused, DeliveriesFull, NorthClosed, QueueFull, RateRefused,
};
use crate::telemetry::metrics::AccountMetrics;
use crate::telemetry::words::NorthClose;

/// Octets read ahead of what is parsed.
const READ_AHEAD: usize = 64 * 1024;
/// How often an idle session looks at its account and the drain flag.
const LOOK_ROUND: Duration = Duration::from_secs(1);
/// How long a refused bind waits for its answer: guessing costs the guesser.
const REFUSAL_DELAY: Duration = Duration::from_millis(500);

/// What every session of the server shares.
pub struct Shared {
    /// The gateway.
    pub hub: Arc<Hub>,
    /// Who may bind.
    pub accounts: Arc<Accounts>,
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
    /// Open submits by sequence number: since when, and whether it is a `data_sm`, answered in its own kind.
    open: FxHashMap<u32, (Monotonic, bool)>,
    peer: Peer,
    began: Monotonic,
    shared: Arc<Shared>,
}

struct Bound {
    ticket: BindTicket,
    metrics: Arc<AccountMetrics>,
    receives: bool,
}

/// What a bind asked for, owned while the password is checked.
struct BindRequest {
    system_id: String,
    password: Vec<u8>,
    mode: BindMode,
}

/// What one pass over the input found.
enum Pass {
    /// Nothing more to do with what is there.
    Idle,
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
            self.answer();
            self.deliver(now.mono);
            match self.pass(now) {
                Pass::Idle => {}
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
            }
            if !self.wakes.is_empty() {
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
            // Not only when the timer fires: mail may ring more often than that.
            if self.is_write_stalled() {
                return NorthClose::WriteStall;
            }
            let timer = tokio::time::sleep_until(clock::timer(self.wake_at(now.mono)));
            let may_read = !self.session.is_stalled() && self.input.len() < READ_AHEAD;
            let has_output = self.session.backlog() > 0;
            tokio::select! {
                biased;
                written = writer.write(self.session.transmit()), if has_output => match written {
                    Ok(0) | Err(_) => return NorthClose::Peer,
                    Ok(count) => self.wrote(count),
                },
                () = mailbox.wake.notified() => {}
                read = reader.read_buf(&mut self.input), if may_read => match read {
                    Ok(0) | Err(_) => return NorthClose::Peer,
                    Ok(count) => self.read(count),
                },
                () = timer => {}
                _ = draining.changed() => {}
            }
        }
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

    /// Writes the answers of what is durable now.
    fn answer(&mut self) {
        let kind = self.kind();
        for (sequence, result) in self.mailbox.take_answers() {
            match result {
                Ok(id) => {
                    if let Some(bound) = &self.bound {
                        bound.metrics.accepted.inc();
                    }
                    self.respond(sequence, Status::OK, Some(id), None);
                }
                Err(reason) => self.refuse(sequence, reason.into(), kind),
            }
        }
    }

    fn refuse(&mut self, sequence: u32, refusal: Refusal, kind: AccountKind) {
        if let Some(bound) = &self.bound {
            bound.metrics.refused(refusal.reason);
            self.report(bound, refusal.reason);
        }
        self.respond(sequence, refusal.status(kind), None, Some(refusal.code(kind)));
    }

    /// Tells carrier staff of refusals that are about the gateway or the account, not about one message.
    fn report(&self, bound: &Bound, reason: Reason) {
        let hub = &self.shared.hub;
        let account = bound.ticket.account().id().clone();
        match reason {
            Reason::Tps => RateRefused { account }.emit(&hub.telemetry),
            Reason::QueueFull => {
                let pending = hub.flow.outbox(&account);
                let pending = pending.lock();
                if pending.is_full() {
                    let pending = u64::try_from(pending.pending()).unwrap_or(u64::MAX);
                    DeliveriesFull { account, pending }.emit(&hub.telemetry);
                } else {
                    drop(pending);
                    let live_messages = u64::try_from(hub.flow.admitted()).unwrap_or(u64::MAX);
                    QueueFull { live_messages }.emit(&hub.telemetry);
                }
            }
            _ => {}
        }
    }

    fn respond(&mut self, sequence: u32, status: Status, id: Option<MessageId>, code: Option<u16>) {
        let (since, is_data) = self.open.remove(&sequence).unwrap_or((self.began, false));
        let took = clock::mono().since(since);
        self.shared.hub.telemetry.metrics.north.response_seconds.observe(took.as_secs_f64());
        if is_data {
            self.session.data_response(sequence, status, id, code);
        } else {
            self.session.submit_response(sequence, status, id, code);
        }
    }

    /// Sends what waits for the account, as far as the window goes.
    fn deliver(&mut self, now: Monotonic) {
        let Some(bound) = self.bound.as_ref().filter(|bound| bound.receives) else { return };
        if self.session.window_free_out() == 0 {
            return;
        }
        let outbox = self.shared.hub.flow.outbox(bound.ticket.account().id());
        while self.session.window_free_out() > 0 {
            let Some(delivery) = outbox.lock().take(now) else { break };
            let session = &mut self.session;
            let sent =
                with_deliver(&delivery, &mut self.scratch, |pdu| session.deliver(pdu, delivery.id.0, now));
            match sent {
                Some(Ok(())) => {
                    bound.metrics.deliveries_sent.inc();
                }
                Some(Err(SendError::NeedsTlv)) | None => {
                    outbox.lock().settle(delivery.id, Attempt::Again, now);
                }
                Some(Err(_)) => {
                    outbox.lock().settle(delivery.id, Attempt::Returned, now);
                    break;
                }
            }
        }
    }

    /// Takes every PDU that is there. What it changes is committed as one turn.
    fn pass(&mut self, at: Moment) -> Pass {
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        let mut turn = Turn::default();
        let mut result = Pass::Idle;
        loop {
            let received = self.session.receive(rest, at.mono);
            let taken = received.consumed;
            rest = rest.get(taken..).unwrap_or_default();
            let again = match received.event {
                Some(event) => self.handle(event, at, &mut turn),
                None if taken > 0 => None,
                None => match self.session.expire(at.mono) {
                    Some(event) => self.handle(event, at, &mut turn),
                    None => break,
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

    fn handle(&mut self, event: Event<'_, North>, at: Moment, turn: &mut Turn) -> Option<Pass> {
        match event {
            Event::Bind(bind) => {
                return Some(Pass::Bind(BindRequest {
                    system_id: String::from_utf8_lossy(bind.system_id.as_bytes()).into_owned(),
                    password: bind.password.as_bytes().to_vec(),
                    mode: bind.mode,
                }));
            }
            Event::Submit { sequence, pdu } => {
                self.open.insert(sequence, (at.mono, false));
                let done = match self.admit(at) {
                    Ok(account) => {
                        let from = self.waiting(sequence);
                        let done = self.shared.hub.flow.submit(&account, from, &pdu, at, turn);
                        guessing::watch(&self.shared, &account, done.as_ref().err(), at, turn);
                        done
                    }
                    Err(refusal) => Err(refusal),
                };
                self.refused(sequence, done);
            }
            Event::Data { sequence, pdu } => {
                self.open.insert(sequence, (at.mono, true));
                let done = match self.admit(at) {
                    Ok(account) => {
                        let from = self.waiting(sequence);
                        let done = self.shared.hub.flow.data(&account, from, &pdu, at, turn);
                        guessing::watch(&self.shared, &account, done.as_ref().err(), at, turn);
                        done
                    }
                    Err(refusal) => Err(refusal),
                };
                self.refused(sequence, done);
            }
            Event::Multi { sequence, .. } => {
                let (status, code) = self.unsupported();
                self.session.multi_response(sequence, status, None, Unsuccessfuls::default(), code);
            }
            Event::Query { sequence, .. } => {
                let (status, code) = self.unsupported();
                self.session.query_response(sequence, status, None, code);
            }
            Event::Cancel { sequence, .. } => {
                let (status, code) = self.unsupported();
                self.session.cancel_response(sequence, status, code);
            }
            Event::Replace { sequence, .. } => {
                let (status, code) = self.unsupported();
                self.session.replace_response(sequence, status, code);
            }
            Event::Response { token, status, .. } | Event::LateResponse { token, status, .. } => {
                self.settle(token, attempt(status), at, turn);
            }
            Event::Timeout { token } => self.settle(token, Attempt::Again, at, turn),
            Event::Closed(reason) => return Some(Pass::Closed(self.closed(reason))),
            _ => {}
        }
        None
    }

    /// Whether this bind and its account may send one more message now.
    fn admit(&mut self, at: Moment) -> Result<Arc<Account>, Refusal> {
        let bound = self.bound.as_mut().ok_or(Reason::NotPermitted)?;
        bound.metrics.submits.inc();
        bound.ticket.check_rate(at.mono, 1)?;
        if self.shared.hub.is_backlogged() {
            return Err(Reason::QueueFull.into());
        }
        Ok(Arc::clone(bound.ticket.account()))
    }

    fn waiting(&self, sequence: u32) -> Waiting<veilgate_flow::SessionId> {
        Waiting { peer: self.mailbox.id, sequence }
    }

    fn refused(&mut self, sequence: u32, done: Result<MessageId, Refusal>) {
        if let Err(refusal) = done {
            let kind = self.kind();
            self.refuse(sequence, refusal, kind);
        }
    }

    fn unsupported(&self) -> (Status, Option<u16>) {
        let refusal = Refusal::from(Reason::Unsupported);
        (refusal.status(self.kind()), Some(refusal.code(self.kind())))
    }

    fn kind(&self) -> AccountKind {
        self.bound.as_ref().map_or(AccountKind::Enterprise, |bound| bound.ticket.account().kind())
    }

    fn settle(&mut self, token: u64, attempt: Attempt, at: Moment, turn: &mut Turn) {
        let Some(bound) = &self.bound else { return };
        let account = bound.ticket.account().id();
        match attempt {
            Attempt::Taken | Attempt::Refused => bound.metrics.deliveries_acknowledged.inc(),
            Attempt::Again | Attempt::Returned => bound.metrics.deliveries_retried.inc(),
        };
        self.shared.hub.flow.delivered(account, MessageId(token), attempt, at, turn);
    }

    async fn bind(&mut self, request: BindRequest) {
        let account = self.authenticate(&request).await;
        let ticket = account.and_then(|account| account.open_bind());
        let draining = *self.shared.draining.borrow();
        match ticket {
            Ok(_) if draining => self.refuse_bind(Status::RBINDFAIL),
            Ok(ticket) => {
                let account = Arc::clone(ticket.account());
                let metrics = self.shared.hub.telemetry.metrics.account(account.id());
                metrics.binds.inc();
                let window = account.config().window.get();
                self.session.set_window_in(u16::try_from(window).unwrap_or(u16::MAX));
                let receives = request.mode != BindMode::Transmitter;
                let event = BindAccepted {
                    account: account.id().clone(),
                    peer: self.peer.address,
                    kind: bind_kind(request.mode),
                    binds: account.binds(),
                };
                event.emit(&self.shared.hub.telemetry);
                self.shared.hub.ledger.bind_accepted(
                    account.id(),
                    self.peer.address,
                    audit_mode(request.mode),
                );
                let system_id = CString::new(SYSTEM_ID).unwrap_or_default();
                let _ = self.session.accept_bind(system_id, VERSION, clock::mono());
                if receives {
                    self.shared.hub.receive_for(account.id(), &self.mailbox);
                }
                self.bound = Some(Bound { ticket, metrics, receives });
            }
            Err(refusal) => {
                let known = self.shared.accounts.find(&request.system_id).map(|account| account.id().clone());
                let ledger = &self.shared.hub.ledger;
                ledger.bind_refused(known.as_ref(), self.peer.address, audit_cause(refusal));
                if refusal == BindRefusal::NowLockedOut {
                    ledger.account_locked(known.as_ref(), self.peer.address);
                }
                let reason = refusal_word(refusal);
                let event = BindRefused { account: known, peer: self.peer.address, reason };
                event.emit(&self.shared.hub.telemetry);
                tokio::time::sleep(REFUSAL_DELAY).await;
                self.refuse_bind(refusal_status(refusal));
            }
        }
    }

    /// The bind may have timed out meanwhile; then there is nothing to refuse.
    fn refuse_bind(&mut self, status: Status) {
        let _ = self.session.refuse_bind(status);
    }

    /// Checks the password off the event loop, a few at a time.
    async fn authenticate(&self, request: &BindRequest) -> Result<Arc<Account>, BindRefusal> {
        let Ok(permit) = Arc::clone(&self.shared.checks).acquire_owned().await else {
            return Err(BindRefusal::NotAllowed);
        };
        let (accounts, peer) = (Arc::clone(&self.shared.accounts), self.peer);
        let (system_id, password) = (request.system_id.clone(), request.password.clone());
        let check = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            accounts.authenticate(
                &system_id,
                &password,
                peer.address,
                peer.certificate.as_ref(),
                clock::mono(),
            )
        });
        check.await.unwrap_or(Err(BindRefusal::NotAllowed))
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

/// What the gateway calls itself in bind responses.
const SYSTEM_ID: &[u8] = b"veilgate";
/// The highest version the gateway speaks.
const VERSION: u8 = 0x50;

/// Only what may pass with time is tried again: a peer that calls a `deliver_sm` malformed will do so for ever.
fn attempt(status: Status) -> Attempt {
    match status {
        Status::OK => Attempt::Taken,
        Status::RX_T_APPN | Status::RTHROTTLED | Status::RMSGQFUL | Status::RSYSERR => Attempt::Again,
        _ => Attempt::Refused,
    }
}
