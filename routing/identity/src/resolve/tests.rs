use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use veilgate_names::KeyId;

use super::*;
use crate::carrier::*;
use crate::cipher::EdiKey;

mod intervals;
mod kinds;
mod model;

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// How a feed can tell of a port-out or a suspension.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    /// `network` or `status` of the whole row.
    ByFlag,
    /// The row ends when it happens, and another of the same holder begins.
    ByRow,
}

fn asof_feed(cases: &Value, told: Told) -> (String, String) {
    let (mut bindings, mut tenures) = (BINDINGS.to_owned(), TENURES.to_owned());
    for row in cases["bindings"].as_array().unwrap() {
        let (kind, name) = (text(row, "id_type"), text(row, "id"));
        let (id, msisdn) = (device(kind, name), number(text(row, "msisdn")));
        let primary = u8::from(row["attrs"]["data"] == true);
        let (from, to) = (text(row, "from_"), text(row, "to"));
        bindings.push_str(&format!("{kind},{id},{msisdn},{from},{to},{primary}\n"));
    }
    for row in cases["tenures"].as_array().unwrap() {
        let (name, holder) = (text(row, "msisdn"), text(row, "holder"));
        let (from, to, msisdn) = (text(row, "from_"), text(row, "to"), number(name));
        let (ported, suspended) = (text(&cases["ported_out"], name), text(&cases["suspended"], name));
        let network = if ported.is_empty() { "own" } else { "out" };
        let status = if suspended.is_empty() { "active" } else { "suspended" };
        let change = format!("{ported}{suspended}");
        if change.is_empty() || told == Told::ByFlag {
            tenures.push_str(&format!("{msisdn},{holder},{from},{to},{network},{status}\n"));
        } else {
            tenures.push_str(&format!("{msisdn},{holder},{from},{change},own,active\n"));
            tenures.push_str(&format!("{msisdn},{holder},{change},{to},{network},{status}\n"));
        }
    }
    (bindings, tenures)
}

#[test]
//= type=test A-6.3.2.1-1
fn all_cases_of_asof_json() {
    let cases: Value = serde_json::from_str(include_str!("../../tests/vectors/asof.json")).unwrap();
    let keys = keys();
    for told in [Told::ByFlag, Told::ByRow] {
        let (bindings, tenures) = asof_feed(&cases, told);
        let vault = crate::import(bindings.as_bytes(), tenures.as_bytes(), &keys).unwrap();
        let config = Config { history_floor: Some(at(text(&cases, "history_floor"))), ..Config::default() };
        let identity = Identity::new(Arc::clone(&keys), vault, config);
        let all = cases["vectors"].as_array().unwrap();
        assert_eq!(all.len(), 27);
        for case in all {
            let kind = text(case, "id_type").to_ascii_lowercase();
            let edi = edi(&format!("{kind}:{}", device(&kind, text(case, "id"))));
            let (edis, mark) = ([edi], DeviceMark::default());
            let (as_of, now) = (as_of(text(case, "as_of")), at(text(&cases, "now")));
            let answer = identity.resolve(&edis, as_of, now);
            for _ in 0..2 {
                let asking = Asking { edis: &edis, platform: None, mark: Some(&mark) };
                let again = identity.resolve_pinning(asking, as_of, now, now).map(|(contact, _)| contact);
                assert_eq!(again.as_ref().map(Contact::subscriber), answer.as_ref().map(Contact::subscriber));
            }
            let name = answer.as_ref().map_or_else(|reason| reason.name(), |_| "OK");
            assert_eq!(name, text(case, "expect"), "{}", text(case, "name"));
            let expected = case["msisdn"].as_str().map(|name| format!("86{}", number(name)));
            let found = answer.ok().map(|contact| contact.number.digits().as_bytes().to_vec());
            assert_eq!(found, expected.map(String::into_bytes), "{}", text(case, "name"));
        }
    }
}

#[test]
fn a_mark_does_not_outlast_its_key() {
    const NUMBER: &str = "19900000001";
    let (keys, mark) = (keys(), DeviceMark::default());
    let bindings = format!("{BINDINGS}cuid,a,{NUMBER},2024-01-01,,1\n");
    let tenures = format!("{TENURES}{NUMBER},h,2024-01-01,,own,active\n");
    let identity = identity(&keys, &bindings, &tenures);
    let edis = [edi("cuid:a")];
    let ask = || {
        let asking = Asking { edis: &edis, platform: None, mark: Some(&mark) };
        identity.resolve_pinning(asking, as_of("2024-03-01"), at(NOW), at(NOW)).map(|_| ())
    };
    assert_eq!(ask(), Ok(()));
    assert!(mark.read().is_some());
    assert_eq!(ask(), Ok(()));
    let mut draft = keys.draft();
    draft.retire_edi_key(&KeyId::parse("k1").unwrap()).unwrap();
    keys.install(draft);
    assert_eq!(ask(), Err(Reason::KeyExpired));
}

