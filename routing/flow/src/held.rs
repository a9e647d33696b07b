//! What is parked is brought into the book while its sender asks for it, and let go afterwards.

use veilgate_admission::Account;
use veilgate_names::{AuthorizationId, MessageId, Reason};
use veilgate_store::Store;

use crate::book::{Cause, Wanted};
use crate::flow::Flow;
use crate::label::tag_of;
use crate::live::Moment;
use crate::query::Asked;
use crate::turn::{Outcomes, SessionId, Turn, Waiting};

/// Batches of parked messages that one request reads back at most: half a million, more than are parked under one
/// authorization.
const MOST_CALLS: usize = 1024;

/// Who asks something about messages, and what it takes to answer.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The account.
    pub account: &'a Account,
    /// Who is answered when it is durable.
    pub from: Waiting<SessionId>,
    /// When.
    pub at: Moment,
    /// Where parked messages are read back from.
    pub store: &'a dyn Store,
}

impl Flow {
    /// Brings what an id stands for into the book, as far as it is parked, and gives what was brought:
    /// [`Self::let_go`] is to follow. A store that cannot be read brings nothing.
    pub(crate) fn hold_members(&self, store: &dyn Store, asked: &Asked<'_>, at: Moment) -> Vec<MessageId> {
        let mut held = Vec::new();
        self.hold_one(store, asked.id, at, &mut held);
        let live = self.book.lock().of_account(asked.account, asked.id).map(|live| live.member.of);
        let ended = || self.ends.lock().find(asked.account, asked.id).map(|(end, _)| end.member.of);
        for index in 1..live.or_else(ended).unwrap_or(0) {
            self.hold_one(store, asked.member(index).id, at, &mut held);
        }
        held
    }

    /// Brings everything into the book that is parked under an authorization (and what shares its tag).
    ///
    /// # Errors
    /// [`Reason::Internal`] if the store cannot be read; what came stays in the book, until it is
    /// [let go](Self::let_go) or expires.
    pub(crate) fn call(
        &self,
        asking: &Asking<'_>,
        authorization: &AuthorizationId,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Result<(), Reason> {
        let tags = std::iter::once(tag_of(authorization)).collect();
        if self.sift(&Wanted::Tags(tags), Cause::Called).is_empty() {
            return Ok(());
        }
        for _ in 0..MOST_CALLS {
            let more = self.recall(asking.store, asking.at, turn, outcomes);
            if !more.map_err(|_| Reason::Internal)? {
                break;
            }
        }
        Ok(())
    }

    /// Parks or queues again what was held and has not ended.
    pub(crate) fn let_go(&self, held: &[MessageId], at: Moment, outcomes: &mut Outcomes) {
        for &id in held {
            self.release(id, at, outcomes);
        }
    }

    /// Parks or queues again what was called under an authorization and has not ended.
    pub(crate) fn let_go_under(&self, authorization: &AuthorizationId, at: Moment, outcomes: &mut Outcomes) {
        let held = self.book.lock().held_under(authorization);
        self.let_go(&held, at, outcomes);
    }

    pub(crate) fn hold_one(&self, store: &dyn Store, id: MessageId, at: Moment, held: &mut Vec<MessageId>) {
        let is_here = self.book.lock().live(id).is_some();
        if !is_here && matches!(self.hold(store, id, at), Ok(true)) {
            held.push(id);
        }
    }
}
