use std::sync::Arc;

use veilgate_names::{FinalState, Monotonic, Octets, Timestamp};
use veilgate_smpp::text::encoding::{DefaultAlphabet, UCS2};
use veilgate_store::{MemoryStore, Store};

use super::super::tests::{channel, message, moment, registered};
use super::*;
use crate::FlowRules;
use crate::live::ContentFacts;
use crate::long::NorthPart;
use crate::record::StateRecord;
use crate::split::LongRule;
use crate::state::Phase;
use crate::turn::LinkPlace;

const TEXT: MessageId = MessageId(7);
const FIRST: MessageId = MessageId(100);

/// A book with one text of two parts in it, that waits.
fn book() -> Book {
    let (mut book, mut outcomes) = (Book::new(FlowRules::default()), Outcomes::default());
    book.configure(&[channel("s0", false)]);
    book.link_count(LinkPlace { link: LinkId(1), channel: 0, sends: true }, true, &mut outcomes);
    let text = [0x9A, 0x8C].repeat(71);
    let body = Body {
        data_coding: UCS2,
        text: Octets::from(text),
        ..message(1, &registered(), at(0)).body.unwrap()
    };
    let north =
        [TEXT, MessageId(8)].map(|id| NorthPart { id, registered_delivery: 1, accepted_at: Timestamp(0) });
    let live = Box::new(Live {
        facts: ContentFacts::of(&body),
        body: Some(body),
        long: Long::of(north.to_vec()),
        ..*message(TEXT.0, &registered(), at(0))
    });
    book.insert(live, at(0), &mut outcomes);
    book
}

fn at(ms: u64) -> Moment {
    moment(1000 + ms)
}

fn plan() -> Plan {
    Plan { rule: LongRule::Udh8, alphabet: DefaultAlphabet::Gsm7, reference: 9, total: 2 }
}

fn cut(book: &mut Book) -> Turn {
    let mut turn = Turn::default();
    assert_eq!(book.pop(0, 1, at(0)), [TEXT]);
    book.cut(TEXT, plan(), FIRST, LinkId(1), at(0), &mut turn);
    turn
}

fn ended(state: FinalState) -> PartEnd {
    PartEnd {
        state,
        reason: None,
        error: 3,
        attempts: 1,
        by_receipt: true,
        billed: true,
        submitted_at: Some(Timestamp(5)),
        answered: Some((Octets::from(&b"id"[..]), Timestamp(6))),
        done_at: Timestamp(9),
    }
}

#[test]
fn the_state_of_a_text_says_how_it_is_cut_and_each_part_has_its_own() {
    let mut book = book();
    let mut turn = cut(&mut book);
    let sent = turn.steps.iter().filter_map(|step| match step {
        Step::Send { link, message } => Some((link.0, message.0)),
        _ => None,
    });
    assert_eq!(sent.collect::<Vec<_>>(), [(1, 100), (1, 101)], "in order, through one link, in one turn");
    let store = MemoryStore::new(1 << 20);
    store.commit(&[turn.take_batch()]).unwrap();
    let keys = [TEXT.0, 100, 101].map(u64::to_be_bytes);
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    let states: Vec<_> = store.read(Space::State, &keys).unwrap().into_iter().map(Option::unwrap).collect();
    let split = SplitRecord::read(&states[0]).unwrap();
    assert_eq!((split.plan, split.first), (plan(), FIRST));
    assert!(
        states[1..].iter().all(|state| StateRecord::read(state).is_ok_and(|state| state.answer.is_none()))
    );
}

#[test]
fn a_cut_that_could_not_be_written_is_undone() {
    let mut book = book();
    let turn = cut(&mut book);
    assert!(book.end(TEXT, FinalState::Cancelled, None, 0, at(1)).is_none(), "it ends by its parts");
    assert!(book.cancel(TEXT, at(1)).is_none());
    let mut outcomes = Outcomes::default();
    for step in turn.steps {
        match step {
            Step::Long(step) => match *step {
                LongStep::Cut { text, body, .. } => book.cut_failed(text, body, at(1), &mut outcomes),
                _ => unreachable!(),
            },
            Step::Send { message, .. } => {
                book.retracted(message, std::time::Duration::ZERO, at(1), &mut outcomes)
            }
            _ => {}
        }
    }
    assert_eq!(book.len(), 1);
    assert_eq!(book.live(TEXT).unwrap().phase(), Phase::Postponed);
    assert_eq!(book.pop(0, 9, at(10_000)), [TEXT]);
    assert_eq!(book.live(TEXT).unwrap().body.as_ref().unwrap().text.len(), 142, "whole again");
}

#[test]
fn a_text_ends_once_when_its_last_part_has() {
    let mut book = book();
    cut(&mut book);
    book.cut_stored(TEXT, LinkId(1));
    let shop = book.live(TEXT).unwrap().account.clone();
    for id in [TEXT, MessageId(8)] {
        assert_eq!(book.of_account(&shop, id).map(|live| live.id), Some(TEXT), "by the id of any part");
    }
    assert!(book.of_account(&shop, FIRST).is_none(), "what goes south is nobody's");
    assert!(book.cancel(FIRST, at(1)).is_none());
    assert!(!book.part_ended(
        MessageId(101),
        (TEXT, 1),
        ended(FinalState::Undeliverable),
        at(1),
        &mut Outcomes::default()
    ));
    assert!(book.end_texts(at(2)).is_empty());
    assert!(book.part_ended(FIRST, (TEXT, 0), ended(FinalState::Delivered), at(2), &mut Outcomes::default()));
    let over = book.end_texts(at(3));
    assert_eq!(
        over.iter().map(|ended| (ended.id, ended.state, ended.error)).collect::<Vec<_>>(),
        [(TEXT, FinalState::Undeliverable, 3)]
    );
    assert_eq!((over[0].segments(), book.len()), (2, 1));
    assert!(book.end_texts(at(4)).is_empty(), "once");
    book.end_failed(TEXT, at(5));
    let again = book.tick(10, at(60_000), &mut Outcomes::default());
    assert_eq!(again.iter().map(|ended| ended.state).collect::<Vec<_>>(), [FinalState::Undeliverable]);
    book.remove(TEXT, at(5), &mut Outcomes::default());
    assert!(book.of_account(&shop, MessageId(8)).is_none());
    assert_eq!(book.next_delayed(0), None::<Monotonic>);
}

#[test]
fn a_link_takes_no_more_texts_than_it_has_room_for() {
    let mut book = book();
    let whole = book.live(TEXT).unwrap().clone();
    for id in 20..30 {
        book.insert(
            Box::new(Live { id: MessageId(id), life: crate::state::Life::ACCEPTED, ..whole.clone() }),
            at(0),
            &mut Outcomes::default(),
        );
    }
    assert_eq!(book.pop(0, 5, at(0)).len(), 3, "two each");
    let authorization = Arc::clone(&whole.authorization);
    for id in 40..50 {
        let short = Box::new(Live { ordered: false, ..*message(id, &authorization, at(0)) });
        book.insert(short, at(0), &mut Outcomes::default());
    }
    let rest = book.pop(0, 100, at(0));
    assert_eq!(rest.len(), 8 + 10);
}
