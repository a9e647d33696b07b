//! What a client asks about messages it submitted before, and messages to several at once.

use std::sync::Arc;

use veilgate_admission::Account;
use veilgate_flow::{Asking, Flow, Found, Moment, MultiResult, Outcomes, Refusal, Turn};
use veilgate_names::Reason;
use veilgate_smpp::codec::{CString, Status, Time};
use veilgate_smpp::pdu::{CancelSm, QueryResult, QuerySm, ReplaceSm, SubmitMulti};
use veilgate_smpp::side::North;
use veilgate_smpp::text::time::write_absolute;

use super::{Connection, Kind};
use crate::north::guessing;

impl Connection {
    /// A turn of its own: it may be as long as many submits together.
    pub(super) fn multi(&mut self, sequence: u32, pdu: &SubmitMulti<'_, North>, at: Moment) {
        self.begin(sequence, Kind::Multi(Box::default()), at);
        let destinations = u32::from(pdu.destinations.len());
        let result = self.admit(destinations.max(1), at).and_then(|account| {
            let mut turn = Turn::default();
            let from = self.waiting(sequence);
            let result = self.shared.hub.flow.submit_multi(&account, from, pdu, at, &mut turn);
            if let Ok(result) = &result {
                self.watch(&account, result, at, &mut turn);
            }
            self.wakes.extend(self.shared.hub.commit_quietly(turn));
            result
        });
        match result {
            Ok(result) => self.multi_done(sequence, result, at),
            Err(refusal) => self.refused(sequence, refusal),
        }
    }

    fn watch(&self, account: &Account, result: &MultiResult, at: Moment, turn: &mut Turn) {
        for _ in 0..result.accepted {
            guessing::watch(&self.shared, account, None, at, turn);
        }
        for refusal in &result.refusals {
            guessing::watch(&self.shared, account, Some(refusal), at, turn);
            if let Some(bound) = &self.bound {
                bound.metrics.refused(refusal.reason);
            }
        }
    }

    fn multi_done(&mut self, sequence: u32, result: MultiResult, at: Moment) {
        let kind = self.kind();
        let failure = result.failure(kind);
        self.begin(sequence, Kind::Multi(Box::new(result)), at);
        if let Some((status, first)) = failure {
            self.respond(sequence, status, None, Some(first.code(kind)));
        }
    }

    pub(super) fn query(&mut self, sequence: u32, pdu: &QuerySm<'_>, at: Moment) {
        let found = self
            .entitled(at)
            .and_then(|account| self.shared.hub.flow.query(&account, pdu, &*self.shared.store));
        match found {
            Ok(found) => self.tell(sequence, found),
            Err(refusal) => {
                let kind = self.kind();
                self.count_refused(refusal.reason);
                let (status, code) = (refusal.status(kind), refusal.code(kind));
                self.session.query_response(sequence, status, None, Some(code));
            }
        }
    }

    fn tell(&mut self, sequence: u32, found: Found) {
        let id = found.id.to_ascii();
        let date = found.done_at.and_then(|at| write_absolute(at).ok());
        let result = QueryResult {
            message_id: CString::new(&id).unwrap_or_default(),
            final_date: date.as_ref().and_then(|date| Time::new(date).ok()).unwrap_or(Time::EMPTY),
            message_state: found.message_state,
            error_code: 0,
        };
        self.session.query_response(sequence, Status::OK, Some(result), None);
    }

    pub(super) fn cancel(&mut self, sequence: u32, pdu: &CancelSm<'_>, at: Moment, turn: &mut Turn) {
        self.begin(sequence, Kind::Cancel, at);
        self.ask(sequence, at, |flow, asking, outcomes| flow.cancel(asking, pdu, turn, outcomes));
    }

    pub(super) fn replace(&mut self, sequence: u32, pdu: &ReplaceSm<'_>, at: Moment, turn: &mut Turn) {
        self.begin(sequence, Kind::Replace, at);
        self.ask(sequence, at, |flow, asking, outcomes| flow.replace(asking, pdu, turn, outcomes));
    }

    fn ask(
        &mut self,
        sequence: u32,
        at: Moment,
        what: impl FnOnce(&Flow, &Asking<'_>, &mut Outcomes) -> Result<(), Refusal>,
    ) {
        let from = self.waiting(sequence);
        let mut outcomes = Outcomes::default();
        let done = self.entitled(at).and_then(|account| {
            let asking = Asking { account: &account, from, at, store: &*self.shared.store };
            what(&self.shared.hub.flow, &asking, &mut outcomes)
        });
        self.shared.hub.dispatch(outcomes);
        if let Err(refusal) = done {
            self.refused(sequence, refusal);
        }
    }

    /// Whether this bind may ask one more thing now; questions count against its rate as messages do.
    fn entitled(&mut self, at: Moment) -> Result<Arc<Account>, Refusal> {
        let bound = self.bound.as_mut().ok_or(Reason::NotPermitted)?;
        bound.ticket.check_rate(at.mono, 1)?;
        let account = Arc::clone(bound.ticket.account());
        if account.is_active() { Ok(account) } else { Err(Reason::AccountSuspended.into()) }
    }
}
