//! Framing, sequence numbers and field errors: cases 6, 7, 8, 9 and 21 of smpp-cases.md.

use crate::smpp_raw::*;
use crate::smpp_stage::*;

fn header(length: u32, id: u32, sequence: u32) -> Vec<u8> {
    [length, id, 0, sequence].map(u32::to_be_bytes).concat()
}

/// Case 7: an impossible length is told when its header is there, and ends the session: nothing is waited for.
#[tokio::test]
async fn an_impossible_length_is_nacked_at_its_header_and_closes() {
    let stage = Stage::plain().await;
    for bound in [false, true] {
        for length in [0, 15, 65_537, 0x7fff_ffff, u32::MAX] {
            let mut peer = Peer::connect(stage.north()).await;
            if bound {
                peer = stage.bound("shop").await;
            }
            peer.write(&header(length, SUBMIT_SM, 0x1234)).await;
            let said = peer.until_closed().await;
            assert_eq!(said.len(), 1, "length {length}: {said:?}");
            assert_eq!((said[0].id, said[0].status, said[0].sequence), (GENERIC_NACK, 2, 0x1234));
        }
    }
    stage.bound("shop").await.is_quiet().await;
}

/// Case 6: an unknown command is nacked with RINVCMDID, before and after the bind; the session lives.
#[tokio::test]
async fn an_unknown_command_is_nacked_and_the_session_lives() {
    let stage = Stage::plain().await;
    let mut unbound = Peer::connect(stage.north()).await;
    let mut bound = stage.bound("shop").await;
    for peer in [&mut unbound, &mut bound] {
        for id in [0, 0x0a, 0x0114, 0x7fff_ffff, DELIVER_SM] {
            let answer = peer.call(id, vec![1; 100]).await;
            assert_eq!(
                (answer.id, answer.status, answer.body.len()),
                (GENERIC_NACK, 3, 0),
                "command {id:#x}"
            );
        }
        peer.is_quiet().await;
    }
}

/// Case 6: responses to nothing and nacks are not answered. Nor are `outbind` and `alert_notification`, which have
/// no response.
#[tokio::test]
async fn what_has_no_answer_gets_none() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let ids = [GENERIC_NACK, 0x8000_0004, 0x8000_0005, 0x8000_0015, 0x8000_0006, 0x8000_0009, 0x8000_ffff];
    for id in ids {
        for sequence in [0, 1, 77, u32::MAX] {
            peer.write(&Pdu::new(id, sequence, vec![0]).octets()).await;
        }
    }
    peer.write(&Pdu::new(0x0b, 5, b"smsc\0secret\0".to_vec()).octets()).await;
    peer.write(&Pdu::new(0x0102, 6, vec![0, 0, 0, 0, 0, 0]).octets()).await;
    peer.is_quiet().await;
}

/// Case 8: who does not bind in time is closed.
#[tokio::test]
async fn who_never_binds_is_closed() {
    let stage = Stage::set(Plan { north: "bind_timeout = \"1s\"", ..Plan::default() }).await;
    let mut silent = Peer::connect(stage.north()).await;
    let mut chatty = Peer::connect(stage.north()).await;
    chatty.is_quiet().await;
    assert!(silent.until_closed().await.is_empty());
    assert!(chatty.until_closed().await.is_empty(), "enquire_link is no bind");
    stage.counted("veilgate_north_closes_total", "bind_timeout", 2.0).await;
}

/// Case 8: a PDU that is begun must end in time, however its octets trickle; others are served meanwhile.
#[tokio::test]
async fn a_pdu_that_trickles_is_given_up() {
    let stage = Stage::set(Plan { north: "pdu_timeout = \"1s\"", ..Plan::default() }).await;
    let mut slow = stage.bound("shop").await;
    let mut other = stage.bound("notary").await;
    let octets = Pdu::new(SUBMIT_SM, 1, vec![0; 1000]).octets();
    let trickle = async {
        for octet in octets {
            if !slow.try_write(&[octet]).await {
                return;
            }
            other.is_quiet().await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trickle).await.expect("nobody stopped the trickle");
    stage.counted("veilgate_north_closes_total", "pdu_timeout", 1.0).await;
}

/// Case 8: octet by octet is fine while it is quick enough, and so are many PDUs in one segment.
#[tokio::test]
async fn segments_do_not_matter() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut peer = Peer::connect(stage.north()).await;
    let bind = Pdu::new(BIND_TRANSCEIVER, 1, bind_body("shop", PASSWORD, 0x34));
    let message = Message::to(&stage.people[0].pseudonym, "octet by octet");
    let submit = Pdu::new(SUBMIT_SM, 2, message.body());
    for octet in [bind.octets(), submit.octets()].concat() {
        peer.write(&[octet]).await;
    }
    assert_eq!(peer.response(1).await.status, 0);
    assert_eq!(peer.response(2).await.status, 0);
    let all: Vec<u8> =
        (3..23).flat_map(|sequence| Pdu::new(SUBMIT_SM, sequence, message.body()).octets()).collect();
    peer.write(&all).await;
    for sequence in 3..23 {
        assert_eq!(peer.response(sequence).await.status, 0);
    }
    for index in 0..21 {
        link.took(&format!("{index}")).await;
    }
    link.is_quiet().await;
    // Bind and submit in one segment, too.
    let mut hasty = Peer::connect(stage.north()).await;
    hasty.write(&[bind.octets(), submit.octets()].concat()).await;
    assert_eq!(hasty.response(1).await.status, 0);
    assert_eq!(hasty.response(2).await.status, 0);
}

