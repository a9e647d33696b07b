//! Submits that are sent again after their answer was lost (smpp-cases 27): same account, same `user_message_reference`, same
//! recipient and part. Where the account's `dedupe` says so they are answered as the first was, and nothing is sent twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use sm3::{Digest, Sm3};
use veilgate_admission::{Account, Registered};
use veilgate_names::{AuthorizationId, MessageId, Timestamp};
use veilgate_store::{Space, Store, StoreError};

use crate::flow::{Flow, Origin};
use crate::record::{Reader, RecordError, Writer};
use crate::turn::{SessionId, Step, Turn, Waiting};

/// Records per page of a scan, and the most forgotten by one call.
const PAGE: usize = 1024;

/// What a submit and its repetition have in common, as a hash: 128 bits of SM3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RepeatKey([u8; 16]);

/// Submits that may be repeated, bounded: beyond the bound those that would be forgotten first are.
pub(crate) struct Repeats {
    known: FxHashMap<RepeatKey, (MessageId, Timestamp)>,
    order: BTreeSet<(Timestamp, RepeatKey)>,
    max: usize,
}

impl RepeatKey {
    fn of(account: &Account, reference: u16, authorization: &AuthorizationId, part: u8) -> Self {
        let mut hash = Sm3::new();
        for piece in [account.id().as_str().as_bytes(), &[0], authorization.as_str().as_bytes(), &[0]] {
            hash.update(piece);
        }
        hash.update(reference.to_be_bytes());
        hash.update([part]);
        let hash: [u8; 32] = hash.finalize().into();
        Self(hash.first_chunk().copied().unwrap_or_default())
    }
}

impl Repeats {
    pub(crate) fn new(max: usize) -> Self {
        Self { known: FxHashMap::default(), order: BTreeSet::new(), max: max.max(1) }
    }

    fn find(&self, key: RepeatKey, now: Timestamp) -> Option<MessageId> {
        self.known.get(&key).filter(|(_, until)| *until > now).map(|(id, _)| *id)
    }

    /// Remembers a submit; gives what had to be forgotten for it.
    fn insert(&mut self, key: RepeatKey, id: MessageId, until: Timestamp) -> Option<RepeatKey> {
        self.forget(key);
        let oldest = if self.known.len() >= self.max { self.order.first().copied() } else { None };
        if let Some((_, oldest)) = oldest {
            self.forget(oldest);
        }
        self.known.insert(key, (id, until));
        self.order.insert((until, key));
        oldest.map(|(_, key)| key)
    }

    /// Forgets it if it is this message still.
    pub(crate) fn forget_message(&mut self, key: RepeatKey, id: MessageId) {
        if self.known.get(&key).is_some_and(|(known, _)| *known == id) {
            self.forget(key);
        }
    }

    /// Whether the message is remembered still: it was not if it could not be written.
    pub(crate) fn holds(&self, key: RepeatKey, id: MessageId) -> bool {
        self.known.get(&key).is_some_and(|(known, _)| *known == id)
    }

    fn forget(&mut self, key: RepeatKey) {
        if let Some((_, until)) = self.known.remove(&key) {
            self.order.remove(&(until, key));
        }
    }

    fn expired(&mut self, now: Timestamp) -> Vec<RepeatKey> {
        let old = self.order.iter().take_while(|(until, _)| *until <= now).take(PAGE);
        let old: Vec<RepeatKey> = old.map(|(_, key)| *key).collect();
        for key in &old {
            self.forget(*key);
        }
        old
    }
}

impl Flow {
    /// What a submit by itself is remembered by, if its account wants that and it has a reference; and who asks.
    pub(crate) fn repeat_key(
        &self,
        account: &Account,
        origin: &Origin,
        reference: Option<(u16, u8)>,
        authorization: Option<&Arc<Registered>>,
    ) -> Option<(RepeatKey, Waiting<SessionId>)> {
        let (reference, part) = reference?;
        account.config().dedupe?;
        // A list is not known by its reference.
        let from = origin.answer.filter(|_| origin.member.of == 0)?;
        Some((RepeatKey::of(account, reference, authorization?.id(), part), from))
    }

