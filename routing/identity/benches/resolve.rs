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
use veilgate_identity::{Config, Identity, KeyRing, import};
use veilgate_names::{AsOf, EncryptedDeviceId, KeyId, Timestamp};

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

/// A device ID that decrypts to nothing known: the price of SM4-GCM and base64 alone, as a wrong tag ends it there.
#[divan::bench]
fn refuse_a_wrong_tag(bencher: Bencher<'_, '_>) {
    let text = world().strangers[0].as_str();
    let other = format!("{}AAAA", &text[..text.len() - 4]);
    let wrong = [EncryptedDeviceId::parse(&other).unwrap()];
    each(bencher, &wrong);
}
