//! The load generator before Kannel's smsbox: sendsms by HTTP, one request at a time on each connection; receipts are
//! calls of a URL that the generator serves. For comparison only; as little HTTP as Kannel speaks.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::outgoing::{Next, Outgoing};
use super::peer::Stage;
use super::shared::Shared;
use super::tracker::Seen;
use crate::pump::{self, Peer};
use crate::raw::{self, Misframed};

const MILLISECOND: u64 = 1_000_000;
/// An HTTP head longer than this is none.
const MOST_HEAD: usize = 16 * 1024;
/// The `command_status` that stands for an HTTP status other than 202: this plus the HTTP status.
const HTTP_STATUS: u32 = 0x0001_0000;

/// One connection to smsbox.
pub(super) struct HttpPeer {
    shared: Arc<Shared>,
    index: u64,
    outgoing: Outgoing,
    stage: Stage,
    callback: SocketAddr,
    waiting: Option<(Next, u64)>,
    drain_since: u64,
}

/// One connection of smsbox to the generator.
struct CallbackPeer {
    shared: Arc<Shared>,
}

/// Serves receipts until it is dropped; gives the address.
pub(super) async fn serve_receipts(shared: Arc<Shared>) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let mut peer = CallbackPeer { shared: Arc::clone(&shared) };
                    connections.spawn(async move { pump::run(stream, &mut peer).await.is_ok() });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    });
    Ok((address, task))
}

impl HttpPeer {
    /// `None` if the run has no such connection.
    pub(super) fn new(shared: Arc<Shared>, index: u64, callback: SocketAddr) -> Option<Self> {
        let outgoing = Outgoing::new(&shared, index)?;
        Some(Self { shared, index, outgoing, stage: Stage::Sending, callback, waiting: None, drain_since: 0 })
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// The connection is gone: what had no response is of unknown outcome.
    pub(super) fn lost(&mut self) {
        let mut stats = self.shared.stats(self.index).lock();
        stats.unknown += u64::from(self.waiting.take().is_some());
        stats.disconnects += 1;
        stats.in_flight = 0;
    }

    fn request(&self, next: Next, out: &mut Vec<u8>) {
        let (user, password) = self.outgoing.credentials();
        let put =
            |out: &mut Vec<u8>, parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
        put(out, &[b"GET /cgi-bin/sendsms?username=", user.as_bytes(), b"&password=", password.as_bytes()]);
        put(out, &[b"&from=", self.outgoing.source().as_bytes(), b"&to=", self.outgoing.address(next)]);
        let mut room = [0; 20];
        let number = raw::spell(next.number, 10, &mut room);
        put(out, &[b"&text=%23", number, b"+the+quick+brown+fox+jumps+over+the+lazy+dog"]);
        if next.receipt {
            let url = format!(
                "&dlr-mask=3&dlr-url=http%3A%2F%2F{}%3A{}%2Fr%3Fn%3D",
                self.callback.ip(),
                self.callback.port()
            );
            put(out, &[url.as_bytes(), number]);
        }
        put(out, &[b" HTTP/1.1\r\nHost: smsbox\r\n\r\n"]);
    }

    fn answered(&mut self, now: u64, status: u32) {
        let Some((next, sent)) = self.waiting.take() else { return };
        let mut stats = self.shared.stats(self.index).lock();
        stats.in_flight = 0;
        stats.last_response = now;
        stats.status(if status == 202 { 0 } else { HTTP_STATUS + status });
        stats.response.saturating_record(now.saturating_sub(next.intended) / 1_000);
        stats.from_send.saturating_record(now.saturating_sub(sent) / 1_000);
        if status != 202 {
            return;
        }
        stats.accepted += 1;
        let mut room = [0; 20];
        let id = raw::spell(next.number, 10, &mut room);
        if next.receipt
            && self.shared.plan.receipts
            && let Some(at) = self.shared.tracker.accepted(id, next.intended)
        {
            stats.receipt.saturating_record(at.saturating_sub(next.intended) / 1_000);
            stats.last_receipt = now;
        }
    }
}

impl Peer for HttpPeer {
    fn receive(&mut self, now: u64, input: &[u8], _out: &mut Vec<u8>) -> Result<usize, Misframed> {
        let mut used = 0;
        while let Some((head, length)) = whole(input.get(used..).unwrap_or_default())? {
            self.answered(now, status(head));
            used += length;
        }
        Ok(used)
    }

