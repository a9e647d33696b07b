//! Hours in which people are contacted, and what becomes of messages outside of them. All hours are Beijing's, which has
//! no daylight saving time. What the person agreed to (`window` of an authorization) is admission's.

mod calendar;
mod hours;

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use veilgate_names::{Category, Gazetteer, ObjectId, Place, Reason, Service, Timestamp};

use crate::mistake::Mistake;
use crate::objects::{Kind, Managed, Objects};
use crate::scope::{Index, Reach, Scope, Wrong};
use crate::tenants::{Chain, Tree};

use calendar::Dates;
pub use calendar::{Calendar, DayKind};
use hours::{DAY, Week};
pub use hours::{Hours, Span, SpanError};

/// What Beijing's clocks are ahead of UTC, milliseconds.
const BEIJING_MS: i64 = 8 * 3600 * 1000;
/// How far ahead a common hour is looked for, seconds: further than any holidays last.
const HORIZON: i64 = 14 * DAY as i64;
/// The longest name of a province or city, octets.
const MAX_NAME: usize = 64;

/// Hours in which people are contacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Which messages and calls.
    #[serde(default, skip_serializing_if = "Scope::is_everything")]
    pub scope: Scope,
    /// Only people whose number is at home there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Which hours, on which days.
    pub hours: Hours,
    /// What becomes of a message outside of them.
    pub outside: WhenOutside,
    /// The [`Calendar`] that says which days are holidays; without one none is.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub calendar: Option<ObjectId>,
}

/// A province, or a city in it, by the names of the segment table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Such as `四川`.
    pub province: String,
    /// Such as `成都`; without one the whole province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
}

/// What becomes of a message outside of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenOutside {
    /// It waits until it is inside.
    Defer,
    /// It is refused.
    Refuse,
}

impl Managed for Window {
    const KIND: Kind = Kind::Window;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        if let Some(Region { province, city }) = &self.region {
            for (field, name) in [("region.province", Some(province)), ("region.city", city.as_ref())] {
                if name.is_some_and(|name| name.is_empty() || name.len() > MAX_NAME) {
                    return Err(Mistake::of(Self::KIND, id, field, "a name has 1 to 64 octets"));
                }
            }
        }
        self.week(id).map(|_| ())
    }
}

impl Window {
    fn week(&self, id: &ObjectId) -> Result<Week, Mistake> {
        let wrong = |wrong: Wrong| Mistake::of(Self::KIND, id, format!("hours.{}", wrong.key), wrong.problem);
        self.hours.week(self.calendar.is_some()).map_err(wrong)
    }

    fn reason(&self) -> Reason {
        match (&self.region, &self.scope.tenant) {
            (Some(_), _) => Reason::WindowRegion,
            (None, Some(_)) => Reason::WindowTenant,
            (None, None) => Reason::WindowCategory,
        }
    }
}

/// That it is the wrong time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Which kind of window is closed.
    pub reason: Reason,
    /// The window.
    pub object: ObjectId,
    /// When all windows that apply are open again, later than the time asked about; `None` refuses.
    pub until: Option<Timestamp>,
}

/// The windows of a policy.
#[derive(Debug, Default)]
pub struct Windows {
    windows: Vec<Compiled>,
    index: Index,
}

#[derive(Debug)]
struct Compiled {
    id: ObjectId,
    reach: Reach,
    /// Only this city of the province under which it is found.
    city: Option<u16>,
    week: Week,
    calendar: Option<Arc<Dates>>,
    outside: WhenOutside,
    reason: Reason,
}

impl Windows {
    /// Makes windows of the objects.
    ///
    /// # Errors
    /// [`Mistake`] for a calendar, tenant, province or city that is not there, and for hours that are wrong.
    pub fn compile(objects: &Objects, tree: &Tree, gazetteer: &Gazetteer) -> Result<Self, Mistake> {
        let of_calendar =
            |(id, calendar): (&ObjectId, &Arc<Calendar>)| (id.clone(), Arc::new(Dates::of(calendar)));
        let calendars: HashMap<_, _> = objects.calendars.iter().map(of_calendar).collect();
        let mut made = Self::default();
        for (id, window) in objects.windows.iter() {
            let mistake = |field, problem| Mistake::of(Kind::Window, id, field, problem);
            let reach = window.scope.compile(Kind::Window, id, tree)?;
            let (province, city) = match &window.region {
                None => (None, None),
                Some(region) => region.find(gazetteer).map_err(|wrong| mistake(wrong.key, wrong.problem))?,
            };
            let calendar = match &window.calendar {
                None => None,
                Some(name) => {
                    let held = calendars.get(name).cloned();
                    Some(held.ok_or_else(|| mistake("calendar", "there is no such calendar"))?)
                }
            };
            made.index.add(made.windows.len(), reach.tenant, province);
            made.windows.push(Compiled {
                id: id.clone(),
                reach,
                city,
                week: window.week(id)?,
                calendar,
                outside: window.outside,
                reason: window.reason(),
            });
        }
        Ok(made)
    }

