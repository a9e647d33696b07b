//! How sessions end: smpp-cases.md 4 to 8 and 23.

use super::peer::{
    CONFIG, Seen, at, bind, client, deliver, expire, feed, feed_at, raw, send, sent, sent_ids, server, submit,
};
use crate::codec::{CommandId, Status};
use crate::pdu::{Bind, BindMode};
use crate::session::{CloseReason, SendError, Session, State};
use crate::side::{North, South};

fn closed(reason: CloseReason) -> Vec<Seen> {
    vec![Seen::Closed(reason)]
}

#[test]
fn case_4_a_silent_peer_is_given_up() {
    let mut session = client();
    assert_eq!((expire(&mut session, 30_000), expire(&mut session, 60_000)), (vec![], vec![]));
    assert_eq!(sent(&mut session).len(), 2);
    assert_eq!(expire(&mut session, 90_000), closed(CloseReason::Silent));
    assert_eq!((expire(&mut session, 90_001), session.deadline()), (vec![], None));
}

#[test]
fn case_5_unbind_waits_for_what_is_open_both_ways() {
    let mut session = server();
    feed(&mut session, &submit(3));
    deliver(&mut session, 1, 0).unwrap();
    sent(&mut session);
    session.unbind(at(0));
    assert_eq!((session.state(), sent(&mut session).len()), (State::Draining, 0));
    assert_eq!(deliver(&mut session, 2, 0), Err(SendError::Closed));
    assert_eq!(feed(&mut session, &submit(4)), [Seen::Refused(Status::RMSGQFUL)]);
    session.submit_response(3, Status::OK, None, None);
    sent(&mut session);
    feed(&mut session, &raw(CommandId::DELIVER_SM_RESP, Status::OK, 1, b"\0"));
    assert_eq!(sent_ids(&mut session), [(CommandId::UNBIND, Status::OK, 2)]);
    assert_eq!(
        feed(&mut session, &raw(CommandId::UNBIND_RESP, Status::OK, 2, &[])),
        closed(CloseReason::Unbound)
    );
}

#[test]
fn case_5_an_idle_session_unbinds_at_once() {
    let mut session = client();
    session.unbind(at(0));
    assert_eq!(sent_ids(&mut session), [(CommandId::UNBIND, Status::OK, 2)]);
    assert_eq!(session.deadline(), Some(at(10_000)));
    assert_eq!(expire(&mut session, 10_000), closed(CloseReason::UnbindTimeout));
}

#[test]
fn case_5_draining_ends_in_time_with_unknown_outcomes_told() {
    let mut session = client();
    send(&mut session, 1, 0).unwrap();
    sent(&mut session);
    session.unbind(at(0));
    assert_eq!(session.deadline(), Some(at(5_000)));
    assert_eq!(expire(&mut session, 5_000), []);
    assert_eq!(sent_ids(&mut session), [(CommandId::UNBIND, Status::OK, 3)]);
    assert_eq!(
        feed(&mut session, &raw(CommandId::UNBIND_RESP, Status::OK, 3, &[])),
        closed(CloseReason::Unbound)
    );
    assert_eq!(session.outstanding().collect::<Vec<_>>(), [1]);
}

#[test]
fn case_5_the_peers_unbind_is_answered_last() {
    let mut session = server();
    feed(&mut session, &[submit(3), submit(4)].concat());
    assert_eq!(feed(&mut session, &raw(CommandId::UNBIND, Status::OK, 5, &[])), [Seen::Unbinding]);
    assert_eq!(feed(&mut session, &submit(6)), [Seen::Refused(Status::RINVBNDSTS)]);
    session.submit_response(4, Status::OK, None, None);
    session.submit_response(3, Status::OK, None, None);
    assert_eq!(session.close_reason(), Some(CloseReason::PeerUnbound));
    let numbers: Vec<u32> = sent(&mut session).iter().map(|pdu| pdu.sequence).collect();
    assert_eq!(numbers, [6, 4, 3, 5]);
    assert_eq!(session.deadline(), Some(at(0)));
    assert_eq!(expire(&mut session, 0), closed(CloseReason::PeerUnbound));
}

#[test]
fn case_5_the_peers_unbind_of_an_idle_session() {
    let mut session = client();
    let seen = feed(&mut session, &raw(CommandId::UNBIND, Status::OK, 5, &[]));
    assert_eq!(seen, closed(CloseReason::PeerUnbound));
    assert_eq!(sent_ids(&mut session), [(CommandId::UNBIND_RESP, Status::OK, 5)]);
}

#[test]
fn case_5_the_peers_unbind_does_not_wait_for_ever() {
    let mut session = client();
    send(&mut session, 1, 0).unwrap();
    sent(&mut session);
    feed_at(&mut session, &raw(CommandId::UNBIND, Status::OK, 5, &[]), 100);
    assert_eq!(expire(&mut session, 5_100), closed(CloseReason::PeerUnbound));
    assert_eq!(sent_ids(&mut session), [(CommandId::UNBIND_RESP, Status::OK, 5)]);
    assert_eq!(session.outstanding().collect::<Vec<_>>(), [1]);
}

#[test]
fn case_5_both_unbind_at_once() {
    let mut session = server();
    session.unbind(at(0));
    sent(&mut session);
    assert_eq!(feed(&mut session, &raw(CommandId::UNBIND, Status::OK, 7, &[])), []);
    assert_eq!(sent_ids(&mut session), [(CommandId::UNBIND_RESP, Status::OK, 7)]);
    assert_eq!(
        feed(&mut session, &raw(CommandId::UNBIND_RESP, Status::OK, 1, &[])),
        closed(CloseReason::Unbound)
    );
}

