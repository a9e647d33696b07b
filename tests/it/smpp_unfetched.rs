//! Receipts that nobody is there to take, and clients that have said their last word: cases 15, 23 and 24 of smpp-cases.md.

use crate::smpp_raw::*;
use crate::smpp_stage::*;

/// A message of account `shop` that ends as delivered; its id.
async fn delivered(stage: &Stage, peer: &mut Peer, link: &mut Peer, smsc_id: &str) -> String {
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "hello")).await;
    let seen = link.took(smsc_id).await;
    link.receipt(&seen, smsc_id, "DELIVRD").await;
    id
}

/// Case 23: receipts wait for whichever bind of their account comes first, in the order of the ends; a client of 3.3 gets
/// them without TLVs, another account does not get them.
#[tokio::test]
async fn receipts_wait_for_their_account() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut sender = stage.bound_as(BIND_TRANSMITTER, "shop").await;
    let mut ids = Vec::new();
    for smsc_id in ["1", "2", "3", "4"] {
        ids.push(delivered(&stage, &mut sender, &mut link, smsc_id).await);
    }
    sender.is_quiet().await;
    drop(sender);
    stage.bound("notary").await.is_quiet().await;
    let mut old = Peer::connect(stage.north()).await;
    assert_eq!(old.bind(BIND_RECEIVER, "shop", PASSWORD, 0x33).await.status, 0);
    for id in &ids[..2] {
        let receipt = old.delivered().await;
        assert!(receipt.text().starts_with(&format!("id:{id} ")), "{}", receipt.text());
        assert_eq!(receipt.tlvs, []);
    }
    let unanswered = old.incoming(DELIVER_SM).await;
    assert!(unanswered.text().starts_with(&format!("id:{} ", ids[2])));
    drop(old);
    let mut receiver = stage.bound_as(BIND_RECEIVER, "shop").await;
    for id in &ids[2..] {
        assert_eq!(receiver.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), *id);
    }
    receiver.is_quiet().await;
}

/// A receipt that nobody fetches within its lifetime is let go, which is counted and recorded.
#[tokio::test]
async fn receipts_have_a_lifetime() {
    let stage = Stage::set(Plan { flow: "receipt_lifetime = \"1s\"", ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut sender = stage.bound_as(BIND_TRANSMITTER, "shop").await;
    for smsc_id in ["1", "2"] {
        delivered(&stage, &mut sender, &mut link, smsc_id).await;
    }
    stage.counted("veilgate_receipts_dropped_total", "shop", 2.0).await;
    stage.bound_as(BIND_RECEIVER, "shop").await.is_quiet().await;
    let recorded = || {
        let audit = std::fs::read_to_string(stage.config.audit_file()).unwrap_or_default();
        audit.lines().any(|line| line.contains("\"receipts_dropped\"") && line.contains("\"shop\""))
    };
    until("the audit record", recorded).await;
}

/// Case 24: a client that closes its half after its last request gets every answer before the gateway closes the other.
#[tokio::test]
async fn who_has_said_everything_is_still_answered() {
    let stage = Stage::set(Plan { north: "window_in = 2", ..Plan::default() }).await;
    let mut peer = stage.bound_as(BIND_TRANSCEIVER, "shop").await;
    let message = Message::to(&stage.people[0].pseudonym, "the last of it");
    let mut sequences = Vec::new();
    for _ in 0..20 {
        sequences.push(peer.send(SUBMIT_SM, message.body()).await);
    }
    peer.finish().await;
    let said = peer.until_closed().await;
    let mut answered: Vec<u32> = said.iter().map(|pdu| pdu.sequence).collect();
    answered.sort_unstable();
    assert_eq!(answered, sequences);
    assert!(said.iter().all(|pdu| (pdu.id, pdu.status) == (SUBMIT_SM | RESPONSE, 0)), "{said:?}");
}
