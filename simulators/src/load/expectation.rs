//! What may be asked of a run, and whether it held.

use std::str::FromStr;

use serde::Serialize;

use super::report::Report;

/// A figure of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    P50,
    P99,
    P999,
    Longest,
    ReceiptP99,
    Rate,
    Trips,
    Lost,
    Refused,
    Unsent,
    Duplicates,
    Disconnects,
    ResidentSlope,
    ResidentMebibytes,
    Descriptors,
    Threads,
}

/// The names that stand in scripts and on the command line.
const FIGURES: [(&str, Figure); 16] = [
    ("p50_ms", Figure::P50),
    ("p99_ms", Figure::P99),
    ("p999_ms", Figure::P999),
    ("max_ms", Figure::Longest),
    ("receipt_p99_ms", Figure::ReceiptP99),
    ("rate", Figure::Rate),
    ("full_trip_rate", Figure::Trips),
    ("lost", Figure::Lost),
    ("refused", Figure::Refused),
    ("unsent", Figure::Unsent),
    ("duplicate_receipts", Figure::Duplicates),
    ("disconnects", Figure::Disconnects),
    ("resident_slope_percent_per_hour", Figure::ResidentSlope),
    ("resident_mib", Figure::ResidentMebibytes),
    ("descriptor_growth", Figure::Descriptors),
    ("thread_growth", Figure::Threads),
];

/// A limit for a figure: the least for rates, the most for everything else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    figure: Figure,
    limit: f64,
}

/// An expectation that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expect NAME=LIMIT with one of: {0}")]
pub struct Unexpected(String);

/// An expectation with what was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Name of the figure.
    pub name: String,
    /// What it must not pass.
    pub limit: f64,
    /// Is the limit the least, not the most?
    pub at_least: bool,
    /// What it was.
    pub found: f64,
    /// Did it hold?
    pub holds: bool,
}

impl Expectation {
    /// # Errors
    /// There is no such figure, or the limit is not a number of 0 or more.
    pub fn new(name: &str, limit: f64) -> Result<Self, Unexpected> {
        let names = || Unexpected(FIGURES.map(|(name, _)| name).join(", "));
        let (_, figure) = FIGURES.iter().find(|(each, _)| *each == name).ok_or_else(names)?;
        if limit >= 0.0 && limit.is_finite() { Ok(Self { figure: *figure, limit }) } else { Err(names()) }
    }

    /// Holds it against a report.
    #[must_use]
    pub fn check(&self, report: &Report) -> Check {
        let name = FIGURES.iter().find(|(_, figure)| *figure == self.figure).map_or("", |(name, _)| name);
        let found = self.figure.of(report);
        let at_least = matches!(self.figure, Figure::Rate | Figure::Trips);
        let holds = if at_least { found >= self.limit } else { found <= self.limit };
        Check { name: name.to_owned(), limit: self.limit, at_least, found, holds }
    }
}

impl FromStr for Expectation {
    type Err = Unexpected;

    /// Reads `p99_ms=15`.
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let (name, limit) = text.split_once('=').unwrap_or((text, ""));
        Self::new(name.trim(), limit.trim().parse().unwrap_or(f64::NAN))
    }
}

impl Figure {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn of(self, report: &Report) -> f64 {
        let milliseconds = |micros: u64| micros as f64 / 1_000.0;
        match self {
            Self::P50 => milliseconds(report.response.p50_us),
            Self::P99 => milliseconds(report.response.p99_us),
            Self::P999 => milliseconds(report.response.p999_us),
            Self::Longest => milliseconds(report.response.max_us),
            Self::ReceiptP99 => milliseconds(report.receipt.p99_us),
            Self::Rate => report.submit_rate,
            Self::Trips => report.full_trip_rate,
            Self::Lost => (report.unknown + report.missing_receipts) as f64,
            Self::Refused => {
                report.statuses.iter().filter(|(status, _)| *status != "0x0").map(|(_, n)| *n).sum::<u64>()
                    as f64
            }
            Self::Unsent => report.unsent as f64,
            Self::Duplicates => report.duplicate_receipts as f64,
            Self::Disconnects => report.disconnects as f64,
            Self::ResidentSlope | Self::ResidentMebibytes | Self::Descriptors | Self::Threads => {
                self.worst(report)
            }
        }
    }

    /// The worst of the processes watched; a process that is gone is beyond every limit.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn worst(self, report: &Report) -> f64 {
        let growth = |(before, after): (u64, u64)| after.saturating_sub(before) as f64;
        let watched = report.processes.iter().filter(|process| process.name != super::processes::OWN);
        let figures = watched.map(|process| match self {
            _ if process.gone => f64::INFINITY,
            Self::ResidentMebibytes => process.resident_max_bytes as f64 / 1_048_576.0,
            Self::Descriptors => growth(process.descriptors),
            Self::Threads => growth(process.threads),
            _ => process.resident_slope_percent_per_hour,
        });
        figures.fold(0.0, f64::max)
    }
}

impl Check {
    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { name, limit, found, .. } = self;
        let sign = if self.at_least { ">=" } else { "<=" };
        format!("{}  {name} {found:.2} ({sign} {limit})", if self.holds { "holds   " } else { "FAILS   " })
    }
}

#[cfg(test)]
mod tests {
    use super::super::processes::ProcessReport;
    use super::*;

    #[test]
    fn limits_are_read_and_held_against_the_report() {
        let mut report = Report { submit_rate: 900.0, unknown: 1, missing_receipts: 2, ..Report::default() };
        report.response.p99_us = 15_000;
        report.statuses = [("0x0".to_owned(), 5), ("0x58".to_owned(), 2)].into();
        let name = "gateway".to_owned();
        report.processes.push(ProcessReport { name, descriptors: (20, 23), ..ProcessReport::default() });
        let holds = |text: &str| text.parse::<Expectation>().unwrap().check(&report).holds;
        assert!(holds("p99_ms=15") && !holds("p99_ms=14.9") && holds("rate=900") && !holds("rate=901"));
        assert!(holds("lost=3") && !holds("lost=2") && !holds("refused=1") && holds("refused = 2"));
        assert!(holds("descriptor_growth=3") && !holds("descriptor_growth=2") && holds("thread_growth=0"));
        report.processes[0].gone = true;
        assert!(!"thread_growth=9".parse::<Expectation>().unwrap().check(&report).holds);
        for bad in ["p99", "p99_ms=", "p99_ms=-1", "colour=3", "p99_ms=nan"] {
            assert!(bad.parse::<Expectation>().is_err(), "{bad}");
        }
    }
}
