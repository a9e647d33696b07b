//! Retry tables: what an SMSC says decides whether, where and when a message is tried again. Issue 4, Deliver 3.

use std::fmt::Write as _;
use std::process::Command;

use veilgate_simulators::esme::{Recipient, Submission};
use veilgate_simulators::smsc::SmscOptions;

use crate::gateway;
use crate::smpp_raw::*;
use crate::smpp_stage::*;

/// A table `default` with one row.
fn table(row: &str) -> String {
    format!("[[retry_tables]]\nid = \"default\"\n[[retry_tables.rows]]\n{row}\n")
}

const ELSEWHERE: &str = "status = [\"0x45\"]\nclass = \"temporary\"\nretry = \"other\"\ndelays = [\"50ms\"]";
const BACK: &str = "code = [\"MB:\"]\nclass = \"temporary\"\nretry = \"any\"\ndelays = [\"50ms\"]\nattempts = 2\n\
                    final = \"UNDELIV\"\nbillable = false";

async fn state(peer: &mut Peer) -> (String, u8) {
    let receipt = peer.delivered().await;
    (receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap()[0])
}

#[tokio::test]
async fn a_passing_fault_is_tried_on_the_other_channel() {
    let more = table(ELSEWHERE);
    let stage = Stage::set(Plan { channels: &["weight = 1000", ""], more: &more, ..Plan::default() }).await;
    let mut first = stage.smscs[0].link().await;
    let mut second = stage.smscs[1].link().await;
    stage.channels_up(2).await;
    let mut peer = stage.bound("shop").await;
    for round in 0..5 {
        let text = format!("m{round}");
        let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, &text)).await;
        let seen = first.incoming(SUBMIT_SM).await;
        assert_eq!(seen.text(), text);
        first.answer(SUBMIT_SM, seen.sequence, 0x45, &[]).await;
        let seen = second.took(&text).await;
        assert_eq!(seen.text(), text);
        second.receipt(&seen, &text, "DELIVRD").await;
        assert_eq!(state(&mut peer).await, (id, 2));
    }
    first.is_quiet().await;
}

#[tokio::test]
async fn what_is_refused_for_good_ends_at_once() {
    let stage = Stage::set(Plan { channels: &["weight = 1000", ""], ..Plan::default() }).await;
    let mut first = stage.smscs[0].link().await;
    let mut second = stage.smscs[1].link().await;
    stage.channels_up(2).await;
    let mut peer = stage.bound("shop").await;
    for status in [0x0b, 0x65, 0x45, 0x400] {
        let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "x")).await;
        let seen = first.incoming(SUBMIT_SM).await;
        first.answer(SUBMIT_SM, seen.sequence, status, &[]).await;
        assert_eq!(state(&mut peer).await, (id, 8), "{status:#x}");
    }
    second.is_quiet().await;
}

#[tokio::test]
async fn without_another_channel_it_ends() {
    let more = table(ELSEWHERE);
    let stage = Stage::set(Plan { more: &more, ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "x")).await;
    let seen = link.incoming(SUBMIT_SM).await;
    link.answer(SUBMIT_SM, seen.sequence, 0x45, &[]).await;
    assert_eq!(state(&mut peer).await, (id, 8));
}

/// A receipt of a passing failure brings the message back; what is said about the first attempt later counts no more.
#[tokio::test]
async fn a_receipt_brings_a_message_back() {
    let more = table(BACK);
    let stage = Stage::set(Plan { more: &more, ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "again")).await;
    let seen = link.took("first").await;
    link.receipt(&seen, "first", "MB:0069").await;
    let again = link.took("second").await;
    assert_eq!(again.text(), "again");
    link.receipt(&seen, "first", "DELIVRD").await;
    peer.is_quiet().await;
    link.receipt(&again, "second", "DELIVRD").await;
    assert_eq!(state(&mut peer).await, (id, 2));

    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "spent")).await;
    for attempt in ["third", "fourth"] {
        let seen = link.took(attempt).await;
        link.receipt(&seen, attempt, "MB:0069").await;
    }
    assert_eq!(state(&mut peer).await, (id, 5), "its attempts are used up");
    peer.is_quiet().await;
}

/// The command tells the row that decides, from the file alone.
#[tokio::test]
async fn a_table_explains_itself() {
    let mut more = table(ELSEWHERE);
    writeln!(more, "[[retry_tables.rows]]\n{BACK}").unwrap();
    let stage = Stage::set(Plan { more: &more, ..Plan::default() }).await;
    let explain = |what: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_veilgate"))
            .args(["retry", "explain", "smsc-0", what, "--config"])
            .arg(stage.folder.path().join("veilgate.toml"))
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for (what, told) in [
        (
            "0x45",
            "class temporary; retry: other channel (50ms, 8 attempts); billed: false; else ends UNDELIV\n",
        ),
        (
            "MB:0069",
            "class temporary; retry: any channel (50ms, 2 attempts); billed: false; else ends UNDELIV\n",
        ),
        ("0x0b", "class subscriber; retry: no; billed: false; else ends REJECTD\n"),
        ("EXPIRED,err:7", "class unknown; retry: no; billed: true; else ends EXPIRED\n"),
    ] {
        let (code, text) = explain(what);
        assert_eq!((code, text.lines().nth(1)), (Some(0), Some(told.trim_end())), "{what}: {text}");
    }
    assert_eq!(explain("19900001234").0, Some(1));
}

/// What was tried before a restart counts after it.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_survive_a_restart() {
    let refusing = SmscOptions { answers: vec!["status=0x45".parse().unwrap()], ..SmscOptions::default() };
    let table =
        table("status = [\"0x45\"]\nclass = \"temporary\"\nretry = \"any\"\ndelays = [\"1s\"]\nattempts = 2");
    let mut gateway = gateway::Plan::new().registered().smsc(refusing).config(&table).start().await;
    let person = gateway.person(0).clone();
    let shop = gateway.bind("shop").await;
    let recipient = Recipient::pseudonym(&person.pseudonym);
    shop.accepted(&Submission::new(person.service_number(), recipient, "again")).await;
    gateway.until("the first attempt", |gateway| gateway.smsc(0).submits().len() == 1).await;
    gateway.restart().await;
    gateway.settled().await;
    assert_eq!(gateway.smsc(0).submits().len(), 2, "two attempts in all");
    assert_eq!(gateway.smsc(0).submits()[1].text, "again");
    gateway.stop().await;
}
