//! A scripted sink's connection: what it does to each message, and what it owes for later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::peer::{Form, Parked};
use super::script::{SinkScript, Weather};
use crate::random::{Random, mix};
use crate::receipt::State;

/// What happens to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Accepted; answered then.
    Take(u64),
    /// Refused with this status; answered then.
    Refuse(u32, u64),
    /// Never answered.
    Ignore,
}

/// An answer that is due later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Late {
    pub(super) due: u64,
    pub(super) sequence: u32,
    pub(super) status: u32,
    pub(super) id: u64,
}

/// When the scripted clock of a sink started: with its first message; 0 before.
#[derive(Default)]
pub(super) struct Started(AtomicU64);

pub(super) struct Faults {
    script: Arc<SinkScript>,
    random: Random,
    weather: Weather,
    /// When the weather changes.
    until: u64,
    bound: u64,
    total_weight: u64,
    late: BinaryHeap<Reverse<Late>>,
    later: BinaryHeap<Reverse<Parked>>,
}

impl Started {
    fn at(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    fn start(&self, now: u64) -> u64 {
        let now = now.max(1);
        self.0.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).err().unwrap_or(now)
    }
}

impl Faults {
    pub(super) fn new(script: Arc<SinkScript>, connection: u64) -> Self {
        Self {
            random: Random::new(mix(script.seed ^ mix(connection))),
            weather: Weather::default(),
            until: 0,
            bound: 0,
            total_weight: script.states.0.iter().map(|(_, weight)| weight).sum::<u64>().max(1),
            late: BinaryHeap::new(),
            later: BinaryHeap::new(),
            script,
        }
    }

    /// Looks at the clock; the weather holds until the next call.
    pub(super) fn look(&mut self, now: u64, started: &Started) {
        if now < self.until {
            return;
        }
        let Some(at) = started.at() else { return };
        let since = Duration::from_nanos(now.saturating_sub(at));
        if let Some((weather, rest)) = self.script.weather(since) {
            self.weather = weather.clone();
            self.until = now.saturating_add(u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// A bind came.
    pub(super) fn bound(&mut self, now: u64) {
        self.bound = now.max(1);
    }

    /// Must the connection go?
    pub(super) fn cuts(&self, now: u64) -> bool {
        let after = self.weather.disconnect_seconds;
        let lost = after > 0.0 && self.bound > 0 && seconds(now.saturating_sub(self.bound)) >= after;
        lost || self.weather.away
    }

    pub(super) fn silent(&self) -> bool {
        self.weather.silent
    }

    pub(super) fn deaf(&self) -> bool {
        self.weather.deaf
    }

    /// What happens to the next message. The first one starts the clock.
    pub(super) fn judge(&mut self, now: u64, started: &Started) -> Verdict {
        if self.until == 0 {
            started.start(now);
            self.look(now, started);
        }
        if self.weather.silent {
            return Verdict::Ignore;
        }
        let due = now.saturating_add(self.weather.delay_ms.draw(&mut self.random));
        if self.weather.refuse.is_empty() {
            return Verdict::Take(due);
        }
        let mut drawn = draw_percent(&mut self.random);
        for refusal in &self.weather.refuse {
            if drawn < refusal.percent {
                return Verdict::Refuse(refusal.status, due);
            }
            drawn -= refusal.percent;
        }
        Verdict::Take(due)
    }

    /// Keeps an answer for later.
    pub(super) fn owe(&mut self, late: Late) {
        self.late.push(Reverse(late));
    }

    /// How many answers are owed.
    pub(super) fn owed(&self) -> usize {
        self.late.len() + self.later.len()
    }

    /// The next answer that is due.
    pub(super) fn due_answer(&mut self, now: u64) -> Option<Late> {
        self.late.peek().filter(|late| late.0.due <= now)?;
        self.late.pop().map(|late| late.0)
    }

    /// The next receipt or reply that is due.
    pub(super) fn due_delivery(&mut self, now: u64) -> Option<Parked> {
        self.later.peek().filter(|parked| parked.0.due <= now)?;
        self.later.pop().map(|parked| parked.0)
    }

    /// Everything that is not delivered.
    pub(super) fn leave(&mut self) -> impl Iterator<Item = Parked> {
        self.late.clear();
        std::mem::take(&mut self.later).into_iter().map(|parked| parked.0)
    }

    /// When something is due next.
    pub(super) fn deadline(&self, now: u64) -> u64 {
        let answer = self.late.peek().map(|late| late.0.due);
        let delivery = self.later.peek().map(|parked| parked.0.due);
        let change = (self.until > 0).then_some(self.until);
        let next = [answer, delivery, change].into_iter().flatten().min();
        next.unwrap_or(u64::MAX).min(now + 100_000_000)
    }

    /// The receipts and replies of a message that is answered at `answered`; `like` is a receipt of it.
    pub(super) fn follow(&mut self, answered: u64, like: Parked, receipt: bool) {
        let script = Arc::clone(&self.script);
        if receipt && !self.random.percent(script.never_percent) {
            let due = answered.saturating_add(script.receipt_delay_ms.draw(&mut self.random));
            let parked = Parked { due, form: Form::Receipt(self.state()), ..like };
            self.later.push(Reverse(parked));
            if self.random.percent(script.duplicate_percent) {
                self.later.push(Reverse(parked));
            }
        }
        for (index, reply) in (0u8..).zip(&script.replies) {
            if self.random.percent(reply.percent) {
                let due = answered.saturating_add(reply.delay_ms.draw(&mut self.random));
                self.later.push(Reverse(Parked { due, form: Form::Reply(index), ..like }));
            }
        }
    }

    fn state(&mut self) -> State {
        let mut drawn = self.random.below(self.total_weight);
        for (state, weight) in &self.script.states.0 {
            if drawn < *weight {
                return *state;
            }
            drawn -= weight;
        }
        State::Delivered
    }
}

fn draw_percent(random: &mut Random) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are plenty for a draw")]
    let unit = (random.draw() >> 11) as f64 / (1u64 << 53) as f64;
    unit * 100.0
}

#[expect(clippy::cast_precision_loss, reason = "seconds of an hour or two")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
