//! What is inside a short message: alphabets, user data header, receipts, times. Pure functions over bytes; nothing
//! here knows a PDU, a session or a clock, and no error carries a byte of what was read.

pub mod encoding;
pub mod gsm7;
pub mod receipt;
pub mod split;
pub mod time;
pub mod udh;

/// Why bytes are not the text, header, receipt or time they should be. Always the sender's fault; a retry of the
/// same bytes cannot help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TextError {
    /// An octet above 0x7F where GSM 7-bit septets are expected.
    #[error("an octet is not a septet")]
    NotASeptet,
    /// A character the chosen alphabet does not have.
    #[error("a character has no code in this alphabet")]
    NotEncodable,
    /// A lone surrogate or an odd number of octets in UCS-2.
    #[error("not UTF-16")]
    NotUtf16,
    /// An octet above 0x7F where ASCII is announced.
    #[error("not ASCII")]
    NotAscii,
    /// A `data_coding` this gateway does not read (GBK, JIS, message waiting ...).
    #[error("unsupported data coding")]
    UnsupportedCoding,
    /// 8-bit data: there is no text to read.
    #[error("8-bit data, not text")]
    Binary,
    /// The user data header is longer than the body, or an element is longer than the header.
    #[error("malformed user data header")]
    Header,
    /// A segment whose total or number is zero, whose number is past its total, or whose parts are incomplete.
    #[error("malformed segment numbering")]
    Segment,
    /// Both a user data header and `sar_*` TLVs say how the message is split, or one says it twice.
    #[error("segment numbering given twice")]
    MixedSegments,
    /// A receipt names no message, or its id is longer than 64 octets.
    #[error("a receipt without a usable id")]
    ReceiptId,
    /// Not an SMPP time (SMPP 3.4, 7.1.1).
    #[error("not an SMPP time")]
    Time,
    /// The output does not fit where it must be written.
    #[error("too long")]
    TooLong,
}
