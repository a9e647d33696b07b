//! Where a message waits: a channel's queue, or beside it for a while.

use std::sync::Arc;

use veilgate_names::{EnterpriseId, MessageId, Monotonic};
use veilgate_policy::Policy;

use super::Book;
use crate::groups::{Candidate, Routes};
use crate::live::{Live, Moment};
use crate::record::Next;
use crate::state::Phase;
use crate::turn::Outcomes;

/// No channel carries such a message.
pub(crate) struct Uncarried;

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

    /// Takes over what staff say that the channels carry. What waits at one whose line is another moves to where it may go.
    pub(crate) fn set_lines(&mut self, policy: &Arc<Policy>, outcomes: &mut Outcomes) {
        let before: Vec<_> = self.routes.candidates.iter().map(|one| one.line.clone()).collect();
        self.routes.set_lines(policy, self.channels.iter().map(|channel| &channel.rules.id));
        self.routes.publish();
        let now = self.routes.candidates.iter().map(|one| one.line.as_ref());
        let changed = before.iter().zip(now).enumerate().filter(|(_, (before, now))| before.as_ref() != *now);
        let changed: Vec<usize> = changed.map(|(index, _)| index).collect();
        if changed.is_empty() {
            return;
        }
        self.rebalance(outcomes);
        for index in changed {
            self.move_from(index, outcomes);
        }
    }

    /// Moves what waits at channels that are down or off to others, if any is up.
    pub(crate) fn rebalance(&mut self, outcomes: &mut Outcomes) {
        let usable: Vec<bool> = self.routes.candidates.iter().map(Candidate::is_usable).collect();
        if !usable.contains(&true) {
            return;
        }
        for (index, _) in usable.iter().enumerate().filter(|(_, usable)| !**usable) {
            self.move_from(index, outcomes);
        }
        for (index, _) in usable.iter().enumerate().filter(|(_, usable)| **usable) {
            outcomes.channels.push(index);
        }
    }

    /// Everything that waits at a channel goes where it goes now.
    fn move_from(&mut self, index: usize, outcomes: &mut Outcomes) {
        let Some(channel) = self.channels.get_mut(index) else { return };
        let delayed = std::mem::take(&mut channel.delayed).into_iter().map(|(when, id)| (Some(when), id));
        let queued = channel.queue.drain().into_iter().map(|id| (None, id));
        let moved: Vec<(Option<Monotonic>, MessageId)> = delayed.chain(queued).collect();
        for (when, id) in moved {
            self.requeue(id, when, outcomes);
        }
    }

    /// Whether the channel where a message waits carries it. One that does not gives it to another that does; with none,
    /// `Err`. Parts of a text go where the text may go.
    pub(crate) fn carried(&mut self, id: MessageId, outcomes: &mut Outcomes) -> Result<bool, Uncarried> {
        let Some(live) = self.live.get(&id) else { return Ok(true) };
        if live.is_part() || self.routes.carries(live.channel, live.freight()) {
            return Ok(true);
        }
        if !self.routes.open().load().leads(live.route, Some(live.freight())) {
            return Err(Uncarried);
        }
        self.requeue(id, None, outcomes);
        Ok(false)
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
    let chosen = routes.choose(live.route, live.parts_key(), avoid, live.freight());
    live.channel = chosen.unwrap_or(live.channel);
    live.channel
}

#[cfg(test)]
mod tests;
