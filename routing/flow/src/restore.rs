//! After a restart: the store's records become live messages, pending deliveries, registrations and slots again,
//! as they were when the last commit was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use veilgate_admission::{RecordSpace, day_of};
use veilgate_identity::Class;
use veilgate_ledger::Cdr;
use veilgate_names::{MessageId, Pseudonym, Reason};
use veilgate_store::{Entry, Space, Store, StoreError};

use crate::book::Found;
use crate::delivery::Delivery;
use crate::flow::Flow;
use crate::inspect::states;
use crate::live::{ContentFacts, Live, Moment};
use crate::long::Long;
use crate::record::{MessageRecord, Next, RecordError, StateRecord, read_delivery};
use crate::seal::Behind;
use crate::split::SplitRecord;
use crate::state::Life;
use crate::turn::{Outcomes, Turn};

/// Records per page of a scan.
const PAGE: usize = 1024;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Authorizations, revocations, and how often they were used.
    pub registrations: usize,
    /// Reply addresses.
    pub slots: usize,
    /// Device IDs and dates of which it is kept whom they meant.
    pub pins: usize,
    /// Messages that wait to be sent.
    pub queued: usize,
    /// Messages that wait on disk, for their time or for others before them.
    pub parked: usize,
    /// Messages that an SMSC has.
    pub answered: usize,
    /// Messages whose submit was under way.
    pub unknown: usize,
    /// Receipts and replies to be delivered.
    pub deliveries: usize,
    /// Parts of long replies, and of texts from the north.
    pub parts: usize,
    /// Refusals.
    pub opt_outs: usize,
    /// Records that do not read back; each stays in the store.
    pub damaged: usize,
}

impl Flow {
    /// Reads everything back. Registrations and slots first, since messages refer to them. `turn` and `outcomes`
    /// take what follows for messages whose outcome is unknown.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn restore(
        &self,
        store: &dyn Store,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Result<Restored, StoreError> {
        let mut restored = self.restore_registry(store, at)?;
        self.each(store, Space::Delivery, &mut restored, |flow, entry| {
            let delivery = flow.open_delivery(message_id(&entry.key)?, &entry.value)?;
            flow.outbox(&delivery.account).lock().push(delivery);
            Ok(|restored: &mut Restored| restored.deliveries += 1)
        })?;
        self.each(store, Space::Reply, &mut restored, |flow, entry| {
            flow.restore_part(message_id(&entry.key)?, &entry.value, at)?;
            Ok(|restored: &mut Restored| restored.parts += 1)
        })?;
        restored.damaged += self.restore_repeats(store)?;
        self.each(store, Space::Segment, &mut restored, |flow, entry| {
            flow.restore_segment(message_id(&entry.key)?, &entry.value, at)?;
            Ok(|restored: &mut Restored| restored.parts += 1)
        })?;
        self.restore_erasures(store)?;
        self.messages(store, at, turn, outcomes, &mut restored)?;
        if store.usage().damaged > 0 {
            restored.damaged += self.drop_states_alone(store, turn)?;
        }
        Ok(restored)
    }

    /// Opens a delivery's record.
    ///
    /// # Errors
    /// [`RecordError`] for damaged octets and for a tenant whose key is gone.
    pub(crate) fn open_delivery(&self, id: MessageId, value: &[u8]) -> Result<Arc<Delivery>, RecordError> {
        let Behind { tenant, open, plain } = self.seals.open_behind(Class::Alias, value)?;
        let alias = std::str::from_utf8(&plain).map_err(|_| RecordError)?;
        let alias = Pseudonym::parse(alias).map_err(|_| RecordError)?;
        let open_text = |sealed: &[u8]| Ok(self.seals.open(Class::Text, sealed)?.1);
        read_delivery(id, tenant.ok_or(RecordError)?, alias, open, open_text)
    }

