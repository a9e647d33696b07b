//! `[[retry_tables]]` in the words of the flow.

use std::time::Duration;

use veilgate_config::{self as config, Config, RetryRow, TableName};
use veilgate_flow::{Class, Delays, Match, Retry, RetryTable, Row, VendorCode};

/// The table of a channel, with what it extends.
#[must_use]
pub fn table(config: &Config, name: &TableName) -> RetryTable {
    RetryTable::new(config.retry_rows(name).iter().map(|entry| row(config, entry)).collect())
}

fn row(config: &Config, entry: &RetryRow) -> Row {
    let flow = &config.flow;
    let longest = entry.delay_max.unwrap_or(flow.throttle_backoff_max);
    let first = entry.delay_min.unwrap_or_else(|| Duration::min(flow.throttle_backoff_min, longest));
    Row {
        matches: matches(entry),
        class: match entry.class {
            config::RetryClass::Throttled => Class::Throttled,
            config::RetryClass::Congestion => Class::Congestion,
            config::RetryClass::Temporary => Class::Temporary,
            config::RetryClass::Subscriber => Class::Subscriber,
            config::RetryClass::Content => Class::Content,
            config::RetryClass::Route => Class::Route,
            config::RetryClass::Unknown => Class::Unknown,
        },
        retry: match entry.retry {
            config::RetryWhere::No => Retry::No,
            config::RetryWhere::Same => Retry::Same,
            config::RetryWhere::Other => Retry::Other,
            config::RetryWhere::Any => Retry::Any,
        },
        delays: match entry.delays.is_empty() {
            true => Delays::Doubling(first, longest),
            false => Delays::List(entry.delays.clone()),
        },
        attempts: entry.attempts.unwrap_or(flow.max_attempts),
        billable: entry.billable,
        end: entry.end.map(|end| end.0),
    }
}

fn matches(entry: &RetryRow) -> Vec<Match> {
    let narrow = |number: &u32| u16::try_from(*number).unwrap_or(u16::MAX);
    let statuses = entry.status.iter().map(|numbers| Match::Status(numbers.0.clone()));
    let errors = entry.error.iter().map(|one| Match::Error(narrow(one.0.start())..=narrow(one.0.end())));
    let codes = entry.code.iter().filter_map(|start| VendorCode::parse(start.as_str().as_bytes()));
    let states = entry.state.iter().map(|state| Match::State(state.0));
    statuses.chain(errors).chain(codes.map(Match::Code)).chain(states).collect()
}
