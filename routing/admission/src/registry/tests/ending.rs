//! Purging, ending everything of an enterprise, daily limits, and what both enterprises may know.

use super::*;

#[test]
fn an_id_that_is_being_purged_waits_until_its_records_are_deleted() {
    let registry = Registry::new(100);
    registered(&registry, "au-1", "pseudonym-1", NOW).record_is_durable();
    let later = NOW.plus(Duration::from_secs(3601));
    let gone: Vec<_> = (0..9).flat_map(|_| registry.purge_step(later, 10)).collect();
    assert_eq!(gone, [id("au-1")]);
    let again = || registry.register(authorization("au-1", "pseudonym-1"), &platform("p1"), &open(), later);
    assert_eq!(again().unwrap_err(), Reason::QueueFull);
    let revoked = registry.revoke(&gone, &Revoker::Carrier, later).remove(0);
    assert!(revoked.1 == Revoked::Before && revoked.2.is_none(), "its record would meet the deletion");
    registry.purged(&gone);
    assert!(again().is_ok());
}

#[test]
fn a_purge_takes_bounded_steps_and_spares_what_is_not_durable_yet() {
    let registry = Registry::new(20_000);
    for index in 0..10_000 {
        let held = registered(&registry, &format!("au-{index}"), &format!("pseudonym-{index}"), NOW);
        if index != 5 {
            held.record_is_durable();
        }
    }
    let (mut gone, mut steps) = (0, 0);
    while gone < 9_999 {
        let step = registry.purge_step(NOW.plus(Duration::from_secs(3601)), 4);
        assert!(step.len() <= 4);
        registry.purged(&step);
        gone += step.len();
        steps += 1;
        assert!(steps < 10_000, "{gone} gone");
    }
    assert_eq!(registry.len(), 1);
    let enterprise = EnterpriseId::parse("ent-1").unwrap();
    let found = |index: u32| {
        let pseudonym = Pseudonym::parse(&format!("pseudonym-{index}")).unwrap();
        registry.by_pseudonym(&enterprise, &pseudonym, NOW).is_some()
    };
    assert!(found(5) && !found(6));
}

/// A-6.1.1.6-1: an enterprise's authorizations end at once, however many, by one record a notary.
//= ASCS A-6.1.1.6-1
//= type=test
#[test]
fn everything_of_an_enterprise_ends_at_once() {
    let registry = Registry::new(1000);
    let (p1, p2, ent_2) = (platform("p1"), platform("p2"), EnterpriseId::parse("ent-2").unwrap());
    let ent_1 = EnterpriseId::parse("ent-1").unwrap();
    let mut held = Vec::new();
    for index in 0..50 {
        held.push(registered(&registry, &format!("au-{index}"), &format!("pseudonym-{index}"), NOW));
    }
    // One that was registered while the clock was ahead.
    let ahead = NOW.plus(Duration::from_secs(86_400));
    held.push(registered(&registry, "au-ahead", "pseudonym-ahead", ahead));
    let of_p2 = registry.register(authorization("p2-1", "pseudonym-p2"), &p2, &open(), NOW).unwrap();
    let mut other = authorization("other", "pseudonym-other");
    other.enterprise_id = ent_2.clone();
    let other = registry.register(other, &p1, &open(), NOW).unwrap().authorization;
    registry.revoke([&id("au-7")], &Revoker::Carrier, NOW);

    let by_p1 = registry.revoke_all(&ent_1, &Revoker::Platform(p1.clone()), NOW);
    assert_eq!((by_p1.count, by_p1.records.len()), (50, 1));
    assert!(
        held.iter().all(|held| held.is_revoked() && sms(&registry, held, NOW) == Err(Reason::AuthRevoked))
    );
    assert_eq!(sms(&registry, &of_p2.authorization, NOW), Ok(()));
    assert_eq!(sms(&registry, &other, NOW), Ok(()));
    let later = NOW.plus(Duration::from_secs(60));
    assert_eq!(registry.ended_at(&held[0], later), Some(later), "the mark is as late as the clock was");
    assert_eq!(
        registry.ended_at(&held[0], ahead),
        Some(NOW.plus(Duration::from_secs(3600))),
        "it expired before"
    );
    assert_eq!(registry.ended_at(&held[7], later), Some(NOW), "by itself, before");
    let by_carrier = registry.revoke_all(&ent_1, &Revoker::Carrier, NOW);
    assert_eq!((by_carrier.count, by_carrier.records.len()), (1, 2), "only p2's were left");
    assert_eq!(registry.revoke_all(&ent_1, &Revoker::Carrier, NOW).count, 0);
    assert_eq!(registry.revoke([&id("au-3")], &Revoker::Carrier, NOW).remove(0).1, Revoked::Before);
    assert_eq!(sms(&registry, &other, NOW), Ok(()));

    // What ended does not come back under its id; new consent counts, even at the same instant or a clock behind.
    let back = registry.register(authorization("au-1", "pseudonym-1"), &p1, &open(), NOW);
    assert_eq!(back.unwrap_err(), Reason::AuthRevoked);
    let fresh = registered(&registry, "au-new", "pseudonym-1", NOW);
    assert!(sms(&registry, &fresh, NOW).is_ok() && fresh.registered_at() > ahead);
    assert_eq!(registry.revoke_all(&ent_1, &Revoker::Carrier, NOW).count, 1);
    assert!(fresh.is_revoked());
}