#[test]
fn all_vectors_of_edi_json() {
    let cases: Value = serde_json::from_str(include_str!("../../tests/vectors/edi.json")).unwrap();
    let key = EdiKey::new(&unhex(text(&cases, "key")).try_into().unwrap());
    let index_key = crate::cipher::MacKey::new(&unhex(text(&cases, "index_key")));
    for case in cases["vectors"].as_array().unwrap() {
        let edi = EncryptedDeviceId::parse(text(case, "text")).unwrap();
        let plain = key.open(&edi).unwrap();
        let expected = format!("{}:{}", text(case, "type"), text(case, "value"));
        assert_eq!(plain.as_bytes(), expected.as_bytes());
        let index = unhex(text(case, "index"));
        assert_eq!(index_key.full(&[plain.as_bytes()])[..], index[..]);
        assert_eq!(
            DeviceId::parse(plain.as_bytes()).unwrap().index(&index_key).0[..],
            index[..16],
            "{expected}"
        );
    }
    assert_eq!(cases["vectors"].as_array().unwrap().len(), 24);
}

/// One subscriber `M1` with the devices `a` and `b`, another, `M2`, with `c`.
fn two_subscribers() -> Identity {
    let since = "2024-01-01,,0\n";
    let bindings =
        format!("{BINDINGS}cuid,a,19900000001,{since}zxid,b,19900000001,{since}cuid,c,19900000002,{since}");
    let rest = "2023-01-01,,own,active\n";
    identity(&keys(), &bindings, &format!("{TENURES}19900000001,h1,{rest}19900000002,h2,{rest}"))
}

fn ask(identity: &Identity, edis: &[EncryptedDeviceId]) -> Result<SubscriberKey, Reason> {
    identity.resolve(edis, as_of("2025-05-01"), at(NOW)).map(|contact| contact.subscriber())
}

#[test]
fn all_that_resolve_must_agree() {
    let identity = two_subscribers();
    let [a, b, c, nobody] = ["cuid:a", "zxid:b", "cuid:c", "cuid:x"].map(edi);
    let one = ask(&identity, std::slice::from_ref(&a)).unwrap();
    assert_eq!(ask(&identity, &[a.clone(), b.clone(), nobody.clone()]), Ok(one));
    assert_eq!(ask(&identity, &[a, c, b]), Err(Reason::AmbiguousDevice));
    assert_eq!(ask(&identity, std::slice::from_ref(&nobody)), Err(Reason::NotFoundAsof));
    assert_eq!(ask(&identity, &[]), Err(Reason::NotFoundAsof));
    assert_eq!(ask(&identity, &[edi("nonsense"), nobody]), Err(Reason::NotFoundAsof));
}

#[test]
fn what_does_not_decrypt_is_one_reason() {
    let identity = two_subscribers();
    let good = edi("cuid:a");
    let other_kid = EncryptedDeviceId::parse(&good.as_str().replace(".k1.", ".k9.")).unwrap();
    let wrong_kid = EncryptedDeviceId::parse(&good.as_str().replace(".k1.", ".k0.")).unwrap();
    let short = EncryptedDeviceId::parse("edi1.k1.AAAA").unwrap();
    let (kept, last) = good.as_str().split_at(good.as_str().len() - 8);
    let flipped =
        EncryptedDeviceId::parse(&format!("{kept}{}", last.to_ascii_uppercase().replace('A', "b"))).unwrap();
    assert_ne!(flipped, good);
    let not_devices = ["imei:123", "mac:0011", "cuid:", "", "imsi:46000520579641"].map(edi);
    for bad in [other_kid, wrong_kid, short, flipped].into_iter().chain(not_devices) {
        assert_eq!(ask(&identity, &[bad]), Err(Reason::DecryptFail));
    }
    let mut draft = identity.keys().draft();
    assert_eq!(draft.retire_edi_key(&KeyId::parse("k1").unwrap()), Ok(true));
    identity.keys().install(draft);
    assert_eq!(ask(&identity, &[good]), Err(Reason::KeyExpired));
}