    /// What is only looked up by its name.
    fn restore_registry(&self, store: &dyn Store, at: Moment) -> Result<Restored, StoreError> {
        let mut restored = Restored::default();
        for (space, kind) in [
            (Space::Revocation, RecordSpace::Revocation),
            (Space::Authorization, RecordSpace::Authorization),
            (Space::Usage, RecordSpace::Usage),
        ] {
            restored.registrations += self.walk(store, space, &mut restored.damaged, |key, value| {
                let Behind { open, plain, .. } = self.seals.open_behind(Class::Registry, value)?;
                let value = [open, &plain].concat();
                self.gate.registry.restore([(kind, key, value)]).map_err(|_| RecordError).map(drop)
            })?;
        }
        let open = |value: &[u8]| self.seals.open(Class::Registry, value).map(|(_, value)| value);
        restored.slots = self.walk(store, Space::Slot, &mut restored.damaged, |key, value| {
            self.gate.slots.restore([(key, &open(value)?)]).map_err(|_| RecordError).map(drop)
        })?;
        restored.pins = self.walk(store, Space::Pin, &mut restored.damaged, |key, value| {
            self.gate.identity.pins().restore(key, &open(value)?).map_err(|_| RecordError)
        })?;
        self.restore_policy(store, at, &mut restored.damaged)?;
        restored.opt_outs = self.walk(store, Space::OptOut, &mut restored.damaged, |key, value| {
            self.gate.opt_outs.restore(key, &open(value)?)
        })?;
        Ok(restored)
    }

