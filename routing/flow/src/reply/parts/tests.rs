use proptest::prelude::*;

use super::*;

fn rules() -> ReplyRules {
    ReplyRules { max_parts: 6, max_parts_per_writer: 4, max_octets: 20, ..ReplyRules::default() }
}

fn key(who: u8, reference: u16, total: u8) -> TextKey {
    TextKey {
        subscriber: SubscriberKey([who; 16]),
        service_number: ServiceNumber::parse("10690001").unwrap(),
        extension: Extension { width: 2, value: 7 },
        reference,
        total,
    }
}

fn part(key: TextKey, number: u8, text: &str, id: u64) -> Part {
    let (data_coding, alphabet) = (0, DefaultAlphabet::Latin1);
    Part {
        key,
        number,
        authorization: AuthorizationId::parse("au-1").unwrap(),
        piece: Piece { id: MessageId(id), data_coding, alphabet, octets: Octets::from(text.as_bytes()) },
        received: Timestamp(0),
        writer: None,
    }
}

/// Admits and inserts.
fn put(parts: &mut Parts, key: TextKey, number: u8, text: &str, id: u64) -> Admission {
    let admission = parts.admit(&key, number, text.as_bytes());
    if admission == Admission::Take {
        parts.insert(part(key, number, text, id), Monotonic(0));
    }
    admission
}

fn said(text: &Text) -> String {
    let octets: Vec<u8> = text.pieces.values().flat_map(|piece| piece.octets.to_vec()).collect();
    String::from_utf8(octets).unwrap()
}

/// Long after every deadline.
fn later() -> Monotonic {
    Monotonic(0).plus(Duration::from_secs(100_000))
}

#[test]
fn parts_in_any_order_make_one_text_once() {
    let mut parts = Parts::new(rules());
    let key = key(1, 7, 3);
    assert_eq!(put(&mut parts, key, 3, "c", 1), Admission::Take);
    assert_eq!(put(&mut parts, key, 1, "a", 2), Admission::Take);
    assert_eq!(put(&mut parts, key, 1, "a", 3), Admission::Duplicate);
    assert!(parts.next_ready(Monotonic(1)).is_none());
    assert_eq!(put(&mut parts, key, 2, "b", 4), Admission::Take);
    let text = parts.next_ready(Monotonic(1)).unwrap();
    assert_eq!((said(&text), text.len()), ("abc".to_owned(), 3));
    assert!(parts.next_ready(later()).is_none(), "once");
    assert_eq!(
        put(&mut parts, key, 2, "b", 5),
        Admission::Duplicate,
        "the SMSC sends again what it has sent"
    );
    parts.give_back(key.subscriber, text.len());
    assert_eq!(parts.len(), 0);
}

#[test]
fn the_same_part_under_way_twice_counts_once() {
    let mut parts = Parts::new(rules());
    let key = key(1, 7, 2);
    assert_eq!(parts.admit(&key, 1, b"a"), Admission::Take);
    assert_eq!(parts.admit(&key, 1, b"a"), Admission::Take);
    parts.insert(part(key, 1, "a", 1), Monotonic(0));
    parts.insert(part(key, 1, "a", 2), Monotonic(0));
    assert_eq!(parts.take_spare(), [MessageId(2)]);
    assert_eq!(parts.len(), 1);
}

#[test]
fn a_missing_part_is_not_waited_for_for_ever() {
    let mut parts = Parts::new(rules());
    put(&mut parts, key(1, 7, 3), 1, "a", 1);
    put(&mut parts, key(1, 7, 3), 3, "c", 2);
    let timeout = rules().part_timeout;
    assert!(parts.next_ready(Monotonic(0).plus(timeout - Duration::from_secs(1))).is_none());
    let text = parts.next_ready(Monotonic(0).plus(timeout)).unwrap();
    assert_eq!((said(&text), text.total()), ("ac".to_owned(), 3));
    parts.again(text, later());
    assert!(parts.next_ready(Monotonic(0).plus(timeout)).is_none(), "put off");
    assert!(parts.next_ready(later()).is_some());
}

#[test]
fn another_text_under_the_same_reference_closes_the_first() {
    let mut parts = Parts::new(rules());
    put(&mut parts, key(1, 7, 2), 1, "old", 1);
    assert_eq!(put(&mut parts, key(1, 7, 2), 1, "new", 2), Admission::Take);
    put(&mut parts, key(1, 7, 2), 2, "er", 3);
    let texts: Vec<String> =
        std::iter::from_fn(|| parts.next_ready(Monotonic(1))).map(|text| said(&text)).collect();
    assert_eq!(texts, ["old", "newer"]);
}

#[test]
fn writers_numbers_and_totals_do_not_mix() {
    let mut parts = Parts::new(rules());
    put(&mut parts, key(1, 7, 2), 1, "a", 1);
    for (other, id) in [(key(2, 7, 2), 2), (key(1, 8, 2), 3), (key(1, 7, 3), 4)] {
        assert_eq!(put(&mut parts, other, 2, "b", id), Admission::Take);
    }
    assert!(parts.next_ready(Monotonic(1)).is_none());
}

