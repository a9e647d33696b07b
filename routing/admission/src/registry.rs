//! All authorizations in memory: registered, found by id or pseudonym, revoked. Revoked is revoked for good under that
//! id. Locks are per shard and held for map operations only; proofs are checked outside them.

mod counting;
mod pseudonyms;
mod purging;
mod revoking;
mod short_form;

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};
use parking_lot::Mutex;
use veilgate_names::{
    AuthorizationId, EnterpriseId, PlatformId, Pseudonym, Reason, Service, ServiceNumber, Timestamp,
};
use veilgate_notary::Authorization;

use crate::platform::{PlatformProfile, ProofPolicy};
use crate::record::{self, Ended, Record, RecordError, RecordSpace, Stored};
use crate::registered::{Registered, content_digest};
use crate::terms::TermsPool;
use pseudonyms::Pseudonyms;

pub use counting::Counted;
pub use revoking::{Revocation, Revoked, RevokedAll, Revoker};
pub use short_form::ShortForm;

/// Many, so that a walk over one holds nobody up.
const SHARDS: usize = 1024;

/// The registry. Every method takes `&self` and returns in microseconds, except that a proof seen for the first
/// time costs about half a millisecond.
pub struct Registry {
    hasher: DefaultHashBuilder,
    shards: Box<[Mutex<Shard>]>,
    pseudonyms: Pseudonyms,
    pool: TermsPool,
    len: AtomicUsize,
    revocations: AtomicUsize,
    /// The shard that the next step of a purge looks at.
    purge_next: AtomicUsize,
    most: usize,
}

#[derive(Default)]
struct Shard {
    by_id: HashTable<Arc<Registered>>,
    revoked: HashMap<AuthorizationId, Revocation>,
    /// Forgotten already, their records not deleted yet.
    purging: HashSet<AuthorizationId>,
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

/// A registration whose proof is checked and that changes nothing yet.
pub struct Prepared(Preparation);

enum Preparation {
    /// The same content is held.
    Known(Arc<Registered>),
    /// Content, platform, and whether it was proved.
    Fresh(Box<(Authorization, PlatformId, bool)>),
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
            purge_next: AtomicUsize::new(0),
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
    /// As [`Self::prepare`] and [`Self::register_prepared`].
    pub fn register(
        &self,
        authorization: Authorization,
        platform: &PlatformId,
        profile: &PlatformProfile,
        now: Timestamp,
    ) -> Result<Registration, Reason> {
        self.register_prepared(self.prepare(authorization, platform, profile)?, now)
    }

    /// Does what takes long about a registration, the proof, and changes nothing: for many at a time, on many threads.
    /// The proof of content that is held as proved already is not verified again.
    ///
    /// # Errors
    /// `NotPermitted` if the id is another platform's, `AuthRevoked` if the id was revoked, `AuthInvalid` if the
    /// proof is missing or wrong, `QueueFull` while an expired authorization under this id is being deleted.
    pub fn prepare(
        &self,
        authorization: Authorization,
        platform: &PlatformId,
        profile: &PlatformProfile,
    ) -> Result<Prepared, Reason> {
        let id = &authorization.authorization_id;
        let hash = self.hasher.hash_one(id);
        let held = self.shard(hash).lock().admissible(hash, id, platform)?;
        let is_known = |held: &Arc<Registered>| {
            let enough = held.is_proved() || !matches!(profile.proof, ProofPolicy::Required(_));
            enough && *held.digest() == content_digest(&authorization)
        };
        if let Some(held) = held.filter(is_known) {
            return Ok(Prepared(Preparation::Known(held)));
        }
        let proved = prove(&authorization, profile)?;
        Ok(Prepared(Preparation::Fresh(Box::new((authorization, platform.clone(), proved)))))
    }

