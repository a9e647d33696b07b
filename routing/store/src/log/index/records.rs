//! The live records of one space.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound::{Excluded, Unbounded};

use super::location::Location;
use super::names::Names;
use super::pages::{ID, Pages};
use crate::log::key::Key;

pub(super) enum Records {
    /// Walked in the order of the keys.
    Ordered {
        /// Keys of 8 octets.
        ids: Pages,
        /// All others.
        others: BTreeMap<Key, Location>,
    },
    /// Walked in an order of its own.
    Unordered(Names),
}

impl Records {
    pub(super) fn new(ordered: bool) -> Self {
        if ordered {
            Self::Ordered { ids: Pages::default(), others: BTreeMap::new() }
        } else {
            Self::Unordered(Names::default())
        }
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<&Location> {
        match (self, id(key)) {
            (Self::Ordered { ids, .. }, Some(id)) => ids.find(id),
            (Self::Ordered { others, .. }, None) => others.get(key),
            (Self::Unordered(names), _) => names.find(key),
        }
    }

    pub(super) fn find_mut(&mut self, key: &[u8]) -> Option<&mut Location> {
        match (self, id(key)) {
            (Self::Ordered { ids, .. }, Some(id)) => ids.find_mut(id),
            (Self::Ordered { others, .. }, None) => others.get_mut(key),
            (Self::Unordered(names), _) => names.find_mut(key),
        }
    }

    /// Puts a record in the place of an older one, which is given back; what the older one guards against passes on.
    pub(super) fn put(&mut self, key: &[u8], location: Location) -> Option<Location> {
        match (self, id(key)) {
            (Self::Ordered { ids, .. }, Some(id)) => ids.put(id, location),
            (Self::Ordered { others, .. }, None) => match others.entry(Key::new(key)) {
                Entry::Occupied(mut entry) => {
                    let before = *entry.get();
                    entry.insert(location.since(before.oldest()));
                    Some(before)
                }
                Entry::Vacant(entry) => {
                    entry.insert(location);
                    None
                }
            },
            (Self::Unordered(names), _) => names.put(key, location),
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Location> {
        match (self, id(key)) {
            (Self::Ordered { ids, .. }, Some(id)) => ids.remove(id),
            (Self::Ordered { others, .. }, None) => others.remove(key),
            (Self::Unordered(names), _) => names.remove(key),
        }
    }

    pub(super) fn each(&self, mut visit: impl FnMut(Location)) {
        match self {
            Self::Ordered { ids, others } => {
                ids.from(0).for_each(|(_, location)| visit(location));
                others.values().for_each(|location| visit(*location));
            }
            Self::Unordered(names) => names.all().for_each(visit),
        }
    }

    /// The next `most` records behind `after`.
    pub(super) fn behind(&self, after: Option<&[u8]>, most: usize) -> Vec<(Key, Location)> {
        let (ids, others) = match self {
            Self::Unordered(names) => return names.behind(after, most),
            Self::Ordered { ids, others } => (ids, others),
        };
        let ids =
            ids.from(after.map_or(0, floor_id)).map(|(id, location)| (Key::new(&id.to_be_bytes()), location));
        let mut ids =
            ids.skip_while(|(key, _)| after.is_some_and(|after| key.as_slice() <= after)).peekable();
        let bounds = (after.map_or(Unbounded, Excluded), Unbounded);
        let others = others.range::<[u8], _>(bounds).map(|(key, location)| (key.clone(), *location));
        let mut others = others.peekable();
        let merged = std::iter::from_fn(|| match (ids.peek(), others.peek()) {
            (Some((id, _)), Some((other, _))) if other < id => others.next(),
            (None, _) => others.next(),
            _ => ids.next(),
        });
        merged.take(most).collect()
    }
}

/// A key of 8 octets as a number; the order is the same.
fn id(key: &[u8]) -> Option<u64> {
    <[u8; ID]>::try_from(key).ok().map(u64::from_be_bytes)
}

/// The first identifier that is not before the key.
fn floor_id(key: &[u8]) -> u64 {
    let mut octets = [0; ID];
    for (slot, octet) in octets.iter_mut().zip(key) {
        *slot = *octet;
    }
    u64::from_be_bytes(octets)
}
