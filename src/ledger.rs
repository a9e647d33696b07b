//! CDR and audit files, written by one thread: lines are appended, synced in groups, and only then do the CDRs'
//! records leave the store. What is pending is bounded; beyond it submits get `queue_full`.

mod audit_file;
mod cdr_files;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use veilgate_ledger::{Actor, AuditEvent, BindMode, Cdr, RefusedBind};
use veilgate_names::{AccountId, MessageId, Timestamp};

pub use audit_file::{AuditFile, anchor_file, verify_audit};
pub use cdr_files::{CdrFiles, written_ids};

use crate::clock;
use crate::telemetry::Telemetry;
use crate::telemetry::events::StorageFailed;
use crate::telemetry::words::StorageUse;

/// Lines wait so long for others to be synced with.
const GROUP: Duration = Duration::from_millis(50);
/// The pause after a failed write.
const RETRY: Duration = Duration::from_secs(1);
/// CDRs pending at which no more messages are accepted.
const MAX_PENDING: usize = 200_000;

/// Where the files lie and when they are closed.
pub struct LedgerConfig {
    /// The folder of the CDR files.
    pub cdr_dir: PathBuf,
    /// The name of the carrier in their names.
    pub carrier: veilgate_ledger::CarrierName,
    /// The age at which a CDR file is closed.
    pub rotate_every: Duration,
    /// The size at which it is closed, octets.
    pub rotate_octets: u64,
}

/// Hands lines to the ledger's thread.
#[derive(Clone)]
pub struct LedgerSender {
    queue: Arc<Queue>,
}

struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

/// What the thread takes at once.
struct Lines {
    cdrs: Vec<Arc<Cdr>>,
    audit: Vec<AuditLine>,
    closed: bool,
}

/// Who did what, and when.
pub struct AuditLine {
    /// Who.
    pub actor: Actor,
    /// What.
    pub event: AuditEvent,
    /// When.
    pub at: Timestamp,
}

#[derive(Default)]
struct State {
    cdrs: Vec<Arc<Cdr>>,
    audit: Vec<AuditLine>,
    pending: usize,
    closed: bool,
}

impl LedgerSender {
    /// A queue whose lines wait for [`start`].
    #[must_use]
    pub fn new() -> Self {
        Self { queue: Arc::new(Queue { state: Mutex::default(), wake: Condvar::new() }) }
    }

    /// Hands in CDRs that are durable in the store.
    pub fn cdrs(&self, cdrs: Vec<Arc<Cdr>>) {
        if cdrs.is_empty() {
            return;
        }
        let mut state = self.queue.state.lock();
        let was_empty = state.cdrs.is_empty();
        state.pending += cdrs.len();
        state.cdrs.extend(cdrs);
        drop(state);
        if was_empty {
            self.queue.wake.notify_one();
        }
    }

    /// Hands in an audit record.
    pub fn audit(&self, actor: Actor, event: AuditEvent) {
        self.queue.state.lock().audit.push(AuditLine { actor, event, at: clock::wall() });
        self.queue.wake.notify_one();
    }

    /// A north bind stands.
    pub fn bind_accepted(&self, account: &AccountId, source: IpAddr, mode: BindMode) {
        self.audit(Actor::Account(account.clone()), AuditEvent::BindAccepted { source, mode });
    }

    /// A north bind was refused.
    pub fn bind_refused(&self, account: Option<&AccountId>, source: IpAddr, cause: RefusedBind) {
        let actor = account.map_or(Actor::Unknown, |account| Actor::Account(account.clone()));
        self.audit(actor, AuditEvent::BindRefused { source, cause });
    }

    /// Whether so much is pending that no more messages may be accepted.
    #[must_use]
    pub fn is_backlogged(&self) -> bool {
        self.queue.state.lock().pending > MAX_PENDING
    }

    /// The thread ends when what was handed in so far is written.
    pub fn close(&self) {
        self.queue.state.lock().closed = true;
        self.queue.wake.notify_all();
    }
}

impl Default for LedgerSender {
    fn default() -> Self {
        Self::new()
    }
}

/// Starts the thread. `written` is told which CDRs are synced.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(
    sender: &LedgerSender,
    files: CdrFiles,
    audit: AuditFile,
    telemetry: Arc<Telemetry>,
    written: impl FnMut(&[MessageId]) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let queue = Arc::clone(&sender.queue);
    let writer = Writer { files, audit, telemetry, written };
    std::thread::Builder::new().name("ledger".to_owned()).spawn(move || writer.run(&queue))
}

struct Writer<W> {
    files: CdrFiles,
    audit: AuditFile,
    telemetry: Arc<Telemetry>,
    written: W,
}

impl<W: FnMut(&[MessageId])> Writer<W> {
    fn run(mut self, queue: &Queue) {
        loop {
            let Lines { cdrs, audit, closed } = queue.next(self.files.closes_in(clock::wall()));
            self.write_audit(audit);
            self.write_cdrs(cdrs, queue);
            if closed {
                self.finish();
                return;
            }
        }
    }

    fn write_audit(&mut self, records: Vec<AuditLine>) {
        if records.is_empty() {
            return;
        }
        if let Err(error) = self.audit.append(&records) {
            StorageFailed { storage: StorageUse::Audit, error: error.kind() }.emit(&self.telemetry);
        }
    }

    /// Tries until the disk takes them: nothing is lost, the store has them too.
    fn write_cdrs(&mut self, cdrs: Vec<Arc<Cdr>>, queue: &Queue) {
        let now = clock::wall();
        while let Err(error) = self.files.append(&cdrs, now) {
            StorageFailed { storage: StorageUse::Cdr, error: error.kind() }.emit(&self.telemetry);
            if queue.state.lock().closed {
                return;
            }
            std::thread::park_timeout(RETRY);
        }
        if cdrs.is_empty() {
            return;
        }
        let ids: Vec<MessageId> = cdrs.iter().map(|cdr| cdr.id).collect();
        (self.written)(&ids);
        queue.state.lock().pending -= cdrs.len();
    }

    fn finish(&mut self) {
        let closed = self.files.close_all();
        let checked = self.audit.checkpoint(clock::wall());
        for (result, storage) in [(closed, StorageUse::Cdr), (checked, StorageUse::Audit)] {
            if let Err(error) = result {
                StorageFailed { storage, error: error.kind() }.emit(&self.telemetry);
            }
        }
    }
}

impl Queue {
    /// Waits for lines, then a little more for others to join them; wakes at least when a file wants closing.
    fn next(&self, at_most: Duration) -> Lines {
        let mut state = self.state.lock();
        if state.cdrs.is_empty() && state.audit.is_empty() && !state.closed {
            self.wake.wait_for(&mut state, at_most);
        }
        if !state.cdrs.is_empty() && !state.closed {
            self.wake.wait_for(&mut state, GROUP);
        }
        Lines {
            cdrs: std::mem::take(&mut state.cdrs),
            audit: std::mem::take(&mut state.audit),
            closed: state.closed,
        }
    }
}