#[test]
fn it_is_bounded() {
    let mut parts = Parts::new(rules());
    for n in 0..4 {
        assert_eq!(put(&mut parts, key(1, n, 2), 1, "a", n.into()), Admission::Take);
    }
    assert_eq!(put(&mut parts, key(1, 9, 2), 1, "a", 9), Admission::Full, "one writer's bound");
    assert_eq!(put(&mut parts, key(2, 1, 2), 1, "a", 10), Admission::Take);
    assert_eq!(put(&mut parts, key(2, 2, 2), 1, "a", 11), Admission::Take);
    assert_eq!(put(&mut parts, key(3, 1, 2), 1, "a", 12), Admission::Full, "the bound of all");
    parts.give_back(SubscriberKey([2; 16]), 1);
    assert_eq!(put(&mut parts, key(3, 1, 2), 1, "0123456789", 13), Admission::Take);
    assert_eq!(parts.admit(&key(3, 1, 2), 2, b"0123456789x"), Admission::TooLong);
    assert_eq!(parts.admit(&key(4, 1, 2), 1, &[b'x'; 21]), Admission::TooLong);
}

#[test]
fn what_was_restored_has_waited_already() {
    let mut parts = Parts::new(rules());
    let timeout = rules().part_timeout;
    parts.restore(part(key(1, 7, 3), 1, "a", 1), timeout / 2, Monotonic(0));
    parts.restore(part(key(1, 7, 3), 2, "b", 2), Duration::ZERO, Monotonic(0));
    assert!(parts.next_ready(Monotonic(0).plus(timeout / 3)).is_none());
    assert_eq!(said(&parts.next_ready(Monotonic(0).plus(timeout / 2)).unwrap()), "ab");
    parts.restore(part(key(1, 8, 1), 1, "c", 3), timeout * 9, Monotonic(0));
    assert_eq!(said(&parts.next_ready(Monotonic(0)).unwrap()), "c", "a whole one leaves at once");
}

/// What happens to parts under way: some commits succeed, some fail, in any order; the SMSC sends again what it was not
/// told is taken, and sometimes what it was.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Send(u8, u8),
    Commit(bool),
    Deliver(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0_u8..3, 1_u8..=4).prop_map(|(text, number)| Happening::Send(text, number)),
        3 => prop::bool::weighted(0.8).prop_map(Happening::Commit),
        2 => prop::bool::weighted(0.7).prop_map(Happening::Deliver),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    /// Every part that was taken is delivered exactly once, whatever fails and comes again; no place is lost.
    #[test]
    fn what_is_taken_is_delivered_once(steps in prop::collection::vec(happening(), 0..80)) {
        let bounds = ReplyRules { max_parts: 1000, max_parts_per_writer: 1000, ..ReplyRules::default() };
        let mut parts = Parts::new(bounds);
        let mut under_way: VecDeque<Part> = VecDeque::new();
        let mut taken: Vec<(u8, u8)> = Vec::new();
        let mut delivered: Vec<(u8, u8)> = Vec::new();
        let mut id = 0;
        let deliver = |parts: &mut Parts, delivered: &mut Vec<(u8, u8)>, now: Monotonic, well: bool| {
            while let Some(text) = parts.next_ready(now) {
                if !well {
                    parts.again(text, now);
                    break;
                }
                let which = u8::try_from(text.key.reference).unwrap();
                delivered.extend(text.pieces.keys().map(|number| (which, *number)));
                parts.give_back(text.key.subscriber, text.len());
            }
        };
        for step in steps {
            match step {
                Happening::Send(which, number) => {
                    let (key, said) = (key(1, which.into(), 4), format!("{which}.{number}"));
                    match parts.admit(&key, number, said.as_bytes()) {
                        Admission::Take => {
                            id += 1;
                            under_way.push_back(part(key, number, &said, id));
                        }
                        Admission::Duplicate => prop_assert!(taken.contains(&(which, number))),
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                Happening::Commit(well) => {
                    let Some(part) = under_way.pop_front() else { continue };
                    if well {
                        taken.push((u8::try_from(part.key.reference).unwrap(), part.number));
                        parts.insert(part, Monotonic(0));
                    } else {
                        parts.give_back(part.key.subscriber, 1);
                    }
                }
                Happening::Deliver(well) => deliver(&mut parts, &mut delivered, Monotonic(1), well),
            }
        }
        for part in under_way.drain(..) {
            parts.give_back(part.key.subscriber, 1);
        }
        deliver(&mut parts, &mut delivered, later(), true);
        taken.sort_unstable();
        taken.dedup();
        delivered.sort_unstable();
        prop_assert_eq!(delivered, taken);
        prop_assert_eq!(parts.len(), 0);
    }
}
