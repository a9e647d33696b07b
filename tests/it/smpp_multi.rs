//! Messages to several at once: case 19 of smpp-cases.md.

use crate::smpp_raw::*;
use crate::smpp_stage::*;

/// A `submit_multi`: `(ton, address)` each, a list where there is no ton.
fn multi(destinations: &[(Option<u8>, &str)], text: &str, tlvs: &[u8]) -> Vec<u8> {
    let mut body = format!("\0\0\x01{SERVICE_NUMBER}\0").into_bytes();
    body.push(u8::try_from(destinations.len()).unwrap());
    for (ton, address) in destinations {
        match ton {
            Some(ton) => body.extend([1, *ton, 0]),
            None => body.push(2),
        }
        body.extend(address.as_bytes());
        body.push(0);
    }
    body.extend([0, 0, 0, 0, 0, 1, 0, 0, 0, u8::try_from(text.len()).unwrap()]);
    body.extend(text.as_bytes());
    body.extend(tlvs);
    body
}

/// The id of a `submit_multi_resp`, and who failed with what.
fn result(response: &Pdu) -> (String, Vec<(String, u32)>) {
    let id = response.text();
    let mut rest = &response.body[id.len() + 1..];
    let count = rest[0];
    rest = &rest[1..];
    let mut failed = Vec::new();
    for _ in 0..count {
        let end = rest[2..].iter().position(|octet| *octet == 0).unwrap() + 2;
        let address = String::from_utf8(rest[2..end].to_vec()).unwrap();
        failed.push((address, u32::from_be_bytes(rest[end + 1..end + 5].try_into().unwrap())));
        rest = &rest[end + 5..];
    }
    (id, failed)
}

fn query(id: &str) -> Vec<u8> {
    format!("{id}\0\0\x01{SERVICE_NUMBER}\0").into_bytes()
}

async fn state(peer: &mut Peer, id: &str) -> u8 {
    let response = peer.call(QUERY_SM, query(id)).await;
    assert_eq!(response.status, 0, "{response:?}");
    response.body[response.body.len() - 2]
}

/// Each gets a message of its own or an answer of its own; one id stands for all; no number goes back.
#[tokio::test]
async fn results_are_mixed() {
    let stage = Stage::plain().await;
    let (mut link, mut peer) = (stage.link().await, stage.bound("shop").await);
    let alias = |index: usize| stage.people[index].pseudonym.as_str();
    let five = Some(5);
    let to = [
        (five, alias(0)),
        (Some(1), "8619900000001"),
        (five, "SomebodyElse"),
        (five, alias(1)),
        (None, "everybody"),
        (five, ""),
        (five, alias(2)),
    ];
    let response = peer.call(SUBMIT_MULTI, multi(&to, "to all", &[])).await;
    assert_eq!((response.id, response.status), (SUBMIT_MULTI | RESPONSE, 0));
    let (id, failed) = result(&response);
    let expected = [("", 0x0b), ("SomebodyElse", 0x401), ("everybody", 0x34), ("", 0x0b)]
        .map(|(to, why)| (to.to_owned(), why));
    assert_eq!(failed, expected);
    assert!(!response.body.windows(10).any(|window| window == b"9900000001"));
    let mut seen = Vec::new();
    for index in 0..3 {
        let message = link.took(&format!("id-{index}")).await;
        assert_eq!(
            (message.text(), message.destination()),
            ("to all".to_owned(), stage.people[index].number.clone())
        );
        seen.push(message);
    }
    link.is_quiet().await;
    for index in [2, 0, 1] {
        assert_eq!(state(&mut peer, &id).await, 1, "not all have ended");
        link.receipt(&seen[index], &format!("id-{index}"), if index == 1 { "UNDELIV" } else { "DELIVRD" })
            .await;
        let receipt = peer.delivered().await;
        assert_eq!(
            (receipt.tlv_text(RECEIPTED_ID).unwrap(), &receipt.source.2[..]),
            (id.clone(), alias(index))
        );
    }
    assert_eq!(state(&mut peer, &id).await, 5, "the worst of all");
    assert_eq!(stage.metric("veilgate_submits_accepted_total", "shop"), 3.0);
}

