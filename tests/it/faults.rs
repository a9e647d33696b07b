//! What an SMSC does wrong on a real socket: each fault has its counted outcome, ends every message once, and harms no
//! other channel. Cases 2, 3, 5, 6, 18 and 23 of smpp-cases.md in the middle of a window. More orders of the same, under a
//! virtual clock: `routing/flow/tests/simulation`.

use std::collections::BTreeMap;

use crate::smpp_raw::*;
use crate::smpp_stage::*;

/// How a link comes to its end with submits open.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// RST.
    Reset,
    /// FIN.
    Close,
    /// Half a PDU, then FIN.
    HalfAPdu,
    /// A length that cannot be.
    Garbage,
    /// `unbind` without an answer to anything, then FIN.
    Unbind,
    /// Reads on and says nothing, not to `enquire_link` either.
    Silence,
}

const CHANNEL: &str = "window = 3\nenquire_interval = \"400ms\"";

/// The other channel's messages arrive, those on the wire end UNKNOWN, and the channel comes back.
#[tokio::test]
async fn a_link_that_ends_in_mid_window_harms_no_other() {
    for ending in
        [Ending::Reset, Ending::Close, Ending::HalfAPdu, Ending::Garbage, Ending::Unbind, Ending::Silence]
    {
        let plan = Plan { channels: &[CHANNEL, CHANNEL], ..Plan::default() };
        ends_alone(ending, Stage::set(plan).await).await;
    }
}

async fn ends_alone(ending: Ending, stage: Stage) {
    let mut bad = stage.smscs[0].link_to_reset().await;
    let mut good = stage.smscs[1].link().await;
    stage.channels_up(2).await;
    let mut peer = stage.bound("shop").await;
    let mut ids = BTreeMap::new();
    for index in 0..6 {
        let text = format!("m{index}");
        let id = peer.accepted(&Message::to(&stage.people[index].pseudonym, &text)).await;
        ids.insert(text, id);
    }
    let mut lost = Vec::new();
    let mut seen = Vec::new();
    for _ in 0..3 {
        lost.push(bad.incoming(SUBMIT_SM).await.text());
        seen.push(good.incoming(SUBMIT_SM).await);
    }
    let kept = end(ending, bad).await;
    // The good one is asked meanwhile, and answers.
    for (index, message) in seen.iter().enumerate() {
        good.answer(SUBMIT_SM, message.sequence, 0, format!("{index}\0").as_bytes()).await;
        good.receipt(message, &index.to_string(), "DELIVRD").await;
    }
    let answering = tokio::spawn(async move { answers_all(good).await });
    let mut states = BTreeMap::new();
    for _ in 0..6 {
        let receipt = peer.delivered().await;
        states.insert(receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap().to_vec());
    }
    for (text, id) in &ids {
        let expected = if lost.contains(text) { 7 } else { 2 };
        assert_eq!(states[id], [expected], "{ending:?} {text}");
    }
    assert_eq!(stage.metric("veilgate_outcomes_unknown_total", ""), 3.0, "{ending:?}");
    let again = stage.smscs[0].link().await;
    stage.channels_up(2).await;
    drop((kept, again));
    answering.abort();
}

/// Ends a link; what has to stay open meanwhile.
async fn end(ending: Ending, mut link: Peer) -> Option<tokio::task::JoinHandle<()>> {
    match ending {
        Ending::Reset => {}
        Ending::Close => link.close().await,
        Ending::HalfAPdu => {
            link.write(&Pdu::new(DELIVER_SM, 9, vec![1; 30]).octets()[..25]).await;
            link.close().await;
        }
        Ending::Garbage => link.write(&[0xff; 32]).await,
        Ending::Unbind => {
            link.send(UNBIND, Vec::new()).await;
            link.close().await;
        }
        Ending::Silence => return Some(tokio::spawn(async move { link.raw_end().await })),
    }
    if matches!(ending, Ending::Garbage) {
        link.raw_end().await;
    }
    None
}

/// Answers whatever is asked, until the connection ends.
async fn answers_all(mut link: Peer) {
    while let Some(pdu) = link.read().await {
        if pdu.id & RESPONSE == 0 {
            link.answer(pdu.id, pdu.sequence, 0, b"later\0").await;
        }
    }
}

