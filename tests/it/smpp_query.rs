//! What a client may ask about its messages: cases 10, 19 and 22 of smpp-cases.md.

use veilgate::admin::Request;
use veilgate_names::AuthorizationId;

use crate::smpp_raw::*;
use crate::smpp_stage::*;

const SOURCE: &str = "\0\x0110690001\0";

fn query(id: &str, source: &str) -> Vec<u8> {
    format!("{id}\0{source}").into_bytes()
}

fn cancel(id: &str, source: &str, alias: &str) -> Vec<u8> {
    format!("\0{id}\0{source}\x05\0{alias}\0").into_bytes()
}

fn replace(id: &str, validity: &str, registered: u8, text: &str) -> Vec<u8> {
    let length = char::from(u8::try_from(text.len()).unwrap());
    let registered = char::from(registered);
    format!("{id}\0{SOURCE}\0{validity}\0{registered}\0{length}{text}").into_bytes()
}

/// What a `query_sm_resp` says: final date and state.
async fn state(peer: &mut Peer, id: &str) -> (String, u8) {
    let response = peer.call(QUERY_SM, query(id, SOURCE)).await;
    assert_eq!((response.id, response.status), (QUERY_SM | RESPONSE, 0), "{response:?}");
    assert_eq!(response.text(), id);
    let rest = &response.body[id.len() + 1..];
    let end = rest.iter().position(|octet| *octet == 0).unwrap();
    let [state, error] = rest[end + 1..] else { panic!("{response:?}") };
    assert_eq!(error, 0);
    (String::from_utf8(rest[..end].to_vec()).unwrap(), state)
}

async fn answered(peer: &mut Peer, command: u32, body: Vec<u8>, status: u32) {
    let response = peer.call(command, body).await;
    assert_eq!((response.id, response.status), (command | RESPONSE, status), "{response:?}");
    assert_eq!(response.reason().is_some(), status != 0, "{response:?}");
}

/// A message is found by its account, by id and source, from its acceptance until after its end.
#[tokio::test]
async fn a_message_is_found_by_its_account() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let mut other = stage.bound("notary").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "where am I")).await;
    assert_eq!(state(&mut peer, &id).await, (String::new(), 1));
    answered(&mut peer, QUERY_SM, query(&id.to_uppercase(), "\0\0\0"), 0).await;
    for (id, source, status) in [
        (&id[..], "\0\x0110690002\0", 0x67),
        ("0000000000000001", SOURCE, 0x67),
        ("no-id-of-ours", SOURCE, 0x0c),
        ("", SOURCE, 0x0c),
    ] {
        answered(&mut peer, QUERY_SM, query(id, source), status).await;
    }
    answered(&mut other, QUERY_SM, query(&id, SOURCE), 0x67).await;
    let mut link = stage.link().await;
    let seen = link.took("7").await;
    assert_eq!(state(&mut peer, &id).await, (String::new(), 1));
    link.receipt(&seen, "7", "DELIVRD").await;
    peer.delivered().await;
    let (date, delivered) = state(&mut peer, &id).await;
    assert_eq!((date.len(), date.ends_with('+'), delivered), (16, true, 2), "{date}");
    answered(&mut other, QUERY_SM, query(&id, SOURCE), 0x67).await;
    answered(&mut peer, QUERY_SM, query(&id, "\0\x0110690002\0"), 0x67).await;
}

/// Who remembers nothing says so; so does who must forget.
#[tokio::test]
async fn ends_are_remembered_as_configured() {
    let stage = Stage::set(Plan { flow: "remember_ended = 0", ..Plan::default() }).await;
    let (mut link, mut peer) = (stage.link().await, stage.bound("shop").await);
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "soon forgotten")).await;
    let seen = link.took("7").await;
    assert_eq!(state(&mut peer, &id).await.1, 1);
    link.receipt(&seen, "7", "DELIVRD").await;
    peer.delivered().await;
    answered(&mut peer, QUERY_SM, query(&id, SOURCE), 0x67).await;
}

