//! What goes north: deliveries as the window has room, and what becomes of them.

use veilgate_flow::{Attempt, Moment, Turn, with_deliver};
use veilgate_names::{MessageId, Monotonic};
use veilgate_smpp::codec::Status;
use veilgate_smpp::session::SendError;

use super::Connection;

impl Connection {
    /// Sends what waits for the account, as far as the window goes.
    pub(super) fn deliver(&mut self, now: Monotonic) {
        let Some(bound) = self.bound.as_ref().filter(|bound| bound.receives) else { return };
        // Who has closed its half cannot answer any more.
        if self.session.window_free_out() == 0 || self.read_closed.is_some() {
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
        if outbox.lock().wants_more() {
            self.shared.hub.recaller.wake();
        }
    }

    pub(super) fn settle(&mut self, token: u64, attempt: Attempt, at: Moment, turn: &mut Turn) {
        let Some(bound) = &self.bound else { return };
        let account = bound.ticket.account().id();
        match attempt {
            Attempt::Taken | Attempt::Refused => bound.metrics.deliveries_acknowledged.inc(),
            Attempt::Again | Attempt::Returned => bound.metrics.deliveries_retried.inc(),
        };
        self.shared.hub.flow.delivered(account, MessageId(token), attempt, at, turn);
    }
}

/// Only what may pass with time is tried again: a peer that calls a `deliver_sm` malformed will do so for ever.
pub(super) fn attempt(status: Status) -> Attempt {
    match status {
        Status::OK => Attempt::Taken,
        Status::RX_T_APPN | Status::RTHROTTLED | Status::RMSGQFUL | Status::RSYSERR => Attempt::Again,
        _ => Attempt::Refused,
    }
}
