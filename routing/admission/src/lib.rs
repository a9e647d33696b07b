//! Who may send, to whom and how fast: the registry of authorizations, the directory of north accounts, and rates.
//! It decides in memory and hands out records to be stored; it knows no number, no socket, no clock and no file.

mod account;
mod accounts;
mod guessing;
mod lockout;
mod password;
mod platform;
mod rate;
mod record;
mod registered;
mod registry;
mod tenancy;
mod terms;
mod usage;

pub use account::{Account, AccountConfig, BindTicket, CertificateFingerprint, Tenant};
pub use accounts::{Accounts, AccountsError, BindRefusal, Reloaded};
pub use guessing::{GuessingAction, GuessingAlarm, GuessingPolicy, is_guess};
pub use lockout::LockoutPolicy;
pub use password::{PasswordError, PasswordHash};
pub use platform::{PlatformProfile, ProofPolicy};
pub use rate::BindLimiter;
pub use record::{Record, RecordError, RecordSpace};
pub use registered::Registered;
pub use registry::{
    Counted, Prepared, Registration, Registry, Restored, Revocation, Revoked, RevokedAll, Revoker, ShortForm,
};
pub use usage::day_of;
