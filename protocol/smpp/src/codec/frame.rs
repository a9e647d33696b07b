//! Cutting a byte stream into PDUs. The length field decides how far to look, never how much to allocate.

use core::fmt;

use super::{CommandId, Status};

/// Octets of a PDU header.
pub const HEADER_LENGTH: u32 = 16;

/// The four numbers every PDU begins with (SMPP 3.4, 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Octets of the whole PDU, this header included.
    pub command_length: u32,
    /// What the PDU is.
    pub command_id: CommandId,
    /// How the request went; 0 in requests.
    pub command_status: Status,
    /// Joins response to request; any number may come from a peer.
    pub sequence_number: u32,
}

/// One whole PDU, cut out of the input: header and exactly `command_length - 16` octets of body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The header.
    pub header: Header,
    /// What follows the header.
    pub body: &'a [u8],
}

impl Frame<'_> {
    /// Octets to take off the input: header and body.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.body.len() + 16
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("header", &self.header).field("body", &self.body.len()).finish()
    }
}

/// The stream is out of step: answer `generic_nack` with [`FrameError::STATUS`] and close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("command_length {command_length} is out of range")]
pub struct FrameError {
    /// What the peer wrote.
    pub command_length: u32,
    /// The PDU's sequence number, if all 16 header octets are there.
    pub sequence_number: Option<u32>,
}

impl FrameError {
    /// The status that `generic_nack` carries.
    pub const STATUS: Status = Status::RINVCMDLEN;
}

/// Cuts the first PDU off `input`: `Ok(None)` while it is not all there. Take [`Frame::length`] octets off afterwards.
///
/// # Errors
/// [`FrameError`] as soon as the first four octets say less than 16 or more than `max_length`.
pub fn split(input: &[u8], max_length: u32) -> Result<Option<Frame<'_>>, FrameError> {
    let Some((command_length, rest)) = number(input) else { return Ok(None) };
    let header = header(command_length, rest);
    if command_length < HEADER_LENGTH || command_length > max_length {
        let sequence_number = header.map(|(header, _)| header.sequence_number);
        return Err(FrameError { command_length, sequence_number });
    }
    let Some((header, rest)) = header else { return Ok(None) };
    let Ok(body_length) = usize::try_from(command_length - HEADER_LENGTH) else { return Ok(None) };
    Ok(rest.get(..body_length).map(|body| Frame { header, body }))
}

fn header(command_length: u32, rest: &[u8]) -> Option<(Header, &[u8])> {
    let (command_id, rest) = number(rest)?;
    let (command_status, rest) = number(rest)?;
    let (sequence_number, rest) = number(rest)?;
    let header = Header {
        command_length,
        command_id: CommandId(command_id),
        command_status: Status(command_status),
        sequence_number,
    };
    Some((header, rest))
}

fn number(input: &[u8]) -> Option<(u32, &[u8])> {
    let (octets, rest) = input.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*octets), rest))
}
