//! The hard cases of an open session, numbered as in smpp-cases.md.

use veilgate_names::MessageId;

use super::peer::{
    CONFIG, Seen, at, bind, client, client_of, deliver, deliver_with, encoded, expire, feed, feed_at,
    message, raw, send, sent, sent_ids, server, server_of, submit,
};
use crate::codec::{Address, CString, CommandId, OctetString, Status, Tag, TlvList};
use crate::pdu::{
    Bind, BindMode, Concatenation, DeliverSm, Pdu, QueryResult, SmscAddress, SubmitSm, Unsuccessfuls,
};
use crate::session::{CloseReason, Ignored, SendError, Session, SessionConfig, State};
use crate::side::{North, South};

const UNKNOWN: Seen = Seen::Ignored(Ignored::UnknownResponse);

fn submit_resp(sequence: u32, id: &[u8]) -> Vec<u8> {
    raw(CommandId::SUBMIT_SM_RESP, Status::OK, sequence, &[id, b"\0"].concat())
}

fn response(token: u64, id: &[u8]) -> Seen {
    Seen::Response(token, Status::OK, Some(id.to_vec()), None)
}

#[test]
fn case_1_a_full_window_stops_reading_until_something_is_answered() {
    let mut session = server();
    let input: Vec<u8> = (10..15).flat_map(submit).collect();
    let (seen, rest) = feed_at(&mut session, &input, 0);
    assert_eq!(seen, [Seen::Submit(10), Seen::Submit(11), Seen::Submit(12)]);
    assert!(session.is_stalled() && session.window_free_in() == 0);
    assert_eq!(session.deadline(), None, "while we do not read, silence is our own doing");
    session.submit_response(11, Status::OK, Some(MessageId(1)), None);
    assert!(!session.is_stalled());
    let (seen, rest) = feed_at(&mut session, &rest, 0);
    assert_eq!(seen, [Seen::Submit(13)]);
    session.submit_response(10, Status::RTHROTTLED, None, None);
    assert_eq!(feed(&mut session, &rest), [Seen::Submit(14)]);
}

#[test]
fn case_1_a_full_window_still_takes_answers_and_enquire_link() {
    let mut session = server();
    deliver(&mut session, 7, 0).unwrap();
    sent(&mut session);
    feed(&mut session, &(10..13).flat_map(submit).collect::<Vec<_>>());
    let input = [
        raw(CommandId::ENQUIRE_LINK, Status::OK, 90, &[]),
        raw(CommandId::DELIVER_SM_RESP, Status::OK, 1, b"\0"),
    ];
    assert_eq!(feed(&mut session, &input.concat()), [Seen::Response(7, Status::OK, None, None)]);
    assert_eq!(sent_ids(&mut session), [(CommandId::ENQUIRE_LINK_RESP, Status::OK, 90)]);
    assert!(!session.is_stalled());
}

#[test]
fn case_1_our_own_window_fills_and_frees() {
    let mut session = client();
    for token in 0..3 {
        send(&mut session, token, 0).unwrap();
    }
    assert_eq!((session.window_free_out(), send(&mut session, 3, 0)), (0, Err(SendError::WindowFull)));
    assert_eq!(session.outstanding().collect::<Vec<_>>(), [0, 1, 2]);
    feed(&mut session, &submit_resp(3, b"b"));
    assert_eq!(session.outstanding().collect::<Vec<_>>(), [0, 2]);
    send(&mut session, 4, 0).unwrap();
    assert_eq!(session.outstanding().collect::<Vec<_>>(), [0, 2, 4]);
}

#[test]
fn case_1_a_peer_that_reads_nothing_cannot_fill_our_memory() {
    let mut session = server_of(SessionConfig { max_backlog: 64, ..CONFIG }, BindMode::Transceiver, 0x34);
    let flood = raw(CommandId::ENQUIRE_LINK, Status::OK, 1, &[]).repeat(1000);
    let (seen, rest) = feed_at(&mut session, &flood, 0);
    assert!(seen.is_empty() && session.is_stalled());
    assert_eq!((session.backlog(), rest.len()), (64, flood.len() - 64));
    assert_eq!(deliver(&mut session, 1, 0), Err(SendError::WindowFull));
    let nacks = raw(CommandId(0x99), Status::OK, 1, &[]);
    assert_eq!(feed(&mut session, &nacks), []);
    sent(&mut session);
    assert!(!session.is_stalled());
    assert_eq!(feed(&mut session, &nacks), [Seen::Refused(Status::RINVCMDID)]);
}

