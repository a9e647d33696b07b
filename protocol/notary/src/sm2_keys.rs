//! SM2 with SM3 (GB/T 32918.2) under the default signer id: the only signature between notary and gateway.
//! Signing is deterministic (RFC 6979), so no entropy is needed here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sm2::dsa::signature::{Signer as _, Verifier as _};
use sm2::dsa::{SigningKey, VerifyingKey};
use sm2::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};

/// The signer id of GB/T 32918 that both sides use.
pub const SIGNER_ID: &str = "1234567812345678";

/// Why a text is not a key. Holds no part of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither hex of the right length nor PEM.
    #[error("neither hex nor PEM of an SM2 key")]
    Form,
    /// Well formed, but no point on the curve, or no scalar below its order.
    #[error("not a key of the SM2 curve")]
    Value,
}

/// Why a signature does not stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no signature.
    #[error("no proof")]
    Missing,
    /// It is not this key's signature over this text.
    #[error("proof does not match")]
    Invalid,
}

/// A signature: `r‖s`, 64 octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(pub [u8; 64]);

impl Signature {
    /// Reads 88 characters of base64.
    ///
    /// # Errors
    /// [`KeyError::Form`] for any other text.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text).map_err(|_| KeyError::Form)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::Form)
    }

    /// The 88 characters of base64.
    #[must_use]
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(64)")
    }
}

/// A key that checks signatures. Its identity hash is computed once.
#[derive(Clone)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads the hex of the uncompressed point (`04‖x‖y`, 130 digits) or a PEM `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`KeyError`] says whether form or value is wrong.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with("-----BEGIN") {
            let key = sm2::PublicKey::from_public_key_pem(text).map_err(|_| KeyError::Form)?;
            return VerifyingKey::new(SIGNER_ID, key).map(Self).map_err(|_| KeyError::Value);
        }
        let point: [u8; 65] = from_hex(text)?;
        VerifyingKey::from_sec1_bytes(SIGNER_ID, &point).map(Self).map_err(|_| KeyError::Value)
    }

    /// Reads the SEC1 encoding of the point: 65 octets, or 33 compressed.
    ///
    /// # Errors
    /// [`KeyError::Value`] if it is no point of the curve.
    pub fn from_sec1(octets: &[u8]) -> Result<Self, KeyError> {
        VerifyingKey::from_sec1_bytes(SIGNER_ID, octets).map(Self).map_err(|_| KeyError::Value)
    }

    /// Whether `signature` is this key's over `message`.
    ///
    /// # Errors
    /// [`ProofError::Invalid`] if it is not.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), ProofError> {
        let signature = sm2::dsa::Signature::from_slice(&signature.0).map_err(|_| ProofError::Invalid)?;
        self.0.verify(message, &signature).map_err(|_| ProofError::Invalid)
    }

    /// The hex that [`Self::parse`] reads, in lower case.
    #[must_use]
    pub fn to_hex(&self) -> String {
        to_hex(&self.0.to_sec1_bytes())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_affine() == other.0.as_affine()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(SM2)")
    }
}

/// A key that signs: the gateway's own checkpoints, and the notary's part in simulators and tests.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Reads the scalar as 64 hex digits, or a PEM `PrivateKeyInfo` (PKCS#8).
    ///
    /// # Errors
    /// [`KeyError`] says whether form or value is wrong.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with("-----BEGIN") {
            let key = sm2::SecretKey::from_pkcs8_pem(text).map_err(|_| KeyError::Form)?;
            return SigningKey::new(SIGNER_ID, &key).map(Self).map_err(|_| KeyError::Value);
        }
        Self::from_bytes(&from_hex(text)?)
    }

    /// Takes the scalar as 32 octets, big endian.
    ///
    /// # Errors
    /// [`KeyError::Value`] for zero and for anything not below the curve's order.
    pub fn from_bytes(scalar: &[u8; 32]) -> Result<Self, KeyError> {
        SigningKey::from_slice(SIGNER_ID, scalar).map(Self).map_err(|_| KeyError::Value)
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`KeyError::Value`] in the case, one in 2^256, that the nonce does not fit.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, KeyError> {
        let signature = self.0.try_sign(message).map_err(|_| KeyError::Value)?;
        Ok(Signature(signature.to_bytes().into()))
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().clone())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], KeyError> {
    if text.len() != 2 * N {
        return Err(KeyError::Form);
    }
    let mut out = [0; N];
    for (slot, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return Err(KeyError::Form) };
        *slot = nibble(*high)? << 4 | nibble(*low)?;
    }
    Ok(out)
}

fn nibble(digit: u8) -> Result<u8, KeyError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(KeyError::Form),
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