    /// Registers what was prepared. Of several with one id the last stands, in the order of these calls.
    ///
    /// # Errors
    /// `NotPermitted`, `AuthRevoked` and `QueueFull` as [`Self::prepare`], should that have changed meanwhile;
    /// `AuthInvalid` if an unproved one would replace a proved one, `Schema` if the same notary gave the pseudonym to
    /// another enterprise, `QueueFull` at capacity.
    pub fn register_prepared(&self, prepared: Prepared, now: Timestamp) -> Result<Registration, Reason> {
        match prepared.0 {
            Preparation::Known(held) if !held.is_replaced() && !held.is_revoked() => {
                let record = held.pending_record();
                Ok(Registration { authorization: held, record })
            }
            Preparation::Known(held) if held.is_revoked() => Err(Reason::AuthRevoked),
            // Other content came in between; the same again is the sender's to repeat.
            Preparation::Known(_) => Err(Reason::QueueFull),
            Preparation::Fresh(fresh) => {
                let (authorization, platform, proved) = *fresh;
                self.put(Stored { authorization, platform, registered_at: now, proved, short: false })
            }
        }
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
        self.put(stored)
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
        let with_all = held.tenancy().ended_at(held.registered_at()).map_or(now, |mark| mark.min(now));
        let alone = self.shard(hash).lock().revoked.get(held.id()).map(|revocation| revocation.at);
        let revoked = alone.map_or(with_all, |at| at.min(with_all));
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

    /// Takes back what was stored. Usage comes after the authorizations; revocations best before them, since what is
    /// told of a later [`Self::revoke_all`] counts those that were live when they came. Stops at the first damaged
    /// record.
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
                RecordSpace::Revocation if Ended::is_key(key) => {
                    let Ended { platform, enterprise, at } = Ended::decode(key, value)?;
                    self.pool.tenancy(&platform, &enterprise).restore_end(at);
                    restored.revocations += 1;
                }
                RecordSpace::Usage => {
                    let (id, word) = record::decode_usage(key, value)?;
                    if let Some(held) = self.by_id(&id) {
                        held.sms_today().set(word);
                    }
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

    fn put(&self, mut stored: Stored) -> Result<Registration, Reason> {
        let tenancy = self.pool.tenancy(&stored.platform, &stored.authorization.enterprise_id);
        stored.registered_at = tenancy.registration(stored.registered_at);
        let authorization = self.insert(&stored, false)?;
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
        if !restoring
            && let Some(held) = shard.admissible(hash, fresh.id(), &stored.platform)?
            && held.is_proved()
            && !fresh.is_proved()
        {
            return Err(Reason::AuthInvalid);
        }
        if !self.pseudonyms.insert(&fresh, restoring) {
            return Err(Reason::Schema);
        }
        match shard.by_id.find_mut(hash, |held| held.id() == fresh.id()) {
            Some(slot) => {
                self.pseudonyms.remove(slot);
                fresh.sms_today().set(slot.sms_today().word());
                slot.replace();
                *slot = Arc::clone(&fresh);
            }
            None => {
                if self.len.fetch_add(1, Ordering::Relaxed) >= self.most {
                    self.len.fetch_sub(1, Ordering::Relaxed);
                    self.pseudonyms.remove(&fresh);
                    return Err(Reason::QueueFull);
                }
                shard.by_id.insert_unique(hash, Arc::clone(&fresh), |held| self.hasher.hash_one(held.id()));
            }
        }
        fresh.tenancy().noted(fresh.registered_at());
        if !fresh.is_revoked() {
            fresh.tenancy().gained();
        }
        if restoring && shard.bars(fresh.id(), &stored.platform) {
            fresh.revoke();
        }
        Ok(fresh)
    }

    #[expect(clippy::indexing_slicing, reason = "the index is taken modulo the number of shards")]
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[usize::try_from(hash >> 40).unwrap_or(0) % SHARDS]
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
        if self.purging.contains(id) {
            return Err(Reason::QueueFull);
        }
        Ok(held)
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
