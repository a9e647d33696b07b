//! What the tests see of a session, owned, and PDUs as a peer makes them.

use std::time::Duration;

use bytes::BytesMut;
use veilgate_names::{Monotonic, Pseudonym, ServiceNumber};

use crate::codec::{
    Address, CString, CommandId, EsmClass, OctetString, RegisteredDelivery, Status, Time, split,
};
use crate::pdu::{Bind, BindMode, NorthDeliver, Pdu, SmscAddress, SouthSubmit, SubmitSm};
use crate::session::{CloseReason, Event, Ignored, Role, Session, SessionConfig, WindowFull};
use crate::side::{North, South};

pub(super) const CONFIG: SessionConfig = SessionConfig {
    max_pdu: 4096,
    window_in: 3,
    window_full: WindowFull::Wait,
    window_out: 3,
    max_backlog: 8192,
    bind_timeout: Duration::from_millis(5_000),
    pdu_timeout: Duration::from_millis(2_000),
    enquire_interval: Duration::from_millis(30_000),
    enquire_misses: 2,
    response_timeout: Duration::from_millis(10_000),
    unbind_timeout: Duration::from_millis(5_000),
};

/// An event without its borrowed parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Bind(BindMode),
    Bound(u8),
    BindRefused(Status),
    Outbind,
    Submit(u32),
    Data(u32),
    Multi(u32),
    Query(u32),
    Cancel(u32),
    Replace(u32),
    Deliver(u32),
    Alert,
    Response(u64, Status, Option<Vec<u8>>, Option<u8>),
    Late(u64, Status, Option<Vec<u8>>),
    Timeout(u64),
    Refused(Status),
    Ignored(Ignored),
    Unbinding,
    Closed(CloseReason),
}

impl<S: Role> From<Event<'_, S>> for Seen {
    fn from(event: Event<'_, S>) -> Self {
        match event {
            Event::Bind(pdu) => Self::Bind(pdu.mode),
            Event::Bound { interface_version, .. } => Self::Bound(interface_version),
            Event::BindRefused(status) => Self::BindRefused(status),
            Event::Outbind(_) => Self::Outbind,
            Event::Submit { sequence, .. } => Self::Submit(sequence),
            Event::Data { sequence, .. } => Self::Data(sequence),
            Event::Multi { sequence, .. } => Self::Multi(sequence),
            Event::Query { sequence, .. } => Self::Query(sequence),
            Event::Cancel { sequence, .. } => Self::Cancel(sequence),
            Event::Replace { sequence, .. } => Self::Replace(sequence),
            Event::Deliver { sequence, .. } => Self::Deliver(sequence),
            Event::Alert(_) => Self::Alert,
            Event::Response { token, status, message_id, congestion } => {
                Self::Response(token, status, message_id.map(<[u8]>::to_vec), congestion)
            }
            Event::LateResponse { token, status, message_id, .. } => {
                Self::Late(token, status, message_id.map(<[u8]>::to_vec))
            }
            Event::Timeout { token } => Self::Timeout(token),
            Event::Refused(status) => Self::Refused(status),
            Event::Ignored(kind) => Self::Ignored(kind),
            Event::Unbinding => Self::Unbinding,
            Event::Closed(reason) => Self::Closed(reason),
        }
    }
}

/// A PDU on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) id: CommandId,
    pub(super) status: Status,
    pub(super) sequence: u32,
    pub(super) body: Vec<u8>,
}

pub(super) const fn at(ms: u64) -> Monotonic {
    Monotonic(ms * 1000)
}

/// Feeds all of the input, as a shell does; gives the events and what could not be taken.
pub(super) fn feed_at<S: Role>(session: &mut Session<S>, input: &[u8], ms: u64) -> (Vec<Seen>, Vec<u8>) {
    let mut seen = Vec::new();
    let mut rest = input;
    loop {
        let received = session.receive(rest, at(ms));
        seen.extend(received.event.map(Seen::from));
        if received.consumed == 0 {
            return (seen, rest.to_vec());
        }
        rest = &rest[received.consumed..];
    }
}

pub(super) fn feed<S: Role>(session: &mut Session<S>, input: &[u8]) -> Vec<Seen> {
    feed_at(session, input, 0).0
}

pub(super) fn expire<S: Role>(session: &mut Session<S>, ms: u64) -> Vec<Seen> {
    std::iter::from_fn(|| session.expire(at(ms))).map(Seen::from).collect()
}

/// Drains what the session wants written.
pub(super) fn sent<S: Role>(session: &mut Session<S>) -> Vec<Sent> {
    let bytes = session.transmit().split();
    let mut rest = &bytes[..];
    let mut all = Vec::new();
    while let Some(frame) = split(rest, u32::MAX).unwrap() {
        all.push(Sent {
            id: frame.header.command_id,
            status: frame.header.command_status,
            sequence: frame.header.sequence_number,
            body: frame.body.to_vec(),
        });
        rest = &rest[frame.length()..];
    }
    assert!(rest.is_empty(), "only whole PDUs are written");
    all
}

