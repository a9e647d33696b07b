//! Values written as text (addresses, durations, identifiers) and numbers with a range, read straight into
//! their types. An error names what was expected and never repeats what was there.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::time::Duration;

use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use veilgate_names::{
    AccountId, AccountKind, ChannelId, EnterpriseId, KeyId, PlatformId, ServiceNumber, Timestamp,
};

/// The longest duration a key takes.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// A type that the file writes as text.
pub(crate) trait FromText: Sized {
    /// What to write, as it follows the word "expected".
    const EXPECTED: &'static str;

    /// Reads the text, `None` if it is something else.
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! from_str {
    ($($type:ty: $expected:literal,)+) => {$(
        impl FromText for $type {
            const EXPECTED: &'static str = $expected;
            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )+};
}

from_str! {
    AccountId: "1-15 printable ASCII characters",
    ChannelId: "1-32 of 0-9 A-Z a-z _ . -",
    EnterpriseId: "1-64 of 0-9 A-Z a-z _ . -",
    KeyId: "1-32 of 0-9 A-Z a-z _ -",
    PlatformId: "1-64 of 0-9 A-Z a-z _ . -",
    ServiceNumber: "3-20 digits",
    SocketAddr: "an address such as \"127.0.0.1:2775\"",
}

impl FromText for AccountKind {
    const EXPECTED: &'static str = "\"notary\" or \"enterprise\"";
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "notary" => Some(Self::Notary),
            "enterprise" => Some(Self::Enterprise),
            _ => None,
        }
    }
}

impl FromText for Timestamp {
    const EXPECTED: &'static str = "a date or date-time such as \"2026-03-01\"";
    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl FromText for IpNet {
    const EXPECTED: &'static str = "an address or network such as \"10.0.0.0/8\"";
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(Self::from))
    }
}

impl FromText for Duration {
    const EXPECTED: &'static str =
        "a duration such as \"5s\", \"200ms\" or \"48h\", above zero, at most 8784h";
    fn from_text(text: &str) -> Option<Self> {
        let read: Self = text.parse::<jiff::SignedDuration>().ok()?.try_into().ok()?;
        (!read.is_zero() && read <= LONGEST).then_some(read)
    }
}

/// An address, or `off` for none.
pub(crate) struct AddressOrOff(Option<SocketAddr>);

impl FromText for AddressOrOff {
    const EXPECTED: &'static str = "an address such as \"127.0.0.1:2775\", or \"off\"";
    fn from_text(text: &str) -> Option<Self> {
        if text == "off" { Some(Self(None)) } else { text.parse().ok().map(|at| Self(Some(at))) }
    }
}

/// A whole number type that a key may have.
pub(crate) trait Whole: Sized {
    fn from_u64(value: u64) -> Option<Self>;
}

macro_rules! whole {
    ($($type:ty => $convert:expr,)+) => {$(
        impl Whole for $type {
            fn from_u64(value: u64) -> Option<Self> {
                $convert(value)
            }
        }
    )+};
}

whole! {
    u8 => |value| Self::try_from(value).ok(),
    u32 => |value| Self::try_from(value).ok(),
    u64 => Some,
    i32 => |value| Self::try_from(value).ok(),
    NonZeroU16 => |value| u16::try_from(value).ok().and_then(Self::new),
    NonZeroU32 => |value| u32::try_from(value).ok().and_then(Self::new),
    NonZeroU64 => Self::new,
}

/// Reads one text.
pub(crate) fn text<'de, D: Deserializer<'de>, T: FromText>(from: D) -> Result<T, D::Error> {
    Element::deserialize(from).map(|read| read.0)
}

/// Reads the text of a key that may be left out.
pub(crate) fn some_text<'de, D: Deserializer<'de>, T: FromText>(from: D) -> Result<Option<T>, D::Error> {
    text(from).map(Some)
}

/// Reads a list of texts.
pub(crate) fn texts<'de, D: Deserializer<'de>, T: FromText>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Element<T>>::deserialize(from)?.into_iter().map(|read| read.0).collect())
}

/// Reads a list of texts of a key that may be left out.
pub(crate) fn some_texts<'de, D: Deserializer<'de>, T: FromText>(
    from: D,
) -> Result<Option<Vec<T>>, D::Error> {
    texts(from).map(Some)
}

/// Reads an address or `off`.
pub(crate) fn address_or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    text::<D, AddressOrOff>(from).map(|read| read.0)
}

/// Reads a whole number from `LOW` to `HIGH`.
pub(crate) fn whole<'de, D, T, const LOW: u64, const HIGH: u64>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Whole,
{
    let value = from.deserialize_u64(Range::<LOW, HIGH>)?;
    T::from_u64(value).ok_or_else(|| D::Error::invalid_value(Unexpected::Other(""), &Range::<LOW, HIGH>))
}

/// Reads a whole number from `LOW` to `HIGH` of a key that may be left out.
pub(crate) fn some_whole<'de, D, T, const LOW: u64, const HIGH: u64>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Whole,
{
    whole::<D, T, LOW, HIGH>(from).map(Some)
}

/// A default of `SECONDS`.
pub(crate) fn seconds<const SECONDS: u64>() -> Duration {
    Duration::from_secs(SECONDS)
}

/// A default of `HOURS`.
pub(crate) fn hours<const HOURS: u64>() -> Duration {
    Duration::from_secs(HOURS * 3600)
}

/// A default count.
pub(crate) fn count<const VALUE: u32>() -> NonZeroU32 {
    NonZeroU32::new(VALUE).unwrap_or(NonZeroU32::MIN)
}

/// A default window.
pub(crate) fn window<const VALUE: u16>() -> NonZeroU16 {
    NonZeroU16::new(VALUE).unwrap_or(NonZeroU16::MIN)
}

/// A default that is true.
pub(crate) fn yes() -> bool {
    true
}

struct Element<T>(T);

impl<'de, T: FromText> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(TextVisitor(PhantomData)).map(Self)
    }
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: FromText> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).ok_or_else(|| E::invalid_value(Unexpected::Other(""), &self))
    }
}

struct Range<const LOW: u64, const HIGH: u64>;

impl<const LOW: u64, const HIGH: u64> Visitor<'_> for Range<LOW, HIGH> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {LOW} to {HIGH}")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        if (LOW..=HIGH).contains(&value) {
            Ok(value)
        } else {
            Err(E::invalid_value(Unexpected::Other(""), &self))
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u64, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Other(""), &self)),
        }
    }
}
