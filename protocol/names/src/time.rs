//! Times as parameters: wall time in UTC milliseconds, monotonic time in microseconds, days in Beijing time.

use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

/// Beijing has no daylight saving time; the standards speak of its days.
const BEIJING: Offset = Offset::constant(8);

/// Why a text is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date or date-time")]
pub struct TimeError;

/// Wall time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads `YYYY-MM-DD` (midnight in Beijing), or an RFC 3339 date-time; without offset it is Beijing time.
    ///
    /// # Errors
    /// [`TimeError`] for any other form.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if text.len() > 40 {
            return Err(TimeError);
        }
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(instant.as_millisecond()));
        }
        let civil = if text.len() == 10 {
            text.parse::<Date>().map(|day| day.at(0, 0, 0, 0)).map_err(|_| TimeError)?
        } else {
            text.parse::<DateTime>().map_err(|_| TimeError)?
        };
        Self::from_beijing(civil)
    }

    /// The instant later by `duration`, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The instant earlier by `duration`, saturating.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier`; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `YYMMDDhhmm` in UTC, as the `submit date` of a receipt text has it.
    #[must_use]
    pub fn receipt_date(self) -> [u8; 10] {
        let t = Offset::UTC.to_datetime(self.jiff());
        let mut out = [b'0'; 10];
        let fields = [
            i32::from(t.year()).rem_euclid(100),
            t.month().into(),
            t.day().into(),
            t.hour().into(),
            t.minute().into(),
        ];
        for (slot, value) in out.chunks_mut(2).zip(fields) {
            if let [tens, ones] = slot {
                *tens = b'0' + u8::try_from(value / 10).unwrap_or(0);
                *ones = b'0' + u8::try_from(value % 10).unwrap_or(0);
            }
        }
        out
    }

    fn jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    fn from_beijing(civil: DateTime) -> Result<Self, TimeError> {
        let zoned = civil.to_zoned(TimeZone::fixed(BEIJING)).map_err(|_| TimeError)?;
        Ok(Self(zoned.timestamp().as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.jiff())
    }
}

/// The Beijing day that holds an instant, as `YYYYMMDD`.
#[must_use]
pub fn beijing_day(at: Timestamp) -> u32 {
    let day = BEIJING.to_datetime(at.jiff()).date();
    let year = u32::try_from(i32::from(day.year())).unwrap_or(0);
    year * 10_000 + u32::from(day.month().unsigned_abs()) * 100 + u32::from(day.day().unsigned_abs())
}

/// The date for which a device ID is turned into a number (A-6.3.2.1-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AsOf {
    /// A whole Beijing day: `[from, to)`.
    Day {
        /// Its first instant.
        from: Timestamp,
        /// The first instant after it.
        to: Timestamp,
    },
    /// One instant.
    At(Timestamp),
}

impl AsOf {
    /// Reads `YYYY-MM-DD`, `YYYYMMDD` (both a Beijing day) or a date-time.
    ///
    /// # Errors
    /// [`TimeError`] for any other form.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let dashed = if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
            let (year, rest) = text.split_at_checked(4).ok_or(TimeError)?;
            let (month, day) = rest.split_at_checked(2).ok_or(TimeError)?;
            format!("{year}-{month}-{day}")
        } else {
            text.to_owned()
        };
        if dashed.len() != 10 {
            return Timestamp::parse(&dashed).map(Self::At);
        }
        let day: Date = dashed.parse().map_err(|_| TimeError)?;
        let next = day.tomorrow().map_err(|_| TimeError)?;
        Ok(Self::Day {
            from: Timestamp::from_beijing(day.at(0, 0, 0, 0))?,
            to: Timestamp::from_beijing(next.at(0, 0, 0, 0))?,
        })
    }

    /// The first instant it covers.
    #[must_use]
    pub fn start(self) -> Timestamp {
        match self {
            Self::Day { from, .. } => from,
            Self::At(at) => at,
        }
    }
}

/// Monotonic time: microseconds since the process (or the simulation) began. Never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// The instant later by `duration`, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier`; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_beijing_days() {
        let day = AsOf::parse("2026-03-01").unwrap();
        assert_eq!(day, AsOf::parse("20260301").unwrap());
        let AsOf::Day { from, to } = day else { panic!("a day") };
        assert_eq!(from.to_string(), "2026-02-28T16:00:00.000Z");
        assert_eq!(to.since(from), Duration::from_secs(86_400));
        assert_eq!(beijing_day(from), 20_260_301);
        assert_eq!(beijing_day(Timestamp(from.0 - 1)), 20_260_228);
    }

    #[test]
    fn date_times_take_an_offset_or_beijing() {
        let zulu = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
        assert_eq!(Timestamp::parse("2026-03-01T08:00:00").unwrap(), zulu);
        assert_eq!(Timestamp::parse("2026-03-01 08:00:00").unwrap(), zulu);
        assert_eq!(Timestamp::parse("2026-03-01T08:00:00+08:00").unwrap(), zulu);
        assert_eq!(Timestamp::parse("2026-03-01T09:00").unwrap().since(zulu), Duration::from_secs(3600));
        assert_eq!(&zulu.receipt_date(), b"2603010000");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "2026-13-01", "20261301", "2026-02-30", "yesterday", "2026-03-01T25:00:00Z"] {
            assert!(AsOf::parse(text).is_err(), "{text}");
        }
    }
}
