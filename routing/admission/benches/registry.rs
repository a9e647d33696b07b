//! The registry at the size of a carrier: memory for each authorization, time to register, to look up, to restore, to
//! end an enterprise and to walk over all for a purge. `cargo bench -p veilgate-admission --bench registry -- 2000000`

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement")]

use std::time::{Duration, Instant};

use veilgate_admission::{PlatformProfile, ProofPolicy, Record, Registry, Revoker};
use veilgate_names::{
    AsOf, AuthorizationId, EncryptedDeviceId, EnterpriseId, PlatformId, Pseudonym, Service, ServiceNumber,
    Timestamp,
};
use veilgate_notary::{Authorization, Limits, SecretKey, Spelled};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const CHUNK: usize = 100_000;
const ENTERPRISES: usize = 100;

fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let count: usize = asked.unwrap_or(200_000);
    proofs();
    let registry = Registry::new(2 * count);
    let before = resident();
    let mut spent = Duration::ZERO;
    for start in (0..count).step_by(CHUNK) {
        let chunk: Vec<_> = (start..(start + CHUNK).min(count)).map(authorization).collect();
        let began = Instant::now();
        for authorization in chunk {
            let done = registry.register(authorization, &platform(), &profile(), NOW).unwrap();
            done.authorization.record_is_durable();
        }
        spent += began.elapsed();
    }
    let octets = (resident() - before) / count;
    println!("{count} registered: {} /s, {octets} octets of memory each", rate(count, spent));
    look_up(&registry, count);
    let began = Instant::now();
    let mut steps = 0_u32;
    while usize::try_from(steps).unwrap() < count.div_ceil(10_000) + 1 {
        assert!(registry.purge_step(NOW, 5000).is_empty());
        steps += 1;
    }
    println!("a purge's walk: {steps} steps, {:?} each", began.elapsed() / steps);
    let began = Instant::now();
    let ended = registry.revoke_all(&enterprise(0), &Revoker::Carrier, NOW);
    println!("ending an enterprise with {} authorizations: {:?}", ended.count, began.elapsed());
    drop(registry);
    restore(count);
}

fn look_up(registry: &Registry, count: usize) {
    let keys: Vec<_> =
        (0..CHUNK).map(|n| (n * 7919) % count).map(|n| (id(n), enterprise(n), pseudonym(n))).collect();
    let began = Instant::now();
    for (id, ..) in &keys {
        assert!(registry.by_id(id).is_some());
    }
    let by_id = rate(keys.len(), began.elapsed());
    let began = Instant::now();
    for (_, enterprise, pseudonym) in &keys {
        let held = registry.by_pseudonym(enterprise, pseudonym, NOW).unwrap();
        assert!(registry.check(&held, Service::Sms, None, NOW).is_ok());
    }
    println!("look-ups: {by_id} /s by id, {} /s by pseudonym and checked", rate(keys.len(), began.elapsed()));
}

fn restore(count: usize) {
    let registry = Registry::new(2 * count);
    let mut spent = Duration::ZERO;
    let mut octets = 0;
    for start in (0..count).step_by(CHUNK) {
        let scratch = Registry::new(CHUNK);
        let record =
            |n| scratch.register(authorization(n), &platform(), &profile(), NOW).unwrap().record.unwrap();
        let records: Vec<Record> = (start..(start + CHUNK).min(count)).map(record).collect();
        octets += records.iter().map(|record| record.value.len()).sum::<usize>();
        let began = Instant::now();
        registry.restore(records.iter().map(|record| (record.space, &record.key, &record.value))).unwrap();
        spent += began.elapsed();
    }
    println!(
        "{count} restored: {} /s, {} octets a record before sealing",
        rate(count, spent),
        octets / count
    );
}

fn proofs() {
    let key = SecretKey::from_bytes(&[7; 32]).unwrap();
    let signed = |n| {
        let mut authorization = authorization(n);
        authorization.sign(&key).unwrap();
        authorization
    };
    let (registry, many) = (Registry::new(1000), 500);
    let all: Vec<_> = (0..many).map(signed).collect();
    let strict = PlatformProfile { proof: ProofPolicy::Required(key.public_key()), ..profile() };
    let began = Instant::now();
    for authorization in all {
        registry.register(authorization, &platform(), &strict, NOW).unwrap();
    }
    println!("with a proof each: {} /s on one core", rate(many, began.elapsed()));
}

fn rate(count: usize, spent: Duration) -> u64 {
    let nanos = spent.as_nanos().max(1);
    u64::try_from(u128::try_from(count).unwrap() * 1_000_000_000 / nanos).unwrap()
}

/// Octets of memory the process holds.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn platform() -> PlatformId {
    PlatformId::parse("notary-1").unwrap()
}

fn profile() -> PlatformProfile {
    PlatformProfile { proof: ProofPolicy::Optional(None), short_form_lifetime: Duration::from_secs(3600) }
}

fn id(n: usize) -> AuthorizationId {
    AuthorizationId::parse(&format!("au-{n:010}")).unwrap()
}

fn enterprise(n: usize) -> EnterpriseId {
    EnterpriseId::parse(&format!("ent-{}", n % ENTERPRISES)).unwrap()
}

fn pseudonym(n: usize) -> Pseudonym {
    Pseudonym::parse(&format!("Zk{n:010}")).unwrap()
}

/// A consent as they come: one device (an IMEI, 64 characters of ciphertext), one number, a year.
fn authorization(n: usize) -> Authorization {
    let device = format!("edi1.k1.{:064}", n);
    Authorization {
        authorization_id: id(n),
        enterprise_id: enterprise(n),
        pseudonym: pseudonym(n),
        encrypted_device_ids: vec![EncryptedDeviceId::parse(&device).unwrap()],
        as_of: Spelled::<AsOf>::parse("2026-03-01").unwrap(),
        not_before: NOW.into(),
        expires_at: NOW.plus(Duration::from_secs(31_536_000)).into(),
        services: vec![Service::Sms],
        limits: Limits { sms_per_day: Some(3), ..Limits::default() },
        service_numbers: vec![ServiceNumber::parse("10690001").unwrap()],
        evidence_hash: None,
        proof: None,
    }
}
