//! Which accepted messages still wait for a receipt; shared by all binds, for a receipt may come on any.

use std::collections::VecDeque;
use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;
use rustc_hash::{FxBuildHasher, FxHasher};

use crate::random::mix;

const SHARDS: usize = 64;

#[derive(Clone, Copy)]
enum Entry {
    /// Accepted; submitted at this time.
    Waiting(u64),
    /// Its receipt came before the response, at this time.
    Early(u64),
    /// Over.
    Done,
}

/// What a receipt turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The first for a message submitted at this time.
    First(u64),
    /// For a message whose response is not here yet.
    Early,
    /// Once more for the same message.
    Duplicate,
    /// There was no room to remember.
    Untracked,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<u64, Entry, FxBuildHasher>,
    /// Which entries are over, oldest first.
    done: VecDeque<u64>,
}

impl Shard {
    /// Forgets what has been over longest when the shard is full; false if nothing is over.
    fn make_room(&mut self, limit: usize) -> bool {
        while self.entries.len() >= limit {
            let Some(oldest) = self.done.pop_front() else { return false };
            self.entries.remove(&oldest);
        }
        true
    }

    fn finish(&mut self, key: u64) {
        self.entries.insert(key, Entry::Done);
        self.done.push_back(key);
    }
}

/// Messages by the hash of their id. Bounded.
pub(super) struct Tracker {
    shards: Vec<Mutex<Shard>>,
    limit: usize,
    waiting: AtomicU64,
    matched: AtomicU64,
    untracked: AtomicU64,
}

impl Tracker {
    /// Remembers about `limit` messages.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            limit: limit / SHARDS + 1,
            waiting: AtomicU64::new(0),
            matched: AtomicU64::new(0),
            untracked: AtomicU64::new(0),
        }
    }

    /// A message was accepted. Gives the time of its receipt if that came first.
    pub(super) fn accepted(&self, id: &[u8], submitted: u64) -> Option<u64> {
        let (key, shard) = self.place(id);
        let mut shard = shard?.lock();
        if let Some(Entry::Early(at)) = shard.entries.get(&key).copied() {
            shard.finish(key);
            self.matched.fetch_add(1, Ordering::Relaxed);
            return Some(at);
        }
        if !shard.make_room(self.limit) {
            self.untracked.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        shard.entries.insert(key, Entry::Waiting(submitted));
        self.waiting.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// A receipt came.
    pub(super) fn receipt(&self, id: &[u8], now: u64) -> Seen {
        let (key, shard) = self.place(id);
        let Some(shard) = shard else { return Seen::Untracked };
        let mut shard = shard.lock();
        match shard.entries.get(&key).copied() {
            Some(Entry::Waiting(submitted)) => {
                shard.finish(key);
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                self.matched.fetch_add(1, Ordering::Relaxed);
                Seen::First(submitted)
            }
            Some(_) => Seen::Duplicate,
            None if shard.make_room(self.limit) => {
                shard.entries.insert(key, Entry::Early(now));
                Seen::Early
            }
            None => Seen::Untracked,
        }
    }

    /// Accepted messages without receipt.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Messages with response and receipt.
    pub(super) fn matched(&self) -> u64 {
        self.matched.load(Ordering::Relaxed)
    }

    /// Accepted messages that could not be remembered.
    pub(super) fn untracked(&self) -> u64 {
        self.untracked.load(Ordering::Relaxed)
    }

    /// Receipts whose message was never accepted.
    pub(super) fn unknown(&self) -> u64 {
        let early = |entry: &&Entry| matches!(entry, Entry::Early(_));
        let count = |shard: &Mutex<Shard>| shard.lock().entries.values().filter(early).count();
        self.shards.iter().map(count).sum::<usize>().try_into().unwrap_or(u64::MAX)
    }

    fn place(&self, id: &[u8]) -> (u64, Option<&Mutex<Shard>>) {
        let mut hasher = FxHasher::default();
        hasher.write(id);
        let key = mix(hasher.finish());
        (key, self.shards.get(usize::from(key.to_be_bytes()[0]) % SHARDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_find_their_messages_in_any_order() {
        let tracker = Tracker::new(1_000);
        assert_eq!(tracker.accepted(b"a", 10), None);
        assert_eq!(tracker.receipt(b"a", 15), Seen::First(10));
        assert_eq!(tracker.receipt(b"a", 16), Seen::Duplicate);
        assert_eq!(tracker.receipt(b"b", 20), Seen::Early);
        assert_eq!(tracker.accepted(b"b", 18), Some(20));
        assert_eq!(tracker.receipt(b"b", 21), Seen::Duplicate);
        tracker.accepted(b"c", 1);
        tracker.receipt(b"d", 1);
        assert_eq!((tracker.waiting(), tracker.matched(), tracker.unknown()), (1, 2, 1));
    }

    #[test]
    fn the_tracker_is_bounded() {
        let tracker = Tracker::new(64);
        for number in 0..10_000u32 {
            tracker.accepted(&number.to_be_bytes(), 0);
        }
        assert!(tracker.waiting() <= 128 && tracker.untracked() >= 9_000);
    }
    #[test]
    fn what_is_over_makes_room_for_the_next() {
        let tracker = Tracker::new(64);
        for number in 0..10_000u32 {
            let id = number.to_be_bytes();
            tracker.accepted(&id, 7);
            assert_eq!(tracker.receipt(&id, 9), Seen::First(7));
            assert_eq!(tracker.receipt(&id, 9), Seen::Duplicate);
        }
        assert_eq!((tracker.matched(), tracker.waiting(), tracker.untracked()), (10_000, 0, 0));
    }
}
