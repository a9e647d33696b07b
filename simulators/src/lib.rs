//! Peers of the gateway to test it with: SMSC, ESME, load generator, fast sink and feed generator. They
//! know SMPP and files, nothing of the gateway's inside; a number is plain text here, as it is to any SMSC.

pub mod clock;
pub mod esme;
pub mod feed;
pub mod load;
pub mod machine;
pub mod message;
pub mod output;
pub mod page;
mod pump;
pub mod random;
pub mod raw;
pub mod receipt;
pub mod reconcile;
pub mod sink;
pub mod smsc;
pub mod text;
pub mod tls;
pub mod wire;
