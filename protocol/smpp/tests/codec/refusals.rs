//! Which status a broken PDU is refused with (smpp-cases 6, 7, 9), and which frames close the stream.

use bytes::BytesMut;
use veilgate_smpp::codec::{CommandId, FrameError, Status, Tag, split};
use veilgate_smpp::pdu::{Pdu, refuse};
use veilgate_smpp::side::{North, Side, South};

use crate::wire::{pdu, tlv};

fn status<S: Side>(id: CommandId, body: &[u8]) -> Status {
    let input = pdu(id, 0, 99, body);
    let frame = split(&input, 1 << 20).unwrap().unwrap();
    match Pdu::<S>::decode(frame) {
        Ok(_) => Status::OK,
        Err(error) => {
            assert_eq!((error.command_id, error.sequence_number), (id, 99));
            error.status
        }
    }
}

fn north(id: CommandId, parts: &[&[u8]]) -> Status {
    status::<North>(id, &parts.concat())
}

const SUBMIT: CommandId = CommandId::SUBMIT_SM;
const TO: &[u8] = b"\0\0\x01\x0110690001\0\x05\0Zk3v8QpR2s\0";
const REST: &[u8] = b"\0\0\0\0\0\x01\0\0\0";

#[test]
fn a_whole_submit_sm_is_taken() {
    assert_eq!(north(SUBMIT, &[TO, REST, b"\x02hi"]), Status::OK);
    assert_eq!(north(SUBMIT, &[TO, REST, b"\0"]), Status::OK);
}

#[test]
fn each_field_has_its_status() {
    let long = [b'1'; 21];
    let cases: &[(&[&[u8]], Status)] = &[
        (&[b"CMTXXX\0"], Status::RINVSERTYP),
        (&[b"CMT"], Status::RINVSERTYP),
        (&[b"\0\x01\x01", &long, b"\0"], Status::RINVSRCADR),
        (&[b"\0\x01\x011069"], Status::RINVSRCADR),
        (&[b"\0\x01\x01\0\x05\0", &long, b"\0"], Status::RINVDSTADR),
        (&[b"\0\x01\x01\0\x05\0abc"], Status::RINVDSTADR),
        (&[b"\0\x01\x01\0\x05\0abc\0\0\0\0", b"2603011200000\0"], Status::RINVSCHED),
        (&[b"\0\x01\x01\0\x05\0abc\0\0\0\0\0", b"26030112000000000+\0"], Status::RINVEXPIRY),
        (&[b"\0\x01"], Status::RINVMSGLEN),
        (&[TO], Status::RINVMSGLEN),
        (&[TO, REST], Status::RINVMSGLEN),
        (&[TO, REST, b"\x03hi"], Status::RINVMSGLEN),
        (&[TO, REST, b"\xff", &[b'x'; 255]], Status::RINVMSGLEN),
        (&[TO, REST, b"\0", b"\x04\x24\0"], Status::RINVTLVSTREAM),
        (&[TO, REST, b"\0", b"\x04\x24\0\x05abcd"], Status::RINVTLVSTREAM),
        (&[TO, REST, b"\0", b"\x04\x24\xff\xffabcd"], Status::RINVTLVSTREAM),
        (&[TO, REST, b"\0", &tlv(Tag::SAR_MSG_REF_NUM, &[1])], Status::RINVPARLEN),
        (&[TO, REST, b"\0", &tlv(Tag::MESSAGE_STATE, &[])], Status::RINVPARLEN),
        (&[TO, REST, b"\0", &tlv(Tag(0x3000), &[])], Status::OK),
    ];
    for (parts, expected) in cases {
        assert_eq!(north(SUBMIT, parts), *expected, "{parts:?}");
    }
}

#[test]
fn other_pdus_have_theirs() {
    let cases: &[(CommandId, &[u8], Status)] = &[
        (CommandId::BIND_TRANSCEIVER, b"abcdefghijklmnop\0", Status::RINVSYSID),
        (CommandId::BIND_TRANSCEIVER, b"abc\0passworded\0", Status::RINVPASWD),
        (CommandId::BIND_TRANSCEIVER, b"abc\0pw\0systemtypesys\0", Status::RINVSYSTYP),
        (CommandId::BIND_TRANSCEIVER, b"abc\0pw\0\0\x34", Status::RINVMSGLEN),
        (CommandId::BIND_TRANSCEIVER, b"abc\0pw\0\0\x34\0\0^1069", Status::RINVPARLEN),
        (CommandId::OUTBIND, b"abc\0pw", Status::RINVPASWD),
        (CommandId::QUERY_SM, &[b'a'; 70], Status::RINVMSGID),
        (CommandId::SUBMIT_MULTI, b"\0\0\0\0\x01\x03", Status::RINVDESTFLAG),
        (CommandId::SUBMIT_MULTI, b"\0\0\0\0\x02\x02list\0", Status::RINVMSGLEN),
        (CommandId::SUBMIT_MULTI, b"\0\0\0\0\x01\x02listlistlistlistlistl\0", Status::RINVDLNAME),
        (CommandId::SUBMIT_MULTI, b"\0\0\0\0\x01\x01\0\0abc", Status::RINVDSTADR),
        (CommandId::ENQUIRE_LINK, b"\0", Status::RINVTLVSTREAM),
        (CommandId(0x4711), b"", Status::RINVCMDID),
        (CommandId(0x8000_4711), b"", Status::RINVCMDID),
        (CommandId::BROADCAST_SM, b"", Status::RINVCMDID),
        (CommandId::QUERY_BROADCAST_SM, b"", Status::RINVCMDID),
    ];
    for (id, body, expected) in cases {
        assert_eq!(status::<North>(*id, body), *expected, "{id:?}");
    }
}

