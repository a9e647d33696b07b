//! What is written down when staff look into one person's data, and when data go because their time is over.

use super::{AuditEvent, JsonLine};

/// The number of a case in whatever system the carrier keeps its requests: 1-32 of `[0-9A-Za-z._-]`, beginning with a
/// letter, with at most ten digits and no phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseId(Box<str>);

impl CaseId {
    /// Checks length, alphabet and digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let fits = (1..=32).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(allowed)
            && digits <= 10;
        fits.then(|| Self(text.into()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why staff ask about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectCause {
    /// The person asked.
    Request,
    /// A complaint is looked into.
    Complaint,
    /// An authority or a court asked.
    Authority,
    /// An incident is looked into.
    Incident,
}

impl SubjectCause {
    /// Every cause.
    pub const ALL: [Self; 4] = [Self::Request, Self::Complaint, Self::Authority, Self::Incident];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Complaint => "complaint",
            Self::Authority => "authority",
            Self::Incident => "incident",
        }
    }

    /// Reads [`Self::name`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == text)
    }
}

impl AuditEvent {
    /// Those of events about persons' data; other events have none here.
    pub(super) fn write_person_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::CdrFilesPurged { files, octets, sm3 } => {
                line.number("files", *files);
                line.number("octets", *octets);
                line.quoted("sm3", |out| sm3.write_hex(out));
            }
            Self::SubjectReported { case, cause, approver, count }
            | Self::SubjectDeleted { case, cause, approver, count } => {
                line.text("case", case.as_str());
                line.text("cause", cause.name());
                line.text("approver", approver.as_str());
                line.number("count", *count);
            }
            Self::IdentityExplained { case, cause, authorization } => {
                line.text("case", case.as_str());
                line.text("cause", cause.name());
                if let Some(authorization) = authorization {
                    line.text("authorization", authorization.as_str());
                }
            }
            Self::SubjectRefused { case, cause } => {
                line.text("case", case.as_str());
                line.text("cause", cause.name());
            }
            _ => {}
        }
    }
}
