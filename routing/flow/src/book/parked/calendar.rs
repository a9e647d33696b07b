//! Messages that wait for a time of day: 16 octets each, in buckets of a second. Times are wall times: a clock that is set
//! forward makes due at once what it passes, one that is set back makes it wait again; what has left is not here any more.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

use veilgate_names::{MessageId, Timestamp};

use crate::line::second_of;

/// One message that is scheduled, due, or to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Later {
    pub(super) id: MessageId,
    /// When in its second it is due.
    pub(super) millis: u16,
    pub(super) tenant: u16,
    pub(super) tag: u32,
}

/// See the module.
#[derive(Default)]
pub(super) struct Calendar {
    seconds: BTreeMap<u32, Vec<Later>>,
    len: usize,
}

impl Calendar {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, due: Timestamp, mut later: Later) {
        later.millis = millis_of(due);
        self.seconds.entry(second_of(due)).or_default().push(later);
        self.len += 1;
    }

    /// Whether [`Self::take_due`] may find something.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.seconds.first_key_value().is_some_and(|(second, bucket)| {
            *second < second_of(now)
                || *second == second_of(now) && bucket.iter().any(|later| later.millis <= millis_of(now))
        })
    }

    /// Takes out what is due in the first second that has come; empty if nothing is.
    pub(super) fn take_due(&mut self, now: Timestamp) -> VecDeque<Later> {
        let (this_second, this_milli) = (second_of(now), millis_of(now));
        let Some(mut entry) = self.seconds.first_entry().filter(|entry| *entry.key() <= this_second) else {
            return VecDeque::new();
        };
        let all = *entry.key() < this_second || entry.get().iter().all(|later| later.millis <= this_milli);
        let due = if all {
            entry.remove()
        } else {
            let bucket = entry.get_mut();
            let (due, rest) = bucket.drain(..).partition(|later| later.millis <= this_milli);
            *bucket = rest;
            due
        };
        self.len -= due.len();
        due.into()
    }

    pub(super) fn remove(&mut self, due: Timestamp, id: MessageId) -> Option<Later> {
        let bucket = self.seconds.get_mut(&second_of(due))?;
        let place = bucket.iter().position(|later| later.id == id)?;
        let found = bucket.remove(place);
        if bucket.is_empty() {
            self.seconds.remove(&second_of(due));
        }
        self.len -= 1;
        Some(found)
    }

    /// Takes out what is `wanted` behind the second `after`, looking at about `budget` messages. Gives the second to go on
    /// behind, or `None` at the end.
    pub(super) fn sift(
        &mut self,
        after: Option<u32>,
        budget: &mut usize,
        wanted: impl Fn(&Later) -> bool,
        out: &mut Vec<Later>,
    ) -> Option<u32> {
        let before = out.len();
        let mut last = None;
        let mut emptied = Vec::new();
        let bounds = (after.map_or(Unbounded, Excluded), Unbounded);
        for (second, bucket) in self.seconds.range_mut::<u32, _>(bounds) {
            if *budget == 0 {
                break;
            }
            *budget = budget.saturating_sub(bucket.len().max(1));
            last = Some(*second);
            if bucket.iter().any(&wanted) {
                out.extend(bucket.extract_if(.., |later| wanted(later)));
                emptied.extend(bucket.is_empty().then_some(*second));
            }
        }
        for second in emptied {
            self.seconds.remove(&second);
        }
        self.len -= out.len() - before;
        last.filter(|_| *budget == 0)
    }
}

fn millis_of(at: Timestamp) -> u16 {
    u16::try_from(at.0.rem_euclid(1000)).unwrap_or(0)
}
