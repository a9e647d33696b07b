//! What one account does in each phase: when its nth message is due, and what it looks like.

use std::sync::Arc;

use super::Misfit;
use super::plan::{Account, Pace, Phase, Plan};
use super::recipients::Recipients;
use super::template::{Kind, Template};
use crate::message::Address;
use crate::random::mix;

/// An account at work.
pub(super) struct Lane {
    pub(super) system_id: String,
    pub(super) password: String,
    pub(super) source: String,
    pub(super) window: usize,
    pub(super) binds: u64,
    /// Messages it sends at most.
    pub(super) count: u64,
    pub(super) recipients: Arc<Recipients>,
    pub(super) plays: Vec<Play>,
}

/// A phase as one account plays it; times are nanoseconds from the start of the run.
pub(super) struct Play {
    begin: u64,
    pub(super) end: u64,
    slope: Option<Slope>,
    /// How many messages are due in the whole phase; no limit in a closed loop and in one without end.
    pub(super) due_in_all: u64,
    pub(super) mix: Arc<Mix>,
}

/// Messages a second at the beginning, and how that grows a second.
#[derive(Debug, Clone, Copy)]
struct Slope {
    from: f64,
    growth: f64,
}

/// Templates with their weights.
pub(super) struct Mix {
    kinds: Vec<Weighed>,
    total: u64,
    /// All its messages have one part.
    pub(super) single: bool,
    /// There is nothing to draw: one kind, which always or never asks for a receipt.
    plain: Option<bool>,
}

struct Weighed {
    /// Sum of the weights so far.
    up_to: u64,
    /// Of 2^32.
    receipt_share: u64,
    template: Template,
}

impl Lane {
    /// The account's part is what lies between the two `bounds`, of 0 to 1.
    pub(super) fn new(plan: &Plan, account: &Account, bounds: (f64, f64)) -> Result<Self, Misfit> {
        let share = bounds.1 - bounds.0;
        let own = Arc::new(Mix::new(&account.source, &account.mix)?);
        let mut plays: Vec<Play> = Vec::new();
        for phase in &plan.phases {
            let mix = match &phase.mix {
                Some(kinds) => Arc::new(Mix::new(&account.source, kinds)?),
                None => Arc::clone(&own),
            };
            let begin = plays.last().map_or(0, |before| before.end);
            plays.push(Play::new(phase, begin, share, mix));
        }
        Ok(Self {
            system_id: account.system_id.clone(),
            password: account.password.clone(),
            source: account.source.digits.clone(),
            window: account.window.max(1),
            binds: u64::try_from(account.binds.max(1)).unwrap_or(1),
            count: plan.count.map_or(u64::MAX, |count| part(count, bounds)),
            recipients: Arc::clone(&account.recipients),
            plays,
        })
    }
}

impl Play {
    fn new(phase: &Phase, begin: u64, share: f64, mix: Arc<Mix>) -> Self {
        let length = phase.duration.map(super::shared::nanos);
        let end = length.map_or(u64::MAX, |length| begin.saturating_add(length));
        let slope = match phase.pace {
            Pace::Closed => None,
            Pace::Open { from, to } => {
                let seconds = phase.duration.map_or(0.0, |duration| duration.as_secs_f64());
                let growth = if seconds > 0.0 { (to - from) / seconds } else { 0.0 };
                Some(Slope { from: from * share, growth: growth * share })
            }
        };
        let due_in_all = slope.filter(|_| length.is_some()).map_or(u64::MAX, |slope| {
            let seconds = seconds(length.unwrap_or_default());
            whole((slope.from + slope.growth * seconds / 2.0) * seconds)
        });
        Self { begin, end, slope, due_in_all, mix }
    }

    /// Is it a closed loop?
    pub(super) fn is_closed(&self) -> bool {
        self.slope.is_none()
    }

    /// When message `turn` of this phase is due, cut to ticks; not below the phase's beginning. Meaningless in a closed loop.
    pub(super) fn due(&self, turn: u64, tick: u64) -> u64 {
        let Some(slope) = self.slope else { return self.begin };
        let due = self.begin.saturating_add(slope.after(turn));
        if tick > 0 { (due - due % tick).max(self.begin) } else { due }
    }
}

impl Slope {
    /// Nanoseconds after which message `turn` is due: the inverse of from*t + growth*t^2/2.
    fn after(self, turn: u64) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "a nanosecond in weeks is precise enough")]
        let turn = turn as f64;
        let seconds = if self.growth == 0.0 && self.from <= 0.0 {
            return u64::MAX;
        } else if self.growth == 0.0 {
            turn / self.from
        } else {
            let root = self.from * self.from + 2.0 * self.growth * turn;
            if root < 0.0 {
                // A rate that falls to nothing never gets there.
                return u64::MAX;
            }
            (root.sqrt() - self.from) / self.growth
        };
        whole(seconds * 1e9)
    }
}

