//! Channels: failover, weights, and replies, found or not. Cases 11, 13 and 23 of smpp-cases.md where they meet
//! several links.

use std::collections::BTreeMap;

use crate::smpp_raw::*;
use crate::smpp_receipts::tx_and_rx;
use crate::smpp_stage::*;

/// Two channels share by weight; when one dies the other takes over what waited and what comes.
#[tokio::test]
async fn a_channel_takes_over_from_another() {
    let stage = Stage::set(Plan {
        channels: &["weight = 3\nwindow = 2", "weight = 1\nwindow = 100"],
        ..Plan::default()
    })
    .await;
    let mut first = stage.smscs[0].link().await;
    let mut second = stage.smscs[1].link().await;
    stage.channels_up(2).await;
    let mut peer = stage.bound("shop").await;
    let mut waiting: BTreeMap<String, String> = BTreeMap::new();
    for index in 0..40 {
        let text = format!("m{index:02}");
        let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, &text)).await;
        waiting.insert(text, id);
    }
    // A quarter is the second's; of the rest the first has two on the wire.
    let mut at_second = Vec::new();
    for index in 0..10 {
        at_second.push(second.took(&format!("a{index}")).await);
    }
    second.is_quiet().await;
    let lost = [first.incoming(SUBMIT_SM).await.text(), first.incoming(SUBMIT_SM).await.text()];
    first.is_quiet().await;
    drop(first);
    // Nobody answers for the first any more.
    let smscs = stage.smscs;
    let (_gone, _stays) = {
        let mut smscs = smscs;
        let second = smscs.pop().unwrap();
        drop(smscs);
        ((), second)
    };
    for index in 10..38 {
        at_second.push(second.took(&format!("a{index}")).await);
    }
    second.is_quiet().await;
    let texts: Vec<String> = at_second[10..].iter().map(Message::text).collect();
    let mut sorted = texts.clone();
    sorted.sort();
    assert_eq!(texts, sorted, "what moved keeps its order");
    for (index, seen) in at_second.iter().enumerate() {
        second.receipt(seen, &format!("a{index}"), "DELIVRD").await;
    }
    let mut states = BTreeMap::new();
    for _ in 0..40 {
        let receipt = peer.delivered().await;
        states.insert(receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap().to_vec());
    }
    for (text, id) in &waiting {
        let expected = if lost.contains(text) { 7 } else { 2 };
        assert_eq!(states[id], [expected], "{text}");
    }
    peer.accepted(&Message::to(&stage.people[0].pseudonym, "after")).await;
    second.took("after").await;
}

/// A channel whose transmitter is gone is down for sending, though its receiver still brings receipts.
#[tokio::test]
async fn a_channel_without_transmitter_sends_nothing() {
    let binds = "weight = 1000\nbinds = [{ mode = \"transmitter\" }, { mode = \"receiver\" }]";
    let stage = Stage::set(Plan { channels: &[binds, ""], ..Plan::default() }).await;
    let (mut transmitter, mut receiver) = tx_and_rx(&stage.smscs[0]).await;
    let mut second = stage.smscs[1].link().await;
    stage.channels_up(2).await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "one")).await;
    let seen = transmitter.took("1").await;
    drop(transmitter);
    // It comes back, but its bind is not answered.
    let _mute = stage.smscs[0].connection().await;
    stage.channels_up(1).await;
    peer.accepted(&Message::to(&stage.people[0].pseudonym, "two")).await;
    assert_eq!(second.took("2").await.text(), "two");
    receiver.receipt(&seen, "1", "DELIVRD").await;
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id);
}

