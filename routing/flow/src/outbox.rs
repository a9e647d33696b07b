//! The queue in which receipts and replies wait until their account has taken them. Some are in memory; of those behind them
//! only the records in the store are kept, and 16 octets each say which.
//!
//! ```text
//!   push --> behind --fetch--> fetching --fetched--> waiting --take--> in flight --settle--> gone
//!     |                                                 ^                  |
//!     `--- while nothing is behind and there is room ---'<-----------------' again, returned
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use veilgate_names::{EnterpriseId, MessageId, Monotonic, Timestamp};

use crate::delivery::{Content, Delivery};
use crate::line::{Line, Slip, second_after, second_of};

/// What became of an attempt to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// `deliver_sm_resp` with ESME_ROK.
    Taken,
    /// A temporary error or silence: again later, with the same id.
    Again,
    /// A permanent error: the account does not want it.
    Refused,
    /// The session ended before an answer: again as soon as possible.
    Returned,
}

/// How many of those in front are looked at for the next one.
const LOOK_AT: usize = 64;
/// The second in which what does not expire would.
const NEVER: u32 = u32::MAX;

/// The deliveries of one account, in order. Bounded: a full outbox is told north as `queue_full` and south as
/// "later", never dropped.
#[derive(Debug)]
pub struct Outbox {
    waiting: VecDeque<(Monotonic, Arc<Delivery>)>,
    in_flight: FxHashMap<MessageId, Arc<Delivery>>,
    /// Come after all that wait; tagged with their enterprise's number here.
    behind: Line,
    /// Were the first of those behind and are being read back, in order.
    fetching: Vec<Slip>,
    enterprises: FxHashMap<EnterpriseId, u32>,
    max: usize,
    resident: usize,
    retry_after: Duration,
}

impl Outbox {
    /// An empty outbox that holds at most `max` deliveries, about `resident` of them in memory.
    #[must_use]
    pub fn new(max: usize, resident: usize, retry_after: Duration) -> Self {
        Self {
            waiting: VecDeque::new(),
            in_flight: FxHashMap::default(),
            behind: Line::default(),
            fetching: Vec::new(),
            enterprises: FxHashMap::default(),
            max,
            resident,
            retry_after,
        }
    }

