//! What all binds together measured: second by second, phase by phase, and in all.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::LoadError;
use super::processes::Processes;
use super::report::{AccountReport, Distribution, PhaseReport, Progress, Quantiles, Report};
use super::shared::{Shared, Stats, histogram};
use crate::clock;
use crate::receipt::STATES;

/// Points a series may have; beyond it two become one.
const POINTS: usize = 7_200;

/// The shortest interval that makes a point, in seconds.
const LEAST_SECONDS: f64 = 0.005;
/// Accounts whose latencies are told apart.
const ACCOUNTS: usize = 32;

/// The three latencies.
pub(super) struct Latencies {
    response: Histogram<u64>,
    from_send: Histogram<u64>,
    receipt: Histogram<u64>,
}

/// Sums over all binds.
pub(super) struct Totals {
    /// Since the last look, since the last point, of this phase, of all measured phases.
    fresh: Latencies,
    window: Latencies,
    phase: Latencies,
    total: Latencies,
    /// Responses and receipts of all measured phases, of each of the first accounts; empty if there is but one.
    accounts: Vec<(Histogram<u64>, Histogram<u64>)>,
    now: Sums,
    /// As it was when the last point was made, and when the phase began.
    at_point: Sums,
    at_phase: Sums,
    measured: Measured,
    points: Vec<Progress>,
    /// How many steps make a point.
    merge: usize,
    gathered: usize,
    phases: Vec<PhaseReport>,
    current: usize,
    processes: Processes,
}

/// What the measured phases took and gave.
#[derive(Default)]
struct Measured {
    accepted: u64,
    matched: u64,
    /// To the end of the phase; of the last one to the last response or receipt.
    seconds: f64,
    trip_seconds: f64,
}

#[derive(Default, Clone)]
pub(super) struct Sums {
    /// Seconds since the start.
    at: f64,
    messages: u64,
    submitted: u64,
    accepted: u64,
    answered: u64,
    unknown: u64,
    late: u64,
    unsent: u64,
    receipts: u64,
    matched: u64,
    duplicates: u64,
    replies: u64,
    notifications: u64,
    disconnects: u64,
    bound: u64,
    in_flight: u64,
    last_response: u64,
    last_receipt: u64,
    statuses: BTreeMap<u32, u64>,
}

impl Latencies {
    fn new() -> Result<Self, LoadError> {
        Ok(Self { response: histogram()?, from_send: histogram()?, receipt: histogram()? })
    }

    fn take(&mut self, stats: &mut Stats) {
        let parts = [
            (&mut self.response, &mut stats.response),
            (&mut self.from_send, &mut stats.from_send),
            (&mut self.receipt, &mut stats.receipt),
        ];
        for (total, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
            let _ = total.add(&*part);
            part.reset();
        }
    }

    fn add(&mut self, other: &Self) {
        let _ = self.response.add(&other.response);
        let _ = self.from_send.add(&other.from_send);
        let _ = self.receipt.add(&other.receipt);
    }

    fn reset(&mut self) {
        self.response.reset();
        self.from_send.reset();
        self.receipt.reset();
    }
}

impl Sums {
    fn add(&mut self, stats: &Stats) {
        self.messages += stats.messages;
        self.submitted += stats.submitted;
        self.accepted += stats.accepted;
        self.answered += stats.statuses.iter().map(|(_, count)| count).sum::<u64>();
        self.unknown += stats.unknown;
        self.late += stats.late;
        self.unsent += stats.unsent;
        self.receipts += stats.receipts;
        self.duplicates += stats.duplicates;
        self.replies += stats.replies;
        self.notifications += stats.notifications;
        self.disconnects += stats.disconnects;
        self.bound += u64::from(stats.bound);
        self.in_flight += u64::try_from(stats.in_flight).unwrap_or(0);
        self.last_response = self.last_response.max(stats.last_response);
        self.last_receipt = self.last_receipt.max(stats.last_receipt);
        for (status, count) in &stats.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
    }

    /// Answers other than 0 since `before`, by status.
    fn refusals(&self, before: &Self) -> BTreeMap<String, u64> {
        let more = |(status, count): (&u32, &u64)| {
            let more = count - before.statuses.get(status).copied().unwrap_or(0).min(*count);
            (*status != 0 && more > 0).then(|| (format!("0x{status:X}"), more))
        };
        self.statuses.iter().filter_map(more).collect()
    }
}

