//! Flow control both ways: shares of tenants, a spool and disks that run full, an SMSC that is away or congested, clients
//! that are told how congested the gateway is. Cases 1, 11, 22 and 25 of smpp-cases.md.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::Instant;
use veilgate::admin::{Request, Response};
use veilgate_simulators::esme::{Client, ConnectOptions, IncomingKind, Recipient, Submission};
use veilgate_simulators::message::Address;
use veilgate_simulators::smsc::{
    Event, MobileOriginated, Observed, ReceiptOptions, ReceiptWhen, SmscOptions,
};
use veilgate_simulators::text::{Coding, Split};

use crate::gateway::{self, Gateway, Party, Person, RIVAL_NUMBER, SHOP_NUMBER};
use crate::smpp_raw::*;
use crate::smpp_stage::*;

const CONGESTION_STATE: u16 = 0x0428;

fn to(person: &Person, text: &str) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

/// An SMSC whose messages stay live: no receipts.
fn silent() -> SmscOptions {
    let receipts = ReceiptOptions { when: ReceiptWhen::None, ..ReceiptOptions::default() };
    SmscOptions { receipts, ..SmscOptions::default() }
}

async fn bind_wide(gateway: &mut Gateway, account: &str) -> Party {
    let options =
        ConnectOptions { window: 500, ..ConnectOptions::new(gateway.address(), account, gateway::PASSWORD) };
    gateway.bind_with(options).await
}

/// Submits so many at once; gives how many were taken, and the answers to the rest.
async fn pour(client: &Arc<Client>, submission: &Submission, count: usize) -> (usize, Vec<(u32, String)>) {
    let mut under_way = JoinSet::new();
    for _ in 0..count {
        let (client, submission) = (Arc::clone(client), submission.clone());
        under_way.spawn(async move { client.submit(&submission).await.unwrap().remove(0) });
    }
    let answers = under_way.join_all().await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 0);
    (
        taken.len(),
        refused.into_iter().map(|answer| (answer.status, answer.reason.unwrap_or_default())).collect(),
    )
}

/// A channel that is soon busy, and tries again soon when it was held up.
const SLOW_CHANNEL: &str = r#"
    flow = { throttle_backoff_min = "50ms", throttle_backoff_max = "50ms" }
    [[channels]]
    id = "smsc-1"
    window = 10
    rate_per_second = 500
"#;

/// An SMSC that takes nothing until it is told to.
fn holding() -> SmscOptions {
    SmscOptions { answers: vec!["throttle".parse().unwrap()], ..SmscOptions::default() }
}

/// What the SMSC took, in order.
fn taken(gateway: &Gateway) -> Vec<Observed> {
    gateway.smsc(0).submits().into_iter().filter(|seen| seen.status == Some(0)).collect()
}

/// Whose message it is, by the service number it comes from.
fn is_from(seen: &Observed, number: &str) -> bool {
    seen.source.starts_with(number)
}

async fn reload(gateway: &Gateway, fragment: &str) {
    gateway.reconfigure(fragment);
    let response = gateway.ops(Request::Reload {}).await;
    assert!(matches!(response, Response::Reloaded { .. }), "{response:?}");
}

/// One tenant has 400 messages waiting when another sends 50: while these leave, about as many of the first do, not all
/// of them, though they came before.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_tenant_costs_another_little() {
    let plan = gateway::Plan::new().registered().smsc(holding());
    let mut gateway = plan.config(SLOW_CHANNEL).start().await;
    let (flood, other) = (bind_wide(&mut gateway, "shop").await, bind_wide(&mut gateway, "rival").await);
    assert_eq!(pour(&flood.client, &to(gateway.person(0), "flood"), 400).await.0, 400);
    assert_eq!(pour(&other.client, &to(gateway.person(1), "other"), 50).await.0, 50);
    gateway.smsc(0).set_answers(Vec::new());
    let others = |gateway: &Gateway| taken(gateway).iter().filter(|seen| is_from(seen, RIVAL_NUMBER)).count();
    gateway.until("all of the other's", |gateway| others(gateway) == 50).await;
    let seen = taken(&gateway);
    let last = seen.iter().rposition(|seen| is_from(seen, RIVAL_NUMBER)).unwrap();
    let before = seen[..last].iter().filter(|seen| is_from(seen, SHOP_NUMBER)).count();
    assert!((40..=65).contains(&before), "{before} of the flood went before the other's fifty");
    gateway.stop().await;
}

