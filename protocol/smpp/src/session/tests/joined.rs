//! Both ends joined in memory under virtual time: octets arrive cut anywhere and late, requests are answered in any
//! order. Every message sent must end exactly once, with the answer that was given to it.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use veilgate_names::{MessageId, Monotonic};

use super::peer::{CONFIG, deliver, send};
use crate::codec::{CString, Status};
use crate::pdu::{Bind, BindMode};
use crate::session::{CloseReason, Event, Role, SendError, Session};
use crate::side::{North, South};

/// What the test does next.
#[derive(Debug, Clone)]
enum Step {
    Submit,
    Deliver,
    /// Carries up to so many octets to the server.
    North(usize),
    /// Carries up to so many octets to the client.
    South(usize),
    /// The server answers one of its open requests.
    AnswerNorth(usize),
    /// The client answers one of its open requests.
    AnswerSouth(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Submit),
        3 => Just(Step::Deliver),
        4 => prop_oneof![1usize..20, 1usize..400].prop_map(Step::North),
        4 => prop_oneof![1usize..20, 1usize..400].prop_map(Step::South),
        3 => any::<usize>().prop_map(Step::AnswerNorth),
        3 => any::<usize>().prop_map(Step::AnswerSouth),
        1 => (1u64..4_000).prop_map(Step::Pass),
    ]
}

/// One direction of a connection, and what its receiver has not taken yet.
#[derive(Default)]
struct Wire {
    flying: VecDeque<u8>,
    arrived: Vec<u8>,
}

impl Wire {
    /// Carries octets and lets the receiver take what it can; `act` gets the owned part of each event.
    fn carry<S: Role, T>(
        &mut self,
        octets: usize,
        to: &mut Session<S>,
        now: Monotonic,
        own: fn(Event<'_, S>) -> Option<T>,
    ) -> Vec<T> {
        let octets = octets.min(self.flying.len());
        self.arrived.extend(self.flying.drain(..octets));
        let mut taken = 0;
        let mut all = Vec::new();
        loop {
            let received = to.receive(&self.arrived[taken..], now);
            all.extend(received.event.and_then(own));
            if received.consumed == 0 {
                break;
            }
            taken += received.consumed;
        }
        self.arrived.drain(..taken);
        all
    }
}

enum AtServer {
    Bind,
    Open(u32),
    Ended(u64, Status),
}

enum AtClient {
    Open(u32),
    Ended(u64, Status, Vec<u8>),
    TimedOut,
}

fn at_server(event: Event<'_, North>) -> Option<AtServer> {
    match event {
        Event::Bind(_) => Some(AtServer::Bind),
        Event::Submit { sequence, .. } => Some(AtServer::Open(sequence)),
        Event::Response { token, status, .. } | Event::LateResponse { token, status, .. } => {
            Some(AtServer::Ended(token, status))
        }
        Event::Timeout { .. } | Event::Unbinding | Event::Closed(_) => None,
        other => panic!("{other:?}"),
    }
}

fn at_client(event: Event<'_, South>) -> Option<AtClient> {
    match event {
        Event::Deliver { sequence, .. } => Some(AtClient::Open(sequence)),
        Event::Response { token, status, message_id, .. }
        | Event::LateResponse { token, status, message_id, .. } => {
            Some(AtClient::Ended(token, status, message_id.unwrap_or_default().to_vec()))
        }
        Event::Timeout { .. } => Some(AtClient::TimedOut),
        Event::Bound { .. } | Event::Unbinding | Event::Closed(_) => None,
        other => panic!("{other:?}"),
    }
}

struct Joined {
    server: Session<North>,
    client: Session<South>,
    northward: Wire,
    southward: Wire,
    ms: u64,
    open_north: Vec<u32>,
    open_south: Vec<u32>,
    /// By the client's sequence number: which id the server gave. By token: which sequence number it had.
    answers: BTreeMap<u32, u64>,
    submitted: u64,
    delivered: u64,
    ended_submits: BTreeMap<u64, Vec<u8>>,
    ended_deliveries: BTreeMap<u64, Status>,
    next_id: u64,
}

impl Joined {
    fn bound() -> Self {
        let now = Monotonic(0);
        let mut joined = Self {
            server: Session::new(CONFIG, now),
            client: Session::starting_at(CONFIG, now, 0x7FFF_FFF0),
            northward: Wire::default(),
            southward: Wire::default(),
            ms: 0,
            open_north: Vec::new(),
            open_south: Vec::new(),
            answers: BTreeMap::new(),
            submitted: 0,
            delivered: 0,
            ended_submits: BTreeMap::new(),
            ended_deliveries: BTreeMap::new(),
            next_id: 0,
        };
        let request = Bind { mode: BindMode::Transceiver, interface_version: 0x50, ..Bind::default() };
        joined.client.bind(&request, now).unwrap();
        joined.carry_all();
        joined
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Submit => match send(&mut self.client, self.submitted, self.ms) {
                Ok(()) => self.submitted += 1,
                Err(error) => assert_eq!((error, self.client.window_free_out()), (SendError::WindowFull, 0)),
            },
            Step::Deliver => match deliver(&mut self.server, self.delivered, self.ms) {
                Ok(()) => self.delivered += 1,
                Err(error) => assert_eq!((error, self.server.window_free_out()), (SendError::WindowFull, 0)),
            },
            Step::North(octets) => self.carry_north(*octets),
            Step::South(octets) => self.carry_south(*octets),
            Step::AnswerNorth(which) if !self.open_north.is_empty() => {
                let sequence = self.open_north.swap_remove(which % self.open_north.len());
                self.next_id += 1;
                self.answers.insert(sequence, self.next_id);
                self.server.submit_response(sequence, Status::OK, Some(MessageId(self.next_id)), None);
            }
            Step::AnswerSouth(which) if !self.open_south.is_empty() => {
                let sequence = self.open_south.swap_remove(which % self.open_south.len());
                self.client.deliver_response(sequence, Status(sequence));
            }
            Step::AnswerNorth(_) | Step::AnswerSouth(_) => {}
            Step::Pass(ms) => self.pass(*ms),
        }
        self.northward.flying.extend(self.client.transmit().split());
        self.southward.flying.extend(self.server.transmit().split());
        assert!(self.open_north.len() <= 3 && self.open_south.len() <= 3, "windows hold");
    }

