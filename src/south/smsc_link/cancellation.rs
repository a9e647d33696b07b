//! `cancel_sm` to the SMSC: what it has is asked back.

use veilgate_flow::{Cancellation, LinkEvent, Moment};
use veilgate_names::Monotonic;
use veilgate_smpp::codec::{Address, CString, Status};
use veilgate_smpp::pdu::SouthCancel;
use veilgate_smpp::session::State;

use super::Link;

/// Tells a `cancel_sm` from a `submit_sm` in a session's tokens; message ids stay below.
const MARK: u64 = 1 << 63;
/// Recalls asked for at a time by one link.
const MOST: usize = 16;

impl Link {
    /// Asks for what its channel is to give back, as the window has room.
    pub(super) fn ask_back_all(&mut self, at: Moment) {
        let may_send = matches!(self.session.state(), State::BoundTransmitter | State::BoundTransceiver);
        let room = usize::from(self.session.window_free_out()).saturating_sub(self.taken).min(MOST);
        if !may_send || room == 0 {
            return;
        }
        for cancellation in self.hub.take_cancellations(self.config.index, room) {
            if !self.ask_back(&cancellation, at.mono) {
                self.events.push(LinkEvent::Cancelled { cancellation, done: false });
            }
        }
    }

    fn ask_back(&mut self, cancellation: &Cancellation, now: Monotonic) -> bool {
        let Some(outgoing) = self.hub.flow.cancellation(cancellation) else { return false };
        let (Ok(message_id), Ok(source)) =
            (CString::new(&outgoing.smsc_id), Address::new(0, 1, outgoing.source.as_str().as_bytes()))
        else {
            return false;
        };
        let cancel = SouthCancel { service_type: CString::default(), message_id, source };
        let token = cancellation.message.0 | MARK;
        let sent = self.session.cancel(&cancel, token, now).is_ok();
        if sent {
            self.metrics.cancels.inc();
            self.cancellations.insert(token, *cancellation);
        }
        sent
    }

    /// Takes the answer to a `cancel_sm`, or that none came; false for any other token.
    pub(super) fn cancelled(&mut self, token: u64, status: Option<Status>) -> bool {
        if token & MARK == 0 {
            return false;
        }
        if let Some(cancellation) = self.cancellations.remove(&token) {
            let done = status.is_some_and(Status::is_ok);
            self.events.push(LinkEvent::Cancelled { cancellation, done });
        }
        true
    }

    /// The link is over: what was asked for, and what its channel was still to be asked for, stays where it is.
    pub(super) fn give_up_cancellations(&mut self) {
        let waiting = self.hub.take_cancellations(self.config.index, usize::MAX);
        let asked = std::mem::take(&mut self.cancellations).into_values();
        self.events.extend(
            asked.chain(waiting).map(|cancellation| LinkEvent::Cancelled { cancellation, done: false }),
        );
    }
}
