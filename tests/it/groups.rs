//! Channel groups: who takes a message when somebody is down, ill, draining or switched off. Issue 4, Deliver 3;
//! acceptance 14.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use veilgate::admin::{Request, Response};
use veilgate_names::ChannelId;

use crate::smpp_raw::*;
use crate::smpp_stage::*;

const GROUP: &str = "[[channel_groups]]\nid = \"g\"\nmembers = [{ channel = \"smsc-0\" }, { channel = \"smsc-1\", priority = 1 }]\n";

fn channel(index: usize) -> ChannelId {
    ChannelId::parse(&format!("smsc-{index}")).unwrap()
}

fn to(stage: &Stage, text: &str) -> Message {
    Message::to(&stage.people[0].pseudonym, text)
}

/// Two channels of one group, the first preferred; both bound.
async fn pair(channels: &[&str], more: &str) -> (Stage, Peer, Peer) {
    let more = format!("{GROUP}{more}");
    let plan = Plan { channels, more: &more, number: "group = \"g\"", ..Plan::default() };
    let stage = Stage::set(plan).await;
    let first = stage.smscs[0].link().await;
    let second = stage.smscs[1].link().await;
    stage.channels_up(2).await;
    (stage, first, second)
}

#[tokio::test]
async fn the_next_level_takes_over_and_gives_back() {
    let (stage, mut first, mut second) = pair(&["", ""], "").await;
    let mut peer = stage.bound("shop").await;
    for index in 0..3 {
        peer.accepted(&to(&stage, &format!("a{index}"))).await;
        first.took(&format!("a{index}")).await;
    }
    second.is_quiet().await;
    drop(first);
    let gone = stage.smscs[0].connection().await;
    stage.channels_up(1).await;
    peer.accepted(&to(&stage, "b")).await;
    assert_eq!(second.took("b").await.text(), "b");
    drop(gone);
    let mut first = stage.smscs[0].link().await;
    stage.channels_up(2).await;
    peer.accepted(&to(&stage, "c")).await;
    assert_eq!(first.took("c").await.text(), "c");
    second.is_quiet().await;
}

/// A channel that fails too often is left alone but for probes, until it answers well.
#[tokio::test]
async fn an_ill_channel_is_probed_until_it_is_well() {
    let health = "[health]\nanswers = 8\nleast = 4\ndegraded_percent = 30\nunhealthy_percent = 60\n\
                  probe_min = \"100ms\"\nprobe_max = \"200ms\"\nprobes = 2\n";
    let (stage, mut first, mut second) = pair(&["", ""], health).await;
    let mut peer = stage.bound("shop").await;
    for index in 0..4 {
        peer.accepted(&to(&stage, &format!("a{index}"))).await;
        let seen = first.incoming(SUBMIT_SM).await;
        first.answer(SUBMIT_SM, seen.sequence, 0x65, &[]).await;
        peer.delivered().await;
    }
    let level = || stage.metric("veilgate_channel_health", "smsc-0");
    for index in 0..200 {
        if level() == 2.0 {
            break;
        }
        peer.accepted(&to(&stage, &format!("b{index}"))).await;
        tokio::select! {
            seen = first.incoming(SUBMIT_SM) => first.answer(SUBMIT_SM, seen.sequence, 0xff, &[]).await,
            _ = second.took("x") => {}
        }
    }
    until("it is unhealthy", || level() == 2.0).await;
    let mut probes = 0;
    for index in 0.. {
        peer.accepted(&to(&stage, &format!("c{index}"))).await;
        tokio::select! {
            seen = first.incoming(SUBMIT_SM) => {
                first.answer(SUBMIT_SM, seen.sequence, 0, b"p\0").await;
                probes += 1;
            }
            _ = second.took("x") => {}
        }
        if probes == 2 {
            break;
        }
        tokio::task::yield_now().await;
    }
    until("it is well", || level() == 0.0).await;
    peer.accepted(&to(&stage, "d")).await;
    assert_eq!(first.took("d").await.text(), "d");
}

