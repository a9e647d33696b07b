//! Everything that may ever be logged or counted. Log lines come only from the closed list in `events`, whose
//! fields are enums, numbers and ids; no subscriber is installed for the process, so that no library can log.

pub mod events;
mod limit;
mod line;
mod loggable;
pub mod metrics;
mod panic;
pub mod words;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::sync::Mutex;

use tracing::{Dispatch, Level};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, reload};
use veilgate_config::{Log, LogFormat, LogLevel};
use veilgate_names::Timestamp;

pub use loggable::{KeyName, Loggable};
pub use panic::hook as panic_hook;

use events::Kind;
use metrics::Metrics;

/// The only target that is written.
const TARGET: &str = "veilgate";

/// Lines that may wait for a slow disk; beyond it they are dropped and counted.
const WAITING_LINES: usize = 16_384;

/// The log and the metrics of one gateway.
pub struct Telemetry {
    /// What is counted.
    pub metrics: Metrics,
    dispatch: Dispatch,
    level: reload::Handle<LevelFilter, Registry>,
    limits: limit::LineLimits,
    now: fn() -> Timestamp,
    worker: Mutex<Option<WorkerGuard>>,
}

impl Telemetry {
    /// Opens the log as configured. `now` gives the time of each line.
    ///
    /// # Errors
    /// If the log file cannot be opened for appending.
    pub fn start(log: &Log, now: fn() -> Timestamp) -> io::Result<Self> {
        match &log.file {
            None => Ok(Self::with_writer(log.level, log.format, now, io::stderr())),
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path)?;
                Ok(Self::with_writer(log.level, log.format, now, file))
            }
        }
    }

    /// Writes the log to `writer`, from a thread of its own.
    pub fn with_writer<W: Write + Send + 'static>(
        level: LogLevel,
        format: LogFormat,
        now: fn() -> Timestamp,
        writer: W,
    ) -> Self {
        let (writer, worker) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(WAITING_LINES)
            .thread_name("log")
            .finish(writer);
        let lost = writer.error_counter();
        let (dispatch, level) = subscriber(level, format, now, writer);
        Self {
            metrics: Metrics::new(lost),
            dispatch,
            level,
            limits: limit::LineLimits::default(),
            now,
            worker: Mutex::new(Some(worker)),
        }
    }

    /// Changes the least important level written.
    pub fn set_level(&self, level: LogLevel) {
        // The handle fails only once the subscriber is gone, and it lives as long as `self`.
        let _ = self.level.reload(filter(level));
    }

    /// Writes what is waiting and ends the log. Later events are counted, not written.
    pub fn close(&self) {
        let worker = self.worker.lock().map(|mut worker| worker.take());
        drop(worker);
    }

    /// Lets `write` write one line of the kind `kind`, unless that kind wrote too many this second.
    fn line(&self, kind: Kind, write: impl FnOnce()) {
        if self.limits.allow(kind, (self.now)()) {
            tracing::dispatcher::with_default(&self.dispatch, write);
        } else {
            self.metrics.log_lines_suppressed.inc();
        }
    }
}

fn subscriber(
    level: LogLevel,
    format: LogFormat,
    now: fn() -> Timestamp,
    writer: NonBlocking,
) -> (Dispatch, reload::Handle<LevelFilter, Registry>) {
    let (level, handle) = reload::Layer::new(filter(level));
    let lines = tracing_subscriber::fmt::layer()
        .event_format(line::Lines { format, now })
        .with_writer(writer)
        .with_filter(filter_fn(|about| about.target() == TARGET));
    (Dispatch::new(Registry::default().with(level).with(lines)), handle)
}

fn filter(level: LogLevel) -> LevelFilter {
    LevelFilter::from_level(match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    })
}

#[cfg(test)]
mod tests;
