//! `[identity]`, `[[edi_keys]]`, `[flow]`, `[journal]`, `[ledger]`: a message's way and what is kept of it.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use veilgate_names::{KeyId, PlatformId, Timestamp};

use crate::text::{FromText, count, hours, some_text, text, texts, whole, yes};
use crate::words::{JournalEngine, PastSchedule};

/// A key of encrypted device IDs, imported into the key ring at start.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdiKey {
    /// The `kid` in the encrypted device IDs.
    #[serde(deserialize_with = "text")]
    pub kid: KeyId,
    /// The file that holds the SM4 key, 32 hex digits. It may go away once imported.
    pub key_file: PathBuf,
    /// Whether the form `edi1` (GCM) is read with this key. Default true.
    #[serde(default = "yes")]
    pub allow_gcm: bool,
    /// Whether the legacy form (`edi0`, CBC) is read with this key. Default false.
    #[serde(default)]
    pub allow_legacy: bool,
    /// The platform whose key it is; device IDs of other platforms are not opened with it. Default: any platform's.
    #[serde(default, deserialize_with = "some_text")]
    pub owner: Option<PlatformId>,
}

/// `[identity]`: the subscriber history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// No date before this is resolved. Default: as far back as the history goes.
    #[serde(deserialize_with = "some_text")]
    pub history_floor: Option<Timestamp>,
}

/// `[flow]`: limits and times of a message's way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flow {
    /// Messages without a final state, 1-100000000; beyond it submits get `queue_full`. Default 10000000.
    #[serde(deserialize_with = "whole::<_, _, 1, 100_000_000>")]
    pub max_live_messages: NonZeroU32,
    /// Percent of these that one enterprise may have where there are several, 1-100; beyond it only that one gets
    /// `queue_full`. Default 50.
    #[serde(deserialize_with = "whole::<_, _, 1, 100>")]
    pub max_share_percent: u8,
    /// Of these, messages held in memory whole, which an SMSC has or is about to get, 1-100000000; beyond it submits get
    /// `queue_full`, and what waits on disk waits on. Default 2000000.
    #[serde(deserialize_with = "whole::<_, _, 1, 100_000_000>")]
    pub max_messages_in_memory: NonZeroU32,
    /// Messages that wait for a channel in memory, 1-10000000; those behind them wait on disk. Default 20000.
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000_000>")]
    pub resident_messages: NonZeroU32,
    /// Receipts and replies that wait for an account in memory, 1-10000000; those behind them wait on disk. Default 8192.
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000_000>")]
    pub resident_deliveries: NonZeroU32,
    /// How far ahead a message may be scheduled; beyond it ESME_RINVSCHED. Default 720 h.
    #[serde(deserialize_with = "text")]
    pub max_schedule: Duration,
    /// What becomes of a message that was to leave before it came. Default `now`.
    #[serde(deserialize_with = "text")]
    pub past_schedule: PastSchedule,
    /// Records waiting for the journal, 1-10000000; beyond it submits get `queue_full`. Default 100000.
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000_000>")]
    pub max_uncommitted: NonZeroU32,
    /// The longest text accepted, octets, that of all its parts, 140-65535. Default 2048.
    #[serde(deserialize_with = "whole::<_, _, 140, 65_535>")]
    pub max_text: NonZeroU32,
    /// How many ended messages are remembered, so that `query_sm` can tell of them, 0-100000000; 24 octets each. Default
    /// 1000000.
    #[serde(deserialize_with = "whole::<_, _, 0, 100_000_000>")]
    pub remember_ended: u32,
    /// How many submits are remembered for `accounts.dedupe`, 1-100000000; about 150 octets each. Default 1000000.
    #[serde(deserialize_with = "whole::<_, _, 1, 100_000_000>")]
    pub max_references: NonZeroU32,
    /// What `service_type` may be beside empty; other submits get 0x15. It goes to the SMSC as it is. Default those of
    /// SMPP 3.4.
    #[serde(deserialize_with = "texts")]
    pub service_types: Vec<ServiceName>,
    /// How long a part of a text waits for the others before all are refused. Default 60 s.
    #[serde(deserialize_with = "text")]
    pub segments_timeout: Duration,
    /// Parts that may wait in all, 1-10000000; beyond it more get `queue_full`. Default 100000.
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000_000>")]
    pub max_segments: NonZeroU32,
    /// Parts of one account that may wait, 1-10000000. Default 20000.
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000_000>")]
    pub max_segments_per_account: NonZeroU32,
    /// Attempts to hand a message to an SMSC, 1-255. Default 8.
    #[serde(deserialize_with = "whole::<_, _, 1, 255>")]
    pub max_attempts: u8,
    /// The first pause after an SMSC throttled; it doubles. Default 200 ms.
    #[serde(deserialize_with = "text")]
    pub throttle_backoff_min: Duration,
    /// The longest pause after an SMSC throttled. Default 10 s.
    #[serde(deserialize_with = "text")]
    pub throttle_backoff_max: Duration,
    /// How long a receipt waits for the response to its submit. Default 10 s.
    #[serde(deserialize_with = "text")]
    pub early_receipt_hold: Duration,
    /// How many receipts may wait so, 1-10000000. Default 100000.
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000_000>")]
    pub max_early_receipts: NonZeroU32,
    /// How many ended messages are remembered to know a duplicate receipt, 1-10000000. Default 100000.
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000_000>")]
    pub max_recent_receipts: NonZeroU32,
    /// How long an overdue response may still come before the message ends as UNKNOWN. Default 60 s.
    #[serde(deserialize_with = "text")]
    pub late_answer_grace: Duration,
    /// How long a sent message waits for its receipt before it ends as UNKNOWN. Default 48 h.
    #[serde(deserialize_with = "text")]
    pub report_timeout: Duration,
    /// The validity of a message that states none. Default 24 h.
    #[serde(deserialize_with = "text")]
    pub default_validity: Duration,
    /// The longest validity granted. Default 168 h.
    #[serde(deserialize_with = "text")]
    pub max_validity: Duration,
    /// How long after its authorization ended a reply still reaches the notary. Default 72 h.
    #[serde(deserialize_with = "text")]
    pub reply_grace: Duration,
    /// How long a receipt is kept for an account that does not fetch it, from its message's end. Default 72 h.
    #[serde(deserialize_with = "text")]
    pub receipt_lifetime: Duration,
    /// The pause before a receipt or reply that an account did not take is sent to it again. Default 5 s.
    #[serde(deserialize_with = "text")]
    pub delivery_retry: Duration,
}

