//! The keys of encrypted device IDs: what each may open, for whom, and how far in its life it is.
//! ```text
//! Active --rotate--> DecryptOnly --retire--> Retired --destroy--> Destroyed
//!    `---------------retire-----------------^
//! ```

use std::sync::Arc;

use veilgate_names::{KeyId, PlatformId, Reason};

use crate::cipher::EdiKey;
use crate::keys::KeyOctets;

/// What a key of encrypted device IDs may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdiProfile {
    /// Whether it opens `edi1` (SM4-GCM).
    pub gcm: bool,
    /// Whether it opens `edi0` (SM4-CBC, which nothing authenticates).
    pub legacy: bool,
    /// The platform whose key it is; nobody else's device IDs are opened with it. `None`: any platform's.
    pub owner: Option<PlatformId>,
}

impl Default for EdiProfile {
    fn default() -> Self {
        Self { gcm: true, legacy: false, owner: None }
    }
}

/// How far in its life a key of encrypted device IDs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdiState {
    /// Notaries encrypt with it.
    Active,
    /// Another key took its place; what was encrypted with it is still opened.
    DecryptOnly,
    /// It opens nothing; it is kept in case that was a mistake.
    Retired,
    /// It is gone. Its name is never used again.
    Destroyed,
}

impl EdiState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 4] = [Self::Active, Self::DecryptOnly, Self::Retired, Self::Destroyed];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::DecryptOnly => "decrypt-only",
            Self::Retired => "retired",
            Self::Destroyed => "destroyed",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    fn opens(self) -> bool {
        matches!(self, Self::Active | Self::DecryptOnly)
    }
}

/// A key of encrypted device IDs as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdiKeyFacts {
    /// Its name.
    pub kid: KeyId,
    /// What it may be used for.
    pub profile: EdiProfile,
    /// How far it is.
    pub state: EdiState,
}

/// Why a key does not open a device ID. Only inside these are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EdiRefusal {
    /// There is no such key.
    Unknown,
    /// It is retired or destroyed.
    Retired,
    /// It is not for this form.
    Form,
    /// It is another platform's.
    Owner,
}

impl EdiRefusal {
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Retired => Reason::KeyExpired,
            Self::Unknown | Self::Form | Self::Owner => Reason::DecryptFail,
        }
    }
}

#[derive(Clone)]
pub(super) struct EdiEntry {
    pub(super) profile: EdiProfile,
    pub(super) state: EdiState,
    /// `None` once destroyed.
    pub(super) key: Option<Arc<EdiSecret>>,
}

/// A key with the octets it came from, which are needed to wrap it.
pub(super) struct EdiSecret {
    pub(super) octets: KeyOctets,
    key: Arc<EdiKey>,
}

impl EdiEntry {
    pub(super) fn new(octets: KeyOctets, profile: EdiProfile, state: EdiState) -> Self {
        let key = Arc::new(EdiKey::new(octets.bare()));
        Self { profile, state, key: Some(Arc::new(EdiSecret { octets, key })) }
    }

    pub(super) fn destroyed(profile: EdiProfile) -> Self {
        Self { profile, state: EdiState::Destroyed, key: None }
    }

    pub(super) fn facts(&self, kid: &str) -> Option<EdiKeyFacts> {
        let kid = KeyId::parse(kid).ok()?;
        Some(EdiKeyFacts { kid, profile: self.profile.clone(), state: self.state })
    }

    /// The key, if this use of it is allowed.
    pub(super) fn opener(
        &self,
        legacy: bool,
        platform: Option<&PlatformId>,
    ) -> Result<Arc<EdiKey>, EdiRefusal> {
        let key = self.key.as_ref().filter(|_| self.state.opens()).ok_or(EdiRefusal::Retired)?;
        let form = if legacy { self.profile.legacy } else { self.profile.gcm };
        let foreign = match (&self.profile.owner, platform) {
            (Some(owner), Some(platform)) => owner != platform,
            _ => false,
        };
        match (form, foreign) {
            (true, false) => Ok(Arc::clone(&key.key)),
            (_, true) => Err(EdiRefusal::Owner),
            (false, false) => Err(EdiRefusal::Form),
        }
    }
}
