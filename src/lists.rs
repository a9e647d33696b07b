//! Black and white lists on disk and in force: imports, single changes, and what has ended. A change is durable before it
//! counts, and counts for the next message after that. Numbers pass through identity only; here they are keys.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use veilgate_identity::{KeyRing, ListError, ListReader};
use veilgate_ledger::{Actor, AuditEvent, ListAct, Sm3Hash};
use veilgate_names::{ListKey, ObjectId, Timestamp};
use veilgate_policy::{
    EntryEnd, EntrySet, ImportCounts, ImportMode, ListChange, ListImport, ListRows, Lists,
};

use crate::app::App;
use crate::clock;
use crate::purge::has_jumped;
use crate::telemetry::events::StorageFailed;
use crate::telemetry::words::StorageUse;

mod files;

use files::Folder;
pub use files::ListFileError;

/// The most entries of all lists together; each takes up to 12 octets of memory.
const MAX_ENTRIES: usize = 200_000_000;
/// The most lists with entries.
const MAX_LISTS: usize = 10_000;
/// How often entries that have ended are looked for, and how many entries are looked at then.
const SWEEP: (Duration, usize) = (Duration::from_secs(1), 1_000_000);
/// The pause after a list could not be written.
const PAUSE: Duration = Duration::from_secs(60);

/// The lists of an installation.
pub struct ListStore {
    folder: Folder,
    ring: Arc<KeyRing>,
    lists: Lists,
    filed: Mutex<BTreeMap<ObjectId, Arc<Mutex<Filed>>>>,
    /// Those with a file.
    index: Mutex<BTreeSet<ObjectId>>,
    /// Held by the import under way: two would need the memory of two.
    importing: Mutex<()>,
}

/// What of a list lies on disk.
#[derive(Debug, Clone, Copy, Default)]
struct Filed {
    /// The SM3 of its bulk; `None` if there is no file yet.
    bulk: Option<Sm3Hash>,
    /// The SM3 of all of it.
    whole: Option<Sm3Hash>,
}

/// What is to be done with the rows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// What becomes of the entries that are there.
    pub(crate) mode: ImportMode,
    /// Only tell what would change.
    pub(crate) dry_run: bool,
    /// Whether entries may go.
    pub(crate) confirmed: bool,
}

/// What a change did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) counts: ImportCounts,
    /// Rows that had ended already.
    pub(crate) over: u64,
    pub(crate) before: Option<Sm3Hash>,
    pub(crate) after: Option<Sm3Hash>,
}

