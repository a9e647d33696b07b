//! Who may send, to whom and how fast: the registry of authorizations, the directory of north accounts, and rates.
//! It decides in memory and hands out records to be stored; it knows no number, no socket, no clock and no file.

mod account;
mod accounts;
mod lockout;
mod password;
mod platform;
mod rate;
mod record;
mod registered;
mod registry;
mod terms;

pub use account::{Account, AccountConfig, BindTicket, CertificateFingerprint, Tenant};
pub use accounts::{Accounts, AccountsError, BindRefusal, Reloaded};
pub use lockout::LockoutPolicy;
pub use password::{PasswordError, PasswordHash};
pub use platform::{PlatformProfile, ProofPolicy};
pub use rate::BindLimiter;
pub use record::{Record, RecordError, RecordSpace};
pub use registered::Registered;
pub use registry::{Registration, Registry, Restored, Revocation, Revoked, Revoker, ShortForm};
