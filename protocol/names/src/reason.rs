//! Why something was refused: the inside reason, and the code each kind of account is given for it
//! (interfaces.md section 6). Nothing here says which person or number it was about.

use crate::states::AccountKind;

/// An inside reason. CDR, audit and carrier staff see its name; the north sees only its [`Code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of interfaces.md section 6 and requirements.md 3.10")]
pub enum Reason {
    Schema,
    BadTime,
    BadAsofFuture,
    Unsupported,
    NotAPseudonym,
    Unauthenticated,
    NotPermitted,
    Replay,
    AuthMissing,
    AuthUnconfirmed,
    AuthExpired,
    AuthRevoked,
    AuthScope,
    WindowAuth,
    FreqAuth,
    AuthInvalid,
    NotFoundAsof,
    NoTenureAsof,
    AmbiguousDevice,
    AmbiguousTenure,
    NumberDisconnected,
    Suspended,
    OptOut,
    BlackGlobal,
    BlackRegulator,
    BlackTenant,
    BlackSignature,
    BlackNumber,
    DecryptFail,
    KeyExpired,
    NumberReassigned,
    NumberRetakenSameHolder,
    HistoryExpired,
    PortedOut,
    NotOurSubscriber,
    AccountSuspended,
    Balance,
    Tps,
    Quota,
    WindowCategory,
    WindowTenant,
    WindowRegion,
    FreqEnterprise,
    FreqSignature,
    FreqTemplate,
    FreqCategory,
    FreqAll,
    Dup,
    Region,
    Signature,
    Template,
    Word,
    CliForbidden,
    Direction,
    NoSlot,
    Conc,
    NoRoute,
    SegmentsMissing,
    SmscRejected,
    SmscUndelivered,
    Expired,
    Cancelled,
    OutcomeUnknown,
    ReportMissing,
    QueueFull,
    Internal,
}

/// What the outside is told: a row of the table in interfaces.md section 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code {
    /// The four digits.
    pub number: u16,
    /// The SMPP `command_status` that goes with it.
    pub smpp_status: u32,
    /// The row's name.
    pub name: &'static str,
}

