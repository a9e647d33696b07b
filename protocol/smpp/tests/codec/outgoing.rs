//! The two messages the gateway makes itself.

use bytes::BytesMut;
use veilgate_names::{AuthorizationId, EncryptedDeviceId, MessageId, Pseudonym, ServiceNumber};
use veilgate_smpp::codec::{
    Address, CString, EsmClass, FieldError, OctetString, RegisteredDelivery, Tag, Time, split,
};
use veilgate_smpp::pdu::{Concatenation, NorthDeliver, Pdu, ReceiptTlvs, SmscAddress, SouthSubmit};
use veilgate_smpp::side::North;

fn reply<'a>(sender: &'a Pseudonym, service_number: &'a ServiceNumber) -> NorthDeliver<'a> {
    NorthDeliver {
        sender,
        service_number,
        device: None,
        authorization: None,
        reason: None,
        esm_class: EsmClass::MESSAGE,
        data_coding: 8,
        short_message: OctetString::new(b"\x4f\x60").unwrap(),
        message_payload: None,
        concatenation: None,
        user_message_reference: None,
        receipt: None,
    }
}

fn decoded<'a>(out: &'a BytesMut) -> Pdu<'a, North> {
    let frame = split(out, 1 << 17).unwrap().unwrap();
    assert_eq!(frame.length(), out.len());
    Pdu::decode(frame).unwrap()
}

#[test]
fn a_short_pseudonym_is_the_source_address() {
    let (sender, number) =
        (Pseudonym::parse("Zk3v8QpR2sZk3v8QpR2s").unwrap(), ServiceNumber::parse("1069000112").unwrap());
    let mut out = BytesMut::new();
    reply(&sender, &number).encode(7, &mut out);
    let Pdu::DeliverSm(deliver) = decoded(&out) else { panic!() };
    assert_eq!(deliver.source, Address::new(5, 0, b"Zk3v8QpR2sZk3v8QpR2s").unwrap());
    assert_eq!(deliver.destination, Address::new(0, 1, b"1069000112").unwrap());
    assert_eq!((deliver.data_coding, deliver.short_message.as_bytes()), (8, b"\x4f\x60".as_slice()));
    assert!(deliver.tlvs.is_empty());
}

#[test]
fn a_long_pseudonym_is_a_tlv() {
    let (sender, number) =
        (Pseudonym::parse("Zk3v8QpR2sZk3v8QpR2s1").unwrap(), ServiceNumber::parse("10690001").unwrap());
    let mut out = BytesMut::new();
    reply(&sender, &number).encode(7, &mut out);
    let Pdu::DeliverSm(deliver) = decoded(&out) else { panic!() };
    assert_eq!(deliver.source, Address::new(0, 0, b"").unwrap());
    assert_eq!(deliver.tlvs.find(Tag::PSEUDONYM).unwrap().value.as_bytes(), b"Zk3v8QpR2sZk3v8QpR2s1");
}

#[test]
fn a_receipt_has_exactly_the_listed_tlvs() {
    let (sender, number) =
        (Pseudonym::parse("Zk3v8QpR2s").unwrap(), ServiceNumber::parse("10690001").unwrap());
    let device = EncryptedDeviceId::parse(&format!("edi1.k1.{}", "A".repeat(60))).unwrap();
    let authorization = AuthorizationId::parse("au-1").unwrap();
    let receipt =
        ReceiptTlvs { message_id: MessageId(0xabc), message_state: 2, network_error_code: Some([3, 0, 0]) };
    let deliver = NorthDeliver {
        device: Some(&device),
        authorization: Some(&authorization),
        reason: None,
        esm_class: EsmClass::RECEIPT,
        short_message: OctetString::default(),
        message_payload: Some(OctetString::new(b"id:0000000000000abc").unwrap()),
        concatenation: Some(Concatenation { reference: 258, total: 2, sequence: 1 }),
        user_message_reference: Some(772),
        receipt: Some(receipt),
        ..reply(&sender, &number)
    };
    let mut out = BytesMut::new();
    deliver.encode(7, &mut out);
    let Pdu::DeliverSm(decoded) = decoded(&out) else { panic!() };
    assert!(decoded.esm_class.is_receipt());
    let tlvs: Vec<_> = decoded.tlvs.iter().map(|tlv| (tlv.tag, tlv.value.as_bytes())).collect();
    let expected: Vec<(Tag, &[u8])> = vec![
        (Tag::MESSAGE_PAYLOAD, b"id:0000000000000abc"),
        (Tag::SAR_MSG_REF_NUM, &[1, 2]),
        (Tag::SAR_TOTAL_SEGMENTS, &[2]),
        (Tag::SAR_SEGMENT_SEQNUM, &[1]),
        (Tag::USER_MESSAGE_REFERENCE, &[3, 4]),
        (Tag::RECEIPTED_MESSAGE_ID, b"0000000000000abc\0"),
        (Tag::MESSAGE_STATE, &[2]),
        (Tag::NETWORK_ERROR_CODE, &[3, 0, 0]),
        (Tag::ENCRYPTED_DEVICE_ID, device.as_str().as_bytes()),
        (Tag::AUTHORIZATION_ID, b"au-1"),
    ];
    assert_eq!(tlvs, expected);
    assert!(!format!("{deliver:?}").contains("Zk3v8QpR2s"));
}

#[test]
fn a_south_submit_reads_as_submit_sm() {
    let destination = SmscAddress::write(1, 1, b"8613800138000").unwrap();
    let submit = SouthSubmit {
        service_type: CString::new(b"CMT").unwrap(),
        source: Address::new(0, 1, b"1069000112").unwrap(),
        destination: &destination,
        esm_class: EsmClass(EsmClass::USER_DATA_HEADER),
        protocol_id: 1,
        priority_flag: 2,
        schedule_delivery_time: Time::EMPTY,
        validity_period: Time::new(b"000002000000000R").unwrap(),
        registered_delivery: RegisteredDelivery::ALWAYS,
        replace_if_present_flag: 0,
        data_coding: 8,
        short_message: OctetString::new(b"\x05\0\x03\x01\x02\x01hi").unwrap(),
        message_payload: None,
        concatenation: None,
        user_message_reference: Some(9),
        more_messages_to_send: Some(true),
    };
    let mut out = BytesMut::new();
    submit.encode(u32::MAX, &mut out);
    assert!(!format!("{submit:?}").contains("138"));
    let Pdu::SubmitSm(read) = decoded(&out) else { panic!() };
    assert_eq!(read.destination, Address::new(1, 1, b"8613800138000").unwrap());
    assert_eq!(read.source, submit.source);
    assert_eq!((read.protocol_id, read.priority_flag, read.data_coding), (1, 2, 8));
    assert_eq!(read.validity_period, submit.validity_period);
    assert_eq!(read.registered_delivery, RegisteredDelivery::ALWAYS);
    assert!(read.esm_class.has_user_data_header());
    assert_eq!(read.short_message.as_bytes(), submit.short_message.as_bytes());
    assert_eq!(read.tlvs.find(Tag::USER_MESSAGE_REFERENCE).unwrap().short(), Some(9));
    assert_eq!(read.tlvs.find(Tag::MORE_MESSAGES_TO_SEND).unwrap().octet(), Some(1));
}

#[test]
fn an_smsc_address_is_bounded() {
    assert_eq!(SmscAddress::write(1, 1, &[b'1'; 21]).unwrap_err(), FieldError::TooLong);
    assert_eq!(SmscAddress::write(1, 1, b"1\x002").unwrap_err(), FieldError::Nul);
    assert!(SmscAddress::write(1, 1, &[b'1'; 20]).is_ok());
}
