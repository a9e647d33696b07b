//! Days that count as others: public holidays, and the Saturdays and Sundays on which people work instead.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use veilgate_names::{ObjectId, Timestamp};

use super::{BEIJING_MS, hours};
use crate::mistake::Mistake;
use crate::objects::{Kind, Managed};

/// The most days of one calendar: thirty years of holidays.
const MAX_DAYS: usize = 1_000;

/// Days that count as others. A year's holidays are one such object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// What each of these days counts as, by its date `YYYY-MM-DD`.
    #[serde(deserialize_with = "each_once")]
    #[schemars(with = "BTreeMap<String, DayKind>")]
    pub days: BTreeMap<String, DayKind>,
}

/// What a day counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DayKind {
    /// Nobody works, whatever day of the week it is.
    Holiday,
    /// People work, whatever day of the week it is.
    Workday,
}

impl Managed for Calendar {
    const KIND: Kind = Kind::Calendar;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        if self.days.len() > MAX_DAYS {
            return Err(Mistake::of(Self::KIND, id, "days", "more than 1000 days"));
        }
        match self.days.keys().find(|date| day_of(date).is_none()) {
            None => Ok(()),
            Some(date) => {
                let field = format!("days.{}", date.chars().take(20).collect::<String>());
                Err(Mistake::of(Self::KIND, id, field, "not a date such as 2026-10-01"))
            }
        }
    }
}

/// A calendar as it is asked: days since 1970-01-01, in order.
#[derive(Debug)]
pub(super) struct Dates(Vec<(i64, usize)>);

impl Dates {
    pub(super) fn of(calendar: &Calendar) -> Self {
        let kind = |kind: &DayKind| match kind {
            DayKind::Holiday => hours::HOLIDAY,
            DayKind::Workday => hours::CALENDAR_WORKDAY,
        };
        let day = |(date, of): (&String, _)| Some((day_of(date)?, kind(of)));
        let mut dates: Vec<_> = calendar.days.iter().filter_map(day).collect();
        dates.sort_unstable();
        Self(dates)
    }

    /// Which kind of day this is, if the calendar names it.
    pub(super) fn kind(&self, day: i64) -> Option<usize> {
        let at = self.0.binary_search_by_key(&day, |(day, _)| *day).ok()?;
        self.0.get(at).map(|(_, kind)| *kind)
    }
}

/// The days from 1970-01-01 to a date `YYYY-MM-DD`.
fn day_of(date: &str) -> Option<i64> {
    let is_form = date.bytes().enumerate().all(|(at, octet)| match at {
        4 | 7 => octet == b'-',
        _ => octet.is_ascii_digit(),
    });
    let midnight = Timestamp::parse(date).ok().filter(|_| is_form && date.len() == 10)?;
    Some(midnight.0.saturating_add(BEIJING_MS).div_euclid(i64::from(hours::DAY) * 1000))
}

/// A date that stands twice could count as both.
fn each_once<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, DayKind>, D::Error> {
    struct EachOnce;

    impl<'de> Visitor<'de> for EachOnce {
        type Value = BTreeMap<String, DayKind>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("dates and what they count as")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut days = BTreeMap::new();
            while let Some((date, kind)) = map.next_entry()? {
                if days.insert(date, kind).is_some() {
                    return Err(A::Error::custom("a date stands twice"));
                }
            }
            Ok(days)
        }
    }

    from.deserialize_map(EachOnce)
}
