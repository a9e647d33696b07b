//! After a restart: a text that was cut is cut the same way again, and each part goes on where its state says it was.

use veilgate_store::{Entry, Space, Store, StoreError};

use super::SplitRecord;
use crate::book::parts::parts;
use crate::flow::Flow;
use crate::live::Moment;
use crate::long::{PartEnd, SouthParts};
use crate::record::{RecordError, StateRecord};
use crate::restore::{Restored, message_id};
use crate::turn::{Outcomes, Turn};

impl Flow {
    /// A text that was cut, and its parts.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read; within, [`RecordError`] for a record that does not read back.
    #[expect(
        clippy::too_many_arguments,
        reason = "the record, the store with those beside it, and what is filled"
    )]
    pub(crate) fn restore_cut(
        &self,
        store: &dyn Store,
        entry: &Entry,
        split: &[u8],
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
        restored: &mut Restored,
    ) -> Result<Result<(), RecordError>, StoreError> {
        let Ok(split) = SplitRecord::read(split) else { return Ok(Err(RecordError)) };
        let mut south = SouthParts::new(split.first, split.plan.total);
        let keys: Vec<_> = south.ids().map(|id| id.0.to_be_bytes()).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        let states = store.read(Space::State, &keys)?;
        let read = || {
            let record = self.open_message(&entry.value)?;
            self.live(message_id(&entry.key)?, record, at)
        };
        let Ok(mut text) = read() else { return Ok(Err(RecordError)) };
        let parts = text.body.as_ref().map(|body| parts(&text, &split.plan, split.first, body));
        let parts = parts.filter(|parts| parts.len() == south.ends.len());
        let Some(parts) = parts else { return Ok(Err(RecordError)) };
        let mut open = Vec::new();
        for ((part, state), place) in parts.into_iter().zip(states).zip(0_u8..) {
            match state.as_deref() {
                Some(state) if PartEnd::is(state) => match PartEnd::read(state) {
                    Ok(end) => _ = south.end(place, end),
                    Err(RecordError) => return Ok(Err(RecordError)),
                },
                None => open.push((part, None)),
                Some(state) => match StateRecord::read(state) {
                    Ok(state) => open.push((part, Some(state))),
                    Err(RecordError) => return Ok(Err(RecordError)),
                },
            }
        }
        self.shares.enter(text.authorization.enterprise());
        self.reserve_again(&text.ruled, text.accepted_at);
        text.channel = self.book.lock().channel_index(&split.channel).unwrap_or(0);
        self.book.lock().restore_text(text, south);
        for (part, state) in open {
            self.place(Box::new(part), state, at, turn, outcomes, restored);
        }
        Ok(Ok(()))
    }
}
