//! Receipts and message ids: cases 16, 17, 18 and 26 of smpp-cases.md.

use crate::smpp_raw::*;
use crate::smpp_stage::*;

/// A stage with one client and one link.
async fn scene(plan: Plan<'_>) -> (Stage, Peer, Peer) {
    let stage = Stage::set(plan).await;
    let link = stage.link().await;
    let peer = stage.bound("shop").await;
    (stage, link, peer)
}

async fn sent(stage: &Stage, peer: &mut Peer, link: &mut Peer, smsc_id: &str) -> (String, Message) {
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "hello")).await;
    (id, link.took(smsc_id).await)
}

fn bare(about: &Message, text: &str) -> Message {
    let mut receipt = receipt(about, "", "");
    receipt.text = text.as_bytes().to_vec();
    receipt
}

/// Text, TLVs, and the state they mean.
type Form = (String, Vec<(u16, Vec<u8>)>, u8);

/// Case 16: whatever form an SMSC's receipt has, the same receipt goes north.
#[tokio::test]
async fn every_form_of_receipt_is_read() {
    let (stage, mut link, mut peer) = scene(Plan::default()).await;
    let dates = "submit date:2611220102 done date:2611220103";
    let seconds = "submit date:261122010203 done date:261122010304";
    let id = |n: usize| format!("id{n}");
    let tlv = |n: usize, state: u8| {
        vec![(RECEIPTED_ID, format!("id{n}\0").into_bytes()), (MESSAGE_STATE, vec![state])]
    };
    let texts: Vec<Form> = vec![
        (format!("id:{} sub:001 dlvrd:001 {dates} stat:DELIVRD err:000 text:x", id(0)), vec![], 2),
        (format!("id:{} sub:001 dlvrd:000 {seconds} stat:UNDELIV err:012 text:x", id(1)), vec![], 5),
        (
            format!(
                "ID:{} SUB:001 DLVRD:001 Submit Date:2611220102 DONE DATE:2611220103 Stat:delivrd",
                id(2)
            ),
            vec![],
            2,
        ),
        (format!("id:{} stat:EXPIRED", id(3)), vec![], 3),
        (format!("id:{} sub:1 dlvrd:0 stat:REJECTD err: text:id:other stat:DELIVRD", id(4)), vec![], 8),
        (String::new(), tlv(5, 2), 2),
        (String::new(), tlv(6, 8), 8),
        (format!("id:other sub:001 dlvrd:000 {dates} stat:UNDELIV err:001 text:"), tlv(7, 2), 2),
        (format!("id:{} stat:DELETED", id(8)), vec![], 4),
        (format!("id:{} stat:NONSENSE", id(9)), vec![], 7),
        (
            format!("id:{} stat:DELIVRD", id(10)),
            vec![(NETWORK_ERROR, vec![3, 0, 0]), (0x1403, b"8619900000000".to_vec())],
            2,
        ),
        (
            String::new(),
            vec![(RECEIPTED_ID, b"id11".to_vec()), (MESSAGE_STATE, vec![5]), (NETWORK_ERROR, vec![3, 0, 9])],
            5,
        ),
    ];
    for (index, (text, tlvs, state)) in texts.iter().enumerate() {
        let (ours, seen) = sent(&stage, &mut peer, &mut link, &id(index)).await;
        let mut receipt = bare(&seen, text);
        receipt.tlvs = tlvs.clone();
        // A receipt that is only TLVs comes as data_sm as well.
        let data = receipt.text.is_empty() && index % 2 == 0;
        let (command, body) =
            if data { (DATA_SM, receipt.data_body()) } else { (DELIVER_SM, receipt.body()) };
        let response = link.call(command, body).await;
        assert_eq!((response.id, response.status), (command | RESPONSE, 0), "{text}");
        let north = peer.delivered().await;
        assert_eq!(
            (north.tlv_text(RECEIPTED_ID).unwrap(), north.tlv(MESSAGE_STATE).unwrap()),
            (ours, &[*state][..]),
            "{text}"
        );
    }
    peer.is_quiet().await;
}

