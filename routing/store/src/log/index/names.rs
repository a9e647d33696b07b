//! Records under keys that come in no order: a hash table in a thousand parts, so that none takes long to grow. It can
//! be walked in an order that depends on the keys alone, which is all a walk over pages needs.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::location::Location;
use crate::log::key::Key;

const PART_BITS: u32 = 10;

#[derive(Default)]
pub(super) struct Names {
    /// None before the first record.
    parts: Vec<HashTable<Named>>,
    hasher: DefaultHashBuilder,
}

struct Named {
    key: Key,
    location: Location,
}

impl Names {
    pub(super) fn find(&self, key: &[u8]) -> Option<&Location> {
        let hash = self.hasher.hash_one(key);
        let named = self.parts.get(part_of(hash))?.find(hash, |named| named.key.as_slice() == key)?;
        Some(&named.location)
    }

    pub(super) fn find_mut(&mut self, key: &[u8]) -> Option<&mut Location> {
        let hash = self.hasher.hash_one(key);
        let part = self.parts.get_mut(part_of(hash))?;
        Some(&mut part.find_mut(hash, |named| named.key.as_slice() == key)?.location)
    }

    /// As [`super::pages::Pages::put`].
    pub(super) fn put(&mut self, key: &[u8], location: Location) -> Option<Location> {
        if self.parts.is_empty() {
            self.parts.resize_with(1 << PART_BITS, HashTable::new);
        }
        let hash = self.hasher.hash_one(key);
        let hasher = &self.hasher;
        let entry = self.parts.get_mut(part_of(hash))?.entry(
            hash,
            |named| named.key.as_slice() == key,
            |named| hasher.hash_one(named.key.as_slice()),
        );
        match entry {
            Entry::Occupied(mut entry) => {
                let before = entry.get().location;
                entry.get_mut().location = location.since(before.oldest());
                Some(before)
            }
            Entry::Vacant(entry) => {
                entry.insert(Named { key: Key::new(key), location });
                None
            }
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Location> {
        let hash = self.hasher.hash_one(key);
        let part = self.parts.get_mut(part_of(hash))?;
        let (named, _) = part.find_entry(hash, |named| named.key.as_slice() == key).ok()?.remove();
        if part.len() * 4 < part.capacity() && part.capacity() > 64 {
            let hasher = &self.hasher;
            part.shrink_to(part.len() * 2, |named| hasher.hash_one(named.key.as_slice()));
        }
        Some(named.location)
    }

    /// In no order.
    pub(super) fn all(&self) -> impl Iterator<Item = Location> {
        self.parts.iter().flatten().map(|named| named.location)
    }

    /// The next `most` records behind `after`: part by part, and by key in each.
    pub(super) fn behind(&self, after: Option<&[u8]>, most: usize) -> Vec<(Key, Location)> {
        let first = after.map_or(0, |after| part_of(self.hasher.hash_one(after)));
        let mut found: Vec<(Key, Location)> = Vec::new();
        for (number, part) in self.parts.iter().enumerate().skip(first) {
            let left = most.saturating_sub(found.len());
            if left == 0 {
                break;
            }
            let after = after.filter(|_| number == first);
            let is_behind = |named: &&Named| after.is_none_or(|after| named.key.as_slice() > after);
            let mut next: Vec<&Named> = part.iter().filter(is_behind).collect();
            if next.len() > left {
                next.select_nth_unstable_by(left, |one, other| one.key.cmp(&other.key));
                next.truncate(left);
            }
            next.sort_unstable_by(|one, other| one.key.cmp(&other.key));
            found.extend(next.into_iter().map(|named| (named.key.clone(), named.location)));
        }
        found
    }
}

fn part_of(hash: u64) -> usize {
    // The table itself uses the lowest bits and the highest seven.
    usize::try_from(hash >> 40 & ((1 << PART_BITS) - 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::log::recorder::Chance;

    #[test]
    fn a_walk_over_pages_meets_all_that_stays() {
        let (mut names, mut chance) = (Names::default(), Chance(2));
        let key = |n: usize| format!("name-{n}").into_bytes();
        for n in 0..20_000 {
            assert!(names.put(&key(n), Location::new(1, 24, 20)).is_none());
        }
        let mut seen = BTreeSet::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            // Others come and go meanwhile.
            let other = 20_000 + chance.below(50_000);
            names.put(&key(other), Location::new(1, 24, 20));
            names.remove(&key(20_000 + chance.below(50_000)));
            let page = names.behind(after.as_deref(), 1 + chance.below(300));
            let Some((last, _)) = page.last() else { break };
            after = Some(last.as_slice().to_vec());
            for (key, _) in page {
                assert!(seen.insert(key.as_slice().to_vec()), "met twice");
            }
        }
        assert!((0..20_000).all(|n| seen.contains(&key(n))));
        for n in 0..70_000 {
            let was_there = names.find(&key(n)).is_some();
            assert_eq!(names.remove(&key(n)).is_some(), was_there);
            assert!(was_there || n >= 20_000);
        }
        let room: usize = names.parts.iter().map(HashTable::capacity).sum();
        assert!(names.behind(None, 1).is_empty() && room <= 64 << PART_BITS, "{room}");
    }
}
