//! What the binds of one run share: the plan, the lanes, the tracker, the log and each bind's figures.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::LoadError;
use super::lane::Lane;
use super::plan::Plan;
use super::tracker::Tracker;
use crate::clock;

/// One bind's figures; the histograms are emptied by whoever reads the progress.
pub(super) struct Stats {
    pub(super) messages: u64,
    pub(super) submitted: u64,
    pub(super) accepted: u64,
    pub(super) unknown: u64,
    pub(super) late: u64,
    /// Messages of an open loop that were due and not sent before their phase was over.
    pub(super) unsent: u64,
    pub(super) receipts: u64,
    pub(super) duplicates: u64,
    pub(super) replies: u64,
    pub(super) notifications: u64,
    pub(super) disconnects: u64,
    pub(super) in_flight: usize,
    pub(super) states: [u64; 9],
    pub(super) statuses: Vec<(u32, u64)>,
    pub(super) response: Histogram<u64>,
    pub(super) from_send: Histogram<u64>,
    pub(super) receipt: Histogram<u64>,
    pub(super) last_response: u64,
    pub(super) last_receipt: u64,
    pub(super) bound: bool,
    pub(super) draining: bool,
}

impl Stats {
    fn new() -> Result<Self, LoadError> {
        Ok(Self {
            messages: 0,
            submitted: 0,
            accepted: 0,
            unknown: 0,
            late: 0,
            unsent: 0,
            receipts: 0,
            duplicates: 0,
            replies: 0,
            notifications: 0,
            disconnects: 0,
            in_flight: 0,
            states: [0; 9],
            statuses: Vec::new(),
            response: histogram()?,
            from_send: histogram()?,
            receipt: histogram()?,
            last_response: 0,
            last_receipt: 0,
            bound: false,
            draining: false,
        })
    }

    pub(super) fn status(&mut self, status: u32) {
        if let Some((_, count)) = self.statuses.iter_mut().find(|(each, _)| *each == status) {
            *count += 1;
        } else if self.statuses.len() < 256 {
            self.statuses.push((status, 1));
        }
    }
}

/// Microseconds up to an hour, three digits.
pub(super) fn histogram() -> Result<Histogram<u64>, LoadError> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).map_err(|_| LoadError::Histogram)
}

pub(super) struct Shared {
    pub(super) plan: Plan,
    pub(super) tracker: Tracker,
    pub(super) response_timeout: u64,
    pub(super) drain: u64,
    pub(super) tick: u64,
    lanes: Vec<Arc<Lane>>,
    binds: Vec<Bind>,
    log: Option<Mutex<File>>,
    /// Of no bind; where an index out of range would lead.
    spare: Mutex<Stats>,
    draining: AtomicU64,
    start: AtomicU64,
}

struct Bind {
    /// Index of its lane.
    lane: usize,
    /// Which of its lane's binds it is, from 0.
    place: u64,
    stats: Mutex<Stats>,
}

impl Shared {
    pub(super) fn new(plan: Plan, log: Option<File>) -> Result<Self, LoadError> {
        let all: f64 = plan.accounts.iter().map(|each| each.share).sum();
        let (mut lanes, mut binds, mut before) = (Vec::new(), Vec::new(), 0.0);
        for (index, account) in plan.accounts.iter().enumerate() {
            let last = index + 1 == plan.accounts.len();
            let up_to = if last { 1.0 } else { before + account.share / all };
            let lane = Lane::new(&plan, account, (before, up_to))?;
            before = up_to;
            for place in 0..lane.binds {
                binds.push(Bind { lane: index, place, stats: Mutex::new(Stats::new()?) });
            }
            lanes.push(Arc::new(lane));
        }
        Ok(Self {
            tracker: Tracker::new(plan.track_limit),
            response_timeout: nanos(plan.response_timeout),
            drain: nanos(plan.drain),
            tick: nanos(plan.tick),
            plan,
            lanes,
            binds,
            log: log.map(Mutex::new),
            spare: Mutex::new(Stats::new()?),
            draining: AtomicU64::new(0),
            start: AtomicU64::new(u64::MAX),
        })
    }

    /// Lets the run begin now.
    pub(super) fn begin(&self) -> u64 {
        let now = clock::nanos();
        self.start.store(now, Ordering::Relaxed);
        now
    }

    /// When the run began.
    pub(super) fn start(&self) -> u64 {
        self.start.load(Ordering::Relaxed)
    }

    pub(super) fn binds(&self) -> u64 {
        u64::try_from(self.binds.len()).unwrap_or(1).max(1)
    }

    /// The lane of bind `index`, and which of its binds this is. `None` beyond the last.
    pub(super) fn lane(&self, index: u64) -> Option<(Arc<Lane>, u64)> {
        let bind = self.binds.get(usize::try_from(index).ok()?)?;
        Some((Arc::clone(self.lanes.get(bind.lane)?), bind.place))
    }

    pub(super) fn stats(&self, index: u64) -> &Mutex<Stats> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        self.binds.get(index).map_or(&self.spare, |bind| &bind.stats)
    }

    /// Each bind's figures with the index of its account.
    pub(super) fn all_stats(&self) -> impl Iterator<Item = (usize, &Mutex<Stats>)> {
        self.binds.iter().map(|bind| (bind.lane, &bind.stats))
    }

    /// Have all binds sent everything? `stats` are those of the one that asks, which it has locked.
    pub(super) fn all_draining(&self, index: u64, stats: &Stats) -> bool {
        if !stats.draining {
            return false;
        }
        if self.draining.load(Ordering::Relaxed) == self.binds() {
            return true;
        }
        let own = usize::try_from(index).unwrap_or(0);
        let others = self.binds.iter().enumerate().filter(|(each, _)| *each != own);
        // A bind that is busy now is asked again a moment later.
        let all =
            others.into_iter().all(|(_, bind)| bind.stats.try_lock().is_some_and(|stats| stats.draining));
        if all {
            self.draining.store(self.binds(), Ordering::Relaxed);
        }
        all
    }

    pub(super) fn logs(&self) -> bool {
        self.log.is_some()
    }

    /// Appends lines to the log, whole; they survive the end of this process.
    pub(super) fn write_log(&self, lines: &mut Vec<u8>) {
        if let Some(file) = &self.log
            && !lines.is_empty()
        {
            let _ = file.lock().write_all(lines);
        }
        lines.clear();
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