/// Case 10: none of it is for a receiver, or for who has not bound.
#[tokio::test]
async fn receivers_ask_nothing() {
    let stage = Stage::plain().await;
    let mut receiver = stage.bound_as(BIND_RECEIVER, "shop").await;
    let mut unbound = Peer::connect(stage.north()).await;
    let id = "0000000000000001";
    for peer in [&mut receiver, &mut unbound] {
        for (command, body) in [
            (QUERY_SM, query(id, SOURCE)),
            (CANCEL_SM, cancel(id, SOURCE, "")),
            (REPLACE_SM, replace(id, "", 0, "hi")),
            (0x111, Vec::new()),
        ] {
            let response = peer.call(command, body).await;
            assert_eq!((response.id, response.status), (command | RESPONSE, 4), "{response:?}");
        }
    }
}

/// The broadcasts of 5.0 are refused in their own kind, whatever they say; the session lives.
#[tokio::test]
async fn broadcasts_are_refused_as_what_they_are() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    for command in [0x111, 0x112, 0x113] {
        for body in [Vec::new(), b"\0id\0\0\0\0".to_vec()] {
            let response = peer.call(command, body).await;
            assert_eq!((response.id, response.status), (command | RESPONSE, 3), "{response:?}");
        }
    }
    peer.is_quiet().await;
}

/// What waits is taken back, with a receipt, and never sent.
#[tokio::test]
async fn what_waits_is_taken_back() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let mut other = stage.bound("notary").await;
    let alias = &stage.people[0].pseudonym;
    let id = peer.accepted(&Message::to(alias, "never sent")).await;
    answered(&mut other, CANCEL_SM, cancel(&id, SOURCE, ""), 0x11).await;
    answered(&mut peer, CANCEL_SM, cancel(&id, "\0\x0110690002\0", ""), 0x11).await;
    answered(&mut peer, CANCEL_SM, cancel("nonsense", SOURCE, ""), 0x0c).await;
    answered(&mut peer, CANCEL_SM, cancel(&id, SOURCE, ""), 0).await;
    let receipt = peer.delivered().await;
    assert_eq!(receipt.tlv_text(RECEIPTED_ID).unwrap(), id);
    assert_eq!(receipt.tlv(MESSAGE_STATE).unwrap(), [4]);
    assert!(receipt.text().contains("stat:DELETED"), "{}", receipt.text());
    assert_eq!(state(&mut peer, &id).await.1, 4);
    answered(&mut peer, CANCEL_SM, cancel(&id, SOURCE, ""), 0x11).await;
    let sent = peer.accepted(&Message::to(alias, "sent")).await;
    let mut link = stage.link().await;
    let seen = link.took("7").await;
    assert_eq!(seen.text(), "sent");
    link.is_quiet().await;
    answered(&mut peer, CANCEL_SM, cancel(&sent, SOURCE, ""), 0x11).await;
    link.receipt(&seen, "7", "DELIVRD").await;
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), sent);
    assert_eq!(stage.metric("veilgate_messages_final_total", "state=\"cancelled\""), 1.0);
}

/// Without an id, all that waits from this source to this recipient is taken back, and nothing else.
#[tokio::test]
async fn what_waits_for_somebody_is_taken_back() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let mut other = stage.bound("notary").await;
    let [first, second] = [0, 1].map(|index| stage.people[index].pseudonym.clone());
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(peer.accepted(&Message::to(&first, "never sent")).await);
    }
    let mut later = Message::to(&first, "never sent");
    later.schedule = "000001000000000R".to_owned();
    waiting.push(peer.accepted(&later).await);
    let mut foreign = later.clone();
    foreign.text = b"from another, later".to_vec();
    let kept = other.accepted(&foreign).await;
    peer.accepted(&Message::to(&second, "to another")).await;
    other.accepted(&Message::to(&first, "from another")).await;
    answered(&mut peer, CANCEL_SM, cancel("", "\0\x0110690002\0", &first), 0x11).await;
    answered(&mut peer, CANCEL_SM, cancel("", SOURCE, "8619900000000"), 0x0b).await;
    answered(&mut peer, CANCEL_SM, cancel("", "\0\0\0", &first), 0x0a).await;
    until_cancelled(&mut peer, cancel("", SOURCE, &first)).await;
    for id in &waiting {
        assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), *id);
        assert_eq!(state(&mut peer, id).await.1, 4);
    }
    let mut link = stage.link().await;
    let mut texts = [link.took("7").await.text(), link.took("8").await.text()];
    texts.sort();
    assert_eq!(texts, ["from another", "to another"]);
    assert_eq!(state(&mut other, &kept).await.1, 1, "another's waits for its time");
    link.is_quiet().await;
}

