//! Debug prints lengths: no address, text, password or TLV value, from either side.

use veilgate_smpp::codec::{CommandId, Tag, split};
use veilgate_smpp::pdu::{Pdu, SmscAddress};
use veilgate_smpp::side::{North, South};

use crate::wire::{ALL, pdu, tlv};

const CANARY: &[u8] = b"138001380";

/// The same nine digits wherever a string may stand.
fn marked(id: CommandId) -> Vec<u8> {
    let string = [CANARY, b"\0"].concat();
    let short = [&CANARY[..5], b"\0"].concat();
    let address = [b"\x01\x01", string.as_slice()].concat();
    let message = [b"\x09", CANARY].concat();
    let tlvs = [tlv(Tag::MESSAGE_PAYLOAD, CANARY), tlv(Tag(0x1400), CANARY)].concat();
    let fields: &[u8] = b"\0\0\0\0\0\x01\0\0\0";
    let body: Vec<&[u8]> = match id {
        CommandId::BIND_RECEIVER | CommandId::BIND_TRANSMITTER | CommandId::BIND_TRANSCEIVER => {
            vec![&string, &CANARY[..8], b"\0", &string, b"\x34\0\0", &string, &tlvs]
        }
        CommandId::OUTBIND => vec![&string, &CANARY[..8], b"\0", &tlvs],
        CommandId::SUBMIT_SM | CommandId::DELIVER_SM => {
            vec![&short, &address, &address, fields, &message, &tlvs]
        }
        CommandId::SUBMIT_MULTI => {
            vec![&short, &address, b"\x02\x01", &address, b"\x02", &string, fields, &message, &tlvs]
        }
        CommandId::SUBMIT_MULTI_RESP => vec![&string, b"\x01", &address, b"\0\0\0\x0b", &tlvs],
        CommandId::DATA_SM => vec![&short, &address, &address, b"\0\0\0", &tlvs],
        CommandId::QUERY_SM => vec![&string, &address, &tlvs],
        CommandId::QUERY_SM_RESP => vec![&string, b"\0\0\0", &tlvs],
        CommandId::CANCEL_SM => vec![&short, &string, &address, &address, &tlvs],
        CommandId::REPLACE_SM => vec![&string, &address, b"\0\0\0\0", &message, &tlvs],
        CommandId::ALERT_NOTIFICATION => vec![&address, &address, &tlvs],
        id if id.is_response() && !matches!(id.0 & 0xff, 0x00 | 0x06 | 0x07 | 0x08 | 0x15) => {
            vec![&string, &tlvs]
        }
        _ => vec![&tlvs],
    };
    body.concat()
}

fn assert_silent(shown: &str) {
    for spelling in ["13800", "31 33 38 30", "31333830", "49, 51, 56", "x31, 0x33"] {
        assert!(!shown.contains(spelling), "{shown}");
    }
}

#[test]
fn no_pdu_shows_its_contents() {
    for id in ALL {
        let input = pdu(id, 0, 1, &marked(id));
        let frame = split(&input, 4096).unwrap().unwrap();
        let north = Pdu::<North>::decode(frame).unwrap_or_else(|error| panic!("{error:?}"));
        let south = Pdu::<South>::decode(frame).unwrap_or_else(|error| panic!("{error:?}"));
        assert_silent(&format!("{frame:?} {frame:#?} {north:?} {north:#?} {south:?} {south:#?}"));
    }
}

#[test]
fn numbers_of_the_south_show_stars() {
    let input = pdu(CommandId::DELIVER_SM, 0, 1, &marked(CommandId::DELIVER_SM));
    let frame = split(&input, 4096).unwrap().unwrap();
    let Ok(Pdu::DeliverSm(deliver)) = Pdu::<South>::decode(frame) else { panic!() };
    assert_eq!(format!("{:?}", deliver.source), "SouthNumber(***)");
    assert_eq!(deliver.source.expose_to_ingress(), (1, 1, CANARY));
    let sink = SmscAddress::write(1, 1, CANARY).unwrap();
    assert_eq!(format!("{sink:?} {sink:#?}"), "SmscAddress(***) SmscAddress(***)");
}

#[test]
fn constants_show_their_names() {
    assert_eq!(format!("{:?}", CommandId::SUBMIT_SM), "CommandId(0x00000004 SUBMIT_SM)");
    assert_eq!(format!("{:?}", CommandId(0x77)), "CommandId(0x00000077 ?)");
    assert_eq!(format!("{:?}", Tag::PSEUDONYM), "Tag(0x1501 PSEUDONYM)");
}