impl Default for Flow {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            max_live_messages: count::<10_000_000>(),
            max_share_percent: 50,
            max_messages_in_memory: count::<2_000_000>(),
            resident_messages: count::<20_000>(),
            resident_deliveries: count::<8192>(),
            max_schedule: Duration::from_secs(720 * HOUR),
            past_schedule: PastSchedule::Now,
            max_uncommitted: count::<100_000>(),
            max_text: count::<2048>(),
            remember_ended: 1_000_000,
            max_references: count::<1_000_000>(),
            service_types: ServiceName::known(),
            segments_timeout: Duration::from_secs(60),
            max_segments: count::<100_000>(),
            max_segments_per_account: count::<20_000>(),
            max_attempts: 8,
            throttle_backoff_min: Duration::from_millis(200),
            throttle_backoff_max: Duration::from_secs(10),
            early_receipt_hold: Duration::from_secs(10),
            max_early_receipts: count::<100_000>(),
            max_recent_receipts: count::<100_000>(),
            late_answer_grace: Duration::from_secs(60),
            report_timeout: Duration::from_secs(48 * HOUR),
            default_validity: Duration::from_secs(24 * HOUR),
            max_validity: Duration::from_secs(168 * HOUR),
            reply_grace: Duration::from_secs(72 * HOUR),
            receipt_lifetime: Duration::from_secs(72 * HOUR),
            delivery_retry: Duration::from_secs(5),
        }
    }
}

/// A `service_type`: 1-5 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName(String);

impl ServiceName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn known() -> Vec<Self> {
        ["CMT", "CPT", "VMN", "VMA", "WAP", "USSD"].into_iter().filter_map(Self::from_text).collect()
    }
}