    fn carry_north(&mut self, octets: usize) {
        let now = Monotonic(self.ms * 1000);
        for event in self.northward.carry(octets, &mut self.server, now, at_server) {
            match event {
                AtServer::Bind => self.server.accept_bind(CString::default(), 0x34, now).unwrap(),
                AtServer::Open(sequence) => self.open_north.push(sequence),
                AtServer::Ended(token, status) => {
                    assert_eq!(self.ended_deliveries.insert(token, status), None, "ended once");
                }
            }
        }
    }

    fn carry_south(&mut self, octets: usize) {
        let now = Monotonic(self.ms * 1000);
        for event in self.southward.carry(octets, &mut self.client, now, at_client) {
            match event {
                AtClient::Open(sequence) => self.open_south.push(sequence),
                AtClient::TimedOut => unreachable!("only time does that"),
                AtClient::Ended(token, status, id) => {
                    assert_eq!(
                        (status, self.ended_submits.insert(token, id)),
                        (Status::OK, None),
                        "ended once"
                    );
                }
            }
        }
    }

    /// Lets time pass, and both ends do what it demands. A timeout ends nothing: the answer comes late.
    fn pass(&mut self, ms: u64) {
        self.ms += ms;
        let now = Monotonic(self.ms * 1000);
        while let Some(event) = self.client.expire(now) {
            at_client(event);
        }
        while let Some(event) = self.server.expire(now) {
            at_server(event);
        }
    }

