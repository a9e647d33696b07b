//! What the binds of one run share: options, schedule, tracker, log and each bind's figures.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::template::Template;
use super::tracker::Tracker;
use super::{LoadError, LoadOptions};
use crate::clock;

/// One bind's figures; the histograms are emptied by whoever reads the progress.
pub(super) struct Stats {
    pub(super) submitted: u64,
    pub(super) accepted: u64,
    pub(super) unknown: u64,
    pub(super) late: u64,
    pub(super) receipts: u64,
    pub(super) duplicates: u64,
    pub(super) replies: u64,
    pub(super) notifications: u64,
    pub(super) disconnects: u64,
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
            submitted: 0,
            accepted: 0,
            unknown: 0,
            late: 0,
            receipts: 0,
            duplicates: 0,
            replies: 0,
            notifications: 0,
            disconnects: 0,
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
    pub(super) options: LoadOptions,
    pub(super) template: Template,
    pub(super) tracker: Tracker,
    pub(super) count: u64,
    pub(super) response_timeout: u64,
    pub(super) drain: u64,
    log: Option<Mutex<File>>,
    stats: Vec<Mutex<Stats>>,
    /// Of no bind; where an index out of range would lead.
    spare: Mutex<Stats>,
    draining: AtomicU64,
    start: AtomicU64,
    nanos_per_message: f64,
    tick: u64,
}

impl Shared {
    pub(super) fn new(options: LoadOptions, log: Option<File>) -> Result<Self, LoadError> {
        let binds = options.binds.max(1);
        let stats = (0..binds).map(|_| Stats::new().map(Mutex::new)).collect::<Result<_, _>>()?;
        let nanos_per_message = if options.rate > 0.0 { 1e9 / options.rate } else { 0.0 };
        Ok(Self {
            template: Template::new(&options.content)?,
            tracker: Tracker::new(options.track_limit),
            count: options.count.unwrap_or(u64::MAX),
            response_timeout: nanos(options.response_timeout),
            drain: nanos(options.drain),
            tick: nanos(options.tick),
            options,
            log: log.map(Mutex::new),
            stats,
            spare: Mutex::new(Stats::new()?),
            draining: AtomicU64::new(0),
            start: AtomicU64::new(u64::MAX),
            nanos_per_message,
        })
    }

    /// Lets the run begin now.
    pub(super) fn begin(&self) -> u64 {
        let now = clock::nanos();
        self.start.store(now, Ordering::Relaxed);
        now
    }

    pub(super) fn binds(&self) -> u64 {
        u64::try_from(self.stats.len()).unwrap_or(1)
    }

    pub(super) fn stats(&self, index: u64) -> &Mutex<Stats> {
        let index = usize::try_from(index).unwrap_or(0);
        self.stats.get(index).unwrap_or(&self.spare)
    }

    pub(super) fn all_stats(&self) -> &[Mutex<Stats>] {
        &self.stats
    }

    /// When message `number` is meant to be sent; `None` in a closed loop.
    pub(super) fn intended(&self, number: u64) -> Option<u64> {
        if self.nanos_per_message <= 0.0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a nanosecond in weeks is precise enough")]
        let offset = number as f64 * self.nanos_per_message;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates; never negative"
        )]
        let offset = offset as u64;
        let offset = if self.tick > 0 { offset - offset % self.tick } else { offset };
        Some(self.start.load(Ordering::Relaxed).saturating_add(offset))
    }

    /// When sending ends for want of time.
    pub(super) fn stop_at(&self) -> u64 {
        let duration = self.options.duration.map_or(u64::MAX, nanos);
        self.start.load(Ordering::Relaxed).saturating_add(duration)
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
        let others = self.stats.iter().enumerate().filter(|(each, _)| *each != own);
        // A bind that is busy now is asked again a moment later.
        let all = others.into_iter().all(|(_, stats)| stats.try_lock().is_some_and(|stats| stats.draining));
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

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
