//! What links tell, and what is asked of their channels.

use std::sync::Arc;

use veilgate_names::{ChannelId, MessageId, Monotonic};

use super::Flow;
use crate::book::LinkEvent;
use crate::live::Moment;
use crate::retry::{Class, Fault};
use crate::state::State;
use crate::turn::{LinkPlace, Outcomes, Turn};

impl Flow {
    /// What a link saw since the last call.
    pub fn link_events(
        &self,
        place: LinkPlace,
        events: impl Iterator<Item = LinkEvent>,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) {
        let mut ended = Vec::new();
        let steps_before = turn.steps.len();
        let mut book = self.book.lock();
        for event in events {
            ended.extend(book.handle(place, event, at, turn, outcomes));
        }
        drop(book);
        self.notice_retries(turn.steps.get(steps_before..).unwrap_or_default(), outcomes);
        self.tell(at, turn, outcomes);
        self.finish(ended, turn);
    }

    /// A link is bound.
    pub fn link_up(&self, place: LinkPlace, outcomes: &mut Outcomes) {
        self.book.lock().link_count(place, true, outcomes);
    }

    /// A link leaves `enquire_link` unanswered (or answers again): its channel is degraded.
    pub fn link_silent(&self, place: LinkPlace, silent: bool, outcomes: &mut Outcomes) {
        self.book.lock().link_silent(place, silent, outcomes);
    }

    /// Lets a channel take no more messages, though it stays bound and its receipts are taken; or take them again.
    /// What waits for it moves to others. False: there is no such channel.
    pub fn set_draining(&self, channel: &ChannelId, draining: bool, outcomes: &mut Outcomes) -> bool {
        self.book.lock().set_draining(channel, draining, outcomes).is_some()
    }

    /// Messages of a channel whose intent to submit is being made durable. Looks at every live message.
    #[must_use]
    pub fn on_the_way(&self, channel: &ChannelId) -> usize {
        self.book.lock().intended(channel)
    }

    /// A link that was up is gone, with `unanswered` submits on the wire and `unsent` ones that were not written.
    pub fn link_down(
        &self,
        place: LinkPlace,
        unanswered: &[MessageId],
        unsent: &[MessageId],
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) {
        let mut book = self.book.lock();
        book.link_count(place, false, outcomes);
        for &id in unsent.iter().rev() {
            book.not_sent(id, at, turn);
        }
        let ended = book.link_lost(place.link, unanswered, at, outcomes);
        drop(book);
        self.finish(ended, turn);
    }

    /// Messages whose intent is durable, but whose link is gone: back to their queues.
    pub fn not_sent(&self, messages: &[MessageId], at: Moment, turn: &mut Turn) {
        let mut book = self.book.lock();
        for &id in messages.iter().rev() {
            book.not_sent(id, at, turn);
        }
    }

    /// The state of a message that has not ended durably.
    #[must_use]
    pub fn state(&self, id: MessageId) -> Option<State> {
        self.book.lock().live(id).map(|live| live.phase().state())
    }

    /// Of which kind a `command_status` is on a channel: whether the link should slow down.
    #[must_use]
    pub fn class_of(&self, channel: u16, status: u32) -> Class {
        let book = self.book.lock();
        let rules = book.channel(channel).map(|channel| Arc::clone(&channel.rules.retry));
        rules.unwrap_or_default().decide(&Fault::Status(status)).1.class
    }

    /// When the next postponed message of a channel may be taken.
    #[must_use]
    pub fn next_delayed(&self, channel: u16) -> Option<Monotonic> {
        self.book.lock().next_delayed(channel)
    }
}
