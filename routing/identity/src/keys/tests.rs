use veilgate_names::Reason;

use super::*;

impl KeyRing {
    /// For tests elsewhere; a ring in use is changed through a draft that is written down.
    pub(crate) fn retire_edi_key(&self, kid: &KeyId) {
        change(self, |draft| draft.retire_edi_key(kid)).unwrap();
    }
}

fn counting() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u8;
    move |buffer: &mut [u8]| {
        for octet in buffer {
            next = next.wrapping_mul(5).wrapping_add(17);
            *octet = next;
        }
    }
}

fn ring(master: &[u8]) -> KeyRing {
    KeyRing::generate(master, &mut counting()).unwrap()
}

fn kid(name: &str) -> KeyId {
    KeyId::parse(name).unwrap()
}

fn octets(octet: u8) -> KeyOctets {
    KeyOctets::filled(|octets| octets.fill(octet))
}

fn tenant(name: &str) -> EnterpriseId {
    EnterpriseId::parse(name).unwrap()
}

/// Changes the ring, by way of the disk.
fn change<T>(ring: &KeyRing, change: impl FnOnce(&mut Draft) -> T) -> T {
    let mut draft = ring.draft();
    let done = change(&mut draft);
    ring.install(draft);
    done
}

fn edi(version: &str, kid: &str) -> EncryptedDeviceId {
    EncryptedDeviceId::parse(&format!("{version}.{kid}.AAAA")).unwrap()
}

fn refusal(ring: &KeyRing, version: &str, kid: &str, platform: Option<&str>) -> Option<Reason> {
    let platform = platform.map(|name| PlatformId::parse(name).unwrap());
    match ring.edi_key(&edi(version, kid), platform.as_ref()) {
        EdiLookup::Open(_) => None,
        EdiLookup::Refused { why, .. } => Some(why.reason()),
    }
}

#[test]
fn the_ring_survives_the_disk() {
    for master in [vec![3; 16], vec![4; 32]] {
        let ring = ring(&master);
        let tenant = tenant("ent-1");
        let (text, changed) = ring.ensure_sealer(Class::Text, Some(&tenant), &mut counting());
        assert!(changed);
        assert!(!ring.ensure_sealer(Class::Text, Some(&tenant), &mut counting()).1);
        change(&ring, |draft| {
            draft.rotate(Class::Text, Some(&tenant), &mut counting()).unwrap();
            draft.rotate(Class::Number, None, &mut counting()).unwrap();
            let owner = Some(PlatformId::parse("notary-1").unwrap());
            let profile = EdiProfile { legacy: true, owner, ..EdiProfile::default() };
            draft.add_edi_key(&kid("k1"), octets(8), profile).unwrap();
            draft.rotate_edi_key(&kid("k1"), &kid("k2"), octets(9)).unwrap();
            draft.retire_edi_key(&kid("k1")).unwrap();
            draft.destroy_edi_key(&kid("k1")).unwrap();
        });
        let sealed = ring.to_sealed_text().unwrap();
        let back = KeyRing::from_sealed_text(&master, &sealed).unwrap();
        assert_eq!(back.to_sealed_text().unwrap(), sealed);
        assert_eq!((back.edi_keys(), back.data_keys()), (ring.edi_keys(), ring.data_keys()));
        let mut out = Vec::new();
        text.seal([1; 12], b"", b"text", &mut out);
        let opened = back.opener(Class::Text, Some(&tenant), 1).unwrap().open(b"", &out);
        assert_eq!(opened.as_deref(), Ok(&b"text"[..]));
        assert!(back.sealer(Class::Alias, Some(&tenant)).is_none());
        assert_eq!(back.index_key().full(&[b"x"]), ring.index_key().full(&[b"x"]));
    }
}