    fn carry_all(&mut self) {
        for _ in 0..20 {
            self.step(&Step::North(usize::MAX));
            self.step(&Step::South(usize::MAX));
        }
    }

    fn settle(&mut self) {
        for _ in 0..20 {
            self.carry_all();
            while !self.open_north.is_empty() || !self.open_south.is_empty() {
                self.step(&Step::AnswerNorth(0));
                self.step(&Step::AnswerSouth(0));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_message_ends_once_with_its_own_answer(steps in prop::collection::vec(step(), 0..200)) {
        let mut joined = Joined::bound();
        let budget = steps.iter().map(|step| if let Step::Pass(ms) = step { *ms } else { 0 });
        let mut passed = 0;
        for (step, ms) in steps.iter().zip(budget) {
            // Beyond the peers' patience (silence, half a PDU) they close, as they should.
            passed += ms;
            if ms == 0 || passed < 1_900 {
                joined.step(step);
            }
        }
        joined.settle();
        prop_assert_eq!(joined.ended_submits.len() as u64, joined.submitted);
        prop_assert_eq!(joined.ended_deliveries.len() as u64, joined.delivered);
        let given: std::collections::BTreeSet<Vec<u8>> =
            joined.answers.values().map(|id| MessageId(*id).to_ascii().to_vec()).collect();
        let got: std::collections::BTreeSet<Vec<u8>> = joined.ended_submits.values().cloned().collect();
        prop_assert_eq!(given, got);
        prop_assert_eq!((joined.client.window_free_out(), joined.server.window_free_out()), (3, 3));
        joined.client.unbind(Monotonic(joined.ms * 1000));
        joined.carry_all();
        prop_assert_eq!(joined.client.close_reason(), Some(CloseReason::Unbound));
        prop_assert_eq!(joined.server.close_reason(), Some(CloseReason::PeerUnbound));
    }

    #[test]
    fn cutting_changes_nothing(cuts in prop::collection::vec(1usize..60, 1..200), bytes in input()) {
        let whole = outcome(&bytes, &[usize::MAX]);
        prop_assert_eq!(outcome(&bytes, &cuts), whole);
    }

    #[test]
    fn any_bytes_are_safe(bytes in input()) {
        let mut session = super::peer::client();
        let _ = super::peer::feed(&mut session, &bytes);
        let _ = super::peer::expire(&mut session, 1_000_000);
    }
}

/// PDUs and nonsense.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let header = (prop_oneof![16u32..60, any::<u32>()], 0u32..0x22, any::<bool>(), any::<u32>());
    let pdu = (header, prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..60)).prop_map(
        |((length, id, response, sequence), body)| {
            let id = id | if response { 0x8000_0000 } else { 0 };
            let exact = u32::try_from(body.len() + 16).unwrap();
            let length = if sequence % 16 == 0 { length } else { exact };
            let mut out = [length, id, 0, sequence].map(u32::to_be_bytes).concat();
            out.extend(body);
            out
        },
    );
    let valid = (1u32..9).prop_map(super::peer::submit);
    prop::collection::vec(prop_oneof![pdu, valid], 0..12).prop_map(|all| all.concat())
}

/// Events and answers of a server that reads the bytes cut like this.
fn outcome(bytes: &[u8], cuts: &[usize]) -> (Vec<super::peer::Seen>, Vec<u8>) {
    let mut session = super::peer::server();
    let mut arrived = Vec::new();
    let mut seen = Vec::new();
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        let (now, later) = rest.split_at((*cut).min(rest.len()));
        arrived.extend_from_slice(now);
        rest = later;
        let (events, left) = super::peer::feed_at(&mut session, &arrived, 0);
        seen.extend(events);
        arrived = left;
        if rest.is_empty() {
            break;
        }
    }
    let mut written = session.transmit().to_vec();
    if session.close_reason() == Some(CloseReason::BadLength) {
        // The nack closes as soon as the length is there; whether the number was there too is a matter of the cut.
        written.truncate(written.len() - 4);
    }
    (seen, written)
}
