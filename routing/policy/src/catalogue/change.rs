//! Plans a change: what is different afterwards, and which records say so.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use veilgate_names::{ObjectId, Timestamp};

use super::digest::Digest;
use super::record::{self, STAGE_OCTETS, Write, keys};
use super::{
    Catalogue, Entry, HISTORY, MAX_CHANGE_OCTETS, MAX_OBJECT_OCTETS, MAX_OBJECTS, MAX_REMOVED, Revision,
};
use crate::objects::{Kind, Object};

/// How many of those taken away are forgotten with one change at most: they go in one batch.
const FORGOTTEN_AT_ONCE: usize = 2000;

/// An object to put or, without one, to take away.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub id: ObjectId,
    /// What it is to be.
    pub object: Option<Object>,
    /// What must be there for it.
    pub expected: Expected,
}

/// What must be there for a change to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expected {
    /// Whatever it is.
    #[default]
    Anything,
    /// An object.
    Something,
    /// No object.
    Nothing,
    /// An object of this version.
    Version(u64),
}

/// What a change does to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It is new, or there again.
    Added,
    /// It is another; these of its fields are.
    Changed(Vec<String>),
    /// It is gone.
    Removed,
}

/// An object that a change makes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub id: ObjectId,
    /// How.
    pub effect: Effect,
    /// Its version afterwards.
    pub version: u64,
    /// The digest of its JSON before.
    pub before: Option<Digest>,
    /// And afterwards.
    pub after: Option<Digest>,
}

/// A change that can be made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What there is afterwards.
    pub catalogue: Catalogue,
    /// What is different then, in the order of the change.
    pub differences: Vec<Difference>,
    /// How many objects of the change are as they were.
    pub unchanged: usize,
    /// Records to write, batch after batch, each durable before the next. If one fails before `decisive` is durable, the
    /// change is not made, and what was written is to be deleted before the next change.
    pub stages: Vec<Vec<Write>>,
    /// Which batch decides: once it is durable, the change is made. Those behind it only tidy up.
    pub decisive: usize,
}

/// Why a change cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another version is there than was expected.
    #[error("{}", match found {
        Some(version) => format!("the object has version {version} now"),
        None => "there is no such object".to_owned(),
    })]
    Conflict {
        /// The object's kind.
        kind: Kind,
        /// Its name.
        id: ObjectId,
        /// The version that is there.
        found: Option<u64>,
    },
    /// What is to be taken away is not there.
    #[error("there is no such object")]
    Unknown {
        /// The object's kind.
        kind: Kind,
        /// Its name.
        id: ObjectId,
    },
    /// The change names an object twice.
    #[error("the object is named twice")]
    Twice {
        /// The object's kind.
        kind: Kind,
        /// Its name.
        id: ObjectId,
    },
    /// An object's JSON is too long.
    #[error("the object is longer than 4 MiB")]
    TooLong {
        /// The object's kind.
        kind: Kind,
        /// Its name.
        id: ObjectId,
    },
    /// More objects than there may be.
    #[error("more than 200,000 objects")]
    TooMany,
    /// More at once than may be changed.
    #[error("more than 64 MiB are changed at once")]
    TooMuch,
}

impl Plan {
    /// What deletes again what the first so many batches wrote, of a change that was not made.
    #[must_use]
    pub fn undo(&self, stages: usize) -> Vec<Write> {
        let written = self.stages.iter().take(stages).flatten();
        let written = written.filter(|write| write.value.is_some() && write.key != record::HEAD);
        written.map(|write| Write { key: write.key.clone(), value: None }).collect()
    }
}

impl Expected {
    fn fits(self, found: Option<u64>) -> bool {
        match self {
            Self::Anything => true,
            Self::Something => found.is_some(),
            Self::Nothing => found.is_none(),
            Self::Version(version) => found == Some(version),
        }
    }
}

