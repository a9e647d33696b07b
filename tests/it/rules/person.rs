//! Who the person is and where they are at home: lists and regions. A notary hears the reason, an enterprise never.

use std::time::Duration;

use serde_json::json;
use veilgate::admin::{ListChangeAsked, Request, Response};
use veilgate_names::{AuthorizationId, ObjectId};
use veilgate_simulators::receipt::State;

use super::{delete, enterprise, put, refused, sent, to};
use crate::gateway::{Gateway, Person, Plan, RIVAL_NUMBER, SEGMENT};

/// What an enterprise hears of all that would tell something about the person.
const ENTERPRISE: (u32, &str) = (0x406, "4000");

fn heard((status, code): &(u32, String)) -> (u32, &str) {
    (*status, code)
}

async fn list(gateway: &Gateway, list: &str, person: &Person, put: bool) {
    let asked = ListChangeAsked {
        list: ObjectId::parse(list).unwrap(),
        put,
        authorization: Some(AuthorizationId::parse(&person.authorization).unwrap()),
        numbers: None,
        expires: None,
    };
    let answer = gateway.ops(Request::ListsChange(asked)).await;
    assert!(matches!(answer, Response::ListChanged(_)), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_a_black_list_is_not_contacted_and_the_enterprise_does_not_hear_why() {
    let shipped = "policy = { shipped_limits = true }";
    let mut gateway = Plan::new().registered().config(shipped).start().await;
    let (notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    list(&gateway, "complaints", &person, true).await;
    shop.accepted(&to(&person, "entries count when there is a list")).await;
    let black = json!({"level": "regulator", "kind": "black"});
    let white = json!({"level": "tenant", "tenant": "ent-1", "kind": "white"});
    let objects = [
        ("tenants", "ent-1", enterprise(json!({}))),
        ("person-lists", "complaints", black),
        ("person-lists", "friends", white),
    ];
    put(&gateway, &objects).await;
    list(&gateway, "friends", &person, true).await;
    assert_eq!(heard(&refused(&gateway, &notary, &to(&person, "again")).await), (0x40F, "5007"));
    assert_eq!(heard(&refused(&gateway, &shop, &to(&person, "again")).await), ENTERPRISE);
    shop.accepted(&to(&other, "somebody else")).await;
    list(&gateway, "complaints", &person, false).await;
    for _ in 0..5 {
        shop.accepted(&to(&person, "a friend hears the same as often as one likes")).await;
    }
    list(&gateway, "complaints", &person, true).await;
    gateway.restart().await;
    let notary = gateway.bind("notary").await;
    assert_eq!(heard(&refused(&gateway, &notary, &to(&person, "restart")).await), (0x40F, "5007"));
    delete(&gateway, "person-lists", "complaints").await;
    notary.accepted(&to(&person, "without the list")).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_on_a_list_while_a_message_waits_does_not_get_it() {
    let plan = Plan::new().registered().config("flow = { throttle_backoff_min = \"4s\" }");
    let mut gateway = plan.start().await;
    let mut shop = gateway.bind("shop").await;
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    put(&gateway, &[("person-lists", "global", json!({"level": "global", "kind": "black"}))]).await;
    gateway.smsc(0).set_answers(vec!["throttle".parse().unwrap()]);
    let stopped = shop.accepted(&to(&person, "not this one")).await;
    let passed = shop.accepted(&to(&other, "but this one")).await;
    gateway.until("the SMSC has throttled", |gateway| !gateway.smsc(0).submits().is_empty()).await;
    // Whatever is under way then: the next attempt is seconds away, and the rules are asked again before it.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    list(&gateway, "global", &person, true).await;
    gateway.smsc(0).set_answers(Vec::new());
    let mut states = Vec::new();
    for receipt in shop.collect(2).await {
        states.push((receipt.message_id.unwrap(), receipt.state.unwrap()));
    }
    assert!(states.contains(&(stopped, State::Rejected)), "{states:?}");
    assert!(states.contains(&(passed, State::Delivered)), "{states:?}");
    assert_eq!(sent(&gateway), ["but this one"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_denied_is_not_contacted() {
    let mut gateway = Plan::new().registered().start().await;
    let path = gateway.folder().join("segments.csv");
    let table = |place: &str| {
        format!("first,last,province,city,area_code,operator\n{SEGMENT},{SEGMENT},{place},移动\n")
    };
    std::fs::write(&path, table("四川,成都,028")).unwrap();
    let answer = gateway.ops(Request::SegmentsImport { path }).await;
    assert!(!matches!(answer, Response::Refused(_)), "{answer:?}");
    let (notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let rival = gateway.bind("rival").await;
    let (person, theirs) = (gateway.person(0).clone(), gateway.person(1).clone());
    let rule = json!({"deny": [{"province": "四川", "city": "成都"}], "numbers": [RIVAL_NUMBER]});
    put(&gateway, &[("region-rules", "local", rule)]).await;
    shop.accepted(&to(&person, "the rule is for another number")).await;
    assert_eq!(heard(&refused(&gateway, &rival, &to(&theirs, "not there")).await), ENTERPRISE);
    put(&gateway, &[("region-rules", "all", json!({"deny": [{"province": "四川"}]}))]).await;
    assert_eq!(heard(&refused(&gateway, &notary, &to(&person, "not there")).await), (0x40E, "5006"));
    assert_eq!(heard(&refused(&gateway, &shop, &to(&person, "not there")).await), ENTERPRISE);
    let path = gateway.folder().join("segments.csv");
    std::fs::write(&path, table("北京,北京,010")).unwrap();
    gateway.ops(Request::SegmentsImport { path }).await;
    shop.accepted(&to(&person, "moved by a newer table")).await;
    gateway.stop().await;
}
