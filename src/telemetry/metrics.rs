//! What is counted. Handles are fetched once by those who count and kept; labels are accounts, channels and closed
//! sets of words, never a person, a number or a message.

mod account;
mod channel;
mod policy;
mod process;
mod space;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tracing_appender::non_blocking::ErrorCounter;
use veilgate_names::{AccountId, ChannelId, FinalState};

pub use account::AccountMetrics;
pub use channel::ChannelMetrics;
pub use policy::PolicyMetrics;
pub use space::SpaceMetrics;

use super::words::{
    BindRefusal, ConnectionLimit, ImportKind, LinkEnd, NorthClose, ReceiptOddity, StorageUse,
    UnattributedKind, Word,
};

/// One label and its value.
type Label = (&'static str, Cow<'static, str>);

/// Every counter, gauge and histogram of the gateway.
pub struct Metrics {
    /// Connections and binds from the north.
    pub north: NorthMetrics,
    /// Messages on their way.
    pub flow: FlowMetrics,
    /// The journal.
    pub journal: JournalMetrics,
    /// Links to SMSCs that ended or did not come up.
    pub link_ends: Counters<LinkEnd>,
    /// Failures to store something.
    pub storage_failures: Counters<StorageUse>,
    /// Room left on disk.
    pub space: SpaceMetrics,
    /// Which policy is in force.
    pub policy: PolicyMetrics,
    /// Imports done.
    pub imports: Counters<ImportKind>,
    /// Authorizations revoked.
    pub revocations: Counter,
    /// Authorizations registered.
    pub authorizations: Gauge,
    /// Authorizations forgotten after their time.
    pub purged: Counter,
    /// Accounts that seemed to guess recipients.
    pub guessing_alarms: Counter,
    /// Balances that came below their mark.
    pub balances_low: Counter,
    /// Configurations taken over.
    pub reloads: Counter,
    /// Configurations not taken over.
    pub reloads_refused: Counter,
    /// Panics.
    pub panics: Counter,
    /// Log lines left out because their kind wrote too many in a second.
    pub log_lines_suppressed: Counter,
    accounts: account::Families,
    channels: channel::Families,
    known: Mutex<Known>,
    registry: Registry,
}

/// Connections and binds from the north.
pub struct NorthMetrics {
    /// Connections open.
    pub connections: Gauge,
    /// Connections not bound yet.
    pub half_open: Gauge,
    /// Connections opened.
    pub connections_opened: Counter,
    /// Connections closed at once, by limit.
    pub connections_refused: Counters<ConnectionLimit>,
    /// Binds refused.
    pub binds_refused: Counters<BindRefusal>,
    /// Connections ended, by reason.
    pub closes: Counters<NorthClose>,
    /// From reading a submit to writing its response, seconds.
    pub response_seconds: Histogram,
}

/// Messages on their way.
pub struct FlowMetrics {
    /// Messages without a final state.
    pub live: Gauge,
    /// Messages not handed to an SMSC yet.
    pub queued: Gauge,
    /// Messages that wait on disk.
    pub parked: Gauge,
    /// Those of them that wait for their time.
    pub scheduled: Gauge,
    /// Messages that wait for staff.
    pub in_review: Gauge,
    /// Final states.
    pub finals: Counters<FinalState>,
    /// Submits whose outcome will not be known.
    pub outcomes_unknown: Counter,
    /// Attempts put off and tried again.
    pub retries: Counter,
    /// Parked messages whose record could not be read back.
    pub unreadable: Counter,
    /// Receipts that could not simply be taken over.
    pub receipts_odd: Counters<ReceiptOddity>,
    /// Replies handed to an account.
    pub replies_attributed: Counter,
    /// Replies that went nowhere.
    pub replies_unattributed: Counters<UnattributedKind>,
    /// Refusals that came into force.
    pub opt_outs: Counter,
    /// Parts of long replies that wait for others.
    pub reply_parts: Gauge,
    /// Parts of texts from the north that wait for others.
    pub segments: Gauge,
    /// Texts put together from parts.
    pub texts_joined: Counter,
    /// Texts from the north some of whose parts never came.
    pub texts_incomplete: Counter,
    /// Texts sent in parts.
    pub texts_cut: Counter,
    /// From acceptance to the final state, seconds.
    pub life_seconds: Histogram,
}