/// Case 2: an SMSC that answers twice, the second time otherwise, is believed the first time; what it says about the
/// second id fits nothing.
#[tokio::test]
async fn the_first_of_two_answers_counts() {
    let plan = Plan { flow: "early_receipt_hold = \"300ms\"", ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    for (index, status) in [0, 0x58, 0x45].into_iter().enumerate() {
        let id = peer.accepted(&Message::to(&stage.people[index].pseudonym, "twice")).await;
        let seen = link.incoming(SUBMIT_SM).await;
        link.answer(SUBMIT_SM, seen.sequence, 0, format!("first-{index}\0").as_bytes()).await;
        link.answer(SUBMIT_SM, seen.sequence, status, format!("second-{index}\0").as_bytes()).await;
        link.receipt(&seen, &format!("second-{index}"), "UNDELIV").await;
        link.receipt(&seen, &format!("first-{index}"), "DELIVRD").await;
        let receipt = peer.delivered().await;
        assert_eq!(receipt.tlv_text(RECEIPTED_ID).unwrap(), id);
        assert_eq!(receipt.tlv(MESSAGE_STATE).unwrap(), [2]);
    }
    until("the holds end", || stage.metric("veilgate_receipts_odd_total", "unmatched") == 3.0).await;
    link.is_quiet().await;
    peer.is_quiet().await;
}

/// Case 6: answers to nothing, between those to something, end nothing and are passed over.
#[tokio::test]
async fn answers_to_nothing_end_nothing() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "one")).await;
    let seen = link.incoming(SUBMIT_SM).await;
    for other in [seen.sequence + 1, seen.sequence + 99, 0, 0x7fff_ffff, u32::MAX] {
        link.answer(SUBMIT_SM, other, 0, b"stray\0").await;
        link.answer(SUBMIT_SM, other, 0x45, b"").await;
    }
    // Of another kind, to the number that is open.
    link.answer(DATA_SM, seen.sequence, 0x45, b"").await;
    link.is_quiet().await;
    link.answer(SUBMIT_SM, seen.sequence, 0, b"1\0").await;
    link.receipt(&seen, "1", "DELIVRD").await;
    let receipt = peer.delivered().await;
    assert_eq!(
        (receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap()),
        (id, &[2][..])
    );
    assert_eq!(stage.metric("veilgate_outcomes_unknown_total", ""), 0.0);
}

/// Case 18: receipts before their answers, twice, never and about nobody, in one window: each message ends once.
#[tokio::test]
async fn receipts_in_any_order_end_each_message_once() {
    let plan = Plan {
        flow: "report_timeout = \"2s\"\nearly_receipt_hold = \"500ms\"",
        channels: &["window = 40"],
        ..Plan::default()
    };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let mut expected = BTreeMap::new();
    for index in 0..24 {
        let message = Message::to(&stage.people[index % 12].pseudonym, &format!("m{index}"));
        let id = peer.accepted(&message).await;
        expected.insert(id, if index % 4 == 3 { 7 } else { 2 });
        let seen = link.incoming(SUBMIT_SM).await;
        let name = format!("smsc-{index}");
        if index % 4 == 0 {
            link.receipt(&seen, &name, "DELIVRD").await;
        }
        link.answer(SUBMIT_SM, seen.sequence, 0, format!("{name}\0").as_bytes()).await;
        match index % 4 {
            0 => insist(&mut link, &seen, &name, "UNDELIV").await,
            1 => link.receipt(&seen, &name, "DELIVRD").await,
            2 => {
                link.receipt(&seen, &format!("stranger-{index}"), "DELIVRD").await;
                link.receipt(&seen, &name, "DELIVRD").await;
                insist(&mut link, &seen, &name, "DELIVRD").await;
            }
            _ => {}
        }
    }
    let mut ended = BTreeMap::new();
    for _ in 0..24 {
        let receipt = peer.delivered().await;
        let id = receipt.tlv_text(RECEIPTED_ID).unwrap();
        assert!(ended.insert(id, i32::from(receipt.tlv(MESSAGE_STATE).unwrap()[0])).is_none(), "twice");
    }
    assert_eq!(ended, expected);
    until("the holds end", || stage.metric("veilgate_receipts_odd_total", "unmatched") >= 6.0).await;
    peer.is_quiet().await;
    link.is_quiet().await;
}

/// Sends a receipt until it is taken: while a message's end is made durable, what else comes for it is to come again.
async fn insist(link: &mut Peer, about: &Message, id: &str, stat: &str) {
    loop {
        let response = link.call(DELIVER_SM, receipt(about, id, stat).body()).await;
        match response.status {
            0 => return,
            status => assert_eq!(status, 0x64, "{response:?}"),
        }
    }
}

/// A client whose window is full gets the next delivery as soon as it answers: not when somebody looks round.
#[tokio::test]
async fn deliveries_follow_the_answers_of_a_full_window() {
    let stage = Stage::set(Plan { north: "window_out = 1", ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    for index in 0..60 {
        peer.accepted(&Message::to(&stage.people[0].pseudonym, &format!("m{index}"))).await;
        let seen = link.took(&index.to_string()).await;
        link.receipt(&seen, &index.to_string(), "DELIVRD").await;
    }
    let all = async {
        for _ in 0..60 {
            peer.delivered().await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("each answer is waited for in vain");
}