/// Case 16: what goes north is made anew: alias, service number, our id; nothing of the SMSC's.
#[tokio::test]
async fn a_receipt_is_made_anew() {
    let (stage, mut link, mut shop) = scene(Plan::default()).await;
    let mut notary = stage.bound("notary").await;
    let person = &stage.people[0];
    for (peer, is_notary) in [(&mut shop, false), (&mut notary, true)] {
        let ours = peer.accepted(&Message::to(&person.pseudonym, "hello")).await;
        let seen = link.took("their-id").await;
        let receipt = receipt(&seen, "their-id", "UNDELIV")
            .with(RECEIPTED_ID, b"their-id\0")
            .with(MESSAGE_STATE, &[5])
            .with(NETWORK_ERROR, &[3, 0, 33])
            .with(0x0202, b"\x808619900000000")
            .with(0x0381, b"\x01\x008619900000000")
            .with(0x1450, b"8619900000000");
        assert_eq!(link.call(DELIVER_SM, receipt.body()).await.status, 0);
        let north = peer.delivered().await;
        assert_eq!(north.source, (5, 0, person.pseudonym.clone()));
        assert_eq!(north.destination(), SERVICE_NUMBER);
        assert_eq!((north.esm_class, north.data_coding, north.registered), (4, 0, 0));
        let text = north.text();
        assert!(text.starts_with(&format!("id:{ours} sub:001 dlvrd:000 submit date:")), "{text}");
        assert!(text.contains(" stat:UNDELIV err:") && text.ends_with(" text:"), "{text}");
        let mut tags: Vec<u16> = north.tlvs.iter().map(|(tag, _)| *tag).collect();
        tags.sort_unstable();
        let mut expected = vec![RECEIPTED_ID, MESSAGE_STATE];
        if is_notary {
            expected.extend([NETWORK_ERROR, EDI, AUTHORIZATION_ID]);
            assert_eq!(north.tlv_text(EDI).unwrap(), person.edi);
            assert_eq!(north.tlv_text(AUTHORIZATION_ID).unwrap(), person.authorization);
            assert_ne!(north.tlv(NETWORK_ERROR).unwrap(), [3, 0, 33], "coarse");
        }
        expected.sort_unstable();
        assert_eq!(tags, expected);
        let octets = north.body();
        for leak in ["9900000000", "their-id", "Secret"] {
            assert!(!octets.windows(leak.len()).any(|window| window == leak.as_bytes()), "{leak}");
        }
    }
}

/// Case 16: what is on its way or of another kind is answered, and no receipt.
#[tokio::test]
async fn what_is_no_final_receipt_ends_nothing() {
    let (stage, mut link, mut peer) = scene(Plan::default()).await;
    let (ours, seen) = sent(&stage, &mut peer, &mut link, "7").await;
    for (esm_class, stat) in [
        (4, "ENROUTE"),
        (4, "ACCEPTD"),
        (0x20, "ENROUTE"),
        (0x20, "DELIVRD"),
        (0x08, "DELIVRD"),
        (0x10, "DELIVRD"),
    ] {
        let mut underway = receipt(&seen, "7", stat);
        underway.esm_class = esm_class;
        assert_eq!(link.call(DELIVER_SM, underway.body()).await.status, 0, "{esm_class:#x} {stat}");
    }
    for text in ["", "no receipt at all", "id: stat:DELIVRD"] {
        assert_eq!(link.call(DELIVER_SM, bare(&seen, text).body()).await.status, 0, "{text:?}");
    }
    stage.counted("veilgate_receipts_odd_total", "unreadable", 3.0).await;
    peer.is_quiet().await;
    link.receipt(&seen, "7", "DELIVRD").await;
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), ours);
}

