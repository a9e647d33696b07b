//! Replays the fuzzer's corpus, and any input that once failed, with the fuzzer's own check.

use std::fs;
use std::path::Path;

#[path = "../../../../fuzz/checks/pdu_decode.rs"]
mod pdu_decode;

#[test]
fn the_corpus_of_pdu_decode_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/pdu_decode");
    let mut replayed = 0;
    for entry in fs::read_dir(folder).unwrap() {
        pdu_decode::check(&fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 20, "only {replayed} inputs");
}
