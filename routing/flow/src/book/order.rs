//! Order where it was asked for: of the messages to one destination one at a time is under way, the others wait
//! behind it, each until the one before it was answered or has ended.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use rustc_hash::{FxBuildHasher, FxHashMap};
use veilgate_names::MessageId;

use crate::live::Live;

/// Messages by destination, in order; the first of each lane is under way.
#[derive(Default)]
pub(super) struct Order {
    lanes: FxHashMap<u64, VecDeque<MessageId>>,
    /// Those behind the first.
    held: usize,
}

impl Order {
    /// Adds a message at the end of its lane; true if it is the first and may go.
    pub(super) fn join(&mut self, live: &Live) -> bool {
        let lane = self.lanes.entry(destination(live)).or_default();
        let is_first = lane.is_empty();
        lane.push_back(live.id);
        self.held += usize::from(!is_first);
        is_first
    }

    /// Takes a message out of its lane; gives the one that may go now, if that changed.
    pub(super) fn leave(&mut self, live: &Live) -> Option<MessageId> {
        let key = destination(live);
        let lane = self.lanes.get_mut(&key)?;
        let place = lane.iter().position(|id| *id == live.id)?;
        lane.remove(place);
        if lane.is_empty() {
            self.lanes.remove(&key);
            return None;
        }
        self.held = self.held.saturating_sub(1);
        if place == 0 { lane.front().copied() } else { None }
    }

    /// Whether a message waits behind another.
    #[cfg(test)]
    pub(super) fn holds(&self, live: &Live) -> bool {
        let lane = self.lanes.get(&destination(live));
        lane.is_some_and(|lane| lane.iter().skip(1).any(|id| *id == live.id))
    }

    /// How many wait behind another.
    pub(super) fn held(&self) -> usize {
        self.held
    }
}

/// The same for all messages of one service number to one subscriber, as the notary named them.
fn destination(live: &Live) -> u64 {
    FxBuildHasher.hash_one((live.authorization.id().as_str(), live.service_number))
}
