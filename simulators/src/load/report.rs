//! What the load generator measured; as JSON, `simulators/README.md` describes it.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::expectation::Check;
use super::plan::{Account, Pace, Phase, Plan};
use super::processes::{ProcessPoint, ProcessReport};
use super::template::Kind;
use crate::clock;
use crate::machine::Machine;

/// Name and version of the report's form.
pub const FORM: &str = "veilgate-load/1";

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

/// A latency's whole distribution.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Distribution {
    /// How many took at most so many microseconds and more than the bucket before; buckets grow by a quarter.
    pub buckets: Vec<(u64, u64)>,
    /// The value in microseconds below which so many percent lie.
    pub percentiles: Vec<(f64, u64)>,
}

/// A point of a run's series: a second, or what the interval is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Progress {
    /// Seconds since the start.
    pub seconds: f64,
    /// Phase it belongs to.
    pub phase: String,
    /// Submitted in this interval, a second.
    pub submit_rate: f64,
    /// Accepted in this interval, a second.
    pub accept_rate: f64,
    /// Receipts in this interval, a second.
    pub receipt_rate: f64,
    /// Replies in this interval, a second.
    pub reply_rate: f64,
    /// Refused in this interval, by `command_status`.
    pub refusals: BTreeMap<String, u64>,
    /// Submitted so far.
    pub submitted: u64,
    /// Accepted so far.
    pub accepted: u64,
    /// Refused so far.
    pub refused: u64,
    /// Receipts so far.
    pub receipts: u64,
    /// Without response now.
    pub in_flight: u64,
    /// Accepted messages that wait for their receipt.
    pub awaiting: u64,
    /// Connections that are bound.
    pub bound: u64,
    /// Median of responses in this interval, in microseconds.
    pub p50_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// Greatest.
    pub max_us: u64,
    /// Median of receipts in this interval, in microseconds.
    pub receipt_p50_us: u64,
    /// 99th percentile.
    pub receipt_p99_us: u64,
    /// Greatest.
    pub receipt_max_us: u64,
    /// The generator and the processes watched.
    pub processes: Vec<ProcessPoint>,
}

/// A phase of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PhaseReport {
    /// Its name.
    pub name: String,
    /// Does it count?
    pub measured: bool,
    /// When it began, in seconds.
    pub from_seconds: f64,
    /// When it ended; the last one with its last response.
    pub to_seconds: f64,
    /// submit_sm sent.
    pub submitted: u64,
    /// Accepted.
    pub accepted: u64,
    /// Messages that were due and not sent in time.
    pub unsent: u64,
    /// Accepted a second.
    pub submit_rate: f64,
    /// Refusals by `command_status`.
    pub refusals: BTreeMap<String, u64>,
    /// Latency of the responses that came in it.
    pub response: Quantiles,
    /// Latency of the receipts that came in it.
    pub receipt: Quantiles,
}

/// An account of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AccountReport {
    /// Its name.
    pub system_id: String,
    /// Connections.
    pub binds: usize,
    /// Messages without response per connection.
    pub window: usize,
    /// Its share.
    pub share: f64,
    /// submit_sm sent.
    pub submitted: u64,
    /// Accepted.
    pub accepted: u64,
    /// Without response.
    pub unknown: u64,
    /// Receipts.
    pub receipts: u64,
    /// Replies.
    pub replies: u64,
    /// Accepted a second, over the measured time.
    pub submit_rate: f64,
    /// Latency of its responses in measured phases; only of the first 32 accounts.
    pub response: Quantiles,
    /// Latency of its receipts, likewise.
    pub receipt: Quantiles,
}

/// A whole run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// [`FORM`].
    pub form: &'static str,
    /// What it is called.
    pub title: String,
    /// When it ended, `YYYY-MM-DDTHH:MM:SSZ`.
    pub ended: String,
    /// Seconds of the measured phases; the last one to its last response.
    pub seconds: f64,
    /// Messages sent, a long one once.
    pub messages: u64,
    /// submit_sm sent.
    pub submitted: u64,
    /// Accepted.
    pub accepted: u64,
    /// Without response: connection lost or too late.
    pub unknown: u64,
    /// Responses after that.
    pub late: u64,
    /// Messages of an open loop that were due and not sent in their phase.
    pub unsent: u64,
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
    /// What was asked of the run, and whether it held.
    pub checks: Vec<Check>,
    /// The run's parameters, as far as they are not in `accounts` and `phases`.
    pub parameters: BTreeMap<String, String>,
    /// What it ran on.
    pub machine: Machine,
    /// Account by account.
    pub accounts: Vec<AccountReport>,
    /// Phase by phase.
    pub phases: Vec<PhaseReport>,
    /// Process by process.
    pub processes: Vec<ProcessReport>,
    /// All responses.
    pub response_distribution: Distribution,
    /// All receipts.
    pub receipt_distribution: Distribution,
    /// Second by second; in a run of more than two hours several seconds a point, rates their mean, latencies the worst.
    pub series: Vec<Progress>,
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

