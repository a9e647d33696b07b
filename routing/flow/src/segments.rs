//! Parts of texts from the north until each text is whole (smpp-cases 13). A part is durable before it counts here and
//! before its sender hears so; a text that is whole, or has waited too long, is taken out and decided on once. Bounded in
//! all, per account and per text.

mod joining;
mod piece;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use veilgate_admission::Registered;
use veilgate_names::{AccountId, EnterpriseId, MessageId, Monotonic, ServiceNumber};

use crate::long::NorthPart;
pub(crate) use piece::{Piece, TextKey, segment_of};
pub use rules::SegmentRules;

/// How many texts that left are remembered, to know parts that come again.
const REMEMBERED: usize = 10_000;

/// A text, as far as it came.
pub(crate) struct Text {
    pub(crate) key: TextKey,
    /// Under which it is sent.
    pub(crate) authorization: Arc<Registered>,
    pieces: BTreeMap<u8, Piece>,
    serial: u64,
    deadline: Monotonic,
}

/// What to do with a part that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It has a place now; [`Segments::insert`] or [`Segments::give_back`] follows.
    Take,
    /// It is there already, durable under this id.
    Again(MessageId),
    /// No room now.
    Full,
    /// The text would be longer than any may be.
    TooLong,
    /// The parts that are there have another coding.
    OtherCoding,
}

/// What a part that became durable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// One more of its text, which may be ready now.
    New,
    /// There already, under this id; its own record is to go.
    Again(MessageId),
}

/// All unfinished texts.
pub(crate) struct Segments {
    rules: SegmentRules,
    max_octets: usize,
    texts: FxHashMap<TextKey, Text>,
    deadlines: BTreeMap<(Monotonic, u64), TextKey>,
    /// Whole or timed out, each not to be tried before its moment.
    ready: VecDeque<(Monotonic, Box<Text>)>,
    held: usize,
    by_account: FxHashMap<AccountId, usize>,
    /// Texts that left a short while ago, to know parts that come again.
    gone: FxHashMap<TextKey, Left>,
    gone_order: VecDeque<(u64, TextKey)>,
    next_serial: u64,
    /// Records of parts that were there already.
    spare: Vec<MessageId>,
    /// Whose the parts are that wait, and from which number.
    ids: FxHashMap<MessageId, (AccountId, ServiceNumber)>,
}

/// What is remembered of a text that left.
struct Left {
    serial: u64,
    at: Monotonic,
    /// Id and hash of each part.
    parts: BTreeMap<u8, (MessageId, u64)>,
}

impl Text {
    /// Whether all parts are there.
    pub(crate) fn is_whole(&self) -> bool {
        self.pieces.len() == usize::from(self.key.total)
    }

    /// The parts that came, in their order, each once.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.values()
    }

    /// What was acknowledged of it.
    pub(crate) fn north(&self) -> Vec<NorthPart> {
        self.pieces().map(Piece::north).collect()
    }

    fn octets(&self) -> usize {
        self.pieces.values().map(|piece| piece.text().len()).sum()
    }
}

impl Segments {
    pub(crate) fn new(rules: SegmentRules, max_octets: usize) -> Self {
        Self {
            rules,
            max_octets,
            texts: FxHashMap::default(),
            deadlines: BTreeMap::new(),
            ready: VecDeque::new(),
            held: 0,
            by_account: FxHashMap::default(),
            gone: FxHashMap::default(),
            gone_order: VecDeque::new(),
            next_serial: 0,
            spare: Vec::new(),
            ids: FxHashMap::default(),
        }
    }

    /// How many parts wait, those under way to the journal too.
    pub(crate) fn len(&self) -> usize {
        self.held
    }

    /// Whether a part may be made durable. Another part under the same numbers closes the text that is there.
    pub(crate) fn admit(&mut self, piece: &Piece, now: Monotonic) -> Admission {
        if let Some(id) = self.left_as(piece, now) {
            return Admission::Again(id);
        }
        let octets = piece.text().len();
        if octets > self.max_octets {
            return Admission::TooLong;
        }
        if let Some(text) = self.texts.get(piece.key()) {
            match text.pieces.get(&piece.number()) {
                Some(held) if held.is_same(piece) => return Admission::Again(held.id),
                Some(_) => self.close(&piece.key().clone(), now),
                None if text.pieces.values().any(|other| !other.is_like(piece)) => {
                    return Admission::OtherCoding;
                }
                None if text.octets() + octets > self.max_octets => return Admission::TooLong,
                None => {}
            }
        }
        let of_account = self.by_account.get(piece.account()).copied().unwrap_or(0);
        if self.held >= self.rules.max || of_account >= self.rules.max_per_account {
            return Admission::Full;
        }
        self.take_place(piece.account());
        Admission::Take
    }

    /// A part with a place is durable.
    pub(crate) fn insert(&mut self, piece: Piece, now: Monotonic) -> Inserted {
        let key = piece.key().clone();
        let held = self.texts.get(&key).and_then(|text| text.pieces.get(&piece.number()));
        let same = held.filter(|held| held.is_same(&piece)).map(|held| held.id);
        if let Some(id) = same.or_else(|| self.left_as(&piece, now)) {
            // It came twice before either was durable.
            self.spare.push(piece.id);
            self.give_back(piece.account(), 1);
            return Inserted::Again(id);
        }
        let differs = |text: &Text| {
            text.pieces.contains_key(&piece.number())
                || text.pieces.values().any(|other| !other.is_like(&piece))
        };
        if self.texts.get(&key).is_some_and(differs) {
            self.close(&key, now);
        }
        self.place(key, piece, now);
        Inserted::New
    }

