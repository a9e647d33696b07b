//! ESME against SMSC over real sockets, each feature once.

use std::time::Duration;

use super::*;
use crate::message::Address;
use crate::receipt::{Dates, State};
use crate::smsc::{
    Event, IdFormat, MobileOriginated, ReceiptForm, ReceiptOptions, ReceiptOrder, ReceiptWhen, Running,
    Simulator, SmscOptions, Span,
};
use crate::text::{Coding, Split};
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(5);

async fn pair(options: SmscOptions) -> (Running, Client, mpsc::Receiver<Incoming>) {
    let smsc = Simulator::start(options).await.unwrap();
    let (client, incoming) =
        Client::connect(ConnectOptions::new(smsc.address(), "esme", "secret")).await.unwrap();
    (smsc, client, incoming)
}

fn hello() -> Submission {
    Submission::new("10690001", Recipient::raw("+8619900000007"), "hello")
}

async fn next(incoming: &mut mpsc::Receiver<Incoming>) -> Incoming {
    tokio::time::timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap()
}

fn receipts(when: ReceiptWhen) -> ReceiptOptions {
    ReceiptOptions { when, ..ReceiptOptions::default() }
}

#[tokio::test]
async fn a_message_is_answered_receipted_and_recorded() {
    let (smsc, client, mut incoming) = pair(SmscOptions::default()).await;
    let response = client.submit(&hello()).await.unwrap().remove(0);
    assert_eq!(response.status, 0);
    let receipt = next(&mut incoming).await;
    assert_eq!(receipt.kind, IncomingKind::Receipt);
    assert_eq!(receipt.message_id, response.message_id);
    assert_eq!(receipt.state, Some(State::Delivered));
    assert_eq!((receipt.source.as_str(), receipt.destination.as_str()), ("8619900000007", "10690001"));
    let seen = smsc.submits().remove(0);
    assert_eq!((seen.text.as_str(), seen.destination.as_str()), ("hello", "8619900000007"));
    assert_eq!(Some(seen.message_id), response.message_id);
    assert_eq!(smsc.wait(Event::DeliverResponse, 1, PATIENCE).await[0].status, Some(0));
    assert_eq!(client.enquire_link().await.unwrap().status, 0);
    assert!(!client.captured().is_empty());
    client.unbind().await.unwrap();
    smsc.stop().await;
}

#[tokio::test]
async fn binds_are_checked_and_modes_kept() {
    let options = SmscOptions { accounts: vec![("esme".into(), "secret".into())], ..SmscOptions::default() };
    let smsc = Simulator::start(options).await.unwrap();
    let refused =
        |status| move |error: EsmeError| matches!(error, EsmeError::BindRefused(got) if got == status);
    let mut connect = ConnectOptions::new(smsc.address(), "esme", "wrong");
    assert!(Client::connect(connect.clone()).await.err().is_some_and(refused(0x0E)));
    connect = ConnectOptions { system_id: "other".into(), ..connect };
    assert!(Client::connect(connect.clone()).await.err().is_some_and(refused(0x0F)));
    connect = ConnectOptions::new(smsc.address(), "esme", "secret");
    for (mode, version) in
        [(BindMode::Transmitter, 0x33), (BindMode::Receiver, 0x34), (BindMode::Transceiver, 0x50)]
    {
        connect.mode = mode;
        connect.interface_version = version;
        let (client, _incoming) = Client::connect(connect.clone()).await.unwrap();
        let status = client.submit(&hello()).await.unwrap()[0].status;
        assert_eq!(status, if mode == BindMode::Receiver { 4 } else { 0 });
    }
}

#[tokio::test]
async fn receipts_reach_a_receiver_of_the_same_account() {
    let smsc = Simulator::start(SmscOptions::default()).await.unwrap();
    let mut connect = ConnectOptions::new(smsc.address(), "esme", "");
    connect.mode = BindMode::Transmitter;
    let (sender, _none) = Client::connect(connect.clone()).await.unwrap();
    let id = sender.submit(&hello()).await.unwrap()[0].message_id.clone();
    connect.mode = BindMode::Receiver;
    let (_receiver, mut incoming) = Client::connect(connect).await.unwrap();
    assert_eq!(next(&mut incoming).await.message_id, id);
}

