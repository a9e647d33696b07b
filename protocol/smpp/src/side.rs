//! Which side of the gateway a PDU came from. A subscriber's number can only come from the South, and there
//! it is a [`SouthNumber`], which shows nothing.

use core::fmt;

use crate::codec::Address;

/// Notary platform and enterprises: every address is an alias or a service number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct North;

/// The carrier's SMSCs: the source of a message is a subscriber's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct South;

/// [`North`] or [`South`]; nothing else can be one.
pub trait Side: policy::Policy + fmt::Debug + Copy + Default + 'static {
    /// How the source address of a PDU of this side shows itself.
    type Source<'a, const MAX: usize>: fmt::Debug + Copy;

    /// Takes a source address off the wire.
    fn source<const MAX: usize>(address: Address<'_, MAX>) -> Self::Source<'_, MAX>;
}

impl Side for North {
    type Source<'a, const MAX: usize> = Address<'a, MAX>;

    fn source<const MAX: usize>(address: Address<'_, MAX>) -> Address<'_, MAX> {
        address
    }
}

impl Side for South {
    type Source<'a, const MAX: usize> = SouthNumber<'a>;

    fn source<const MAX: usize>(address: Address<'_, MAX>) -> SouthNumber<'_> {
        SouthNumber { ton: address.ton, npi: address.npi, digits: address.digits.as_bytes() }
    }
}

/// A phone number as an SMSC wrote it. There is no comparison and no encoder for it.
///
/// Its fields are private:
/// ```compile_fail,E0616
/// fn leak(number: veilgate_smpp::side::SouthNumber<'_>) -> usize {
///     number.digits.len()
/// }
/// ```
/// and a PDU that holds one cannot be encoded again, for whatever peer:
/// ```compile_fail,E0599
/// use veilgate_smpp::{pdu::DeliverSm, side::South};
/// fn leak(deliver: DeliverSm<'_, South>, out: &mut bytes::BytesMut) {
///     deliver.encode(1, out);
/// }
/// ```
#[derive(Clone, Copy)]
pub struct SouthNumber<'a> {
    ton: u8,
    npi: u8,
    digits: &'a [u8],
}

impl<'a> SouthNumber<'a> {
    /// Type of number, numbering plan and digits, for the one place that turns numbers into subscribers:
    /// `routing/identity/src/ingress.rs`. A test of the architecture refuses any other caller.
    #[must_use]
    pub const fn expose_to_ingress(&self) -> (u8, u8, &'a [u8]) {
        (self.ton, self.npi, self.digits)
    }
}

impl fmt::Debug for SouthNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SouthNumber(***)")
    }
}

mod policy {
    use super::{North, South};

    /// What a side is held to. Northern peers get the exact status for a slip; an SMSC's slip must not cost
    /// a receipt.
    pub trait Policy {
        /// Whether a known TLV of a request must have a length the standard allows. Of a response never: what
        /// it says about the request counts for more.
        const STRICT_TLVS: bool;
        /// Octets of `short_message`: 254 in SMPP 3.4, 255 in 5.0.
        const SHORT_MESSAGE: usize;
    }

    impl Policy for North {
        const STRICT_TLVS: bool = true;
        const SHORT_MESSAGE: usize = 254;
    }

    impl Policy for South {
        const STRICT_TLVS: bool = false;
        const SHORT_MESSAGE: usize = 255;
    }
}
