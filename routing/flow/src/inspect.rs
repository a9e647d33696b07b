//! What lies in a store, looked at without keys: which records do not read back, as far as that can be told from
//! outside, and which belong to a message that is not there.

use rustc_hash::FxHashSet;
use veilgate_ledger::Cdr;
use veilgate_names::{ChannelId, MessageId};
use veilgate_store::{Page, Space, Store, StoreError};

use crate::flow::Flow;
use crate::live::Moment;
use crate::long::PartEnd;
use crate::offboard::holds_sealed;
use crate::record::StateRecord;
use crate::seal::SealedUnder;
use crate::split::SplitRecord;
use crate::turn::Turn;

/// Records per page of a scan.
const PAGE: usize = 1024;
/// The most records named one by one.
pub const MAX_NAMED: usize = 1000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Messages that no SMSC has been asked to take.
    pub waiting: u64,
    /// Messages whose submit was under way: their outcome is unknown.
    pub submitted: u64,
    /// Messages that an SMSC has taken.
    pub answered: u64,
    /// CDRs that are in no file yet, as far as the store knows.
    pub cdrs_pending: u64,
    /// States whose message is not there: it was lost to damage.
    pub alone: u64,
    /// Records that do not read back though they are as they were written.
    pub unreadable: u64,
    /// The first [`MAX_NAMED`] of these two.
    pub named: Vec<Oddity>,
}

/// A record that ought not to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oddity {
    /// Where.
    pub space: Space,
    /// The message or delivery; none where the key names somebody.
    pub id: Option<MessageId>,
    /// What is odd.
    pub kind: OddityKind,
}

/// What is odd about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OddityKind {
    /// It does not read back.
    Unreadable,
    /// It is the state of a message that is not there.
    Alone,
}

/// Looks at every record once.
///
/// # Errors
/// [`StoreError`] if the store cannot be read. Damaged records are passed over: the store tells of them.
pub fn inspect(store: &dyn Store) -> Result<Inspection, StoreError> {
    let mut found = Inspection::default();
    let mut parts = FxHashSet::default();
    for space in Space::ALL {
        let mut after: Option<Box<[u8]>> = None;
        loop {
            let page = store.scan(space, after.as_deref(), PAGE)?;
            for entry in &page.entries {
                if !reads_back(space, &entry.key, &entry.value) {
                    found.note(space, &entry.key, OddityKind::Unreadable);
                }
            }
            match space {
                Space::Message => found.count_messages(store, &page)?,
                Space::State => found.find_alone(store, &page, &mut parts)?,
                Space::Cdr => found.cdrs_pending += wide(page.entries.len()),
                _ => {}
            }
            let Some(next) = page.next else { break };
            after = Some(next);
        }
    }
    Ok(found)
}

impl Flow {
    /// Deletes states whose message was lost to damage, [`MAX_NAMED`] at most; gives how many.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub(crate) fn drop_states_alone(&self, store: &dyn Store, turn: &mut Turn) -> Result<usize, StoreError> {
        let found = inspect(store)?;
        let alone = found.named.iter().filter(|oddity| oddity.kind == OddityKind::Alone);
        let ids: Vec<MessageId> = alone.filter_map(|oddity| oddity.id).collect();
        for id in &ids {
            turn.delete(Space::State, &id.0.to_be_bytes());
        }
        Ok(ids.len())
    }
}

/// Whether each of these keys has a record, damaged or not.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub(crate) fn are_there(store: &dyn Store, space: Space, keys: &[&[u8]]) -> Result<Vec<bool>, StoreError> {
    match store.read(space, keys) {
        Ok(values) => return Ok(values.iter().map(Option::is_some).collect()),
        Err(StoreError::Corrupt(_)) => {}
        Err(error) => return Err(error),
    }
    let is_there = |key: &&[u8]| match store.read(space, &[*key]) {
        Ok(values) => Ok(values.iter().any(Option::is_some)),
        Err(StoreError::Corrupt(_)) => Ok(true),
        Err(error) => Err(error),
    };
    keys.iter().map(is_there).collect()
}

/// The states of some messages. A damaged one is told as that of a submit whose outcome nobody knows.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub(crate) fn states(
    store: &dyn Store,
    keys: &[&[u8]],
    at: Moment,
) -> Result<Vec<Option<Box<[u8]>>>, StoreError> {
    match store.read(Space::State, keys) {
        Err(StoreError::Corrupt(_)) => {}
        states => return states,
    }
    let one = |key: &&[u8]| match store.read(Space::State, &[*key]) {
        Err(StoreError::Corrupt(_)) => Ok(Some(lost_state(at))),
        states => states.map(|mut states| states.pop().flatten()),
    };
    keys.iter().map(one).collect()
}

