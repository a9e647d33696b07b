//! What the load generator measured.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Quantiles of a latency, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// Mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: u64,
    /// 90 %.
    pub p90_us: u64,
    /// 99 %.
    pub p99_us: u64,
    /// 99.9 %.
    pub p999_us: u64,
    /// Greatest.
    pub max_us: u64,
}

impl Quantiles {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            count: histogram.len(),
            mean_us: histogram.mean(),
            p50_us: histogram.value_at_quantile(0.5),
            p90_us: histogram.value_at_quantile(0.9),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }

    fn line(&self) -> String {
        format!(
            "p50 {} p90 {} p99 {} p99.9 {} max {} us (mean {:.0}, n {})",
            self.p50_us, self.p90_us, self.p99_us, self.p999_us, self.max_us, self.mean_us, self.count
        )
    }
}

/// A second of a run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Progress {
    /// Seconds since the start.
    pub seconds: f64,
    /// Submitted in this interval, a second.
    pub submit_rate: f64,
    /// Accepted in this interval, a second.
    pub accept_rate: f64,
    /// Receipts in this interval, a second.
    pub receipt_rate: f64,
    /// Submitted so far.
    pub submitted: u64,
    /// Accepted so far.
    pub accepted: u64,
    /// Refused so far.
    pub refused: u64,
    /// Receipts so far.
    pub receipts: u64,
    /// Accepted messages that wait for their receipt.
    pub awaiting: u64,
    /// Connections that are bound.
    pub bound: u64,
    /// 99th percentile of responses in this interval, in microseconds.
    pub p99_us: u64,
}

impl Progress {
    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "{:6.1}s  submit {:>8.0}/s  accept {:>8.0}/s  receipts {:>8.0}/s  refused {}  awaiting {}  bound {}  p99 {} us",
            self.seconds,
            self.submit_rate,
            self.accept_rate,
            self.receipt_rate,
            self.refused,
            self.awaiting,
            self.bound,
            self.p99_us
        )
    }
}

/// A whole run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Seconds from the first submit to the last response.
    pub seconds: f64,
    /// Messages submitted.
    pub submitted: u64,
    /// Accepted.
    pub accepted: u64,
    /// Without response: connection lost or too late.
    pub unknown: u64,
    /// Accepted a second.
    pub submit_rate: f64,
    /// Responses by `command_status`, in hexadecimal.
    pub statuses: BTreeMap<String, u64>,
    /// Latency of responses, from the moment the message was meant to be sent.
    pub response: Quantiles,
    /// The same from the moment it was sent; in a closed loop both are one.
    pub response_from_send: Quantiles,
    /// Latency of receipts (the full trip), from the moment the message was meant to be sent.
    pub receipt: Quantiles,
    /// Messages with response and receipt.
    pub full_trips: u64,
    /// Full trips a second, from the first submit to the last receipt.
    pub full_trip_rate: f64,
    /// Receipts by state.
    pub receipts: BTreeMap<String, u64>,
    /// Intermediate notifications.
    pub notifications: u64,
    /// Accepted messages whose receipt did not come.
    pub missing_receipts: u64,
    /// Receipts that came once more.
    pub duplicate_receipts: u64,
    /// Receipts of messages that were never accepted.
    pub unknown_receipts: u64,
    /// Messages that were not tracked for want of room.
    pub untracked: u64,
    /// Replies of subscribers.
    pub replies: u64,
    /// Connections lost.
    pub disconnects: u64,
}

impl Report {
    /// Several lines for people.
    #[must_use]
    pub fn text(&self) -> String {
        let map = |map: &BTreeMap<String, u64>| {
            map.iter().map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" ")
        };
        let mut lines = vec![
            format!(
                "submitted {} in {:.3} s, accepted {}, without response {}",
                self.submitted, self.seconds, self.accepted, self.unknown
            ),
            format!("rate      {:.0} accepted/s", self.submit_rate),
            format!("statuses  {}", map(&self.statuses)),
            format!("response  {}", self.response.line()),
        ];
        if self.response_from_send != self.response {
            lines.push(format!("  sent    {}", self.response_from_send.line()));
        }
        if self.full_trips > 0 || self.missing_receipts > 0 || !self.receipts.is_empty() {
            lines.push(format!("receipt   {}", self.receipt.line()));
            lines.push(format!("full trip {} at {:.0}/s", self.full_trips, self.full_trip_rate));
            lines.push(format!(
                "receipts  {} missing {} duplicate {} unknown {} untracked {}",
                map(&self.receipts),
                self.missing_receipts,
                self.duplicate_receipts,
                self.unknown_receipts,
                self.untracked
            ));
        }
        lines.push(format!(
            "replies {}  notifications {}  disconnects {}",
            self.replies, self.notifications, self.disconnects
        ));
        lines.join("\n")
    }

    /// Was every message accepted and, if receipts were asked for, receipted?
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.submitted == self.accepted && self.missing_receipts == 0 && self.unknown_receipts == 0
    }
}
