//! `[[approvers]]`: the second persons without whom nobody looks at a person's data.

use serde::Deserialize;

use crate::parties::PasswordHash;
use crate::text::{FromText, text};

/// Somebody whose consent, given with a password, opens what is held about one person (C-8.1d, C-8.1f).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    /// The name, as it stands in the audit file.
    #[serde(deserialize_with = "text")]
    pub name: StaffName,
    /// The password's argon2 hash, a PHC string.
    #[serde(deserialize_with = "text")]
    pub password_hash: PasswordHash,
}

/// 1-32 of `[0-9A-Za-z@._-]`, beginning with a letter, with at most six digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffName(String);

impl StaffName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromText for StaffName {
    const EXPECTED: &'static str =
        "1-32 of 0-9 A-Z a-z @ . _ -, beginning with a letter, with at most six digits";
    fn from_text(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'.' | b'_' | b'-');
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let fits = (1..=32).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(allowed)
            && digits <= 6;
        fits.then(|| Self(text.to_owned()))
    }
}
