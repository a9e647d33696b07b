//! Long texts (smpp-cases 12 to 14, 16, 17): put together before anything is decided, cut again for the SMSC, one result
//! outside whatever their parts went through.

mod restart;

use crate::smpp_raw::*;
use crate::smpp_stage::*;

const UCS2: u8 = 8;

fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn read(octets: &[u8]) -> String {
    let units = octets.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    String::from_utf16(&units.collect::<Vec<_>>()).unwrap()
}

/// A text in UCS-2 with a receipt, in the payload if it is long.
fn chinese(alias: &str, text: &str) -> Message {
    let octets = ucs2(text);
    let mut message = Message::to(alias, "");
    message.data_coding = UCS2;
    if octets.len() > 254 { message.with(PAYLOAD, &octets) } else { Message { text: octets, ..message } }
}

/// A part with an 8-bit reference.
fn part(alias: &str, [reference, total, number]: [u8; 3], text: &str) -> Message {
    let mut message = chinese(alias, text);
    message.esm_class = 0x40;
    message.text = [&[5, 0, 3, reference, total, number][..], &message.text].concat();
    message
}

/// Header and text of a part that came to the SMSC with an 8-bit reference: reference, total, number, text.
fn cut(seen: &Message) -> (u8, u8, u8, String) {
    assert_eq!((seen.esm_class, &seen.text[..3]), (0x40, &[5, 0, 3][..]), "{seen:?}");
    (seen.text[3], seen.text[4], seen.text[5], read(&seen.text[6..]))
}

/// The receipt says this of this message.
fn says(receipt: &Message, id: &str, state: u8) {
    let said = (receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap());
    assert_eq!(said, (id.to_owned(), &[state][..]));
}

const DELIVERED: u8 = 2;
const UNDELIVERABLE: u8 = 5;
const UNKNOWN: u8 = 7;
const REJECTED: u8 = 8;

//= ASCS 3.5
//= type=test
/// Acceptance 6: 71 characters are 67 and 4 at the SMSC, under one reference, one result outside, two billed.
#[tokio::test]
async fn seventy_one_characters_are_67_and_4() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let alias = &stage.people[0].pseudonym;
    let text = format!("【签名】{}", "验".repeat(67));
    let id = peer.accepted(&chinese(alias, &text)).await;
    let (first, second) = (link.took("a1").await, link.took("a2").await);
    let ((reference, total, one, head), (other, _, two, tail)) = (cut(&first), cut(&second));
    assert_eq!((total, one, two, reference), (2, 1, 2, other));
    assert_eq!((head.chars().count(), tail.chars().count()), (67, 4));
    assert_eq!(head + &tail, text);
    assert_eq!(first.source, second.source);
    link.receipt(&second, "a2", "DELIVRD").await;
    peer.is_quiet().await;
    link.receipt(&first, "a1", "DELIVRD").await;
    says(&peer.delivered().await, &id, DELIVERED);
    link.receipt(&first, "a1", "DELIVRD").await;
    peer.is_quiet().await;
    link.is_quiet().await;
    peer.accepted(&chinese(alias, &"短".repeat(70))).await;
    let whole = link.took("b").await;
    assert_eq!((whole.esm_class, whole.text.len()), (0, 140), "seventy are one");
    let next = peer.accepted(&chinese(alias, &text)).await;
    let again = [link.took("c1").await, link.took("c2").await];
    assert_ne!(cut(&again[0]).0, reference, "each text has a reference of its own");
    assert_eq!(stage.metric("veilgate_texts_cut_total", ""), 2.0);
    assert_ne!(next, id);
}

