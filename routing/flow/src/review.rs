//! Messages that a word list holds until staff have looked at them: which they are, that one passes, and that one is
//! refused. Whatever nobody looks at expires.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use veilgate_names::{EnterpriseId, FinalState, MessageId, ObjectId, Reason, Timestamp};
use veilgate_store::Store;

use crate::book::Replacement;
use crate::flow::Flow;
use crate::live::{Live, Moment};
use crate::record::MessageRecord;
use crate::ruling::{Review, Ruled};
use crate::state::Phase;
use crate::turn::{Outcomes, Step, Turn};

/// The most messages that can be listed; more wait unlisted until they expire, or the next start.
const MOST: usize = 100_000;

/// A message that waits for staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewable {
    /// Its id.
    pub id: MessageId,
    /// Whose it is.
    pub enterprise: EnterpriseId,
    /// The word list that holds it.
    pub list: Option<ObjectId>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it ends if nobody has looked at it.
    pub expires_at: Timestamp,
}

/// Why a message is not passed or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReviewed {
    /// It does not wait for that: never held, looked at already, being changed, or ended.
    #[error("no message of this id waits for review")]
    NotWaiting,
    /// Store or keys let it down.
    #[error("the message cannot be read or written")]
    Failed,
}

/// Which messages wait for staff. Whatever has ended goes when that is durable.
#[derive(Default)]
pub(crate) struct Reviews {
    waiting: Mutex<BTreeMap<MessageId, Reviewable>>,
    /// How many that are, so that nobody takes the lock for nothing.
    count: AtomicUsize,
}

impl Reviews {
    /// Notes a message if it has to be looked at.
    pub(crate) fn note(
        &self,
        id: MessageId,
        enterprise: &EnterpriseId,
        ruled: &Ruled,
        (accepted_at, expires_at): (Timestamp, Timestamp),
    ) {
        if ruled.review != Review::Waiting {
            return;
        }
        let (enterprise, list) = (enterprise.clone(), ruled.decision.object.clone());
        let mut waiting = self.waiting.lock();
        if waiting.len() < MOST {
            waiting.insert(id, Reviewable { id, enterprise, list, accepted_at, expires_at });
            self.count.store(waiting.len(), Ordering::Relaxed);
        }
    }

    pub(crate) fn note_live(&self, live: &Live) {
        let times = (live.accepted_at, live.expires_at);
        self.note(live.id, live.authorization.enterprise(), &live.ruled, times);
    }

    /// It does not wait for that any more.
    pub(crate) fn forget(&self, id: MessageId) {
        if self.count.load(Ordering::Relaxed) > 0 {
            let mut waiting = self.waiting.lock();
            waiting.remove(&id);
            self.count.store(waiting.len(), Ordering::Relaxed);
        }
    }

    fn holds(&self, id: MessageId) -> bool {
        self.waiting.lock().contains_key(&id)
    }
}

impl Flow {
    /// How many messages wait for staff.
    #[must_use]
    pub fn reviews_waiting(&self) -> usize {
        self.reviews.count.load(Ordering::Relaxed)
    }

    /// The next messages that wait for staff behind `after`, by their ids; at most `most`.
    #[must_use]
    pub fn reviews(&self, after: Option<MessageId>, most: usize) -> Vec<Reviewable> {
        let from = after.map_or(MessageId(0), |id| MessageId(id.0.saturating_add(1)));
        self.reviews.waiting.lock().range(from..).take(most).map(|(_, waiting)| waiting.clone()).collect()
    }

    /// Lets a message pass: it is released when that is durable, and `done` is told. Its words are not held against it
    /// again; all other rules are asked as of any message that waited.
    ///
    /// # Errors
    /// [`NotReviewed`]: nothing has changed, and nobody is told.
    pub fn pass_review(
        &self,
        store: &dyn Store,
        id: MessageId,
        at: Moment,
        (turn, outcomes): (&mut Turn, &mut Outcomes),
        done: Box<dyn FnOnce(bool) + Send>,
    ) -> Result<(), NotReviewed> {
        self.hold_for_review(store, id, at)?;
        let Some((before, record, enterprise)) = self.put_passed(id, at) else {
            self.let_go(&[id], at, outcomes);
            return Err(NotReviewed::NotWaiting);
        };
        if self.put_message(id, &record, &enterprise, turn).is_err() {
            self.book.lock().replace_failed(id, before);
            self.set_review(id, Review::Waiting);
            self.let_go(&[id], at, outcomes);
            return Err(NotReviewed::Failed);
        }
        turn.steps.push(Step::Replaced { message: id, before: Box::new(before), answer: None });
        turn.steps.push(Step::Notify(done));
        Ok(())
    }

    /// Refuses a message: it ends, with receipt and CDR, when that is durable, and `done` is told.
    ///
    /// # Errors
    /// [`NotReviewed`], as for [`Self::pass_review`].
    pub fn refuse_review(
        &self,
        store: &dyn Store,
        id: MessageId,
        at: Moment,
        (turn, outcomes): (&mut Turn, &mut Outcomes),
        done: Box<dyn FnOnce(bool) + Send>,
    ) -> Result<(), NotReviewed> {
        self.hold_for_review(store, id, at)?;
        let ended = self.book.lock().end(id, FinalState::Rejected, Some(Reason::Word), 0, at);
        let Some(ended) = ended else {
            self.let_go(&[id], at, outcomes);
            return Err(NotReviewed::NotWaiting);
        };
        self.finish(vec![ended], turn);
        turn.steps.push(Step::Notify(done));
        Ok(())
    }

    /// Has a message in the book that waits for staff. What somebody else has there is being changed already.
    fn hold_for_review(&self, store: &dyn Store, id: MessageId, at: Moment) -> Result<(), NotReviewed> {
        if !self.reviews.holds(id) {
            return Err(NotReviewed::NotWaiting);
        }
        let mut held = Vec::new();
        self.hold_one(store, id, at, &mut held);
        if held.is_empty() { Err(NotReviewed::NotWaiting) } else { Ok(()) }
    }

    fn put_passed(&self, id: MessageId, at: Moment) -> Option<(Replacement, MessageRecord, EnterpriseId)> {
        let mut book = self.book.lock();
        let live = book.live(id).filter(|live| live.phase() == Phase::Scheduled && !live.is_part())?;
        if live.expires_at <= at.wall {
            return None;
        }
        let new = Replacement {
            body: live.body.clone()?,
            registered_delivery: live.registered_delivery,
            scheduled_at: Some(at.wall),
            expires_at: live.expires_at,
            pause: Duration::ZERO,
        };
        let before = book.replace(id, new, at)?;
        let live = book.live(id)?;
        live.ruled.review = Review::Passed;
        Some((before, MessageRecord::of(live)?, live.authorization.enterprise().clone()))
    }

    fn set_review(&self, id: MessageId, review: Review) {
        if let Some(live) = self.book.lock().live(id) {
            live.ruled.review = review;
        }
    }
}
