//! The objects with what managing them needs: versions, who changed them and when, and digests. A change is planned here,
//! made durable by whoever has a store, and only then in force; it knows no disk and no clock.

mod change;
mod csv;
mod digest;
mod import;
mod load;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

use veilgate_names::{ObjectId, Timestamp};

pub use change::{Change, Difference, Effect, Expected, Plan, Refused};
pub use digest::Digest;
pub use import::{Import, LineMistake, MAX_MISTAKES};
pub use load::{LoadError, Loader};
pub use record::Write;

use crate::objects::{Kind, Object, Objects, Table};
use record::Head;

/// Objects at most, of all kinds together.
pub const MAX_OBJECTS: usize = 200_000;
/// The longest object, octets of JSON.
pub const MAX_OBJECT_OCTETS: usize = 4 << 20;
/// Octets of JSON in one change at most.
pub const MAX_CHANGE_OCTETS: usize = 64 << 20;
/// Objects that were taken away and whose history is kept, at most; the oldest are forgotten first.
pub const MAX_REMOVED: usize = 10_000;
/// How many of an object's changes are told, the last ones.
pub const HISTORY: usize = 32;

/// All objects, with their versions. A copy shares what it holds.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    objects: Objects,
    entries: BTreeMap<Kind, Table<Entry>>,
    head: Head,
}

/// What is known of an object beside itself; of one that was taken away, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its changes, oldest first, the last [`HISTORY`] of them; at least one.
    history: Vec<Revision>,
    /// The policy that it came with.
    number: u64,
    /// Records it takes.
    parts: u16,
}

/// One change of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The object's version from then on: 1, 2, ... Taking it away makes one too.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The digest of its JSON; `None` if it was taken away.
    pub digest: Option<Digest>,
}

impl Catalogue {
    /// The objects.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Which policy this is: counts up with every change, 0 before the first.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.head.number
    }

    /// When the last change was made; 0 before the first.
    #[must_use]
    pub fn changed_at(&self) -> Timestamp {
        Timestamp(self.head.at)
    }

    /// An object with its entry; `None` if there is none (any more).
    #[must_use]
    pub fn find(&self, kind: Kind, id: &ObjectId) -> Option<(Object, Arc<Entry>)> {
        let object = self.objects.find(kind, id)?;
        self.entry(kind, id).map(|entry| (object, Arc::clone(entry)))
    }

    /// What is known of an object, also of one that was taken away.
    #[must_use]
    pub fn entry(&self, kind: Kind, id: &ObjectId) -> Option<&Arc<Entry>> {
        self.entries.get(&kind)?.find(id)
    }

    /// The objects of a kind behind a name, in order.
    pub fn present(
        &self,
        kind: Kind,
        after: Option<&ObjectId>,
    ) -> impl Iterator<Item = (&ObjectId, &Arc<Entry>)> {
        let table = self.entries.get(&kind).into_iter();
        table.flat_map(move |table| table.behind(after)).filter(|(_, entry)| entry.is_present())
    }

    /// How many objects of a kind there are.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.present(kind, None).count()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.head.present).unwrap_or(usize::MAX)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.present == 0
    }
}

impl Entry {
    /// Its changes, oldest first.
    #[must_use]
    pub fn history(&self) -> &[Revision] {
        &self.history
    }

    /// The last change; there is one.
    #[must_use]
    pub fn last(&self) -> Option<&Revision> {
        self.history.last()
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.last().map_or(0, |revision| revision.version)
    }

    /// Whether the object is there.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.digest().is_some()
    }

    /// The digest of its JSON; `None` if it was taken away.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.last().and_then(|revision| revision.digest)
    }
}

#[cfg(test)]
mod tests;