#[test]
fn another_master_key_is_told_apart_from_damage() {
    let sealed = ring(&[3; 16]).to_sealed_text().unwrap();
    assert_eq!(KeyRing::from_sealed_text(&[4; 16], &sealed).unwrap_err(), KeyError::WrongMaster);
    assert_eq!(KeyRing::from_sealed_text(&[4; 17], &sealed).unwrap_err(), KeyError::MasterLength);
    assert_eq!(KeyRing::from_sealed_text(&[3; 16], "{}").unwrap_err(), KeyError::Damaged);
    let swapped = sealed.replace("\"index\"", "\"x\"").replace("\"subscriber\"", "\"index\"");
    let swapped = swapped.replace("\"x\"", "\"subscriber\"");
    assert_eq!(KeyRing::from_sealed_text(&[3; 16], &swapped).unwrap_err(), KeyError::Damaged);
    let newer = sealed.replace("\"version\": 2", "\"version\": 3");
    assert_eq!(KeyRing::from_sealed_text(&[3; 16], &newer).unwrap_err(), KeyError::Version);
}

#[test]
fn nothing_can_be_changed_on_disk() {
    let ring = ring(&[3; 16]);
    ring.import_edi_key(&kid("k1"), [8; 16], false);
    change(&ring, |draft| draft.retire_edi_key(&kid("k1")).unwrap());
    let sealed = ring.to_sealed_text().unwrap();
    for (from, to) in [
        ("\"legacy\": false", "\"legacy\": true"),
        ("\"retired\"", "\"active\""),
        ("\"gcm\": true", "\"gcm\": false"),
        ("\"owner\": null", "\"owner\": \"x\""),
    ] {
        let changed = sealed.replace(from, to);
        assert_ne!(changed, sealed);
        assert_eq!(KeyRing::from_sealed_text(&[3; 16], &changed).unwrap_err(), KeyError::Damaged, "{to}");
    }
    let mut without: serde_json::Value = serde_json::from_str(&sealed).unwrap();
    without["edi"] = serde_json::json!([]);
    let without = without.to_string();
    assert_eq!(KeyRing::from_sealed_text(&[3; 16], &without).unwrap_err(), KeyError::Damaged);
}

#[test]
fn what_an_older_version_sealed_still_opens() {
    let ring = ring(&[3; 16]);
    let tenant = tenant("ent-1");
    let of = Some(&tenant);
    let mut sealed = Vec::new();
    for version in 1..=4_u32 {
        let (sealer, _) = ring.ensure_sealer(Class::Text, of, &mut counting());
        assert_eq!(sealer.version(), version);
        let mut out = Vec::new();
        sealer.seal([7; 12], b"aad", &version.to_be_bytes(), &mut out);
        sealed.push((version, out));
        let mut entropy = counting();
        let mut fresh = |out: &mut [u8]| {
            entropy(out);
            out[0] = u8::try_from(version).unwrap();
        };
        assert_eq!(change(&ring, |draft| draft.rotate(Class::Text, of, &mut fresh)), Ok(version + 1));
    }
    for (version, out) in &sealed {
        let plain = version.to_be_bytes().to_vec();
        assert_eq!(ring.opener(Class::Text, of, *version).unwrap().open(b"aad", out), Ok(plain.clone()));
        assert_eq!(ring.open_any(Class::Text, of, b"aad", out), Ok(plain));
        assert!(ring.sealer(Class::Text, of).unwrap().open(b"aad", out).is_err());
    }
    assert_eq!(change(&ring, |draft| draft.destroy(Class::Text, of, 2)), Ok(()));
    assert!(ring.opener(Class::Text, of, 2).is_none());
    assert!(ring.open_any(Class::Text, of, b"aad", &sealed[1].1).is_err());
    assert!(ring.open_any(Class::Text, of, b"aad", &sealed[2].1).is_ok());
    assert_eq!(change(&ring, |draft| draft.destroy(Class::Text, of, 2)), Err(KeyChangeError::Unknown));
    assert_eq!(change(&ring, |draft| draft.destroy(Class::Text, of, 5)), Err(KeyChangeError::Newest));
    assert_eq!(
        change(&ring, |draft| draft.rotate(Class::Alias, of, &mut counting())),
        Err(KeyChangeError::Unknown)
    );
    let seals: Vec<_> = ring.data_keys().into_iter().filter(|key| key.seals).collect();
    assert_eq!(seals.len(), 2);
    assert_eq!((seals[1].class, seals[1].version), (Class::Text, 5));
}

