//! What is parked is read back from the journal when it comes near: because it is due, because a channel has room,
//! because it expired, or because somebody asked for it. Deliveries are, when their account has taken those before them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustc_hash::FxHashSet;
use veilgate_identity::Class;
use veilgate_names::{AuthorizationId, EnterpriseId, FinalState, MessageId, Octets, Reason};
use veilgate_store::{Space, Store, StoreError};

use super::Flow;
use crate::book::{Book, Cause, Picked, Search, Ticket, Wanted};
use crate::delivery::Delivery;
use crate::label::{Label, parked_tag, tag_of};
use crate::live::{Ended, Live, Moment};
use crate::outbox::Outbox;
use crate::record::{MessageRecord, RecordError};
use crate::seal::{Behind, Seals};
use crate::state::Phase;
use crate::turn::{Outcomes, Turn};

/// Messages read back in one call.
const BATCH: usize = 512;
/// Parked messages looked at under one lock.
const SLICE: usize = 50_000;

/// How much is parked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ParkedCounts {
    /// Messages of which only their place is in memory.
    pub parked: usize,
    /// Those of them that wait for their time.
    pub scheduled: usize,
}

impl Flow {
    /// Reads back the next messages that are parked and wanted, and ends those that must not be sent any more. To be
    /// called by one thread beside the hot path when [`Outcomes::recall`] says so, and again at once while it returns
    /// `true`.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read: nothing has changed then. A damaged record is no error.
    pub fn recall(
        &self,
        store: &dyn Store,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Result<bool, StoreError> {
        let _one_at_a_time = self.recalling.lock();
        let (picked, suspects) = {
            let mut book = self.book.lock();
            (book.pick(BATCH, at), book.suspects(BATCH))
        };
        let read = match self.read_back(store, &picked) {
            Ok(read) => read,
            Err(error) => {
                self.book.lock().parked.unpick();
                return Err(error);
            }
        };
        let mut ended = Vec::new();
        let mut book = self.book.lock();
        for id in suspects {
            ended.extend(self.convict(&mut book, id, at, outcomes));
        }
        for (picked, record) in picked.iter().zip(read) {
            match record.and_then(|record| self.live(picked.id, record, at)) {
                Ok(live) => ended.extend(self.wake(&mut book, live, picked.cause, at, outcomes)),
                Err(RecordError) => {
                    // As at a start: the record stays where it is, for whoever can repair it.
                    outcomes.counts.unreadable += 1;
                    if let Some(tenant) = book.parked.name_of(picked.tenant) {
                        self.shares.leave(tenant);
                    }
                }
            }
        }
        book.parked.done();
        let found = !picked.is_empty();
        let mut left = Outcomes::default();
        self.survey(&mut book, at, &mut left);
        drop(book);
        self.finish(ended, turn);
        Ok(found && left.recall)
    }

    /// Looks how much the book holds after it has changed, and whether parked messages want to be read back.
    pub(super) fn survey(&self, book: &mut Book, at: Moment, outcomes: &mut Outcomes) {
        book.look_around();
        outcomes.recall |= book.wants_recall(at);
        self.parked.store(book.parked.len(), Ordering::Relaxed);
    }

    /// Reads back the next deliveries of each account that has few in memory and more on disk. To be called like [`Self::recall`].
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read: nothing has changed then. A damaged record is no error; it stays where it is.
    pub fn fetch_deliveries(&self, store: &dyn Store, outcomes: &mut Outcomes) -> Result<bool, StoreError> {
        let _one_at_a_time = self.recalling.lock();
        let mut more = false;
        for (account, outbox) in self.outboxes_if(Outbox::wants_more) {
            let ids = outbox.lock().fetch(BATCH);
            let values = match read_records(store, Space::Delivery, ids.iter().copied()) {
                Ok(values) => values,
                Err(error) => {
                    outbox.lock().unfetch();
                    return Err(error);
                }
            };
            let open = |(id, value): (MessageId, Option<Box<[u8]>>)| {
                self.open_delivery(id, &value.ok_or(RecordError)?)
            };
            let read: Vec<Arc<Delivery>> = ids.into_iter().zip(values).flat_map(open).collect();
            let mut outbox = outbox.lock();
            outcomes.counts.unreadable += u64::try_from(outbox.fetched(read)).unwrap_or(u64::MAX);
            more |= outbox.wants_more();
            outcomes.accounts.push(account);
        }
        Ok(more)
    }

    fn read_back(
        &self,
        store: &dyn Store,
        picked: &[Picked],
    ) -> Result<Vec<Result<MessageRecord, RecordError>>, StoreError> {
        let values = read_records(store, Space::Message, picked.iter().map(|picked| picked.id))?;
        Ok(values.into_iter().map(|value| self.open_message(&value.ok_or(RecordError)?)).collect())
    }

    /// Opens an accepted message's record.
    ///
    /// # Errors
    /// [`RecordError`] for damaged octets and for a tenant whose key is gone.
    pub(crate) fn open_message(&self, value: &[u8]) -> Result<MessageRecord, RecordError> {
        let Behind { open, plain, .. } = self.seals.open_behind(Class::Text, value)?;
        MessageRecord::read(open, Octets::from(plain))
    }

    /// What becomes of a message that was read back. Everything else is checked when a link takes it.
    fn wake(
        &self,
        book: &mut Book,
        mut live: Box<Live>,
        cause: Cause,
        at: Moment,
        outcomes: &mut Outcomes,
    ) -> Option<Ended> {
        if let Some((state, reason)) = self.is_over(&live, at) {
            let id = live.id;
            outcomes.counts.refused_at_wake += 1;
            book.insert_held(live, at);
            return book.end(id, state, Some(reason), 0, at);
        }
        // What the rules put off is asked about again when it would leave.
        let early = cause == Cause::Urgent
            && live.ruled.may_leave_early
            && live.ruled.decision.policy != self.gate.policy.number();
        if early {
            live.scheduled_at = None;
        }
        match cause {
            Cause::Called => book.insert_held(live, at),
            Cause::Next(_) => book.queue(live, at, outcomes),
            Cause::Due | Cause::Urgent => book.take_in(live, at, outcomes),
        }
        None
    }

    /// Ends a message of the book if it must not be sent any more, whatever time it is.
    fn convict(&self, book: &mut Book, id: MessageId, at: Moment, outcomes: &mut Outcomes) -> Option<Ended> {
        let live = book.live(id)?;
        if !matches!(live.phase(), Phase::Scheduled | Phase::Queued | Phase::Postponed) {
            return None;
        }
        let (state, reason) = self.is_over(live, at)?;
        outcomes.counts.refused_at_wake += 1;
        book.end(id, state, Some(reason), 0, at)
    }

    fn is_over(&self, live: &Live, at: Moment) -> Option<(FinalState, Reason)> {
        if self.gate.registry.current(&live.authorization).is_revoked() {
            return Some((FinalState::Rejected, Reason::AuthRevoked));
        }
        (live.expires_at <= at.wall).then_some((FinalState::Expired, Reason::Expired))
    }

    /// Has a message that is parked held in the book, where it can be ended; `false` if no such message waits. One that is
    /// not ended must be [released](Self::release).
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn hold(&self, store: &dyn Store, id: MessageId, at: Moment) -> Result<bool, StoreError> {
        let _one_at_a_time = self.recalling.lock();
        if self.book.lock().live(id).is_some() {
            return Ok(true);
        }
        let value = match store.read(Space::Message, &[&id.0.to_be_bytes()]) {
            Err(StoreError::Corrupt(_)) => None,
            values => values?.pop().flatten(),
        };
        let Some(value) = value else { return Ok(false) };
        let record = self.open_message(&value);
        let Ok(live) = record.and_then(|record| self.live(id, record, at)) else { return Ok(false) };
        let mut book = self.book.lock();
        let removed = book.unpark(&live);
        if removed {
            book.insert_held(live, at);
        }
        Ok(removed)
    }

    /// Lets a message go that was held and has not ended: it is parked or queued again, with whatever it says now.
    pub fn release(&self, id: MessageId, at: Moment, outcomes: &mut Outcomes) {
        let mut book = self.book.lock();
        if let Some(live) = book.let_go(id) {
            book.take_in(live, at, outcomes);
        }
    }

    /// Parks a message that was found in the journal and was never tried, if it has to wait; `false` if it may be queued.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be told whose it is.
    pub(crate) fn park_found(&self, id: MessageId, value: &[u8], at: Moment) -> Result<bool, RecordError> {
        let (tenant, open) = Seals::glance(value).ok_or(RecordError)?;
        let label = MessageRecord::label(open)?;
        let route = self.route_of(label.service_number);
        let due = label.scheduled_at.filter(|due| *due > at.wall);
        let mut book = self.book.lock();
        let parked = book.park(ticket(id, &tenant, &label, route), due);
        if parked {
            self.shares.enter(&tenant);
            self.reserve_again(&label.ruled, label.accepted_at);
            self.reviews.note(id, &tenant, &label.ruled, (label.accepted_at, label.expires_at));
        } else {
            book.look_around();
        }
        Ok(parked)
    }

    /// Has messages ended that a revocation of these authorizations stops: within moments, wherever they wait. Gives how
    /// many there are.
    #[must_use]
    pub fn stopped(&self, ids: &[AuthorizationId]) -> usize {
        let tags = ids.iter().map(tag_of).collect();
        let ids: FxHashSet<&AuthorizationId> = ids.iter().collect();
        let here = self.book.lock().suspect(|id, _| ids.contains(id));
        here + self.sift(&Wanted::Tags(tags), Cause::Urgent).len()
    }

    /// The same for everything of an enterprise.
    #[must_use]
    pub fn stopped_of(&self, enterprise: &EnterpriseId) -> usize {
        let here = self.book.lock().suspect(|_, of| of == enterprise);
        here + self.sift(&Wanted::Tenant(enterprise.clone()), Cause::Urgent).len()
    }

    /// Has asked again about what the rules put off: windows are others now. Within moments, and at most once for each.
    pub fn reconsider(&self) {
        let _ = self.sift(&Wanted::PutOff, Cause::Urgent);
    }

    /// The tags of authorizations under which something is parked, of these. What is found is looked at.
    pub(crate) fn parked_under(&self, ids: &[AuthorizationId]) -> FxHashSet<u32> {
        if ids.is_empty() {
            return FxHashSet::default();
        }
        let tags = ids.iter().map(tag_of).collect();
        self.sift(&Wanted::Tags(tags), Cause::Urgent).into_iter().collect()
    }

    /// Has everything read back that is parked and wanted; gives a tag for each.
    pub(crate) fn sift(&self, wanted: &Wanted, cause: Cause) -> Vec<u32> {
        let (mut search, mut found) = (Search::default(), Vec::new());
        while search != Search::Done {
            // The lock is let go in between: whoever sends or accepts does not wait for all of it.
            found.extend(self.book.lock().parked.sift(wanted, cause, &mut search, SLICE));
        }
        found
    }

    /// How much is parked.
    #[must_use]
    pub fn parked(&self) -> ParkedCounts {
        let book = self.book.lock();
        ParkedCounts { parked: book.parked.len(), scheduled: book.parked.scheduled() }
    }
}

/// The records of these ids, in their order; `None` for one that is not there or is damaged.
fn read_records(
    store: &dyn Store,
    space: Space,
    ids: impl Iterator<Item = MessageId>,
) -> Result<Vec<Option<Box<[u8]>>>, StoreError> {
    let keys: Vec<[u8; 8]> = ids.map(|id| id.0.to_be_bytes()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(<[u8; 8]>::as_slice).collect();
    // Record by record, where one of them is damaged.
    let one = |key: &&[u8]| match store.read(space, &[*key]) {
        Err(StoreError::Corrupt(_)) => Ok(None),
        values => values.map(|mut values| values.pop().flatten()),
    };
    match store.read(space, &keys) {
        Err(StoreError::Corrupt(_)) => keys.iter().map(one).collect(),
        values => values,
    }
}

fn ticket<'a>(id: MessageId, tenant: &'a EnterpriseId, label: &Label, route: u16) -> Ticket<'a> {
    let Label { service_number, expires_at, tag, ref ruled, .. } = *label;
    Ticket { id, tenant, service_number, route, expires_at, tag: parked_tag(tag, ruled) }
}
