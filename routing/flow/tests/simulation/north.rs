//! A north session's shell, as `src/north/smpp_session.rs` is it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Buf;
use parking_lot::Mutex;
use veilgate_admission::{Account, BindTicket};
use veilgate_flow::{Asking, Attempt, Flow, Found, Moment, Outcomes, Refusal, Turn, Waiting, with_deliver};
use veilgate_names::{AccountId, AccountKind, MessageId, Monotonic, Reason};
use veilgate_smpp::codec::{CString, Status, Time};
use veilgate_smpp::pdu::{BindMode, QueryResult};
use veilgate_smpp::session::{Event as Smpp, SendError, Session, SessionConfig};
use veilgate_smpp::side::North;

use veilgate_store::MemoryStore;

use super::gateway::{Gateway, session_id};
use super::model::{Model, Note};
use super::plan::{MS, SECOND};
use super::world::World;

/// The gateway's end of an account's bind.
pub(crate) struct NorthEnd {
    session: Session<North>,
    input: Vec<u8>,
    ticket: Option<BindTicket>,
    pub(crate) receives: bool,
    was_bound: bool,
    notes: Arc<Mutex<Vec<Note>>>,
    wire: usize,
    /// Open requests that are not submits: each is answered in its own kind.
    open: BTreeMap<u32, Kind>,
    store: Arc<MemoryStore>,
    /// What follows from questions.
    outcomes: Vec<Outcomes>,
}

/// What a request that is not a submit is.
enum Kind {
    Query,
    Cancel,
    Replace,
}

impl NorthEnd {
    pub(crate) fn account(&self) -> Option<AccountId> {
        self.ticket.as_ref().map(|ticket| ticket.account().id().clone())
    }

    fn kind(&self) -> AccountKind {
        self.ticket.as_ref().map_or(AccountKind::Enterprise, |ticket| ticket.account().kind())
    }

    fn respond(&mut self, sequence: u32, status: Status, id: Option<MessageId>, code: Option<u16>) {
        match self.open.remove(&sequence) {
            None => self.session.submit_response(sequence, status, id, code),
            Some(Kind::Query) => self.session.query_response(sequence, status, None, code),
            Some(Kind::Cancel) => self.session.cancel_response(sequence, status, code),
            Some(Kind::Replace) => self.session.replace_response(sequence, status, code),
        }
    }

    fn refuse(&mut self, sequence: u32, refusal: Refusal) {
        let kind = self.kind();
        self.respond(sequence, refusal.status(kind), None, Some(refusal.code(kind)));
    }

    /// Sends what waits for the account, as far as the window goes. Whether more is to be read back.
    fn deliver(&mut self, flow: &Flow, model: &mut Model, now: Monotonic) -> bool {
        let Some(account) = self.account().filter(|_| self.receives) else { return false };
        let outbox = flow.outbox(&account);
        let mut scratch = Vec::new();
        while self.session.window_free_out() > 0 {
            let Some(delivery) = outbox.lock().take(now) else { break };
            let session = &mut self.session;
            let sent = with_deliver(&delivery, &mut scratch, |pdu| session.deliver(pdu, delivery.id.0, now));
            match sent {
                Some(Ok(())) => model.delivering(delivery.id, self.wire),
                Some(Err(SendError::NeedsTlv)) | None => {
                    outbox.lock().settle(delivery.id, Attempt::Again, now);
                }
                Some(Err(_)) => {
                    outbox.lock().settle(delivery.id, Attempt::Returned, now);
                    break;
                }
            }
        }
        outbox.lock().wants_more()
    }

    /// Takes every PDU that is there. False when the session is over.
    fn pass(&mut self, gateway: &Gateway, model: &mut Model, at: Moment, turn: &mut Turn) -> bool {
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        let mut open = true;
        while open {
            let received = self.session.receive(rest, at.mono);
            rest = &rest[received.consumed..];
            match received.event {
                Some(event) => open = self.handle(event, gateway, model, at, turn),
                None if received.consumed > 0 => {}
                None => match self.session.expire(at.mono) {
                    Some(event) => open = self.handle(event, gateway, model, at, turn),
                    None => break,
                },
            }
        }
        self.input = rest.to_vec();
        open
    }

