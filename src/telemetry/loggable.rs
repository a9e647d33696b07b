//! The types an event's field may have. Texts, octets and foreign errors are not among them, and the trait is sealed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tracing::Value;
use tracing::field::{DebugValue, DisplayValue};
use veilgate_names::{
    AccountId, AccountKind, ChannelId, EnterpriseId, FinalState, KeyId, MessageId, ObjectId, PlatformId,
    Reason,
};
use veilgate_store::Space;

/// May stand in a log line.
///
/// ```compile_fail
/// fn only_loggable(_: impl veilgate::telemetry::Loggable) {}
/// only_loggable(String::from("anything"));
/// ```
/// ```compile_fail
/// fn only_loggable(_: impl veilgate::telemetry::Loggable) {}
/// only_loggable("anything");
/// ```
/// ```compile_fail
/// fn only_loggable(_: impl veilgate::telemetry::Loggable) {}
/// only_loggable(std::io::Error::other("anything"));
/// ```
pub trait Loggable: sealed::Sealed {
    /// How it is handed to the log.
    type Shown<'a>: Value
    where
        Self: 'a;

    /// Hands it to the log.
    fn shown(&self) -> Self::Shown<'_>;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// The name of a configuration key or command: at most 80 of `[0-9A-Za-z_.\[\]-]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// Takes a key name; whatever is none becomes `?`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.[]-".contains(&b);
        let is_key = text.len() <= 80
            && text.bytes().all(allowed)
            && text.bytes().filter(u8::is_ascii_digit).count() <= 10
            && text.starts_with(|first: char| first.is_ascii_alphabetic());
        Self(if is_key { text.to_owned() } else { "?".to_owned() })
    }
}

macro_rules! loggable {
    ($($type:ty, $shown:ty, |$value:ident| $show:expr;)+) => {$(
        impl sealed::Sealed for $type {}
        impl Loggable for $type {
            type Shown<'a> = $shown;
            fn shown(&self) -> Self::Shown<'_> {
                let $value = self;
                $show
            }
        }
    )+};
}

loggable! {
    u8, u64, |value| u64::from(*value);
    u16, u64, |value| u64::from(*value);
    u32, u64, |value| u64::from(*value);
    u64, u64, |value| *value;
    usize, u64, |value| u64::try_from(*value).unwrap_or(u64::MAX);
    bool, bool, |value| *value;
    Duration, u64, |value| u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    IpAddr, DisplayValue<&'a IpAddr>, |value| tracing::field::display(value);
    SocketAddr, DisplayValue<&'a SocketAddr>, |value| tracing::field::display(value);
    MessageId, DisplayValue<&'a MessageId>, |value| tracing::field::display(value);
    FinalState, DisplayValue<&'a FinalState>, |value| tracing::field::display(value);
    io::ErrorKind, DebugValue<&'a io::ErrorKind>, |value| tracing::field::debug(value);
    AccountId, &'a str, |value| value.as_str();
    ChannelId, &'a str, |value| value.as_str();
    EnterpriseId, &'a str, |value| value.as_str();
    PlatformId, &'a str, |value| value.as_str();
    ObjectId, &'a str, |value| value.as_str();
    KeyId, &'a str, |value| value.as_str();
    KeyName, &'a str, |value| value.0.as_str();
    Reason, &'static str, |value| value.name();
    Space, &'static str, |value| value.name();
    AccountKind, &'static str, |value| match value {
        AccountKind::Notary => "notary",
        AccountKind::Enterprise => "enterprise",
    };
}

impl<T: Loggable> sealed::Sealed for Option<T> {}
impl<T: Loggable> Loggable for Option<T> {
    type Shown<'a>
        = Option<T::Shown<'a>>
    where
        T: 'a;

    fn shown(&self) -> Self::Shown<'_> {
        self.as_ref().map(Loggable::shown)
    }
}
