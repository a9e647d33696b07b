//! A slot as the store keeps it. Key: `subscriber16 ‖ width ‖ value:u32 (big-endian) ‖ service number`, for a slot
//! without digits then `0 ‖ 8 octets of SM3(authorization)`; value: `2 ‖ used:i64 ‖ ended:i64 (0 = not) ‖ authorization`,
//! or, as an earlier version wrote it, the authorization's id alone.

use sm3::{Digest as _, Sm3};
use veilgate_names::{AuthorizationId, Extension, ServiceNumber, SubscriberKey, Timestamp};

use super::entry::Slot;

/// The first octet of a value; no id begins with it.
const VERSION: u8 = 2;

/// One slot for the store.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotRecord {
    /// Unique per slot.
    pub key: Vec<u8>,
    /// The authorization's id, the last use and the end.
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

/// What a record says.
pub(super) struct Kept {
    pub(super) number: ServiceNumber,
    pub(super) subscriber: SubscriberKey,
    pub(super) slot: Slot,
}

impl SlotRecord {
    pub(super) fn encode(number: ServiceNumber, subscriber: SubscriberKey, slot: &Slot) -> Self {
        let extension = slot.digits.extension();
        let mut key = subscriber.0.to_vec();
        key.push(extension.width);
        key.extend_from_slice(&extension.value.to_be_bytes());
        key.extend_from_slice(number.as_str().as_bytes());
        if extension.width == 0 {
            key.push(0);
            key.extend_from_slice(&short_hash(&slot.authorization));
        }
        let mut value = vec![VERSION];
        value.extend_from_slice(&slot.used.0.to_be_bytes());
        value.extend_from_slice(&slot.ended.map_or(0, |at| at.0.max(1)).to_be_bytes());
        value.extend_from_slice(slot.authorization.as_str().as_bytes());
        Self { key, value }
    }

    pub(super) fn decode(&self) -> Option<Kept> {
        decode(&self.key, &self.value)
    }
}

impl std::fmt::Debug for SlotRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SlotRecord({}, {})", self.key.len(), self.value.len())
    }
}

pub(super) fn decode(key: &[u8], value: &[u8]) -> Option<Kept> {
    let (subscriber, rest) = key.split_first_chunk::<16>()?;
    let (width, rest) = rest.split_first()?;
    let (digits, rest) = rest.split_first_chunk::<4>()?;
    let extension = Extension { width: *width, value: u32::from_be_bytes(*digits) };
    let space = 10_u32.checked_pow(u32::from(*width)).filter(|_| *width <= 6)?;
    let (number, hash) = match rest.iter().position(|octet| *octet == 0) {
        Some(end) => rest.split_at_checked(end)?,
        None => (rest, &[][..]),
    };
    let number = ServiceNumber::parse(std::str::from_utf8(number).ok()?).ok()?;
    let (used, ended, id) = match value.split_first()? {
        (&VERSION, rest) => {
            let (used, rest) = rest.split_first_chunk::<8>()?;
            let (ended, id) = rest.split_first_chunk::<8>()?;
            let ended = Some(i64::from_be_bytes(*ended)).filter(|at| *at != 0).map(Timestamp);
            (Timestamp(i64::from_be_bytes(*used)), ended, id)
        }
        _ => (Timestamp(0), None, value),
    };
    let authorization = AuthorizationId::parse(std::str::from_utf8(id).ok()?).ok()?;
    let hashed = hash.split_first().is_none_or(|(_, hash)| *hash == short_hash(&authorization));
    if extension.value >= space || !hashed {
        return None;
    }
    let stored = Some(used).filter(|_| *width > 0 || !hash.is_empty());
    let slot = Slot { stored, ended, ..Slot::new(extension.into(), authorization, used) };
    Some(Kept { number, subscriber: SubscriberKey(*subscriber), slot })
}

fn short_hash(authorization: &AuthorizationId) -> [u8; 8] {
    let hash = Sm3::digest(authorization.as_str());
    hash.first_chunk::<8>().copied().unwrap_or_default()
}
