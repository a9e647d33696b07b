//! The short form of an authorization: what a few TLVs can say.

use veilgate_names::{
    AsOf, AuthorizationId, EncryptedDeviceId, EnterpriseId, Pseudonym, Reason, Service, Timestamp,
    beijing_day,
};
use veilgate_notary::{Authorization, Limits, Spelled};

use crate::registered::Registered;

/// The TLVs of the short form (interfaces.md section 4): an authorization without proof or end.
#[derive(Debug, Clone, Copy)]
pub struct ShortForm<'a> {
    /// TLV `0x1502`.
    pub authorization_id: &'a AuthorizationId,
    /// TLV `0x1504`.
    pub enterprise_id: &'a EnterpriseId,
    /// TLV `0x1501`.
    pub pseudonym: &'a Pseudonym,
    /// TLV `0x1500`.
    pub device: &'a EncryptedDeviceId,
    /// TLV `0x1503`.
    pub as_of: AsOf,
}

impl ShortForm<'_> {
    pub(super) fn agrees(&self, held: &Registered) -> bool {
        held.enterprise() == self.enterprise_id
            && held.pseudonym() == self.pseudonym
            && held.as_of() == self.as_of
            && held.devices().contains(self.device)
    }

    pub(super) fn to_authorization(self, from: Timestamp, to: Timestamp) -> Result<Authorization, Reason> {
        Ok(Authorization {
            authorization_id: self.authorization_id.clone(),
            enterprise_id: self.enterprise_id.clone(),
            pseudonym: self.pseudonym.clone(),
            encrypted_device_ids: vec![self.device.clone()],
            as_of: spelled(self.as_of)?,
            not_before: from.into(),
            expires_at: to.into(),
            services: vec![Service::Sms],
            limits: Limits::default(),
            service_numbers: Vec::new(),
            evidence_hash: None,
            proof: None,
        })
    }
}

fn spelled(as_of: AsOf) -> Result<Spelled<AsOf>, Reason> {
    let text = match as_of {
        AsOf::Day { from, .. } => format!("{:08}", beijing_day(from)),
        AsOf::At(at) => at.to_string(),
    };
    Spelled::<AsOf>::parse(&text).map_err(|_| Reason::BadTime)
}