/// A link that dies again and again, whatever it was doing, loses nothing.
#[tokio::test]
async fn a_link_that_keeps_dying_loses_nothing() {
    let stage = Stage::set(Plan {
        channels: &["retry_unknown = true\nwindow = 7"],
        flow: "max_attempts = 255",
        ..Plan::default()
    })
    .await;
    let mut peer = stage.bound("shop").await;
    let mut ids = Vec::new();
    for index in 0..60 {
        ids.push(peer.accepted(&Message::to(&stage.people[0].pseudonym, &format!("m{index}"))).await);
    }
    for round in 0..15 {
        let mut link = stage.link().await;
        for _ in 0..round % 4 {
            link.incoming(SUBMIT_SM).await;
        }
    }
    let mut link = stage.link().await;
    for index in 0..60 {
        let seen = link.took(&format!("final-{index}")).await;
        link.receipt(&seen, &format!("final-{index}"), "DELIVRD").await;
    }
    let mut got: Vec<String> = Vec::new();
    for _ in 0..60 {
        got.push(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap());
    }
    got.sort();
    ids.sort();
    assert_eq!(got, ids);
    link.is_quiet().await;
}

/// Interfaces 4: a reply reaches notary and enterprise under the pseudonym; nothing of it names the number.
#[tokio::test]
async fn a_reply_finds_its_authorization() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut notary = stage.bound("notary").await;
    let mut shop = stage.bound("shop").await;
    let person = &stage.people[0];
    notary.accepted(&Message::to(&person.pseudonym, "ask")).await;
    let seen = link.took("1").await;
    assert!(seen.source.2.starts_with(SERVICE_NUMBER));
    for command in [DELIVER_SM, DATA_SM] {
        let text = format!("call me on {} or 19900000000", person.number);
        let reply = Message::from_subscriber(&person.number, &seen.source.2, &text)
            .with(0x0381, person.number.as_bytes())
            .with(0x1450, person.number.as_bytes());
        let body = if command == DATA_SM { reply.data_body() } else { reply.body() };
        let response = link.call(command, body).await;
        assert_eq!((response.id, response.status), (command | RESPONSE, 0));
        for (peer, is_notary) in [(&mut notary, true), (&mut shop, false)] {
            let reply = peer.delivered().await;
            assert_eq!(reply.source, (5, 0, person.pseudonym.clone()));
            assert_eq!((reply.destination(), reply.esm_class), (SERVICE_NUMBER.to_owned(), 0));
            assert!(reply.text().starts_with("call me on "), "{}", reply.text());
            assert_eq!(reply.tlv_text(EDI), is_notary.then(|| person.edi.clone()));
            assert_eq!(reply.tlv_text(AUTHORIZATION_ID), is_notary.then(|| person.authorization.clone()));
            assert_eq!(reply.tlvs.len(), if is_notary { 2 } else { 0 });
            let octets = reply.body();
            assert!(!octets.windows(10).any(|window| window == b"9900000000"));
        }
    }
}

/// A reply that finds no conversation goes nowhere, is answered, and counted.
#[tokio::test]
async fn a_reply_without_a_conversation_goes_nowhere() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut notary = stage.bound("notary").await;
    let mut shop = stage.bound("shop").await;
    let (one, other) = (&stage.people[0], &stage.people[1]);
    shop.accepted(&Message::to(&one.pseudonym, "ask")).await;
    let seen = link.took("1").await;
    let cases = [
        (&other.number, SERVICE_NUMBER.to_owned(), "no_slot"),
        (&other.number, seen.source.2.clone(), "other_tenure"),
        (&one.number, "10690099".to_owned(), "unrouted"),
        (&"8613000000000".to_owned(), seen.source.2.clone(), "foreign"),
    ];
    for (number, dialled, kind) in cases {
        let reply = Message::from_subscriber(number, &dialled, "hello?");
        assert_eq!(link.call(DELIVER_SM, reply.body()).await.status, 0, "{kind}");
        stage.counted("veilgate_replies_unattributed_total", kind, 1.0).await;
    }
    assert_eq!(stage.metric("veilgate_replies_unattributed_total", ""), 4.0);
    notary.is_quiet().await;
    shop.is_quiet().await;
}

