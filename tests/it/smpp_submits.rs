//! What a submit may say: cases 12, 13, 14, 15, 19, 20 and 28 of smpp-cases.md.

use crate::smpp_raw::*;
use crate::smpp_stage::*;

/// Case 12: the text is in one place or the other; what the SMSC gets is the same text, in the place that holds it.
#[tokio::test]
async fn a_text_is_in_one_place() {
    let stage = Stage::set(Plan { channels: &["long = \"payload\""], ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let alias = &stage.people[0].pseudonym;
    for length in [1, 100, 254, 255, 1000, 2048] {
        let text = vec![b'x'; length];
        peer.accepted(&Message::to(alias, "").with(PAYLOAD, &text)).await;
        let seen = link.took(&length.to_string()).await;
        let (place, other) = (seen.tlv(PAYLOAD).unwrap_or_default(), &seen.text[..]);
        assert_eq!([place, other].concat(), text);
        assert!(place.is_empty() || other.is_empty());
        assert_eq!(other.is_empty(), length > 254);
    }
    peer.refused(&Message::to(alias, "both").with(PAYLOAD, b"both"), 0xc1, "1001").await;
    peer.refused(&Message::to(alias, "").with(PAYLOAD, &[b'x'; 2049]), 1, "1001").await;
    let data = Message::to(alias, "as data_sm");
    let response = peer.call(DATA_SM, data.data_body()).await;
    assert_eq!((response.id, response.status), (DATA_SM | RESPONSE, 0));
    assert_eq!(link.took("data").await.text(), "as data_sm");
    let nothing = peer.call(DATA_SM, Message::to(alias, "").data_body()).await;
    assert_eq!((nothing.id, nothing.status), (DATA_SM | RESPONSE, 0xc3));
    link.is_quiet().await;
}

/// Case 13: a header may say which part of a text it is and nothing else; not twice, and not senselessly.
#[tokio::test]
async fn a_header_says_which_part_it_is_and_nothing_else() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let alias = &stage.people[0].pseudonym;
    let headed = |header: &[u8]| {
        let mut message = Message::to(alias, "");
        message.esm_class = 0x40;
        message.text = [header, b"part"].concat();
        message
    };
    let sar = |message: Message, number: u8| {
        message.with(0x020c, &[0xca, 0xfe]).with(0x020e, &[2]).with(0x020f, &[number])
    };
    peer.refused(&sar(headed(&[5, 0, 3, 1, 2, 1]), 1), 0xc4, "1001").await;
    peer.refused(&sar(Message::to(alias, "third of two"), 3), 0xc4, "1001").await;
    peer.refused(&Message::to(alias, "no total").with(0x020c, &[0, 1]), 0xc4, "1001").await;
    for header in [
        &[6, 5, 4, 0x0b, 0x84, 0x23, 0xf0][..],
        &[11, 5, 4, 0x0b, 0x84, 0x23, 0xf0, 0, 3, 1, 2, 1],
        &[5, 0, 3, 1, 2, 0],
        &[5, 0, 3, 1, 2, 3],
        &[200, 0, 3, 1, 2, 1],
        &[0],
    ] {
        peer.refused(&headed(header), 0x43, "1001").await;
    }
    peer.accepted(&headed(&[5, 0, 3, 1, 1, 1])).await;
    let seen = link.took("one of one").await;
    assert_eq!((seen.esm_class, &seen.text[..]), (0, &b"part"[..]), "a part of one is a text");
    link.is_quiet().await;
}

/// Case 14: every encoding passes with its octets untouched.
#[tokio::test]
async fn encodings_pass_untouched() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let texts: [(u8, &[u8]); 8] = [
        (0, b"\x00\x1b\x65\x7f"),
        (1, b"ascii"),
        (3, b"caf\xe9"),
        (4, &[0, 0xff, 0x80, 0x1b]),
        (8, &[0x4f, 0x60, 0x59, 0x7d, 0xd8, 0x3d, 0xde, 0x00]),
        (15, &[0xc4, 0xe3, 0xba, 0xc3]),
        (0xf0, b"flash"),
        (0xf5, &[1, 2, 3]),
    ];
    for (coding, text) in texts {
        let mut message = Message::to(&stage.people[0].pseudonym, "");
        (message.data_coding, message.text) = (coding, text.to_vec());
        peer.accepted(&message).await;
        let seen = link.took("coded").await;
        assert_eq!((seen.data_coding, &seen.text[..]), (coding, text));
    }
}