/// A search by addresses is taken a few times a second; between, the client is told to wait.
async fn until_cancelled(peer: &mut Peer, body: Vec<u8>) {
    loop {
        let response = peer.call(CANCEL_SM, body.clone()).await;
        match response.status {
            0 => return,
            0x58 => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            other => panic!("status {other:#x}"),
        }
    }
}

/// Text, validity and report wish of what waits are changed; of what is sent, another's or a part, they are not.
#[tokio::test]
async fn what_waits_is_changed() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let mut other = stage.bound("notary").await;
    let alias = &stage.people[0].pseudonym;
    let id = peer.accepted(&Message::to(alias, "first thought")).await;
    let mut part = Message::to(alias, "");
    (part.esm_class, part.text) = (0x40, b"\x05\0\x03\x01\x02\x01part".to_vec());
    let part = peer.accepted(&part).await;
    answered(&mut other, REPLACE_SM, replace(&id, "", 1, "x"), 0x13).await;
    answered(&mut peer, REPLACE_SM, replace(&part, "", 1, "x"), 0x13).await;
    answered(&mut peer, REPLACE_SM, replace("nonsense", "", 1, "x"), 0x0c).await;
    answered(&mut peer, REPLACE_SM, replace(&id, "200101000000000+", 1, "x"), 0x62).await;
    answered(&mut peer, REPLACE_SM, replace(&id, "", 0x61, "x"), 0x07).await;
    answered(&mut peer, REPLACE_SM, replace(&id, "", 0, "second thought"), 0).await;
    let mut link = stage.link().await;
    let seen = link.took("7").await;
    assert_eq!(
        (seen.text(), seen.destination()),
        ("second thought".to_owned(), stage.people[0].number.clone())
    );
    answered(&mut peer, REPLACE_SM, replace(&id, "", 0, "third thought"), 0x13).await;
    assert_eq!(state(&mut peer, &part).await.1, 1, "a part that waits for the others is on its way");
    link.receipt(&seen, "7", "DELIVRD").await;
    assert_eq!(state(&mut peer, &id).await.1, 2);
    peer.is_quiet().await;
}

/// A validity that is changed counts from then on.
#[tokio::test]
async fn a_shorter_validity_ends_it_sooner() {
    let stage = Stage::plain().await;
    let mut peer = stage.bound("shop").await;
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "long")).await;
    answered(&mut peer, REPLACE_SM, replace(&id, "000000000001000R", 1, "short"), 0).await;
    let receipt = peer.delivered().await;
    assert_eq!(
        (receipt.tlv_text(RECEIPTED_ID).unwrap(), receipt.tlv(MESSAGE_STATE).unwrap()),
        (id, &[3][..])
    );
}

/// A service is one of the known ones and reaches the SMSC.
#[tokio::test]
async fn services_are_known_ones() {
    let stage = Stage::set(Plan { flow: "service_types = [\"CMT\", \"X-1\"]", ..Plan::default() }).await;
    let (mut link, mut peer) = (stage.link().await, stage.bound("shop").await);
    for (service, taken) in [("", true), ("CMT", true), ("X-1", true), ("WAP", false), ("cmt", false)] {
        let mut message = Message::to(&stage.people[0].pseudonym, "hi");
        message.service_type = service.as_bytes().to_vec();
        if taken {
            peer.accepted(&message).await;
            assert_eq!(link.took(service).await.service_type, service.as_bytes());
        } else {
            peer.refused(&message, 0x15, "1001").await;
        }
    }
    link.is_quiet().await;
}

