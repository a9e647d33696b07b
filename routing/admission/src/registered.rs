//! An authorization as the registry holds it: small, shared, and revocable under everybody who holds it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use sm3::{Digest as _, Sm3};
use veilgate_names::{
    AsOf, AuthorizationId, DeviceMark, EncryptedDeviceId, EnterpriseId, PlatformId, Pseudonym, Reason,
    Service, ServiceNumber, Timestamp,
};
use veilgate_notary::{Authorization, Limits};

use crate::record::{Record, Stored};
use crate::tenancy::Tenancy;
use crate::terms::{Terms, TermsPool};
use crate::usage::Usage;

const LIVE: u8 = 0;
const REPLACED: u8 = 1;
const REVOKED: u8 = 2;

/// One registered authorization. Queued messages hold it; a revocation is seen through the same `Arc`.
pub struct Registered {
    id: AuthorizationId,
    pseudonym: Pseudonym,
    devices: Devices,
    mark: DeviceMark,
    terms: Arc<Terms>,
    as_of: AsOf,
    not_before: Timestamp,
    expires_at: Timestamp,
    registered_at: Timestamp,
    digest: [u8; 16],
    proved: bool,
    short: bool,
    state: AtomicU8,
    sms_today: Usage,
    /// The record until it is known to be durable: whoever accepts something under it before stores it too.
    pending: Mutex<Option<Box<Record>>>,
}

/// Nearly every authorization has one device; that case costs no second allocation.
enum Devices {
    One(EncryptedDeviceId),
    Many(Box<[EncryptedDeviceId]>),
}

impl Registered {
    /// The notary's name for it.
    #[must_use]
    pub fn id(&self) -> &AuthorizationId {
        &self.id
    }

    /// What the enterprise calls the user.
    #[must_use]
    pub fn pseudonym(&self) -> &Pseudonym {
        &self.pseudonym
    }

    /// Who may contact the user.
    #[must_use]
    pub fn enterprise(&self) -> &EnterpriseId {
        &self.terms.tenancy.enterprise
    }

    /// The notary that registered it.
    #[must_use]
    pub fn platform(&self) -> &PlatformId {
        &self.terms.tenancy.platform
    }

    /// The user's devices as they came, at least one.
    #[must_use]
    pub fn devices(&self) -> &[EncryptedDeviceId] {
        match &self.devices {
            Devices::One(device) => std::slice::from_ref(device),
            Devices::Many(devices) => devices,
        }
    }

    /// What the boundary keeps beside the device ID, if there is one only.
    #[must_use]
    pub fn device_mark(&self) -> Option<&DeviceMark> {
        matches!(self.devices, Devices::One(_)).then_some(&self.mark)
    }

    /// The date for which the devices are turned into a number.
    #[must_use]
    pub fn as_of(&self) -> AsOf {
        self.as_of
    }

    /// The first instant at which it holds.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The first instant at which it no longer holds.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// When the gateway took this content.
    #[must_use]
    pub fn registered_at(&self) -> Timestamp {
        self.registered_at
    }

