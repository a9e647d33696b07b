//! A person's authorizations go for good (B-4.2.3.3b): ended first, and forgotten with everything that hangs on them when
//! the last message under them has its final state. That they are to go is durable before it is promised.

use std::collections::BTreeMap;
use std::sync::Arc;

use veilgate_names::{AuthorizationId, Timestamp};
use veilgate_store::{Space, Store, StoreError};

use crate::flow::Flow;
use crate::label::tag_of;
use crate::live::Moment;
use crate::marks::marks;
use crate::turn::Turn;

/// Keys of what is to be erased: this and the authorization's id.
const ERASE: &[u8] = b"erase:";
/// What was accepted when an authorization ended is in the book by then.
const SETTLED: std::time::Duration = std::time::Duration::from_secs(2);

/// What is to be erased, and since when.
pub(crate) type Erasing = BTreeMap<AuthorizationId, Timestamp>;

impl Flow {
    /// Writes down that these authorizations, which are revoked, are to be erased. They go with [`Self::erase`] once
    /// this is durable, also after a restart.
    pub fn put_erasures(&self, ids: &[AuthorizationId], at: Moment, turn: &mut Turn) {
        for id in ids {
            self.put_mark(&erase_key(id), at.wall, turn);
        }
        self.erasing.lock().extend(ids.iter().map(|id| (id.clone(), at.wall)));
    }

    /// How many authorizations wait to be erased.
    #[must_use]
    pub fn erasing(&self) -> usize {
        self.erasing.lock().len()
    }

    /// Erases authorizations under which nothing is under way any more, at most `most`, and returns how many. `done` is
    /// told when their records are deleted. What cannot go yet is looked at again in the next call.
    pub fn erase(
        &self,
        most: usize,
        at: Moment,
        turn: &mut Turn,
        done: impl FnOnce(bool, usize) + Send + 'static,
    ) -> usize {
        let due: Vec<AuthorizationId> = {
            let erasing = self.erasing.lock();
            let settled = |since: Timestamp| since.plus(SETTLED) <= at.wall;
            erasing.iter().filter(|(_, since)| settled(**since)).map(|(id, _)| id.clone()).collect()
        };
        if due.is_empty() {
            return 0;
        }
        let mut busy = self.book.lock().authorizations();
        busy.extend(self.segments.lock().authorizations().map(|held| held.id().clone()));
        let idle: Vec<AuthorizationId> = due.into_iter().filter(|id| !busy.contains(id)).collect();
        let parked = self.parked_under(&idle);
        let mut gone = Vec::new();
        for id in idle.into_iter().filter(|id| !parked.contains(&tag_of(id))) {
            if gone.len() >= most {
                break;
            }
            let known = self.gate.registry.by_id(&id).is_some();
            if known && !self.gate.registry.erase(&id) {
                continue;
            }
            self.delete_records(&id, turn);
            gone.push(id);
        }
        self.forgotten(gone, turn, done)
    }

    fn forgotten(
        &self,
        gone: Vec<AuthorizationId>,
        turn: &mut Turn,
        done: impl FnOnce(bool, usize) + Send + 'static,
    ) -> usize {
        let count = gone.len();
        if count == 0 {
            return 0;
        }
        let (registry, erasing) = (Arc::clone(&self.gate.registry), Arc::clone(&self.erasing));
        let told = move |durable: bool| {
            registry.purged(&gone);
            if durable {
                let mut erasing = erasing.lock();
                for id in &gone {
                    erasing.remove(id);
                }
            }
            done(durable, gone.len());
        };
        self.notify(turn, Box::new(told));
        count
    }

    /// Everything of an authorization but its messages and deliveries, which end by themselves, and the bare fact that
    /// it was revoked, which keeps it from being registered again.
    fn delete_records(&self, id: &AuthorizationId, turn: &mut Turn) {
        let key = id.as_str().as_bytes();
        turn.delete(Space::Authorization, key);
        turn.delete(Space::Usage, key);
        self.delete_mark(&erase_key(id), turn);
    }

    /// What was to be erased when the process ended.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub(crate) fn restore_erasures(&self, store: &dyn Store) -> Result<(), StoreError> {
        let id = |name: &[u8]| AuthorizationId::parse(std::str::from_utf8(name).ok()?).ok();
        let found = marks(store, ERASE)?;
        self.erasing.lock().extend(found.into_iter().filter_map(|(name, since)| Some((id(&name)?, since))));
        Ok(())
    }
}

fn erase_key(id: &AuthorizationId) -> Vec<u8> {
    [ERASE, id.as_str().as_bytes()].concat()
}
