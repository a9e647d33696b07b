//! Changes that become visible and durable together. A batch is kept in the form in which the log writes it, each
//! record with its checksum, so that the work is done by whoever fills it and not by the one thread that commits.
//!
//! ```text
//! record  crc32 of what follows, up to the key u32 | crc32 of the value u32 | value octets u32
//!         | space, 0x80 if deleted u8 | key octets u8 | key | value                       (little-endian)
//! ```
//! The first checksum vouches for key and lengths even if the value is damaged.

use crate::error::{Bound, Damage, StoreError};
use crate::space::Space;

/// The longest key, in octets. A key has at least one.
pub const MAX_KEY: usize = 80;
/// The longest value, in octets. A value may be empty.
pub const MAX_VALUE: usize = 1 << 20;
/// The longest batch, in octets as [`Batch::octets`] counts them.
pub const MAX_BATCH: usize = 8 << 20;

/// Octets of a record before its key.
pub(crate) const RECORD_HEADER: usize = 14;
const DELETED: u8 = 0x80;

/// Changes to be stored all or none. Reusable: [`Batch::clear`] keeps the buffer.
#[derive(Clone, Default)]
pub struct Batch {
    buffer: Vec<u8>,
    records: u32,
    digest: u32,
}

/// One change in a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// The space of the key.
    pub space: Space,
    /// 1 to [`MAX_KEY`] octets.
    pub key: &'a [u8],
    /// The new value, or `None` where the key is deleted.
    pub value: Option<&'a [u8]>,
}

/// The changes of a batch, in the order in which they were made.
#[derive(Clone)]
pub struct Changes<'a> {
    rest: &'a [u8],
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores `value` under `key`, whatever was there before. A later change to the same key in the same batch wins.
    ///
    /// # Errors
    /// [`StoreError::Bounds`] if key, value or batch would be too long; the batch is then as before.
    pub fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.push(space.tag(), key, value)
    }

    /// Deletes `key`; it need not exist.
    ///
    /// # Errors
    /// [`StoreError::Bounds`] if key or batch would be too long; the batch is then as before.
    pub fn delete(&mut self, space: Space, key: &[u8]) -> Result<(), StoreError> {
        self.push(space.tag() | DELETED, key, &[])
    }

    /// How many changes it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.records).unwrap_or(usize::MAX)
    }

    /// Whether it holds no change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Octets this batch takes: keys, values and 14 more for each change.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.buffer.len()
    }

    /// Forgets the changes and keeps the room.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.records = 0;
        self.digest = 0;
    }

    /// The changes in the order in which they were made.
    #[must_use]
    pub fn changes(&self) -> Changes<'_> {
        Changes { rest: &self.buffer }
    }

    /// The records with their lengths.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut rest = self.buffer.as_slice();
        std::iter::from_fn(move || {
            let record = Record::split(rest)?;
            rest = rest.get(record.octets..)?;
            Some(record)
        })
    }

    /// The records as they stand in the log.
    pub(crate) fn encoded(&self) -> &[u8] {
        &self.buffer
    }

    /// A checksum over the checksums of the records.
    pub(crate) fn digest(&self) -> u32 {
        self.digest
    }

    fn push(&mut self, tag: u8, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(StoreError::Bounds(Bound::Key));
        }
        if value.len() > MAX_VALUE {
            return Err(StoreError::Bounds(Bound::Value));
        }
        if self.buffer.len() + RECORD_HEADER + key.len() + value.len() > MAX_BATCH {
            return Err(StoreError::Bounds(Bound::Batch));
        }
        let key_octets = u8::try_from(key.len()).map_err(|_| StoreError::Bounds(Bound::Key))?;
        let value_octets = u32::try_from(value.len()).map_err(|_| StoreError::Bounds(Bound::Value))?;
        let [a, b, c, d] = crc32fast::hash(value).to_le_bytes();
        let [e, f, g, h] = value_octets.to_le_bytes();
        let start = self.buffer.len();
        self.buffer.reserve(RECORD_HEADER + key.len() + value.len());
        self.buffer.extend_from_slice(&[0, 0, 0, 0, a, b, c, d, e, f, g, h, tag, key_octets]);
        self.buffer.extend_from_slice(key);
        let checksum = crc32fast::hash(self.buffer.get(start + 4..).unwrap_or_default());
        if let Some(slot) = self.buffer.get_mut(start..start + 4) {
            slot.copy_from_slice(&checksum.to_le_bytes());
        }
        self.buffer.extend_from_slice(value);
        self.records += 1;
        self.digest = add_to_digest(self.digest, checksum);
        Ok(())
    }
}

/// Lengths only: keys and values may be personal.
impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("records", &self.records).field("octets", &self.buffer.len()).finish()
    }
}

impl std::fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change")
            .field("space", &self.space)
            .field("key_octets", &self.key.len())
            .field("value_octets", &self.value.map(<[u8]>::len))
            .finish()
    }
}

impl std::fmt::Debug for Changes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").field("octets", &self.rest.len()).finish()
    }
}

impl<'a> Iterator for Changes<'a> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        let record = Record::split(self.rest)?;
        self.rest = self.rest.get(record.octets..)?;
        Some(record.change)
    }
}

