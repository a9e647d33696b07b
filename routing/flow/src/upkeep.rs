//! What is written down apart from messages: that accounts are frozen, and that authorizations that ended long ago are
//! forgotten.

use std::sync::Arc;

use veilgate_names::{AccountId, Timestamp};
use veilgate_policy::Record;
use veilgate_store::{Space, Store, StoreError};

use crate::flow::Flow;
use crate::live::Moment;
use crate::turn::{Step, Turn};

/// Keys of frozen accounts: this and the account's name, 15 characters at most.
const FROZEN: &[u8] = b"frozen:";
const VERSION: u8 = 1;
/// Records per page of a scan.
const PAGE: usize = 1024;

/// That an account was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeRecord {
    /// Whose.
    pub account: AccountId,
    /// Since when.
    pub since: Timestamp,
}

impl Flow {
    /// Writes down that an account is frozen.
    pub fn put_frozen(&self, account: &AccountId, at: Moment, turn: &mut Turn) {
        let value: Vec<u8> = [VERSION].into_iter().chain(at.wall.0.to_be_bytes()).collect();
        turn.put(Space::Meta, &frozen_key(account), &value);
    }

    /// Writes down that an account is no longer frozen.
    pub fn delete_frozen(&self, account: &AccountId, turn: &mut Turn) {
        turn.delete(Space::Meta, &frozen_key(account));
    }

    /// Puts or deletes a record of the objects that staff manage.
    pub fn write_object(&self, key: &[u8], value: Option<&[u8]>, turn: &mut Turn) {
        match value {
            Some(value) => turn.put(Space::Object, key, value),
            None => turn.delete(Space::Object, key),
        }
    }

    /// Writes down a record about the balance of a tenant.
    pub fn write_balance(&self, record: &Record, turn: &mut Turn) {
        match &record.value {
            Some(value) => turn.put(Space::Balance, &record.key, value),
            None => turn.delete(Space::Balance, &record.key),
        }
    }

    /// `done` is told whether the turn became durable.
    pub fn notify(&self, turn: &mut Turn, done: Box<dyn FnOnce(bool) + Send>) {
        turn.steps.push(Step::Notify(done));
    }

    /// Forgets the next authorizations that expired before `before`, at most `most`, with their records, and returns
    /// how many. `done` is told when the records are deleted. Each call is bounded; it looks at about ten thousand.
    pub fn purge(
        &self,
        before: Timestamp,
        most: usize,
        turn: &mut Turn,
        done: impl FnOnce(bool, usize) + Send + 'static,
    ) -> usize {
        let gone = self.gate.registry.purge_step(before, most);
        if gone.is_empty() {
            return 0;
        }
        for id in &gone {
            turn.delete(Space::Authorization, id.as_str().as_bytes());
            turn.delete(Space::Usage, id.as_str().as_bytes());
        }
        let (registry, count) = (Arc::clone(&self.gate.registry), gone.len());
        self.notify(
            turn,
            Box::new(move |durable| {
                registry.purged(&gone);
                done(durable, gone.len());
            }),
        );
        count
    }
}

/// The accounts that are frozen, as the store says at start.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn frozen_accounts(store: &dyn Store) -> Result<Vec<FreezeRecord>, StoreError> {
    let mut frozen = Vec::new();
    let mut after: Option<Box<[u8]>> = Some(FROZEN.into());
    loop {
        let page = store.scan(Space::Meta, after.as_deref(), PAGE)?;
        frozen.extend(page.entries.iter().filter_map(|entry| read_frozen(&entry.key, &entry.value)));
        let Some(next) = page.next.filter(|next| next.starts_with(FROZEN)) else { return Ok(frozen) };
        after = Some(next);
    }
}

fn frozen_key(account: &AccountId) -> Vec<u8> {
    [FROZEN, account.as_str().as_bytes()].concat()
}

/// A damaged time leaves the account frozen all the same.
fn read_frozen(key: &[u8], value: &[u8]) -> Option<FreezeRecord> {
    let name = std::str::from_utf8(key.strip_prefix(FROZEN)?).ok()?;
    let account = AccountId::parse(name).ok()?;
    let since = value.split_first().and_then(|(_, time)| time.try_into().ok()).map_or(0, i64::from_be_bytes);
    Some(FreezeRecord { account, since: Timestamp(since) })
}

#[cfg(test)]
mod tests {
    use veilgate_store::{Batch, MemoryStore};

    use super::*;

    #[test]
    fn frozen_accounts_are_found_among_other_marks() {
        let store = MemoryStore::new(1 << 20);
        let mut batch = Batch::new();
        let value: Vec<u8> = [VERSION].into_iter().chain(7_i64.to_be_bytes()).collect();
        for (key, value) in [
            (&b"ids"[..], &b"12345678"[..]),
            (b"frozen:", &value),
            (b"frozen:shop", &value),
            (b"frozen:broken", b""),
            (b"frozen;x", &value),
            (b"zebra", b""),
        ] {
            batch.put(Space::Meta, key, value).unwrap();
        }
        store.commit(&[batch]).unwrap();
        let found = frozen_accounts(&store).unwrap();
        let found: Vec<_> = found.iter().map(|record| (record.account.as_str(), record.since.0)).collect();
        assert_eq!(found, [("broken", 0), ("shop", 7)]);
    }
}