/// A plan that is being made.
struct Planner<'a> {
    before: &'a Catalogue,
    after: Catalogue,
    author: &'a str,
    at: Timestamp,
    differences: Vec<Difference>,
    unchanged: usize,
    puts: Vec<Write>,
    deletes: Vec<Write>,
    forgotten: Vec<Write>,
    octets: usize,
}

impl Catalogue {
    /// Plans a change, all of it or nothing. What the objects name is not looked up: that is for whoever compiles
    /// [`Plan::catalogue`].
    ///
    /// # Errors
    /// [`Refused`].
    pub fn plan(&self, changes: Vec<Change>, author: &str, at: Timestamp) -> Result<Plan, Refused> {
        let mut named = BTreeSet::new();
        let mut planner = Planner {
            before: self,
            after: self.clone(),
            author,
            at,
            differences: Vec::new(),
            unchanged: 0,
            puts: Vec::new(),
            deletes: Vec::new(),
            forgotten: Vec::new(),
            octets: 0,
        };
        planner.after.head.number += 1;
        planner.after.head.at = at.0;
        for change in changes {
            if !named.insert((change.kind, change.id.clone())) {
                return Err(Refused::Twice { kind: change.kind, id: change.id });
            }
            planner.take(change)?;
        }
        planner.finish()
    }

    /// Changes that leave only `wanted` of the objects of these kinds.
    #[must_use]
    pub fn replacing(&self, kinds: &[Kind], mut wanted: Vec<Change>) -> Vec<Change> {
        let named: BTreeSet<_> = wanted.iter().map(|change| (change.kind, change.id.clone())).collect();
        for kind in kinds.iter().rev().copied() {
            let gone = self.present(kind, None).filter(|(id, _)| !named.contains(&(kind, (*id).clone())));
            let gone = gone.map(|(id, entry)| Change {
                kind,
                id: id.clone(),
                object: None,
                expected: Expected::Version(entry.version()),
            });
            wanted.extend(gone);
        }
        wanted
    }
}

