//! What the system knows of this process, read at each scrape.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use tracing_appender::non_blocking::ErrorCounter;

/// Resident memory, open descriptors and threads.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if let Some(kilobytes) = status_number(&status, "VmRSS:") {
            let gauge = ConstGauge::new(kilobytes.saturating_mul(1024));
            let about = ("process_resident_memory", "Resident memory");
            gauge.encode(encoder.encode_descriptor(
                about.0,
                about.1,
                Some(&Unit::Bytes),
                gauge.metric_type(),
            )?)?;
        }
        if let Some(threads) = status_number(&status, "Threads:") {
            let gauge = ConstGauge::new(threads);
            gauge.encode(encoder.encode_descriptor(
                "process_threads",
                "Threads",
                None,
                gauge.metric_type(),
            )?)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            let gauge = ConstGauge::new(i64::try_from(open.count()).unwrap_or(i64::MAX));
            let about = ("process_open_fds", "Open file descriptors");
            gauge.encode(encoder.encode_descriptor(about.0, about.1, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// Log lines dropped because the disk was slower than the log.
pub(super) struct LostLines(pub(super) ErrorCounter);

impl fmt::Debug for LostLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LostLines")
    }
}

impl Collector for LostLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counter = ConstCounter::new(u64::try_from(self.0.dropped_lines()).unwrap_or(u64::MAX));
        let about = ("log_lines_lost", "Log lines dropped because the disk was too slow");
        counter.encode(encoder.encode_descriptor(about.0, about.1, None, counter.metric_type())?)
    }
}

fn status_number(status: &str, name: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
