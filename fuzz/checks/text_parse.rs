//! What must hold for any octets that stand in a message.

use veilgate_names::Timestamp;
use veilgate_smpp::text::encoding::{DefaultAlphabet, decode_text, encode_text};
use veilgate_smpp::text::receipt::{IdFormat, MAX_ID, ReceiptTlvs, parse};
use veilgate_smpp::text::udh::{UserDataHeader, write};
use veilgate_smpp::text::{gsm7, time};

/// Reads the octets as text of the coding in the first, as a header, a receipt and a time.
pub(crate) fn check(input: &[u8]) {
    let Some((coding, body)) = input.split_first() else { return };
    for default in [DefaultAlphabet::Gsm7, DefaultAlphabet::Latin1] {
        if let Ok(text) = decode_text(*coding, body, default) {
            let mut again = Vec::new();
            let coding = encode_text(&text, default, &mut again);
            assert_eq!(decode_text(coding, &again, default).as_deref(), Ok(text.as_str()));
        }
    }
    if let Ok((header, text)) = UserDataHeader::parse(body) {
        let elements: usize = header.elements().map(|element| element.data.len() + 2).sum();
        assert_eq!(1 + elements + text.len(), body.len());
        if let Some(segment) = header.segment {
            let mut again = Vec::new();
            write(segment, &mut again);
            assert_eq!(UserDataHeader::parse(&again).map(|(header, _)| header.segment), Ok(Some(segment)));
        }
    }
    if let Ok(receipt) = parse(ReceiptTlvs::default(), body) {
        assert!((1..=MAX_ID).contains(&receipt.id.len()));
        assert!(IdFormat::Auto.response_key(receipt.id).is_some());
    }
    let _ = time::parse(body, Timestamp(0));
    let _ = gsm7::unpack(body, *coding, usize::from(*coding), &mut Vec::new());
}
