//! Where sessions, links, the committer and the ledger meet: each has a mailbox, and what follows a commit is
//! put into the mailboxes it concerns. Mailboxes are bounded by the windows of their owners.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use veilgate_admission::Account;
use veilgate_flow::{Cancellation, Counts, DeliverAnswer, Flow, LinkId, OptedOut, Outcomes, SessionId, Turn};
use veilgate_ledger::{Actor, AuditEvent};
use veilgate_names::{AccountId, FinalState, MessageId, Reason};
use veilgate_store::StoreError;

use crate::clock;
use crate::commit::{Committed, Committer};
use crate::ledger::LedgerSender;
use crate::recall::Recaller;
use crate::space::Space;
use crate::telemetry::Telemetry;
use crate::telemetry::events::{ChannelHealth, JournalSlow, OptedOut as OptedOutEvent, StorageFailed};
use crate::telemetry::words::{Condition, ReceiptOddity, StorageUse};

/// A commit that takes longer is logged.
const SLOW_COMMIT: std::time::Duration = std::time::Duration::from_millis(500);

/// See the module.
pub struct Hub {
    /// The decisions.
    pub flow: Flow,
    /// What is logged and counted.
    pub telemetry: Arc<Telemetry>,
    /// CDR and audit files.
    pub ledger: LedgerSender,
    /// Records that may wait for the store; beyond it submits get `queue_full`.
    pub max_uncommitted: usize,
    /// Whether there is room on disk.
    pub space: Space,
    committer: OnceLock<Committer>,
    sessions: RwLock<FxHashMap<SessionId, Arc<SessionBox>>>,
    receivers: RwLock<FxHashMap<AccountId, Vec<Arc<SessionBox>>>>,
    links: RwLock<FxHashMap<LinkId, Arc<LinkBox>>>,
    next: AtomicU32,
    cancellations: Mutex<FxHashMap<u16, VecDeque<Cancellation>>>,
    has_cancellations: AtomicBool,
    store_failed: AtomicBool,
    closed: AtomicBool,
    /// Wakes the thread that reads parked messages back.
    pub(crate) recaller: Recaller,
    /// Rings when the journal takes no commits any more.
    pub journal_failed: Notify,
    /// Rings when texts of several parts are to be looked at.
    pub long_ready: Notify,
}

/// The mailbox of one north session.
pub struct SessionBox {
    /// By which it is known.
    pub id: SessionId,
    /// Rings when there is mail or something to deliver.
    pub wake: Arc<Notify>,
    answers: Mutex<Vec<(u32, Result<MessageId, Reason>)>>,
}

/// The mailbox of one south link.
pub struct LinkBox {
    /// By which it is known.
    pub id: LinkId,
    /// The index of its channel.
    pub channel: u16,
    /// Rings when there is mail or something to send.
    pub wake: Arc<Notify>,
    mail: Mutex<LinkMail>,
}

/// Owners of mailboxes that have mail. Rung when this is dropped, at the latest.
#[derive(Default)]
pub struct Wakes(Vec<Arc<Notify>>);

/// What waits for a link.
#[derive(Default)]
pub struct LinkMail {
    /// Messages whose intent is durable.
    pub ready: Vec<MessageId>,
    /// Answers to the SMSC's requests.
    pub answers: Vec<(u32, DeliverAnswer)>,
}

impl Hub {
    /// A hub without sessions; the committer joins with [`Self::attach`].
    #[must_use]
    pub fn new(
        flow: Flow,
        telemetry: Arc<Telemetry>,
        ledger: LedgerSender,
        max_uncommitted: usize,
        space: Space,
    ) -> Self {
        Self {
            flow,
            telemetry,
            ledger,
            max_uncommitted,
            space,
            committer: OnceLock::new(),
            sessions: RwLock::default(),
            receivers: RwLock::default(),
            links: RwLock::default(),
            next: AtomicU32::new(1),
            cancellations: Mutex::default(),
            has_cancellations: AtomicBool::new(false),
            store_failed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            recaller: Recaller::default(),
            journal_failed: Notify::new(),
            long_ready: Notify::new(),
        }
    }

    /// Gives the hub its committer, once.
    pub fn attach(&self, committer: Committer) {
        let _ = self.committer.set(committer);
    }

    /// Hands a turn to the store. What follows reaches the mailboxes.
    pub fn commit(&self, turn: Turn) {
        self.commit_quietly(turn).ring();
    }

