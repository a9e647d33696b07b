//! A cursor over one PDU body. A failed read says with which status the PDU is to be refused.

use super::{Address, CString, OctetString, Status, Time, Tlvs};

#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn octet(&mut self) -> Result<u8, Status> {
        let (&octet, rest) = self.rest.split_first().ok_or(Status::RINVMSGLEN)?;
        self.rest = rest;
        Ok(octet)
    }

    #[inline]
    pub(crate) fn long(&mut self) -> Result<u32, Status> {
        let (octets, rest) = self.rest.split_first_chunk::<4>().ok_or(Status::RINVMSGLEN)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*octets))
    }

    /// Octets up to a NUL, which must come within `MAX + 1`.
    #[inline]
    pub(crate) fn c_string<const MAX: usize>(&mut self, fault: Status) -> Result<CString<'a, MAX>, Status> {
        let (text, rest) = CString::scan(self.rest).ok_or(fault)?;
        self.rest = rest;
        Ok(text)
    }

    pub(crate) fn time(&mut self, fault: Status) -> Result<Time<'a>, Status> {
        Time::checked(self.c_string(fault)?, fault)
    }

    #[inline]
    pub(crate) fn address<const MAX: usize>(&mut self, fault: Status) -> Result<Address<'a, MAX>, Status> {
        Ok(Address { ton: self.octet()?, npi: self.octet()?, digits: self.c_string(fault)? })
    }

    /// `sm_length` and as many octets.
    pub(crate) fn short_message(&mut self, max: usize) -> Result<OctetString<'a, 255>, Status> {
        let length = usize::from(self.octet()?);
        if length > max {
            return Err(Status::RINVMSGLEN);
        }
        let (message, rest) = self.rest.split_at_checked(length).ok_or(Status::RINVMSGLEN)?;
        self.rest = rest;
        OctetString::new(message).map_err(|_| Status::RINVMSGLEN)
    }

    /// Everything up to where `after`, a reader advanced from this one, stands.
    pub(crate) fn until(&self, after: &Self) -> &'a [u8] {
        let length = self.rest.len().saturating_sub(after.rest.len());
        self.rest.get(..length).unwrap_or_default()
    }

    /// The rest of the body, which must be TLVs.
    pub(crate) fn tlvs(self, strict: bool) -> Result<Tlvs<'a>, Status> {
        Tlvs::checked(self.rest, strict)
    }
}
