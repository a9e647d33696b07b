//! How the gateway is watched and operated: health and metrics over HTTP, commands over a UNIX socket. Knows
//! nothing of messages; what a command does is up to [`Operations`].

pub mod client;
mod http;
mod protocol;
mod socket;

pub use http::{Probe, Readiness, serve as serve_http};
pub use protocol::{
    AccountStatus, Actor, Call, ChannelStatus, MAX_REQUEST, MAX_RESPONSE, Refusal, Request, Response, Status,
};
pub use socket::{Operations, OpsSocket};
pub use veilgate_ledger::ActorName;
