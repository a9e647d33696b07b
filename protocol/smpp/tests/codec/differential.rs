//! rusmpp 0.4 as the other opinion, both ways. Where it is known to be wrong is in `oracle_defects.rs`.

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::{Encode, Length};
use rusmpp::tlvs::MessageSubmissionRequestTlvValue;
use rusmpp::{Command, pdus, values};
use veilgate_smpp::codec::{
    Address, CString, CommandId, EsmClass, OctetString, RegisteredDelivery, Status, Tag, Time, TlvList, Tlvs,
    split,
};
use veilgate_smpp::pdu::{
    AlertNotification, Bind, BindMode, BindResp, CancelSm, CancelSmResp, DataSm, DataSmResp, DeliverSm,
    DeliverSmResp, Destination, DestinationList, EnquireLink, EnquireLinkResp, GenericNack, Outbind, Pdu,
    QueryResult, QuerySm, QuerySmResp, ReplaceSm, ReplaceSmResp, SubmitMulti, SubmitMultiResp, SubmitSm,
    SubmitSmResp, Unbind, UnbindResp, Unsuccessful, UnsuccessfulList,
};
use veilgate_smpp::side::North;

use crate::wire::{ALL, Alphabet, body, pdu};

/// What rusmpp's tokio codec does with one whole PDU: the length, then the command with what is left of it.
fn rusmpp_decode(input: &[u8]) -> Option<(Command, BytesMut)> {
    let mut rest = BytesMut::from(&input[4..]);
    let length = usize::try_from(u32::from_be_bytes(input[..4].try_into().unwrap())).unwrap() - 4;
    let (command, _) = Command::decode(&mut rest, length).ok()?;
    Some((command, rest))
}

fn rusmpp_encode(command: &Command) -> Vec<u8> {
    let mut out = vec![0; command.length()];
    let length = command.encode(&mut out);
    let mut framed = BytesMut::new();
    framed.put_u32(u32::try_from(length + 4).unwrap());
    framed.put_slice(&out[..length]);
    framed.to_vec()
}

#[test]
fn rusmpp_reads_and_writes_what_we_write() {
    for id in ALL {
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 48,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let strategy = (body(id, Alphabet::Ascii), any::<u32>());
        runner
            .run(&strategy, |(body, sequence)| {
                let input = pdu(id, 0, sequence, &body);
                let frame = split(&input, 1 << 16).unwrap().unwrap();
                let mut ours = BytesMut::new();
                Pdu::<North>::decode(frame).unwrap().encode(frame.header.command_status, sequence, &mut ours);
                let (theirs, rest) = rusmpp_decode(&ours).unwrap();
                prop_assert!(rest.is_empty());
                prop_assert_eq!(theirs.sequence_number(), sequence);
                prop_assert_eq!(rusmpp_encode(&theirs), &ours[..], "{:?}", id);
                Ok(())
            })
            .unwrap();
    }
}

/// Both write the same octets for the same fields, and each reads the other's as the same fields.
macro_rules! agree {
    ($variant:ident, $theirs:expr, $ours:expr $(, $status:expr)?) => {{
        let theirs = Command::new(rusmpp::CommandStatus::EsmeRok, 77, $theirs);
        let ours = $ours;
        let written = rusmpp_encode(&theirs);
        let mut out = BytesMut::new();
        ours.encode($($status,)? 77, &mut out);
        assert_eq!(&out[..], &written[..]);
        let Ok(Pdu::$variant(read)) = Pdu::<North>::decode(split(&written, 1 << 16).unwrap().unwrap()) else {
            panic!("not read as {}", stringify!($variant));
        };
        assert_eq!(read, ours);
        assert_eq!(rusmpp_decode(&out).unwrap().0, theirs);
    }};
}

fn text<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn c<const MAX: usize>(text: &str) -> CString<'_, MAX> {
    CString::new(text.as_bytes()).unwrap()
}

fn from<const MAX: usize>() -> Address<'static, MAX> {
    Address::new(1, 2, b"10690001").unwrap()
}

fn to<const MAX: usize>() -> Address<'static, MAX> {
    Address::new(5, 3, b"Zk3v8QpR2s").unwrap()
}

const WHEN: &str = "260301120000000+";
const UNTIL: &str = "000002000000000R";

