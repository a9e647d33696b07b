//! What both ends of a session share: phases, timers, the way out.

use std::marker::PhantomData;

use bytes::BytesMut;
use veilgate_names::Monotonic;

use super::event::{CloseReason, Event, SendError};
use super::receive::Role;
use super::settings::{SessionConfig, WindowFull};
use super::state::{Phase, State};
use super::window::Window;
use crate::codec::{CommandId, Status};
use crate::pdu::{BindMode, EnquireLink, Unbind, UnbindResp, refuse};

/// One SMPP session. `Session<North>` is the server, `Session<South>` the client.
#[derive(Debug)]
pub struct Session<S: Role> {
    pub(super) config: SessionConfig,
    pub(super) phase: Phase,
    pub(super) out: BytesMut,
    pub(super) window: Window,
    /// How many of the peer's requests are open.
    pub(super) open_in: u16,
    /// Whether the last `receive` left a PDU standing.
    pub(super) stalled: bool,
    /// The version both ends speak.
    pub(super) version: u8,
    /// What the server's answers say of its congestion, to peers of 5.0.
    pub(super) congestion: Option<u8>,
    /// Whether [`Event::Closed`] has been given.
    pub(super) announced: bool,
    pub(super) clocks: Clocks,
    side: PhantomData<S>,
}

/// When things began that must not last for ever.
#[derive(Debug)]
pub(super) struct Clocks {
    pub(super) connected: Monotonic,
    /// The last sign of life, or our last question for one.
    pub(super) quiet: Monotonic,
    /// How many `enquire_link` nobody has answered.
    pub(super) misses: u8,
    /// The number of the last of them.
    pub(super) enquired: Option<u32>,
    /// The first octet of a PDU that is not all there.
    pub(super) partial: Option<Monotonic>,
}

impl<S: Role> Session<S> {
    /// A session on a connection made `now`.
    #[must_use]
    pub fn new(config: SessionConfig, now: Monotonic) -> Self {
        Self::starting_at(config, now, 1)
    }

    /// [`Self::new`] whose first sequence number is the given one, cut to 1-0x7FFFFFFF.
    #[must_use]
    pub fn starting_at(config: SessionConfig, now: Monotonic, first_sequence: u32) -> Self {
        let clocks = Clocks { connected: now, quiet: now, misses: 0, enquired: None, partial: None };
        Self {
            phase: Phase::ExpectBind,
            out: BytesMut::new(),
            window: Window::new(config.window_out, first_sequence),
            open_in: 0,
            stalled: false,
            version: 0x34,
            congestion: None,
            announced: false,
            clocks,
            side: PhantomData,
            config,
        }
    }

    /// From now on so many of the peer's requests may be open; at least one. What is open stays.
    pub fn set_window_in(&mut self, window: u16) {
        self.config.window_in = window.max(1);
    }

    /// What waits to be written; the shell drains it.
    pub fn transmit(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// Whether the peer has left an `enquire_link` without any answer until the next was due.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.clocks.misses > 1
    }

