//! The second index: from a pseudonym to the authorizations that use it. It only refers; the first index owns.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;
use veilgate_names::{Pseudonym, Timestamp};

use crate::registered::Registered;

const SHARDS: usize = 1024;

/// At most this many authorizations are found under one pseudonym; beyond it the oldest is found by id only.
const MOST_PER_PSEUDONYM: usize = 8;

pub(super) struct Pseudonyms {
    hasher: DefaultHashBuilder,
    shards: Box<[Mutex<HashTable<Arc<Registered>>>]>,
}

impl Pseudonyms {
    pub(super) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(HashTable::new())).collect();
        Self { hasher: DefaultHashBuilder::default(), shards }
    }

    /// Returns false, and changes nothing, where the same notary has given the pseudonym to another enterprise: two
    /// enterprises could then tell that they know the same person (A-3.6-2, A-6.2.2.1-1). What is restored is taken.
    pub(super) fn insert(&self, fresh: &Arc<Registered>, restoring: bool) -> bool {
        let hash = self.hasher.hash_one(fresh.pseudonym());
        let mut table = self.shard(hash).lock();
        let same = |held: &&Arc<Registered>| held.pseudonym() == fresh.pseudonym();
        let elsewhere = |held: &Arc<Registered>| {
            held.platform() == fresh.platform() && held.enterprise() != fresh.enterprise()
        };
        if !restoring && table.iter_hash(hash).filter(same).any(elsewhere) {
            return false;
        }
        if table.iter_hash(hash).filter(same).count() >= MOST_PER_PSEUDONYM {
            let dropped = table
                .iter_hash(hash)
                .filter(same)
                .min_by_key(|held| (!held.is_revoked(), held.registered_at()))
                .map(Arc::clone);
            if let Some(dropped) = dropped
                && let Ok(slot) = table.find_entry(hash, |held| Arc::ptr_eq(held, &dropped))
            {
                slot.remove();
            }
        }
        table.insert_unique(hash, Arc::clone(fresh), |held| self.hasher.hash_one(held.pseudonym()));
        true
    }

    pub(super) fn remove(&self, gone: &Arc<Registered>) {
        let hash = self.hasher.hash_one(gone.pseudonym());
        if let Ok(slot) = self.shard(hash).lock().find_entry(hash, |held| Arc::ptr_eq(held, gone)) {
            slot.remove();
        }
    }

    /// The newest live one, else the newest; `None` if the candidates belong to more than one (platform,
    /// enterprise).
    pub(super) fn find(
        &self,
        pseudonym: &Pseudonym,
        now: Timestamp,
        belongs: impl Fn(&Registered) -> bool,
    ) -> Option<Arc<Registered>> {
        let hash = self.hasher.hash_one(pseudonym);
        let table = self.shard(hash).lock();
        let mut best: Option<&Arc<Registered>> = None;
        let mut ambiguous = false;
        for held in table.iter_hash(hash).filter(|held| held.pseudonym() == pseudonym && belongs(held)) {
            let rank = |r: &Registered| (r.is_live(now), r.registered_at(), r.not_before());
            match best {
                None => best = Some(held),
                Some(other) => {
                    let same_owner =
                        other.platform() == held.platform() && other.enterprise() == held.enterprise();
                    let equally_live = other.is_live(now) == held.is_live(now);
                    if !equally_live {
                        // A live one decides over any that is not, whoever owns that.
                        ambiguous &= other.is_live(now);
                    } else if !same_owner {
                        ambiguous = true;
                    }
                    if rank(held) > rank(other) {
                        best = Some(held);
                    }
                }
            }
        }
        if ambiguous { None } else { best.cloned() }
    }

    #[expect(clippy::indexing_slicing, reason = "the index is taken modulo the number of shards")]
    fn shard(&self, hash: u64) -> &Mutex<HashTable<Arc<Registered>>> {
        &self.shards[usize::try_from(hash >> 40).unwrap_or(0) % SHARDS]
    }
}
