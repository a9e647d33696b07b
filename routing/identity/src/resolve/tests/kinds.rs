//! Every kind of device ID and every spelling of it, in the feed and in both encrypted forms.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// Kind, a device ID that is known, one that is not, values that are none of this kind.
const KINDS: [(&str, &str, &str, [&str; 4]); 6] = [
    (
        "imei",
        "490154203237518",
        "356938035643809",
        ["490154203237519", "4901542032375", "49015420323751888", "49015420323751a"],
    ),
    (
        "imsi",
        "460001234567890",
        "460001234567891",
        ["46000123456789", "4600012345678901", "46000123456789a", "+60001234567890"],
    ),
    (
        "oaid",
        "71a5a232-9691-b55e-a1a1-d00184af0a3f",
        "71a5a232-9691-b55e-a1a1-d00184af0a3e",
        [
            "71a5a232-9691-b55e-a1a1-d00184af0a3",
            "71a5a2329691b55ea1a1d00184af0a3f",
            "71a5a232-9691-b55e-a1a1-d00184af0a3g",
            "{71a5a232-9691-b55e-a1a1-d00184af0a3f}",
        ],
    ),
    (
        "idfa",
        "9F2E1C64-77AB-4C0D-8E11-0123456789AB",
        "9F2E1C64-77AB-4C0D-8E11-0123456789AC",
        [
            "9F2E1C64-77AB-4C0D-8E11-0123456789A",
            "9F2E1C6477AB4C0D8E110123456789AB",
            "9F2E1C64-77AB-4C0D-8E11-0123456789AG",
            "9F2E1C64_77AB_4C0D_8E11_0123456789AB",
        ],
    ),
    ("zxid", "Zx_-09azAZ", "Zx_-09azAz", ["", "with space", "semi;colon", "\u{fc}"]),
    ("cuid", "c", "C", ["", "a:b", "comma,", "nul\0"]),
];

fn known() -> Identity {
    let (mut bindings, mut tenures) = (BINDINGS.to_owned(), TENURES.to_owned());
    for (place, (kind, value, ..)) in KINDS.iter().enumerate() {
        writeln!(bindings, "{kind},{value},1990000000{place},2024-01-01,,0").unwrap();
        writeln!(tenures, "1990000000{place},h{place},2023-01-01,,own,active").unwrap();
    }
    identity(&keys(), &bindings, &tenures)
}

fn number_of(identity: &Identity, edi: EncryptedDeviceId) -> Result<Vec<u8>, Reason> {
    let contact = identity.resolve(&[edi], as_of("2025-05-01"), at(NOW))?;
    Ok(contact.number.digits().as_bytes().to_vec())
}

#[test]
//= type=test A-6.3.2.1-2
fn every_kind_is_hit_missed_or_none_at_all_in_both_forms() {
    let identity = known();
    for (place, (kind, value, stranger, none)) in KINDS.iter().enumerate() {
        let number = format!("861990000000{place}").into_bytes();
        let plain = format!("{kind}:{value}");
        assert_eq!(number_of(&identity, edi(&plain)), Ok(number.clone()), "{kind}");
        assert_eq!(number_of(&identity, legacy("k0", &pad(&plain))), Ok(number), "{kind}");
        let plain = format!("{kind}:{stranger}");
        assert_eq!(number_of(&identity, edi(&plain)), Err(Reason::NotFoundAsof), "{kind}");
        assert_eq!(number_of(&identity, legacy("k0", &pad(&plain))), Err(Reason::DecryptFail), "{kind}");
        for value in none {
            let plain = format!("{kind}:{value}");
            assert_eq!(number_of(&identity, edi(&plain)), Err(Reason::DecryptFail), "{plain}");
            assert_eq!(number_of(&identity, legacy("k0", &pad(&plain))), Err(Reason::DecryptFail), "{plain}");
        }
    }
}

#[test]
fn a_value_under_another_kind_is_another_device() {
    let identity = known();
    for (kind, value, ..) in KINDS {
        for (other, ..) in KINDS.iter().filter(|(other, ..)| *other != kind) {
            let answer = number_of(&identity, edi(&format!("{other}:{value}")));
            assert!(matches!(answer, Err(Reason::NotFoundAsof | Reason::DecryptFail)), "{value} as {other}");
        }
    }
}

