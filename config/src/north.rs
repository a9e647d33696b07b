//! `[north]`: the SMPP server.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::text::{address_or_off, count, text, whole, window};
use crate::words::WindowFull;

/// The SMPP server that notary and enterprises bind to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct North {
    /// The plain listener; `"off"` for none. Default `127.0.0.1:2775`.
    #[serde(deserialize_with = "address_or_off")]
    pub listen: Option<SocketAddr>,
    /// Whether the plain listener may leave the loopback. Default false.
    pub allow_plaintext: bool,
    /// Open connections in all, 1-65536. Default 1024.
    #[serde(deserialize_with = "whole::<_, _, 1, 65_536>")]
    pub max_connections: NonZeroU32,
    /// Open connections from one address, 1-65536. Default 64.
    #[serde(deserialize_with = "whole::<_, _, 1, 65_536>")]
    pub max_connections_per_ip: NonZeroU32,
    /// Connections not bound yet, 1-65536. Default 128.
    #[serde(deserialize_with = "whole::<_, _, 1, 65_536>")]
    pub max_half_open: NonZeroU32,
    /// From connect (TLS handshake included) to a successful bind. Default 10 s.
    #[serde(deserialize_with = "text")]
    pub bind_timeout: Duration,
    /// From the first octet of a PDU to its last. Default 10 s.
    #[serde(deserialize_with = "text")]
    pub pdu_timeout: Duration,
    /// Silence after which the gateway sends `enquire_link`. Default 30 s.
    #[serde(deserialize_with = "text")]
    pub enquire_interval: Duration,
    /// Unanswered `enquire_link`s after which a connection is closed, 1-100. Default 3.
    #[serde(deserialize_with = "whole::<_, _, 1, 100>")]
    pub enquire_misses: u8,
    /// How long a `deliver_sm` may stay unanswered. Default 30 s.
    #[serde(deserialize_with = "text")]
    pub response_timeout: Duration,
    /// Submits of one bind that may be unanswered at a time, 1-65535. Default 1000.
    #[serde(deserialize_with = "whole::<_, _, 1, 65_535>")]
    pub window_in: NonZeroU16,
    /// What becomes of a submit beyond that: `wait` leaves it in the connection, `refuse` answers RTHROTTLED. Default
    /// `wait`.
    #[serde(deserialize_with = "text")]
    pub window_full: WindowFull,
    /// `deliver_sm`s to one bind that may be unanswered at a time, 1-65535. Default 256.
    #[serde(deserialize_with = "whole::<_, _, 1, 65_535>")]
    pub window_out: NonZeroU16,
    /// The largest PDU read, octets, 1024-1048576. Default 65536.
    #[serde(deserialize_with = "whole::<_, _, 1024, 1_048_576>")]
    pub max_pdu: NonZeroU32,
    /// How long a peer may leave written octets unread before it is closed. Default 30 s.
    #[serde(deserialize_with = "text")]
    pub write_stall: Duration,
    /// Octets waiting to be written to one peer, beyond which nothing more is read from it, 65536-16777216.
    /// Default 1048576.
    #[serde(deserialize_with = "whole::<_, _, 65_536, 16_777_216>")]
    pub max_backlog: NonZeroU32,
    /// How long an unbind waits for what is unanswered. Default 5 s.
    #[serde(deserialize_with = "text")]
    pub unbind_timeout: Duration,
    /// Wrong passwords from one address that lock an account for that address, 1-1000. Default 5.
    #[serde(deserialize_with = "whole::<_, _, 1, 1000>")]
    pub lockout_failures: NonZeroU32,
    /// Wrong passwords further apart than this are not counted together. Default 10 m.
    #[serde(deserialize_with = "text")]
    pub lockout_within: Duration,
    /// How long an account stays locked for that address. Default 15 m.
    #[serde(deserialize_with = "text")]
    pub lockout_for: Duration,
    /// The TLS listener. Default: none.
    pub tls: Option<NorthTls>,
}

impl Default for North {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 2775))),
            allow_plaintext: false,
            max_connections: count::<1024>(),
            max_connections_per_ip: count::<64>(),
            max_half_open: count::<128>(),
            bind_timeout: Duration::from_secs(10),
            pdu_timeout: Duration::from_secs(10),
            enquire_interval: Duration::from_secs(30),
            enquire_misses: 3,
            response_timeout: Duration::from_secs(30),
            window_in: window::<1000>(),
            window_full: WindowFull::Wait,
            window_out: window::<256>(),
            max_pdu: count::<65_536>(),
            write_stall: Duration::from_secs(30),
            max_backlog: count::<1_048_576>(),
            unbind_timeout: Duration::from_secs(5),
            lockout_failures: count::<5>(),
            lockout_within: Duration::from_secs(600),
            lockout_for: Duration::from_secs(900),
            tls: None,
        }
    }
}

/// `[north.tls]`: SMPP over TLS 1.2 or 1.3 with client certificates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NorthTls {
    /// Where it listens. Default `127.0.0.1:3550`.
    #[serde(default = "default_tls_listen", deserialize_with = "text")]
    pub listen: SocketAddr,
    /// The server's certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The authorities whose client certificates are accepted, PEM.
    pub client_ca: PathBuf,
}

fn default_tls_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 3550))
}