#[test]
fn the_end_of_an_enterprise_comes_back_from_its_records() {
    let registry = Registry::new(1000);
    let ent_1 = EnterpriseId::parse("ent-1").unwrap();
    let old = registry.register(authorization("au-1", "pseudonym-1"), &platform("p1"), &open(), NOW).unwrap();
    let mut records: Vec<Record> = old.record.into_iter().collect();
    records.extend(registry.revoke_all(&ent_1, &Revoker::Carrier, NOW).records);
    let new = registry.register(authorization("au-2", "pseudonym-1"), &platform("p1"), &open(), NOW).unwrap();
    records.extend(new.record);
    assert_eq!(records.len(), 3);
    for _ in 0..2 {
        let back = Registry::new(1000);
        back.restore(records.iter().map(|record| (record.space, &record.key, &record.value))).unwrap();
        let is_revoked = |name| back.by_id(&id(name)).unwrap().is_revoked();
        assert!(is_revoked("au-1") && !is_revoked("au-2"));
        let barred = back.register(authorization("au-1", "pseudonym-1"), &platform("p1"), &open(), NOW);
        assert_eq!(barred.unwrap_err(), Reason::AuthRevoked);
        records.reverse();
    }
}

//= ASCS A-6.2.2.1-1
//= type=test
#[test]
fn a_notary_gives_a_pseudonym_to_one_enterprise_only() {
    let registry = Registry::new(100);
    registered(&registry, "au-1", "pseudonym-1", NOW);
    let mut elsewhere = authorization("au-2", "pseudonym-1");
    elsewhere.enterprise_id = EnterpriseId::parse("ent-2").unwrap();
    let refused = registry.register(elsewhere.clone(), &platform("p1"), &open(), NOW);
    assert_eq!(refused.unwrap_err(), Reason::Schema);
    assert!(registry.by_id(&id("au-2")).is_none() && registry.len() == 1);
    let mut moved = authorization("au-1", "pseudonym-1");
    moved.enterprise_id = elsewhere.enterprise_id.clone();
    assert_eq!(registry.register(moved, &platform("p1"), &open(), NOW).unwrap_err(), Reason::Schema);
    elsewhere.pseudonym = Pseudonym::parse("pseudonym-2").unwrap();
    assert!(registry.register(elsewhere, &platform("p1"), &open(), NOW).is_ok());
}

//= ASCS A-6.1.1.1-1
//= type=test
#[test]
fn messages_a_day_are_counted_over_replacements_and_restarts() {
    let registry = Registry::new(100);
    let mut content = authorization("au-1", "pseudonym-1");
    content.limits.sms_per_day = Some(2);
    let first = registry.register(content.clone(), &platform("p1"), &open(), NOW).unwrap();
    let (held, mut records) = (first.authorization, vec![first.record.unwrap()]);
    let count = |held: &Arc<Registered>| registry.count_sms(held, NOW);
    records.push(count(&held).unwrap().record.unwrap());
    // Other content under the same id is no new allowance.
    content.services.push(Service::Voice);
    registry.register(content, &platform("p1"), &open(), NOW).unwrap();
    let second = count(&held).unwrap();
    assert_eq!(count(&held).unwrap_err(), Reason::FreqAuth);
    assert_eq!(registry.check_sms_left(&held, NOW), Err(Reason::FreqAuth));
    records.push(second.record.unwrap());
    let back = Registry::new(100);
    back.restore(records.iter().map(|record| (record.space, &record.key, &record.value))).unwrap();
    let held_again = back.by_id(&id("au-1")).unwrap();
    assert_eq!(back.count_sms(&held_again, NOW).unwrap_err(), Reason::FreqAuth);
    registry.uncount_sms(&held, second.day);
    assert!(count(&held).is_ok());
    let free = registered(&registry, "au-2", "pseudonym-2", NOW);
    assert!((0..100).all(|_| registry.count_sms(&free, NOW).unwrap().record.is_none()));
}

#[test]
fn what_was_prepared_meets_what_came_in_between() {
    let registry = Registry::new(100);
    let (p1, p2) = (platform("p1"), platform("p2"));
    let prepare = |name| registry.prepare(signed(name, "pseudonym-1"), &p1, &strict()).ok().unwrap();
    let (revoked, taken, twice) = (prepare("au-1"), prepare("au-2"), prepare("au-3"));
    assert!(registry.is_empty());
    registry.revoke([&id("au-1")], &Revoker::Carrier, NOW);
    assert_eq!(registry.register_prepared(revoked, NOW).unwrap_err(), Reason::AuthRevoked);
    registry.register(authorization("au-2", "pseudonym-9"), &p2, &open(), NOW).unwrap();
    assert_eq!(registry.register_prepared(taken, NOW).unwrap_err(), Reason::NotPermitted);
    let first = registry.register_prepared(twice, NOW).unwrap();
    let known = prepare("au-3");
    assert_eq!(registry.register_prepared(known, NOW).unwrap().record, first.record);
    let known = prepare("au-3");
    registry.revoke([&id("au-3")], &Revoker::Carrier, NOW);
    assert_eq!(registry.register_prepared(known, NOW).unwrap_err(), Reason::AuthRevoked);
}