fn lost_state(at: Moment) -> Box<[u8]> {
    let mut octets = Vec::new();
    if let Ok(channel) = ChannelId::parse("lost") {
        StateRecord { channel, attempts: 1, submitted_at: at.wall, answer: None, again: None }
            .write(&mut octets);
    }
    octets.into()
}

impl Inspection {
    fn count_messages(&mut self, store: &dyn Store, page: &Page) -> Result<(), StoreError> {
        let keys: Vec<&[u8]> = page.entries.iter().map(|entry| &*entry.key).collect();
        let states = are_there(store, Space::State, &keys)?;
        self.waiting += wide(states.iter().filter(|has_state| !**has_state).count());
        Ok(())
    }

    /// `parts` are those of texts that were seen; their ids are higher than that of their text.
    fn find_alone(
        &mut self,
        store: &dyn Store,
        page: &Page,
        parts: &mut FxHashSet<[u8; 8]>,
    ) -> Result<(), StoreError> {
        let keys: Vec<&[u8]> = page.entries.iter().map(|entry| &*entry.key).collect();
        let messages = are_there(store, Space::Message, &keys)?;
        for (entry, has_message) in page.entries.iter().zip(messages) {
            if let Some(ids) = SplitRecord::parts(&entry.value).filter(|_| has_message) {
                parts.extend(ids);
                continue;
            }
            let is_part = <[u8; 8]>::try_from(&*entry.key).is_ok_and(|key| parts.remove(&key));
            let has_message = has_message || is_part;
            match StateRecord::read(&entry.value) {
                _ if !has_message => self.note(Space::State, &entry.key, OddityKind::Alone),
                Ok(state) if state.answer.is_some() => self.answered += 1,
                Ok(_) => self.submitted += 1,
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn note(&mut self, space: Space, key: &[u8], kind: OddityKind) {
        match kind {
            OddityKind::Unreadable => self.unreadable += 1,
            OddityKind::Alone => self.alone += 1,
        }
        if self.named.len() < MAX_NAMED {
            let id = if space.has_own_ids() { key.try_into().ok() } else { None };
            self.named.push(Oddity { space, id: id.map(|id| MessageId(u64::from_be_bytes(id))), kind });
        }
    }
}

/// As far as can be told without keys.
fn reads_back(space: Space, key: &[u8], value: &[u8]) -> bool {
    if space.has_own_ids() && key.len() != size_of::<u64>() {
        return false;
    }
    match space {
        Space::State => {
            StateRecord::read(value).is_ok()
                || SplitRecord::read(value).is_ok()
                || PartEnd::read(value).is_ok()
        }
        Space::Cdr => Cdr::parse_line(value).is_ok(),
        space => !holds_sealed(space) || SealedUnder::read(value).is_some(),
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use veilgate_store::{Batch, MemoryStore};

    use super::*;

    #[test]
    fn what_does_not_belong_is_named() {
        let store = MemoryStore::new(1 << 20);
        let mut batch = Batch::new();
        let sealed = [&[5][..], b"ent-1", &[0, 0, 0, 1], b"sealed"].concat();
        for id in 1..=3_u64 {
            batch.put(Space::Message, &id.to_be_bytes(), &sealed).unwrap();
        }
        batch.put(Space::Message, &4_u64.to_be_bytes(), b"").unwrap();
        batch.put(Space::Cdr, &9_u64.to_be_bytes(), b"no line").unwrap();
        batch.put(Space::Authorization, b"a name", b"\xFF").unwrap();
        batch.put(Space::Meta, b"anything", b"").unwrap();
        batch.put(Space::State, &7_u64.to_be_bytes(), b"no state").unwrap();
        store.commit(&[batch]).unwrap();
        let found = inspect(&store).unwrap();
        assert_eq!((found.waiting, found.submitted, found.answered, found.cdrs_pending), (4, 0, 0, 1));
        assert_eq!((found.alone, found.unreadable), (1, 4));
        let named = |space, id: Option<u64>, kind| Oddity { space, id: id.map(MessageId), kind };
        for expected in [
            named(Space::Message, Some(4), OddityKind::Unreadable),
            named(Space::State, Some(7), OddityKind::Unreadable),
            named(Space::State, Some(7), OddityKind::Alone),
            named(Space::Cdr, Some(9), OddityKind::Unreadable),
            named(Space::Authorization, None, OddityKind::Unreadable),
        ] {
            assert!(found.named.contains(&expected), "{expected:?} in {:?}", found.named);
        }
    }
}
