use std::time::Duration;

use proptest::prelude::*;
use veilgate_names::{AsOf, EncryptedDeviceId};
use veilgate_notary::{Limits, SecretKey, Spelled, Window};

use super::*;

mod ending;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn id(text: &str) -> AuthorizationId {
    AuthorizationId::parse(text).unwrap()
}

fn platform(text: &str) -> PlatformId {
    PlatformId::parse(text).unwrap()
}

fn number(text: &str) -> ServiceNumber {
    ServiceNumber::parse(text).unwrap()
}

fn key() -> SecretKey {
    SecretKey::from_bytes(&[7; 32]).unwrap()
}

fn profile(proof: ProofPolicy) -> PlatformProfile {
    PlatformProfile { proof, short_form_lifetime: Duration::from_secs(86_400) }
}

fn open() -> PlatformProfile {
    profile(ProofPolicy::Optional(None))
}

fn strict() -> PlatformProfile {
    profile(ProofPolicy::Required(key().public_key()))
}

fn authorization(name: &str, pseudonym: &str) -> Authorization {
    Authorization {
        authorization_id: id(name),
        enterprise_id: EnterpriseId::parse("ent-1").unwrap(),
        pseudonym: Pseudonym::parse(pseudonym).unwrap(),
        encrypted_device_ids: vec![EncryptedDeviceId::parse("edi1.k1.AAAA").unwrap()],
        as_of: Spelled::<AsOf>::parse("2026-03-01").unwrap(),
        not_before: NOW.into(),
        expires_at: NOW.plus(Duration::from_secs(3600)).into(),
        services: vec![Service::Sms],
        limits: Limits::default(),
        service_numbers: vec![number("10690001")],
        evidence_hash: None,
        proof: None,
    }
}

fn signed(name: &str, pseudonym: &str) -> Authorization {
    let mut authorization = authorization(name, pseudonym);
    authorization.sign(&key()).unwrap();
    authorization
}

fn registered(registry: &Registry, name: &str, pseudonym: &str, at: Timestamp) -> Arc<Registered> {
    registry.register(authorization(name, pseudonym), &platform("p1"), &open(), at).unwrap().authorization
}

/// Goes once over everything; the deletions have ended when it returns.
fn purge(registry: &Registry, before: Timestamp) -> Vec<AuthorizationId> {
    let steps = (0..9).map(|_| registry.purge_step(before, 1000));
    let gone: Vec<_> = steps.flatten().collect();
    registry.purged(&gone);
    gone
}

fn sms(registry: &Registry, held: &Arc<Registered>, at: Timestamp) -> Result<(), Reason> {
    registry.check(held, Service::Sms, Some(number("10690001")), at)
}

//= ASCS A-4-1
//= type=test
#[test]
fn a_required_proof_must_be_there_and_right() {
    let registry = Registry::new(100);
    let p1 = platform("p1");
    let unproved = registry.register(authorization("au-1", "pseudonym-1"), &p1, &strict(), NOW);
    assert_eq!(unproved.unwrap_err(), Reason::AuthInvalid);
    let mut altered = signed("au-1", "pseudonym-1");
    altered.pseudonym = Pseudonym::parse("pseudonym-2").unwrap();
    assert_eq!(registry.register(altered, &p1, &strict(), NOW).unwrap_err(), Reason::AuthInvalid);
    assert!(registry.is_empty());
    let done = registry.register(signed("au-1", "pseudonym-1"), &p1, &strict(), NOW).unwrap();
    assert!(done.authorization.is_proved() && done.record.is_some());
}

#[test]
fn an_optional_proof_is_checked_where_it_is_there() {
    let registry = Registry::new(100);
    let optional =
        profile(ProofPolicy::Optional(Some(SecretKey::from_bytes(&[8; 32]).unwrap().public_key())));
    let p1 = platform("p1");
    let wrong = registry.register(signed("au-1", "pseudonym-1"), &p1, &optional, NOW);
    assert_eq!(wrong.unwrap_err(), Reason::AuthInvalid);
    assert!(registry.register(authorization("au-1", "pseudonym-1"), &p1, &optional, NOW).is_ok());
}

