//! How well a channel answers: the share of failures among its last answers, and a circuit that opens when it is too
//! high. An open circuit lets one message try now and then (a probe) and closes after enough good answers in a row.
//! Knows no message and no link.

use std::time::Duration;

use veilgate_names::Monotonic;

/// When a channel counts as ill, and how it is tried then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthRules {
    /// Answers that are looked back on, about; older ones do not count.
    pub answers: u32,
    /// How long is looked back, about.
    pub within: Duration,
    /// With fewer answers than this nothing is concluded.
    pub least: u32,
    /// Failures from which on it is degraded, percent.
    pub degraded_percent: u32,
    /// Failures from which on it is unhealthy, percent; above 100: never.
    pub unhealthy_percent: u32,
    /// The pause before the first probe; it doubles with each that fails.
    pub probe_min: Duration,
    /// The longest pause.
    pub probe_max: Duration,
    /// Good answers in a row that make it healthy again.
    pub probes: u32,
}

impl Default for HealthRules {
    fn default() -> Self {
        Self {
            answers: 200,
            within: Duration::from_secs(30),
            least: 20,
            degraded_percent: 20,
            unhealthy_percent: 60,
            probe_min: Duration::from_secs(1),
            probe_max: Duration::from_secs(30),
            probes: 3,
        }
    }
}

/// How a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Health {
    /// It answers well.
    Healthy,
    /// Too many failures, or it is silent: others of its priority are preferred.
    Degraded,
    /// It gets probes only.
    Unhealthy,
    /// No bind that can send.
    Down,
}

/// How long a probe may take before there may be another.
const PROBE_LEASE: Duration = Duration::from_secs(10);

/// The answers of one stretch of time.
#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    good: u32,
    bad: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Circuit {
    Closed,
    /// Nothing is sent until then.
    Open {
        until: Monotonic,
        pause: Duration,
    },
    /// One message at a time: the next when this one is answered, or at `next`.
    Probing {
        good: u32,
        next: Monotonic,
        pause: Duration,
    },
}

/// The health of one channel.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    rules: HealthRules,
    /// The stretch under way and the one before: together they are what is looked back on.
    stretches: [Stretch; 2],
    began: Monotonic,
    circuit: Circuit,
    /// Links that do not answer `enquire_link`.
    silent: u32,
}

impl Pulse {
    pub(crate) fn new(rules: HealthRules) -> Self {
        let stretches = [Stretch::default(); 2];
        Self { rules, stretches, began: Monotonic(0), circuit: Circuit::Closed, silent: 0 }
    }

    /// How it is, apart from its binds.
    pub(crate) fn health(&self) -> Health {
        match self.circuit {
            Circuit::Open { .. } | Circuit::Probing { .. } => Health::Unhealthy,
            Circuit::Closed if self.silent > 0 || self.share() >= self.rules.degraded_percent => {
                Health::Degraded
            }
            Circuit::Closed => Health::Healthy,
        }
    }

    /// An answer came, or none in time: whether it is one of a channel that works.
    pub(crate) fn note(&mut self, good: bool, now: Monotonic) {
        match self.circuit {
            Circuit::Closed => self.count(good, now),
            // Of messages sent before: they say nothing new.
            Circuit::Open { .. } => {}
            Circuit::Probing { pause, .. } if !good => self.open((pause * 2).min(self.rules.probe_max), now),
            Circuit::Probing { good, .. } if good + 1 >= self.rules.probes => {
                *self = Self { silent: self.silent, ..Self::new(self.rules.clone()) };
                self.began = now;
            }
            Circuit::Probing { good, pause, .. } => {
                self.circuit = Circuit::Probing { good: good + 1, next: now, pause };
            }
        }
    }

    /// How many links leave an `enquire_link` unanswered.
    pub(crate) fn silence(&mut self, links: u32) {
        self.silent = links;
    }

    /// Time has passed without answers: old ones count no more.
    pub(crate) fn age(&mut self, now: Monotonic) {
        if now.since(self.began) >= self.rules.within {
            self.turn(now);
        }
    }

    /// All its links are gone: the next one begins anew.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(self.rules.clone());
    }

    /// How many messages may be taken now, of so many.
    pub(crate) fn allowance(&self, most: usize, now: Monotonic) -> usize {
        if self.circuit == Circuit::Closed { most } else { most.min(usize::from(self.wants_probe(now))) }
    }

    /// Whether one message may be tried.
    pub(crate) fn wants_probe(&self, now: Monotonic) -> bool {
        match self.circuit {
            Circuit::Closed => false,
            Circuit::Open { until: next, .. } | Circuit::Probing { next, .. } => next <= now,
        }
    }

    /// Messages were taken: of a circuit that is not closed, a probe.
    pub(crate) fn taken(&mut self, now: Monotonic) {
        let next = now.plus(PROBE_LEASE);
        self.circuit = match self.circuit {
            Circuit::Closed => Circuit::Closed,
            Circuit::Open { pause, .. } => Circuit::Probing { good: 0, next, pause },
            Circuit::Probing { good, pause, .. } => Circuit::Probing { good, next, pause },
        };
    }

    fn count(&mut self, good: bool, now: Monotonic) {
        let [current, _] = &mut self.stretches;
        if good {
            current.good += 1;
        } else {
            current.bad += 1;
        }
        let full = current.good + current.bad >= self.rules.answers.div_ceil(2);
        if full || now.since(self.began) >= self.rules.within / 2 {
            self.turn(now);
        }
        if !good && self.share() >= self.rules.unhealthy_percent {
            self.open(self.rules.probe_min, now);
        }
    }

    /// The stretch under way becomes the one before.
    fn turn(&mut self, now: Monotonic) {
        let [current, _] = self.stretches;
        let stale = now.since(self.began) >= self.rules.within;
        self.stretches = [Stretch::default(), if stale { Stretch::default() } else { current }];
        self.began = now;
    }

    fn open(&mut self, pause: Duration, now: Monotonic) {
        self.circuit = Circuit::Open { until: now.plus(pause), pause };
    }

    /// Failures among the answers looked back on, percent; 0 while there are too few.
    fn share(&self) -> u32 {
        let [current, before] = self.stretches;
        let bad = current.bad + before.bad;
        let all = bad + current.good + before.good;
        if all < self.rules.least { 0 } else { bad * 100 / all.max(1) }
    }
}

#[cfg(test)]
mod tests;
