//! One PDU in: what the session settles itself, and what it hands to the shell.

use veilgate_names::Monotonic;

use super::event::{CloseReason, Event, Ignored, Received};
use super::machine::Session;
use super::state::{End, Phase, Verdict, verdict};
use super::window::Matched;
use crate::codec::{CommandId, Frame, FrameError, Status, split};
use crate::pdu::{EnquireLinkResp, GenericNack, Pdu, PduError};
use crate::side::Side;

/// Which end of a session a side is talked to from: `North` from the server's, `South` from the client's.
pub trait Role: Side + Sealed {}

mod sealed {
    use super::{CommandId, End, Event, Frame, Pdu, PduError, Session, Side};

    /// What differs between the ends.
    pub trait Sealed: Side {
        /// Which end.
        const END: End;
        /// The responses to what we send through the window.
        const ANSWERS: &'static [CommandId];

        /// The message id and congestion of such a response.
        fn answer<'b>(frame: Frame<'b>) -> (Option<&'b [u8]>, Option<u8>);

        /// The event of a request that may be taken now.
        fn request<'b>(
            session: &mut Session<Self>,
            sequence: u32,
            pdu: Pdu<'b, Self>,
        ) -> Option<Event<'b, Self>>
        where
            Self: super::Role;

        /// Answers a request that could not be read; `false` when it has no response.
        fn malformed(session: &mut Session<Self>, error: &PduError) -> bool
        where
            Self: super::Role;

        /// Answers a request beyond the window with RTHROTTLED.
        fn overrun(session: &mut Session<Self>, id: CommandId, sequence: u32)
        where
            Self: super::Role;

        /// The response to a bind of ours.
        fn bound<'b>(session: &mut Session<Self>, frame: Frame<'b>) -> Event<'b, Self>
        where
            Self: super::Role;
    }
}

pub(super) use sealed::Sealed;

