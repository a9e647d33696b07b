//! Windows, timers and the end of sessions: cases 1, 2, 3, 4, 5, 11, 23 and 25 of smpp-cases.md.

use std::time::Duration;

use tokio::time::Instant;
use veilgate::telemetry::words::StopCause;

use crate::smpp_raw::*;
use crate::smpp_stage::*;

fn numbered(stage: &Stage, count: usize) -> Vec<Message> {
    (0..count).map(|index| Message::to(&stage.people[0].pseudonym, &format!("m{index}"))).collect()
}

/// Case 1: what a client sends beyond its window waits in the connection; nothing is lost, answers keep their order.
#[tokio::test]
async fn a_full_window_holds_the_client_back_and_loses_nothing() {
    for lines in
        [Plan { north: "window_in = 2", ..Plan::default() }, Plan { shop: "window = 1", ..Plan::default() }]
    {
        let stage = Stage::set(lines).await;
        let mut link = stage.link().await;
        let mut peer = stage.bound("shop").await;
        let messages = numbered(&stage, 60);
        let all: Vec<u8> =
            (100..).zip(&messages).flat_map(|(n, m)| Pdu::new(SUBMIT_SM, n, m.body()).octets()).collect();
        peer.write(&all).await;
        for sequence in 100..160 {
            let response = peer.read().await.unwrap();
            assert_eq!((response.sequence, response.status), (sequence, 0));
        }
        for index in 0..60 {
            assert_eq!(link.took(&index.to_string()).await.text(), format!("m{index}"));
        }
        link.is_quiet().await;
    }
}

/// Case 1: deliveries have a window of their own: while it is full, submits go on.
#[tokio::test]
async fn the_window_of_deliveries_is_separate() {
    let stage = Stage::set(Plan { north: "window_out = 2", ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    for (index, message) in numbered(&stage, 5).iter().enumerate() {
        peer.accepted(message).await;
        let id = index.to_string();
        let seen = link.took(&id).await;
        link.receipt(&seen, &id, "DELIVRD").await;
    }
    let mut open = vec![peer.incoming(DELIVER_SM).await, peer.incoming(DELIVER_SM).await];
    peer.accepted(&Message::to(&stage.people[1].pseudonym, "meanwhile")).await;
    peer.is_quiet().await;
    for _ in 0..3 {
        let oldest = open.remove(0);
        peer.answer(DELIVER_SM, oldest.sequence, 0, &[0]).await;
        open.push(peer.incoming(DELIVER_SM).await);
        peer.is_quiet().await;
    }
}

/// Case 2: the SMSC's answers are matched by number only; a slow one holds up nobody. And its window is kept.
#[tokio::test]
async fn answers_of_the_smsc_may_come_in_any_order() {
    let stage = Stage::set(Plan { channels: &["window = 3"], ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let mut ids = Vec::new();
    for message in numbered(&stage, 6) {
        ids.push(peer.accepted(&message).await);
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(link.incoming(SUBMIT_SM).await);
    }
    link.is_quiet().await;
    // The first stays unanswered to the end.
    for index in [2, 1, 3, 5, 4] {
        while seen.len() <= index {
            seen.push(link.incoming(SUBMIT_SM).await);
        }
        let id = format!("X{index}\0");
        link.answer(SUBMIT_SM, seen[index].sequence, 0, id.as_bytes()).await;
    }
    link.is_quiet().await;
    link.answer(SUBMIT_SM, seen[0].sequence, 0, b"X0\0").await;
    for index in [5, 0, 3, 1, 4, 2] {
        link.receipt(&seen[index], &format!("X{index}"), "DELIVRD").await;
        assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), ids[index]);
        assert_eq!(seen[index].text(), format!("m{index}"));
    }
}

/// Case 3: no answer in time: not sent again, counted as unknown; the late answer still makes the receipt fit.
#[tokio::test]
async fn a_late_answer_still_correlates_and_nothing_is_sent_twice() {
    let plan = Plan { channels: &["response_timeout = \"1s\"\nwindow = 1"], ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "slow")).await;
    let slow = link.incoming(SUBMIT_SM).await;
    stage.counted("veilgate_outcomes_unknown_total", "", 1.0).await;
    // The place in the window is free again.
    peer.accepted(&Message::to(&stage.people[0].pseudonym, "next")).await;
    assert_eq!(link.took("2").await.text(), "next");
    link.is_quiet().await;
    link.answer(SUBMIT_SM, slow.sequence, 0, b"1\0").await;
    link.receipt(&slow, "1", "DELIVRD").await;
    let receipt = peer.delivered().await;
    assert_eq!(
        (receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap()),
        (id, &[2][..])
    );
    link.is_quiet().await;
}

/// Case 3: an answer that never comes ends in UNKNOWN.
#[tokio::test]
async fn an_answer_that_never_comes_is_an_unknown_outcome() {
    let plan = Plan {
        channels: &["response_timeout = \"1s\""],
        flow: "late_answer_grace = \"1s\"",
        ..Plan::default()
    };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "lost")).await;
    link.incoming(SUBMIT_SM).await;
    let receipt = peer.delivered().await;
    assert_eq!(
        (receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap()),
        (id, &[7][..])
    );
    assert!(receipt.text().contains("stat:UNKNOWN"));
    assert_eq!(stage.metric("veilgate_outcomes_unknown_total", ""), 1.0);
    link.is_quiet().await;
}

