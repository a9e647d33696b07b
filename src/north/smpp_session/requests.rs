//! What the client asks for, and its answers.

use std::sync::Arc;

use veilgate_admission::Account;
use veilgate_flow::{Attempt, Moment, Refusal, Turn, Waiting};
use veilgate_names::{AccountKind, MessageId, Reason};
use veilgate_smpp::codec::Status;
use veilgate_smpp::session::Event;
use veilgate_smpp::side::North;

use super::bind::BindRequest;
use super::deliver::attempt;
use super::{Bound, Connection, Kind, Pass};
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
                self.begin(sequence, Kind::Submit, at);
                let done = match self.admit(1, at) {
                    Ok(account) => {
                        let from = self.waiting(sequence);
                        let done = self.shared.hub.flow.submit(&account, from, &pdu, at, turn);
                        guessing::watch(&self.shared, &account, done.as_ref().err(), at, turn);
                        done
                    }
                    Err(refusal) => Err(refusal),
                };
                if let Err(refusal) = done {
                    self.refused(sequence, refusal);
                }
            }
            Event::Data { sequence, pdu } => {
                self.begin(sequence, Kind::Data, at);
                let done = match self.admit(1, at) {
                    Ok(account) => {
                        let from = self.waiting(sequence);
                        let done = self.shared.hub.flow.data(&account, from, &pdu, at, turn);
                        guessing::watch(&self.shared, &account, done.as_ref().err(), at, turn);
                        done
                    }
                    Err(refusal) => Err(refusal),
                };
                if let Err(refusal) = done {
                    self.refused(sequence, refusal);
                }
            }
            Event::Multi { sequence, pdu } => self.multi(sequence, &pdu, at),
            Event::Query { sequence, pdu } => self.query(sequence, &pdu, at),
            Event::Cancel { sequence, pdu } => self.cancel(sequence, &pdu, at, turn),
            Event::Replace { sequence, pdu } => self.replace(sequence, &pdu, at, turn),
            Event::Response { token, status, .. } | Event::LateResponse { token, status, .. } => {
                self.settle(token, attempt(status), at, turn);
            }
            Event::Refused(status) => self.overran(status),
            Event::Timeout { token } => self.settle(token, Attempt::Again, at, turn),
            Event::Closed(reason) => return Some(Pass::Closed(self.closed(reason))),
            _ => {}
        }
        None
    }

    pub(super) fn begin(&mut self, sequence: u32, kind: Kind, at: Moment) {
        self.open.insert(sequence, (at.mono, kind));
    }

    /// Whether this bind and its account may send so many messages more now.
    pub(super) fn admit(&mut self, messages: u32, at: Moment) -> Result<Arc<Account>, Refusal> {
        let bound = self.bound.as_mut().ok_or(Reason::NotPermitted)?;
        bound.metrics.submits.inc_by(messages.into());
        bound.ticket.check_rate(at.mono, messages)?;
        if self.shared.hub.is_backlogged() {
            return Err(Reason::QueueFull.into());
        }
        Ok(Arc::clone(bound.ticket.account()))
    }

    pub(super) fn waiting(&self, sequence: u32) -> Waiting<veilgate_flow::SessionId> {
        Waiting { peer: self.mailbox.id, sequence }
    }

    pub(super) fn refused(&mut self, sequence: u32, refusal: Refusal) {
        let kind = self.kind();
        self.refuse(sequence, refusal, kind);
    }

    /// Writes the answers of what is durable now.
    pub(super) fn answer(&mut self) {
        let kind = self.kind();
        for (sequence, result) in self.mailbox.take_answers() {
            match result {
                Ok(id) => self.respond(sequence, Status::OK, Some(id), None),
                // Only an SMSC that was asked to take a message back refuses so late.
                Err(Reason::SmscRejected) => {
                    self.refuse(sequence, Refusal::by_network(Status::RCANCELFAIL), kind);
                }
                Err(reason) => self.refuse(sequence, reason.into(), kind),
            }
        }
    }

    fn refuse(&mut self, sequence: u32, refusal: Refusal, kind: AccountKind) {
        self.count_refused(refusal.reason);
        self.respond(sequence, refusal.status(kind), None, Some(refusal.code(kind)));
    }

    pub(super) fn count_refused(&self, reason: Reason) {
        if let Some(bound) = &self.bound {
            bound.metrics.refused(reason);
            self.report(bound, reason);
        }
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

    pub(super) fn respond(
        &mut self,
        sequence: u32,
        status: Status,
        id: Option<MessageId>,
        code: Option<u16>,
    ) {
        let (since, kind) = self.open.remove(&sequence).unwrap_or((self.began, Kind::Submit));
        let took = clock::mono().since(since);
        self.shared.hub.telemetry.metrics.north.response_seconds.observe(took.as_secs_f64());
        let accepted = match &kind {
            Kind::Submit | Kind::Data => u64::from(status.is_ok()),
            Kind::Multi(result) if status.is_ok() => result.accepted.into(),
            _ => 0,
        };
        if let Some(bound) = self.bound.as_ref().filter(|_| accepted > 0) {
            bound.metrics.accepted.inc_by(accepted);
        }
        let session = &mut self.session;
        match kind {
            Kind::Submit => session.submit_response(sequence, status, id, code),
            Kind::Data => session.data_response(sequence, status, id, code),
            Kind::Multi(result) => {
                session.multi_response(sequence, status, id, result.unsuccessful.view(), code);
            }
            Kind::Cancel => session.cancel_response(sequence, status, code),
            Kind::Replace => session.replace_response(sequence, status, code),
        }
    }
}