    /// Whether it is the wrong time. Without a place only windows are asked that hold wherever the person is at home, so
    /// nothing need be known of whom it is for. Of several that are closed one that refuses counts; else it is deferred
    /// to the first instant at which all are open, refused if there is none within 14 days.
    #[must_use]
    pub fn check(
        &self,
        service: Service,
        category: Category,
        chain: Chain<'_>,
        place: Option<Place>,
        at: Timestamp,
    ) -> Option<Outside> {
        if self.windows.is_empty() {
            return None;
        }
        let now = local_second(at);
        let applying = || self.applying(service, category, chain, place);
        let mut deferring = None;
        for window in applying().filter(|window| !window.is_open(now)) {
            match window.outside {
                WhenOutside::Refuse => return Some(window.outside(None)),
                WhenOutside::Defer => _ = deferring.get_or_insert(window),
            }
        }
        let first = deferring?;
        // Where the calendar's arithmetic ends, an instant would not be later.
        let until = common_opening(applying, now).map(instant).filter(|until| *until > at);
        Some(first.outside(until))
    }

    fn applying<'a>(
        &'a self,
        service: Service,
        category: Category,
        chain: Chain<'a>,
        place: Option<Place>,
    ) -> impl Iterator<Item = &'a Compiled> {
        let found = self.index.find(chain, place.map(|place| place.province));
        found.filter_map(|at| self.windows.get(at)).filter(move |window| {
            window.reach.is_about(service, category)
                && window.city.is_none_or(|city| place.is_some_and(|place| place.city == city))
        })
    }
}

impl Region {
    fn find(&self, gazetteer: &Gazetteer) -> Result<(Option<u8>, Option<u16>), Wrong> {
        let no_province = Wrong { key: "region.province", problem: "the segment table has no such province" };
        let no_city =
            Wrong { key: "region.city", problem: "the segment table has no such city in this province" };
        let province = gazetteer.find_province(&self.province).ok_or(no_province)?;
        let city = match &self.city {
            None => None,
            Some(city) => Some(gazetteer.find_city(province, city).ok_or(no_city)?),
        };
        Ok((Some(province), city))
    }
}

impl Compiled {
    fn outside(&self, until: Option<Timestamp>) -> Outside {
        Outside { reason: self.reason, object: self.id.clone(), until }
    }

    fn is_open(&self, now: i64) -> bool {
        let day = now.div_euclid(i64::from(DAY));
        let second = u32::try_from(now.rem_euclid(i64::from(DAY))).unwrap_or(0);
        self.spans(day).iter().any(|span| span.holds(second))
            || self.spans(day - 1).iter().any(|span| span.holds(second + DAY))
    }

    /// The first second at which it is open, this one or one up to `last`.
    fn next_open(&self, now: i64, last: i64) -> Option<i64> {
        let day = |second: i64| second.div_euclid(i64::from(DAY));
        let spans = (day(now) - 1..=day(last)).flat_map(|day| {
            let midnight = day * i64::from(DAY);
            let edges = move |span: &Span| {
                let (from, to) = span.edges();
                (midnight + i64::from(from), midnight + i64::from(to))
            };
            self.spans(day).iter().map(edges)
        });
        let (from, _) = spans.into_iter().find(|(_, to)| *to > now)?;
        Some(from.max(now)).filter(|opening| *opening <= last)
    }

    fn spans(&self, day: i64) -> &[Span] {
        let of_calendar = self.calendar.as_ref().and_then(|calendar| calendar.kind(day));
        self.week.spans(of_calendar.unwrap_or_else(|| weekday(day)))
    }
}

/// The first second from `now` on at which all are open.
fn common_opening<'a, I: Iterator<Item = &'a Compiled>>(windows: impl Fn() -> I, now: i64) -> Option<i64> {
    let last = now.saturating_add(HORIZON);
    let mut at = now;
    loop {
        let next = windows().try_fold(at, |at, window| window.next_open(at, last))?;
        if next == at {
            return Some(at);
        }
        at = next;
    }
}

/// 0 is Monday; 1970-01-01 was a Thursday.
fn weekday(day: i64) -> usize {
    usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0)
}

/// Seconds since the midnight with which 1970 began in Beijing.
fn local_second(at: Timestamp) -> i64 {
    at.0.saturating_add(BEIJING_MS).div_euclid(1000)
}

fn instant(local_second: i64) -> Timestamp {
    Timestamp(local_second.saturating_mul(1000).saturating_sub(BEIJING_MS))
}

#[cfg(test)]
mod tests;