    /// [`Self::commit`] for a caller who has something to do before others wake: if the turn was committed here and
    /// now, its mail lies in the boxes and the owners are to be woken by the caller.
    #[must_use]
    pub fn commit_quietly(&self, turn: Turn) -> Wakes {
        self.committer.get().map_or_else(Wakes::default, |committer| committer.submit(turn))
    }

    /// Whether store or ledger are so far behind, or disks so full, that no more messages may be accepted.
    #[must_use]
    pub fn is_backlogged(&self) -> bool {
        self.space.is_low()
            || self.ledger.is_backlogged()
            || self.committer.get().is_some_and(|committer| committer.waiting() > self.max_uncommitted)
    }

    /// How busy the gateway is for an account, percent: 100 is where submits are refused. Live messages, deliveries the
    /// account does not fetch, and what waits for journal and CDR files, whichever is nearest to its bound.
    #[must_use]
    pub fn fill(&self, account: &Account) -> usize {
        if self.space.is_low() {
            return 100;
        }
        let waiting = self.committer.get().map_or(0, Committer::waiting);
        let journal = waiting.saturating_mul(100) / self.max_uncommitted.max(1);
        self.flow.fill(account).max(journal).max(self.ledger.fill())
    }

    /// Whether the last commit succeeded.
    #[must_use]
    pub fn is_store_well(&self) -> bool {
        !self.store_failed.load(Ordering::Relaxed)
    }

    /// Lets the committer end when what was handed in is committed.
    pub fn close_committer(&self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(committer) = self.committer.get() {
            committer.close();
        }
        self.recaller.wake();
    }

    /// Whether [`Self::close_committer`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Applies what a commit means. Called by the committer, in order.
    pub fn committed(&self, done: Committed) -> Wakes {
        let Committed { turns, result, began, records, octets } = done;
        let at = clock::now();
        let took = at.mono.since(began);
        self.store_failed.store(result.is_err(), Ordering::Relaxed);
        if let Err(error) = &result {
            let kind = match error {
                StoreError::Full => ErrorKind::StorageFull,
                StoreError::ReadOnly => ErrorKind::ReadOnlyFilesystem,
                StoreError::Io(kind) => *kind,
                _ => ErrorKind::Other,
            };
            StorageFailed { storage: StorageUse::Journal, error: kind }.emit(&self.telemetry);
            if matches!(error, StoreError::ReadOnly) {
                self.journal_failed.notify_one();
            }
        } else if records > 0 {
            let journal = &self.telemetry.metrics.journal;
            journal.commits.inc();
            journal.records.inc_by(u64::try_from(records).unwrap_or(0));
            journal.octets.inc_by(u64::try_from(octets).unwrap_or(0));
            journal.commit_seconds.observe(took.as_secs_f64());
            journal.group_records.observe(f64::from(u32::try_from(records).unwrap_or(u32::MAX)));
            if took > SLOW_COMMIT {
                JournalSlow { took_ms: took, records }.emit(&self.telemetry);
            }
        }
        let mut outcomes = Outcomes::default();
        self.flow.committed(turns, result, at, &mut outcomes);
        self.put(outcomes)
    }

    /// Puts outcomes into the mailboxes they concern and wakes their owners.
    pub fn dispatch(&self, outcomes: Outcomes) {
        self.put(outcomes).ring();
    }

    fn put(&self, outcomes: Outcomes) -> Wakes {
        let mut wakes = Wakes::default();
        let Outcomes {
            answers,
            deliver_answers,
            ready,
            channels,
            mut accounts,
            health,
            cdrs,
            long_ready,
            opt_outs,
            recall,
            cancellations,
            counts,
            ..
        } = outcomes;
        self.count(&counts);
        if recall {
            self.recaller.wake();
        }
        if long_ready {
            self.long_ready.notify_one();
        }
        if !answers.is_empty() {
            let sessions = self.sessions.read();
            in_runs(
                answers,
                |(waiting, _)| waiting.peer,
                |peer, run| {
                    let Some(session) = sessions.get(&peer) else { return };
                    session
                        .answers
                        .lock()
                        .extend(run.into_iter().map(|(waiting, result)| (waiting.sequence, result)));
                    wakes.add(&session.wake);
                },
            );
        }
        if !(ready.is_empty() && deliver_answers.is_empty() && channels.is_empty()) {
            self.put_south(ready, deliver_answers, channels, &mut wakes);
        }
        if !accounts.is_empty() {
            accounts.sort_unstable();
            accounts.dedup();
            let receivers = self.receivers.read();
            for session in accounts.iter().filter_map(|account| receivers.get(account)).flatten() {
                wakes.add(&session.wake);
            }
        }
        if !cancellations.is_empty() {
            self.put_cancellations(cancellations, &mut wakes);
        }
        for (channel, health) in health {
            ChannelHealth { channel, health: Condition::of(health) }.emit(&self.telemetry);
        }
        for refusal in opt_outs {
            self.opted_out(refusal);
        }
        for cdr in &cdrs {
            let life = cdr.done_at.since(cdr.accepted_at);
            self.telemetry.metrics.flow.life_seconds.observe(life.as_secs_f64());
        }
        self.ledger.cdrs(cdrs);
        wakes
    }

