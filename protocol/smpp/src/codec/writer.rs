//! Appends one PDU to a buffer. Values are valid by their types, so nothing here can fail; the length
//! is patched into the header at the end.

use bytes::{BufMut, BytesMut};

use super::{Address, CommandId, Status, Tag, Tlvs};

pub(crate) struct Writer<'b> {
    out: &'b mut BytesMut,
    start: usize,
}

impl<'b> Writer<'b> {
    /// Begins a PDU; `expected` octets of body are reserved at once.
    pub(crate) fn begin(
        out: &'b mut BytesMut,
        command_id: CommandId,
        status: Status,
        sequence: u32,
        expected: usize,
    ) -> Self {
        let start = out.len();
        out.reserve(expected.saturating_add(16));
        let [a, b, c, d] = command_id.0.to_be_bytes();
        let [e, f, g, h] = status.0.to_be_bytes();
        let [i, j, k, l] = sequence.to_be_bytes();
        out.put_slice(&[0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j, k, l]);
        Self { out, start }
    }

    /// Writes the length into the header.
    pub(crate) fn finish(self) {
        let length = u32::try_from(self.out.len().saturating_sub(self.start)).unwrap_or(u32::MAX);
        if let Some(field) = self.out.get_mut(self.start..).and_then(<[u8]>::first_chunk_mut::<4>) {
            *field = length.to_be_bytes();
        }
    }

    #[inline]
    pub(crate) fn octet(&mut self, octet: u8) {
        self.out.put_u8(octet);
    }

    #[inline]
    pub(crate) fn octets(&mut self, octets: &[u8]) {
        self.out.put_slice(octets);
    }

    /// The octets and a NUL.
    #[inline]
    pub(crate) fn c_string(&mut self, octets: &[u8]) {
        self.out.put_slice(octets);
        self.out.put_u8(0);
    }

    #[inline]
    pub(crate) fn address<const MAX: usize>(&mut self, address: &Address<'_, MAX>) {
        self.octets(&[address.ton, address.npi]);
        self.c_string(address.digits.as_bytes());
    }

    /// `sm_length` and the octets: at most 255 by their type.
    pub(crate) fn short_message(&mut self, message: &super::OctetString<'_, 255>) {
        self.octet(u8::try_from(message.as_bytes().len()).unwrap_or(u8::MAX));
        self.octets(message.as_bytes());
    }

    pub(crate) fn tlvs(&mut self, tlvs: &Tlvs<'_>) {
        self.octets(tlvs.region());
    }

    /// One TLV; `value` is at most 65,535 octets by the caller's types.
    pub(crate) fn tlv(&mut self, tag: Tag, value: &[u8]) {
        let Ok(length) = u16::try_from(value.len()) else { return };
        let [a, b] = tag.0.to_be_bytes();
        let [c, d] = length.to_be_bytes();
        self.octets(&[a, b, c, d]);
        self.octets(value);
    }
}