#[test]
fn case_1_a_peer_that_reads_nothing_is_given_up() {
    let mut session = server_of(SessionConfig { max_backlog: 64, ..CONFIG }, BindMode::Transceiver, 0x34);
    let flood = raw(CommandId::ENQUIRE_LINK, Status::OK, 1, &[]).repeat(100);
    for ms in [30_000, 60_000] {
        feed_at(&mut session, &flood, 0);
        assert!(session.is_stalled());
        assert_eq!(expire(&mut session, ms), []);
    }
    feed_at(&mut session, &flood, 80_000);
    assert_eq!(expire(&mut session, 90_000), [Seen::Closed(CloseReason::Silent)]);
}

#[test]
fn case_2_answers_in_any_order() {
    let mut session = client();
    for token in [100, 101, 102] {
        send(&mut session, token, 0).unwrap();
    }
    let input = [submit_resp(4, b"c"), submit_resp(2, b"a"), submit_resp(3, b"b")].concat();
    assert_eq!(feed(&mut session, &input), [response(102, b"c"), response(100, b"a"), response(101, b"b")]);
}

#[test]
fn case_2_a_slow_answer_blocks_nobody() {
    let mut session = client();
    send(&mut session, 0, 0).unwrap();
    for token in 1..5_000 {
        send(&mut session, token, 0).unwrap();
        let sequence = sent(&mut session).last().unwrap().sequence;
        assert_eq!(feed(&mut session, &submit_resp(sequence, b"x")), [response(token, b"x")]);
    }
    assert_eq!(feed(&mut session, &submit_resp(2, b"slow")), [response(0, b"slow")]);
}

#[test]
fn case_3_a_timeout_frees_the_slot_and_a_late_answer_still_has_its_token() {
    let mut session = client();
    send(&mut session, 8, 0).unwrap();
    send(&mut session, 9, 1_000).unwrap();
    assert_eq!(session.deadline(), Some(at(10_000)));
    assert_eq!(expire(&mut session, 9_999), []);
    assert_eq!(expire(&mut session, 10_000), [Seen::Timeout(8)]);
    assert_eq!((session.window_free_out(), session.deadline()), (2, Some(at(11_000))));
    assert_eq!(
        feed(&mut session, &submit_resp(2, b"abc")),
        [Seen::Late(8, Status::OK, Some(b"abc".to_vec()))]
    );
    assert_eq!(feed(&mut session, &submit_resp(2, b"abc")), [UNKNOWN]);
    assert_eq!(feed(&mut session, &submit_resp(3, b"d")), [response(9, b"d")]);
}

#[test]
fn case_3_many_late_answers_still_have_their_tokens() {
    let mut session = client();
    for round in 0..300 {
        for token in 0..3 {
            send(&mut session, round * 3 + token, round * 10_000).unwrap();
        }
        feed_at(&mut session, &raw(CommandId::ENQUIRE_LINK, Status::OK, 1, &[]), round * 10_000);
        sent(&mut session);
        assert_eq!(expire(&mut session, (round + 1) * 10_000).len(), 3);
    }
    let late = Seen::Late(7, Status::OK, Some(b"x".to_vec()));
    assert_eq!(feed(&mut session, &submit_resp(9, b"x")), [late]);
}

#[test]
fn case_4_enquire_link_is_answered_in_any_state() {
    let enquire = raw(CommandId::ENQUIRE_LINK, Status::OK, 0xFFFF_FFFF, &[]);
    let answered = [(CommandId::ENQUIRE_LINK_RESP, Status::OK, 0xFFFF_FFFF)];
    let mut fresh = Session::<North>::new(CONFIG, at(0));
    let mut unbinding = client();
    unbinding.unbind(at(0));
    sent(&mut unbinding);
    assert_eq!((feed(&mut fresh, &enquire), feed(&mut unbinding, &enquire)), (vec![], vec![]));
    assert_eq!((&sent_ids(&mut fresh)[..], &sent_ids(&mut unbinding)[..]), (&answered[..], &answered[..]));
}

