//! Forgetting what expired long ago, a little at a time.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use veilgate_names::{AuthorizationId, Timestamp};

use super::{Registry, SHARDS, Shard};
use crate::registered::Registered;

/// Authorizations that one step looks at, about.
const LOOKED_AT: usize = 10_000;

impl Registry {
    /// Looks at the next ten thousand or so and forgets what expired before `before`, at most `most`. Their records
    /// (authorization and usage) are to be deleted; until [`Self::purged`] says that this is done, or has failed,
    /// nothing can be registered under these ids, so that no deletion meets a newer record. Revocations are kept: a
    /// revoked id never comes back.
    pub fn purge_step(&self, before: Timestamp, most: usize) -> Vec<AuthorizationId> {
        let (mut gone, mut looked_at) = (Vec::new(), 0);
        for _ in 0..SHARDS {
            let index = self.purge_next.load(Ordering::Relaxed) % SHARDS;
            let Some(shard) = self.shards.get(index) else { break };
            let mut shard = shard.lock();
            looked_at += shard.by_id.len();
            self.purge_shard(&mut shard, before, most, &mut gone);
            if gone.len() >= most {
                break;
            }
            self.purge_next.store(index + 1, Ordering::Relaxed);
            if looked_at >= LOOKED_AT {
                break;
            }
        }
        gone
    }

    fn purge_shard(
        &self,
        shard: &mut Shard,
        before: Timestamp,
        most: usize,
        gone: &mut Vec<AuthorizationId>,
    ) {
        let Shard { by_id, purging, .. } = shard;
        let count = gone.len();
        by_id.retain(|held| {
            let keep = held.expires_at() >= before || gone.len() >= most || held.pending_record().is_some();
            if !keep {
                self.pseudonyms.remove(held);
                if !held.is_revoked() {
                    held.tenancy().lost();
                }
                purging.insert(held.id().clone());
                gone.push(held.id().clone());
            }
            keep
        });
        // What shrank much gives its room back.
        if by_id.len() < by_id.capacity() / 4 {
            by_id.shrink_to_fit(|held| self.hasher.hash_one(held.id()));
        }
        self.len.fetch_sub(gone.len() - count, Ordering::Relaxed);
    }

    /// Forgets one that is revoked and durable, as [`Self::purge_step`] does; false if it is not there or cannot go yet.
    pub fn erase(&self, id: &AuthorizationId) -> bool {
        let hash = self.hasher.hash_one(id);
        let mut shard = self.shard(hash).lock();
        let Some(held) = shard.find(hash, id) else { return false };
        if !held.is_revoked() || held.pending_record().is_some() {
            return false;
        }
        if let Ok(entry) = shard.by_id.find_entry(hash, |other| other.id() == id) {
            entry.remove();
        }
        self.pseudonyms.remove(&held);
        shard.purging.insert(id.clone());
        self.len.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// Calls `look` for each authorization, under no lock. What is registered meanwhile may be left out.
    pub fn each(&self, mut look: impl FnMut(&Arc<Registered>)) {
        for shard in &self.shards {
            let held: Vec<Arc<Registered>> = shard.lock().by_id.iter().map(Arc::clone).collect();
            held.iter().for_each(&mut look);
        }
    }

    /// The deletion of the records that a [`Self::purge_step`] or [`Self::erase`] asked for has ended.
    pub fn purged(&self, ids: &[AuthorizationId]) {
        for id in ids {
            let hash = self.hasher.hash_one(id);
            self.shard(hash).lock().purging.remove(id);
        }
    }
}
