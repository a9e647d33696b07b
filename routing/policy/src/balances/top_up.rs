//! What tenants pay in, and what staff correct: each under a reference, by which it counts once however often it is told.

use std::sync::atomic::Ordering;

use hashbrown::HashMap;
use veilgate_names::{ObjectId, Timestamp};

use super::{Balances, TOP_UP, VERSION};
use crate::rating::Payer;
use crate::record::{BadRecord, KEY, Reader, Record, Writer, key};
use crate::tenants::MAX_MILLIS;

/// The most references there may be; each stays for good.
const MAX_REFERENCES: usize = 1_000_000;

/// References by the key of their record.
#[derive(Debug, Default)]
pub(super) struct References(HashMap<[u8; KEY], Reference>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    payer: ObjectId,
    millis: i64,
    is_durable: bool,
}

/// An amount that is to be paid in or taken out: it counts when its record is durable.
#[derive(Debug, PartialEq, Eq)]
pub struct TopUp {
    /// What to put into the space of balances.
    pub record: Record,
    /// Whose it is.
    pub payer: ObjectId,
    /// How much, in thousandths of a yuan; negative: taken out.
    pub millis: i64,
    key: [u8; KEY],
}

/// What a top-up comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Topped {
    /// It is to be written, and then counts.
    New(TopUp),
    /// It was told before, and has counted.
    Known,
}

/// Why an amount is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopUpRefused {
    /// Nothing, or more than [`MAX_MILLIS`] in one or in all.
    #[error("the amount is nothing, or too much")]
    Amount,
    /// More would be taken out than there is.
    #[error("there is not as much")]
    NotEnough,
    /// The reference is known with another payer or amount.
    #[error("the reference stands for another payer or amount")]
    Reference,
    /// The same reference is being written; ask again.
    #[error("the same reference is under way")]
    Busy,
    /// There are a million references.
    #[error("too many references")]
    Full,
}

impl Balances {
    /// Pays in, or with a negative amount takes out what is free. Write the record, then call [`Self::topped_up`], or
    /// [`Self::top_up_failed`] if that was impossible. What is taken out is not free any more from now on.
    ///
    /// # Errors
    /// [`TopUpRefused`]; nothing has happened then.
    pub fn top_up(
        &self,
        payer: &Payer,
        reference: &ObjectId,
        millis: i64,
        at: Timestamp,
    ) -> Result<Topped, TopUpRefused> {
        if millis == 0 || millis.unsigned_abs() > MAX_MILLIS {
            return Err(TopUpRefused::Amount);
        }
        let key = key(TOP_UP, &[reference.as_str()]);
        let entry = Reference { payer: payer.id.clone(), millis, is_durable: false };
        let mut references = self.references.lock();
        match references.0.get(&key) {
            Some(held) if held.payer != payer.id || held.millis != millis => {
                return Err(TopUpRefused::Reference);
            }
            Some(held) => return if held.is_durable { Ok(Topped::Known) } else { Err(TopUpRefused::Busy) },
            None if references.0.len() >= MAX_REFERENCES => return Err(TopUpRefused::Full),
            None => {}
        }
        let account = self.account(&payer.id);
        let in_all = account.paid_in.load(Ordering::Relaxed).saturating_add(millis);
        if in_all.unsigned_abs() > MAX_MILLIS {
            return Err(TopUpRefused::Amount);
        }
        if millis < 0 {
            account.spend(millis.unsigned_abs(), payer.credit).ok_or(TopUpRefused::NotEnough)?;
        }
        references.0.insert(key, entry);
        let value = Writer::new(VERSION).name(payer.id.as_str()).name(reference.as_str());
        let value = value.amount(millis).amount(at.0).finish();
        let record = Record { key: key.into(), value: Some(value) };
        Ok(Topped::New(TopUp { record, payer: payer.id.clone(), millis, key }))
    }

    /// The record is durable: the amount counts.
    pub fn topped_up(&self, top_up: TopUp) {
        let account = self.account(&top_up.payer);
        account.paid_in.fetch_add(top_up.millis, Ordering::Relaxed);
        if top_up.millis > 0 {
            account.earn(top_up.millis.unsigned_abs());
        }
        if let Some(reference) = self.references.lock().0.get_mut(&top_up.key) {
            reference.is_durable = true;
        }
    }

    /// The record could not be written: nothing was paid in, and what was to be taken out is free again.
    pub fn top_up_failed(&self, top_up: TopUp) {
        if top_up.millis < 0 {
            self.account(&top_up.payer).earn(top_up.millis.unsigned_abs());
        }
        self.references.lock().0.remove(&top_up.key);
    }

    pub(super) fn restore_top_up(&self, value: &[u8]) -> Result<(), BadRecord> {
        let mut reader = Reader::new(value, VERSION)?;
        let payer = ObjectId::parse(reader.name()?).map_err(|_| BadRecord)?;
        let key = key(TOP_UP, &[reader.name()?]);
        let (millis, _at) = (reader.amount()?, reader.amount()?);
        reader.finish()?;
        if millis.unsigned_abs() > MAX_MILLIS {
            return Err(BadRecord);
        }
        let account = self.account(&payer);
        account.paid_in.fetch_add(millis, Ordering::Relaxed);
        account.free.fetch_add(millis, Ordering::Relaxed);
        self.references.lock().0.insert(key, Reference { payer, millis, is_durable: true });
        Ok(())
    }
}