#[test]
fn the_same_content_again_writes_nothing() {
    let registry = Registry::new(100);
    let p1 = platform("p1");
    let first = registry.register(signed("au-1", "pseudonym-1"), &p1, &strict(), NOW).unwrap();
    let early = registry.register(signed("au-1", "pseudonym-1"), &p1, &strict(), NOW).unwrap();
    assert_eq!(early.record, first.record, "until it is durable, everybody stores it");
    first.authorization.record_is_durable();
    let again = registry.register(signed("au-1", "pseudonym-1"), &p1, &strict(), NOW).unwrap();
    assert!(again.record.is_none());
    assert!(Arc::ptr_eq(&first.authorization, &again.authorization));
}

#[test]
fn content_taken_unproved_is_proved_once_the_profile_asks() {
    let registry = Registry::new(100);
    let p1 = platform("p1");
    registry.register(signed("au-1", "pseudonym-1"), &p1, &open(), NOW).unwrap();
    let proved = registry.register(signed("au-1", "pseudonym-1"), &p1, &strict(), NOW).unwrap();
    assert!(proved.authorization.is_proved() && proved.record.is_some());
    let weaker = registry.register(authorization("au-1", "pseudonym-1"), &p1, &open(), NOW);
    assert_eq!(weaker.unwrap_err(), Reason::AuthInvalid);
}

#[test]
fn every_difference_is_other_content() {
    let base = authorization("au-1", "pseudonym-1");
    let digest = content_digest(&base);
    let changes: [fn(&mut Authorization); 8] = [
        |a| a.encrypted_device_ids.push(EncryptedDeviceId::parse("edi1.k1.BBBB").unwrap()),
        |a| a.services.push(Service::Voice),
        |a| a.limits.sms_per_day = Some(0),
        |a| a.limits.calls_per_day = Some(0),
        |a| a.limits.window = Some(Window::parse("09:00-20:00").unwrap()),
        |a| a.service_numbers.clear(),
        |a| a.service_numbers = vec![number("1069"), number("0001")],
        |a| a.sign(&key()).unwrap(),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut other = base.clone();
        change(&mut other);
        assert_ne!(content_digest(&other), digest, "change {index}");
    }
}

#[test]
fn an_id_belongs_to_the_platform_that_registered_it() {
    let registry = Registry::new(100);
    registered(&registry, "au-1", "pseudonym-1", NOW);
    let other = registry.register(authorization("au-1", "pseudonym-1"), &platform("p2"), &open(), NOW);
    assert_eq!(other.unwrap_err(), Reason::NotPermitted);
    let p2 = Revoker::Platform(platform("p2"));
    let (_, outcome, record) = registry.revoke([&id("au-1")], &p2, NOW).remove(0);
    assert_eq!((outcome, record), (Revoked::NotPermitted, None));
    assert!(!registry.by_id(&id("au-1")).unwrap().is_revoked());
}

#[test]
fn replaced_content_is_what_holders_are_judged_by() {
    let registry = Registry::new(100);
    let old = registered(&registry, "au-1", "pseudonym-1", NOW);
    let mut narrower = authorization("au-1", "pseudonym-2");
    narrower.services = vec![Service::Voice];
    let new = registry.register(narrower, &platform("p1"), &open(), NOW).unwrap().authorization;
    assert!(old.is_replaced() && Arc::ptr_eq(&registry.current(&old), &new));
    assert_eq!(sms(&registry, &old, NOW), Err(Reason::AuthScope));
    let enterprise = EnterpriseId::parse("ent-1").unwrap();
    assert!(registry.by_pseudonym(&enterprise, old.pseudonym(), NOW).is_none());
    assert!(registry.by_pseudonym(&enterprise, new.pseudonym(), NOW).is_some());
    registry.revoke([&id("au-1")], &Revoker::Carrier, NOW);
    assert_eq!(sms(&registry, &old, NOW), Err(Reason::AuthRevoked));
    assert_eq!(registry.len(), 1);
}

//= ASCS A-6.1.1.6-1
//= type=test
#[test]
fn a_revocation_is_seen_by_every_holder_at_once_and_for_good() {
    let registry = Registry::new(100);
    let held = registered(&registry, "au-1", "pseudonym-1", NOW);
    assert_eq!(sms(&registry, &held, NOW), Ok(()));
    let p1 = Revoker::Platform(platform("p1"));
    let (_, outcome, record) = registry.revoke([&id("au-1")], &p1, NOW).remove(0);
    assert_eq!(outcome, Revoked::Now);
    assert_eq!(sms(&registry, &held, NOW), Err(Reason::AuthRevoked));
    let (_, outcome, again) = registry.revoke([&id("au-1")], &p1, NOW.plus(Duration::from_secs(9))).remove(0);
    assert_eq!((outcome, again), (Revoked::Before, record));
    let back = registry.register(authorization("au-1", "pseudonym-1"), &platform("p1"), &open(), NOW);
    assert_eq!(back.unwrap_err(), Reason::AuthRevoked);
    purge(&registry, Timestamp(i64::MAX));
    let back = registry.register(authorization("au-1", "pseudonym-1"), &platform("p1"), &open(), NOW);
    assert_eq!(back.unwrap_err(), Reason::AuthRevoked);
    let fresh = registered(&registry, "au-2", "pseudonym-1", NOW);
    assert_eq!(sms(&registry, &fresh, NOW), Ok(()));
}