#[test]
fn versions_are_bounded() {
    let ring = ring(&[3; 16]);
    let rotated = change(&ring, |draft| {
        (1..).take_while(|_| draft.rotate(Class::Number, None, &mut counting()).is_ok()).count()
    });
    assert_eq!(rotated, 199);
    let again = change(&ring, |draft| draft.rotate(Class::Number, None, &mut counting()));
    assert_eq!(again, Err(KeyChangeError::TooMany));
    let text = ring.to_sealed_text().unwrap();
    assert_eq!(KeyRing::from_sealed_text(&[3; 16], &text).unwrap().data_keys().len(), 200);
}

#[test]
fn a_draft_changes_nothing_until_it_is_installed() {
    let ring = ring(&[3; 16]);
    let before = ring.to_sealed_text().unwrap();
    let mut draft = ring.draft();
    draft.ensure(Class::Registry, None, &mut counting());
    draft.add_edi_key(&kid("k1"), octets(1), EdiProfile::default()).unwrap();
    assert_ne!(draft.to_sealed_text().unwrap(), before);
    assert_eq!(ring.to_sealed_text().unwrap(), before);
    drop(draft);
    assert!(ring.sealer(Class::Registry, None).is_none());
}

#[test]
fn another_master_key_takes_over() {
    let ring = ring(&[3; 16]);
    ring.import_edi_key(&kid("k1"), [8; 16], false);
    let old = ring.to_sealed_text().unwrap();
    let facts = (ring.edi_keys(), ring.data_keys());
    change(&ring, |draft| draft.rewrap(&[9; 32], None).unwrap());
    let new = ring.to_sealed_text().unwrap();
    assert_eq!(KeyRing::from_sealed_text(&[3; 16], &new).unwrap_err(), KeyError::WrongMaster);
    assert_eq!(KeyRing::from_sealed_text(&[9; 32], &old).unwrap_err(), KeyError::WrongMaster);
    let back = KeyRing::from_sealed_text(&[9; 32], &new).unwrap();
    assert_eq!((back.edi_keys(), back.data_keys()), facts);
    let token = TokenRoot { label: "hsm".to_owned(), wrapped: vec![1, 2, 3] };
    change(&ring, |draft| draft.rewrap(&[5; 32], Some(token.clone())).unwrap());
    let held = ring.to_sealed_text().unwrap();
    assert_eq!(KeyRing::token_of(&held).unwrap(), Some(token.clone()));
    assert_eq!(KeyRing::from_sealed_text(&[5; 32], &held).unwrap().token(), Some(token));
    assert_eq!(KeyRing::token_of(&new).unwrap(), None);
    assert_eq!(change(&ring, |draft| draft.rewrap(&[5; 31], None)), Err(KeyError::MasterLength));
}

#[test]
fn the_life_of_a_device_id_key() {
    let ring = ring(&[3; 16]);
    let state = |ring: &KeyRing, name: &str| ring.draft().edi_state(&kid(name));
    change(&ring, |draft| {
        draft.add_edi_key(&kid("k1"), octets(1), EdiProfile::default()).unwrap();
        assert_eq!(draft.is_edi_key(&kid("k1"), &octets(1)), Some(true));
        assert_eq!(draft.is_edi_key(&kid("k1"), &octets(2)), Some(false));
        assert_eq!(draft.is_edi_key(&kid("k2"), &octets(2)), None);
        let again = draft.add_edi_key(&kid("k1"), octets(2), EdiProfile::default());
        assert_eq!(again, Err(KeyChangeError::NameTaken));
        assert_eq!(draft.destroy_edi_key(&kid("k1")), Err(KeyChangeError::NotRetired));
        draft.rotate_edi_key(&kid("k1"), &kid("k2"), octets(2)).unwrap();
        assert_eq!(draft.rotate_edi_key(&kid("k1"), &kid("k3"), octets(3)), Err(KeyChangeError::NotActive));
        assert_eq!(draft.retire_edi_key(&kid("k9")), Err(KeyChangeError::Unknown));
    });
    assert_eq!(
        (state(&ring, "k1"), state(&ring, "k2")),
        (Some(EdiState::DecryptOnly), Some(EdiState::Active))
    );
    assert_eq!((refusal(&ring, "edi1", "k1", None), refusal(&ring, "edi1", "k2", None)), (None, None));
    assert!(change(&ring, |draft| draft.retire_edi_key(&kid("k1"))).unwrap());
    assert!(!change(&ring, |draft| draft.retire_edi_key(&kid("k1"))).unwrap());
    assert_eq!(refusal(&ring, "edi1", "k1", None), Some(Reason::KeyExpired));
    change(&ring, |draft| draft.destroy_edi_key(&kid("k1")).unwrap());
    assert_eq!(refusal(&ring, "edi1", "k1", None), Some(Reason::KeyExpired));
    assert_eq!(state(&ring, "k1"), Some(EdiState::Destroyed));
    change(&ring, |draft| {
        assert_eq!(draft.destroy_edi_key(&kid("k1")), Err(KeyChangeError::Destroyed));
        assert_eq!(draft.retire_edi_key(&kid("k1")), Err(KeyChangeError::Destroyed));
        assert_eq!(draft.edi_state(&kid("k1")), Some(EdiState::Destroyed));
        let again = draft.add_edi_key(&kid("k1"), octets(1), EdiProfile::default());
        assert_eq!(again, Err(KeyChangeError::NameTaken));
    });
}

