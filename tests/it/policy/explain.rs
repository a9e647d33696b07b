//! What every rule says of a message, by `veilgate policy explain`: in order, all of them, with nothing taken and nothing
//! told that nobody may know.

use std::process::Output;

use serde_json::{Value, json};
use veilgate_simulators::esme::{Recipient, Submission};

use super::audited;
use crate::gateway::{Gateway, Plan};

/// `veilgate --actor zhang policy …`; what `input` holds goes through standard input.
async fn policy(gateway: &Gateway, arguments: &[&str], input: &str) -> Output {
    gateway.command(&[&["policy"], arguments].concat(), input).await
}

async fn put(gateway: &Gateway, place: &str, object: Value) {
    let path = gateway.folder().join("object.json");
    std::fs::write(&path, object.to_string()).unwrap();
    let output = policy(gateway, &["put", place, path.to_str().unwrap()], "").await;
    assert!(output.status.success(), "{place}: {output:?}");
}

/// Explains as JSON a text of `ent-1`.
async fn explain(gateway: &Gateway, text: &str, more: &[&str]) -> Value {
    let common = ["explain", "--json", "--enterprise", "ent-1", "--number", "10690001", "--text-file", "-"];
    let output = policy(gateway, &[&common[..], more].concat(), text).await;
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rule<'a>(explained: &'a Value, name: &str) -> &'a Value {
    let rules = explained["rules"].as_array().unwrap();
    rules.iter().find(|said| said["rule"] == name).unwrap()
}