#[test]
fn binds_agree() {
    let theirs = pdus::BindTransceiver {
        system_id: text("account"),
        password: text("secret"),
        system_type: text("VMS"),
        interface_version: 0x34.into(),
        addr_ton: 1.into(),
        addr_npi: 2.into(),
        address_range: text("^1069"),
    };
    let ours = Bind {
        mode: BindMode::Transceiver,
        system_id: c("account"),
        password: c("secret"),
        system_type: c("VMS"),
        interface_version: 0x34,
        addr_ton: 1,
        addr_npi: 2,
        address_range: c("^1069"),
        tlvs: Tlvs::EMPTY,
    };
    agree!(Bind, theirs, ours);
    let mut theirs = pdus::BindReceiverResp::default();
    theirs.system_id = text("gateway");
    theirs.set_sc_interface_version(Some(0x34.into()));
    let mut tlvs = TlvList::new();
    tlvs.push(Tag::SC_INTERFACE_VERSION, &[0x34]).unwrap();
    let ours = BindResp { mode: BindMode::Receiver, system_id: Some(c("gateway")), tlvs: tlvs.view() };
    assert_eq!(ours.sc_interface_version(), Some(0x34));
    agree!(BindResp, theirs, ours, Status::OK);
    let theirs = pdus::Outbind::new(text("smsc"), text("secret"));
    agree!(Outbind, theirs, Outbind { system_id: c("smsc"), password: c("secret"), tlvs: Tlvs::EMPTY });
}

/// The fields `submit_sm`, `deliver_sm` and `submit_multi` share, each with a value of its own.
macro_rules! fill {
    ($theirs:ident) => {
        $theirs.service_type = values::ServiceType::new(text("CMT"));
        $theirs.source_addr_ton = 1.into();
        $theirs.source_addr_npi = 2.into();
        $theirs.source_addr = text("10690001");
        $theirs.esm_class = 0x40.into();
        $theirs.protocol_id = 6;
        $theirs.priority_flag = 3.into();
        $theirs.schedule_delivery_time = text(WHEN);
        $theirs.validity_period = text(UNTIL);
        $theirs.registered_delivery = 0x11.into();
        $theirs.replace_if_present_flag = 1.into();
        $theirs.data_coding = 8.into();
        $theirs.sm_default_msg_id = 9;
        $theirs.set_short_message(text("hello"));
    };
}

#[test]
fn submit_sm_agrees() {
    let mut theirs = pdus::SubmitSm::default();
    fill!(theirs);
    theirs.dest_addr_ton = 5.into();
    theirs.dest_addr_npi = 3.into();
    theirs.destination_addr = text("Zk3v8QpR2s");
    theirs.push_tlv(MessageSubmissionRequestTlvValue::SarMsgRefNum(258));
    theirs.push_tlv(MessageSubmissionRequestTlvValue::SarTotalSegments(2));
    theirs.push_tlv(MessageSubmissionRequestTlvValue::SarTotalSegments(3));
    let mut tlvs = TlvList::new();
    tlvs.push(Tag::SAR_MSG_REF_NUM, &[1, 2]).unwrap();
    tlvs.push(Tag::SAR_TOTAL_SEGMENTS, &[2]).unwrap();
    tlvs.push(Tag::SAR_TOTAL_SEGMENTS, &[3]).unwrap();
    let ours = SubmitSm {
        service_type: c("CMT"),
        source: from(),
        destination: to(),
        esm_class: EsmClass(0x40),
        protocol_id: 6,
        priority_flag: 3,
        schedule_delivery_time: Time::new(WHEN.as_bytes()).unwrap(),
        validity_period: Time::new(UNTIL.as_bytes()).unwrap(),
        registered_delivery: RegisteredDelivery(0x11),
        replace_if_present_flag: 1,
        data_coding: 8,
        sm_default_msg_id: 9,
        short_message: OctetString::new(b"hello").unwrap(),
        tlvs: tlvs.view(),
    };
    agree!(SubmitSm, theirs, ours);
}

#[test]
fn deliver_sm_agrees() {
    let mut theirs = pdus::DeliverSm::default();
    fill!(theirs);
    theirs.dest_addr_ton = 5.into();
    theirs.dest_addr_npi = 3.into();
    theirs.destination_addr = text("Zk3v8QpR2s");
    let ours = DeliverSm {
        service_type: c("CMT"),
        source: from(),
        destination: to(),
        esm_class: EsmClass(0x40),
        protocol_id: 6,
        priority_flag: 3,
        schedule_delivery_time: c(WHEN),
        validity_period: c(UNTIL),
        registered_delivery: RegisteredDelivery(0x11),
        replace_if_present_flag: 1,
        data_coding: 8,
        sm_default_msg_id: 9,
        short_message: OctetString::new(b"hello").unwrap(),
        tlvs: Tlvs::EMPTY,
    };
    agree!(DeliverSm, theirs, ours);
}

