//! A south link's shell, as `src/south/smsc_link.rs` is it.

use std::sync::Arc;

use parking_lot::Mutex;
use veilgate_flow::Attribution;
use veilgate_flow::{
    Answer, ChannelFacts, DeliverAnswer, Flow, Incoming, LinkEvent, LinkPlace, Moment, Outcomes, Outgoing,
    ReceiptFact, Turn, Waiting,
};
use veilgate_names::{MessageId, Monotonic, Octets};
use veilgate_smpp::codec::{
    Address, CString, EsmClass, OctetString, RegisteredDelivery, Status, Tag, Time, Tlvs,
};
use veilgate_smpp::pdu::{Bind, BindMode, SouthSubmit};
use veilgate_smpp::session::{Event as Smpp, Session, SessionConfig, State};
use veilgate_smpp::side::South;
use veilgate_smpp::text::receipt::{self, IdKey, ReceiptState, ReceiptTlvs};
use veilgate_smpp::text::udh::Segment;

use super::gateway::link_id;
use super::model::{Model, Note};
use super::north::config;
use super::people;
use super::plan::{MS, SECOND};
use super::smsc::SmscPeer;
use super::world::{Event, Peer, World};

/// The gateway's end of a bind to an SMSC.
pub(crate) struct SouthEnd {
    session: Session<South>,
    pub(crate) place: LinkPlace,
    facts: ChannelFacts,
    input: Vec<u8>,
    events: Vec<LinkEvent>,
    taken: usize,
    open: usize,
    /// Until when it sends nothing, because the SMSC throttled.
    resume_at: Monotonic,
    pub(crate) channel: usize,
    pub(crate) link: usize,
    up: bool,
    notes: Arc<Mutex<Vec<Note>>>,
}

