//! Processor time, memory, descriptors and threads of the processes beside a run, and of the generator itself.

use serde::Serialize;

use crate::machine::Usage;

/// Share of a run that is taken for warm-up: memory's slope counts from there.
const WARM_UP: f64 = 0.25;
/// Memory has no slope in less than this.
const LEAST_SECONDS: f64 = 60.0;

/// Name of the generator itself.
pub(super) const OWN: &str = "generator";

/// A process at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProcessPoint {
    /// Its name.
    pub name: String,
    /// Processors it kept busy since the point before.
    pub cpu: f64,
    /// What it has taken and has.
    #[serde(flatten)]
    pub usage: Usage,
}

/// A process over a whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProcessReport {
    /// Its name.
    pub name: String,
    /// Processor time a message accepted in measured phases, in microseconds.
    pub cpu_us_per_message: f64,
    /// Processors it kept busy in them, on average.
    pub cpu: f64,
    /// Resident memory in the end and at most, in octets.
    pub resident_bytes: u64,
    /// At most.
    pub resident_max_bytes: u64,
    /// How resident memory grows after the warm-up (the first quarter), by least squares, in percent of its mean an hour;
    /// 0 if that is less than a minute.
    pub resident_slope_percent_per_hour: f64,
    /// Descriptors at the end of the warm-up and in the end.
    pub descriptors: (u64, u64),
    /// Threads, likewise.
    pub threads: (u64, u64),
    /// Was it gone before the end?
    pub gone: bool,
}

impl ProcessReport {
    /// One line for people.
    pub(super) fn line(&self) -> String {
        let mebibytes = self.resident_max_bytes >> 20;
        format!(
            "process   {}: {:.2} us a message, {:.2} processors, at most {mebibytes} MiB ({:+.1} %/h), descriptors {}, threads {}{}",
            self.name,
            self.cpu_us_per_message,
            self.cpu,
            self.resident_slope_percent_per_hour,
            self.descriptors.1,
            self.threads.1,
            if self.gone { ", gone" } else { "" }
        )
    }
}

pub(super) struct Processes(Vec<Process>);

struct Process {
    name: String,
    pid: u32,
    samples: Vec<Sample>,
    gone: bool,
}

struct Sample {
    at: f64,
    accepted: u64,
    measured: bool,
    usage: Usage,
}

impl Processes {
    /// The generator, and those named.
    pub(super) fn new(watch: &[(String, u32)]) -> Self {
        let own = (OWN.to_owned(), std::process::id());
        let all = std::iter::once(&own).chain(watch);
        Self(
            all.map(|(name, pid)| Process {
                name: name.clone(),
                pid: *pid,
                samples: Vec::new(),
                gone: false,
            })
            .collect(),
        )
    }

    pub(super) fn sample(&mut self, at: f64, accepted: u64, measured: bool) {
        for process in &mut self.0 {
            match Usage::of(process.pid) {
                Some(usage) => process.samples.push(Sample { at, accepted, measured, usage }),
                None => process.gone = true,
            }
        }
    }

    /// The last sample of each.
    pub(super) fn now(&self) -> Vec<ProcessPoint> {
        let point = |process: &Process| {
            let (last, before) = process.samples.split_last()?;
            let since =
                before.last().map_or((0.0, last.usage.cpu_seconds), |each| (each.at, each.usage.cpu_seconds));
            let cpu = (last.usage.cpu_seconds - since.1) / (last.at - since.0).max(0.001);
            Some(ProcessPoint { name: process.name.clone(), cpu, usage: last.usage })
        };
        self.0.iter().filter_map(point).collect()
    }

    pub(super) fn report(&self) -> Vec<ProcessReport> {
        let absent = |process: &Process| ProcessReport {
            name: process.name.clone(),
            gone: true,
            ..ProcessReport::default()
        };
        self.0.iter().map(|process| process.report().unwrap_or_else(|| absent(process))).collect()
    }
}

impl Process {
    fn report(&self) -> Option<ProcessReport> {
        let last = self.samples.last()?;
        let (mut cpu, mut messages, mut seconds) = (0.0, 0, 0.0);
        for (before, after) in
            self.samples.iter().zip(self.samples.iter().skip(1)).filter(|(_, after)| after.measured)
        {
            cpu += after.usage.cpu_seconds - before.usage.cpu_seconds;
            messages += after.accepted - before.accepted;
            seconds += after.at - before.at;
        }
        let warm = self.samples.iter().position(|sample| sample.at >= last.at * WARM_UP).unwrap_or(0);
        let warm = self.samples.get(warm..).unwrap_or_default();
        let first = warm.first()?;
        Some(ProcessReport {
            name: self.name.clone(),
            cpu_us_per_message: super::series::share(cpu * 1e6, messages),
            cpu: cpu / seconds.max(0.001),
            resident_bytes: last.usage.resident_bytes,
            resident_max_bytes: self.samples.iter().map(|sample| sample.usage.resident_bytes).max()?,
            resident_slope_percent_per_hour: slope(warm),
            descriptors: (first.usage.descriptors, last.usage.descriptors),
            threads: (first.usage.threads, last.usage.threads),
            gone: self.gone,
        })
    }
}

/// Growth of resident memory by least squares, in percent of its mean an hour; 0 below a minute, which tells nothing.
fn slope(samples: &[Sample]) -> f64 {
    let span = samples.first().zip(samples.last()).map_or(0.0, |(first, last)| last.at - first.at);
    if samples.len() < 3 || span < LEAST_SECONDS {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "octets below 2^53")]
    let points: Vec<(f64, f64)> =
        samples.iter().map(|sample| (sample.at / 3_600.0, sample.usage.resident_bytes as f64)).collect();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let both: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    if spread > 0.0 && y > 0.0 { both / spread / y * 100.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u32, resident_bytes: u64) -> Sample {
        let at = f64::from(second);
        let usage = Usage { cpu_seconds: at / 2.0, resident_bytes, descriptors: 9, threads: 3 };
        Sample { at, accepted: u64::from(second) * 1_000, measured: second > 10, usage }
    }

    #[test]
    fn memory_that_grows_has_a_slope() {
        let steady: Vec<Sample> = (0..100).map(|second| sample(second, 1 << 20)).collect();
        assert!(slope(&steady).abs() < 1e-9);
        // 1,000 octets a second on a mean of 100,000 octets: 36 times the mean an hour.
        let growing: Vec<Sample> =
            (0..=100).map(|second| sample(second, 50_000 + u64::from(second) * 1_000)).collect();
        assert!((slope(&growing) - 3_600.0).abs() < 1e-6, "{}", slope(&growing));
        assert!(slope(&growing[..2]).abs() < 1e-9 && slope(&growing[..60]).abs() < 1e-9);
    }

    #[test]
    fn a_process_that_never_was_is_gone() {
        let mut processes = Processes::new(&[("nobody".to_owned(), u32::MAX)]);
        processes.sample(1.0, 0, true);
        let report = processes.report();
        assert!(!report[0].gone && report[0].name == OWN && report[1].gone && report[1].name == "nobody");
    }

    #[test]
    fn processor_time_counts_in_measured_phases_only() {
        let samples = (0..=60).map(|second| sample(second, 1 << 20)).collect();
        let process = Process { name: "x".into(), pid: 1, samples, gone: false };
        let report = process.report().unwrap();
        assert!((report.cpu_us_per_message - 500.0).abs() < 1e-6 && (report.cpu - 0.5).abs() < 1e-9);
        assert_eq!((report.descriptors, report.threads), ((9, 9), (3, 3)));
    }
}
