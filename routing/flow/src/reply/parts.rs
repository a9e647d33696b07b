//! Parts of long replies until their text is whole (smpp-cases 13). A part is durable before it counts here and before
//! its SMSC hears so; a text that is whole, or has waited too long, is taken out and delivered once. Bounded in all, per
//! writer and per text. It knows writers by key only; the number to be masked lies in an opaque `Known`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rustc_hash::FxHashMap;
use veilgate_identity::Known;
use veilgate_names::{
    AuthorizationId, Extension, MessageId, Monotonic, Octets, ServiceNumber, SubscriberKey, Timestamp,
};
use veilgate_smpp::text::encoding::DefaultAlphabet;

use super::ReplyRules;

/// How many delivered texts are remembered, to know parts that come twice.
const REMEMBERED: usize = 10_000;

/// What the parts of one text have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TextKey {
    pub(crate) subscriber: SubscriberKey,
    pub(crate) service_number: ServiceNumber,
    pub(crate) extension: Extension,
    pub(crate) reference: u16,
    pub(crate) total: u8,
}

/// The content of a part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    /// Its own id, the key of its record.
    pub(crate) id: MessageId,
    pub(crate) data_coding: u8,
    pub(crate) alphabet: DefaultAlphabet,
    pub(crate) octets: Octets,
}

/// A part of a long reply.
pub(crate) struct Part {
    pub(crate) key: TextKey,
    /// Which part, 1 to the total.
    pub(crate) number: u8,
    pub(crate) authorization: AuthorizationId,
    pub(crate) piece: Piece,
    pub(crate) received: Timestamp,
    /// Who wrote it; none after a restart.
    pub(crate) writer: Option<Known>,
}

/// A text, as far as it came.
pub(crate) struct Text {
    pub(crate) key: TextKey,
    pub(crate) authorization: AuthorizationId,
    pub(crate) writer: Option<Known>,
    pieces: BTreeMap<u8, Piece>,
    deadline: Monotonic,
}

/// What to do with a part that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It has a place now; [`Parts::insert`] or [`Parts::give_back`] follows.
    Take,
    /// It is there already.
    Duplicate,
    /// No room now.
    Full,
    /// The text would be longer than any may be.
    TooLong,
}

/// All unfinished texts.
pub(crate) struct Parts {
    rules: ReplyRules,
    texts: FxHashMap<TextKey, Text>,
    deadlines: BTreeSet<(Monotonic, TextKey)>,
    /// Whole or timed out, each not to be tried before its moment.
    ready: VecDeque<(Monotonic, Text)>,
    held: usize,
    by_writer: FxHashMap<SubscriberKey, usize>,
    /// Texts that left: a hash of each part, to know one that comes again.
    left: FxHashMap<TextKey, (u64, BTreeMap<u8, u64>)>,
    left_order: VecDeque<(u64, TextKey)>,
    next_left: u64,
    /// Records of parts that were there already.
    spare: Vec<MessageId>,
}

impl Piece {
    /// Whether both can be read together.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.data_coding, self.alphabet) == (other.data_coding, other.alphabet)
    }
}

impl Text {
    /// How many parts it has when it is whole.
    pub(super) fn total(&self) -> u8 {
        self.key.total
    }

    pub(super) fn piece(&self, number: u8) -> Option<&Piece> {
        self.pieces.get(&number)
    }

    /// What `data_coding` 0 means where it came from.
    pub(super) fn alphabet(&self) -> DefaultAlphabet {
        self.pieces.values().next().map_or_else(DefaultAlphabet::default, |piece| piece.alphabet)
    }

    /// The records that go when it is delivered.
    pub(super) fn records(&self) -> impl Iterator<Item = MessageId> {
        self.pieces.values().map(|piece| piece.id)
    }

    /// How many parts came.
    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    fn is_whole(&self) -> bool {
        self.len() == usize::from(self.key.total)
    }

    fn octets(&self) -> usize {
        self.pieces.values().map(|piece| piece.octets.len()).sum()
    }
}

impl Parts {
    pub(crate) fn new(rules: ReplyRules) -> Self {
        Self {
            rules,
            texts: FxHashMap::default(),
            deadlines: BTreeSet::new(),
            ready: VecDeque::new(),
            held: 0,
            by_writer: FxHashMap::default(),
            left: FxHashMap::default(),
            left_order: VecDeque::new(),
            next_left: 0,
            spare: Vec::new(),
        }
    }

    /// How many parts wait, those under way to the journal too.
    pub(crate) fn len(&self) -> usize {
        self.held
    }

