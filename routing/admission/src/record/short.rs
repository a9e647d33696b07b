//! The short form of an authorization as the store keeps it: the few fields that TLVs can say, and from when to when.
//! `enterprise device as_of`, each with an octet of length, `not_before:i64 expires_at:i64`, then the pseudonym likewise.

use veilgate_names::{AsOf, AuthorizationId, EncryptedDeviceId, EnterpriseId, Pseudonym, Service};
use veilgate_notary::{Authorization, Limits, Spelled};

use super::{Reader, RecordError, push_text};

/// Appends an authorization that has nothing but what the short form says. Gives how long the value is up to the
/// pseudonym: an encrypted device ID tells nothing.
pub(crate) fn encode(
    authorization: &Authorization,
    device: &EncryptedDeviceId,
    value: &mut Vec<u8>,
) -> usize {
    push_text(value, authorization.enterprise_id.as_str());
    push_text(value, device.as_str());
    push_text(value, authorization.as_of.text());
    for time in [authorization.not_before.value(), authorization.expires_at.value()] {
        value.extend_from_slice(&time.0.to_be_bytes());
    }
    let open = value.len();
    push_text(value, authorization.pseudonym.as_str());
    open
}

/// Reads it back; the key is the authorization's id.
pub(super) fn decode(key: &[u8], reader: &mut Reader<'_>) -> Result<Authorization, RecordError> {
    let damaged = |_| RecordError::Damaged;
    let id = std::str::from_utf8(key).map_err(|_| RecordError::Damaged)?;
    let authorization = Authorization {
        authorization_id: AuthorizationId::parse(id).map_err(|_| RecordError::Damaged)?,
        enterprise_id: EnterpriseId::parse(reader.text()?).map_err(|_| RecordError::Damaged)?,
        encrypted_device_ids: vec![
            EncryptedDeviceId::parse(reader.text()?).map_err(|_| RecordError::Damaged)?,
        ],
        as_of: Spelled::<AsOf>::parse(reader.text()?).map_err(damaged)?,
        not_before: reader.time()?.into(),
        expires_at: reader.time()?.into(),
        pseudonym: Pseudonym::parse(reader.text()?).map_err(|_| RecordError::Damaged)?,
        services: vec![Service::Sms],
        limits: Limits::default(),
        service_numbers: Vec::new(),
        evidence_hash: None,
        proof: None,
    };
    if reader.0.is_empty() { Ok(authorization) } else { Err(RecordError::Damaged) }
}