/// Case 4: a client that stops answering is asked, and closed after so many misses; one that answers stays.
#[tokio::test]
async fn a_silent_client_is_asked_and_then_closed() {
    let north = "enquire_interval = \"300ms\"\nenquire_misses = 2";
    let stage = Stage::set(Plan { north, ..Plan::default() }).await;
    let mut silent = stage.bound("shop").await;
    let mut alive = stage.bound("notary").await;
    let answering = async {
        for _ in 0..6 {
            let asked = alive.take(ENQUIRE_LINK).await;
            alive.answer(ENQUIRE_LINK, asked.sequence, 0, &[]).await;
        }
        alive.is_quiet().await;
    };
    let (said, ()) = tokio::join!(silent.until_closed(), answering);
    assert_eq!(said.iter().map(|pdu| pdu.id).collect::<Vec<_>>(), [ENQUIRE_LINK, ENQUIRE_LINK]);
    stage.counted("veilgate_north_closes_total", "silent", 1.0).await;
}

/// Case 4: a silent SMSC is left, and bound to again.
#[tokio::test]
async fn a_silent_smsc_is_left_and_bound_again() {
    let plan = Plan { channels: &["enquire_interval = \"300ms\""], ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let said = link.until_closed().await;
    assert!(!said.is_empty() && said.iter().all(|pdu| pdu.id == ENQUIRE_LINK), "{said:?}");
    stage.link().await.is_quiet().await;
}

/// Case 5: a client that unbinds gets every answer first.
#[tokio::test]
async fn an_unbind_is_answered_after_everything_else() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let mut all: Vec<u8> = Vec::new();
    for (sequence, message) in (10..).zip(numbered(&stage, 20)) {
        all.extend(Pdu::new(SUBMIT_SM, sequence, message.body()).octets());
    }
    all.extend(Pdu::new(UNBIND, 30, Vec::new()).octets());
    peer.write(&all).await;
    let said = peer.until_closed().await;
    let sequences: Vec<u32> = said.iter().map(|pdu| pdu.sequence).collect();
    assert_eq!(sequences, (10..=30).collect::<Vec<u32>>());
    assert!(said[..20].iter().all(|pdu| pdu.id == SUBMIT_SM | RESPONSE && pdu.status == 0));
    assert_eq!((said[20].id, said[20].status), (UNBIND | RESPONSE, 0));
}

/// Case 5: while a client unbinds it may still answer what it was sent; that delivery is done with.
#[tokio::test]
async fn an_unbind_waits_for_the_answers_of_deliveries() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let first = peer.accepted(&Message::to(&stage.people[0].pseudonym, "one")).await;
    let seen = link.took("1").await;
    link.receipt(&seen, "1", "DELIVRD").await;
    let open = peer.incoming(DELIVER_SM).await;
    assert_eq!(open.tlv_text(RECEIPTED_ID).unwrap(), first);
    peer.send(UNBIND, Vec::new()).await;
    peer.answer(DELIVER_SM, open.sequence, 0, &[0]).await;
    let said = peer.until_closed().await;
    assert_eq!(said.iter().map(|pdu| pdu.id).collect::<Vec<_>>(), [UNBIND | RESPONSE]);
    let mut again = stage.bound("shop").await;
    again.is_quiet().await;
}

