//! All authorizations in memory: registered, found by id or pseudonym, revoked. Revoked is revoked for good under that
//! id. Locks are per shard and held for map operations only; proofs are checked outside them.

mod pseudonyms;
mod short_form;

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use parking_lot::Mutex;
use veilgate_names::{
    AuthorizationId, EnterpriseId, PlatformId, Pseudonym, Reason, Service, ServiceNumber, Timestamp,
};
use veilgate_notary::Authorization;

use crate::platform::{PlatformProfile, ProofPolicy};
use crate::record::{self, Record, RecordError, RecordSpace, Stored};
use crate::registered::{Registered, content_digest};
use crate::terms::TermsPool;
use pseudonyms::Pseudonyms;

pub use short_form::ShortForm;

const SHARDS: usize = 64;

/// The registry. Every method takes `&self` and returns in microseconds, except that a proof seen for the first
/// time costs about half a millisecond.
pub struct Registry {
    hasher: DefaultHashBuilder,
    shards: Box<[Mutex<Shard>]>,
    pseudonyms: Pseudonyms,
    pool: TermsPool,
    len: AtomicUsize,
    revocations: AtomicUsize,
    most: usize,
}

#[derive(Default)]
struct Shard {
    by_id: HashTable<Arc<Registered>>,
    revoked: HashMap<AuthorizationId, Revocation>,
}

/// What registering led to.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The authorization, now found by id and pseudonym.
    pub authorization: Arc<Registered>,
    /// What to store before acknowledging; `None` if the same content is durable already
    /// ([`Registered::record_is_durable`]).
    pub record: Option<Record>,
}

/// Who ends an authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoker {
    /// A notary, which may end its own only.
    Platform(PlatformId),
    /// The carrier's staff, who may end any.
    Carrier,
}

/// That an id was revoked, when and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Revoker,
}

/// How a revocation of one id ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// It was in the registry and is revoked now.
    Now,
    /// It was revoked before.
    Before,
    /// It is not known; the id is barred from being registered later.
    Unknown,
    /// It belongs to another platform; nothing is changed.
    NotPermitted,
    /// It is not known, and no more unknown ids can be remembered.
    Full,
}

/// What a restore brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restored {
    /// Authorizations read.
    pub authorizations: usize,
    /// Revocations read.
    pub revocations: usize,
}