impl Reason {
    /// The symbolic name, as CDR and audit print it.
    #[must_use]
    pub fn name(self) -> &'static str {
        use Reason as R;
        match self {
            R::Schema => "SCHEMA",
            R::BadTime => "BAD_TIME",
            R::BadAsofFuture => "BAD_ASOF_FUTURE",
            R::Unsupported => "UNSUPPORTED",
            R::NotAPseudonym => "NOT_A_PSEUDONYM",
            R::Unauthenticated => "UNAUTHENTICATED",
            R::NotPermitted => "NOT_PERMITTED",
            R::Replay => "REPLAY",
            R::AuthMissing => "AUTH_MISSING",
            R::AuthUnconfirmed => "AUTH_UNCONFIRMED",
            R::AuthExpired => "AUTH_EXPIRED",
            R::AuthRevoked => "AUTH_REVOKED",
            R::AuthScope => "AUTH_SCOPE",
            R::WindowAuth => "WINDOW_AUTH",
            R::FreqAuth => "FREQ_AUTH",
            R::AuthInvalid => "AUTH_INVALID",
            R::NotFoundAsof => "NOT_FOUND_ASOF",
            R::NoTenureAsof => "NO_TENURE_ASOF",
            R::AmbiguousDevice => "AMBIGUOUS_DEVICE",
            R::AmbiguousTenure => "AMBIGUOUS_TENURE",
            R::NumberDisconnected => "NUMBER_DISCONNECTED",
            R::Suspended => "SUSPENDED",
            R::OptOut => "OPT_OUT",
            R::BlackGlobal => "BLACK_GLOBAL",
            R::BlackRegulator => "BLACK_REGULATOR",
            R::BlackTenant => "BLACK_TENANT",
            R::BlackSignature => "BLACK_SIGNATURE",
            R::BlackNumber => "BLACK_NUMBER",
            R::DecryptFail => "DECRYPT_FAIL",
            R::KeyExpired => "KEY_EXPIRED",
            R::NumberReassigned => "NUMBER_REASSIGNED",
            R::NumberRetakenSameHolder => "NUMBER_RETAKEN_SAME_HOLDER",
            R::HistoryExpired => "HISTORY_EXPIRED",
            R::PortedOut => "PORTED_OUT",
            R::NotOurSubscriber => "NOT_OUR_SUBSCRIBER",
            R::AccountSuspended => "ACCOUNT_SUSPENDED",
            R::Balance => "BALANCE",
            R::Tps => "TPS",
            R::Quota => "QUOTA",
            R::WindowCategory => "WINDOW_CATEGORY",
            R::WindowTenant => "WINDOW_TENANT",
            R::WindowRegion => "WINDOW_REGION",
            R::FreqEnterprise => "FREQ_ENTERPRISE",
            R::FreqSignature => "FREQ_SIGNATURE",
            R::FreqTemplate => "FREQ_TEMPLATE",
            R::FreqCategory => "FREQ_CATEGORY",
            R::FreqAll => "FREQ_ALL",
            R::Dup => "DUP",
            R::Region => "REGION",
            R::Signature => "SIGNATURE",
            R::Template => "TEMPLATE",
            R::Word => "WORD",
            R::CliForbidden => "CLI_FORBIDDEN",
            R::Direction => "DIRECTION",
            R::NoSlot => "NO_SLOT",
            R::Conc => "CONC",
            R::NoRoute => "NO_ROUTE",
            R::SegmentsMissing => "SEGMENTS_MISSING",
            R::SmscRejected => "SMSC_REJECTED",
            R::SmscUndelivered => "SMSC_UNDELIVERED",
            R::Expired => "EXPIRED",
            R::Cancelled => "CANCELLED",
            R::OutcomeUnknown => "OUTCOME_UNKNOWN",
            R::ReportMissing => "REPORT_MISSING",
            R::QueueFull => "QUEUE_FULL",
            R::Internal => "INTERNAL",
        }
    }

    /// The code that an account of this kind is given. Enterprises get one code for everything that would
    /// tell them something about the person.
    #[must_use]
    pub fn code(self, kind: AccountKind) -> Code {
        let code = self.notary_code();
        match (kind, code.number) {
            (AccountKind::Enterprise, 4001 | 4003 | 4004 | 5004 | 5006 | 5007) => Code::RECIPIENT_UNREACHABLE,
            _ => code,
        }
    }

    fn notary_code(self) -> Code {
        use Reason as R;
        match self {
            R::Schema | R::BadTime | R::BadAsofFuture | R::SegmentsMissing => Code::MALFORMED,
            R::Unsupported => Code::UNSUPPORTED,
            R::NotAPseudonym => Code::NOT_A_PSEUDONYM,
            R::Unauthenticated => Code::UNAUTHENTICATED,
            R::NotPermitted => Code::NOT_PERMITTED,
            R::Replay => Code::REPLAYED_OR_STALE,
            R::AuthMissing | R::AuthUnconfirmed => Code::AUTHORIZATION_UNKNOWN,
            R::AuthExpired => Code::AUTHORIZATION_EXPIRED,
            R::AuthRevoked => Code::AUTHORIZATION_REVOKED,
            R::AuthScope | R::WindowAuth | R::FreqAuth => Code::NOT_COVERED,
            R::AuthInvalid => Code::PROOF_INVALID,
            R::NotFoundAsof
            | R::NoTenureAsof
            | R::AmbiguousDevice
            | R::AmbiguousTenure
            | R::NumberDisconnected
            | R::Suspended => Code::RECIPIENT_UNREACHABLE,
            R::OptOut
            | R::BlackGlobal
            | R::BlackRegulator
            | R::BlackTenant
            | R::BlackSignature
            | R::BlackNumber => Code::RECIPIENT_BLOCKED,
            R::DecryptFail | R::KeyExpired => Code::UNDECIPHERABLE,
            R::NumberReassigned | R::NumberRetakenSameHolder | R::HistoryExpired => Code::AUTHORIZATION_STALE,
            R::PortedOut | R::NotOurSubscriber => Code::OTHER_CARRIER,
            R::AccountSuspended => Code::ACCOUNT_SUSPENDED,
            R::Balance => Code::INSUFFICIENT_BALANCE,
            R::Tps | R::Quota => Code::RATE_EXCEEDED,
            R::FreqEnterprise
            | R::FreqSignature
            | R::FreqTemplate
            | R::FreqCategory
            | R::FreqAll
            | R::Dup => Code::FREQUENCY_EXCEEDED,
            // What hangs on where the person lives tells where that is: an enterprise hears what it hears of a region.
            R::WindowCategory | R::WindowTenant => Code::OUTSIDE_WINDOW,
            R::Region | R::WindowRegion => Code::REGION_NOT_PERMITTED,
            R::Signature => Code::SIGNATURE_NOT_APPROVED,
            R::Template => Code::TEMPLATE_MISMATCH,
            R::Word => Code::SENSITIVE_CONTENT,
            R::CliForbidden | R::Direction | R::NoSlot => Code::SERVICE_NUMBER_NOT_ALLOTTED,
            R::Conc => Code::CONCURRENCY_EXCEEDED,
            R::NoRoute => Code::NO_ROUTE,
            R::SmscRejected | R::SmscUndelivered | R::OutcomeUnknown | R::ReportMissing | R::Cancelled => {
                Code::REJECTED_BY_NETWORK
            }
            R::Expired => Code::EXPIRED,
            R::QueueFull => Code::QUEUE_FULL,
            R::Internal => Code::INTERNAL,
        }
    }
}

