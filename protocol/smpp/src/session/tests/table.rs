//! The whole transition table: every state, every command id, both ends.

use std::fmt::Write;

use super::peer::{
    CONFIG, Seen, at, bind, client, client_of, encoded, feed, raw, send, sent, server, server_of, submit,
};
use crate::codec::{CommandId, Status};
use crate::pdu::{
    AlertNotification, Bind, BindMode, CancelSm, DataSm, DeliverSm, Outbind, Pdu, QuerySm, ReplaceSm,
    SubmitMulti,
};
use crate::session::{Role, Session, State};
use crate::side::{North, South};

const STATES: [State; 10] = [
    State::ExpectBind,
    State::Outbound,
    State::Binding,
    State::BoundTransmitter,
    State::BoundReceiver,
    State::BoundTransceiver,
    State::Draining,
    State::Unbinding,
    State::PeerUnbinding,
    State::Closed,
];

const IDS: [u32; 35] = [
    0x01,
    0x02,
    0x09,
    0x0B,
    0x15,
    0x06,
    0x04,
    0x21,
    0x103,
    0x03,
    0x08,
    0x07,
    0x05,
    0x102,
    0x111,
    0x112,
    0x113,
    0x0A,
    0x0001_0200,
    0x8000_0000,
    0x8000_0001,
    0x8000_0002,
    0x8000_0009,
    0x8000_0015,
    0x8000_0006,
    0x8000_0004,
    0x8000_0021,
    0x8000_0103,
    0x8000_0003,
    0x8000_0008,
    0x8000_0007,
    0x8000_0005,
    0x8000_0111,
    0x8000_0112,
    0x8000_000A,
];

/// A well-formed PDU that answers nothing.
fn pdu(id: CommandId) -> Vec<u8> {
    let request = |pdu: Pdu<'_, North>| encoded(&pdu, Status::OK, 777);
    match id {
        CommandId::BIND_RECEIVER => bind(BindMode::Receiver, 0x34, 777),
        CommandId::BIND_TRANSMITTER => bind(BindMode::Transmitter, 0x34, 777),
        CommandId::BIND_TRANSCEIVER => bind(BindMode::Transceiver, 0x34, 777),
        CommandId::SUBMIT_SM => submit(777),
        CommandId::SUBMIT_MULTI => request(Pdu::SubmitMulti(SubmitMulti::default())),
        CommandId::DATA_SM => request(Pdu::DataSm(DataSm::default())),
        CommandId::QUERY_SM => request(Pdu::QuerySm(QuerySm::default())),
        CommandId::CANCEL_SM => request(Pdu::CancelSm(CancelSm::default())),
        CommandId::REPLACE_SM => request(Pdu::ReplaceSm(ReplaceSm::default())),
        CommandId::DELIVER_SM => request(Pdu::DeliverSm(DeliverSm::default())),
        CommandId::ALERT_NOTIFICATION => request(Pdu::AlertNotification(AlertNotification::default())),
        CommandId::OUTBIND => request(Pdu::Outbind(Outbind::default())),
        id => raw(id, Status::OK, 777, &[]),
    }
}

fn server_in(state: State) -> Option<Session<North>> {
    let mut session = match state {
        State::ExpectBind => Session::new(CONFIG, at(0)),
        State::Outbound => return None,
        State::Binding => {
            let mut session = Session::new(CONFIG, at(0));
            feed(&mut session, &bind(BindMode::Transceiver, 0x34, 1));
            session
        }
        State::BoundTransmitter => server_of(CONFIG, BindMode::Transmitter, 0x34),
        State::BoundReceiver => server_of(CONFIG, BindMode::Receiver, 0x34),
        _ => server(),
    };
    match state {
        State::Draining | State::PeerUnbinding => {
            feed(&mut session, &submit(5));
            end(&mut session, state);
        }
        State::Unbinding => session.unbind(at(0)),
        State::Closed => session.disconnect(),
        _ => {}
    }
    Some(session)
}

fn client_in(state: State) -> Option<Session<South>> {
    let mut session = match state {
        State::ExpectBind => Session::new(CONFIG, at(0)),
        State::Outbound | State::Binding => {
            let mut session = Session::new(CONFIG, at(0));
            feed(&mut session, &pdu(CommandId::OUTBIND));
            session
        }
        State::BoundTransmitter => client_of(CONFIG, BindMode::Transmitter),
        State::BoundReceiver => client_of(CONFIG, BindMode::Receiver),
        _ => client(),
    };
    match state {
        State::Binding => session.bind(&Bind::default(), at(0)).unwrap(),
        State::Draining | State::PeerUnbinding => {
            send(&mut session, 1, 0).unwrap();
            end(&mut session, state);
        }
        State::Unbinding => session.unbind(at(0)),
        State::Closed => session.disconnect(),
        _ => {}
    }
    Some(session)
}

/// What happens, in one word, and the state after if it is another.
fn outcome<S: Role>(session: &mut Session<S>, state: State, id: CommandId) -> String {
    assert_eq!(session.state(), state);
    sent(session);
    session.announced = true;
    let seen = feed(session, &pdu(id));
    let written = sent(session);
    let mut word = match (&written[..], &seen[..]) {
        ([], [Seen::Ignored(kind)]) => format!("{kind:?}"),
        ([], [event]) => format!("{event:?}").split(['(', ' ']).next().unwrap().to_owned(),
        ([], []) => ".".to_owned(),
        ([one], _) => {
            assert!(
                one.sequence == 777 && one.id == id.response().unwrap_or(CommandId::GENERIC_NACK)
                    || one.id == CommandId::GENERIC_NACK
            );
            let nack = if one.id == CommandId::GENERIC_NACK { "nack " } else { "" };
            format!("{nack}{}", one.status.name().unwrap())
        }
        other => panic!("too much: {other:?}"),
    };
    if session.state() != state {
        write!(word, " > {:?}", session.state()).unwrap();
    }
    word
}

/// Unbinds from one of the ends.
fn end<S: Role>(session: &mut Session<S>, state: State) {
    if state == State::Draining {
        session.unbind(at(0));
    } else {
        feed(session, &raw(CommandId::UNBIND, Status::OK, 776, &[]));
    }
}

/// A paragraph a command: each outcome with the states that have it.
fn table<S: Role>(session_in: fn(State) -> Option<Session<S>>) -> String {
    let mut out = String::new();
    for id in IDS.map(CommandId) {
        let mut outcomes: Vec<(String, Vec<State>)> = Vec::new();
        for state in STATES {
            let Some(mut session) = session_in(state) else { continue };
            let word = outcome(&mut session, state, id);
            match outcomes.iter_mut().find(|(other, _)| *other == word) {
                Some((_, states)) => states.push(state),
                None => outcomes.push((word, vec![state])),
            }
        }
        let name = id.name().map_or_else(|| format!("{:#x}", id.0), str::to_lowercase);
        writeln!(out, "{name}").unwrap();
        for (word, states) in outcomes {
            writeln!(out, "  {word:<26} {states:?}").unwrap();
        }
    }
    out
}

#[test]
fn of_the_server() {
    insta::assert_snapshot!(table(server_in));
}

#[test]
fn of_the_client() {
    insta::assert_snapshot!(table(client_in));
}
