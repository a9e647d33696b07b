//! A map cut in pieces that lock apart.

use std::hash::Hash;

use parking_lot::{Mutex, MutexGuard};
use rustc_hash::FxHashMap;

const SHARDS: usize = 64;

pub(super) struct Shards<K, V>([Mutex<FxHashMap<K, V>>; SHARDS]);

impl<K: Hash, V> Shards<K, V> {
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
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}