    /// Answers a repetition as the first was, when that is durable; `None` if this is the first.
    pub(crate) fn repeated(
        &self,
        key: RepeatKey,
        from: Waiting<SessionId>,
        now: Timestamp,
        turn: &mut Turn,
    ) -> Option<MessageId> {
        let id = self.repeats.lock().find(key, now)?;
        turn.steps.push(Step::Repeated { to: from, id, key });
        Some(id)
    }

    /// Remembers a submit in the turn that accepts it.
    pub(crate) fn remember_submit(
        &self,
        account: &Account,
        key: RepeatKey,
        id: MessageId,
        now: Timestamp,
        turn: &mut Turn,
    ) {
        let Some(dedupe) = account.config().dedupe else { return };
        let until = now.plus(dedupe);
        let mut value = Vec::with_capacity(16);
        let mut w = Writer(&mut value);
        w.u64(id.0);
        w.i64(until.0);
        turn.put(Space::Repeat, &key.0, &value);
        if let Some(oldest) = self.repeats.lock().insert(key, id, until) {
            turn.delete(Space::Repeat, &oldest.0);
        }
        turn.steps.push(Step::Remembered { message: id, key });
    }

    /// Forgets submits whose time is over, some at a time. About once a second.
    pub fn forget_submits(&self, now: Timestamp, turn: &mut Turn) {
        for key in self.repeats.lock().expired(now) {
            turn.delete(Space::Repeat, &key.0);
        }
    }

    /// Reads back what was remembered. Gives how many do not read back.
    pub(crate) fn restore_repeats(&self, store: &dyn Store) -> Result<usize, StoreError> {
        let mut damaged = 0;
        let mut after: Option<Box<[u8]>> = None;
        loop {
            let page = store.scan(Space::Repeat, after.as_deref(), PAGE)?;
            damaged += page.damaged.len();
            for entry in &page.entries {
                match read(&entry.key, &entry.value) {
                    Ok((key, id, until)) => drop(self.repeats.lock().insert(key, id, until)),
                    Err(RecordError) => damaged += 1,
                }
            }
            let Some(next) = page.next else { return Ok(damaged) };
            after = Some(next);
        }
    }
}

fn read(key: &[u8], value: &[u8]) -> Result<(RepeatKey, MessageId, Timestamp), RecordError> {
    let key = RepeatKey(key.try_into().map_err(|_| RecordError)?);
    let mut r = Reader::plain(value);
    Ok((key, MessageId(r.u64()?), Timestamp(r.i64()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(value: u8) -> RepeatKey {
        RepeatKey([value; 16])
    }

    #[test]
    fn a_submit_is_known_for_its_time() {
        let mut repeats = Repeats::new(2);
        assert_eq!(repeats.insert(key(1), MessageId(1), Timestamp(10)), None);
        assert_eq!(repeats.find(key(1), Timestamp(9)), Some(MessageId(1)));
        assert_eq!(repeats.find(key(1), Timestamp(10)), None);
        assert_eq!(
            repeats.insert(key(1), MessageId(2), Timestamp(20)),
            None,
            "its time is over, another comes"
        );
        assert_eq!(repeats.expired(Timestamp(10)), []);
        assert_eq!(repeats.expired(Timestamp(20)), [key(1)]);
        assert!(repeats.order.is_empty() && repeats.known.is_empty());
    }

    #[test]
    fn the_bound_holds() {
        let mut repeats = Repeats::new(2);
        repeats.insert(key(1), MessageId(1), Timestamp(30));
        repeats.insert(key(2), MessageId(2), Timestamp(20));
        assert_eq!(repeats.insert(key(3), MessageId(3), Timestamp(40)), Some(key(2)));
        assert_eq!(repeats.known.len(), 2);
        repeats.forget_message(key(1), MessageId(9));
        assert!(repeats.holds(key(1), MessageId(1)));
        repeats.forget_message(key(1), MessageId(1));
        assert!(!repeats.holds(key(1), MessageId(1)));
    }
}
