//! Pins on their way to the store and out of it: written with the first message that resolved an authorization's
//! device IDs, deleted when the authorization that needed them has ended.

use veilgate_identity::{Class, PinRecord};
use veilgate_names::{Reason, Timestamp};
use veilgate_store::Space;

use crate::flow::Flow;
use crate::turn::{Step, Turn};

impl Flow {
    /// Stores whom an authorization means with what is decided under it.
    pub(crate) fn put_pin(&self, record: Option<PinRecord>, turn: &mut Turn) -> Result<(), Reason> {
        let Some(record) = record else { return Ok(()) };
        let mut sealed = Vec::with_capacity(record.value.len() + 64);
        self.seals.seal(Class::Registry, None, &record.value, &mut sealed)?;
        turn.put(Space::Pin, &record.key, &sealed);
        turn.steps.push(Step::Pinned(record));
        Ok(())
    }

    /// Drops the pins that have ended, a small part of all at each call.
    pub(crate) fn sweep_pins(&self, now: Timestamp, turn: &mut Turn) {
        for key in self.gate.identity.pins().sweep(now) {
            turn.delete(Space::Pin, &key);
        }
    }
}
