//! The power fails at any point, again and again, and the log holds every acknowledged batch, and each batch whole.
//! A failure names its seed; `VEILGATE_POWER_CUT_SEED` runs that one alone.

use super::recorder::{Chance, Recorder};
use super::{Config, LogStore};
use crate::batch::Batch;
use crate::conformance::Model;
use crate::space::Space;
use crate::store::{Budget, Store};

const SEEDS: u64 = 400;
const GENERATIONS: usize = 3;
const CONFIG: Config =
    Config { segment_octets: 4096, capacity_octets: 1 << 20, compact_below_percent: 60, slack_octets: 0 };

/// A commit, and how much had been recorded before and after it.
struct Committed {
    batches: Vec<Batch>,
    began: usize,
    acknowledged: usize,
}

#[test]
fn acknowledged_batches_survive_power_cuts() {
    let only = std::env::var("VEILGATE_POWER_CUT_SEED").ok().and_then(|seed| seed.parse().ok());
    let (mut torn, mut removed, mut reused) = (0, 0, 0);
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let mut chance = Chance(seed);
        let mut disk = Recorder::default();
        let mut model = Model::default();
        for generation in 0..GENERATIONS {
            let place = format!("seed {seed}, generation {generation}");
            let sure = disk.events();
            let (committed, gone) = work(&disk, &mut chance, &model, &place);
            let at = sure + chance.below(disk.events() + 1 - sure);
            let disk_reused = disk.reused();
            disk = disk.cut(at, &mut chance);
            // Opening may itself be cut short.
            if chance.below(3) == 0 {
                let sure = disk.events();
                drop(LogStore::on(Box::new(disk.clone()), CONFIG));
                let at = sure + chance.below(disk.events() + 1 - sure);
                disk = disk.cut(at, &mut chance);
            }
            let store =
                LogStore::on(Box::new(disk.clone()), CONFIG).unwrap_or_else(|e| panic!("{place}: {e}"));
            assert_eq!(store.recovery().damages, 0, "{place}");
            let found = Model::of(&store);
            model = expected(model, &committed, at, &found).unwrap_or_else(|| panic!("{place}: cut at {at}"));
            torn += u64::from(store.recovery().torn_octets > 0);
            removed += gone;
            reused += disk_reused;
        }
    }
    assert!(
        only.is_some() || (torn > 5 && removed > 1000 && reused > 1000),
        "the cuts cut nothing: {torn} torn, {removed} removed, {reused} used again"
    );
}

/// Commits and housekeeping by chance. What was there before must still be there.
fn work(disk: &Recorder, chance: &mut Chance, before: &Model, place: &str) -> (Vec<Committed>, u64) {
    let store = LogStore::on(Box::new(disk.clone()), CONFIG).unwrap_or_else(|e| panic!("{place}: {e}"));
    assert!(Model::of(&store) == *before, "{place}: opened twice, seen twice");
    let mut committed = Vec::new();
    let mut removed = 0;
    for _ in 0..chance.below(60) {
        if chance.below(3) == 0 {
            let budget = Budget { octets: u64::try_from(chance.below(8192)).unwrap() };
            removed += store.maintain(budget).unwrap().segments_removed;
        }
        let batches: Vec<Batch> = (0..1 + chance.below(4)).map(|_| batch(chance)).collect();
        let began = disk.events();
        store.commit(&batches).unwrap();
        committed.push(Committed { batches, began, acknowledged: disk.events() });
    }
    (committed, removed)
}

fn batch(chance: &mut Chance) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..chance.below(4) {
        // A few keys that live long, and many that come and go.
        let long = chance.below(8) == 0;
        let (space, keys) = if long { (Space::Authorization, 6) } else { (Space::Message, 20) };
        let key = [u8::try_from(chance.below(keys)).unwrap(); 5];
        if chance.below(5) < 2 {
            batch.delete(space, &key).unwrap();
        } else {
            let mark = u8::try_from(chance.below(256)).unwrap();
            batch.put(space, &key, &vec![mark; chance.below(700)]).unwrap();
        }
    }
    batch
}

/// The state that explains what was found: all commits acknowledged before the cut, and of the one under way its first
/// batches, each whole.
fn expected(mut model: Model, committed: &[Committed], cut: usize, found: &Model) -> Option<Model> {
    for commit in committed {
        if commit.acknowledged <= cut {
            commit.batches.iter().for_each(|batch| model.apply(batch));
            continue;
        }
        if model == *found {
            return Some(model);
        }
        for batch in commit.batches.iter().filter(|_| commit.began <= cut) {
            model.apply(batch);
            if model == *found {
                return Some(model);
            }
        }
        return None;
    }
    (model == *found).then_some(model)
}
