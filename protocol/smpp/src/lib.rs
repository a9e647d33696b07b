//! SMPP 3.4 and 5.0 without IO: frames, PDUs and their encoders, sessions, message text. It knows octets and
//! time as parameters; it does not know sockets, clocks, logs or who a subscriber is.

pub mod codec;
pub mod pdu;
pub mod session;
pub mod side;

pub mod text;