/// Weights: three to one while both wait.
#[tokio::test(flavor = "multi_thread")]
async fn weights_divide_a_busy_channel() {
    let weights = "[[enterprises]]\nid = \"ent-1\"\nweight = 3\n[[enterprises]]\nid = \"ent-2\"\n";
    let plan = gateway::Plan::new().registered().smsc(holding());
    let mut gateway = plan.config(SLOW_CHANNEL).config(weights).start().await;
    let (heavy, light) = (bind_wide(&mut gateway, "shop").await, bind_wide(&mut gateway, "rival").await);
    assert_eq!(pour(&light.client, &to(gateway.person(1), "light"), 150).await.0, 150);
    assert_eq!(pour(&heavy.client, &to(gateway.person(0), "heavy"), 150).await.0, 150);
    gateway.smsc(0).set_answers(Vec::new());
    gateway.until("some have left", |gateway| taken(gateway).len() >= 160).await;
    let heavy = taken(&gateway)[..160].iter().filter(|seen| is_from(seen, SHOP_NUMBER)).count();
    assert!((108..=132).contains(&heavy), "{heavy} of 160");
    gateway.stop().await;
}

/// A tenant that has used up its share is refused; another is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_at_its_share_is_refused_alone() {
    let plan = gateway::Plan::new().registered().smsc(silent());
    let mut gateway = plan.config("[flow]\nmax_live_messages = 20\nmax_share_percent = 50").start().await;
    let (shop, rival) = (bind_wide(&mut gateway, "shop").await, bind_wide(&mut gateway, "rival").await);
    let (taken, refused) = pour(&shop.client, &to(gateway.person(0), "mine"), 14).await;
    assert_eq!((taken, refused), (10, vec![(0x14, "6004".to_owned()); 4]));
    let (taken, refused) = pour(&rival.client, &to(gateway.person(1), "mine"), 12).await;
    assert_eq!((taken, refused), (10, vec![(0x14, "6004".to_owned()); 2]));
    gateway.restart().await;
    let shop = gateway.bind("shop").await;
    assert_eq!(shop.refused(&to(gateway.person(0), "after a restart, too")).await, (0x14, "6004".to_owned()));
    gateway.stop().await;
}

/// While disks are nearly full nothing new is taken from either side, what is live ends, and it lifts by itself.
#[tokio::test(flavor = "multi_thread")]
async fn low_disk_space_puts_off_what_is_new_and_lets_the_rest_end() {
    let slow = ReceiptOptions { delay_ms: "300".parse().unwrap(), ..ReceiptOptions::default() };
    let plan = gateway::Plan::new().registered();
    let mut gateway = plan
        .smsc(SmscOptions { receipts: slow, deliver_attempts: 1000, ..SmscOptions::default() })
        .start()
        .await;
    let mut shop = gateway.bind("shop").await;
    let text = to(gateway.person(0), "before");
    shop.accepted(&text).await;
    gateway.smsc(0).wait(Event::Submit, 1, gateway::PATIENCE).await;
    let dialled = gateway.smsc(0).submits()[0].source.clone();
    reload(&gateway, "[space]\nmin_free_bytes = 17592186044416").await;
    gateway.until("low", |gateway| gateway.log().contains("SpaceLow")).await;
    assert_eq!(shop.refused(&text).await, (0x14, "6004".to_owned()));
    let (status, body) = gateway.http("/readyz").await;
    assert!(status == 503 && body.contains("\"space\":false"), "{body}");
    assert_eq!(gateway.metric("veilgate_storage_low").await, Some(1.0));
    shop.receipt().await;
    let reply = MobileOriginated {
        system_id: None,
        source: Address::guess(&gateway.person(0).international()),
        destination: Address::guess(&dialled),
        text: "hello".to_owned(),
        coding: Coding::Auto,
        split: Split::Udh,
    };
    assert!(gateway.smsc(0).write(&reply));
    let later = |gateway: &Gateway| {
        gateway
            .smsc(0)
            .observed()
            .iter()
            .any(|seen| seen.event == Event::DeliverResponse && seen.status == Some(0x64))
    };
    gateway.until("the SMSC is told to come later", later).await;
    reload(&gateway, "[space]\nmin_free_bytes = 0").await;
    gateway.until("room again", |gateway| gateway.log().contains("SpaceBack")).await;
    let reply = shop.next().await;
    assert_eq!((reply.kind, reply.text.as_str()), (IncomingKind::Reply, "hello"));
    shop.accepted(&text).await;
    shop.receipt().await;
    assert_eq!(gateway.http("/readyz").await.0, 200);
    gateway.stop().await;
}

