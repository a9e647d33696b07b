//! Device IDs in the clear: the six kinds, their one normal form, and their keyed index. A value never leaves
//! this crate and is never printed.
//!
//! Normal forms, over which the index is taken (interfaces.md section 1):
//! * `imei`: 15 digits with a good Luhn digit; 14 digits gain it, the 16 of an IMEISV lose their software version first.
//! * `imsi`: 15 digits.
//! * `oaid`: the UUID in lower case; `idfa`: the UUID in upper case. Each is how its system prints it, so
//!   either case given finds the index made from the customary one.
//! * `zxid`, `cuid`: 1-64 of `[0-9A-Za-z_-]` as given.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::cipher::MacKey;

const LONGEST: usize = 64;

/// HMAC-SM3 of `<type>:<value>`, cut to 16 octets: the only form in which a device ID is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DeviceIndex(pub(crate) [u8; 16]);

/// The kinds of the feed and of interfaces.md section 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceKind {
    Imei,
    Imsi,
    Oaid,
    Idfa,
    Zxid,
    Cuid,
}

impl DeviceKind {
    const ALL: [Self; 6] = [Self::Imei, Self::Imsi, Self::Oaid, Self::Idfa, Self::Zxid, Self::Cuid];

    /// Reads the name in any case.
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.prefix().strip_suffix(b":").is_some_and(|n| n.eq_ignore_ascii_case(name)))
    }

    /// Its name, as the feed writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Imei => "imei",
            Self::Imsi => "imsi",
            Self::Oaid => "oaid",
            Self::Idfa => "idfa",
            Self::Zxid => "zxid",
            Self::Cuid => "cuid",
        }
    }

    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Imei => b"imei:",
            Self::Imsi => b"imsi:",
            Self::Oaid => b"oaid:",
            Self::Idfa => b"idfa:",
            Self::Zxid => b"zxid:",
            Self::Cuid => b"cuid:",
        }
    }
}

/// A device ID in its normal form; wiped when dropped, without `Debug`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct DeviceId {
    #[zeroize(skip)]
    kind: DeviceKind,
    len: u8,
    value: [u8; LONGEST],
}

impl DeviceId {
    /// Reads `<type>:<value>`.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let colon = text.iter().position(|octet| *octet == b':')?;
        let (name, value) = text.split_at_checked(colon)?;
        Self::normal(DeviceKind::parse(name)?, value.strip_prefix(b":")?)
    }

    /// Checks a value and brings it to its normal form.
    pub(crate) fn normal(kind: DeviceKind, value: &[u8]) -> Option<Self> {
        let mut id = Self { kind, len: u8::try_from(value.len()).ok()?, value: [0; LONGEST] };
        id.value.get_mut(..value.len())?.copy_from_slice(value);
        let good = match kind {
            DeviceKind::Imei => id.normal_imei(),
            DeviceKind::Imsi => value.len() == 15 && all_digits(value),
            DeviceKind::Oaid => {
                id.value.make_ascii_lowercase();
                is_uuid(value)
            }
            DeviceKind::Idfa => {
                id.value.make_ascii_uppercase();
                is_uuid(value)
            }
            DeviceKind::Zxid | DeviceKind::Cuid => {
                !value.is_empty()
                    && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            }
        };
        good.then_some(id)
    }

    pub(crate) fn kind(&self) -> DeviceKind {
        self.kind
    }

    /// The index under which its bindings are kept.
    pub(crate) fn index(&self, key: &MacKey) -> DeviceIndex {
        DeviceIndex(key.short(&[self.kind.prefix(), self.value()]))
    }

    fn value(&self) -> &[u8] {
        self.value.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn normal_imei(&mut self) -> bool {
        let Some((digits, check)) = self.value.split_at_mut_checked(14) else { return false };
        let Some(check) = check.first_mut() else { return false };
        let given = *check;
        if !all_digits(digits) {
            return false;
        }
        *check = luhn_digit(digits);
        match self.len {
            14 => {}
            15 if given == *check => {}
            16 if given.is_ascii_digit() && self.value.get(15).is_some_and(u8::is_ascii_digit) => {
                self.value.iter_mut().skip(15).for_each(|octet| *octet = 0);
            }
            _ => return false,
        }
        self.len = 15;
        true
    }
}

fn all_digits(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_digit)
}

/// The check digit behind `digits` (ISO/IEC 7812-1 annex B).
fn luhn_digit(digits: &[u8]) -> u8 {
    let sum: u32 = digits.iter().rev().enumerate().map(|(place, octet)| luhn_share(place, *octet)).sum();
    b'0' + u8::try_from((10 - sum % 10) % 10).unwrap_or(0)
}

fn luhn_share(place: usize, octet: u8) -> u32 {
    let digit = u32::from(octet.saturating_sub(b'0'));
    match (place % 2, digit) {
        (0, 5..) => digit * 2 - 9,
        (0, _) => digit * 2,
        _ => digit,
    }
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(place, octet)| match place {
            8 | 13 | 18 | 23 => *octet == b'-',
            _ => octet.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(text: &str) -> Option<DeviceIndex> {
        DeviceId::parse(text.as_bytes()).map(|id| id.index(&MacKey::new(b"key")))
    }

    #[test]
    fn an_imei_has_three_spellings() {
        let whole = index("imei:490154203237518").unwrap();
        assert_eq!(index("imei:49015420323751"), Some(whole));
        assert_eq!(index("imei:4901542032375199"), Some(whole));
        assert_eq!(index("IMEI:490154203237518"), Some(whole));
        for bad in ["490154203237517", "4901542032375", "49015420323751a", "49015420323751888", ""] {
            assert_eq!(index(&format!("imei:{bad}")), None, "{bad}");
        }
    }

    #[test]
    fn uuids_are_compared_without_case() {
        let (lower, upper) = ("71a5a232-9691-b55e-a1a1-d00184af0a3f", "71A5A232-9691-B55E-A1A1-D00184AF0A3F");
        for kind in ["oaid", "idfa"] {
            assert_eq!(index(&format!("{kind}:{lower}")), index(&format!("{kind}:{upper}")));
            assert!(index(&format!("{kind}:{lower}")).is_some());
            assert_eq!(index(&format!("{kind}:{}", lower.trim_start_matches('7'))), None);
            assert_eq!(index(&format!("{kind}:{}", lower.replace('-', "0"))), None);
        }
        assert_ne!(index(&format!("oaid:{lower}")), index(&format!("idfa:{lower}")));
    }

    #[test]
    fn lengths_alphabets_and_kinds_are_checked() {
        for bad in
            ["imsi:46000520579641", "imsi:4600052057964100", "imsi:46000520579641x", "cuid:", "zxid:a b"]
        {
            assert_eq!(index(bad), None, "{bad}");
        }
        assert_eq!(index(&format!("cuid:{}", "x".repeat(65))), None);
        assert!(index(&format!("cuid:{}", "x".repeat(64))).is_some());
        assert_eq!(index("mac:001122334455"), None);
        assert_eq!(index("460005205796410"), None);
        assert_ne!(index("zxid:abc"), index("zxid:ABC"));
    }
}
