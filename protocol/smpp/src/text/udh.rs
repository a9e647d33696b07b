//! The user data header (3GPP TS 23.040, 9.2.3.24) as far as concatenation, and the `sar_*` TLVs that say the same.
//! Every other element (ports, reply address, EMS ...) is only counted and listed, so that it can be stripped or
//! refused.

use super::TextError;
use crate::codec::{Tag, Tlvs};

#[cfg(test)]
mod tests;

/// Concatenation with an 8-bit reference.
const CONCATENATION_8: u8 = 0x00;
/// Concatenation with a 16-bit reference.
const CONCATENATION_16: u8 = 0x08;

/// Which part of which message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segment {
    /// What the parts of one message share; from an 8-bit element it is below 256.
    pub reference: u16,
    /// How many parts, 1-255.
    pub total: u8,
    /// Which one, 1 to `total`.
    pub number: u8,
}

impl Segment {
    /// A segment whose numbering makes sense.
    ///
    /// # Errors
    /// [`TextError::Segment`] when a number is zero or past the total.
    pub fn new(reference: u16, total: u8, number: u8) -> Result<Self, TextError> {
        if number == 0 || number > total {
            return Err(TextError::Segment);
        }
        Ok(Self { reference, total, number })
    }

    /// Reads the TLVs `sar_msg_ref_num`, `sar_total_segments` and `sar_segment_seqnum`: all three or none.
    ///
    /// # Errors
    /// [`TextError::Segment`] when only some are there or the numbering makes no sense.
    pub fn from_sar(
        reference: Option<u16>,
        total: Option<u8>,
        number: Option<u8>,
    ) -> Result<Option<Self>, TextError> {
        match (reference, total, number) {
            (None, None, None) => Ok(None),
            (Some(reference), Some(total), Some(number)) => Self::new(reference, total, number).map(Some),
            _ => Err(TextError::Segment),
        }
    }

    /// Reads the same TLVs out of a PDU.
    ///
    /// # Errors
    /// [`TextError::Segment`] as [`Self::from_sar`], also for one of a wrong length.
    pub fn of(tlvs: Tlvs<'_>) -> Result<Option<Self>, TextError> {
        let tags = [Tag::SAR_MSG_REF_NUM, Tag::SAR_TOTAL_SEGMENTS, Tag::SAR_SEGMENT_SEQNUM];
        let [reference, total, number] = tags.map(|tag| tlvs.find(tag));
        if reference.is_none() && total.is_none() && number.is_none() {
            return Ok(None);
        }
        let read = Self::from_sar(
            reference.and_then(|tlv| tlv.short()),
            total.and_then(|tlv| tlv.octet()),
            number.and_then(|tlv| tlv.octet()),
        )?;
        read.ok_or(TextError::Segment).map(Some)
    }

    /// The one numbering of a message that may carry a header, `sar_*` TLVs or neither.
    ///
    /// # Errors
    /// [`TextError::MixedSegments`] when both are there, even if they agree.
    pub fn only(header: Option<Self>, sar: Option<Self>) -> Result<Option<Self>, TextError> {
        match (header, sar) {
            (Some(_), Some(_)) => Err(TextError::MixedSegments),
            (one, other) => Ok(one.or(other)),
        }
    }
}

/// One information element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Element<'b> {
    /// Its identifier.
    pub id: u8,
    /// Its data.
    pub data: &'b [u8],
}

/// A whole, well-formed header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserDataHeader<'b> {
    /// The concatenation, if there is one.
    pub segment: Option<Segment>,
    /// How many elements are something else than concatenation.
    pub others: u8,
    elements: &'b [u8],
}

impl<'b> UserDataHeader<'b> {
    /// Reads the header at the start of a message body whose `esm_class` says that there is one, and gives the text
    /// after it.
    ///
    /// # Errors
    /// [`TextError::Header`] when it is longer than the body or an element longer than the header,
    /// [`TextError::Segment`] for senseless numbering, [`TextError::MixedSegments`] for two concatenations.
    pub fn parse(body: &'b [u8]) -> Result<(Self, &'b [u8]), TextError> {
        let (length, rest) = body.split_first().ok_or(TextError::Header)?;
        let (elements, text) = rest.split_at_checked(usize::from(*length)).ok_or(TextError::Header)?;
        let mut header = Self { segment: None, others: 0, elements };
        let mut unread = elements;
        while !unread.is_empty() {
            let (element, after) = split_element(unread).ok_or(TextError::Header)?;
            unread = after;
            match segment_of(element)? {
                None => header.others = header.others.saturating_add(1),
                Some(_) if header.segment.is_some() => return Err(TextError::MixedSegments),
                found => header.segment = found,
            }
        }
        Ok((header, text))
    }

    /// All elements, in order.
    pub fn elements(&self) -> impl Iterator<Item = Element<'b>> + use<'b> {
        let mut unread = self.elements;
        std::iter::from_fn(move || {
            let (element, after) = split_element(unread)?;
            unread = after;
            Some(element)
        })
    }
}

/// Appends a header that says only which segment this is: 6 octets when the reference fits in 8 bits, else 7.
pub fn write(segment: Segment, out: &mut Vec<u8>) {
    let Segment { reference, total, number } = segment;
    match u8::try_from(reference) {
        Ok(reference) => out.extend([5, CONCATENATION_8, 3, reference, total, number]),
        Err(_) => write_wide(segment, out),
    }
}

/// The same with a 16-bit reference whatever its value: 7 octets.
pub fn write_wide(segment: Segment, out: &mut Vec<u8>) {
    let Segment { reference, total, number } = segment;
    let [high, low] = reference.to_be_bytes();
    out.extend([6, CONCATENATION_16, 4, high, low, total, number]);
}

fn split_element(unread: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let ([id, length], rest) = unread.split_first_chunk::<2>()?;
    let (data, after) = rest.split_at_checked(usize::from(*length))?;
    Some((Element { id: *id, data }, after))
}

fn segment_of(element: Element<'_>) -> Result<Option<Segment>, TextError> {
    match (element.id, element.data) {
        (CONCATENATION_8, [reference, total, number]) => {
            Segment::new(u16::from(*reference), *total, *number).map(Some)
        }
        (CONCATENATION_16, [high, low, total, number]) => {
            Segment::new(u16::from_be_bytes([*high, *low]), *total, *number).map(Some)
        }
        (CONCATENATION_8 | CONCATENATION_16, _) => Err(TextError::Header),
        _ => Ok(None),
    }
}

impl std::fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Element({:#04x}, {})", self.id, self.data.len())
    }
}

impl std::fmt::Debug for UserDataHeader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserDataHeader({:?}, {} others)", self.segment, self.others)
    }
}
