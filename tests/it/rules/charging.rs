//! Tenants that are suspended while they send, what messages cost, and what CDRs tell of the rules.

use std::sync::Arc;

use serde_json::{Value, json};
use veilgate::admin::{PaymentAsked, Request, Response};
use veilgate_names::ObjectId;
use veilgate_simulators::esme::Submission;
use veilgate_simulators::receipt::State;
use veilgate_simulators::smsc::{ReceiptOptions, ReceiptWhen, SmscOptions, StateMix};
use veilgate_simulators::text::Split;

use super::{cdrs, enterprise, named, number_for, put, refused, sent, template, to};
use crate::gateway::{Gateway, Party, Plan, SHOP_NUMBER};

/// The price of a segment.
const PRICE: u64 = 45;
const BALANCE: (u32, &str) = (0x40B, "5002");
const SUSPENDED: (u32, &str) = (0x40A, "5001");

fn heard((status, code): &(u32, String)) -> (u32, &str) {
    (*status, code)
}

fn plan(more: Value) -> (&'static str, &'static str, Value) {
    ("price-plans", "base", super::with(json!({"sms": {"default": PRICE}}), more))
}

/// `ent-1` pays by the plan, up to a credit.
fn paying(credit: u64) -> (&'static str, &'static str, Value) {
    let payment = json!({"price_plan": "base", "payment": {"postpaid": {"credit": credit}}});
    ("tenants", "ent-1", enterprise(payment))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_suspended_is_refused_at_once_and_keeps_its_bind() {
    let mut gateway = Plan::new().registered().start().await;
    let (notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let rival = gateway.bind("rival").await;
    let (person, theirs) = (gateway.person(0).clone(), gateway.person(1).clone());
    let agent = |state: &str| json!({"level": "agent", "parent": "carrier", "state": state});
    let below = json!({"level": "enterprise", "parent": "a"});
    put(&gateway, &[("tenants", "a", agent("active")), ("tenants", "ent-1", below)]).await;
    shop.accepted(&to(&person, "before")).await;
    for state in ["suspended", "frozen"] {
        put(&gateway, &[("tenants", "a", agent(state))]).await;
        assert_eq!(heard(&refused(&gateway, &shop, &to(&person, "meanwhile")).await), SUSPENDED);
        assert_eq!(heard(&refused(&gateway, &notary, &to(&person, "meanwhile")).await), SUSPENDED);
    }
    rival.accepted(&to(&theirs, "others go on")).await;
    put(&gateway, &[("tenants", "a", agent("active"))]).await;
    shop.accepted(&to(&person, "afterwards")).await;
    assert!(!shop.client.is_closed() && !notary.client.is_closed());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_does_not_leave_once_its_tenant_is_suspended() {
    let config = "flow = { throttle_backoff_min = \"50ms\" }";
    let mut gateway = Plan::new().registered().config(config).start().await;
    let mut shop = gateway.bind("shop").await;
    gateway.smsc(0).set_answers(vec!["throttle".parse().unwrap()]);
    shop.accepted(&to(&gateway.person(0).clone(), "waits")).await;
    put(&gateway, &[("tenants", "ent-1", enterprise(json!({"state": "suspended"})))]).await;
    assert_eq!(shop.receipt().await.state, Some(State::Rejected));
    assert_eq!(sent(&gateway), [""; 0]);
    gateway.halt().await;
    assert_eq!(cdrs(&gateway)[0]["reason"], "ACCOUNT_SUSPENDED");
    gateway.stop().await;
}

/// The rules judge a text when it is whole, and are not asked again about its parts: but these do not leave either.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_text_does_not_leave_once_nothing_of_its_sender_may() {
    let active = ("tenants", "ent-1", enterprise(json!({})));
    let suspended = ("tenants", "ent-1", enterprise(json!({"state": "suspended"})));
    let locked = super::with(number_for("notice"), json!({"state": "locked"}));
    for (change, reason) in [(suspended, "ACCOUNT_SUSPENDED"), (("numbers", "shop", locked), "CLI_FORBIDDEN")]
    {
        let config = "flow = { throttle_backoff_min = \"50ms\" }";
        let mut gateway = Plan::new().registered().config(config).start().await;
        put(&gateway, &[active.clone(), ("numbers", "shop", number_for("notice"))]).await;
        let mut shop = gateway.bind("shop").await;
        let answers = ["ok; limit=1", "throttle"].map(|rule| rule.parse().unwrap());
        gateway.smsc(0).set_answers(answers.into());
        shop.accepted(&to(&gateway.person(0).clone(), &"字".repeat(150))).await;
        gateway.until("one part is out", |gateway| sent(gateway).len() == 1).await;
        put(&gateway, &[change]).await;
        assert_eq!(shop.receipt().await.state, Some(State::Rejected));
        assert_eq!(sent(&gateway).len(), 1);
        gateway.halt().await;
        assert_eq!(cdrs(&gateway)[0]["reason"], reason);
        gateway.stop().await;
    }
}

async fn pay_in(gateway: &Gateway, reference: &str, millis: u64) {
    let asked = PaymentAsked {
        tenant: ObjectId::parse("ent-1").unwrap(),
        reference: ObjectId::parse(reference).unwrap(),
        millis: i64::try_from(millis).unwrap(),
    };
    let answer = gateway.ops(Request::BalancePay(asked)).await;
    assert!(matches!(answer, Response::Paid { .. }), "{answer:?}");
}

/// Sends to person after person, all at once, and gives how many were taken; the others have heard that nothing is left.
async fn all_at_once(gateway: &Gateway, shop: &Party, count: usize) -> usize {
    let tasks: Vec<_> = (0..count)
        .map(|n| {
            let (client, person) = (Arc::clone(&shop.client), gateway.person(2 * n).clone());
            tokio::spawn(async move { client.submit(&to(&person, &format!("number {n}"))).await.unwrap() })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        let response = task.await.unwrap().remove(0);
        match response.status {
            0 => taken += 1,
            status => assert_eq!((status, response.reason.as_deref().unwrap()), BALANCE),
        }
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_as_many_messages_pass_as_are_paid_for() {
    let mut gateway = Plan::new().subscribers(40).registered().start().await;
    let mut shop = gateway.bind("shop").await;
    let prepaid = enterprise(json!({"price_plan": "base", "payment": "prepaid"}));
    put(&gateway, &[plan(json!({})), ("tenants", "ent-1", prepaid)]).await;
    assert_eq!(all_at_once(&gateway, &shop, 5).await, 0, "nothing was paid in");
    for _ in 0..2 {
        pay_in(&gateway, "first", 7 * PRICE + 1).await;
    }
    assert_eq!(all_at_once(&gateway, &shop, 20).await, 7, "what is told twice counts once");
    let person = gateway.person(0).clone();
    assert_eq!(heard(&refused(&gateway, &shop, &to(&person, "too much")).await), BALANCE);
    pay_in(&gateway, "second", 2 * PRICE - 1).await;
    let two = "字".repeat(71);
    shop.accepted(&to(&person, &two)).await;
    // Both parts have one; a text that is under way at the stop might be nobody's to pay.
    assert!(shop.collect(9).await.iter().all(|receipt| receipt.state == Some(State::Delivered)));
    assert_eq!(heard(&refused(&gateway, &shop, &to(&person, "too much")).await), BALANCE, "two segments");
    gateway.restart().await;
    let shop = gateway.bind("shop").await;
    assert_eq!(heard(&refused(&gateway, &shop, &to(&person, "too much")).await), BALANCE, "a restart");
    let Response::Balances { balances } = gateway.ops(Request::BalanceShow { tenant: None }).await else {
        panic!()
    };
    let shown: Vec<_> =
        balances.iter().map(|one| (one.paid_in, one.charged, one.reserved, one.available)).collect();
    assert_eq!(shown, [(405, 405, 0, 0)]);
    assert_eq!(sent(&gateway).len(), 9);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_delivered_comes_back_where_the_plan_says_so() {
    let states: StateMix = "UNDELIV=100".parse().unwrap();
    let receipts = ReceiptOptions { states, ..ReceiptOptions::default() };
    let failing = SmscOptions { receipts, ..SmscOptions::default() };
    let mut gateway = Plan::new().smsc(failing).registered().start().await;
    let mut shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    put(&gateway, &[plan(json!({"refund": ["undeliverable"]})), paying(PRICE)]).await;
    for n in 0..3 {
        shop.accepted(&to(&person, &format!("comes back {n}"))).await;
        assert_eq!(shop.receipt().await.state, Some(State::Undeliverable));
        gateway.settled().await;
    }
    put(&gateway, &[plan(json!({}))]).await;
    shop.accepted(&to(&person, "does not come back")).await;
    shop.receipt().await;
    assert_eq!(heard(&refused(&gateway, &shop, &to(&person, "so nothing is left")).await), BALANCE);
    gateway.halt().await;
    let amounts: Vec<_> = cdrs(&gateway).iter().map(|cdr| cdr["amount"].clone()).collect();
    assert_eq!(amounts, ["0", "0", "0", "45"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_receipt_stays_reserved_over_a_restart() {
    for split in [Split::Payload, Split::Udh] {
        let receipts = ReceiptOptions { when: ReceiptWhen::None, ..ReceiptOptions::default() };
        let silent = SmscOptions { receipts, ..SmscOptions::default() };
        let mut gateway = Plan::new().smsc(silent).registered().start().await;
        let shop = gateway.bind("shop").await;
        let person = gateway.person(0).clone();
        put(&gateway, &[plan(json!({})), paying(2 * PRICE)]).await;
        let two = to(&person, &"字".repeat(71));
        shop.accepted(&Submission { split, ..two }).await;
        gateway.until("both parts are out", |gateway| sent(gateway).len() == 2).await;
        assert_eq!(heard(&shop.refused(&to(&person, "too much")).await), BALANCE);
        drop(shop);
        gateway.restart().await;
        let shop = gateway.bind("shop").await;
        assert_eq!(heard(&shop.refused(&to(&person, "too much")).await), BALANCE, "{split:?}");
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cdr_tells_what_was_decided() {
    let mut gateway = Plan::new().registered().start().await;
    let mut shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let tenant = super::with(paying(10 * PRICE).2, json!({"signature": "required", "template": "optional"}));
    let signature =
        json!({"text": "商店一号", "tenant": "ent-1", "numbers": [SHOP_NUMBER], "state": "approved"});
    let verification = json!({"signature": "own", "category": "verification"});
    let objects = [
        plan(json!({"sms": {"default": PRICE, "verification": 30}})),
        ("tenants", "ent-1", tenant),
        ("numbers", "shop", number_for("notice")),
        ("signatures", "own", signature),
        ("templates", "code", template("码${code}", json!({"code": {"type": "code"}}), verification)),
        ("word-lists", "odd", json!({"action": "flag", "words": ["奇怪"]})),
    ];
    put(&gateway, &objects).await;
    shop.accepted(&named(&person, "", "code", Some(json!({"code": "1234"})))).await;
    shop.receipt().await;
    shop.accepted(&to(&person, "【商店一号】奇怪")).await;
    shop.receipt().await;
    gateway.halt().await;
    let told: Vec<_> = cdrs(&gateway)
        .iter()
        .map(|cdr| {
            ["category", "signature_id", "template_id", "flagged", "policy", "payer", "price_plan", "amount"]
                .map(|column| cdr[column].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(told[0], ["verification", "own", "code", "0", "1", "ent-1", "base", "30"]);
    assert_eq!(told[1], ["notice", "own", "", "1", "1", "ent-1", "base", "45"]);
    assert_eq!(told.len(), 2);
    gateway.stop().await;
}
