//! Which message a receipt speaks of: (channel, id in one canonical form) -> message, also when the receipt
//! comes before the response (smpp-cases 17 and 18).

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use veilgate_names::{FinalState, MessageId, Monotonic};
use veilgate_smpp::text::receipt::IdKey;

use crate::retry::VendorCode;

/// What a receipt says, as far as it may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptFact {
    /// The final state it reports.
    pub state: FinalState,
    /// Its three-digit error, if any.
    pub error: u16,
    /// The carrier's own code, if any.
    pub code: Option<VendorCode>,
}

/// A receipt that waits for its message to get an id. In memory only: if the process dies before the response comes,
/// the message's outcome is unknown, and its receipt would fit nothing however often it was sent.
struct Early {
    fact: ReceiptFact,
    keys: [Option<ChannelKey>; 2],
}

/// What a receipt met.
pub(crate) enum Match {
    Message(MessageId),
    /// Held until the id appears or the hold ends.
    Held,
    /// Its message ended a short while ago.
    Duplicate,
    /// No room to hold it.
    Full,
}

type ChannelKey = (u16, IdKey);

/// The maps of all channels. Bounded by the live messages, `max_early` and `max_recent`.
pub(crate) struct Correlate {
    ids: FxHashMap<ChannelKey, MessageId>,
    /// Held receipts by serial number; `early_keys` leads to them, `early_order` is when their holds end.
    early: FxHashMap<u64, Early>,
    early_keys: FxHashMap<ChannelKey, u64>,
    early_order: VecDeque<(u64, Monotonic)>,
    next_serial: u64,
    recent: FxHashMap<ChannelKey, u32>,
    recent_order: VecDeque<ChannelKey>,
    /// Channels whose receipts have been seen to write ids like their responses: no other reading is tried.
    plain: FxHashSet<u16>,
    hold: Duration,
    max_early: usize,
    max_recent: usize,
}

impl Correlate {
    pub(crate) fn new(hold: Duration, max_early: usize, max_recent: usize) -> Self {
        Self {
            ids: FxHashMap::default(),
            early: FxHashMap::default(),
            early_keys: FxHashMap::default(),
            early_order: VecDeque::new(),
            next_serial: 0,
            recent: FxHashMap::default(),
            recent_order: VecDeque::new(),
            plain: FxHashSet::default(),
            hold,
            max_early,
            max_recent,
        }
    }

    /// An id became known. Returns the receipt that was already there, if any.
    pub(crate) fn learn(&mut self, channel: u16, key: &IdKey, message: MessageId) -> Option<ReceiptFact> {
        let entry = (channel, key.clone());
        let serial = self.early_keys.get(&entry).copied();
        self.ids.insert(entry, message);
        self.release(serial?).map(|early| early.fact)
    }

    /// A receipt came. `keys`: what its id may stand for, likelier first.
    pub(crate) fn receipt(
        &mut self,
        channel: u16,
        keys: [Option<IdKey>; 2],
        fact: ReceiptFact,
        now: Monotonic,
    ) -> Match {
        let [Some(first), second] = keys else { return Match::Duplicate };
        let first = (channel, first);
        if let Some(&message) = self.ids.get(&first) {
            if second.is_some() {
                self.plain.insert(channel);
            }
            return Match::Message(message);
        }
        let second = second.filter(|_| !self.plain.contains(&channel)).map(|key| (channel, key));
        if let Some(&message) = second.as_ref().and_then(|key| self.ids.get(key)) {
            return Match::Message(message);
        }
        let known = |key: &ChannelKey| self.recent.contains_key(key) || self.early_keys.contains_key(key);
        if known(&first) || second.as_ref().is_some_and(known) {
            return Match::Duplicate;
        }
        if self.early.len() >= self.max_early {
            return Match::Full;
        }
        let serial = self.next_serial;
        self.next_serial += 1;
        let keys = [Some(first), second];
        for key in keys.iter().flatten() {
            self.early_keys.insert(key.clone(), serial);
        }
        self.early.insert(serial, Early { fact, keys });
        self.early_order.push_back((serial, now.plus(self.hold)));
        Match::Held
    }

    /// Which message an id means that is not held and not taken out by this.
    pub(crate) fn find(&self, channel: u16, keys: [Option<IdKey>; 2]) -> Option<MessageId> {
        let [first, second] = keys;
        let second = second.filter(|_| !self.plain.contains(&channel));
        let found = |key| self.ids.get(&(channel, key)).copied();
        first.and_then(found).or_else(|| second.and_then(found))
    }