/// Signatures are asked for, a word is forbidden, and contacts are few.
async fn strict(gateway: &Gateway) {
    let tenant = json!({"level": "enterprise", "parent": "carrier", "signature": "required"});
    put(gateway, "tenants/ent-1", tenant).await;
    put(gateway, "word-lists/no-invoices", json!({"action": "block", "words": ["fapiao"]})).await;
    let windows = json!([{"most": 1, "within": "1h"}]);
    put(gateway, "frequency-limits/one-an-hour", json!({"per": "enterprise", "windows": windows})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_is_asked_whatever_those_before_it_say() {
    let mut gateway = Plan::new().registered().start().await;
    strict(&gateway).await;
    let anonymous = explain(&gateway, "zwsp-secret fapiao", &[]).await;
    assert_eq!(anonymous["decision"]["rule"], "signature");
    assert_eq!(anonymous["decision"]["says"], "refuse");
    assert_eq!(rule(&anonymous, "signature")["reason"], "SIGNATURE");
    assert_eq!(rule(&anonymous, "words")["says"], "refuse", "also behind a refusal");
    assert_eq!(rule(&anonymous, "words")["object"], "no-invoices");
    assert_eq!(rule(&anonymous, "tenant")["says"], "allow");
    assert_eq!(rule(&anonymous, "frequency")["says"], "not-asked", "nobody is named");
    let rules = anonymous["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 13);
    let person = gateway.person(0).clone();
    let of_person = explain(&gateway, "plain", &["--authorization", &person.authorization]).await;
    assert_eq!(rule(&of_person, "frequency")["says"], "allow");
    assert_eq!(of_person["consent"], "allow");
    let table = policy(
        &gateway,
        &["explain", "--enterprise", "ent-1", "--number", "10690001", "--text", "zwsp-secret fapiao"],
        "",
    )
    .await;
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("words            refuse WORD no-invoices\n"), "{table}");
    assert!(table.contains("decision: signature        refuse SIGNATURE\n"), "{table}");
    gateway.halt().await;
    let audit = std::fs::read_to_string(gateway.config().audit_file()).unwrap();
    for shown in [table, anonymous.to_string(), of_person.to_string(), gateway.log(), audit] {
        assert!(!shown.contains("fapiao") && !shown.contains("zwsp-secret"), "{shown}");
    }
    let records = audited(&gateway, &["policy_explained"]);
    assert_eq!(records.len(), 3);
    assert_eq!(records[1]["authorization"], person.authorization.as_str());
    assert!(records[1].to_string().contains(":zhang\""), "{:?}", records[1]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_by_asking() {
    let mut gateway = Plan::new().registered().start().await;
    let windows = json!([{"most": 1, "within": "1h"}]);
    put(&gateway, "frequency-limits/one-an-hour", json!({"per": "enterprise", "windows": windows})).await;
    let person = gateway.person(0).clone();
    let under = ["--authorization", person.authorization.as_str()];
    for _ in 0..3 {
        let allowed = explain(&gateway, "one", &under).await;
        assert_eq!(allowed["decision"], json!({"says": "allow"}), "{allowed}");
    }
    let mut shop = gateway.bind("shop").await;
    let recipient = Recipient::pseudonym(&person.pseudonym);
    shop.accepted(&Submission::new(person.service_number(), recipient, "one")).await;
    shop.receipt().await;
    let refused = explain(&gateway, "two", &under).await;
    assert_eq!(refused["decision"]["object"], "one-an-hour");
    assert_eq!(rule(&refused, "frequency")["reason"], "FREQ_ENTERPRISE");
    let later =
        explain(&gateway, "two", &[&under[..], &["--at", "2099-01-01T12:00:00+08:00"]].concat()).await;
    assert_eq!(rule(&later, "frequency")["says"], "allow", "the hour is over then");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_is_explained_until_it_ends() {
    let mut gateway = Plan::new().registered().start().await;
    put(&gateway, "word-lists/look-at", json!({"action": "hold", "words": ["jackpot"]})).await;
    let mut shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let recipient = Recipient::pseudonym(&person.pseudonym);
    let text = Submission::new(person.service_number(), recipient, "your jackpot");
    let held = shop.accepted(&Submission { validity: "000000000003000R".to_owned(), ..text }).await;
    let explained = policy(&gateway, &["explain", "--json", "--message", &held], "").await;
    let told: Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(told["decision"], json!({"rule": "words", "says": "hold", "object": "look-at"}));
    assert_eq!(told["before"]["review"], "waiting");
    assert_eq!((told["before"]["rule"].as_str(), &told["before"]["counted"]), (Some("words"), &json!(false)));
    assert_eq!(told["consent"], "allow");
    let table = policy(&gateway, &["explain", "--message", &held], "").await;
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("put off by words look-at") && !table.contains("jackpot"), "{table}");
    shop.receipt().await;
    gateway.settled().await;
    let ended = policy(&gateway, &["explain", "--message", &held], "").await;
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(told.contains("no message of this id waits"), "{told}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_explained_is_refused_without_its_words() {
    let mut gateway = Plan::new().registered().start().await;
    let (mine, number) = (gateway.person(0).clone(), gateway.person(3).number.clone());
    let ask = async |arguments: &[&str]| {
        let output = policy(&gateway, &[&["explain"], arguments].concat(), "").await;
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let of = |enterprise| ["--enterprise", enterprise, "--number", "10690001", "--authorization"];
    let told = ask(&[&of("ent-1")[..], &["au-nobody"]].concat()).await;
    assert!(told.contains("there is no such authorization"), "{told}");
    let told = ask(&[&of("ent-2")[..], &[&mine.authorization]].concat()).await;
    assert!(told.contains("another enterprise's"), "{told}");
    let told = ask(&["--message", "00000000000000ff"]).await;
    assert!(told.contains("no message of this id"), "{told}");
    let told = ask(&["--enterprise", "ent-1", "--number", "a bank"]).await;
    assert!(told.contains("number: not a service number"), "{told}");
    let told = ask(&["--enterprise", "ent-1", "--number", "10690001", "--at", "noon"]).await;
    assert!(told.contains("at: expected a time"), "{told}");
    let told = ask(&[&of("ent-1")[..], &[&number]].concat()).await;
    assert!(told.contains("authorization: "), "{told}");
    ask(&["--message", "1", "--number", "10690001"]).await;
    gateway.halt().await;
    gateway.stop().await;
}
