use proptest::prelude::*;

use super::*;

fn decoded(septets: &[u8]) -> Result<String, TextError> {
    let mut text = String::new();
    decode(septets, &mut text).map(|()| text)
}

#[test]
fn known_codes() {
    let mut out = Vec::new();
    encode("@$_Δ¡Ä{€}~", &mut out).unwrap();
    let wanted = [0x00, 0x02, 0x11, 0x10, 0x40, 0x5B, 0x1B, 0x28, 0x1B, 0x65, 0x1B, 0x29, 0x1B, 0x3D];
    assert_eq!(out, wanted);
    assert_eq!(septets("@$_Δ¡Ä{€}~"), Some(wanted.len()));
    assert_eq!(septets("你"), None);
    assert!(can_encode("Hello [x] €5") && !can_encode("你好") && !can_encode("`") && !can_encode("\u{FFFD}"));
    assert_eq!(encode("`", &mut out), Err(TextError::NotEncodable));
}

#[test]
fn hellohello_packs_as_in_the_textbook() {
    let mut out = Vec::new();
    pack(b"hellohello", 0, &mut out);
    assert_eq!(out, [0xE8, 0x32, 0x9B, 0xFD, 0x46, 0x97, 0xD9, 0xEC, 0x37]);
    let mut back = Vec::new();
    unpack(&out, 0, 10, &mut back).unwrap();
    assert_eq!(back, b"hellohello");
    assert_eq!(unpack(&out, 0, 11, &mut back), Err(TextError::TooLong));
}

#[test]
fn a_header_of_six_octets_needs_one_fill_bit() {
    assert_eq!([0, 6, 7].map(fill_bits), [0, 1, 0]);
}

#[test]
fn reserved_escapes_show_what_a_handset_shows() {
    assert_eq!(decoded(&[0x1B, b'A']).unwrap(), "A");
    assert_eq!(decoded(&[b'x', 0x1B]).unwrap(), "x ");
    assert_eq!(decoded(&[0x1B, 0x1B, b'x']).unwrap(), " x");
    assert_eq!(decoded(&[0x80]), Err(TextError::NotASeptet));
    assert_eq!(decoded(&[0x1B, 0x80]), Err(TextError::NotASeptet));
}

#[test]
fn every_character_of_both_tables_comes_back() {
    for septet in (0..128u8).filter(|septet| *septet != ESCAPE) {
        let text = decoded(&[septet]).unwrap();
        let mut out = Vec::new();
        encode(&text, &mut out).unwrap();
        assert_eq!(out, [septet]);
    }
    for (septet, character) in EXTENSION {
        let mut out = Vec::new();
        encode(&character.to_string(), &mut out).unwrap();
        assert_eq!(out, [ESCAPE, septet]);
        assert_eq!(decoded(&out).unwrap(), character.to_string());
    }
}

proptest! {
    #[test]
    fn text_survives(text in "[ -~\n\r€ΔΦ]{0,170}") {
        prop_assume!(can_encode(&text));
        let mut out = Vec::new();
        encode(&text, &mut out).unwrap();
        prop_assert_eq!(out.len(), septets(&text).unwrap());
        prop_assert_eq!(decoded(&out).unwrap(), text);
    }

    #[test]
    fn packing_survives(septets in prop::collection::vec(0u8..128, 0..200), fill in 0u8..7) {
        let mut packed = Vec::new();
        pack(&septets, fill, &mut packed);
        prop_assert!(packed.len() <= (septets.len() * 7 + usize::from(fill)).div_ceil(8));
        let mut back = Vec::new();
        unpack(&packed, fill, septets.len(), &mut back).unwrap();
        prop_assert_eq!(back, septets);
    }

    #[test]
    fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..200), fill: u8, count in 0usize..300) {
        let _ = decoded(&bytes);
        let _ = unpack(&bytes, fill, count, &mut Vec::new());
    }
}
