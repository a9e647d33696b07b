//! What waits behind the first few of a channel lies on disk: nothing is lost, doubled or put out of order because of that,
//! over restarts and kills, and what ends while it lies there ends in time.

use std::collections::HashSet;

use veilgate::admin::{Request, Response};
use veilgate_names::AuthorizationId;
use veilgate_simulators::esme::{BindMode, ConnectOptions, Recipient, Submission};
use veilgate_simulators::receipt::State;
use veilgate_simulators::smsc::{Event, SmscOptions};

use crate::gateway::{Gateway, PASSWORD, PATIENCE, Party, Person, Plan};

/// A gateway that holds ten messages of a queue in memory.
fn small() -> Plan {
    Plan::new().registered().config("flow = { resident_messages = 10, throttle_backoff_max = \"500ms\" }")
}

/// Once its link is lost, it comes back at the next start only.
const AWAY: &str = "[[channels]]\nid = \"smsc-1\"\nreconnect_min = \"600s\"\nreconnect_max = \"600s\"";

fn to(person: &Person, text: &str) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

async fn smsc_goes_away(gateway: &Gateway) {
    gateway.smsc(0).disconnect_all();
    gateway.until("the SMSC is away", |gateway| gateway.app().channels_up() == 0).await;
}

/// Submits so many, each text its number.
async fn submit(shop: &Party, person: &Person, numbers: std::ops::Range<u32>) {
    for number in numbers {
        shop.accepted(&to(person, &number.to_string())).await;
    }
}

