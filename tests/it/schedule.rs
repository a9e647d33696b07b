//! Messages that are to leave later: acknowledged at once, kept over a restart, sent once and not before their time, and
//! judged again then (A-6.3.3.2-2, smpp-cases 20, acceptance 2 and 3).

use std::fs;
use std::time::Duration;

use veilgate::admin::{Request, Response};
use veilgate::clock;
use veilgate_names::{AuthorizationId, Timestamp};
use veilgate_simulators::esme::{Recipient, Submission};
use veilgate_simulators::message::tag;
use veilgate_simulators::receipt::State;
use veilgate_simulators::smsc::Event;

use crate::gateway::{Gateway, PATIENCE, Person, Plan};

/// A message that leaves at `schedule`.
fn later(person: &Person, text: &str, schedule: &str) -> Submission {
    let recipient = Recipient::pseudonym(&person.pseudonym);
    Submission { schedule: schedule.to_owned(), ..Submission::new(person.service_number(), recipient, text) }
}

/// A whole second at least `after` from now, and how SMPP writes it as seen from Beijing.
fn absolute(after: Duration) -> (Timestamp, String) {
    let at = Timestamp((clock::wall().plus(after).0 / 1000 + 1) * 1000);
    let digits: String =
        at.plus(Duration::from_secs(8 * 3600)).to_string().chars().filter(char::is_ascii_digit).collect();
    (at, format!("{}032+", &digits[2..14]))
}

fn milliseconds(text: &str) -> i64 {
    Timestamp::parse(text).unwrap().0
}

