//! What a run ran on, and what the processes beside it take: read from `/proc`, empty where there is none.

use std::fs;

use serde::Serialize;

/// Linux tells processor time in hundredths of a second to every program.
const TICKS_PER_SECOND: f64 = 100.0;

/// The machine of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Machine {
    /// Processors this process may use.
    pub processors: usize,
    /// Their model.
    pub model: String,
    /// Memory, in octets.
    pub memory_bytes: u64,
    /// Kernel and its version.
    pub kernel: String,
    /// Load of the machine over the last minute, when asked.
    pub load_average: f64,
}

/// What a process has taken so far, and has now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Processor time since its start, in seconds: user and system.
    pub cpu_seconds: f64,
    /// Resident memory, in octets.
    pub resident_bytes: u64,
    /// Open descriptors; 0 if they may not be read.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpus = read("/proc/cpuinfo");
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let release = read("/proc/sys/kernel/osrelease");
        Self {
            processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            model: model.map(|(_, model)| model.trim().to_owned()).unwrap_or_default(),
            memory_bytes: kibibytes(&read("/proc/meminfo"), "MemTotal:"),
            kernel: format!("{} {}", read("/proc/sys/kernel/ostype").trim(), release.trim())
                .trim()
                .to_owned(),
            load_average: read("/proc/loadavg")
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or_default(),
        }
    }
}

impl Usage {
    /// That of process `pid`; `None` when it is gone.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; what follows are numbers.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |index: usize| fields.get(index).and_then(|field| field.parse::<u32>().ok());
        let ticks = f64::from(field(11)?) + f64::from(field(12)?);
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Some(Self {
            cpu_seconds: ticks / TICKS_PER_SECOND,
            resident_bytes: kibibytes(&status, "VmRSS:"),
            descriptors: u64::try_from(descriptors).unwrap_or(0),
            threads: u64::from(field(17)?),
        })
    }
}

/// The figure of a line such as `VmRSS:   1234 kB`, in octets; 0 if there is none.
fn kibibytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let figure =
        line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse::<u64>().ok());
    figure.unwrap_or(0).saturating_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 500_000 && usage.threads >= 1 && usage.descriptors >= 3, "{usage:?}");
        assert!(Usage::of(u32::MAX).is_none());
        let machine = Machine::here();
        assert!(machine.processors >= 1 && machine.memory_bytes > 1 << 28, "{machine:?}");
    }
}
