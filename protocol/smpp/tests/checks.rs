//! The fuzzer's checks of sessions and texts, over its corpus of PDUs and over random octets.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../../../fuzz/checks/session_receive.rs"]
mod session_receive;
#[path = "../../../fuzz/checks/text_parse.rs"]
mod text_parse;
#[path = "../../../fuzz/checks/text_split.rs"]
mod text_split;

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/pdu_decode");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn both_ends_hold_over_the_corpus() {
    let stream = corpus();
    assert!(stream.len() >= 20);
    for which in 0..=255 {
        for pace in [0, 1, 2, 30, 255] {
            session_receive::check(&[&[which, pace], &stream.concat()[..]].concat());
        }
    }
}

proptest! {
    #[test]
    fn both_ends_hold_over_any_order(which: u8, pace: u8, order in prop::collection::vec(any::<prop::sample::Index>(), 0..40)) {
        let files = corpus();
        let mut input = vec![which, pace];
        input.extend(order.iter().flat_map(|index| index.get(&files)));
        session_receive::check(&input);
    }

    #[test]
    fn text_holds_over_any_octets(input in prop::collection::vec(any::<u8>(), 0..170)) {
        text_parse::check(&input);
    }

    #[test]
    fn texts_are_cut_whatever_they_are(coding: u8, input in prop::collection::vec(any::<u8>(), 0..700)) {
        text_split::check(&[&[coding], &input[..]].concat());
    }

    #[test]
    fn readable_texts_are_cut_so_that_they_stay_readable(text in "[a-z€{😀验é\u{301}]{0,400}") {
        let utf16 = text.encode_utf16().flat_map(u16::to_be_bytes);
        text_split::check(&[8].into_iter().chain(utf16).collect::<Vec<_>>());
    }
}