/// Registers the feed's consents with other ends.
async fn register_until(gateway: &Gateway, end: Timestamp) {
    let text = fs::read_to_string(gateway.folder().join("feed/authorizations.jsonl")).unwrap();
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["expires_at"] = end.to_string().into();
        value.to_string()
    };
    let lines = text.lines().map(line).collect();
    let done = gateway.ops(Request::AuthorizationsImport { platform: None, path: None, lines }).await;
    assert!(matches!(done, Response::Imported { .. }), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_leaves_at_its_time_in_either_form() {
    let mut gateway = Plan::new().registered().start().await;
    let mut shop = gateway.bind("shop").await;
    let (at, schedule) = absolute(Duration::from_secs(1));
    let earliest = [at.0, clock::wall().plus(Duration::from_secs(2)).0];
    shop.accepted(&later(&gateway.person(0).clone(), "absolute", &schedule)).await;
    shop.accepted(&later(&gateway.person(2).clone(), "relative", "000000000002000R")).await;
    let now = Submission { schedule: String::new(), ..later(&gateway.person(4).clone(), "now", "") };
    shop.accepted(&now).await;
    assert_eq!(shop.receipt().await.state, Some(State::Delivered), "others do not wait");
    assert_eq!(gateway.metric("veilgate_messages_scheduled").await, Some(2.0));
    for _ in 0..2 {
        assert_eq!(shop.receipt().await.state, Some(State::Delivered));
    }
    let submits = gateway.smsc(0).submits();
    for (text, earliest) in [("absolute", earliest[0]), ("relative", earliest[1])] {
        let seen: Vec<_> = submits.iter().filter(|seen| seen.text == text).collect();
        assert_eq!(seen.len(), 1, "{text}");
        let late = milliseconds(&seen[0].at) - earliest;
        assert!(late >= 0, "{text} left {late} ms late");
        println!("{text} left {late} ms after its time");
    }
    gateway.settled().await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_sent_once_although_the_gateway_was_restarted_before() {
    let mut gateway = Plan::new().registered().start().await;
    let shop = gateway.bind("shop").await;
    let (at, schedule) = absolute(Duration::from_secs(3));
    let (passed, soon) = absolute(Duration::ZERO);
    let id = shop.accepted(&later(&gateway.person(0).clone(), "after", &schedule)).await;
    shop.accepted(&later(&gateway.person(2).clone(), "meanwhile", &soon)).await;
    gateway.halt().await;
    gateway.until("one's time passes", |_| clock::wall() > passed).await;
    gateway.resume().await;
    let mut shop = gateway.bind("shop").await;
    let receipts = shop.collect(2).await;
    assert!(receipts.iter().all(|receipt| receipt.state == Some(State::Delivered)), "{receipts:?}");
    assert!(receipts.iter().any(|receipt| receipt.message_id.as_ref() == Some(&id)));
    gateway.restart().await;
    gateway.settled().await;
    let submits = gateway.smsc(0).submits();
    assert_eq!(submits.len(), 2, "each once");
    let seen = submits.iter().find(|seen| seen.text == "after").unwrap();
    assert!(milliseconds(&seen.at) >= at.0);
    gateway.stop().await;
}

//= ASCS acceptance 3
#[tokio::test(flavor = "multi_thread")]
async fn what_its_authorization_does_not_cover_any_more_is_not_sent() {
    let mut gateway = Plan::new().start().await;
    register_until(&gateway, clock::wall().plus(Duration::from_secs(2))).await;
    let mut notary = gateway.bind("notary").await;
    let person = gateway.person(0).clone();
    let (_, schedule) = absolute(Duration::from_secs(3));
    let recipient = Recipient::authorization(&person.authorization);
    let message = Submission { schedule, ..Submission::new(person.service_number(), recipient, "too late") };
    notary.accepted(&message).await;
    let receipt = notary.receipt().await;
    assert_eq!(receipt.state, Some(State::Rejected));
    let [high, low] = 3002_u16.to_be_bytes();
    assert_eq!(receipt.message.tlv(tag::NETWORK_ERROR_CODE), Some(&[3, high, low][..]), "AUTH_EXPIRED");
    assert!(gateway.smsc(0).submits().is_empty());
    gateway.settled().await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_ends_what_is_scheduled_at_once() {
    let mut gateway = Plan::new().registered().start().await;
    let mut shop = gateway.bind("shop").await;
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    shop.accepted(&later(&person, "never", "000000010000000R")).await;
    shop.accepted(&later(&other, "in an hour", "000000010000000R")).await;
    let id = AuthorizationId::parse(&person.authorization).unwrap();
    let done = gateway.ops(Request::Revoke { authorization_ids: vec![id] }).await;
    assert!(matches!(done, Response::Revoked { revoked: 1, stopped: 1, .. }), "{done:?}");
    assert_eq!(shop.receipt().await.state, Some(State::Rejected), "the sender need not wait for an hour");
    assert_eq!(gateway.metric("veilgate_messages_scheduled").await, Some(1.0));
    let enterprise = veilgate_names::EnterpriseId::parse("ent-1").unwrap();
    let done = gateway.ops(Request::RevokeEnterprise { enterprise }).await;
    assert!(matches!(done, Response::Revoked { stopped: 1, .. }), "{done:?}");
    assert_eq!(shop.receipt().await.state, Some(State::Rejected));
    gateway.settled().await;
    assert!(gateway.smsc(0).submits().is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_meanwhile_stops_what_is_scheduled() {
    let mut gateway = crate::replies::two_smscs().start().await;
    let mut shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let number = crate::replies::sent(&gateway, &shop, &person, "first").await;
    let (_, schedule) = absolute(Duration::from_secs(2));
    shop.accepted(&later(&person, "not wanted", &schedule)).await;
    crate::replies::say(&gateway, &person, &number, "TD").await;
    assert_eq!(shop.receipt().await.state, Some(State::Rejected));
    let texts = [0, 1].map(|place| gateway.smsc(place).submits()).concat();
    assert!(texts.iter().all(|seen| seen.text != "not wanted"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_has_passed_is_refused_where_it_is_to_be() {
    let mut gateway = Plan::new()
        .registered()
        .config("flow = { past_schedule = \"refuse\", max_schedule = \"1h\" }")
        .start()
        .await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    for schedule in ["200101000000000+", "000000000000000R", "000000010001000R"] {
        assert_eq!(
            shop.refused(&later(&person, "x", schedule)).await,
            (0x61, "1001".to_owned()),
            "{schedule}"
        );
    }
    let (_, schedule) = absolute(Duration::from_secs(60));
    let (_, before) = absolute(Duration::from_secs(30));
    let message = Submission { validity: before, ..later(&person, "x", &schedule) };
    assert_eq!(shop.refused(&message).await, (0x62, "1001".to_owned()), "over before it begins");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_counts_against_the_limit_of_the_day_it_is_sent() {
    let mut gateway = Plan::new().start().await;
    let text = fs::read_to_string(gateway.folder().join("feed/authorizations.jsonl")).unwrap();
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["limits"] = serde_json::json!({"sms_per_day": 1});
        value.to_string()
    };
    let lines = text.lines().map(line).collect();
    gateway.ops(Request::AuthorizationsImport { platform: None, path: None, lines }).await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    for _ in 0..3 {
        shop.accepted(&later(&person, "on another day", "000001000000000R")).await;
    }
    shop.accepted(&later(&person, "today", "")).await;
    gateway.smsc(0).wait(Event::Submit, 1, PATIENCE).await;
    let (status, _) = shop.refused(&later(&person, "today again", "")).await;
    assert_ne!(status, 0);
    gateway.stop().await;
}
