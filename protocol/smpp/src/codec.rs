//! Octets to fields and back: frames, C-octet strings, numbers, TLVs. It knows lengths and the
//! table of constants, not what any message means. Nothing here allocates.

mod command;
mod field;
mod flags;
mod frame;
mod named;
mod reader;
mod status;
mod tag;
mod tlv;
mod writer;

pub use command::CommandId;
pub use field::{Address, CString, FieldError, OctetString, Time};
pub use flags::{EsmClass, RegisteredDelivery};
pub use frame::{Frame, FrameError, HEADER_LENGTH, Header, split};
pub use status::Status;
pub use tag::Tag;
pub use tlv::{Tlv, TlvIter, TlvList, Tlvs};

pub(crate) use reader::Reader;
pub(crate) use writer::Writer;
