//! The vault's rows in LMDB (heed), sealed as ours are: loaded in order, then read as one look-up reads them.

use heed::types::Bytes;
use heed::{Database, EnvFlags, EnvOpenOptions, PutFlags};

use super::{ASKED, Watch};

/// 16 octets that look random, by `n`.
fn spread(n: u64) -> [u8; 16] {
    let mix = |n: u64| {
        let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ n >> 31
    };
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mix(n + 1).to_be_bytes());
    key[8..].copy_from_slice(&mix(n.wrapping_add(1 << 40)).to_be_bytes());
    key
}

/// Bindings `device16 from4 number4 -> to4 primary1`, tenures `number4 from4 -> to4 holder16 flags1`,
/// numbers `number4 -> hash16 sealed24`, and the way back `hash16 -> number4`.
pub(crate) fn measure(subscribers: u32) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = EnvOpenOptions::new();
    options.map_size(1 << 36).max_dbs(4);
    // SAFETY: the folder is ours alone, and no second environment is opened on it.
    let env =
        unsafe { options.flags(EnvFlags::NO_SYNC | EnvFlags::NO_READ_AHEAD).open(folder.path()).unwrap() };
    let watch = Watch::start();
    let mut devices: Vec<([u8; 16], u32)> =
        (0..subscribers * 2).map(|n| (spread(u64::from(n)), n / 2)).collect();
    devices.sort_unstable();
    let mut hashes: Vec<([u8; 16], u32)> =
        (0..subscribers).map(|n| (spread(u64::from(n) << 32), n)).collect();
    hashes.sort_unstable();
    watch.say("LMDB: rows made and sorted", f64::from(subscribers) * 3.0);

    let watch = Watch::start();
    let mut txn = env.write_txn().unwrap();
    let mut open = |name| env.create_database::<Bytes, Bytes>(&mut txn, Some(name)).unwrap();
    let (bindings, tenures, numbers, back) =
        (open("bindings"), open("tenures"), open("numbers"), open("back"));
    let mut put = |database: &Database<Bytes, Bytes>, key: &[u8], value: &[u8]| {
        database.put_with_flags(&mut txn, PutFlags::APPEND, key, value).unwrap();
    };
    for (device, number) in &devices {
        put(&bindings, &[&device[..], &[0; 4], &number.to_be_bytes()].concat(), &[1; 5]);
    }
    for n in 0..subscribers {
        put(&tenures, &[n.to_be_bytes(), [0; 4]].concat(), &[1; 21]);
        put(&numbers, &n.to_be_bytes(), &[1; 40]);
    }
    for (hash, number) in &hashes {
        put(&back, hash, &number.to_be_bytes());
    }
    txn.commit().unwrap();
    env.force_sync().unwrap();
    watch.say("LMDB: loaded and synced, feed rows", f64::from(subscribers) * 3.0);
    let octets = std::fs::metadata(folder.path().join("data.mdb")).unwrap().len() as f64;
    println!("  {:.1} octets on disk per subscriber", octets / f64::from(subscribers));
    drop(hashes);

    let txn = env.read_txn().unwrap();
    let asked: Vec<[u8; 16]> = (0..ASKED)
        .map(|n| devices[(u64::from(n) * 2_654_435_761 % devices.len() as u64) as usize].0)
        .collect();
    drop(devices);
    let before = resident("VmRSS");
    let look_up = |device: &[u8; 16]| {
        let (key, _) = bindings.prefix_iter(&txn, device).unwrap().next().unwrap().unwrap();
        let number = &key[20..];
        let tenure = tenures.prefix_iter(&txn, number).unwrap().next().unwrap().unwrap();
        (tenure.1[0], numbers.get(&txn, number).unwrap().unwrap()[39])
    };
    assert!(asked.iter().all(|device| look_up(device) == (1, 1)));
    let watch = Watch::start();
    assert!(asked.iter().all(|device| look_up(device) == (1, 1)));
    watch.say("LMDB: look-ups alone, one thread, no cryptography", f64::from(ASKED));
    println!(
        "  pages read since: {:.0} octets per subscriber",
        (resident("VmRSS") - before) * 1024.0 / f64::from(subscribers)
    );
}

/// A line of /proc/self/status, in kB.
fn resident(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find(|each| each.starts_with(line)).unwrap();
    found.split_whitespace().nth(1).unwrap().parse().unwrap()
}
