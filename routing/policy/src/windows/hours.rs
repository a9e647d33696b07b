//! Hours of the days of a week, as people write them and as they are asked. Every day begins at midnight in Beijing and
//! has 86,400 seconds.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::scope::Wrong;

/// Seconds of a day.
pub(super) const DAY: u32 = 86_400;
/// The most hours one day may have.
const MAX_SPANS: usize = 24;

/// From a second of a day up to another, which is not part of it and may be of the next day. Written `08:00-22:00`, or with
/// seconds; `22:00-06:00` goes over midnight and belongs to the day on which it begins; `00:00-24:00` is a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// 0 to 86,399, in seconds since midnight.
    from: u32,
    /// Later than `from`, by 86,400 at most.
    to: u32,
}

/// Why a text is no [`Span`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It is not of the form.
    #[error("not hours such as 08:00-22:00")]
    Form,
    /// It ends when it begins.
    #[error("hours that end when they begin; a whole day is 00:00-24:00")]
    Empty,
}

/// Which hours there are on which days. A day has the hours of its own name, or else of its kind, or else `daily`: for a
/// calendar's holiday that is `holiday`, `weekend`, `daily`; for a calendar's workday `workday`, `daily`; for any other its
/// name, `workday` or `weekend`, `daily`. No hours at all are written `[]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is the days of its name")]
pub struct Hours {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<Vec<Span>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workday: Option<Vec<Span>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekend: Option<Vec<Span>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holiday: Option<Vec<Span>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monday: Option<Vec<Span>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuesday: Option<Vec<Span>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wednesday: Option<Vec<Span>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thursday: Option<Vec<Span>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friday: Option<Vec<Span>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saturday: Option<Vec<Span>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sunday: Option<Vec<Span>>,
}

/// Hours under one key.
#[derive(Clone, Copy)]
struct Entry<'a> {
    key: &'static str,
    spans: Option<&'a Vec<Span>>,
}

/// The hours of each kind of day, in order and without two that overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Week([Vec<Span>; 9]);

/// Monday to Sunday by their places, and the two that only a calendar makes.
pub(super) const HOLIDAY: usize = 7;
pub(super) const CALENDAR_WORKDAY: usize = 8;
const DAYS: [&str; 9] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holiday", "workday"];

impl Hours {
    /// Which hours each day has.
    pub(super) fn week(&self, with_calendar: bool) -> Result<Week, Wrong> {
        let ways = self.ways();
        let days = if with_calendar { 0..9 } else { 0..HOLIDAY };
        let mut week = Week(Default::default());
        let mut used = Vec::new();
        for (day, ((way, name), slot)) in ways.iter().zip(DAYS).zip(&mut week.0).enumerate() {
            if !days.contains(&day) {
                continue;
            }
            let found = way.iter().find_map(|entry| Some((entry.key, entry.spans?)));
            let (key, spans) = found.ok_or(Wrong {
                key: name,
                problem: "no hours: give the day, its kind or daily; [] is none",
            })?;
            used.push(key);
            *slot = in_order(key, spans)?;
        }
        let unused = ways.iter().flatten().find(|entry| entry.spans.is_some() && !used.contains(&entry.key));
        if let Some(Entry { key, .. }) = unused {
            return Err(Wrong { key, problem: "these hours are those of no day" });
        }
        week.check(with_calendar)?;
        Ok(week)
    }