/// Case 5: a gateway that stops answers what is open, unbinds everybody and waits for their answers.
#[tokio::test]
async fn a_stop_unbinds_both_sides_with_windows_open() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "one")).await;
    let seen = link.took("1").await;
    link.receipt(&seen, "1", "DELIVRD").await;
    let open = peer.incoming(DELIVER_SM).await;
    peer.accepted(&Message::to(&stage.people[0].pseudonym, "two")).await;
    let unanswered = link.incoming(SUBMIT_SM).await;
    let app = std::sync::Arc::clone(&stage.app);
    let stop = tokio::spawn(async move { app.stop(StopCause::Command).await });
    let north = async {
        peer.answer(DELIVER_SM, open.sequence, 0, &[0]).await;
        let unbind = peer.take(UNBIND).await;
        peer.answer(UNBIND, unbind.sequence, 0, &[]).await;
        assert!(peer.until_closed().await.is_empty());
    };
    let south = async {
        link.answer(SUBMIT_SM, unanswered.sequence, 0, b"2\0").await;
        let unbind = link.take(UNBIND).await;
        link.answer(UNBIND, unbind.sequence, 0, &[]).await;
        assert!(link.until_closed().await.is_empty());
    };
    tokio::join!(north, south);
    tokio::time::timeout(PATIENCE, stop).await.unwrap().unwrap();
    assert_eq!(stage.metric("veilgate_outcomes_unknown_total", ""), 0.0);
    assert_eq!(open.tlv_text(RECEIPTED_ID).unwrap(), id);
}

/// Case 5: an SMSC that unbinds with submits open may still answer them; then it is bound to again.
#[tokio::test]
async fn an_smsc_may_unbind_with_submits_open() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "one")).await;
    let seen = link.incoming(SUBMIT_SM).await;
    let unbind = link.send(UNBIND, Vec::new()).await;
    link.answer(SUBMIT_SM, seen.sequence, 0, b"1\0").await;
    assert_eq!(link.response(unbind).await.id, UNBIND | RESPONSE);
    assert!(link.until_closed().await.is_empty());
    let mut link = stage.link().await;
    link.receipt(&seen, "1", "DELIVRD").await;
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id);
    assert_eq!(stage.metric("veilgate_outcomes_unknown_total", ""), 0.0);
}

/// Case 11: an SMSC that throttles is left alone for a while; what it refused comes again, in order, all of it.
#[tokio::test]
async fn throttled_messages_come_again_in_order() {
    let plan = Plan {
        channels: &["window = 4"],
        flow: "throttle_backoff_min = \"300ms\"\nthrottle_backoff_max = \"600ms\"",
        ..Plan::default()
    };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let messages = numbered(&stage, 12);
    for message in &messages {
        peer.accepted(message).await;
    }
    for (round, status) in [0x58, 0x14, 0x58].into_iter().enumerate() {
        let count = [4, 2, 1][round];
        let mut seen = Vec::new();
        for _ in 0..count {
            seen.push(link.incoming(SUBMIT_SM).await);
        }
        link.is_quiet().await;
        let texts: Vec<String> = seen.iter().map(Message::text).collect();
        assert_eq!(texts, (0..count).map(|n| format!("m{n}")).collect::<Vec<_>>(), "round {round}");
        let began = Instant::now();
        for message in &seen {
            link.answer(SUBMIT_SM, message.sequence, status, &[]).await;
        }
        let first = link.off_the_wire().await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(290), "backed off for {:?}", began.elapsed());
        link.put_back(first);
    }
    for index in 0..12 {
        assert_eq!(link.took(&format!("{index}")).await.text(), format!("m{index}"));
    }
    link.is_quiet().await;
    assert_eq!(stage.metric("veilgate_retries_total", ""), 7.0);
}