impl Registry {
    /// An empty registry that holds at most `most` authorizations, and as many revoked ids.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            pseudonyms: Pseudonyms::new(),
            pool: TermsPool::default(),
            len: AtomicUsize::new(0),
            revocations: AtomicUsize::new(0),
            most,
        }
    }

    /// How many authorizations it holds, revoked and expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Registers an authorization for a platform, or replaces the platform's own under the same id. It can be found
    /// at once; the record must be durable before anything is acknowledged. The same content registered meanwhile
    /// returns no record, so records and what depends on them go through one journal in order.
    ///
    /// # Errors
    /// `NotPermitted` if the id is another platform's, `AuthRevoked` if the id was revoked, `AuthInvalid` if the
    /// proof is missing or wrong (also where an unproved one would replace a proved one), `QueueFull` at capacity.
    pub fn register(
        &self,
        authorization: Authorization,
        platform: &PlatformId,
        profile: &PlatformProfile,
        now: Timestamp,
    ) -> Result<Registration, Reason> {
        let id = &authorization.authorization_id;
        let hash = self.hasher.hash_one(id);
        let held = self.shard(hash).lock().admissible(hash, id, platform)?;
        if let Some(held) = held {
            let enough = held.is_proved() || !matches!(profile.proof, ProofPolicy::Required(_));
            if enough && *held.digest() == content_digest(&authorization) {
                let record = held.pending_record();
                return Ok(Registration { authorization: held, record });
            }
        }
        let proved = prove(&authorization, profile)?;
        let stored =
            Stored { authorization, platform: platform.clone(), registered_at: now, proved, short: false };
        self.put(&stored)
    }

    /// Takes the short form: refers to what is registered if every field agrees, and registers it anew only where
    /// the profile asks for no proof. Agreeing costs a look-up and comparisons, no digest.
    ///
    /// # Errors
    /// As [`Self::register`]; `AuthInvalid` where a proof is required or the registered one has been proved and
    /// says otherwise.
    pub fn register_short(
        &self,
        form: ShortForm<'_>,
        platform: &PlatformId,
        profile: &PlatformProfile,
        now: Timestamp,
    ) -> Result<Registration, Reason> {
        let hash = self.hasher.hash_one(form.authorization_id);
        let held = self.shard(hash).lock().admissible(hash, form.authorization_id, platform)?;
        if let Some(held) = held {
            let lapsed = held.is_short() && held.expires_at() <= now;
            if form.agrees(&held) && !lapsed {
                let record = held.pending_record();
                return Ok(Registration { authorization: held, record });
            }
        }
        if matches!(profile.proof, ProofPolicy::Required(_)) {
            return Err(Reason::AuthInvalid);
        }
        // It holds from the day of consent on, so that no clock skew between two threads makes it "not yet valid".
        let from = form.as_of.start().min(now);
        let authorization = form.to_authorization(from, now.plus(profile.short_form_lifetime))?;
        let stored = Stored {
            authorization,
            platform: platform.clone(),
            registered_at: now,
            proved: false,
            short: true,
        };
        self.put(&stored)
    }

    /// The authorization under an id, in whatever state.
    #[must_use]
    pub fn by_id(&self, id: &AuthorizationId) -> Option<Arc<Registered>> {
        let hash = self.hasher.hash_one(id);
        self.shard(hash).lock().find(hash, id)
    }

    /// Whom an enterprise means by a pseudonym: the newest live authorization, else the newest. `None` also if two
    /// notaries use the same pseudonym for this enterprise, since then nobody knows who is meant.
    #[must_use]
    pub fn by_pseudonym(
        &self,
        enterprise: &EnterpriseId,
        pseudonym: &Pseudonym,
        now: Timestamp,
    ) -> Option<Arc<Registered>> {
        self.pseudonyms.find(pseudonym, now, |held| held.enterprise() == enterprise)
    }

    /// Whom a notary means by one of its pseudonyms, chosen as in [`Self::by_pseudonym`].
    #[must_use]
    pub fn by_platform_pseudonym(
        &self,
        platform: &PlatformId,
        pseudonym: &Pseudonym,
        now: Timestamp,
    ) -> Option<Arc<Registered>> {
        self.pseudonyms.find(pseudonym, now, |held| held.platform() == platform)
    }

    /// The content that stands under the same id now; mostly the same `Arc`, for one atomic load.
    #[must_use]
    pub fn current(&self, held: &Arc<Registered>) -> Arc<Registered> {
        if held.is_replaced() {
            self.by_id(held.id()).unwrap_or_else(|| Arc::clone(held))
        } else {
            Arc::clone(held)
        }
    }

    /// When an authorization ended by expiry or revocation, if it has. One that came back (replaced by content that lasts
    /// longer) has not.
    #[must_use]
    pub fn ended_at(&self, held: &Registered, now: Timestamp) -> Option<Timestamp> {
        let expired = Some(held.expires_at()).filter(|end| *end <= now);
        if !held.is_revoked() {
            return expired;
        }
        let hash = self.hasher.hash_one(held.id());
        let revoked = self.shard(hash).lock().revoked.get(held.id()).map_or(now, |revocation| revocation.at);
        Some(expired.map_or(revoked, |end| end.min(revoked)))
    }

    /// Whether the authorization covers this use at this moment. Follows a replacement of its content, so a message
    /// that waited is judged by what is agreed now.
    ///
    /// # Errors
    /// `AuthRevoked`, `AuthExpired` (also before it begins), `AuthScope` (service or number), `WindowAuth`.
    pub fn check(
        &self,
        held: &Arc<Registered>,
        service: Service,
        number: Option<ServiceNumber>,
        now: Timestamp,
    ) -> Result<(), Reason> {
        if held.is_replaced() {
            return self.current(held).check(service, number, now);
        }
        held.check(service, number, now)
    }

    /// Ends authorizations. Every later check by anyone fails from the moment this returns; the records must be
    /// durable before it is acknowledged. Revoking again changes nothing, but returns a record again, since the first
    /// may not have become durable. Unknown ids are remembered and cannot be registered later.
    //= ASCS A-6.1.1.6-1
    pub fn revoke<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a AuthorizationId>,
        by: &Revoker,
        now: Timestamp,
    ) -> Vec<(AuthorizationId, Revoked, Option<Record>)> {
        ids.into_iter().map(|id| self.revoke_one(id, by, now)).collect()
    }

    /// Takes back what was stored, in any order. Stops at the first damaged record.
    ///
    /// # Errors
    /// [`RecordError`] if a record cannot be read or there are too many.
    pub fn restore<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        records: impl IntoIterator<Item = (RecordSpace, K, V)>,
    ) -> Result<Restored, RecordError> {
        let mut restored = Restored::default();
        for (space, key, value) in records {
            let (key, value) = (key.as_ref(), value.as_ref());
            match space {
                RecordSpace::Authorization => {
                    self.insert(&Stored::decode(key, value)?, true).map_err(|_| RecordError::Full)?;
                    restored.authorizations += 1;
                }
                RecordSpace::Revocation => {
                    let (id, revocation) = record::decode_revocation(key, value)?;
                    self.restore_revocation(&id, revocation);
                    restored.revocations += 1;
                }
            }
        }
        Ok(restored)
    }

    /// Forgets authorizations that expired before `before` and returns their ids. Their records can be deleted where
    /// [`Self::by_id`] still finds nothing, in order with the records of new registrations. Revocations are kept: a
    /// revoked id never comes back.
    pub fn purge_expired(&self, before: Timestamp) -> Vec<AuthorizationId> {
        let mut purged = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.by_id.retain(|held| {
                let keep = held.expires_at() >= before;
                if !keep {
                    self.pseudonyms.remove(held);
                    purged.push(held.id().clone());
                }
                keep
            });
        }
        self.len.fetch_sub(purged.len(), Ordering::Relaxed);
        purged
    }

    fn put(&self, stored: &Stored) -> Result<Registration, Reason> {
        let authorization = self.insert(stored, false)?;
        let record = stored.encode();
        authorization.keep_record(record.clone());
        Ok(Registration { authorization, record: Some(record) })
    }

    /// Puts it into both indexes. The shard's lock is held over both, so that two replacements of one id cannot
    /// leave the older one in the second index.
    fn insert(&self, stored: &Stored, restoring: bool) -> Result<Arc<Registered>, Reason> {
        let fresh = Arc::new(Registered::new(stored, &self.pool));
        let hash = self.hasher.hash_one(fresh.id());
        let mut shard = self.shard(hash).lock();
        if restoring {
            if shard.bars(fresh.id(), &stored.platform) {
                fresh.revoke();
            }
        } else if let Some(held) = shard.admissible(hash, fresh.id(), &stored.platform)?
            && held.is_proved()
            && !fresh.is_proved()
        {
            return Err(Reason::AuthInvalid);
        }
        match shard.by_id.find_mut(hash, |held| held.id() == fresh.id()) {
            Some(slot) => {
                self.pseudonyms.remove(slot);
                slot.replace();
                *slot = Arc::clone(&fresh);
            }
            None => {
                if self.len.fetch_add(1, Ordering::Relaxed) >= self.most {
                    self.len.fetch_sub(1, Ordering::Relaxed);
                    return Err(Reason::QueueFull);
                }
                shard.by_id.insert_unique(hash, Arc::clone(&fresh), |held| self.hasher.hash_one(held.id()));
            }
        }
        self.pseudonyms.insert(&fresh);
        Ok(fresh)
    }

    fn revoke_one(
        &self,
        id: &AuthorizationId,
        by: &Revoker,
        now: Timestamp,
    ) -> (AuthorizationId, Revoked, Option<Record>) {
        let hash = self.hasher.hash_one(id);
        let mut shard = self.shard(hash).lock();
        let barred = shard.revoked.get(id).is_some_and(|revocation| revocation.covers(by));
        let outcome = match shard.find(hash, id) {
            Some(held) if !by.may_end(held.platform()) => Revoked::NotPermitted,
            Some(held) if held.revoke() => Revoked::Now,
            None if !barred => Revoked::Unknown,
            _ => Revoked::Before,
        };
        if outcome == Revoked::NotPermitted {
            return (id.clone(), outcome, None);
        }
        let full = self.revocations.load(Ordering::Relaxed) >= self.most && !shard.revoked.contains_key(id);
        if outcome == Revoked::Unknown && full {
            return (id.clone(), Revoked::Full, None);
        }
        let revocation = self.remember(&mut shard, id, Revocation { at: now, by: by.clone() });
        (id.clone(), outcome, Some(record::encode_revocation(id, &revocation)))
    }

    /// Known ids always fit, since they are bounded by the authorizations; unknown ones are counted by the caller.
    fn remember(&self, shard: &mut Shard, id: &AuthorizationId, fresh: Revocation) -> Revocation {
        match shard.revoked.get_mut(id) {
            Some(held) => {
                held.merge(&fresh);
                held.clone()
            }
            None => {
                shard.revoked.insert(id.clone(), fresh.clone());
                self.revocations.fetch_add(1, Ordering::Relaxed);
                fresh
            }
        }
    }

    fn restore_revocation(&self, id: &AuthorizationId, revocation: Revocation) {
        let hash = self.hasher.hash_one(id);
        let mut shard = self.shard(hash).lock();
        if let Some(held) = shard.find(hash, id)
            && revocation.by.may_end(held.platform())
        {
            held.revoke();
        }
        self.remember(&mut shard, id, revocation);
    }

    #[expect(clippy::indexing_slicing, reason = "the index is taken modulo the number of shards")]
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[usize::try_from(hash >> 40).unwrap_or(0) % SHARDS]
    }
}

