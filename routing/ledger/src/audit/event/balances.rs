//! The fields of events about balances of tenants: names and amounts.

use super::{AuditEvent, JsonLine};

impl AuditEvent {
    /// Those of events about balances; other events have none here.
    pub(super) fn write_balance_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::BalancePaidIn { tenant, reference, millis }
            | Self::BalanceTakenOut { tenant, reference, millis } => {
                line.text("tenant", tenant.as_str());
                line.text("reference", reference.as_str());
                line.number("millis", *millis);
            }
            Self::BalanceRefused { tenant, reference } => {
                line.text("tenant", tenant.as_str());
                line.text("reference", reference.as_str());
            }
            Self::BalanceLow { tenant } => line.text("tenant", tenant.as_str()),
            _ => {}
        }
    }
}
