//! `[[service_numbers]]` and `[[channels]]`: what subscribers see, and the SMSCs they are reached through.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};
use veilgate_names::{ChannelId, EnterpriseId, ServiceNumber};

use crate::groups::Label;
use crate::retry::TableName;
use crate::text::{FromText, count, seconds, some_text, some_texts, some_whole, text, whole, window, yes};
use crate::words::{AddressForm, Alphabet, BindMode, IdFormat, Long};

/// A service number and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceNumberEntry {
    /// Its digits.
    #[serde(deserialize_with = "text")]
    pub number: ServiceNumber,
    /// The enterprise it is allotted to.
    #[serde(deserialize_with = "text")]
    pub enterprise: EnterpriseId,
    /// Digits the gateway may append to tell conversations apart, 0-6. Default 2.
    #[serde(default = "two", deserialize_with = "whole::<_, _, 0, 6>")]
    pub extension_digits: u8,
    /// The channels it may be sent through. Default: all.
    #[serde(default, deserialize_with = "some_texts")]
    pub channels: Option<Vec<ChannelId>>,
    /// Instead of `channels`: the channel group it is sent through.
    #[serde(default, deserialize_with = "some_text")]
    pub group: Option<Label>,
    /// Whether its messages to one subscriber go one after the other, each when the one before it was answered or has
    /// ended. Default false.
    #[serde(default)]
    pub ordered: bool,
    /// Whether replies to it come back through this gateway and no other way. Must be true: otherwise the
    /// enterprise would see the numbers of those who answer.
    #[serde(default)]
    pub inbound_anchored: bool,
}

/// An SMSC and how the gateway binds to it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub id: ChannelId,
    /// Host and port.
    #[serde(deserialize_with = "text")]
    pub address: PeerAddress,
    /// The gateway's `system_id` there, at most 15 characters.
    #[serde(deserialize_with = "text")]
    pub system_id: SystemId,
    /// The gateway's password there, at most 8 characters; or `password_file`. After loading it holds the
    /// content of that file. Default: empty.
    #[serde(default, deserialize_with = "some_text")]
    pub password: Option<Secret>,
    /// A file that holds the password and nothing else.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// `system_type` of the bind, at most 12 characters. Default: empty.
    #[serde(default, deserialize_with = "text")]
    pub system_type: SystemType,
    /// `interface_version` of the bind: 0x33, 0x34 or 0x50. Default 0x34.
    #[serde(default = "version_3_4", deserialize_with = "version")]
    pub interface_version: u8,
    /// How many binds of which kind. Default: one transceiver.
    #[serde(default = "one_transceiver")]
    pub binds: Vec<Bind>,
    /// Unanswered submits per bind, 1-65535. Default 100.
    #[serde(default = "window::<100>", deserialize_with = "whole::<_, _, 1, 65_535>")]
    pub window: NonZeroU16,
    /// Submits a second over all its binds, 1-1000000. Default: no limit but the window.
    #[serde(default, deserialize_with = "some_whole::<_, _, 1, 1_000_000>")]
    pub rate_per_second: Option<NonZeroU32>,
    /// Submits a second on each bind, 1-1000000. Default: only the channel's rate.
    #[serde(default, deserialize_with = "some_whole::<_, _, 1, 1_000_000>")]
    pub rate_per_bind: Option<NonZeroU32>,
    /// Its share among the channels that could be taken, 1-1000. Default 1.
    #[serde(default = "count::<1>", deserialize_with = "whole::<_, _, 1, 1000>")]
    pub weight: NonZeroU32,
    /// Whether it is asked (`cancel_sm`) to take back what it has, when the sender or a revocation wants that. Default
    /// false.
    #[serde(default)]
    pub cancel: bool,
    /// What it costs, 0 (cheapest) to 9: its priority in groups that choose by labels. Default 0.
    #[serde(default, deserialize_with = "whole::<_, _, 0, 9>")]
    pub cost_class: u8,
    /// The network it leads to, for groups that choose by labels.
    #[serde(default, deserialize_with = "some_text")]
    pub network: Option<Label>,
    /// The region it leads to, likewise.
    #[serde(default, deserialize_with = "some_text")]
    pub region: Option<Label>,
    /// How it writes message ids. Default `auto`.
    #[serde(default = "auto", deserialize_with = "text")]
    pub id_format: IdFormat,
    /// What `data_coding` 0 means there. Default `gsm7`.
    #[serde(default = "gsm7", deserialize_with = "text")]
    pub default_alphabet: Alphabet,
    /// How it takes texts that do not fit into one message. Default `udh8`.
    #[serde(default = "udh8", deserialize_with = "text")]
    pub long: Long,
    /// How subscriber numbers are written there. Default `international`.
    #[serde(default = "international", deserialize_with = "text")]
    pub address_form: AddressForm,
    /// How long a submit may stay unanswered. Default 30 s.
    #[serde(default = "seconds::<30>", deserialize_with = "text")]
    pub response_timeout: Duration,
    /// Silence after which the gateway sends `enquire_link`. Default 30 s.
    #[serde(default = "seconds::<30>", deserialize_with = "text")]
    pub enquire_interval: Duration,
    /// The first pause before connecting again; it doubles. Default 1 s.
    #[serde(default = "seconds::<1>", deserialize_with = "text")]
    pub reconnect_min: Duration,
    /// The longest pause before connecting again. Default 60 s.
    #[serde(default = "seconds::<60>", deserialize_with = "text")]
    pub reconnect_max: Duration,
    /// Whether a submit whose outcome is unknown is sent again, at the risk of a duplicate. Default false.
    #[serde(default)]
    pub retry_unknown: bool,
    /// The retry table that says what its refusals mean. Default: the one called `default`, else the one that comes
    /// along.
    #[serde(default, deserialize_with = "text")]
    pub retry: TableName,
    /// Whether it is used at start. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Binds of one kind.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bind {
    /// Of which kind.
    #[serde(deserialize_with = "text")]
    pub mode: BindMode,
    /// How many, 1-64. Default 1.
    #[serde(default = "count::<1>", deserialize_with = "whole::<_, _, 1, 64>")]
    pub count: NonZeroU32,
}

