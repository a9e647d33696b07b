//! What the client asks for, and its answers.

use std::sync::Arc;

use veilgate_admission::Account;
use veilgate_flow::{Attempt, Moment, Refusal, Turn, Waiting};
use veilgate_names::{AccountKind, MessageId, Reason};
use veilgate_smpp::codec::Status;
use veilgate_smpp::pdu::Unsuccessfuls;
use veilgate_smpp::session::Event;
use veilgate_smpp::side::North;

use super::bind::BindRequest;
use super::deliver::attempt;
use super::{Bound, Connection, Pass};
use crate::clock;
use crate::north::guessing;
use crate::telemetry::events::{DeliveriesFull, QueueFull, RateRefused};

impl Connection {
    pub(super) fn handle(&mut self, event: Event<'_, North>, at: Moment, turn: &mut Turn) -> Option<Pass> {
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

    /// Writes the answers of what is durable now.
    pub(super) fn answer(&mut self) {
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
}
