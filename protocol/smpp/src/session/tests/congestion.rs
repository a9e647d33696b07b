//! Full windows and congestion, both told and heard.

use veilgate_names::MessageId;

use super::peer::{CONFIG, Seen, at, feed, feed_at, raw, sent, server_of, submit};
use crate::codec::{CommandId, Status};
use crate::pdu::{Bind, BindMode};
use crate::session::{Event, Session, SessionConfig, WindowFull};
use crate::side::South;

#[test]
fn case_1_what_is_beyond_the_window_may_be_refused_instead() {
    let config = SessionConfig { window_full: WindowFull::Refuse, ..CONFIG };
    let mut session = server_of(config, BindMode::Transceiver, 0x34);
    sent(&mut session);
    let data = raw(CommandId::DATA_SM, Status::OK, 14, &[0; 10]);
    let query = raw(CommandId::QUERY_SM, Status::OK, 15, &[0; 4]);
    let input = [(10..14).flat_map(submit).collect(), data, query].concat();
    let (seen, rest) = feed_at(&mut session, &input, 0);
    let refused = Seen::Refused(Status::RTHROTTLED);
    let wanted =
        [Seen::Submit(10), Seen::Submit(11), Seen::Submit(12), refused.clone(), refused.clone(), refused];
    assert_eq!((seen, rest.len(), session.is_stalled()), (wanted.to_vec(), 0, false));
    let said = sent(&mut session);
    let heads: Vec<_> = said.iter().map(|pdu| (pdu.id, pdu.status, pdu.sequence)).collect();
    let responses = [CommandId::SUBMIT_SM_RESP, CommandId::DATA_SM_RESP, CommandId::QUERY_SM_RESP];
    let wanted: Vec<_> = responses.into_iter().zip(13..).map(|(id, n)| (id, Status::RTHROTTLED, n)).collect();
    assert_eq!(heads, wanted);
    let reason = b"\x15\x08\0\x045003";
    assert!(said[..2].iter().all(|pdu| pdu.body.ends_with(reason)));
    session.submit_response(11, Status::OK, Some(MessageId(1)), None);
    assert_eq!(feed(&mut session, &submit(16)), [Seen::Submit(16)]);
}

#[test]
fn case_22_answers_to_5_0_clients_say_how_congested_we_are() {
    for (version, told) in [(0x50, true), (0x34, false), (0x33, false)] {
        let mut session = server_of(CONFIG, BindMode::Transceiver, version);
        sent(&mut session);
        feed(&mut session, &(10..13).flat_map(submit).collect::<Vec<_>>());
        session.submit_response(10, Status::OK, Some(MessageId(1)), None);
        session.set_congestion(Some(85));
        session.submit_response(11, Status::OK, Some(MessageId(2)), None);
        session.set_congestion(Some(255));
        session.submit_response(12, Status::RMSGQFUL, None, Some(6004));
        let said = sent(&mut session);
        let tlv = |state: u8| [0x04, 0x28, 0, 1, state];
        let ends: Vec<bool> =
            said.iter().zip([0, 85, 99]).map(|(pdu, state)| pdu.body.ends_with(&tlv(state))).collect();
        assert_eq!(ends, [false, told, told], "version {version:#x}");
        let reason = [b"\x15\x08\0\x046004", &tlv(99)[..]].concat();
        assert_eq!(said[2].body.ends_with(&reason), told);
    }
}

#[test]
fn case_22_a_bind_response_may_name_congestion() {
    let mut session = Session::<South>::new(CONFIG, at(0));
    session.bind(&Bind { interface_version: 0x50, ..Bind::default() }, at(0)).unwrap();
    let body = b"smsc\0\x02\x10\0\x01\x50\x04\x28\0\x01\x5a";
    let response = raw(CommandId::BIND_TRANSCEIVER_RESP, Status::OK, 1, body);
    let event = session.receive(&response, at(0)).event;
    assert!(matches!(event, Some(Event::Bound { interface_version: 0x50, congestion: Some(90) })));
}