impl Totals {
    pub(super) fn new(shared: &Shared) -> Result<Self, LoadError> {
        let count = Some(shared.plan.accounts.len()).filter(|count| *count > 1).unwrap_or(0);
        let accounts = (0..count.min(ACCOUNTS)).map(|_| Ok((histogram()?, histogram()?)));
        Ok(Self {
            fresh: Latencies::new()?,
            window: Latencies::new()?,
            phase: Latencies::new()?,
            total: Latencies::new()?,
            accounts: accounts.collect::<Result<_, LoadError>>()?,
            now: Sums::default(),
            at_point: Sums::default(),
            at_phase: Sums::default(),
            measured: Measured::default(),
            points: Vec::new(),
            merge: 1,
            gathered: 0,
            phases: Vec::new(),
            current: 0,
            processes: Processes::new(&shared.plan.watch),
        })
    }

    /// Makes a point of the series of what was measured since the last one.
    pub(super) fn step(&mut self, shared: &Shared, begun: u64) -> Progress {
        let measured = self.take(shared, begun);
        self.processes.sample(self.now.at, self.now.accepted, measured);
        let progress = self.progress(shared);
        // What is left after the last interval is worth a point only if it is long enough for a rate.
        if self.points.is_empty() || self.now.at - self.at_point.at >= LEAST_SECONDS {
            self.keep(&progress);
        }
        self.window.reset();
        self.at_point = self.now.clone();
        progress
    }

    /// Takes over what the binds measured since the last look. Does it count?
    pub(super) fn take(&mut self, shared: &Shared, begun: u64) -> bool {
        let mut sums = Sums { at: seconds(clock::nanos().saturating_sub(begun)), ..Sums::default() };
        self.fresh.reset();
        let measured = shared.plan.phases.get(self.current).is_none_or(|phase| phase.measured);
        for (account, stats) in shared.all_stats() {
            let mut stats = stats.lock();
            sums.add(&stats);
            if let Some((response, receipt)) = self.accounts.get_mut(account).filter(|_| measured) {
                let _ = response.add(&stats.response);
                let _ = receipt.add(&stats.receipt);
            }
            self.fresh.take(&mut stats);
        }
        sums.matched = shared.tracker.matched();
        self.now = sums;
        if measured {
            self.total.add(&self.fresh);
        }
        self.phase.add(&self.fresh);
        self.window.add(&self.fresh);
        measured
    }

    /// Ends the phase that is going on; the last one with the last response.
    pub(super) fn end_phase(&mut self, shared: &Shared, begun: u64) {
        let Some(phase) = shared.plan.phases.get(self.current) else { return };
        let last = self.current + 1 == shared.plan.phases.len();
        let (now, before) = (&self.now, &self.at_phase);
        let until = |at: u64| if last { seconds(at.saturating_sub(begun)) } else { now.at };
        let span = (until(now.last_response) - before.at).max(0.001);
        let accepted = now.accepted - before.accepted;
        if phase.measured {
            self.measured.accepted += accepted;
            self.measured.matched += now.matched - before.matched;
            self.measured.seconds += span;
            self.measured.trip_seconds += (until(now.last_receipt) - before.at).max(0.001);
        }
        self.phases.push(PhaseReport {
            name: phase.name.clone(),
            measured: phase.measured,
            from_seconds: before.at,
            to_seconds: before.at + span,
            submitted: now.submitted - before.submitted,
            accepted,
            unsent: now.unsent - before.unsent,
            submit_rate: ratio(accepted, span),
            refusals: now.refusals(before),
            response: Quantiles::of(&self.phase.response),
            receipt: Quantiles::of(&self.phase.receipt),
        });
        self.phase.reset();
        self.at_phase = self.now.clone();
        self.current += 1;
    }

    fn progress(&self, shared: &Shared) -> Progress {
        let (sums, before) = (&self.now, &self.at_point);
        let span = (sums.at - before.at).max(0.001);
        let rate = |now: u64, before: u64| ratio(now.saturating_sub(before), span);
        let phase = shared.plan.phases.get(self.current);
        let (response, receipt) = (&self.window.response, &self.window.receipt);
        Progress {
            seconds: sums.at,
            phase: phase.map(|phase| phase.name.clone()).unwrap_or_default(),
            submit_rate: rate(sums.submitted, before.submitted),
            accept_rate: rate(sums.accepted, before.accepted),
            receipt_rate: rate(sums.receipts, before.receipts),
            reply_rate: rate(sums.replies, before.replies),
            refusals: sums.refusals(before),
            submitted: sums.submitted,
            accepted: sums.accepted,
            refused: sums.answered.saturating_sub(sums.accepted),
            receipts: sums.receipts,
            in_flight: sums.in_flight,
            awaiting: shared.tracker.waiting(),
            bound: sums.bound,
            p50_us: response.value_at_quantile(0.5),
            p99_us: response.value_at_quantile(0.99),
            max_us: response.max(),
            receipt_p50_us: receipt.value_at_quantile(0.5),
            receipt_p99_us: receipt.value_at_quantile(0.99),
            receipt_max_us: receipt.max(),
            processes: self.processes.now(),
        }
    }

