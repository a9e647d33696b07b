//! CDR and audit files, written by one thread: lines are appended, synced in groups, and only then do the CDRs'
//! records leave the store. What is pending is bounded; beyond it submits get `queue_full`.

mod audit_file;
mod cdr_files;
mod retention;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use veilgate_flow::Moment;
use veilgate_ledger::{Actor, AuditEvent, BindMode, Cdr, RefusedBind};
use veilgate_names::{AccountId, MessageId, Monotonic, Timestamp};

pub use audit_file::{AuditFile, anchor_file, verify_audit};
pub use cdr_files::{CdrFiles, read_cdrs, written_ids};

use crate::clock;
use crate::purge::has_jumped;
use crate::telemetry::Telemetry;
use crate::telemetry::events::StorageFailed;
use crate::telemetry::words::StorageUse;

/// Lines wait so long for others to be synced with.
const GROUP: Duration = Duration::from_millis(50);
/// The pause after a failed write.
const RETRY: Duration = Duration::from_secs(1);
/// CDRs pending at which no more messages are accepted.
const MAX_PENDING: usize = 200_000;
/// Audit records pending at which no more messages are accepted, and refused binds are only counted.
const MAX_AUDIT: usize = 100_000;
/// Audit records pending at which all are only counted.
const MAX_AUDIT_AT_ALL: usize = 2 * MAX_AUDIT;
/// How often old CDR files are looked for.
const PURGE_ROUND: Duration = Duration::from_secs(600);
/// Audit records written at once.
const AUDIT_RUN: usize = 1000;

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
    /// How long a closed CDR file is kept.
    pub keep: Duration,
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
#[derive(Debug, Clone)]
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
    /// CDRs that are not synced yet, those the thread holds included.
    pending: usize,
    /// The same for audit records.
    audit_pending: usize,
    omitted: Omitted,
    closed: bool,
}

/// Audit records that found no room. They become one record when there is some.
#[derive(Default)]
struct Omitted {
    refused_binds: u64,
    others: u64,
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

