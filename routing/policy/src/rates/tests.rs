use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use veilgate_names::EnterpriseId;

use super::*;
use crate::objects::{Object, Objects};
use crate::tenants::tests::{id, tenants};

const START: Monotonic = Monotonic(5_000_000);

struct Setting {
    rates: Rates,
    tree: Tree,
    limits: RateLimits,
}

impl Setting {
    fn new(of: &[(&str, &str)]) -> Self {
        let (rates, tree) = (Rates::default(), Tree::compile(&tenants(of)).unwrap());
        let limits = RateLimits::compile(&tree, &rates);
        Self { rates, tree, limits }
    }

    fn change(&mut self, objects: &Objects) {
        self.tree = Tree::compile(objects).unwrap();
        self.limits = RateLimits::compile(&self.tree, &self.rates);
    }

    fn chain(&self, enterprise: &str) -> Chain<'_> {
        self.tree.chain(&EnterpriseId::parse(enterprise).unwrap())
    }

    fn take(
        &self,
        enterprise: &str,
        segments: u32,
        now: Monotonic,
    ) -> Result<RatesTaken, (Reason, ObjectId)> {
        self.limits.take(self.chain(enterprise), &[], segments, now)
    }

    /// How many of so many single segments pass.
    fn passed(&self, enterprise: &str, now: Monotonic, tries: u32) -> u32 {
        (0..tries).map(|_| u32::from(self.take(enterprise, 1, now).is_ok())).sum()
    }
}