/// Host and port of an SMSC, `smsc.example:2775`. The host may be a name or an address; IPv6 in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress(String);

impl PeerAddress {
    /// As it is written in the file, fit for connecting.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromText for PeerAddress {
    const EXPECTED: &'static str = "host and port such as \"smsc.example:2775\"";
    fn from_text(text: &str) -> Option<Self> {
        if text.parse::<SocketAddr>().is_err() {
            let (host, port) = text.rsplit_once(':')?;
            port.parse::<NonZeroU16>().ok()?;
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            if host.is_empty() || host.len() > 253 || !host.bytes().all(allowed) {
                return None;
            }
        }
        Some(Self(text.to_owned()))
    }
}

/// A bind's `system_id`: 0-15 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemId(String);

impl SystemId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromText for SystemId {
    const EXPECTED: &'static str = "at most 15 printable ASCII characters";
    fn from_text(text: &str) -> Option<Self> {
        printable(text, 15).map(Self)
    }
}

/// A bind's `system_type`: 0-12 printable ASCII characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemType(String);

impl SystemType {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromText for SystemType {
    const EXPECTED: &'static str = "at most 12 printable ASCII characters";
    fn from_text(text: &str) -> Option<Self> {
        printable(text, 12).map(Self)
    }
}

/// A password. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl FromText for Secret {
    const EXPECTED: &'static str = "at most 8 printable ASCII characters";
    fn from_text(text: &str) -> Option<Self> {
        printable(text, 8).map(Self)
    }
}

fn printable(text: &str, most: usize) -> Option<String> {
    let allowed = |b: u8| b.is_ascii_graphic() || b == b' ';
    (text.len() <= most && text.bytes().all(allowed)).then(|| text.to_owned())
}

fn version<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    match u8::deserialize(from) {
        Ok(version @ (0x33 | 0x34 | 0x50)) => Ok(version),
        _ => Err(D::Error::custom("expected 0x33, 0x34 or 0x50")),
    }
}

fn version_3_4() -> u8 {
    0x34
}

fn two() -> u8 {
    2
}

fn auto() -> IdFormat {
    IdFormat::Auto
}

fn gsm7() -> Alphabet {
    Alphabet::Gsm7
}

fn udh8() -> Long {
    Long::Udh8
}

fn international() -> AddressForm {
    AddressForm::International
}

fn one_transceiver() -> Vec<Bind> {
    vec![Bind { mode: BindMode::Transceiver, count: NonZeroU32::MIN }]
}