    /// Octets that wait to be written.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.out.len()
    }

    /// What the session waits for, or how it is bound.
    #[must_use]
    pub const fn state(&self) -> State {
        self.phase.state()
    }

    /// Why the session is over, if it is.
    #[must_use]
    pub const fn close_reason(&self) -> Option<CloseReason> {
        match self.phase {
            Phase::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// The SMPP version that both ends speak: 0x33, 0x34 or 0x50. Below 0x34 no TLVs are sent.
    #[must_use]
    pub const fn interface_version(&self) -> u8 {
        self.version
    }

    /// Whether `receive` left a PDU standing that still cannot be taken: stop reading until requests are answered
    /// or the backlog is written.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stalled && (self.holds_back() || self.is_backlogged())
    }

    /// How many more of the peer's requests can be taken.
    #[must_use]
    pub const fn window_free_in(&self) -> u16 {
        self.config.window_in.saturating_sub(self.open_in)
    }

    /// Whether the next request has to wait for an answer to one before it.
    pub(super) fn holds_back(&self) -> bool {
        self.config.window_full == WindowFull::Wait && self.window_free_in() == 0
    }

    /// How many more requests can be sent.
    #[must_use]
    pub const fn window_free_out(&self) -> u16 {
        self.window.free()
    }

    /// The tokens of all that was sent and not answered, oldest first: their outcome is unknown when the session
    /// is over.
    pub fn outstanding(&self) -> impl Iterator<Item = u64> + '_ {
        self.window.tokens()
    }

    /// When [`Self::expire`] wants to be called; `None` when nothing can happen by itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Monotonic> {
        if matches!(self.phase, Phase::Closed(_)) {
            return (!self.announced).then_some(Monotonic(0));
        }
        let response = self.window.oldest_sent().map(|sent| sent.plus(self.config.response_timeout));
        [self.fatal().map(|(at, _)| at), self.phase_end(), response, self.enquire_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what time demands. Call it until it gives `None`.
    pub fn expire(&mut self, now: Monotonic) -> Option<Event<'static, S>> {
        if let Some((_, reason)) = self.fatal().filter(|(at, _)| *at <= now) {
            self.close(reason);
        }
        if self.phase_end().is_some_and(|at| at <= now) {
            self.end_phase();
        }
        if matches!(self.phase, Phase::Closed(_)) {
            return self.announce();
        }
        if self.window.oldest_sent().is_some_and(|sent| sent.plus(self.config.response_timeout) <= now) {
            let token = self.window.time_out()?;
            self.drained();
            return Some(Event::Timeout { token });
        }
        if self.enquire_at().is_some_and(|at| at <= now) {
            return self.enquire(now);
        }
        None
    }

    /// Stops sending, waits for open requests both ways, sends `unbind`, waits for its response. What is not bound
    /// is closed at once.
    pub fn unbind(&mut self, now: Monotonic) {
        match self.phase {
            Phase::Bound(_) => {
                self.phase = Phase::Draining { until: now.plus(self.config.unbind_timeout) };
                self.drained();
            }
            Phase::ExpectBind | Phase::Outbound | Phase::Binding { .. } => self.close(CloseReason::Unbound),
            _ => {}
        }
    }

    /// The connection is gone: the session is over, what is outstanding has an unknown outcome.
    pub fn disconnect(&mut self) {
        self.close(CloseReason::Disconnected);
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(reason);
        }
    }

    /// [`Event::Closed`], once.
    pub(super) fn announce<'e>(&mut self) -> Option<Event<'e, S>> {
        let Phase::Closed(reason) = self.phase else { return None };
        let first = !std::mem::replace(&mut self.announced, true);
        first.then_some(Event::Closed(reason))
    }

    pub(super) fn is_backlogged(&self) -> bool {
        self.out.len() >= self.config.max_backlog
    }

    /// Takes a place in the window, when something may be sent this way.
    pub(super) fn reserve(
        &mut self,
        may: fn(BindMode) -> bool,
        otherwise: SendError,
        token: u64,
        now: Monotonic,
    ) -> Result<u32, SendError> {
        match self.phase {
            Phase::Bound(mode) if may(mode) => {}
            Phase::Bound(_) => return Err(otherwise),
            Phase::ExpectBind | Phase::Outbound | Phase::Binding { .. } => return Err(SendError::WrongState),
            _ => return Err(SendError::Closed),
        }
        if self.is_backlogged() {
            return Err(SendError::WindowFull);
        }
        self.window.open(token, now).ok_or(SendError::WindowFull)
    }

    /// Answers an open request of the peer, unless it is too late.
    pub(super) fn answer(&mut self, write: impl FnOnce(&mut BytesMut)) {
        if matches!(self.phase, Phase::Closed(_)) {
            return;
        }
        self.open_in = self.open_in.saturating_sub(1);
        write(&mut self.out);
        self.drained();
    }

    /// Goes on unbinding when nothing is open any more.
    pub(super) fn drained(&mut self) {
        if self.open_in == 0 && self.window.is_empty() {
            self.end_drain();
        }
    }

    /// When a drain or an unbind has lasted long enough.
    const fn phase_end(&self) -> Option<Monotonic> {
        match self.phase {
            Phase::Draining { until }
            | Phase::Unbinding { until, .. }
            | Phase::PeerUnbinding { until, .. } => Some(until),
            _ => None,
        }
    }

    fn end_phase(&mut self) {
        if matches!(self.phase, Phase::Unbinding { .. }) {
            self.close(CloseReason::UnbindTimeout);
        }
        self.end_drain();
    }

    fn end_drain(&mut self) {
        match self.phase {
            Phase::Draining { until } => {
                let sequence = self.window.sequence();
                Unbind::default().encode(sequence, &mut self.out);
                let until = until.plus(self.config.unbind_timeout);
                self.phase = Phase::Unbinding { sequence, until };
            }
            Phase::PeerUnbinding { sequence, .. } => {
                UnbindResp::default().encode(Status::OK, sequence, &mut self.out);
                self.close(CloseReason::PeerUnbound);
            }
            _ => {}
        }
    }

    /// The first timer that closes the session at once.
    fn fatal(&self) -> Option<(Monotonic, CloseReason)> {
        let unbound = matches!(self.phase, Phase::ExpectBind | Phase::Outbound | Phase::Binding { .. });
        let bind = unbound.then(|| self.clocks.connected.plus(self.config.bind_timeout));
        let partial = self.clocks.partial.map(|began| began.plus(self.config.pdu_timeout));
        match (bind, partial) {
            (Some(bind), Some(partial)) if partial < bind => Some((partial, CloseReason::PduTimeout)),
            (Some(bind), _) => Some((bind, CloseReason::BindTimeout)),
            (None, partial) => partial.map(|at| (at, CloseReason::PduTimeout)),
        }
    }

    /// When the peer has been silent for too long. While we do not read because we owe it answers, its silence is
    /// our doing; while we do not read because it does not, it is its own.
    fn enquire_at(&self) -> Option<Monotonic> {
        let applies = matches!(self.phase, Phase::Bound(_) | Phase::Draining { .. })
            && !(self.stalled && self.window_free_in() == 0)
            && !self.config.enquire_interval.is_zero();
        applies.then(|| self.clocks.quiet.plus(self.config.enquire_interval))
    }

    fn enquire(&mut self, now: Monotonic) -> Option<Event<'static, S>> {
        if self.clocks.misses >= self.config.enquire_misses {
            self.close(CloseReason::Silent);
            return self.announce();
        }
        let sequence = self.window.sequence();
        EnquireLink::default().encode(sequence, &mut self.out);
        self.clocks = Clocks {
            quiet: now,
            misses: self.clocks.misses + 1,
            enquired: Some(sequence),
            connected: self.clocks.connected,
            partial: self.clocks.partial,
        };
        None
    }

    /// Answers a request with an error; `false` when it has no response.
    pub(super) fn refuse(&mut self, id: CommandId, status: Status, sequence: u32) -> bool {
        refuse(id, status, sequence, &mut self.out)
    }
}