#[test]
fn an_unknown_id_once_revoked_cannot_be_registered() {
    let registry = Registry::new(100);
    let (p1, p2) = (platform("p1"), platform("p2"));
    let by = |p: &PlatformId| Revoker::Platform(p.clone());
    let (_, outcome, record) = registry.revoke([&id("au-1")], &by(&p1), NOW).remove(0);
    assert!(outcome == Revoked::Unknown && record.is_some());
    assert_eq!(registry.revoke([&id("au-1")], &by(&p1), NOW).remove(0).1, Revoked::Before);
    let refused = registry.register(authorization("au-1", "pseudonym-1"), &p1, &open(), NOW);
    assert_eq!(refused.unwrap_err(), Reason::AuthRevoked);
    // Another platform's word does not bar p2, and does not lift what p1 said.
    let held = registry.register(authorization("au-1", "pseudonym-1"), &p2, &open(), NOW).unwrap();
    held.authorization.record_is_durable();
    assert_eq!(registry.revoke([&id("au-1")], &by(&p2), NOW).remove(0).1, Revoked::Now);
    purge(&registry, Timestamp(i64::MAX));
    for platform in [&p1, &p2] {
        let refused = registry.register(authorization("au-1", "pseudonym-1"), platform, &open(), NOW);
        assert_eq!(refused.unwrap_err(), Reason::AuthRevoked);
    }
}

//= ASCS A-6.1.1.1-2
//= type=test
#[test]
fn it_holds_from_its_beginning_to_before_its_end() {
    let registry = Registry::new(100);
    let held = registered(&registry, "au-1", "pseudonym-1", NOW);
    assert_eq!(sms(&registry, &held, Timestamp(NOW.0 - 1)), Err(Reason::AuthExpired));
    assert_eq!(sms(&registry, &held, NOW), Ok(()));
    let end = held.expires_at();
    assert_eq!(sms(&registry, &held, Timestamp(end.0 - 1)), Ok(()));
    assert_eq!(sms(&registry, &held, end), Err(Reason::AuthExpired));
}

#[test]
fn service_number_and_time_of_day_are_covered_or_not() {
    let registry = Registry::new(100);
    let mut agreed = authorization("au-1", "pseudonym-1");
    agreed.limits.window = Some(Window::parse("09:00-20:00").unwrap());
    agreed.not_before = Spelled::<Timestamp>::parse("2026-03-01").unwrap();
    agreed.expires_at = Spelled::<Timestamp>::parse("2026-03-02").unwrap();
    let held = registry.register(agreed, &platform("p1"), &open(), NOW).unwrap().authorization;
    let at = |time| Timestamp::parse(time).unwrap();
    let noon = at("2026-03-01T12:00:00");
    assert_eq!(sms(&registry, &held, noon), Ok(()));
    assert_eq!(registry.check(&held, Service::Sms, None, noon), Ok(()));
    assert_eq!(registry.check(&held, Service::Voice, None, noon), Err(Reason::AuthScope));
    assert_eq!(registry.check(&held, Service::Sms, Some(number("10690002")), noon), Err(Reason::AuthScope));
    assert_eq!(sms(&registry, &held, at("2026-03-01T08:59:59")), Err(Reason::WindowAuth));
    assert_eq!(sms(&registry, &held, at("2026-03-01T20:00:00")), Err(Reason::WindowAuth));
}

