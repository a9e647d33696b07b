//! What must hold for any octets that arrive on an SMPP connection.

use bytes::BytesMut;
use veilgate_smpp::codec::split;
use veilgate_smpp::pdu::Pdu;
use veilgate_smpp::side::{North, South};

/// Cuts and decodes as both sides; whatever decodes must encode to the same body.
pub(crate) fn check(input: &[u8]) {
    let mut rest = input;
    while let Ok(Some(frame)) = split(rest, 65_536) {
        let header = frame.header;
        assert_eq!(frame.length(), usize::try_from(header.command_length).unwrap());
        let south = Pdu::<South>::decode(frame);
        let _ = format!("{south:?}");
        match Pdu::<North>::decode(frame) {
            Ok(decoded) => {
                assert!(south.is_ok(), "the South is held to less than the North");
                let mut out = BytesMut::new();
                decoded.encode(header.command_status, header.sequence_number, &mut out);
                assert_eq!(&out[16..], frame.body);
                assert_eq!(out[..8], rest[..8]);
                assert_eq!(out[12..16], rest[12..16]);
            }
            Err(error) => {
                let mut out = BytesMut::new();
                assert_eq!(error.refuse(&mut out), error.command_id.response().is_some());
                assert_eq!(error.sequence_number, header.sequence_number);
            }
        }
        rest = &rest[frame.length()..];
    }
}