    /// The links of a channel share what it is asked to take back; the next of them that may, asks.
    fn put_cancellations(&self, cancellations: Vec<Cancellation>, wakes: &mut Wakes) {
        let links = self.links.read();
        let concerned = |link: &&Arc<LinkBox>| cancellations.iter().any(|one| one.channel == link.channel);
        for link in links.values().filter(concerned) {
            wakes.add(&link.wake);
        }
        drop(links);
        let mut held = self.cancellations.lock();
        for one in cancellations {
            held.entry(one.channel).or_default().push_back(one);
        }
        self.has_cancellations.store(true, Ordering::Release);
    }

    /// What a channel is asked to take back, at most so many. One atomic load where nothing is.
    #[must_use]
    pub fn take_cancellations(&self, channel: u16, most: usize) -> Vec<Cancellation> {
        if !self.has_cancellations.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut held = self.cancellations.lock();
        let Some(of_channel) = held.get_mut(&channel) else { return Vec::new() };
        let most = most.min(of_channel.len());
        let taken = of_channel.drain(..most).collect();
        if of_channel.is_empty() {
            held.remove(&channel);
        }
        self.has_cancellations.store(!held.is_empty(), Ordering::Release);
        taken
    }

    /// Writes down that somebody refused.
    fn opted_out(&self, refusal: OptedOut) {
        let OptedOut { enterprise, authorizations, confirmed } = refusal;
        let told = u64::try_from(authorizations.len()).unwrap_or(u64::MAX);
        OptedOutEvent { authorizations: told, confirmed }.emit(&self.telemetry);
        let authorizations: Vec<Option<_>> = match authorizations.is_empty() {
            true => vec![None],
            false => authorizations.into_iter().map(Some).collect(),
        };
        for authorization in authorizations {
            let event = AuditEvent::OptedOut { enterprise: enterprise.clone(), authorization };
            self.ledger.audit(Actor::System, event);
        }
    }

    fn put_south(
        &self,
        ready: Vec<(LinkId, MessageId)>,
        answers: Vec<(veilgate_flow::Waiting<LinkId>, DeliverAnswer)>,
        mut channels: Vec<usize>,
        wakes: &mut Wakes,
    ) {
        let mut orphans = Vec::new();
        let links = self.links.read();
        in_runs(
            ready,
            |(link, _)| *link,
            |link, run| {
                let Some(link) = links.get(&link) else {
                    return orphans.extend(run.into_iter().map(|(_, message)| message));
                };
                link.mail.lock().ready.extend(run.into_iter().map(|(_, message)| message));
                wakes.add(&link.wake);
            },
        );
        in_runs(
            answers,
            |(waiting, _)| waiting.peer,
            |link, run| {
                let Some(link) = links.get(&link) else { return };
                link.mail
                    .lock()
                    .answers
                    .extend(run.into_iter().map(|(waiting, answer)| (waiting.sequence, answer)));
                wakes.add(&link.wake);
            },
        );
        if !channels.is_empty() {
            channels.sort_unstable();
            channels.dedup();
            for link in
                links.values().filter(|link| channels.binary_search(&usize::from(link.channel)).is_ok())
            {
                wakes.add(&link.wake);
            }
        }
        drop(links);
        if !orphans.is_empty() {
            // Their link died while the intent was written: others of the channel take them.
            let mut turn = Turn::default();
            self.flow.not_sent(&orphans, clock::now(), &mut turn);
            self.commit(turn);
        }
    }

