//! Binds, states and versions: cases 4, 8, 10 and 22 of smpp-cases.md.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

use crate::smpp_raw::*;
use crate::smpp_stage::*;

async fn connect_from(own: &str, to: SocketAddr) -> Peer {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{own}:0").parse().unwrap()).unwrap();
    Peer::over(socket.connect(to).await.unwrap())
}

/// Cases 4 and 10: what is out of state gets its status; `enquire_link` is answered in every state.
#[tokio::test]
async fn state_errors_have_their_statuses_and_the_session_lives() {
    let stage = Stage::plain().await;
    let message = Message::to(&stage.people[0].pseudonym, "early");
    let mut peer = Peer::connect(stage.north()).await;
    peer.is_quiet().await;
    let early = peer.submit(&message).await;
    assert_eq!((early.id, early.status), (SUBMIT_SM | RESPONSE, 4));
    let unbind = peer.call(UNBIND, Vec::new()).await;
    assert_eq!((unbind.id, unbind.status), (UNBIND | RESPONSE, 4));
    let bound = peer.bind(BIND_RECEIVER, "shop", PASSWORD, 0x34).await;
    assert_eq!((bound.id, bound.status), (BIND_RECEIVER | RESPONSE, 0));
    assert_eq!(peer.submit(&message).await.status, 4, "a receiver submits nothing");
    assert_eq!(peer.call(DATA_SM, message.data_body()).await.status, 4);
    for mode in [BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER] {
        let again = peer.bind(mode, "shop", PASSWORD, 0x34).await;
        assert_eq!((again.id, again.status), (mode | RESPONSE, 5), "already bound");
    }
    peer.is_quiet().await;
}

/// Case 10: a wrong password and an unknown account cannot be told apart, by answer or by time.
#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_look_the_same() {
    let stage = Stage::plain().await;
    let mut answers = Vec::new();
    for (account, password) in [("shop", "wrong"), ("nobody", "wrong"), ("shop", ""), ("", PASSWORD)] {
        let mut peer = Peer::connect(stage.north()).await;
        let began = tokio::time::Instant::now();
        let response = peer.bind(BIND_TRANSCEIVER, account, password, 0x34).await;
        let lasted = began.elapsed();
        assert!(lasted.as_millis() >= 400, "guessing is slow: {lasted:?}");
        assert_eq!((response.id, response.status), (BIND_TRANSCEIVER | RESPONSE, 0x0e), "for {account:?}");
        answers.push((response.body.clone(), lasted));
        assert!(peer.until_closed().await.is_empty());
    }
    assert!(answers.iter().all(|(body, _)| *body == answers[0].0));
    let (shop, nobody) = (answers[0].1.as_secs_f64(), answers[1].1.as_secs_f64());
    assert!(shop < nobody * 4.0 && nobody < shop * 4.0, "{shop} and {nobody} s");
}

/// Case 10: too many wrong passwords lock the account for that address only, and only for a while.
#[tokio::test]
async fn wrong_passwords_lock_an_account_for_their_address() {
    let north = "lockout_failures = 2\nlockout_for = \"3s\"";
    let stage = Stage::set(Plan { north, ..Plan::default() }).await;
    let mut statuses = Vec::new();
    for password in ["wrong", "wrong", PASSWORD] {
        let mut peer = Peer::connect(stage.north()).await;
        statuses.push(peer.bind(BIND_TRANSCEIVER, "shop", password, 0x34).await.status);
    }
    assert_eq!(statuses, [0x0e, 0x0d, 0x0d], "the last one was right, but the account is locked");
    let mut other = connect_from("127.0.0.2", stage.north()).await;
    assert_eq!(other.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x34).await.status, 0);
    stage.bound("notary").await;
    let free = async {
        loop {
            let mut peer = Peer::connect(stage.north()).await;
            if peer.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x34).await.status == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, free).await.expect("the lock never ends");
}

/// Case 10: no more binds of an account than it may have; one that ends makes room.
#[tokio::test]
async fn an_account_has_so_many_binds_at_most() {
    let stage = Stage::set(Plan { shop: "max_binds = 2", ..Plan::default() }).await;
    let mut first = stage.bound("shop").await;
    let mut second = stage.bound_as(BIND_TRANSMITTER, "shop").await;
    let mut third = Peer::connect(stage.north()).await;
    assert_eq!(third.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x34).await.status, 0x0d);
    assert!(third.until_closed().await.is_empty());
    assert_eq!(first.call(UNBIND, Vec::new()).await.status, 0);
    assert!(first.until_closed().await.is_empty());
    stage.bound_as(BIND_RECEIVER, "shop").await;
    second.is_quiet().await;
}

/// Case 10: an account binds from its own networks only.
#[tokio::test]
async fn an_account_comes_from_its_own_addresses() {
    let stage = Stage::set(Plan { shop: "allow_from = [\"127.0.0.2/32\"]", ..Plan::default() }).await;
    let mut stranger = Peer::connect(stage.north()).await;
    assert_eq!(stranger.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x34).await.status, 0x0d);
    let mut known = connect_from("127.0.0.2", stage.north()).await;
    assert_eq!(known.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x34).await.status, 0);
}

/// Case 10: a suspended account does not bind.
#[tokio::test]
async fn a_suspended_account_does_not_bind() {
    let stage = Stage::set(Plan { shop: "suspended = true", ..Plan::default() }).await;
    let mut peer = Peer::connect(stage.north()).await;
    assert_eq!(peer.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x34).await.status, 0x0d);
}

/// Case 22: a 3.3 client is sent no TLV, neither in responses nor with a receipt; later versions are.
#[tokio::test]
async fn versions_below_3_4_are_sent_no_tlvs() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    stage.channels_up(1).await;
    for version in [0x33, 0x34, 0x50, 0x00] {
        let has_tlvs = version >= 0x34;
        let mut peer = Peer::connect(stage.north()).await;
        let bound = peer.bind(BIND_TRANSCEIVER, "shop", PASSWORD, version).await;
        assert_eq!(bound.status, 0);
        let mut expected = b"veilgate\0".to_vec();
        if has_tlvs {
            expected.extend([0x02, 0x10, 0, 1, 0x50]);
        }
        assert_eq!(bound.body, expected, "version {version:#x}");
        let refused = peer.submit(&Message::to("NobodyHere", "x")).await;
        assert_eq!((refused.status, refused.reason().is_some()), (0x401, has_tlvs));
        let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "hello")).await;
        let seen = link.took(&format!("id-{version}")).await;
        link.receipt(&seen, &format!("id-{version}"), "DELIVRD").await;
        let receipt = peer.delivered().await;
        assert_eq!(receipt.tlvs.is_empty(), !has_tlvs, "version {version:#x}");
        assert!(receipt.text().starts_with(&format!("id:{id} ")), "{}", receipt.text());
        assert_eq!(peer.call(UNBIND, Vec::new()).await.status, 0);
        peer.until_closed().await;
    }
}