    /// Changes how many it may hold; what is there stays.
    pub fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// How many deliveries have not been taken yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.waiting.len() + self.in_flight.len() + self.parked()
    }

    /// Those of them of which only the record is kept.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.behind.len() + self.fetching.len()
    }

    /// Whether no further message of this account should be accepted.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pending() >= self.max
    }

    /// How full it is, percent; 100 and more is full.
    pub(crate) fn fill(&self) -> usize {
        self.pending().saturating_mul(100) / self.max.max(1)
    }

    /// How many of them are an enterprise's.
    pub(crate) fn of(&self, enterprise: &EnterpriseId) -> usize {
        let waiting = self.waiting.iter().map(|(_, delivery)| delivery);
        let held = waiting.chain(self.in_flight.values());
        let held = held.filter(|delivery| delivery.enterprise == *enterprise).count();
        let parked = |tag: &u32| {
            let fetching = self.fetching.iter().filter(|slip| slip.tag == *tag).count();
            fetching + self.behind.count(|of| of == *tag)
        };
        held + self.enterprises.get(enterprise).map_or(0, parked)
    }

    /// Forgets those of an enterprise. Gives how many.
    pub(crate) fn drop_of(&mut self, enterprise: &EnterpriseId) -> usize {
        let before = self.pending();
        self.waiting.retain(|(_, delivery)| delivery.enterprise != *enterprise);
        self.in_flight.retain(|_, delivery| delivery.enterprise != *enterprise);
        if let Some(tag) = self.enterprises.get(enterprise).copied() {
            self.fetching.retain(|slip| slip.tag != tag);
            let mut all = usize::MAX;
            self.behind.sift(0, &mut all, |of| of == tag, &mut Vec::new());
        }
        before - self.pending()
    }

    /// Adds a delivery that is already durable; durable ones are never turned away.
    pub fn push(&mut self, delivery: Arc<Delivery>) {
        if self.parked() == 0 && self.waiting.len() < self.resident {
            return self.waiting.push_back((Monotonic(0), delivery));
        }
        let tag = match self.enterprises.get(&delivery.enterprise) {
            Some(tag) => *tag,
            None => {
                let tag = u32::try_from(self.enterprises.len()).unwrap_or(u32::MAX);
                self.enterprises.insert(delivery.enterprise.clone(), tag);
                tag
            }
        };
        let expires = ended_at(&delivery).map_or(NEVER, second_after);
        self.behind.push(Slip { id: delivery.id, expires, tag });
    }

    /// Whether so few are left in memory that some are to be read back.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        self.fetching.is_empty() && self.behind.len() > 0 && self.waiting.len() <= self.resident / 2
    }

    /// Up to `most` that are to be read back now, oldest first: none if it [wants none](Self::wants_more). To be followed by
    /// [`Self::fetched`] or [`Self::unfetch`].
    pub(crate) fn fetch(&mut self, most: usize) -> Vec<MessageId> {
        if !self.wants_more() {
            return Vec::new();
        }
        let most = most.min(self.resident.saturating_sub(self.waiting.len())).max(1);
        self.fetching = std::iter::from_fn(|| self.behind.pop()).take(most).collect();
        self.fetching.iter().map(|slip| slip.id).collect()
    }

    /// What was to be read back has been read, in the same order; what could not be opened is missing and stays in the store. What
    /// was [dropped](Self::drop_of) meanwhile stays out. Gives how many are missing.
    pub(crate) fn fetched(&mut self, read: Vec<Arc<Delivery>>) -> usize {
        let before = self.waiting.len();
        let asked: FxHashSet<MessageId> = self.fetching.drain(..).map(|slip| slip.id).collect();
        let read = read.into_iter().filter(|delivery| asked.contains(&delivery.id));
        self.waiting.extend(read.map(|delivery| (Monotonic(0), delivery)));
        asked.len() - (self.waiting.len() - before)
    }

    /// The store could not be read: what was to be read back goes back to its place.
    pub(crate) fn unfetch(&mut self) {
        for slip in std::mem::take(&mut self.fetching).into_iter().rev() {
            self.behind.put_back(slip);
        }
    }

    /// The next delivery that may leave now; it is in flight until [`Self::settle`].
    pub fn take(&mut self, now: Monotonic) -> Option<Arc<Delivery>> {
        let position = self.waiting.iter().take(LOOK_AT).position(|(not_before, _)| *not_before <= now)?;
        let (_, delivery) = self.waiting.remove(position)?;
        self.in_flight.insert(delivery.id, Arc::clone(&delivery));
        Some(delivery)
    }

    /// Forgets about `most` receipts of messages that ended at `until` or before, and names them. They lie about in the order of their
    /// ends: if none in front is that old, nothing in memory is looked at.
    pub(crate) fn expire(&mut self, until: Timestamp, most: usize) -> Vec<MessageId> {
        let is_old = |delivery: &Delivery| ended_at(delivery).is_some_and(|at| at <= until);
        let mut expired = Vec::new();
        if self.waiting.iter().take(LOOK_AT).any(|(_, delivery)| is_old(delivery)) {
            self.waiting.retain(|(_, delivery)| {
                let goes = expired.len() < most && is_old(delivery);
                if goes {
                    expired.push(delivery.id);
                }
                !goes
            });
        }
        let mut slips = Vec::new();
        self.behind.expire(second_of(until).min(NEVER - 1), most - expired.len(), &mut slips);
        expired.extend(slips.into_iter().map(|slip| slip.id));
        expired
    }

    /// When the earliest of the postponed deliveries may leave.
    #[must_use]
    pub fn next_at(&self) -> Option<Monotonic> {
        self.waiting.iter().take(LOOK_AT).map(|(not_before, _)| *not_before).min()
    }

    /// Ends an attempt. Returns whether the delivery is done with and its record may go.
    pub fn settle(&mut self, id: MessageId, attempt: Attempt, now: Monotonic) -> bool {
        let Some(delivery) = self.in_flight.remove(&id) else { return self.settle_late(id, attempt) };
        match attempt {
            Attempt::Taken | Attempt::Refused => true,
            Attempt::Again => {
                self.waiting.push_front((now.plus(self.retry_after), delivery));
                false
            }
            Attempt::Returned => {
                self.waiting.push_front((Monotonic(0), delivery));
                false
            }
        }
    }

    /// An answer that came after its time ends a delivery that waits to be sent again; those wait in front.
    fn settle_late(&mut self, id: MessageId, attempt: Attempt) -> bool {
        if !matches!(attempt, Attempt::Taken | Attempt::Refused) {
            return false;
        }
        let position = self.waiting.iter().take(1024).position(|(_, delivery)| delivery.id == id);
        position.is_some_and(|position| self.waiting.remove(position).is_some())
    }
}

