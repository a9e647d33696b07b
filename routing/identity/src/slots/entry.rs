//! What a map entry holds: nearly always one thing, so that one costs no allocation.

use std::collections::hash_map::Entry;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use veilgate_names::{AuthorizationId, Extension, Timestamp};

/// An extension in one word: width in the first octet, value in the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digits(u32);

/// An authorization's digits, of one subscriber behind one number.
pub(super) struct Slot {
    pub(super) digits: Digits,
    /// Its deletion is on the way to the store.
    pub(super) freeing: bool,
    pub(super) authorization: AuthorizationId,
    /// When a message last went out with it.
    pub(super) used: Timestamp,
    /// The last use that the store knows; none while the store has no such slot.
    pub(super) stored: Option<Timestamp>,
    /// When its authorization was seen to have ended.
    pub(super) ended: Option<Timestamp>,
}

pub(super) enum OneOrMore<T> {
    One(T),
    #[expect(clippy::box_collection, reason = "keeps the common case of one as small as it can be")]
    More(Box<Vec<T>>),
}

impl Slot {
    pub(super) fn new(digits: Digits, authorization: AuthorizationId, used: Timestamp) -> Self {
        Self { digits, freeing: false, authorization, used, stored: None, ended: None }
    }

    /// Whether both are the same slot of one subscriber behind one number.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.digits == other.digits && (!self.digits.is_none() || self.authorization == other.authorization)
    }
}

impl Digits {
    const VALUE: u32 = 0x00ff_ffff;

    pub(super) fn is_none(self) -> bool {
        self.0 >> 24 == 0
    }

    pub(super) fn extension(self) -> Extension {
        let [width, ..] = self.0.to_be_bytes();
        Extension { width, value: self.0 & Self::VALUE }
    }
}

impl From<Extension> for Digits {
    fn from(extension: Extension) -> Self {
        Self((u32::from(extension.width) << 24) | (extension.value & Self::VALUE))
    }
}

impl<T> OneOrMore<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::One(one) => std::slice::from_mut(one),
            Self::More(more) => more,
        }
    }

    pub(super) fn push_into<K: Hash + Eq>(map: &mut FxHashMap<K, Self>, key: K, value: T) {
        match map.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Self::One(value));
            }
            Entry::Occupied(entry) => {
                let (key, held) = entry.remove_entry();
                let mut more = match held {
                    Self::One(one) => Box::new(vec![one]),
                    Self::More(more) => more,
                };
                more.push(value);
                map.insert(key, Self::More(more));
            }
        }
    }

    /// Takes out the first that fits, and the entry when nothing is left in it.
    pub(super) fn remove_from<K: Hash + Eq>(
        map: &mut FxHashMap<K, Self>,
        key: &K,
        fits: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let held = map.get_mut(key)?;
        let at = held.as_slice().iter().position(fits)?;
        match held {
            Self::More(more) if more.len() > 1 => Some(more.swap_remove(at)),
            _ => match map.remove(key)? {
                Self::One(one) => Some(one),
                Self::More(mut more) => more.pop(),
            },
        }
    }
}
