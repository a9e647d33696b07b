//! Tells of damaged records of the journal: each once in the log, their number in the audit file.

use veilgate_ledger::{Actor, AuditEvent};
use veilgate_names::MessageId;
use veilgate_store::Store;

use crate::hub::Hub;
use crate::telemetry::events::RecordDamaged;

/// What has been told so far.
#[derive(Default)]
pub(crate) struct StoreDamages {
    told: u64,
    named: usize,
}

impl StoreDamages {
    /// Tells what is new.
    pub(crate) fn tell(&mut self, store: &dyn Store, hub: &Hub) {
        let damaged = store.usage().damaged;
        let records = damaged.saturating_sub(self.told);
        if records == 0 {
            return;
        }
        self.told = damaged;
        let all = store.damages();
        for damage in all.iter().skip(self.named) {
            RecordDamaged {
                segment: damage.segment,
                offset: damage.offset,
                space: damage.space,
                message_id: damage.id.map(MessageId),
            }
            .emit(&hub.telemetry);
        }
        self.named = all.len();
        hub.ledger.audit(Actor::System, AuditEvent::JournalDamaged { records });
    }
}