#[test]
fn case_4_any_pdu_resets_the_timer() {
    let mut session = client();
    assert_eq!(session.deadline(), Some(at(30_000)));
    feed_at(&mut session, &raw(CommandId::ENQUIRE_LINK, Status::OK, 1, &[]), 20_000);
    assert_eq!(session.deadline(), Some(at(50_000)));
    sent(&mut session);
    assert_eq!((expire(&mut session, 49_999), sent(&mut session)), (vec![], vec![]));
    assert_eq!(expire(&mut session, 50_000), []);
    assert_eq!(sent_ids(&mut session), [(CommandId::ENQUIRE_LINK, Status::OK, 2)]);
    assert_eq!(feed_at(&mut session, &raw(CommandId::ENQUIRE_LINK_RESP, Status::OK, 2, &[]), 50_010).0, []);
    assert_eq!(session.deadline(), Some(at(80_010)));
}

#[test]
fn case_6_an_unknown_command_is_nacked_and_the_session_stays() {
    let mut session = server();
    let input = [raw(CommandId(0x0A), Status::OK, 5, b"junk"), submit(6)].concat();
    assert_eq!(feed(&mut session, &input), [Seen::Refused(Status::RINVCMDID), Seen::Submit(6)]);
    assert_eq!(sent_ids(&mut session), [(CommandId::GENERIC_NACK, Status::RINVCMDID, 5)]);
}

#[test]
fn case_6_unknown_answers_are_ignored() {
    let mut session = client();
    send(&mut session, 1, 0).unwrap();
    let input =
        [submit_resp(0, b"x"), submit_resp(99, b"x"), raw(CommandId::DELIVER_SM_RESP, Status::OK, 2, b"\0")];
    assert_eq!(feed(&mut session, &input.concat()), [UNKNOWN, UNKNOWN, UNKNOWN]);
    assert_eq!(session.window_free_out(), 2);
}

#[test]
fn case_6_generic_nack_answers_a_request() {
    let mut session = client();
    send(&mut session, 1, 0).unwrap();
    send(&mut session, 2, 0).unwrap();
    let input = [
        raw(CommandId::GENERIC_NACK, Status::RTHROTTLED, 2, &[]),
        raw(CommandId::GENERIC_NACK, Status::OK, 3, &[]),
    ];
    let wanted =
        [Seen::Response(1, Status::RTHROTTLED, None, None), Seen::Response(2, Status::RSYSERR, None, None)];
    assert_eq!(feed(&mut session, &input.concat()), wanted);
}

#[test]
fn case_9_a_bad_pdu_is_answered_and_the_session_stays() {
    let good = submit(1)[16..].to_vec();
    let endless_address = [b"\0\0\0".as_slice(), &[b'1'; 40]].concat();
    let long_message = [&good[..good.len() - 1], &[200, 1, 2]].concat();
    let cut_tlv = [&good[..], &[0x04, 0x24, 0, 9, 1]].concat();
    let bodies = [
        (endless_address, Status::RINVSRCADR),
        (long_message, Status::RINVMSGLEN),
        (cut_tlv, Status::RINVTLVSTREAM),
    ];
    let mut session = server();
    for (body, status) in bodies {
        let input = [raw(CommandId::SUBMIT_SM, Status::OK, 8, &body), submit(9)].concat();
        assert_eq!(feed(&mut session, &input), [Seen::Refused(status), Seen::Submit(9)]);
        session.submit_response(9, Status::OK, None, None);
        assert_eq!(sent_ids(&mut session)[0], (CommandId::SUBMIT_SM_RESP, status, 8));
    }
    assert_eq!(session.window_free_in(), 3);
}

