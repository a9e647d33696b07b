//! The configuration file: one TOML file becomes one [`Config`] of plain types. The only code that knows TOML;
//! it knows no protocol and starts nothing. A mistake is one line naming file, line and key.

mod changes;
mod check;
mod consent;
mod error;
mod flow;
mod groups;
mod load;
mod north;
mod opt_out;
mod parties;
mod paths;
mod policy;
mod replies;
mod retry;
mod root;
mod south;
mod space;
mod staff;
mod text;
mod words;

pub use changes::{Changes, ListChanges};
pub use consent::{Guessing, Registry};
pub use error::ConfigError;
pub use flow::{CarrierName, EdiKey, Flow, Identity, Journal, Ledger, ServiceName};
pub use groups::{ChannelGroup, GroupMember, Health, Label, Labels};
pub use north::{North, NorthTls};
pub use opt_out::{Confirmation, OptOut};
pub use parties::{Account, Enterprise, Fingerprint, PasswordHash, Platform, PublicKey};
pub use policy::Policy;
pub use replies::Replies;
pub use retry::{CodeStart, EndState, Numbers, RetryRow, RetryTable, TableName};
pub use root::{Config, Log, MasterKey, NodeName, Ops, Pkcs11, TokenName};
pub use south::{Bind, Channel, PeerAddress, Secret, ServiceNumberEntry, SystemId, SystemType};
pub use space::Space;
pub use staff::{Approver, StaffName};
pub use words::{
    AddressForm, Alphabet, BindMode, GuessingAction, IdFormat, JournalEngine, LogFormat, LogLevel, Long,
    OptOutScope, PastSchedule, Proof, RetryClass, RetryWhere, WindowFull,
};