pub(super) fn sent_ids<S: Role>(session: &mut Session<S>) -> Vec<(CommandId, Status, u32)> {
    sent(session).into_iter().map(|pdu| (pdu.id, pdu.status, pdu.sequence)).collect()
}

pub(super) fn encoded(pdu: &Pdu<'_, North>, status: Status, sequence: u32) -> Vec<u8> {
    let mut out = BytesMut::new();
    pdu.encode(status, sequence, &mut out);
    out.to_vec()
}

/// A header and a body as they are.
pub(super) fn raw(id: CommandId, status: Status, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 16).unwrap();
    let mut out = [length, id.0, status.0, sequence].map(u32::to_be_bytes).concat();
    out.extend(body);
    out
}

pub(super) fn submit(sequence: u32) -> Vec<u8> {
    encoded(&Pdu::SubmitSm(SubmitSm::default()), Status::OK, sequence)
}

pub(super) fn bind(mode: BindMode, interface_version: u8, sequence: u32) -> Vec<u8> {
    encoded(&Pdu::Bind(Bind { mode, interface_version, ..Bind::default() }), Status::OK, sequence)
}

/// A server bound by a client of this version.
pub(super) fn server_of(config: SessionConfig, mode: BindMode, version: u8) -> Session<North> {
    let mut session = Session::new(config, at(0));
    assert_eq!(feed(&mut session, &bind(mode, version, 1)), [Seen::Bind(mode)]);
    session.accept_bind(CString::new(b"gate").unwrap(), 0x50, at(0)).unwrap();
    sent(&mut session);
    session
}

pub(super) fn server() -> Session<North> {
    server_of(CONFIG, BindMode::Transceiver, 0x34)
}

/// A client bound to an SMSC that says nothing of its version. Its next sequence number is 2.
pub(super) fn client_of(config: SessionConfig, mode: BindMode) -> Session<South> {
    let mut session = Session::new(config, at(0));
    session.bind(&Bind { mode, interface_version: 0x34, ..Bind::default() }, at(0)).unwrap();
    let response = mode.command_id().response().unwrap();
    assert_eq!(feed(&mut session, &raw(response, Status::OK, 1, b"smsc\0")), [Seen::Bound(0x34)]);
    sent(&mut session);
    session
}

pub(super) fn client() -> Session<South> {
    client_of(CONFIG, BindMode::Transceiver)
}

/// Sends the smallest message.
pub(super) fn send(session: &mut Session<South>, token: u64, ms: u64) -> Result<(), super::super::SendError> {
    let destination = SmscAddress::write(1, 1, b"8613800138000").unwrap();
    session.submit(&message(&destination), token, at(ms))
}

pub(super) fn message(destination: &SmscAddress) -> SouthSubmit<'_> {
    SouthSubmit {
        service_type: CString::default(),
        source: Address::new(0, 1, b"10690001").unwrap(),
        destination,
        esm_class: EsmClass::MESSAGE,
        protocol_id: 0,
        priority_flag: 0,
        schedule_delivery_time: Time::EMPTY,
        validity_period: Time::EMPTY,
        registered_delivery: RegisteredDelivery(1),
        replace_if_present_flag: 0,
        data_coding: 0,
        short_message: OctetString::new(b"hello").unwrap(),
        message_payload: None,
        concatenation: None,
        user_message_reference: None,
        more_messages_to_send: None,
    }
}

/// Delivers the smallest reply, with the parts that `change` adds.
pub(super) fn deliver_with(
    session: &mut Session<North>,
    token: u64,
    ms: u64,
    change: impl FnOnce(&mut NorthDeliver<'_>),
) -> Result<(), super::super::SendError> {
    let sender = Pseudonym::parse("Zk3v8QpR2s").unwrap();
    let service_number = ServiceNumber::parse("10690001").unwrap();
    let mut message = NorthDeliver {
        sender: &sender,
        service_number: &service_number,
        device: None,
        authorization: None,
        reason: None,
        esm_class: EsmClass::MESSAGE,
        data_coding: 0,
        short_message: OctetString::new(b"yes").unwrap(),
        message_payload: None,
        concatenation: None,
        user_message_reference: None,
        receipt: None,
    };
    change(&mut message);
    session.deliver(&message, token, at(ms))
}

pub(super) fn deliver(
    session: &mut Session<North>,
    token: u64,
    ms: u64,
) -> Result<(), super::super::SendError> {
    deliver_with(session, token, ms, |_| ())
}
