//! A place in the chain, and the signed note of one that is kept elsewhere. Without such a note a cut tail, or a chain
//! written anew from some record on, cannot be told from a true one.

use std::fmt;

use veilgate_names::Timestamp;
use veilgate_notary::{KeyError, ProofError, PublicKey, SecretKey, Signature};

use crate::hash::Sm3Hash;

/// A record's place: its number and its hash. Number 0 with the genesis hash is the place before the first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The record's number, from 1.
    pub seq: u64,
    /// The record's hash.
    pub hash: Sm3Hash,
}

impl Position {
    /// The place before the first record of a chain with this genesis hash.
    #[must_use]
    pub fn genesis(hash: Sm3Hash) -> Self {
        Self { seq: 0, hash }
    }
}

/// A position noted at a time, and signed unless no key was at hand. As text: `seq hash time signature`, `-` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// What it notes.
    pub position: Position,
    /// When it was made.
    pub at: Timestamp,
    /// The gateway's signature over the rest.
    pub signature: Option<Signature>,
}

/// Why a text is not an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an anchor: seq, hash, time and signature, separated by blanks")]
pub struct AnchorError;

impl Anchor {
    /// Notes a position.
    ///
    /// # Errors
    /// As [`SecretKey::sign`].
    pub fn new(position: Position, at: Timestamp, key: Option<&SecretKey>) -> Result<Self, KeyError> {
        let text = signed_text("anchor", position, at);
        let signature = key.map(|key| key.sign(text.as_bytes())).transpose()?;
        Ok(Self { position, at, signature })
    }

    /// Reads one line of text.
    ///
    /// # Errors
    /// [`AnchorError`] for any other form.
    pub fn parse(text: &str) -> Result<Self, AnchorError> {
        let mut words = text.split_ascii_whitespace();
        let mut word = || words.next().ok_or(AnchorError);
        let seq = word()?.parse().map_err(|_| AnchorError)?;
        let hash = Sm3Hash::from_hex(word()?.as_bytes()).ok_or(AnchorError)?;
        let at = Timestamp::parse(word()?).map_err(|_| AnchorError)?;
        let signature = match word()? {
            "-" => None,
            text => Some(Signature::from_base64(text).map_err(|_| AnchorError)?),
        };
        let anchor = Self { position: Position { seq, hash }, at, signature };
        if words.next().is_some() { Err(AnchorError) } else { Ok(anchor) }
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`ProofError`] if there is none or it is not this key's.
    pub fn verify(&self, key: &PublicKey) -> Result<(), ProofError> {
        let signature = self.signature.as_ref().ok_or(ProofError::Missing)?;
        key.verify(signed_text("anchor", self.position, self.at).as_bytes(), signature)
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = self.signature.map_or_else(|| "-".to_owned(), Signature::to_base64);
        write!(f, "{} {} {} {signature}", self.position.seq, self.position.hash, self.at)
    }
}

/// What is signed: for an anchor the position it notes, for a checkpoint the position before it.
pub(super) fn signed_text(purpose: &str, position: Position, at: Timestamp) -> String {
    format!("veilgate-audit-{purpose}\n{}\n{}\n{at}", position.seq, position.hash)
}
