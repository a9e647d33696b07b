//! When a window begins, and when a contact leaves it, in milliseconds since 1970.

use veilgate_names::{Timestamp, beijing_day};

use super::object::{ContactWindow, DAY_MS, HOUR_MS, MINUTE_MS, Period, Within};

/// Beijing is so far ahead of UTC, all the year.
const BEIJING_MS: i64 = 8 * HOUR_MS;
/// No month is longer.
const MONTH_MS: i64 = 31 * DAY_MS;

/// The time of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// Every stretch of so many milliseconds.
    Sliding(i64),
    /// Equal pieces of the clock in Beijing, of so many milliseconds.
    Clock(i64),
    /// Months in Beijing.
    Month,
}

impl Span {
    pub(super) fn of(window: &ContactWindow) -> Self {
        match window.calendar {
            Some(Period::Minute) => Self::Clock(MINUTE_MS),
            Some(Period::Hour) => Self::Clock(HOUR_MS),
            Some(Period::Day) => Self::Clock(DAY_MS),
            Some(Period::Month) => Self::Month,
            None => Self::Sliding(window.within.map_or(0, Within::millis)),
        }
    }

    /// The first instant whose contacts count at `now`.
    pub(super) fn start(self, now: i64) -> i64 {
        match self {
            Self::Sliding(length) => now - length + 1,
            Self::Clock(length) => floor(now, length),
            Self::Month => month(now),
        }
    }

    /// The first instant at which a contact of `then`, which counts at `now`, counts no more.
    pub(super) fn end(self, then: i64, now: i64) -> i64 {
        match self {
            Self::Sliding(length) => then + length,
            Self::Clock(length) => floor(now, length) + length,
            // The day after the longest month's last is in the next month, whichever month it is.
            Self::Month => month(month(now) + MONTH_MS),
        }
    }

    /// How long a contact can count.
    pub(super) const fn reach(self) -> i64 {
        match self {
            Self::Sliding(length) | Self::Clock(length) => length,
            Self::Month => MONTH_MS,
        }
    }
}

fn floor(now: i64, length: i64) -> i64 {
    now - (now + BEIJING_MS).rem_euclid(length)
}

fn month(now: i64) -> i64 {
    let day = i64::from(beijing_day(Timestamp(now)) % 100);
    floor(now, DAY_MS) - (day - 1) * DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        Timestamp::parse(text).unwrap().0
    }

    #[test]
    fn days_and_months_begin_at_midnight_in_beijing() {
        let day = Span::Clock(DAY_MS);
        assert_eq!(day.start(at("2026-03-01T23:59:59")), at("2026-03-01"));
        assert_eq!(day.start(at("2026-03-02") - 1), at("2026-03-01"));
        assert_eq!(day.start(at("2026-03-02")), at("2026-03-02"));
        assert_eq!(day.end(0, at("2026-03-01T00:00:00")), at("2026-03-02"));
        for (now, start, end) in [
            ("2026-02-28T23:59:59", "2026-02-01", "2026-03-01"),
            ("2028-02-29T00:00:00", "2028-02-01", "2028-03-01"),
            ("2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
            ("2026-05-01T00:00:00", "2026-05-01", "2026-06-01"),
        ] {
            assert_eq!(
                (Span::Month.start(at(now)), Span::Month.end(0, at(now))),
                (at(start), at(end)),
                "{now}"
            );
        }
    }

    #[test]
    fn minutes_and_hours_begin_at_zero_and_stretches_anywhere() {
        let now = at("2026-03-01T10:59:59.999");
        assert_eq!(Span::Clock(MINUTE_MS).start(now), at("2026-03-01T10:59:00"));
        assert_eq!(Span::Clock(HOUR_MS).start(now), at("2026-03-01T10:00:00"));
        assert_eq!(Span::Clock(HOUR_MS).end(0, now), at("2026-03-01T11:00:00"));
        let sliding = Span::Sliding(MINUTE_MS);
        assert_eq!((sliding.start(100_000), sliding.end(40_001, 100_000)), (40_001, 100_001));
    }

    #[test]
    fn the_ends_of_time_are_times_like_others() {
        for now in [0, 1, (1 << 48) - 1] {
            for span in [Span::Sliding(1000), Span::Clock(DAY_MS), Span::Month] {
                assert!(span.start(now) <= now && span.end(now, now) > now, "{span:?} {now}");
            }
        }
    }
}