    fn fill(&mut self, now: u64, out: &mut Vec<u8>) {
        let shared = Arc::clone(&self.shared);
        let mut stats = shared.stats(self.index).lock();
        stats.bound = true;
        if self.stage == Stage::Sending && self.waiting.is_none() {
            self.outgoing.advance(now, &mut stats);
            if let Some(next) = self.outgoing.next(now) {
                self.request(next, out);
                self.waiting = Some((next, now));
                stats.submitted += 1;
                stats.messages += 1;
                stats.in_flight = 1;
            } else if self.outgoing.is_over(now) {
                (self.stage, self.drain_since) = (Stage::Draining, now);
            }
        }
        stats.draining = self.stage != Stage::Sending;
        let waited = now.saturating_sub(self.drain_since);
        let receipts = shared.plan.receipts
            && (shared.tracker.waiting() > 0 || !shared.all_draining(self.index, &stats));
        if self.stage == Stage::Draining && (!receipts || waited >= shared.drain) {
            self.stage = Stage::Over;
        }
    }

    fn deadline(&self, now: u64) -> u64 {
        match self.stage {
            Stage::Sending if self.waiting.is_none() => self
                .outgoing
                .due()
                .unwrap_or(now + 100 * MILLISECOND)
                .clamp(now + 1, now + 1_000 * MILLISECOND),
            _ => now + 20 * MILLISECOND,
        }
    }

    fn finished(&self) -> bool {
        self.stage == Stage::Over
    }
}

impl Peer for CallbackPeer {
    fn receive(&mut self, now: u64, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Misframed> {
        let mut used = 0;
        while let Some((head, length)) = whole(input.get(used..).unwrap_or_default())? {
            let mut stats = self.shared.stats(0).lock();
            stats.receipts += 1;
            match self.shared.tracker.receipt(number(head), now) {
                Seen::First(intended) => {
                    stats.receipt.saturating_record(now.saturating_sub(intended) / 1_000);
                    stats.last_receipt = now;
                }
                Seen::Duplicate => stats.duplicates += 1,
                Seen::Early | Seen::Untracked => {}
            }
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            used += length;
        }
        Ok(used)
    }

    fn fill(&mut self, _now: u64, _out: &mut Vec<u8>) {}

    fn deadline(&self, now: u64) -> u64 {
        now + 1_000 * MILLISECOND
    }

    fn finished(&self) -> bool {
        false
    }
}

/// The head of a whole HTTP message at the front, and the octets of all of it.
fn whole(input: &[u8]) -> Result<Option<(&[u8], usize)>, Misframed> {
    let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if input.len() > MOST_HEAD { Err(Misframed) } else { Ok(None) };
    };
    let head = input.get(..end).unwrap_or_default();
    let length = head.split(|octet| *octet == b'\n').find_map(|line| {
        let colon = line.iter().position(|octet| *octet == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        name.eq_ignore_ascii_case(b"content-length").then_some(value)
    });
    let body = length.map_or(0, |value| digits(value.get(1..).unwrap_or_default()));
    let all = end + 4 + usize::try_from(body).unwrap_or(usize::MAX).min(MOST_HEAD);
    Ok((input.len() >= all).then_some((head, all)))
}

/// The status of a response's head: `HTTP/1.1 202 Accepted`.
fn status(head: &[u8]) -> u32 {
    head.split(|octet| *octet == b' ').nth(1).map_or(0, digits)
}

/// The number after `n=` in a request's first line.
fn number(head: &[u8]) -> &[u8] {
    let at = head.windows(2).position(|two| two == b"n=").map_or(head.len(), |at| at + 2);
    let rest = head.get(at..).unwrap_or_default();
    let length = rest.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..length).unwrap_or_default()
}

/// The digits after leading spaces.
fn digits(text: &[u8]) -> u32 {
    let digits = text.trim_ascii_start().iter().take_while(|octet| octet.is_ascii_digit());
    digits.fold(0, |number: u32, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_cut_into_messages() {
        let answer = b"HTTP/1.1 202 Accepted\r\nServer: Kannel\r\ncontent-length: 3\r\n\r\n0: HTTP";
        assert!(whole(&answer[..60]).unwrap().is_none());
        let (head, length) = whole(answer).unwrap().unwrap();
        assert_eq!((status(head), &answer[length..]), (202, &b"HTTP"[..]));
        let (head, _) = whole(b"GET /r?n=4711 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap().unwrap();
        assert_eq!(number(head), b"4711");
        assert!(whole(&[b'x'; MOST_HEAD + 1]).is_err() && whole(b"").unwrap().is_none());
        assert_eq!((status(b""), number(b"")), (0, &b""[..]));
    }
}
