//! Submits a second toward an SMSC: the cell algorithm (GCRA) with two things that governor does not have, asking how
//! many would pass and giving back what was not used. A link asks before it knows how many messages wait.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use veilgate_names::Monotonic;

/// The rates one link is held to.
#[derive(Debug)]
pub struct Rates {
    /// The channel's, shared by its links.
    pub channel: Arc<ChannelRate>,
    /// The link's own.
    pub link: Option<Rate>,
}

/// The rate of a channel: as configured, unless its line says otherwise.
#[derive(Debug, Default)]
pub struct ChannelRate {
    configured: Option<NonZeroU32>,
    now: Mutex<Limited>,
}

#[derive(Debug, Default)]
struct Limited {
    per_second: Option<NonZeroU32>,
    rate: Option<Rate>,
}

impl ChannelRate {
    /// As configured.
    #[must_use]
    pub fn new(configured: Option<NonZeroU32>) -> Self {
        let rate = Self { configured, now: Mutex::default() };
        rate.set(None);
        rate
    }

    /// What the channel's line says from now on.
    pub fn set(&self, line: Option<NonZeroU32>) {
        let per_second = line.or(self.configured);
        let mut now = self.now.lock();
        if now.per_second != per_second {
            *now = Limited { per_second, rate: per_second.map(Rate::new) };
        }
    }

    fn take(&self, wanted: usize, at: Monotonic) -> usize {
        self.now.lock().rate.as_mut().map_or(wanted, |rate| rate.take(wanted, at))
    }

    fn give_back(&self, count: usize) {
        if let Some(rate) = &mut self.now.lock().rate {
            rate.give_back(count);
        }
    }

    fn next_at(&self) -> Option<Monotonic> {
        self.now.lock().rate.as_ref().map(Rate::next_at)
    }
}

const SECOND: u64 = 1_000_000_000;
/// What may go at once after a rest: 50 ms worth, so that in any second at most 5 % more than the rate goes.
const BURST: u64 = SECOND / 20;

/// A rate and how much of it is used.
#[derive(Debug)]
pub struct Rate {
    /// Nanoseconds from one to the next.
    interval: u64,
    burst: u64,
    /// When the next would go if all went evenly, nanoseconds.
    due: u64,
}

impl Rates {
    /// Takes up to `wanted`; returns how many. What does not become a submit is to be given back.
    #[must_use]
    pub fn take(&mut self, wanted: usize, now: Monotonic) -> usize {
        let own = self.link.as_mut().map_or(wanted, |rate| rate.take(wanted, now));
        let granted = self.channel.take(own, now);
        if let Some(rate) = &mut self.link {
            rate.give_back(own - granted);
        }
        granted
    }

    /// Gives back what was taken and not used.
    pub fn give_back(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        if let Some(rate) = &mut self.link {
            rate.give_back(count);
        }
        self.channel.give_back(count);
    }

    /// When one more may go, if there is a rate.
    #[must_use]
    pub fn next_at(&self) -> Option<Monotonic> {
        let own = self.link.as_ref().map(Rate::next_at);
        own.max(self.channel.next_at())
    }
}

impl Rate {
    /// Nothing used yet.
    #[must_use]
    pub fn new(per_second: NonZeroU32) -> Self {
        let interval = SECOND / u64::from(per_second.get());
        Self { interval, burst: BURST.max(interval), due: 0 }
    }

    /// Takes up to `wanted`; returns how many.
    #[must_use]
    pub fn take(&mut self, wanted: usize, now: Monotonic) -> usize {
        let now = nanos(now);
        // Without anything used for long, `due` is so far back that just one burst is there.
        let due = self.due.max(now.saturating_add(self.interval).saturating_sub(self.burst));
        let free = now.saturating_add(self.interval).saturating_sub(due) / self.interval;
        let taken = usize::try_from(free).unwrap_or(usize::MAX).min(wanted);
        self.due = due.saturating_add(self.interval.saturating_mul(u64::try_from(taken).unwrap_or(u64::MAX)));
        taken
    }

