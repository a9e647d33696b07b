//! How messages ended, remembered for a while so that `query_sm` can tell: the last so many, in memory. Ids grow with
//! time and most messages end soon, so ends lie nearly in the order of ids: a chunk is searched only if it may hold one.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use veilgate_names::{AccountId, FinalState, MessageId, ServiceNumber, Timestamp};

use crate::multi::Member;

/// Ends of one chunk; forgotten together.
const CHUNK: usize = 4096;

/// The last ends. Appending costs no allocation but one for each chunk.
pub(crate) struct Ends {
    chunks: VecDeque<Chunk>,
    origins: Origins,
    max: usize,
    held: usize,
}

/// What is remembered of one message: 24 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    id: MessageId,
    pub(crate) done_at: Timestamp,
    origin: u32,
    pub(crate) member: Member,
    pub(crate) state: FinalState,
}

#[derive(Default)]
struct Chunk {
    lowest: u64,
    highest: u64,
    ends: Vec<End>,
}

/// Accounts and the service numbers they sent from, each pair as one number. Bounded by the configuration.
#[derive(Default)]
struct Origins {
    known: FxHashMap<AccountId, FxHashMap<ServiceNumber, u32>>,
    pairs: Vec<(AccountId, ServiceNumber)>,
    last: u32,
}

impl Ends {
    /// Remembers at least the last `max` ends, and less than a chunk more.
    pub(crate) fn new(max: usize) -> Self {
        Self { chunks: VecDeque::new(), origins: Origins::default(), max, held: 0 }
    }

    pub(crate) fn push(
        &mut self,
        id: MessageId,
        origin: (&AccountId, ServiceNumber),
        member: Member,
        state: FinalState,
        done_at: Timestamp,
    ) {
        if self.max == 0 {
            return;
        }
        let Some(origin) = self.origins.number(origin) else { return };
        if self.chunks.back().is_none_or(|chunk| chunk.ends.len() >= CHUNK) {
            self.begin();
        }
        let Some(chunk) = self.chunks.back_mut() else { return };
        chunk.lowest = chunk.lowest.min(id.0);
        chunk.highest = chunk.highest.max(id.0);
        chunk.ends.push(End { id, done_at, origin, member, state });
        self.held += 1;
    }

    /// How a message ended, if it was this account's and that is still known; and the number it went out from.
    pub(crate) fn find(&self, account: &AccountId, id: MessageId) -> Option<(End, ServiceNumber)> {
        let may_hold = |chunk: &&Chunk| (chunk.lowest..=chunk.highest).contains(&id.0);
        let found = |chunk: &Chunk| chunk.ends.iter().find(|end| end.id == id).copied();
        let end = self.chunks.iter().rev().filter(may_hold).find_map(found)?;
        let (owner, number) = self.origins.pairs.get(usize::try_from(end.origin).ok()?)?;
        (owner == account).then_some((end, *number))
    }

    fn begin(&mut self) {
        while self.held >= self.max.saturating_add(CHUNK) {
            let Some(oldest) = self.chunks.pop_front() else { break };
            self.held -= oldest.ends.len();
        }
        let room = CHUNK.min(self.max.next_multiple_of(64));
        self.chunks.push_back(Chunk { lowest: u64::MAX, highest: 0, ends: Vec::with_capacity(room) });
    }
}

impl Origins {
    fn number(&mut self, (account, number): (&AccountId, ServiceNumber)) -> Option<u32> {
        let last = usize::try_from(self.last).ok()?;
        if self.pairs.get(last).is_some_and(|pair| pair.1 == number && pair.0 == *account) {
            return Some(self.last);
        }
        let known = self.known.get(account).and_then(|numbers| numbers.get(&number)).copied();
        let found = match known {
            Some(known) => known,
            None => {
                let next = u32::try_from(self.pairs.len()).ok()?;
                self.pairs.push((account.clone(), number));
                self.known.entry(account.clone()).or_default().insert(number, next);
                next
            }
        };
        self.last = found;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountId {
        AccountId::parse(name).unwrap()
    }

    fn number(text: &str) -> ServiceNumber {
        ServiceNumber::parse(text).unwrap()
    }

    fn push(ends: &mut Ends, id: u64, owner: &str) {
        let state = FinalState::Delivered;
        let origin = (&account(owner), number("10690001"));
        ends.push(MessageId(id), origin, Member::default(), state, Timestamp(7));
    }

    #[test]
    fn an_end_is_known_to_its_account_only() {
        let mut ends = Ends::new(10);
        push(&mut ends, 5, "a");
        push(&mut ends, 3, "b");
        let (end, from) = ends.find(&account("a"), MessageId(5)).unwrap();
        assert_eq!((end.state, end.done_at, from), (FinalState::Delivered, Timestamp(7), number("10690001")));
        assert!(ends.find(&account("b"), MessageId(5)).is_none());
        assert!(ends.find(&account("b"), MessageId(3)).is_some(), "ends need not come in the order of ids");
        assert!(ends.find(&account("a"), MessageId(4)).is_none());
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let many = u64::try_from(CHUNK).unwrap();
        let mut ends = Ends::new(CHUNK);
        for id in 1..=many * 3 {
            push(&mut ends, id, "a");
        }
        assert!(ends.find(&account("a"), MessageId(1)).is_none());
        assert!(ends.find(&account("a"), MessageId(many * 2 + 1)).is_some(), "the last {CHUNK} are known");
        assert!(ends.held <= 2 * CHUNK);
    }

    #[test]
    fn none_are_remembered_where_none_should_be() {
        let mut ends = Ends::new(0);
        push(&mut ends, 1, "a");
        assert!(ends.find(&account("a"), MessageId(1)).is_none());
    }
}