#[test]
fn the_newest_live_authorization_has_the_pseudonym() {
    let registry = Registry::new(100);
    let enterprise = EnterpriseId::parse("ent-1").unwrap();
    let pseudonym = Pseudonym::parse("pseudonym-1").unwrap();
    let later = |seconds| NOW.plus(Duration::from_secs(seconds));
    for (index, name) in ["au-1", "au-2", "au-3"].into_iter().enumerate() {
        registered(&registry, name, "pseudonym-1", later(index as u64));
    }
    let found = |at| registry.by_pseudonym(&enterprise, &pseudonym, at).unwrap().id().to_string();
    assert_eq!(found(later(9)), "au-3");
    registry.revoke([&id("au-3")], &Revoker::Carrier, NOW);
    assert_eq!(found(later(9)), "au-2");
    registry.revoke([&id("au-2"), &id("au-1")], &Revoker::Carrier, NOW);
    assert_eq!(found(later(9)), "au-3");
    let other = EnterpriseId::parse("ent-2").unwrap();
    assert!(registry.by_pseudonym(&other, &pseudonym, NOW).is_none());
    assert!(registry.by_platform_pseudonym(&platform("p1"), &pseudonym, NOW).is_some());
    assert!(registry.by_platform_pseudonym(&platform("p2"), &pseudonym, NOW).is_none());
}

#[test]
fn a_pseudonym_that_two_notaries_use_for_one_enterprise_means_nobody() {
    let registry = Registry::new(100);
    let enterprise = EnterpriseId::parse("ent-1").unwrap();
    let pseudonym = Pseudonym::parse("pseudonym-1").unwrap();
    registered(&registry, "au-1", "pseudonym-1", NOW);
    registry.register(authorization("au-2", "pseudonym-1"), &platform("p2"), &open(), NOW).unwrap();
    assert!(registry.by_pseudonym(&enterprise, &pseudonym, NOW).is_none());
    let own = registry.by_platform_pseudonym(&platform("p2"), &pseudonym, NOW).unwrap();
    assert_eq!(own.id(), &id("au-2"));
    registry.revoke([&id("au-2")], &Revoker::Carrier, NOW);
    assert_eq!(registry.by_pseudonym(&enterprise, &pseudonym, NOW).unwrap().id(), &id("au-1"));
}

#[test]
fn one_pseudonym_refers_to_a_bounded_number() {
    let registry = Registry::new(100);
    for index in 0..50_u64 {
        registered(&registry, &format!("au-{index}"), "pseudonym-1", NOW.plus(Duration::from_secs(index)));
    }
    let enterprise = EnterpriseId::parse("ent-1").unwrap();
    let pseudonym = Pseudonym::parse("pseudonym-1").unwrap();
    let found = registry.by_pseudonym(&enterprise, &pseudonym, NOW.plus(Duration::from_secs(99))).unwrap();
    assert_eq!(found.id(), &id("au-49"));
    let ids: Vec<_> = (42..50).map(|index| id(&format!("au-{index}"))).collect();
    registry.revoke(&ids, &Revoker::Carrier, NOW);
    assert!(registry.by_pseudonym(&enterprise, &pseudonym, NOW).unwrap().is_revoked());
    assert!(registry.by_id(&id("au-0")).is_some());
}

#[test]
fn the_short_form_registers_where_no_proof_is_asked_and_refers_otherwise() {
    let registry = Registry::new(100);
    let full = authorization("au-1", "pseudonym-1");
    let p1 = platform("p1");
    let form = ShortForm {
        authorization_id: &full.authorization_id,
        enterprise_id: &full.enterprise_id,
        pseudonym: &full.pseudonym,
        device: &full.encrypted_device_ids[0],
        as_of: full.as_of.value(),
    };
    assert_eq!(registry.register_short(form, &p1, &strict(), NOW).unwrap_err(), Reason::AuthInvalid);
    let first = registry.register_short(form, &p1, &open(), NOW).unwrap();
    assert!(first.record.is_some());
    assert_eq!(registry.check(&first.authorization, Service::Sms, None, NOW), Ok(()));
    assert_eq!(registry.check(&first.authorization, Service::Voice, None, NOW), Err(Reason::AuthScope));
    first.authorization.record_is_durable();
    let again = registry.register_short(form, &p1, &open(), NOW.plus(Duration::from_secs(60))).unwrap();
    assert!(again.record.is_none() && Arc::ptr_eq(&first.authorization, &again.authorization));
    let renewed = registry.register_short(form, &p1, &open(), NOW.plus(Duration::from_secs(86_400))).unwrap();
    assert!(renewed.record.is_some() && first.authorization.is_replaced());
    assert_eq!(renewed.authorization.as_of(), full.as_of.value());
    let instant = ShortForm { as_of: AsOf::At(NOW), ..form };
    let other = registry.register_short(instant, &p1, &open(), NOW).unwrap();
    assert_eq!(other.authorization.as_of(), AsOf::At(NOW));

    let full = registry.register(signed("au-1", "pseudonym-1"), &p1, &strict(), NOW).unwrap();
    full.authorization.record_is_durable();
    assert!(registry.register_short(form, &p1, &strict(), NOW).unwrap().record.is_none());
    let device = EncryptedDeviceId::parse("edi1.k1.BBBB").unwrap();
    let other = ShortForm { device: &device, ..form };
    assert_eq!(registry.register_short(other, &p1, &open(), NOW).unwrap_err(), Reason::AuthInvalid);
    assert_eq!(
        registry.register_short(form, &platform("p2"), &open(), NOW).unwrap_err(),
        Reason::NotPermitted
    );
    registry.revoke([form.authorization_id], &Revoker::Carrier, NOW);
    assert_eq!(registry.register_short(form, &p1, &open(), NOW).unwrap_err(), Reason::AuthRevoked);
}