#[tokio::test]
async fn answers_follow_the_rules() {
    let rules = [
        "throttle; suffix=58",
        "queue-full; match=full",
        "status=0x45; every=2; match=second",
        "ok; delay=30",
    ];
    let answers = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let (smsc, client, _incoming) = pair(SmscOptions { answers, ..SmscOptions::default() }).await;
    let status = async |to: &str, text: &str| {
        let submission = Submission::new("1069", Recipient::raw(to), text);
        client.submit(&submission).await.unwrap()[0].clone()
    };
    assert_eq!(status("19900000058", "x").await.status, 0x58);
    assert_eq!(status("19900000001", "full").await.status, 0x14);
    let slow = status("19900000001", "second").await;
    assert!(slow.status == 0 && slow.elapsed_us >= 25_000);
    assert_eq!(status("19900000001", "second").await.status, 0x45);
    assert_eq!(smsc.counters().refused, 3);
    smsc.set_answers(vec!["disconnect".parse().unwrap()]);
    assert!(client.submit(&hello()).await.is_err());
    assert_eq!(smsc.wait(Event::Disconnect, 1, PATIENCE).await.len(), 1);
}

#[tokio::test]
async fn a_dropped_message_times_out_and_the_window_recovers() {
    let answers = vec!["drop; limit=1".parse().unwrap()];
    let smsc = Simulator::start(SmscOptions { answers, ..SmscOptions::default() }).await.unwrap();
    let mut connect = ConnectOptions::new(smsc.address(), "esme", "");
    (connect.window, connect.response_timeout) = (1, Duration::from_millis(50));
    let (client, _incoming) = Client::connect(connect).await.unwrap();
    assert!(matches!(client.submit(&hello()).await, Err(EsmeError::Timeout)));
    assert_eq!(client.submit(&hello()).await.unwrap()[0].status, 0);
    assert_eq!(smsc.counters().unanswered, 1);
}

#[tokio::test]
async fn receipts_take_every_shape() {
    let mut receipts = receipts(ReceiptWhen::Always);
    receipts.form = ReceiptForm::Text;
    receipts.dates = Dates::Twelve;
    receipts.duplicate_percent = 100.0;
    receipts.intermediate = true;
    receipts.leak_number = true;
    receipts.states = "UNDELIV".parse().unwrap();
    let ids = IdFormat::HexResponseDecimalReceipt;
    let (_smsc, client, mut incoming) = pair(SmscOptions { receipts, ids, ..SmscOptions::default() }).await;
    let mut submission = hello();
    submission.registered_delivery = 0;
    let id = client.submit(&submission).await.unwrap()[0].message_id.clone().unwrap();
    let first = next(&mut incoming).await;
    assert_eq!((first.kind, first.state), (IncomingKind::Notification, Some(State::Enroute)));
    for _ in 0..2 {
        let receipt = next(&mut incoming).await;
        assert_eq!(receipt.state, Some(State::Undeliverable));
        let decimal: u64 = receipt.message_id.unwrap().parse().unwrap();
        assert_eq!(format!("{decimal:X}"), id);
        assert!(receipt.text.contains("text:to 8619900000007"));
        assert_eq!(receipt.message.tlv(0x1401), Some(&b"8619900000007"[..]));
    }
}

#[tokio::test]
async fn receipts_may_say_all_in_tlvs_or_never_come() {
    let mut receipts = receipts(ReceiptWhen::Asked);
    receipts.form = ReceiptForm::Tlv;
    let ids = IdFormat::Uuid;
    let (_smsc, client, mut incoming) = pair(SmscOptions { receipts, ids, ..SmscOptions::default() }).await;
    let id = client.submit(&hello()).await.unwrap()[0].message_id.clone();
    let receipt = next(&mut incoming).await;
    assert!(receipt.text.is_empty());
    assert_eq!((receipt.message_id, receipt.state), (id, Some(State::Delivered)));

    let receipts = ReceiptOptions { never_percent: 100.0, ..ReceiptOptions::default() };
    let (smsc, client, _incoming) = pair(SmscOptions { receipts, ..SmscOptions::default() }).await;
    client.submit(&hello()).await.unwrap();
    client.enquire_link().await.unwrap();
    assert_eq!((smsc.counters().receipts, smsc.waiting()), (0, 0));
}

