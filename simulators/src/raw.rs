//! SMPP by hand for the fast peers: headers, fields and TLVs read in place, PDUs appended to a buffer. No
//! allocation, no validation beyond bounds.

/// The four words of a PDU header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `command_length`.
    pub length: usize,
    /// `command_id`.
    pub id: u32,
    /// `command_status`.
    pub status: u32,
    /// `sequence_number`.
    pub sequence: u32,
}

/// A stream that lost its framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("command_length out of bounds")]
pub struct Misframed;

/// The first PDU of `input`: header and body. `None` while it is not there whole.
///
/// # Errors
/// [`Misframed`] for a length below 16 or above [`crate::wire::LIMIT`].
pub fn first(input: &[u8]) -> Result<Option<(Header, &[u8])>, Misframed> {
    let Some((head, _)) = input.split_first_chunk::<16>() else { return Ok(None) };
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *head;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if !(16..=crate::wire::LIMIT).contains(&length) {
        return Err(Misframed);
    }
    let header = Header {
        length,
        id: u32::from_be_bytes([e, f, g, h]),
        status: u32::from_be_bytes([i, j, k, l]),
        sequence: u32::from_be_bytes([m, n, o, p]),
    };
    Ok(input.get(16..length).map(|body| (header, body)))
}

/// Reads fields from the front.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    /// A NUL-terminated field, without the NUL.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|octet| *octet == 0)?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        Some(text)
    }

    /// One octet.
    pub fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// So many octets.
    pub fn octets(&mut self, count: usize) -> Option<&'a [u8]> {
        let (octets, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(octets)
    }

    /// A TLV: tag and value.
    pub fn tlv(&mut self) -> Option<(u16, &'a [u8])> {
        let [a, b, c, d, rest @ ..] = self.0 else { return None };
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*c, *d])))?;
        self.0 = rest;
        Some((u16::from_be_bytes([*a, *b]), value))
    }
}

/// The body of a submit_sm or deliver_sm, read in place.
#[derive(Debug, Clone, Copy)]
pub struct Short<'a> {
    /// ton, npi and address of the source.
    pub source: (u8, u8, &'a [u8]),
    /// ton, npi and address of the destination.
    pub destination: (u8, u8, &'a [u8]),
    /// `esm_class`.
    pub esm_class: u8,
    /// `registered_delivery`.
    pub registered_delivery: u8,
    /// `short_message`.
    pub content: &'a [u8],
    /// TLVs that follow.
    pub tlvs: Cursor<'a>,
}

impl<'a> Short<'a> {
    /// Reads a body; `None` if a field runs over its end.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        cursor.text()?;
        let source = (cursor.octet()?, cursor.octet()?, cursor.text()?);
        let destination = (cursor.octet()?, cursor.octet()?, cursor.text()?);
        let esm_class = cursor.octet()?;
        cursor.octets(2)?;
        cursor.text()?;
        cursor.text()?;
        let registered_delivery = cursor.octet()?;
        cursor.octets(3)?;
        let length = usize::from(cursor.octet()?);
        let content = cursor.octets(length)?;
        Some(Self { source, destination, esm_class, registered_delivery, content, tlvs: cursor })
    }

    /// The value of the first TLV with this tag.
    #[must_use]
    pub fn tlv(&self, tag: u16) -> Option<&'a [u8]> {
        let mut cursor = self.tlvs;
        while let Some((each, value)) = cursor.tlv() {
            if each == tag {
                return Some(value);
            }
        }
        None
    }
}

/// Appends a header whose length [`end`] will set; gives the place of the PDU.
pub fn begin(out: &mut Vec<u8>, id: u32, status: u32, sequence: u32) -> usize {
    let mark = out.len();
    let ([a, b, c, d], [e, f, g, h], [i, j, k, l]) =
        (id.to_be_bytes(), status.to_be_bytes(), sequence.to_be_bytes());
    out.extend_from_slice(&[0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j, k, l]);
    mark
}

