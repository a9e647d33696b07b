//! Everything in memory, gone with the process: for tests and for what need not be kept.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use parking_lot::RwLock;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::space::Space;
use crate::store::{
    Budget, Durability, Maintained, Page, PageBuilder, Store, Usage, check_commit, check_keys,
};

/// A store without a disk. Its size is bounded by `capacity` octets of keys and values.
pub struct MemoryStore {
    capacity: u64,
    contents: RwLock<Contents>,
}

#[derive(Default)]
struct Contents {
    spaces: BTreeMap<Space, Records>,
    octets: u64,
}

/// The records of one space.
#[derive(Default)]
struct Records(BTreeMap<Box<[u8]>, Box<[u8]>>);

impl MemoryStore {
    /// An empty store that holds at most `capacity` octets of keys and values.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self { capacity, contents: RwLock::default() }
    }
}

impl Store for MemoryStore {
    fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        check_commit(batches)?;
        let mut contents = self.contents.write();
        let added: u64 = batches.iter().flat_map(Batch::changes).map(|c| octets(c.key, c.value)).sum();
        // Deletions always pass, or a full store could never be emptied.
        if added > 0 && contents.octets.saturating_add(added) > self.capacity {
            return Err(StoreError::Full);
        }
        for change in batches.iter().flat_map(Batch::changes) {
            contents.apply(change.space, change.key, change.value);
        }
        Ok(())
    }

    fn read(&self, space: Space, keys: &[&[u8]]) -> Result<Vec<Option<Box<[u8]>>>, StoreError> {
        check_keys(keys)?;
        let contents = self.contents.read();
        let records = contents.spaces.get(&space);
        Ok(keys.iter().map(|key| records.and_then(|records| records.0.get(*key).cloned())).collect())
    }

    fn scan(&self, space: Space, after: Option<&[u8]>, limit: usize) -> Result<Page, StoreError> {
        let contents = self.contents.read();
        let mut page = PageBuilder::new(limit);
        let Some(records) = contents.spaces.get(&space) else { return Ok(page.finish(None)) };
        for (key, value) in records.0.range::<[u8], _>((after.map_or(Unbounded, Excluded), Unbounded)) {
            if !page.has_room() {
                return Ok(page.finish_full());
            }
            page.push(key.clone(), value.clone());
        }
        Ok(page.finish(None))
    }

    fn durability(&self) -> Durability {
        Durability::Volatile
    }

    fn usage(&self) -> Usage {
        let contents = self.contents.read();
        let live_records =
            contents.spaces.values().map(|records| u64::try_from(records.0.len()).unwrap_or(0)).sum();
        Usage { octets: contents.octets, live_octets: contents.octets, live_records, ..Usage::default() }
    }

    fn maintain(&self, _budget: Budget) -> Result<Maintained, StoreError> {
        Ok(Maintained::default())
    }
}

impl Contents {
    fn apply(&mut self, space: Space, key: &[u8], value: Option<&[u8]>) {
        let records = &mut self.spaces.entry(space).or_default().0;
        let before = match value {
            Some(value) => records.insert(key.into(), value.into()),
            None => records.remove(key),
        };
        self.octets += octets(key, value);
        if let Some(before) = before {
            self.octets = self.octets.saturating_sub(octets(key, Some(&before)));
        }
    }
}

/// Octets a change adds: none for a deletion.
fn octets(key: &[u8], value: Option<&[u8]>) -> u64 {
    value.map_or(0, |value| u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn conforms() {
        conformance::conformance(|| MemoryStore::new(1 << 30));
        conformance::follows_a_model(64, false, || (), |()| MemoryStore::new(1 << 30));
    }

    #[test]
    fn a_full_store_takes_deletions_only() {
        let store = MemoryStore::new(20);
        let mut batch = Batch::new();
        batch.put(Space::Meta, b"k", &[1; 15]).unwrap();
        store.commit(std::slice::from_ref(&batch)).unwrap();
        assert_eq!(store.commit(std::slice::from_ref(&batch)), Err(StoreError::Full));
        let mut deletion = Batch::new();
        deletion.delete(Space::Meta, b"k").unwrap();
        store.commit(&[deletion]).unwrap();
        assert_eq!(store.usage(), Usage::default());
        store.commit(&[batch]).unwrap();
        assert_eq!(store.usage().octets, 16);
    }
}