#[test]
fn legacy_ciphertexts_have_no_oracle() {
    let identity = two_subscribers();
    assert!(ask(&identity, &[legacy("k0", &pad("cuid:a"))]).is_ok());
    let whole_blocks = pad("cuid:0123456789a");
    assert_eq!(whole_blocks.len(), 32);
    let bad_padding = *b"cuid:a\x09\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a";
    let bad = [&whole_blocks[..], &bad_padding[..], &pad("nonsense"), &pad("cuid:x"), &[0; 16], &[]];
    for padded in bad {
        assert_eq!(ask(&identity, &[legacy("k0", padded)]), Err(Reason::DecryptFail));
    }
    assert_eq!(
        ask(&identity, &[legacy("k1", &pad("cuid:a"))]),
        Err(Reason::DecryptFail),
        "not allowed by profile"
    );
}

#[test]
fn a_vault_is_replaced_while_serving() {
    let identity = two_subscribers();
    let device = [edi("cuid:a")];
    let before = ask(&identity, &device).unwrap();
    let changes =
        "op,msisdn,holder,from,to,network,status\nput,19900000001,h1,2023-01-01,2025-06-01,own,active\n";
    let closed = crate::apply_changes(&identity.vault(), changes.as_bytes(), identity.keys()).unwrap();
    identity.replace(closed);
    assert_eq!(ask(&identity, &device), Err(Reason::NumberDisconnected));
    let changes = "op,msisdn,holder,from,to,network,status\nput,19900000001,h1,2025-06-01,,own,active\n";
    let back = crate::apply_changes(&identity.vault(), changes.as_bytes(), identity.keys()).unwrap();
    identity.replace(back);
    assert_eq!(ask(&identity, &device), Ok(before), "one tenure, told in two rows");
}

#[test]
fn a_look_up_sees_one_vault_or_the_other() {
    const SWAPS: usize = 200;
    let keys = keys();
    let vault = |number: &str| {
        let bindings = format!("{BINDINGS}cuid,a,{number},2024-01-01,,0\nzxid,b,{number},2024-01-01,,0\n");
        let tenures = format!("{TENURES}{number},h1,2023-01-01,,own,active\n");
        crate::import(bindings.as_bytes(), tenures.as_bytes(), &keys).unwrap()
    };
    let identity = Identity::new(Arc::clone(&keys), vault("19900000001"), Config::default());
    let devices = ["cuid:a", "zxid:b"].map(edi);
    let (both, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seen = std::collections::HashSet::new();
            while !done.load(Ordering::Relaxed) {
                // The two devices of two vaults would be two people.
                seen.insert(ask(&identity, &devices));
                both.store(seen.len() > 1 || seen.iter().any(Result::is_err), Ordering::Relaxed);
            }
            assert!(seen.iter().all(Result::is_ok), "{seen:?}");
        });
        let mut swaps = 0;
        while swaps < SWAPS || !both.load(Ordering::Relaxed) {
            identity.replace(vault(if swaps % 2 == 0 { "19900000002" } else { "19900000001" }));
            swaps += 1;
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_subscriber_is_a_tenure() {
    let keys = keys();
    let bindings = format!("{BINDINGS}cuid,a,19900000001,2024-01-01,,0\n");
    let key = |tenure: &str| {
        ask(&identity(&keys, &bindings, &format!("{TENURES}{tenure}\n")), &[edi("cuid:a")]).unwrap()
    };
    let one = key("19900000001,h1,2023-01-01,,own,active");
    assert_eq!(key("+8619900000001,h1,2023-01-01T00:00:00+08:00,2030-01-01,own,active"), one);
    assert_ne!(key("19900000001,h2,2023-01-01,,own,active"), one);
    assert_ne!(key("19900000001,h1,2023-01-02,,own,active"), one);
}

#[test]
fn nothing_is_printed() {
    let identity = two_subscribers();
    let contact = identity.resolve(&[edi("cuid:a")], as_of("2025-05-01"), at(NOW)).unwrap();
    for text in [format!("{identity:?}"), format!("{contact:?}"), format!("{:?}", identity.vault())] {
        assert!(!text.contains("1990000"), "{text}");
    }
    assert!(size_of::<Contact>() <= 64);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    /// Any ciphertext of the right outer form is refused, and always for the same reason.
    #[test]
    fn any_ciphertext_is_refused_alike(version in 0..2_u8, kid in 0..3_u8, body in "[0-9A-Za-z_-]{1,151}") {
        thread_local!(static IDENTITY: Identity = two_subscribers());
        let edi = EncryptedDeviceId::parse(&format!("edi{version}.k{kid}.{body}")).unwrap();
        proptest::prop_assert_eq!(IDENTITY.with(|identity| ask(identity, &[edi])), Err(Reason::DecryptFail));
    }
}