/// The parts of one text come over two binds, the last first; each has an id and a receipt of its own.
#[tokio::test]
async fn parts_over_two_binds_in_any_order_are_one_text() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let (mut one, mut two) = (stage.bound("shop").await, stage.bound_as(BIND_TRANSMITTER, "shop").await);
    let alias = &stage.people[0].pseudonym;
    let texts = ["我".repeat(40), "们".repeat(67), "好".repeat(27)];
    let mut silent = part(alias, [7, 3, 2], &texts[1]);
    silent.registered = 0;
    let third = two.accepted(&part(alias, [7, 3, 3], &texts[2])).await;
    let first = one.accepted(&part(alias, [7, 3, 1], &texts[0])).await;
    let again = two.accepted(&part(alias, [7, 3, 1], &texts[0])).await;
    assert_eq!(again, first, "a part that comes twice is one part");
    link.is_quiet().await;
    let second = two.accepted(&silent).await;
    assert!(first != second && second != third);
    let seen = [link.took("a").await, link.took("b").await];
    let parts = seen.each_ref().map(cut);
    assert_eq!(parts.each_ref().map(|part| part.3.chars().count()), [67, 67], "cut anew");
    assert_eq!(parts.map(|part| part.3).concat(), texts.concat());
    let late = two.accepted(&part(alias, [7, 3, 3], &texts[2])).await;
    assert_eq!(late, third, "also when the text has left");
    for (message, id) in seen.iter().zip(["a", "b"]) {
        link.receipt(message, id, "DELIVRD").await;
    }
    let mut told = [one.delivered().await, one.delivered().await];
    told.sort_by_key(|receipt| receipt.tlv_text(RECEIPTED_ID).unwrap());
    let mut ids = [first, third];
    ids.sort();
    for (receipt, id) in told.iter().zip(&ids) {
        says(receipt, id, DELIVERED);
    }
    one.is_quiet().await;
    link.is_quiet().await;
    assert_eq!(stage.metric("veilgate_segments", ""), 0.0);
    assert_eq!(stage.metric("veilgate_texts_joined_total", ""), 1.0);
}

/// Headers of both widths, TLVs, payload and `data_sm`: the SMSC gets the same, as its channel wants it.
#[tokio::test]
async fn every_way_in_is_the_same_text() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let alias = &stage.people[0].pseudonym;
    let (head, tail) = ("甲".repeat(66), "乙".repeat(9));
    let wide = |number: u8, text: &str| {
        let mut message = chinese(alias, text);
        message.esm_class = 0x40;
        message.text = [&[6, 8, 4, 0xBE, 0xEF, 2, number][..], &message.text].concat();
        message
    };
    let tlvs = |number: u8, text: &str| {
        chinese(alias, text).with(0x020c, &[0xca, 0xfe]).with(0x020e, &[2]).with(0x020f, &[number])
    };
    let whole = head.clone() + &tail;
    let mut payload = Message::to(alias, "").with(PAYLOAD, &ucs2(&whole));
    payload.data_coding = UCS2;
    let ways = [
        vec![wide(2, &tail), wide(1, &head)],
        vec![tlvs(1, &head), tlvs(2, &tail)],
        vec![payload],
        vec![part(alias, [1, 1, 1], &whole)],
    ];
    for way in ways {
        for message in &way {
            peer.accepted(message).await;
        }
        let parts = [cut(&link.took("x").await), cut(&link.took("y").await)];
        assert_eq!(parts.map(|part| part.3).concat(), whole);
    }
    let mut data = chinese(alias, "");
    data.text = ucs2(&whole);
    let response = peer.call(DATA_SM, data.data_body()).await;
    assert_eq!((response.id, response.status), (DATA_SM | RESPONSE, 0));
    let parts = [cut(&link.took("x").await), cut(&link.took("y").await)];
    assert_eq!(parts.map(|part| part.3).concat(), whole);
    link.is_quiet().await;
}