#[test]
fn case_10_requests_in_the_wrong_state() {
    let mut session = Session::<North>::new(CONFIG, at(0));
    let refused = |status| vec![Seen::Refused(status)];
    assert_eq!(feed(&mut session, &submit(1)), refused(Status::RINVBNDSTS));
    feed(&mut session, &bind(BindMode::Receiver, 0x34, 2));
    assert_eq!(feed(&mut session, &bind(BindMode::Receiver, 0x34, 3)), refused(Status::RALYBND));
    session.accept_bind(CString::default(), 0x34, at(0)).unwrap();
    assert_eq!(feed(&mut session, &submit(4)), refused(Status::RINVBNDSTS));
    assert_eq!(
        sent_ids(&mut session),
        [
            (CommandId::SUBMIT_SM_RESP, Status::RINVBNDSTS, 1),
            (CommandId::BIND_RECEIVER_RESP, Status::RALYBND, 3),
            (CommandId::BIND_RECEIVER_RESP, Status::OK, 2),
            (CommandId::SUBMIT_SM_RESP, Status::RINVBNDSTS, 4),
        ]
    );
    assert_eq!(session.accept_bind(CString::default(), 0x34, at(0)), Err(SendError::WrongState));
}

#[test]
fn case_10_nothing_is_sent_where_the_bind_does_not_allow_it() {
    let mut transmitter = server_of(CONFIG, BindMode::Transmitter, 0x34);
    assert_eq!(deliver(&mut transmitter, 1, 0), Err(SendError::NotReceiver));
    let mut receiver = client_of(CONFIG, BindMode::Receiver);
    assert_eq!(send(&mut receiver, 1, 0), Err(SendError::NotTransmitter));
    let mut fresh = Session::<South>::new(CONFIG, at(0));
    assert_eq!(send(&mut fresh, 1, 0), Err(SendError::WrongState));
    fresh.disconnect();
    assert_eq!(send(&mut fresh, 1, 0), Err(SendError::Closed));
    assert_eq!(transmitter.outstanding().count() + receiver.outstanding().count(), 0);
}

#[test]
fn case_10_a_bind_that_cannot_be_read_names_the_field() {
    let mut session = Session::<North>::new(CONFIG, at(0));
    let long = raw(CommandId::BIND_TRANSMITTER, Status::OK, 1, &[b'x'; 40]);
    assert_eq!(feed(&mut session, &long), [Seen::Refused(Status::RINVSYSID)]);
    assert_eq!(session.state(), State::ExpectBind);
}

#[test]
fn case_21_their_numbers_are_echoed_whatever_they_are() {
    let mut session = server();
    feed(&mut session, &[submit(0), submit(0xFFFF_FFFF)].concat());
    session.submit_response(0xFFFF_FFFF, Status::OK, Some(MessageId(1)), None);
    session.submit_response(0, Status::OK, Some(MessageId(2)), None);
    let numbers: Vec<u32> = sent(&mut session).iter().map(|pdu| pdu.sequence).collect();
    assert_eq!(numbers, [0xFFFF_FFFF, 0]);
}

#[test]
fn case_21_our_numbers_wrap_and_are_not_used_twice_at_once() {
    let mut session = Session::<South>::starting_at(CONFIG, at(0), 0x7FFF_FFFE);
    session.bind(&Bind::default(), at(0)).unwrap();
    feed(&mut session, &raw(CommandId::BIND_TRANSCEIVER_RESP, Status::OK, 0x7FFF_FFFE, b"\0"));
    sent(&mut session);
    for token in 0..3 {
        send(&mut session, token, 0).unwrap();
    }
    let numbers: Vec<u32> = sent(&mut session).iter().map(|pdu| pdu.sequence).collect();
    assert_eq!(numbers, [0x7FFF_FFFF, 1, 2]);
    feed(&mut session, &[submit_resp(1, b"x"), submit_resp(2, b"x")].concat());
    let mut used = Vec::new();
    for token in 0..20 {
        send(&mut session, token, 0).unwrap();
        used.push(sent(&mut session)[0].sequence);
        feed(&mut session, &submit_resp(used[used.len() - 1], b"x"));
    }
    assert!(used.iter().all(|number| number % 8 != 7), "the slot of 0x7FFFFFFF is stepped over: {used:?}");
}