/// Case 8: connections from one address are bounded, and those that have not bound; a place is free again when its
/// connection ends.
#[tokio::test]
async fn connections_are_bounded_per_address_and_before_the_bind() {
    let north = "max_connections_per_ip = 4\nmax_half_open = 2";
    let stage = Stage::set(Plan { north, ..Plan::default() }).await;
    let mut bound = stage.bound("shop").await;
    let mut half_open = Vec::new();
    for _ in 0..2 {
        let mut peer = Peer::connect(stage.north()).await;
        peer.is_quiet().await;
        half_open.push(peer);
    }
    let mut refused = Peer::connect(stage.north()).await;
    assert!(refused.read().await.is_none(), "the third that is not bound");
    stage.counted("veilgate_north_connections_refused_total", "half_open", 1.0).await;
    for peer in &mut half_open {
        assert_eq!(peer.bind(BIND_TRANSCEIVER, "notary", PASSWORD, 0x34).await.status, 0);
    }
    let mut fourth = Peer::connect(stage.north()).await;
    fourth.is_quiet().await;
    let mut fifth = Peer::connect(stage.north()).await;
    assert!(fifth.read().await.is_none(), "the fifth from this address");
    stage.counted("veilgate_north_connections_refused_total", "per_address", 1.0).await;
    drop(half_open);
    let back = async {
        while Peer::connect(stage.north()).await.bind(9, "notary", PASSWORD, 0x34).await.status != 0 {}
    };
    fourth.is_quiet().await;
    drop(fourth);
    stage.counted("veilgate_north_closes_total", "peer", 3.0).await;
    tokio::time::timeout(PATIENCE, back).await.expect("places come back");
    bound.is_quiet().await;
}

/// Case 9: a field that is wrong gets the status that names it, with reason 1001, and the session lives.
#[tokio::test]
async fn wrong_fields_have_their_statuses() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let good = || Message::to(&stage.people[0].pseudonym, "text");
    let change = |change: fn(&mut Message)| {
        let mut message = good();
        change(&mut message);
        message.body()
    };
    let cut = |tail: &[u8]| [good().body(), tail.to_vec()].concat();
    let cases: Vec<(&str, u32, Vec<u8>)> = vec![
        ("nothing", 0x15, Vec::new()),
        ("service_type without end", 0x15, vec![b'A'; 40]),
        ("service_type too long", 0x15, change(|m| m.service_type = b"ABCDEF".to_vec())),
        ("source too long", 0x0a, change(|m| m.source.2 = "1".repeat(21))),
        ("source without end", 0x0a, vec![0, 0, 1, b'1', b'0']),
        ("destination too long", 0x0b, change(|m| m.destination.2 = vec![b'a'; 21])),
        ("destination without end", 0x0b, b"\0\0\x0110690001\0\x05\0abc".to_vec()),
        ("schedule of 5", 0x61, change(|m| m.schedule = "26112".to_owned())),
        ("validity of 5", 0x62, change(|m| m.validity = "26112".to_owned())),
        ("sm_length beyond the body", 1, change(|m| m.length = Some(200))),
        ("sm_length of 255", 1, change(|m| m.text = vec![b'x'; 255])),
        ("half a TLV head", 0xc0, cut(&[0x04, 0x24, 0])),
        ("half a TLV value", 0xc0, cut(&[0x04, 0x24, 0, 9, b'x'])),
        ("octets behind the text", 0xc0, change(|m| m.length = Some(2))),
        ("TLV of a wrong length", 0xc2, cut(&[0x02, 0x0e, 0, 2, 1, 1])),
        ("esm_class of a receipt", 0x43, change(|m| m.esm_class = 4)),
        ("registered_delivery", 7, change(|m| m.registered = 0xe1)),
        ("replace_if_present", 0x54, change(|m| m.replace = 1)),
        ("priority", 6, change(|m| m.priority = 9)),
        ("predefined message", 0x63, change(|m| m.default_id = 3)),
    ];
    for (what, status, body) in cases {
        let response = peer.call(SUBMIT_SM, body).await;
        assert_eq!((response.id, response.status), (SUBMIT_SM | RESPONSE, status), "{what}");
        assert_eq!(response.reason().as_deref(), Some("1001"), "{what}");
    }
    for id in [DATA_SM, SUBMIT_MULTI, QUERY_SM, CANCEL_SM, REPLACE_SM] {
        let response = peer.call(id, vec![b'A'; 3]).await;
        assert_eq!(response.id, id | RESPONSE);
        assert_ne!(response.status, 0, "command {id:#x}");
    }
    peer.accepted(&good()).await;
}

/// Case 21: a peer's sequence numbers come back verbatim, whatever they are, even one used twice at a time.
#[tokio::test]
async fn sequence_numbers_come_back_verbatim() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let body = Message::to(&stage.people[0].pseudonym, "numbered").body();
    let numbers = [0, u32::MAX, 0x8000_0000, 0x7fff_ffff, 1, 7, 7];
    let all: Vec<u8> = numbers.iter().flat_map(|n| Pdu::new(SUBMIT_SM, *n, body.clone()).octets()).collect();
    peer.write(&all).await;
    for sequence in numbers {
        let response = peer.read().await.unwrap();
        assert_eq!((response.id, response.status, response.sequence), (SUBMIT_SM | RESPONSE, 0, sequence));
    }
    for sequence in [0, u32::MAX] {
        peer.write(&Pdu::new(ENQUIRE_LINK, sequence, Vec::new()).octets()).await;
        let response = peer.read().await.unwrap();
        assert_eq!((response.id, response.sequence), (ENQUIRE_LINK | RESPONSE, sequence));
    }
}