/// An SMSC that is away: accepted up to the bound, refused beyond; when it is back everything leaves, once.
#[tokio::test]
async fn while_the_smsc_is_away_the_spool_fills_and_then_drains() {
    let plan = Plan { flow: "max_live_messages = 50", channels: &["window = 7"], ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut peer = stage.bound("shop").await;
    let mut ids = Vec::new();
    for index in 0..50 {
        let message = Message::to(&stage.people[index % 4].pseudonym, &format!("m{index}"));
        ids.push(peer.accepted(&message).await);
    }
    for _ in 0..5 {
        peer.refused(&Message::to(&stage.people[0].pseudonym, "too much"), 0x14, "6004").await;
    }
    let mut link = stage.link().await;
    let mut texts = Vec::new();
    for index in 0..50 {
        let seen = link.took(&index.to_string()).await;
        texts.push(seen.text());
        link.receipt(&seen, &index.to_string(), "DELIVRD").await;
        let receipted = peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap();
        ids.retain(|id| *id != receipted);
    }
    assert_eq!(texts, (0..50).map(|index| format!("m{index}")).collect::<Vec<_>>());
    assert!(ids.is_empty(), "no receipt for {ids:?}");
    link.is_quiet().await;
    peer.accepted(&Message::to(&stage.people[0].pseudonym, "room again")).await;
}

/// A journal near its capacity refuses before it is full: all that was accepted still ends, then there is room again.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_near_its_capacity_refuses_and_still_ends_what_it_has() {
    let plan = gateway::Plan::new().registered().smsc(holding()).config(
        "[flow]\nthrottle_backoff_max = \"200ms\"\n[journal]\nsegment_bytes = 65536\ncapacity_bytes = 1048576\n[space]\njournal_percent = 50\n[[accounts]]\nsystem_id = \"shop\"\nrate_per_second = 1000000",
    );
    let mut gateway = plan.start().await;
    let shop = bind_wide(&mut gateway, "shop").await;
    let text = Submission { registered_delivery: 0, ..to(gateway.person(0), &"x".repeat(150)) };
    let mut accepted = 0;
    for _ in 0..100 {
        let (taken, refused) = pour(&shop.client, &text, 200).await;
        accepted += taken;
        if !refused.is_empty() {
            assert!(refused.iter().all(|one| *one == (0x14, "6004".to_owned())), "{refused:?}");
            break;
        }
    }
    gateway.until("low", |gateway| gateway.log().contains("SpaceLow")).await;
    gateway.smsc(0).set_answers(Vec::new());
    gateway.settled().await;
    // What housekeeping has not tidied up yet may fill it again for a moment.
    let has_room = |log: String| log.rfind("SpaceBack") > log.rfind("SpaceLow");
    let mut again = 0;
    for _ in 0..100 {
        gateway.until("room again", |gateway| has_room(gateway.log())).await;
        again = pour(&shop.client, &text, 1).await.0;
        if again > 0 {
            break;
        }
    }
    assert_eq!(again, 1, "there is room again");
    gateway.settled().await;
    assert_eq!(taken(&gateway).len(), accepted + 1, "each once");
    gateway.stop().await;
}

