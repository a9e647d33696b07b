//! What the registry asks to be stored: keys and values as octets. The ends of the values hold aliases, so the caller
//! seals them; a registration or revocation is acknowledged only after its record is durable.

use sm3::{Digest as _, Sm3};
use veilgate_names::{AuthorizationId, EnterpriseId, PlatformId, Timestamp};
use veilgate_notary::Authorization;

use crate::registry::{Revocation, Revoker};

mod short;

const VERSION: u8 = 1;
const FLAG_PROVED: u8 = 1;
const FLAG_SHORT: u8 = 2;

/// Which of the store's spaces a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordSpace {
    /// Authorizations, by their id.
    Authorization,
    /// Revocations, by the id they ended, or by a mark for everything of an enterprise.
    Revocation,
    /// How often an authorization was used today, by its id.
    Usage,
}

/// One record to put into the store. The same key again replaces the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it goes.
    pub space: RecordSpace,
    /// The authorization id, or a mark that is none; 1-64 octets.
    pub key: Vec<u8>,
    /// At most [`Record::MAX_VALUE`] octets.
    pub value: Vec<u8>,
    /// How many of these, from the first, name nobody: they may lie open.
    pub open: usize,
}

impl Record {
    /// The longest value made, in octets.
    pub const MAX_VALUE: usize = Authorization::MAX_JSON + 128;
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({:?}, {} octets)", self.space, self.value.len())
    }
}

/// Why a stored record cannot be read: our fault, or a damaged store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Cut short, of another version, or its parts are not what they should be.
    #[error("record is damaged")]
    Damaged,
    /// More records than the registry may hold.
    #[error("more records than the registry may hold")]
    Full,
}

/// A stored authorization with what the registry knew about it.
pub(crate) struct Stored {
    pub(crate) authorization: Authorization,
    pub(crate) platform: PlatformId,
    pub(crate) registered_at: Timestamp,
    pub(crate) proved: bool,
    pub(crate) short: bool,
}

impl Stored {
    pub(crate) fn encode(&self) -> Record {
        let flags = u8::from(self.proved) * FLAG_PROVED + u8::from(self.short) * FLAG_SHORT;
        let mut value = vec![VERSION, flags];
        value.extend_from_slice(&self.registered_at.0.to_be_bytes());
        push_text(&mut value, self.platform.as_str());
        let open = match self.authorization.encrypted_device_ids.as_slice() {
            // What a few TLVs said is a few fields here, not a text of ten times the names.
            [device] if self.short => short::encode(&self.authorization, device, &mut value),
            _ => {
                let open = value.len();
                value.extend_from_slice(&self.authorization.to_record());
                open
            }
        };
        let key = self.authorization.authorization_id.as_str().as_bytes().to_vec();
        Record { space: RecordSpace::Authorization, key, value, open }
    }

    pub(crate) fn decode(key: &[u8], value: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader(value);
        reader.version()?;
        let flags = reader.octet()?;
        let registered_at = reader.time()?;
        let platform = PlatformId::parse(reader.text()?).map_err(|_| RecordError::Damaged)?;
        let (proved, short) = (flags & FLAG_PROVED != 0, flags & FLAG_SHORT != 0);
        let authorization = if short {
            short::decode(key, &mut reader)?
        } else {
            Authorization::from_record(reader.0).map_err(|_| RecordError::Damaged)?
        };
        if authorization.authorization_id.as_str().as_bytes() != key {
            return Err(RecordError::Damaged);
        }
        Ok(Self { authorization, platform, registered_at, proved, short })
    }
}

pub(crate) fn encode_revocation(id: &AuthorizationId, revocation: &Revocation) -> Record {
    let mut value = vec![VERSION];
    value.extend_from_slice(&revocation.at.0.to_be_bytes());
    let platform = match &revocation.by {
        Revoker::Platform(platform) => platform.as_str(),
        Revoker::Carrier => "",
    };
    push_text(&mut value, platform);
    Record { space: RecordSpace::Revocation, key: id.as_str().as_bytes().to_vec(), value, open: 0 }
}