    /// Under which keys the hours of each day may stand, the first that does counts.
    fn ways(&self) -> [[Entry<'_>; 3]; 9] {
        fn entry<'a>(key: &'static str, spans: &'a Option<Vec<Span>>) -> Entry<'a> {
            Entry { key, spans: spans.as_ref() }
        }
        let daily = entry("daily", &self.daily);
        let workday = entry("workday", &self.workday);
        let weekend = entry("weekend", &self.weekend);
        [
            [entry("monday", &self.monday), workday, daily],
            [entry("tuesday", &self.tuesday), workday, daily],
            [entry("wednesday", &self.wednesday), workday, daily],
            [entry("thursday", &self.thursday), workday, daily],
            [entry("friday", &self.friday), workday, daily],
            [entry("saturday", &self.saturday), weekend, daily],
            [entry("sunday", &self.sunday), weekend, daily],
            [entry("holiday", &self.holiday), weekend, daily],
            [workday, daily, daily],
        ]
    }
}

fn in_order(key: &'static str, spans: &[Span]) -> Result<Vec<Span>, Wrong> {
    if spans.len() > MAX_SPANS {
        return Err(Wrong { key, problem: "more than 24 hours of one day" });
    }
    let mut spans = spans.to_vec();
    spans.sort_unstable();
    let overlap = spans.iter().zip(spans.iter().skip(1)).any(|(earlier, later)| later.from < earlier.to);
    if overlap { Err(Wrong { key, problem: "hours that overlap" }) } else { Ok(spans) }
}

impl Week {
    /// No second twice, and some second at all.
    fn check(&self, with_calendar: bool) -> Result<(), Wrong> {
        if self.0.iter().all(Vec::is_empty) {
            return Err(Wrong { key: "daily", problem: "no hours on any day" });
        }
        for (day, (spans, name)) in self.0.iter().zip(DAYS).enumerate() {
            let end = spans.last().map_or(0, |span| span.to.saturating_sub(DAY));
            let runs_into = |next: usize| self.spans(next).first().is_some_and(|span| span.from < end);
            let tomorrow = if day < HOLIDAY { (day + 1) % 7 } else { 0 };
            let mut next = if with_calendar { 0..9 } else { tomorrow..tomorrow + 1 };
            // Any day may follow a day of the calendar, and those of the calendar any other.
            let may_follow = |next: usize| next == tomorrow || day >= HOLIDAY || next >= HOLIDAY;
            if next.any(|next| may_follow(next) && runs_into(next)) {
                return Err(Wrong { key: name, problem: "hours that overlap those of the next day" });
            }
        }
        Ok(())
    }

    /// The hours of a kind of day.
    pub(super) fn spans(&self, day: usize) -> &[Span] {
        self.0.get(day).map_or(&[], Vec::as_slice)
    }
}

impl Span {
    /// Whether it holds this second, counted from the midnight of its own day.
    pub(super) fn holds(self, second: u32) -> bool {
        self.from <= second && second < self.to
    }

    /// Its first second, and the first behind it, counted from the midnight of its own day.
    pub(super) fn edges(self) -> (u32, u32) {
        (self.from, self.to)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let (from, to) = text.split_once('-').ok_or(SpanError::Form)?;
        let (from, to) = (second(from)?, second(to)?);
        if from == DAY {
            return Err(SpanError::Form);
        }
        if from == to {
            return Err(SpanError::Empty);
        }
        Ok(Self { from, to: if to < from { to + DAY } else { to } })
    }
}

/// Reads `HH:MM` or `HH:MM:SS`, up to `24:00`.
fn second(text: &str) -> Result<u32, SpanError> {
    let mut parts = text.split(':').map(two_digits);
    let mut part = |most: u32| match parts.next() {
        Some(Some(value)) if value <= most => Ok(value),
        _ => Err(SpanError::Form),
    };
    let (hours, minutes) = (part(24)?, part(59)?);
    let seconds = if text.len() > 5 { part(59)? } else { 0 };
    let second = (hours * 60 + minutes) * 60 + seconds;
    if parts.next().is_some() || second > DAY { Err(SpanError::Form) } else { Ok(second) }
}

fn two_digits(text: &str) -> Option<u32> {
    match text.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
        }
        _ => None,
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = if self.to > DAY { self.to - DAY } else { self.to };
        let with_seconds = !(self.from.is_multiple_of(60) && to.is_multiple_of(60));
        for (second, mark) in [(self.from, "-"), (to, "")] {
            write!(f, "{:02}:{:02}", second / 3600, second / 60 % 60)?;
            if with_seconds {
                write!(f, ":{:02}", second % 60)?;
            }
            f.write_str(mark)?;
        }
        Ok(())
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "Hours such as 08:00-22:00, 00:00-24:00 for a whole day" })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
