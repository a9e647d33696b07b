//! Ending authorizations: one, many, or all of an enterprise at once.

use std::hash::BuildHasher as _;
use std::sync::atomic::Ordering;

use veilgate_names::{AuthorizationId, EnterpriseId, PlatformId, Timestamp};

use super::{Registry, Shard};
use crate::record::{self, Ended, Record};

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

/// How a revocation of everything of an enterprise ended.
#[derive(Debug, Clone)]
pub struct RevokedAll {
    /// Authorizations that were live, expired ones included.
    pub count: usize,
    /// One for each notary that registered any.
    pub records: Vec<Record>,
}

impl Registry {
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

    /// Ends everything that was registered for an enterprise until now, of all notaries that `by` may speak for, as one
    /// mark each: effective for every later check when this returns, however many they are. What is registered later
    /// is not concerned; what was ended cannot be registered again under its id while it is held. Ending again changes
    /// nothing, but returns the records again.
    pub fn revoke_all(&self, enterprise: &EnterpriseId, by: &Revoker, now: Timestamp) -> RevokedAll {
        let mut all = RevokedAll { count: 0, records: Vec::new() };
        for tenancy in self.pool.tenancies_of(enterprise) {
            if by.may_end(&tenancy.platform) {
                let (at, count) = tenancy.end(now);
                all.count += count;
                let (platform, enterprise) = (tenancy.platform.clone(), tenancy.enterprise.clone());
                all.records.push(Ended { platform, enterprise, at }.encode());
            }
        }
        all
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
        if shard.purging.contains(id) {
            // It ended long ago and is being deleted.
            return (id.clone(), Revoked::Before, None);
        }
        let found = shard.find(hash, id);
        // The same text is not kept twice.
        let id = found.as_ref().map_or(id, |held| held.id());
        let outcome = match &found {
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

    pub(super) fn restore_revocation(&self, id: &AuthorizationId, revocation: Revocation) {
        let hash = self.hasher.hash_one(id);
        let mut shard = self.shard(hash).lock();
        if let Some(held) = shard.find(hash, id)
            && revocation.by.may_end(held.platform())
        {
            held.revoke();
        }
        self.remember(&mut shard, id, revocation);
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

impl Revoker {
    pub(super) fn may_end(&self, platform: &PlatformId) -> bool {
        match self {
            Self::Platform(own) => own == platform,
            Self::Carrier => true,
        }
    }
}
