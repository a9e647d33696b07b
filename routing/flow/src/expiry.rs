//! Receipts that nobody fetched within their lifetime are let go; the caller says so to staff.

use veilgate_names::{AccountId, Timestamp};
use veilgate_store::Space;

use crate::flow::Flow;
use crate::turn::Turn;

/// The most receipts let go by one call.
const MOST: usize = 10_000;

impl Flow {
    /// Lets go of receipts of messages that ended at `until` or before; those under way to a client stay. Gives how
    /// many of each account. Replies are kept.
    pub fn expire_receipts(&self, until: Timestamp, turn: &mut Turn) -> Vec<(AccountId, usize)> {
        let mut expired = Vec::new();
        let mut left = MOST;
        for (account, outbox) in self.outboxes() {
            let ids = outbox.lock().expire(until, left);
            left -= ids.len();
            for id in &ids {
                turn.delete(Space::Delivery, &id.0.to_be_bytes());
            }
            if !ids.is_empty() {
                expired.push((account, ids.len()));
            }
        }
        expired
    }
}
