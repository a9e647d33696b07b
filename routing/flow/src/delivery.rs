//! What is on its way north to one account: a receipt or a reply, built from listed fields, and the queue it
//! waits in until the account has taken it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use veilgate_names::{
    AccountId, AccountKind, AuthorizationId, Code, EncryptedDeviceId, EnterpriseId, FinalState, MessageId,
    Monotonic, Octets, Pseudonym, ServiceNumber, Timestamp,
};

/// One `deliver_sm` to come. No field can hold a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its own id, the key of its record.
    pub id: MessageId,
    /// Who gets it.
    pub account: AccountId,
    /// Decides which fields are written (interfaces.md section 4).
    pub kind: AccountKind,
    /// Whose user it is: names the key the record is sealed with.
    pub enterprise: EnterpriseId,
    /// The service number the user knows: destination of the `deliver_sm`.
    pub service_number: ServiceNumber,
    /// What the account calls the user.
    pub pseudonym: Pseudonym,
    /// The device ID as it came; written for notaries only.
    pub device: Option<EncryptedDeviceId>,
    /// The authorization; written for notaries only.
    pub authorization: AuthorizationId,
    /// Receipt or reply.
    pub content: Content,
}

/// What a delivery says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// The final state of a message that asked for a receipt.
    Receipt {
        /// The message it speaks of.
        message: MessageId,
        /// How it ended.
        state: FinalState,
        /// Why, when it did not end well.
        code: Option<Code>,
        /// When it was accepted.
        accepted_at: Timestamp,
        /// When it ended.
        done_at: Timestamp,
    },
    /// Something asked for that a message met on its way.
    Notice {
        /// The message it speaks of.
        message: MessageId,
        /// What.
        notice: Notice,
        /// When it was accepted.
        accepted_at: Timestamp,
        /// When it happened.
        at: Timestamp,
    },
    /// A user's message.
    Reply {
        /// SMPP `data_coding`.
        data_coding: u8,
        /// Whether `text` begins with a (rebuilt) user data header.
        has_header: bool,
        /// The text, own number masked.
        text: Octets,
        /// What is special about it, for the notary: late, without a sure addressee, an opt-out.
        code: Option<Code>,
    },
}

/// What is told of a message before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It has not arrived yet, but is being tried.
    Underway,
    /// The recipient's device says that it has it.
    DeliveryAcknowledged,
    /// The recipient says that they have read it.
    UserAcknowledged,
}

impl Notice {
    /// The message type in `esm_class` (SMPP 3.4, 5.2.12).
    pub(crate) fn esm_class(self) -> u8 {
        match self {
            Self::DeliveryAcknowledged => 0x08,
            Self::UserAcknowledged => 0x10,
            Self::Underway => 0x20,
        }
    }

    /// Reads back [`Self::esm_class`].
    pub(crate) fn from_esm_class(value: u8) -> Option<Self> {
        [Self::Underway, Self::DeliveryAcknowledged, Self::UserAcknowledged]
            .into_iter()
            .find(|notice| notice.esm_class() == value)
    }

    /// Whether `registered_delivery` asks for it (SMPP 3.4, 5.2.17).
    pub(crate) fn is_asked_by(self, registered_delivery: u8) -> bool {
        let bit = match self {
            Self::DeliveryAcknowledged => 0x04,
            Self::UserAcknowledged => 0x08,
            Self::Underway => 0x10,
        };
        registered_delivery & bit != 0
    }

    /// `message_state`: ENROUTE, or DELIVERED for what only who has it can say.
    pub(crate) fn message_state(self) -> u8 {
        if self == Self::Underway { 1 } else { 2 }
    }
}

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

/// The deliveries of one account, in order. Bounded: a full outbox is told north as `queue_full` and south as
/// "later", never dropped.
#[derive(Debug)]
pub struct Outbox {
    waiting: VecDeque<(Monotonic, Arc<Delivery>)>,
    in_flight: FxHashMap<MessageId, Arc<Delivery>>,
    max: usize,
    retry_after: Duration,
}

impl Outbox {
    /// An empty outbox that holds at most `max` deliveries.
    #[must_use]
    pub fn new(max: usize, retry_after: Duration) -> Self {
        Self { waiting: VecDeque::new(), in_flight: FxHashMap::default(), max, retry_after }
    }

    /// Changes how many it may hold; what is there stays.
    pub fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// How many deliveries have not been taken yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.waiting.len() + self.in_flight.len()
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
    pub(crate) fn of(&self, tenant: &EnterpriseId) -> usize {
        let waiting = self.waiting.iter().map(|(_, delivery)| delivery);
        waiting.chain(self.in_flight.values()).filter(|delivery| delivery.enterprise == *tenant).count()
    }

    /// Forgets those of an enterprise. Gives how many.
    pub(crate) fn drop_of(&mut self, tenant: &EnterpriseId) -> usize {
        let before = self.pending();
        self.waiting.retain(|(_, delivery)| delivery.enterprise != *tenant);
        self.in_flight.retain(|_, delivery| delivery.enterprise != *tenant);
        before - self.pending()
    }

    /// Adds a delivery that is already durable; durable ones are never turned away.
    pub fn push(&mut self, delivery: Arc<Delivery>) {
        self.waiting.push_back((Monotonic(0), delivery));
    }

    /// The next delivery that may leave now; it is in flight until [`Self::settle`].
    pub fn take(&mut self, now: Monotonic) -> Option<Arc<Delivery>> {
        let position = self.waiting.iter().take(LOOK_AT).position(|(not_before, _)| *not_before <= now)?;
        let (_, delivery) = self.waiting.remove(position)?;
        self.in_flight.insert(delivery.id, Arc::clone(&delivery));
        Some(delivery)
    }

    /// Forgets up to `most` receipts of messages that ended at `until` or before, and names them. They lie about in the
    /// order of their ends: if none in front is that old, nothing is looked at.
    pub(crate) fn expire(&mut self, until: Timestamp, most: usize) -> Vec<MessageId> {
        let is_old = |delivery: &Delivery| matches!(delivery.content, Content::Receipt { done_at, .. } if done_at <= until);
        let mut expired = Vec::new();
        if !self.waiting.iter().take(LOOK_AT).any(|(_, delivery)| is_old(delivery)) {
            return expired;
        }
        self.waiting.retain(|(_, delivery)| {
            let goes = expired.len() < most && is_old(delivery);
            if goes {
                expired.push(delivery.id);
            }
            !goes
        });
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

#[cfg(test)]
mod tests {
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

    #[test]
    fn deliveries_leave_in_order_and_come_back_to_the_front() {
        let mut outbox = Outbox::new(2, Duration::from_secs(1));
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
        let receipt = |id: u64, done: i64| {
            let content = Content::Receipt {
                message: MessageId(id),
                state: FinalState::Delivered,
                code: None,
                accepted_at: Timestamp(0),
                done_at: Timestamp(done),
            };
            Arc::new(Delivery { content, ..(*delivery(id)).clone() })
        };
        let mut outbox = Outbox::new(10, Duration::from_secs(1));
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