#[test]
fn a_profile_says_what_a_key_opens_and_for_whom() {
    let ring = ring(&[3; 16]);
    let owner = Some(PlatformId::parse("notary-1").unwrap());
    change(&ring, |draft| {
        let legacy_only = EdiProfile { gcm: false, legacy: true, owner: None };
        draft.add_edi_key(&kid("old"), octets(1), legacy_only.clone()).unwrap();
        draft.add_edi_key(&kid("own"), octets(2), EdiProfile { owner, ..EdiProfile::default() }).unwrap();
        let none = EdiProfile { gcm: false, legacy: false, owner: None };
        assert_eq!(draft.add_edi_key(&kid("x"), octets(3), none.clone()), Err(KeyChangeError::NoForm));
        assert_eq!(draft.profile_edi_key(&kid("old"), none), Err(KeyChangeError::NoForm));
        assert_eq!(draft.profile_edi_key(&kid("old"), legacy_only), Ok(false));
    });
    let no = Some(Reason::DecryptFail);
    assert_eq!((refusal(&ring, "edi0", "old", None), refusal(&ring, "edi1", "old", None)), (None, no));
    assert_eq!((refusal(&ring, "edi0", "own", None), refusal(&ring, "edi1", "own", None)), (no, None));
    assert_eq!(refusal(&ring, "edi1", "own", Some("notary-1")), None);
    assert_eq!(refusal(&ring, "edi1", "own", Some("notary-2")), no);
    assert_eq!(refusal(&ring, "edi0", "old", Some("notary-2")), None);
    assert_eq!(refusal(&ring, "edi1", "unknown", None), no);
}

#[test]
fn a_dropped_tenant_is_gone() {
    let ring = ring(&[3; 16]);
    let (one, other) = (tenant("one"), tenant("other"));
    ring.ensure_sealer(Class::Text, Some(&one), &mut counting());
    ring.ensure_sealer(Class::Text, Some(&other), &mut counting());
    change(&ring, |draft| draft.rotate(Class::Text, Some(&one), &mut counting()).unwrap());
    assert!(ring.knows_tenant(&one));
    assert_eq!(change(&ring, |draft| draft.drop_tenant(&one)), 2);
    assert_eq!(change(&ring, |draft| draft.drop_tenant(&one)), 0);
    assert!(!ring.knows_tenant(&one));
    assert!(ring.sealer(Class::Text, Some(&one)).is_none());
    assert!(ring.sealer(Class::Text, Some(&other)).is_some());
    assert!(ring.sealer(Class::Number, None).is_some());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(100))]
    #[test]
    fn a_changed_text_is_refused(at in 0..600_usize, octet in 0x20..0x7f_u8) {
        let sealed = ring(&[3; 16]).to_sealed_text().unwrap();
        let mut changed = sealed.clone().into_bytes();
        let at = at % changed.len();
        changed[at] = octet;
        let changed = String::from_utf8(changed).unwrap();
        if let Ok(same) = KeyRing::from_sealed_text(&[3; 16], &changed) {
            proptest::prop_assert_eq!(same.to_sealed_text().unwrap(), sealed);
        }
    }
}

#[test]
fn nothing_is_printed() {
    assert_eq!(format!("{:?}", ring(&[3; 16])), "KeyRing(***)");
    assert_eq!(format!("{:?}", octets(1)), "KeyOctets(***)");
}
