//! What one session is held to.

use std::time::Duration;

/// Limits and timers of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionConfig {
    /// The longest PDU taken, in octets; a longer one closes the session before it is read.
    pub max_pdu: u32,
    /// How many of the peer's requests may be open, at least 1.
    pub window_in: u16,
    /// What becomes of one more.
    pub window_full: WindowFull,
    /// How many of our requests may be open.
    pub window_out: u16,
    /// Octets waiting to be written at which nothing that needs an answer is read and nothing new is sent.
    pub max_backlog: usize,
    /// From connecting until bound.
    pub bind_timeout: Duration,
    /// From the first octet of a PDU until its last.
    pub pdu_timeout: Duration,
    /// Silence after which `enquire_link` is sent; zero sends none.
    pub enquire_interval: Duration,
    /// How many `enquire_link` may stay without any answer.
    pub enquire_misses: u8,
    /// From sending a request until its response.
    pub response_timeout: Duration,
    /// How long to wait for open requests before `unbind` or `unbind_resp` goes out all the same, and then for
    /// `unbind_resp`.
    pub unbind_timeout: Duration,
}

/// What a session does with a request beyond `window_in`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WindowFull {
    /// Leaves it where it is: the shell stops reading, and TCP holds the peer back.
    #[default]
    Wait,
    /// Answers it with RTHROTTLED.
    Refuse,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            max_pdu: 72 * 1024,
            window_in: 100,
            window_full: WindowFull::Wait,
            window_out: 100,
            max_backlog: 1024 * 1024,
            bind_timeout: Duration::from_secs(5),
            pdu_timeout: Duration::from_secs(10),
            enquire_interval: Duration::from_secs(30),
            enquire_misses: 3,
            response_timeout: Duration::from_secs(10),
            unbind_timeout: Duration::from_secs(5),
        }
    }
}
