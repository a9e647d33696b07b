//! submit_sm and its response through sessions, and the same PDUs through the codec alone.
//! Goal: a session adds at most 100 ns a message to the codec, without an allocation.

use bytes::{Bytes, BytesMut};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use veilgate_names::{MessageId, Monotonic};
use veilgate_smpp::codec::{
    Address, CString, EsmClass, OctetString, RegisteredDelivery, Status, Time, split,
};
use veilgate_smpp::pdu::{Bind, BindMode, Pdu, SmscAddress, SouthSubmit, SubmitSmResp};
use veilgate_smpp::session::{Event, Session, SessionConfig};
use veilgate_smpp::side::{North, South};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const NOW: Monotonic = Monotonic(1);
const BATCH: u64 = 100;

fn main() {
    divan::main();
}

/// Both ends: the client submits a window, the server takes and answers it, the client takes the answers.
#[divan::bench]
fn both_ends(bencher: Bencher) {
    let address = destination();
    let (mut client, mut server) = bound();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        submit_all(&mut client, &address);
        answer_all(&mut server, client.transmit());
        client.transmit().clear();
        let settled = settle_all(&mut client, server.transmit());
        server.transmit().clear();
        settled
    });
}

/// The server's half.
#[divan::bench]
fn server(bencher: Bencher) {
    let (mut client, mut server) = bound();
    submit_all(&mut client, &destination());
    let input = client.transmit().split().freeze();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        answer_all(&mut server, &input);
        server.transmit().clear();
    });
}

/// What the codec alone takes of the server's half: decode the request, encode the response.
#[divan::bench]
fn server_codec_alone(bencher: Bencher) {
    let (mut client, _) = bound();
    submit_all(&mut client, &destination());
    let input: Bytes = client.transmit().split().freeze();
    let mut out = BytesMut::with_capacity(8192);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        out.clear();
        let mut rest = &input[..];
        let mut id = 0;
        while let Ok(Some(frame)) = split(rest, 4096) {
            divan::black_box(Pdu::<North>::decode(frame).is_ok());
            id += 1;
            let text = MessageId(id).to_ascii();
            let response = SubmitSmResp { message_id: CString::new(&text).ok(), ..SubmitSmResp::default() };
            response.encode(Status::OK, frame.header.sequence_number, &mut out);
            rest = rest.get(frame.length()..).unwrap_or_default();
        }
    });
}

fn submit_all(client: &mut Session<South>, address: &SmscAddress) {
    let text = [0x4f; 140];
    let message = message(address, &text);
    for token in 0..BATCH {
        let sent = client.submit(&message, token, NOW);
        assert!(sent.is_ok());
    }
}

fn answer_all(server: &mut Session<North>, wire: &[u8]) {
    let mut taken = 0;
    let mut id = 0;
    loop {
        let received = server.receive(wire.get(taken..).unwrap_or_default(), NOW);
        if received.consumed == 0 {
            break;
        }
        taken += received.consumed;
        if let Some(Event::Submit { sequence, pdu }) = received.event {
            divan::black_box(&pdu);
            id += 1;
            server.submit_response(sequence, Status::OK, Some(MessageId(id)), None);
        }
    }
}

fn settle_all(client: &mut Session<South>, wire: &[u8]) -> u64 {
    let mut taken = 0;
    let mut sum = 0;
    loop {
        let received = client.receive(wire.get(taken..).unwrap_or_default(), NOW);
        if received.consumed == 0 {
            break;
        }
        taken += received.consumed;
        if let Some(Event::Response { token, .. }) = received.event {
            sum += token;
        }
    }
    assert_eq!(sum, (0..BATCH).sum(), "all were answered");
    sum
}

fn bound() -> (Session<South>, Session<North>) {
    let mut client = Session::<South>::new(SessionConfig::default(), NOW);
    let mut server = Session::<North>::new(SessionConfig::default(), NOW);
    let request = Bind { mode: BindMode::Transceiver, interface_version: 0x34, ..Bind::default() };
    let asked = client.bind(&request, NOW);
    server.receive(client.transmit(), NOW);
    let accepted = server.accept_bind(CString::default(), 0x34, NOW);
    client.receive(server.transmit(), NOW);
    assert!(asked.is_ok() && accepted.is_ok() && client.window_free_out() == 100);
    client.transmit().clear();
    server.transmit().clear();
    (client, server)
}

fn destination() -> SmscAddress {
    SmscAddress::write(1, 1, b"8613800138000").unwrap_or_else(|_| unreachable!("13 digits fit"))
}

fn message<'a>(destination: &'a SmscAddress, text: &'a [u8]) -> SouthSubmit<'a> {
    SouthSubmit {
        service_type: CString::default(),
        source: Address::new(0, 1, b"10690001").unwrap_or_default(),
        destination,
        esm_class: EsmClass::MESSAGE,
        protocol_id: 0,
        priority_flag: 0,
        schedule_delivery_time: Time::EMPTY,
        validity_period: Time::EMPTY,
        registered_delivery: RegisteredDelivery(1),
        replace_if_present_flag: 0,
        data_coding: 8,
        short_message: OctetString::new(text).unwrap_or_default(),
        message_payload: None,
        concatenation: None,
        user_message_reference: None,
        more_messages_to_send: None,
    }
}