/// Case 17: ids are compared as the channel writes them.
#[tokio::test]
async fn ids_are_compared_as_the_channel_writes_them() {
    let long = "f".repeat(64);
    let cases: [(&str, &[(&str, &str)]); 5] = [
        (
            "auto",
            &[
                ("1A2B3C", "1a2b3c"),
                ("0000004711", "4711"),
                ("4712", "0000004712"),
                ("7B-not-a-number", "7B-not-a-number"),
                ("5D8F0F6E-93A2-4A38-8C6B-0F14F9A7A1B2", "5d8f0f6e-93a2-4a38-8c6b-0f14f9a7a1b2"),
                (&long, &long),
            ],
        ),
        ("as-is", &[("00Ab", "00Ab"), (&long, &long)]),
        ("decimal", &[("0000001234", "1234"), ("77", "000077")]),
        ("hex", &[("00FF", "ff"), ("abc", "0ABC")]),
        (
            "hex-then-decimal",
            &[("1F", "31"), ("000000ff", "0000000255"), ("FFFFFFFFFFFFFFFF", "18446744073709551615")],
        ),
    ];
    for (format, pairs) in cases {
        let lines = format!("id_format = \"{format}\"");
        let (stage, mut link, mut peer) = scene(Plan { channels: &[&lines], ..Plan::default() }).await;
        for (in_response, in_receipt) in pairs {
            let (ours, seen) = sent(&stage, &mut peer, &mut link, in_response).await;
            link.receipt(&seen, in_receipt, "DELIVRD").await;
            assert_eq!(
                peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(),
                ours,
                "{format}: {in_response}"
            );
        }
    }
}

/// Case 17: without being told, a channel's first receipts teach whether it counts in two bases.
#[tokio::test]
async fn hexadecimal_and_decimal_are_told_apart() {
    let (stage, mut link, mut peer) = scene(Plan::default()).await;
    for (in_response, in_receipt) in [("1F40", "8000"), ("1F41", "8001"), ("abcdef12", "2882400018")] {
        let (ours, seen) = sent(&stage, &mut peer, &mut link, in_response).await;
        link.receipt(&seen, in_receipt, "DELIVRD").await;
        assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), ours, "{in_response}");
    }
}

/// Case 17: an id belongs to its SMSC: two may give the same.
#[tokio::test]
async fn ids_belong_to_their_smsc() {
    let stage = Stage::set(Plan { channels: &["", ""], ..Plan::default() }).await;
    let mut first = stage.smscs[0].link().await;
    let mut second = stage.smscs[1].link().await;
    stage.channels_up(2).await;
    let mut peer = stage.bound("shop").await;
    let mut ids = Vec::new();
    for index in 0..2 {
        ids.push(peer.accepted(&Message::to(&stage.people[0].pseudonym, &format!("{index}"))).await);
    }
    for (link, stat, state) in [(&mut first, "DELIVRD", 2), (&mut second, "UNDELIV", 5)] {
        let seen = link.took("1").await;
        link.receipt(&seen, "1", stat).await;
        let receipt = peer.delivered().await;
        let index: usize = seen.text().parse().unwrap();
        assert_eq!(
            (receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap()),
            (ids[index].clone(), &[state][..])
        );
    }
}

/// Case 18: a receipt that comes before the response is taken, kept, and found when the response brings the id.
#[tokio::test]
async fn a_receipt_before_the_response_is_kept() {
    let (stage, mut link, mut peer) = scene(Plan::default()).await;
    let mut ids = Vec::new();
    let mut seen = Vec::new();
    for index in 0..20 {
        ids.push(peer.accepted(&Message::to(&stage.people[0].pseudonym, "early")).await);
        seen.push(link.incoming(SUBMIT_SM).await);
        let body = receipt(&seen[index], &format!("early-{index}"), "DELIVRD").body();
        let early = link.send(DELIVER_SM, body).await;
        assert_eq!(link.response(early).await.status, 0);
    }
    peer.is_quiet().await;
    for index in (0..20).rev() {
        link.answer(SUBMIT_SM, seen[index].sequence, 0, format!("early-{index}\0").as_bytes()).await;
        assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), ids[index]);
    }
    assert_eq!(stage.metric("veilgate_receipts_odd_total", "early"), 20.0);
}

