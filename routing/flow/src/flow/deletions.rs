//! Deletions that a failed commit did not make. A message's own records go with its end, which is tried again; that a
//! delivery was taken, or a CDR is in its file, nobody waits for, and without this the record would stay until the next
//! start, which would deliver again what was taken.

use veilgate_store::Space;

use super::Flow;
use crate::turn::Turn;

/// Deletions made again in one turn.
const STEP: usize = 1000;

impl Flow {
    /// Notes what these turns did not delete.
    pub(super) fn keep_deletions(&self, failed: &[Turn]) {
        let changes = failed.iter().flat_map(|turn| turn.batch().changes());
        let deleted = changes.filter(|change| change.value.is_none());
        let forgotten = deleted.filter(|change| matches!(change.space, Space::Delivery | Space::Cdr));
        self.undeleted.lock().extend(forgotten.map(|change| (change.space, change.key.into())));
    }

    /// Puts some of them into a turn.
    pub(super) fn delete_again(&self, turn: &mut Turn) {
        let mut undeleted = self.undeleted.lock();
        let some = undeleted.len().min(STEP);
        for (space, key) in undeleted.drain(..some) {
            turn.delete(space, &key);
        }
    }
}