impl Distribution {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        let buckets = histogram.iter_log(10, 1.25);
        let buckets = buckets.map(|each| (each.value_iterated_to(), each.count_since_last_iteration()));
        let percentiles =
            histogram.iter_quantiles(2).map(|each| (each.quantile() * 100.0, each.value_iterated_to()));
        Self {
            buckets: buckets.skip_while(|(_, count)| *count == 0).take(400).collect(),
            percentiles: percentiles.take(400).collect(),
        }
    }
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

    /// Takes in the point after this one; the two are of `count` steps.
    pub(super) fn join(&mut self, next: &Self, count: usize) {
        let weight = 1.0 / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let mean = |mine: f64, other: f64| mine + (other - mine) * weight;
        let mut refusals = std::mem::take(&mut self.refusals);
        for (status, count) in &next.refusals {
            *refusals.entry(status.clone()).or_default() += count;
        }
        *self = Self {
            submit_rate: mean(self.submit_rate, next.submit_rate),
            accept_rate: mean(self.accept_rate, next.accept_rate),
            receipt_rate: mean(self.receipt_rate, next.receipt_rate),
            reply_rate: mean(self.reply_rate, next.reply_rate),
            refusals,
            p50_us: self.p50_us.max(next.p50_us),
            p99_us: self.p99_us.max(next.p99_us),
            max_us: self.max_us.max(next.max_us),
            receipt_p50_us: self.receipt_p50_us.max(next.receipt_p50_us),
            receipt_p99_us: self.receipt_p99_us.max(next.receipt_p99_us),
            receipt_max_us: self.receipt_max_us.max(next.receipt_max_us),
            ..next.clone()
        };
    }
}

impl AccountReport {
    pub(super) fn new(account: &Account) -> Self {
        Self {
            system_id: account.system_id.clone(),
            binds: account.binds,
            window: account.window,
            share: account.share,
            ..Self::default()
        }
    }
}

impl Report {
    /// The report of a run of which nothing is measured yet.
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            form: FORM,
            title: plan.title.clone(),
            ended: clock::wall().to_string(),
            parameters: parameters(plan),
            machine: Machine::here(),
            ..Self::default()
        }
    }

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
        if self.unsent > 0 {
            lines.push(format!("unsent    {} were due and not sent in time", self.unsent));
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
        lines.extend(self.processes.iter().map(ProcessReport::line));
        lines.extend(self.checks.iter().map(Check::line));
        lines.join("\n")
    }

    /// Was every message accepted and, if receipts were asked for, receipted?
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.submitted == self.accepted && self.missing_receipts == 0 && self.unknown_receipts == 0
    }
}

fn parameters(plan: &Plan) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    let mut put = |name: &str, value: String| parameters.insert(name.to_owned(), value);
    put("address", plan.address.to_string());
    put("tls", if plan.tls.is_some() { "on" } else { "off" }.to_owned());
    put("interface_version", format!("0x{:X}", plan.interface_version));
    put("receipts", if plan.receipts { "tracked" } else { "not tracked" }.to_owned());
    put("tick", format!("{:?}", plan.tick));
    put("response_timeout", format!("{:?}", plan.response_timeout));
    put("reconnect", plan.reconnect.to_string());
    if let Some(count) = plan.count {
        put("count", count.to_string());
    }
    for (index, phase) in (1..).zip(&plan.phases) {
        put(&format!("phase {index} ({})", phase.name), describe(phase));
    }
    for account in &plan.accounts {
        let mix: Vec<String> = account.mix.iter().map(describe_kind).collect();
        put(&format!("mix of {}", account.system_id), mix.join("; "));
        put(&format!("recipients of {}", account.system_id), account.recipients.len().to_string());
    }
    parameters
}

fn describe(phase: &Phase) -> String {
    let pace = match phase.pace {
        Pace::Closed => "closed loop".to_owned(),
        Pace::Open { from, to } if from == to => format!("{from}/s"),
        Pace::Open { from, to } => format!("{from}/s to {to}/s"),
    };
    let length = phase.duration.map_or("to the end".to_owned(), |length| format!("{length:?}"));
    let mix = phase.mix.as_ref().map(|mix| mix.iter().map(describe_kind).collect::<Vec<_>>().join("; "));
    [Some(pace), Some(length), mix].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn describe_kind(kind: &Kind) -> String {
    format!(
        "{} x {} characters {}{}, receipts {} %",
        kind.weight,
        kind.length,
        if kind.wide { "UCS-2" } else { "GSM" },
        kind.split.map_or(String::new(), |split| format!(", {split:?}")),
        if kind.registered_delivery == 0 { 0.0 } else { kind.receipt_percent }
    )
}
