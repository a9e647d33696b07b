//! A turn: what one batch of events changes on disk, and what may happen once that is durable.

use std::sync::Arc;
use std::time::Duration;

use veilgate_admission::Registered;
use veilgate_identity::PinRecord;
use veilgate_ledger::Cdr;
use veilgate_names::{AccountId, ChannelId, FinalState, MessageId, Reason};
use veilgate_policy::Settled;
use veilgate_store::{Batch, Space};

use veilgate_identity::SlotRecord;

use crate::book::Replacement;
use crate::delivery::Delivery;
use crate::health::Health;
use crate::live::Live;
use crate::long::LongStep;
use crate::notice::Noticed;
use crate::opt_out::{OptedOut, Refusal};
use crate::repeats::RepeatKey;
use crate::reply::{Part, Text};

/// A north session, as the shell numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub u32);

/// A south link (one bind), as the shell numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId(pub u32);

/// A link and the index of its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkPlace {
    /// The link.
    pub link: LinkId,
    /// Its channel.
    pub channel: u16,
    /// Whether it may submit: a receiver brings receipts and replies only.
    pub sends: bool,
}

/// A request of a peer that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting<T> {
    /// Who asked.
    pub peer: T,
    /// The peer's sequence number, echoed verbatim.
    pub sequence: u32,
}

/// Writes to make durable, and the steps that follow. Built under no lock, committed by the shell in groups.
pub struct Turn {
    pub(crate) batch: Batch,
    pub(crate) steps: Vec<Step>,
    /// Whether every write found room in the batch.
    pub(crate) whole: bool,
    /// Whether the writes are with the store.
    lent: bool,
}

impl Default for Turn {
    fn default() -> Self {
        Self { batch: Batch::new(), steps: Vec::new(), whole: true, lent: false }
    }
}

impl Turn {
    /// Nothing to write and nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.steps.is_empty()
    }

    /// Takes the writes out, to be committed; the steps stay. A turn too long for a batch has none and fails.
    #[must_use]
    pub fn take_batch(&mut self) -> Batch {
        if !self.whole {
            return Batch::new();
        }
        self.lent = !self.batch.is_empty();
        std::mem::take(&mut self.batch)
    }

    /// After a commit that failed: the batches that [`Self::take_batch`] took out of these turns, without the empty ones,
    /// go back, so that [`Flow::committed`](crate::Flow::committed) can make deletions again that nobody waits for.
    pub fn give_back(turns: &mut [Self], batches: Vec<Batch>) {
        for (turn, batch) in turns.iter_mut().filter(|turn| turn.lent).zip(batches) {
            turn.batch = batch;
        }
    }

    /// The writes; empty if the steps need none.
    #[must_use]
    pub fn batch(&self) -> &Batch {
        &self.batch
    }
}

impl Turn {
    /// Every key and value made here is far below the store's bounds, so a refusal can only mean a full batch; the
    /// turn then fails as a whole, which its steps hear of.
    pub(crate) fn put(&mut self, space: Space, key: &[u8], value: &[u8]) {
        self.whole &= self.batch.put(space, key, value).is_ok();
    }

    /// Lets somebody know whether the turn became durable.
    pub(crate) fn notify(&mut self, done: Box<dyn FnOnce(bool) + Send>) {
        self.steps.push(Step::Notify(done));
    }

    pub(crate) fn delete(&mut self, space: Space, key: &[u8]) {
        self.whole &= self.batch.delete(space, key).is_ok();
    }
}

/// How soon a turn should be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody waits for an answer.
    Now,
    /// Something goes on when it is.
    Soon,
    /// Nothing waits for it.
    Whenever,
}

impl Turn {
    /// Whether it accepts one message (its authorization, whom it means and its slot with it, perhaps) and does nothing else.
    #[must_use]
    pub fn is_one_submit(&self) -> bool {
        let goes_along = |step: &Step| matches!(step, Step::Registered(_) | Step::Pinned(_) | Step::Slot(_));
        matches!(self.steps.as_slice(), [along @ .., Step::Accept { .. }] if along.len() <= 3 && along.iter().all(goes_along))
    }

    /// How soon it should be durable.
    #[must_use]
    pub fn urgency(&self) -> Urgency {
        let waits = |step: &Step| match step {
            Step::Accept { .. }
            | Step::Notify(_)
            | Step::Answer { .. }
            | Step::Replaced { .. }
            | Step::Repeated { .. } => true,
            Step::Long(step) => step.is_awaited(),
            _ => false,
        };
        match self.steps.as_slice() {
            [] => Urgency::Whenever,
            steps if steps.iter().any(waits) => Urgency::Now,
            _ => Urgency::Soon,
        }
    }
}