/// Case 1: where the account's gateway is set to refuse, a request beyond the window is answered at once.
#[tokio::test]
async fn beyond_the_window_may_be_refused() {
    let plan = Plan { north: "window_in = 2\nwindow_full = \"refuse\"", ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let body = Message::to(&stage.people[0].pseudonym, "much").body();
    let all: Vec<u8> = (1..=60).flat_map(|n| Pdu::new(SUBMIT_SM, n, body.clone()).octets()).collect();
    peer.write(&all).await;
    let mut taken = 0;
    for sequence in 1..=60 {
        let response = peer.response(sequence).await;
        if response.status == 0 {
            taken += 1;
        } else {
            assert_eq!((response.status, response.reason().as_deref()), (0x58, Some("5003")));
        }
    }
    assert!((2..60).contains(&taken), "{taken} of 60");
    for index in 0..taken {
        link.took(&index.to_string()).await;
    }
    link.is_quiet().await;
    assert_eq!(stage.metric("veilgate_submits_rate_refused_total", "shop"), f64::from(60 - taken));
}

/// `congestion_state` in the answer to a request that changes nothing.
async fn congestion(peer: &mut Peer) -> Option<u8> {
    let response = peer.submit(&Message::to("nobody-here-1", "?")).await;
    assert_ne!(response.status, 0);
    let tag = CONGESTION_STATE.to_be_bytes();
    let at = response.body.windows(4).position(|window| window == [tag[0], tag[1], 0, 1])?;
    response.body.get(at + 4).copied()
}

/// Case 22: clients of 5.0 are told how full the gateway is for them; older ones are not.
#[tokio::test]
async fn clients_of_5_0_are_told_how_congested_the_gateway_is() {
    let plan = Plan {
        flow: "max_live_messages = 20",
        more: "[guessing]\naction = \"off\"",
        shop: "rate_per_second = 1000000",
        ..Plan::default()
    };
    let stage = Stage::set(plan).await;
    let mut old = stage.bound("shop").await;
    let mut peer = Peer::connect(stage.north()).await;
    assert_eq!(peer.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x50).await.status, 0);
    let message = Message::to(&stage.people[0].pseudonym, "waits");
    let mut last = 0;
    for (count, least) in [(10, 50), (8, 90), (2, 99)] {
        for _ in 0..count {
            old.accepted(&message).await;
        }
        let began = Instant::now();
        while last < least {
            assert!(began.elapsed() < PATIENCE, "{last} is told, not {least}");
            let told = congestion(&mut peer).await.unwrap_or(0);
            assert!(told >= last && told <= 99, "{told} after {last}");
            last = told;
        }
        assert_eq!(last, least);
    }
    assert_eq!(congestion(&mut old).await, None);
}

fn congested(id: &str, state: u8) -> Vec<u8> {
    let tag = CONGESTION_STATE.to_be_bytes();
    [id.as_bytes(), &[0, tag[0], tag[1], 0, 1, state]].concat()
}

/// Case 22: an SMSC that says 99 is left alone for a while though it takes everything, then gets half; one that says 90
/// gets a smaller window without a pause; one at ease gets it back.
#[tokio::test]
async fn congestion_of_an_smsc_is_heeded() {
    let plan = Plan {
        channels: &["window = 8\ninterface_version = 0x50"],
        flow: "throttle_backoff_min = \"300ms\"\nthrottle_backoff_max = \"600ms\"",
        ..Plan::default()
    };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    for index in 0..60 {
        peer.accepted(&Message::to(&stage.people[0].pseudonym, &format!("m{index}"))).await;
    }
    let mut next = 0;
    for (state, count, pauses) in [(99, 8, true), (90, 4, false), (0, 3, false)] {
        let mut seen = Vec::new();
        for _ in 0..count {
            let message = link.incoming(SUBMIT_SM).await;
            assert_eq!(message.text(), format!("m{next}"));
            next += 1;
            seen.push(message);
        }
        link.is_quiet().await;
        let began = Instant::now();
        for message in &seen {
            link.answer(SUBMIT_SM, message.sequence, 0, &congested(&message.text(), state)).await;
        }
        let first = link.off_the_wire().await.unwrap();
        assert!(!pauses || began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());
        link.put_back(first);
    }
    for index in next..60 {
        let message = link.incoming(SUBMIT_SM).await;
        assert_eq!(message.text(), format!("m{index}"), "in order to the end");
        link.answer(SUBMIT_SM, message.sequence, 0, &congested(&message.text(), 0)).await;
    }
}