    fn handle(
        &mut self,
        event: Smpp<'_, North>,
        gateway: &Gateway,
        model: &mut Model,
        at: Moment,
        turn: &mut Turn,
    ) -> bool {
        match event {
            Smpp::Bind(bind) => {
                let name = std::str::from_utf8(bind.system_id.as_bytes()).unwrap();
                let account = gateway.accounts.find(name).unwrap();
                self.receives = bind.mode != BindMode::Transmitter;
                let Ok(ticket) = account.open_bind() else {
                    let _ = self.session.refuse_bind(Status::RBINDFAIL);
                    return true;
                };
                self.ticket = Some(ticket);
                let _ = self.session.accept_bind(CString::new(b"veilgate").unwrap(), 0x50, at.mono);
            }
            Smpp::Submit { sequence, pdu } => {
                let from = Waiting { peer: session_id(self.wire), sequence };
                let done = match self.sender() {
                    Some(account) => gateway.flow.submit(&account, from, &pdu, at, turn),
                    None => Err(Reason::NotPermitted.into()),
                };
                if let Err(refusal) = done {
                    self.refuse(sequence, refusal);
                }
            }
            Smpp::Query { sequence, pdu } => {
                self.open.insert(sequence, Kind::Query);
                let found = self.sender().ok_or(Reason::NotPermitted.into());
                match found.and_then(|account| gateway.flow.query(&account, &pdu, &*self.store)) {
                    Ok(found) => self.tell(sequence, &found),
                    Err(refusal) => self.refuse(sequence, refusal),
                }
            }
            Smpp::Cancel { sequence, pdu } => {
                self.open.insert(sequence, Kind::Cancel);
                self.ask(sequence, at, |asking, outcomes| gateway.flow.cancel(asking, &pdu, turn, outcomes));
            }
            Smpp::Replace { sequence, pdu } => {
                self.open.insert(sequence, Kind::Replace);
                self.ask(sequence, at, |asking, outcomes| gateway.flow.replace(asking, &pdu, turn, outcomes));
            }
            Smpp::Response { token, status, .. } | Smpp::LateResponse { token, status, .. } => {
                self.settle(token, attempt(status), gateway, model, at, turn);
            }
            Smpp::Timeout { token } => self.settle(token, Attempt::Again, gateway, model, at, turn),
            Smpp::Closed(_) => return false,
            _ => {}
        }
        true
    }

    fn ask(
        &mut self,
        sequence: u32,
        at: Moment,
        what: impl FnOnce(&Asking<'_>, &mut Outcomes) -> Result<(), Refusal>,
    ) {
        let Some(account) = self.sender() else { return };
        let from = Waiting { peer: session_id(self.wire), sequence };
        let asking = Asking { account: &account, from, at, store: &*self.store };
        let mut outcomes = Outcomes::default();
        let done = what(&asking, &mut outcomes);
        assert!(outcomes.cancellations.is_empty(), "no channel here takes messages back");
        self.outcomes.push(outcomes);
        if let Err(refusal) = done {
            self.refuse(sequence, refusal);
        }
    }

    fn tell(&mut self, sequence: u32, found: &Found) {
        self.open.remove(&sequence);
        let id = found.id.to_ascii();
        let result = QueryResult {
            message_id: CString::new(&id).unwrap(),
            final_date: Time::EMPTY,
            message_state: found.message_state,
            error_code: 0,
        };
        self.session.query_response(sequence, Status::OK, Some(result), None);
    }

    fn sender(&self) -> Option<Arc<Account>> {
        self.ticket.as_ref().map(|ticket| Arc::clone(ticket.account()))
    }

    fn settle(
        &self,
        token: u64,
        attempt: Attempt,
        gateway: &Gateway,
        model: &mut Model,
        at: Moment,
        turn: &mut Turn,
    ) {
        let Some(account) = self.account() else { return };
        let id = MessageId(token);
        let before = turn.batch().len();
        gateway.flow.delivered(&account, id, attempt, at, turn);
        model.settled(id);
        if turn.batch().len() > before {
            let notes = Arc::clone(&self.notes);
            let done = move |durable| {
                if durable {
                    notes.lock().push(Note::Done { id });
                }
            };
            gateway.flow.notify(turn, Box::new(done));
        }
    }
}

impl World {
    /// The gateway takes a connection of an account.
    pub(crate) fn accept(&mut self, wire: usize) {
        let now = self.moment().mono;
        let Some(gateway) = &mut self.gateway else { return self.hang_up(wire, true) };
        let config = SessionConfig { window_out: 5, ..config() };
        let store = Arc::clone(&self.store);
        let end = NorthEnd {
            session: Session::new(config, now),
            input: Vec::new(),
            ticket: None,
            receives: false,
            was_bound: false,
            notes: Arc::clone(&gateway.notes),
            wire,
            open: BTreeMap::new(),
            store,
            outcomes: Vec::new(),
        };
        gateway.north.insert(wire, end);
        gateway.mail.entry(wire).or_default();
        self.wake(wire);
    }