macro_rules! codes {
    ($($name:ident = $number:literal, $status:literal, $text:literal;)*) => {
        #[expect(missing_docs, reason = "each is the row of that name in interfaces.md section 6")]
        impl Code {
            $(pub const $name: Self = Self { number: $number, smpp_status: $status, name: $text };)*

            /// The row with these four digits.
            #[must_use]
            pub fn by_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    MALFORMED = 1001, 0x08, "malformed";
    UNSUPPORTED = 1002, 0x03, "unsupported";
    NOT_A_PSEUDONYM = 1003, 0x0B, "not_a_pseudonym";
    UNAUTHENTICATED = 2001, 0x0D, "unauthenticated";
    NOT_PERMITTED = 2002, 0x0400, "not_permitted";
    REPLAYED_OR_STALE = 2003, 0x08, "replayed_or_stale";
    AUTHORIZATION_UNKNOWN = 3001, 0x0401, "authorization_unknown";
    AUTHORIZATION_EXPIRED = 3002, 0x0402, "authorization_expired";
    AUTHORIZATION_REVOKED = 3003, 0x0403, "authorization_revoked";
    NOT_COVERED = 3004, 0x0404, "not_covered";
    PROOF_INVALID = 3005, 0x0405, "proof_invalid";
    RECIPIENT_UNREACHABLE = 4000, 0x0406, "recipient_unreachable";
    UNDECIPHERABLE = 4001, 0x0407, "undecipherable";
    AUTHORIZATION_STALE = 4003, 0x0408, "authorization_stale";
    OTHER_CARRIER = 4004, 0x0409, "other_carrier";
    ACCOUNT_SUSPENDED = 5001, 0x040A, "account_suspended";
    INSUFFICIENT_BALANCE = 5002, 0x040B, "insufficient_balance";
    RATE_EXCEEDED = 5003, 0x58, "rate_exceeded";
    FREQUENCY_EXCEEDED = 5004, 0x040C, "frequency_exceeded";
    OUTSIDE_WINDOW = 5005, 0x040D, "outside_window";
    REGION_NOT_PERMITTED = 5006, 0x040E, "region_not_permitted";
    RECIPIENT_BLOCKED = 5007, 0x040F, "recipient_blocked";
    SIGNATURE_NOT_APPROVED = 5008, 0x0410, "signature_not_approved";
    TEMPLATE_MISMATCH = 5009, 0x0411, "template_mismatch";
    SENSITIVE_CONTENT = 5010, 0x0412, "sensitive_content";
    SERVICE_NUMBER_NOT_ALLOTTED = 5011, 0x0A, "service_number_not_allotted";
    CONCURRENCY_EXCEEDED = 5012, 0x08, "concurrency_exceeded";
    NO_ROUTE = 6001, 0x0413, "no_route";
    REJECTED_BY_NETWORK = 6002, 0x08, "rejected_by_network";
    EXPIRED = 6003, 0x08, "expired";
    QUEUE_FULL = 6004, 0x14, "queue_full";
    INTERNAL = 9001, 0x08, "internal";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enterprises_learn_nothing_about_the_person() {
        let telling = [
            Reason::NotFoundAsof,
            Reason::DecryptFail,
            Reason::NumberReassigned,
            Reason::PortedOut,
            Reason::Suspended,
            Reason::OptOut,
            Reason::HistoryExpired,
            Reason::BlackRegulator,
            Reason::FreqAll,
            Reason::Dup,
            Reason::Region,
            Reason::WindowRegion,
        ];
        for reason in telling {
            assert_eq!(
                reason.code(AccountKind::Enterprise),
                Code::RECIPIENT_UNREACHABLE,
                "{}",
                reason.name()
            );
        }
        assert_eq!(Reason::PortedOut.code(AccountKind::Notary).number, 4004);
        assert_eq!(Reason::NumberReassigned.code(AccountKind::Notary).smpp_status, 0x0408);
    }
}
