use super::*;
use crate::carrier::{entropy, feed, keys};

fn stored() -> (Vault, Vec<u8>) {
    let (bindings, tenures) = feed(300);
    let vault = crate::import(bindings.as_bytes(), tenures.as_bytes(), &keys()).unwrap();
    let mut octets = Vec::new();
    vault.write_to(&mut octets, &keys()).unwrap();
    (vault, octets)
}

#[test]
fn a_vault_survives_the_disk() {
    let (vault, octets) = stored();
    let back = Vault::read_from(&octets[..], &keys()).unwrap();
    assert_eq!(back.rows(), vault.rows());
    assert_eq!(back.counts(), vault.counts());
}

#[test]
fn every_changed_octet_and_every_cut_is_noticed() {
    let (_, octets) = stored();
    for at in (0..octets.len()).step_by(97).chain([octets.len() - 1]) {
        let mut bad = octets.clone();
        bad[at] ^= 0x10;
        assert!(Vault::read_from(&bad[..], &keys()).is_err(), "octet {at}");
        assert!(Vault::read_from(&octets[..at], &keys()).is_err(), "cut at {at}");
    }
    let longer = [&octets[..], b"x"].concat();
    assert!(matches!(Vault::read_from(&longer[..], &keys()), Err(VaultError::Damaged)));
}

#[test]
fn segments_are_checked_in_their_order() {
    const SEGMENT: usize = (1 << 16) * 28;
    const HEADER: usize = 48;
    let (bindings, tenures) = feed(70_000);
    let vault = crate::import(bindings.as_bytes(), tenures.as_bytes(), &keys()).unwrap();
    let mut octets = Vec::new();
    vault.write_to(&mut octets, &keys()).unwrap();
    assert!(vault.counts().bindings > 2 << 16, "more than two segments");
    assert_eq!(Vault::read_from(&octets[..], &keys()).unwrap().rows(), vault.rows());
    let (first, second) = octets[HEADER..].split_at_mut(SEGMENT);
    first.swap_with_slice(&mut second[..SEGMENT]);
    assert!(matches!(Vault::read_from(&octets[..], &keys()), Err(VaultError::Damaged)));
}

#[test]
fn a_wrong_count_reserves_nothing() {
    let (_, mut octets) = stored();
    octets[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(Vault::read_from(&octets[..], &keys()), Err(VaultError::Damaged)));
}

#[test]
fn another_ring_is_told_apart() {
    let (_, octets) = stored();
    let other = KeyRing::generate(&[7; 16], &mut entropy(9)).unwrap();
    assert!(matches!(Vault::read_from(&octets[..], &other), Err(VaultError::WrongKeys)));
}

#[test]
fn no_number_or_device_is_readable() {
    let (_, octets) = stored();
    let finds = |needle: &[u8]| octets.windows(needle.len()).any(|window| window == needle);
    for n in 0..300_u64 {
        let number = 8_619_900_000_000 + n;
        assert!(!finds(format!("199{n:08}").as_bytes()));
        assert!(!finds(&number.to_be_bytes()) && !finds(&number.to_le_bytes()));
        assert!(!finds(format!("46000{n:010}").as_bytes()));
    }
}

#[test]
fn numbers_open_with_their_own_row_only() {
    let (vault, _) = stored();
    let keys = keys();
    let (_, _, numbers) = vault.rows();
    assert!(numbers.iter().all(|row| row.open(&keys).is_some()));
    let mut mixed = numbers[0];
    mixed.sealed = numbers[1].sealed;
    assert!(mixed.open(&keys).is_none());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(100))]
    #[test]
    fn no_octets_panic(noise in proptest::collection::vec(proptest::num::u8::ANY, 0..200), keep in 0..80_usize) {
        let mut octets = Vec::new();
        Vault::default().write_to(&mut octets, &keys()).unwrap();
        octets.truncate(keep);
        octets.extend(noise);
        proptest::prop_assert!(Vault::read_from(&octets[..], &keys()).is_err());
    }
}
