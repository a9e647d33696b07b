//! What must hold for any octets that stand in CDR and audit files.

use veilgate_ledger::{Anchor, Cdr, Chain, Expectation, last_whole_line, verify, verify_cdr};

/// Reads the octets as a CDR, as files of both kinds, and as an anchor.
pub(crate) fn check(input: &[u8]) {
    if let Ok(cdr) = Cdr::parse_line(input) {
        assert_eq!(Cdr::id_of_line(input), Some(cdr.id));
        let mut line = Vec::new();
        cdr.write_line(&mut line);
        let again = Cdr::parse_line(&line).unwrap();
        assert!(again == cdr, "a CDR reads back as it was written");
    }
    if let Err(broken) = verify_cdr(input) {
        let _ = format!("{broken} {broken:?}");
    }
    let nothing_known = Expectation { after: None, key: None, checkpoint_every: None, anchor: None };
    if let Err(broken) = verify(input, &nothing_known) {
        let _ = format!("{broken} {broken:?}");
    }
    let _ = (last_whole_line(input), Chain::resume(input).is_ok());
    if let Some(anchor) = std::str::from_utf8(input).ok().and_then(|text| Anchor::parse(text).ok()) {
        assert!(Anchor::parse(&anchor.to_string()).unwrap() == anchor);
    }
}
