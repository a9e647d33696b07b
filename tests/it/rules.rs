//! The carrier's rules as a whole, through real sockets (acceptance 8-13): objects are put in force while the gateway runs,
//! and what they refuse, hold back, count and charge shows at the north, at the SMSC, in CDRs and after a crash.

mod charging;
mod content;
mod crash;
mod frequency;
mod lines;
mod person;
mod windows;

use std::fs;

use serde_json::{Value, json};
use veilgate::admin::{Request, Response};
use veilgate::policy::{PolicyAnswer, PolicyCommand};
use veilgate_simulators::esme::{Recipient, Submission};

use crate::gateway::{Gateway, Party, Person, SHOP_NUMBER, files_under};

/// `template_id`.
const TEMPLATE: u16 = 0x1505;
/// `params`.
const PARAMS: u16 = 0x1506;

/// A text for a person, in the name of their enterprise.
fn to(person: &Person, text: &str) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

/// A text that names its template, with params where there are any.
fn named(person: &Person, text: &str, template: &str, params: Option<Value>) -> Submission {
    let recipient = Recipient::pseudonym(&person.pseudonym).with(TEMPLATE, template);
    let recipient = match params {
        Some(params) => recipient.with(PARAMS, &params.to_string()),
        None => recipient,
    };
    Submission::new(person.service_number(), recipient, text)
}

/// JSON lines of objects.
fn lines(objects: &[(&str, &str, Value)]) -> String {
    let line = |(kind, id, object): &(&str, &str, Value)| {
        json!({"kind": kind, "id": id, "object": object}).to_string() + "\n"
    };
    objects.iter().map(line).collect()
}

/// Puts objects in force, all at once, by the ops socket.
async fn put(gateway: &Gateway, objects: &[(&str, &str, Value)]) {
    let path = gateway.folder().join("objects.jsonl");
    fs::write(&path, lines(objects)).unwrap();
    let command =
        PolicyCommand::Import { path, kind: None, replace: false, dry_run: false, expected_policy: None };
    changed(gateway, command).await;
}

/// Takes an object away.
async fn delete(gateway: &Gateway, kind: &str, id: &str) {
    let (kind, id) = (kind.to_owned(), id.to_owned());
    changed(gateway, PolicyCommand::Delete { kind, id, expected_version: None }).await;
}

async fn changed(gateway: &Gateway, policy: PolicyCommand) {
    let answer = gateway.ops(Request::Policy { policy }).await;
    assert!(matches!(answer, Response::Policy { policy: PolicyAnswer::Changed(_) }), "{answer:?}");
}

/// An enterprise directly below the carrier, with more fields.
fn enterprise(more: Value) -> Value {
    with(json!({"level": "enterprise", "parent": "carrier"}), more)
}

/// An approved template of `ent-1` for notices, with more fields.
fn template(body: &str, variables: Value, more: Value) -> Value {
    let object = json!({
        "tenant": "ent-1", "category": "notice", "body": body, "variables": variables,
        "state": "approved", "carrier_approved": true, "notary_approved": true,
    });
    with(object, more)
}

/// The fields of both, those of the second first.
fn with(mut object: Value, more: Value) -> Value {
    let fields = more.as_object().unwrap().clone();
    object.as_object_mut().unwrap().extend(fields);
    object
}

/// The texts that an SMSC has taken.
fn sent(gateway: &Gateway) -> Vec<String> {
    let submits = gateway.smsc(0).submits().into_iter();
    submits.filter(|seen| seen.status == Some(0)).map(|seen| seen.text).collect()
}

/// What an account hears of a refusal, once all before has gone out; nothing comes to the SMSC in between.
async fn refused(gateway: &Gateway, party: &Party, submission: &Submission) -> (u32, String) {
    gateway.settled().await;
    let before = gateway.smsc(0).submits().len();
    let heard = party.refused(submission).await;
    assert_eq!(gateway.smsc(0).submits().len(), before, "nothing went out: {submission:?}");
    heard
}

/// Whether octets have a text in UTF-8 or UCS-2.
fn has(octets: &[u8], text: &str) -> bool {
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    [text.as_bytes(), &wide].iter().any(|form| octets.windows(form.len()).any(|found| found == *form))
}

/// Nobody hears of a text: not the account, no log line, no metric, no file of the ledger.
async fn is_nowhere(gateway: &Gateway, party: &Party, text: &str) {
    assert!(!has(&party.client.captured(), text), "north");
    assert!(!has(gateway.log().as_bytes(), text), "log");
    let (_, metrics) = gateway.http("/metrics").await;
    assert!(!has(metrics.as_bytes(), text), "metrics");
    let config = gateway.config();
    for file in files_under(&config.cdr_dir()).into_iter().chain([config.audit_file()]) {
        assert!(!has(&fs::read(&file).unwrap_or_default(), text), "{}", file.display());
    }
}

/// The CDRs of a gateway that has been halted, as JSON objects by the names of their columns.
fn cdrs(gateway: &Gateway) -> Vec<Value> {
    let mut records = Vec::new();
    for file in files_under(&gateway.config().cdr_dir()) {
        let text = fs::read_to_string(file).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        let Some(head) = rows.iter().position(|row| row.contains(&"cdr_id")) else { continue };
        let names = &rows[head];
        let whole = rows[head + 1..].iter().filter(|row| row.len() == names.len());
        records.extend(whole.map(|row| names.iter().copied().zip(row.iter().copied()).collect::<Value>()));
    }
    records
}

/// The service number of `ent-1` for messages of a category.
fn number_for(category: &str) -> Value {
    json!({"digits": SHOP_NUMBER, "owner": "ent-1", "default_category": category, "inbound_anchored": true})
}
