//! How often an authorization may be used today.

use std::sync::Arc;

use veilgate_names::{Reason, Timestamp};

use super::Registry;
use crate::record::{self, Record};
use crate::registered::Registered;
use crate::usage::day_of;

/// A message counted against the limit of its authorization.
#[derive(Debug, Clone)]
pub struct Counted {
    /// To be stored with what was counted; `None` where there is no limit.
    pub record: Option<Record>,
    /// The Beijing day it was counted on, from 1970.
    pub day: u16,
}

impl Registry {
    /// Whether the person may be sent one more message today. Asked before anybody is looked up;
    /// [`Self::count_sms`] decides.
    ///
    /// # Errors
    /// `FreqAuth`.
    pub fn check_sms_left(&self, held: &Arc<Registered>, now: Timestamp) -> Result<(), Reason> {
        if self.current(held).has_sms_left(now) { Ok(()) } else { Err(Reason::FreqAuth) }
    }

    /// Counts one message that is about to be accepted, or that waited and is sent on another day.
    ///
    /// # Errors
    /// `FreqAuth`, counting nothing.
    //= ASCS A-6.1.1.1-1
    pub fn count_sms(&self, held: &Arc<Registered>, now: Timestamp) -> Result<Counted, Reason> {
        let held = self.current(held);
        let day = day_of(now);
        let Some(limit) = held.limits().sms_per_day else { return Ok(Counted { record: None, day }) };
        let word = held.sms_today().count(limit, now)?;
        Ok(Counted { record: Some(record::encode_usage(held.id(), word)), day })
    }

    /// Takes back what was counted for a message that could not be accepted.
    pub fn uncount_sms(&self, held: &Arc<Registered>, day: u16) {
        let held = self.current(held);
        if held.limits().sms_per_day.is_some() {
            held.sms_today().uncount(day);
        }
    }
}
