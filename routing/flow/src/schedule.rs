//! When a message is to leave and how long it is good for, as its sender asked (SMPP 3.4, 5.2.15, 5.2.16 and 7.1.1).

use veilgate_admission::day_of;
use veilgate_names::Timestamp;
use veilgate_smpp::codec::Status;
use veilgate_smpp::text::time;

use crate::directory::FlowRules;
use crate::refusal::Refusal;

#[cfg(test)]
mod tests;

/// What becomes of a message that was to leave before it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PastSchedule {
    /// It leaves at once.
    #[default]
    Now,
    /// ESME_RINVSCHED.
    Refuse,
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// Not before; `None`: at once.
    pub(crate) scheduled_at: Option<Timestamp>,
    /// Not later.
    pub(crate) expires_at: Timestamp,
}

impl Times {
    /// Reads both fields. A relative validity, the default one and the longest one granted count from when the message
    /// is to leave.
    ///
    /// # Errors
    /// RINVSCHED for a time that does not read, that is further away than `max_schedule`, or that is past where that is
    /// refused. RINVEXPIRY for a time that does not read or comes before the message is to leave.
    pub(crate) fn read(
        schedule: &[u8],
        validity: &[u8],
        rules: &FlowRules,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let scheduled_at = leaves(schedule, rules, now)?;
        let from = scheduled_at.unwrap_or(now);
        let asked = time::parse(validity, from).map_err(|_| Refusal::time(Status::RINVEXPIRY))?;
        let until = asked.unwrap_or_else(|| from.plus(rules.default_validity));
        if until <= from {
            return Err(Refusal::time(Status::RINVEXPIRY));
        }
        Ok(Self { scheduled_at, expires_at: until.min(from.plus(rules.max_validity)) })
    }
}

/// Whether a message is to leave on another Beijing day than this.
pub(crate) fn is_for_another_day(scheduled_at: Option<Timestamp>, now: Timestamp) -> bool {
    scheduled_at.is_some_and(|at| day_of(at) != day_of(now))
}

fn leaves(field: &[u8], rules: &FlowRules, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let refused = Refusal::time(Status::RINVSCHED);
    match time::parse(field, now).map_err(|_| refused)? {
        None => Ok(None),
        Some(when) if when > now.plus(rules.max_schedule) => Err(refused),
        Some(when) if when > now => Ok(Some(when)),
        Some(_) if rules.past_schedule == PastSchedule::Refuse => Err(refused),
        Some(_) => Ok(None),
    }
}