impl FromText for ServiceName {
    const EXPECTED: &'static str = "1-5 printable ASCII characters";
    fn from_text(text: &str) -> Option<Self> {
        let fits = (1..=5).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }
}

/// `[journal]`: what makes an acknowledgement durable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    /// The storage engine. Default `log`.
    #[serde(deserialize_with = "text")]
    pub engine: JournalEngine,
    /// The size of one segment file, octets, 64 KiB-1 GiB. Default 64 MiB.
    #[serde(deserialize_with = "whole::<_, _, 65_536, 1_073_741_824>")]
    pub segment_bytes: NonZeroU32,
    /// The size of all segment files together, octets, 1 MiB-16 TiB; beyond it submits are refused. Default 64 GiB.
    #[serde(deserialize_with = "whole::<_, _, 1_048_576, 17_592_186_044_416>")]
    pub capacity_bytes: NonZeroU64,
    /// A segment is compacted when less than this part of it is needed, percent, 1-90. Default 50.
    #[serde(deserialize_with = "whole::<_, _, 1, 90>")]
    pub compact_below_percent: u8,
    /// Records in one commit at most, 1-65536. Default 1024.
    #[serde(deserialize_with = "whole::<_, _, 1, 65_536>")]
    pub group_max: NonZeroU32,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            engine: JournalEngine::Log,
            segment_bytes: count::<{ 64 << 20 }>(),
            capacity_bytes: octets::<{ 64 << 30 }>(),
            compact_below_percent: 50,
            group_max: count::<1024>(),
        }
    }
}

/// `[ledger]`: CDR and audit files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// The carrier's name in the names of CDR files: 1-32 of `[0-9A-Za-z.-]`. Default `carrier`.
    #[serde(deserialize_with = "text")]
    pub carrier: CarrierName,
    /// The folder of the CDR files. Default `cdr` in the data folder.
    pub cdr_dir: Option<PathBuf>,
    /// The audit file. Default `audit.log` in the data folder.
    pub audit_file: Option<PathBuf>,
    /// The age at which a CDR file is closed. Default 1 h.
    #[serde(deserialize_with = "text")]
    pub rotate_every: Duration,
    /// The size at which a CDR file is closed, octets, 1 MiB-16 GiB. Default 256 MiB.
    #[serde(deserialize_with = "whole::<_, _, 1_048_576, 17_179_869_184>")]
    pub rotate_bytes: NonZeroU64,
    /// How long a closed CDR file is kept, 4392h-8760h (183 days to a year: B-4.1.6d, B-A.2.4e). Default 8760h.
    #[serde(deserialize_with = "text")]
    pub keep_cdrs: Duration,
    /// How long the key that seals numbers in an enterprise's CDRs does so before it gets a successor, 24h-2160h.
    /// Default 720h.
    #[serde(deserialize_with = "text")]
    pub number_key_life: Duration,
    /// How long after that it still opens them; then it is destroyed, and the numbers are gone for good. 3600h (five
    /// months) to `keep_cdrs`. Default 4392h.
    #[serde(deserialize_with = "text")]
    pub keep_numbers: Duration,
    /// The SM2 key that signs audit checkpoints. Default `audit.key` in the data folder.
    pub audit_key_file: Option<PathBuf>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            carrier: CarrierName::default(),
            cdr_dir: None,
            audit_file: None,
            rotate_every: Duration::from_secs(3600),
            rotate_bytes: octets::<{ 256 << 20 }>(),
            keep_cdrs: hours::<8760>(),
            number_key_life: hours::<720>(),
            keep_numbers: hours::<4392>(),
            audit_key_file: None,
        }
    }
}

/// A carrier's name: 1-32 of `[0-9A-Za-z.-]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierName(String);

impl CarrierName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for CarrierName {
    fn default() -> Self {
        Self("carrier".to_owned())
    }
}

impl FromText for CarrierName {
    const EXPECTED: &'static str = "1-32 of 0-9 A-Z a-z . -";
    fn from_text(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        ((1..=32).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }
}

fn octets<const VALUE: u64>() -> NonZeroU64 {
    NonZeroU64::new(VALUE).unwrap_or(NonZeroU64::MIN)
}