    fn count(&self, counts: &Counts) {
        if *counts == Counts::default() {
            return;
        }
        let flow = &self.telemetry.metrics.flow;
        for state in [
            FinalState::Delivered,
            FinalState::Undeliverable,
            FinalState::Rejected,
            FinalState::Expired,
            FinalState::Cancelled,
            FinalState::Unknown,
        ] {
            let ended = counts.finished.get(Counts::index(state)).copied().unwrap_or(0);
            flow.finals.of(state).inc_by(ended);
        }
        flow.outcomes_unknown.inc_by(counts.outcome_unknown);
        flow.retries.inc_by(counts.throttled);
        flow.unreadable.inc_by(counts.unreadable);
        flow.texts_joined.inc_by(counts.texts_joined);
        flow.texts_incomplete.inc_by(counts.texts_incomplete);
        flow.texts_cut.inc_by(counts.texts_cut);
        flow.receipts_odd.of(ReceiptOddity::Early).inc_by(counts.receipts_early);
        flow.receipts_odd.of(ReceiptOddity::Unmatched).inc_by(counts.receipts_unmatched);
        flow.receipts_odd.of(ReceiptOddity::Duplicate).inc_by(counts.receipts_duplicate);
    }

    /// A mailbox for a new north session.
    #[must_use]
    pub fn open_session(&self) -> Arc<SessionBox> {
        let id = SessionId(self.next.fetch_add(1, Ordering::Relaxed));
        let session = Arc::new(SessionBox { id, wake: Arc::default(), answers: Mutex::default() });
        self.sessions.write().insert(id, Arc::clone(&session));
        session
    }

    /// The session takes deliveries of this account from now on.
    pub fn receive_for(&self, account: &AccountId, session: &Arc<SessionBox>) {
        self.receivers.write().entry(account.clone()).or_default().push(Arc::clone(session));
        session.wake.notify_one();
    }

    /// The session is over. The others of its account take over what it leaves.
    pub fn close_session(&self, session: &SessionBox, account: Option<&AccountId>) {
        self.sessions.write().remove(&session.id);
        let Some(account) = account else { return };
        let mut receivers = self.receivers.write();
        if let Some(of_account) = receivers.get_mut(account) {
            of_account.retain(|other| other.id != session.id);
            for other in of_account.iter() {
                other.wake.notify_one();
            }
            if of_account.is_empty() {
                receivers.remove(account);
            }
        }
    }

    /// Wakes every session, for a change that concerns all.
    pub fn wake_all(&self) {
        for session in self.sessions.read().values() {
            session.wake.notify_one();
        }
        for link in self.links.read().values() {
            link.wake.notify_one();
        }
    }

    /// A mailbox for a new link of a channel.
    #[must_use]
    pub fn open_link(&self, channel: u16) -> Arc<LinkBox> {
        let id = LinkId(self.next.fetch_add(1, Ordering::Relaxed));
        let link = Arc::new(LinkBox { id, channel, wake: Arc::default(), mail: Mutex::default() });
        self.links.write().insert(id, Arc::clone(&link));
        link
    }

    /// The link is over. Returns messages that were ready and not sent.
    pub fn close_link(&self, link: &LinkBox) -> Vec<MessageId> {
        self.links.write().remove(&link.id);
        link.take_mail().ready
    }
}

impl Wakes {
    fn add(&mut self, wake: &Arc<Notify>) {
        // The last few do: twice woken is once too often, not wrong.
        if !self.0.iter().rev().take(8).any(|other| Arc::ptr_eq(other, wake)) {
            self.0.push(Arc::clone(wake));
        }
    }

    /// Adds those of another.
    pub fn extend(&mut self, mut other: Self) {
        for wake in &std::mem::take(&mut other.0) {
            self.add(wake);
        }
    }

    /// Whether nobody is to be woken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Wakes them all.
    pub fn ring(&mut self) {
        for wake in self.0.drain(..) {
            wake.notify_one();
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.ring();
    }
}

impl SessionBox {
    /// Takes the answers that wait.
    #[must_use]
    pub fn take_answers(&self) -> Vec<(u32, Result<MessageId, Reason>)> {
        std::mem::take(&mut *self.answers.lock())
    }
}

impl LinkBox {
    /// Takes what waits.
    #[must_use]
    pub fn take_mail(&self) -> LinkMail {
        std::mem::take(&mut *self.mail.lock())
    }
}

/// Hands out neighbours with the same key together: commits mostly concern few peers.
fn in_runs<T, K: PartialEq + Copy>(items: Vec<T>, key: impl Fn(&T) -> K, mut take: impl FnMut(K, Vec<T>)) {
    let mut run: Vec<T> = Vec::new();
    for item in items {
        if let Some(first) = run.first() {
            let current = key(first);
            if current != key(&item) {
                take(current, std::mem::take(&mut run));
            }
        }
        run.push(item);
    }
    if let Some(current) = run.first().map(&key) {
        take(current, run);
    }
}
