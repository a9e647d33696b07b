//! A fast SMSC: takes everything, answers with an id, sends receipts. Raw framing and templates, for hundreds
//! of thousands of messages a second; for rules and replies there is [`crate::smsc`].

mod faults;
mod peer;
mod script;

pub use script::{Delay, Refusal, Reply, SinkScript, Weather};

use std::collections::HashMap;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::pump;
use crate::smsc::ReceiptWhen;
use faults::Started;
use peer::{Parked, SinkPeer};

/// Settings of a sink.
#[derive(Debug, Clone)]
pub struct SinkOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Decimal ids instead of hexadecimal ones.
    pub decimal: bool,
    /// First message id; differ between runs where ids must not repeat.
    pub first_id: u64,
    /// Which messages get a receipt.
    pub receipts: ReceiptWhen,
    /// Time from response to receipt.
    pub receipt_delay: Duration,
    /// Unanswered deliver_sm per connection.
    pub deliver_window: usize,
    /// File that gets `destination id tag` per message, before it is answered.
    pub log: Option<PathBuf>,
    /// Connections at a time.
    pub max_sessions: usize,
    /// Receipts waiting per connection; beyond it messages are answered with queue full (0x14).
    pub queue_limit: usize,
    /// What it does besides taking everything.
    pub script: Option<Arc<SinkScript>>,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            decimal: false,
            first_id: 1,
            receipts: ReceiptWhen::Asked,
            receipt_delay: Duration::ZERO,
            deliver_window: 1_000,
            log: None,
            max_sessions: 1_000,
            queue_limit: 4_000_000,
            script: None,
        }
    }
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct SinkCounters {
    /// Binds.
    pub binds: u64,
    /// Messages accepted.
    pub submits: u64,
    /// Messages refused: too many receipts wait, or the script says so.
    pub refused: u64,
    /// Receipts sent, repeats included.
    pub receipts: u64,
    /// Replies sent, repeats included.
    pub replies: u64,
    /// Receipts and replies answered with status 0.
    pub delivered: u64,
    /// Receipts and replies answered with another status.
    pub undelivered: u64,
}

/// A sink that runs; dropping it stops it.
pub struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// Starts sinks.
#[derive(Debug)]
pub struct Sink;

struct Shared {
    options: SinkOptions,
    next_id: AtomicU64,
    log: Option<Mutex<File>>,
    parked: Mutex<HashMap<Vec<u8>, Arc<Parking>>>,
    /// Of the script: its clock, and `data_coding` and octets of its replies.
    started: Started,
    replies: Vec<(u8, Vec<u8>)>,
    connections: AtomicU64,
    binds: AtomicU64,
    submits: AtomicU64,
    refused: AtomicU64,
    receipts: AtomicU64,
    replies_sent: AtomicU64,
    delivered: AtomicU64,
    undelivered: AtomicU64,
}

/// Receipts of one account that no connection holds: of transmitters, and of connections that ended.
#[derive(Default)]
struct Parking {
    queue: Mutex<VecDeque<Parked>>,
    length: AtomicUsize,
}

impl Parking {
    fn put(&self, parked: impl IntoIterator<Item = Parked>, limit: usize) {
        let mut queue = self.queue.lock();
        for each in parked {
            if queue.len() < limit {
                queue.push_back(each);
            }
        }
        self.length.store(queue.len(), Ordering::Relaxed);
    }

    fn take(&self, most: usize) -> Vec<Parked> {
        if self.length.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let mut queue = self.queue.lock();
        let count = queue.len().min(most);
        let taken = queue.drain(..count).collect();
        self.length.store(queue.len(), Ordering::Relaxed);
        taken
    }
}

impl Shared {
    fn parking(&self, system_id: &[u8]) -> Arc<Parking> {
        Arc::clone(self.parked.lock().entry(system_id.to_vec()).or_default())
    }

    fn write_log(&self, lines: &mut Vec<u8>) {
        if let Some(file) = &self.log
            && !lines.is_empty()
        {
            let _ = file.lock().write_all(lines);
        }
        lines.clear();
    }
}

impl Sink {
    /// Listens and serves until the result is stopped or dropped.
    ///
    /// # Errors
    /// The address cannot be bound or the log file not opened.
    pub async fn start(options: SinkOptions) -> io::Result<Running> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let log = match &options.log {
            Some(path) => Some(Mutex::new(OpenOptions::new().create(true).append(true).open(path)?)),
            None => None,
        };
        let replies = options.script.iter().flat_map(|script| &script.replies);
        let replies = replies.map(|reply| reply.encode().unwrap_or_default()).collect();
        let shared = Arc::new(Shared {
            started: Started::default(),
            replies,
            connections: AtomicU64::new(0),
            next_id: AtomicU64::new(options.first_id),
            options,
            log,
            parked: Mutex::default(),
            binds: AtomicU64::new(0),
            submits: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            receipts: AtomicU64::new(0),
            replies_sent: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            undelivered: AtomicU64::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Running { address, shared, task })
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(shared.options.max_sessions));
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
                let _ = stream.set_nodelay(true);
                let mut peer = SinkPeer::new(Arc::clone(&shared));
                sessions.spawn(async move {
                    let _ = pump::run(stream, &mut peer).await;
                    peer.park_all();
                    drop(permit);
                });
            }
            Some(_) = sessions.join_next() => {}
        }
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts since the start.
    #[must_use]
    pub fn counters(&self) -> SinkCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SinkCounters {
            binds: read(&self.shared.binds),
            submits: read(&self.shared.submits),
            refused: read(&self.shared.refused),
            receipts: read(&self.shared.receipts),
            replies: read(&self.shared.replies_sent),
            delivered: read(&self.shared.delivered),
            undelivered: read(&self.shared.undelivered),
        }
    }

    /// Stops listening and closes every connection.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
