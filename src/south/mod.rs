//! The south edge: links to SMSCs. No pseudonym, enterprise or device ID goes out here.

pub mod channels;
pub mod pace;
pub mod rate;
pub mod smsc_link;
mod submit;
