//! One loop that runs a fast peer on a stream: reads what is there, lets the peer append what it has to say,
//! writes in batches, sleeps until the peer's deadline. One task a connection, none a message.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::clock;
use crate::raw::Misframed;
use crate::wire::WireError;

/// A peer fills its output up to about this many octets a turn.
pub(crate) const BATCH: usize = 64 * 1024;
const INPUT: usize = 256 * 1024;
const OUTPUT_LIMIT: usize = 1024 * 1024;

/// A state machine on octets; times are nanoseconds of [`clock::nanos`].
pub(crate) trait Peer {
    /// Takes whole PDUs from the front of `input`, appends answers; gives the octets used.
    fn receive(&mut self, now: u64, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Misframed>;
    /// Appends what it wants to send by itself, until `out` holds about [`BATCH`].
    fn fill(&mut self, now: u64, out: &mut Vec<u8>);
    /// When `fill` has something to do though nothing came.
    fn deadline(&self, now: u64) -> u64;
    /// Nothing more to say: close when the output is written.
    fn finished(&self) -> bool;
    /// Takes it anything in?
    fn reads(&self) -> bool {
        true
    }
}

struct Pump<S> {
    stream: S,
    input: Vec<u8>,
    start: usize,
    end: usize,
    out: Vec<u8>,
    sent: usize,
    unflushed: bool,
    timer: Pin<Box<Sleep>>,
    armed: u64,
}

/// Runs `peer` until it is finished or the stream ends.
pub(crate) async fn run<S, P>(stream: S, peer: &mut P) -> Result<(), WireError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Peer,
{
    let mut pump = Pump {
        stream,
        input: vec![0; INPUT],
        start: 0,
        end: 0,
        out: Vec::with_capacity(2 * BATCH),
        sent: 0,
        unflushed: false,
        timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        armed: 0,
    };
    loop {
        let now = clock::nanos();
        if pump.out.len() - pump.sent < BATCH {
            peer.fill(now, &mut pump.out);
        }
        if peer.finished() && pump.sent == pump.out.len() && !pump.unflushed {
            poll_fn(|cx| Pin::new(&mut pump.stream).poll_shutdown(cx)).await?;
            return Ok(());
        }
        pump.arm(peer.deadline(now), now);
        let reads = peer.reads();
        poll_fn(|cx| pump.poll(cx, reads)).await?;
        pump.hand_over(peer)?;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pump<S> {
    fn arm(&mut self, deadline: u64, now: u64) {
        if deadline == self.armed && deadline > now {
            return;
        }
        self.armed = deadline;
        let wait = Duration::from_nanos(deadline.saturating_sub(now)).min(Duration::from_secs(3600));
        self.timer.as_mut().reset(Instant::from_std(clock::now() + wait));
    }

    /// Writes and reads as far as the stream allows; ready as soon as anything moved.
    fn poll(&mut self, cx: &mut Context<'_>, reads: bool) -> Poll<Result<(), WireError>> {
        let mut moved = self.poll_write(cx)?;
        if reads && self.out.len() - self.sent < OUTPUT_LIMIT {
            moved |= self.poll_read(cx)?;
        }
        moved |= self.timer.as_mut().poll(cx).is_ready();
        if moved { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, WireError> {
        let mut moved = false;
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, rest) else {
                return Ok(moved);
            };
            let count = written?;
            if count == 0 {
                return Err(WireError::Closed);
            }
            self.sent += count;
            (moved, self.unflushed) = (true, true);
        }
        self.out.clear();
        self.sent = 0;
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(moved)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<bool, WireError> {
        if self.start > INPUT / 2 || self.start == self.end {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let Some(room) = self.input.get_mut(self.end..).filter(|room| !room.is_empty()) else {
            return Ok(false);
        };
        let mut buffer = ReadBuf::new(room);
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, &mut buffer) else {
            return Ok(false);
        };
        read?;
        let count = buffer.filled().len();
        if count == 0 {
            return Err(WireError::Closed);
        }
        self.end += count;
        Ok(true)
    }

    fn hand_over(&mut self, peer: &mut impl Peer) -> Result<(), WireError> {
        let input = self.input.get(self.start..self.end).unwrap_or_default();
        if input.len() < 16 {
            return Ok(());
        }
        let used =
            peer.receive(clock::nanos(), input, &mut self.out).map_err(|Misframed| WireError::Length(0))?;
        self.start += used;
        Ok(())
    }
}