#[test]
fn case_22_a_client_below_3_4_gets_no_tlvs() {
    let mut session = Session::<North>::new(CONFIG, at(0));
    feed(&mut session, &bind(BindMode::Transceiver, 0x33, 1));
    session.accept_bind(CString::new(b"gate").unwrap(), 0x50, at(0)).unwrap();
    assert_eq!(sent(&mut session)[0].body, b"gate\0");
    feed(&mut session, &submit(2));
    session.submit_response(2, Status(0x0401), None, Some(3001));
    assert_eq!(sent(&mut session)[0].body, b"");
    let concatenation = Some(Concatenation { reference: 1, total: 2, sequence: 1 });
    deliver_with(&mut session, 1, 0, |message| message.user_message_reference = Some(1)).unwrap();
    assert!(sent(&mut session)[0].body.ends_with(b"\x03yes"));
    let refused = deliver_with(&mut session, 2, 0, |message| message.concatenation = concatenation);
    assert_eq!((refused, session.window_free_out()), (Err(SendError::NeedsTlv), 2));
    let payload = OctetString::new(b"long").unwrap();
    let refused = deliver_with(&mut session, 2, 0, |message| message.message_payload = Some(payload));
    assert_eq!(refused, Err(SendError::NeedsTlv));
}

#[test]
fn case_22_later_clients_are_told_the_version_and_the_reason() {
    let mut session = Session::<North>::new(CONFIG, at(0));
    feed(&mut session, &bind(BindMode::Transceiver, 0x34, 1));
    session.accept_bind(CString::new(b"gate").unwrap(), 0x50, at(0)).unwrap();
    assert_eq!(
        (&sent(&mut session)[0].body[..], session.interface_version()),
        (&b"gate\0\x02\x10\0\x01\x50"[..], 0x34)
    );
    feed(&mut session, &[submit(2), submit(3)].concat());
    session.submit_response(2, Status(0x0401), None, Some(3001));
    session.submit_response(3, Status::OK, Some(MessageId(0xAB)), Some(3001));
    let bodies: Vec<Vec<u8>> = sent(&mut session).into_iter().map(|pdu| pdu.body).collect();
    assert_eq!(bodies, [&b"\0\x15\x08\0\x043001"[..], b"00000000000000ab\0"]);
}

#[test]
fn case_22_an_smsc_below_3_4_gets_no_tlvs() {
    let mut session = Session::<South>::new(CONFIG, at(0));
    session.bind(&Bind { interface_version: 0x34, ..Bind::default() }, at(0)).unwrap();
    let old = raw(CommandId::BIND_TRANSCEIVER_RESP, Status::OK, 1, b"smsc\0\x02\x10\0\x01\x33");
    assert_eq!(feed(&mut session, &old), [Seen::Bound(0x33)]);
    sent(&mut session);
    let destination = SmscAddress::write(1, 1, b"8613800138000").unwrap();
    let mut plain = message(&destination);
    plain.user_message_reference = Some(7);
    session.submit(&plain, 1, at(0)).unwrap();
    assert!(sent(&mut session)[0].body.ends_with(b"\x05hello"));
    plain.concatenation = Some(Concatenation { reference: 1, total: 2, sequence: 1 });
    assert_eq!(session.submit(&plain, 1, at(0)), Err(SendError::NeedsTlv));
}

#[test]
fn case_22_congestion_state_is_told() {
    let mut session = client();
    send(&mut session, 1, 0).unwrap();
    send(&mut session, 2, 0).unwrap();
    let with = |sequence, state| {
        raw(CommandId::SUBMIT_SM_RESP, Status::OK, sequence, &[b'x', 0, 4, 0x28, 0, 1, state])
    };
    let wanted = |token, state| Seen::Response(token, Status::OK, Some(b"x".to_vec()), state);
    assert_eq!(
        feed(&mut session, &[with(2, 80), with(3, 100)].concat()),
        [wanted(1, Some(80)), wanted(2, None)]
    );
}

