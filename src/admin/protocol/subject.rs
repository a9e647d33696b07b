//! What is asked and told about one person.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A text that is never shown: a number, a password. Wiped when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for whom it is meant.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Whom it is about, why it is asked, and who consents. It needs the actor's name, which must not be the approver's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectAsked {
    /// The number the person has shown to be theirs.
    pub number: Secret,
    /// The day on which it was theirs (`2026-03-01` or an instant). Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// `request`, `complaint`, `authority` or `incident`.
    pub cause: String,
    /// The number of the case, 1-32 of `[0-9A-Za-z._-]`, beginning with a letter, at most ten digits.
    pub case: String,
    /// The second person, one of `[[approvers]]`.
    pub approver: String,
    /// The second person's password.
    pub password: Secret,
}

/// Whose look-up is to be explained, and why: an authorization, or device IDs and a date.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainAsked {
    /// The authorization's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
    /// Encrypted device IDs, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// The day of consent (`2026-03-01` or an instant).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// `request`, `complaint`, `authority` or `incident`.
    pub cause: String,
    /// The number of the case, as in [`SubjectAsked`].
    pub case: String,
}

/// What is held about a person, without their number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectFound {
    /// Whether the feed knows who had the number at that time.
    pub known: bool,
    /// Who may contact them, revoked and expired ones included.
    pub authorizations: Vec<SubjectAuthorization>,
    /// What went to them and came from them, as the CDR files tell, the newest last.
    pub messages: Vec<SubjectMessage>,
    /// Messages that found no place in the list.
    pub more_messages: u64,
    /// Authorizations that are being erased because of this request.
    pub erasing: u64,
}

/// One authorization of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectAuthorization {
    /// Its id at the notary.
    pub id: String,
    /// Who may contact them.
    pub enterprise: String,
    /// The notary.
    pub platform: String,
    /// From when, UTC.
    pub not_before: String,
    /// Until when, UTC.
    pub expires_at: String,
    /// Whether it was ended before.
    pub revoked: bool,
}

/// One message to or from a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectMessage {
    /// Our id.
    pub id: String,
    /// `MT` to them, `MO` from them.
    pub kind: String,
    /// Under which authorization.
    pub authorization: String,
    /// Of which service number.
    pub service_number: String,
    /// When it was accepted, UTC.
    pub accepted_at: String,
    /// How it ended.
    pub state: String,
}
