//! A channel's queue, shared fairly: one first-in first-out lane for each enterprise, served in turn by deficit
//! round-robin. Who floods waits behind himself only. Every step is O(1), and nothing is allocated per message once a
//! lane has grown.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use veilgate_names::{EnterpriseId, MessageId};

/// Lanes that grew beyond this are given back when they run empty.
const KEPT: usize = 1024;

/// Which enterprise has which lane, and what each weighs; the same for all channels.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    numbers: FxHashMap<EnterpriseId, usize>,
    weights: Vec<u32>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct FairQueue {
    lanes: Vec<Lane>,
    /// The lanes that hold something, next in front.
    turns: VecDeque<usize>,
    length: usize,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<MessageId>,
    /// How many more it may give in this turn.
    credit: u32,
}

impl Lanes {
    /// The lane of an enterprise; a new one weighs 1. As many are kept as enterprises ever had a message.
    pub(crate) fn of(&mut self, enterprise: &EnterpriseId) -> usize {
        if let Some(&lane) = self.numbers.get(enterprise) {
            return lane;
        }
        self.weights.push(1);
        let lane = self.weights.len() - 1;
        self.numbers.insert(enterprise.clone(), lane);
        lane
    }

    /// Takes over the weights of a configuration; whoever it does not name weighs 1.
    pub(crate) fn weigh<'a>(&mut self, weights: impl IntoIterator<Item = (&'a EnterpriseId, u32)>) {
        self.weights.fill(1);
        for (enterprise, weight) in weights {
            let lane = self.of(enterprise);
            if let Some(held) = self.weights.get_mut(lane) {
                *held = weight.max(1);
            }
        }
    }

    fn weight(&self, lane: usize) -> u32 {
        self.weights.get(lane).copied().unwrap_or(1)
    }
}

impl FairQueue {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Whether a message waits here.
    #[cfg(test)]
    pub(crate) fn contains(&self, id: MessageId) -> bool {
        self.lanes.iter().any(|lane| lane.waiting.contains(&id))
    }

    /// How many of one lane wait.
    pub(crate) fn of_lane(&self, lane: usize) -> usize {
        self.lanes.get(lane).map_or(0, |lane| lane.waiting.len())
    }

    /// Adds a message behind those of its lane.
    pub(crate) fn push_back(&mut self, lane: usize, id: MessageId) {
        if let Some(entry) = self.listed(lane) {
            entry.waiting.push_back(id);
            self.length += 1;
        }
    }

    /// Adds a message that was taken out before: ids grow with time, so it goes before the first younger one, and what
    /// comes back together keeps its order.
    pub(crate) fn put_back(&mut self, lane: usize, id: MessageId) {
        if let Some(entry) = self.listed(lane) {
            let place = entry.waiting.iter().position(|other| *other > id).unwrap_or(entry.waiting.len());
            entry.waiting.insert(place, id);
            self.length += 1;
        }
    }

    /// Takes the next message: of the lane whose turn it is, the oldest.
    pub(crate) fn pop(&mut self, lanes: &Lanes) -> Option<MessageId> {
        let lane = *self.turns.front()?;
        let entry = self.lanes.get_mut(lane)?;
        if entry.credit == 0 {
            entry.credit = lanes.weight(lane);
        }
        let id = entry.waiting.pop_front()?;
        entry.credit -= 1;
        self.length -= 1;
        if entry.waiting.is_empty() {
            entry.credit = 0;
            if entry.waiting.capacity() > KEPT {
                entry.waiting = VecDeque::new();
            }
            self.turns.pop_front();
        } else if entry.credit == 0 {
            self.turns.rotate_left(1);
        }
        Some(id)
    }

    /// Takes everything out, lane by lane.
    pub(crate) fn drain(&mut self) -> Vec<MessageId> {
        let mut all = Vec::with_capacity(self.length);
        for lane in std::mem::take(&mut self.turns) {
            if let Some(entry) = self.lanes.get_mut(lane) {
                all.extend(std::mem::take(entry).waiting);
            }
        }
        self.length = 0;
        all
    }

    /// A lane that is about to hold something.
    fn listed(&mut self, lane: usize) -> Option<&mut Lane> {
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, Lane::default);
        }
        let entry = self.lanes.get_mut(lane)?;
        if entry.waiting.is_empty() {
            self.turns.push_back(lane);
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
