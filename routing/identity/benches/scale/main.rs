//! The vault at scale: import, disk, start, look-ups, changes, swap.
//! `SUBSCRIBERS=10000000 cargo bench -p veilgate-identity --bench scale` prints one line per figure; without the
//! variable it is a small run that shows that the program still works.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "only people who measure run this"
)]

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use veilgate_identity::{Config, Identity, KeyRing, Vault, apply_changes, import};
use veilgate_names::{AsOf, EncryptedDeviceId, KeyId, Timestamp};

#[expect(dead_code, reason = "other tests make whole feeds")]
#[path = "../../tests/feed/mod.rs"]
mod feed;
mod stream;

use stream::{Bindings, Rows, Tenures};

const KEY: [u8; 16] = *b"notary's key k1.";
/// Device IDs asked for in turn: far more than a cache holds rows of.
const ASKED: u32 = 400_000;

fn main() {
    measure(std::env::var("SUBSCRIBERS").map_or(100_000, |text| text.parse().unwrap()));
}

/// Everything, for so many subscribers.
pub fn measure(subscribers: u32) {
    println!("{subscribers} subscribers, each one number, one tenure, an IMSI and an OAID");
    let keys = Arc::new(KeyRing::generate(&[1; 32], &mut feed::entropy()).unwrap());
    keys.import_edi_key(&KeyId::parse("k1").unwrap(), KEY, false);
    let rows = f64::from(subscribers) * 3.0;

    let watch = Watch::start();
    for mut each in
        [Box::new(bindings(subscribers)) as Box<dyn std::io::Read>, Box::new(tenures(subscribers))]
    {
        std::io::copy(&mut each, &mut std::io::sink()).unwrap();
    }
    watch.say("making the feed's text alone", rows);

    let whole = Watch::start();
    let (before, watch) = (resident("VmRSS"), Watch::start());
    let vault = import(bindings(subscribers), tenures(subscribers), &keys).unwrap();
    watch.say("import into memory, rows", rows);
    let held = (resident("VmRSS") - before) * 1024.0 / f64::from(subscribers);
    println!("  {:?}", vault.counts());
    println!("  resident {held:.0} octets per subscriber; peak {:.2} GB", resident("VmHWM") / 1e6);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let watch = Watch::start();
    let file = File::create(&path).unwrap();
    vault.write_to(BufWriter::new(&file), &keys).unwrap();
    file.sync_all().unwrap();
    let octets = file.metadata().unwrap().len() as f64;
    watch.say("written and synced, octets", octets);
    whole.say("import, sealed, written and synced, rows", rows);
    println!("  {:.1} octets on disk per subscriber", octets / f64::from(subscribers));

    let watch = Watch::start();
    let again = Vault::read_from(BufReader::new(File::open(&path).unwrap()), &keys).unwrap();
    watch.say("start: read and verified, octets", octets);
    assert_eq!(again.counts(), vault.counts());
    drop(again);

    let identity = Identity::new(Arc::clone(&keys), vault, Config::default());
    look_ups(&identity, subscribers);
    baseline(&keys);
    changes(&identity, subscribers);
    swap(&identity, &path, subscribers);
}

fn bindings(subscribers: u32) -> Rows<Bindings> {
    Rows::new(Bindings, subscribers)
}

fn tenures(subscribers: u32) -> Rows<Tenures> {
    Rows::new(Tenures, subscribers)
}

fn asked(subscribers: u32) -> Vec<EncryptedDeviceId> {
    let spread = |n: u32| (u64::from(n) * 2_654_435_761 % u64::from(subscribers)) as u32;
    (0..ASKED).map(|n| feed::encrypt(KEY, [3; 12], &format!("imsi:{}", feed::imsi(spread(n))))).collect()
}

fn now() -> Timestamp {
    Timestamp::parse("2026-03-02T10:00:00").unwrap()
}

