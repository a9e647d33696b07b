//! What must hold for any octets behind the fixed fields of a message: its TLVs.

use veilgate_smpp::codec::{Tag, split};
use veilgate_smpp::pdu::Pdu;
use veilgate_smpp::side::{North, South};
use veilgate_smpp::text::receipt::{ReceiptTlvs, parse};
use veilgate_smpp::text::udh::Segment;

/// Reads the octets as the TLVs of a `submit_sm` and of a `deliver_sm`.
pub(crate) fn check(input: &[u8]) {
    for command in [4_u32, 5] {
        let mut pdu = Vec::new();
        // No service type, empty addresses, no times, no text.
        let fixed = [0_u8; 17];
        let length = u32::try_from(16 + fixed.len() + input.len()).unwrap();
        for word in [length, command, 0, 7] {
            pdu.extend_from_slice(&word.to_be_bytes());
        }
        pdu.extend_from_slice(&fixed);
        pdu.extend_from_slice(input);
        let Ok(Some(frame)) = split(&pdu, 1 << 20) else { return };
        let tlvs = match Pdu::<South>::decode(frame) {
            Ok(Pdu::SubmitSm(submit)) => submit.tlvs,
            Ok(Pdu::DeliverSm(deliver)) => deliver.tlvs,
            Ok(other) => panic!("{other:?}"),
            Err(_) => {
                assert!(Pdu::<North>::decode(frame).is_err(), "the North is held to no less than the South");
                continue;
            }
        };
        let octets: usize = tlvs.iter().map(|tlv| 4 + tlv.value.as_bytes().len()).sum();
        assert_eq!(octets, input.len(), "nothing is lost between the TLVs");
        for tlv in tlvs.iter() {
            assert!(tlvs.find(tlv.tag).is_some());
            assert!(!tlv.c_octets().contains(&0));
            let _ = (tlv.octet(), tlv.short(), format!("{tlv:?}"));
        }
        if let Ok(Some(segment)) = Segment::of(tlvs) {
            assert!(segment.number >= 1 && segment.number <= segment.total);
        }
        let receipt = ReceiptTlvs {
            message_id: tlvs.find(Tag::RECEIPTED_MESSAGE_ID).map(|tlv| tlv.c_octets()),
            message_state: tlvs.find(Tag::MESSAGE_STATE).and_then(|tlv| tlv.octet()),
            network_error: None,
        };
        let _ = parse(receipt, b"");
    }
}