/// A draining channel keeps its binds and its receipts, and everything new goes elsewhere.
#[tokio::test]
async fn a_draining_channel_finishes() {
    let (stage, mut first, mut second) = pair(&["window = 5", ""], "").await;
    let mut peer = stage.bound("shop").await;
    let mut ids = BTreeMap::new();
    for index in 0..20 {
        let text = format!("m{index:02}");
        ids.insert(text.clone(), peer.accepted(&to(&stage, &text)).await);
    }
    let mut on_wire = Vec::new();
    for _ in 0..5 {
        on_wire.push(first.incoming(SUBMIT_SM).await);
    }
    let drain = |wait_ms| Request::ChannelDrain { channel: channel(0), wait_ms };
    let told = stage.ops(drain(0)).await;
    assert_eq!(told, Response::ChannelDrained { drained: false, unanswered: 5, queued: 0 });
    for index in 5..20 {
        assert_eq!(second.took(&format!("s{index}")).await.text(), format!("m{index:02}"));
    }
    for (index, seen) in on_wire.iter().enumerate() {
        first.answer(SUBMIT_SM, seen.sequence, 0, format!("f{index}\0").as_bytes()).await;
    }
    let told = stage.ops(drain(20_000)).await;
    assert_eq!(told, Response::ChannelDrained { drained: true, unanswered: 0, queued: 0 });
    first.receipt(&on_wire[0], "f0", "DELIVRD").await;
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), ids["m00"]);
    let Response::Status(status) = stage.ops(Request::Status {}).await else { panic!() };
    assert!(status.channels[0].draining && status.channels[0].binds == 1);
    let told = stage.ops(Request::ChannelEnable { channel: channel(0) }).await;
    assert_eq!(told, Response::Switched { enabled: true });
    peer.accepted(&to(&stage, "again")).await;
    assert_eq!(first.took("again").await.text(), "again");
    let unknown = Request::ChannelDrain { channel: channel(7), wait_ms: 0 };
    assert!(matches!(stage.ops(unknown).await, Response::Refused(_)));
}

/// Answers whatever comes on every bind, and notes the texts.
async fn serve(smsc: Smsc, texts: Arc<Mutex<Vec<String>>>) {
    loop {
        let mut link = smsc.link().await;
        while let Some(pdu) = link.read().await {
            match pdu.id {
                SUBMIT_SM => {
                    let message = Message::read(&pdu);
                    let id = format!("{}\0", message.text());
                    texts.lock().push(message.text());
                    link.answer(SUBMIT_SM, pdu.sequence, 0, id.as_bytes()).await;
                }
                UNBIND => link.answer(UNBIND, pdu.sequence, 0, &[]).await,
                _ => {}
            }
        }
    }
}

/// Draining, disabling and enabling while messages flow loses none and sends none twice.
#[tokio::test]
async fn switching_channels_at_load_loses_nothing() {
    let more = GROUP.replace("priority = 1", "priority = 0");
    let plan = Plan {
        channels: &["window = 7", "window = 7"],
        more: &more,
        number: "group = \"g\"",
        ..Plan::default()
    };
    let mut stage = Stage::set(plan).await;
    let seen: Vec<Arc<Mutex<Vec<String>>>> = (0..2).map(|_| Arc::default()).collect();
    for (smsc, texts) in stage.smscs.drain(..).zip(&seen) {
        tokio::spawn(serve(smsc, Arc::clone(texts)));
    }
    stage.channels_up(2).await;
    let mut peer = stage.bound("shop").await;
    for index in 0..600 {
        peer.accepted(&to(&stage, &format!("m{index:03}"))).await;
        let request = match index {
            100 => Request::ChannelDrain { channel: channel(0), wait_ms: 20_000 },
            200 => Request::ChannelEnable { channel: channel(0) },
            300 => Request::ChannelDisable { channel: channel(1) },
            400 => Request::ChannelEnable { channel: channel(1) },
            500 => Request::ChannelDisable { channel: channel(0) },
            _ => continue,
        };
        let told = stage.ops(request).await;
        assert!(!matches!(told, Response::Refused(_)), "{told:?}");
    }
    let count = || seen.iter().map(|texts| texts.lock().len()).sum::<usize>();
    until("all are sent", || count() >= 600).await;
    until("all are answered", || stage.metric("veilgate_channel_unanswered", "") == 0.0).await;
    let mut all: Vec<String> = seen.iter().flat_map(|texts| texts.lock().clone()).collect();
    all.sort();
    assert_eq!(all, (0..600).map(|index| format!("m{index:03}")).collect::<Vec<_>>());
    assert!(seen.iter().all(|texts| texts.lock().len() > 100), "both took part");
}