fn enterprise(parent: &str, rest: &str) -> String {
    format!(r#"{{"level":"enterprise","parent":"{parent}"{rest}}}"#)
}

fn later(millis: u64) -> Monotonic {
    START.plus(Duration::from_millis(millis))
}

#[test]
fn a_child_never_has_more_than_its_parent() {
    let setting = Setting::new(&[
        ("dist-1", r#"{"level":"distributor","parent":"carrier","rate_per_second":300}"#),
        ("ent-1", &enterprise("dist-1", r#","rate_per_second":500"#)),
    ]);
    assert_eq!(setting.passed("ent-1", START, 1000), 300);
    assert_eq!(setting.take("ent-1", 1, START), Err((Reason::Tps, id("dist-1"))));
    assert_eq!(setting.passed("ent-1", later(500), 1000), 150);
    let after = (1..=20).map(|tick| setting.passed("ent-1", later(500 + 500 * tick), 500)).sum::<u32>();
    assert_eq!(after, 3000);
}

#[test]
fn a_burst_is_what_may_come_at_once() {
    let setting = Setting::new(&[
        ("ent-1", &enterprise("carrier", r#","rate_per_second":10,"burst":50"#)),
        ("ent-2", &enterprise("carrier", r#","rate_per_second":10,"burst":1"#)),
    ]);
    assert_eq!(setting.passed("ent-1", START, 100), 50);
    assert_eq!(setting.passed("ent-1", later(1000), 100), 10);
    assert_eq!(setting.passed("ent-2", START, 100), 1);
    let each_tenth = (1..=10).map(|tick| setting.passed("ent-2", later(100 * tick), 3)).sum::<u32>();
    assert_eq!(each_tenth, 10);
}

#[test]
fn where_one_refuses_nothing_is_taken() {
    let setting = Setting::new(&[
        ("carrier", r#"{"level":"carrier","rate_per_second":100}"#),
        ("ent-1", &enterprise("carrier", r#","rate_per_second":50"#)),
        ("ent-2", &enterprise("carrier", "")),
    ]);
    let number = setting.rates.limit(Kind::Number, &id("n1"), NonZeroU32::new(5).unwrap(), None);
    let take = |segments| setting.limits.take(setting.chain("ent-1"), &[&number], segments, START);
    assert!(take(5).is_ok());
    for _ in 0..1000 {
        assert_eq!(take(1), Err((Reason::Tps, id("n1"))));
    }
    assert_eq!(setting.passed("ent-1", START, 1000), 45, "5 of 50 are gone");
    assert_eq!(setting.take("ent-1", 1, START), Err((Reason::Tps, id("ent-1"))));
    // Two are active now, which share what is left of the gateway's 100: ent-2 may have half of three quarters of the
    // burst, as nothing of the upper quarter is left.
    assert_eq!(setting.passed("ent-2", START, 1000), 37);
}

#[test]
fn what_is_given_back_is_there_again() {
    let setting = Setting::new(&[("ent-1", &enterprise("carrier", r#","rate_per_second":10"#))]);
    let taken = setting.take("ent-1", 7, START).unwrap();
    assert!(setting.take("ent-1", 4, START).is_err());
    setting.limits.give_back(setting.chain("ent-1"), &[], taken);
    assert_eq!(setting.passed("ent-1", START, 100), 10);
    assert!(setting.take("ent-1", 0, START).is_ok(), "nothing is always there");
}

#[test]
fn a_long_text_passes_once_a_burst_is_there() {
    let setting = Setting::new(&[("ent-1", &enterprise("carrier", r#","rate_per_second":5"#))]);
    assert!(setting.take("ent-1", 255, START).is_ok());
    assert!(setting.take("ent-1", 1, START).is_err());
    assert!(setting.take("ent-1", 255, later(999)).is_err());
    assert!(setting.take("ent-1", 255, later(1000)).is_ok());
}

#[test]
fn a_signature_has_a_rate_of_its_own_over_all_who_use_it() {
    let (rates, mut objects) = (Rates::default(), Objects::default());
    for (name, rest) in [("slow", r#","rate_per_second":2,"burst":4"#), ("free", "")] {
        let json = format!(r#"{{"text":"某某银行","tenant":"e1","state":"approved"{rest}}}"#);
        objects.put(id(name), Object::parse(Kind::Signature, &id(name), json.as_bytes()).unwrap());
    }
    let signatures = SignatureRates::compile(&objects, &rates);
    let passed = |name: &str, now| (0..9).filter(|_| signatures.take(&id(name), 1, now).is_ok()).count();
    assert_eq!((passed("slow", START), passed("slow", later(1000))), (4, 2));
    assert_eq!(signatures.take(&id("slow"), 1, START), Err((Reason::Tps, id("slow"))));
    assert_eq!((passed("free", START), passed("unknown", START)), (9, 9));
    let again = SignatureRates::compile(&objects, &rates);
    assert!(again.take(&id("slow"), 1, later(1000)).is_err(), "a new policy gives no second burst");
}

#[test]
fn a_changed_policy_goes_on_where_the_other_stood() {
    let mut setting = Setting::new(&[("ent-1", &enterprise("carrier", r#","rate_per_second":10"#))]);
    assert_eq!(setting.passed("ent-1", START, 100), 10);
    setting.change(&tenants(&[
        ("agent-1", r#"{"level":"agent","parent":"carrier"}"#),
        ("ent-1", &enterprise("agent-1", r#","rate_per_second":10"#)),
    ]));
    assert_eq!(setting.passed("ent-1", START, 100), 0, "moving gives no second burst");
    assert_eq!(setting.passed("ent-1", later(500), 100), 5);
    setting.change(&tenants(&[]));
    assert_eq!(setting.passed("ent-1", START, 100), 100, "no object, no limit");
    setting.change(&tenants(&[]));
    assert!(setting.rates.buckets.lock().is_empty() && setting.rates.children.lock().is_empty());
}

/// What two enterprises get in ten seconds under a parent of 300 a second; each asks so often in each millisecond.
fn shared(first: (&str, u32), second: (&str, u32), setting: &Setting) -> (u32, u32, u32) {
    let (mut of_first, mut of_second, mut asked) = (0, 0, 0);
    for tick in 0..10_000 {
        of_first += setting.passed(first.0, later(tick), first.1);
        // Of thousandths, so that any rate can be asked for.
        let due = |at: u64| at * u64::from(second.1) / 1000;
        let tries = u32::try_from(due(tick + 1) - due(tick)).unwrap();
        asked += tries;
        of_second += setting.passed(second.0, later(tick), tries);
    }
    (of_first, of_second, asked)
}

fn two(weights: [u8; 2]) -> Setting {
    let rest = weights.map(|weight| format!(r#","weight":{weight}"#));
    Setting::new(&[
        ("dist-1", r#"{"level":"distributor","parent":"carrier","rate_per_second":300}"#),
        ("ent-1", &enterprise("dist-1", &rest[0])),
        ("ent-2", &enterprise("dist-1", &rest[1])),
        ("ent-3", &enterprise("dist-1", "")),
    ])
}

#[test]
fn a_flooding_child_costs_another_within_its_share_nothing() {
    for per_second in [20, 100, 140] {
        let (flood, modest, asked) = shared(("ent-1", 10), ("ent-2", per_second), &two([1, 1]));
        assert!(modest * 100 >= asked * 95, "{modest} of {asked}");
        let total = flood + modest;
        assert!((3000..=3300).contains(&total), "what is left goes to the other: {total}");
    }
}

#[test]
fn two_that_want_more_than_there_is_get_as_their_weights_are() {
    let (one, other, _) = shared(("ent-1", 10), ("ent-2", 10_000), &two([1, 1]));
    assert!(one.abs_diff(other) * 10 < one.max(other), "{one} {other}");
    let (one, other, _) = shared(("ent-1", 10), ("ent-2", 10_000), &two([3, 1]));
    let ratio = f64::from(one) / f64::from(other);
    assert!((2.4..=3.6).contains(&ratio), "{one} {other}");
}

#[test]
fn one_alone_has_everything_and_others_come_in_at_once() {
    let setting = two([1, 1]);
    assert_eq!(setting.passed("ent-1", START, 1000), 300);
    let alone: u32 = (1..1000).map(|tick| setting.passed("ent-1", later(tick), 3)).sum();
    assert!((295..=300).contains(&alone), "{alone}");
    let (mut first, mut second) = (0, 0);
    for tick in 1000..2000 {
        first += setting.passed("ent-1", later(tick), 3);
        second += setting.passed("ent-2", later(tick), u32::from(tick % 10 == 0));
    }
    assert!(second >= 90, "{second} of 100, {first}");
}

#[test]
fn stretches_that_begin_anew_and_late_threads_do_no_harm() {
    let (crowd, child, other) = (Crowd::default(), Child::default(), Child::default());
    let at = |seconds: u64| Monotonic(seconds * 1_000_000);
    assert_eq!(crowd.hear(&child, 3, at(0)), 3);
    assert_eq!(crowd.hear(&other, 2, at(1)), 3, "the one before counts");
    assert_eq!(crowd.hear(&child, 3, at(1)), 5);
    assert_eq!(crowd.hear(&other, 2, at(0)), 7, "late: counted at most twice");
    assert_eq!(crowd.hear(&child, 3, at(9)), 3);
    let wraps = (1 << 24) - 2;
    assert_eq!(crowd.hear(&child, 3, at(wraps)), 3);
    assert_eq!(
        crowd.hear(&other, 2, at(wraps + 1)),
        2,
        "half a year later the count of stretches begins anew"
    );
    assert_eq!(crowd.hear(&child, 3, at(wraps + 2)), 3);
}

#[test]
fn exactly_as_many_pass_as_there_are_with_64_threads() {
    for more in [None, Some(70)] {
        let setting = Setting::new(&[
            ("carrier", r#"{"level":"carrier","rate_per_second":1000}"#),
            ("ent-1", &enterprise("carrier", r#","rate_per_second":100"#)),
        ]);
        let number =
            |rate| setting.rates.limit(Kind::Number, &id("n1"), NonZeroU32::new(rate).unwrap(), None);
        let more = more.map(number);
        let limits: Vec<_> = more.iter().collect();
        let (passed, barrier) = (AtomicU32::new(0), Barrier::new(64));
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..20 {
                        let taken = setting.limits.take(setting.chain("ent-1"), &limits, 1, START);
                        passed.fetch_add(u32::from(taken.is_ok()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(passed.into_inner(), if limits.is_empty() { 100 } else { 70 });
    }
}

/// A token bucket as one would draw it.
struct Plain {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Monotonic,
}

impl Plain {
    fn new(rate: u32, burst: u32) -> Self {
        Self { rate: rate.into(), burst: burst.into(), tokens: burst.into(), at: START }
    }

    fn holds(&mut self, now: Monotonic) -> f64 {
        self.tokens = (self.tokens + now.since(self.at).as_secs_f64() * self.rate).min(self.burst);
        self.at = now;
        self.tokens
    }
}

proptest! {
    /// One enterprise, alone under its parents: every limit of the chain is a token bucket, all of them or none.
    #[test]
    fn a_chain_is_token_buckets_of_which_all_or_none_are_used(
        limits in prop::collection::vec((1..500_u32, 1..100_u32), 3..=3),
        steps in prop::collection::vec((0..200_u64, 1..5_u32), 1..200),
    ) {
        let rest = |(rate, burst): (u32, u32)| format!(r#","rate_per_second":{rate},"burst":{burst}"#);
        let carrier = format!(r#"{{"level":"carrier"{}}}"#, rest(limits[0]));
        let agent = format!(r#"{{"level":"agent","parent":"carrier"{}}}"#, rest(limits[1]));
        let setting = Setting::new(&[
            ("carrier", &carrier),
            ("agent-1", &agent),
            ("ent-1", &enterprise("agent-1", &rest(limits[2]))),
        ]);
        let mut plain: Vec<_> = limits.iter().map(|(rate, burst)| Plain::new(*rate, *burst)).collect();
        let mut now = START;
        for (millis, segments) in steps {
            now = now.plus(Duration::from_millis(millis));
            let costs: Vec<f64> = plain.iter().map(|each| f64::from(segments).min(each.burst)).collect();
            let spare = plain.iter_mut().zip(&costs).map(|(each, cost)| each.holds(now) - cost);
            let spare = spare.fold(f64::INFINITY, f64::min);
            let taken = setting.take("ent-1", segments, now).is_ok();
            // Intervals are whole nanoseconds, so a bucket may be a thousandth fuller than it is drawn.
            prop_assert!(spare.abs() < 0.05 || taken == (spare > 0.0), "{} at {}", spare, now.0);
            for (each, cost) in plain.iter_mut().zip(&costs).filter(|_| taken) {
                each.tokens -= cost;
            }
        }
    }

    /// Whatever children ask for: no parent lets more through than its rate and burst, one that never asks for more than
    /// its part gets nearly all it asks for, and nothing is wasted while somebody wants more.
    #[test]
    fn shares_are_fair_whatever_children_ask_for(
        asks in prop::collection::vec(1..400_u32, 2..8),
        weights in prop::collection::vec(1..5_u32, 8..=8),
    ) {
        const RATE: u32 = 400;
        const SECONDS: u32 = 6;
        let names: Vec<String> = (0..asks.len()).map(|n| format!("e{n}")).collect();
        let of: Vec<String> = weights.iter().map(|weight| enterprise("d", &format!(r#","weight":{weight}"#))).collect();
        let distributor = format!(r#"{{"level":"distributor","parent":"carrier","rate_per_second":{RATE}}}"#);
        let tenants: Vec<_> = names.iter().map(String::as_str).zip(of.iter().map(String::as_str)).collect();
        let setting = Setting::new(&[&[("d", distributor.as_str())], &tenants[..]].concat());
        let mut passed = vec![0_u32; asks.len()];
        for tick in 0..u64::from(SECONDS) * 1000 {
            for (child, ask) in asks.iter().enumerate() {
                let due = |at: u64| at * u64::from(*ask) / 1000;
                let tries = u32::try_from(due(tick + 1) - due(tick)).unwrap();
                passed[child] += setting.passed(&names[child], later(tick), tries);
            }
        }
        let (total, asked) = (passed.iter().sum::<u32>(), asks.iter().sum::<u32>() * SECONDS);
        prop_assert!(total <= RATE * SECONDS + RATE, "{} of {}", total, asked);
        prop_assert!(total * 100 >= asked.min(RATE * SECONDS) * 97, "{} of {}", total, asked);
        let whole: u32 = weights.iter().take(asks.len()).sum();
        for (child, ask) in asks.iter().enumerate() {
            let part = RATE * weights[child] / whole;
            let fair = ask.min(&part) * SECONDS;
            prop_assert!(passed[child] * 100 + 1000 >= fair * 90, "{} of {} of {:?}", passed[child], fair, asks);
        }
    }
}