    fn place(&mut self, key: TextKey, piece: Piece, now: Monotonic) {
        let deadline = now.plus(self.rules.timeout);
        let serial = self.next_serial;
        let text = self.texts.entry(key.clone()).or_insert_with(|| {
            self.next_serial += 1;
            self.deadlines.insert((deadline, serial), key.clone());
            let authorization = Arc::clone(&piece.authorization);
            Text { key: key.clone(), authorization, pieces: BTreeMap::new(), serial, deadline }
        });
        self.ids.insert(piece.id, (piece.account().clone(), piece.record.service_number));
        text.pieces.insert(piece.number(), piece);
        if text.is_whole() {
            self.close(&key, now);
        }
    }

    /// Whether a text is to be decided on.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Records to be deleted beside.
    pub(crate) fn take_spare(&mut self) -> Vec<MessageId> {
        std::mem::take(&mut self.spare)
    }

    /// A part from the store, `age` old: it has a place whatever the bounds say.
    pub(crate) fn restore(&mut self, piece: Piece, age: Duration, now: Monotonic) {
        let key = piece.key().clone();
        self.take_place(piece.account());
        self.insert(piece, now);
        let sooner = now.plus(self.rules.timeout.saturating_sub(age));
        if let Some(text) = self.texts.get_mut(&key)
            && sooner < text.deadline
        {
            self.deadlines.remove(&(text.deadline, text.serial));
            text.deadline = sooner;
            self.deadlines.insert((sooner, text.serial), key);
        }
    }

    /// The number from which an account sent a part that waits.
    pub(crate) fn number_of(&self, account: &AccountId, id: MessageId) -> Option<ServiceNumber> {
        self.ids.get(&id).filter(|(owner, _)| owner == account).map(|(_, number)| *number)
    }

    /// A text that was decided on is gone.
    pub(crate) fn left(&mut self, text: &Text) {
        for piece in text.pieces() {
            self.ids.remove(&piece.id);
            self.give_back(piece.account(), 1);
        }
    }

    /// Parts that were not made durable, or have left.
    pub(crate) fn give_back(&mut self, account: &AccountId, count: usize) {
        self.held = self.held.saturating_sub(count);
        if let Some(held) = self.by_account.get_mut(account) {
            *held = held.saturating_sub(count);
            if *held == 0 {
                self.by_account.remove(account);
            }
        }
    }

    /// The next text to be decided on: whole, or out of time. It comes back by [`Self::again`], or its places do by
    /// [`Self::give_back`].
    pub(crate) fn next_ready(&mut self, now: Monotonic) -> Option<Box<Text>> {
        while let Some((&(deadline, _), key)) = self.deadlines.first_key_value()
            && deadline <= now
        {
            let key = key.clone();
            self.close(&key, now);
        }
        let place = self.ready.iter().take(64).position(|(not_before, _)| *not_before <= now)?;
        self.ready.remove(place).map(|(_, text)| text)
    }

    /// A text whose end could not be written yet.
    pub(crate) fn again(&mut self, text: Box<Text>, not_before: Monotonic) {
        self.ready.push_back((not_before, text));
    }

    /// The authorizations under which something waits.
    pub(crate) fn authorizations(&self) -> impl Iterator<Item = &Arc<Registered>> {
        let ready = self.ready.iter().map(|(_, text)| &**text);
        self.texts.values().chain(ready).map(|text| &text.authorization)
    }

    /// How many texts of an enterprise wait.
    pub(crate) fn of(&self, tenant: &EnterpriseId) -> usize {
        self.authorizations().filter(|held| held.enterprise() == tenant).count()
    }

    /// Closes every text of an enterprise: they are the next to be decided on.
    pub(crate) fn close_of(&mut self, tenant: &EnterpriseId, now: Monotonic) {
        let of_tenant = |text: &&Text| text.authorization.enterprise() == tenant;
        let keys: Vec<TextKey> = self.texts.values().filter(of_tenant).map(|text| text.key.clone()).collect();
        keys.iter().for_each(|key| self.close(key, now));
    }

    /// Takes a text out of those that wait; its parts are known from now on as parts that came.
    fn close(&mut self, key: &TextKey, now: Monotonic) {
        let Some(text) = self.texts.remove(key) else { return };
        self.deadlines.remove(&(text.deadline, text.serial));
        while self.gone_order.len() >= REMEMBERED {
            let Some((serial, oldest)) = self.gone_order.pop_front() else { break };
            if self.gone.get(&oldest).is_some_and(|left| left.serial == serial) {
                self.gone.remove(&oldest);
            }
        }
        let parts = text.pieces.iter().map(|(number, piece)| (*number, (piece.id, piece.hash()))).collect();
        self.gone.insert(key.clone(), Left { serial: text.serial, at: now, parts });
        self.gone_order.push_back((text.serial, key.clone()));
        self.ready.push_back((Monotonic(0), Box::new(text)));
    }

    /// The id of a part that left within the time that parts have, and is the same.
    fn left_as(&self, piece: &Piece, now: Monotonic) -> Option<MessageId> {
        if self.texts.contains_key(piece.key()) {
            return None;
        }
        let left = self.gone.get(piece.key()).filter(|left| now < left.at.plus(self.rules.timeout))?;
        let (id, hash) = left.parts.get(&piece.number())?;
        (*hash == piece.hash()).then_some(*id)
    }

    fn take_place(&mut self, account: &AccountId) {
        self.held += 1;
        *self.by_account.entry(account.clone()).or_insert(0) += 1;
    }
}
