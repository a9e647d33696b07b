//! SMPP sessions without IO: bytes and `now` in; events, bytes and a deadline out. `Session<North>` is the SMSC of
//! the enterprises, `Session<South>` a client of the carrier's SMSCs. It knows no socket, clock, account or message
//! content; it never holds an address.
//!
//! ```text
//!                     server                                       client
//!  ExpectBind --bind--> Binding --accept_bind--+    ExpectBind --(outbind--> Outbound) --bind()--> Binding
//!                          | refuse_bind       |        bind_resp with status |        | bind_resp
//!                          v                   v                              v        v
//!                        Closed        BoundTransmitter/Receiver/Transceiver  Closed  Bound...
//!
//!  Bound... --unbind()--> Draining --all answered--> (unbind) Unbinding --unbind_resp--> Closed
//!  Bound... --peer's unbind--> PeerUnbinding --all answered--> (unbind_resp) Closed
//!  any --bad length, timeout, silence, disconnect()--> Closed
//! ```

mod client;
mod event;
mod machine;
mod receive;
mod server;
mod settings;
mod state;
mod window;

#[cfg(test)]
mod tests;

pub use event::{CloseReason, Event, Ignored, Received, SendError};
pub use machine::Session;
pub use receive::Role;
pub use settings::{SessionConfig, WindowFull};
pub use state::State;