/// Rates toward an SMSC, of the channel and of one bind: never faster, and what is not used is not lost.
#[tokio::test]
async fn rates_toward_an_smsc_are_kept() {
    for lines in ["rate_per_second = 20", "rate_per_bind = 20"] {
        let stage = Stage::set(Plan { channels: &[lines], ..Plan::default() }).await;
        let mut link = stage.link().await;
        let mut peer = stage.bound("shop").await;
        let mut first = None;
        for index in 0..21 {
            peer.accepted(&Message::to(&stage.people[0].pseudonym, "paced")).await;
            if index == 0 {
                link.took("first").await;
                first = Some(Instant::now());
            }
        }
        for index in 0..20 {
            link.took(&index.to_string()).await;
        }
        let took = first.unwrap().elapsed();
        assert!(took >= Duration::from_millis(940), "{lines}: 20 more in {took:?}");
    }
}

/// Clients that ask and never read, several at a time: the others are answered meanwhile, and the deaf ones are closed.
#[tokio::test]
async fn many_deaf_clients_harm_nobody_else() {
    let plan = Plan {
        north: "write_stall = \"2s\"\nmax_backlog = 65536",
        shop: "max_binds = 20\nrate_per_second = 1000000",
        flow: "max_live_messages = 50",
        ..Plan::default()
    };
    let stage = Stage::set(plan).await;
    let mut honest = stage.bound("notary").await;
    let body = Message::to(&stage.people[0].pseudonym, "flood").body();
    let flood: Vec<u8> = (1..100).flat_map(|n| Pdu::new(SUBMIT_SM, n, body.clone()).octets()).collect();
    let mut deaf = JoinSet::new();
    for _ in 0..8 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.set_send_buffer_size(16_384).unwrap();
        let mut peer = Peer::over(socket.connect(stage.north()).await.unwrap());
        assert_eq!(peer.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x34).await.status, 0);
        let flood = flood.clone();
        deaf.spawn(async move { while peer.try_write(&flood).await {} });
    }
    let mut answered = 0;
    while !deaf.is_empty() {
        let response = honest.call(ENQUIRE_LINK, Vec::new()).await;
        assert_eq!(response.status, 0);
        answered += 1;
        while deaf.try_join_next().is_some() {}
    }
    assert!(answered > 10, "{answered}");
    assert_eq!(stage.metric("veilgate_north_closes_total", "write_stall"), 8.0);
    honest.is_quiet().await;
}

/// Case 7: a PDU may be as long as `max_pdu` says, also beyond what is usually read ahead; both sides.
#[tokio::test]
async fn a_pdu_longer_than_the_read_ahead_is_taken() {
    let stage = Stage::set(Plan { north: "max_pdu = 262144\npdu_timeout = \"5s\"", ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let filler = vec![b'x'; 60_000];
    let long = |message: Message| message.with(0x3ffe, &filler).with(0x3fff, &filler);
    let id = peer.accepted(&long(Message::to(&stage.people[0].pseudonym, "long"))).await;
    let seen = link.took("1").await;
    let response = link.call(DELIVER_SM, long(receipt(&seen, "1", "DELIVRD")).body()).await;
    assert_eq!(response.status, 0);
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id);
}

/// Case 8: an SMSC that accepts connections and never answers a bind is left, and tried again.
#[tokio::test]
async fn an_smsc_that_never_answers_the_bind_is_left() {
    let stage = Stage::set(Plan { north: "bind_timeout = \"1s\"", ..Plan::default() }).await;
    let mut mute = stage.smscs[0].connection().await;
    assert_eq!(mute.read().await.unwrap().id, BIND_TRANSCEIVER);
    let mut peer = stage.bound("shop").await;
    peer.accepted(&Message::to(&stage.people[0].pseudonym, "waits")).await;
    stage.counted("veilgate_channel_link_ends_total", "bind_timeout", 1.0).await;
    assert!(mute.read().await.is_none());
    let mut link = stage.link().await;
    assert_eq!(link.took("1").await.text(), "waits");
}
