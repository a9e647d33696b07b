//! How many records of 300 octets a second become durable, by engine and by how many are committed together; how long
//! a lone commit takes; how fast the log is read back. `cargo bench -p veilgate-store [folder]`: the folder must lie on
//! the disk in question, the default is the working directory.
#![expect(clippy::print_stdout, reason = "a report for a person")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use veilgate_store::{Batch, Budget, LogConfig, LogStore, SledStore, Space, Store};

const VALUE: [u8; 300] = [0x5A; 300];
const GROUPS: [usize; 4] = [1, 16, 256, 1024];
const TIME: Duration = Duration::from_millis(1500);
const TABLE: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("records");

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let place =
        std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_else(|| ".".into());
    let place = Path::new(&place);
    println!("engine             group   records/s   commit p50 us   p99 us");
    for group in GROUPS {
        let folder = tempfile::tempdir_in(place)?;
        let log = LogStore::open(folder.path(), LogConfig::default())?;
        while log.maintain(Budget { octets: 16 << 20 })?.more {}
        report("log", group, store(&log, group, true))?;
    }
    let folder = tempfile::tempdir_in(place)?;
    let log = LogStore::open(folder.path(), LogConfig::default())?;
    report("log, no spare", 256, store(&log, 256, false))?;
    drop(log);
    recovery(folder.path())?;
    for group in GROUPS {
        let folder = tempfile::tempdir_in(place)?;
        report("sled (not synced)", group, store(&SledStore::open(folder.path(), 256 << 20)?, group, true))?;
    }
    for group in GROUPS {
        let folder = tempfile::tempdir_in(place)?;
        report("redb", group, redb(&folder.path().join("redb"), group))?;
    }
    Ok(())
}

/// Commits groups of one-record batches until the time is over, with housekeeping beside; how long each took.
fn store(store: &impl Store, group: usize, housekeeping: bool) -> Outcome<Vec<Duration>> {
    let mut batches = vec![Batch::new(); group];
    let mut n = 0;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if !housekeeping || !store.maintain(Budget::default()).is_ok_and(|step| step.more) {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        });
        let times = measure(|| {
            for batch in &mut batches {
                batch.clear();
                batch.put(Space::Message, &key(&mut n), &VALUE)?;
            }
            Ok(store.commit(&batches)?)
        });
        done.store(true, Ordering::Relaxed);
        times
    })
}

fn redb(file: &Path, group: usize) -> Outcome<Vec<Duration>> {
    let database = redb::Database::create(file)?;
    let mut n = 0;
    measure(|| {
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for _ in 0..group {
                table.insert(key(&mut n).as_slice(), VALUE.as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    })
}

/// Identifiers that go up with time, as message identifiers do.
fn key(n: &mut u64) -> [u8; 16] {
    *n += 1;
    u128::from(*n).to_be_bytes()
}

fn measure(mut commit: impl FnMut() -> Outcome<()>) -> Outcome<Vec<Duration>> {
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed() < TIME {
        let begin = Instant::now();
        commit()?;
        times.push(begin.elapsed());
    }
    Ok(times)
}

fn report(engine: &str, group: usize, times: Outcome<Vec<Duration>>) -> Outcome<()> {
    let mut times = times?;
    times.sort_unstable();
    let total: Duration = times.iter().sum();
    let records = times.len() * group;
    let rate = f64::from(u32::try_from(records)?) / total.as_secs_f64();
    let at = |percent: usize| times.get(times.len() * percent / 100).map_or(0, Duration::as_micros);
    println!("{engine:<18} {group:>5}  {rate:>10.0}  {:>14}  {:>7}", at(50), at(99));
    Ok(())
}

fn recovery(folder: &Path) -> Outcome<()> {
    let begin = Instant::now();
    let log = LogStore::open(folder, LogConfig::default())?;
    let time = begin.elapsed().as_secs_f64();
    let records = log.recovery().records;
    println!("log, opening: {records} records, {:.0} records/s", f64::from(u32::try_from(records)?) / time);
    let begin = Instant::now();
    let mut n = 0;
    for _ in 0..200_000 {
        log.read(Space::Message, &[&key(&mut n)])?;
    }
    println!("log, reading one by one: {:.0} records/s", 200_000.0 / begin.elapsed().as_secs_f64());
    Ok(())
}
