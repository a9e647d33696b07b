//! Decode and encode of the PDUs of the hot path, beside rusmpp in the same run.
//! Goals: submit_sm decode at most 150 ns, re-encode at most 120 ns.

use bytes::{Bytes, BytesMut};
use divan::Bencher;
use divan::counter::ItemsCount;
use rusmpp::Command;
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::{Encode, Length};
use veilgate_smpp::codec::{Address, CString, OctetString, RegisteredDelivery, Status, Tag, TlvList, split};
use veilgate_smpp::pdu::{DeliverSm, Pdu, SmscAddress, SouthSubmit, SubmitSm, SubmitSmResp};
use veilgate_smpp::side::{North, South};

fn main() {
    divan::main();
}

/// Which PDU.
#[derive(Debug, Clone, Copy)]
enum Sample {
    SubmitSm,
    SubmitSmTlvs,
    DeliverSm,
    SubmitSmResp,
}

const SAMPLES: [Sample; 4] =
    [Sample::SubmitSm, Sample::SubmitSmTlvs, Sample::DeliverSm, Sample::SubmitSmResp];

impl Sample {
    fn octets(self) -> Bytes {
        let mut out = BytesMut::new();
        let text = [0x4f; 140];
        match self {
            Self::SubmitSm => submit(&text, &TlvList::new()).encode(7, &mut out),
            Self::SubmitSmTlvs => {
                let mut tlvs = TlvList::new();
                tlvs.push(Tag::ENCRYPTED_DEVICE_ID, &[b'A'; 72]).unwrap_or_default();
                tlvs.push(Tag::AS_OF, b"20260301").unwrap_or_default();
                tlvs.push(Tag::USER_MESSAGE_REFERENCE, &[1, 2]).unwrap_or_default();
                submit(&text, &tlvs).encode(7, &mut out);
            }
            Self::DeliverSm => {
                let mut tlvs = TlvList::new();
                tlvs.push(Tag::RECEIPTED_MESSAGE_ID, b"0a1b2c3d4e5f\0").unwrap_or_default();
                tlvs.push(Tag::MESSAGE_STATE, &[2]).unwrap_or_default();
                let deliver = DeliverSm::<North> {
                    source: address(1, b"8613800138000"),
                    destination: address(0, b"10690001"),
                    short_message: OctetString::new(&text).unwrap_or_default(),
                    tlvs: tlvs.view(),
                    ..DeliverSm::default()
                };
                deliver.encode(7, &mut out);
            }
            Self::SubmitSmResp => {
                let message_id = CString::new(b"0a1b2c3d4e5f").ok();
                SubmitSmResp { message_id, ..SubmitSmResp::default() }.encode(Status::OK, 7, &mut out);
            }
        }
        out.freeze()
    }
}

fn submit<'a>(text: &'a [u8], tlvs: &'a TlvList) -> SubmitSm<'a, North> {
    SubmitSm {
        source: address(0, b"10690001"),
        destination: address(5, b"Zk3v8QpR2s"),
        registered_delivery: RegisteredDelivery::ALWAYS,
        data_coding: 8,
        short_message: OctetString::new(text).unwrap_or_default(),
        tlvs: tlvs.view(),
        ..SubmitSm::default()
    }
}

fn address(ton: u8, digits: &[u8]) -> Address<'_> {
    Address::new(ton, 1, digits).unwrap_or_default()
}

#[divan::bench(args = SAMPLES)]
fn decode(bencher: Bencher, sample: Sample) {
    let input = sample.octets();
    bencher.counter(ItemsCount::new(1u8)).bench(|| {
        let frame = split(divan::black_box(&input), 65_536).ok().flatten()?;
        Pdu::<South>::decode(divan::black_box(frame)).ok().map(|pdu| {
            divan::black_box(&pdu);
        })
    });
}

#[divan::bench(args = SAMPLES)]
fn decode_rusmpp(bencher: Bencher, sample: Sample) {
    let input = sample.octets();
    let body = input.slice(4..);
    bencher.counter(ItemsCount::new(1u8)).with_inputs(|| BytesMut::from(&body[..])).bench_values(
        |mut input| {
            let length = input.len();
            Command::decode(&mut input, length).ok().map(|command| (command, input))
        },
    );
}

#[divan::bench(args = SAMPLES)]
fn encode(bencher: Bencher, sample: Sample) {
    let input = sample.octets();
    let Some(pdu) = split(&input, 65_536).ok().flatten().and_then(|frame| Pdu::<North>::decode(frame).ok())
    else {
        return;
    };
    let mut out = BytesMut::with_capacity(4096);
    bencher.counter(ItemsCount::new(1u8)).bench_local(|| {
        out.clear();
        divan::black_box(&pdu).encode(Status::OK, 7, &mut out);
        divan::black_box(out.len())
    });
}

#[divan::bench(args = SAMPLES)]
fn encode_rusmpp(bencher: Bencher, sample: Sample) {
    let input = sample.octets();
    let mut body = BytesMut::from(input.get(4..).unwrap_or_default());
    let length = body.len();
    let Ok((command, _)) = Command::decode(&mut body, length) else { return };
    let mut out = vec![0; 4096];
    bencher.counter(ItemsCount::new(1u8)).bench_local(|| {
        let command = divan::black_box(&command);
        divan::black_box(command.length()) + command.encode(&mut out)
    });
}

#[divan::bench]
fn encode_south_submit(bencher: Bencher) {
    let Ok(destination) = SmscAddress::write(1, 1, b"8613800138000") else { return };
    let submit = south_submit(&destination);
    let mut out = BytesMut::with_capacity(4096);
    bencher.counter(ItemsCount::new(1u8)).bench_local(|| {
        out.clear();
        divan::black_box(&submit).encode(7, &mut out);
        divan::black_box(out.len())
    });
}

fn south_submit(destination: &SmscAddress) -> SouthSubmit<'_> {
    SouthSubmit {
        service_type: CString::default(),
        source: address(0, b"10690001"),
        destination,
        esm_class: veilgate_smpp::codec::EsmClass::MESSAGE,
        protocol_id: 0,
        priority_flag: 0,
        schedule_delivery_time: veilgate_smpp::codec::Time::EMPTY,
        validity_period: veilgate_smpp::codec::Time::EMPTY,
        registered_delivery: RegisteredDelivery::ALWAYS,
        replace_if_present_flag: 0,
        data_coding: 8,
        short_message: OctetString::new(&[0x4f; 140]).unwrap_or_default(),
        message_payload: None,
        concatenation: None,
        user_message_reference: None,
        more_messages_to_send: None,
    }
}
