//! What a user agreed to beyond "yes": at what time of day and how often (A-6.1.1.1-1). Only the shape is known
//! here; counting is admission's.

use std::fmt;

use veilgate_names::Timestamp;

use crate::json::Fault;

const DAY_MINUTES: u16 = 24 * 60;
const BEIJING_OFFSET_MS: i64 = 8 * 3_600_000;

/// The limits of one authorization; they come on top of the carrier's own, and the stricter wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Limits {
    /// Messages in one Beijing day; `None` is no limit from the user.
    pub sms_per_day: Option<u32>,
    /// Calls in one Beijing day; `None` is no limit from the user.
    pub calls_per_day: Option<u32>,
    /// The time of day; `None` is any.
    pub window: Option<Window>,
}

/// A part of the Beijing day, `[from, to)` in minutes. One that ends before it begins goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    from_minute: u16,
    to_minute: u16,
}

impl Window {
    /// Reads `HH:MM-HH:MM`; the end may be `24:00`.
    ///
    /// # Errors
    /// [`Fault::Form`] for any other form and for an empty window.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let (from, to) = text.split_once('-').ok_or(Fault::Form)?;
        let (from_minute, to_minute) = (minute_of_day(from)?, minute_of_day(to)?);
        if from_minute == to_minute || from_minute == DAY_MINUTES {
            return Err(Fault::Form);
        }
        Ok(Self { from_minute, to_minute })
    }

    /// Whether the instant lies in it. The end is outside.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        let minute = at.0.saturating_add(BEIJING_OFFSET_MS).div_euclid(60_000).rem_euclid(DAY_MINUTES.into());
        let (from, to) = (i64::from(self.from_minute), i64::from(self.to_minute));
        if from < to { from <= minute && minute < to } else { minute >= from || minute < to }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from_minute, self.to_minute);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

fn minute_of_day(text: &str) -> Result<u16, Fault> {
    let [h1, h2, b':', m1, m2] = text.as_bytes() else { return Err(Fault::Form) };
    let digit = |b: &u8| if b.is_ascii_digit() { Ok(u16::from(b - b'0')) } else { Err(Fault::Form) };
    let (hour, minute) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
    let total = hour * 60 + minute;
    if minute < 60 && total <= DAY_MINUTES { Ok(total) } else { Err(Fault::Form) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    //= ASCS A-6.1.1.1-1
    //= type=test
    #[test]
    fn the_window_is_beijing_time_and_half_open() {
        let window = Window::parse("09:00-18:00").unwrap();
        assert!(!window.contains(at("2026-03-01T08:59:59")));
        assert!(window.contains(at("2026-03-01T09:00:00")));
        assert!(window.contains(at("2026-03-01T17:59:59")));
        assert!(!window.contains(at("2026-03-01T18:00:00")));
        assert!(!window.contains(at("2026-03-01T18:00:01")));
        assert!(window.contains(at("2026-03-01T01:00:00Z")));
        assert!(window.contains(at("1969-12-31T10:00:00")));
    }

    #[test]
    fn a_window_may_go_over_midnight_or_end_with_the_day() {
        let night = Window::parse("22:00-06:00").unwrap();
        assert!(night.contains(at("2026-03-01T23:00:00")) && night.contains(at("2026-03-01T05:59:00")));
        assert!(!night.contains(at("2026-03-01T12:00:00")));
        let all = Window::parse("00:00-24:00").unwrap();
        assert!(all.contains(at("2026-03-01T00:00:00")) && all.contains(at("2026-03-01T23:59:59")));
    }

    #[test]
    fn other_forms_are_refused_and_good_ones_print_back() {
        let bad = [
            "",
            "9:00-18:00",
            "09:00",
            "09:00-24:01",
            "09:60-10:00",
            "09:00-09:00",
            "24:00-08:00",
            "０9:00-10:00",
        ];
        for text in bad {
            assert_eq!(Window::parse(text), Err(Fault::Form), "{text}");
        }
        assert_eq!(Window::parse("09:05-20:00").unwrap().to_string(), "09:05-20:00");
    }
}