    /// The message ended: its id is remembered for a while, to know duplicates.
    pub(crate) fn forget(&mut self, channel: u16, key: &IdKey, message: MessageId) {
        let entry = (channel, key.clone());
        if self.ids.get(&entry) != Some(&message) {
            return;
        }
        self.ids.remove(&entry);
        while self.recent_order.len() >= self.max_recent.max(1) {
            let Some(oldest) = self.recent_order.pop_front() else { break };
            if let Some(count) = self.recent.get_mut(&oldest) {
                *count -= 1;
                if *count == 0 {
                    self.recent.remove(&oldest);
                }
            }
        }
        *self.recent.entry(entry.clone()).or_insert(0) += 1;
        self.recent_order.push_back(entry);
    }

    /// Lets go of the receipts whose hold has ended, and says how many these were.
    pub(crate) fn expire(&mut self, now: Monotonic) -> u64 {
        let mut expired = 0;
        while let Some(&(serial, until)) = self.early_order.front() {
            if until > now && self.early.contains_key(&serial) {
                break;
            }
            self.early_order.pop_front();
            expired += u64::from(self.release(serial).is_some());
        }
        expired
    }

    fn release(&mut self, serial: u64) -> Option<Early> {
        let early = self.early.remove(&serial)?;
        for key in early.keys.iter().flatten() {
            self.early_keys.remove(key);
        }
        Some(early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACT: ReceiptFact = ReceiptFact { state: FinalState::Delivered, error: 0, code: None };

    fn one(key: u128) -> [Option<IdKey>; 2] {
        [Some(IdKey::Number(key)), None]
    }

    fn correlate(bound: usize) -> Correlate {
        Correlate::new(Duration::from_secs(10), bound, bound)
    }

    #[test]
    fn a_receipt_before_its_response_is_held_and_found() {
        let mut correlate = correlate(4);
        assert!(matches!(correlate.receipt(0, one(7), FACT, Monotonic(0)), Match::Held));
        assert_eq!(correlate.learn(0, &IdKey::Number(7), MessageId(1)), Some(FACT));
        assert_eq!(correlate.expire(Monotonic(u64::MAX)), 0);
    }

    #[test]
    fn ids_belong_to_one_channel() {
        let mut correlate = correlate(4);
        assert!(correlate.learn(0, &IdKey::Number(7), MessageId(1)).is_none());
        assert!(matches!(correlate.receipt(1, one(7), FACT, Monotonic(0)), Match::Held));
        let found = correlate.receipt(0, one(7), FACT, Monotonic(0));
        assert!(matches!(found, Match::Message(MessageId(1))));
    }

    #[test]
    fn a_channel_that_writes_ids_one_way_is_not_read_the_other_way() {
        let mut correlate = correlate(8);
        let both = |a, b| [Some(IdKey::Number(a)), Some(IdKey::Number(b))];
        correlate.learn(0, &IdKey::Number(0x1000), MessageId(1));
        correlate.learn(0, &IdKey::Number(0x2000), MessageId(2));
        let plain = correlate.receipt(0, both(0x2000, 2000), FACT, Monotonic(0));
        assert!(matches!(plain, Match::Message(MessageId(2))));
        let early = correlate.receipt(0, both(0x4096, 0x1000), FACT, Monotonic(0));
        assert!(matches!(early, Match::Held), "decimal 4096 is not the hexadecimal 1000");
        let other_channel = correlate.receipt(1, both(0x30, 30), FACT, Monotonic(0));
        assert!(matches!(other_channel, Match::Held));
        assert!(correlate.learn(1, &IdKey::Number(30), MessageId(3)).is_some());
        assert!(correlate.learn(1, &IdKey::Number(0x30), MessageId(4)).is_none(), "held once, found once");
    }

    #[test]
    fn duplicates_are_known_for_a_while_and_holds_end() {
        let mut correlate = correlate(2);
        correlate.learn(0, &IdKey::Number(7), MessageId(1));
        correlate.forget(0, &IdKey::Number(7), MessageId(1));
        assert!(matches!(correlate.receipt(0, one(7), FACT, Monotonic(0)), Match::Duplicate));
        for key in 10..12 {
            assert!(matches!(correlate.receipt(0, one(key), FACT, Monotonic(0)), Match::Held));
        }
        assert!(matches!(correlate.receipt(0, one(13), FACT, Monotonic(0)), Match::Full));
        assert_eq!(correlate.expire(Monotonic(9_999_999)), 0);
        assert_eq!(correlate.expire(Monotonic(10_000_000)), 2);
        for key in 20..22 {
            correlate.learn(0, &IdKey::Number(key), MessageId(2));
            correlate.forget(0, &IdKey::Number(key), MessageId(2));
        }
        assert!(!matches!(correlate.receipt(0, one(7), FACT, Monotonic(0)), Match::Duplicate));
    }
}