impl<S: Role> Session<S> {
    /// Takes at most one PDU off the input. Call it again with the rest until nothing is consumed.
    pub fn receive<'b>(&mut self, input: &'b [u8], now: Monotonic) -> Received<'b, S> {
        self.stalled = false;
        if matches!(self.phase, Phase::Closed(_)) {
            return Received { consumed: 0, event: self.announce() };
        }
        let frame = match split(input, self.config.max_pdu) {
            Ok(Some(frame)) => frame,
            Ok(None) => return self.wait(input, now),
            Err(error) => return self.out_of_step(error),
        };
        let verdict = verdict(S::END, self.state(), frame.header.command_id);
        self.clocks.partial = None;
        if self.must_wait(verdict) {
            self.stalled = true;
            return Received { consumed: 0, event: None };
        }
        (self.clocks.quiet, self.clocks.misses) = (now, 0);
        let event = if verdict == Verdict::Open && self.window_free_in() == 0 {
            S::overrun(self, frame.header.command_id, frame.header.sequence_number);
            Some(Event::Refused(Status::RTHROTTLED))
        } else {
            self.settle(verdict, frame, now)
        };
        Received { consumed: frame.length(), event }
    }

    fn wait<'b>(&mut self, input: &'b [u8], now: Monotonic) -> Received<'b, S> {
        if !input.is_empty() {
            self.clocks.partial.get_or_insert(now);
        }
        Received { consumed: 0, event: None }
    }

    fn out_of_step<'b>(&mut self, error: FrameError) -> Received<'b, S> {
        let sequence = error.sequence_number.unwrap_or(0);
        GenericNack::default().encode(FrameError::STATUS, sequence, &mut self.out);
        self.close(CloseReason::BadLength);
        Received { consumed: 0, event: self.announce() }
    }

    /// Responses are always taken, they cost nothing; the rest waits for room.
    fn must_wait(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Match | Verdict::Ignore => false,
            Verdict::Open => self.holds_back() || self.is_backlogged(),
            _ => self.is_backlogged(),
        }
    }

    fn settle<'b>(&mut self, verdict: Verdict, frame: Frame<'b>, now: Monotonic) -> Option<Event<'b, S>> {
        let id = frame.header.command_id;
        let sequence = frame.header.sequence_number;
        match verdict {
            Verdict::Open | Verdict::Tell => self.request(verdict, frame),
            Verdict::Match => self.response(frame),
            Verdict::Enquired => {
                EnquireLinkResp::default().encode(Status::OK, sequence, &mut self.out);
                None
            }
            Verdict::Unbind => self.peer_unbinds(sequence, now),
            Verdict::Refuse(status) => {
                self.refuse(id, status, sequence);
                Some(Event::Refused(status))
            }
            Verdict::Nack => {
                GenericNack::default().encode(Status::RINVCMDID, sequence, &mut self.out);
                Some(Event::Refused(Status::RINVCMDID))
            }
            Verdict::Ignore => Some(Event::Ignored(Ignored::Unexpected)),
        }
    }

    fn request<'b>(&mut self, verdict: Verdict, frame: Frame<'b>) -> Option<Event<'b, S>> {
        let sequence = frame.header.sequence_number;
        match Pdu::decode(frame) {
            Ok(pdu) => {
                self.open_in += u16::from(verdict == Verdict::Open);
                S::request(self, sequence, pdu)
            }
            Err(error) if S::malformed(self, &error) => Some(Event::Refused(error.status)),
            Err(_) => Some(Event::Ignored(Ignored::Malformed)),
        }
    }

    fn peer_unbinds<'e>(&mut self, sequence: u32, now: Monotonic) -> Option<Event<'e, S>> {
        if matches!(self.phase, Phase::Unbinding { .. } | Phase::PeerUnbinding { .. }) {
            // Both unbind at once, or the peer asks again: nothing is left to wait for.
            self.refuse(CommandId::UNBIND, Status::OK, sequence);
            return None;
        }
        self.phase = Phase::PeerUnbinding { sequence, until: now.plus(self.config.unbind_timeout) };
        self.drained();
        self.announce().or(Some(Event::Unbinding))
    }

    fn response<'b>(&mut self, frame: Frame<'b>) -> Option<Event<'b, S>> {
        let header = frame.header;
        let sequence = header.sequence_number;
        let nack = header.command_id == CommandId::GENERIC_NACK;
        let answers = nack || S::ANSWERS.contains(&header.command_id);
        if let Some(matched) = answers.then(|| self.window.answer(sequence)).flatten() {
            return Some(self.matched(matched, frame, nack));
        }
        match (header.command_id, self.phase) {
            (CommandId::GENERIC_NACK | CommandId::ENQUIRE_LINK_RESP, _)
                if self.clocks.enquired == Some(sequence) =>
            {
                self.clocks.enquired = None;
                None
            }
            (CommandId::GENERIC_NACK | CommandId::UNBIND_RESP, Phase::Unbinding { sequence: ours, .. })
                if ours == sequence =>
            {
                self.close(CloseReason::Unbound);
                self.announce()
            }
            (id, Phase::Binding { sequence: ours, mode }) if ours == sequence && S::END == End::Client => {
                let answers = nack || Some(id) == mode.command_id().response();
                Some(if answers { S::bound(self, frame) } else { Event::Ignored(Ignored::UnknownResponse) })
            }
            _ => Some(Event::Ignored(Ignored::UnknownResponse)),
        }
    }

    fn matched<'b>(&mut self, matched: Matched, frame: Frame<'b>, nack: bool) -> Event<'b, S> {
        let status = match frame.header.command_status {
            Status::OK if nack => Status::RSYSERR,
            status => status,
        };
        let (message_id, congestion) = if nack { (None, None) } else { S::answer(frame) };
        match matched {
            Matched::Open(token) => {
                self.drained();
                Event::Response { token, status, message_id, congestion }
            }
            Matched::Late(token) => Event::LateResponse { token, status, message_id, congestion },
        }
    }
}
