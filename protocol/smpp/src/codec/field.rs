//! Borrowed field values, valid by construction, so that encoding cannot fail. Their `Debug` is a length.

use core::fmt;

use super::Status;

/// A value does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// More octets than the field holds.
    #[error("value is longer than its field")]
    TooLong,
    /// A NUL inside a C-octet string.
    #[error("value has a NUL inside")]
    Nul,
    /// A time that has neither 0 nor 16 characters.
    #[error("time has neither 0 nor 16 characters")]
    TimeLength,
}

/// A C-octet string without its NUL, at most `MAX` octets (the standard's field size minus one).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct CString<'a, const MAX: usize>(&'a [u8]);

impl<'a, const MAX: usize> CString<'a, MAX> {
    /// Takes octets without NUL.
    ///
    /// # Errors
    /// [`FieldError::TooLong`] beyond `MAX` octets, [`FieldError::Nul`] if one of them is NUL.
    pub fn new(octets: &'a [u8]) -> Result<Self, FieldError> {
        if octets.len() > MAX {
            return Err(FieldError::TooLong);
        }
        if octets.contains(&0) {
            return Err(FieldError::Nul);
        }
        Ok(Self(octets))
    }

    /// The octets up to the first NUL or to the end, whichever comes first; of TLVs that hold C-octet strings.
    pub(crate) fn scan(octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let window = octets.get(..=MAX).unwrap_or(octets);
        let length = window.iter().position(|&b| b == 0)?;
        Some((Self(octets.get(..length)?), octets.get(length + 1..)?))
    }

    /// The octets, without NUL.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether there are no octets.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const MAX: usize> fmt::Debug for CString<'_, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.0.len())
    }
}

/// Any octets, at most `MAX`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct OctetString<'a, const MAX: usize>(&'a [u8]);

impl<'a, const MAX: usize> OctetString<'a, MAX> {
    /// Takes octets.
    ///
    /// # Errors
    /// [`FieldError::TooLong`] beyond `MAX` octets.
    pub fn new(octets: &'a [u8]) -> Result<Self, FieldError> {
        if octets.len() > MAX { Err(FieldError::TooLong) } else { Ok(Self(octets)) }
    }

    /// The octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether there are no octets.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const MAX: usize> fmt::Debug for OctetString<'_, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.0.len())
    }
}

/// A time field: empty, or the 16 characters of SMPP 3.4, 7.1.1. Only the length is checked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time<'a>(CString<'a, 16>);

impl<'a> Time<'a> {
    /// No time given: now, or the SMSC's default.
    pub const EMPTY: Self = Self(CString(&[]));

    /// Takes 0 or 16 characters.
    ///
    /// # Errors
    /// [`FieldError::TimeLength`] for any other length, [`FieldError::Nul`] for a NUL inside.
    pub fn new(text: &'a [u8]) -> Result<Self, FieldError> {
        if !matches!(text.len(), 0 | 16) {
            return Err(FieldError::TimeLength);
        }
        Ok(Self(CString::new(text)?))
    }

    pub(crate) fn checked(text: CString<'a, 16>, fault: Status) -> Result<Self, Status> {
        if matches!(text.as_bytes().len(), 0 | 16) { Ok(Self(text)) } else { Err(fault) }
    }

    /// The characters: none or 16.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// Whether no time is given.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An address in the clear: an alias or a service number, never a subscriber's number from the South.
/// `MAX` is 20 in most PDUs and 64 in `data_sm` and `alert_notification`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Address<'a, const MAX: usize = 20> {
    /// Type of number (SMPP 3.4, 5.2.5): 0 unknown, 1 international, 5 alphanumeric.
    pub ton: u8,
    /// Numbering plan (SMPP 3.4, 5.2.6): 0 unknown, 1 E.164.
    pub npi: u8,
    /// The address, despite its name not always digits.
    pub digits: CString<'a, MAX>,
}

impl<'a, const MAX: usize> Address<'a, MAX> {
    /// Takes an address.
    ///
    /// # Errors
    /// As [`CString::new`].
    pub fn new(ton: u8, npi: u8, digits: &'a [u8]) -> Result<Self, FieldError> {
        Ok(Self { ton, npi, digits: CString::new(digits)? })
    }
}