impl Revocation {
    fn covers(&self, by: &Revoker) -> bool {
        self.by == *by || self.by == Revoker::Carrier
    }

    /// An id that several have ended is barred for everybody.
    fn merge(&mut self, other: &Self) {
        if !self.covers(&other.by) {
            self.by = Revoker::Carrier;
        }
        self.at = self.at.min(other.at);
    }
}

impl Shard {
    fn find(&self, hash: u64, id: &AuthorizationId) -> Option<Arc<Registered>> {
        self.by_id.find(hash, |held| held.id() == id).cloned()
    }

    fn bars(&self, id: &AuthorizationId, platform: &PlatformId) -> bool {
        self.revoked.get(id).is_some_and(|revocation| revocation.by.may_end(platform))
    }

    /// What stands under the id, if this platform may put something there.
    fn admissible(
        &self,
        hash: u64,
        id: &AuthorizationId,
        platform: &PlatformId,
    ) -> Result<Option<Arc<Registered>>, Reason> {
        let held = self.find(hash, id);
        if held.as_ref().is_some_and(|held| held.platform() != platform) {
            return Err(Reason::NotPermitted);
        }
        if held.as_ref().is_some_and(|held| held.is_revoked()) || self.bars(id, platform) {
            return Err(Reason::AuthRevoked);
        }
        Ok(held)
    }
}

impl Revoker {
    fn may_end(&self, platform: &PlatformId) -> bool {
        match self {
            Self::Platform(own) => own == platform,
            Self::Carrier => true,
        }
    }
}

//= ASCS A-4-1
fn prove(authorization: &Authorization, profile: &PlatformProfile) -> Result<bool, Reason> {
    let key = match &profile.proof {
        ProofPolicy::Required(key) => key,
        ProofPolicy::Optional(Some(key)) if authorization.proof.is_some() => key,
        ProofPolicy::Optional(_) => return Ok(false),
    };
    authorization.verify_proof(key).map(|()| true).map_err(|_| Reason::AuthInvalid)
}

#[cfg(test)]
mod tests;
