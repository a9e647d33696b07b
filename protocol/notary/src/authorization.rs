//! One consent of one user to one enterprise, as the notary registers it. Times keep the spelling they came in,
//! because the proof covers the spelling.

use std::fmt;

use veilgate_names::{
    AsOf, AuthorizationId, EncryptedDeviceId, EnterpriseId, Pseudonym, Service, ServiceNumber, TimeError,
    Timestamp,
};

use crate::json::{self, AuthorizationError};
use crate::limits::Limits;
use crate::sm2_keys::{KeyError, ProofError, PublicKey, SecretKey, Signature};

/// An authorization of interfaces.md section 2. Read it with [`Self::from_json`], which bounds every list and text.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The notary's name for it.
    pub authorization_id: AuthorizationId,
    /// Who may contact the user.
    pub enterprise_id: EnterpriseId,
    /// What that enterprise calls the user.
    pub pseudonym: Pseudonym,
    /// The user's devices, 1-8, in the notary's order.
    pub encrypted_device_ids: Vec<EncryptedDeviceId>,
    /// The date for which the devices are turned into a number (A-6.3.2.1-1).
    pub as_of: Spelled<AsOf>,
    /// The first instant at which it holds.
    pub not_before: Spelled<Timestamp>,
    /// The first instant at which it no longer holds.
    pub expires_at: Spelled<Timestamp>,
    /// What it covers: 1-2 services, none twice, in the notary's order.
    pub services: Vec<Service>,
    /// What the user agreed to beyond that.
    pub limits: Limits,
    /// The numbers the user was told of, at most 16; empty means that none were agreed on and any is covered.
    pub service_numbers: Vec<ServiceNumber>,
    /// SM3 of the evidence the notary keeps.
    pub evidence_hash: Option<EvidenceHash>,
    /// The notary's signature over [`Self::canonical_text`].
    pub proof: Option<Signature>,
}

impl Authorization {
    /// The longest JSON accepted, in octets.
    pub const MAX_JSON: usize = 8192;
    /// The most device IDs accepted.
    pub const MAX_DEVICES: usize = 8;
    /// The most service numbers accepted.
    pub const MAX_SERVICE_NUMBERS: usize = 16;

    /// Reads the JSON of interfaces.md section 2. Unknown fields are refused; `limits`, `service_numbers`,
    /// `evidence_hash` and `proof` may be absent (whether a proof must be there is the platform's profile).
    ///
    /// # Errors
    /// [`AuthorizationError`] names the field and what is wrong with it, without any part of the input.
    pub fn from_json(bytes: &[u8]) -> Result<Self, AuthorizationError> {
        json::read(bytes)
    }

    /// The JSON that [`Self::from_json`] reads, without blanks, in the field order of interfaces.md.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        json::write(self)
    }

    /// The value under which a store keeps it. It holds aliases and device IDs: seal it at rest.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        self.to_json()
    }

    /// Reads [`Self::to_record`] back, with all its checks.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn from_record(bytes: &[u8]) -> Result<Self, AuthorizationError> {
        json::read(bytes)
    }

    /// What the proof signs: nine fields joined by line feeds, in the order of interfaces.md section 2. `limits`
    /// and `service_numbers` are not part of it.
    #[must_use]
    pub fn canonical_text(&self) -> String {
        let mut text = String::with_capacity(512);
        for field in [self.authorization_id.as_str(), self.enterprise_id.as_str(), self.pseudonym.as_str()] {
            text.push_str(field);
            text.push('\n');
        }
        push_joined(&mut text, self.encrypted_device_ids.iter().map(EncryptedDeviceId::as_str));
        for time in [self.as_of.text(), self.not_before.text(), self.expires_at.text()] {
            text.push('\n');
            text.push_str(time);
        }
        text.push('\n');
        push_joined(&mut text, self.services.iter().copied().map(json::service_name));
        text.push('\n');
        text.push_str(self.evidence_hash.as_ref().map_or("", EvidenceHash::as_str));
        text
    }

    /// Checks the proof. It takes about half a millisecond: do it once per authorization, not per message.
    ///
    /// # Errors
    /// [`ProofError`] if there is no proof, or it is not this key's over this content.
    //= ASCS A-4-1
    pub fn verify_proof(&self, key: &PublicKey) -> Result<(), ProofError> {
        let proof = self.proof.as_ref().ok_or(ProofError::Missing)?;
        key.verify(self.canonical_text().as_bytes(), proof)
    }

    /// Signs it as a notary does: for simulators and tests.
    ///
    /// # Errors
    /// As [`SecretKey::sign`].
    pub fn sign(&mut self, key: &SecretKey) -> Result<(), KeyError> {
        self.proof = Some(key.sign(self.canonical_text().as_bytes())?);
        Ok(())
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("authorization_id", &self.authorization_id)
            .field("enterprise_id", &self.enterprise_id)
            .finish_non_exhaustive()
    }
}

/// A time together with the text it came in, at most 40 octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spelled<T> {
    text: Box<str>,
    value: T,
}

impl<T: Copy> Spelled<T> {
    /// The text as it came.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it means.
    #[must_use]
    pub fn value(&self) -> T {
        self.value
    }
}

impl Spelled<AsOf> {
    /// Reads what [`AsOf::parse`] reads.
    ///
    /// # Errors
    /// As [`AsOf::parse`].
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        Ok(Self { value: AsOf::parse(text)?, text: text.into() })
    }
}

impl Spelled<Timestamp> {
    /// Reads what [`Timestamp::parse`] reads.
    ///
    /// # Errors
    /// As [`Timestamp::parse`].
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        Ok(Self { value: Timestamp::parse(text)?, text: text.into() })
    }
}

impl From<Timestamp> for Spelled<Timestamp> {
    fn from(value: Timestamp) -> Self {
        Self { text: value.to_string().into(), value }
    }
}

/// SM3 of the evidence, 64 hex digits in the case they came in (the proof covers them as text).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceHash(Box<str>);

impl EvidenceHash {
    /// Accepts 64 hex digits of either case.
    ///
    /// # Errors
    /// [`json::Fault`] says whether length or alphabet is wrong.
    pub fn parse(text: &str) -> Result<Self, json::Fault> {
        if text.len() != 64 {
            return Err(json::Fault::Length);
        }
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(json::Fault::Alphabet);
        }
        Ok(Self(text.into()))
    }

    /// The digits as they came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn push_joined<'a>(text: &mut String, parts: impl Iterator<Item = &'a str>) {
    for (index, part) in parts.enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(part);
    }
}

#[cfg(test)]
mod tests;