/// Cases 6, 7 and 9 from the other side: an SMSC's mistakes are answered like a client's, and a length that cannot be
/// ends the link; it comes back.
#[tokio::test]
async fn mistakes_of_an_smsc_are_answered() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    stage.channels_up(1).await;
    for id in [0x0b00, SUBMIT_SM, QUERY_SM, BIND_TRANSCEIVER] {
        let answer = link.call(id, vec![1; 30]).await;
        assert_eq!((answer.id, answer.status), (GENERIC_NACK, 3), "command {id:#x}");
    }
    let malformed: [(u32, Vec<u8>); 4] = [
        (1, {
            let mut long = Message::from_subscriber("8613000000000", SERVICE_NUMBER, "hi");
            long.length = Some(99);
            long.body()
        }),
        (0x0a, Message::from_subscriber(&"9".repeat(21), SERVICE_NUMBER, "hi").body()),
        (0x0b, Message::from_subscriber("8613000000000", &"1".repeat(21), "hi").body()),
        (
            0xc0,
            [Message::from_subscriber("8613000000000", SERVICE_NUMBER, "hi").body(), vec![4, 0x24, 0]]
                .concat(),
        ),
    ];
    for (status, body) in malformed {
        let answer = link.call(DELIVER_SM, body).await;
        assert_eq!((answer.id, answer.status), (DELIVER_SM | RESPONSE, status));
    }
    for id in [0x8000_0004, GENERIC_NACK, 0x0102] {
        link.write(&Pdu::new(id, 4242, b"1\0\x001\0".to_vec()).octets()).await;
    }
    link.is_quiet().await;
    link.write(&[0xff; 16]).await;
    let said = link.until_closed().await;
    assert_eq!(said.iter().map(|pdu| (pdu.id, pdu.status)).collect::<Vec<_>>(), [(GENERIC_NACK, 2)]);
    stage.link().await.is_quiet().await;
}

/// Case 22 and 10: the gateway binds as configured, and tries again when it is refused.
#[tokio::test]
async fn the_gateway_binds_as_configured() {
    for version in [0x33, 0x34, 0x50] {
        let lines = format!("interface_version = {version}\nsystem_type = \"VMA\"");
        let stage = Stage::set(Plan { channels: &[&lines], ..Plan::default() }).await;
        let mut refused = stage.smscs[0].connection().await;
        let bind = refused.read().await.unwrap();
        let expected = [&b"veilgate\0secret\0VMA\0"[..], &[version, 0, 0, 0]].concat();
        assert_eq!((bind.id, &bind.body), (BIND_TRANSCEIVER, &expected));
        refused.answer(bind.id, bind.sequence, 0x0d, &[]).await;
        assert!(refused.until_closed().await.is_empty());
        let mut link = stage.link().await;
        link.is_quiet().await;
    }
}

/// Case 13: the parts of one text go to one SMSC, however many there are.
#[tokio::test]
async fn parts_of_a_text_stay_together() {
    let stage = Stage::set(Plan { channels: &["", ""], ..Plan::default() }).await;
    let mut links = [stage.smscs[0].link().await, stage.smscs[1].link().await];
    stage.channels_up(2).await;
    let mut peer = stage.bound("shop").await;
    for text in b'a'..b'i' {
        let payload = [text; 153 * 2 + 1];
        peer.accepted(&Message::to(&stage.people[0].pseudonym, "").with(PAYLOAD, &payload)).await;
    }
    stage.counted("veilgate_channel_submits_total", "", 24.0).await;
    let mut seen = [BTreeMap::new(), BTreeMap::new()];
    for (index, link) in links.iter_mut().enumerate() {
        for message in link.waiting(SUBMIT_SM).await {
            *seen[index].entry(message.text[6]).or_insert(0) += 1;
        }
    }
    for text in b'a'..b'i' {
        let parts = [seen[0].get(&text), seen[1].get(&text)];
        assert!(parts == [Some(&3), None] || parts == [None, Some(&3)], "text {text}: {parts:?}");
    }
    assert!(seen.iter().all(|seen| !seen.is_empty()), "each SMSC has its share of the texts");
}