/// Every EDI once to warm up, then once timed one by one.
fn look_ups(identity: &Identity, subscribers: u32) {
    let edis = asked(subscribers);
    let as_of = AsOf::parse("2026-03-01").unwrap();
    let ask = |edi: &EncryptedDeviceId| identity.resolve(std::slice::from_ref(edi), as_of, now()).is_ok();
    assert!(edis.iter().all(ask));
    let mut times = Vec::with_capacity(edis.len());
    let watch = Watch::start();
    for edi in &edis {
        let each = Instant::now();
        assert!(ask(edi));
        times.push(each.elapsed());
    }
    watch.say("resolve, one thread", edis.len() as f64);
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("  p50 {:?}, p99 {:?}, p99.9 {:?}, worst {:?}", at(0.5), at(0.99), at(0.999), at(1.0));
    let watch = Watch::start();
    std::thread::scope(|scope| {
        for part in edis.chunks(edis.len().div_ceil(2)) {
            scope.spawn(move || assert!(part.iter().all(ask)));
        }
    });
    watch.say("resolve, two threads", edis.len() as f64);
}

/// The same question to a vault of one subscriber: what is not looking up.
fn baseline(keys: &Arc<KeyRing>) {
    let vault = import(bindings(1), tenures(1), keys).unwrap();
    let identity = Identity::new(Arc::clone(keys), vault, Config::default());
    let edi = [feed::encrypt(KEY, [3; 12], &format!("imsi:{}", feed::imsi(0)))];
    let as_of = AsOf::parse("2026-03-01").unwrap();
    let watch = Watch::start();
    for _ in 0..ASKED {
        assert!(identity.resolve(&edi, as_of, now()).is_ok());
    }
    watch.say("resolve with one subscriber (no cache misses)", f64::from(ASKED));
}

fn changes(identity: &Identity, subscribers: u32) {
    let mut text = String::from("op,id_type,id,msisdn,from,to,primary\n");
    let count = subscribers.min(20_000);
    for n in 0..count / 2 {
        let (imsi, number) = (feed::imsi(n), feed::number(n));
        text.push_str(&format!("del,imsi,{imsi},{number},2024-01-01,,1\n"));
        text.push_str(&format!("put,cuid,new-{n},{number},2026-01-01,,1\n"));
    }
    let watch = Watch::start();
    let changed = apply_changes(&identity.vault(), text.as_bytes(), identity.keys()).unwrap();
    watch.say("changes applied", f64::from(count));
    println!("  {:?}; peak {:.2} GB", changed.counts(), resident("VmHWM") / 1e6);
}

/// Another vault is put in force ten times while one thread asks without pause.
fn swap(identity: &Identity, path: &std::path::Path, subscribers: u32) {
    let edis = asked(subscribers);
    let as_of = AsOf::parse("2026-03-01").unwrap();
    let done = AtomicBool::new(false);
    let (mut swaps, mut reads) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (mut worst, mut count) = (Duration::ZERO, 0_u64);
            for edi in edis.iter().cycle() {
                let each = Instant::now();
                assert!(identity.resolve(std::slice::from_ref(edi), as_of, now()).is_ok());
                worst = worst.max(each.elapsed());
                count += 1;
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
            (worst, count)
        });
        for _ in 0..3 {
            let began = Instant::now();
            let file = BufReader::new(File::open(path).unwrap());
            let vault = Vault::read_from(file, identity.keys()).unwrap();
            reads.push(began.elapsed());
            let began = Instant::now();
            identity.replace(vault);
            swaps.push(began.elapsed());
        }
        done.store(true, Ordering::Relaxed);
        let (worst, count) = asking.join().unwrap();
        println!(
            "hot swap: {swaps:?} each, {count} look-ups meanwhile, none failed, the worst took {worst:?}"
        );
    });
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

/// A line of /proc/self/status, in kB.
fn resident(line: &str) -> f64 {
    let mut status = String::new();
    File::open("/proc/self/status").unwrap().read_to_string(&mut status).unwrap();
    let found = status.lines().find(|each| each.starts_with(line)).unwrap();
    found.split_whitespace().nth(1).unwrap().parse().unwrap()
}