/// A text whose last part never comes: each part that came hears that it is refused; nothing is sent.
#[tokio::test]
async fn a_lost_part_ends_the_others() {
    let plan = Plan { flow: "segments_timeout = \"300ms\"", ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("notary").await;
    let alias = &stage.people[0].pseudonym;
    let ids = [
        peer.accepted(&part(alias, [7, 3, 1], "一")).await,
        peer.accepted(&part(alias, [7, 3, 3], "三")).await,
    ];
    for id in &ids {
        let receipt = peer.delivered().await;
        says(&receipt, id, REJECTED);
        assert_eq!(receipt.tlv(NETWORK_ERROR).unwrap()[1..], 1001_u16.to_be_bytes());
    }
    link.is_quiet().await;
    assert_eq!(stage.metric("veilgate_texts_incomplete_total", ""), 1.0);
    assert_eq!(stage.metric("veilgate_messages_final_total", "rejected"), 1.0, "one text, one final state");
}

/// What is wrong with a part is said at once; another coding, both ways of numbering, a text beyond all bounds.
#[tokio::test]
async fn parts_that_cannot_be_are_refused_at_once() {
    let plan = Plan { flow: "max_text = 200\nmax_segments_per_account = 3", ..Plan::default() };
    let stage = Stage::set(plan).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let alias = &stage.people[0].pseudonym;
    peer.accepted(&part(alias, [7, 3, 1], &"一".repeat(60))).await;
    let coded = Message { data_coding: 0, ..part(alias, [7, 3, 2], "二") };
    peer.refused(&coded, 0x104, "1001").await;
    peer.refused(&part(alias, [7, 3, 2], &"二".repeat(60)), 1, "1001").await;
    let both = part(alias, [7, 3, 2], "二").with(0x020c, &[0, 7]).with(0x020e, &[3]).with(0x020f, &[2]);
    peer.refused(&both, 0xc4, "1001").await;
    peer.refused(&part("NobodyKnown", [7, 3, 2], "二"), 0x401, "3001").await;
    peer.accepted(&part(alias, [8, 2, 1], "一")).await;
    peer.accepted(&part(alias, [9, 2, 1], "一")).await;
    peer.refused(&part(alias, [10, 2, 1], "一"), 0x14, "6004").await;
    link.is_quiet().await;
}

/// The limit of the day counts texts, and a text that is too many is refused as a whole.
#[tokio::test]
async fn the_whole_is_judged_once_and_refused_to_every_part() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut notary = stage.bound("notary").await;
    let alias = &stage.people[0].pseudonym;
    let first = notary.accepted(&part(alias, [7, 2, 1], "一")).await;
    let id = veilgate_names::AuthorizationId::parse(&stage.people[0].authorization).unwrap();
    stage.ops(veilgate::admin::Request::Revoke { authorization_ids: vec![id] }).await;
    notary.refused(&part(alias, [7, 2, 2], "二"), 0x403, "3003").await;
    link.is_quiet().await;
    let other = &stage.people[1];
    let ids = [
        notary.accepted(&part(&other.pseudonym, [7, 2, 1], &"一".repeat(60))).await,
        notary.accepted(&part(&other.pseudonym, [7, 2, 2], &"二".repeat(60))).await,
    ];
    let seen = [link.took("a").await, link.took("b").await];
    assert_eq!(seen.each_ref().map(cut).map(|part| part.3).concat().chars().count(), 120);
    link.receipt(&seen[0], "a", "DELIVRD").await;
    link.receipt(&seen[1], "b", "UNDELIV").await;
    for id in &ids {
        says(&notary.delivered().await, id, UNDELIVERABLE);
    }
    notary.is_quiet().await;
    assert!(!ids.contains(&first));
}