/// Where nobody gets it there is no id, and the status says why if it is the same for all.
#[tokio::test]
async fn nobody_may_be_left() {
    let stage = Stage::plain().await;
    let (mut link, mut peer) = (stage.link().await, stage.bound("shop").await);
    let five = Some(5);
    for (to, status, failures) in [
        (&[(five, "NobodyAtAll"), (five, "SomebodyElse")][..], 0x401, 2),
        (&[(five, "NobodyAtAll"), (None, "list")], 0x45, 2),
        (&[], 0x33, 0),
    ] {
        let response = peer.call(SUBMIT_MULTI, multi(to, "to nobody", &[])).await;
        assert_eq!((response.id, response.status), (SUBMIT_MULTI | RESPONSE, status), "{response:?}");
        assert!(response.reason().is_some());
        let (id, failed) = result(&response);
        assert_eq!((&id[..], failed.len()), ("", failures));
    }
    let many = vec![(five, "NobodyAtAll"); 255];
    assert_eq!(peer.call(SUBMIT_MULTI, multi(&many, "too many", &[])).await.status, 0x33);
    let unknown_flag = [&b"\0\0\x0110690001\0\x01\x03"[..], &[0; 12]].concat();
    assert_eq!(peer.call(SUBMIT_MULTI, unknown_flag).await.status, 0x40);
    let mut receiver = stage.bound_as(BIND_RECEIVER, "shop").await;
    assert_eq!(receiver.call(SUBMIT_MULTI, multi(&[], "x", &[])).await.status, 4);
    link.is_quiet().await;
}

/// TLVs name one recipient: of one destination, not of several.
#[tokio::test]
async fn tlvs_name_one() {
    let stage = Stage::plain().await;
    let (mut link, mut peer) = (stage.link().await, stage.bound("shop").await);
    let alias = stage.people[0].pseudonym.as_str();
    let length = u16::try_from(alias.len()).unwrap().to_be_bytes();
    let tlv = [&PSEUDONYM.to_be_bytes()[..], &length, alias.as_bytes()].concat();
    let response = peer.call(SUBMIT_MULTI, multi(&[(Some(0), "")], "by tlv", &tlv)).await;
    assert_eq!((response.status, result(&response).1), (0, Vec::new()));
    assert_eq!(link.took("7").await.text(), "by tlv");
    let two = [(Some(0), ""), (Some(5), alias)];
    assert_eq!(peer.call(SUBMIT_MULTI, multi(&two, "by tlv", &tlv)).await.status, 0xc1);
    link.is_quiet().await;
}

/// The whole list, as long as it may be, is one durable step, and its id takes all of it back.
#[tokio::test]
async fn a_whole_list_is_taken_back() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let to: Vec<_> = (0..254).map(|index| (Some(5), stage.people[index % 12].pseudonym.as_str())).collect();
    let response = peer.call(SUBMIT_MULTI, multi(&to, "to all", &[])).await;
    assert_eq!(response.status, 0, "{response:?}");
    let (id, failed) = result(&response);
    assert_eq!(failed, []);
    let replace = format!("{id}\0\0\x01{SERVICE_NUMBER}\0\0\0\x01\0\x05later");
    assert_eq!(peer.call(REPLACE_SM, replace.into_bytes()).await.status, 0);
    let cancel = format!("\0{id}\0\0\x01{SERVICE_NUMBER}\0\0\0\0");
    assert_eq!(peer.call(CANCEL_SM, cancel.clone().into_bytes()).await.status, 0);
    for _ in 0..254 {
        let receipt = peer.delivered().await;
        assert_eq!(receipt.tlv_text(RECEIPTED_ID).unwrap(), id);
        assert_eq!(receipt.tlv(MESSAGE_STATE).unwrap(), [4]);
    }
    assert_eq!(state(&mut peer, &id).await, 4);
    assert_eq!(peer.call(CANCEL_SM, cancel.into_bytes()).await.status, 0x11);
    stage.link().await.is_quiet().await;
}

/// Each destination counts against the rate.
#[tokio::test]
async fn destinations_count_against_the_rate() {
    let stage = Stage::set(Plan { shop: "rate_per_second = 4", ..Plan::default() }).await;
    let mut peer = stage.bound("shop").await;
    let to: Vec<_> = (0..3).map(|index| (Some(5), stage.people[index].pseudonym.as_str())).collect();
    assert_eq!(peer.call(SUBMIT_MULTI, multi(&to, "three", &[])).await.status, 0);
    let response = peer.call(SUBMIT_MULTI, multi(&to, "three more", &[])).await;
    assert_eq!((response.status, response.reason().as_deref()), (0x58, Some("5003")));
}
