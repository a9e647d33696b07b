//! Hours of the day (acceptance 11): windows whose hours are near the time of the test, in Beijing.

use std::time::Duration;

use serde_json::{Value, json};
use veilgate::clock;
use veilgate_names::Timestamp;
use veilgate_simulators::esme::Submission;
use veilgate_simulators::message::Address;
use veilgate_simulators::receipt::State;

use super::{delete, enterprise, number_for, put, refused, sent, to};
use crate::gateway::{Gateway, Plan};
use crate::replies::say;

/// What everybody hears of a text outside of its hours.
const OUTSIDE: (u32, &str) = (0x40D, "5005");

/// How it is written in Beijing, `HH:MM:SS`.
fn in_beijing(at: Timestamp) -> String {
    at.plus(Duration::from_secs(8 * 3600)).to_string()[11..19].to_owned()
}

/// A window that opens so long from now, on a whole second, for an hour; and when it does.
pub(super) fn opening(after: Duration, outside: &str, scope: Value) -> (Timestamp, Value) {
    let opens = Timestamp(clock::wall().plus(after).0 / 1000 * 1000);
    let closes = opens.plus(Duration::from_secs(3600));
    let hours = format!("{}-{}", in_beijing(opens), in_beijing(closes));
    (opens, json!({"scope": scope, "hours": {"daily": [hours]}, "outside": outside}))
}

/// A gateway whose `ent-1` sends advertising unless a template says otherwise.
async fn advertising() -> Gateway {
    let gateway = Plan::new().registered().start().await;
    let objects = [("tenants", "ent-1", enterprise(json!({}))), ("numbers", "shop", number_for("marketing"))];
    put(&gateway, &objects).await;
    gateway
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_of_its_hours_a_text_is_refused_where_the_window_says_so() {
    let mut gateway = advertising().await;
    let (notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let rival = gateway.bind("rival").await;
    let person = gateway.person(0).clone();
    let (_, window) = opening(Duration::from_secs(7200), "refuse", json!({"category": "marketing"}));
    put(&gateway, &[("windows", "day", window)]).await;
    for party in [&notary, &shop] {
        let (status, code) = refused(&gateway, party, &to(&person, "回T退订")).await;
        assert_eq!((status, code.as_str()), OUTSIDE);
    }
    rival.accepted(&to(&gateway.person(1).clone(), "a notice")).await;
    delete(&gateway, "windows", "day").await;
    shop.accepted(&to(&person, "any time, 回T退订")).await;
    gateway.until("both went out", |gateway| sent(gateway).len() == 2).await;
    gateway.stop().await;
}

/// What a window put off leaves when the window is taken away or opens earlier, also over a restart; not before the time that
/// its sender named.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_off_leaves_earlier_when_the_window_changes() {
    let mut gateway = advertising().await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let (_, window) = opening(Duration::from_secs(7200), "defer", json!({"category": "marketing"}));
    put(&gateway, &[("windows", "day", window)]).await;
    shop.accepted(&to(&person, "first, 回T退订")).await;
    let named = to(&person, "named, 回T退订");
    shop.accepted(&Submission { schedule: "000000010000000R".to_owned(), ..named }).await;
    gateway.restart().await;
    let shop = gateway.bind("shop").await;
    shop.accepted(&to(&person, "second, 回T退订")).await;
    assert_eq!(sent(&gateway), [""; 0]);
    // Still shut, only otherwise: it goes on waiting.
    let (_, window) = opening(Duration::from_secs(3600), "defer", json!({"category": "marketing"}));
    put(&gateway, &[("windows", "day", window)]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(sent(&gateway), [""; 0]);
    delete(&gateway, "windows", "day").await;
    gateway.until("both went out", |gateway| sent(gateway).len() == 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!sent(&gateway).iter().any(|text| text.starts_with("named")));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_off_leaves_when_the_window_opens_and_is_asked_about_again() {
    let mut gateway = advertising().await;
    let mut shop = gateway.bind("shop").await;
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    let (opens, window) = opening(Duration::from_secs(5), "defer", json!({"category": "marketing"}));
    put(&gateway, &[("windows", "day", window)]).await;
    let stopped = shop.accepted(&to(&person, "for who refuses, 回T退订")).await;
    let passed = shop.accepted(&to(&other, "for who does not, 回T退订")).await;
    let number = Address::guess(person.service_number());
    say(&gateway, &person, &number, "退订").await;
    assert_eq!(sent(&gateway), [""; 0], "nothing before its time");
    let mut states = Vec::new();
    for receipt in shop.collect(2).await {
        states.push((receipt.message_id.unwrap(), receipt.state.unwrap()));
    }
    assert!(states.contains(&(stopped, State::Rejected)), "{states:?}");
    assert!(states.contains(&(passed, State::Delivered)), "{states:?}");
    let seen = gateway.smsc(0).submits();
    assert_eq!(seen.len(), 1);
    assert!(Timestamp::parse(&seen[0].at).unwrap() >= opens, "{} before {opens}", seen[0].at);
    gateway.stop().await;
}
