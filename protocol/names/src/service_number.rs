//! Service numbers (码号) and the extension digits (扩展码) that the gateway allots behind them.

use std::fmt;

use crate::ids::NameError;

/// The digits a user sees as sender: 3-20 digits. They belong to an enterprise, never to a person.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceNumber {
    len: u8,
    digits: [u8; 20],
}

impl ServiceNumber {
    /// Accepts 3-20 ASCII digits.
    ///
    /// # Errors
    /// [`NameError`] says whether length or alphabet is wrong.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() < 3 || text.len() > 20 {
            return Err(NameError::Length);
        }
        Self::from_digits(text.as_bytes())
    }

    /// The number with an extension behind it.
    ///
    /// # Errors
    /// [`NameError::Length`] beyond 20 digits in all.
    pub fn extended(&self, extension: Extension) -> Result<Self, NameError> {
        let mut text = self.as_str().to_owned();
        text.push_str(&extension.to_string());
        Self::parse(&text)
    }

    /// What follows `self` in `dialled`, if `dialled` begins with it.
    #[must_use]
    pub fn extension_in<'a>(&self, dialled: &'a str) -> Option<&'a str> {
        dialled.strip_prefix(self.as_str())
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.digits.get(..usize::from(self.len)).and_then(|d| std::str::from_utf8(d).ok()).unwrap_or_default()
    }

    fn from_digits(text: &[u8]) -> Result<Self, NameError> {
        if !text.iter().all(u8::is_ascii_digit) {
            return Err(NameError::Alphabet);
        }
        let mut digits = [0; 20];
        digits.get_mut(..text.len()).ok_or(NameError::Length)?.copy_from_slice(text);
        Ok(Self { len: u8::try_from(text.len()).map_err(|_| NameError::Length)?, digits })
    }
}

impl fmt::Display for ServiceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ServiceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceNumber({self})")
    }
}

impl std::str::FromStr for ServiceNumber {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

/// Extension digits of a fixed width: `width` 0 is no extension, otherwise `value` printed with leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extension {
    /// How many digits, 0-6.
    pub width: u8,
    /// Their value.
    pub value: u32,
}

impl Extension {
    /// No digits.
    pub const NONE: Self = Self { width: 0, value: 0 };

    /// Reads up to 6 digits as they stand behind a service number; the empty text is [`Self::NONE`].
    ///
    /// # Errors
    /// [`NameError`] for other characters or more digits.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > 6 {
            return Err(NameError::Length);
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NameError::Alphabet);
        }
        let width = u8::try_from(text.len()).map_err(|_| NameError::Length)?;
        Ok(Self { width, value: text.bytes().fold(0, |v, b| v * 10 + u32::from(b - b'0')) })
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.width == 0 { Ok(()) } else { write!(f, "{:0w$}", self.value, w = usize::from(self.width)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_stand_behind_the_number() {
        let number = ServiceNumber::parse("10690001").unwrap();
        let extended = number.extended(Extension { width: 2, value: 7 }).unwrap();
        assert_eq!(extended.as_str(), "1069000107");
        assert_eq!(number.extension_in(extended.as_str()), Some("07"));
        assert_eq!(Extension::parse("07"), Ok(Extension { width: 2, value: 7 }));
        assert_eq!(number.extended(Extension::NONE).unwrap(), number);
        assert!(ServiceNumber::parse("+1069").is_err());
        assert!(
            ServiceNumber::parse("12345678901234567890")
                .unwrap()
                .extended(Extension { width: 1, value: 1 })
                .is_err()
        );
    }
}