/// Case 11: too much from a client is answered 0x58 with reason 5003; the session lives and what was taken is sent.
#[tokio::test]
async fn our_own_rate_limit_answers_throttled() {
    for shop in ["rate_per_second = 5", "rate_per_bind = 5"] {
        let stage = Stage::set(Plan { shop, ..Plan::default() }).await;
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
        assert!((1..40).contains(&taken), "{taken} of 60");
        for index in 0..taken {
            link.took(&index.to_string()).await;
        }
        link.is_quiet().await;
        peer.is_quiet().await;
    }
}

/// Case 11: a full queue is told with 0x14 and reason 6004, and takes again when there is room.
#[tokio::test]
async fn a_full_queue_is_told() {
    let stage = Stage::set(Plan { flow: "max_live_messages = 2", ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let message = Message::to(&stage.people[0].pseudonym, "full");
    peer.accepted(&message).await;
    peer.accepted(&message).await;
    peer.refused(&message, 0x14, "6004").await;
    let seen = link.took("1").await;
    link.receipt(&seen, "1", "DELIVRD").await;
    peer.delivered().await;
    peer.accepted(&message).await;
}

/// Case 23: a link that dies with submits open leaves unknown outcomes: told as UNKNOWN and not sent again, or sent
/// again in their order where the channel says so.
#[tokio::test]
async fn a_dead_link_leaves_unknown_outcomes() {
    for retry in [false, true] {
        let lines = format!("retry_unknown = {retry}");
        let stage = Stage::set(Plan { channels: &[&lines], ..Plan::default() }).await;
        let mut link = stage.link().await;
        let mut peer = stage.bound("shop").await;
        let mut ids = Vec::new();
        for message in numbered(&stage, 3) {
            ids.push(peer.accepted(&message).await);
        }
        for _ in 0..3 {
            link.incoming(SUBMIT_SM).await;
        }
        drop(link);
        let mut link = stage.link().await;
        stage.counted("veilgate_outcomes_unknown_total", "", 3.0).await;
        if retry {
            for index in 0..3 {
                let seen = link.took(&index.to_string()).await;
                assert_eq!(seen.text(), format!("m{index}"), "in order");
                link.receipt(&seen, &index.to_string(), "DELIVRD").await;
            }
        }
        let state = if retry { 2 } else { 7 };
        for id in ids {
            let receipt = peer.delivered().await;
            assert_eq!(receipt.tlv_text(RECEIPTED_ID).unwrap(), id);
            assert_eq!(receipt.tlv(MESSAGE_STATE).unwrap(), [state]);
        }
        link.is_quiet().await;
    }
}

/// Case 23: what comes for an account that is not there waits for its next bind that receives.
#[tokio::test]
async fn receipts_wait_for_the_next_bind() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "bye")).await;
    drop(peer);
    let seen = link.took("1").await;
    link.receipt(&seen, "1", "DELIVRD").await;
    let mut transmitter = stage.bound_as(BIND_TRANSMITTER, "shop").await;
    let mut stranger = stage.bound("notary").await;
    transmitter.is_quiet().await;
    stranger.is_quiet().await;
    let mut receiver = stage.bound_as(BIND_RECEIVER, "shop").await;
    assert_eq!(receiver.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id);
}

/// Case 23: a bind that ends without answering a delivery leaves it to another bind of its account, same id.
#[tokio::test]
async fn an_unanswered_delivery_goes_to_another_bind() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut first = stage.bound("shop").await;
    let id = first.accepted(&Message::to(&stage.people[0].pseudonym, "bye")).await;
    let seen = link.took("1").await;
    link.receipt(&seen, "1", "DELIVRD").await;
    assert_eq!(first.incoming(DELIVER_SM).await.tlv_text(RECEIPTED_ID).unwrap(), id);
    let mut second = stage.bound_as(BIND_RECEIVER, "shop").await;
    second.is_quiet().await;
    drop(first);
    assert_eq!(second.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id);
    second.is_quiet().await;
}

