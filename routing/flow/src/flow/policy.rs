//! What the carrier's rules count and cost, as far as it lies in the store: contacts of persons, balances and quotas of
//! tenants.

use std::sync::Arc;

use veilgate_names::Timestamp;
use veilgate_policy::{Folded, Record, Settled, Taken};
use veilgate_store::{Space, Store, StoreError};

use super::Flow;
use crate::live::{Ended, Live, Moment};
use crate::record::RecordError;
use crate::ruling::Ruled;
use crate::turn::{Step, Turn};

/// Records written or deleted in one call of [`Flow::keep_policy`].
const STEP: usize = 4096;

impl Flow {
    /// What is to be paid for a message that ends; its record goes into the turn.
    pub(crate) fn settle(&self, ended: &Ended, turn: &mut Turn) -> Option<Settled> {
        let charge = ended.ruled.decision.charge.as_ref()?;
        let billable = ended.billable.unwrap_or(ended.answered.is_some());
        let due = charge.billing.charges(ended.state, billable).then_some(charge.millis);
        let balances = &self.gate.policy.state().balances;
        let settled = balances.settle(ended.id, charge, due, ended.accepted_at);
        if let Some(record) = &settled.record {
            put(Space::Charge, record, turn);
        }
        Some(settled)
    }

    /// Gives back what was taken for a message that could not be written down.
    pub(crate) fn give_back(&self, live: &Live) {
        // Its contact's record was in the turn that failed.
        let _ = self.gate.policy.give_back(&Taken {
            message: live.id,
            enterprise: live.authorization.enterprise(),
            subscriber: live.contact.as_ref().map(|(contact, _)| contact.subscriber()),
            segments: live.facts.segments.into(),
            charge: live.ruled.decision.charge.as_ref(),
            at: live.accepted_at,
        });
    }

    /// A message that has not ended was found: what it may cost is reserved.
    pub(crate) fn reserve_again(&self, ruled: &Ruled, accepted_at: Timestamp) {
        if let Some(charge) = &ruled.decision.charge {
            self.gate.policy.state().balances.restore_reservation(charge, accepted_at);
        }
    }

    /// Brings back what was counted.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read, or a record of somebody's money does not read back.
    pub(crate) fn restore_policy(
        &self,
        store: &dyn Store,
        at: Moment,
        damaged: &mut usize,
    ) -> Result<(), StoreError> {
        let state = self.gate.policy.state();
        self.walk(store, Space::Contact, damaged, |key, value| {
            state.contacts.restore(key, value, at.wall).map_err(|_| RecordError)
        })?;
        self.money(store, Space::Balance, |key, value| {
            state.balances.restore(&state.quotas, key, value).is_ok()
        })?;
        self.money(store, Space::Charge, |key, value| state.balances.restore_charge(key, value).is_ok())
    }

    /// Takes every record of a space of which none may be missing.
    fn money(
        &self,
        store: &dyn Store,
        space: Space,
        take: impl Fn(&[u8], &[u8]) -> bool + Sync,
    ) -> Result<(), StoreError> {
        let mut damaged = 0;
        self.walk(
            store,
            space,
            &mut damaged,
            |key, value| if take(key, value) { Ok(()) } else { Err(RecordError) },
        )?;
        if damaged > 0 { Err(StoreError::Io(std::io::ErrorKind::InvalidData)) } else { Ok(()) }
    }

    /// Tidies up what the rules count: contacts nobody asks for any more go, charges become part of their balances, quotas
    /// are written down. About once a second; each call is bounded.
    pub fn keep_policy(&self, at: Moment, turn: &mut Turn) {
        let policy = self.gate.policy.policy();
        let state = self.gate.policy.state();
        for contact in state.contacts.sweep(policy.limits(), at.wall, at.mono, STEP).deletions {
            turn.delete(Space::Contact, &contact.key);
        }
        let quotas = state.quotas.unwritten(STEP);
        if !quotas.is_empty() {
            quotas.iter().for_each(|record| put(Space::Balance, record, turn));
            let engine = Arc::clone(&self.gate.policy);
            turn.steps.push(Step::Notify(Box::new(move |durable| {
                if !durable {
                    engine.state().quotas.write_failed();
                }
            })));
        }
        if let Some(folded) = state.balances.fold(STEP) {
            put_folded(&folded, turn);
            let engine = Arc::clone(&self.gate.policy);
            turn.steps.push(Step::Notify(Box::new(move |durable| {
                let state = engine.state();
                if durable {
                    state.balances.folded(folded);
                } else {
                    state.balances.fold_failed(folded);
                }
            })));
        }
    }
}

fn put(space: Space, record: &Record, turn: &mut Turn) {
    match &record.value {
        Some(value) => turn.put(space, &record.key, value),
        None => turn.delete(space, &record.key),
    }
}

fn put_folded(folded: &Folded, turn: &mut Turn) {
    for record in &folded.balances {
        put(Space::Balance, record, turn);
    }
    for key in &folded.charges {
        turn.delete(Space::Charge, key);
    }
}
