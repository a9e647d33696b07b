//! What one person was contacted with lately: stamps in the order of their times, in as few octets as it takes. All
//! limits are counted over the same stamps.

use veilgate_names::{Category, MessageId, Service};

use super::limits::Limit;

/// The most contacts a person's log holds.
pub const MAX_STAMPS: usize = 256;
/// Times stand in 6 octets.
pub(super) const MAX_TIME: i64 = (1 << 48) - 1;

/// Who contacts somebody, with what and as what, by the marks of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sender {
    pub(super) enterprise: u32,
    /// 0: none.
    pub(super) signature: u32,
    /// 0: none.
    pub(super) template: u32,
    pub(super) category: Category,
    pub(super) service: Service,
}

/// A contact, as a log takes and gives it.
#[derive(Clone, Copy)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct Entry {
    pub(super) id: MessageId,
    /// Milliseconds since 1970, 0 to [`MAX_TIME`].
    pub(super) at: i64,
    /// The mark of its text; 0: none.
    pub(super) text: u32,
    pub(super) sender: Sender,
}

/// Never empty but while it is being changed.
pub(super) struct Log {
    /// Each different, each named by a stamp.
    senders: Box<[Sender]>,
    /// At most [`MAX_STAMPS`], the oldest first.
    stamps: Box<[Stamp]>,
}

/// 19 octets, without padding.
#[derive(Clone, Copy)]
struct Stamp {
    id: [u8; 8],
    at: [u8; 6],
    text: [u8; 4],
    /// Its place among the senders.
    sender: u8,
}

impl Log {
    pub(super) fn of(entry: &Entry) -> Self {
        Self { senders: Box::new([entry.sender]), stamps: Box::new([Stamp::of(entry, 0)]) }
    }

    pub(super) fn is_full(&self) -> bool {
        self.stamps.len() >= MAX_STAMPS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }

    pub(super) fn has(&self, id: MessageId) -> bool {
        self.stamps.iter().any(|stamp| stamp.id() == id)
    }

