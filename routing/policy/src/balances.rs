//! What tenants have paid in, and what of it is used up. A message's price is reserved before it is accepted and charged,
//! or given back, when it ends; nobody can use more than there is, however many ask at once.
//!
//! ```text
//! free = paid in - charged - reserved >= -credit
//!
//! on disk                                                  key                  written
//!   top-up    payer, reference, amount                     SM3 of reference     before it counts; never deleted
//!   charge    payer, amount, segments                      message              in the message's last turn
//!   balance   payer, sum of the charges that were folded   SM3 of payer         with the deletion of these, in one batch
//! ```
//! What is reserved lies with the messages. A charge counts as soon as it is durable, by itself or in the sum, and a batch
//! moves it from one to the other; so after a crash each counts once, in whatever order turns became durable.

mod folding;
mod top_up;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use veilgate_names::{MessageId, ObjectId, Reason, Service, Timestamp, beijing_day};

pub use self::folding::Folded;
use self::folding::{Folding, Ledger};
use self::top_up::References;
pub use self::top_up::{TopUp, TopUpRefused, Topped};
use crate::decision::Charge;
use crate::quotas::{self, Count, Quotas};
use crate::rating::Payer;
use crate::record::{BadRecord, Reader, Record, Writer};
use crate::tenants::MAX_MILLIS;

/// How the keys of sums begin.
const BALANCE: u8 = b'b';
/// How the keys of what was paid in begin.
const TOP_UP: u8 = b't';
const VERSION: u8 = 1;
/// The most payers that wait to be told of as low.
const MAX_CROSSINGS: usize = 1024;
/// More nobody can have been charged: what can be paid in and what can be lent.
const MOST: u64 = 2 * MAX_MILLIS;

/// The balances of all tenants that pay.
#[derive(Debug, Default)]
pub struct Balances {
    accounts: RwLock<HashMap<ObjectId, Arc<Account>>>,
    references: Mutex<References>,
    folding: Mutex<Folding>,
    /// Whose balance has come below its mark, until somebody asks.
    crossings: Mutex<Vec<ObjectId>>,
}

/// Whether a balance has come below its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No, or that was said already.
    Enough,
    /// With this message: staff are to be told. It is said again when the balance has been a tenth above the mark, and
    /// after a restart.
    Low,
}

/// A charge that is to become durable in the last turn of its message.
#[derive(Debug, PartialEq, Eq)]
pub struct Settled {
    /// What to put into the space of charges; none if nothing is charged.
    pub record: Option<Record>,
    /// How much is charged, in thousandths of a yuan.
    pub charged: u64,
    message: MessageId,
    payer: ObjectId,
    reserved: u64,
    segments: u64,
    month: u64,
}

/// A balance, in thousandths of a yuan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Everything paid in, less what was taken out.
    pub paid_in: i64,
    /// Everything charged.
    pub charged: u64,
    /// What messages under way may yet cost.
    pub reserved: u64,
    /// What may still be used, credit included; negative only where a credit was lowered below what is owed.
    pub available: i64,
    /// How far below nothing it may go.
    pub credit: u64,
}

#[derive(Debug, Default)]
struct Account {
    free: AtomicI64,
    paid_in: AtomicI64,
    charged: AtomicU64,
    reserved: AtomicU64,
    is_low: AtomicBool,
    /// Segments of the month, reserved ones included.
    volume: Count,
    ledger: Mutex<Ledger>,
}

impl Balances {
    /// Sets aside what a message will cost, in memory; it has to lie in the message's own record as well.
    ///
    /// # Errors
    /// [`Reason::Balance`] if there is not as much, credit included; nothing is set aside then.
    pub fn reserve(&self, payer: &Payer, charge: &Charge, at: Timestamp) -> Result<Standing, Reason> {
        let account = self.account(&charge.payer);
        if charge.millis == 0 {
            account.count(charge, at);
            return Ok(Standing::Enough);
        }
        let left = account.spend(charge.millis, payer.credit).ok_or(Reason::Balance)?;
        account.reserved.fetch_add(charge.millis, Ordering::Relaxed);
        account.count(charge, at);
        let standing = account.stands(payer, left);
        if standing == Standing::Low {
            let mut crossings = self.crossings.lock();
            if crossings.len() < MAX_CROSSINGS && !crossings.contains(&payer.id) {
                crossings.push(payer.id.clone());
            }
        }
        Ok(standing)
    }

    /// Whose balance has come below its mark since this was asked last, each once.
    #[must_use]
    pub fn crossings(&self) -> Vec<ObjectId> {
        std::mem::take(&mut *self.crossings.lock())
    }

    /// Gives back what was set aside for a message that has not become one: it was refused after all, or could not be
    /// written down.
    pub fn release(&self, charge: &Charge, at: Timestamp) {
        let account = self.account(&charge.payer);
        account.reserved.fetch_sub(charge.millis, Ordering::Relaxed);
        account.earn(charge.millis);
        account.volume.give_back(segments(charge), Some(month(at)));
    }

    /// The end of a message, of which `due` is to be paid, if anything; more than was reserved is never charged. `at` is
    /// when it was reserved. Nothing has happened until [`Self::stored`]; if the turn cannot be written, drop it.
    #[must_use]
    pub fn settle(&self, message: MessageId, charge: &Charge, due: Option<u64>, at: Timestamp) -> Settled {
        let charged = due.unwrap_or(0).min(charge.millis);
        let (segments, month) = (segments(charge), month(at));
        let is_counted = charged > 0 || due.is_some() && segments > 0;
        let value = || {
            Writer::new(VERSION)
                .name(charge.payer.as_str())
                .number(charged)
                .number(segments)
                .number(month)
                .finish()
        };
        let key = message.0.to_be_bytes();
        let record = is_counted.then(|| Record { key: key.into(), value: Some(value()) });
        Settled {
            record,
            charged,
            message,
            payer: charge.payer.clone(),
            reserved: charge.millis,
            segments,
            month,
        }
    }