    /// Adds a point to the series, or joins it with the last one.
    fn keep(&mut self, progress: &Progress) {
        match self.points.last_mut() {
            Some(last) if self.gathered < self.merge && last.phase == progress.phase => {
                self.gathered += 1;
                last.join(progress, self.gathered);
            }
            _ => {
                self.points.push(progress.clone());
                self.gathered = 1;
            }
        }
        if self.points.len() >= POINTS {
            let points = std::mem::take(&mut self.points);
            for pair in points.chunks(2) {
                let mut pair = pair.iter().cloned();
                let Some(mut first) = pair.next() else { continue };
                pair.for_each(|second| first.join(&second, 2));
                self.points.push(first);
            }
            self.merge = self.merge.saturating_mul(2);
            self.gathered = self.merge;
        }
    }

    /// The report of the whole run.
    pub(super) fn report(mut self, shared: &Shared, begun: u64) -> Report {
        while self.current < shared.plan.phases.len() {
            self.end_phase(shared, begun);
        }
        let (now, measured) = (self.now, self.measured);
        let mut report = Report {
            seconds: measured.seconds,
            messages: now.messages,
            submitted: now.submitted,
            accepted: now.accepted,
            unknown: now.unknown,
            late: now.late,
            unsent: now.unsent,
            submit_rate: ratio(measured.accepted, measured.seconds.max(0.001)),
            response: Quantiles::of(&self.total.response),
            response_from_send: Quantiles::of(&self.total.from_send),
            receipt: Quantiles::of(&self.total.receipt),
            full_trips: now.matched,
            full_trip_rate: ratio(measured.matched, measured.trip_seconds.max(0.001)),
            notifications: now.notifications,
            missing_receipts: shared.tracker.waiting(),
            duplicate_receipts: now.duplicates,
            unknown_receipts: shared.tracker.unknown(),
            untracked: shared.tracker.untracked(),
            replies: now.replies,
            disconnects: now.disconnects,
            phases: self.phases,
            response_distribution: Distribution::of(&self.total.response),
            receipt_distribution: Distribution::of(&self.total.receipt),
            series: self.points,
            processes: self.processes.report(),
            ..Report::new(&shared.plan)
        };
        add_accounts(&mut report, shared);
        let latencies = match self.accounts.as_slice() {
            [] => vec![(report.response, report.receipt)],
            all => all
                .iter()
                .map(|(response, receipt)| (Quantiles::of(response), Quantiles::of(receipt)))
                .collect(),
        };
        for (account, (response, receipt)) in report.accounts.iter_mut().zip(latencies) {
            (account.response, account.receipt) = (response, receipt);
        }
        report
    }
}

fn add_accounts(report: &mut Report, shared: &Shared) {
    let mut accounts: Vec<AccountReport> = shared.plan.accounts.iter().map(AccountReport::new).collect();
    for (lane, stats) in shared.all_stats() {
        let stats = stats.lock();
        for (status, count) in &stats.statuses {
            *report.statuses.entry(format!("0x{status:X}")).or_default() += count;
        }
        for state in STATES {
            let count = stats.states.get(usize::from(state.octet())).copied().unwrap_or(0);
            if count > 0 {
                *report.receipts.entry(state.text().to_owned()).or_default() += count;
            }
        }
        if let Some(account) = accounts.get_mut(lane) {
            account.submitted += stats.submitted;
            account.accepted += stats.accepted;
            account.receipts += stats.receipts;
            account.replies += stats.replies;
            account.unknown += stats.unknown;
        }
    }
    for account in &mut accounts {
        account.submit_rate = ratio(account.accepted, report.seconds.max(0.001));
    }
    report.accounts = accounts;
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn ratio(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// So much for each of `count`; 0 for none.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn share(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}
