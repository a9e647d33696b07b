use proptest::prelude::*;

use super::*;

fn sender(number: u8) -> Sender {
    Sender {
        enterprise: u32::from(number),
        signature: 0,
        template: 0,
        category: Category::Notice,
        service: Service::Sms,
    }
}

fn entry(id: u64, at: i64, from: u8) -> Entry {
    Entry { id: MessageId(id), at, text: 0, sender: sender(from) }
}

fn entries(log: &Log) -> Vec<Entry> {
    log.stamps.iter().map(|stamp| log.entry(stamp).unwrap()).collect()
}

#[test]
fn a_stamp_takes_nineteen_octets() {
    assert_eq!((size_of::<Stamp>(), size_of::<Sender>(), size_of::<Log>()), (19, 16, 32));
}

#[test]
fn a_full_log_of_different_senders_keeps_them_apart() {
    let mut log = Log::of(&entry(0, 0, 0));
    (1..=255).for_each(|n| log.add(&entry(u64::from(n), i64::from(n), n)));
    assert!(log.is_full() && log.senders.len() == MAX_STAMPS);
    assert!(log.forget(MessageId(7)) && !log.forget(MessageId(7)));
    log.add(&entry(1000, 1000, 7));
    let expected: Vec<u8> = (0..=6).chain(8..=255).chain([7]).collect();
    assert_eq!(
        entries(&log).iter().map(|e| e.sender).collect::<Vec<_>>(),
        expected.iter().map(|n| sender(*n)).collect::<Vec<_>>()
    );
}

#[derive(Debug, Clone)]
enum Op {
    Add(i64, u8),
    Forget(u64),
    Expire(i64),
    TurnBack(i64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..1000_i64, 0..5_u8).prop_map(|(at, from)| Op::Add(at, from)),
        2 => (0..60_u64).prop_map(Op::Forget),
        1 => (0..500_i64).prop_map(Op::Expire),
        1 => (300..1000_i64).prop_map(Op::TurnBack),
    ]
}

proptest! {
    #[test]
    fn a_log_is_a_sorted_list(ops in proptest::collection::vec(op(), 0..120)) {
        let mut log = Log { senders: Box::default(), stamps: Box::default() };
        let mut model: Vec<Entry> = Vec::new();
        for (id, op) in (0_u64..).zip(ops) {
            match op {
                Op::Add(at, from) => {
                    log.add(&entry(id, at, from));
                    let behind = model.iter().rposition(|held| held.at <= at).map_or(0, |place| place + 1);
                    model.insert(behind, entry(id, at, from));
                }
                Op::Forget(id) => {
                    let was = model.iter().any(|held| held.id == MessageId(id));
                    model.retain(|held| held.id != MessageId(id));
                    prop_assert_eq!(log.forget(MessageId(id)), was);
                }
                Op::Expire(until) => {
                    let mut gone = Vec::new();
                    log.expire(|held| held.at <= until, |id| gone.push(id));
                    let expected = model.iter().filter(|held| held.at <= until).map(|held| held.id);
                    prop_assert_eq!(gone, expected.collect::<Vec<_>>());
                    model.retain(|held| held.at > until);
                }
                Op::TurnBack(now) => {
                    log.turn_back(now);
                    model.iter_mut().for_each(|held| held.at = held.at.min(now));
                }
            }
            prop_assert_eq!(&entries(&log), &model);
            let named = |place: usize| log.stamps.iter().any(|stamp| usize::from(stamp.sender) == place);
            prop_assert!((0..log.senders.len()).all(named));
        }
    }
}
