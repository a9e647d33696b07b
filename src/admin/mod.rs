//! How the gateway is watched and operated: health and metrics over HTTP, commands over a UNIX socket. Knows
//! nothing of messages; what a command does is up to [`Operations`].

pub mod client;
mod http;
mod protocol;
mod socket;

pub use http::{Probe, Readiness, serve as serve_http};
pub use protocol::{
    AccountStatus, Actor, BalanceShown, Call, ChannelStatus, ChargeTold, DecidedBefore, ExplainAsked,
    ListChangeAsked, ListChanged, ListImportAsked, ListImportMode, ListState, MAX_REQUEST, MAX_RESPONSE,
    PaymentAsked, PlacesStatus, Refusal, Request, Response, ReviewShown, RuleSaid, RulesAsked,
    RulesExplained, Secret, Status, SubjectAsked, SubjectAuthorization, SubjectFound, SubjectMessage,
    SupposedAsked, TableStatus,
};
pub use socket::{Operations, OpsSocket};
pub use veilgate_ledger::ActorName;
