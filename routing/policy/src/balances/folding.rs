//! Charges that are durable become part of a sum. One batch at a time holds new sums and deletes what is in them; the next
//! is made when that one is durable, so a sum is never written over by an older one.

use std::sync::Arc;

use veilgate_names::ObjectId;

use super::{Account, BALANCE, Balances, VERSION};
use crate::record::{BadRecord, Reader, Record, Writer, key};

/// The most charges that one batch folds, whoever asks for more: 22 octets each in the journal.
const MOST: usize = 50_000;

/// What one batch has to hold.
#[derive(Debug)]
pub struct Folded {
    /// Sums to put into the space of balances.
    pub balances: Vec<Record>,
    /// Keys to delete from the space of charges.
    pub charges: Vec<[u8; 8]>,
    sums: Vec<(Arc<Account>, Sum)>,
}

/// Where folding stands.
#[derive(Debug, Default)]
pub(super) enum Folding {
    #[default]
    Idle,
    UnderWay,
    /// It could not be written, or it is not known whether; it has to be written as it was.
    Again(Folded),
}

/// What is durable of an account's charges.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    folded: Sum,
    waiting: Vec<Waiting>,
}

/// Charges that are on disk as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    charged: u64,
    month: u64,
    segments: u64,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    message: u64,
    charged: u64,
    month: u64,
    segments: u64,
}

impl Balances {
    /// Up to `most` durable charges, to be made part of their sums in one batch; `None` if there are none, or a batch
    /// has not been heard of yet. Call [`Self::folded`] or [`Self::fold_failed`] with it afterwards.
    #[must_use]
    pub fn fold(&self, most: usize) -> Option<Folded> {
        let mut folding = self.folding.lock();
        let folded = match std::mem::take(&mut *folding) {
            Folding::Idle => self.gather(most.min(MOST)),
            Folding::Again(folded) => Some(folded),
            Folding::UnderWay => {
                *folding = Folding::UnderWay;
                return None;
            }
        };
        if folded.is_some() {
            *folding = Folding::UnderWay;
        }
        folded
    }

    /// The batch is durable.
    pub fn folded(&self, folded: Folded) {
        for (account, sum) in folded.sums {
            account.ledger.lock().folded = sum;
        }
        *self.folding.lock() = Folding::Idle;
    }

    /// The batch could not be written, or nobody knows whether it was: the next [`Self::fold`] gives the same again.
    pub fn fold_failed(&self, folded: Folded) {
        *self.folding.lock() = Folding::Again(folded);
    }

    /// How many charges wait to be folded.
    #[must_use]
    pub fn unfolded(&self) -> usize {
        self.accounts.read().values().map(|account| account.ledger.lock().waiting.len()).sum()
    }

    pub(super) fn restore_sum(&self, value: &[u8]) -> Result<(), BadRecord> {
        let mut reader = Reader::new(value, VERSION)?;
        let payer = ObjectId::parse(reader.name()?).map_err(|_| BadRecord)?;
        let sum = Sum { charged: reader.number()?, month: reader.number()?, segments: reader.number()? };
        reader.finish()?;
        if sum.charged > super::MOST {
            return Err(BadRecord);
        }
        let account = self.account(&payer);
        account.has_paid(sum.charged);
        account.volume.take(sum.segments, sum.month, u64::MAX);
        account.ledger.lock().folded = sum;
        Ok(())
    }

    fn gather(&self, most: usize) -> Option<Folded> {
        let mut folded = Folded { balances: vec![], charges: vec![], sums: vec![] };
        for (id, account) in self.accounts.read().iter() {
            let room = most - folded.charges.len();
            let mut ledger = account.ledger.lock();
            let count = ledger.waiting.len().min(room);
            if count == 0 {
                continue;
            }
            let mut sum = ledger.folded;
            for waiting in ledger.waiting.drain(..count) {
                sum.add(waiting);
                folded.charges.push(waiting.message.to_be_bytes());
            }
            folded.balances.push(sum.record(id));
            folded.sums.push((account.clone(), sum));
        }
        (!folded.charges.is_empty()).then_some(folded)
    }
}

impl Ledger {
    pub(super) fn add(&mut self, message: u64, charged: u64, (month, segments): (u64, u64)) {
        self.waiting.push(Waiting { message, charged, month, segments });
    }
}

impl Sum {
    /// Of volume, only the latest month is kept.
    fn add(&mut self, of: Waiting) {
        self.charged = self.charged.saturating_add(of.charged);
        if of.month > self.month {
            (self.month, self.segments) = (of.month, 0);
        }
        if of.month == self.month {
            self.segments = self.segments.saturating_add(of.segments);
        }
    }

    fn record(self, payer: &ObjectId) -> Record {
        let value = Writer::new(VERSION).name(payer.as_str());
        let value = value.number(self.charged).number(self.month).number(self.segments).finish();
        Record { key: key(BALANCE, &[payer.as_str()]).into(), value: Some(value) }
    }
}
