//! How often one person is contacted, by whom and with what (requirements.md 3.6): limits as objects, a short log for
//! each person, and what of it is written down. It knows a person by tenure, never by number or device ID, and of texts
//! a keyed mark only. It does not know what was decided about a message, only that it was counted.

mod book;
mod limits;
mod log;
mod object;
mod record;
mod shipped;
mod span;
mod steady;
mod text;

pub use book::{Contact, Contacts, Swept};
pub use limits::{Exceeded, Limits};
pub use log::MAX_STAMPS;
pub use object::{AppliesTo, ContactWindow, FrequencyLimit, LimitedService, Per, Period, Within};
pub use record::{ContactRecord, DamagedContact};
pub use text::TextMark;

#[cfg(test)]
mod tests;
