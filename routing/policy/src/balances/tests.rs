mod lives;

use std::sync::Barrier;

use proptest::prelude::*;

use super::*;
use crate::rating::{BillOn, Billing};
use crate::tenants::tests::id;

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn march() -> Timestamp {
    at("2026-03-01")
}

pub(super) fn payer(name: &str, credit: u64) -> Payer {
    Payer { id: id(name), credit, low_balance: None }
}

pub(super) fn charge(payer: &Payer, millis: u64, units: u32) -> Charge {
    let billing = Billing::new(BillOn::Submitted, &[]);
    Charge { payer: payer.id.clone(), plan: id("p"), millis, service: Service::Sms, units, billing }
}

fn pay(balances: &Balances, payer: &Payer, reference: &str, millis: i64) {
    let Topped::New(top_up) = balances.top_up(payer, &id(reference), millis, march()).unwrap() else {
        panic!("{reference} is known")
    };
    balances.topped_up(top_up);
}

fn available(balances: &Balances, payer: &Payer) -> i64 {
    balances.balance(payer).available
}

#[test]
fn what_is_reserved_is_charged_or_comes_back() {
    let (balances, ent) = (Balances::default(), payer("ent-1", 0));
    assert_eq!(
        balances.reserve(&ent, &charge(&ent, 1, 1), march()),
        Err(Reason::Balance),
        "nothing was paid in"
    );
    pay(&balances, &ent, "r1", 100);
    let forty = charge(&ent, 40, 1);
    for _ in 0..2 {
        assert_eq!(balances.reserve(&ent, &forty, march()), Ok(Standing::Enough));
    }
    assert_eq!(balances.reserve(&ent, &forty, march()), Err(Reason::Balance));
    let failed = balances.settle(MessageId(1), &forty, None, march());
    assert_eq!((failed.charged, &failed.record), (0, &None));
    assert_eq!(available(&balances, &ent), 20, "nothing happens before it is durable");
    balances.stored(failed);
    assert_eq!(available(&balances, &ent), 60);
    let sent = balances.settle(MessageId(2), &forty, Some(1000), march());
    assert_eq!(sent.charged, 40, "never more than was reserved");
    balances.stored(sent);
    let talked = charge(&ent, 60, 6);
    assert_eq!(balances.reserve(&ent, &talked, march()), Ok(Standing::Enough));
    balances.stored(balances.settle(MessageId(3), &talked, Some(10), march()));
    let Balance { paid_in, charged, reserved, available, .. } = balances.balance(&ent);
    assert_eq!((paid_in, charged, reserved, available), (100, 50, 0, 50));
    assert_eq!(
        balances.reserve(&ent, &charge(&ent, 0, 1), march()),
        Ok(Standing::Enough),
        "nothing is always there"
    );
}

#[test]
fn a_credit_is_a_floor_and_lowering_it_stops_at_once() {
    let balances = Balances::default();
    let twenty =
        |credit| balances.reserve(&payer("ent-1", credit), &charge(&payer("ent-1", 0), 20, 1), march());
    assert_eq!(twenty(50), Ok(Standing::Enough));
    assert_eq!(twenty(50), Ok(Standing::Enough));
    assert_eq!(twenty(50), Err(Reason::Balance));
    assert_eq!(available(&balances, &payer("ent-1", 50)), 10);
    assert_eq!((twenty(10), available(&balances, &payer("ent-1", 10))), (Err(Reason::Balance), -30));
    assert_eq!(twenty(60), Ok(Standing::Enough));
}

#[test]
fn a_low_balance_is_said_once_a_crossing() {
    let (balances, mut ent) = (Balances::default(), payer("ent-1", 50));
    ent.low_balance = Some(100);
    pay(&balances, &ent, "r1", 70);
    let take = |millis| balances.reserve(&ent, &charge(&ent, millis, 1), march()).unwrap();
    assert_eq!([take(20), take(1), take(1)], [Standing::Enough, Standing::Low, Standing::Enough]);
    pay(&balances, &ent, "r2", 5);
    assert_eq!([take(1), take(2)], [Standing::Enough, Standing::Enough], "not a tenth above the mark");
    pay(&balances, &ent, "r3", 20);
    assert_eq!(balances.crossings(), [id("ent-1")]);
    assert_eq!([take(1), take(30), take(1)], [Standing::Enough, Standing::Low, Standing::Enough]);
    assert_eq!((balances.crossings(), balances.crossings()), (vec![id("ent-1")], vec![]));
}

#[test]
fn a_reference_counts_once() {
    let (balances, ent, other) = (Balances::default(), payer("ent-1", 0), payer("ent-2", 0));
    let top = |payer: &Payer, millis| balances.top_up(payer, &id("bank-1"), millis, march());
    let Ok(Topped::New(first)) = top(&ent, 100) else { panic!() };
    assert_eq!((top(&ent, 100), available(&balances, &ent)), (Err(TopUpRefused::Busy), 0));
    balances.top_up_failed(first);
    let Ok(Topped::New(again)) = top(&ent, 100) else { panic!() };
    let record = again.record.clone();
    balances.topped_up(again);
    assert_eq!((top(&ent, 100), available(&balances, &ent)), (Ok(Topped::Known), 100));
    assert_eq!(top(&ent, 101), Err(TopUpRefused::Reference));
    assert_eq!(top(&other, 100), Err(TopUpRefused::Reference));
    let after = Balances::default();
    after.restore(&Quotas::default(), &record.key, &record.value.unwrap()).unwrap();
    assert_eq!(available(&after, &ent), 100);
    assert_eq!(after.top_up(&ent, &id("bank-1"), 100, march()), Ok(Topped::Known), "after a restart too");
}

