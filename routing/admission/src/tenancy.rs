//! One enterprise at one notary. Ending everything that was registered for it is one mark here, which every
//! authorization looks at, however many there are.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use veilgate_names::{EnterpriseId, PlatformId, Timestamp};

/// See the module.
#[derive(Debug)]
pub(crate) struct Tenancy {
    pub(crate) platform: PlatformId,
    pub(crate) enterprise: EnterpriseId,
    /// What was registered at this instant or before is revoked.
    ended: AtomicI64,
    /// The latest registration.
    latest: AtomicI64,
    /// Authorizations held that are not revoked. Only told, never decided on.
    held: AtomicUsize,
}

impl Tenancy {
    pub(crate) fn new(platform: PlatformId, enterprise: EnterpriseId) -> Self {
        Self {
            platform,
            enterprise,
            ended: AtomicI64::new(i64::MIN),
            latest: AtomicI64::new(i64::MIN),
            held: AtomicUsize::new(0),
        }
    }

    /// Whether what was registered then is revoked.
    pub(crate) fn has_ended(&self, registered_at: Timestamp) -> bool {
        registered_at.0 <= self.ended.load(Ordering::Acquire)
    }

    /// When what was registered then was revoked with everything, if it was.
    pub(crate) fn ended_at(&self, registered_at: Timestamp) -> Option<Timestamp> {
        let mark = Timestamp(self.ended.load(Ordering::Acquire));
        (registered_at <= mark).then_some(mark)
    }

    /// Whether everything was ever revoked.
    pub(crate) fn was_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire) != i64::MIN
    }

    /// The time to note for a registration made now: after the last revocation of everything, whatever the clock says.
    pub(crate) fn registration(&self, now: Timestamp) -> Timestamp {
        let at = now.0.max(self.ended.load(Ordering::Acquire).saturating_add(1));
        self.noted(Timestamp(at));
        Timestamp(at)
    }

    /// A registration made then is held.
    pub(crate) fn noted(&self, registered_at: Timestamp) {
        self.latest.fetch_max(registered_at.0, Ordering::AcqRel);
    }

    /// Revokes everything registered so far, also what was registered while the clock was ahead. Returns the mark and
    /// how many it ended.
    pub(crate) fn end(&self, now: Timestamp) -> (Timestamp, usize) {
        let at = now.0.max(self.latest.load(Ordering::Acquire));
        let before = self.ended.fetch_max(at, Ordering::AcqRel);
        (Timestamp(before.max(at)), self.held.swap(0, Ordering::AcqRel))
    }

    /// Puts a mark back that was stored.
    pub(crate) fn restore_end(&self, at: Timestamp) {
        self.ended.fetch_max(at.0, Ordering::AcqRel);
    }

    pub(crate) fn gained(&self) {
        self.held.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn lost(&self) {
        let _ = self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, |held| held.checked_sub(1));
    }
}

impl PartialEq for Tenancy {
    fn eq(&self, other: &Self) -> bool {
        self.platform == other.platform && self.enterprise == other.enterprise
    }
}

impl Eq for Tenancy {}

impl Hash for Tenancy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.platform, &self.enterprise).hash(state);
    }
}
