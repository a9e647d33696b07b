//! Where rusmpp 0.4 is wrong, each as a test named after the defect, with what this crate does instead.
//! When one fails after an update of rusmpp, the defect is gone there: move the case to `differential.rs`.

use bytes::BytesMut;
use rusmpp::Command;
use rusmpp::decode::DecodeWithLength;
use veilgate_smpp::codec::{CommandId, Status, Tag, split};
use veilgate_smpp::pdu::Pdu;
use veilgate_smpp::side::North;

use crate::wire::{pdu, tlv};

const SUBMIT: &[u8] = b"\0\x01\x0110690001\0\x05\0Zk3v8QpR2s\0\0\0\0\0\0\x01\0\0\0\x02hi";

/// How each takes one PDU with another behind it: the status it is refused with, and whether rusmpp accepts
/// it and how many octets it takes off the stream.
fn both(id: CommandId, body: &[u8]) -> (Status, bool, usize) {
    let one = pdu(id, 0, 1, body);
    let next = pdu(CommandId::SUBMIT_SM, 0, 2, SUBMIT);
    let frame = split(&one, 1 << 16).unwrap().unwrap();
    let ours = Pdu::<North>::decode(frame).map_or_else(|error| error.status, |_| Status::OK);
    let stream = [one.as_slice(), next.as_slice()].concat();
    let mut rest = BytesMut::from(&stream[4..]);
    let accepted = Command::decode(&mut rest, one.len() - 4).is_ok();
    (ours, accepted, stream.len() - rest.len())
}

#[test]
fn it_reads_past_command_length_when_a_pdu_is_cut_to_24_octets() {
    let (ours, accepted, taken) = both(CommandId::SUBMIT_SM, &SUBMIT[..8]);
    assert_eq!(ours, Status::RINVSRCADR);
    assert!(accepted);
    assert!(taken > 24, "{taken}");
}

#[test]
fn it_reads_past_command_length_when_sm_length_is_too_long() {
    let body = [&SUBMIT[..SUBMIT.len() - 3], b"\x20hi"].concat();
    let (ours, accepted, taken) = both(CommandId::SUBMIT_SM, &body);
    assert_eq!(ours, Status::RINVMSGLEN);
    assert!(accepted);
    assert!(taken > body.len() + 16, "{taken}");
}

#[test]
fn it_loses_the_stream_after_a_refused_pdu() {
    let bad_times = b"\0\0\0\0\x05\0Zk3v8QpR2s\0\0\0\x002603\0\0\x01\0\0\0\x02hi";
    let (ours, accepted, taken) = both(CommandId::SUBMIT_SM, bad_times);
    assert_eq!(ours, Status::RINVSCHED);
    assert!(!accepted);
    assert_ne!(taken, bad_times.len() + 16);
}

#[test]
fn it_loses_the_stream_after_octets_behind_a_pdu_without_body() {
    let congestion = tlv(Tag::CONGESTION_STATE, &[1]);
    for id in [CommandId::ENQUIRE_LINK, CommandId::CANCEL_SM_RESP, CommandId::UNBIND_RESP] {
        let (ours, accepted, taken) = both(id, &congestion);
        assert_eq!((ours, accepted, taken), (Status::OK, true, 16));
    }
}

#[test]
fn it_loses_the_stream_after_a_second_tlv_in_a_bind_response() {
    let tlvs = [tlv(Tag::CONGESTION_STATE, &[1]), tlv(Tag::SC_INTERFACE_VERSION, &[0x34])].concat();
    let body = [b"id\0".as_slice(), &tlvs].concat();
    let (ours, accepted, taken) = both(CommandId::BIND_TRANSCEIVER_RESP, &body);
    assert_eq!((ours, accepted), (Status::OK, true));
    assert!(taken < body.len() + 16, "{taken}");
}

#[test]
fn it_refuses_latin_1_in_an_alphanumeric_address() {
    let body = [b"\0\x05\0B\xfccher\0".as_slice(), &SUBMIT[12..]].concat();
    let (ours, accepted, _) = both(CommandId::SUBMIT_SM, &body);
    assert_eq!((ours, accepted), (Status::OK, false));
}

#[test]
fn it_refuses_addresses_of_data_sm_that_are_longer_than_20_octets() {
    let body = b"\0\x05\x00012345678901234567890123456789\0\x05\0Zk3v8QpR2s\0\0\0\0";
    let (ours, accepted, _) = both(CommandId::DATA_SM, body);
    assert_eq!((ours, accepted), (Status::OK, false));
}

#[test]
fn it_takes_source_telematics_id_for_two_octets() {
    let body = [SUBMIT, &tlv(Tag::SOURCE_TELEMATICS_ID, &[1])].concat();
    let (ours, accepted, _) = both(CommandId::SUBMIT_SM, &body);
    assert_eq!((ours, accepted), (Status::OK, false));
}

#[test]
fn its_debug_prints_addresses_and_texts() {
    let input = pdu(CommandId::SUBMIT_SM, 0, 1, SUBMIT);
    let mut rest = BytesMut::from(&input[4..]);
    let (theirs, _) = Command::decode(&mut rest, input.len() - 4).unwrap();
    assert!(format!("{theirs:?}").contains("Zk3v8QpR2s"));
    let ours = Pdu::<North>::decode(split(&input, 999).unwrap().unwrap()).unwrap();
    assert!(!format!("{ours:?}").contains("Zk3v8QpR2s"));
}