/// Case 15: a receipt goes to who asked for one of its kind; the SMSC is always asked.
#[tokio::test]
async fn receipts_go_to_who_asked() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = stage.bound("shop").await;
    for (registered, good, bad) in
        [(0, false, false), (1, true, true), (2, false, true), (3, true, false), (0x11, true, true)]
    {
        for (stat, wanted) in [("DELIVRD", good), ("UNDELIV", bad)] {
            let mut message = Message::to(&stage.people[0].pseudonym, "registered");
            message.registered = registered;
            let id = peer.accepted(&message).await;
            let name = format!("{registered}-{stat}");
            let seen = link.took(&name).await;
            assert_eq!(seen.registered & 3, 1);
            link.receipt(&seen, &name, stat).await;
            if wanted {
                assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id);
            }
            peer.is_quiet().await;
        }
    }
}

/// Case 20: a message that waits longer than its validity ends as EXPIRED, unsent.
#[tokio::test]
async fn what_waits_too_long_expires() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let mut message = Message::to(&stage.people[0].pseudonym, "short-lived");
    message.validity = "000000000001000R".to_owned();
    let id = peer.accepted(&message).await;
    message.validity = String::new();
    peer.accepted(&message).await;
    let receipt = peer.delivered().await;
    assert_eq!(
        (receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap()),
        (id, &[3][..])
    );
    assert!(receipt.text().contains("stat:EXPIRED"));
    let mut link = stage.link().await;
    link.took("the other").await;
    link.is_quiet().await;
}

/// Case 20: times that cannot be are refused; a time that has come is now.
#[tokio::test]
async fn times_that_cannot_be_are_refused() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let good = Message::to(&stage.people[0].pseudonym, "timed");
    for validity in
        ["200101000000000+", "not a time at al", "261322000000000+", "991231235959000?", "000000000000000R"]
    {
        let message = Message { validity: validity.to_owned(), ..good.clone() };
        peer.refused(&message, 0x62, "1001").await;
    }
    for schedule in ["991231235959000+", "not a time at al", "000200000000000R"] {
        let message = Message { schedule: schedule.to_owned(), ..good.clone() };
        peer.refused(&message, 0x61, "1001").await;
    }
    for (schedule, validity) in
        [("200101000000000+", "000100000000000R"), ("", "991231235959000+"), ("", "301231235959032-")]
    {
        let message =
            Message { schedule: schedule.to_owned(), validity: validity.to_owned(), ..good.clone() };
        peer.accepted(&message).await;
    }
}

/// Case 28: a number is refused as a recipient, in any spelling, whoever sends it and wherever it stands.
#[tokio::test]
async fn a_number_is_no_recipient() {
    let stage = Stage::plain().await;
    let spellings = [
        "19900000000",
        "8619900000000",
        "+8619900000000",
        "008619900000000",
        "0019900000000",
        "+1 212 555 0100",
        "199-0000-0000",
        "199.0000.0000",
        "(199)0000 0000",
        "+86 199 0000 0000",
        "86-199-0000-0000",
        " 19900000000 ",
        "199_0000_0000",
        "199/0000/0000",
    ];
    for account in ["shop", "notary"] {
        let mut peer = stage.bound(account).await;
        for spelling in spellings {
            for (ton, npi) in [(0, 0), (1, 1), (2, 1), (5, 0)] {
                let mut message = Message::to(spelling, "hi");
                (message.destination.0, message.destination.1) = (ton, npi);
                peer.refused(&message, 0x0b, "1003").await;
            }
            peer.refused(&Message::by_tlvs("hi", &[(PSEUDONYM, spelling.as_bytes())]), 0x0b, "1003").await;
        }
        let wide = "１９９００００００００";
        peer.refused(&Message::by_tlvs("hi", &[(PSEUDONYM, wide.as_bytes())]), 0x0b, "1003").await;
        let alias = stage.people[0].pseudonym.as_bytes();
        let beside = Message::to("8619900000000", "hi").with(PSEUDONYM, alias);
        peer.refused(&beside, 0x0b, "1003").await;
        let data = peer.call(DATA_SM, Message::to("8619900000000", "hi").data_body()).await;
        assert_eq!(
            (data.id, data.status, data.reason().as_deref()),
            (DATA_SM | RESPONSE, 0x0b, Some("1003"))
        );
        peer.accepted(&Message::to(&stage.people[0].pseudonym, "an alias is one")).await;
    }
}