/// Case 18: the response may even come on the transmitter while the receipt came on the receiver.
#[tokio::test]
async fn an_early_receipt_comes_on_another_bind() {
    let binds = "binds = [{ mode = \"transmitter\" }, { mode = \"receiver\" }]";
    let stage = Stage::set(Plan { channels: &[binds], ..Plan::default() }).await;
    let (mut transmitter, mut receiver) = tx_and_rx(&stage.smscs[0]).await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "early")).await;
    let seen = transmitter.incoming(SUBMIT_SM).await;
    let early = receiver.send(DELIVER_SM, receipt(&seen, "x", "DELIVRD").body()).await;
    assert_eq!(receiver.response(early).await.status, 0);
    peer.is_quiet().await;
    transmitter.answer(SUBMIT_SM, seen.sequence, 0, b"x\0").await;
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id);
}

/// Case 18: the same receipt again is answered and goes nowhere; one that fits nothing likewise.
#[tokio::test]
async fn receipts_that_fit_nothing_are_answered() {
    let (stage, mut link, mut peer) =
        scene(Plan { flow: "early_receipt_hold = \"300ms\"", ..Plan::default() }).await;
    let (ours, seen) = sent(&stage, &mut peer, &mut link, "dup").await;
    for _ in 0..3 {
        link.receipt(&seen, "dup", "DELIVRD").await;
    }
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), ours);
    link.receipt(&seen, "nobody-knows", "DELIVRD").await;
    until("the hold ends", || stage.metric("veilgate_receipts_odd_total", "unmatched") == 1.0).await;
    peer.is_quiet().await;
    assert_eq!(stage.metric("veilgate_receipts_odd_total", "duplicate"), 2.0);
}

/// Case 18: a receipt that never comes ends in UNKNOWN.
#[tokio::test]
async fn a_receipt_that_never_comes_is_unknown() {
    let (stage, mut link, mut peer) =
        scene(Plan { flow: "report_timeout = \"1s\"", ..Plan::default() }).await;
    let (ours, _) = sent(&stage, &mut peer, &mut link, "never").await;
    let receipt = peer.delivered().await;
    assert_eq!(
        (receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap()),
        (ours, &[7][..])
    );
}

/// Case 26: our `deliver_sm_resp` names nobody; responses of an SMSC without body, or without an id, are taken.
#[tokio::test]
async fn responses_without_a_body_are_taken() {
    let (stage, mut link, mut peer) =
        scene(Plan { flow: "report_timeout = \"1s\"", ..Plan::default() }).await;
    for (status, body, state) in
        [(0x45, &b""[..], 8), (0x0b, b"\0", 8), (0x45, b"id-of-none\0", 8), (0, b"", 7), (0, b"\0", 7)]
    {
        let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "x")).await;
        let seen = link.incoming(SUBMIT_SM).await;
        link.answer(SUBMIT_SM, seen.sequence, status, body).await;
        let receipt = peer.delivered().await;
        assert_eq!(
            (receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap()),
            (id, &[state][..]),
            "{status:#x}"
        );
    }
    let (_, seen) = sent(&stage, &mut peer, &mut link, "9").await;
    let response = link.call(DELIVER_SM, receipt(&seen, "9", "DELIVRD").body()).await;
    assert_eq!(response.body, [0]);
}

/// Binds a transmitter and a receiver, in whichever order they come.
pub(crate) async fn tx_and_rx(smsc: &Smsc) -> (Peer, Peer) {
    let mut links = Vec::new();
    for _ in 0..2 {
        let mut link = smsc.connection().await;
        let bind = link.read().await.unwrap();
        link.answer(bind.id, bind.sequence, 0, b"smsc\0").await;
        links.push((bind.id, link));
    }
    links.sort_by_key(|(mode, _)| *mode);
    let (transmitter, receiver) = (links.pop().unwrap(), links.pop().unwrap());
    assert_eq!((transmitter.0, receiver.0), (BIND_TRANSMITTER, BIND_RECEIVER));
    (transmitter.1, receiver.1)
}