/// Each channel has its rule.
#[tokio::test]
async fn channels_cut_by_their_rules() {
    for (rule, lengths) in [("udh16", [7 + 132, 7 + 10]), ("sar", [134, 8])] {
        let lines = format!("long = \"{rule}\"");
        let stage = Stage::set(Plan { channels: &[&lines], ..Plan::default() }).await;
        let mut link = stage.link().await;
        let mut peer = stage.bound("shop").await;
        peer.accepted(&chinese(&stage.people[0].pseudonym, &"验".repeat(71))).await;
        let seen = [link.took("a").await, link.took("b").await];
        assert_eq!(seen.each_ref().map(|one| one.text.len()), lengths, "{rule}");
        if rule == "sar" {
            assert_eq!(seen[0].tlv(0x020c), seen[1].tlv(0x020c));
            assert_eq!((seen[1].tlv(0x020e), seen[1].tlv(0x020f)), (Some(&[2][..]), Some(&[2][..])));
            assert_eq!(seen[0].esm_class, 0);
        } else {
            assert_eq!((seen[0].esm_class, &seen[0].text[..3]), (0x40, &[6, 8, 4][..]));
        }
    }
    let stage = Stage::set(Plan { channels: &["long = \"payload\""], ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let text = ucs2(&"验".repeat(200));
    let whole = Message::to(&stage.people[0].pseudonym, "").with(PAYLOAD, &text);
    peer.accepted(&Message { data_coding: UCS2, ..whole }).await;
    let seen = link.took("a").await;
    assert_eq!((seen.esm_class, seen.tlv(PAYLOAD)), (0, Some(&text[..])));
}

/// A part that the SMSC has no room for is sent again alone; one it refuses decides for all.
#[tokio::test]
async fn the_parts_have_fates_of_their_own() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let alias = &stage.people[0].pseudonym;
    let id = peer.accepted(&chinese(alias, &"验".repeat(150))).await;
    let first = link.took("a").await;
    let second = link.incoming(SUBMIT_SM).await;
    link.answer(SUBMIT_SM, second.sequence, 0x14, b"").await;
    let third = link.took("c").await;
    let again = link.took("b").await;
    assert_eq!((again.text.clone(), cut(&again).2), (second.text.clone(), 2), "the same part");
    for (message, id, stat) in [(&third, "c", "DELIVRD"), (&first, "a", "DELIVRD")] {
        link.receipt(message, id, stat).await;
    }
    peer.is_quiet().await;
    link.receipt(&again, "b", "DELIVRD").await;
    says(&peer.delivered().await, &id, DELIVERED);

    let id = peer.accepted(&chinese(alias, &"验".repeat(71))).await;
    let first = link.took("d").await;
    let second = link.incoming(SUBMIT_SM).await;
    link.answer(SUBMIT_SM, second.sequence, 0x45, b"").await;
    peer.is_quiet().await;
    link.receipt(&first, "d", "DELIVRD").await;
    says(&peer.delivered().await, &id, REJECTED);
    link.is_quiet().await;
    assert_eq!(stage.metric("veilgate_messages_final_total", ""), 2.0);
}

/// The link dies with one part answered and one not: the one is unknown, and so is the text, once the other is known.
#[tokio::test]
async fn a_link_that_dies_in_mid_text_leaves_one_unknown_part() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let alias = &stage.people[0].pseudonym;
    let id = peer.accepted(&chinese(alias, &"验".repeat(71))).await;
    let first = link.took("a").await;
    link.incoming(SUBMIT_SM).await;
    stage.counted("veilgate_channel_responses_total", "accepted", 1.0).await;
    drop(link);
    let mut link = stage.link().await;
    stage.counted("veilgate_outcomes_unknown_total", "", 1.0).await;
    peer.is_quiet().await;
    link.receipt(&first, "a", "DELIVRD").await;
    says(&peer.delivered().await, &id, UNKNOWN);
    link.is_quiet().await;
}

/// A window smaller than the text: its parts go one after the other, over the same bind, in order.
#[tokio::test]
async fn a_text_longer_than_the_window_goes_in_order() {
    let lines = "window = 2\nbinds = [{ mode = \"transceiver\", count = 2 }]";
    let stage = Stage::set(Plan { channels: &[lines], ..Plan::default() }).await;
    let mut links = [stage.link().await, stage.link().await];
    let mut peer = stage.bound("shop").await;
    let text: String = ('一'..).take(67 * 5).collect();
    peer.accepted(&chinese(&stage.people[0].pseudonym, &text)).await;
    stage.counted("veilgate_channel_submits_total", "", 2.0).await;
    let [one, two] = &mut links;
    let mut seen = one.waiting(SUBMIT_SM).await;
    let (busy, idle) = if seen.is_empty() { (two, one) } else { (one, two) };
    if seen.is_empty() {
        seen = busy.waiting(SUBMIT_SM).await;
    }
    assert_eq!(seen.len(), 2, "as many as the window holds");
    for (message, id) in seen.iter().zip(["a\0", "b\0"]) {
        busy.answer(SUBMIT_SM, message.sequence, 0, id.as_bytes()).await;
    }
    for id in ["c", "d", "e"] {
        seen.push(busy.took(id).await);
    }
    let parts: Vec<_> = seen.iter().map(cut).collect();
    assert_eq!(parts.iter().map(|part| part.2).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(parts.into_iter().map(|part| part.3).collect::<String>(), text);
    idle.is_quiet().await;
    drop(links);
    let mut link = stage.link().await;
    for round in 0..5 {
        peer.accepted(&chinese(&stage.people[0].pseudonym, &text)).await;
        for place in 0..5_u8 {
            let seen = link.took(&format!("{round}-{place}")).await;
            assert_eq!(cut(&seen).2, place + 1, "the window does not wear out");
        }
    }
}
