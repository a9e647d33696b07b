//! Random lives of messages, payments and folds over a disk that writes turns in any order, loses some, and crashes at any
//! point, against plain sums.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use veilgate_names::{MessageId, Reason, Timestamp};

use super::{at, charge, payer};
use crate::balances::{Balances, Folded, Settled, TopUp, Topped};
use crate::decision::Charge;
use crate::quotas::Quotas;
use crate::rating::Payer;
use crate::record::Record;
use crate::tenants::tests::id;

const NAMES: [&str; 3] = ["ent-1", "ent-2", "agent-1"];
const CREDIT: u64 = 50;

#[derive(Debug, Clone)]
enum Step {
    Accept {
        payer: usize,
        millis: u64,
        units: u32,
    },
    End {
        which: Index,
        due: Option<u64>,
    },
    TopUp {
        payer: usize,
        reference: u8,
        millis: i64,
    },
    Fold {
        most: usize,
    },
    Write {
        which: Index,
    },
    /// It cannot be written; or it was, and nobody knows.
    Fail {
        which: Index,
        written: bool,
    },
    Crash,
}

/// A turn that is to be written, and what it is about.
#[derive(Debug)]
enum Turn {
    Accepted(u64),
    Ended(u64, Settled),
    Paid(TopUp),
    Folded(Folded),
}

#[derive(Debug, Default)]
struct Disk {
    balances: BTreeMap<Box<[u8]>, Box<[u8]>>,
    charges: BTreeMap<Box<[u8]>, Box<[u8]>>,
    messages: BTreeMap<u64, Box<[u8]>>,
}

/// A message, as plainly as can be.
#[derive(Debug, Clone)]
struct Message {
    charge: Charge,
    is_durable: bool,
    is_ending: bool,
}

#[derive(Debug, Default)]
struct World {
    balances: Balances,
    disk: Disk,
    turns: Vec<Turn>,
    live: BTreeMap<u64, Message>,
    /// By payer: what was paid in, what was charged, segments charged, what is being taken out.
    paid: [i64; 3],
    charged: [i64; 3],
    volume: [u64; 3],
    leaving: [i64; 3],
    next: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let of = || 0..NAMES.len();
    let step = prop_oneof![
        4 => (of(), 0..30_u64, 1..4_u32).prop_map(|(payer, millis, units)| Step::Accept { payer, millis, units }),
        3 => (any::<Index>(), prop::option::of(0..40_u64)).prop_map(|(which, due)| Step::End { which, due }),
        2 => (of(), any::<u8>(), -40..80_i64).prop_map(|(payer, reference, millis)| Step::TopUp { payer, reference, millis }),
        2 => (1..5_usize).prop_map(|most| Step::Fold { most }),
        8 => any::<Index>().prop_map(|which| Step::Write { which }),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(which, written)| Step::Fail { which, written }),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..150)
}

fn now() -> Timestamp {
    at("2026-03-01")
}

fn who(payer: usize) -> Payer {
    super::payer(NAMES[payer], CREDIT)
}

fn place(of: &veilgate_names::ObjectId) -> usize {
    NAMES.iter().position(|name| *name == of.as_str()).unwrap()
}

impl Disk {
    fn put(space: &mut BTreeMap<Box<[u8]>, Box<[u8]>>, record: &Record) {
        space.insert(record.key.clone(), record.value.clone().unwrap());
    }

    fn write(&mut self, turn: &Turn, live: &BTreeMap<u64, Message>) {
        match turn {
            Turn::Accepted(id) => drop(self.messages.insert(*id, live[id].charge.to_octets())),
            Turn::Ended(id, settled) => {
                self.messages.remove(id);
                settled.record.iter().for_each(|record| Self::put(&mut self.charges, record));
            }
            Turn::Paid(top_up) => Self::put(&mut self.balances, &top_up.record),
            Turn::Folded(folded) => {
                folded.balances.iter().for_each(|record| Self::put(&mut self.balances, record));
                folded.charges.iter().for_each(|key| drop(self.charges.remove(&key[..])));
            }
        }
    }
}

impl World {
    fn free(&self, payer: usize) -> i64 {
        self.paid[payer] - self.charged[payer] - self.reserved(payer) - self.leaving[payer]
    }

