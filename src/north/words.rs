//! A bind and its refusal in the words of SMPP, of the log and of the audit file.

use veilgate_admission::BindRefusal;
use veilgate_ledger::{BindMode as AuditMode, RefusedBind};
use veilgate_smpp::codec::Status;
use veilgate_smpp::pdu::BindMode;

use crate::telemetry::words::{BindKind, BindRefusal as RefusalWord};

pub(super) fn bind_kind(mode: BindMode) -> BindKind {
    match mode {
        BindMode::Transmitter => BindKind::Transmitter,
        BindMode::Receiver => BindKind::Receiver,
        BindMode::Transceiver => BindKind::Transceiver,
    }
}

pub(super) fn refusal_status(refusal: BindRefusal) -> Status {
    match refusal {
        BindRefusal::InvalidSystemId | BindRefusal::InvalidPassword => Status::RINVPASWD,
        BindRefusal::NotAllowed
        | BindRefusal::Inactive
        | BindRefusal::TooManyBinds
        | BindRefusal::NowLockedOut
        | BindRefusal::LockedOut => Status::RBINDFAIL,
    }
}

pub(super) fn refusal_word(refusal: BindRefusal) -> RefusalWord {
    match refusal {
        BindRefusal::InvalidSystemId => RefusalWord::UnknownAccount,
        BindRefusal::InvalidPassword => RefusalWord::Password,
        BindRefusal::NotAllowed => RefusalWord::Address,
        BindRefusal::Inactive => RefusalWord::Suspended,
        BindRefusal::TooManyBinds => RefusalWord::TooManyBinds,
        BindRefusal::NowLockedOut | BindRefusal::LockedOut => RefusalWord::LockedOut,
    }
}

pub(super) fn audit_mode(mode: BindMode) -> AuditMode {
    match mode {
        BindMode::Transmitter => AuditMode::Transmitter,
        BindMode::Receiver => AuditMode::Receiver,
        BindMode::Transceiver => AuditMode::Transceiver,
    }
}

pub(super) fn audit_cause(refusal: BindRefusal) -> RefusedBind {
    match refusal {
        BindRefusal::InvalidSystemId => RefusedBind::UnknownAccount,
        BindRefusal::InvalidPassword => RefusedBind::WrongPassword,
        BindRefusal::NotAllowed | BindRefusal::Inactive => RefusedBind::NotAllowed,
        BindRefusal::TooManyBinds => RefusedBind::TooManyBinds,
        BindRefusal::NowLockedOut | BindRefusal::LockedOut => RefusedBind::LockedOut,
    }
}