    /// Hands in an audit record. While the disk takes none they are kept, up to a bound, and counted beyond it.
    pub fn audit(&self, actor: Actor, event: AuditEvent) {
        let mut state = self.queue.state.lock();
        let refused_bind = matches!(event, AuditEvent::BindRefused { .. } | AuditEvent::AccountLocked { .. });
        let most = if refused_bind { MAX_AUDIT } else { MAX_AUDIT_AT_ALL };
        if state.audit_pending >= most {
            let Omitted { refused_binds, others } = &mut state.omitted;
            let count = if refused_bind { refused_binds } else { others };
            *count = count.saturating_add(1);
            return;
        }
        state.audit_pending += 1;
        state.audit.push(AuditLine { actor, event, at: clock::wall() });
        drop(state);
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

    /// A source is locked out of an account, or of a name that is none's, from now on.
    pub fn account_locked(&self, account: Option<&AccountId>, source: IpAddr) {
        let actor = account.map_or(Actor::Unknown, |account| Actor::Account(account.clone()));
        self.audit(actor, AuditEvent::AccountLocked { source });
    }

    /// A north bind is over.
    pub fn unbound(&self, account: &AccountId, source: IpAddr) {
        self.audit(Actor::Account(account.clone()), AuditEvent::Unbound { source });
    }

    /// Whether so much is pending that no more messages may be accepted.
    #[must_use]
    pub fn is_backlogged(&self) -> bool {
        let state = self.queue.state.lock();
        state.pending > MAX_PENDING || state.audit_pending >= MAX_AUDIT
    }

    /// How much is pending, percent of the bound.
    #[must_use]
    pub fn fill(&self) -> usize {
        let state = self.queue.state.lock();
        (state.pending.saturating_mul(100) / MAX_PENDING)
            .max(state.audit_pending.saturating_mul(100) / MAX_AUDIT)
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
    let began = clock::now();
    let (cdrs, records) = (Waiting::new(), Waiting::new());
    let writer = Writer { files, audit, telemetry, written, cdrs, records, began, purge_at: began.mono };
    std::thread::Builder::new().name("ledger".to_owned()).spawn(move || writer.run(&queue))
}

struct Writer<W> {
    files: CdrFiles,
    audit: AuditFile,
    telemetry: Arc<Telemetry>,
    written: W,
    cdrs: Waiting<Arc<Cdr>>,
    records: Waiting<AuditLine>,
    began: Moment,
    purge_at: Monotonic,
}

/// What is to be written, and when to try again if that failed. CDRs and audit records don't wait for each other.
struct Waiting<T> {
    lines: Vec<T>,
    retry_at: Option<Monotonic>,
}

impl<T> Waiting<T> {
    fn new() -> Self {
        Self { lines: Vec::new(), retry_at: None }
    }

    fn is_due(&self, now: Monotonic) -> bool {
        self.retry_at.is_none_or(|at| now >= at)
    }

    fn failed(&mut self) {
        self.retry_at = Some(clock::mono().plus(RETRY));
    }
}

impl<W: FnMut(&[MessageId])> Writer<W> {
    fn run(mut self, queue: &Queue) {
        loop {
            let Lines { cdrs, audit, closed } = queue.next(self.patience());
            self.cdrs.lines.extend(cdrs);
            self.records.lines.extend(audit);
            let now = clock::mono();
            if closed || self.records.is_due(now) {
                self.write_audit(queue);
            }
            if closed || self.cdrs.is_due(now) {
                self.write_cdrs(queue);
            }
            if closed {
                self.finish();
                return;
            }
            if now >= self.purge_at {
                self.purge_at = now.plus(PURGE_ROUND);
                self.purge_cdrs(queue, clock::now());
            }
        }
    }

    /// How long to wait for more.
    fn patience(&self) -> Duration {
        let now = clock::mono();
        let closes_in = match self.cdrs.retry_at {
            None => self.files.closes_in(clock::wall()),
            Some(at) => at.since(now),
        };
        self.records.retry_at.map_or(closes_in, |at| closes_in.min(at.since(now)))
    }

    /// Writes what is there, and notes where the file ends. What the disk does not take is tried again.
    fn write_audit(&mut self, queue: &Queue) {
        self.records.retry_at = None;
        while !self.records.lines.is_empty() {
            let run = self.records.lines.len().min(AUDIT_RUN);
            let written = self.audit.append(self.records.lines.get(..run).unwrap_or_default());
            if let Err(error) = written {
                StorageFailed { storage: StorageUse::Audit, error: error.kind() }.emit(&self.telemetry);
                return self.records.failed();
            }
            self.records.lines.drain(..run);
            queue.state.lock().audit_pending -= run;
            if self.records.lines.is_empty() {
                self.records.lines.extend(queue.omitted());
            }
        }
        if let Err(error) = self.audit.keep_anchor(clock::wall()) {
            StorageFailed { storage: StorageUse::Audit, error: error.kind() }.emit(&self.telemetry);
            self.records.failed();
        }
    }

    /// Tries until the disk takes them: nothing is lost, the store has them too.
    fn write_cdrs(&mut self, queue: &Queue) {
        self.cdrs.retry_at = None;
        let mut ids = Vec::with_capacity(self.cdrs.lines.len());
        if let Err(error) = self.files.append(&mut self.cdrs.lines, &mut ids, clock::wall()) {
            StorageFailed { storage: StorageUse::Cdr, error: error.kind() }.emit(&self.telemetry);
            self.cdrs.failed();
        }
        if !ids.is_empty() {
            (self.written)(&ids);
            queue.state.lock().pending -= ids.len();
        }
    }

    /// Deletes CDR files that were kept long enough, once the audit file says so.
    fn purge_cdrs(&mut self, queue: &Queue, at: Moment) {
        if has_jumped(self.began, at) {
            return;
        }
        let (folder, keep) = self.files.kept();
        let folder = folder.to_path_buf();
        let purged = retention::expired(&folder, at.wall.minus(keep)).and_then(|expired| {
            if expired.count() == 0 {
                return Ok(());
            }
            let files = u64::try_from(expired.count()).unwrap_or(u64::MAX);
            let event = AuditEvent::CdrFilesPurged { files, octets: expired.octets, sm3: expired.sm3 };
            queue.state.lock().audit_pending += 1;
            self.records.lines.push(AuditLine { actor: Actor::System, event, at: at.wall });
            self.write_audit(queue);
            // If the disk does not take the record now, they go another time.
            if self.records.lines.is_empty() { expired.remove(&folder) } else { Ok(()) }
        });
        if let Err(error) = purged {
            StorageFailed { storage: StorageUse::Cdr, error: error.kind() }.emit(&self.telemetry);
        }
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
    /// The record of those that were left out, if any were.
    fn omitted(&self) -> Option<AuditLine> {
        let mut state = self.state.lock();
        let Omitted { refused_binds, others } = std::mem::take(&mut state.omitted);
        if refused_binds == 0 && others == 0 {
            return None;
        }
        state.audit_pending += 1;
        let event = AuditEvent::RecordsOmitted { refused_binds, others };
        Some(AuditLine { actor: Actor::System, event, at: clock::wall() })
    }
}

#[cfg(test)]
mod tests;