#[tokio::test]
async fn old_versions_get_no_tlvs_and_half_wishes_are_kept() {
    let options = SmscOptions { congestion: Some(80), ..SmscOptions::default() };
    let smsc = Simulator::start(options).await.unwrap();
    for (version, tlvs) in [(0x33, false), (0x34, true)] {
        let mut connect = ConnectOptions::new(smsc.address(), &format!("v{version}"), "");
        connect.interface_version = version;
        let (client, mut incoming) = Client::connect(connect).await.unwrap();
        // Only failures (2): nothing comes for a delivered message; only successes (3): something does.
        for registered_delivery in [2, 3] {
            client.submit(&Submission { registered_delivery, ..hello() }).await.unwrap();
        }
        let receipt = next(&mut incoming).await;
        assert_eq!((receipt.message.tlvs.is_empty(), receipt.state), (!tlvs, Some(State::Delivered)));
        client.enquire_link().await.unwrap();
        assert!(incoming.try_recv().is_err());
        let congestion = client.captured().windows(5).any(|window| window == [0x04, 0x28, 0, 1, 80]);
        assert_eq!(congestion, tlvs);
    }
}

#[tokio::test]
async fn receipts_keep_their_order_whatever_their_delay() {
    let mut receipts = receipts(ReceiptWhen::Always);
    receipts.delay_ms = "0..30".parse().unwrap();
    let (_smsc, client, mut incoming) = pair(SmscOptions { receipts, ..SmscOptions::default() }).await;
    for _ in 0..30 {
        client.submit(&hello()).await.unwrap();
    }
    let mut last = 0;
    for _ in 0..30 {
        let id = next(&mut incoming).await.message_id.unwrap();
        let number = u64::from_str_radix(&id, 16).unwrap();
        assert!(number > last);
        last = number;
    }
}

#[tokio::test]
async fn a_receipt_may_overtake_its_response() {
    let mut receipts = receipts(ReceiptWhen::Always);
    receipts.order = ReceiptOrder::BeforeResponse;
    let (_smsc, client, mut incoming) = pair(SmscOptions { receipts, ..SmscOptions::default() }).await;
    let id = client.submit(&hello()).await.unwrap()[0].message_id.clone();
    assert_eq!(incoming.try_recv().unwrap().message_id, id);
}

#[tokio::test]
async fn the_handset_replies_and_writes() {
    let replies =
        vec!["TD; match=hello; delay=5".parse().unwrap(), "再见; match=long; repeat=60".parse().unwrap()];
    let receipts = receipts(ReceiptWhen::None);
    let (smsc, client, mut incoming) =
        pair(SmscOptions { replies, receipts, ..SmscOptions::default() }).await;
    let mut submission = hello();
    submission.source = Address::guess("1069000112");
    client.submit(&submission).await.unwrap();
    let reply = next(&mut incoming).await;
    assert_eq!((reply.kind, reply.text.as_str()), (IncomingKind::Reply, "TD"));
    assert_eq!((reply.source.as_str(), reply.destination.as_str()), ("8619900000007", "1069000112"));
    submission.text = "long".into();
    client.submit(&submission).await.unwrap();
    let (one, two) = (next(&mut incoming).await, next(&mut incoming).await);
    assert_eq!((one.part.unwrap().index, two.part.unwrap().total), (1, 2));
    assert_eq!(one.text + &two.text, "再见".repeat(60));
    let written = smsc.write(&MobileOriginated {
        system_id: None,
        source: Address::guess("+8619900000009"),
        destination: Address::guess("10690001"),
        text: "unasked".into(),
        coding: Coding::Auto,
        split: Split::Udh,
    });
    assert!(written);
    assert_eq!(next(&mut incoming).await.text, "unasked");
}

#[tokio::test]
async fn long_texts_are_seen_in_parts() {
    let (smsc, client, _incoming) = pair(SmscOptions::default()).await;
    let mut submission = hello();
    submission.text = "汉字".repeat(50);
    for (split, parts) in [(Split::Udh, 2), (Split::Udh16, 2), (Split::Sar, 2), (Split::Payload, 1)] {
        submission.split = split;
        assert_eq!(client.submit(&submission).await.unwrap().len(), parts);
        let seen = smsc.submits();
        let texts: String = seen[seen.len() - parts..].iter().map(|each| each.text.as_str()).collect();
        assert_eq!(texts, submission.text, "{split:?}");
        assert_eq!(seen.last().unwrap().part.map(|part| part.index), (parts > 1).then_some(2));
    }
}

