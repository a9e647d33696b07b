//! One bind to one SMSC: connects, binds, keeps the window full of what its channel has queued, and brings back
//! responses, receipts and replies. When it dies it comes back, ever more slowly.

mod cancellation;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rustc_hash::FxHashMap;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use veilgate_flow::{
    Answer, Attribution, Cancellation, ChannelFacts, Class, DeliverAnswer, Incoming, LinkEvent, LinkPlace,
    Moment, Notice, Outcomes, ReceiptFact, Turn, Unattributed, VendorCode, Waiting,
};
use veilgate_ledger::{Actor, AuditEvent};
use veilgate_names::{ChannelId, MessageId, Monotonic, Octets};
use veilgate_policy::LineState;
use veilgate_smpp::codec::{Address, CString, Status, Tag, Tlvs};
use veilgate_smpp::pdu::{Bind, BindMode};
use veilgate_smpp::session::{CloseReason, Event, Session, SessionConfig, State};
use veilgate_smpp::side::South;
use veilgate_smpp::text::encoding::decode_ucs2;
use veilgate_smpp::text::receipt::{self, ReceiptState, ReceiptTlvs};
use veilgate_smpp::text::udh::Segment;

use super::submit::{nameless, submit};
use crate::clock;
use crate::hub::{Hub, LinkBox};
use crate::south::pace::Pace;
use crate::south::rate::{ChannelRate, Rate, Rates};
use crate::tcp::prepare;
use crate::telemetry::events::{ChannelDown, ChannelThrottled, ChannelUp, ReceiptOdd, ReplyUnattributed};
use crate::telemetry::metrics::ChannelMetrics;
use crate::telemetry::words::{BindKind, LinkEnd, ReceiptOddity, SubmitClass, UnattributedKind};

/// Octets read ahead of what is parsed.
const READ_AHEAD: usize = 64 * 1024;
/// The most messages whose intent is written in one turn.
const TAKE_MAX: usize = 256;
/// How often an idle link looks around.
const LOOK_ROUND: Duration = Duration::from_secs(1);

/// What one link is made of.
pub struct LinkConfig {
    /// Its channel.
    pub channel: ChannelId,
    /// The channel's index in the flow.
    pub index: u16,
    /// Which of the channel's binds, from 0.
    pub bind: u32,
    /// Host and port.
    pub address: String,
    /// Our name there.
    pub system_id: String,
    /// Our password there.
    pub password: String,
    /// `system_type`.
    pub system_type: String,
    /// `interface_version`.
    pub version: u8,
    /// Which way.
    pub mode: BindMode,
    /// Limits and timers.
    pub session: SessionConfig,
    /// The first pause before connecting again.
    pub reconnect_min: Duration,
    /// The longest.
    pub reconnect_max: Duration,
    /// The pauses after the SMSC throttled.
    pub backoff: (Duration, Duration),
    /// How long the SMSC may leave written octets unread.
    pub write_stall: Duration,
    /// The channel's rate, shared by its links.
    pub rate: Arc<ChannelRate>,
    /// Submits a second on this link.
    pub rate_per_bind: Option<std::num::NonZeroU32>,
    /// How the SMSC writes things.
    pub facts: ChannelFacts,
    /// How many of the channel's links are bound.
    pub links_up: Arc<AtomicU32>,
}

