//! The same questions answered by an independent model: what holds in each hour is written into a table, and no
//! interval is ever compared.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const HOURS: usize = 24 * 8;
const HOUR_MS: i64 = 3_600_000;

/// A stretch of a number's life.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    hours: usize,
    holder: Option<u8>,
    out: bool,
    suspended: bool,
}

#[derive(Debug, Clone)]
struct Bound {
    number: usize,
    from: usize,
    hours: usize,
    primary: bool,
}

#[derive(Debug, Clone)]
struct History {
    numbers: Vec<Vec<Stretch>>,
    bindings: Vec<Bound>,
    /// Hours for an instant (asked half past), whole days from day 0.
    as_of: (bool, usize),
    now: usize,
}

/// What holds for a number in one hour: which tenure, whose, where.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Held {
    tenure: usize,
    holder: u8,
    out: bool,
    suspended: bool,
}

fn stretch() -> impl Strategy<Value = Stretch> {
    let hours = prop_oneof![Just(24_usize), Just(48), 1..30_usize];
    let holder = prop::option::weighted(0.8, 0..3_u8);
    (hours, holder, prop::bool::weighted(0.15), prop::bool::weighted(0.15))
        .prop_map(|(hours, holder, out, suspended)| Stretch { hours, holder, out, suspended })
}

fn history() -> impl Strategy<Value = History> {
    let from = prop_oneof![(0..6_usize).prop_map(|day| day * 24), 0..150_usize];
    let hours = prop_oneof![(1..4_usize).prop_map(|days| days * 24), 1..60_usize, Just(HOURS)];
    let bound = (0..3_usize, from, hours, any::<bool>()).prop_map(|(number, from, hours, primary)| Bound {
        number,
        from,
        hours,
        primary,
    });
    let numbers = prop::collection::vec(prop::collection::vec(stretch(), 1..6), 3);
    let as_of =
        prop_oneof![(0..HOURS - 24).prop_map(|hour| (false, hour)), (0..7_usize).prop_map(|day| (true, day))];
    (numbers, prop::collection::vec(bound, 0..4), as_of, 0..HOURS - 1)
        .prop_map(|(numbers, bindings, as_of, now)| History { numbers, bindings, as_of, now })
}

impl History {
    fn origin() -> i64 {
        at("2025-05-01").0
    }

    fn time(hour: usize) -> String {
        Timestamp(Self::origin() + i64::try_from(hour).unwrap() * HOUR_MS).to_string()
    }

    fn feed(&self) -> (String, String) {
        let (mut bindings, mut tenures) = (BINDINGS.to_owned(), TENURES.to_owned());
        for (number, stretches) in self.numbers.iter().enumerate() {
            let mut hour = 0;
            for stretch in stretches {
                let end = hour + stretch.hours;
                let to = if end >= HOURS { String::new() } else { Self::time(end) };
                if let Some(holder) = stretch.holder.filter(|_| hour < HOURS) {
                    let network = if stretch.out { "out" } else { "own" };
                    let status = if stretch.suspended { "suspended" } else { "active" };
                    let from = Self::time(hour);
                    writeln!(tenures, "1990000000{number},h{holder},{from},{to},{network},{status}").unwrap();
                }
                hour = end;
            }
        }
        for Bound { number, from, hours, primary } in &self.bindings {
            let to = if from + hours >= HOURS { String::new() } else { Self::time(from + hours) };
            let primary = u8::from(*primary);
            writeln!(bindings, "cuid,dev,1990000000{number},{},{to},{primary}", Self::time(*from)).unwrap();
        }
        (bindings, tenures)
    }

    /// For each hour what holds for a number.
    fn table(&self, number: usize) -> Vec<Option<Held>> {
        let mut table: Vec<Option<Held>> = Vec::new();
        for (place, stretch) in self.numbers[number].iter().enumerate() {
            let last = table.last().copied().flatten();
            let held = stretch.holder.map(|holder| Held {
                tenure: last.filter(|last| last.holder == holder).map_or(place, |last| last.tenure),
                holder,
                out: stretch.out,
                suspended: stretch.suspended,
            });
            table.extend(std::iter::repeat_n(held, stretch.hours));
        }
        table.resize(table.len().max(HOURS), None);
        table
    }

