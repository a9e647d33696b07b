//! What an SMSC has is taken back there: when its authorization was revoked, or its sender asks (`cancel_sm`).

use veilgate_admission::Registered;
use veilgate_names::{AuthorizationId, EnterpriseId, Octets, ServiceNumber};

use crate::flow::Flow;
use crate::turn::{Cancellation, Outcomes};

/// A `cancel_sm` on its way to a link's encoder.
#[derive(Debug, Clone)]
pub struct OutgoingCancel {
    /// The SMSC's id of the message, as it came.
    pub smsc_id: Octets,
    /// The sender the user sees.
    pub source: ServiceNumber,
}

impl Flow {
    /// After a revocation: what SMSCs have under these authorizations is asked back where the channel allows it. Looks at
    /// every live message.
    fn cancel_under(&self, under: impl FnMut(&Registered) -> bool, outcomes: &mut Outcomes) {
        outcomes.cancellations.extend(self.book.lock().cancellations_under(under));
    }

    /// [`Self::cancel_under`] for these authorizations.
    pub fn cancel_ids(&self, ids: &[AuthorizationId], outcomes: &mut Outcomes) {
        let ids: rustc_hash::FxHashSet<&AuthorizationId> = ids.iter().collect();
        self.cancel_under(|held| ids.contains(held.id()), outcomes);
    }

    /// [`Self::cancel_under`] for everything of an enterprise that is revoked.
    pub fn cancel_of(&self, enterprise: &EnterpriseId, outcomes: &mut Outcomes) {
        self.cancel_under(|held| held.enterprise() == enterprise && held.is_revoked(), outcomes);
    }

    /// What to send for a cancellation, if the message has not ended meanwhile.
    #[must_use]
    pub fn cancellation(&self, cancellation: &Cancellation) -> Option<OutgoingCancel> {
        let mut book = self.book.lock();
        let live = book.live(cancellation.message)?;
        Some(OutgoingCancel {
            smsc_id: live.answered.as_ref()?.id.clone(),
            source: live.service_number.extended(live.extension).unwrap_or(live.service_number),
        })
    }
}
