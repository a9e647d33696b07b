//! Records of messages, authorizations and slots, sealed and put into a turn.

use std::sync::Arc;

use veilgate_admission::{Record, RecordSpace, Registered};
use veilgate_identity::{Class, PinRecord, SlotRecord, Tenancy};
use veilgate_names::{AuthorizationId, EnterpriseId, MessageId, Reason};
use veilgate_policy::{ContactRecord, Taken};
use veilgate_store::Space;

use super::Flow;
use crate::live::Moment;
use crate::message::Cleared;
use crate::record::MessageRecord;
use crate::refusal::Refusal;
use crate::turn::{Step, Turn};

impl Flow {
    /// Ends authorizations: effective for every later check when this returns, durable with the turn. `done` is told.
    pub fn record_revocations(
        &self,
        records: Vec<Record>,
        turn: &mut Turn,
        done: Box<dyn FnOnce(bool) + Send>,
    ) {
        let mut whole = true;
        for record in &records {
            whole &= self.put_registration(record, None, turn).is_ok();
        }
        turn.steps.push(Step::Notify(Box::new(move |durable| done(durable && whole))));
    }

    /// Makes registrations durable with the turn. `done` is told.
    pub fn record_registrations(
        &self,
        registered: Vec<Arc<Registered>>,
        turn: &mut Turn,
        done: Box<dyn FnOnce(bool) + Send>,
    ) {
        let mut whole = true;
        for authorization in registered {
            whole &= self.put_pending(authorization, turn).is_ok();
        }
        turn.steps.push(Step::Notify(Box::new(move |durable| done(durable && whole))));
    }

    /// Puts an accepted message's record into the turn, its text sealed.
    pub(crate) fn put_message(
        &self,
        id: MessageId,
        record: &MessageRecord,
        tenant: &EnterpriseId,
        turn: &mut Turn,
    ) -> Result<(), Reason> {
        self.put_sealed(Space::Message, id, record, tenant, turn)
    }

    /// The same for a part of a text, in a space of its own.
    pub(crate) fn put_sealed(
        &self,
        space: Space,
        id: MessageId,
        record: &MessageRecord,
        tenant: &EnterpriseId,
        turn: &mut Turn,
    ) -> Result<(), Reason> {
        let mut open = Vec::with_capacity(160);
        record.write(&mut open);
        let text = &record.body.text;
        let mut sealed = Vec::with_capacity(open.len() + text.len() + 128);
        self.seals.seal_behind(Class::Text, Some(tenant), &open, text, &mut sealed)?;
        turn.put(space, &id.0.to_be_bytes(), &sealed);
        Ok(())
    }

    /// Authorizations lie under the key of their enterprise, so that they end with it; those of an enterprise that
    /// is not configured, under the installation's.
    pub(super) fn put_registration(
        &self,
        record: &Record,
        tenant: Option<&EnterpriseId>,
        turn: &mut Turn,
    ) -> Result<(), Reason> {
        let space = match record.space {
            RecordSpace::Authorization => Space::Authorization,
            RecordSpace::Revocation => Space::Revocation,
            RecordSpace::Usage => Space::Usage,
        };
        let tenant = tenant.filter(|tenant| self.seals.has_key(Class::Registry, tenant));
        let mut sealed = Vec::with_capacity(record.value.len() + 64);
        let (open, names) = record.value.split_at_checked(record.open).ok_or(Reason::Internal)?;
        self.seals.seal_behind(Class::Registry, tenant, open, names, &mut sealed)?;
        turn.put(space, &record.key, &sealed);
        Ok(())
    }

    /// Stores an authorization that is not known to be durable yet, with whatever is decided under it.
    pub(crate) fn put_pending(&self, authorization: Arc<Registered>, turn: &mut Turn) -> Result<(), Reason> {
        if let Some(record) = authorization.pending_record() {
            self.put_registration(&record, Some(authorization.enterprise()), turn)?;
            turn.steps.push(Step::Registered(authorization));
        }
        Ok(())
    }

    /// Puts what a message needs and the message itself into the turn. If that fails, what it took is given back: it is
    /// the gateway that let it down.
    pub(crate) fn put_cleared(
        &self,
        slot: Option<SlotRecord>,
        pin: Option<PinRecord>,
        cleared: Result<Cleared, Refusal>,
        turn: &mut Turn,
        put: impl FnOnce(Cleared, &mut Turn) -> Result<MessageId, Refusal>,
    ) -> Result<MessageId, Refusal> {
        let pinned =
            slot.map_or(Ok(()), |slot| self.put_slot(slot, turn)).and_then(|()| self.put_pin(pin, turn));
        let mut cleared = cleared?;
        let contact = cleared.counted.take();
        let (subscriber, authorization) = (cleared.contact.subscriber(), Arc::clone(&cleared.authorization));
        let (message, at, segments) = (cleared.id, cleared.ruled.asked_at, cleared.facts.segments.into());
        let charge = cleared.ruled.decision.charge.clone();
        let done = pinned.map_err(Refusal::from).and_then(|()| put(cleared, turn));
        match done {
            Ok(_) => contact.into_iter().for_each(|contact| put_contact(contact, turn)),
            Err(_) => drop(self.gate.policy.give_back(&Taken {
                message,
                enterprise: authorization.enterprise(),
                subscriber: Some(subscriber),
                segments,
                charge: charge.as_ref(),
                at,
            })),
        }
        done
    }

    pub(crate) fn put_slot(&self, record: SlotRecord, turn: &mut Turn) -> Result<(), Reason> {
        let mut sealed = Vec::with_capacity(record.value.len() + 64);
        self.seals.seal(Class::Registry, None, &record.value, &mut sealed)?;
        turn.put(Space::Slot, &record.key, &sealed);
        turn.steps.push(Step::Slot(record));
        Ok(())
    }

    /// Looks at some of the slots, round and round: notes which authorizations have ended, and frees the digits of those
    /// whose grace and quarantine are over. About once a second.
    pub fn sweep_slots(&self, at: Moment, turn: &mut Turn) {
        /// Slots looked at in one call.
        const BUDGET: usize = 20_000;
        let keep = self.rules.reply_grace.saturating_add(self.rules.replies.quarantine);
        let registry = &self.gate.registry;
        let tenancy = |id: &AuthorizationId| match registry.by_id(id) {
            None => Tenancy::Unknown,
            Some(held) => registry.ended_at(&held, at.wall).map_or(Tenancy::Live, Tenancy::Ended),
        };
        let swept = self.gate.slots.sweep(BUDGET, keep, at.wall, tenancy);
        for record in swept.changed {
            // A slot that cannot be sealed now is told again when it is used.
            let _ = self.put_slot(record, turn);
        }
        for record in swept.freed {
            turn.delete(Space::Slot, &record.key);
            turn.steps.push(Step::SlotFreed(record));
        }
    }
}

/// Puts a person's contact into the turn, or its deletion.
pub(crate) fn put_contact(contact: ContactRecord, turn: &mut Turn) {
    match contact.value {
        Some(value) => turn.put(Space::Contact, &contact.key, &value),
        None => turn.delete(Space::Contact, &contact.key),
    }
}
