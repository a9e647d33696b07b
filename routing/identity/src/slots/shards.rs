//! A map cut in pieces that lock apart.

use std::hash::Hash;

use parking_lot::{Mutex, MutexGuard};
use rustc_hash::FxHashMap;

/// So many that one of them, all looked through under its lock, is short work at tens of millions of slots.
const SHARDS: usize = 1024;

pub(super) struct Shards<K, V>(Box<[Mutex<FxHashMap<K, V>>]>);

impl<K: Hash, V> Shards<K, V> {
    /// How many pieces there are.
    pub(super) const COUNT: usize = SHARDS;

    /// A piece by its place, counted round and round.
    pub(super) fn lock_nth(&self, place: usize) -> MutexGuard<'_, FxHashMap<K, V>> {
        #[expect(clippy::indexing_slicing, reason = "there are SHARDS pieces, and the place is below that")]
        self.0[place % SHARDS].lock()
    }

    /// The piece that holds `key`.
    pub(super) fn lock(&self, key: &K) -> MutexGuard<'_, FxHashMap<K, V>> {
        // The maps use the high bits for themselves; the middle ones spread the pieces.
        let at = usize::try_from((super::hash(key) >> 24) & 0xffff).unwrap_or(0) % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "there are SHARDS pieces, and `at` is below that")]
        self.0[at].lock()
    }
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }
}