#[test]
fn records_bring_everything_back_in_any_order() {
    let registry = Registry::new(100);
    let mut records = Vec::new();
    for index in 0..6 {
        let authorization = signed(&format!("au-{index}"), &format!("pseudonym-{index}"));
        let done = registry.register(authorization, &platform("p1"), &strict(), NOW).unwrap();
        records.push(done.record.unwrap());
    }
    let p1 = Revoker::Platform(platform("p1"));
    let ids = [id("au-0"), id("au-1"), id("au-unknown")];
    records.extend(registry.revoke(&ids, &p1, NOW).into_iter().map(|(_, _, record)| record.unwrap()));
    for backwards in [false, true] {
        if backwards {
            records.reverse();
        }
        let restored = Registry::new(100);
        let count = restored.restore(records.iter().map(|r| (r.space, &r.key, &r.value))).unwrap();
        assert_eq!(count, Restored { authorizations: 6, revocations: 3 });
        for index in 0..6 {
            let held = restored.by_id(&id(&format!("au-{index}"))).unwrap();
            assert_eq!(held.is_revoked(), index < 2);
            assert!(held.is_proved() && held.registered_at() == NOW && *held.platform() == platform("p1"));
            let again = signed(&format!("au-{index}"), &format!("pseudonym-{index}"));
            let again = restored.register(again, &platform("p1"), &strict(), NOW);
            assert_eq!(again.map(|done| done.record).err(), (index < 2).then_some(Reason::AuthRevoked));
        }
        let barred = restored.register(signed("au-unknown", "pseudonym-9"), &platform("p1"), &strict(), NOW);
        assert_eq!(barred.unwrap_err(), Reason::AuthRevoked);
    }
}

#[test]
fn capacity_is_bounded_and_purging_makes_room() {
    let registry = Registry::new(3);
    for index in 0..3 {
        registered(&registry, &format!("au-{index}"), "pseudonym-1", NOW).record_is_durable();
    }
    let more = registry.register(authorization("au-9", "pseudonym-1"), &platform("p1"), &open(), NOW);
    assert_eq!(more.unwrap_err(), Reason::QueueFull);
    assert!(purge(&registry, NOW).is_empty());
    assert_eq!(purge(&registry, NOW.plus(Duration::from_secs(3601))).len(), 3);
    assert!(registry.is_empty());
    registered(&registry, "au-9", "pseudonym-1", NOW);
    for index in 0..9 {
        let name = id(&format!("unknown-{index}"));
        let outcome = registry.revoke([&name], &Revoker::Carrier, NOW).remove(0).1;
        assert_eq!(outcome, if index < 3 { Revoked::Unknown } else { Revoked::Full });
    }
    assert_eq!(registry.revoke([&id("au-9")], &Revoker::Carrier, NOW).remove(0).1, Revoked::Now);
}

#[test]
fn common_terms_are_kept_once() {
    let registry = Registry::new(10_000);
    for index in 0..5000 {
        registered(&registry, &format!("au-{index}"), &format!("pseudonym-{index}"), NOW);
    }
    assert_eq!(registry.pool.len(), 1);
}