/// When the message of a receipt ended; `None` for what does not expire.
fn ended_at(delivery: &Delivery) -> Option<Timestamp> {
    match delivery.content {
        Content::Receipt { done_at, .. } => Some(done_at),
        Content::Notice { .. } | Content::Reply { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use veilgate_names::{
        AccountId, AccountKind, AuthorizationId, FinalState, Octets, Pseudonym, ServiceNumber,
    };

    use super::*;

    fn delivery(id: u64) -> Arc<Delivery> {
        Arc::new(Delivery {
            id: MessageId(id),
            account: AccountId::parse("a").unwrap(),
            kind: AccountKind::Notary,
            enterprise: EnterpriseId::parse("ent-1").unwrap(),
            service_number: ServiceNumber::parse("10690001").unwrap(),
            pseudonym: Pseudonym::parse("Zk3v8QpR2s").unwrap(),
            device: None,
            authorization: AuthorizationId::parse("au-1").unwrap(),
            content: Content::Reply {
                data_coding: 0,
                has_header: false,
                text: Octets::from(&b"hi"[..]),
                code: None,
            },
        })
    }

    fn receipt(id: u64, done: i64) -> Arc<Delivery> {
        let content = Content::Receipt {
            message: MessageId(id),
            state: FinalState::Delivered,
            code: None,
            accepted_at: Timestamp(0),
            done_at: Timestamp(done),
        };
        Arc::new(Delivery { content, ..(*delivery(id)).clone() })
    }

    /// An outbox that holds 4 in memory, with so many deliveries; every third is another enterprise's.
    fn long(count: u64) -> Outbox {
        let mut outbox = Outbox::new(1000, 4, Duration::from_secs(1));
        for id in 1..=count {
            outbox.push(made(id));
        }
        outbox
    }

    fn made(id: u64) -> Arc<Delivery> {
        let enterprise = EnterpriseId::parse(if id.is_multiple_of(3) { "ent-3" } else { "ent-1" }).unwrap();
        let seconds = i64::try_from(id).unwrap() * 1000;
        Arc::new(Delivery { enterprise, ..(*receipt(id, seconds)).clone() })
    }

    /// Takes everything, reading back what is on disk, and gives what came.
    fn empty(outbox: &mut Outbox) -> Vec<u64> {
        let mut taken = Vec::new();
        loop {
            while let Some(delivery) = outbox.take(Monotonic(0)) {
                assert!(outbox.settle(delivery.id, Attempt::Taken, Monotonic(0)));
                taken.push(delivery.id.0);
            }
            let wanted = outbox.fetch(3);
            if wanted.is_empty() {
                return taken;
            }
            assert_eq!(outbox.fetched(wanted.into_iter().map(|id| made(id.0)).collect()), 0);
        }
    }

    #[test]
    fn what_is_behind_comes_back_in_order() {
        let mut outbox = long(20);
        assert_eq!((outbox.pending(), outbox.parked()), (20, 16));
        assert!(!outbox.wants_more(), "enough is in memory");
        for id in 1..=2 {
            outbox.take(Monotonic(0)).unwrap();
            outbox.settle(MessageId(id), Attempt::Taken, Monotonic(0));
        }
        assert!(outbox.wants_more());
        assert_eq!(outbox.fetch(100), [MessageId(5), MessageId(6)], "as many as there is room");
        assert!(!outbox.wants_more(), "one at a time");
        outbox.push(made(21));
        outbox.unfetch();
        assert_eq!((outbox.pending(), outbox.parked()), (19, 17));
        assert_eq!(empty(&mut outbox), (3..=21).collect::<Vec<_>>());
        assert_eq!(outbox.pending(), 0);
        outbox.push(made(22));
        assert_eq!(outbox.parked(), 0, "nothing is before it");
    }

    #[test]
    fn an_enterprise_goes_wherever_its_deliveries_are() {
        let mut outbox = long(20);
        let gone = EnterpriseId::parse("ent-3").unwrap();
        outbox.take(Monotonic(0)).unwrap();
        outbox.take(Monotonic(0)).unwrap();
        assert_eq!(outbox.fetch(100), [MessageId(5), MessageId(6)]);
        assert_eq!(outbox.of(&gone), 6);
        assert_eq!(outbox.drop_of(&gone), 6);
        assert_eq!((outbox.of(&gone), outbox.pending()), (0, 14));
        assert_eq!(outbox.fetched(vec![made(5), made(6)]), 0);
        assert_eq!(empty(&mut outbox), [4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20]);
    }

    #[test]
    fn a_damaged_record_is_passed_over() {
        let mut outbox = long(8);
        outbox.waiting.clear();
        assert_eq!(outbox.fetch(100).len(), 4);
        assert_eq!(outbox.fetched(vec![made(5), made(7), made(8)]), 1);
        assert_eq!(empty(&mut outbox), [5, 7, 8]);
    }

    #[test]
    fn old_receipts_go_from_disk_too() {
        let mut outbox = long(2000);
        outbox.push(delivery(2001));
        let until = Timestamp(1_500_000);
        let first = outbox.expire(until, 100).len();
        assert!((100..400).contains(&first), "about as many as asked for");
        assert_eq!(first + outbox.expire(until, 10_000).len(), 1500);
        assert_eq!(outbox.expire(until, 10_000), []);
        assert_eq!(outbox.expire(Timestamp(i64::MAX), 10_000).len(), 500);
        assert_eq!(outbox.pending(), 1, "a reply stays");
    }

    #[test]
    fn deliveries_leave_in_order_and_come_back_to_the_front() {
        let mut outbox = Outbox::new(2, 10, Duration::from_secs(1));
        outbox.push(delivery(1));
        outbox.push(delivery(2));
        assert!(outbox.is_full());
        assert_eq!(outbox.take(Monotonic(0)).unwrap().id, MessageId(1));
        assert!(!outbox.settle(MessageId(1), Attempt::Returned, Monotonic(0)));
        assert_eq!(outbox.take(Monotonic(0)).unwrap().id, MessageId(1));
        assert!(!outbox.settle(MessageId(1), Attempt::Again, Monotonic(0)));
        assert_eq!(outbox.take(Monotonic(0)).unwrap().id, MessageId(2), "a postponed one blocks nobody");
        assert!(outbox.take(Monotonic(999_999)).is_none());
        assert_eq!(outbox.next_at(), Some(Monotonic(1_000_000)));
        assert_eq!(outbox.take(Monotonic(1_000_000)).unwrap().id, MessageId(1));
        assert!(outbox.settle(MessageId(1), Attempt::Taken, Monotonic(0)));
        assert!(!outbox.settle(MessageId(1), Attempt::Taken, Monotonic(0)), "once only");
        assert!(outbox.settle(MessageId(2), Attempt::Refused, Monotonic(0)));
        assert_eq!(outbox.pending(), 0);
    }

    #[test]
    fn old_receipts_go_and_nothing_else() {
        let mut outbox = Outbox::new(10, 10, Duration::from_secs(1));
        outbox.push(receipt(1, 10));
        outbox.push(delivery(2));
        outbox.push(receipt(3, 20));
        outbox.push(receipt(4, 30));
        assert_eq!(outbox.take(Monotonic(0)).unwrap().id, MessageId(1), "under way");
        assert_eq!(outbox.expire(Timestamp(20), 10), [MessageId(3)]);
        assert_eq!(outbox.expire(Timestamp(29), 10), []);
        assert!(!outbox.settle(MessageId(1), Attempt::Returned, Monotonic(0)));
        assert_eq!(outbox.expire(Timestamp(30), 1), [MessageId(1)], "one at a time");
        assert_eq!(outbox.expire(Timestamp(30), 9), [MessageId(4)]);
        assert_eq!(outbox.pending(), 1);
    }
}
