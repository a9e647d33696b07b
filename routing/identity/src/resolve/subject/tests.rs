use crate::carrier::*;
use veilgate_names::AsOf;

/// One number that changed hands in June; the first holder's device, and the second's.
fn changed_hands() -> (String, String) {
    let (mut bindings, mut tenures) = (BINDINGS.to_owned(), TENURES.to_owned());
    tenures.push_str("19900000001,ann,2024-01-01,2025-06-01,own,active\n");
    tenures.push_str("19900000001,bob,2025-06-10,,own,active\n");
    bindings.push_str("imsi,460000000000001,19900000001,2024-01-01,2025-06-01,1\n");
    bindings.push_str("imsi,460000000000002,19900000001,2025-06-10,,1\n");
    (bindings, tenures)
}

#[test]
fn a_number_belongs_to_its_holder_of_the_day() {
    let keys = keys();
    let (bindings, tenures) = changed_hands();
    let identity = identity(&keys, &bindings, &tenures);
    let now = at(NOW);
    let holder = |number: &str, day: &str| identity.holder_of(number, as_of(day));
    let (ann, bob) = (holder("19900000001", "2025-03-01"), holder("19900000001", "2025-07-01"));
    assert!(ann.is_some() && bob.is_some() && ann != bob);
    for spelling in ["+8619900000001", "008619900000001", "8619900000001", " 19900000001\n", "019900000001"] {
        assert_eq!(identity.holder_of(spelling, AsOf::At(now)), bob, "{spelling}");
    }
    assert_eq!(holder("19900000001", "2025-06-05"), None, "in quarantine");
    for nobody in ["19900000002", "", "1990000000１", "not a number", "+", "0"] {
        assert_eq!(identity.holder_of(nobody, AsOf::At(now)), None, "{nobody}");
    }
}

#[test]
fn device_ids_mean_a_person_also_when_they_may_not_be_contacted() {
    let keys = keys();
    let (bindings, tenures) = changed_hands();
    let identity = identity(&keys, &bindings, &tenures);
    let now = at(NOW);
    let ann = identity.holder_of("19900000001", as_of("2025-03-01")).unwrap();
    let bob = identity.holder_of("19900000001", AsOf::At(now)).unwrap();
    let notary = veilgate_names::PlatformId::parse("notary-1").unwrap();
    let (hers, his) = (edi("imsi:460000000000001"), edi("imsi:460000000000002"));
    let day = as_of("2025-03-01");
    assert!(
        identity.resolve(std::slice::from_ref(&hers), day, now).is_err(),
        "the number is another's by now"
    );
    assert!(identity.means(&notary, std::slice::from_ref(&hers), day, ann, now));
    assert!(!identity.means(&notary, std::slice::from_ref(&hers), day, bob, now));
    assert!(identity.means(&notary, std::slice::from_ref(&his), as_of("2025-07-01"), bob, now));
    assert!(!identity.means(&notary, &[his], day, bob, now), "not hers yet");
    assert!(!identity.means(&notary, &[edi("imsi:460000000000009")], day, ann, now));
    assert!(!identity.means(&notary, &[], day, ann, now));
}
