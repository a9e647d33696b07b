//! How objects lie in a store.
//!
//! ```text
//! head    key 00                                                    value {"number":..,"at":..,"present":..,"removed":..,"sum":".."}
//! object  key 01 | kind u8 | id | 00 | policy u64 | part u16 | parts u16   value a part of: header JSON, LF, the object's JSON
//! ```
//! (big-endian). An object's records are never overwritten: a change writes new ones under the number of the policy that
//! it makes, as many batches as it takes, and the head comes with the last batch. So a change is there whole, or, if the
//! head is older, not at all. The head says what must be there, so that an object that is lost is missed.

use serde::{Deserialize, Serialize};
use veilgate_names::{ObjectId, Timestamp};

use super::digest::Digest;
use super::{Entry, Revision};
use crate::objects::Kind;

/// Octets of a value at most.
pub(super) const PART_OCTETS: usize = 512 << 10;
/// Octets of keys and values that are written together, about.
pub(super) const STAGE_OCTETS: usize = 1 << 20;
/// The key of the head.
pub(super) const HEAD: &[u8] = &[0];
const OBJECT: u8 = 1;

/// A record to put or, without a value, to delete.
#[derive(Clone, PartialEq, Eq)]
pub struct Write {
    /// 1-80 octets.
    pub key: Vec<u8>,
    /// Up to 512 KiB.
    pub value: Option<Vec<u8>>,
}

/// Which policy is in force, and what belongs to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) number: u64,
    /// When it came, milliseconds since 1970.
    pub(super) at: i64,
    /// Objects there are.
    pub(super) present: u64,
    /// Objects that were taken away and are remembered.
    pub(super) removed: u64,
    /// Marks of all these, added up bit by bit.
    #[serde(with = "crate::form::text")]
    pub(super) sum: Sum,
}

/// Tells whether two sets of versions of objects are the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum(u128);

/// What stands before an object's JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    history: Vec<RevisionForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevisionForm {
    version: u64,
    at: i64,
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    digest: Option<Digest>,
}

/// Where a part of an object belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartKey {
    pub(super) kind: Kind,
    pub(super) id: ObjectId,
    pub(super) number: u64,
    pub(super) part: u16,
    pub(super) parts: u16,
}

/// Lengths only: a value may hold words.
impl std::fmt::Debug for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let octets = self.value.as_ref().map(Vec::len);
        f.debug_struct("Write").field("key_octets", &self.key.len()).field("value_octets", &octets).finish()
    }
}

impl Write {
    pub(super) fn octets(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Vec::len)
    }
}

impl Head {
    pub(super) fn write(&self) -> Write {
        Write { key: HEAD.to_vec(), value: serde_json::to_vec(self).ok() }
    }

    /// Counts an entry in.
    pub(super) fn add(&mut self, kind: Kind, id: &ObjectId, entry: &Entry) {
        *self.count(entry) += 1;
        self.sum.turn(kind, id, entry);
    }

    /// Counts an entry out that was counted in.
    pub(super) fn take(&mut self, kind: Kind, id: &ObjectId, entry: &Entry) {
        *self.count(entry) -= 1;
        self.sum.turn(kind, id, entry);
    }

    fn count(&mut self, entry: &Entry) -> &mut u64 {
        if entry.is_present() { &mut self.present } else { &mut self.removed }
    }
}

