//! The end of an enterprise: its messages end, its deliveries are dropped, its records go. What is left on disk lies
//! under keys that are destroyed afterwards.

use veilgate_names::{EnterpriseId, FinalState, Reason};
use veilgate_store::{Space, Store, StoreError};

use crate::book::{Cause, Wanted};
use crate::flow::Flow;
use crate::live::{Ended, Moment};
use crate::seal::SealedUnder;
use crate::state::Phase;
use crate::turn::Turn;

/// Messages ended, or records deleted, in one turn.
const STEP: usize = 256;
/// What an enterprise still has under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantLoad {
    /// Messages without a final state.
    pub messages: usize,
    /// Receipts and replies that nobody took yet.
    pub deliveries: usize,
}

/// How far the deletion of records has come.
#[derive(Debug, Default)]
pub struct Sweep {
    space: usize,
    after: Option<Box<[u8]>>,
}

impl Flow {
    /// What an enterprise still has under way. Looks at every live message.
    #[must_use]
    pub fn tenant_load(&self, tenant: &EnterpriseId) -> TenantLoad {
        let messages = {
            let book = self.book.lock();
            book.under(tenant, usize::MAX).len() + book.parked.of_tenant(tenant)
        };
        let messages = messages + self.segments.lock().of(tenant);
        let deliveries = self.all_outboxes().iter().map(|outbox| outbox.lock().of(tenant)).sum();
        TenantLoad { messages, deliveries }
    }

    /// Ends some messages of an enterprise: CANCELLED if no SMSC has them, else UNKNOWN. Called again until there are
    /// none. `done` is told when that is durable.
    pub fn end_messages(
        &self,
        tenant: &EnterpriseId,
        at: Moment,
        turn: &mut Turn,
        done: Box<dyn FnOnce(bool) + Send>,
    ) {
        let mut book = self.book.lock();
        let some = book.under(tenant, STEP);
        if some.len() < STEP && book.parked.of_tenant(tenant) > 0 {
            drop(book);
            // They come into the book, and the next calls end them.
            let _ = self.sift(&Wanted::Tenant(tenant.clone()), Cause::Called);
            book = self.book.lock();
        }
        let ended: Vec<Ended> = some
            .into_iter()
            .filter_map(|(id, phase)| {
                let (state, reason) = match phase {
                    unsent if unsent.is_unsent() => (FinalState::Cancelled, Reason::Cancelled),
                    Phase::Sent(_) | Phase::Lost => (FinalState::Unknown, Reason::OutcomeUnknown),
                    Phase::Answered => (FinalState::Unknown, Reason::ReportMissing),
                    _ => return None,
                };
                book.end(id, state, Some(reason), 0, at)
            })
            .collect();
        drop(book);
        self.finish(ended, turn);
        self.segments.lock().close_of(tenant, at.mono);
        turn.notify(done);
    }

    /// Forgets the deliveries of an enterprise that nobody took; their records go with [`Self::sweep`]. Gives how many.
    pub fn drop_deliveries(&self, tenant: &EnterpriseId) -> usize {
        self.all_outboxes().iter().map(|outbox| outbox.lock().drop_of(tenant)).sum()
    }

    /// Deletes some records that are sealed under a key of the enterprise; called again until it gives `None`. `done`
    /// is told when that is durable. Gives how many.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn sweep(
        &self,
        store: &dyn Store,
        tenant: &EnterpriseId,
        sweep: &mut Sweep,
        turn: &mut Turn,
        done: Box<dyn FnOnce(bool) + Send>,
    ) -> Result<Option<usize>, StoreError> {
        let Some(&space) = Space::ALL.iter().filter(|space| holds_sealed(**space)).nth(sweep.space) else {
            return Ok(None);
        };
        let page = store.scan(space, sweep.after.as_deref(), STEP)?;
        let of_tenant = |value: &[u8]| SealedUnder::read(value).and_then(|under| under.tenant);
        let mut deleted = 0;
        for entry in page.entries.iter().filter(|entry| of_tenant(&entry.value).as_ref() == Some(tenant)) {
            turn.delete(space, &entry.key);
            deleted += 1;
        }
        if page.next.is_none() {
            sweep.space += 1;
        }
        sweep.after = page.next;
        turn.notify(done);
        Ok(Some(deleted))
    }
}

/// Whether a space's records begin with whose key they are sealed under.
pub(crate) fn holds_sealed(space: Space) -> bool {
    match space {
        Space::Message
        | Space::Delivery
        | Space::Reply
        | Space::Segment
        | Space::Authorization
        | Space::Revocation
        | Space::Slot
        | Space::Pin
        | Space::OptOut
        | Space::Usage => true,
        Space::State
        | Space::Meta
        | Space::Cdr
        | Space::Repeat
        | Space::Contact
        | Space::Balance
        | Space::Charge
        | Space::Object => false,
    }
}