/// Acceptance 14: an SMSC dies with 500 outstanding: each ends UNKNOWN and none is sent twice, unless the channel says
/// `retry_unknown`: then each is sent once more, on the other.
#[tokio::test]
async fn an_smsc_dies_with_500_outstanding() {
    for retry in [false, true] {
        let lines = format!("window = 500\nretry_unknown = {retry}");
        let (stage, mut first, mut second) = pair(&[&lines, "window = 500"], "").await;
        let mut peer = stage.bound("shop").await;
        let mut ids = Vec::new();
        for index in 0..500 {
            ids.push(peer.accepted(&to(&stage, &format!("m{index:03}"))).await);
        }
        for _ in 0..500 {
            first.incoming(SUBMIT_SM).await;
        }
        drop(first);
        let mut ended = Vec::new();
        if retry {
            for index in 0..500 {
                let seen = second.took(&format!("r{index}")).await;
                assert_eq!(seen.text(), format!("m{index:03}"), "in order");
                second.receipt(&seen, &format!("r{index}"), "DELIVRD").await;
            }
        }
        for _ in 0..500 {
            let receipt = peer.delivered().await;
            let state = receipt.tlv(MESSAGE_STATE).unwrap()[0];
            assert_eq!(state, if retry { 2 } else { 7 });
            ended.push(receipt.tlv_text(RECEIPTED_ID).unwrap());
        }
        ended.sort();
        ids.sort();
        assert_eq!(ended, ids);
        second.is_quiet().await;
        assert_eq!(stage.metric("veilgate_outcomes_unknown_total", ""), 500.0);
    }
}

/// `ordered`: the next message to a subscriber waits until the former was answered or has ended; others do not.
#[tokio::test]
async fn messages_to_one_subscriber_keep_their_order() {
    let plan = Plan { number: "ordered = true", ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    for index in 0..4 {
        peer.accepted(&to(&stage, &format!("m{index}"))).await;
    }
    peer.accepted(&Message::to(&stage.people[1].pseudonym, "other")).await;
    let held = link.incoming(SUBMIT_SM).await;
    assert_eq!(held.text(), "m0");
    assert_eq!(link.took("o").await.text(), "other", "another subscriber does not wait");
    link.is_quiet().await;
    // It is tried again before the next may go.
    link.answer(SUBMIT_SM, held.sequence, 0x08, &[]).await;
    assert_eq!(link.took("m0").await.text(), "m0");
    let refused = link.incoming(SUBMIT_SM).await;
    assert_eq!(refused.text(), "m1");
    link.is_quiet().await;
    link.answer(SUBMIT_SM, refused.sequence, 0x0b, &[]).await;
    for text in ["m2", "m3"] {
        assert_eq!(link.took(text).await.text(), text);
    }
}

/// Long before its link is given up, a channel that leaves `enquire_link` unanswered is degraded.
#[tokio::test]
async fn a_silent_channel_is_degraded() {
    let plan = Plan {
        channels: &["enquire_interval = \"200ms\""],
        north: "enquire_misses = 100",
        ..Plan::default()
    };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let level = || stage.metric("veilgate_channel_health", "smsc-0");
    until("it is degraded", || level() == 1.0).await;
    let talk = async {
        while level() != 0.0 {
            link.call(ENQUIRE_LINK, Vec::new()).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, talk).await.unwrap();
}
