//! An explanation as lines, in Beijing time.

use std::fmt;

use veilgate_names::{AsOf, EdiVersion, Timestamp, beijing_day};

use super::{Explanation, Fact, Opening, Today};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fact in &self.facts {
            writeln!(f, "{fact}")?;
        }
        match self.outcome {
            Ok(()) => write!(f, "outcome: may be contacted"),
            Err(reason) => write!(f, "outcome: {}", reason.name()),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked { as_of: AsOf::Day { from, .. }, now } => {
                write!(f, "asked: who was it on {}, seen from {}", Beijing(*from), Beijing(*now))
            }
            Self::Asked { as_of: AsOf::At(at), now } => {
                write!(f, "asked: who was it at {}, seen from {}", Beijing(*at), Beijing(*now))
            }
            Self::BeyondHistory { floor, pinned } => {
                let pinned =
                    if *pinned { "an earlier look-up is kept" } else { "no earlier look-up is kept" };
                write!(f, "history: begins {}, later than asked; {pinned}", Beijing(*floor))
            }
            Self::Device { place, of, version, kid, opening } => {
                let form = match version {
                    EdiVersion::Gcm => "edi1",
                    EdiVersion::Legacy => "edi0",
                };
                write!(f, "device {place} of {of}: {form} under key {kid}: {opening}")
            }
            Self::Bindings { known, in_force, ended_that_day, numbers } => write!(
                f,
                "  bindings: {known} known, {in_force} in force then, {ended_that_day} ended that midnight, \
                 {numbers} different numbers"
            ),
            Self::Binding { number, from, to, primary } => {
                let primary = if *primary { ", primary" } else { "" };
                write!(f, "    number {number} {}{primary}", Span(*from, *to))
            }
            Self::Tenures { number: 0, known, in_force, .. } => {
                write!(f, "  kept number: {known} tenures known, {in_force} open today")
            }
            Self::Tenures { number, known, in_force, ended_that_day } => write!(
                f,
                "  number {number}: {known} tenures known, {in_force} in force then, {ended_that_day} ended that \
                 midnight"
            ),
            Self::Tenure { from, to } => write!(f, "    tenure {}", Span(*from, *to)),
            Self::Today(today) => write!(f, "    today: {today}"),
            Self::DeviceOutcome(Ok(())) => write!(f, "  this device: one tenure"),
            Self::DeviceOutcome(Err(reason)) => write!(f, "  this device: {}", reason.name()),
        }
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opens(kind) => write!(f, "opens, a device ID of kind {kind}"),
            Self::UnknownKey => f.write_str("there is no such key"),
            Self::RetiredKey => f.write_str("the key is retired"),
            Self::FormNotAllowed => f.write_str("the key's profile does not allow this form"),
            Self::OtherOwner => f.write_str("the key belongs to another platform"),
            Self::Fails => f.write_str("does not open, or holds no device ID"),
        }
    }
}

impl fmt::Display for Today {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "the same tenure, own network, active",
            Self::PortedOut => "the same tenure, but in another carrier's network",
            Self::Suspended => "the same tenure, but suspended",
            Self::OtherHolder => "somebody else holds the number",
            Self::SameHolderAgain => "the same holder again, after a gap",
            Self::Nobody => "nobody holds the number",
        })
    }
}

/// From when to when.
struct Span(Timestamp, Option<Timestamp>);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(to) => write!(f, "from {} to {}", Beijing(self.0), Beijing(to)),
            None => write!(f, "from {}, still open", Beijing(self.0)),
        }
    }
}

/// A Beijing day, with the time of day unless it is midnight.
struct Beijing(Timestamp);

impl fmt::Display for Beijing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const OFFSET_MS: i64 = 8 * 3_600_000;
        let day = beijing_day(self.0);
        write!(f, "{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100)?;
        match (self.0.0.saturating_add(OFFSET_MS)).rem_euclid(86_400_000) / 1000 {
            0 => Ok(()),
            second => write!(f, " {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
        }
    }
}