/// Keeps the link up until `stop` is true.
pub async fn run(hub: Arc<Hub>, config: Arc<LinkConfig>, mut stop: watch::Receiver<bool>) {
    let metrics = hub.telemetry.metrics.channel(&config.channel);
    let mut pause = config.reconnect_min;
    while !*stop.borrow() {
        metrics.connects.inc();
        let connected = tokio::select! {
            connected = tokio::time::timeout(config.session.bind_timeout, TcpStream::connect(&config.address)) => connected,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let end = match connected {
            Ok(Ok(stream)) => {
                let mut link = Link::new(Arc::clone(&hub), Arc::clone(&config), Arc::clone(&metrics));
                let reason = link.run(stream, stop.clone()).await;
                let was_up = link.up;
                let end = link.end(reason);
                if was_up {
                    pause = config.reconnect_min;
                }
                end
            }
            _ => End { reason: LinkEnd::Connect, status: None, unanswered: 0 },
        };
        let stopping = *stop.borrow();
        ChannelDown {
            channel: config.channel.clone(),
            bind: config.bind,
            reason: end.reason,
            status: end.status,
            unanswered: end.unanswered,
            retry_ms: (!stopping).then_some(pause),
        }
        .emit(&hub.telemetry);
        tokio::select! {
            () = tokio::time::sleep(jittered(pause)) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        pause = (pause * 2).min(config.reconnect_max);
    }
}

/// Between half and all of a pause, so that links that died together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let mut octet = [0];
    clock::entropy(&mut octet);
    pause / 2 + pause / 2 * u32::from(octet.first().copied().unwrap_or(0)) / 255
}

/// How a link ended.
struct End {
    reason: LinkEnd,
    status: Option<u32>,
    unanswered: u32,
}

struct Link {
    hub: Arc<Hub>,
    config: Arc<LinkConfig>,
    metrics: Arc<ChannelMetrics>,
    mailbox: Arc<LinkBox>,
    session: Session<South>,
    pace: Pace,
    input: BytesMut,
    events: Vec<LinkEvent>,
    /// Messages taken that are not written yet: their intent is not durable, or they are held.
    taken: usize,
    /// Ready, but the window was full: parts of a text for which it had not room enough.
    held: VecDeque<MessageId>,
    /// Parts taken beyond what the channel's rate allowed.
    owed: usize,
    /// On the wire, unanswered.
    open: FxHashMap<u64, Monotonic>,
    /// `cancel_sm`s on the wire, by their tokens.
    cancellations: FxHashMap<u64, Cancellation>,
    /// Open `data_sm`s, which are answered in their own kind.
    data: HashSet<u32, rustc_hash::FxBuildHasher>,
    unwritten_since: Option<Monotonic>,
    rates: Rates,
    rate_pause: Option<Monotonic>,
    refused: Option<Status>,
    up: bool,
    /// Whether the flow was told that `enquire_link` stays unanswered.
    silent: bool,
}

impl Link {
    fn new(hub: Arc<Hub>, config: Arc<LinkConfig>, metrics: Arc<ChannelMetrics>) -> Self {
        let mailbox = hub.open_link(config.index);
        Self {
            mailbox,
            session: Session::new(config.session, clock::mono()),
            pace: Pace::new(config.session.window_out, config.backoff.0, config.backoff.1),
            input: BytesMut::with_capacity(READ_AHEAD),
            events: Vec::new(),
            taken: 0,
            held: VecDeque::new(),
            owed: 0,
            open: FxHashMap::default(),
            cancellations: FxHashMap::default(),
            data: HashSet::default(),
            unwritten_since: None,
            rates: Rates { channel: Arc::clone(&config.rate), link: config.rate_per_bind.map(Rate::new) },
            rate_pause: None,
            refused: None,
            up: false,
            silent: false,
            hub,
            config,
            metrics,
        }
    }

    async fn run(&mut self, stream: TcpStream, mut stop: watch::Receiver<bool>) -> LinkEnd {
        if prepare(&stream).is_err() || !self.send_bind() {
            return LinkEnd::Connect;
        }
        let (mut reader, mut writer) = stream.into_split();
        let mailbox = Arc::clone(&self.mailbox);
        loop {
            let now = clock::now();
            if *stop.borrow_and_update()
                && !matches!(self.session.state(), State::Draining | State::Unbinding)
            {
                self.session.unbind(now.mono);
            }
            self.mail(now);
            self.ask_back_all(now);
            if let Some(reason) = self.pass(now) {
                let _ = tokio::time::timeout(LOOK_ROUND, writer.write_all(self.session.transmit())).await;
                return self.link_end(reason, *stop.borrow());
            }
            self.take(clock::now());
            // Not only when the timer fires: mail may ring more often than that.
            if self.is_write_stalled() {
                return LinkEnd::WriteStall;
            }
            let timer = tokio::time::sleep_until(clock::timer(self.wake_at(now.mono)));
            // One PDU must fit, however long.
            let ahead = usize::try_from(self.config.session.max_pdu).unwrap_or(usize::MAX).max(READ_AHEAD);
            let may_read = !self.session.is_stalled() && self.input.len() < ahead;
            let has_output = self.session.backlog() > 0;
            tokio::select! {
                biased;
                written = writer.write(self.session.transmit()), if has_output => match written {
                    Ok(0) | Err(_) => return LinkEnd::Peer,
                    Ok(count) => {
                        self.session.transmit().advance(count);
                        self.unwritten_since = None;
                        self.metrics.octets_out.inc_by(u64::try_from(count).unwrap_or(0));
                    }
                },
                () = mailbox.wake.notified() => {}
                read = reader.read_buf(&mut self.input), if may_read => match read {
                    Ok(0) | Err(_) => return LinkEnd::Peer,
                    Ok(count) => { self.metrics.octets_in.inc_by(u64::try_from(count).unwrap_or(0)); }
                },
                () = timer => {}
                _ = stop.changed() => {}
            }
        }
    }

    fn place(&self) -> LinkPlace {
        let sends = self.config.mode != BindMode::Receiver;
        LinkPlace { link: self.mailbox.id, channel: self.config.index, sends }
    }

    fn send_bind(&mut self) -> bool {
        let config = &self.config;
        let field = |text: &str| text.as_bytes().to_vec();
        let (system_id, password, system_type) =
            (field(&config.system_id), field(&config.password), field(&config.system_type));
        let bind = Bind {
            mode: config.mode,
            system_id: CString::new(&system_id).unwrap_or_default(),
            password: CString::new(&password).unwrap_or_default(),
            system_type: CString::new(&system_type).unwrap_or_default(),
            interface_version: config.version,
            addr_ton: 0,
            addr_npi: 0,
            address_range: CString::default(),
            tlvs: Tlvs::EMPTY,
        };
        self.session.bind(&bind, clock::mono()).is_ok()
    }

    /// Sends what is ready and answers what is durable.
    fn mail(&mut self, at: Moment) {
        let mail = self.mailbox.take_mail();
        for (sequence, answer) in mail.answers {
            self.answer(
                sequence,
                if answer == DeliverAnswer::Taken { Status::OK } else { Status::RX_T_APPN },
            );
        }
        let free = usize::from(self.session.window_free_out());
        if self.held.is_empty() && mail.ready.len() <= free {
            self.send(&mail.ready, at);
        } else {
            self.held.extend(mail.ready);
            self.send_held(at);
        }
    }

    /// Sends what was held, as far as the window goes now.
    fn send_held(&mut self, at: Moment) {
        let room = usize::from(self.session.window_free_out()).min(self.held.len());
        let ready: Vec<MessageId> = self.held.drain(..room).collect();
        self.send(&ready, at);
    }

    fn send(&mut self, ready: &[MessageId], at: Moment) {
        if ready.is_empty() {
            return;
        }
        self.taken = self.taken.saturating_sub(ready.len());
        let mut turn = Turn::default();
        let Self { session, open, metrics, config, hub, .. } = self;
        hub.flow.send(self.mailbox.id, ready, at, &mut turn, |message| {
            let sent = submit(session, config, message, at.mono);
            if sent {
                open.insert(message.id.0, at.mono);
                metrics.submits.inc();
                metrics.unanswered.inc();
            }
            sent
        });
        self.hub.commit(turn);
    }

    fn answer(&mut self, sequence: u32, status: Status) {
        if !self.data.is_empty() && self.data.remove(&sequence) {
            self.session.data_response(sequence, status);
        } else {
            self.session.deliver_response(sequence, status);
        }
    }

    /// Takes as many queued messages as there is room for.
    fn take(&mut self, at: Moment) {
        self.rate_pause = None;
        if !self.held.is_empty() {
            self.send_held(at);
        }
        let may_send = matches!(self.session.state(), State::BoundTransmitter | State::BoundTransceiver);
        // What could not be written now would have to be taken back.
        if !may_send || self.session.backlog() >= self.config.session.max_backlog {
            return;
        }
        let busy = self.open.len() + self.taken;
        let free = usize::from(self.session.window_free_out()).saturating_sub(self.taken);
        let room = self.pace.room(busy, at.mono).min(free).min(TAKE_MAX);
        let granted = if room > 0 { self.rates.take(room, at.mono) } else { 0 };
        let paid = self.owed.min(granted);
        self.owed -= paid;
        let granted = granted - paid;
        if granted == 0 {
            self.rate_pause = self.rates.next_at().filter(|_| room > 0);
            return;
        }
        let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
        let taken = self.hub.flow.take(self.place(), granted, at, &mut turn, &mut outcomes);
        self.rates.give_back(granted.saturating_sub(taken));
        if self.rates.next_at().is_some() {
            self.owed += taken.saturating_sub(granted);
        }
        if taken >= granted && granted < room {
            self.rate_pause = self.rates.next_at();
        }
        self.taken += taken;
        self.hub.commit(turn);
        self.hub.dispatch(outcomes);
    }

    fn wake_at(&mut self, now: Monotonic) -> Monotonic {
        let delayed = self.hub.flow.next_delayed(self.config.index).filter(|at| *at > now);
        [self.session.deadline(), self.pace.resume_at(now), self.rate_pause, delayed]
            .into_iter()
            .flatten()
            .fold(now.plus(LOOK_ROUND), Monotonic::min)
    }

    fn is_write_stalled(&mut self) -> bool {
        if self.session.backlog() == 0 {
            self.unwritten_since = None;
            return false;
        }
        let now = clock::mono();
        now.since(*self.unwritten_since.get_or_insert(now)) >= self.config.write_stall
    }

    /// Takes every PDU that is there.
    fn pass(&mut self, at: Moment) -> Option<CloseReason> {
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
        let mut closed = None;
        loop {
            let received = self.session.receive(rest, at.mono);
            let taken = received.consumed;
            rest = rest.get(taken..).unwrap_or_default();
            closed = match received.event {
                Some(event) => self.handle(event, at, &mut turn, &mut outcomes),
                None if taken > 0 => continue,
                None => match self.session.expire(at.mono) {
                    Some(event) => self.handle(event, at, &mut turn, &mut outcomes),
                    None => break,
                },
            };
            if closed.is_some() {
                break;
            }
        }
        let left = rest.len();
        self.input = input;
        self.input.advance(self.input.len() - left);
        if !self.events.is_empty() {
            let place = self.place();
            self.hub.flow.link_events(place, self.events.drain(..), at, &mut turn, &mut outcomes);
        }
        self.tell_silence(&mut outcomes);
        self.hub.commit(turn);
        self.hub.dispatch(outcomes);
        closed
    }

    /// A channel that leaves `enquire_link` unanswered is not what it should be, long before its link is given up.
    fn tell_silence(&mut self, outcomes: &mut Outcomes) {
        let silent = self.up && self.session.is_silent();
        if silent != self.silent {
            self.silent = silent;
            self.hub.flow.link_silent(self.place(), silent, outcomes);
        }
    }

    fn handle(
        &mut self,
        event: Event<'_, South>,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Option<CloseReason> {
        match event {
            Event::Bound { congestion, .. } => {
                self.heard(congestion, at.mono);
                self.bound(outcomes);
            }
            Event::BindRefused(status) => self.refused = Some(status),
            Event::Response { token, status, message_id, congestion }
            | Event::LateResponse { token, status, message_id, congestion } => {
                if self.cancelled(token, Some(status)) {
                    return None;
                }
                self.response(token, status, message_id, congestion, at.mono);
            }
            Event::Timeout { token } if self.cancelled(token, None) => {}
            Event::Timeout { token } => {
                if self.open.remove(&token).is_some() {
                    self.metrics.unanswered.dec();
                }
                self.metrics.responses.of(SubmitClass::Unknown).inc();
                self.events.push(LinkEvent::TimedOut { message: MessageId(token) });
            }
            Event::Deliver { sequence, pdu } => match pdu.message() {
                Ok(text) => {
                    let incoming = Incoming {
                        sender: pdu.source,
                        dialled: pdu.destination,
                        esm_class: pdu.esm_class.0,
                        data_coding: pdu.data_coding,
                        text,
                        segment: Segment::of(pdu.tlvs).ok().flatten(),
                        alphabet: self.config.facts.alphabet,
                    };
                    self.deliver(sequence, &incoming, &pdu.tlvs, at, turn);
                }
                Err(status) => self.session.deliver_response(sequence, status),
            },
            Event::Data { sequence, pdu } => {
                self.data.insert(sequence);
                let payload = pdu.tlvs.find(Tag::MESSAGE_PAYLOAD).map(|tlv| tlv.value).unwrap_or_default();
                let dialled = Address::new(0, 0, pdu.destination.digits.as_bytes()).unwrap_or_default();
                let incoming = Incoming {
                    sender: pdu.source,
                    dialled,
                    esm_class: pdu.esm_class.0,
                    data_coding: pdu.data_coding,
                    text: payload,
                    segment: Segment::of(pdu.tlvs).ok().flatten(),
                    alphabet: self.config.facts.alphabet,
                };
                self.deliver(sequence, &incoming, &pdu.tlvs, at, turn);
            }
            Event::Closed(reason) => return Some(reason),
            _ => {}
        }
        None
    }

    fn bound(&mut self, outcomes: &mut Outcomes) {
        self.up = true;
        self.metrics.binds.inc();
        self.hub.flow.link_up(self.place(), outcomes);
        if self.config.links_up.fetch_add(1, Ordering::Relaxed) == 0 {
            let event = AuditEvent::ChannelUp { channel: self.config.channel.clone() };
            self.hub.ledger.audit(Actor::System, event);
        }
        let kind = match self.config.mode {
            BindMode::Transmitter => BindKind::Transmitter,
            BindMode::Receiver => BindKind::Receiver,
            BindMode::Transceiver => BindKind::Transceiver,
        };
        ChannelUp { channel: self.config.channel.clone(), bind: self.config.bind, kind }
            .emit(&self.hub.telemetry);
    }

    /// Heeds what an answer says of the SMSC's congestion.
    fn heard(&mut self, congestion: Option<u8>, now: Monotonic) {
        if let Some(pause_ms) = self.pace.heard(congestion, now) {
            ChannelThrottled { channel: self.config.channel.clone(), pause_ms }.emit(&self.hub.telemetry);
        }
    }

    fn response(
        &mut self,
        token: u64,
        status: Status,
        message_id: Option<&[u8]>,
        congestion: Option<u8>,
        now: Monotonic,
    ) {
        if let Some(sent) = self.open.remove(&token) {
            self.metrics.unanswered.dec();
            self.metrics.response_seconds.observe(now.since(sent).as_secs_f64());
        }
        self.heard(congestion, now);
        let (answer, class) = match status {
            Status::OK => {
                self.pace.took();
                let id = message_id.unwrap_or_default();
                let key = self.config.facts.id_format.response_key(id).unwrap_or_else(|| nameless(token));
                (Answer::Accepted { id: Octets::from(id), key }, SubmitClass::Accepted)
            }
            status => (Answer::Refused { status: status.0 }, self.refused(status, now)),
        };
        self.metrics.responses.of(class).inc();
        self.events.push(LinkEvent::Answered { message: MessageId(token), answer });
    }

    /// What a refusal means for this link: one that says "later" slows it down.
    fn refused(&mut self, status: Status, now: Monotonic) -> SubmitClass {
        match self.hub.flow.class_of(self.config.index, status.0) {
            Class::Throttled | Class::Congestion => {
                if let Some(pause_ms) = self.pace.throttled(now) {
                    ChannelThrottled { channel: self.config.channel.clone(), pause_ms }
                        .emit(&self.hub.telemetry);
                }
                SubmitClass::Throttled
            }
            Class::Temporary => SubmitClass::Temporary,
            Class::Subscriber | Class::Content | Class::Route | Class::Unknown => SubmitClass::Permanent,
        }
    }

    fn deliver(
        &mut self,
        sequence: u32,
        incoming: &Incoming<'_>,
        tlvs: &Tlvs<'_>,
        at: Moment,
        turn: &mut Turn,
    ) {
        match incoming.esm_class & MESSAGE_TYPE {
            RECEIPT => self.receipt(sequence, incoming, tlvs),
            DELIVERY_ACK => self.notice(Notice::DeliveryAcknowledged, sequence, incoming, tlvs),
            USER_ACK => self.notice(Notice::UserAcknowledged, sequence, incoming, tlvs),
            INTERMEDIATE => self.notice(Notice::Underway, sequence, incoming, tlvs),
            _ if tlvs.find(Tag::RECEIPTED_MESSAGE_ID).is_some() => self.receipt(sequence, incoming, tlvs),
            _ => self.reply(sequence, incoming, at, turn),
        }
    }

    fn receipt(&mut self, sequence: u32, incoming: &Incoming<'_>, tlvs: &Tlvs<'_>) {
        let mut decoded = String::new();
        match receipt::parse(receipt_tlvs(tlvs), receipt_text(incoming, &mut decoded)) {
            Ok(receipt) => match receipt.state {
                ReceiptState::Final(state) => {
                    self.metrics.receipts.of(state).inc();
                    let keys = self.config.facts.id_format.receipt_keys(receipt.id);
                    let code = receipt.vendor.and_then(VendorCode::parse);
                    let error = receipt.error.map_or(0, |error| error.code);
                    let fact = ReceiptFact { state, error, code };
                    self.events.push(LinkEvent::Receipt { keys, fact, sequence });
                }
                ReceiptState::Underway => self.noticed(Notice::Underway, sequence, receipt.id),
            },
            Err(_) => {
                let (channel, kind) = (self.config.channel.clone(), ReceiptOddity::Unreadable);
                ReceiptOdd { channel, kind, message_id: None }.emit(&self.hub.telemetry);
                self.answer(sequence, Status::OK);
            }
        }
    }

    /// What the SMSC says of a message before its end goes to who asked for it; what cannot be read goes nowhere.
    fn notice(&mut self, notice: Notice, sequence: u32, incoming: &Incoming<'_>, tlvs: &Tlvs<'_>) {
        let mut decoded = String::new();
        match receipt::parse(receipt_tlvs(tlvs), receipt_text(incoming, &mut decoded)) {
            Ok(receipt) => self.noticed(notice, sequence, receipt.id),
            Err(_) => {
                self.metrics.receipts_intermediate.inc();
                self.answer(sequence, Status::OK);
            }
        }
    }

    fn noticed(&mut self, notice: Notice, sequence: u32, id: &[u8]) {
        self.metrics.receipts_intermediate.inc();
        let keys = self.config.facts.id_format.receipt_keys(id);
        self.events.push(LinkEvent::Notice { keys, notice, sequence });
    }

    /// What an SMSC hears whose channel's line takes nothing from people: not now, or never.
    fn refused_by_line(&self) -> Option<Status> {
        let policy = self.hub.flow.gate().policy.policy();
        let line = policy.lines().of_channel(&self.config.channel)?;
        match line.state {
            _ if !line.may_receive() => Some(Status::RX_P_APPN),
            LineState::Disabled => Some(Status::RX_T_APPN),
            LineState::Active | LineState::Draining => None,
        }
    }

    fn reply(&mut self, sequence: u32, incoming: &Incoming<'_>, at: Moment, turn: &mut Turn) {
        self.metrics.replies.inc();
        if self.hub.space.is_low() {
            return self.answer(sequence, Status::RX_T_APPN);
        }
        if let Some(refused) = self.refused_by_line() {
            return self.answer(sequence, refused);
        }
        let waiting = Waiting { peer: self.mailbox.id, sequence };
        match self.hub.flow.reply(incoming, waiting, at, turn) {
            Attribution::Attributed => {
                self.hub.telemetry.metrics.flow.replies_attributed.inc();
            }
            Attribution::Duplicate => self.answer(sequence, Status::OK),
            Attribution::Full => self.answer(sequence, Status::RX_T_APPN),
            Attribution::TooLong => self.answer(sequence, Status::RX_P_APPN),
            Attribution::Told(why) => self.unattributed(why),
            Attribution::Unattributed(why) => {
                self.unattributed(why);
                self.answer(sequence, Status::OK);
            }
        }
    }

    fn unattributed(&self, why: Unattributed) {
        let channel = self.config.channel.clone();
        ReplyUnattributed { channel, kind: unattributed(why) }.emit(&self.hub.telemetry);
    }

    fn link_end(&self, reason: CloseReason, stopping: bool) -> LinkEnd {
        match reason {
            CloseReason::BadLength | CloseReason::PduTimeout => LinkEnd::Framing,
            CloseReason::BindTimeout => LinkEnd::BindTimeout,
            CloseReason::Silent => LinkEnd::Silent,
            CloseReason::BindRefused(_) => LinkEnd::BindRefused,
            CloseReason::Unbound | CloseReason::UnbindTimeout if stopping => LinkEnd::Drain,
            CloseReason::Unbound | CloseReason::UnbindTimeout => LinkEnd::Command,
            CloseReason::PeerUnbound => LinkEnd::Unbound,
            CloseReason::Disconnected => LinkEnd::Peer,
        }
    }

    /// Gives back what was not sent, and says what was on the wire.
    fn end(mut self, reason: LinkEnd) -> End {
        self.session.disconnect();
        let is_submit = |token: &u64| !self.cancellations.contains_key(token);
        let unanswered: Vec<MessageId> =
            self.session.outstanding().filter(is_submit).map(MessageId).collect();
        let mut unsent: Vec<MessageId> = self.held.drain(..).collect();
        unsent.extend(self.hub.close_link(&self.mailbox));
        self.metrics.unanswered.dec_by(i64::try_from(self.open.len()).unwrap_or(0));
        if self.up {
            self.metrics.binds.dec();
            if self.config.links_up.fetch_sub(1, Ordering::Relaxed) == 1 {
                let event = AuditEvent::ChannelDown { channel: self.config.channel.clone() };
                self.hub.ledger.audit(Actor::System, event);
            }
            let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
            let place = self.place();
            if self.silent {
                self.hub.flow.link_silent(place, false, &mut outcomes);
            }
            self.give_up_cancellations();
            let (flow, at) = (&self.hub.flow, clock::now());
            flow.link_events(place, self.events.drain(..), at, &mut turn, &mut outcomes);
            flow.link_down(place, &unanswered, &unsent, at, &mut turn, &mut outcomes);
            self.hub.commit(turn);
            self.hub.dispatch(outcomes);
        }
        let count = u32::try_from(unanswered.len()).unwrap_or(u32::MAX);
        End { reason, status: self.refused.map(|status| status.0), unanswered: count }
    }
}

/// Bits 2-5 of `esm_class`: the message type (SMPP 3.4, 5.2.12).
const MESSAGE_TYPE: u8 = 0x3c;
const RECEIPT: u8 = 0x04;
const DELIVERY_ACK: u8 = 0x08;
const USER_ACK: u8 = 0x10;
const INTERMEDIATE: u8 = 0x20;

/// What a receipt's TLVs say.
fn receipt_tlvs<'a>(tlvs: &Tlvs<'a>) -> ReceiptTlvs<'a> {
    let error = tlvs.find(Tag::NETWORK_ERROR_CODE).and_then(|tlv| tlv.value.as_bytes().try_into().ok());
    ReceiptTlvs {
        message_id: tlvs.find(Tag::RECEIPTED_MESSAGE_ID).map(|tlv| tlv.c_octets()),
        message_state: tlvs.find(Tag::MESSAGE_STATE).and_then(|tlv| tlv.octet()),
        network_error: error,
    }
}

/// A receipt's text; one in UCS-2 is decoded first.
fn receipt_text<'a>(incoming: &'a Incoming<'_>, decoded: &'a mut String) -> &'a [u8] {
    match incoming.data_coding {
        8 if decode_ucs2(incoming.text.as_bytes(), decoded).is_ok() => decoded.as_bytes(),
        _ => incoming.text.as_bytes(),
    }
}

fn unattributed(why: Unattributed) -> UnattributedKind {
    match why {
        Unattributed::Unrouted => UnattributedKind::Unrouted,
        Unattributed::Foreign => UnattributedKind::Foreign,
        Unattributed::OtherTenure => UnattributedKind::OtherTenure,
        Unattributed::NoSlot => UnattributedKind::NoSlot,
        Unattributed::Ambiguous => UnattributedKind::Ambiguous,
        Unattributed::Late => UnattributedKind::Late,
    }
}
