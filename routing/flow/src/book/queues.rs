//! Where a message waits: a channel's queue, or beside it for a while.

use veilgate_names::{EnterpriseId, MessageId, Monotonic};

use super::{Book, Channel};
use crate::live::{Live, Moment};
use crate::record::Next;
use crate::route::{Candidate, choose, choose_by};
use crate::state::Phase;
use crate::turn::Outcomes;

impl Book {
    /// Takes over how much of a full channel each enterprise gets; whoever is not named weighs 1.
    pub(crate) fn weigh<'a>(&mut self, weights: impl IntoIterator<Item = (&'a EnterpriseId, u32)>) {
        self.lanes.weigh(weights);
    }

    /// Lays a message whose attempt failed beside a queue until `when`.
    pub(super) fn postpone(&mut self, id: MessageId, when: Monotonic, at: Moment, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let deadline = at.mono_at(live.expires_at);
        let index = place(&self.channels, &mut self.candidates, live);
        if let Some(channel) = self.channels.get_mut(usize::from(index)) {
            channel.delayed.insert((when, id));
            outcomes.channels.push(usize::from(index));
        }
        self.set_deadline(id, deadline);
    }

    /// Puts a queued message where it waits; a message no channel takes stays with its first one.
    pub(super) fn enqueue(&mut self, id: MessageId, front: bool, at: Moment, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let deadline = at.mono_at(live.expires_at);
        let index = place(&self.channels, &mut self.candidates, live);
        if let Some(channel) = self.channels.get_mut(usize::from(index)) {
            let lane = self.lanes.of(live.authorization.enterprise());
            if front {
                channel.queue.put_back(lane, id);
            } else {
                channel.queue.push_back(lane, id);
            }
            outcomes.channels.push(usize::from(index));
        }
        self.set_deadline(id, deadline);
    }

    /// Moves what waits at channels that are down or off to others, if any is up.
    pub(super) fn rebalance(&mut self, outcomes: &mut Outcomes) {
        let usable: Vec<bool> = self.candidates.iter().map(|one| one.up && one.enabled).collect();
        if !usable.contains(&true) {
            return;
        }
        for (index, _) in usable.iter().enumerate().filter(|(_, usable)| !**usable) {
            let Some(channel) = self.channels.get_mut(index) else { continue };
            let delayed = std::mem::take(&mut channel.delayed).into_iter().map(|(when, id)| (Some(when), id));
            let queued = channel.queue.drain().into_iter().map(|id| (None, id));
            let moved: Vec<(Option<Monotonic>, MessageId)> = delayed.chain(queued).collect();
            for (when, id) in moved {
                self.requeue(id, when, outcomes);
            }
        }
        for (index, _) in usable.iter().enumerate().filter(|(_, usable)| **usable) {
            outcomes.channels.push(index);
        }
    }

    /// Whether another channel than its last one could take a message now.
    pub(super) fn has_other(&self, live: &Live) -> bool {
        let allowed = allowed_channels(&self.channels, live);
        (0..).zip(&self.candidates).any(|(index, one)| {
            let may = allowed.is_empty() || allowed.contains(&index);
            may && index != live.channel && one.enabled && one.up && one.weight > 0
        })
    }

    /// Moves what waits to the channel that takes it now; what waits beside a queue goes on waiting.
    fn requeue(&mut self, id: MessageId, when: Option<Monotonic>, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get_mut(&id) else { return };
        if !matches!(live.phase(), Phase::Queued | Phase::Postponed) {
            return;
        }
        let index = place(&self.channels, &mut self.candidates, live);
        if let Some(channel) = self.channels.get_mut(usize::from(index)) {
            match when {
                Some(when) => {
                    channel.delayed.insert((when, id));
                }
                None => channel.queue.push_back(self.lanes.of(live.authorization.enterprise()), id),
            }
            outcomes.channels.push(usize::from(index));
        }
    }
}

/// The indices of the channels that the message's service number may use; empty = all.
fn allowed_channels(channels: &[Channel], live: &Live) -> Vec<u16> {
    if live.allowed.is_empty() {
        return Vec::new();
    }
    let named = |channel: &Channel| live.allowed.contains(&channel.rules.id);
    (0..).zip(channels).filter(|(_, channel)| named(channel)).map(|(index, _)| index).collect()
}

/// The channel a message takes: parts of one text the same (smpp-cases 13).
fn route(candidates: &mut [Candidate], allowed: &[u16], live: &Live) -> Option<u16> {
    match live.parts_key() {
        Some(key) => choose_by(candidates, allowed, key),
        None => choose(candidates, allowed),
    }
}

/// Gives a message the channel where it waits now.
fn place(channels: &[Channel], candidates: &mut [Candidate], live: &mut Live) -> u16 {
    let next = std::mem::replace(&mut live.next, Next::Any);
    let last = usize::from(live.channel);
    if next == Next::Same && candidates.get(last).is_some_and(|one| one.enabled && one.up) {
        return live.channel;
    }
    let mut allowed = allowed_channels(channels, live);
    if next == Next::Other {
        if allowed.is_empty() {
            allowed = (0..).zip(channels).map(|(index, _)| index).collect();
        }
        allowed.retain(|index| *index != live.channel);
    }
    let chosen =
        if next == Next::Other && allowed.is_empty() { None } else { route(candidates, &allowed, live) };
    live.channel = chosen.unwrap_or(live.channel);
    live.channel
}

#[cfg(test)]
mod tests;
