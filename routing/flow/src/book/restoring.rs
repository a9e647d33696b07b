//! What the journal holds of a message, made the same again after a restart.

use std::time::Duration;

use veilgate_names::{FinalState, Reason};

use super::Book;
use crate::live::{Answered, Ended, Live, Moment};
use crate::record::{Again, StateRecord};
use crate::state::{Event, Phase};
use crate::turn::Outcomes;

/// How far a message that was found had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It waits.
    Waiting,
    /// An SMSC has it.
    Answered,
    /// Its submit was under way.
    Unknown,
}

impl Book {
    /// Adds a message that was found in the journal, with its state if it has one. One whose outcome is unknown ends,
    /// or is sent again where its channel says so.
    pub(crate) fn restore(
        &mut self,
        mut live: Box<Live>,
        state: Option<StateRecord>,
        at: Moment,
        outcomes: &mut Outcomes,
    ) -> (Found, Option<Ended>) {
        self.name_parts(&live);
        let Some(state) = state else {
            self.insert(live, at, outcomes);
            return (Found::Waiting, None);
        };
        live.attempts = state.attempts;
        live.submitted_at = Some(state.submitted_at);
        live.channel = self.channel_index(&state.channel).unwrap_or(0);
        if let Some((id, key, at_smsc)) = state.answer {
            if !self.retries_receipts(live.channel) {
                live.body = None;
            }
            live.answered = Some(Answered { id, key, at: at_smsc });
            self.insert_answered(live, at);
            (Found::Answered, None)
        } else if let Some(again) = state.again {
            self.insert_again(live, again, at, outcomes);
            (Found::Waiting, None)
        } else {
            (Found::Unknown, self.insert_unknown(live, at, outcomes))
        }
    }

    fn insert_again(&mut self, mut live: Box<Live>, again: Again, at: Moment, outcomes: &mut Outcomes) {
        let id = live.id;
        live.next = again.next;
        if again.not_before <= at.wall {
            self.insert(live, at, outcomes);
            return;
        }
        let first = !live.ordered || self.order.join(&live);
        let expires_at = at.mono_at(live.expires_at);
        if first && live.life.on(Event::Paused) {
            self.live.insert(id, live);
            self.postpone(id, at.mono_at(again.not_before), at, outcomes);
        } else if live.life.on(Event::Stored) {
            self.live.insert(id, live);
            self.set_deadline(id, expires_at);
        }
    }

    fn insert_answered(&mut self, mut live: Box<Live>, at: Moment) {
        let id = live.id;
        if !live.life.on(Event::Answered) {
            return;
        }
        if let Some(answered) = &live.answered {
            self.correlate.learn(live.channel, &answered.key, id);
            live.deadline = at.mono_at(answered.at.plus(self.rules.report_timeout));
        }
        self.deadlines.insert((live.deadline, id));
        self.live.insert(id, live);
    }

    fn insert_unknown(&mut self, live: Box<Live>, at: Moment, outcomes: &mut Outcomes) -> Option<Ended> {
        let id = live.id;
        if live.ordered {
            self.order.join(&live);
        }
        self.live.insert(id, live);
        self.outcome_unknown(id, Duration::ZERO, at, outcomes);
        let lost = self.live.get(&id).is_some_and(|live| live.phase() == Phase::Lost);
        if lost { self.end(id, FinalState::Unknown, Some(Reason::OutcomeUnknown), 0, at) } else { None }
    }
}