/// Case 25: a temporary error brings the delivery back with the same id, a permanent one or a rejection ends it.
#[tokio::test]
async fn errors_of_a_client_bring_a_delivery_back_or_end_it() {
    let stage = Stage::set(Plan { flow: "delivery_retry = \"200ms\"", ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    for (index, (status, again)) in
        [(0x64, true), (8, true), (0x14, true), (0x58, true), (0x65, false), (0x66, false), (0x0b, false)]
            .iter()
            .enumerate()
    {
        let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "hm")).await;
        let name = index.to_string();
        let seen = link.took(&name).await;
        link.receipt(&seen, &name, "DELIVRD").await;
        let delivery = peer.incoming(DELIVER_SM).await;
        assert_eq!(delivery.tlv_text(RECEIPTED_ID).unwrap(), id);
        peer.answer(DELIVER_SM, delivery.sequence, *status, &[0]).await;
        if *again {
            assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id, "after {status:#x}");
        }
    }
    // A nack answers a delivery, too, and time does not help there.
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "nack")).await;
    let seen = link.took("nack").await;
    link.receipt(&seen, "nack", "DELIVRD").await;
    let delivery = peer.incoming(DELIVER_SM).await;
    assert_eq!(delivery.tlv_text(RECEIPTED_ID).unwrap(), id);
    let nack = Pdu { id: GENERIC_NACK, status: 3, sequence: delivery.sequence, body: Vec::new() };
    peer.write(&nack.octets()).await;
    until("nothing pends", || stage.metric("veilgate_deliveries_acknowledged_total", "shop") >= 8.0).await;
    assert_eq!(stage.metric("veilgate_deliveries_retried_total", "shop"), 4.0);
    peer.is_quiet().await;
}

/// Case 25: a late answer to a delivery ends it: it does not come again.
#[tokio::test]
async fn a_late_answer_ends_a_delivery() {
    let plan =
        Plan { north: "response_timeout = \"500ms\"", flow: "delivery_retry = \"1s\"", ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "hm")).await;
    let seen = link.took("1").await;
    link.receipt(&seen, "1", "DELIVRD").await;
    let late = peer.incoming(DELIVER_SM).await;
    assert_eq!(late.tlv_text(RECEIPTED_ID).unwrap(), id);
    stage.counted("veilgate_deliveries_retried_total", "shop", 1.0).await;
    peer.answer(DELIVER_SM, late.sequence, 0, &[0]).await;
    // A younger one takes longer than the pause of the older.
    peer.accepted(&Message::to(&stage.people[0].pseudonym, "next")).await;
    let seen = link.took("2").await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    link.receipt(&seen, "2", "DELIVRD").await;
    assert_ne!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id);
    peer.is_quiet().await;
}

/// Case 3: where the channel says so, an overdue submit is sent again; the late answer to the first still counts, and
/// the sender hears of it once.
#[tokio::test]
async fn an_overdue_submit_may_be_sent_again() {
    let plan = Plan { channels: &["response_timeout = \"1s\"\nretry_unknown = true"], ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "again")).await;
    let first = link.incoming(SUBMIT_SM).await;
    let second = link.incoming(SUBMIT_SM).await;
    assert_ne!(first.sequence, second.sequence);
    link.answer(SUBMIT_SM, first.sequence, 0, b"first\0").await;
    link.answer(SUBMIT_SM, second.sequence, 0, b"second\0").await;
    link.receipt(&first, "first", "DELIVRD").await;
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id);
    peer.is_quiet().await;
}

/// Case 25: a delivery nobody answers comes again with the same id.
#[tokio::test]
async fn a_delivery_without_an_answer_comes_again() {
    let plan =
        Plan { north: "response_timeout = \"500ms\"", flow: "delivery_retry = \"2s\"", ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "hm")).await;
    let seen = link.took("1").await;
    link.receipt(&seen, "1", "DELIVRD").await;
    let first = peer.incoming(DELIVER_SM).await;
    let second = peer.incoming(DELIVER_SM).await;
    assert_ne!(first.sequence, second.sequence);
    for delivery in [&first, &second] {
        assert_eq!(delivery.tlv_text(RECEIPTED_ID).unwrap(), id);
    }
    peer.answer(DELIVER_SM, second.sequence, 0, &[0]).await;
    peer.is_quiet().await;
}
