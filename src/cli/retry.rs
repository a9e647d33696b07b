//! `veilgate retry`: which row of a channel's retry table decides, read from the configuration alone.

use std::path::Path;

use clap::Subcommand;
use veilgate::app::read_config;
use veilgate::settings;
use veilgate_flow::{Class, Delays, Fault, Retry, Row, VendorCode};
use veilgate_names::{ChannelId, FinalState};

use crate::{say, text};

/// Retry tables.
#[derive(Subcommand)]
pub(crate) enum RetryCommand {
    /// Tell what becomes of a message on a channel after a status or receipt.
    Explain {
        /// The channel.
        channel: String,
        /// A command_status (0x58), a receipt's state (UNDELIV), its error number (err:5) or code (MK:0005), or state
        /// and one of these (UNDELIV,MK:0005).
        what: String,
    },
}

pub(crate) fn run(path: &Path, command: RetryCommand) -> Result<(), String> {
    let RetryCommand::Explain { channel, what } = command;
    let config = read_config(path).map_err(text)?;
    let id = ChannelId::parse(&channel).map_err(|error| format!("channel: {error}"))?;
    let known = config.channels.iter().find(|entry| entry.id == id).ok_or("there is no such channel")?;
    let fault = fault(&what).ok_or("expected such as 0x58, UNDELIV, err:5, MK:0005 or UNDELIV,MK:0005")?;
    let table = settings::retry::table(&config, &known.retry);
    let (place, row) = table.decide(&fault);
    match place {
        0 => say(&format!("no row of {} fits:", table.len())),
        place => say(&format!("row {place} of {} decides:", table.len())),
    }
    say(&told(row, &fault));
    Ok(())
}

/// Reads what happened; `None` if it is nothing of the kind.
fn fault(what: &str) -> Option<Fault> {
    if let Some(digits) = what.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).ok().map(Fault::Status);
    }
    let states = [
        FinalState::Undeliverable,
        FinalState::Rejected,
        FinalState::Expired,
        FinalState::Cancelled,
        FinalState::Unknown,
    ];
    let mut receipt = (None, 0, None);
    for word in what.split(',') {
        if let Some(state) = states.into_iter().find(|state| state.stat() == word) {
            receipt.0 = Some(state);
        } else if let Some(number) = word.strip_prefix("err:") {
            receipt.1 = number.parse().ok()?;
        } else {
            receipt.2 = Some(VendorCode::parse(word.as_bytes())?);
        }
    }
    let (state, error, code) = receipt;
    Some(Fault::Receipt { state: state.unwrap_or(FinalState::Undeliverable), error, code })
}

fn told(row: &Row, fault: &Fault) -> String {
    let class = match row.class {
        Class::Throttled => "throttled",
        Class::Congestion => "congestion",
        Class::Temporary => "temporary",
        Class::Subscriber => "subscriber",
        Class::Content => "content",
        Class::Route => "route",
        Class::Unknown => "unknown",
    };
    let again = match row.retry {
        Retry::No => "no",
        Retry::Same => "same channel",
        Retry::Other => "other channel",
        Retry::Any => "any channel",
    };
    let pauses = match (&row.delays, row.is_busy()) {
        (_, true) => "as the link slows down, attempts not counted".to_owned(),
        (Delays::List(list), _) => {
            let list: Vec<String> = list.iter().map(|pause| format!("{pause:?}")).collect();
            format!("{}, {} attempts", list.join(" "), row.attempts)
        }
        (Delays::Doubling(first, longest), _) => {
            format!("{first:?} doubling to {longest:?}, {} attempts", row.attempts)
        }
    };
    let billable = match (row.billable, fault) {
        (Some(billable), _) => billable,
        (None, Fault::Status(_)) => false,
        (None, Fault::Receipt { .. }) => true,
    };
    let end = match (row.end, *fault) {
        (Some(state), _) | (None, Fault::Receipt { state, .. }) => state.stat(),
        (None, Fault::Status(_)) if row.retry == Retry::No => "REJECTD",
        (None, Fault::Status(_)) => "UNDELIV",
    };
    let when = if row.retry == Retry::No { String::new() } else { format!(" ({pauses})") };
    format!("class {class}; retry: {again}{when}; billed: {billable}; else ends {end}")
}