/// The journal.
pub struct JournalMetrics {
    /// Commits made durable.
    pub commits: Counter,
    /// Records in them.
    pub records: Counter,
    /// Octets in them.
    pub octets: Counter,
    /// How long a commit took, seconds.
    pub commit_seconds: Histogram,
    /// How many records a commit had.
    pub group_records: Histogram,
    /// Octets on disk.
    pub size: Gauge,
    /// Damaged records seen since the start.
    pub damaged: Gauge,
}

#[derive(Default)]
struct Known {
    accounts: HashMap<AccountId, Arc<AccountMetrics>>,
    channels: HashMap<ChannelId, Arc<ChannelMetrics>>,
}

impl Metrics {
    pub(super) fn new(lines_lost: ErrorCounter) -> Self {
        let mut registry = Registry::with_prefix("veilgate");
        let into = &mut registry;
        build(into);
        into.register_collector(Box::new(process::Process));
        into.register_collector(Box::new(process::LostLines(lines_lost)));
        Self {
            north: NorthMetrics::new(into),
            flow: FlowMetrics::new(into),
            journal: JournalMetrics::new(into),
            link_ends: words(
                into,
                "channel_link_ends",
                "Links to SMSCs that ended or did not come up",
                "reason",
            ),
            storage_failures: words(into, "storage_failures", "Failures to store something", "storage"),
            space: SpaceMetrics::new(into),
            policy: PolicyMetrics::new(into),
            imports: words(into, "imports", "Imports done", "kind"),
            revocations: counter(into, "revocations", "Authorizations revoked"),
            authorizations: gauge(into, "authorizations", "Authorizations registered"),
            purged: counter(into, "authorizations_purged", "Authorizations forgotten after their time"),
            guessing_alarms: counter(
                into,
                "guessing_alarms",
                "Times an account named more recipients who do not exist than is allowed",
            ),
            balances_low: counter(into, "balances_low", "Times a tenant's balance came below its mark"),
            reloads: counter(into, "reloads", "Configurations taken over while running"),
            reloads_refused: counter(into, "reloads_refused", "Configurations not taken over while running"),
            panics: counter(into, "panics", "Panics"),
            log_lines_suppressed: counter(
                into,
                "log_lines_suppressed",
                "Log lines left out because their kind wrote too many in a second",
            ),
            accounts: account::Families::new(into),
            channels: channel::Families::new(into),
            known: Mutex::default(),
            registry,
        }
    }

    /// The handles of one account, to be kept by those who count for it.
    pub fn account(&self, id: &AccountId) -> Arc<AccountMetrics> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Arc::new(self.accounts.handles(id));
        Arc::clone(known.accounts.entry(id.clone()).or_insert_with(make))
    }

    /// The handles of one channel, to be kept by those who count for it.
    pub fn channel(&self, id: &ChannelId) -> Arc<ChannelMetrics> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Arc::new(self.channels.handles(id));
        Arc::clone(known.channels.entry(id.clone()).or_insert_with(make))
    }

    /// Everything in the OpenMetrics text form.
    ///
    /// # Errors
    /// Never in practice: writing to a `String` does not fail.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut out = String::with_capacity(32 * 1024);
        encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

impl NorthMetrics {
    fn new(into: &mut Registry) -> Self {
        Self {
            connections: gauge(into, "north_connections", "Connections open from the north"),
            half_open: gauge(into, "north_half_open", "Connections from the north that are not bound yet"),
            connections_opened: counter(
                into,
                "north_connections_opened",
                "Connections opened from the north",
            ),
            connections_refused: words(
                into,
                "north_connections_refused",
                "Connections from the north closed at once, by limit",
                "limit",
            ),
            binds_refused: words(into, "north_binds_refused", "Binds refused", "reason"),
            closes: words(into, "north_closes", "Connections from the north that ended", "reason"),
            response_seconds: seconds(
                into,
                "north_response",
                "From reading a submit_sm to writing its response",
                0.000_5,
            ),
        }
    }
}

