//! Where a message waits: a channel's queue, or beside it for a while.

use veilgate_names::{EnterpriseId, MessageId, Monotonic};

use super::Book;
use crate::groups::{Candidate, Routes};
use crate::live::{Live, Moment};
use crate::record::Next;
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
        let index = place(&mut self.routes, live);
        if let Some(channel) = self.channels.get_mut(usize::from(index)) {
            channel.delayed.insert((when, id));
            outcomes.channels.push(usize::from(index));
        }
        self.set_deadline(id, deadline);
    }

    /// Puts a durable message where it waits: one that is to keep its order, behind the one before it.
    pub(super) fn enqueue_new(&mut self, id: MessageId, at: Moment, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get(&id) else { return };
        if live.ordered && !self.order.join(live) {
            let deadline = at.mono_at(live.expires_at);
            return self.set_deadline(id, deadline);
        }
        self.enqueue(id, false, at, outcomes);
    }

    /// The next of an ordered message's lane may go, since this one was answered or is gone.
    pub(super) fn next_of_lane(&mut self, next: Option<MessageId>, at: Moment, outcomes: &mut Outcomes) {
        if let Some(next) = next {
            self.enqueue(next, false, at, outcomes);
        }
    }

    /// Puts a queued message where it waits; a message no channel takes stays with its first one.
    pub(super) fn enqueue(&mut self, id: MessageId, front: bool, at: Moment, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let deadline = at.mono_at(live.expires_at);
        let index = place(&mut self.routes, live);
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
    pub(crate) fn rebalance(&mut self, outcomes: &mut Outcomes) {
        let usable: Vec<bool> = self.routes.candidates.iter().map(Candidate::is_usable).collect();
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

    /// Moves what waits to the channel that takes it now; what waits beside a queue goes on waiting.
    fn requeue(&mut self, id: MessageId, when: Option<Monotonic>, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get_mut(&id) else { return };
        if !matches!(live.phase(), Phase::Queued | Phase::Postponed) {
            return;
        }
        let index = place(&mut self.routes, live);
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

/// Gives a message the channel where it waits now. Parts of one text go one way (smpp-cases 13).
fn place(routes: &mut Routes, live: &mut Live) -> u16 {
    let next = std::mem::replace(&mut live.next, Next::Any);
    let last = usize::from(live.channel);
    if next == Next::Same && routes.candidates.get(last).is_some_and(Candidate::is_usable) {
        return live.channel;
    }
    let avoid = (next == Next::Other).then_some(live.channel);
    live.channel = routes.choose(live.route, live.parts_key(), avoid).unwrap_or(live.channel);
    live.channel
}

#[cfg(test)]
mod tests;
