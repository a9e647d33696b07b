//! The damages seen since the log was opened, each once.

use std::collections::BTreeSet;

use super::recovery::MAX_LISTED;
use crate::error::Damage;

#[derive(Default)]
pub(super) struct Damages {
    places: BTreeSet<(u32, u64)>,
    listed: Vec<Damage>,
    count: u64,
}

impl Damages {
    /// Those found when the log was opened; not all may be listed.
    pub(super) fn new(listed: &[Damage], count: u64) -> Self {
        let places = listed.iter().map(|damage| (damage.segment, damage.offset)).collect();
        Self { places, listed: listed.to_vec(), count }
    }

    /// Whether it was not known before. Beyond the bound on the list nothing is known, and each is counted as new.
    pub(super) fn add(&mut self, damage: Damage) -> bool {
        let place = (damage.segment, damage.offset);
        if self.places.contains(&place) {
            return false;
        }
        self.count += 1;
        if self.listed.len() < MAX_LISTED {
            self.places.insert(place);
            self.listed.push(damage);
        }
        true
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn listed(&self) -> &[Damage] {
        &self.listed
    }
}