impl FlowMetrics {
    fn new(into: &mut Registry) -> Self {
        Self {
            live: gauge(into, "messages_live", "Messages without a final state"),
            queued: gauge(into, "messages_queued", "Messages not handed to an SMSC yet"),
            parked: gauge(into, "messages_parked", "Messages that wait on disk"),
            scheduled: gauge(into, "messages_scheduled", "Messages that wait for their time"),
            in_review: gauge(into, "messages_in_review", "Messages that wait for staff"),
            finals: words(into, "messages_final", "Final states of messages", "state"),
            outcomes_unknown: counter(
                into,
                "outcomes_unknown",
                "Submits whose outcome will not be known because the link ended before the response",
            ),
            retries: counter(into, "retries", "Attempts put off and tried again"),
            unreadable: counter(
                into,
                "messages_unreadable",
                "Parked messages whose record could not be read back",
            ),
            receipts_odd: words(into, "receipts_odd", "Receipts that could not simply be taken over", "kind"),
            replies_attributed: counter(into, "replies_attributed", "Replies handed to an account"),
            replies_unattributed: words(into, "replies_unattributed", "Replies that went nowhere", "kind"),
            opt_outs: counter(into, "opt_outs", "Refusals of subscribers that came into force"),
            reply_parts: gauge(into, "reply_parts", "Parts of long replies that wait for others"),
            segments: gauge(into, "segments", "Parts of texts from the north that wait for others"),
            texts_joined: counter(into, "texts_joined", "Texts from the north put together from parts"),
            texts_incomplete: counter(
                into,
                "texts_incomplete",
                "Texts from the north that were refused because parts of them did not come in time",
            ),
            texts_cut: counter(into, "texts_cut", "Texts sent to an SMSC in parts"),
            life_seconds: seconds(into, "message_life", "From acceptance to the final state", 0.001),
        }
    }
}

impl JournalMetrics {
    fn new(into: &mut Registry) -> Self {
        let group_records = Histogram::new(exponential_buckets(1.0, 2.0, 13));
        into.register("journal_group_records", "Records in one commit", group_records.clone());
        Self {
            commits: counter(into, "journal_commits", "Commits made durable"),
            records: counter(into, "journal_records", "Records made durable"),
            octets: bytes(into, "journal_written", "Octets made durable"),
            commit_seconds: seconds(
                into,
                "journal_commit",
                "How long a commit took, its sync included",
                0.000_1,
            ),
            group_records,
            size: gauge_bytes(into, "journal_size", "Octets of the journal on disk"),
            damaged: gauge(into, "journal_damaged", "Damaged records of the journal seen since the start"),
        }
    }
}

/// One counter for each member of a closed set.
pub struct Counters<W> {
    each: Vec<Counter>,
    rest: Counter,
    of: PhantomData<W>,
}

impl<W: Word> Counters<W> {
    /// The member's counter.
    #[must_use]
    pub fn of(&self, word: W) -> &Counter {
        self.each.get(word.index()).unwrap_or(&self.rest)
    }

    fn new(make: impl Fn(&'static str) -> Counter) -> Self {
        let each = W::ALL.iter().map(|word| make(word.name())).collect();
        Self { each, rest: Counter::default(), of: PhantomData }
    }
}

fn build(into: &mut Registry) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    into.register("build", "The running build", Info::new(version));
}

fn counter(into: &mut Registry, name: &'static str, help: &'static str) -> Counter {
    let counter = Counter::default();
    into.register(name, help, counter.clone());
    counter
}

fn bytes(into: &mut Registry, name: &'static str, help: &'static str) -> Counter {
    let counter = Counter::default();
    into.register_with_unit(name, help, Unit::Bytes, counter.clone());
    counter
}

fn gauge(into: &mut Registry, name: &'static str, help: &'static str) -> Gauge {
    let gauge = Gauge::default();
    into.register(name, help, gauge.clone());
    gauge
}

fn gauge_bytes(into: &mut Registry, name: &'static str, help: &'static str) -> Gauge {
    let gauge = Gauge::default();
    into.register_with_unit(name, help, Unit::Bytes, gauge.clone());
    gauge
}

/// A histogram of 16 buckets, each twice the one before, from `first` on.
fn seconds(into: &mut Registry, name: &'static str, help: &'static str, first: f64) -> Histogram {
    let histogram = Histogram::new(exponential_buckets(first, 2.0, 16));
    into.register_with_unit(name, help, Unit::Seconds, histogram.clone());
    histogram
}

fn words<W: Word>(
    into: &mut Registry,
    name: &'static str,
    help: &'static str,
    label: &'static str,
) -> Counters<W> {
    let family: Family<[Label; 1], Counter> = family(into, name, help);
    Counters::new(|word| family.get_or_create_owned(&[(label, Cow::Borrowed(word))]))
}

fn family<const N: usize, M>(
    into: &mut Registry,
    name: &'static str,
    help: &'static str,
) -> Family<[Label; N], M>
where
    [Label; N]: Hash + Eq + Clone + fmt::Debug + Send + Sync,
    Family<[Label; N], M>: prometheus_client::registry::Metric + Clone + Default,
{
    let family = Family::default();
    into.register(name, help, Family::clone(&family));
    family
}
