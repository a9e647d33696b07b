//! How often an authorization was used on one Beijing day (A-6.1.1.1-1), in one word: counted without a lock, stored
//! with the message it was counted for.
//!
//! ```text
//! day since 1970 (16 bits) | messages (32)
//! ```
//! A text of several parts is one message to the person who reads it, and counted as one.

use std::sync::atomic::{AtomicU64, Ordering};

use veilgate_names::{Reason, Timestamp};

const DAY_MS: i64 = 86_400_000;
const BEIJING_OFFSET_MS: i64 = 8 * 3_600_000;
const COUNT_MAX: u64 = 0xFFFF_FFFF;

/// The Beijing day of an instant, counted from 1970.
#[must_use]
pub fn day_of(at: Timestamp) -> u16 {
    u16::try_from(at.0.saturating_add(BEIJING_OFFSET_MS).div_euclid(DAY_MS)).unwrap_or(0)
}

#[derive(Debug, Default)]
pub(crate) struct Usage(AtomicU64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Unpacked {
    day: u64,
    count: u64,
}

impl Usage {
    /// Counts a message if `limit` allows one more. Returns what to store.
    pub(crate) fn count(&self, limit: u32, now: Timestamp) -> Result<u64, Reason> {
        let step = |word| Unpacked::read(word).counted(day_of(now)).within(limit).map(Unpacked::word);
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, step) {
            Ok(before) => Ok(step(before).unwrap_or(before)),
            Err(_) => Err(Reason::FreqAuth),
        }
    }

    /// Whether one more would be counted.
    pub(crate) fn has_room(&self, limit: u32, now: Timestamp) -> bool {
        let word = Unpacked::read(self.0.load(Ordering::Acquire));
        word.counted(day_of(now)).within(limit).is_some()
    }

    /// Takes back what was counted on `day` for a message that was not accepted after all.
    pub(crate) fn uncount(&self, day: u16) {
        let step = |word| {
            let used = Unpacked::read(word);
            let count = used.count.checked_sub(1)?;
            (used.day == u64::from(day)).then(|| Unpacked { count, ..used }.word())
        };
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, step);
    }

    pub(crate) fn word(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, word: u64) {
        self.0.store(word, Ordering::Release);
    }
}

impl Unpacked {
    fn read(word: u64) -> Self {
        Self { day: word >> 32, count: word & COUNT_MAX }
    }

    fn word(self) -> u64 {
        self.day << 32 | self.count.min(COUNT_MAX)
    }

    /// After one more. A clock that went back over midnight goes on with the day it had.
    fn counted(self, today: u16) -> Self {
        let today = u64::from(today);
        let goes_on = self.day == today || self.day == today + 1;
        let used = if goes_on { self } else { Self { day: today, count: 0 } };
        Self { count: used.count + 1, ..used }
    }

    fn within(self, limit: u32) -> Option<Self> {
        (self.count <= u64::from(limit)).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: Timestamp = Timestamp(20_000 * DAY_MS + 4 * 3_600_000);

    fn later(days: i64) -> Timestamp {
        Timestamp(NOON.0 + days * DAY_MS)
    }

    //= ASCS A-6.1.1.1-1
    //= type=test
    #[test]
    fn a_day_has_so_many_and_the_next_has_as_many_again() {
        let usage = Usage::default();
        assert!(usage.count(2, NOON).is_ok() && usage.count(2, NOON).is_ok());
        assert!(!usage.has_room(2, NOON));
        assert_eq!(usage.count(2, NOON), Err(Reason::FreqAuth));
        assert!(usage.count(2, later(1)).is_ok());
        assert_eq!(Usage::default().count(0, NOON), Err(Reason::FreqAuth));
    }

    #[test]
    fn the_day_is_beijings() {
        let usage = Usage::default();
        let before = Timestamp::parse("2026-03-01T23:59:59+08:00").unwrap();
        let after = Timestamp::parse("2026-03-02T00:00:00+08:00").unwrap();
        assert_eq!(day_of(before) + 1, day_of(after));
        assert!(usage.count(1, before).is_ok() && usage.count(1, before).is_err());
        assert!(usage.count(1, after).is_ok());
        assert!(usage.count(1, before).is_err(), "not again because the clock went back");
    }

    #[test]
    fn what_was_not_accepted_is_taken_back() {
        let usage = Usage::default();
        usage.count(1, NOON).unwrap();
        usage.uncount(day_of(later(1)));
        assert!(!usage.has_room(1, NOON), "another day's");
        usage.uncount(day_of(NOON));
        assert!(usage.count(1, NOON).is_ok());
        Usage::default().uncount(day_of(NOON));
    }

    proptest! {
        #[test]
        fn a_word_reads_back(day: u16, count in 0..=COUNT_MAX) {
            let used = Unpacked { day: day.into(), count };
            prop_assert_eq!(Unpacked::read(used.word()), used);
        }
    }
}