    /// Takes every record of a space, several at a time and in no order; gives how many did.
    pub(crate) fn walk(
        &self,
        store: &dyn Store,
        space: Space,
        damaged: &mut usize,
        take: impl Fn(&[u8], &[u8]) -> Result<(), RecordError> + Sync,
    ) -> Result<usize, StoreError> {
        let (taken, broken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let visit = |key: &[u8], value: &[u8]| {
            let count = if take(key, value).is_ok() { &taken } else { &broken };
            count.fetch_add(1, Ordering::Relaxed);
        };
        *damaged += store.walk(space, &visit)?.len() + broken.load(Ordering::Relaxed);
        Ok(taken.into_inner())
    }

    fn each<C: FnOnce(&mut Restored)>(
        &self,
        store: &dyn Store,
        space: Space,
        restored: &mut Restored,
        take: impl Fn(&Self, &Entry) -> Result<C, RecordError>,
    ) -> Result<(), StoreError> {
        let mut after: Option<Box<[u8]>> = None;
        loop {
            let page = store.scan(space, after.as_deref(), PAGE)?;
            restored.damaged += page.damaged.len();
            for entry in &page.entries {
                match take(self, entry) {
                    Ok(count) => count(restored),
                    Err(RecordError) => restored.damaged += 1,
                }
            }
            let Some(next) = page.next else { return Ok(()) };
            after = Some(next);
        }
    }

    fn messages(
        &self,
        store: &dyn Store,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
        restored: &mut Restored,
    ) -> Result<(), StoreError> {
        let mut after: Option<Box<[u8]>> = None;
        loop {
            let page = store.scan(Space::Message, after.as_deref(), PAGE)?;
            restored.damaged += page.damaged.len();
            let keys: Vec<&[u8]> = page.entries.iter().map(|entry| &*entry.key).collect();
            let states = states(store, &keys, at)?;
            for (entry, state) in page.entries.iter().zip(states) {
                let found = match state.as_deref() {
                    Some(split) if SplitRecord::is(split) => {
                        self.restore_cut(store, entry, split, at, turn, outcomes, restored)?
                    }
                    state => self.message(entry, state, at, turn, outcomes, restored),
                };
                if found.is_err() {
                    restored.damaged += 1;
                }
            }
            let Some(next) = page.next else { return Ok(()) };
            after = Some(next);
        }
    }

    fn message(
        &self,
        entry: &Entry,
        state: Option<&[u8]>,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
        restored: &mut Restored,
    ) -> Result<(), RecordError> {
        let id = message_id(&entry.key)?;
        // Most of what waits was never tried: it is not even opened.
        if state.is_none() && self.park_found(id, &entry.value, at)? {
            restored.parked += 1;
            return Ok(());
        }
        let record = self.open_message(&entry.value)?;
        let state = state.map(StateRecord::read).transpose()?;
        let live = self.live(id, record, at)?;
        self.shares.enter(live.authorization.enterprise());
        self.reserve_again(&live.ruled, live.accepted_at);
        self.place(live, state, at, turn, outcomes, restored);
        Ok(())
    }

    /// Puts a message, or a part of a text, where its state says it is.
    pub(crate) fn place(
        &self,
        live: Box<Live>,
        state: Option<StateRecord>,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
        restored: &mut Restored,
    ) {
        let (found, ended) = self.book.lock().restore(live, state, at, outcomes);
        match found {
            Found::Waiting => restored.queued += 1,
            Found::Answered => restored.answered += 1,
            Found::Unknown => restored.unknown += 1,
        }
        self.finish(ended.into_iter().collect(), turn);
    }

    /// A message made of its record, as if it had just been accepted.
    pub(crate) fn live(
        &self,
        id: MessageId,
        record: MessageRecord,
        at: Moment,
    ) -> Result<Box<Live>, RecordError> {
        let authorization = self.gate.registry.by_id(&record.authorization).ok_or(RecordError)?;
        let directory = self.gate.directory.load();
        let rules = directory.rules(record.service_number);
        let route = rules.map_or(0, |rules| directory.place(rules));
        let ordered = rules.is_some_and(|rules| directory.is_ordered(rules, &record.account));
        Ok(Box::new(Live {
            id,
            account: record.account,
            kind: record.kind,
            service_number: record.service_number,
            extension: record.extension,
            route,
            ordered,
            registered_delivery: record.registered_delivery,
            accepted_at: record.accepted_at,
            expires_at: record.expires_at,
            scheduled_at: record.scheduled_at,
            facts: ContentFacts::of(&record.body),
            long: Long::of(record.north),
            body: Some(record.body),
            contact: None,
            authorization,
            channel: 0,
            life: Life::ACCEPTED,
            attempts: 0,
            next: Next::Any,
            billable: None,
            submitted_at: None,
            answered: None,
            deadline: at.mono,
            counted_on: day_of(record.accepted_at),
            ruled: record.ruled,
            planned_end: None,
            member: record.member,
        }))
    }
}

/// The id a record lies under.
///
/// # Errors
/// [`RecordError`] unless it has 8 octets.
pub(crate) fn message_id(key: &[u8]) -> Result<MessageId, RecordError> {
    Ok(MessageId(u64::from_be_bytes(key.try_into().map_err(|_| RecordError)?)))
}

/// CDRs that were not known to be in a file when the process ended.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn pending_cdrs(store: &dyn Store) -> Result<Vec<Arc<Cdr>>, StoreError> {
    let mut pending = Vec::new();
    let mut after: Option<Box<[u8]>> = None;
    loop {
        let page = store.scan(Space::Cdr, after.as_deref(), PAGE)?;
        for entry in page.entries {
            if let Ok(cdr) = Cdr::parse_line(&entry.value) {
                pending.push(Arc::new(cdr));
            }
        }
        let Some(next) = page.next else { return Ok(pending) };
        after = Some(next);
    }
}

/// Reserves a range of message ids that no earlier start has used, and returns its first.
///
/// # Errors
/// [`StoreError`] if the store cannot be read or written.
pub fn reserve_ids(store: &dyn Store, at: Moment) -> Result<u64, StoreError> {
    const KEY: &[u8] = b"ids";
    /// More ids than one process can give out.
    const RANGE: u64 = 1 << 36;
    let held = match store.read(Space::Meta, &[KEY]) {
        // The clock alone says then what was not given yet.
        Err(StoreError::Corrupt(_)) => None,
        held => held?.into_iter().next().flatten(),
    };
    let last = held.and_then(|value| value.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes);
    let by_clock = u64::try_from(at.wall.0).unwrap_or(0) << 20;
    let first = by_clock.max(last.saturating_add(RANGE));
    let mut batch = veilgate_store::Batch::new();
    batch.put(Space::Meta, KEY, &first.to_be_bytes())?;
    store.commit(&[batch])?;
    Ok(first)
}

impl From<RecordError> for Reason {
    fn from(_: RecordError) -> Self {
        Self::Internal
    }
}
