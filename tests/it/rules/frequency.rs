//! How often a person is contacted, whoever writes and however the person is named (acceptance 12): the shipped limits.

use serde_json::json;
use veilgate_simulators::feed::EdiMaker;

use super::{enterprise, named, put, refused, template};
use crate::gateway::{EDI_KEY, Gateway, Plan, RIVAL_NUMBER, SHOP_NUMBER};
use crate::replies::register_again;

/// Other tests do without them.
const SHIPPED: &str = "policy = { shipped_limits = true }";

/// Two templates for each enterprise, so that no limit but that of all messages together is reached.
async fn with_templates(gateway: &Gateway) {
    let template = |tenant: &str, name: &str| {
        let (body, variables) = (format!("{name}第${{n}}号通知"), json!({"n": {"type": "digits"}}));
        template(&body, variables, json!({"tenant": tenant}))
    };
    let objects = [
        ("tenants", "ent-1", enterprise(json!({"template": "required"}))),
        ("tenants", "ent-2", enterprise(json!({"template": "required"}))),
        ("templates", "a", template("ent-1", "甲")),
        ("templates", "b", template("ent-1", "乙")),
        ("templates", "c", template("ent-2", "丙")),
        ("templates", "d", template("ent-2", "丁")),
    ];
    put(gateway, &objects).await;
}

/// Another encrypted device ID of person 0, whose device has an OAID besides.
fn second_device(gateway: &Gateway) -> String {
    let path = gateway.folder().join("feed/bindings.csv");
    let oaid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
    let rows = std::fs::read_to_string(&path).unwrap();
    let number = rows.lines().nth(1).unwrap().split(',').nth(2).unwrap().to_owned();
    std::fs::write(&path, format!("{rows}oaid,{oaid},{number},2024-01-01,,1\n")).unwrap();
    EdiMaker::new("k1", EDI_KEY).unwrap().make("oaid", oaid, [9; 12]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forty_first_message_of_a_day_is_refused_whoever_sends_it() {
    let mut gateway = Plan::new().registered().config(SHIPPED).start().await;
    let (person, somebody) = (gateway.person(0).clone(), gateway.person(2).clone());
    let device = second_device(&gateway);
    gateway.import_feed().await;
    let replace = [("ent-1", "ent-2"), (SHOP_NUMBER, RIVAL_NUMBER), (&*person.device, &*device)];
    let other = register_again(&gateway, &person, "o", &replace).await;
    let other = crate::gateway::Person { enterprise: "ent-2".to_owned(), ..other };
    with_templates(&gateway).await;
    let notary = gateway.bind("notary").await;
    let (shop, rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    for n in 0..10 {
        let params = || Some(json!({"n": n.to_string()}));
        for (party, person, template) in
            [(&shop, &person, "a"), (&shop, &person, "b"), (&rival, &other, "c"), (&rival, &other, "d")]
        {
            party.accepted(&named(person, "", template, params())).await;
        }
    }
    let one_more = |person, template| named(person, "", template, Some(json!({"n": "40"})));
    let enterprise = (0x406, "4000".to_owned());
    assert_eq!(refused(&gateway, &shop, &one_more(&person, "a")).await, enterprise);
    assert_eq!(refused(&gateway, &rival, &one_more(&other, "d")).await, enterprise);
    assert_eq!(refused(&gateway, &notary, &one_more(&other, "c")).await, (0x40C, "5004".to_owned()));
    shop.accepted(&one_more(&somebody, "a")).await;
    gateway.restart().await;
    let notary = gateway.bind("notary").await;
    assert_eq!(refused(&gateway, &notary, &one_more(&person, "b")).await.0, 0x40C, "after a restart");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_text_goes_out_twice_a_minute_and_limits_can_be_switched_off() {
    let mut gateway = Plan::new().registered().config(SHIPPED).start().await;
    let (notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let person = gateway.person(0).clone();
    for text in ["您的订单已发货", "您的 订单已发货"] {
        shop.accepted(&super::to(&person, text)).await;
    }
    let third = super::to(&person, "您的订单\u{200b}已发货");
    assert_eq!(refused(&gateway, &notary, &third).await, (0x40C, "5004".to_owned()));
    assert_eq!(refused(&gateway, &shop, &third).await, (0x406, "4000".to_owned()));
    let off = json!({"per": "enterprise", "same_content": true, "enabled": false,
        "windows": [{"within": "59s", "most": 2}]});
    put(&gateway, &[("frequency-limits", "same-content", off)]).await;
    shop.accepted(&third).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_messages_that_come_at_once_exactly_as_many_pass_as_the_limit_says() {
    let mut gateway = Plan::new().registered().start().await;
    let (shop, person) = (gateway.bind("shop").await, gateway.person(0).clone());
    let payment = json!({"price_plan": "base", "payment": {"postpaid": {"credit": 4 * 45}}});
    let objects = [
        ("price-plans", "base", json!({"sms": {"default": 45}})),
        ("tenants", "ent-1", enterprise(payment)),
        ("frequency-limits", "few", json!({"per": "all", "windows": [{"calendar": "day", "most": 3}]})),
    ];
    put(&gateway, &objects).await;
    let tasks: Vec<_> = (0..12)
        .map(|n| {
            let (client, message) = (std::sync::Arc::clone(&shop.client), super::to(&person, &n.to_string()));
            tokio::spawn(async move { client.submit(&message).await.unwrap()[0].status })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        let status = task.await.unwrap();
        assert!(matches!(status, 0 | 0x406), "{status:#x}");
        taken += usize::from(status == 0);
    }
    assert_eq!(taken, 3);
    // What frequency refused has cost nothing, and what is too dear is no contact.
    let somebody = gateway.person(2).clone();
    let two = veilgate_simulators::esme::Submission {
        split: veilgate_simulators::text::Split::Payload,
        ..super::to(&somebody, &"字".repeat(71))
    };
    for _ in 0..4 {
        assert_eq!(refused(&gateway, &shop, &two).await.0, 0x40B);
    }
    shop.accepted(&super::to(&somebody, "is paid for")).await;
    gateway.settled().await;
    assert_eq!(super::sent(&gateway).len(), 4);
    gateway.stop().await;
}
