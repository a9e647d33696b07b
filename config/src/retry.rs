//! `[[retry_tables]]`: what an SMSC's refusals and receipts mean, row by row; and the table that comes along.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;
use veilgate_names::FinalState;

use crate::error::Mistake;
use crate::root::Config;
use crate::text::{FromText, some_text, some_whole, text, texts};
use crate::words::{RetryClass, RetryWhere};

/// The table that comes along.
const SHIPPED: &str = include_str!("../data/retry.toml");
/// Its name, for `extends`.
const SHIPPED_NAME: &str = "shipped";
/// What `extends` says for a table that stands alone.
const NONE: &str = "none";
/// The table of channels that name none, if there is one of this name.
const DEFAULT_NAME: &str = "default";
/// Rows of one table at most.
const ROWS_MAX: usize = 10_000;

/// A table of rows; the first that fits decides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryTable {
    /// Its name. The one called `default` is used by channels that name none.
    #[serde(deserialize_with = "text")]
    pub id: TableName,
    /// The table whose rows follow its own: an earlier one, `shipped` or `none`. Default `shipped`.
    #[serde(default = "TableName::shipped", deserialize_with = "text")]
    pub extends: TableName,
    /// Its rows.
    #[serde(default)]
    pub rows: Vec<RetryRow>,
}

/// One row. What it is about is any of `status`, `error`, `code` and `state`; at least one of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryRow {
    /// `command_status` values of the `submit_sm_resp`: `"0x58"` or `"0x400-0x4ff"`.
    #[serde(default, deserialize_with = "texts")]
    pub status: Vec<Numbers>,
    /// Error numbers of a receipt (`network_error_code`, or `err:` as a number): `"5"` or `"100-199"`.
    #[serde(default, deserialize_with = "texts")]
    pub error: Vec<Numbers>,
    /// How a carrier's own code in a receipt begins: `"MK:"`, `"MK:0005"`, `"BLACK"`.
    #[serde(default, deserialize_with = "texts")]
    pub code: Vec<CodeStart>,
    /// States of a receipt: `"UNDELIV"`, `"EXPIRED"`, `"REJECTD"`, `"DELETED"` or `"UNKNOWN"`.
    #[serde(default, deserialize_with = "texts")]
    pub state: Vec<EndState>,
    /// Of which kind it is.
    #[serde(deserialize_with = "text")]
    pub class: RetryClass,
    /// Whether, and where, the message is tried again.
    #[serde(deserialize_with = "text")]
    pub retry: RetryWhere,
    /// The pauses before the second attempt, the third, and so on; the last one from then on.
    #[serde(default, deserialize_with = "texts")]
    pub delays: Vec<Duration>,
    /// Instead of `delays`: the first pause, which doubles. Default `flow.throttle_backoff_min`.
    #[serde(default, deserialize_with = "some_text")]
    pub delay_min: Option<Duration>,
    /// The longest pause. Default `flow.throttle_backoff_max`.
    #[serde(default, deserialize_with = "some_text")]
    pub delay_max: Option<Duration>,
    /// Attempts of a message, all counted, 1-255. Default `flow.max_attempts`.
    #[serde(default, deserialize_with = "some_whole::<_, _, 1, 255>")]
    pub attempts: Option<u8>,
    /// Whether a message that ends so is billed. Default: if an SMSC took it.
    #[serde(default)]
    pub billable: Option<bool>,
    /// The state it ends in. Default: as its receipt says; without one `REJECTD`, or `UNDELIV` when its attempts are
    /// used up.
    #[serde(default, rename = "final", deserialize_with = "some_text")]
    pub end: Option<EndState>,
}

/// The name of a table: 1-32 of `0-9 A-Z a-z _ . -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName(String);

impl TableName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn shipped() -> Self {
        Self(SHIPPED_NAME.to_owned())
    }
}