#[test]
fn what_is_taken_out_must_be_there() {
    let (balances, ent) = (Balances::default(), payer("ent-1", 0));
    pay(&balances, &ent, "in", 100);
    balances.reserve(&ent, &charge(&ent, 30, 1), march()).unwrap();
    let out = |reference, millis| balances.top_up(&ent, &id(reference), millis, march());
    assert_eq!(out("a", -71), Err(TopUpRefused::NotEnough));
    let Ok(Topped::New(under_way)) = out("b", -70) else { panic!() };
    assert_eq!(balances.reserve(&ent, &charge(&ent, 1, 1), march()), Err(Reason::Balance));
    balances.top_up_failed(under_way);
    assert_eq!(available(&balances, &ent), 70);
    pay(&balances, &ent, "c", -70);
    assert_eq!((available(&balances, &ent), balances.balance(&ent).paid_in), (0, 30));
    for millis in [0, i64::MAX, i64::MIN, 1_000_000_000_000_001] {
        assert_eq!(out("d", millis), Err(TopUpRefused::Amount), "{millis}");
    }
}

#[test]
fn the_months_volume_counts_what_is_charged_and_under_way() {
    let (balances, ent) = (Balances::default(), payer("ent-1", 1000));
    let (month_end, next) = (at("2026-03-31T23:59:59.999"), at("2026-04-01"));
    let three = charge(&ent, 3, 3);
    for _ in 0..4 {
        balances.reserve(&ent, &three, month_end).unwrap();
    }
    assert_eq!((balances.volume(&ent, month_end), balances.volume(&ent, next)), (12, 0));
    balances.release(&three, month_end);
    balances.stored(balances.settle(MessageId(1), &three, None, month_end));
    balances.stored(balances.settle(MessageId(2), &three, Some(3), month_end));
    assert_eq!(balances.volume(&ent, month_end), 6);
    balances.reserve(&ent, &three, next).unwrap();
    balances.stored(balances.settle(MessageId(3), &three, None, month_end));
    assert_eq!(balances.volume(&ent, next), 3, "what fails in April of March is not April's");
}

#[test]
fn nobody_overdraws_with_64_threads() {
    let (balances, ent) = (Balances::default(), payer("ent-1", 300));
    pay(&balances, &ent, "r1", 700);
    let (passed, barrier) = (AtomicU64::new(0), Barrier::new(64));
    std::thread::scope(|scope| {
        for thread in 0..64_u64 {
            let (balances, ent, passed, barrier) = (&balances, &ent, &passed, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for n in 0..50 {
                    let one = charge(ent, 1, 1);
                    if balances.reserve(ent, &one, march()).is_err() {
                        continue;
                    }
                    assert!(balances.balance(ent).available >= 0);
                    match n % 3 {
                        0 => balances.release(&one, march()),
                        1 => balances.stored(balances.settle(
                            MessageId(thread << 8 | n),
                            &one,
                            Some(1),
                            march(),
                        )),
                        _ => {}
                    }
                    passed.fetch_add(u64::from(n % 3 != 0), Ordering::Relaxed);
                    if let Some(folded) = balances.fold(7) {
                        balances.folded(folded);
                    }
                }
            });
        }
    });
    let Balance { charged, reserved, available, .. } = balances.balance(&ent);
    assert_eq!((charged + reserved, available), (passed.into_inner(), 0), "all of it is used, and no more");
}

#[test]
fn damaged_records_are_named() {
    let (balances, quotas) = (Balances::default(), Quotas::default());
    assert_eq!(balances.restore(&quotas, b"", b""), Err(BadRecord));
    assert_eq!(balances.restore(&quotas, b"x1", b"\x01"), Err(BadRecord));
    assert_eq!(balances.restore_charge(&[0; 7], b"\x01"), Err(BadRecord));
    let too_much = Writer::new(VERSION).name("ent-1").number(MOST + 1).number(1).number(202_603).finish();
    assert_eq!(balances.restore_charge(&[0; 8], &too_much), Err(BadRecord));
    assert_eq!(balances.restore(&quotas, b"b", &too_much), Err(BadRecord));
}

proptest! {
    #[test]
    fn no_record_makes_it_panic(key in prop::collection::vec(any::<u8>(), 0..20), value in prop::collection::vec(any::<u8>(), 0..120)) {
        let (balances, quotas) = (Balances::default(), Quotas::default());
        for tag in *b"btq" {
            let _ = balances.restore(&quotas, &[&[tag], &key[..]].concat(), &value);
            let _ = balances.restore(&quotas, &[&[tag], &key[..]].concat(), &[&[VERSION, 1, b'e'], &value[..]].concat());
        }
        let _ = balances.restore_charge(&key, &value);
        let _ = balances.restore_charge(&[0; 8], &[&[VERSION, 1, b'e'], &value[..]].concat());
    }
}
