//! One part of a text as it came: its record, and what of it says to which text it belongs.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use veilgate_admission::Registered;
use veilgate_names::{AccountId, AuthorizationId, MessageId, ServiceNumber};
use veilgate_smpp::text::udh::{Segment, UserDataHeader};

use crate::live::Body;
use crate::long::NorthPart;
use crate::record::{MessageRecord, RecordError};

/// How a part says which part it is. Parts that say it differently are of different texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// A header with an 8-bit reference.
    Header8,
    /// A header with a 16-bit reference.
    Header16,
    /// `sar_*` TLVs.
    Tlvs,
}

/// What the parts of one text have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TextKey {
    account: AccountId,
    authorization: AuthorizationId,
    service_number: ServiceNumber,
    scheme: Scheme,
    reference: u16,
    pub(crate) total: u8,
}

/// A part of a text.
pub(crate) struct Piece {
    /// Its own id, the key of its record.
    pub(crate) id: MessageId,
    pub(crate) authorization: Arc<Registered>,
    /// As it came, its header too.
    pub(crate) record: MessageRecord,
    key: TextKey,
    number: u8,
    header: usize,
}

impl Piece {
    /// Takes a part apart.
    ///
    /// # Errors
    /// [`RecordError`] for what is no part.
    pub(crate) fn new(
        id: MessageId,
        authorization: Arc<Registered>,
        record: MessageRecord,
    ) -> Result<Self, RecordError> {
        let (scheme, segment, header) = segment_of(&record.body).ok_or(RecordError)?;
        let key = TextKey {
            account: record.account.clone(),
            authorization: record.authorization.clone(),
            service_number: record.service_number,
            scheme,
            reference: segment.reference,
            total: segment.total,
        };
        Ok(Self { id, authorization, record, key, number: segment.number, header })
    }

    pub(crate) fn key(&self) -> &TextKey {
        &self.key
    }

    pub(crate) fn account(&self) -> &AccountId {
        &self.record.account
    }

    /// Which part, 1 to the total.
    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    /// What it says behind its header.
    pub(crate) fn text(&self) -> &[u8] {
        self.record.body.text.get(self.header..).unwrap_or_default()
    }

    /// What its sender was acknowledged.
    pub(crate) fn north(&self) -> NorthPart {
        NorthPart {
            id: self.id,
            registered_delivery: self.record.registered_delivery,
            accepted_at: self.record.accepted_at,
        }
    }

    /// Whether both are the same part, sent twice.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.is_like(other) && self.text() == other.text()
    }

    /// Whether both can be read together.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.record.body.data_coding == other.record.body.data_coding
    }

    pub(super) fn hash(&self) -> u64 {
        FxBuildHasher.hash_one((self.record.body.data_coding, self.text()))
    }
}

/// Which part a body is of a text of several, and how long its header is.
pub(crate) fn segment_of(body: &Body) -> Option<(Scheme, Segment, usize)> {
    if let Some((reference, total, number)) = body.segment {
        return Some((Scheme::Tlvs, Segment { reference, total, number }, 0));
    }
    if !body.has_header() {
        return None;
    }
    let (header, text) = UserDataHeader::parse(&body.text).ok()?;
    let segment = header.segment?;
    let length = body.text.len() - text.len();
    let scheme = if length == 6 { Scheme::Header8 } else { Scheme::Header16 };
    Some((scheme, segment, length))
}
