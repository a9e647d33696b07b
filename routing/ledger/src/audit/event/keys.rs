//! The fields of events about keys.

use super::{AuditEvent, JsonLine};

impl AuditEvent {
    /// Those of events about keys.
    pub(super) fn write_key_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::DataKeysMade { count } => line.number("count", *count),
            Self::EdiKeyGenerated { kid }
            | Self::EdiKeyImported { kid }
            | Self::EdiKeyProfiled { kid }
            | Self::EdiKeyRetired { kid }
            | Self::EdiKeyDestroyed { kid } => line.text("kid", kid.as_str()),
            Self::EdiKeyRotated { kid, by } => {
                line.text("kid", kid.as_str());
                line.text("by", by.as_str());
            }
            Self::DataKeyRotated { class, tenant, version }
            | Self::DataKeyDestroyed { class, tenant, version } => {
                line.text("class", class);
                if let Some(tenant) = tenant {
                    line.text("tenant", tenant.as_str());
                }
                line.number("version", u64::from(*version));
            }
            Self::MasterKeyRotated { source } => line.text("source", source),
            Self::KeyChangeRefused { action } => line.text("action", action),
            Self::TenantOffboarded { tenant, keys, messages, records } => {
                line.text("tenant", tenant.as_str());
                line.number("keys", *keys);
                line.number("messages", *messages);
                line.number("records", *records);
            }
            Self::TenantOffboardRefused { tenant } => line.text("tenant", tenant.as_str()),
            _ => {}
        }
    }
}