#[test]
fn devices_of_one_day_must_be_one_person_even_if_one_of_them_has_gone() {
    let bindings = format!(
        "{BINDINGS}imei,490154203237518,19900000001,2024-01-01,,0\nimsi,460001234567890,19900000001,2024-01-01,,0\n\
         cuid,gone,19900000002,2024-01-01,,0\n"
    );
    let tenures = format!(
        "{TENURES}19900000001,h1,2023-01-01,,own,active\n19900000002,h2,2023-01-01,2025-06-01,own,active\n"
    );
    let identity = identity(&keys(), &bindings, &tenures);
    let [imei, imsi, gone, nobody] =
        ["imei:49015420323751", "imsi:460001234567890", "cuid:gone", "cuid:x"].map(edi);
    let ask = |edis: &[EncryptedDeviceId]| ask(&identity, edis).err();
    assert_eq!(ask(&[imei.clone(), nobody.clone(), imsi.clone()]), None);
    assert_eq!(ask(std::slice::from_ref(&gone)), Some(Reason::NumberDisconnected));
    assert_eq!(ask(&[gone.clone(), nobody]), Some(Reason::NumberDisconnected));
    assert_eq!(ask(&[imei, gone.clone()]), Some(Reason::AmbiguousDevice));
    assert_eq!(ask(&[gone, imsi]), Some(Reason::AmbiguousDevice));
}

fn imei(digits: u64) -> [String; 3] {
    let body = format!("{digits:014}");
    let sum: u32 = body
        .chars()
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, factor)| digit.to_digit(10).unwrap() * factor)
        .map(|product| product / 10 + product % 10)
        .sum();
    [body.clone(), format!("{body}{}", (10 - sum % 10) % 10), format!("{body}07")]
}

fn any_case(text: &str, mask: u64) -> String {
    let upper = |place: usize| mask >> (place % 64) & 1 == 1;
    let case = |(place, c): (usize, char)| if upper(place) { c.to_ascii_uppercase() } else { c };
    text.chars().enumerate().map(case).collect()
}

/// A device as the feed spells it, and as the notary does.
fn spelt_twice() -> impl Strategy<Value = (&'static str, String, String)> {
    let imeis = (0..100_000_000_000_000_u64, 0..3_usize, 0..3_usize)
        .prop_map(|(digits, one, other)| ("imei", imei(digits)[one].clone(), imei(digits)[other].clone()));
    let imsi = "[0-9]{15}".prop_map(|value| ("imsi", value.clone(), value));
    let uuids = (prop::bool::ANY, "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", any::<u64>(), any::<u64>());
    let uuids = uuids.prop_map(|(oaid, uuid, one, other)| {
        (if oaid { "oaid" } else { "idfa" }, any_case(&uuid, one), any_case(&uuid, other))
    });
    let names = (prop::bool::ANY, "[0-9A-Za-z_-]{1,64}")
        .prop_map(|(zxid, name)| (if zxid { "zxid" } else { "cuid" }, name.clone(), name));
    prop_oneof![imeis, imsi, uuids, names]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    /// However it is spelt in the feed, however at the notary, in whichever form: one device.
    #[test]
    fn every_spelling_finds_every_other((kind, fed, asked) in spelt_twice(), mask in any::<u64>()) {
        let name = any_case(kind, mask);
        let bindings = format!("{BINDINGS}{name},{fed},19900000001,2024-01-01,,0\n");
        let tenures = format!("{TENURES}19900000001,h1,2023-01-01,,own,active\n");
        thread_local!(static KEYS: Arc<KeyRing> = keys());
        let identity = KEYS.with(|keys| identity(keys, &bindings, &tenures));
        let plain = format!("{kind}:{asked}");
        let number = Ok(b"8619900000001".to_vec());
        prop_assert_eq!(number_of(&identity, edi(&plain)), number.clone());
        prop_assert_eq!(number_of(&identity, legacy("k0", &pad(&plain))), number);
    }

    /// Whatever stands in a ciphertext that opens: a device ID that nobody has, or one refusal.
    #[test]
    fn any_content_is_a_stranger_or_refused(plain in "[ -~]{0,80}") {
        thread_local!(static IDENTITY: Identity = known());
        let answer = IDENTITY.with(|identity| number_of(identity, edi(&plain)));
        let known = KINDS.iter().any(|(kind, value, ..)| plain == format!("{kind}:{value}"));
        prop_assert!(known || matches!(answer, Err(Reason::DecryptFail | Reason::NotFoundAsof)));
    }
}
