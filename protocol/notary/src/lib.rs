//! What the notary says, as types: authorizations (interfaces.md section 2), their canonical text and their
//! SM2 proof. It knows no number, no account and no clock, and keeps nothing.

mod authorization;
mod json;
mod limits;
mod sm2_keys;

pub use authorization::{Authorization, EvidenceHash, Spelled};
pub use json::{AuthorizationError, Fault, Field};
pub use limits::{Limits, Window};
pub use sm2_keys::{KeyError, ProofError, PublicKey, SIGNER_ID, SecretKey, Signature};
