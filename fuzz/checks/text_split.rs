//! What must hold for any octets that are cut into parts.

use veilgate_smpp::text::encoding::{DefaultAlphabet, decode_text};
use veilgate_smpp::text::split::{Reference, split};

/// Cuts the octets behind the first in the coding that this names; what can be read as a whole can be read in parts.
pub(crate) fn check(input: &[u8]) {
    let Some((coding, text)) = input.split_first() else { return };
    for default in [DefaultAlphabet::Gsm7, DefaultAlphabet::Latin1] {
        for (reference, header) in [(Reference::Narrow, 6), (Reference::Wide, 7)] {
            let Ok(parts) = split(*coding, text, default, reference) else { continue };
            let pieces: Vec<&[u8]> = parts.clone().collect();
            assert_eq!(pieces.len(), usize::from(parts.total()));
            assert_eq!(pieces.concat(), text);
            let most = if pieces.len() > 1 { (140 - header) * 8 / 7 } else { 160 };
            assert!(pieces.iter().all(|piece| piece.len() <= most));
            if let Ok(whole) = decode_text(*coding, text, default) {
                let read = pieces.iter().map(|piece| decode_text(*coding, piece, default).unwrap());
                assert_eq!(read.collect::<String>(), whole);
            }
        }
    }
}
