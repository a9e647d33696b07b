//! What one bind sends next, and when: through the phases of its lane, message by message, part by part.

use std::sync::Arc;

use super::lane::{Lane, Play};
use super::shared::{Shared, Stats};
use super::template::Fill;

/// How long after an open phase's end messages that were due in it may still be sent, in nanoseconds.
const GRACE: u64 = 100_000_000;

/// A submit_sm to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next {
    /// Number of its message.
    pub(super) number: u64,
    /// When the message is meant to go.
    pub(super) intended: u64,
    /// Does the message ask for a receipt?
    pub(super) receipt: bool,
    /// Is it the message's last part?
    pub(super) last: bool,
    turn: u64,
    kind: usize,
    part: usize,
}

pub(super) struct Outgoing {
    lane: Arc<Lane>,
    /// Which of the lane's binds this is.
    place: u64,
    /// Which bind of the run, and how many there are.
    index: u64,
    binds: u64,
    first_number: u64,
    start: u64,
    tick: u64,
    phase: usize,
    /// Messages of this bind so far, and how many of them before this phase.
    sent: u64,
    before: u64,
    /// A message with parts still to be sent.
    pending: Option<Next>,
}

impl Outgoing {
    /// `None` if the run has no such bind.
    pub(super) fn new(shared: &Shared, index: u64) -> Option<Self> {
        let (lane, place) = shared.lane(index)?;
        Some(Self {
            lane,
            place,
            index,
            binds: shared.binds(),
            first_number: shared.plan.first_number,
            start: shared.start(),
            tick: shared.tick,
            phase: 0,
            sent: 0,
            before: 0,
            pending: None,
        })
    }

    pub(super) fn window(&self) -> usize {
        self.lane.window
    }

    pub(super) fn credentials(&self) -> (&str, &str) {
        (&self.lane.system_id, &self.lane.password)
    }

    /// The service number messages come from.
    pub(super) fn source(&self) -> &str {
        &self.lane.source
    }

    /// The recipient's address alone.
    pub(super) fn address(&self, next: Next) -> &[u8] {
        let (fields, _) = self.lane.recipients.of(next.turn);
        let address = fields.get(2..).unwrap_or_default();
        address.strip_suffix(&[0]).unwrap_or(address)
    }

    /// Leaves the phases that are over by `now`.
    pub(super) fn advance(&mut self, now: u64, stats: &mut Stats) {
        while let Some(play) = self.play() {
            // The parts of a message belong to the phase it began in.
            if self.pending.is_some() || !self.has_ended(play, now) {
                return;
            }
            if !play.is_closed() && self.turn() < self.lane.count {
                let turn = self.turn_in_phase(self.sent - self.before);
                stats.unsent += play.due_in_all.saturating_sub(turn).div_ceil(self.lane.binds);
            }
            self.phase += 1;
            self.before = self.sent;
        }
    }

    /// Takes the next submit_sm, if one is due; [`Self::advance`] looked at the same moment.
    pub(super) fn next(&mut self, now: u64) -> Option<Next> {
        let next = match self.pending.take() {
            Some(pending) => pending,
            None => self.begin(now)?,
        };
        if !next.last {
            let part = next.part + 1;
            let parts = self.parts(next.kind);
            self.pending = Some(Next { part, last: part + 1 >= parts, ..next });
        }
        Some(next)
    }

    /// When the next one is due; `None` if that depends on the window alone or all are sent.
    pub(super) fn due(&self) -> Option<u64> {
        let play = self.play()?;
        let end = self.start.saturating_add(play.end);
        if play.is_closed() || self.turn() >= self.lane.count {
            return None;
        }
        let in_phase = self.turn_in_phase(self.sent - self.before);
        if in_phase >= play.due_in_all {
            return Some(end);
        }
        Some(self.start.saturating_add(play.due(in_phase, self.tick)))
    }

    /// Nothing more to send.
    pub(super) fn is_over(&self, now: u64) -> bool {
        let last = self
            .play()
            .is_none_or(|play| self.phase + 1 == self.lane.plays.len() && self.has_ended(play, now));
        self.pending.is_none() && (last || self.turn() >= self.lane.count)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>, sequence: u32, next: Next) {
        let template = self.play().and_then(|play| play.mix.template(next.kind));
        let Next { number, receipt, turn, .. } = next;
        if let Some(template) = template {
            template.put(
                out,
                next.part,
                Fill { sequence, number, receipt, recipients: &self.lane.recipients, turn },
            );
        }
    }

    fn play(&self) -> Option<&Play> {
        self.lane.plays.get(self.phase)
    }

    /// Is a phase over? What was due just before its end may still go for a moment.
    fn has_ended(&self, play: &Play, now: u64) -> bool {
        let end = self.start.saturating_add(play.end);
        let sent = play.is_closed() || self.turn_in_phase(self.sent - self.before) >= play.due_in_all;
        now >= if sent { end } else { end.saturating_add(GRACE) }
    }

    fn parts(&self, kind: usize) -> usize {
        self.play().and_then(|play| play.mix.template(kind)).map_or(1, super::template::Template::parts)
    }

    /// Which message of the lane this bind's next one is.
    fn turn(&self) -> u64 {
        self.turn_in_phase(self.sent)
    }

    fn turn_in_phase(&self, sent: u64) -> u64 {
        sent.saturating_mul(self.lane.binds).saturating_add(self.place)
    }

    fn begin(&mut self, now: u64) -> Option<Next> {
        let play = self.play()?;
        let turn = self.turn();
        let grace = if play.is_closed() { 0 } else { GRACE };
        if turn >= self.lane.count || now >= self.start.saturating_add(play.end).saturating_add(grace) {
            return None;
        }
        let in_phase = self.turn_in_phase(self.sent - self.before);
        let intended = match play.is_closed() {
            true => now,
            false if in_phase >= play.due_in_all => return None,
            false => self.start.saturating_add(play.due(in_phase, self.tick)),
        };
        if intended > now {
            return None;
        }
        let number = self.sent.saturating_mul(self.binds).saturating_add(self.index);
        let number = number.saturating_add(self.first_number);
        let (kind, receipt) = play.mix.draw(number);
        let last = play.mix.single || self.parts(kind) == 1;
        self.sent += 1;
        Some(Next { number, intended, receipt, last, turn, kind, part: 0 })
    }
}
