//! What texts say (acceptance 8-10).

use serde_json::{Value, json};
use veilgate_simulators::esme::Submission;
use veilgate_simulators::receipt::State;
use veilgate_simulators::text::{Coding, Split};

use super::{enterprise, has, is_nowhere, named, put, refused, sent, template, to};
use crate::gateway::{Gateway, Plan, RIVAL_NUMBER, SHOP_NUMBER};

const WORD: (u32, &str) = (0x412, "5010");
const SIGNATURE: (u32, &str) = (0x410, "5008");
const TEMPLATE: (u32, &str) = (0x411, "5009");

fn code((status, code): &(u32, String)) -> (u32, &str) {
    (*status, code)
}

/// A text in which the word stands over the border between the first and the second part.
fn over_the_border(word: &str) -> String {
    "好".repeat(66) + word + &"好".repeat(60)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_is_found_however_it_is_written_and_nobody_hears_of_it() {
    let mut gateway = Plan::new().registered().start().await;
    let (notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let person = gateway.person(0).clone();
    shop.accepted(&to(&person, "发票代开 is no word yet")).await;
    put(&gateway, &[("word-lists", "bad", json!({"action": "block", "words": ["发票代开", "casino"]}))])
        .await;
    let tricks = [
        "发票代开",
        "发 票　代-开",
        "發票代開",
        "发\u{200b}票\u{200d}代\u{feff}开",
        "ｃａｓｉｎｏ",
        "C.A.S.I.N.O",
        "c\u{430}sin\u{43e}",
    ];
    for trick in tricks {
        let text = format!("您好 {trick} 谢谢");
        assert_eq!(code(&refused(&gateway, &shop, &to(&person, &text)).await), WORD, "{trick}");
        assert_eq!(code(&refused(&gateway, &notary, &to(&person, &text)).await), WORD, "{trick}");
    }
    shop.accepted(&to(&person, "没有问题")).await;
    gateway.until("both innocent ones went out", |gateway| sent(gateway).len() == 2).await;
    for party in [&notary, &shop] {
        is_nowhere(&gateway, party, "发票代开").await;
        is_nowhere(&gateway, party, "casino").await;
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_over_the_border_of_two_parts_is_found() {
    let mut gateway = Plan::new().registered().start().await;
    let mut shop = gateway.bind("shop").await;
    put(&gateway, &[("word-lists", "bad", json!({"action": "block", "words": ["发票代开"]}))]).await;
    let person = gateway.person(0).clone();
    for (reference, split) in (1..).zip([Split::Udh, Split::Udh16, Split::Sar]) {
        let text = over_the_border("发票\u{200b}代开");
        let parts = Submission { reference, split, coding: Coding::Ucs2, ..to(&person, &text) };
        // Parts are acknowledged as they come; the text is judged when it is whole.
        assert!(shop.submit(&parts).await.iter().all(|response| response.status == 0));
        assert!(shop.collect(2).await.iter().all(|receipt| receipt.state == Some(State::Rejected)));
    }
    let whole = Submission { split: Split::Payload, ..to(&person, &over_the_border("发票代开")) };
    assert_eq!(code(&refused(&gateway, &shop, &whole).await), WORD);
    shop.accepted(&to(&person, "完")).await;
    gateway.until("what is innocent goes out", |gateway| !sent(gateway).is_empty()).await;
    assert_eq!(sent(&gateway), ["完"]);
    assert_eq!(shop.receipt().await.state, Some(State::Delivered));
    assert!(!has(&shop.client.captured(), "代开") && !has(&shop.client.captured(), "发票"));
    gateway.stop().await;
}

fn signature(text: &str, tenant: &str, number: &str, state: &str) -> Value {
    json!({"text": text, "tenant": tenant, "numbers": [number], "state": state})
}

async fn with_signatures() -> Gateway {
    let gateway = Plan::new().registered().start().await;
    let objects = [
        ("tenants", "ent-1", enterprise(json!({"signature": "required"}))),
        ("tenants", "ent-2", enterprise(json!({}))),
        ("signatures", "own", signature("商店一号", "ent-1", SHOP_NUMBER, "approved")),
        ("signatures", "draft", signature("商店草稿", "ent-1", SHOP_NUMBER, "submitted")),
        ("signatures", "theirs", signature("对手二号", "ent-2", RIVAL_NUMBER, "approved")),
    ];
    put(&gateway, &objects).await;
    gateway
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_there_once_at_its_place_and_the_senders_own() {
    let mut gateway = with_signatures().await;
    let (notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let person = gateway.person(0).clone();
    let abuse = [
        "您的订单已发货",
        "【商店一号】【商店一号】您的订单已发货",
        "【商店一号】您的订单已发货【商店一号】",
        "【无人认识】您的订单已发货",
        "【对手二号】您的订单已发货",
        "【商店草稿】您的订单已发货",
        "【商店一号】您的【订单已发货",
        "您的订单已发货【商店一号】",
        " 【商店一号】您的订单已发货",
        "[商店一号]您的订单已发货",
        "【商店一号】您的订单︻已发货︼",
    ];
    for text in abuse {
        assert_eq!(code(&refused(&gateway, &shop, &to(&person, text)).await), SIGNATURE, "{text}");
    }
    assert_eq!(code(&refused(&gateway, &notary, &to(&person, abuse[0])).await), SIGNATURE);
    let good = "【商店一号】您的订单已发货";
    shop.accepted(&to(&person, good)).await;
    gateway.until("it went out", |gateway| sent(gateway) == [good]).await;
    let suspended = signature("商店一号", "ent-1", SHOP_NUMBER, "suspended");
    put(&gateway, &[("signatures", "own", suspended)]).await;
    assert_eq!(code(&refused(&gateway, &shop, &to(&person, good)).await), SIGNATURE, "suspended");
    gateway.stop().await;
}

async fn with_templates() -> Gateway {
    let gateway = Plan::new().registered().start().await;
    let minutes = json!({"code": {"type": "code"}, "minutes": {"type": "digits", "max_length": 2}});
    let who = json!({"who": {"type": "text"}});
    let objects = [
        ("tenants", "ent-1", enterprise(json!({"template": "required"}))),
        ("signatures", "own", signature("商店一号", "ent-1", SHOP_NUMBER, "approved")),
        (
            "templates",
            "code",
            template("验证码${code}，${minutes}分钟内有效", minutes, json!({"signature": "own"})),
        ),
        ("templates", "parcel", template("${who}，您的包裹已到", who.clone(), json!({}))),
        ("templates", "draft", template("${who}，欢迎光临", who, json!({"notary_approved": false}))),
    ];
    put(&gateway, &objects).await;
    gateway
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_drifts_from_its_template_is_refused() {
    let mut gateway = with_templates().await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let drifted = [
        "【商店一号】验证码123456，5分钟内有效！",
        "【商店一号】验证码1234567，5分钟内有效",
        "【商店一号】验证码12345a，5分钟内有效",
        "【商店一号】验证码123456，500分钟内有效",
        "验证码123456，5分钟内有效",
        "王先生，您的快递已到",
        "http://a.cn，您的包裹已到",
        "a.cn/x，您的包裹已到",
        "ａ．ｃｎ，您的包裹已到",
        "a点com，您的包裹已到",
        "王先生，欢迎光临",
    ];
    for text in drifted {
        assert_eq!(code(&refused(&gateway, &shop, &to(&person, text)).await), TEMPLATE, "{text}");
    }
    let other = named(&person, "王先生，您的包裹已到", "code", None);
    assert_eq!(code(&refused(&gateway, &shop, &other).await), TEMPLATE, "of another template");
    let unlike = named(&person, "王先生，您的包裹已到", "parcel", Some(json!({"who": "李先生"})));
    assert_eq!(code(&refused(&gateway, &shop, &unlike).await), TEMPLATE, "not what the params make");
    let unknown = named(&person, "王先生，您的包裹已到", "nothing", None);
    assert_eq!(code(&refused(&gateway, &shop, &unknown).await), TEMPLATE, "no such template");
    shop.accepted(&to(&person, "【商店一号】验证码123456，5分钟内有效")).await;
    shop.accepted(&named(&person, "王先生，您的包裹已到", "parcel", Some(json!({"who": "王先生"})))).await;
    gateway.until("both went out", |gateway| sent(gateway).len() == 2).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_made_of_a_template_and_params() {
    let mut gateway = with_templates().await;
    let (notary, mut shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    let params = json!({"code": "012345", "minutes": 5, "more": "passed over"});
    shop.accepted(&named(&person, "", "code", Some(params.clone()))).await;
    shop.receipt().await;
    notary.accepted(&named(&other, "", "parcel", Some(json!({"who": "王先生"})))).await;
    gateway.until("both went out", |gateway| sent(gateway).len() == 2).await;
    assert_eq!(sent(&gateway), ["【商店一号】验证码012345，5分钟内有效", "王先生，您的包裹已到"]);
    let long = "见www.example.com";
    for (template, params) in [
        ("code", json!({"code": "012345"})),
        ("code", json!({"code": "0123456", "minutes": 5})),
        ("parcel", json!({"who": long})),
        ("parcel", json!({"who": "【对手】"})),
        ("parcel", json!(["王先生"])),
        ("draft", json!({"who": "王先生"})),
        ("nothing", json!({"who": "王先生"})),
    ] {
        let asked = named(&person, "", template, Some(params));
        assert_eq!(code(&refused(&gateway, &shop, &asked).await), TEMPLATE, "{asked:?}");
    }
    assert_eq!(code(&refused(&gateway, &shop, &named(&person, "", "code", None)).await), TEMPLATE);
    gateway.stop().await;
}
