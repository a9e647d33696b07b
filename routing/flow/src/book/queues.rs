//! Where a message waits: a channel's queue, or beside it for a while.

use std::time::Duration;

use veilgate_names::MessageId;

use super::{Book, Channel};
use crate::live::{Live, Moment, Phase};
use crate::route::{Candidate, choose, choose_by};
use crate::turn::Outcomes;

impl Book {
    pub(super) fn postpone(&mut self, id: MessageId, pause: Duration, at: Moment, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get_mut(&id) else { return };
        live.phase = Phase::Queued;
        let deadline = at.mono_at(live.expires_at);
        let index = live.channel;
        if let Some(channel) = self.channels.get_mut(usize::from(index)) {
            channel.delayed.insert((at.mono.plus(pause), id));
            outcomes.channels.push(usize::from(index));
        }
        self.set_deadline(id, deadline);
    }

    /// Puts a queued message where it waits; a message no channel takes stays with its first one.
    pub(super) fn enqueue(&mut self, id: MessageId, front: bool, at: Moment, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get_mut(&id) else { return };
        live.phase = Phase::Queued;
        let deadline = at.mono_at(live.expires_at);
        let allowed = allowed_channels(&self.channels, live);
        let index = route(&mut self.candidates, &allowed, live).unwrap_or(live.channel);
        live.channel = index;
        if let Some(channel) = self.channels.get_mut(usize::from(index)) {
            if front {
                // Ids grow with time: what comes back together keeps its order.
                let place = channel.queue.iter().position(|other| *other > id).unwrap_or(channel.queue.len());
                channel.queue.insert(place, id);
            } else {
                channel.queue.push_back(id);
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
            let delayed = std::mem::take(&mut channel.delayed).into_iter().map(|(_, id)| id);
            let moved: Vec<MessageId> = delayed.chain(channel.queue.drain(..)).collect();
            for id in moved {
                self.requeue(id, outcomes);
            }
        }
        for (index, _) in usable.iter().enumerate().filter(|(_, usable)| **usable) {
            outcomes.channels.push(index);
        }
    }

    pub(super) fn requeue(&mut self, id: MessageId, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get_mut(&id) else { return };
        if live.phase != Phase::Queued {
            return;
        }
        let allowed = allowed_channels(&self.channels, live);
        let index = route(&mut self.candidates, &allowed, live).unwrap_or(live.channel);
        live.channel = index;
        if let Some(channel) = self.channels.get_mut(usize::from(index)) {
            channel.queue.push_back(id);
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