/// Case 16: a receipt's text may be UCS-2, or stand in `message_payload`.
#[tokio::test]
async fn a_receipt_may_be_written_in_ucs_2() {
    let (stage, mut link, mut peer) = scene(Plan::default()).await;
    for in_payload in [false, true] {
        let name = format!("u{in_payload}");
        let (ours, seen) = sent(&stage, &mut peer, &mut link, &name).await;
        let mut receipt = bare(&seen, "");
        let text = format!("id:{name} stat:DELIVRD");
        receipt.data_coding = 8;
        receipt.text = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        if in_payload {
            receipt = receipt.clone().with(PAYLOAD, &receipt.text);
            receipt.text.clear();
        }
        assert_eq!(link.call(DELIVER_SM, receipt.body()).await.status, 0);
        assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), ours);
    }
}

/// Case 15: what an SMSC says of a message on its way goes to who asked for that, built anew; it ends nothing.
#[tokio::test]
async fn notices_go_to_who_asked() {
    let (stage, mut link, mut peer) = scene(Plan::default()).await;
    let person = &stage.people[0];
    for (registered, wanted) in [(0x01, &[][..]), (0x11, &[0x20]), (0x05, &[0x08]), (0x0d, &[0x08, 0x10])] {
        let mut message = Message::to(&person.pseudonym, "told of");
        message.registered = registered;
        let ours = peer.accepted(&message).await;
        let seen = link.took("7").await;
        assert_eq!(seen.registered, registered | 1, "the SMSC is asked for the same");
        for esm_class in [0x20, 0x08, 0x10] {
            let mut notice = receipt(&seen, "7", if esm_class == 0x20 { "ENROUTE" } else { "DELIVRD" });
            notice.esm_class = esm_class;
            assert_eq!(link.call(DELIVER_SM, notice.body()).await.status, 0, "{esm_class:#x}");
            if !wanted.contains(&esm_class) {
                continue;
            }
            let north = peer.delivered().await;
            assert_eq!((north.esm_class, north.source.2.as_str()), (esm_class, &person.pseudonym[..]));
            assert_eq!(north.tlv_text(RECEIPTED_ID).unwrap(), ours);
            assert_eq!(north.text().contains("stat:ENROUTE"), esm_class == 0x20, "{}", north.text());
            let octets = north.body();
            assert!(!octets.windows(10).any(|window| window == b"9900000000"));
        }
        link.receipt(&seen, "7", "DELIVRD").await;
        assert_eq!(peer.delivered().await.esm_class, 4);
        peer.is_quiet().await;
    }
}

/// Case 15: who asked for it hears, once, that a message is being tried again.
#[tokio::test]
async fn retries_are_told_once() {
    let (stage, mut link, mut peer) =
        scene(Plan { flow: "throttle_backoff_min = \"10ms\"", ..Plan::default() }).await;
    let mut message = Message::to(&stage.people[0].pseudonym, "again");
    message.registered = 0x11;
    let ours = peer.accepted(&message).await;
    for _ in 0..3 {
        let seen = link.take(SUBMIT_SM).await;
        link.answer(SUBMIT_SM, seen.sequence, 0x08, &[]).await;
    }
    let notice = peer.delivered().await;
    assert_eq!((notice.esm_class, notice.tlv(MESSAGE_STATE).unwrap()), (0x20, &[1][..]));
    assert_eq!(notice.tlv_text(RECEIPTED_ID).unwrap(), ours);
    let seen = link.took("7").await;
    link.receipt(&seen, "7", "DELIVRD").await;
    assert_eq!(peer.delivered().await.esm_class, 4);
    peer.is_quiet().await;
}
