//! Framing of our own (read exactly `command_length` octets), so that rusmpp only ever sees one whole PDU
//! and the gateway's codec is not tested against itself.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::{Length, owned::Encode};
use rusmpp::{Command, CommandStatus, Pdu};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest PDU taken, in octets.
pub const LIMIT: usize = 128 * 1024;
/// Octets of a PDU header.
pub const HEADER: usize = 16;

/// Why a stream or a PDU could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The socket failed.
    #[error("socket: {0}")]
    Io(#[from] std::io::Error),
    /// The peer closed the connection.
    #[error("the peer closed the connection")]
    Closed,
    /// `command_length` is below 16 or above [`LIMIT`].
    #[error("command_length {0} out of bounds")]
    Length(u32),
    /// rusmpp refuses the PDU.
    #[error("command 0x{0:08X} does not decode")]
    Undecodable(u32),
}

/// One whole PDU as octets.
#[derive(Clone)]
pub struct Frame {
    /// `command_id`.
    pub id: u32,
    /// `command_status`.
    pub status: u32,
    /// `sequence_number`.
    pub sequence: u32,
    /// The whole PDU, header included.
    pub octets: Bytes,
}

impl Frame {
    /// Is it a response?
    #[must_use]
    pub fn is_response(&self) -> bool {
        self.id & 0x8000_0000 != 0
    }

    /// The PDU's body after the header.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.octets.get(HEADER..).unwrap_or_default()
    }

    /// Decodes with rusmpp.
    ///
    /// # Errors
    /// [`WireError::Undecodable`] when rusmpp refuses it.
    pub fn command(&self) -> Result<Command, WireError> {
        let mut rest = BytesMut::from(self.octets.get(4..).unwrap_or_default());
        let length = rest.len();
        Command::decode(&mut rest, length)
            .map(|(command, _)| command)
            .map_err(|_| WireError::Undecodable(self.id))
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame(0x{:08X}, status 0x{:X}, {} octets)", self.id, self.status, self.octets.len())
    }
}

/// Takes PDUs off a stream. Dropping `next` half-way loses nothing.
pub struct FrameReader<R> {
    stream: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from `stream`.
    pub fn new(stream: R) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(64 * 1024) }
    }

    /// The next whole PDU; cancel-safe.
    ///
    /// # Errors
    /// The socket failed or closed, or the stream lost its framing.
    pub async fn next(&mut self) -> Result<Frame, WireError> {
        loop {
            if let Some(frame) = self.buffered()? {
                return Ok(frame);
            }
            self.buffer.reserve(16 * 1024);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(WireError::Closed);
            }
        }
    }

    /// A PDU already received whole, if there is one.
    ///
    /// # Errors
    /// [`WireError::Length`] when the stream lost its framing.
    pub fn buffered(&mut self) -> Result<Option<Frame>, WireError> {
        let mut header = self.buffer.as_ref();
        if header.len() < HEADER {
            return Ok(None);
        }
        let (length, id, status, sequence) =
            (header.get_u32(), header.get_u32(), header.get_u32(), header.get_u32());
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if !(HEADER..=LIMIT).contains(&size) {
            return Err(WireError::Length(length));
        }
        if self.buffer.len() < size {
            return Ok(None);
        }
        Ok(Some(Frame { id, status, sequence, octets: self.buffer.split_to(size).freeze() }))
    }
}

/// Appends a PDU to `out`.
pub fn encode(out: &mut BytesMut, status: u32, sequence: u32, pdu: Pdu) {
    let command = Command::new(CommandStatus::from(status), sequence, pdu);
    let length = command.length().saturating_add(4);
    out.reserve(length);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    command.encode(out);
}

/// Appends a PDU without body (an error response, a link check).
pub fn encode_header(out: &mut BytesMut, id: u32, status: u32, sequence: u32) {
    out.reserve(HEADER);
    out.put_u32(16);
    out.put_u32(id);
    out.put_u32(status);
    out.put_u32(sequence);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_are_cut_by_length_alone() {
        let mut out = BytesMut::new();
        encode(&mut out, 0, 7, Pdu::EnquireLink);
        encode_header(&mut out, 0x8000_0004, 0x58, 8);
        let octets = out.freeze();
        let mut reader = FrameReader::new(octets.as_ref());
        let first = reader.next().await.unwrap();
        assert_eq!((first.id, first.sequence, first.body().len()), (0x15, 7, 0));
        assert!(matches!(first.command().unwrap().pdu(), Some(Pdu::EnquireLink)));
        let second = reader.next().await.unwrap();
        assert_eq!((second.status, second.sequence, second.is_response()), (0x58, 8, true));
        assert!(second.command().unwrap().pdu().is_none());
        assert!(matches!(reader.next().await, Err(WireError::Closed)));
    }

    #[tokio::test]
    async fn an_absurd_length_ends_the_stream() {
        for length in [0u32, 15, 200_000, u32::MAX] {
            let mut out = BytesMut::new();
            out.put_u32(length);
            out.put_bytes(0, 12);
            let octets = out.freeze();
            assert!(matches!(FrameReader::new(octets.as_ref()).next().await, Err(WireError::Length(_))));
        }
    }
}