/// A record as it lies in a buffer, its lengths plausible, its checksums not looked at yet.
pub(crate) struct Record<'a> {
    pub(crate) change: Change<'a>,
    /// The whole record, header included.
    pub(crate) octets: usize,
    /// The checksum over everything but the value, which it covers by the value's own checksum.
    pub(crate) checksum: u32,
    head: &'a [u8],
    value_checksum: u32,
}

impl<'a> Record<'a> {
    /// The first record of `buffer`, or `None` if no record can begin like this.
    pub(crate) fn split(buffer: &'a [u8]) -> Option<Self> {
        let (checksum, rest) = buffer.split_first_chunk::<4>()?;
        let (value_checksum, rest) = rest.split_first_chunk::<4>()?;
        let (value_octets, rest) = rest.split_first_chunk::<4>()?;
        let (&[tag, key_octets], rest) = rest.split_first_chunk::<2>()?;
        let value_octets = usize::try_from(u32::from_le_bytes(*value_octets)).ok()?;
        let key_octets = usize::from(key_octets);
        if key_octets == 0 || key_octets > MAX_KEY || value_octets > MAX_VALUE {
            return None;
        }
        let space = Space::from_tag(tag & !DELETED)?;
        let (key, rest) = rest.split_at_checked(key_octets)?;
        let value = rest.get(..value_octets)?;
        Some(Self {
            change: Change { space, key, value: if tag & DELETED == 0 { Some(value) } else { None } },
            octets: RECORD_HEADER + key_octets + value_octets,
            checksum: u32::from_le_bytes(*checksum),
            head: buffer.get(4..RECORD_HEADER + key_octets)?,
            value_checksum: u32::from_le_bytes(*value_checksum),
        })
    }

    /// Whether key and lengths are as they were written.
    pub(crate) fn is_headed(&self) -> bool {
        crc32fast::hash(self.head) == self.checksum
    }

    /// What to say of a record that is not whole, at this place.
    pub(crate) fn damage(&self, segment: u32, offset: u64) -> Damage {
        let damage = Damage::at(segment, offset);
        if self.is_headed() { damage.of(self.change.space, self.change.key) } else { damage }
    }

    /// Whether all of it is as it was written.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_headed() && crc32fast::hash(self.change.value.unwrap_or_default()) == self.value_checksum
    }
}

/// The digest of a batch after one more record with this checksum. The checksums vouch for the records; this only has to
/// tell whether they are the same ones in the same order.
pub(crate) fn add_to_digest(digest: u32, checksum: u32) -> u32 {
    (digest.rotate_left(9) ^ checksum).wrapping_mul(0x9E37_79B1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_in_order() {
        let mut batch = Batch::new();
        batch.put(Space::State, b"k", b"").unwrap();
        batch.put(Space::Message, &[7; MAX_KEY], &[1; 300]).unwrap();
        batch.delete(Space::Meta, b"k").unwrap();
        let seen: Vec<_> =
            batch.changes().map(|c| (c.space, c.key.to_vec(), c.value.map(<[u8]>::len))).collect();
        assert_eq!(
            seen,
            [
                (Space::State, b"k".to_vec(), Some(0)),
                (Space::Message, vec![7; MAX_KEY], Some(300)),
                (Space::Meta, b"k".to_vec(), None)
            ]
        );
        assert_eq!((batch.len(), batch.octets()), (3, 3 * RECORD_HEADER + 1 + MAX_KEY + 300 + 1));
        batch.clear();
        assert!(batch.is_empty() && batch.octets() == 0 && batch.changes().next().is_none());
    }

    #[test]
    fn bounds_hold_and_leave_the_batch_alone() {
        let mut batch = Batch::new();
        assert_eq!(batch.put(Space::Meta, b"", b"v"), Err(StoreError::Bounds(Bound::Key)));
        assert_eq!(batch.delete(Space::Meta, &[0; MAX_KEY + 1]), Err(StoreError::Bounds(Bound::Key)));
        assert_eq!(
            batch.put(Space::Meta, b"k", &vec![0; MAX_VALUE + 1]),
            Err(StoreError::Bounds(Bound::Value))
        );
        while batch.put(Space::Meta, b"k", &vec![0; MAX_VALUE]).is_ok() {}
        assert_eq!((batch.len(), batch.put(Space::Meta, b"k", b"")), (7, Ok(())));
    }

    #[test]
    fn one_changed_bit_is_seen() {
        let mut batch = Batch::new();
        batch.put(Space::Meta, b"key", b"value").unwrap();
        let whole = batch.encoded().to_vec();
        assert!(Record::split(&whole).unwrap().is_whole());
        for bit in 0..whole.len() * 8 {
            let mut bent = whole.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::split(&bent).is_none_or(|record| !record.is_whole()), "bit {bit}");
        }
    }

    #[test]
    fn debug_shows_no_octets() {
        let mut batch = Batch::new();
        batch.put(Space::Meta, b"canary", b"canary").unwrap();
        let change = batch.changes().next().unwrap();
        assert!(!format!("{batch:?} {change:?} {:?}", batch.changes()).contains("99, 97"));
        assert!(!format!("{batch:?} {change:?}").contains("canary"));
    }
}