    pub(crate) fn run_north(&mut self, wire: usize) {
        let at = self.moment();
        let Some(gateway) = &mut self.gateway else { return };
        let Some(mut end) = gateway.north.remove(&wire) else { return };
        let Some(mail) = gateway.mail.get_mut(&wire) else { return };
        let (answers, gone) = (std::mem::take(&mut mail.answers), mail.gone);
        end.input.append(&mut mail.input);
        for (sequence, result) in answers {
            match result {
                Ok(id) => end.respond(sequence, Status::OK, Some(id), None),
                Err(reason) => end.refuse(sequence, reason.into()),
            }
        }
        let mut turn = Turn::default();
        let open = end.pass(gateway, &mut self.model, at, &mut turn);
        if open && end.deliver(&gateway.flow, &mut self.model, at.mono) {
            self.recall_soon();
        }
        self.commit(turn);
        for outcomes in std::mem::take(&mut end.outcomes) {
            self.dispatch(outcomes);
        }
        self.write(wire, end.session.transmit());
        if open && !gone && !self.is_stalled(wire, end.session.backlog()) {
            let after = self.timer(end.next(self.flow().as_deref(), at.mono));
            self.rest(wire, after);
            let is_new = !std::mem::replace(&mut end.was_bound, end.ticket.is_some());
            let wants = is_new && end.receives;
            if let Some(gateway) = &mut self.gateway {
                gateway.north.insert(wire, end);
            }
            if wants {
                self.wake(wire);
            }
        } else {
            self.end_north(end, wire);
        }
    }

    fn end_north(&mut self, mut end: NorthEnd, wire: usize) {
        end.session.disconnect();
        let at = self.moment();
        let mut turn = Turn::default();
        if let (Some(flow), Some(account)) = (self.flow(), end.account()) {
            let mut in_flight: Vec<u64> = end.session.outstanding().collect();
            in_flight.reverse();
            for token in in_flight {
                flow.delivered(&account, MessageId(token), Attempt::Returned, at, &mut turn);
                self.model.settled(MessageId(token));
            }
        }
        self.commit(turn);
        self.close(wire);
        // The others of the account take over.
        let Some(gateway) = &self.gateway else { return };
        let others = gateway.north.iter().filter(|(_, other)| other.account() == end.account());
        for other in others.map(|(wire, _)| *wire).collect::<Vec<_>>() {
            self.wake(other);
        }
    }

    /// The gateway's end of a wire is over.
    pub(crate) fn close(&mut self, wire: usize) {
        if let Some(gateway) = &mut self.gateway {
            gateway.mail.remove(&wire);
        }
        self.hang_up(wire, true);
    }

    /// Writes as much as the peer's socket takes.
    pub(crate) fn write(&mut self, wire: usize, output: &mut bytes::BytesMut) {
        let some = output.len().min(self.room(wire));
        if some > 0 && self.wires[wire].gateway_open {
            self.carry(wire, false, &output[..some]);
            output.advance(some);
            self.wires[wire].unwritten_since = None;
        }
    }

    /// Whether a peer has left octets unread for too long.
    pub(crate) fn is_stalled(&mut self, wire: usize, backlog: usize) -> bool {
        let since = &mut self.wires[wire].unwritten_since;
        if backlog == 0 {
            *since = None;
        }
        backlog > 0 && self.now - *since.get_or_insert(self.now) > 4 * SECOND
    }

    /// Microseconds until a session wants to run again; it looks round now and then anyway.
    pub(crate) fn timer(&self, deadline: Option<Monotonic>) -> u64 {
        deadline.map_or(u64::MAX, |at| at.0).min(self.now + 2 * SECOND).saturating_sub(self.now).max(MS)
    }
}

impl NorthEnd {
    fn next(&self, flow: Option<&Flow>, now: Monotonic) -> Option<Monotonic> {
        let account = self.account().filter(|_| self.receives && self.session.window_free_out() > 0);
        let outbox = account.and_then(|account| Some(flow?.outbox(&account)));
        let postponed = outbox.and_then(|outbox| outbox.lock().next_at()).filter(|at| *at > now);
        [self.session.deadline(), postponed].into_iter().flatten().min()
    }
}

/// Limits of every session here: short, so that silence is found out.
pub(crate) fn config() -> SessionConfig {
    let seconds = std::time::Duration::from_secs;
    SessionConfig {
        window_in: 10,
        window_out: 10,
        bind_timeout: seconds(5),
        pdu_timeout: seconds(4),
        enquire_interval: seconds(3),
        enquire_misses: 2,
        response_timeout: seconds(3),
        unbind_timeout: seconds(2),
        ..SessionConfig::default()
    }
}

fn attempt(status: Status) -> Attempt {
    match status {
        Status::OK => Attempt::Taken,
        Status::RX_T_APPN | Status::RTHROTTLED | Status::RMSGQFUL | Status::RSYSERR => Attempt::Again,
        _ => Attempt::Refused,
    }
}