/// Why a list stays as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListRefusal {
    /// A line of the file is wrong.
    #[error("{0}")]
    Line(#[from] ListError),
    /// It needs a second look.
    #[error("{0} entries would go: see what --dry-run tells, then give --yes")]
    Unconfirmed(u64),
    /// One at a time.
    #[error("another import of a list is under way")]
    Busy,
    /// More than is kept.
    #[error("the lists would have more than 200,000,000 entries, or there would be more than 10,000 lists")]
    Full,
    /// The disk.
    #[error("the list cannot be written")]
    Io(#[from] io::Error),
}

impl ListStore {
    /// Reads all lists of a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`ListFileError`] names the first file that is missing or not as it was written: a list that cannot be read must not
    /// count as empty.
    pub fn open(folder: PathBuf, ring: &Arc<KeyRing>, lists: Lists) -> Result<Self, ListFileError> {
        let folder = Folder::open(folder, Arc::clone(ring))?;
        let (mut filed, mut index) = (BTreeMap::new(), BTreeSet::new());
        for (id, stored) in folder.read()? {
            lists.held(&id).install(stored.entries);
            let state = Filed { bulk: Some(stored.bulk), whole: Some(stored.whole) };
            index.insert(id.clone());
            filed.insert(id, Arc::new(Mutex::new(state)));
        }
        let (filed, index, importing) = (Mutex::new(filed), Mutex::new(index), Mutex::default());
        Ok(Self { folder, ring: Arc::clone(ring), lists, filed, index, importing })
    }

    /// The entries in force.
    #[must_use]
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Takes a file of numbers or keys over, all or nothing. Takes about a minute for fifty million.
    ///
    /// # Errors
    /// [`ListRefusal`]; the list is as it was.
    pub(crate) fn import(
        &self,
        id: &ObjectId,
        file: impl Read,
        order: Order,
        now: Timestamp,
    ) -> Result<Done, ListRefusal> {
        let _alone = self.importing.try_lock().ok_or(ListRefusal::Busy)?;
        let rows = self.rows(file, order.mode, now)?;
        let over = rows.over();
        let import = ListImport::new(rows, order.mode);
        let held = self.lists.held(id);
        let filed = self.filed(id)?;
        let mut filed = filed.lock();
        let entries = held.entries();
        let counts = import.counts(&entries, now);
        let before = filed.whole;
        if order.dry_run {
            return Ok(Done { counts, over, before, after: None });
        }
        if counts.removed > 0 && !order.confirmed {
            return Err(ListRefusal::Unconfirmed(counts.removed));
        }
        let more = usize::try_from(counts.added).unwrap_or(usize::MAX);
        if self.lists.len().saturating_add(more) > MAX_ENTRIES {
            return Err(ListRefusal::Full);
        }
        let next = import.apply(&entries, now);
        drop(entries);
        self.put_bulk(id, next, &mut filed)?;
        Ok(Done { counts, over, before, after: filed.whole })
    }

    /// Puts single entries on a list, or takes them off.
    ///
    /// # Errors
    /// [`ListRefusal`]; the list is as it was.
    pub(crate) fn change(
        &self,
        id: &ObjectId,
        keys: &[ListKey],
        change: ListChange,
        now: Timestamp,
    ) -> Result<Done, ListRefusal> {
        let held = self.lists.held(id);
        let filed = self.filed(id)?;
        let mut filed = filed.lock();
        let before = filed.whole;
        let (next, changed) = held.entries().changed(keys, change, now);
        if next.overlaid() > EntrySet::MAX_OVERLAY || filed.bulk.is_none() {
            self.put_bulk(id, next.folded(now), &mut filed)?;
        } else if let Some(bulk) = filed.bulk {
            filed.whole = Some(self.folder.write_overlay(id, bulk, &next)?);
            held.install(next);
        }
        let counts = match change {
            ListChange::Put(_) => ImportCounts { added: changed, ..ImportCounts::default() },
            ListChange::Remove => ImportCounts { removed: changed, ..ImportCounts::default() },
        };
        Ok(Done { counts, over: 0, before, after: filed.whole })
    }

    /// Every list with a file: its name, its entries, and the SM3 of what lies on disk.
    pub(crate) fn states(&self) -> Vec<(ObjectId, Arc<EntrySet>, Sm3Hash)> {
        let filed: Vec<_> =
            self.filed.lock().iter().map(|(id, filed)| (id.clone(), Arc::clone(filed))).collect();
        let state = |(id, filed): (ObjectId, Arc<Mutex<Filed>>)| {
            let whole = filed.lock().whole?;
            Some((id.clone(), self.lists.held(&id).entries(), whole))
        };
        filed.into_iter().filter_map(state).collect()
    }

    /// Writes a list anew, without what has ended and without single changes over it.
    fn fold(&self, id: &ObjectId, now: Timestamp) -> Result<Done, ListRefusal> {
        let held = self.lists.held(id);
        let filed = self.filed(id)?;
        let mut filed = filed.lock();
        let (entries, before) = (held.entries(), filed.whole);
        let next = entries.folded(now);
        let removed = u64::try_from(entries.len().saturating_sub(next.len())).unwrap_or(u64::MAX);
        drop(entries);
        self.put_bulk(id, next, &mut filed)?;
        let counts = ImportCounts { removed, ..ImportCounts::default() };
        Ok(Done { counts, over: 0, before, after: filed.whole })
    }

    fn rows(&self, file: impl Read, mode: ImportMode, now: Timestamp) -> Result<ListRows, ListError> {
        let mut reader = ListReader::open(file, &self.ring)?;
        let mut rows = ListRows::new(now);
        while let Some(row) = reader.next_row()? {
            // Who is taken off is taken off whatever end the file tells.
            let end = row.expires.filter(|_| mode != ImportMode::Remove);
            rows.push(row.key, end.map_or(EntryEnd::NEVER, EntryEnd::at)).map_err(|_| reader.too_many())?;
        }
        Ok(rows)
    }

    /// Makes a bulk durable, then puts it in force.
    fn put_bulk(&self, id: &ObjectId, entries: EntrySet, filed: &mut Filed) -> io::Result<()> {
        let digest = self.folder.write_bulk(id, &entries)?;
        (filed.bulk, filed.whole) = (Some(digest), Some(digest));
        self.lists.held(id).install(entries);
        self.folder.drop_overlay(id)?;
        let mut index = self.index.lock();
        if index.insert(id.clone()) {
            self.folder.write_index(index.iter()).inspect_err(|_| {
                index.remove(id);
            })?;
        }
        Ok(())
    }

    fn filed(&self, id: &ObjectId) -> Result<Arc<Mutex<Filed>>, ListRefusal> {
        let mut filed = self.filed.lock();
        if filed.len() >= MAX_LISTS && !filed.contains_key(id) {
            return Err(ListRefusal::Full);
        }
        Ok(Arc::clone(filed.entry(id.clone()).or_default()))
    }
}

/// Forgets entries that have ended, until the gateway stops. A clock that jumped forgets nothing.
pub(crate) async fn keep_swept(app: Arc<App>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let began = clock::now();
    let mut pause = SWEEP.0;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = &mut stop => return,
        }
        pause = SWEEP.0;
        let now = clock::now();
        let due = if has_jumped(began, now) { None } else { app.lists.lists.sweep(now.wall, SWEEP.1) };
        let Some(id) = due else { continue };
        let to_app = Arc::clone(&app);
        let fold = move || {
            let folded = to_app.lists.fold(&id, now.wall);
            (id, folded)
        };
        match tokio::task::spawn_blocking(fold).await {
            Ok((id, Ok(done))) => app.hub.ledger.audit(Actor::System, changed(id, ListAct::Swept, done)),
            Ok((_, Err(refusal))) => {
                let error =
                    if let ListRefusal::Io(error) = refusal { error.kind() } else { io::ErrorKind::Other };
                StorageFailed { storage: StorageUse::Lists, error }.emit(&app.hub.telemetry);
                pause = PAUSE;
            }
            Err(_) => pause = PAUSE,
        }
    }
}

/// The record of a change.
pub(crate) fn changed(list: ObjectId, act: ListAct, done: Done) -> AuditEvent {
    let ImportCounts { added, removed, moved, .. } = done.counts;
    let after = done.after.or(done.before);
    AuditEvent::ListChanged { list, act, added, removed, moved, before: done.before, after }
}

#[cfg(test)]
mod tests;
