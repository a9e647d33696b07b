//! The vault's rows in LMDB and in a plain file; what ours does with them says
//! `cargo bench -p veilgate-identity --bench scale`.

use std::time::Instant;

mod file;
mod lmdb;

/// Device IDs asked for in turn.
const ASKED: u32 = 400_000;

fn main() {
    let subscribers = std::env::var("SUBSCRIBERS").map_or(100_000, |text| text.parse().unwrap());
    lmdb::measure(subscribers);
    file::measure(subscribers);
}

/// Wall time, and the time of all processors, which tells the same on a busy machine.
struct Watch {
    began: Instant,
    cpu: f64,
}

impl Watch {
    fn start() -> Self {
        Self { began: Instant::now(), cpu: cpu_seconds() }
    }

    fn say(&self, what: &str, count: f64) {
        let (wall, cpu) = (self.began.elapsed(), cpu_seconds() - self.cpu);
        let rate = count / wall.as_secs_f64();
        println!(
            "{what}: {count:.0} in {wall:.2?} = {rate:.0}/s; {cpu:.2} s of processors = {:.0}/s",
            count / cpu
        );
    }
}

/// User and system time of this process, in the kernel's hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = stat.rsplit(") ").next().unwrap();
    let ticks = |field| behind_name.split(' ').nth(field).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}
