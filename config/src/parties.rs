//! `[[platforms]]`, `[[enterprises]]`, `[[accounts]]`: who the north is and what each may do.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;
use veilgate_names::{AccountId, AccountKind, EnterpriseId, PlatformId, ServiceNumber};

use crate::text::{FromText, count, hours, some_text, some_whole, text, texts, whole};
use crate::words::{GuessingAction, Proof};

/// A notary platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub id: PlatformId,
    /// Whether its authorizations must be signed. Default `required`.
    #[serde(default = "required", deserialize_with = "text")]
    pub proof: Proof,
    /// The SM2 key it signs with: the point in hex, uncompressed (130 digits) or compressed (66 digits).
    /// Needed where `proof` is `required`.
    #[serde(default, deserialize_with = "some_text")]
    pub public_key: Option<PublicKey>,
    /// How long an authorization lives that came in the short form (interfaces.md section 4), which states no end.
    /// Default 24 h.
    #[serde(default = "hours::<24>", deserialize_with = "text")]
    pub short_form_lifetime: Duration,
}

/// An enterprise (tenant).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enterprise {
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub id: EnterpriseId,
    /// Whether everything of it is refused for now. Default false.
    #[serde(default)]
    pub suspended: bool,
    /// How much of a channel it gets against other enterprises while all of them wait, 1-100. Default 1.
    #[serde(default = "count::<1>", deserialize_with = "whole::<_, _, 1, 100>")]
    pub weight: NonZeroU32,
}

/// Who may bind, and how much it may do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The SMPP `system_id`.
    #[serde(deserialize_with = "text")]
    pub system_id: AccountId,
    /// `notary` or `enterprise`.
    #[serde(deserialize_with = "text")]
    pub kind: AccountKind,
    /// The platform of a notary account; set exactly for those.
    #[serde(default, deserialize_with = "some_text")]
    pub platform: Option<PlatformId>,
    /// The enterprise of an enterprise account; set exactly for those.
    #[serde(default, deserialize_with = "some_text")]
    pub enterprise: Option<EnterpriseId>,
    /// The password's argon2 hash, a PHC string.
    #[serde(deserialize_with = "text")]
    pub password_hash: PasswordHash,
    /// Networks it may connect from. Default: loopback.
    #[serde(default = "loopback", deserialize_with = "texts")]
    pub allow_from: Vec<IpNet>,
    /// Binds at a time, 1-1024. Default 4.
    #[serde(default = "count::<4>", deserialize_with = "whole::<_, _, 1, 1024>")]
    pub max_binds: NonZeroU32,
    /// Unanswered submits per bind, 1-65535. Default: `north.window_in`.
    #[serde(default, deserialize_with = "some_whole::<_, _, 1, 65_535>")]
    pub window: Option<NonZeroU16>,
    /// Messages a second over all its binds, 1-1000000. Default 1000.
    #[serde(default = "count::<1000>", deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub rate_per_second: NonZeroU32,
    /// Messages a second on one bind, 1-1000000. Default: only the account's rate.
    #[serde(default, deserialize_with = "some_whole::<_, _, 1, 1_000_000>")]
    pub rate_per_bind: Option<NonZeroU32>,
    /// SHA-256 of the client certificate it must show (DER), hex; then it must come over TLS. Default: any that the
    /// authorities signed, and plain connections.
    #[serde(default, deserialize_with = "some_text")]
    pub certificate_sha256: Option<Fingerprint>,
    /// The service number of submits that name none. Default: none, they are refused unless the enterprise has
    /// just one.
    #[serde(default, deserialize_with = "some_text")]
    pub default_service_number: Option<ServiceNumber>,
    /// Whether it is refused for now. Default false.
    #[serde(default)]
    pub suspended: bool,
    /// How long a submit is known by its `user_message_reference`: the same reference to the same recipient again is answered
    /// as before and not sent. Default: not at all.
    #[serde(default, deserialize_with = "some_text")]
    pub dedupe: Option<Duration>,
    /// Whether its messages to one subscriber go one after the other, each when the one before it was answered or has
    /// ended. Default false.
    #[serde(default)]
    pub ordered: bool,
    /// What is done about it when it guesses recipients. Default: `guessing.action`.
    #[serde(default, deserialize_with = "some_text")]
    pub guessing: Option<GuessingAction>,
    /// Receipts and replies that may wait for it, 1-100000000. Default 100000.
    #[serde(default = "count::<100_000>", deserialize_with = "whole::<_, _, 1, 100_000_000>")]
    pub max_pending_deliveries: NonZeroU32,
}

/// An SM2 public key: the encoded point, 65 or 33 octets. That it lies on the curve is checked by its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// The SEC1 encoding.
    #[must_use]
    pub fn sec1(&self) -> &[u8] {
        &self.0
    }
}

impl FromText for PublicKey {
    const EXPECTED: &'static str = "an SM2 point in hex, 130 digits from 04 or 66 from 02 or 03";
    fn from_text(text: &str) -> Option<Self> {
        let octets = hex(text)?;
        match (octets.len(), octets.first()) {
            (65, Some(4)) | (33, Some(2 | 3)) => Some(Self(octets)),
            _ => None,
        }
    }
}

/// The SHA-256 of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl FromText for Fingerprint {
    const EXPECTED: &'static str = "a SHA-256 in hex, 64 digits (colons allowed)";
    fn from_text(text: &str) -> Option<Self> {
        hex(&text.replace(':', ""))?.try_into().ok().map(Self)
    }
}

/// An argon2 hash as a PHC string. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The PHC string.
    #[must_use]
    pub fn phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

impl FromText for PasswordHash {
    const EXPECTED: &'static str = "an argon2 hash such as \"$argon2id$v=19$m=...$salt$hash\"";
    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('$')?.split('$');
        let known = matches!(parts.next()?, "argon2id" | "argon2i" | "argon2d");
        (known && text.len() <= 512 && (3..=4).contains(&parts.count())).then(|| Self(text.to_owned()))
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() > 256 || !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some((nibble(*high)? << 4) | nibble(*low)?),
            _ => None,
        })
        .collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn required() -> Proof {
    Proof::Required
}

fn loopback() -> Vec<IpNet> {
    let v4 = Ipv4Net::new([127, 0, 0, 0].into(), 8).ok().map(IpNet::V4);
    let v6 = Ipv6Net::new(std::net::Ipv6Addr::LOCALHOST, 128).ok().map(IpNet::V6);
    v4.into_iter().chain(v6).collect()
}
