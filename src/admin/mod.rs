//! How the gateway is watched and operated: health and metrics over HTTP, commands over a UNIX socket. Knows
//! nothing of messages; what a command does is up to [`Operations`].

pub mod client;
mod http;
mod protocol;
mod socket;

pub use http::{Probe, Readiness, serve as serve_http};
pub use protocol::{
    AccountStatus, Actor, Call, ChannelStatus, ExplainAsked, MAX_REQUEST, MAX_RESPONSE, Refusal, Request,
    Response, Secret, Status, SubjectAsked, SubjectAuthorization, SubjectFound, SubjectMessage,
};
pub use socket::{Operations, OpsSocket};
pub use veilgate_ledger::ActorName;