#[test]
fn submit_multi_agrees() {
    let mut theirs = pdus::SubmitMulti::default();
    fill!(theirs);
    let address = values::SmeAddress::new(5.into(), 3.into(), text("Zk3v8QpR2s"));
    let list = values::DistributionListName::new(text("friends"));
    theirs.set_dest_address(vec![
        values::DestAddress::SmeAddress(address),
        values::DestAddress::DistributionListName(list),
    ]);
    let mut destinations = DestinationList::new();
    destinations.push(&Destination::Address(to())).unwrap();
    destinations.push(&Destination::List(c("friends"))).unwrap();
    let ours = SubmitMulti {
        service_type: c("CMT"),
        source: from(),
        destinations: destinations.view(),
        esm_class: EsmClass(0x40),
        protocol_id: 6,
        priority_flag: 3,
        schedule_delivery_time: Time::new(WHEN.as_bytes()).unwrap(),
        validity_period: Time::new(UNTIL.as_bytes()).unwrap(),
        registered_delivery: RegisteredDelivery(0x11),
        replace_if_present_flag: 1,
        data_coding: 8,
        sm_default_msg_id: 9,
        short_message: OctetString::new(b"hello").unwrap(),
        tlvs: Tlvs::EMPTY,
    };
    assert_eq!(ours.destinations.iter().count(), 2);
    agree!(SubmitMulti, theirs, ours);
}

#[test]
fn submit_multi_resp_agrees() {
    let status = rusmpp::CommandStatus::EsmeRinvdstadr;
    let failed = values::UnsuccessSme::new(5.into(), 3.into(), text("Zk3v8QpR2s"), status);
    let theirs = pdus::SubmitMultiResp::new(text("id-1"), vec![failed], vec![]);
    let mut unsuccessful = UnsuccessfulList::new();
    unsuccessful.push(&Unsuccessful { destination: to(), status: Status::RINVDSTADR }).unwrap();
    let ours =
        SubmitMultiResp { message_id: Some(c("id-1")), unsuccessful: unsuccessful.view(), tlvs: Tlvs::EMPTY };
    assert_eq!(ours.unsuccessful.iter().next().unwrap().status, Status::RINVDSTADR);
    agree!(SubmitMultiResp, theirs, ours, Status::OK);
}

#[test]
fn data_sm_and_responses_agree() {
    let mut theirs = pdus::DataSm::default();
    theirs.service_type = values::ServiceType::new(text("WAP"));
    theirs.source_addr_ton = 1.into();
    theirs.source_addr_npi = 2.into();
    theirs.source_addr = text("10690001");
    theirs.dest_addr_ton = 5.into();
    theirs.dest_addr_npi = 3.into();
    theirs.destination_addr = text("Zk3v8QpR2s");
    theirs.esm_class = 0x40.into();
    theirs.registered_delivery = 1.into();
    theirs.data_coding = 8.into();
    let ours = DataSm {
        service_type: c("WAP"),
        source: from(),
        destination: to(),
        esm_class: EsmClass(0x40),
        registered_delivery: RegisteredDelivery(1),
        data_coding: 8,
        tlvs: Tlvs::EMPTY,
    };
    agree!(DataSm, theirs, ours);
    let id = Some(c("id-1"));
    let tlvs = Tlvs::EMPTY;
    let status = Status::OK;
    agree!(
        SubmitSmResp,
        pdus::SubmitSmResp::new(text("id-1"), vec![]),
        SubmitSmResp { message_id: id, tlvs },
        status
    );
    agree!(
        DeliverSmResp,
        pdus::DeliverSmResp::new(text("id-1"), vec![]),
        DeliverSmResp { message_id: id, tlvs },
        status
    );
    agree!(
        DataSmResp,
        pdus::DataSmResp::new(text("id-1"), vec![]),
        DataSmResp { message_id: id, tlvs },
        status
    );
}