impl Mix {
    fn new(source: &Address, kinds: &[Kind]) -> Result<Self, Misfit> {
        let mut total = 0;
        let mut weighed = Vec::with_capacity(kinds.len());
        for kind in kinds {
            total += u64::from(kind.weight);
            let receipt_share = if kind.registered_delivery == 0 { 0.0 } else { kind.receipt_percent };
            weighed.push(Weighed {
                up_to: total,
                receipt_share: whole(receipt_share / 100.0 * 4_294_967_296.0),
                template: Template::new(source, kind)?,
            });
        }
        let plain = match weighed.as_slice() {
            [one] if one.receipt_share == 0 => Some(false),
            [one] if one.receipt_share >= 1 << 32 => Some(true),
            _ => None,
        };
        let single = weighed.iter().all(|kind| kind.template.parts() == 1);
        Ok(Self { kinds: weighed, total, single, plain })
    }

    /// Which kind message `number` is, and whether it asks for a receipt: the same in each run.
    pub(super) fn draw(&self, number: u64) -> (usize, bool) {
        if let Some(receipt) = self.plain {
            return (0, receipt);
        }
        let word = mix(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let drawn = (word >> 32) % self.total.max(1);
        let kind = self.kinds.iter().position(|kind| drawn < kind.up_to).unwrap_or(0);
        let share = self.kinds.get(kind).map_or(0, |kind| kind.receipt_share);
        (kind, word & 0xFFFF_FFFF < share)
    }

    pub(super) fn template(&self, kind: usize) -> Option<&Template> {
        self.kinds.get(kind).map(|kind| &kind.template)
    }
}

/// The part of a count between two bounds; parts of adjoining bounds add up to the whole.
fn part(count: u64, bounds: (f64, f64)) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "a count below 2^53")]
    let up_to = |bound: f64| if bound >= 1.0 { count } else { whole((count as f64 * bound).round()) };
    up_to(bounds.1).saturating_sub(up_to(bounds.0))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; never negative")]
fn whole(number: f64) -> u64 {
    number as u64
}

#[expect(clippy::cast_precision_loss, reason = "a nanosecond in weeks is precise enough")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn play(pace: Pace, seconds: Option<u64>) -> Play {
        let name = String::new();
        let duration = seconds.map(Duration::from_secs);
        let phase = Phase { name, duration, pace, measured: true, mix: None };
        let mix = Arc::new(Mix { kinds: Vec::new(), total: 0, single: true, plain: Some(true) });
        Play::new(&phase, 1_000_000_000, 0.5, mix)
    }

    #[test]
    fn a_steady_rate_is_due_evenly_and_in_ticks() {
        let play = play(Pace::Open { from: 2_000.0, to: 2_000.0 }, Some(10));
        assert_eq!((play.due(0, 0), play.due(1_500, 0)), (1_000_000_000, 2_500_000_000));
        assert_eq!(play.due(1, 10_000_000), 1_000_000_000);
        assert_eq!((play.due_in_all, play.end), (10_000, 11_000_000_000));
    }

    #[test]
    fn a_ramp_is_due_more_and_more_often() {
        for (from, to) in [(0.0, 2_000.0), (2_000.0, 0.0)] {
            let play = play(Pace::Open { from, to }, Some(10));
            assert_eq!(play.due_in_all, 5_000);
            let times: Vec<u64> = (0..5_000).map(|turn| play.due(turn, 0)).collect();
            assert!(times.is_sorted() && times[4_999] <= play.end, "{:?}", times.last());
            let half = times.iter().filter(|due| **due < 6_000_000_000).count();
            let expected = if from < to { 1_250 } else { 3_750 };
            assert!(half.abs_diff(expected) < 3, "{half}");
        }
        assert_eq!(play(Pace::Open { from: 10.0, to: 0.0 }, Some(1)).due(100, 0), u64::MAX);
    }

    #[test]
    fn a_pause_is_due_never() {
        let pause = play(Pace::Open { from: 0.0, to: 0.0 }, Some(5));
        assert_eq!((pause.due(0, 1_000_000), pause.due_in_all), (u64::MAX - u64::MAX % 1_000_000, 0));
    }

    #[test]
    fn a_mix_keeps_its_shares() {
        let kind = |weight, receipt_percent| Kind {
            weight,
            prefix: String::new(),
            length: 20,
            wide: false,
            split: None,
            registered_delivery: 1,
            receipt_percent,
        };
        let mix = Mix::new(&Address::guess("1069"), &[kind(9, 50.0), kind(1, 0.0)]).unwrap();
        let drawn: Vec<_> = (0..100_000).map(|number| mix.draw(number)).collect();
        let rare = drawn.iter().filter(|(kind, _)| *kind == 1).count();
        let asking = drawn.iter().filter(|(_, receipt)| *receipt).count();
        assert!(rare.abs_diff(10_000) < 600 && asking.abs_diff(45_000) < 900, "{rare} {asking}");
        assert!(drawn.iter().all(|(kind, receipt)| *kind == 0 || !receipt));
    }

    #[test]
    fn counts_are_parted_without_a_rest() {
        assert_eq!((part(10, (0.0, 0.25)), part(10, (0.25, 1.0)), part(1_000, (0.0, 1.0))), (3, 7, 1_000));
    }
}
