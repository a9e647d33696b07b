use std::sync::Barrier;
use std::sync::atomic::AtomicU32;

use proptest::prelude::*;
use veilgate_names::EnterpriseId;

use super::*;
use crate::tenants::tests::{id, tenants};

struct Setting {
    quotas: Quotas,
    tree: Tree,
    limits: QuotaLimits,
}

fn setting(of: &[(&str, &str)]) -> Setting {
    let (quotas, tree) = (Quotas::default(), Tree::compile(&tenants(of)).unwrap());
    let limits = QuotaLimits::compile(&tree, &quotas);
    Setting { quotas, tree, limits }
}

impl Setting {
    fn chain(&self) -> Chain<'_> {
        self.tree.chain(&EnterpriseId::parse("ent-1").unwrap())
    }

    fn take(&self, segments: u32, at: &str) -> Result<(), (Reason, ObjectId)> {
        self.limits.take(self.chain(), segments, Timestamp::parse(at).unwrap())
    }
}

const AGENT: (&str, &str) = ("agent-1", r#"{"level":"agent","parent":"carrier","per_month":12}"#);
const ENTERPRISE: (&str, &str) = ("ent-1", r#"{"level":"enterprise","parent":"agent-1","per_day":5}"#);

#[test]
fn a_day_ends_in_beijing_to_the_millisecond() {
    let setting = setting(&[AGENT, ENTERPRISE]);
    let of_ent = Err((Reason::Quota, id("ent-1")));
    assert_eq!(setting.take(5, "2026-03-30T23:59:59.998"), Ok(()));
    assert_eq!(setting.take(1, "2026-03-30T23:59:59.999"), of_ent);
    assert_eq!(setting.take(6, "2026-03-31T00:00:00"), of_ent, "more than a day's at once");
    assert_eq!(setting.take(5, "2026-03-31T00:00:00"), Ok(()));
    assert_eq!(setting.take(1, "2026-03-31T15:59:59Z"), of_ent, "the same day in Beijing");
    let of_agent = Err((Reason::Quota, id("agent-1")));
    assert_eq!(setting.take(3, "2026-03-31T16:00:00Z"), Ok(()), "April has begun in Beijing");
    assert_eq!(setting.take(5, "2026-04-02"), Ok(()));
    assert_eq!(setting.take(5, "2026-04-03"), of_agent);
    assert_eq!(setting.quotas.counted(&id("ent-1"), Timestamp::parse("2026-04-03").unwrap()).0, 0);
    assert_eq!(
        setting.take(4, "2026-04-03"),
        Ok(()),
        "what the agent refused was not counted for the enterprise"
    );
    assert_eq!(setting.take(1, "2026-04-03"), of_agent);
}

#[test]
fn a_clock_that_is_set_back_frees_nothing() {
    let setting = setting(&[("ent-1", r#"{"level":"enterprise","parent":"carrier","per_day":5}"#)]);
    assert_eq!(setting.take(3, "2026-03-02"), Ok(()));
    assert!(setting.take(3, "2026-03-01").is_err());
    assert_eq!(setting.take(2, "2026-03-01"), Ok(()));
    assert!(setting.take(1, "2026-03-02").is_err());
}

#[test]
fn what_is_given_back_may_be_used_again_on_its_day() {
    let setting = setting(&[AGENT, ENTERPRISE]);
    assert_eq!(setting.take(5, "2026-03-01"), Ok(()));
    setting.limits.give_back(setting.chain(), 2, Timestamp::parse("2026-03-01").unwrap());
    assert_eq!(setting.take(2, "2026-03-01"), Ok(()));
    assert_eq!(setting.take(5, "2026-03-02"), Ok(()));
    setting.limits.give_back(setting.chain(), 5, Timestamp::parse("2026-03-01").unwrap());
    assert!(setting.take(1, "2026-03-02").is_err(), "yesterday's is not today's");
}

#[test]
fn counts_are_written_once_changed_and_come_back() {
    let before = setting(&[AGENT, ENTERPRISE]);
    assert!(before.quotas.unwritten(9).is_empty());
    assert_eq!(before.take(3, "2026-03-01"), Ok(()));
    assert_eq!((before.quotas.unwritten(1).len(), before.quotas.unwritten(9).len()), (1, 1));
    assert!(before.quotas.unwritten(9).is_empty());
    before.quotas.write_failed();
    let records = before.quotas.unwritten(9);
    let after = setting(&[AGENT, ENTERPRISE]);
    for Record { key, value } in &records {
        crate::Balances::default().restore(&after.quotas, key, value.as_ref().unwrap()).unwrap();
    }
    assert!(after.take(3, "2026-03-01").is_err());
    assert_eq!(after.take(2, "2026-03-01"), Ok(()));
    assert_eq!(after.quotas.counted(&id("agent-1"), Timestamp::parse("2026-03-09").unwrap()), (0, 5));
}

#[test]
fn exactly_as_many_pass_as_there_are_with_64_threads() {
    let setting = setting(&[
        ("agent-1", r#"{"level":"agent","parent":"carrier","per_month":777}"#),
        ("ent-1", r#"{"level":"enterprise","parent":"agent-1","per_day":900}"#),
    ]);
    let (passed, barrier) = (AtomicU32::new(0), Barrier::new(64));
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..20 {
                    let taken = setting.take(1, "2026-03-01");
                    passed.fetch_add(u32::from(taken.is_ok()), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 777);
    let at = Timestamp::parse("2026-03-01").unwrap();
    assert_eq!(setting.quotas.counted(&id("ent-1"), at), (777, 777));
}

proptest! {
    /// Takings and givings back at random times that do not go back, against sums by day and month.
    #[test]
    fn counts_are_those_of_a_plain_sum(steps in prop::collection::vec((0..4_u32, 0..20_i64, any::<bool>()), 1..200)) {
        let setting = setting(&[("ent-1", r#"{"level":"enterprise","parent":"carrier","per_day":6,"per_month":40}"#)]);
        let mut at = Timestamp::parse("2026-01-25T08:00").unwrap();
        let mut taken: Vec<(u32, u32)> = vec![];
        for (segments, hours, gives_back) in steps {
            at = Timestamp(at.0 + hours * 3_600_000);
            let day = beijing_day(at);
            let sum = |of: &[(u32, u32)], test: &dyn Fn(u32) -> bool| -> u32 { of.iter().filter(|(day, _)| test(*day)).map(|(_, n)| n).sum() };
            let fits = sum(&taken, &|each| each == day) + segments <= 6 && sum(&taken, &|each| each / 100 == day / 100) + segments <= 40;
            prop_assert_eq!(setting.limits.take(setting.chain(), segments, at).is_ok(), fits);
            if fits && gives_back {
                setting.limits.give_back(setting.chain(), segments, at);
            } else if fits {
                taken.push((day, segments));
            }
        }
    }

    #[test]
    fn no_record_makes_it_panic(value in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Quotas::default().restore(&value);
    }
}
