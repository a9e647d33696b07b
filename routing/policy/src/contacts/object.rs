//! The object that staff write: what is counted together, for whom it holds, how many in which time.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use veilgate_names::{Category, NameError, ObjectId};

use crate::mistake::Mistake;
use crate::objects::{Kind, Managed};

/// How many windows a limit may have.
const MAX_WINDOWS: usize = 8;
/// The most contacts a window may allow; below [`MAX_STAMPS`](super::MAX_STAMPS), or a log could not show them.
const MAX_MOST: u8 = 250;
/// The longest sliding window, in milliseconds: 31 days.
const MAX_WITHIN_MS: i64 = 31 * DAY_MS;
pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// How often one person may be contacted. All limits that apply to a contact hold together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrequencyLimit {
    /// Which of a person's contacts are counted together.
    pub per: Per,
    /// Messages, calls, or both in one count.
    #[serde(default)]
    pub service: LimitedService,
    /// Which contacts it is about; it neither counts nor refuses others.
    #[serde(default, skip_serializing_if = "AppliesTo::is_everything")]
    pub applies_to: AppliesTo,
    /// How many in which time, 1-8 of them; each holds.
    pub windows: Vec<ContactWindow>,
    /// Counts only contacts whose text is the same, and says nothing of contacts without text.
    #[serde(default)]
    pub same_content: bool,
    /// Whether it is in force.
    #[serde(default = "in_force")]
    pub enabled: bool,
}

/// Which of a person's contacts are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// Those of one enterprise.
    Enterprise,
    /// Those of one enterprise under one signature; those without a signature are one more such.
    Signature,
    /// Those of one enterprise under one signature and by one template; none is one more, as with signatures.
    Template,
    /// Those of one category, whoever sends.
    Category,
    /// All of them.
    All,
}

/// Which services a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LimitedService {
    /// Short messages.
    #[default]
    Sms,
    /// Calls.
    Voice,
    /// Both, counted together.
    Both,
}

/// Which contacts a limit is about; a field that is left out leaves nothing out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppliesTo {
    /// Those of this category.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub category: Option<Category>,
    /// Those of this tenant and everyone below it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub tenant: Option<ObjectId>,
    /// Those under this signature.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub signature: Option<ObjectId>,
    /// Those by this template.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub template: Option<ObjectId>,
}

/// How many contacts in which time: either `within` or `calendar` is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactWindow {
    /// In every stretch of this length; 1 s to 31 d.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub within: Option<Within>,
    /// In each of these by the clock in Beijing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Period>,
    /// This many and no more, 1-250.
    pub most: NonZeroU8,
}

/// A minute, hour, day or month by the clock in Beijing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// Begins at second 0.
    Minute,
    /// Begins at minute 0.
    Hour,
    /// Begins at midnight.
    Day,
    /// Begins with its first day.
    Month,
}

/// A length of time as it was written: a count and `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    count: u32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

impl Managed for FrequencyLimit {
    const KIND: Kind = Kind::FrequencyLimit;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        let wrong = |field: String, problem: &str| Mistake::of(Self::KIND, id, field, problem);
        if self.windows.is_empty() || self.windows.len() > MAX_WINDOWS {
            return Err(wrong("windows".to_owned(), "1 to 8 windows"));
        }
        for (place, window) in self.windows.iter().enumerate() {
            window.check().map_err(|(field, problem)| wrong(format!("windows[{place}]{field}"), problem))?;
            let same = |other: &ContactWindow| other.is_as_long_as(window);
            if self.windows.iter().take(place).any(same) {
                return Err(wrong(format!("windows[{place}]"), "the same time stands there twice"));
            }
        }
        if self.same_content && self.service == LimitedService::Voice {
            return Err(wrong("same_content".to_owned(), "calls have no text"));
        }
        Ok(())
    }
}

impl AppliesTo {
    fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

impl ContactWindow {
    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.within.is_some() == self.calendar.is_some() {
            return Err(("", "either `within` or `calendar`"));
        }
        if self.within.is_some_and(|within| !(1000..=MAX_WITHIN_MS).contains(&within.millis())) {
            return Err((".within", "1 s to 31 d"));
        }
        if self.most.get() > MAX_MOST {
            return Err((".most", "1 to 250"));
        }
        Ok(())
    }

    fn is_as_long_as(&self, other: &Self) -> bool {
        self.calendar == other.calendar && self.within.map(Within::millis) == other.within.map(Within::millis)
    }
}

impl Within {
    /// Its length in milliseconds.
    #[must_use]
    pub fn millis(self) -> i64 {
        i64::from(self.count) * self.unit.millis()
    }
}

impl Unit {
    const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    const fn millis(self) -> i64 {
        match self {
            Self::Second => 1000,
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    const fn sign(self) -> char {
        match self {
            Self::Second => 's',
            Self::Minute => 'm',
            Self::Hour => 'h',
            Self::Day => 'd',
        }
    }
}

impl FromStr for Within {
    type Err = NameError;

    /// Reads up to 8 digits and a unit.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let unit = Unit::ALL.into_iter().find(|unit| text.ends_with(unit.sign())).ok_or(NameError::Form)?;
        let digits = text.strip_suffix(unit.sign()).ok_or(NameError::Form)?;
        if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NameError::Form);
        }
        Ok(Self { count: digits.parse().map_err(|_| NameError::Form)?, unit })
    }
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.sign())
    }
}

fn in_force() -> bool {
    true
}

#[cfg(test)]
mod tests;
