//! The north edge: SMPP sessions of notaries and enterprises. No number comes in or goes out here.

mod guessing;
pub mod smpp_server;
pub mod smpp_session;
pub mod tls;
mod words;
