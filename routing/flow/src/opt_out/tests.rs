use super::*;

const EVERY: Duration = Duration::from_secs(60);

fn refused(who: u8, number: Option<&str>) -> Refused {
    Refused {
        subscriber: SubscriberKey([who; 16]),
        enterprise: EnterpriseId::parse("ent-1").unwrap(),
        number: number.map(|number| ServiceNumber::parse(number).unwrap()),
    }
}

fn holds(opt_outs: &OptOuts, who: u8, enterprise: &str, number: &str, newest: i64) -> bool {
    let enterprise = EnterpriseId::parse(enterprise).unwrap();
    let number = ServiceNumber::parse(number).unwrap();
    opt_outs.refused_since(SubscriberKey([who; 16]), &enterprise, number, Timestamp(newest))
}

fn fresh(noted: Noted) -> (OptOutRecord, bool) {
    match noted {
        Noted::Fresh { record, confirm } => (record, confirm),
        Noted::Known => panic!("known"),
        Noted::Full => panic!("full"),
    }
}

#[test]
fn it_holds_for_one_person_and_one_enterprise_until_something_newer() {
    let opt_outs = OptOuts::new(10);
    fresh(opt_outs.note(&refused(1, None), false, EVERY, Timestamp(100)));
    assert!(holds(&opt_outs, 1, "ent-1", "10690001", 99));
    assert!(holds(&opt_outs, 1, "ent-1", "10690002", 100));
    assert!(!holds(&opt_outs, 1, "ent-1", "10690001", 101), "a newer authorization");
    assert!(!holds(&opt_outs, 1, "ent-2", "10690001", 0));
    assert!(!holds(&opt_outs, 2, "ent-1", "10690001", 0));
}

#[test]
fn it_may_hold_for_one_number_only() {
    let opt_outs = OptOuts::new(10);
    fresh(opt_outs.note(&refused(1, Some("10690001")), false, EVERY, Timestamp(100)));
    assert!(holds(&opt_outs, 1, "ent-1", "10690001", 0));
    assert!(!holds(&opt_outs, 1, "ent-1", "10690002", 0));
}

#[test]
fn it_is_told_until_that_is_durable_and_then_never_again() {
    let opt_outs = OptOuts::new(10);
    let who = refused(1, None);
    fresh(opt_outs.note(&who, false, EVERY, Timestamp(100)));
    fresh(opt_outs.note(&who, false, EVERY, Timestamp(200)));
    opt_outs.told(&who);
    assert!(matches!(opt_outs.note(&who, false, EVERY, Timestamp(300)), Noted::Known));
    assert!(holds(&opt_outs, 1, "ent-1", "10690001", 200) && !holds(&opt_outs, 1, "ent-1", "10690001", 300));
    fresh(opt_outs.note(&who, true, EVERY, Timestamp(400)));
    assert!(holds(&opt_outs, 1, "ent-1", "10690001", 399), "a second refusal, of the newer authorization");
    assert_eq!(opt_outs.len(), 1);
}

#[test]
fn one_confirmation_in_so_long() {
    let opt_outs = OptOuts::new(10);
    let who = refused(1, None);
    assert!(fresh(opt_outs.note(&who, false, EVERY, Timestamp(1000))).1);
    opt_outs.confirming(&who, Timestamp(1000)).unwrap();
    assert!(!fresh(opt_outs.note(&who, false, EVERY, Timestamp(60_999))).1);
    assert!(fresh(opt_outs.note(&who, false, EVERY, Timestamp(61_000))).1);
}

#[test]
fn records_read_back() {
    let opt_outs = OptOuts::new(10);
    let (whole, one) = (refused(1, None), refused(1, Some("10690001")));
    fresh(opt_outs.note(&whole, false, EVERY, Timestamp(1000)));
    let first = opt_outs.confirming(&whole, Timestamp(1000)).unwrap();
    let (second, _) = fresh(opt_outs.note(&one, false, EVERY, Timestamp(2000)));
    assert_ne!(first.key, second.key);
    let back = OptOuts::new(10);
    for record in [&first, &second] {
        back.restore(&record.key, &record.value).unwrap();
        for cut in 0..record.value.len() {
            assert!(OptOuts::new(1).restore(&record.key, &record.value[..cut]).is_err(), "cut at {cut}");
        }
    }
    assert!(holds(&back, 1, "ent-1", "10690001", 2000) && !holds(&back, 1, "ent-1", "10690002", 2000));
    assert!(matches!(back.note(&whole, false, EVERY, Timestamp(3000)), Noted::Known));
    assert!(!fresh(back.note(&whole, true, EVERY, Timestamp(3000))).1, "the confirmation is remembered");
    assert!(OptOuts::new(0).restore(&first.key, &first.value).is_err(), "bounded");
    assert!(matches!(OptOuts::new(0).note(&whole, false, EVERY, Timestamp(1)), Noted::Full));
}
