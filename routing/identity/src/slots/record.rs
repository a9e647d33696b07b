//! A slot as the store keeps it. Key: `subscriber16 ‖ width ‖ value:u32 (big-endian) ‖ service number`; value: the
//! authorization's id.

use veilgate_names::{AuthorizationId, Extension, ServiceNumber, SubscriberKey};

/// One slot for the store.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotRecord {
    /// Unique per slot.
    pub key: Vec<u8>,
    /// The authorization's id.
    pub value: Vec<u8>,
}

/// Why persisted slots were not put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// A record is not a slot.
    #[error("a slot record is damaged")]
    Damaged,
    /// More records than the configured capacity.
    #[error("more slots than the configured capacity")]
    Full,
}

impl SlotRecord {
    pub(super) fn encode(
        number: ServiceNumber,
        extension: Extension,
        subscriber: SubscriberKey,
        authorization: &AuthorizationId,
    ) -> Self {
        let mut key = subscriber.0.to_vec();
        key.push(extension.width);
        key.extend_from_slice(&extension.value.to_be_bytes());
        key.extend_from_slice(number.as_str().as_bytes());
        Self { key, value: authorization.as_str().as_bytes().to_vec() }
    }
}

impl std::fmt::Debug for SlotRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SlotRecord({}, {})", self.key.len(), self.value.len())
    }
}

pub(super) fn decode(
    key: &[u8],
    value: &[u8],
) -> Option<(ServiceNumber, Extension, SubscriberKey, AuthorizationId)> {
    let (subscriber, rest) = key.split_first_chunk::<16>()?;
    let (width, rest) = rest.split_first()?;
    let (digits, number) = rest.split_first_chunk::<4>()?;
    let extension = Extension { width: *width, value: u32::from_be_bytes(*digits) };
    let space = 10_u32.checked_pow(u32::from(*width)).filter(|_| *width <= 6)?;
    let number = ServiceNumber::parse(std::str::from_utf8(number).ok()?).ok()?;
    let authorization = AuthorizationId::parse(std::str::from_utf8(value).ok()?).ok()?;
    (extension.value < space).then_some((number, extension, SubscriberKey(*subscriber), authorization))
}
