//! Messages that a word list holds until staff have looked at them: one that passes arrives once, one that is refused is
//! told so, whatever nobody looks at expires, also over restarts.

use serde_json::{Value, json};
use veilgate::admin::{Request, Response, ReviewShown};
use veilgate_names::MessageId;
use veilgate_simulators::esme::{Recipient, Submission};
use veilgate_simulators::receipt::State;

use crate::gateway::{Gateway, Party, Person, Plan};

async fn done(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = gateway.command(arguments, "").await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn refused(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = gateway.command(arguments, "").await;
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A gateway that holds what says "jackpot".
async fn start() -> Gateway {
    let gateway = Plan::new().registered().start().await;
    let path = gateway.folder().join("words.json");
    std::fs::write(&path, json!({"action": "hold", "words": ["jackpot"]}).to_string()).unwrap();
    done(&gateway, &["policy", "put", "word-lists/look-at", path.to_str().unwrap()]).await;
    gateway
}

fn to(person: &Person, text: &str) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

async fn hold(shop: &Party, person: &Person) -> String {
    shop.accepted(&to(person, "your jackpot")).await
}

async fn waiting(gateway: &Gateway) -> Vec<ReviewShown> {
    match gateway.ops(Request::ReviewList { after: None }).await {
        Response::Reviews { messages, .. } => messages,
        other => panic!("{other:?}"),
    }
}

fn arrived(gateway: &Gateway) -> usize {
    gateway.smsc(0).submits().iter().filter(|seen| seen.text.contains("jackpot")).count()
}

fn audited(gateway: &Gateway, kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(gateway.config().audit_file()).unwrap();
    let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    records.filter(|record| record["type"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_arrives_once() {
    let mut gateway = start().await;
    let mut shop = gateway.bind("shop").await;
    let id = hold(&shop, &gateway.person(0).clone()).await;
    shop.accepted(&to(&gateway.person(2).clone(), "plain")).await;
    assert_eq!(shop.receipt().await.state, Some(State::Delivered), "others go on");
    let listed = done(&gateway, &["review", "list"]).await;
    assert!(
        listed.contains(&format!("{id}  ent-1, held by look-at")) && listed.contains("1 wait"),
        "{listed}"
    );
    assert_eq!(gateway.status().await.waiting_for_review, 1);
    assert_eq!(gateway.metric("veilgate_messages_in_review").await, Some(1.0));
    assert_eq!(arrived(&gateway), 0);
    assert!(done(&gateway, &["review", "pass", &id]).await.contains("passed"));
    assert_eq!(shop.receipt().await.state, Some(State::Delivered));
    gateway.settled().await;
    assert_eq!((arrived(&gateway), waiting(&gateway).await), (1, Vec::new()));
    let again = refused(&gateway, &["review", "pass", &id]).await;
    assert!(again.contains("no message of this id waits"), "{again}");
    gateway.halt().await;
    let records = audited(&gateway, "review_passed");
    assert!(records.len() == 1 && records[0]["message"] == id.as_str(), "{records:?}");
    assert!(records[0].to_string().contains(":zhang\""), "{records:?}");
    assert!(!gateway.log().contains("jackpot") && !listed.contains("jackpot"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_so_and_never_leaves() {
    let mut gateway = start().await;
    let mut shop = gateway.bind("shop").await;
    let id = hold(&shop, &gateway.person(0).clone()).await;
    assert!(refused(&gateway, &["review", "refuse", &id]).await.contains("--yes"));
    assert_eq!(waiting(&gateway).await.len(), 1, "nothing is done without");
    assert!(done(&gateway, &["review", "refuse", &id, "--yes"]).await.contains("refused"));
    let receipt = shop.receipt().await;
    assert_eq!(receipt.state, Some(State::Rejected));
    gateway.settled().await;
    assert_eq!((arrived(&gateway), waiting(&gateway).await), (0, Vec::new()));
    refused(&gateway, &["review", "pass", &id]).await;
    gateway.halt().await;
    assert_eq!(audited(&gateway, "review_refused").len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_or_passed_does_so_after_a_restart() {
    let mut gateway = start().await;
    let shop = gateway.bind("shop").await;
    let one = hold(&shop, &gateway.person(0).clone()).await;
    let two = hold(&shop, &gateway.person(2).clone()).await;
    let before = waiting(&gateway).await;
    assert_eq!(before.len(), 2);
    shop.unbind().await;
    gateway.restart().await;
    assert_eq!(waiting(&gateway).await, before);
    let mut shop = gateway.bind("shop").await;
    done(&gateway, &["review", "pass", &one]).await;
    done(&gateway, &["review", "refuse", &two, "--yes"]).await;
    let mut states: Vec<_> = shop.collect(2).await.into_iter().map(|receipt| receipt.state).collect();
    states.sort_by_key(|state| format!("{state:?}"));
    assert_eq!(states, [Some(State::Delivered), Some(State::Rejected)]);
    gateway.settled().await;
    assert_eq!((arrived(&gateway), waiting(&gateway).await), (1, Vec::new()));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_looks_at_expires() {
    let mut gateway = start().await;
    let mut shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let short = Submission { validity: "000000000002000R".to_owned(), ..to(&person, "your jackpot") };
    let id = shop.accepted(&short).await;
    assert_eq!(shop.receipt().await.state, Some(State::Expired));
    gateway.settled().await;
    assert_eq!((arrived(&gateway), waiting(&gateway).await), (0, Vec::new()));
    refused(&gateway, &["review", "refuse", &id, "--yes"]).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_waits_for_it_is_looked_at() {
    let mut gateway = start().await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let later = Submission { schedule: "000000010000000R".to_owned(), ..to(&person, "plain") };
    let scheduled = MessageId::parse(&shop.accepted(&later).await).unwrap();
    for message in [scheduled, MessageId(0xff)] {
        for request in [Request::ReviewPass { message }, Request::ReviewRefuse { message }] {
            let response = gateway.ops(request).await;
            let Response::Refused(refusal) = response else { panic!("{response:?}") };
            assert_eq!(refusal.to_string(), "no message of this id waits for review");
        }
    }
    assert!(refused(&gateway, &["review", "pass", "1"]).await.contains("not a message id"));
    assert!(refused(&gateway, &["review", "list", "--after", "x"]).await.contains("not a message id"));
    assert_eq!(gateway.metric("veilgate_messages_scheduled").await, Some(1.0), "it goes on waiting");
    gateway.halt().await;
    gateway.stop().await;
}