#[test]
fn a_revocation_wins_over_registrations_on_other_threads() {
    let registry = Registry::new(10_000);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let registry = &registry;
            scope.spawn(move || {
                for index in 0..500_u64 {
                    let at = NOW.plus(Duration::from_millis(thread * 500 + index));
                    let mut content = authorization(&format!("au-{}", index % 50), "pseudonym-1");
                    content.limits.sms_per_day = u32::try_from(thread * 500 + index).ok();
                    let _ = registry.register(content, &platform("p1"), &open(), at);
                    if index >= 450 {
                        registry.revoke([&id(&format!("au-{}", index % 50))], &Revoker::Carrier, at);
                    }
                }
            });
        }
    });
    assert_eq!(registry.len(), 50);
    for index in 0..50 {
        assert!(registry.by_id(&id(&format!("au-{index}"))).unwrap().is_revoked());
    }
}

/// What the registry should know, kept the slow way.
#[derive(Default)]
struct Model {
    held: Vec<(u8, u8, Timestamp, bool)>,
    barred: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Step {
    Register { id: u8, pseudonym: u8, lasts: u64 },
    Revoke { id: u8 },
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..12, 0_u8..4, 1_u64..60)
            .prop_map(|(id, pseudonym, lasts)| Step::Register { id, pseudonym, lasts }),
        2 => (0_u8..12).prop_map(|id| Step::Revoke { id }),
        1 => Just(Step::Purge),
    ]
}

fn take(registry: &Registry, model: &mut Model, step: &Step, now: Timestamp) {
    match *step {
        Step::Register { id: name, pseudonym, lasts } => {
            let mut content = authorization(&format!("au-{name}"), &format!("pseudonym-{pseudonym}"));
            content.expires_at = now.plus(Duration::from_secs(lasts)).into();
            content.not_before = now.into();
            let expires_at = content.expires_at.value();
            let done = registry.register(content, &platform("p1"), &open(), now);
            assert_eq!(done.is_ok(), !model.barred.contains(&name));
            if let Ok(done) = done {
                done.authorization.record_is_durable();
                model.held.retain(|(held, ..)| *held != name);
                model.held.push((name, pseudonym, expires_at, true));
            }
        }
        Step::Revoke { id: name } => {
            registry.revoke([&id(&format!("au-{name}"))], &Revoker::Carrier, now);
            model.barred.push(name);
            model.held.iter_mut().filter(|(held, ..)| *held == name).for_each(|held| held.3 = false);
        }
        Step::Purge => {
            purge(registry, now);
            model.held.retain(|(_, _, expires_at, _)| *expires_at >= now);
        }
    }
}

proptest! {
    #[test]
    fn the_registry_agrees_with_a_list(steps in prop::collection::vec(step(), 1..60)) {
        let (registry, mut model) = (Registry::new(100), Model::default());
        let enterprise = EnterpriseId::parse("ent-1").unwrap();
        for (index, step) in steps.iter().enumerate() {
            let now = NOW.plus(Duration::from_secs(index as u64));
            take(&registry, &mut model, step, now);
            prop_assert_eq!(registry.len(), model.held.len());
            for name in 0_u8..12 {
                let held = registry.by_id(&id(&format!("au-{name}")));
                let live = held.map(|held| registry.check(&held, Service::Sms, None, now).is_ok());
                let expected = model.held.iter().find(|(held, ..)| *held == name);
                prop_assert_eq!(live, expected.map(|(_, _, expires_at, active)| *active && now < *expires_at));
            }
            for pseudonym in 0_u8..4 {
                let text = Pseudonym::parse(&format!("pseudonym-{pseudonym}")).unwrap();
                let found = registry.by_pseudonym(&enterprise, &text, now).map(|held| held.id().to_string());
                let newest_live = model.held.iter().rev().find(|(_, held, expires_at, active)| {
                    *held == pseudonym && *active && now < *expires_at
                });
                let newest = model.held.iter().rev().find(|(_, held, ..)| *held == pseudonym);
                let expected = newest_live.or(newest).map(|(name, ..)| format!("au-{name}"));
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn damaged_records_are_refused_and_never_panic(at in 0_usize..400, octet in any::<u8>(), cut in any::<bool>()) {
        let stored = Stored {
            authorization: signed("au-1", "pseudonym-1"), platform: platform("p1"), registered_at: NOW,
            proved: true, short: false,
        };
        let mut record = stored.encode();
        let at = at % record.value.len();
        if cut { record.value.truncate(at) } else { record.value[at] = octet }
        let result = Registry::new(9).restore([(record.space, &record.key, &record.value)]);
        prop_assert!(!cut || result.is_err());
        let revocation = [(RecordSpace::Revocation, &record.key, &record.value)];
        let _ = Registry::new(9).restore(revocation);
    }
}
