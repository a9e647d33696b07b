//! Requests of ours that are open: a ring indexed by sequence number, threaded in the order of sending. All wait
//! equally long, so the oldest times out first and one deadline does for all. Nothing is allocated per request.

use veilgate_names::Monotonic;

#[cfg(test)]
mod tests;

/// The highest sequence number that we use (SMPP 3.4, 3.2).
const LAST_SEQUENCE: u32 = 0x7FFF_FFFF;

/// How many late requests are remembered at least: with a window of 100, ten windows of timeouts.
const LATE: usize = 1024;

/// No slot.
const NONE: usize = usize::MAX;

#[derive(Clone, Copy)]
struct Slot {
    /// 0 when free.
    sequence: u32,
    token: u64,
    sent: Monotonic,
    older: usize,
    newer: usize,
}

const FREE: Slot = Slot { sequence: 0, token: 0, sent: Monotonic(0), older: NONE, newer: NONE };

/// A request that timed out and may still be answered.
#[derive(Clone, Copy)]
struct Late {
    /// 0 when free.
    sequence: u32,
    token: u64,
}

pub(super) struct Window {
    slots: Box<[Slot]>,
    late: Box<[Late]>,
    oldest: usize,
    newest: usize,
    open: u16,
    limit: u16,
    next: u32,
}

/// What a response belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matched {
    Open(u64),
    Late(u64),
}

impl Window {
    /// Room for `limit` open requests, in a ring of at least twice as many slots: so a slow answer holds up nobody,
    /// its slot is stepped over.
    pub(super) fn new(limit: u16, first_sequence: u32) -> Self {
        let slots = (usize::from(limit) * 2).next_power_of_two().max(2);
        Self {
            slots: vec![FREE; slots].into(),
            late: Box::default(),
            oldest: NONE,
            newest: NONE,
            open: 0,
            limit,
            next: first_sequence.clamp(1, LAST_SEQUENCE),
        }
    }

    pub(super) const fn free(&self) -> u16 {
        self.limit - self.open
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// A sequence number for a request that is not kept here (`bind`, `enquire_link`, `unbind`).
    pub(super) fn sequence(&mut self) -> u32 {
        loop {
            let sequence = self.next;
            self.next = if sequence == LAST_SEQUENCE { 1 } else { sequence + 1 };
            let at = place(sequence, self.slots.len());
            if self.slots.get(at).is_none_or(|slot| slot.sequence == 0) {
                return sequence;
            }
        }
    }

    /// Opens a request; `None` when as many are open as may be.
    pub(super) fn open(&mut self, token: u64, now: Monotonic) -> Option<u32> {
        if self.open >= self.limit {
            return None;
        }
        let sequence = self.sequence();
        let at = place(sequence, self.slots.len());
        *self.slots.get_mut(at)? = Slot { sequence, token, sent: now, older: self.newest, newer: NONE };
        match self.slots.get_mut(self.newest) {
            Some(before) => before.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
        self.open += 1;
        Some(sequence)
    }

    /// Closes the request that this response answers.
    pub(super) fn answer(&mut self, sequence: u32) -> Option<Matched> {
        let at = place(sequence, self.slots.len());
        if self.slots.get(at).is_some_and(|slot| slot.sequence == sequence && sequence != 0) {
            return self.remove(at).map(|slot| Matched::Open(slot.token));
        }
        let at = place(sequence, self.late.len());
        let late = self.late.get_mut(at).filter(|late| late.sequence == sequence && sequence != 0)?;
        late.sequence = 0;
        Some(Matched::Late(late.token))
    }

    /// When the oldest was sent.
    pub(super) fn oldest_sent(&self) -> Option<Monotonic> {
        self.slots.get(self.oldest).map(|slot| slot.sent)
    }

    /// Closes the oldest without an answer and remembers it as late.
    pub(super) fn time_out(&mut self) -> Option<u64> {
        let Slot { sequence, token, .. } = self.remove(self.oldest)?;
        if self.late.is_empty() {
            self.late = vec![Late { sequence: 0, token: 0 }; self.slots.len().max(LATE)].into();
        }
        if let Some(late) = self.late.get_mut(place(sequence, self.late.len())) {
            *late = Late { sequence, token };
        }
        Some(token)
    }

    /// The tokens of all open requests, oldest first.
    pub(super) fn tokens(&self) -> impl Iterator<Item = u64> + '_ {
        let mut at = self.oldest;
        std::iter::from_fn(move || {
            let slot = self.slots.get(at)?;
            at = slot.newer;
            Some(slot.token)
        })
    }

    fn remove(&mut self, at: usize) -> Option<Slot> {
        let slot = std::mem::replace(self.slots.get_mut(at)?, FREE);
        match self.slots.get_mut(slot.older) {
            Some(older) => older.newer = slot.newer,
            None => self.oldest = slot.newer,
        }
        match self.slots.get_mut(slot.newer) {
            Some(newer) => newer.older = slot.older,
            None => self.newest = slot.older,
        }
        self.open -= 1;
        Some(slot)
    }
}

/// The place of a number in a ring whose length is 0 or a power of two.
fn place(sequence: u32, length: usize) -> usize {
    usize::try_from(sequence).unwrap_or(usize::MAX) & length.saturating_sub(1)
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Window({} of {})", self.open, self.limit)
    }
}
