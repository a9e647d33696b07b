//! The fields of events about consents, and about accounts that look for people without one.

use super::{AuditEvent, JsonLine};

impl AuditEvent {
    /// Those of events about consents; other events have none here.
    pub(super) fn write_consent_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::AuthorizationsRegistered { count }
            | Self::AuthorizationsRefused { count }
            | Self::AuthorizationsPurged { count }
            | Self::AuthorizationsErased { count } => line.number("count", *count),
            Self::AuthorizationsRevoked { count, ids_sm3 } => {
                line.number("count", *count);
                line.quoted("ids_sm3", |out| ids_sm3.write_hex(out));
            }
            Self::EnterpriseRevoked { enterprise, count } => {
                line.text("enterprise", enterprise.as_str());
                line.number("count", *count);
            }
            Self::GuessingSuspected { account, failures, submits } => {
                line.text("account", account.as_str());
                line.number("failures", *failures);
                line.number("submits", *submits);
            }
            Self::AccountFrozen { account } | Self::AccountUnfrozen { account } => {
                line.text("account", account.as_str());
            }
            Self::ReceiptsDropped { account, count } => {
                line.text("account", account.as_str());
                line.number("count", *count);
            }
            Self::OptedOut { enterprise, authorization } => {
                line.text("enterprise", enterprise.as_str());
                if let Some(authorization) = authorization {
                    line.text("authorization", authorization.as_str());
                }
            }
            Self::AuthorizationRevoked { authorization } => {
                line.text("authorization", authorization.as_str())
            }
            Self::RevocationRefused { authorization, reason } => {
                line.text("authorization", authorization.as_str());
                line.text("reason", reason.name());
            }
            _ => {}
        }
    }
}
