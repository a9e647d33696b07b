//! Long texts over restarts: parts that wait, a text that waits whole, parts that an SMSC has; and the leak scan over all
//! of it, with an SMSC that writes the number wherever it can.

use veilgate_simulators::esme::{IncomingKind, Recipient, Response, Submission};
use veilgate_simulators::message::Message;
use veilgate_simulators::receipt::State;
use veilgate_simulators::smsc::{Event, ReceiptOptions, ReceiptWhen, SmscOptions};
use veilgate_simulators::text::Coding;

use crate::gateway::{Gateway, PATIENCE, Party, Plan, SHOP_NUMBER};

/// The parts of a text to the first person, as a client would send them.
fn parts(gateway: &Gateway, text: &str, reference: u16) -> Vec<Message> {
    let recipient = Recipient::pseudonym(&gateway.person(0).pseudonym);
    let submission =
        Submission { coding: Coding::Ucs2, reference, ..Submission::new(SHOP_NUMBER, recipient, text) };
    submission.messages().unwrap()
}

async fn taken(party: &Party, message: &Message) -> String {
    let Response { status, message_id, .. } = party.client.send(message).await.unwrap();
    assert_eq!(status, 0);
    message_id.unwrap()
}

/// What the SMSC has of a text, in the order of the parts.
fn heard(gateway: &Gateway) -> String {
    let mut parts: Vec<_> = gateway.smsc(0).submits();
    parts.sort_by_key(|seen| seen.part.map(|part| part.index));
    parts.into_iter().map(|seen| seen.text).collect()
}

fn leaky(when: ReceiptWhen) -> SmscOptions {
    let receipts = ReceiptOptions { when, leak_number: true, ..ReceiptOptions::default() };
    SmscOptions { receipts, ..SmscOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_the_parts_survive_a_restart() {
    let mut gateway = Plan::new().smsc(leaky(ReceiptWhen::Always)).registered().start().await;
    let text = "测".repeat(150);
    let messages = parts(&gateway, &text, 7);
    let shop = gateway.bind("shop").await;
    let mut ids = vec![taken(&shop, &messages[2]).await, taken(&shop, &messages[0]).await];
    drop(shop);
    gateway.restart().await;
    assert!(gateway.smsc(0).submits().is_empty(), "nothing goes before the whole is there");
    let mut shop = gateway.bind("shop").await;
    ids.push(taken(&shop, &messages[1]).await);
    let mut told = Vec::new();
    for receipt in shop.collect(3).await {
        assert_eq!((receipt.kind, receipt.state), (IncomingKind::Receipt, Some(State::Delivered)));
        told.push(receipt.message_id.unwrap());
    }
    told.sort();
    ids.sort();
    assert_eq!(told, ids, "one receipt for each part, all the same");
    assert_eq!(heard(&gateway), text);
    gateway.settled().await;
    drop(shop);
    gateway.restart().await;
    assert_eq!(gateway.smsc(0).submits().len(), 3, "once");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_an_smsc_has_survive_a_restart() {
    let silent = leaky(ReceiptWhen::None);
    let mut gateway = Plan::new().smsc(silent).registered().start().await;
    let text = "验".repeat(150);
    let shop = gateway.bind("shop").await;
    let mut ids = Vec::new();
    for message in parts(&gateway, &text, 9) {
        ids.push(taken(&shop, &message).await);
    }
    gateway.smsc(0).wait(Event::Submit, 3, PATIENCE).await;
    gateway
        .until("all are answered", |gateway| {
            gateway
                .telemetry()
                .metrics
                .encode()
                .unwrap()
                .contains("veilgate_channel_responses_total{channel=\"smsc-1\",class=\"accepted\"} 3")
        })
        .await;
    drop(shop);
    let submits = gateway.smsc(0).submits();
    let receipt = |at: usize, stat: &str| Message {
        source: veilgate_simulators::message::Address {
            ton: 1,
            npi: 1,
            digits: submits[at].destination.clone(),
        },
        destination: veilgate_simulators::message::Address::guess(&submits[at].source),
        esm_class: 4,
        octets: format!("id:{} sub:001 dlvrd:001 stat:{stat} err:000 text:", submits[at].message_id)
            .into_bytes(),
        ..Message::default()
    };
    let answered = async |gateway: &Gateway, message: Message, count: usize| {
        gateway.smsc(0).deliver("veilgate", message);
        let seen = gateway.smsc(0).wait(Event::DeliverResponse, count, PATIENCE).await;
        assert_eq!(seen.last().unwrap().status, Some(0));
    };
    answered(&gateway, receipt(0, "DELIVRD"), 1).await;
    gateway.restart().await;
    answered(&gateway, receipt(2, "UNDELIV"), 2).await;
    gateway.restart().await;
    assert_eq!(gateway.status().await.live_messages, 2, "the text and its part without receipt");
    answered(&gateway, receipt(1, "DELIVRD"), 3).await;
    let mut shop = gateway.bind("shop").await;
    for receipt in shop.collect(3).await {
        assert_eq!(receipt.state, Some(State::Undeliverable), "the worst of them");
        assert!(ids.contains(&receipt.message_id.unwrap()));
    }
    gateway.settled().await;
    assert_eq!(gateway.smsc(0).submits().len(), 3, "nothing is sent twice");
    let cdrs = cdrs(&gateway).await;
    assert_eq!(cdrs.len(), 1, "{cdrs:?}");
    let columns: Vec<&str> = cdrs[0].split(',').collect();
    assert_eq!((columns[14], columns[15]), ("150", "3"), "characters and segments");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_waited_whole_is_cut_after_the_restart() {
    let mut gateway = Plan::new().smsc(leaky(ReceiptWhen::Always)).registered().start().await;
    let text = "等".repeat(100);
    let mut shop = gateway.bind("shop").await;
    gateway.smsc(0).set_answers(vec!["throttle".parse().unwrap()]);
    for message in parts(&gateway, &text, 3) {
        taken(&shop, &message).await;
    }
    gateway.smsc(0).wait(Event::Submit, 2, PATIENCE).await;
    drop(shop);
    gateway.halt().await;
    gateway.smsc(0).set_answers(Vec::new());
    gateway.resume().await;
    shop = gateway.bind("shop").await;
    for receipt in shop.collect(2).await {
        assert_eq!(receipt.state, Some(State::Delivered));
    }
    let taken: Vec<_> = gateway.smsc(0).submits().into_iter().filter(|seen| seen.status == Some(0)).collect();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].part.map(|part| part.reference), taken[1].part.map(|part| part.reference));
    gateway.stop().await;
}

/// The lines of final states in the CDR files.
async fn cdrs(gateway: &Gateway) -> Vec<String> {
    let folder = gateway.folder().join("data/cdr");
    let lines = || {
        let files = crate::gateway::files_under(&folder);
        let texts = files.into_iter().map(|file| std::fs::read_to_string(file).unwrap());
        let lines: Vec<String> =
            texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        lines.into_iter().filter(|line| line.contains(",MT,")).collect::<Vec<_>>()
    };
    gateway.until("the CDR is written", |_| !lines().is_empty()).await;
    lines()
}
