//! The outside form of an encrypted device ID. It is parsed, compared and echoed here; only identity decrypts it.

use std::fmt;
use std::sync::Arc;

use crate::ids::{KeyId, NameError, alias};

/// How the ciphertext was made (interfaces.md section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EdiVersion {
    /// `edi0`: SM4-CBC with PKCS#7, only where the key's profile allows it.
    Legacy,
    /// `edi1`: SM4-GCM, associated data `edi1.<kid>`.
    Gcm,
}

/// `edi1.<kid>.<base64url>`, at most 160 characters, kept byte for byte as it came (A-6.3.3.2-4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EncryptedDeviceId {
    text: Arc<str>,
    version: EdiVersion,
    kid_end: u8,
}

impl EncryptedDeviceId {
    /// The longest text accepted.
    pub const MAX: usize = 160;

    /// Checks the outer form only: version, key id, alphabet, length.
    ///
    /// # Errors
    /// [`NameError`] without any part of the input.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > Self::MAX {
            return Err(NameError::Length);
        }
        let mut parts = text.splitn(3, '.');
        let version = match parts.next() {
            Some("edi1") => EdiVersion::Gcm,
            Some("edi0") => EdiVersion::Legacy,
            _ => return Err(NameError::Form),
        };
        let kid = parts.next().ok_or(NameError::Form)?;
        KeyId::parse(kid)?;
        let body = parts.next().ok_or(NameError::Form)?;
        if body.is_empty() || !body.bytes().all(alias) {
            return Err(NameError::Alphabet);
        }
        let kid_end = u8::try_from(5 + kid.len()).map_err(|_| NameError::Length)?;
        Ok(Self { text: Arc::from(text), version, kid_end })
    }

    /// The text exactly as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Which cipher made it.
    #[must_use]
    pub fn version(&self) -> EdiVersion {
        self.version
    }

    /// The name of the key that opens it.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.text.get(5..usize::from(self.kid_end)).unwrap_or_default()
    }

    /// `edi1.<kid>`: what the ciphertext is bound to.
    #[must_use]
    pub fn associated_data(&self) -> &str {
        self.text.get(..usize::from(self.kid_end)).unwrap_or_default()
    }

    /// The base64url part, without padding.
    #[must_use]
    pub fn body(&self) -> &str {
        self.text.get(usize::from(self.kid_end) + 1..).unwrap_or_default()
    }
}

impl fmt::Display for EncryptedDeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found() {
        let edi = EncryptedDeviceId::parse("edi1.k-1.AbC_-9").unwrap();
        assert_eq!((edi.kid(), edi.body(), edi.associated_data()), ("k-1", "AbC_-9", "edi1.k-1"));
        assert_eq!(edi.version(), EdiVersion::Gcm);
    }

    #[test]
    fn other_forms_are_refused() {
        for text in ["", "edi1", "edi1.k", "edi1.k.", "edi2.k.aa", "edi1..aa", "edi1.k.a=", "edi1.k.a.b"] {
            assert!(EncryptedDeviceId::parse(text).is_err(), "{text}");
        }
        assert!(EncryptedDeviceId::parse(&format!("edi1.k.{}", "a".repeat(154))).is_err());
    }
}
