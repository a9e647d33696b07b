use super::*;

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

#[test]
fn the_ring_survives_the_disk() {
    for master in [vec![3; 16], vec![4; 32]] {
        let ring = ring(&master);
        let tenant = EnterpriseId::parse("ent-1").unwrap();
        let (text, changed) = ring.ensure_sealer(Class::Text, Some(&tenant), &mut counting());
        assert!(changed);
        assert!(!ring.ensure_sealer(Class::Text, Some(&tenant), &mut counting()).1);
        ring.import_edi_key(&KeyId::parse("k1").unwrap(), [8; 16], true);
        assert!(ring.retire_edi_key(&KeyId::parse("k1").unwrap()));
        let sealed = ring.to_sealed_text().unwrap();
        let back = KeyRing::from_sealed_text(&master, &sealed).unwrap();
        assert_eq!(back.to_sealed_text().unwrap(), sealed);
        let mut out = Vec::new();
        text.seal([1; 12], b"", b"text", &mut out);
        let opened = back.sealer(Class::Text, Some(&tenant)).unwrap().open(b"", &out);
        assert_eq!(opened.as_deref(), Ok(&b"text"[..]));
        assert!(back.sealer(Class::Alias, Some(&tenant)).is_none());
        assert!(matches!(back.edi_key("k1"), EdiLookup::Retired));
        assert!(matches!(back.edi_key("k2"), EdiLookup::Unknown));
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
}

#[test]
fn a_profile_cannot_be_changed_on_disk() {
    let ring = ring(&[3; 16]);
    ring.import_edi_key(&KeyId::parse("k1").unwrap(), [8; 16], false);
    let sealed = ring.to_sealed_text().unwrap().replace("\"allow_legacy\": false", "\"allow_legacy\": true");
    assert_eq!(KeyRing::from_sealed_text(&[3; 16], &sealed).unwrap_err(), KeyError::Damaged);
}

#[test]
fn a_dropped_tenant_is_gone() {
    let ring = ring(&[3; 16]);
    let (one, other) = (EnterpriseId::parse("one").unwrap(), EnterpriseId::parse("other").unwrap());
    ring.ensure_sealer(Class::Text, Some(&one), &mut counting());
    ring.ensure_sealer(Class::Text, Some(&other), &mut counting());
    assert!(ring.drop_tenant(&one));
    assert!(!ring.drop_tenant(&one));
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
}
