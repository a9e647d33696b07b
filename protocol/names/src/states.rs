//! Small closed sets shared by every crate.

use std::fmt;

use crate::ids::NameError;

/// What kind of peer an account is (interfaces.md section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountKind {
    /// The trusted third party: may carry encrypted device IDs and register authorizations.
    Notary,
    /// An enterprise: pseudonyms only, for authorizations that the notary registered for it.
    Enterprise,
}

/// What an authorization may cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Short messages.
    Sms,
    /// Calls.
    Voice,
}

impl Service {
    /// All of them, in order.
    pub const ALL: [Self; 2] = [Self::Sms, Self::Voice];

    /// Its name in objects, commands and authorizations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
        }
    }

    /// The service of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Service {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::named(text).ok_or(NameError::Form)
    }
}

/// What a message is for. Rules differ by it (requirements.md 3.5, 3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// A one-time code.
    Verification,
    /// What the person waits for or has to know.
    Notice,
    /// Advertising.
    Marketing,
}

impl Category {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Verification, Self::Notice, Self::Marketing];

    /// Its name in objects, commands and CDRs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Notice => "notice",
            Self::Marketing => "marketing",
        }
    }

    /// The category of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Category {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::named(text).ok_or(NameError::Form)
    }
}

/// How a message ends; exactly one per accepted message (interfaces.md section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FinalState {
    /// The handset has it.
    Delivered,
    /// The network gave up.
    Undeliverable,
    /// Refused by the SMSC or by a rule that changed after acceptance.
    Rejected,
    /// Its validity ended first.
    Expired,
    /// Taken back before it was sent.
    Cancelled,
    /// No report came in time, or the outcome of the submit is not known.
    Unknown,
}

impl FinalState {
    /// The SMPP `message_state` value (SMPP 3.4, 5.2.28).
    #[must_use]
    pub fn message_state(self) -> u8 {
        match self {
            Self::Delivered => 2,
            Self::Expired => 3,
            Self::Cancelled => 4,
            Self::Undeliverable => 5,
            Self::Unknown => 7,
            Self::Rejected => 8,
        }
    }

    /// The `stat:` word of the customary receipt text (SMPP 3.4, appendix B).
    #[must_use]
    pub fn stat(self) -> &'static str {
        match self {
            Self::Delivered => "DELIVRD",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "DELETED",
            Self::Undeliverable => "UNDELIV",
            Self::Unknown => "UNKNOWN",
            Self::Rejected => "REJECTD",
        }
    }

    /// Reads back [`Self::message_state`].
    #[must_use]
    pub fn from_message_state(value: u8) -> Option<Self> {
        [Self::Delivered, Self::Expired, Self::Cancelled, Self::Undeliverable, Self::Unknown, Self::Rejected]
            .into_iter()
            .find(|state| state.message_state() == value)
    }
}

impl fmt::Display for FinalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delivered => "DELIVERED",
            Self::Undeliverable => "UNDELIVERABLE",
            Self::Rejected => "REJECTED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
        })
    }
}
