//! The recipients of `submit_multi` and those that failed.

use core::fmt;

use bytes::{BufMut, BytesMut};

use crate::codec::{Address, CString, FieldError, Reader, Status, Writer};

/// One recipient of `submit_multi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination<'a> {
    /// An address (`dest_flag` 1).
    Address(Address<'a>),
    /// A distribution list by name (`dest_flag` 2).
    List(CString<'a, 20>),
}

impl<'a> Destination<'a> {
    fn read(body: &mut Reader<'a>) -> Result<Self, Status> {
        match body.octet()? {
            1 => Ok(Self::Address(body.address(Status::RINVDSTADR)?)),
            2 => Ok(Self::List(body.c_string(Status::RINVDLNAME)?)),
            _ => Err(Status::RINVDESTFLAG),
        }
    }
}

/// One recipient that will not get the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsuccessful<'a> {
    /// Who.
    pub destination: Address<'a>,
    /// Why.
    pub status: Status,
}

impl<'a> Unsuccessful<'a> {
    fn read(body: &mut Reader<'a>) -> Result<Self, Status> {
        Ok(Self { destination: body.address(Status::RINVDSTADR)?, status: Status(body.long()?) })
    }
}

macro_rules! list {
    ($list:ident, $iter:ident, $owned:ident, $item:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Clone, Copy, PartialEq, Eq, Default)]
        pub struct $list<'a> {
            count: u8,
            region: &'a [u8],
        }

        impl<'a> $list<'a> {
            pub(super) fn read(body: &mut Reader<'a>) -> Result<Self, Status> {
                let count = body.octet()?;
                let start = *body;
                for _ in 0..count {
                    $item::read(body)?;
                }
                Ok(Self { count, region: start.until(body) })
            }

            pub(super) fn write(&self, pdu: &mut Writer<'_>) {
                pdu.octet(self.count);
                pdu.octets(self.region);
            }

            /// All of them, in order.
            #[must_use]
            pub const fn iter(&self) -> $iter<'a> {
                $iter { left: self.count, rest: Reader::new(self.region) }
            }

            /// How many, at most 255.
            #[must_use]
            pub const fn len(&self) -> u8 {
                self.count
            }

            /// Whether there are none.
            #[must_use]
            pub const fn is_empty(&self) -> bool {
                self.count == 0
            }
        }

        impl fmt::Debug for $list<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.iter()).finish()
            }
        }

        impl<'a> IntoIterator for $list<'a> {
            type Item = $item<'a>;
            type IntoIter = $iter<'a>;
            fn into_iter(self) -> $iter<'a> {
                self.iter()
            }
        }

        #[doc = concat!("Walks [`", stringify!($list), "`].")]
        #[derive(Clone)]
        pub struct $iter<'a> {
            left: u8,
            rest: Reader<'a>,
        }

        impl<'a> Iterator for $iter<'a> {
            type Item = $item<'a>;
            fn next(&mut self) -> Option<$item<'a>> {
                self.left = self.left.checked_sub(1)?;
                $item::read(&mut self.rest).ok()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (0, Some(usize::from(self.left)))
            }
        }

        impl fmt::Debug for $iter<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($iter), "({} left)"), self.left)
            }
        }

        #[doc = concat!("[`", stringify!($list), "`] to send, collected in order.")]
        #[derive(Clone, Default, PartialEq, Eq)]
        pub struct $owned {
            count: u8,
            region: BytesMut,
        }

        impl $owned {
            /// An empty list.
            #[must_use]
            pub fn new() -> Self {
                Self::default()
            }

            /// Adds one at the end.
            ///
            /// # Errors
            /// [`FieldError::TooLong`] if there are 255 already.
            pub fn push(&mut self, item: &$item<'_>) -> Result<(), FieldError> {
                self.count = self.count.checked_add(1).ok_or(FieldError::TooLong)?;
                item.write(&mut self.region);
                Ok(())
            }

            /// The list as the PDU takes it.
            #[must_use]
            pub fn view(&self) -> $list<'_> {
                $list { count: self.count, region: &self.region }
            }
        }

        impl fmt::Debug for $owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.view().fmt(f)
            }
        }
    };
}

list!(Destinations, DestinationIter, DestinationList, Destination, "The recipients of `submit_multi`.");
list!(
    Unsuccessfuls,
    UnsuccessfulIter,
    UnsuccessfulList,
    Unsuccessful,
    "The recipients that will not get the message."
);

impl Destination<'_> {
    fn write(&self, region: &mut BytesMut) {
        match self {
            Self::Address(address) => {
                region.put_u8(1);
                write_address(address, region);
            }
            Self::List(name) => {
                region.put_u8(2);
                region.put_slice(name.as_bytes());
                region.put_u8(0);
            }
        }
    }
}

impl Unsuccessful<'_> {
    fn write(&self, region: &mut BytesMut) {
        write_address(&self.destination, region);
        region.put_u32(self.status.0);
    }
}

fn write_address(address: &Address<'_>, region: &mut BytesMut) {
    region.put_u8(address.ton);
    region.put_u8(address.npi);
    region.put_slice(address.digits.as_bytes());
    region.put_u8(0);
}
