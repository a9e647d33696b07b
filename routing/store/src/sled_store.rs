//! A store on sled 0.34, for what may be lost or rebuilt. Its `flush` ends in `sync_file_range`, which no power cut
//! respects: no acknowledgement may rest on it, and [`Store::durability`] says so.

use std::io::ErrorKind;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::path::Path;

use parking_lot::RwLock;

use crate::batch::{Batch, MAX_KEY};
use crate::error::{Damage, StoreError};
use crate::space::Space;
use crate::store::{
    Budget, Durability, Maintained, Page, PageBuilder, Store, Usage, check_commit, check_keys,
};

/// Records in a sled database: one tree, each key behind the tag of its space.
pub struct SledStore {
    database: sled::Db,
    /// Sled's batches are atomic to the log, not to a reader of several keys.
    visible: RwLock<()>,
}

impl SledStore {
    /// Opens the database in `folder`, making the folder if it is missing. `cache_octets` bounds its page cache.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if it is open elsewhere, [`StoreError::Corrupt`] if it does not open,
    /// [`StoreError::Io`] if the system refuses.
    pub fn open(folder: &Path, cache_octets: u64) -> Result<Self, StoreError> {
        let database = sled::Config::new()
            .path(folder)
            .cache_capacity(cache_octets)
            .flush_every_ms(None)
            .open()
            .map_err(|error| match error {
                // Sled tells a held lock as an error of kind `Other` that wraps the system's.
                sled::Error::Io(error) if error.kind() == ErrorKind::Other => StoreError::Locked,
                error => failure(&error),
            })?;
        Ok(Self { database, visible: RwLock::new(()) })
    }
}

impl Store for SledStore {
    fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        check_commit(batches)?;
        for batch in batches.iter().filter(|batch| !batch.is_empty()) {
            let mut changes = sled::Batch::default();
            for change in batch.changes() {
                let key = tagged(change.space, change.key);
                match change.value {
                    Some(value) => changes.insert(key, value),
                    None => changes.remove(key),
                }
            }
            let _alone = self.visible.write();
            self.database.apply_batch(changes).map_err(|error| failure(&error))?;
        }
        self.database.flush().map_err(|error| failure(&error))?;
        Ok(())
    }

    fn read(&self, space: Space, keys: &[&[u8]]) -> Result<Vec<Option<Box<[u8]>>>, StoreError> {
        check_keys(keys)?;
        let _together = self.visible.read();
        keys.iter()
            .map(|key| match self.database.get(tagged(space, key)) {
                Ok(value) => Ok(value.map(|value| Box::from(value.as_ref()))),
                Err(error) => Err(failure(&error)),
            })
            .collect()
    }

    fn scan(&self, space: Space, after: Option<&[u8]>, limit: usize) -> Result<Page, StoreError> {
        let start = after.map_or(Included(vec![space.tag()]), |after| Excluded(tagged(space, after)));
        let end = space.tag().checked_add(1).map_or(Unbounded, |next| Excluded(vec![next]));
        let mut page = PageBuilder::new(limit);
        let _together = self.visible.read();
        for record in self.database.range((start, end)) {
            let (key, value) = record.map_err(|error| failure(&error))?;
            if !page.has_room() {
                return Ok(page.finish_full());
            }
            page.push(key.get(1..).unwrap_or_default().into(), value.as_ref().into());
        }
        Ok(page.finish(None))
    }

    fn durability(&self) -> Durability {
        Durability::Eventual
    }

    /// Sled counts its records by walking them all.
    fn usage(&self) -> Usage {
        Usage {
            octets: self.database.size_on_disk().unwrap_or(0),
            live_records: u64::try_from(self.database.len()).unwrap_or(u64::MAX),
            ..Usage::default()
        }
    }

    /// Sled tidies up by itself.
    fn maintain(&self, _budget: Budget) -> Result<Maintained, StoreError> {
        Ok(Maintained::default())
    }
}

fn tagged(space: Space, key: &[u8]) -> Vec<u8> {
    let mut tagged = Vec::with_capacity(1 + MAX_KEY);
    tagged.push(space.tag());
    tagged.extend_from_slice(key);
    tagged
}

/// Only the kind: sled's texts quote paths and more.
fn failure(error: &sled::Error) -> StoreError {
    match error {
        // Never `Full`: batches before this one may be stored.
        sled::Error::Io(error) => StoreError::Io(error.kind()),
        // Sled has one log and does not say where in it.
        sled::Error::Corruption { .. } => StoreError::Corrupt(Damage::at(0, 0)),
        sled::Error::Unsupported(_) => StoreError::Foreign,
        sled::Error::CollectionNotFound(_) | sled::Error::ReportableBug(_) => {
            StoreError::Io(ErrorKind::Other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn conforms() {
        let folders = std::cell::RefCell::new(Vec::new());
        conformance::conformance(|| {
            let folder = tempfile::tempdir().unwrap();
            let store = SledStore::open(folder.path(), 16 << 20).unwrap();
            folders.borrow_mut().push(folder);
            store
        });
        let place = || tempfile::tempdir().unwrap();
        conformance::follows_a_model(8, true, place, |folder| reopen(folder.path()));
    }

    /// A closed sled lets go of its lock a moment later, when its flushing thread has ended.
    fn reopen(folder: &Path) -> SledStore {
        for _ in 0..2000 {
            match SledStore::open(folder, 16 << 20) {
                Err(StoreError::Locked) => std::thread::sleep(std::time::Duration::from_millis(10)),
                opened => return opened.unwrap(),
            }
        }
        panic!("still locked")
    }

    #[test]
    fn a_second_opener_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _first = SledStore::open(folder.path(), 1 << 20).unwrap();
        assert_eq!(SledStore::open(folder.path(), 1 << 20).err(), Some(StoreError::Locked));
    }
}
