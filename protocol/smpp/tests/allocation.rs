//! Decoding and encoding allocate nothing. A binary of its own, because it counts through the allocator.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use bytes::BytesMut;
use veilgate_names::{EncryptedDeviceId, MessageId, Pseudonym, ServiceNumber};
use veilgate_smpp::codec::{
    Address, CString, CommandId, EsmClass, OctetString, RegisteredDelivery, Status, Tag, Time, TlvList, split,
};
use veilgate_smpp::pdu::{
    DeliverSm, NorthDeliver, Pdu, ReceiptTlvs, SmscAddress, SouthSubmit, SubmitSm, SubmitSmResp, refuse,
};
use veilgate_smpp::side::{North, South};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator can only be counted by being one")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are passed on unchanged.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn submit_sm(tlvs: &TlvList) -> SubmitSm<'_, North> {
    SubmitSm {
        source: Address::new(0, 1, b"10690001").unwrap(),
        destination: Address::new(5, 0, b"Zk3v8QpR2s").unwrap(),
        data_coding: 8,
        registered_delivery: RegisteredDelivery::ALWAYS,
        short_message: OctetString::new(&[0x4f; 140]).unwrap(),
        tlvs: tlvs.view(),
        ..SubmitSm::default()
    }
}

fn tlvs() -> TlvList {
    let mut tlvs = TlvList::new();
    tlvs.push(Tag::USER_MESSAGE_REFERENCE, &[1, 2]).unwrap();
    tlvs.push(Tag::JOB_ID, b"job-1").unwrap();
    tlvs
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| drop(black_box(vec![1u8]))), 1);
}

#[test]
fn submit_sm_and_deliver_sm_allocate_nothing() {
    let tlvs = tlvs();
    let (mut out, mut again) = (BytesMut::with_capacity(4096), BytesMut::with_capacity(4096));
    let counted =
        allocations(|| {
            submit_sm(&tlvs).encode(1, &mut out);
            let deliver = DeliverSm::<North> { tlvs: tlvs.view(), ..DeliverSm::default() };
            deliver.encode(2, &mut out);
            SubmitSmResp { message_id: Some(CString::new(b"0a1b").unwrap()), ..SubmitSmResp::default() }
                .encode(Status::OK, 3, &mut out);
            let mut rest = &out[..];
            while let Some(frame) = split(rest, 4096).unwrap() {
                let north = Pdu::<North>::decode(frame).unwrap();
                let _ = black_box(Pdu::<South>::decode(frame).unwrap());
                north.encode(Status::OK, frame.header.sequence_number, &mut again);
                rest = &rest[frame.length()..];
            }
        });
    assert_eq!(out, again);
    assert_eq!(counted, 0);
}

#[test]
fn what_the_gateway_sends_allocates_nothing() {
    let sender = Pseudonym::parse(&"Zk3v8QpR2s".repeat(6)).unwrap();
    let number = ServiceNumber::parse("10690001").unwrap();
    let device = EncryptedDeviceId::parse(&format!("edi1.k1.{}", "A".repeat(60))).unwrap();
    let destination = SmscAddress::write(1, 1, b"8613800138000").unwrap();
    let mut out = BytesMut::with_capacity(8192);
    let counted = allocations(|| {
        north_deliver(&sender, &number, &device).encode(1, &mut out);
        south_submit(&destination).encode(2, &mut out);
        refuse(CommandId::SUBMIT_SM, Status::RINVDSTADR, 3, &mut out);
        let broken = split(&out, 4096).unwrap().map(|frame| Pdu::<South>::decode(frame).is_ok());
        assert_eq!(broken, Some(true));
    });
    assert_eq!(counted, 0);
}

fn north_deliver<'a>(
    sender: &'a Pseudonym,
    service_number: &'a ServiceNumber,
    device: &'a EncryptedDeviceId,
) -> NorthDeliver<'a> {
    NorthDeliver {
        sender,
        service_number,
        device: Some(device),
        authorization: None,
        reason: None,
        esm_class: EsmClass::RECEIPT,
        data_coding: 0,
        short_message: OctetString::new(b"id:1 stat:DELIVRD").unwrap(),
        message_payload: None,
        concatenation: None,
        user_message_reference: None,
        receipt: Some(ReceiptTlvs { message_id: MessageId(7), message_state: 2, network_error_code: None }),
    }
}

fn south_submit(destination: &SmscAddress) -> SouthSubmit<'_> {
    SouthSubmit {
        service_type: CString::default(),
        source: Address::new(0, 1, b"10690001").unwrap(),
        destination,
        esm_class: EsmClass::MESSAGE,
        protocol_id: 0,
        priority_flag: 0,
        schedule_delivery_time: Time::EMPTY,
        validity_period: Time::EMPTY,
        registered_delivery: RegisteredDelivery::ALWAYS,
        replace_if_present_flag: 0,
        data_coding: 8,
        short_message: OctetString::new(&[0x4f; 140]).unwrap(),
        message_payload: None,
        concatenation: None,
        user_message_reference: None,
        more_messages_to_send: None,
    }
}