    fn bound(&self, hour: usize) -> BTreeSet<usize> {
        let holds = |b: &&Bound| (b.from..b.from + b.hours).contains(&hour);
        self.bindings.iter().filter(holds).map(|b| b.number).collect()
    }

    fn answer(&self) -> Result<usize, Reason> {
        let (day, first) = if self.as_of.0 { (true, self.as_of.1 * 24) } else { (false, self.as_of.1) };
        let hours = first..first + if day { 24 } else { 1 };
        if first > self.now {
            return Err(Reason::BadAsofFuture);
        }
        let in_force: BTreeSet<usize> = hours.clone().flat_map(|hour| self.bound(hour)).collect();
        let before = if day && first > 0 { self.bound(first - 1) } else { BTreeSet::new() };
        let concerned: BTreeSet<usize> = in_force.union(&before).copied().collect();
        let number = match in_force.len() {
            0 => return Err(Reason::NotFoundAsof),
            1 if concerned.len() == 1 => *in_force.first().unwrap(),
            _ => self.primary(&concerned, &hours, day)?,
        };
        let tenure = self.tenure(number, &hours, day)?;
        let table = self.table(number);
        match table[self.now] {
            Some(held) if held.holder != tenure.holder => Err(Reason::NumberReassigned),
            Some(held) if held.tenure != tenure.tenure => Err(Reason::NumberRetakenSameHolder),
            Some(held) if held.out => Err(Reason::PortedOut),
            Some(held) if held.suspended => Err(Reason::Suspended),
            Some(_) => Ok(number),
            None => Err(Reason::NumberDisconnected),
        }
    }

    fn tenure(&self, number: usize, hours: &std::ops::Range<usize>, day: bool) -> Result<Held, Reason> {
        let table = self.table(number);
        let in_force: Vec<Held> = table[hours.clone()].iter().flatten().copied().collect();
        let first = *in_force.first().ok_or(Reason::NoTenureAsof)?;
        let before = if day && hours.start > 0 { table[hours.start - 1] } else { None };
        let alone = in_force.iter().chain(&before).all(|held| held.tenure == first.tenure);
        if alone { Ok(first) } else { Err(Reason::AmbiguousTenure) }
    }

    fn primary(
        &self,
        concerned: &BTreeSet<usize>,
        hours: &std::ops::Range<usize>,
        day: bool,
    ) -> Result<usize, Reason> {
        let mut holders = BTreeSet::new();
        for number in concerned {
            holders.insert(self.tenure(*number, hours, day).map_err(|_| Reason::AmbiguousDevice)?.holder);
        }
        let marked = |hour: usize| {
            self.bindings.iter().filter(move |b| b.primary && (b.from..b.from + b.hours).contains(&hour))
        };
        let primary: BTreeSet<usize> = hours.clone().flat_map(marked).map(|b| b.number).collect();
        match (holders.len(), primary.len()) {
            (1, 1) => Ok(*primary.first().unwrap()),
            _ => Err(Reason::AmbiguousDevice),
        }
    }
}

/// Also counts that every answer there is was among them.
#[test]
fn random_histories_are_answered_as_the_model_does() {
    let keys = keys();
    let device = [edi("cuid:dev")];
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(2500));
    runner
        .run(&history(), |history| {
            let (bindings, tenures) = history.feed();
            let identity = identity(&keys, &bindings, &tenures);
            let (day, first) = history.as_of;
            let instant = |hour: usize| Timestamp(at(&History::time(hour)).0 + HOUR_MS / 2);
            let as_of =
                if day { as_of(&format!("2025-05-{:02}", first + 1)) } else { AsOf::At(instant(first)) };
            let answer = identity.resolve(&device, as_of, instant(history.now));
            let answer = answer.map(|contact| contact.number.digits().as_bytes().to_vec());
            let expected = history.answer();
            seen.borrow_mut().insert(expected.map_or_else(Reason::name, |_| "OK"));
            prop_assert_eq!(answer, expected.map(|number| format!("861990000000{number}").into_bytes()));
            Ok(())
        })
        .unwrap();
    assert_eq!(seen.into_inner().len(), 11, "every answer was among them");
}
