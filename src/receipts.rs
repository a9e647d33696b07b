//! Lets go of receipts that their accounts did not fetch in time, and says so: to the log, to metrics, in the audit file.

use std::time::Duration;

use veilgate_flow::{Moment, Turn};
use veilgate_ledger::{Actor, AuditEvent};
use veilgate_names::Monotonic;

use crate::clock;
use crate::hub::Hub;
use crate::purge::has_jumped;
use crate::telemetry::events::ReceiptsDropped;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct ReceiptKeeper {
    lifetime: Duration,
    began: Moment,
    last: Monotonic,
}

impl ReceiptKeeper {
    /// Keeps receipts for so long from their messages' ends.
    pub(crate) fn new(lifetime: Duration) -> Self {
        let began = clock::now();
        Self { lifetime, began, last: began.mono }
    }

    /// Looks, if it is time and the clock is to be believed: what goes too early does not come back.
    pub(crate) fn step(&mut self, hub: &Hub) {
        let now = clock::now();
        if now.mono.since(self.last) < PAUSE || has_jumped(self.began, now) {
            return;
        }
        self.last = now.mono;
        let mut turn = Turn::default();
        for (account, count) in hub.flow.expire_receipts(now.wall.minus(self.lifetime), &mut turn) {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            hub.ledger.audit(Actor::System, AuditEvent::ReceiptsDropped { account: account.clone(), count });
            ReceiptsDropped { account, count }.emit(&hub.telemetry);
        }
        hub.commit(turn);
    }
}