    fn reserved(&self, payer: usize) -> i64 {
        let of = self.live.values().filter(|message| place(&message.charge.payer) == payer);
        of.map(|message| i64::try_from(message.charge.millis).unwrap()).sum()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Accept { payer, millis, units } => self.accept(payer, millis, units),
            Step::End { which, due } => self.end(which, due),
            Step::TopUp { payer, reference, millis } => self.top_up(payer, reference, millis),
            Step::Fold { most } => self.turns.extend(self.balances.fold(most).map(Turn::Folded)),
            Step::Write { which } => {
                if let Some(turn) = self.pick(which) {
                    self.disk.write(&turn, &self.live);
                    self.written(turn);
                }
            }
            Step::Fail { which, written } => self.fail(which, written),
            Step::Crash => self.crash(),
        }
    }

    fn pick(&mut self, which: Index) -> Option<Turn> {
        (!self.turns.is_empty()).then(|| self.turns.remove(which.index(self.turns.len())))
    }

    fn accept(&mut self, payer: usize, millis: u64, units: u32) {
        let charge = charge(&who(payer), millis, units);
        let fits = millis == 0
            || self.free(payer) - i64::try_from(millis).unwrap() >= -i64::try_from(CREDIT).unwrap();
        let reserved = self.balances.reserve(&who(payer), &charge, now());
        assert_eq!(reserved.err(), (!fits).then_some(Reason::Balance));
        if fits {
            self.next += 1;
            self.live.insert(self.next, Message { charge, is_durable: false, is_ending: false });
            self.turns.push(Turn::Accepted(self.next));
        }
    }

    fn end(&mut self, which: Index, due: Option<u64>) {
        let ready: Vec<_> = self
            .live
            .iter()
            .filter(|(_, each)| each.is_durable && !each.is_ending)
            .map(|(id, _)| *id)
            .collect();
        if ready.is_empty() {
            return;
        }
        let id = *which.get(&ready);
        let message = self.live.get_mut(&id).unwrap();
        message.is_ending = true;
        let settled = self.balances.settle(MessageId(id), &message.charge, due, now());
        self.turns.push(Turn::Ended(id, settled));
    }

    fn top_up(&mut self, payer: usize, reference: u8, millis: i64) {
        let (id, free) = (id(&format!("r{reference}")), self.free(payer));
        if let Ok(Topped::New(top_up)) = self.balances.top_up(&who(payer), &id, millis, now()) {
            assert!(millis > 0 || free + millis >= -i64::try_from(CREDIT).unwrap());
            self.leaving[payer] += (-millis).max(0);
            self.turns.push(Turn::Paid(top_up));
        }
    }

    fn written(&mut self, turn: Turn) {
        match turn {
            Turn::Accepted(id) => self.live.get_mut(&id).unwrap().is_durable = true,
            Turn::Ended(id, settled) => {
                let message = self.live.remove(&id).unwrap();
                let payer = place(&message.charge.payer);
                self.charged[payer] += i64::try_from(settled.charged).unwrap();
                self.volume[payer] += settled.record.as_ref().map_or(0, |_| u64::from(message.charge.units));
                self.balances.stored(settled);
            }
            Turn::Paid(top_up) => {
                let payer = place(&top_up.payer);
                self.paid[payer] += top_up.millis;
                self.leaving[payer] -= (-top_up.millis).max(0);
                self.balances.topped_up(top_up);
            }
            Turn::Folded(folded) => self.balances.folded(folded),
        }
    }

    fn fail(&mut self, which: Index, written: bool) {
        match self.pick(which) {
            Some(Turn::Accepted(id)) => {
                let message = self.live.remove(&id).unwrap();
                self.balances.release(&message.charge, now());
            }
            Some(Turn::Ended(id, _)) => self.live.get_mut(&id).unwrap().is_ending = false,
            Some(Turn::Paid(top_up)) => {
                self.leaving[place(&top_up.payer)] -= (-top_up.millis).max(0);
                self.balances.top_up_failed(top_up);
            }
            Some(Turn::Folded(folded)) => {
                let turn = Turn::Folded(folded);
                if written {
                    self.disk.write(&turn, &self.live);
                }
                let Turn::Folded(folded) = turn else { unreachable!() };
                self.balances.fold_failed(folded);
            }
            None => {}
        }
    }

    /// Whatever was not written is gone; what was, is read in the order of its keys.
    fn crash(&mut self) {
        self.turns.clear();
        self.leaving = [0; 3];
        self.live.retain(|_, message| message.is_durable);
        self.live.values_mut().for_each(|message| message.is_ending = false);
        self.balances = Balances::default();
        for (key, value) in &self.disk.charges {
            self.balances.restore_charge(key, value).unwrap();
        }
        for octets in self.disk.messages.values() {
            self.balances.restore_reservation(&Charge::from_octets(octets).unwrap(), now());
        }
        for (key, value) in &self.disk.balances {
            self.balances.restore(&Quotas::default(), key, value).unwrap();
        }
    }

    fn check(&self) {
        for payer in 0..NAMES.len() {
            let found = self.balances.balance(&who(payer));
            assert_eq!(found.paid_in, self.paid[payer]);
            assert_eq!(i64::try_from(found.charged).unwrap(), self.charged[payer]);
            assert_eq!(i64::try_from(found.reserved).unwrap(), self.reserved(payer));
            assert_eq!(found.available, self.free(payer) + i64::try_from(CREDIT).unwrap());
            assert!(found.available >= 0, "overdrawn");
            let live = self.live.values().filter(|message| place(&message.charge.payer) == payer);
            let volume =
                self.volume[payer] + live.map(|message| u64::from(message.charge.units)).sum::<u64>();
            assert_eq!(self.balances.volume(&who(payer), now()), volume);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn sums_are_right_whatever_happens(steps in steps()) {
        let mut world = World::default();
        for step in steps {
            world.step(step);
            world.check();
        }
        world.crash();
        world.check();
    }
}

#[test]
fn folding_leaves_one_record_a_payer() {
    let (balances, ent) = (Balances::default(), payer("ent-1", 1000));
    for message in 0..100 {
        let one = charge(&ent, 2, 1);
        balances.reserve(&ent, &one, now()).unwrap();
        balances.stored(balances.settle(MessageId(message), &one, Some(2), now()));
    }
    let first = balances.fold(60).unwrap();
    assert_eq!((first.charges.len(), first.balances.len(), balances.unfolded()), (60, 1, 40));
    assert!(balances.fold(60).is_none(), "one at a time");
    balances.fold_failed(first);
    let again = balances.fold(1).unwrap();
    assert_eq!(again.charges.len(), 60, "the same once more, since it may have been written");
    balances.folded(again);
    let last = balances.fold(1000).unwrap();
    assert_eq!(last.charges.len(), 40);
    let after = Balances::default();
    for Record { key, value } in &last.balances {
        after.restore(&Quotas::default(), key, value.as_ref().unwrap()).unwrap();
    }
    assert_eq!((after.balance(&ent).charged, after.volume(&ent, now())), (200, 100));
    balances.folded(last);
    assert!(balances.fold(1000).is_none());
}
