//! Submits that come again after their answer was lost: case 27 of smpp-cases.md.

use crate::smpp_raw::*;
use crate::smpp_stage::*;

const REFERENCE: u16 = 0x0204;

/// The same reference to the same recipient is sent once and answered alike, whatever else differs; another reference,
/// recipient, part or account is another message.
#[tokio::test]
async fn a_repetition_is_answered_and_not_sent() {
    let stage = Stage::set(Plan { shop: "dedupe = \"24h\"", ..Plan::default() }).await;
    let (mut link, mut peer) = (stage.link().await, stage.bound("shop").await);
    let to = |person: usize, reference: u16| {
        let message = Message::to(&stage.people[person].pseudonym, "hello");
        message.with(REFERENCE, &reference.to_be_bytes())
    };
    // Both are under way before either is durable.
    let sequences =
        [peer.send(SUBMIT_SM, to(0, 7).body()).await, peer.send(SUBMIT_SM, to(0, 7).body()).await];
    let mut ids = Vec::new();
    for sequence in sequences {
        let response = peer.response(sequence).await;
        assert_eq!(response.status, 0);
        ids.push(response.text());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(peer.call(DATA_SM, to(0, 7).data_body()).await.text(), ids[0]);
    let mut other_bind = stage.bound("shop").await;
    assert_eq!(other_bind.accepted(&to(0, 7)).await, ids[0]);
    link.took("1").await;
    link.is_quiet().await;
    let part = |number: u8| {
        let message = to(0, 7).with(0x020c, &[0xca, 0xfe]);
        message.with(0x020e, &[2]).with(0x020f, &[number])
    };
    for message in [to(0, 8), to(1, 7), part(1), part(2)] {
        let id = peer.accepted(&message).await;
        assert!(!ids.contains(&id));
        ids.push(id);
    }
    for text in ["hello", "hello", "hellohello"] {
        assert_eq!(link.took("2").await.text(), text, "parts are told apart by their numbers");
    }
    let plain = Message::to(&stage.people[0].pseudonym, "without a reference");
    assert_ne!(peer.accepted(&plain).await, peer.accepted(&plain).await);
    let mut notary = stage.bound("notary").await;
    assert_ne!(notary.accepted(&to(0, 7)).await, notary.accepted(&to(0, 7)).await, "it did not ask for it");
}

/// A refused submit is not remembered, and what is remembered is for its time.
#[tokio::test]
async fn only_what_was_accepted_is_a_repetition() {
    let stage = Stage::set(Plan { shop: "dedupe = \"1s\"", ..Plan::default() }).await;
    let (mut link, mut peer) = (stage.link().await, stage.bound("shop").await);
    let message = Message::to(&stage.people[0].pseudonym, "hello").with(REFERENCE, &[0, 7]);
    let mut wrong = message.clone();
    wrong.source.2 = "10690002".to_owned();
    peer.refused(&wrong, 0x0a, "5011").await;
    let first = peer.accepted(&message).await;
    link.took("1").await;
    let again = async {
        loop {
            let id = peer.accepted(&message).await;
            if id != first {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("forgotten in time");
    link.took("2").await;
}