    pub(super) fn oldest(&self) -> Option<Entry> {
        self.stamps.first().and_then(|stamp| self.entry(stamp))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = MessageId> {
        self.stamps.iter().map(Stamp::id)
    }

    /// Adds a contact; there must be room.
    pub(super) fn add(&mut self, entry: &Entry) {
        let place = match self.senders.iter().position(|sender| *sender == entry.sender) {
            Some(place) => place,
            None => {
                let place = self.senders.len();
                insert(&mut self.senders, place, entry.sender);
                place
            }
        };
        let stamp = Stamp::of(entry, u8::try_from(place).unwrap_or(u8::MAX));
        let behind = self.stamps.iter().rposition(|held| held.at() <= entry.at).map_or(0, |place| place + 1);
        insert(&mut self.stamps, behind, stamp);
    }

    /// Takes a contact out; false if it is not there.
    pub(super) fn forget(&mut self, id: MessageId) -> bool {
        let is_there = self.has(id);
        if is_there {
            self.keep(|stamp, _| stamp.id() != id);
        }
        is_there
    }

    /// Takes out all that are over, telling their ids.
    pub(super) fn expire(&mut self, is_over: impl Fn(&Entry) -> bool, mut gone: impl FnMut(MessageId)) {
        let of_them = |stamp: &Stamp, log: &Self| log.entry(stamp).is_none_or(|entry| is_over(&entry));
        if !self.stamps.iter().any(|stamp| of_them(stamp, self)) {
            return;
        }
        self.keep(|stamp, log| {
            let over = of_them(stamp, log);
            if over {
                gone(stamp.id());
            }
            !over
        });
    }

    /// The clock was set back to `now`: what was before that was not later.
    pub(super) fn turn_back(&mut self, now: i64) {
        for stamp in self.stamps.iter_mut().rev().take_while(|stamp| stamp.at() > now) {
            stamp.at = time(now);
        }
    }

    /// When the last of the limit's windows that are full will have room; `None` if all have. A contact that was counted
    /// before does not count against itself.
    pub(super) fn full_until(&self, limit: &Limit, asked: &Entry) -> Option<i64> {
        let among = self.together(limit, &asked.sender)?;
        let text = asked.text.to_be_bytes();
        let counts = |stamp: &&Stamp| {
            among.has(stamp.sender) && (!limit.same_content || stamp.text == text) && stamp.id() != asked.id
        };
        let until = |window: &super::limits::Window| {
            let start = window.span.start(asked.at);
            let lately = self.stamps.iter().rev().take_while(|stamp| stamp.at() >= start);
            let first_to_leave = lately.filter(counts).nth(window.most.saturating_sub(1))?;
            Some(window.span.end(first_to_leave.at(), asked.at))
        };
        limit.windows.iter().filter_map(until).max()
    }

    /// Which senders a limit counts together with this one; `None` if there are none.
    fn together(&self, limit: &Limit, asked: &Sender) -> Option<Places> {
        let mut places = Places::default();
        for (place, sender) in self.senders.iter().enumerate() {
            if limit.joins(sender, asked) && limit.covers(sender) {
                places.add(place);
            }
        }
        (places != Places::default()).then_some(places)
    }

    fn entry(&self, stamp: &Stamp) -> Option<Entry> {
        let sender = *self.senders.get(usize::from(stamp.sender))?;
        Some(Entry { id: stamp.id(), at: stamp.at(), text: u32::from_be_bytes(stamp.text), sender })
    }

    fn keep(&mut self, mut keeps: impl FnMut(&Stamp, &Self) -> bool) {
        let mut stamps = std::mem::take(&mut self.stamps).into_vec();
        stamps.retain(|stamp| keeps(stamp, self));
        self.stamps = stamps.into_boxed_slice();
        self.drop_senders();
    }

    /// Forgets the senders that no stamp names any more.
    fn drop_senders(&mut self) {
        let mut named = Places::default();
        for stamp in &self.stamps {
            named.add(usize::from(stamp.sender));
        }
        if named.count() == self.senders.len() {
            return;
        }
        for stamp in &mut self.stamps {
            stamp.sender = named.count_before(stamp.sender);
        }
        let senders = std::mem::take(&mut self.senders).into_vec();
        let kept = senders.into_iter().enumerate().filter(|(place, _)| named.has_place(*place));
        self.senders = kept.map(|(_, sender)| sender).collect();
    }
}

impl Stamp {
    fn of(entry: &Entry, sender: u8) -> Self {
        Self { id: entry.id.0.to_be_bytes(), at: time(entry.at), text: entry.text.to_be_bytes(), sender }
    }

    fn id(&self) -> MessageId {
        MessageId(u64::from_be_bytes(self.id))
    }

    fn at(&self) -> i64 {
        let [a, b, c, d, e, f] = self.at;
        i64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }
}

/// The octets of a time.
pub(super) fn time(at: i64) -> [u8; 6] {
    let [_, _, a, b, c, d, e, f] = at.clamp(0, MAX_TIME).to_be_bytes();
    [a, b, c, d, e, f]
}

/// Puts something into a slice that has no room to spare, so that a log is as small as it can be.
fn insert<T>(into: &mut Box<[T]>, place: usize, what: T) {
    let mut grown = std::mem::take(into).into_vec();
    grown.reserve_exact(1);
    grown.insert(place, what);
    *into = grown.into_boxed_slice();
}

/// Some of 256 places.
#[derive(Default, PartialEq, Eq)]
struct Places([u64; 4]);

impl Places {
    fn add(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn has(&self, place: u8) -> bool {
        self.has_place(usize::from(place))
    }

    fn has_place(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn count(&self) -> usize {
        self.0.iter().map(|word| usize::try_from(word.count_ones()).unwrap_or(0)).sum()
    }

    fn count_before(&self, place: u8) -> u8 {
        let before = (0..place).filter(|earlier| self.has(*earlier)).count();
        u8::try_from(before).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests;
