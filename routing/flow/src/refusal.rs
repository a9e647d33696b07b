//! Why a submit is refused, and the SMPP answer to it. The only place where reasons become statuses.

use veilgate_names::{AccountKind, Code, Reason};
use veilgate_smpp::codec::Status;

/// A refused submit: the reason inside and, where the standard has a status of its own for it, that status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The inside reason.
    pub reason: Reason,
    status: Option<Status>,
}

impl Refusal {
    /// A malformed field with the status that names it (the "fitting ESME_RINV…" of code 1001).
    #[must_use]
    pub fn field(status: Status) -> Self {
        Self { reason: Reason::Schema, status: Some(status) }
    }

    /// A time field that cannot be honoured.
    #[must_use]
    pub fn time(status: Status) -> Self {
        Self { reason: Reason::BadTime, status: Some(status) }
    }

    /// What an SMSC did not do, with the status for it.
    #[must_use]
    pub fn by_network(status: Status) -> Self {
        Self { reason: Reason::SmscRejected, status: Some(status) }
    }

    /// The `command_status` for an account of this kind.
    #[must_use]
    pub fn status(self, kind: AccountKind) -> Status {
        let code = self.reason.code(kind);
        self.status.unwrap_or(match code {
            // What is malformed and no field of its own came in a TLV.
            Code::MALFORMED => Status::RINVOPTPARAMVAL,
            code => Status(code.smpp_status),
        })
    }

    /// The four-digit code for TLV 0x1508.
    #[must_use]
    pub fn code(self, kind: AccountKind) -> u16 {
        self.reason.code(kind).number
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, status: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_keeps_its_status_and_a_reason_has_one() {
        let field = Refusal::field(Status::RINVEXPIRY);
        assert_eq!(field.status(AccountKind::Notary), Status::RINVEXPIRY);
        assert_eq!(field.code(AccountKind::Notary), 1001);
        assert_eq!(Refusal::from(Reason::Schema).status(AccountKind::Notary), Status::RINVOPTPARAMVAL);
        let ported = Refusal::from(Reason::PortedOut);
        assert_eq!(ported.status(AccountKind::Notary), Status(0x409));
        assert_eq!(ported.status(AccountKind::Enterprise), Status(0x406));
    }
}
