//! Passwords as argon2 PHC strings. Checking one takes tens of milliseconds and megabytes on purpose.

use std::fmt;

use argon2::password_hash::{PasswordHashString, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// Passwords longer than this, in octets, match nothing.
pub(crate) const MAX_PASSWORD: usize = 128;

/// Why a text is not a password hash. Holds no part of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an argon2 PHC string")]
pub struct PasswordError;

/// An argon2 hash (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(PasswordHashString);

impl PasswordHash {
    /// Reads a PHC string of an argon2 variant.
    ///
    /// # Errors
    /// [`PasswordError`] for any other text, and for one without salt or hash.
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        let hash = PasswordHashString::new(text).map_err(|_| PasswordError)?;
        let complete = hash.salt().is_some() && hash.hash().is_some();
        Algorithm::try_from(hash.algorithm()).map_err(|_| PasswordError)?;
        Params::try_from(&hash.password_hash()).map_err(|_| PasswordError)?;
        if complete { Ok(Self(hash)) } else { Err(PasswordError) }
    }

    /// Hashes a password with argon2id. `memory_kib` and `passes` set the cost; [`Self::MEMORY_KIB`] and
    /// [`Self::PASSES`] are what OWASP advises. The salt must be random and used once.
    ///
    /// # Errors
    /// [`PasswordError`] if argon2 does not allow the parameters.
    pub fn derive(
        password: &[u8],
        salt: &[u8; 16],
        memory_kib: u32,
        passes: u32,
    ) -> Result<Self, PasswordError> {
        let params = Params::new(memory_kib, passes, 1, None).map_err(|_| PasswordError)?;
        let salt = SaltString::encode_b64(salt).map_err(|_| PasswordError)?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = hasher.hash_password(password, &salt).map_err(|_| PasswordError)?;
        Ok(Self(hash.serialize()))
    }

    /// The usual memory cost, KiB.
    pub const MEMORY_KIB: u32 = 19_456;
    /// The usual number of passes.
    pub const PASSES: u32 = 2;

    /// The PHC string, as the configuration has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether this is the password. Slow by design.
    #[must_use]
    pub fn matches(&self, password: &[u8]) -> bool {
        let bounded = password.get(..MAX_PASSWORD).unwrap_or(password);
        let matches = Argon2::default().verify_password(bounded, &self.0.password_hash()).is_ok();
        matches && password.len() <= MAX_PASSWORD
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_hash_matches_its_password_only() {
        let hash = PasswordHash::derive(b"secret", &[1; 16], 64, 1).unwrap();
        assert!(hash.matches(b"secret"));
        assert!(!hash.matches(b"secreT"));
        assert!(!hash.matches(b""));
        let read = PasswordHash::parse(hash.as_str()).unwrap();
        assert!(read.matches(b"secret"));
        assert_eq!(format!("{read:?}"), "PasswordHash(***)");
    }

    #[test]
    fn an_over_long_password_matches_nothing() {
        let hash = PasswordHash::derive(&[b'a'; MAX_PASSWORD], &[1; 16], 64, 1).unwrap();
        assert!(hash.matches(&[b'a'; MAX_PASSWORD]));
        assert!(!hash.matches(&[b'a'; MAX_PASSWORD + 1]));
    }

    #[test]
    fn other_texts_are_no_hashes() {
        for text in [
            "",
            "secret",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        ] {
            assert!(PasswordHash::parse(text).is_err(), "{text}");
        }
    }
}