/// What happens when a turn's writes are durable.
pub(crate) enum Step {
    /// An accepted message joins the queue and its sender is answered.
    Accept { live: Box<Live>, answer: Option<Waiting<SessionId>> },
    /// The intent to submit is on disk: the link may send.
    Send { link: LinkId, message: MessageId },
    /// A message ended.
    Finish { message: MessageId, end: End, receipt: Option<Waiting<LinkId>> },
    /// A reply is on disk: the SMSC is answered, the deliveries wait for their accounts.
    Reply { answer: Waiting<LinkId>, deliveries: Vec<Arc<Delivery>>, cdr: Option<Arc<Cdr>> },
    /// A refusal is on disk: the SMSC is answered, the notary will hear of it.
    OptOut { answer: Option<Waiting<LinkId>>, refusal: Box<Refusal> },
    /// A notice is on disk: the SMSC it came from is answered, it waits for its account.
    Notice { answer: Option<Waiting<LinkId>>, delivery: Arc<Delivery> },
    /// A part of a long reply is on disk: the SMSC is answered, the part waits for the others.
    Part { answer: Waiting<LinkId>, part: Box<Part> },
    /// A long reply became deliveries, and its parts are gone.
    Text { text: Box<Text>, deliveries: Vec<Arc<Delivery>>, cdr: Option<Arc<Cdr>> },
    /// What concerns texts of several parts.
    Long(Box<LongStep>),
    /// A slot's record is durable.
    Slot(SlotRecord),
    /// A slot's record is gone: its digits may be given again.
    SlotFreed(SlotRecord),
    /// An intent to submit is taken back: the message waits again, after the pause.
    /// A receipt that brought it back is answered.
    Retracted { message: MessageId, pause: Duration, receipt: Option<Waiting<LinkId>> },
    /// An authorization's record is durable.
    Registered(Arc<Registered>),
    /// Whom an authorization means is durable.
    Pinned(PinRecord),
    /// What an account asked about its message is done: it is answered.
    Answer { to: Waiting<SessionId>, id: MessageId },
    /// A message's new content is durable: it waits again, and its sender is answered.
    Replaced { message: MessageId, before: Box<Replacement>, answer: Option<(Waiting<SessionId>, MessageId)> },
    /// A submit is remembered, in case it is repeated.
    Remembered { message: MessageId, key: RepeatKey },
    /// A repeated submit: its first is durable by now, or was forgotten because it could not be.
    Repeated { to: Waiting<SessionId>, id: MessageId, key: RepeatKey },
    /// Somebody waits for the bare fact (revocations, imports).
    Notify(Box<dyn FnOnce(bool) + Send>),
}

/// How a message ended, and what leaves because of it.
pub(crate) struct End {
    pub(crate) state: FinalState,
    /// What it was sent under.
    pub(crate) authorization: Arc<Registered>,
    pub(crate) delivery: Option<Arc<Delivery>>,
    /// The receipts for the other parts of a text that came in several.
    pub(crate) more: Vec<Arc<Delivery>>,
    pub(crate) cdr: Arc<Cdr>,
    /// What it cost.
    pub(crate) settled: Option<Settled>,
}

/// What the shell has to do after a commit: answers to write, sessions to wake, lines to append.
#[derive(Default)]
pub struct Outcomes {
    /// Answers to what accounts asked for, with the id it is about.
    pub answers: Vec<(Waiting<SessionId>, Result<MessageId, Reason>)>,
    /// Answers to `deliver_sm`: whether the peer may forget it.
    pub deliver_answers: Vec<(Waiting<LinkId>, DeliverAnswer)>,
    /// Messages whose link may send them now.
    pub ready: Vec<(LinkId, MessageId)>,
    /// Channels (by index) that have something queued.
    pub channels: Vec<usize>,
    /// Accounts that have something to be delivered.
    pub accounts: Vec<AccountId>,
    /// Channels whose health is another now.
    pub health: Vec<(ChannelId, Health)>,
    /// CDRs for the file.
    pub cdrs: Vec<Arc<Cdr>>,
    /// A text of several parts is to be looked at: [`crate::Flow::long_texts`].
    pub long_ready: bool,
    /// Refusals, for audit and metrics.
    pub opt_outs: Vec<OptedOut>,
    /// Whether parked messages want to be read back: see [`crate::Flow::recall`].
    pub recall: bool,
    /// What accounts asked to be told, to become deliveries of the same turn.
    pub(crate) noticed: Vec<Noticed>,
    /// Messages that an SMSC has and is asked to take back.
    pub cancellations: Vec<Cancellation>,
    /// Counted, for metrics.
    pub counts: Counts,
}

/// A message that an SMSC has and is asked to take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancellation {
    /// The message.
    pub message: MessageId,
    /// The index of its channel.
    pub channel: u16,
    /// Who asked for it and waits for the result, if anybody does.
    pub asked: Option<Waiting<SessionId>>,
}

/// What a south `deliver_sm` is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverAnswer {
    /// Durable, or nothing that anybody waits for: ESME_ROK.
    Taken,
    /// Not now: ESME_RX_T_APPN, the SMSC sends it again.
    Later,
}

/// What happened, as numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the metric of its name")]
pub struct Counts {
    pub accepted: u64,
    pub finished: [u64; 6],
    pub outcome_unknown: u64,
    pub receipts_early: u64,
    pub receipts_unmatched: u64,
    pub receipts_duplicate: u64,
    pub receipts_matched: u64,
    pub refused_at_wake: u64,
    pub throttled: u64,
    pub texts_joined: u64,
    pub texts_incomplete: u64,
    pub texts_cut: u64,
    pub store_failures: u64,
    pub unreadable: u64,
}

impl Counts {
    /// Where a final state stands in [`Self::finished`].
    #[must_use]
    pub fn index(state: FinalState) -> usize {
        match state {
            FinalState::Delivered => 0,
            FinalState::Undeliverable => 1,
            FinalState::Rejected => 2,
            FinalState::Expired => 3,
            FinalState::Cancelled => 4,
            FinalState::Unknown => 5,
        }
    }

    pub(crate) fn finish(&mut self, state: FinalState) {
        if let Some(slot) = self.finished.get_mut(Self::index(state)) {
            *slot += 1;
        }
    }
}
