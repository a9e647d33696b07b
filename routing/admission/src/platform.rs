//! What a notary platform is held to when it registers authorizations.

use std::time::Duration;

use veilgate_notary::PublicKey;

/// The profile of one notary platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformProfile {
    /// Whether authorizations must carry a proof, and the key that checks it.
    pub proof: ProofPolicy,
    /// How long an authorization lives that came in the short form (interfaces.md section 4), which states no end.
    pub short_form_lifetime: Duration,
}

/// Whether an authorization must prove itself (A-4-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofPolicy {
    /// Every authorization carries a proof of this key; the short form only refers to registered ones.
    Required(PublicKey),
    /// A proof is checked where there is one; without a key it is not looked at. For the demo profile.
    Optional(Option<PublicKey>),
}