#[test]
fn an_smsc_is_forgiven_tlv_lengths_and_255_octets() {
    let body = [TO, REST, b"\xff", &[b'x'; 255], &tlv(Tag::MESSAGE_STATE, &[0, 2])].concat();
    assert_eq!(status::<South>(CommandId::DELIVER_SM, &body), Status::OK);
    assert_eq!(status::<North>(CommandId::DELIVER_SM, &body), Status::RINVMSGLEN);
}

#[test]
fn a_refused_response_may_leave_its_body_out() {
    for id in [
        CommandId::SUBMIT_SM_RESP,
        CommandId::DELIVER_SM_RESP,
        CommandId::DATA_SM_RESP,
        CommandId::SUBMIT_MULTI_RESP,
        CommandId::QUERY_SM_RESP,
        CommandId::BIND_TRANSCEIVER_RESP,
    ] {
        assert_eq!(status::<South>(id, b""), Status::OK, "{id:?}");
    }
    assert_eq!(status::<South>(CommandId::SUBMIT_SM_RESP, b"\0"), Status::OK);
    let odd_length = [b"\0".as_slice(), &tlv(Tag::MESSAGE_STATE, &[0, 2])].concat();
    assert_eq!(status::<North>(CommandId::DELIVER_SM_RESP, &odd_length), Status::OK);
    let with_congestion = [b"id-1\0".as_slice(), &tlv(Tag::CONGESTION_STATE, &[80])].concat();
    assert_eq!(status::<South>(CommandId::SUBMIT_SM_RESP, &with_congestion), Status::OK);
}

#[test]
fn bad_lengths_are_known_at_header_time() {
    for (length, max) in [(0, 100), (15, 100), (101, 100), (u32::MAX, 1 << 16)] {
        let mut input = length.to_be_bytes().to_vec();
        let unknown = FrameError { command_length: length, sequence_number: None };
        assert_eq!(split(&input, max), Err(unknown));
        input.extend([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(split(&input, max), Err(unknown));
        input.push(2);
        let known = FrameError { command_length: length, sequence_number: Some(258) };
        assert_eq!(split(&input, max), Err(known));
    }
    assert_eq!(FrameError::STATUS, Status::RINVCMDLEN);
}

#[test]
fn refusals_have_no_body_and_the_right_id() {
    let mut out = BytesMut::new();
    assert!(refuse(SUBMIT, Status::RINVDSTADR, 5, &mut out));
    assert_eq!(&out[..], pdu(CommandId::SUBMIT_SM_RESP, 0x0b, 5, b""));
    out.clear();
    assert!(refuse(CommandId(0x77), Status::RINVCMDID, 0, &mut out));
    assert_eq!(&out[..], pdu(CommandId::GENERIC_NACK, 3, 0, b""));
    out.clear();
    for id in
        [CommandId::OUTBIND, CommandId::ALERT_NOTIFICATION, CommandId::GENERIC_NACK, CommandId(0x8000_0077)]
    {
        assert!(!refuse(id, Status::RINVCMDID, 1, &mut out));
    }
    assert!(out.is_empty());
}

#[test]
fn a_message_stands_in_one_place_only() {
    let both = [TO, REST, b"\x02hi", &tlv(Tag::MESSAGE_PAYLOAD, b"there")].concat();
    let input = pdu(SUBMIT, 0, 1, &both);
    let Ok(Pdu::SubmitSm(submit)) = Pdu::<North>::decode(split(&input, 999).unwrap().unwrap()) else {
        panic!()
    };
    assert_eq!(submit.message(), Err(Status::ROPTPARNOTALLWD));
    let payload = [TO, REST, b"\0", &tlv(Tag::MESSAGE_PAYLOAD, b"there")].concat();
    let input = pdu(SUBMIT, 0, 1, &payload);
    let Ok(Pdu::SubmitSm(submit)) = Pdu::<North>::decode(split(&input, 999).unwrap().unwrap()) else {
        panic!()
    };
    assert_eq!(submit.message().unwrap().as_bytes(), b"there");
}

#[test]
fn duplicated_tlvs_are_kept_and_the_first_is_found() {
    let twice =
        [tlv(Tag::PSEUDONYM, b"first"), tlv(Tag::JOB_ID, b"job"), tlv(Tag::PSEUDONYM, b"second")].concat();
    let input = pdu(SUBMIT, 0, 1, &[TO, REST, b"\0", &twice].concat());
    let Ok(Pdu::SubmitSm(submit)) = Pdu::<North>::decode(split(&input, 999).unwrap().unwrap()) else {
        panic!()
    };
    assert_eq!(submit.tlvs.find(Tag::PSEUDONYM).unwrap().value.as_bytes(), b"first");
    let values: Vec<_> = submit.tlvs.iter().map(|tlv| tlv.value.as_bytes()).collect();
    assert_eq!(values, [b"first".as_slice(), b"job", b"second"]);
}
