//! What an account asks about its messages: where they are, and to take them back or change them before they are sent.

use std::time::Duration;

use veilgate_names::{AccountId, AuthorizationId, FinalState, MessageId, Reason, Timestamp};

use super::Book;
use crate::label::tag_of;
use crate::live::{Body, ContentFacts, Ended, Live, Moment};
use crate::state::{Event, Phase};
use crate::turn::Outcomes;

/// What `replace_sm` puts in the place of what was.
#[derive(Debug, Clone)]
pub(crate) struct Replacement {
    pub(crate) body: Body,
    pub(crate) registered_delivery: u8,
    pub(crate) scheduled_at: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
    /// How much longer it was to wait before its next attempt.
    pub(crate) pause: Duration,
}

impl Book {
    /// A message of this account that has not ended, by its id or that of one of the parts it came in.
    pub(crate) fn of_account(&self, account: &AccountId, id: MessageId) -> Option<&Live> {
        let id = self.texts.get(&id).copied().unwrap_or(id);
        self.live.get(&id).map(Box::as_ref).filter(|live| live.account == *account && !live.is_part())
    }

    /// Takes a message back that no SMSC has seen; nothing if one may have.
    pub(crate) fn cancel(&mut self, id: MessageId, at: Moment) -> Option<Ended> {
        if !self.live.get(&id).is_some_and(|live| live.waits() && !live.is_part()) {
            return None;
        }
        self.end(id, FinalState::Cancelled, Some(Reason::Cancelled), 0, at)
    }

    /// Messages of an account that wait to be sent and are as described. Looks at all: for rare requests only.
    pub(crate) fn waiting_of(
        &self,
        account: &AccountId,
        mut described: impl FnMut(&Live) -> bool,
    ) -> Vec<MessageId> {
        let waits = |live: &&Live| live.waits() && live.account == *account && !live.is_part();
        self.each().filter(waits).filter(|live| described(live)).map(|live| live.id).collect()
    }

    /// What was called from where it was parked under an authorization and has not ended.
    pub(crate) fn held_under(&self, authorization: &AuthorizationId) -> Vec<MessageId> {
        let tag = tag_of(authorization);
        let held = |live: &&Live| live.phase() == Phase::Scheduled && tag_of(live.authorization.id()) == tag;
        self.each().filter(held).map(|live| live.id).collect()
    }

    /// Changes a message that waits and keeps it from being sent until the change is durable (`retracted` lets it go
    /// on). Gives what was there before.
    pub(crate) fn replace(&mut self, id: MessageId, new: Replacement, at: Moment) -> Option<Replacement> {
        let live = self.live.get_mut(&id)?;
        // What is held is in no queue.
        if live.phase() == Phase::Scheduled {
            return put(live, new);
        }
        if live.body.is_none() || !live.life.on(Event::Changed) {
            return None;
        }
        let mut before = put(live, new)?;
        // One that was postponed goes on waiting for the rest of its pause.
        let channel = self.channels.get_mut(usize::from(live.channel))?;
        if let Some(entry) = channel.delayed.iter().find(|(_, other)| *other == id).copied() {
            channel.delayed.remove(&entry);
            before.pause = entry.0.since(at.mono);
        }
        Some(before)
    }

    /// The change is durable, or undone: the message waits again, after the pause.
    pub(crate) fn replaced(&mut self, id: MessageId, pause: Duration, at: Moment, outcomes: &mut Outcomes) {
        match self.let_go(id) {
            Some(live) => self.take_in(live, at, outcomes),
            None => self.retracted(id, pause, at, outcomes),
        }
    }

    /// The change could not be written down: what was there before is there again.
    pub(crate) fn replace_failed(&mut self, id: MessageId, before: Replacement) {
        if let Some(live) = self.live.get_mut(&id) {
            let _ = put(live, before);
        }
    }
}

fn put(live: &mut Live, new: Replacement) -> Option<Replacement> {
    let facts = ContentFacts::of(&new.body);
    let body = live.body.replace(new.body)?;
    let before = Replacement {
        body,
        registered_delivery: live.registered_delivery,
        scheduled_at: live.scheduled_at,
        expires_at: live.expires_at,
        pause: Duration::ZERO,
    };
    live.facts = facts;
    live.registered_delivery = new.registered_delivery;
    live.scheduled_at = new.scheduled_at;
    live.expires_at = new.expires_at;
    Some(before)
}