#[test]
fn case_7_a_length_that_cannot_be_closes_at_header_time() {
    for (length, octets, sequence) in [(15u32, 16, 9), (4097, 16, 9), (0, 4, 0), (0xFFFF_FFFF, 4, 0)] {
        let mut session = server();
        let header = [length, CommandId::SUBMIT_SM.0, 0, 9].map(u32::to_be_bytes).concat();
        assert_eq!(feed(&mut session, &header[..octets]), closed(CloseReason::BadLength));
        assert_eq!(sent_ids(&mut session), [(CommandId::GENERIC_NACK, Status::RINVCMDLEN, sequence)]);
        assert_eq!(feed(&mut session, &submit(1)), [], "nothing is read after it");
    }
    let mut session = server();
    let longest = raw(CommandId::SUBMIT_SM, Status::OK, 1, &vec![0; 4096 - 16]);
    assert_eq!(feed(&mut session, &longest).len(), 1);
    assert_eq!(session.close_reason(), None);
}

#[test]
fn case_8_a_client_that_never_binds() {
    let mut session = Session::<North>::new(CONFIG, at(100));
    feed_at(&mut session, &raw(CommandId::ENQUIRE_LINK, Status::OK, 1, &[]), 4_000);
    assert_eq!(session.deadline(), Some(at(5_100)));
    assert_eq!(expire(&mut session, 5_100), closed(CloseReason::BindTimeout));
    let mut waiting = Session::<South>::new(CONFIG, at(0));
    waiting.bind(&Bind::default(), at(4_000)).unwrap();
    assert_eq!(expire(&mut waiting, 5_000), closed(CloseReason::BindTimeout));
}

#[test]
fn case_8_a_pdu_that_drips() {
    let mut session = server();
    let input = submit(1);
    for (octet, ms) in (1..input.len()).zip((0..).step_by(100)) {
        assert_eq!(feed_at(&mut session, &input[..octet], ms), (vec![], input[..octet].to_vec()));
    }
    assert_eq!(session.deadline(), Some(at(2_000)));
    assert_eq!(expire(&mut session, 2_000), closed(CloseReason::PduTimeout));
}

#[test]
fn case_8_a_whole_pdu_ends_the_wait_and_the_next_begins_its_own() {
    let mut session = server();
    let input = [submit(1), submit(2)].concat();
    let cut = submit(1).len() + 5;
    assert_eq!(feed_at(&mut session, &input[..10], 0).0, []);
    assert_eq!(feed_at(&mut session, &input[..cut], 1_500).0, [Seen::Submit(1)]);
    assert_eq!(session.deadline(), Some(at(3_500)));
    assert_eq!(feed_at(&mut session, &input[submit(1).len()..], 3_499).0, [Seen::Submit(2)]);
    assert_eq!(session.deadline(), Some(at(33_499)));
}

#[test]
fn case_10_a_refused_bind_ends_the_session() {
    let mut session = Session::<North>::new(CONFIG, at(0));
    feed(&mut session, &bind(BindMode::Transmitter, 0x34, 4));
    session.refuse_bind(Status::RINVPASWD).unwrap();
    assert_eq!(sent_ids(&mut session), [(CommandId::BIND_TRANSMITTER_RESP, Status::RINVPASWD, 4)]);
    assert_eq!(expire(&mut session, 0), closed(CloseReason::BindRefused(Status::RINVPASWD)));
    assert_eq!(session.refuse_bind(Status::RINVPASWD), Err(SendError::WrongState));
}

#[test]
fn case_10_our_bind_is_refused() {
    for (id, status, told) in [
        (CommandId::BIND_TRANSCEIVER_RESP, Status::RINVSYSID, Status::RINVSYSID),
        (CommandId::GENERIC_NACK, Status::RINVCMDID, Status::RINVCMDID),
        (CommandId::GENERIC_NACK, Status::OK, Status::RBINDFAIL),
    ] {
        let mut session = Session::<South>::new(CONFIG, at(0));
        session.bind(&Bind::default(), at(0)).unwrap();
        let wanted = [Seen::BindRefused(told), Seen::Closed(CloseReason::BindRefused(told))];
        assert_eq!(feed(&mut session, &raw(id, status, 1, &[])), wanted);
    }
}

#[test]
fn case_19_outbind_then_we_bind() {
    let mut session = Session::<South>::new(CONFIG, at(0));
    assert_eq!(feed(&mut session, &raw(CommandId::OUTBIND, Status::OK, 1, b"smsc\0pw\0")), [Seen::Outbind]);
    session.bind(&Bind::default(), at(0)).unwrap();
    assert_eq!(session.bind(&Bind::default(), at(0)), Err(SendError::WrongState));
    let other = raw(CommandId::BIND_RECEIVER_RESP, Status::OK, 1, b"\0");
    assert_eq!(feed(&mut session, &other).len(), 1);
    assert_eq!(session.state(), State::Binding, "the response of another bind binds nothing");
    let response = raw(CommandId::BIND_TRANSCEIVER_RESP, Status::OK, 1, b"\0");
    assert_eq!(feed(&mut session, &response), [Seen::Bound(0)]);
}

#[test]
fn case_23_a_broken_connection_leaves_the_unknown_outcomes() {
    let mut session = client();
    for token in [5, 6, 7] {
        send(&mut session, token, 0).unwrap();
    }
    feed(&mut session, &raw(CommandId::SUBMIT_SM_RESP, Status::OK, 3, b"x\0"));
    session.disconnect();
    assert_eq!(expire(&mut session, 0), closed(CloseReason::Disconnected));
    assert_eq!(session.outstanding().collect::<Vec<_>>(), [5, 7]);
    session.deliver_response(1, Status::OK);
    session.unbind(at(0));
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
}
