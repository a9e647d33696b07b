//! Lines (通道及端口): what staff say that a channel carries holds within a second, for what comes and for what waits there.

use std::time::Duration;

use serde_json::{Value, json};
use veilgate::admin::{Request, Response};
use veilgate::clock;
use veilgate_simulators::message::{Address, Message};
use veilgate_simulators::smsc::SmscOptions;

use super::{delete, enterprise, number_for, put, to};
use crate::gateway::{Gateway, Plan};
use crate::replies::{ucs2, write};

/// `NO_ROUTE`, as the north hears it.
const NO_ROUTE: u32 = 0x413;

/// Two channels for everybody.
async fn two_channels() -> Gateway {
    Plan::new().smsc(SmscOptions::default()).smsc(SmscOptions::default()).registered().start().await
}

fn line(channel: u8, more: Value) -> Value {
    super::with(json!({"kind": "smsc-channel", "channel": format!("smsc-{channel}")}), more)
}

/// How many submits each SMSC has.
fn taken(gateway: &Gateway) -> [usize; 2] {
    [0, 1].map(|place| gateway.smsc(place).submits().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_shut_gives_its_messages_to_the_other() {
    let mut gateway = two_channels().await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    for state in ["draining", "disabled"] {
        let before = taken(&gateway);
        put(&gateway, &[("lines", "one", line(1, json!({"state": state})))]).await;
        for index in 0..6 {
            shop.accepted(&to(&person, &format!("{state} {index}"))).await;
        }
        let both = before[1] + 6;
        gateway.until("the other has all", |gateway| taken(gateway) == [before[0], both]).await;
        let Response::Status(status) = gateway.ops(Request::Status {}).await else { panic!() };
        let shut: Vec<Option<&str>> = status.channels.iter().map(|one| one.shut_by.as_deref()).collect();
        assert_eq!(shut, [Some("one"), None]);
    }
    let before = taken(&gateway);
    delete(&gateway, "lines", "one").await;
    for index in 0..6 {
        shop.accepted(&to(&person, &format!("again {index}"))).await;
    }
    let each = [before[0] + 3, before[1] + 3];
    gateway.until("both have their share", |gateway| taken(gateway) == each).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_carries_its_categories_and_its_tenants_only() {
    let mut gateway = two_channels().await;
    let (shop, rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    let (person, other) = (gateway.person(0).clone(), gateway.person(1).clone());
    let objects = [
        ("tenants", "ent-1", enterprise(json!({}))),
        ("numbers", "shop", number_for("verification")),
        ("lines", "codes", line(1, json!({"categories": ["verification"]}))),
        ("lines", "own", line(2, json!({"owner": "ent-1", "categories": ["notice"]}))),
    ];
    put(&gateway, &objects).await;
    for index in 0..4 {
        shop.accepted(&to(&person, &format!("code {index}"))).await;
    }
    gateway.until("codes go over their line", |gateway| taken(gateway) == [4, 0]).await;
    // The rival sends notices: the first line does not carry them, the second is another's.
    let (status, _) = rival.refused(&to(&other, "a notice")).await;
    assert_eq!(status, NO_ROUTE);
    put(&gateway, &[("lines", "own", line(2, json!({"categories": ["notice"]})))]).await;
    rival.accepted(&to(&other, "a notice")).await;
    gateway.until("a notice goes over the other", |gateway| taken(gateway) == [4, 1]).await;
    gateway.stop().await;
}

/// What waits at a line that carries it no more goes over another, or ends where there is none.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_asked_again_when_lines_change() {
    let mut gateway = two_channels().await;
    let mut shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let slow = json!({"rate_per_second": 1});
    put(&gateway, &[("lines", "one", line(1, slow.clone())), ("lines", "two", line(2, slow))]).await;
    let count = 12;
    for index in 0..count {
        shop.accepted(&to(&person, &format!("text {index}"))).await;
    }
    // The first line is shut, the second hurries.
    let objects =
        [("lines", "one", line(1, json!({"state": "draining"}))), ("lines", "two", line(2, json!({})))];
    put(&gateway, &objects).await;
    gateway.until("all are there", |gateway| taken(gateway).iter().sum::<usize>() == count).await;
    assert!(taken(&gateway)[0] <= 3, "{:?}", taken(&gateway));
    for receipt in shop.collect(count).await {
        assert_eq!(receipt.state.unwrap().text(), "DELIVRD");
    }
    // Nobody carries what waits any more: it ends.
    put(&gateway, &[("lines", "two", line(2, json!({"rate_per_second": 1})))]).await;
    let before = taken(&gateway);
    for index in 0..4 {
        shop.accepted(&to(&person, &format!("late {index}"))).await;
    }
    put(&gateway, &[("lines", "two", line(2, json!({"categories": ["marketing"]})))]).await;
    let states: Vec<String> =
        shop.collect(4).await.iter().map(|receipt| receipt.state.unwrap().text().to_owned()).collect();
    let sent = taken(&gateway)[1] - before[1];
    let rejected = states.iter().filter(|state| *state == "REJECTD").count();
    assert_eq!((sent + rejected, taken(&gateway)[0]), (4, before[0]), "{states:?}");
    assert!(rejected >= 2, "{states:?}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_a_rate() {
    let mut gateway = Plan::new().registered().start().await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    put(&gateway, &[("lines", "one", line(1, json!({"rate_per_second": 20})))]).await;
    let began = clock::mono();
    for index in 0..20 {
        shop.accepted(&to(&person, &format!("text {index}"))).await;
    }
    gateway.until("all are there", |gateway| gateway.smsc(0).submits().len() == 20).await;
    let taken = clock::mono().since(began);
    assert!(taken >= Duration::from_millis(800), "{taken:?} for 20 at 20 a second");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_come_in_where_the_line_takes_them() {
    let mut gateway = Plan::new().registered().start().await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let number = Address::guess(person.service_number());
    for (more, status) in [
        (json!({"state": "draining"}), 0),
        (json!({"state": "disabled"}), 0x64),
        (json!({"direction": "outbound"}), 0x65),
        (json!({"direction": "inbound"}), 0),
    ] {
        put(&gateway, &[("lines", "one", line(1, more.clone()))]).await;
        let text = Message { data_coding: 8, octets: ucs2("a reply"), ..Message::default() };
        assert_eq!(write(&gateway, 0, &person, &number, text).await, status, "{more}");
    }
    assert_eq!(shop.refused(&to(&person, "out")).await.0, NO_ROUTE, "inbound only");
    delete(&gateway, "lines", "one").await;
    shop.accepted(&to(&person, "out")).await;
    gateway.until("it goes out", |gateway| gateway.smsc(0).submits().len() == 1).await;
    gateway.stop().await;
}