#[test]
fn operations_agree() {
    let theirs = pdus::QuerySm::new(text("id-1"), 1.into(), 2.into(), text("10690001"));
    agree!(QuerySm, theirs, QuerySm { message_id: c("id-1"), source: from(), tlvs: Tlvs::EMPTY });
    let theirs = pdus::QuerySmResp::new(text("id-1"), text(WHEN), 2.into(), 4);
    let result = QueryResult {
        message_id: c("id-1"),
        final_date: Time::new(WHEN.as_bytes()).unwrap(),
        message_state: 2,
        error_code: 4,
    };
    agree!(QuerySmResp, theirs, QuerySmResp { result: Some(result), tlvs: Tlvs::EMPTY }, Status::OK);
    let theirs = pdus::CancelSm::new(
        values::ServiceType::new(text("CMT")),
        text("id-1"),
        1.into(),
        2.into(),
        text("10690001"),
        5.into(),
        3.into(),
        text("Zk3v8QpR2s"),
    );
    let ours = CancelSm {
        service_type: c("CMT"),
        message_id: c("id-1"),
        source: from(),
        destination: to(),
        tlvs: Tlvs::EMPTY,
    };
    agree!(CancelSm, theirs, ours);
    let theirs = pdus::ReplaceSm::new(
        text("id-1"),
        1.into(),
        2.into(),
        text("10690001"),
        text(WHEN),
        text(UNTIL),
        0x11.into(),
        9,
        text("hello"),
        None,
    );
    let ours = ReplaceSm {
        message_id: c("id-1"),
        source: from(),
        schedule_delivery_time: Time::new(WHEN.as_bytes()).unwrap(),
        validity_period: Time::new(UNTIL.as_bytes()).unwrap(),
        registered_delivery: RegisteredDelivery(0x11),
        sm_default_msg_id: 9,
        short_message: OctetString::new(b"hello").unwrap(),
        tlvs: Tlvs::EMPTY,
    };
    agree!(ReplaceSm, theirs, ours);
}

#[test]
fn the_rest_agrees() {
    let theirs = pdus::AlertNotification::new(
        1.into(),
        2.into(),
        text("10690001"),
        5.into(),
        3.into(),
        text("Zk3v8QpR2s"),
        None,
    );
    agree!(AlertNotification, theirs, AlertNotification { source: from(), esme: to(), tlvs: Tlvs::EMPTY });
    let tlvs = Tlvs::EMPTY;
    agree!(Unbind, rusmpp::Pdu::Unbind, Unbind { tlvs });
    agree!(UnbindResp, rusmpp::Pdu::UnbindResp, UnbindResp { tlvs }, Status::OK);
    agree!(EnquireLink, rusmpp::Pdu::EnquireLink, EnquireLink { tlvs });
    agree!(EnquireLinkResp, rusmpp::Pdu::EnquireLinkResp, EnquireLinkResp { tlvs }, Status::OK);
    agree!(CancelSmResp, rusmpp::Pdu::CancelSmResp, CancelSmResp { tlvs }, Status::OK);
    agree!(ReplaceSmResp, rusmpp::Pdu::ReplaceSmResp, ReplaceSmResp { tlvs }, Status::OK);
    agree!(GenericNack, rusmpp::Pdu::GenericNack, GenericNack { tlvs }, Status::OK);
}

#[test]
fn numbers_have_the_same_names() {
    use rusmpp::{CommandId as Id, CommandStatus};
    for (theirs, ours) in [
        (CommandStatus::EsmeRinvmsglen, Status::RINVMSGLEN),
        (CommandStatus::EsmeRinvcmdlen, Status::RINVCMDLEN),
        (CommandStatus::EsmeRinvdstadr, Status::RINVDSTADR),
        (CommandStatus::EsmeRthrottled, Status::RTHROTTLED),
        (CommandStatus::EsmeRmsgqful, Status::RMSGQFUL),
        (CommandStatus::EsmeRinvtlvstream, Status::RINVTLVSTREAM),
        (CommandStatus::EsmeRinvsched, Status::RINVSCHED),
        (CommandStatus::EsmeRqueryfail, Status::RQUERYFAIL),
        (CommandStatus::EsmeRinvbcastchanind, Status::RINVBCASTCHANIND),
    ] {
        assert_eq!(u32::from(theirs), ours.0);
    }
    for number in 0..=0x120 {
        let named = CommandId(number).name().is_some();
        assert_eq!(!matches!(Id::from(number), Id::Other(_)), named, "{number:#x}");
    }
}
