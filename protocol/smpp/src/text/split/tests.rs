use proptest::prelude::*;

use super::*;
use crate::text::encoding::decode_text;

fn lengths(text: &str, default: DefaultAlphabet, wide: bool) -> (u8, Vec<usize>) {
    let parts = split(text, default, wide).unwrap();
    assert_eq!(usize::from(parts.total()), parts.clone().count());
    (parts.data_coding(), parts.map(|part| part.chars().count()).collect())
}

#[test]
fn each_alphabet_has_its_room() {
    use DefaultAlphabet::{Gsm7, Latin1};
    assert_eq!(lengths(&"a".repeat(160), Gsm7, false), (0, vec![160]));
    assert_eq!(lengths(&"a".repeat(161), Gsm7, false), (0, vec![153, 8]));
    assert_eq!(lengths(&"a".repeat(161), Gsm7, true), (0, vec![152, 9]));
    assert_eq!(lengths(&"a".repeat(141), Latin1, false), (0, vec![134, 7]));
    assert_eq!(lengths(&"验".repeat(70), Gsm7, false), (8, vec![70]));
    assert_eq!(lengths(&"验".repeat(71), Latin1, false), (8, vec![67, 4]));
    assert_eq!(lengths(&"验".repeat(71), Gsm7, true), (8, vec![66, 5]));
}

#[test]
fn no_cut_goes_through_a_pair() {
    let euro = format!("{}€{}", "a".repeat(152), "b".repeat(20));
    assert_eq!(lengths(&euro, DefaultAlphabet::Gsm7, false), (0, vec![152, 21]));
    let smile = format!("{}😀{}", "验".repeat(66), "验".repeat(20));
    assert_eq!(lengths(&smile, DefaultAlphabet::Gsm7, false), (8, vec![66, 21]));
}

#[test]
fn the_ends_of_the_range() {
    let empty = split("", DefaultAlphabet::Gsm7, false).unwrap();
    assert_eq!((empty.total(), empty.data_coding(), empty.collect::<Vec<_>>()), (1, 0, vec![""]));
    assert_eq!(split(&"a".repeat(153 * 255), DefaultAlphabet::Gsm7, false).unwrap().total(), 255);
    let long = "a".repeat(153 * 255 + 1);
    assert_eq!(split(&long, DefaultAlphabet::Gsm7, false).unwrap_err(), TextError::TooLong);
    assert_eq!(
        format!("{:?}", split("13800138000", DefaultAlphabet::Gsm7, false).unwrap()),
        "Parts(1, data_coding 0)"
    );
}

proptest! {
    #[test]
    fn the_parts_make_the_text(text in "[a-z€{😀验é]{0,300}", latin: bool, wide: bool) {
        let default = if latin { DefaultAlphabet::Latin1 } else { DefaultAlphabet::Gsm7 };
        let parts = split(&text, default, wide).unwrap();
        let mut again = String::new();
        for part in parts.clone() {
            let mut out = Vec::new();
            parts.encode(part, &mut out).unwrap();
            let coding = parts.data_coding();
            let header = if parts.total() > 1 { 6 + usize::from(wide) } else { 0 };
            let octets = if coding == 0 && !latin { (out.len() * 7).div_ceil(8) } else { out.len() };
            prop_assert!(header + octets <= 140);
            again.push_str(&decode_text(coding, &out, default).unwrap());
        }
        prop_assert_eq!(again, text);
    }
}