#[tokio::test]
async fn queries_cancels_and_unknown_commands_are_answered() {
    let receipts =
        ReceiptOptions { delay_ms: Span::exactly(Duration::from_secs(60)), ..receipts(ReceiptWhen::Always) };
    let (smsc, client, _incoming) = pair(SmscOptions { receipts, ..SmscOptions::default() }).await;
    let id = client.submit(&hello()).await.unwrap()[0].message_id.clone().unwrap();
    assert_eq!(client.query(&id).await.unwrap().status, 0);
    assert_eq!(client.query("nothing").await.unwrap().status, 0x67);
    assert_eq!(client.cancel(&id).await.unwrap().status, 0);
    assert_eq!(client.cancel("nothing").await.unwrap().status, 0x11);
    assert_eq!(smsc.wait(Event::Cancel, 2, PATIENCE).await.len(), 2);
    let broadcast = rusmpp::Pdu::CancelBroadcastSm(rusmpp::pdus::CancelBroadcastSm::default());
    assert_eq!(client.request(broadcast).await.unwrap().status, 3);
}

#[tokio::test]
async fn unanswered_deliveries_come_again_and_survive_a_reconnect() {
    let options = SmscOptions { deliver_timeout: Duration::from_millis(40), ..SmscOptions::default() };
    let smsc = Simulator::start(options).await.unwrap();
    let mut connect = ConnectOptions::new(smsc.address(), "esme", "");
    connect.deliver_status = None;
    let (deaf, mut incoming) = Client::connect(connect.clone()).await.unwrap();
    deaf.submit(&hello()).await.unwrap();
    let (first, second) = (next(&mut incoming).await, next(&mut incoming).await);
    assert_eq!(first.message_id, second.message_id);
    smsc.disconnect_all();
    smsc.wait(Event::Disconnect, 1, PATIENCE).await;
    assert!(deaf.enquire_link().await.is_err());
    connect.deliver_status = Some(0);
    let (_client, mut incoming) = Client::connect(connect).await.unwrap();
    assert_eq!(next(&mut incoming).await.message_id, first.message_id);
    smsc.wait(Event::DeliverResponse, 1, PATIENCE).await;
    assert_eq!(smsc.counters().delivered, 1);
}

#[tokio::test]
async fn temporary_refusals_are_retried_and_permanent_ones_are_not() {
    for (status, abandoned) in [(0x65, 1), (0x64, 0)] {
        let smsc = Simulator::start(SmscOptions::default()).await.unwrap();
        let mut connect = ConnectOptions::new(smsc.address(), "esme", "");
        connect.deliver_status = Some(status);
        let (client, mut incoming) = Client::connect(connect).await.unwrap();
        client.submit(&hello()).await.unwrap();
        next(&mut incoming).await;
        assert_eq!(smsc.wait(Event::DeliverResponse, 1, PATIENCE).await[0].status, Some(status));
        assert_eq!(smsc.counters().abandoned, abandoned);
        if abandoned == 0 {
            next(&mut incoming).await;
        }
    }
}

#[tokio::test]
async fn an_outbind_is_answered_with_a_bind() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut smsc = Simulator::start(SmscOptions::default()).await.unwrap();
    smsc.outbind(address, "secret").await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let options = ConnectOptions { mode: BindMode::Receiver, ..ConnectOptions::new(address, "esme", "") };
    let stream = crate::tls::Stream::Plain(stream);
    let (_client, _incoming) = Client::bind(stream, options).await.unwrap();
    assert_eq!(smsc.bound(), 1);
}

#[tokio::test]
async fn the_log_has_a_json_line_an_event() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("smsc.jsonl");
    let (smsc, client, mut incoming) =
        pair(SmscOptions { log: Some(log.clone()), ..SmscOptions::default() }).await;
    client.submit(&hello()).await.unwrap();
    next(&mut incoming).await;
    smsc.wait(Event::DeliverResponse, 1, PATIENCE).await;
    let text = std::fs::read_to_string(log).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["bind", "submit", "receipt", "deliver-response"]);
    assert_eq!((&lines[1]["text"], &lines[1]["destination"]), (&"hello".into(), &"8619900000007".into()));
}

#[tokio::test]
async fn enquire_link_keeps_a_silent_link_and_the_smsc_may_unbind() {
    let options = SmscOptions { enquire_link: Some(Duration::from_millis(250)), ..SmscOptions::default() };
    let (smsc, client, _incoming) = pair(options).await;
    let enquire_link = [0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0];
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    while !client.captured().windows(12).any(|window| window == enquire_link) {
        ticks.tick().await;
    }
    assert!(!client.is_closed());
    smsc.enquire_all();
    smsc.unbind_all();
    assert_eq!(smsc.wait(Event::Disconnect, 1, PATIENCE).await.len(), 1);
}
