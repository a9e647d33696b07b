//! TLVs: kept as they came, in order, duplicates too; the stream is walked once before anybody reads it.

use core::fmt;

use bytes::{BufMut, BytesMut};

use super::{FieldError, OctetString, Status, Tag};

/// One tag, length, value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// What it is.
    pub tag: Tag,
    /// Its value, length left out.
    pub value: OctetString<'a, 65_535>,
}

impl<'a> Tlv<'a> {
    /// The value as a number of one octet, if it has that length.
    #[must_use]
    pub fn octet(&self) -> Option<u8> {
        <[u8; 1]>::try_from(self.value.as_bytes()).ok().map(u8::from_be_bytes)
    }

    /// The value as a number of two octets, if it has that length.
    #[must_use]
    pub fn short(&self) -> Option<u16> {
        <[u8; 2]>::try_from(self.value.as_bytes()).ok().map(u16::from_be_bytes)
    }

    /// The value as a C-octet string: up to its first NUL, or all of it.
    #[must_use]
    pub fn c_octets(&self) -> &'a [u8] {
        self.value.as_bytes().split(|&b| b == 0).next().unwrap_or_default()
    }
}

/// The TLVs of one PDU: a region known to be whole.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    /// No TLVs.
    pub const EMPTY: Self = Self(&[]);

    /// Walks the region once: [`Status::RINVTLVSTREAM`] if it is cut short, and, if `strict`,
    /// [`Status::RINVPARLEN`] if a known tag has a length it cannot have.
    pub(crate) fn checked(region: &'a [u8], strict: bool) -> Result<Self, Status> {
        let mut rest = region;
        while !rest.is_empty() {
            let (tlv, after) = next(rest).ok_or(Status::RINVTLVSTREAM)?;
            if strict && !tlv.tag.allowed_lengths().contains(&tlv.value.as_bytes().len()) {
                return Err(Status::RINVPARLEN);
            }
            rest = after;
        }
        Ok(Self(region))
    }

    /// All of them, in the order they came.
    #[must_use]
    pub const fn iter(&self) -> TlvIter<'a> {
        TlvIter(self.0)
    }

    /// The first with this tag.
    #[must_use]
    pub fn find(&self, tag: Tag) -> Option<Tlv<'a>> {
        self.iter().find(|tlv| tlv.tag == tag)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn region(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for Tlvs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Tlvs<'a> {
    type Item = Tlv<'a>;
    type IntoIter = TlvIter<'a>;
    fn into_iter(self) -> TlvIter<'a> {
        self.iter()
    }
}

/// Walks [`Tlvs`].
#[derive(Clone)]
pub struct TlvIter<'a>(&'a [u8]);

impl<'a> Iterator for TlvIter<'a> {
    type Item = Tlv<'a>;
    fn next(&mut self) -> Option<Tlv<'a>> {
        let (tlv, rest) = next(self.0)?;
        self.0 = rest;
        Some(tlv)
    }
}

impl fmt::Debug for TlvIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlvIter(<{} octets>)", self.0.len())
    }
}

/// TLVs to send, collected in order; for peers, simulators and tests.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TlvList(BytesMut);

impl TlvList {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one at the end.
    ///
    /// # Errors
    /// [`FieldError::TooLong`] beyond 65,535 octets.
    pub fn push(&mut self, tag: Tag, value: &[u8]) -> Result<(), FieldError> {
        let length = u16::try_from(value.len()).map_err(|_| FieldError::TooLong)?;
        self.0.put_u16(tag.0);
        self.0.put_u16(length);
        self.0.put_slice(value);
        Ok(())
    }

    /// The list as PDUs take it.
    #[must_use]
    pub fn view(&self) -> Tlvs<'_> {
        Tlvs(&self.0)
    }
}

impl fmt::Debug for TlvList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

#[inline]
fn next(region: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let ([a, b, c, d], rest) = region.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*c, *d])))?;
    let value = OctetString::new(value).ok()?;
    Some((Tlv { tag: Tag(u16::from_be_bytes([*a, *b])), value }, rest))
}