pub(crate) fn decode_revocation(
    key: &[u8],
    value: &[u8],
) -> Result<(AuthorizationId, Revocation), RecordError> {
    let id = std::str::from_utf8(key).map_err(|_| RecordError::Damaged)?;
    let id = AuthorizationId::parse(id).map_err(|_| RecordError::Damaged)?;
    let mut reader = Reader(value);
    reader.version()?;
    let at = reader.time()?;
    let by = match reader.text()? {
        "" => Revoker::Carrier,
        platform => Revoker::Platform(PlatformId::parse(platform).map_err(|_| RecordError::Damaged)?),
    };
    if reader.0.is_empty() { Ok((id, Revocation { at, by })) } else { Err(RecordError::Damaged) }
}

/// Keys of marks begin with an octet that no authorization id has; the names are longer than a key may be.
const MARK: u8 = 0;

/// The mark that everything registered until then for a tenancy is revoked.
pub(crate) struct Ended {
    pub(crate) platform: PlatformId,
    pub(crate) enterprise: EnterpriseId,
    pub(crate) at: Timestamp,
}

impl Ended {
    pub(crate) fn is_key(key: &[u8]) -> bool {
        key.first() == Some(&MARK)
    }

    pub(crate) fn encode(&self) -> Record {
        let mut value = vec![VERSION];
        value.extend_from_slice(&self.at.0.to_be_bytes());
        push_text(&mut value, self.platform.as_str());
        push_text(&mut value, self.enterprise.as_str());
        Record { space: RecordSpace::Revocation, key: self.key(), value, open: 0 }
    }

    pub(crate) fn decode(key: &[u8], value: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader(value);
        reader.version()?;
        let at = reader.time()?;
        let platform = PlatformId::parse(reader.text()?).map_err(|_| RecordError::Damaged)?;
        let enterprise = EnterpriseId::parse(reader.text()?).map_err(|_| RecordError::Damaged)?;
        let ended = Self { platform, enterprise, at };
        if reader.0.is_empty() && ended.key() == key { Ok(ended) } else { Err(RecordError::Damaged) }
    }

    fn key(&self) -> Vec<u8> {
        let mut hash = Sm3::new();
        hash.update(self.platform.as_str());
        hash.update([0]);
        hash.update(self.enterprise.as_str());
        let mut key = vec![MARK];
        key.extend_from_slice(&hash.finalize());
        key
    }
}

pub(crate) fn encode_usage(id: &AuthorizationId, word: u64) -> Record {
    let mut value = vec![VERSION];
    value.extend_from_slice(&word.to_be_bytes());
    Record { space: RecordSpace::Usage, key: id.as_str().as_bytes().to_vec(), value, open: 0 }
}

pub(crate) fn decode_usage(key: &[u8], value: &[u8]) -> Result<(AuthorizationId, u64), RecordError> {
    let id = std::str::from_utf8(key).map_err(|_| RecordError::Damaged)?;
    let id = AuthorizationId::parse(id).map_err(|_| RecordError::Damaged)?;
    let mut reader = Reader(value);
    reader.version()?;
    let octets = reader.take(8)?.try_into().map_err(|_| RecordError::Damaged)?;
    if reader.0.is_empty() { Ok((id, u64::from_be_bytes(octets))) } else { Err(RecordError::Damaged) }
}

/// Names are at most 64 octets, so one octet of length is enough.
fn push_text(value: &mut Vec<u8>, text: &str) {
    value.push(u8::try_from(text.len()).unwrap_or(0));
    value.extend_from_slice(text.as_bytes());
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(RecordError::Damaged)?;
        self.0 = rest;
        Ok(head)
    }

    fn octet(&mut self) -> Result<u8, RecordError> {
        self.take(1)?.first().copied().ok_or(RecordError::Damaged)
    }

    fn version(&mut self) -> Result<(), RecordError> {
        if self.octet()? == VERSION { Ok(()) } else { Err(RecordError::Damaged) }
    }

    fn time(&mut self) -> Result<Timestamp, RecordError> {
        let octets = self.take(8)?.try_into().map_err(|_| RecordError::Damaged)?;
        Ok(Timestamp(i64::from_be_bytes(octets)))
    }

    fn text(&mut self) -> Result<&'a str, RecordError> {
        let len = self.octet()?;
        std::str::from_utf8(self.take(len.into())?).map_err(|_| RecordError::Damaged)
    }
}