    /// The user's limits on time of day and frequency.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.terms.limits
    }

    /// The numbers the user was told of; empty means any.
    #[must_use]
    pub fn service_numbers(&self) -> &[ServiceNumber] {
        &self.terms.service_numbers
    }

    /// Whether its proof was checked.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.proved
    }

    /// Whether it was revoked, by itself or with everything of its enterprise; stays true for every holder. Whoever is
    /// about to contact somebody asks this last.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.state.load(Ordering::Acquire) == REVOKED || self.terms.tenancy.has_ended(self.registered_at)
    }

    /// Whether newer content stands under the same id; [`Registry::current`](crate::Registry::current) finds it.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.state.load(Ordering::Acquire) == REPLACED
    }

    /// Whether it can be used at all at `now`, whatever for.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.state.load(Ordering::Acquire) == LIVE
            && !self.terms.tenancy.has_ended(self.registered_at)
            && self.not_before <= now
            && now < self.expires_at
    }

    /// Cheap and anonymous: nothing is decrypted or looked up (A-4-1, A-6.1.1.1).
    pub(crate) fn check(
        &self,
        service: Service,
        number: Option<ServiceNumber>,
        now: Timestamp,
    ) -> Result<(), Reason> {
        if self.is_revoked() {
            return Err(Reason::AuthRevoked);
        }
        //= ASCS A-6.1.1.1-2
        if now < self.not_before || self.expires_at <= now {
            return Err(Reason::AuthExpired);
        }
        let terms = &self.terms;
        let covered = match service {
            Service::Sms => terms.sms,
            Service::Voice => terms.voice,
        };
        let agreed = |number| terms.service_numbers.is_empty() || terms.service_numbers.contains(&number);
        if !covered || !number.is_none_or(agreed) {
            return Err(Reason::AuthScope);
        }
        //= ASCS A-6.1.1.1-1
        match terms.limits.window {
            Some(window) if !window.contains(now) => Err(Reason::WindowAuth),
            _ => Ok(()),
        }
    }

    pub(crate) fn new(stored: &Stored, pool: &TermsPool) -> Self {
        let authorization = &stored.authorization;
        let tenancy = pool.tenancy(&stored.platform, &authorization.enterprise_id);
        let devices = match authorization.encrypted_device_ids.as_slice() {
            [device] => Devices::One(device.clone()),
            devices => Devices::Many(devices.into()),
        };
        Self {
            id: authorization.authorization_id.clone(),
            pseudonym: authorization.pseudonym.clone(),
            devices,
            mark: DeviceMark::default(),
            terms: pool.shared(Terms::of(authorization, tenancy)),
            as_of: authorization.as_of.value(),
            not_before: authorization.not_before.value(),
            expires_at: authorization.expires_at.value(),
            registered_at: stored.registered_at,
            // Only whole authorizations are compared by it.
            digest: if stored.short { [0; 16] } else { content_digest(authorization) },
            proved: stored.proved,
            short: stored.short,
            state: AtomicU8::new(LIVE),
            sms_today: Usage::default(),
            pending: Mutex::default(),
        }
    }

    /// The record to store with whatever is accepted under this authorization; `None` once it is durable.
    #[must_use]
    pub fn pending_record(&self) -> Option<Record> {
        self.pending.lock().as_deref().cloned()
    }

    /// Its record is durable.
    pub fn record_is_durable(&self) {
        self.pending.lock().take();
    }

    pub(crate) fn keep_record(&self, record: Record) {
        *self.pending.lock() = Some(Box::new(record));
    }

    pub(crate) fn is_short(&self) -> bool {
        self.short
    }

    pub(crate) fn digest(&self) -> &[u8; 16] {
        &self.digest
    }

    pub(crate) fn tenancy(&self) -> &Tenancy {
        &self.terms.tenancy
    }

    /// Returns whether this call was the one that revoked it.
    pub(crate) fn revoke(&self) -> bool {
        let before = self.is_revoked();
        self.state.store(REVOKED, Ordering::Release);
        if !before {
            self.terms.tenancy.lost();
        }
        !before
    }

    pub(crate) fn sms_today(&self) -> &Usage {
        &self.sms_today
    }

    /// Whether the person may be sent one more today.
    pub(crate) fn has_sms_left(&self, now: Timestamp) -> bool {
        self.terms.limits.sms_per_day.is_none_or(|limit| self.sms_today.has_room(limit, now))
    }

    /// Only under the lock of its shard, so that no revocation is overwritten.
    pub(crate) fn replace(&self) {
        self.state.store(REPLACED, Ordering::Release);
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Tells one content from another: everything in it, the proof too. SM3 cut to 16 octets.
pub(crate) fn content_digest(authorization: &Authorization) -> [u8; 16] {
    let mut hash = Sm3::new();
    hash.update(authorization.canonical_text());
    let limits = authorization.limits;
    for limit in [limits.sms_per_day, limits.calls_per_day] {
        hash.update([u8::from(limit.is_some())]);
        hash.update(limit.unwrap_or(0).to_be_bytes());
    }
    if let Some(window) = limits.window {
        hash.update(window.to_string());
    }
    for number in &authorization.service_numbers {
        hash.update([b'\n']);
        hash.update(number.as_str());
    }
    hash.update([0]);
    if let Some(proof) = authorization.proof {
        hash.update(proof.0);
    }
    let mut digest = [0; 16];
    for (slot, octet) in digest.iter_mut().zip(hash.finalize()) {
        *slot = octet;
    }
    digest
}
