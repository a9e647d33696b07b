//! What the log itself costs, apart from the disk: nanoseconds a change in building batches and in committing them to a
//! disk that takes everything and keeps nothing, with few and with many messages waiting; octets of memory a waiting
//! message; how long the log takes to open. `cargo bench -p veilgate-store --bench index [millions waiting] [folder]`:
//! the folder for opening should lie in memory (/dev/shm), where the disk costs nothing.
#![expect(clippy::print_stdout, reason = "a report for a person")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use veilgate_store::{Batch, Budget, Disk, DiskFile, LogConfig, LogStore, Space, Store};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Messages whose lives overlap.
const UNDER_WAY: u64 = 5000;
/// Changes in the life of a message.
const PUTS: u32 = 5;
const DELETIONS: u32 = 4;
/// Messages committed together.
const GROUP: u64 = 50;
const MESSAGES: u64 = 400_000;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let most = arguments.next().map_or(Ok(1), |millions| millions.parse::<u64>())? * 1_000_000;
    let place = arguments.next().unwrap_or_else(|| "/dev/shm".into());
    println!("   waiting  octets each   build ns/change  commit ns/change   names: put ns");
    for waiting in [0, 100_000, 1_000_000, 10_000_000].into_iter().filter(|waiting| *waiting <= most) {
        life(waiting)?;
    }
    println!("   records    live   seconds to open   to walk");
    for records in [100_000, 1_000_000, 10_000_000].into_iter().filter(|records| *records <= most) {
        opening(Path::new(&place), records)?;
    }
    Ok(())
}

/// Messages come and go while `waiting` others stay.
fn life(waiting: u64) -> Outcome<()> {
    let config = LogConfig { capacity_octets: u64::MAX, ..LogConfig::default() };
    let log = LogStore::on(Box::new(Nowhere), config)?;
    let before = resident()?;
    let mut id = 1_000_000_000_000;
    let mut batches = vec![Batch::new(); usize::try_from(GROUP)?];
    for _ in 0..waiting / GROUP {
        for batch in &mut batches {
            batch.clear();
            id += 1;
            batch.put(Space::Message, &key(id), &[7; 40])?;
        }
        log.commit(&batches)?;
    }
    let octets = resident()?.saturating_sub(before).checked_div(waiting).unwrap_or(0);
    let (mut build, mut commit) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..MESSAGES / GROUP {
        let begin = Instant::now();
        for batch in &mut batches {
            batch.clear();
            id += 1;
            message(batch, id)?;
        }
        build += begin.elapsed();
        let begin = Instant::now();
        log.commit(&batches)?;
        commit += begin.elapsed();
    }
    let each = |time: Duration, changes: u64| time.as_nanos() / u128::from(changes);
    let changes = MESSAGES * u64::from(PUTS + DELETIONS);
    let names = names(&log)?;
    println!(
        "{waiting:>10}  {octets:>11}   {:>15}  {:>16}   {names:>13}",
        each(build, changes),
        each(commit, changes)
    );
    Ok(())
}

/// Every change in the life of a message, though of three messages in different ages.
fn message(batch: &mut Batch, id: u64) -> Outcome<()> {
    let (sent, ended) = (id - UNDER_WAY / 2, id - UNDER_WAY);
    batch.put(Space::Message, &key(id), &[1; 300])?;
    batch.put(Space::State, &key(id), &[2; 30])?;
    batch.put(Space::State, &key(sent), &[3; 60])?;
    batch.put(Space::Delivery, &key(sent), &[4; 200])?;
    batch.put(Space::Cdr, &key(sent), &[5; 250])?;
    for space in [Space::Message, Space::State, Space::Delivery, Space::Cdr] {
        batch.delete(space, &key(ended))?;
    }
    Ok(())
}

/// Nanoseconds to put a record under a name, at a million names.
fn names(log: &LogStore) -> Outcome<u128> {
    let mut batch = Batch::new();
    let mut n = 0_u64;
    let mut time = Duration::ZERO;
    while n < 1_000_000 {
        batch.clear();
        for _ in 0..GROUP {
            n += 1;
            let name = format!("aid-{:016x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            batch.put(Space::Authorization, name.as_bytes(), &[6; 60])?;
        }
        let begin = Instant::now();
        log.commit(std::slice::from_ref(&batch))?;
        time += begin.elapsed();
    }
    Ok(time.as_nanos() / u128::from(n))
}

fn opening(place: &Path, records: u64) -> Outcome<()> {
    let folder = tempfile::tempdir_in(place)?;
    let config = LogConfig { segment_octets: 256 << 20, ..LogConfig::default() };
    let log = LogStore::open(folder.path(), config)?;
    let mut batches = vec![Batch::new(); 1000];
    let mut id = 1_000_000_000_000;
    for _ in 0..records / 1000 {
        for batch in &mut batches {
            batch.clear();
            id += 1;
            batch.put(Space::Message, &key(id), &[7; 200])?;
        }
        log.commit(&batches)?;
        while log.maintain(Budget::default())?.more {}
    }
    drop(log);
    let begin = Instant::now();
    let log = LogStore::open(folder.path(), config)?;
    let opened = begin.elapsed();
    let begin = Instant::now();
    let (mut after, mut walked) = (None, 0);
    loop {
        let page = log.scan(Space::Message, after.as_deref(), 1024)?;
        walked += page.entries.len();
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    let (opened, walking) = (opened.as_secs_f64(), begin.elapsed().as_secs_f64());
    println!("{records:>10} {walked:>10}   {opened:>12.2}   {walking:>7.2}");
    Ok(())
}

fn key(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// Octets of memory this process takes.
fn resident() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = status.split(' ').nth(1).unwrap_or("0").parse()?;
    Ok(pages * 4096)
}

/// Takes everything, keeps nothing.
struct Nowhere;

impl Disk for Nowhere {
    fn create(&self, _: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(Self))
    }

    fn open(&self, _: &str) -> io::Result<Arc<dyn DiskFile>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for Nowhere {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