fn arrived(gateway: &Gateway) -> Vec<u32> {
    gateway
        .smsc(0)
        .submits()
        .iter()
        .filter(|seen| seen.status == Some(0))
        .map(|seen| seen.text.parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_on_disk_arrives_once_and_in_order_after_a_restart() {
    let mut gateway = small().config(AWAY).start().await;
    let shop = gateway.bind("shop").await;
    smsc_goes_away(&gateway).await;
    submit(&shop, &gateway.person(0).clone(), 0..200).await;
    let parked = gateway.metric("veilgate_messages_parked").await.unwrap();
    assert!((150.0..=190.0).contains(&parked), "{parked}");
    assert_eq!(gateway.status().await.queued_messages, 200, "they wait all the same");
    gateway.restart().await;
    let mut shop = gateway.bind("shop").await;
    let receipts = shop.collect(200).await;
    assert!(receipts.iter().all(|receipt| receipt.state == Some(State::Delivered)));
    assert_eq!(arrived(&gateway), (0..200).collect::<Vec<_>>());
    gateway.settled().await;
    assert_eq!(gateway.metric("veilgate_messages_parked").await, Some(0.0));
    gateway.stop().await;
}

/// What an account does not fetch lies on disk beyond the first few, over a restart and for as long as it reads slowly.
#[tokio::test(flavor = "multi_thread")]
async fn receipts_on_disk_come_once_and_in_order_after_a_restart() {
    let mut gateway = Plan::new().registered().config("flow = { resident_deliveries = 4 }").start().await;
    let transmitter = |gateway: &Gateway| ConnectOptions {
        mode: BindMode::Transmitter,
        ..ConnectOptions::new(gateway.address(), "shop", PASSWORD)
    };
    let person = gateway.person(0).clone();
    let parked = "veilgate_deliveries_parked{account=\"shop\"}";
    let pending = "veilgate_deliveries_pending{account=\"shop\"}";
    let mut ids = Vec::new();
    for round in 1..=2 {
        let sender = gateway.bind_with(transmitter(&gateway)).await;
        for number in 0..20 {
            ids.push(sender.accepted(&to(&person, &number.to_string())).await);
            // One after the other, so that they end in this order.
            gateway.settled().await;
        }
        sender.unbind().await;
        assert_eq!(gateway.metric(parked).await, Some(f64::from(20 * round - 4)));
        assert_eq!(gateway.metric(pending).await, Some(f64::from(20 * round)));
        if round == 1 {
            gateway.restart().await;
        }
    }
    let mut shop = gateway.bind("shop").await;
    let receipts = shop.collect(40).await;
    let told: Vec<String> = receipts.into_iter().filter_map(|receipt| receipt.message_id).collect();
    assert_eq!(told, ids);
    shop.unbind().await;
    assert_eq!((gateway.metric(parked).await, gateway.metric(pending).await), (Some(0.0), Some(0.0)));
    gateway.restart().await;
    let mut shop = gateway.bind("shop").await;
    let last = shop.accepted(&to(&person, "last")).await;
    assert_eq!(shop.receipt().await.message_id, Some(last), "none comes twice");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_when_its_smsc_does_and_others_meanwhile() {
    let busy = SmscOptions { answers: vec!["throttle".parse().unwrap()], ..SmscOptions::default() };
    let mut gateway = small().smsc(busy).start().await;
    let (mut shop, mut rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    let (person, other) = (gateway.person(0).clone(), gateway.person(1).clone());
    submit(&shop, &person, 0..300).await;
    submit(&rival, &other, 300..320).await;
    assert!(gateway.metric("veilgate_messages_parked").await.unwrap() > 200.0);
    gateway.smsc(0).set_answers(Vec::new());
    shop.collect(300).await;
    rival.collect(20).await;
    gateway.settled().await;
    let arrived = arrived(&gateway);
    assert_eq!(arrived.len(), 320, "none twice");
    assert_eq!(arrived.iter().copied().collect::<HashSet<_>>(), (0..320).collect());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_on_disk_is_told_in_time() {
    let mut gateway = small().config(AWAY).start().await;
    let mut shop = gateway.bind("shop").await;
    smsc_goes_away(&gateway).await;
    let person = gateway.person(0).clone();
    submit(&shop, &person, 0..100).await;
    let mut short = HashSet::new();
    for _ in 0..5 {
        let message = Submission { validity: "000000000002000R".to_owned(), ..to(&person, "short") };
        short.insert(shop.accepted(&message).await);
    }
    submit(&shop, &person, 100..200).await;
    let receipts = shop.collect(5).await;
    assert!(receipts.iter().all(|receipt| receipt.state == Some(State::Expired)), "{receipts:?}");
    let told: HashSet<String> = receipts.into_iter().filter_map(|receipt| receipt.message_id).collect();
    assert_eq!(told, short);
    gateway.restart().await;
    let mut shop = gateway.bind("shop").await;
    shop.collect(200).await;
    assert_eq!(arrived(&gateway), (0..200).collect::<Vec<_>>());
    gateway.settled().await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_reaches_what_lies_on_disk() {
    let mut gateway = small().config(AWAY).start().await;
    let mut shop = gateway.bind("shop").await;
    smsc_goes_away(&gateway).await;
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    for number in 0..100 {
        shop.accepted(&to(&person, "revoked")).await;
        shop.accepted(&to(&other, &number.to_string())).await;
    }
    let id = AuthorizationId::parse(&person.authorization).unwrap();
    let done = gateway.ops(Request::Revoke { authorization_ids: vec![id] }).await;
    assert!(matches!(done, Response::Revoked { revoked: 1, stopped: 100, .. }), "{done:?}");
    let receipts = shop.collect(100).await;
    assert!(receipts.iter().all(|receipt| receipt.state == Some(State::Rejected)), "while the SMSC is away");
    gateway.restart().await;
    let mut shop = gateway.bind("shop").await;
    shop.collect(100).await;
    assert_eq!(arrived(&gateway), (0..100).collect::<Vec<_>>());
    gateway.settled().await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_and_opens_again() {
    let busy = SmscOptions { answers: vec!["throttle".parse().unwrap()], ..SmscOptions::default() };
    let mut gateway =
        small().smsc(busy).config("flow = { max_live_messages = 60, max_share_percent = 100 }").start().await;
    let mut shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    submit(&shop, &person, 0..60).await;
    assert_eq!(shop.refused(&to(&person, "one too many")).await.0, 0x14, "the spool is full");
    gateway.smsc(0).set_answers(Vec::new());
    gateway.smsc(0).wait(Event::Submit, 1, PATIENCE).await;
    shop.collect(60).await;
    gateway.settled().await;
    submit(&shop, &person, 60..61).await;
    shop.receipt().await;
    assert_eq!(arrived(&gateway).len(), 61);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_much_waits_on_disk_it_loses_nothing_and_sends_nothing_twice() {
    let slow = |config: String| {
        let config = config.replace("id_format = \"hex\"", "id_format = \"hex\"\nrate_per_second = 150");
        format!("{config}\n[flow]\nresident_messages = 10\n")
    };
    crate::kill::kill_and_count(slow).await;
}
