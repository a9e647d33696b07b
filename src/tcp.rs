//! What every SMPP connection's socket is told.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Silence after which the system asks whether the other end is there.
const IDLE: Duration = Duration::from_secs(60);
/// The pause between questions without an answer.
const INTERVAL: Duration = Duration::from_secs(15);

/// No delay: Nagle and delayed acknowledgements cost 40 ms a message (smpp-cases). Keepalive: `enquire_link` finds dead
/// peers sooner, but may be switched off, and does not run before the bind or while an unbind is awaited.
///
/// # Errors
/// [`io::Error`] of a socket that is dead already.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn both_are_set() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        prepare(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(stream.nodelay().unwrap() && socket.keepalive().unwrap());
    }
}