#[test]
fn case_26_the_id_of_deliver_sm_resp_is_empty() {
    let mut session = client();
    let deliver = encoded(&Pdu::DeliverSm(DeliverSm::default()), Status::OK, 4);
    assert_eq!(feed(&mut session, &deliver), [Seen::Deliver(4)]);
    session.deliver_response(4, Status::RX_T_APPN);
    let answer = sent(&mut session).remove(0);
    assert_eq!(
        (answer.id, answer.status, &answer.body[..]),
        (CommandId::DELIVER_SM_RESP, Status::RX_T_APPN, &b"\0"[..])
    );
}

#[test]
fn case_26_a_response_may_leave_its_body_out_or_spoil_it() {
    let mut session = client();
    for token in [1, 2, 3] {
        send(&mut session, token, 0).unwrap();
    }
    let refused = raw(CommandId::SUBMIT_SM_RESP, Status::RTHROTTLED, 2, &[]);
    let empty = submit_resp(3, b"");
    let endless = raw(CommandId::SUBMIT_SM_RESP, Status::OK, 4, &[b'x'; 80]);
    let none = |token, status| Seen::Response(token, status, None, None);
    let wanted = [none(1, Status::RTHROTTLED), none(2, Status::OK), none(3, Status::OK)];
    assert_eq!(feed(&mut session, &[refused, empty, endless].concat()), wanted);
}

#[test]
fn every_request_of_a_client_has_its_answer() {
    let mut session = server_of(SessionConfig { window_in: 5, ..CONFIG }, BindMode::Transceiver, 0x34);
    for (id, seen) in [
        (CommandId::DATA_SM, Seen::Data(5)),
        (CommandId::SUBMIT_MULTI, Seen::Multi(5)),
        (CommandId::QUERY_SM, Seen::Query(5)),
        (CommandId::CANCEL_SM, Seen::Cancel(5)),
        (CommandId::REPLACE_SM, Seen::Replace(5)),
    ] {
        assert_eq!(
            feed(&mut session, &raw(id, Status::OK, 5, &[0; 40][..body_length(id)])),
            [seen],
            "{id:?}"
        );
    }
    assert_eq!(session.window_free_in(), 0);
    session.data_response(5, Status::OK, Some(MessageId(1)), None);
    session.multi_response(5, Status::OK, Some(MessageId(1)), Unsuccessfuls::default(), None);
    session.query_response(5, Status::OK, Some(QueryResult::default()), None);
    session.cancel_response(5, Status::RCANCELFAIL, Some(1001));
    session.replace_response(5, Status::OK, Some(1001));
    assert_eq!(session.window_free_in(), 5);
    let written: Vec<(CommandId, usize)> =
        sent(&mut session).iter().map(|pdu| (pdu.id, pdu.body.len())).collect();
    let wanted = [
        (CommandId::DATA_SM_RESP, 17),
        (CommandId::SUBMIT_MULTI_RESP, 18),
        (CommandId::QUERY_SM_RESP, 4),
        (CommandId::CANCEL_SM_RESP, 8),
        (CommandId::REPLACE_SM_RESP, 0),
    ];
    assert_eq!(written, wanted);
}

/// How many NULs make the smallest valid body.
fn body_length(id: CommandId) -> usize {
    match id {
        CommandId::DATA_SM => 10,
        CommandId::SUBMIT_MULTI => 15,
        CommandId::QUERY_SM => 4,
        CommandId::CANCEL_SM => 8,
        _ => 9,
    }
}

#[test]
fn debug_shows_no_content() {
    let mut session = server();
    let mut tlvs = TlvList::new();
    tlvs.push(Tag::CALLBACK_NUM, b"13800138000").unwrap();
    let pdu = SubmitSm::<North> {
        destination: Address::new(1, 1, b"13800138000").unwrap(),
        short_message: OctetString::new(b"13800138000").unwrap(),
        tlvs: tlvs.view(),
        ..SubmitSm::default()
    };
    let input = encoded(&Pdu::SubmitSm(pdu), Status::OK, 1);
    let received = session.receive(&input, at(0));
    assert!(received.event.is_some());
    let shown = format!("{received:?}");
    assert!(!(shown + &format!("{session:?}")).contains("138"));
}
