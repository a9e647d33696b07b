//! What must hold for any octets that arrive at a session, cut anywhere, while time passes.

use std::time::Duration;

use veilgate_names::{MessageId, Monotonic};
use veilgate_smpp::codec::{CString, Status, split};
use veilgate_smpp::pdu::{Bind, Unsuccessfuls};
use veilgate_smpp::session::{Event, Role, Session, SessionConfig, State, WindowFull};
use veilgate_smpp::side::{North, South};

const CONFIG: SessionConfig = SessionConfig {
    max_pdu: 1024,
    window_in: 3,
    window_full: WindowFull::Wait,
    window_out: 3,
    max_backlog: 512,
    bind_timeout: Duration::from_secs(5),
    pdu_timeout: Duration::from_secs(2),
    enquire_interval: Duration::from_secs(30),
    enquire_misses: 2,
    response_timeout: Duration::from_secs(10),
    unbind_timeout: Duration::from_secs(5),
};

/// The first two octets say which end, how the rest is cut, how fast time goes and when requests are answered.
pub(crate) fn check(input: &[u8]) {
    let [which, pace, stream @ ..] = input else { return };
    let cut = usize::from(which >> 1) + 1;
    if which & 1 == 0 {
        let session = Session::<North>::new(CONFIG, Monotonic(0));
        drive(session, stream, cut, *pace, answer_north);
    } else {
        let mut session = Session::<South>::new(CONFIG, Monotonic(0));
        session.bind(&Bind { interface_version: 0x34, ..Bind::default() }, Monotonic(0)).unwrap();
        drive(session, stream, cut, *pace, answer_south);
    }
}

fn drive<S: Role>(
    mut session: Session<S>,
    stream: &[u8],
    cut: usize,
    pace: u8,
    answer: fn(&mut Session<S>, Monotonic, Open),
) {
    let mut arrived: Vec<u8> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut now = Monotonic(0);
    for chunk in stream.chunks(cut) {
        arrived.extend_from_slice(chunk);
        now = now.plus(Duration::from_millis(u64::from(pace) * 50));
        loop {
            let received = session.receive(&arrived, now);
            let _ = format!("{received:?}");
            let (consumed, next) = (received.consumed, received.event.and_then(Open::of));
            assert!(consumed <= arrived.len());
            open.extend(next);
            arrived.drain(..consumed);
            if consumed == 0 {
                break;
            }
        }
        // A paced peer finds its requests answered late, newest first.
        if !pace.is_multiple_of(3) || session.is_stalled() {
            while let Some(request) = open.pop() {
                answer(&mut session, now, request);
            }
        }
        while session.expire(now).is_some() {}
        assert!(session.deadline().is_none_or(|at| at > now), "a deadline that is not met spins its shell");
        assert!(session.window_free_in() <= 3 && session.outstanding().count() <= 3);
        written_is_whole(&mut session);
    }
    if session.state() == State::Closed {
        assert!(session.close_reason().is_some() && session.deadline().is_none());
    }
}

fn written_is_whole<S: Role>(session: &mut Session<S>) {
    // What may be written past the limit: the answers to what was already open, and our own requests.
    assert!(session.backlog() <= 512 + 1024);
    let written = session.transmit().split();
    let mut rest = &written[..];
    while let Some(frame) = split(rest, 65_536).unwrap() {
        rest = &rest[frame.length()..];
    }
    assert!(rest.is_empty());
}

/// What is to be answered.
enum Open {
    Bind,
    Submit(u32),
    Data(u32),
    Multi(u32),
    Query(u32),
    Cancel(u32),
    Replace(u32),
    Deliver(u32),
}

impl Open {
    fn of<S: Role>(event: Event<'_, S>) -> Option<Self> {
        Some(match event {
            Event::Bind(_) => Self::Bind,
            Event::Submit { sequence, .. } => Self::Submit(sequence),
            Event::Data { sequence, .. } => Self::Data(sequence),
            Event::Multi { sequence, .. } => Self::Multi(sequence),
            Event::Query { sequence, .. } => Self::Query(sequence),
            Event::Cancel { sequence, .. } => Self::Cancel(sequence),
            Event::Replace { sequence, .. } => Self::Replace(sequence),
            Event::Deliver { sequence, .. } => Self::Deliver(sequence),
            _ => return None,
        })
    }
}

fn answer_north(session: &mut Session<North>, now: Monotonic, request: Open) {
    let id = Some(MessageId(7));
    match request {
        Open::Bind => {
            let _ = session.accept_bind(CString::default(), 0x50, now);
        }
        Open::Submit(sequence) => session.submit_response(sequence, Status::RTHROTTLED, None, Some(5003)),
        Open::Data(sequence) => session.data_response(sequence, Status::OK, id, None),
        Open::Multi(sequence) => {
            session.multi_response(sequence, Status::OK, id, Unsuccessfuls::default(), None)
        }
        Open::Query(sequence) => session.query_response(sequence, Status::OK, None, None),
        Open::Cancel(sequence) => session.cancel_response(sequence, Status::OK, None),
        Open::Replace(sequence) => session.replace_response(sequence, Status::OK, None),
        Open::Deliver(_) => unreachable!("a server is delivered nothing"),
    }
}

fn answer_south(session: &mut Session<South>, _: Monotonic, request: Open) {
    match request {
        Open::Deliver(sequence) => session.deliver_response(sequence, Status::OK),
        Open::Data(sequence) => session.data_response(sequence, Status::RX_T_APPN),
        _ => unreachable!("a client is asked nothing else"),
    }
}
