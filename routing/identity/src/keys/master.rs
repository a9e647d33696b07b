//! The master key's two halves, and what a token adds. The master key itself is not kept.

use crate::cipher::{MacKey, NONCE, Sealer};
use crate::keys::KeyError;
use zeroize::Zeroizing;

/// A ring's root as a token wrapped it. What the token unwraps is the ring's master key; neither part is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRoot {
    /// The name of the wrapping key in the token.
    pub label: String,
    /// The wrapped root.
    pub wrapped: Vec<u8>,
}

/// The keys made from the master key.
pub(super) struct Master {
    wrap: Sealer,
    nonces: MacKey,
    seal: MacKey,
    token: Option<TokenRoot>,
}

impl Master {
    pub(super) fn new(master: &[u8]) -> Result<Self, KeyError> {
        if !matches!(master.len(), 16 | 32) {
            return Err(KeyError::MasterLength);
        }
        let kdf = MacKey::new(master);
        let wrap = Zeroizing::new(kdf.short(&[b"veilgate wrap"]));
        let nonces = Zeroizing::new(kdf.full(&[b"veilgate wrap nonce"]));
        let seal = Zeroizing::new(kdf.full(&[b"veilgate ring"]));
        let (nonces, seal) = (MacKey::new(nonces.as_slice()), MacKey::new(seal.as_slice()));
        Ok(Self { wrap: Sealer::new(&wrap), nonces, seal, token: None })
    }

    /// The same, as a root that a token wrapped.
    pub(super) fn in_token(mut self, token: Option<TokenRoot>) -> Self {
        self.token = token;
        self
    }

    pub(super) fn token(&self) -> Option<&TokenRoot> {
        self.token.as_ref()
    }

    /// A MAC over the whole document, so that no entry can be taken out or put back.
    pub(super) fn seal(&self, document: &[u8]) -> [u8; 32] {
        self.seal.full(&[document])
    }

    /// Wraps a key under its name. The nonce is a MAC of both, so the same key wraps to the same octets and no
    /// nonce serves two keys.
    pub(super) fn wrap(&self, name: &str, key: &[u8]) -> Vec<u8> {
        let mac = self.nonces.full(&[name.as_bytes(), &[0], key]);
        let nonce = mac.first_chunk::<NONCE>().copied().unwrap_or_default();
        let mut out = Vec::with_capacity(key.len() + 28);
        self.wrap.seal(nonce, name.as_bytes(), key, &mut out);
        out
    }

    pub(super) fn unwrap(&self, name: &str, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.wrap.open(name.as_bytes(), wrapped).ok().map(Zeroizing::new)
    }
}
