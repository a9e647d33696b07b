//! Puts together what lies in a store. What does not fit is named, and nothing is left out in silence: a rule that is
//! missing lets through what it should stop.

use std::collections::BTreeMap;
use std::sync::Arc;

use veilgate_names::ObjectId;

use super::record::{self, HEAD, Head, PartKey, Write};
use super::{Catalogue, Entry};
use crate::mistake::Mistake;
use crate::objects::{Kind, Object};

/// Why what lies in the store is no set of objects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A record whose key nobody wrote.
    #[error("a record of the objects has a key that cannot be read")]
    Key,
    /// The record that says which policy is in force.
    #[error("the record of which policy is in force is missing or damaged")]
    Head,
    /// An object whose records are not whole.
    #[error("{}/{id}: its records are damaged", kind.name())]
    Damaged {
        /// Its kind.
        kind: Kind,
        /// Its name.
        id: ObjectId,
    },
    /// An object that is not one, for this version of the gateway.
    #[error("{0}")]
    Invalid(Mistake),
    /// Objects are lost, or only older versions of them are there.
    #[error(
        "{found} of {expected} objects are there as they should be: some are lost, or older than they were"
    )]
    Incomplete {
        /// How many there were.
        expected: u64,
        /// How many there are.
        found: u64,
    },
}

/// Takes the records of a store, in any order.
#[derive(Default)]
pub struct Loader {
    versions: BTreeMap<(Kind, ObjectId), BTreeMap<u64, Parts>>,
    head: Option<Head>,
}

#[derive(Default)]
struct Parts {
    parts: u16,
    values: BTreeMap<u16, Vec<u8>>,
}

impl Loader {
    /// Takes one record.
    ///
    /// # Errors
    /// [`LoadError`] for what can be no such record.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), LoadError> {
        if key == HEAD {
            self.head = Some(serde_json::from_slice(value).map_err(|_| LoadError::Head)?);
            return Ok(());
        }
        let place = PartKey::parse(key).ok_or(LoadError::Key)?;
        let versions = self.versions.entry((place.kind, place.id)).or_default();
        let parts = versions.entry(place.number).or_default();
        parts.parts = place.parts;
        parts.values.insert(place.part, value.to_vec());
        Ok(())
    }

    /// The objects, and the records of changes that never were in force or are not any more: delete these before the next
    /// change.
    ///
    /// # Errors
    /// [`LoadError`] names what is damaged, invalid or missing.
    pub fn finish(self) -> Result<(Catalogue, Vec<Write>), LoadError> {
        let head = match self.head {
            Some(head) => head,
            None if self.versions.is_empty() => return Ok(Default::default()),
            None => return Err(LoadError::Head),
        };
        let (mut catalogue, mut left) = (Catalogue::default(), Vec::new());
        (catalogue.head.number, catalogue.head.at) = (head.number, head.at);
        for ((kind, id), mut versions) in self.versions {
            let in_force = versions.range(..=head.number).next_back().map(|(number, _)| *number);
            let parts = in_force.and_then(|number| versions.remove(&number));
            for (number, parts) in versions {
                let keys = parts.values.keys().map(|part| {
                    PartKey { kind, id: id.clone(), number, part: *part, parts: parts.parts }.octets()
                });
                left.extend(keys.map(|key| Write { key, value: None }));
            }
            if let (Some(number), Some(parts)) = (in_force, parts) {
                catalogue.take_over(kind, id, number, parts)?;
            }
        }
        if catalogue.head != head {
            let found = catalogue.head.present.min(head.present);
            return Err(LoadError::Incomplete { expected: head.present, found });
        }
        Ok((catalogue, left))
    }
}

impl Catalogue {
    fn take_over(&mut self, kind: Kind, id: ObjectId, number: u64, parts: Parts) -> Result<(), LoadError> {
        let whole = parts.values.into_values().collect::<Vec<_>>();
        let is_whole = whole.len() == usize::from(parts.parts);
        let whole = whole.concat();
        let read = if is_whole { record::read(&whole) } else { None };
        let Some((history, json)) = read else { return Err(LoadError::Damaged { kind, id }) };
        if !json.is_empty() {
            let object = Object::parse(kind, &id, json).map_err(LoadError::Invalid)?;
            self.objects.put(id.clone(), object);
        }
        let entry = Entry { history, number, parts: parts.parts };
        self.head.add(kind, &id, &entry);
        self.entries.entry(kind).or_default().put(id, Arc::new(entry));
        Ok(())
    }
}