    /// A settled charge is durable, with the end of its message.
    pub fn stored(&self, settled: Settled) {
        let account = self.account(&settled.payer);
        account.reserved.fetch_sub(settled.reserved, Ordering::Relaxed);
        account.charged.fetch_add(settled.charged, Ordering::Relaxed);
        account.earn(settled.reserved - settled.charged);
        if settled.record.is_some() {
            account.ledger.lock().add(settled.message.0, settled.charged, (settled.month, settled.segments));
        } else {
            account.volume.give_back(settled.segments, Some(settled.month));
        }
    }

    /// Segments of a payer in the month of `at`, those under way included: what prices may depend on.
    #[must_use]
    pub fn volume(&self, payer: &Payer, at: Timestamp) -> u64 {
        self.accounts.read().get(&payer.id).map_or(0, |account| account.volume.in_period(month(at)))
    }

    /// How a payer stands.
    #[must_use]
    pub fn balance(&self, payer: &Payer) -> Balance {
        let account = self.account(&payer.id);
        let credit = i64::try_from(payer.credit).unwrap_or(i64::MAX);
        Balance {
            paid_in: account.paid_in.load(Ordering::Relaxed),
            charged: account.charged.load(Ordering::Relaxed),
            reserved: account.reserved.load(Ordering::Relaxed),
            available: account.free.load(Ordering::Relaxed).saturating_add(credit),
            credit: payer.credit,
        }
    }

    /// Takes back a record of the space of balances, of the last run; it may be a quota's. In any order, before
    /// anything else.
    ///
    /// # Errors
    /// [`BadRecord`] if it is none of ours: somebody's money is not known.
    pub fn restore(&self, quotas: &Quotas, key: &[u8], value: &[u8]) -> Result<(), BadRecord> {
        match key.first() {
            Some(&BALANCE) => self.restore_sum(value),
            Some(&TOP_UP) => self.restore_top_up(value),
            Some(&quotas::TAG) => quotas.restore(value),
            _ => Err(BadRecord),
        }
    }

    /// Takes back a record of the space of charges.
    ///
    /// # Errors
    /// [`BadRecord`], as for [`Self::restore`].
    pub fn restore_charge(&self, key: &[u8], value: &[u8]) -> Result<(), BadRecord> {
        let message = u64::from_be_bytes(key.try_into().map_err(|_| BadRecord)?);
        let mut reader = Reader::new(value, VERSION)?;
        let payer = ObjectId::parse(reader.name()?).map_err(|_| BadRecord)?;
        let (charged, segments, month) = (reader.number()?, reader.number()?, reader.number()?);
        reader.finish()?;
        if charged > MOST {
            return Err(BadRecord);
        }
        let account = self.account(&payer);
        account.has_paid(charged);
        account.volume.take(segments, month, u64::MAX);
        account.ledger.lock().add(message, charged, (month, segments));
        Ok(())
    }

    /// Sets aside what lies with a message of the last run that is still under way; `at` is when it was reserved.
    pub fn restore_reservation(&self, charge: &Charge, at: Timestamp) {
        let account = self.account(&charge.payer);
        account.reserved.fetch_add(charge.millis, Ordering::Relaxed);
        account.free.fetch_sub(whole(charge.millis), Ordering::Relaxed);
        account.count(charge, at);
    }

    fn account(&self, payer: &ObjectId) -> Arc<Account> {
        if let Some(account) = self.accounts.read().get(payer) {
            return account.clone();
        }
        self.accounts.write().entry(payer.clone()).or_default().clone()
    }
}

impl Account {
    /// Takes an amount if `credit` allows it, and says what is left with it.
    fn spend(&self, millis: u64, credit: u64) -> Option<i64> {
        let floor = -whole(credit);
        let spend = |free: i64| free.checked_sub(whole(millis)).filter(|after| *after >= floor);
        let before = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).ok()?;
        Some(before - whole(millis) - floor)
    }

    fn earn(&self, millis: u64) {
        self.free.fetch_add(whole(millis), Ordering::Relaxed);
    }

    fn has_paid(&self, charged: u64) {
        self.charged.fetch_add(charged, Ordering::Relaxed);
        self.free.fetch_sub(whole(charged), Ordering::Relaxed);
    }

    fn count(&self, charge: &Charge, at: Timestamp) {
        self.volume.take(segments(charge), month(at), u64::MAX);
    }

    fn stands(&self, payer: &Payer, left: i64) -> Standing {
        let Some(mark) = payer.low_balance else { return Standing::Enough };
        let mark = whole(mark);
        if left < mark && !self.is_low.swap(true, Ordering::Relaxed) {
            return Standing::Low;
        }
        if left >= mark + mark / 10 && self.is_low.load(Ordering::Relaxed) {
            self.is_low.store(false, Ordering::Relaxed);
        }
        Standing::Enough
    }
}

/// An amount as it is added and taken. None comes near the end of the range: prices, payments and credits are bounded.
fn whole(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// What counts for the month's volume.
fn segments(charge: &Charge) -> u64 {
    match charge.service {
        Service::Sms => u64::from(charge.units),
        Service::Voice => 0,
    }
}

fn month(at: Timestamp) -> u64 {
    u64::from(beijing_day(at)) / 100
}