impl Sum {
    fn turn(&mut self, kind: Kind, id: &ObjectId, entry: &Entry) {
        let mark = format!("{}/{id}/{}/{}", kind.name(), entry.version(), entry.number);
        let [mark @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = Digest::of(mark.as_bytes()).0;
        self.0 ^= u128::from_be_bytes(mark);
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl std::str::FromStr for Sum {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

impl PartKey {
    pub(super) fn octets(&self) -> Vec<u8> {
        let id = self.id.as_str().as_bytes();
        let mut key = Vec::with_capacity(15 + id.len());
        key.extend_from_slice(&[OBJECT, tag(self.kind)]);
        key.extend_from_slice(id);
        key.push(0);
        key.extend_from_slice(&self.number.to_be_bytes());
        key.extend_from_slice(&self.part.to_be_bytes());
        key.extend_from_slice(&self.parts.to_be_bytes());
        key
    }

    pub(super) fn parse(key: &[u8]) -> Option<Self> {
        let (rest, parts) = key.split_last_chunk::<2>()?;
        let (rest, part) = rest.split_last_chunk::<2>()?;
        let (rest, number) = rest.split_last_chunk::<8>()?;
        let [OBJECT, kind, id @ .., 0] = rest else { return None };
        let kind = Kind::ALL.iter().copied().find(|each| tag(*each) == *kind)?;
        let id = ObjectId::parse(std::str::from_utf8(id).ok()?).ok()?;
        let (part, parts) = (u16::from_be_bytes(*part), u16::from_be_bytes(*parts));
        (part < parts).then_some(Self { kind, id, number: u64::from_be_bytes(*number), part, parts })
    }
}

/// The keys of all parts of an entry.
pub(super) fn keys(kind: Kind, id: &ObjectId, entry: &Entry) -> impl Iterator<Item = Vec<u8>> {
    let (id, number, parts) = (id.clone(), entry.number, entry.parts);
    (0..parts).map(move |part| PartKey { kind, id: id.clone(), number, part, parts }.octets())
}

/// The entry that a history and an object's JSON make, and its records.
pub(super) fn write(
    kind: Kind,
    id: &ObjectId,
    number: u64,
    history: Vec<Revision>,
    json: &[u8],
) -> (Entry, Vec<Write>) {
    let form = |each: &Revision| RevisionForm {
        version: each.version,
        at: each.at.0,
        by: each.by.clone(),
        digest: each.digest,
    };
    let header = Header { history: history.iter().map(form).collect() };
    let mut whole = serde_json::to_vec(&header).unwrap_or_default();
    whole.push(b'\n');
    whole.extend_from_slice(json);
    // Bounded by MAX_OBJECT_OCTETS, which are a few parts.
    let parts = u16::try_from(whole.len().div_ceil(PART_OCTETS)).unwrap_or(u16::MAX);
    let entry = Entry { history, number, parts };
    let values = whole.chunks(PART_OCTETS).map(<[u8]>::to_vec);
    let writes = keys(kind, id, &entry).zip(values).map(|(key, value)| Write { key, value: Some(value) });
    let writes = writes.collect();
    (entry, writes)
}

/// What [`write`] wrote: the history and the object's JSON, which is empty if it was taken away. `None` if it is damaged.
pub(super) fn read(whole: &[u8]) -> Option<(Vec<Revision>, &[u8])> {
    let end = whole.iter().position(|octet| *octet == b'\n')?;
    let (header, json) = whole.split_at_checked(end)?;
    let json = json.get(1..)?;
    let header: Header = serde_json::from_slice(header).ok()?;
    let revision = |form: RevisionForm| Revision {
        version: form.version,
        at: Timestamp(form.at),
        by: form.by,
        digest: form.digest,
    };
    let history: Vec<Revision> = header.history.into_iter().map(revision).collect();
    let expected = history.last()?.digest;
    let found = if json.is_empty() { None } else { Some(Digest::of(json)) };
    (expected == found).then_some((history, json))
}

/// The octet of a kind on disk: never use one again for another.
const fn tag(kind: Kind) -> u8 {
    match kind {
        Kind::Tenant => 1,
        Kind::Number => 2,
        Kind::Line => 3,
        Kind::Signature => 4,
        Kind::Template => 5,
        Kind::WordList => 6,
        Kind::Calendar => 7,
        Kind::Window => 8,
        Kind::FrequencyLimit => 9,
        Kind::RegionRule => 10,
        Kind::PersonList => 11,
        Kind::PricePlan => 12,
    }
}