/// Sets the length of the PDU that began at `mark`.
pub fn end(out: &mut [u8], mark: usize) {
    let length = u32::try_from(out.len().saturating_sub(mark)).unwrap_or(u32::MAX);
    patch(out, mark, &length.to_be_bytes());
}

/// Overwrites octets at `at`; does nothing where they would not fit.
pub fn patch(out: &mut [u8], at: usize, octets: &[u8]) {
    if let Some(place) = out.get_mut(at..at.saturating_add(octets.len())) {
        place.copy_from_slice(octets);
    }
}

/// Appends a PDU that is a header alone.
pub fn put_header(out: &mut Vec<u8>, id: u32, status: u32, sequence: u32) {
    let mark = begin(out, id, status, sequence);
    patch(out, mark, &16u32.to_be_bytes());
}

/// Appends a response whose body is one NUL-terminated text.
pub fn put_text_response(out: &mut Vec<u8>, id: u32, sequence: u32, text: &[u8]) {
    let mark = begin(out, id, 0, sequence);
    out.extend_from_slice(text);
    out.push(0);
    end(out, mark);
}

/// Appends a TLV.
pub fn put_tlv(out: &mut Vec<u8>, tag: u16, value: &[u8]) {
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(value);
}

/// Appends a bind_transceiver.
pub fn put_bind(out: &mut Vec<u8>, sequence: u32, (system_id, password): (&str, &str), version: u8) {
    let mark = begin(out, 9, 0, sequence);
    for text in [system_id, password, "load"] {
        out.extend_from_slice(text.as_bytes());
        out.push(0);
    }
    out.extend_from_slice(&[version, 0, 0, 0]);
    end(out, mark);
}

/// Spells a number in `base` 10 or 16, without allocating.
#[must_use]
pub fn spell(mut number: u64, base: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut at = room.len();
    loop {
        at = at.saturating_sub(1);
        let digit = u8::try_from(number % base).unwrap_or(0);
        if let Some(slot) = room.get_mut(at) {
            *slot = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        }
        number /= base;
        if number == 0 || at == 0 {
            return room.get(at..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Address, Message, tag};
    use bytes::BytesMut;

    #[test]
    fn a_message_of_rusmpp_is_read_in_place() {
        let message = Message {
            source: Address::guess("10690001"),
            destination: Address::guess("+8619900000001"),
            registered_delivery: 1,
            octets: b"hello".to_vec(),
            tlvs: vec![(tag::EDI, b"edi1".to_vec()), (tag::AS_OF, b"20260301".to_vec())],
            ..Message::default()
        };
        let mut out = BytesMut::new();
        crate::wire::encode(&mut out, 0, 77, message.to_submit().unwrap());
        assert!(first(&out[..out.len() - 1]).unwrap().is_none());
        let (header, body) = first(&out).unwrap().unwrap();
        assert_eq!((header.id, header.sequence, header.length), (4, 77, out.len()));
        let short = Short::read(body).unwrap();
        assert_eq!(short.destination, (1, 1, &b"8619900000001"[..]));
        assert_eq!((short.content, short.registered_delivery), (&b"hello"[..], 1));
        assert_eq!(short.tlv(tag::AS_OF), Some(&b"20260301"[..]));
        assert!(
            (0..body.len() - 20)
                .all(|cut| Short::read(&body[..cut]).is_none_or(|s| s.tlv(tag::AS_OF).is_none()))
        );
    }

    #[test]
    fn numbers_are_spelled() {
        let mut room = [0; 20];
        assert_eq!(spell(0, 10, &mut room), b"0");
        assert_eq!(spell(u64::MAX, 10, &mut room), b"18446744073709551615");
        assert_eq!(spell(0xBEEF, 16, &mut room), b"beef");
        assert!(first(&[0; 16]).is_err());
    }
}