impl SouthEnd {
    /// Takes every PDU that is there, and lets the model know when what the SMSCs said is written down. False when the session is over.
    fn pass(
        &mut self,
        flow: &Flow,
        model: &mut Model,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> bool {
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        let mut open = true;
        while open {
            let received = self.session.receive(rest, at.mono);
            rest = &rest[received.consumed..];
            match received.event {
                Some(event) => open = self.handle(event, flow, model, at, turn, outcomes),
                None if received.consumed > 0 => {}
                None => match self.session.expire(at.mono) {
                    Some(event) => open = self.handle(event, flow, model, at, turn, outcomes),
                    None => break,
                },
            }
        }
        self.input = rest.to_vec();
        let answered = self.events.iter().filter_map(|event| match event {
            LinkEvent::Answered { message, .. } => Some(Note::Answered { id: *message }),
            _ => None,
        });
        let answered: Vec<Note> = answered.collect();
        if !self.events.is_empty() {
            flow.link_events(self.place, self.events.drain(..), at, turn, outcomes);
        }
        if !answered.is_empty() {
            let notes = Arc::clone(&self.notes);
            let done = move |durable| {
                if durable {
                    notes.lock().extend(answered);
                }
            };
            flow.notify(turn, Box::new(done));
        }
        open
    }

    fn handle(
        &mut self,
        event: Smpp<'_, South>,
        flow: &Flow,
        model: &mut Model,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> bool {
        match event {
            Smpp::Bound { .. } => {
                self.up = true;
                flow.link_up(self.place, outcomes);
            }
            Smpp::Response { token, status, message_id, .. } => {
                self.open = self.open.saturating_sub(1);
                self.response(token, status, message_id, model, at.mono);
            }
            Smpp::LateResponse { token, status, message_id, .. } => {
                self.response(token, status, message_id, model, at.mono);
            }
            Smpp::Timeout { token } => {
                self.open = self.open.saturating_sub(1);
                model.gave_up(MessageId(token));
                self.events.push(LinkEvent::TimedOut { message: MessageId(token) });
            }
            Smpp::Deliver { sequence, pdu } => {
                let incoming = Incoming {
                    sender: pdu.source,
                    dialled: pdu.destination,
                    esm_class: pdu.esm_class.0,
                    data_coding: pdu.data_coding,
                    text: pdu.message().unwrap(),
                    segment: Segment::of(pdu.tlvs).ok().flatten(),
                    alphabet: self.facts.alphabet,
                };
                if incoming.esm_class & 0x3c == 0x04 {
                    self.receipt(sequence, &incoming, &pdu.tlvs);
                } else {
                    self.reply(sequence, &incoming, flow, at, turn);
                }
            }
            Smpp::Closed(_) => return false,
            _ => {}
        }
        true
    }

    fn response(&mut self, token: u64, status: Status, id: Option<&[u8]>, model: &mut Model, now: Monotonic) {
        model.answered(MessageId(token), status.0, now.0);
        let answer = match status {
            Status::OK => {
                let id = id.unwrap_or_default();
                let key = self.facts.id_format.response_key(id).unwrap_or_else(|| nameless(token));
                Answer::Accepted { id: Octets::from(id), key }
            }
            Status::RTHROTTLED | Status::RMSGQFUL => {
                self.resume_at = Monotonic(now.0 + 200 * MS);
                Answer::Refused { status: status.0 }
            }
            status => Answer::Refused { status: status.0 },
        };
        self.events.push(LinkEvent::Answered { message: MessageId(token), answer });
    }

    fn receipt(&mut self, sequence: u32, incoming: &Incoming<'_>, tlvs: &Tlvs<'_>) {
        assert!(tlvs.find(Tag::RECEIPTED_MESSAGE_ID).is_none(), "the SMSCs here write texts only");
        let receipt = receipt::parse(ReceiptTlvs::default(), incoming.text.as_bytes()).unwrap();
        let ReceiptState::Final(state) = receipt.state else {
            return self.session.deliver_response(sequence, Status::OK);
        };
        let keys = self.facts.id_format.receipt_keys(receipt.id);
        let error = receipt.error.map_or(0, |error| error.code);
        let fact = ReceiptFact { state, error, code: None };
        self.events.push(LinkEvent::Receipt { keys, fact, sequence });
    }

    fn reply(&mut self, sequence: u32, incoming: &Incoming<'_>, flow: &Flow, at: Moment, turn: &mut Turn) {
        let status = match flow.reply(incoming, Waiting { peer: self.place.link, sequence }, at, turn) {
            Attribution::Attributed | Attribution::Told(_) => return,
            Attribution::Duplicate | Attribution::Unattributed(_) => Status::OK,
            Attribution::Full => Status::RX_T_APPN,
            Attribution::TooLong => Status::RX_P_APPN,
        };
        self.session.deliver_response(sequence, status);
    }

    /// Sends what is ready.
    fn send(&mut self, ready: &[MessageId], flow: &Flow, model: &mut Model, at: Moment, turn: &mut Turn) {
        self.taken = self.taken.saturating_sub(ready.len());
        let Self { session, facts, place, channel, open, .. } = self;
        flow.send(place.link, ready, at, turn, |message| {
            let sent = submit(session, *facts, message, at.mono);
            if sent {
                *open += 1;
                model.sending(message.id, &message.body.text, *channel, at.mono.0);
            }
            sent
        });
    }

    /// Takes as many queued messages as there is room for.
    fn take(&mut self, flow: &Flow, at: Moment, turn: &mut Turn, outcomes: &mut Outcomes) {
        let may_send = matches!(self.session.state(), State::BoundTransmitter | State::BoundTransceiver);
        if !may_send || self.resume_at > at.mono {
            return;
        }
        let room = usize::from(self.session.window_free_out()).saturating_sub(self.taken);
        if room > 0 {
            self.taken += flow.take(self.place, room, at, turn, outcomes);
        }
    }

    fn next(&self, flow: Option<&Flow>, now: Monotonic) -> Option<Monotonic> {
        let delayed = flow.and_then(|flow| flow.next_delayed(self.place.channel)).filter(|at| *at > now);
        let resume = Some(self.resume_at).filter(|at| *at > now);
        [self.session.deadline(), delayed, resume].into_iter().flatten().min()
    }
}

impl World {
    /// A link connects to its SMSC and asks to be bound.
    pub(crate) fn connect(&mut self, channel: usize, link: usize) {
        let Some(flow) = self.flow().filter(|_| self.enabled[channel]) else { return };
        let (index, facts) = flow.channel(&people::channel_id(channel)).unwrap();
        let wire = self.open(Peer::Smsc(SmscPeer::new(channel)));
        let now = self.moment().mono;
        let config = SessionConfig { window_out: self.plan.window, ..config() };
        let mut session = Session::new(config, now);
        let bind = Bind {
            mode: BindMode::Transceiver,
            system_id: CString::new(b"veilgate").unwrap(),
            interface_version: 0x34,
            ..Bind::default()
        };
        session.bind(&bind, now).unwrap();
        let Some(notes) = self.gateway.as_ref().map(|gateway| Arc::clone(&gateway.notes)) else { return };
        let end = SouthEnd {
            session,
            place: LinkPlace { link: link_id(wire), channel: index, sends: true },
            facts,
            input: Vec::new(),
            events: Vec::new(),
            taken: 0,
            open: 0,
            resume_at: Monotonic(0),
            channel,
            link,
            up: false,
            notes,
        };
        if let Some(gateway) = &mut self.gateway {
            gateway.south.insert(wire, end);
            gateway.mail.entry(wire).or_default();
        }
        self.wake(wire);
    }

    pub(crate) fn run_south(&mut self, wire: usize) {
        let at = self.moment();
        let Some(flow) = self.flow() else { return };
        let Some(gateway) = &mut self.gateway else { return };
        let Some(mut end) = gateway.south.remove(&wire) else { return };
        let Some(mail) = gateway.mail.get_mut(&wire) else { return };
        let (ready, gone) = (std::mem::take(&mut mail.ready), mail.gone);
        end.input.append(&mut mail.input);
        for (sequence, answer) in std::mem::take(&mut mail.deliver_answers) {
            let status = if answer == DeliverAnswer::Taken { Status::OK } else { Status::RX_T_APPN };
            end.session.deliver_response(sequence, status);
        }
        let mut turn = Turn::default();
        end.send(&ready, &flow, &mut self.model, at, &mut turn);
        self.commit(turn);
        if !self.enabled[end.channel] {
            end.session.unbind(at.mono);
        }
        let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
        let open = end.pass(&flow, &mut self.model, at, &mut turn, &mut outcomes);
        self.commit(turn);
        let mut turn = Turn::default();
        if open && !gone {
            end.take(&flow, at, &mut turn, &mut outcomes);
        }
        self.commit(turn);
        self.write(wire, end.session.transmit());
        if open && !gone && !self.is_stalled(wire, end.session.backlog()) {
            let after = self.timer(end.next(Some(&flow), at.mono));
            self.rest(wire, after);
            if let Some(gateway) = &mut self.gateway {
                gateway.south.insert(wire, end);
            }
            self.dispatch(outcomes);
        } else {
            self.dispatch(outcomes);
            self.end_south(end, wire);
        }
    }

    fn end_south(&mut self, mut end: SouthEnd, wire: usize) {
        let at = self.moment();
        end.session.disconnect();
        let unanswered: Vec<MessageId> = end.session.outstanding().map(MessageId).collect();
        let mail = self.gateway.as_mut().and_then(|gateway| gateway.mail.remove(&wire));
        let unsent = mail.map(|mail| mail.ready).unwrap_or_default();
        self.note(|_| format!("link {wire} ends: unanswered {unanswered:?} unsent {unsent:?}"));
        for id in &unanswered {
            self.model.gave_up(*id);
        }
        if let Some(flow) = self.flow().filter(|_| end.up) {
            let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
            flow.link_down(end.place, &unanswered, &unsent, at, &mut turn, &mut outcomes);
            self.commit(turn);
            self.dispatch(outcomes);
        }
        self.close(wire);
        let after = self.chance.between(20 * MS, SECOND);
        self.at(after, Event::Connect { start: self.start, channel: end.channel, link: end.link });
    }
}

/// As `src/south/submit.rs` builds it.
fn submit(session: &mut Session<South>, facts: ChannelFacts, message: &Outgoing<'_>, now: Monotonic) -> bool {
    let destination = message.contact.smsc_address(facts.address_form).unwrap();
    let submit = SouthSubmit {
        service_type: CString::default(),
        source: Address::new(0, 1, message.source.as_str().as_bytes()).unwrap(),
        destination: &destination,
        esm_class: EsmClass(message.body.esm_class),
        protocol_id: 0,
        priority_flag: 0,
        schedule_delivery_time: Time::EMPTY,
        validity_period: Time::EMPTY,
        registered_delivery: RegisteredDelivery(1),
        replace_if_present_flag: 0,
        data_coding: message.body.data_coding,
        short_message: OctetString::new(&message.body.text).unwrap(),
        message_payload: None,
        concatenation: None,
        user_message_reference: None,
        more_messages_to_send: None,
    };
    session.submit(&submit, message.id.0, now).is_ok()
}

fn nameless(token: u64) -> IdKey {
    IdKey::Text([&[0][..], &token.to_be_bytes()].concat().into())
}