impl Planner<'_> {
    fn take(&mut self, change: Change) -> Result<(), Refused> {
        let Change { kind, id, object, expected } = change;
        let entry = self.before.entry(kind, &id).cloned();
        let found = entry.as_ref().filter(|entry| entry.is_present()).map(|entry| entry.version());
        if !expected.fits(found) {
            return Err(Refused::Conflict { kind, id, found });
        }
        let Some(object) = object else {
            let Some(entry) = entry.filter(|entry| entry.is_present()) else {
                return Err(Refused::Unknown { kind, id });
            };
            self.after.objects.remove(kind, &id);
            self.revise(kind, id, Some(entry), &[], Effect::Removed);
            return Ok(());
        };
        let json = object.to_json();
        if json.len() > MAX_OBJECT_OCTETS {
            return Err(Refused::TooLong { kind, id });
        }
        self.octets += json.len();
        if self.octets > MAX_CHANGE_OCTETS {
            return Err(Refused::TooMuch);
        }
        let before = self.before.objects.find(kind, &id);
        if before.as_ref() == Some(&object) {
            self.unchanged += 1;
            return Ok(());
        }
        let effect = before.map_or(Effect::Added, |before| Effect::Changed(fields(&before.to_json(), &json)));
        self.after.objects.put(id.clone(), object);
        self.revise(kind, id, entry, &json, effect);
        Ok(())
    }

    /// Writes down an object's next version; an empty JSON takes it away.
    fn revise(&mut self, kind: Kind, id: ObjectId, old: Option<Arc<Entry>>, json: &[u8], effect: Effect) {
        let mut history = old.as_ref().map_or_else(Vec::new, |old| old.history.clone());
        let before = old.as_ref().and_then(|old| old.digest());
        let after = if json.is_empty() { None } else { Some(Digest::of(json)) };
        let version = old.as_ref().map_or(0, |old| old.version()) + 1;
        history.push(Revision { version, at: self.at, by: self.author.to_owned(), digest: after });
        history.drain(..history.len().saturating_sub(HISTORY));
        let (entry, puts) = record::write(kind, &id, self.after.head.number, history, json);
        self.puts.extend(puts);
        if let Some(old) = old {
            self.after.head.take(kind, &id, &old);
            self.deletes.extend(keys(kind, &id, &old).map(|key| Write { key, value: None }));
        }
        self.after.head.add(kind, &id, &entry);
        self.after.entries.entry(kind).or_default().put(id.clone(), Arc::new(entry));
        self.differences.push(Difference { kind, id, effect, version, before, after });
    }

    fn finish(mut self) -> Result<Plan, Refused> {
        if self.after.len() > MAX_OBJECTS {
            return Err(Refused::TooMany);
        }
        if self.differences.is_empty() {
            let catalogue = self.before.clone();
            let (differences, stages) = (Vec::new(), Vec::new());
            return Ok(Plan { catalogue, differences, unchanged: self.unchanged, stages, decisive: 0 });
        }
        self.forget_oldest();
        let (stages, decisive) = self.stages();
        let Self { after: catalogue, differences, unchanged, .. } = self;
        Ok(Plan { catalogue, differences, unchanged, stages, decisive })
    }

    /// Forgets some of those taken away longest ago, beyond [`MAX_REMOVED`].
    fn forget_oldest(&mut self) {
        let removed = usize::try_from(self.after.head.removed).unwrap_or(usize::MAX);
        let beyond = removed.saturating_sub(MAX_REMOVED).min(FORGOTTEN_AT_ONCE);
        if beyond == 0 {
            return;
        }
        let number = self.after.head.number;
        let tables = self.after.entries.iter();
        let all = tables.flat_map(|(kind, table)| table.iter().map(|(id, entry)| (*kind, id, entry)));
        let mut gone: Vec<(u64, Kind, ObjectId)> = all
            .filter(|(_, _, entry)| !entry.is_present() && entry.number < number)
            .map(|(kind, id, entry)| (entry.number, kind, id.clone()))
            .collect();
        gone.sort_unstable();
        for (_, kind, id) in gone.into_iter().take(beyond) {
            let Some(table) = self.after.entries.get_mut(&kind) else { continue };
            let Some(entry) = table.find(&id).cloned() else { continue };
            table.remove(&id);
            self.after.head.take(kind, &id, &entry);
            self.forgotten.extend(keys(kind, &id, &entry).map(|key| Write { key, value: None }));
        }
    }

    fn stages(&mut self) -> (Vec<Vec<Write>>, usize) {
        let mut stages = Stages { all: vec![Vec::new()], octets: 0 };
        let puts = std::mem::take(&mut self.puts);
        let is_first = self.before.head.number == 0;
        if is_first && puts.iter().map(Write::octets).sum::<usize>() > STAGE_OCTETS {
            // Objects without a head would be taken for ones whose head was lost.
            stages.push(self.before.head.write());
        }
        puts.into_iter().for_each(|write| stages.push(write));
        stages.push(self.after.head.write());
        let decisive = stages.all.len() - 1;
        // What the head no longer counts goes with it, or a crash in between would leave one too many.
        if let Some(last) = stages.all.last_mut() {
            last.append(&mut self.forgotten);
        }
        std::mem::take(&mut self.deletes).into_iter().for_each(|write| stages.push(write));
        (stages.all, decisive)
    }
}

/// Writes in batches of about [`STAGE_OCTETS`].
struct Stages {
    all: Vec<Vec<Write>>,
    octets: usize,
}

impl Stages {
    fn push(&mut self, write: Write) {
        let octets = write.octets() + 64;
        if self.octets + octets > STAGE_OCTETS && self.octets > 0 {
            self.all.push(Vec::new());
            self.octets = 0;
        }
        self.octets += octets;
        if let Some(last) = self.all.last_mut() {
            last.push(write);
        }
    }
}

/// The names of the fields that are not the same in two objects' JSON.
fn fields(before: &[u8], after: &[u8]) -> Vec<String> {
    let members = |json: &[u8]| match serde_json::from_slice(json) {
        Ok(Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let (before, after) = (members(before), members(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differ = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differ.cloned().collect()
}