    /// Whether a part may be made durable. Another text under the same reference closes the one that is there.
    pub(crate) fn admit(&mut self, key: &TextKey, number: u8, octets: &[u8]) -> Admission {
        if self.is_left(key, number, octets) {
            return Admission::Duplicate;
        }
        if octets.len() > self.rules.max_octets {
            return Admission::TooLong;
        }
        match self.texts.get(key).map(|text| (text.piece(number), text.octets())) {
            Some((Some(piece), _)) if *piece.octets == *octets => return Admission::Duplicate,
            Some((Some(_), _)) => self.close(key),
            Some((None, before)) if before + octets.len() > self.rules.max_octets => {
                return Admission::TooLong;
            }
            _ => {}
        }
        let writer = self.by_writer.get(&key.subscriber).copied().unwrap_or(0);
        if self.held >= self.rules.max_parts || writer >= self.rules.max_parts_per_writer {
            return Admission::Full;
        }
        self.take_place(key.subscriber);
        Admission::Take
    }

    /// A part with a place is durable.
    pub(crate) fn insert(&mut self, part: Part, now: Monotonic) {
        let Part { key, number, authorization, piece, writer, .. } = part;
        if self.texts.get(&key).is_some_and(|text| text.pieces.contains_key(&number))
            || self.is_left(&key, number, &piece.octets)
        {
            // It came twice before either was durable.
            self.spare.push(piece.id);
            return self.give_back(key.subscriber, 1);
        }
        let deadline = now.plus(self.rules.part_timeout);
        let text = self.texts.entry(key).or_insert_with(|| {
            self.deadlines.insert((deadline, key));
            Text { key, authorization, writer: None, pieces: BTreeMap::new(), deadline }
        });
        text.writer = writer.or(text.writer.take());
        text.pieces.insert(number, piece);
        if text.is_whole() {
            self.close(&key);
        }
    }

    /// A part from the store, `age` old: it has a place whatever the bounds say.
    pub(crate) fn restore(&mut self, part: Part, age: Duration, now: Monotonic) {
        let key = part.key;
        self.take_place(key.subscriber);
        self.insert(part, now);
        let left = self.rules.part_timeout.saturating_sub(age);
        if let Some(text) = self.texts.get_mut(&key) {
            let sooner = now.plus(left).min(text.deadline);
            self.deadlines.remove(&(text.deadline, key));
            text.deadline = sooner;
            self.deadlines.insert((sooner, key));
        }
    }

    /// Parts that were not made durable, or have left.
    pub(crate) fn give_back(&mut self, subscriber: SubscriberKey, count: usize) {
        self.held = self.held.saturating_sub(count);
        if let Some(held) = self.by_writer.get_mut(&subscriber) {
            *held = held.saturating_sub(count);
            if *held == 0 {
                self.by_writer.remove(&subscriber);
            }
        }
    }

    /// The next text to be delivered: whole, or out of time. It comes back by [`Self::again`], or its places do by
    /// [`Self::give_back`].
    pub(crate) fn next_ready(&mut self, now: Monotonic) -> Option<Text> {
        while let Some((deadline, key)) = self.deadlines.first().copied()
            && deadline <= now
        {
            self.close(&key);
        }
        let place = self.ready.iter().take(64).position(|(not_before, _)| *not_before <= now)?;
        self.ready.remove(place).map(|(_, text)| text)
    }

    /// A text that could not be delivered yet.
    pub(crate) fn again(&mut self, text: Text, not_before: Monotonic) {
        self.ready.push_back((not_before, text));
    }

    /// Records to be deleted beside.
    pub(crate) fn take_spare(&mut self) -> Vec<MessageId> {
        std::mem::take(&mut self.spare)
    }

    /// Takes a text out of those that wait; its parts are known from now on as parts that came.
    fn close(&mut self, key: &TextKey) {
        let Some(text) = self.texts.remove(key) else { return };
        self.deadlines.remove(&(text.deadline, *key));
        while self.left_order.len() >= REMEMBERED {
            let Some((serial, oldest)) = self.left_order.pop_front() else { break };
            if self.left.get(&oldest).is_some_and(|(held, _)| *held == serial) {
                self.left.remove(&oldest);
            }
        }
        let hashes = text.pieces.iter().map(|(number, piece)| (*number, hash(&piece.octets))).collect();
        self.left.insert(*key, (self.next_left, hashes));
        self.left_order.push_back((self.next_left, *key));
        self.next_left += 1;
        self.ready.push_back((Monotonic(0), text));
    }

    fn is_left(&self, key: &TextKey, number: u8, octets: &[u8]) -> bool {
        self.left.get(key).is_some_and(|(_, parts)| parts.get(&number) == Some(&hash(octets)))
    }

    fn take_place(&mut self, subscriber: SubscriberKey) {
        self.held += 1;
        *self.by_writer.entry(subscriber).or_insert(0) += 1;
    }
}

fn hash(octets: &[u8]) -> u64 {
    use std::hash::BuildHasher as _;
    rustc_hash::FxBuildHasher.hash_one(octets)
}

#[cfg(test)]
mod tests;