    /// Gives back what was taken and not used.
    pub fn give_back(&mut self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.due = self.due.saturating_sub(self.interval.saturating_mul(count));
    }

    /// When one more may go.
    #[must_use]
    pub fn next_at(&self) -> Monotonic {
        Monotonic(0).plus(Duration::from_nanos(self.due)).plus(Duration::from_micros(1))
    }
}

fn nanos(now: Monotonic) -> u64 {
    now.0.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u32) -> Rate {
        Rate::new(NonZeroU32::new(per_second).unwrap())
    }

    fn at(millis: u64) -> Monotonic {
        Monotonic(5_000_000 + millis * 1000)
    }

    #[test]
    fn no_second_has_more_than_the_rate_and_a_burst() {
        for per_second in [1, 7, 100, 2000, 1_000_000] {
            let mut rate = rate(per_second);
            let counts: Vec<usize> = (0..3000).map(|ms| rate.take(usize::MAX, at(ms))).collect();
            let most = counts.windows(1000).map(|second| second.iter().sum::<usize>()).max().unwrap();
            let per_second = usize::try_from(per_second).unwrap();
            assert!(most <= per_second + per_second / 20 + 1, "{most} in a second of {per_second}");
            let all: usize = counts.iter().sum();
            assert!(all >= per_second * 299 / 100, "{all} in three seconds of {per_second}");
        }
    }

    #[test]
    fn what_was_not_used_is_there_again() {
        let mut rate = rate(100);
        assert_eq!(rate.take(100, at(0)), 5);
        assert_eq!(rate.take(100, at(0)), 0);
        rate.give_back(3);
        assert_eq!(rate.take(2, at(0)), 2);
        assert_eq!(rate.take(100, at(0)), 1);
    }

    #[test]
    fn the_slower_of_two_rates_counts_and_the_other_loses_nothing() {
        let channel = Arc::new(ChannelRate::new(NonZeroU32::new(200)));
        let link = |per_second: u32| Rates { channel: Arc::clone(&channel), link: Some(rate(per_second)) };
        let (mut slow, mut fast) = (link(40), link(1000));
        assert_eq!(slow.take(9, at(0)), 2);
        assert_eq!(fast.take(9, at(0)), 8);
        assert_eq!(fast.take(9, at(0)), 0);
        fast.give_back(8);
        assert_eq!(fast.take(50, at(0)), 8);
        assert_eq!(fast.next_at(), Some(Monotonic(at(5).0 + 1)));
        let mut free = Rates { channel: Arc::default(), link: None };
        assert_eq!((free.take(7, at(0)), free.next_at()), (7, None));
    }

    #[test]
    fn a_line_overrides_what_is_configured_until_it_says_nothing_more() {
        let channel = Arc::new(ChannelRate::new(NonZeroU32::new(200)));
        let mut link = Rates { channel: Arc::clone(&channel), link: None };
        channel.set(NonZeroU32::new(1000));
        assert_eq!(link.take(99, at(0)), 50);
        channel.set(NonZeroU32::new(1000));
        assert_eq!(link.take(99, at(0)), 0, "the same again gives nothing more");
        channel.set(None);
        assert_eq!(link.take(99, at(0)), 10);
    }

    #[test]
    fn it_says_when_the_next_may_go() {
        let mut rate = rate(10);
        assert_eq!(rate.take(9, at(0)), 1);
        let next = rate.next_at();
        assert_eq!(rate.take(1, Monotonic(next.0 - 2)), 0);
        assert_eq!(rate.take(1, next), 1);
        assert!(next.since(at(0)) >= Duration::from_millis(99));
    }

    #[test]
    fn a_clock_that_stands_still_gives_nothing_more() {
        let mut rate = rate(10);
        assert_eq!((0..100).map(|_| rate.take(1, at(0))).sum::<usize>(), 1);
    }
}
