//! What a look-up costs with a million subscribers, and its parts. `cargo bench -p veilgate-identity`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "only tests run this"
)]

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use divan::Bencher;
use hmac::{Hmac, KeyInit, Mac};
use sm3::Sm3;
use veilgate_identity::{Class, Config, Identity, KeyRing, ListReader, Slots, Vault, import};
use veilgate_names::{
    AsOf, AuthorizationId, EncryptedDeviceId, Extension, KeyId, ServiceNumber, SubscriberKey, Timestamp,
};

#[path = "../tests/feed/mod.rs"]
mod feed;

const SUBSCRIBERS: u32 = 1_000_000;
const KEY: [u8; 16] = *b"notary's key k1.";
/// Far more device IDs than a cache holds rows.
const ASKED: u32 = 50_000;

fn main() {
    divan::main();
}

struct World {
    identity: Identity,
    edis: Vec<EncryptedDeviceId>,
    strangers: Vec<EncryptedDeviceId>,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let keys = Arc::new(KeyRing::generate(&[1; 32], &mut feed::entropy()).unwrap());
        keys.import_edi_key(&KeyId::parse("k1").unwrap(), KEY, false);
        let feed = feed::feed(SUBSCRIBERS);
        let start = start();
        let vault = import(feed.bindings.as_bytes(), feed.tenures.as_bytes(), &keys).unwrap();
        println!("import of {:?}: {:?}", vault.counts(), start.elapsed());
        drop(feed);
        let start = self::start();
        let mut octets = Vec::new();
        vault.write_to(&mut octets, &keys).unwrap();
        println!("written, {} octets: {:?}", octets.len(), start.elapsed());
        let start = self::start();
        drop(Vault::read_from(&octets[..], &keys).unwrap());
        println!("read: {:?}", start.elapsed());
        drop(octets);
        println!("resident after import: {}", resident());
        let spread = |n: u32| n.wrapping_mul(2_654_435_761) % SUBSCRIBERS;
        let ask = |n| feed::encrypt(KEY, [3; 12], &format!("imsi:{}", feed::imsi(n)));
        World {
            identity: Identity::new(keys, vault, Config::default()),
            edis: (0..ASKED).map(|n| ask(spread(n))).collect(),
            strangers: (0..1000).map(|n| ask(SUBSCRIBERS + n)).collect(),
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn start() -> Instant {
    Instant::now()
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Decrypt, index, look up, check the tenure, unseal the number, make the subscriber key.
#[divan::bench]
fn resolve(bencher: Bencher<'_, '_>) {
    each(bencher, &world().edis);
}

/// Decrypt, index, look up, find nothing.
#[divan::bench]
fn resolve_a_stranger(bencher: Bencher<'_, '_>) {
    each(bencher, &world().strangers);
}

fn each(bencher: Bencher<'_, '_>, edis: &[EncryptedDeviceId]) {
    let identity = &world().identity;
    let now = Timestamp::parse("2026-03-02T10:00:00").unwrap();
    let as_of = AsOf::parse("2026-03-01").unwrap();
    let mut next = edis.iter().cycle();
    bencher.bench_local(|| {
        let edi = next.next().unwrap();
        identity.resolve(std::slice::from_ref(edi), as_of, now).is_ok()
    });
}

/// HMAC-SM3 over a device ID as the index is made, by the same library.
#[divan::bench]
fn index_alone(bencher: Bencher<'_, '_>) {
    let key = <Hmac<Sm3> as KeyInit>::new_from_slice(&[7; 32]).unwrap();
    bencher.bench_local(|| {
        let mut mac = key.clone();
        mac.update(b"imsi:");
        mac.update(divan::black_box(b"460000000000001"));
        mac.finalize()
    });
}

/// SM4-GCM over as much as a device ID, key schedule kept.
#[divan::bench]
fn decrypt_alone(bencher: Bencher<'_, '_>) {
    let sealer = world().identity.keys().sealer(Class::Number, None).unwrap();
    let mut sealed = Vec::new();
    sealer.seal([1; 12], b"edi1.k1", b"imsi:460000000000001", &mut sealed);
    bencher.bench_local(|| sealer.open(b"edi1.k1", divan::black_box(&sealed)).is_ok());
}

/// Finding a reply's authorization among a million slots.
#[divan::bench]
fn find_slot(bencher: Bencher<'_, '_>) {
    static SLOTS: OnceLock<Slots> = OnceLock::new();
    let service = ServiceNumber::parse("10690001").unwrap();
    let key = |n: u32| {
        let mut key = [0; 16];
        key.iter_mut()
            .zip((u64::from(n) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())
            .for_each(|(k, b)| *k = b);
        SubscriberKey(key)
    };
    let slots = SLOTS.get_or_init(|| {
        println!("before slots: {}", resident());
        let slots = Slots::new(2_000_000);
        for n in 0..SUBSCRIBERS {
            let authorization = AuthorizationId::parse(&format!("authorization-{n}")).unwrap();
            slots.allocate(service, 2, key(n), &authorization, Timestamp(0)).unwrap();
        }
        println!("after slots: {}", resident());
        slots
    });
    let mut n = 0;
    bencher.bench_local(|| {
        n = (n + 7919) % SUBSCRIBERS;
        slots.find(service, Extension::NONE, key(n))
    });
}

/// A device ID whose tag is wrong: nothing is looked up.
#[divan::bench]
fn refuse_a_wrong_tag(bencher: Bencher<'_, '_>) {
    let text = world().strangers[0].as_str();
    let other = format!("{}AAAA", &text[..text.len() - 4]);
    let wrong = [EncryptedDeviceId::parse(&other).unwrap()];
    each(bencher, &wrong);
}

/// A file of numbers for a list, row by row: parsed and hashed.
#[divan::bench(sample_count = 10)]
fn list_of_10000_numbers(bencher: Bencher<'_, '_>) {
    let file: String =
        std::iter::once("msisdn\n".to_owned()).chain((0..10_000).map(|n| format!("199{n:08}\n"))).collect();
    let keys = KeyRing::generate(&[1; 32], &mut feed::entropy()).unwrap();
    bencher.bench_local(|| {
        let mut reader = ListReader::open(file.as_bytes(), &keys).unwrap();
        let mut last = None;
        while let Some(row) = reader.next_row().unwrap() {
            last = Some(row.key);
        }
        last
    });
}
