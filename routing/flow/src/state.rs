//! The life of a message as one table: which phases there are, and what each event makes of each. Knows no message,
//! clock or journal; whoever changes a phase asks here, and what the table does not have does not happen.

use std::fmt;

use crate::turn::LinkId;

/// The states a message passes, as everybody speaks of them. Every [`Phase`] is a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Its record is being made durable; nobody was told yet.
    Accepted,
    /// It waits for its own time.
    Scheduled,
    /// It waits for a link, or its intent to submit is being made durable.
    Waiting,
    /// It was handed to an SMSC, which answered or did not.
    Submitted,
    /// It failed for now and waits for its next attempt.
    Retrying,
    /// It has ended; nothing changes that any more.
    Final,
}

/// Where in its state a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its record is not known to be durable.
    Accepted,
    /// Durable; waits for its own time.
    Scheduled,
    /// Waits in its channel's queue.
    Queued,
    /// The intent to submit is being made durable.
    Intended,
    /// On the wire of this link, unanswered.
    Sent(LinkId),
    /// Unanswered too long, or its link died: nobody knows whether the SMSC has it.
    Lost,
    /// The SMSC has it; the receipt is awaited.
    Answered,
    /// Not sent, or failed for now: the attempt is being written down as over. Or its content is being changed.
    Retracting,
    /// Waits beside its queue until the pause is over.
    Postponed,
    /// Its end is being made durable.
    Ending,
    /// Its end could not be written; it is tried again.
    Unwritten,
    /// Its end is durable.
    Gone,
}

/// What may happen to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Its record is durable, or was found in the journal: it may be sent.
    Stored,
    /// The same, but its time has not come.
    Held,
    /// Its time has come.
    Woken,
    /// A link takes it: the intent to submit goes to the journal.
    Taken,
    /// It was written to this link's connection.
    Written(LinkId),
    /// The SMSC took it.
    Answered,
    /// No answer, in time or ever.
    Silent,
    /// An unknown outcome is tried again, because the channel says so.
    Repeated,
    /// The attempt is over without an end: it will be tried again.
    Withdrawn,
    /// Its sender changes it while it waits: the new content is being made durable.
    Changed,
    /// It joins the queue again.
    Requeued,
    /// It waits before it joins the queue again.
    Paused,
    /// It ends, however.
    Ended,
    /// The end could not be written.
    EndLost,
    /// The end is durable.
    EndStored,
}

/// An event that the phase does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message in phase {phase:?} has no event {event:?}")]
pub(crate) struct Illegal {
    phase: Phase,
    event: Event,
}

impl Phase {
    /// The phase after an event.
    ///
    /// # Errors
    /// [`Illegal`] if the table has no such step; the phase stays.
    pub(crate) fn on(self, event: Event) -> Result<Self, Illegal> {
        use Event as E;
        let next = match (self, event) {
            (Self::Accepted, E::Stored) | (Self::Scheduled, E::Woken) => Self::Queued,
            (Self::Accepted, E::Held) => Self::Scheduled,
            // Found in the journal as it was when the process ended.
            (Self::Accepted, E::Silent) => Self::Lost,
            (Self::Accepted, E::Answered) => Self::Answered,
            (Self::Accepted, E::Paused) => Self::Postponed,

            (Self::Queued, E::Taken) => Self::Intended,
            (Self::Intended, E::Written(link)) => Self::Sent(link),
            (Self::Sent(_), E::Silent) => Self::Lost,
            // The others: the answer to an attempt that was given up for lost and is about to be repeated.
            (Self::Sent(_) | Self::Lost | Self::Queued | Self::Intended | Self::Postponed, E::Answered) => {
                Self::Answered
            }
            (Self::Lost, E::Repeated) => Self::Queued,

            (Self::Intended | Self::Sent(_) | Self::Lost | Self::Answered, E::Withdrawn) => Self::Retracting,
            (Self::Queued | Self::Postponed, E::Changed) => Self::Retracting,
            // Intended: the intent could not be written.
            (Self::Retracting | Self::Intended | Self::Postponed, E::Requeued) => Self::Queued,
            (Self::Retracting | Self::Intended, E::Paused) => Self::Postponed,

            (Self::Accepted | Self::Ending | Self::Gone, E::Ended) => {
                return Err(Illegal { phase: self, event });
            }
            (_, E::Ended) => Self::Ending,
            (Self::Ending, E::EndLost) => Self::Unwritten,
            (Self::Ending, E::EndStored) => Self::Gone,
            (phase, event) => return Err(Illegal { phase, event }),
        };
        Ok(next)
    }

    /// The state it is a part of.
    pub(crate) const fn state(self) -> State {
        match self {
            Self::Accepted => State::Accepted,
            Self::Scheduled => State::Scheduled,
            Self::Queued | Self::Intended => State::Waiting,
            Self::Sent(_) | Self::Lost | Self::Answered => State::Submitted,
            Self::Retracting | Self::Postponed => State::Retrying,
            Self::Ending | Self::Unwritten | Self::Gone => State::Final,
        }
    }

    /// Whether no SMSC has it and none was told of it since it last failed: it may be withdrawn for good.
    pub(crate) const fn is_unsent(self) -> bool {
        match self {
            Self::Accepted
            | Self::Scheduled
            | Self::Queued
            | Self::Intended
            | Self::Retracting
            | Self::Postponed => true,
            Self::Sent(_) | Self::Lost | Self::Answered | Self::Ending | Self::Unwritten | Self::Gone => {
                false
            }
        }
    }

    /// What a message in this phase is after a restart: one of these, by what had become durable. A channel with
    /// `retry_unknown` makes Queued of Lost.
    #[cfg(test)]
    pub(crate) const fn after_restart(self) -> &'static [Self] {
        match self {
            Self::Accepted | Self::Gone => &[],
            Self::Scheduled => &[Self::Scheduled],
            Self::Queued => &[Self::Queued, Self::Lost],
            Self::Intended => &[Self::Queued, Self::Postponed, Self::Lost],
            Self::Sent(_) | Self::Lost => &[Self::Lost],
            Self::Answered => &[Self::Answered, Self::Lost],
            Self::Retracting => &[Self::Lost, Self::Answered, Self::Queued, Self::Postponed],
            Self::Postponed => &[Self::Postponed, Self::Queued, Self::Lost],
            Self::Ending | Self::Unwritten => {
                &[Self::Scheduled, Self::Queued, Self::Postponed, Self::Lost, Self::Answered]
            }
        }
    }
}

/// A message's phase, which only changes by the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life(Phase);

impl Life {
    /// A new message, or one that is read back from the journal.
    pub(crate) const ACCEPTED: Self = Self(Phase::Accepted);

    pub(crate) const fn phase(self) -> Phase {
        self.0
    }

    /// Takes the step the table has for an event; else nothing changes and it says no.
    #[must_use]
    pub(crate) fn on(&mut self, event: Event) -> bool {
        self.0.on(event).map(|next| self.0 = next).is_ok()
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Waiting => "waiting",
            Self::Submitted => "submitted",
            Self::Retrying => "retrying",
            Self::Final => "final",
        })
    }
}

#[cfg(test)]
mod tests;