/// What an SMSC has is asked back there where the channel says so; its answer is the answer.
#[tokio::test]
async fn an_smsc_is_asked_back() {
    let stage = Stage::set(Plan { channels: &["cancel = true"], ..Plan::default() }).await;
    let (mut link, mut peer) = (stage.link().await, stage.bound("shop").await);
    for (status, outcome, state_then) in [(0, 0, 4), (0x11, 0x11, 1)] {
        let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "with the SMSC")).await;
        let seen = link.took(&format!("their-{status}")).await;
        until("answered", || stage.metric("veilgate_channel_unanswered", "") == 0.0).await;
        let asked = peer.send(CANCEL_SM, cancel(&id, SOURCE, "")).await;
        let request = link.take(CANCEL_SM).await;
        let expected = format!("\0their-{status}\0\0\x01{}\0\0\0\0", seen.source.2);
        assert_eq!(request.body, expected.into_bytes(), "by its own id, without the number");
        link.answer(CANCEL_SM, request.sequence, status, &[]).await;
        let response = peer.response(asked).await;
        assert_eq!((response.id, response.status), (CANCEL_SM | RESPONSE, outcome));
        assert_eq!(response.reason().as_deref(), (outcome != 0).then_some("6002"));
        if outcome == 0 {
            assert_eq!(peer.delivered().await.tlv(MESSAGE_STATE).unwrap(), [4]);
        }
        assert_eq!(state(&mut peer, &id).await.1, state_then);
    }
    assert_eq!(stage.metric("veilgate_channel_cancels_total", ""), 2.0);
}

/// Acceptance 5: what is revoked between submit and response is asked back when the SMSC has answered, its end is marked,
/// and it is not sent again, though the channel sends again what may be lost.
#[tokio::test]
async fn what_is_revoked_under_way_is_asked_back() {
    let stage =
        Stage::set(Plan { channels: &["cancel = true\nretry_unknown = true"], ..Plan::default() }).await;
    let (mut link, mut peer) = (stage.link().await, stage.bound("notary").await);
    let person = &stage.people[0];
    let id = peer.accepted(&Message::to(&person.pseudonym, "revoked under way")).await;
    let submit = link.take(SUBMIT_SM).await;
    let ids = vec![AuthorizationId::parse(&person.authorization).unwrap()];
    stage.ops(Request::Revoke { authorization_ids: ids }).await;
    link.answer(SUBMIT_SM, submit.sequence, 0, b"7\0").await;
    let request = link.take(CANCEL_SM).await;
    link.answer(CANCEL_SM, request.sequence, 0x11, &[]).await;
    link.receipt(&Message::read(&submit), "7", "UNDELIV").await;
    let receipt = peer.delivered().await;
    assert_eq!(receipt.tlv_text(RECEIPTED_ID).unwrap(), id);
    assert_eq!(receipt.tlv(NETWORK_ERROR).unwrap()[1..], 3003_u16.to_be_bytes());
    link.is_quiet().await;
}

/// What is parked until its time is asked about, changed and taken back like what is not.
#[tokio::test]
async fn what_is_scheduled_is_asked_about() {
    let stage = Stage::plain().await;
    let (mut link, mut peer) = (stage.link().await, stage.bound("shop").await);
    let mut other = stage.bound("notary").await;
    let mut message = Message::to(&stage.people[0].pseudonym, "tomorrow");
    message.schedule = "000001000000000R".to_owned();
    let [cancelled, changed] = [peer.accepted(&message).await, peer.accepted(&message).await];
    for id in [&cancelled, &changed] {
        assert_eq!(state(&mut peer, id).await, (String::new(), 1));
        answered(&mut other, QUERY_SM, query(id, SOURCE), 0x67).await;
        answered(&mut other, CANCEL_SM, cancel(id, SOURCE, ""), 0x11).await;
        answered(&mut peer, QUERY_SM, query(id, "\0\x0110690002\0"), 0x67).await;
    }
    answered(&mut peer, CANCEL_SM, cancel(&cancelled, SOURCE, ""), 0).await;
    let receipt = peer.delivered().await;
    assert_eq!(receipt.tlv_text(RECEIPTED_ID).unwrap(), cancelled);
    assert_eq!(receipt.tlv(MESSAGE_STATE).unwrap(), [4]);
    answered(&mut peer, REPLACE_SM, replace(&changed, "", 1, "still tomorrow"), 0).await;
    assert_eq!(state(&mut peer, &changed).await.1, 1);
    link.is_quiet().await;
    let soon = format!("{changed}\0{SOURCE}000000000001000R\0\0\x01\0\x04soon");
    answered(&mut peer, REPLACE_SM, soon.into_bytes(), 0).await;
    let seen = link.took("7").await;
    assert_eq!(seen.text(), "soon");
    link.receipt(&seen, "7", "DELIVRD").await;
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), changed);
    link.is_quiet().await;
}