/// The table of channels that name none.
impl Default for TableName {
    fn default() -> Self {
        Self(DEFAULT_NAME.to_owned())
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromText for TableName {
    const EXPECTED: &'static str = "1-32 of 0-9 A-Z a-z _ . -";
    fn from_text(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        ((1..=32).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }
}

/// A number or a range of them, decimal or with `0x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers(pub RangeInclusive<u32>);

impl FromText for Numbers {
    const EXPECTED: &'static str = "a number or a range such as \"0x58\" or \"0x400-0x4ff\"";
    fn from_text(text: &str) -> Option<Self> {
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse::<u32>().ok(),
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first)?, number(last)?);
        (first <= last).then_some(Self(first..=last))
    }
}

/// How a carrier's own code begins: 1-8 of `0-9 A-Z a-z : _ -`, not digits only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeStart(String);

impl CodeStart {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromText for CodeStart {
    const EXPECTED: &'static str = "1-8 of 0-9 A-Z a-z : _ -, not digits only";
    fn from_text(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b":_-".contains(&b);
        let fits = (1..=8).contains(&text.len()) && text.bytes().all(allowed);
        (fits && !text.bytes().all(|b| b.is_ascii_digit())).then(|| Self(text.to_owned()))
    }
}

/// A state in which a message that was not delivered ends, as receipts write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndState(pub FinalState);

impl FromText for EndState {
    const EXPECTED: &'static str = "\"UNDELIV\", \"REJECTD\", \"EXPIRED\", \"DELETED\" or \"UNKNOWN\"";
    fn from_text(text: &str) -> Option<Self> {
        let states = [
            FinalState::Undeliverable,
            FinalState::Rejected,
            FinalState::Expired,
            FinalState::Cancelled,
            FinalState::Unknown,
        ];
        states.into_iter().find(|state| state.stat() == text).map(Self)
    }
}

impl Config {
    /// The rows that hold for a channel with this table, with those of the tables it extends.
    #[must_use]
    pub fn retry_rows(&self, table: &TableName) -> Vec<RetryRow> {
        let mut rows = Vec::new();
        let mut name = table.as_str();
        let mut before = self.retry_tables.len();
        while name != NONE {
            let earlier = self.retry_tables.iter().take(before);
            let Some((index, found)) = earlier.enumerate().find(|(_, table)| table.id.as_str() == name)
            else {
                rows.extend(shipped_rows());
                break;
            };
            rows.extend(found.rows.iter().cloned());
            before = index;
            name = found.extends.as_str();
        }
        rows
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shipped {
    rows: Vec<RetryRow>,
}

/// The rows of the table that comes along; a test reads it.
fn shipped_rows() -> Vec<RetryRow> {
    toml::from_str::<Shipped>(SHIPPED).map(|shipped| shipped.rows).unwrap_or_default()
}

/// Finds the first mistake in the tables and in what names them.
pub(crate) fn check(config: &Config) -> Result<(), Mistake> {
    let mut known = vec![SHIPPED_NAME, NONE];
    for (index, table) in config.retry_tables.iter().enumerate() {
        let at = format!("retry_tables[{index}]");
        if [SHIPPED_NAME, NONE].contains(&table.id.as_str()) {
            return Err(Mistake::new(format!("{at}.id"), "this name is taken"));
        }
        let base = &table.extends;
        if !known.contains(&base.as_str()) {
            return Err(Mistake::new(
                format!("{at}.extends"),
                format!("there is no earlier table \"{base}\""),
            ));
        }
        if table.rows.len() > ROWS_MAX {
            return Err(Mistake::new(format!("{at}.rows"), format!("more than {ROWS_MAX} rows")));
        }
        for (number, row) in table.rows.iter().enumerate() {
            check_row(config, row, &format!("{at}.rows[{number}]"))?;
        }
        known.push(table.id.as_str());
    }
    for (index, channel) in config.channels.iter().enumerate() {
        let name = &channel.retry;
        if !known.contains(&name.as_str()) && name.as_str() != DEFAULT_NAME {
            let problem = format!("there is no retry table \"{name}\"");
            return Err(Mistake::new(format!("channels[{index}].retry"), problem));
        }
    }
    Ok(())
}

fn check_row(config: &Config, row: &RetryRow, at: &str) -> Result<(), Mistake> {
    let fail = |key: &str, problem: &str| Err(Mistake::new(format!("{at}.{key}"), problem));
    if row.status.is_empty() && row.error.is_empty() && row.code.is_empty() && row.state.is_empty() {
        return Err(Mistake::new(at, "one of status, error, code and state is needed"));
    }
    if row.error.iter().any(|numbers| *numbers.0.end() > u32::from(u16::MAX)) {
        return fail("error", "expected numbers up to 65535");
    }
    let doubling = row.delay_min.is_some() || row.delay_max.is_some();
    if doubling && !row.delays.is_empty() {
        return fail("delays", "there is delay_min or delay_max too; keep one of the two");
    }
    let longest = row.delay_max.unwrap_or(config.flow.throttle_backoff_max);
    if row.delay_min.is_some_and(|first| first > longest) {
        return fail("delay_min", "more than delay_max");
    }
    if row.delays.len() > 64 {
        return fail("delays", "more than 64 pauses");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
