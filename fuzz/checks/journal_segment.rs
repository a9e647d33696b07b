//! What must hold for any damage to the files of the journal: it opens or says why not, and what it reads is what was
//! written there once.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use veilgate_store::{Batch, Disk, DiskFile, LogConfig, LogStore, Space, Store};

/// A disk in memory.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<BTreeMap<String, Arc<File>>>>);

#[derive(Default)]
struct File(Mutex<Vec<u8>>);

impl Files {
    fn names(&self) -> MutexGuard<'_, BTreeMap<String, Arc<File>>> {
        self.0.lock().unwrap()
    }
}

impl Disk for Files {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = Arc::new(File::default());
        if self.names().insert(name.to_owned(), Arc::clone(&file)).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.names().get(name).cloned().ok_or(ErrorKind::NotFound)?;
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut names = self.names();
        let file = names.remove(from).ok_or(ErrorKind::NotFound)?;
        names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.names().remove(name).map(|_| ()).ok_or(ErrorKind::NotFound.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names().keys().cloned().collect())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let file = self.0.lock().unwrap();
        let offset = usize::try_from(offset).unwrap();
        let part = file.get(offset..offset + buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(part);
        Ok(())
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        let mut file = self.0.lock().unwrap();
        let offset = usize::try_from(offset).unwrap();
        let end = offset + octets.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[offset..end].copy_from_slice(octets);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.0.lock().unwrap().len()).unwrap())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.lock().unwrap().resize(usize::try_from(length).unwrap(), 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

const SMALL: LogConfig = LogConfig {
    segment_octets: 64 << 10,
    capacity_octets: 1 << 20,
    compact_below_percent: 50,
    slack_octets: 0,
};

/// Writes 40 records in 20 commits, then changes octets: each four of the input say where (two), in which file, and what
/// is put there by exclusive or; a zero cuts the file off instead.
pub(crate) fn check(input: &[u8]) {
    let disk = Files::default();
    let store = LogStore::on(Box::new(disk.clone()), SMALL).unwrap();
    for number in 0_u8..20 {
        let mut batch = Batch::new();
        batch.put(Space::Message, &[number], &[number; 40]).unwrap();
        batch.put(Space::State, &[number], &[number; 9]).unwrap();
        store.commit(&[batch]).unwrap();
    }
    drop(store);
    damage(&disk, input);
    let store = match LogStore::on(Box::new(disk), SMALL) {
        Ok(store) => store,
        Err(error) => {
            assert!(!input.is_empty());
            let _ = format!("{error} {error:?}");
            return;
        }
    };
    for (space, length) in [(Space::Message, 40), (Space::State, 9)] {
        let page = store.scan(space, None, 100).unwrap();
        for entry in &page.entries {
            assert_eq!(*entry.value, vec![entry.key[0]; length][..], "a record nobody wrote");
        }
        assert!(!input.is_empty() || page.entries.len() == 20, "without damage all is there");
    }
    let mut batch = Batch::new();
    batch.put(Space::Meta, b"after", b"wards").unwrap();
    if store.commit(&[batch]).is_ok() {
        assert_eq!(store.read(Space::Meta, &[b"after"]).unwrap()[0].as_deref(), Some(&b"wards"[..]));
    }
}

fn damage(disk: &Files, input: &[u8]) {
    let files: Vec<Arc<File>> = disk.names().values().cloned().collect();
    for change in input.chunks_exact(4) {
        let mut file = files[usize::from(change[2]) % files.len()].0.lock().unwrap();
        let place = usize::from(u16::from_be_bytes([change[0], change[1]]));
        if change[3] == 0 {
            file.truncate(place);
        } else if let Some(octet) = file.get_mut(place) {
            *octet ^= change[3];
        }
    }
}
