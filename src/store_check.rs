//! `veilgate store check`: reads the journal of a gateway that does not run, the way it is read at start, changes
//! nothing, and tells what lies in it. No key is needed, and nothing of a person is told.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use veilgate_flow::{Inspection, OddityKind, inspect};
use veilgate_names::MessageId;
use veilgate_store::{Damage, LogStore, Store, StoreError};

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct StoreReport {
    /// Whether nothing is damaged or odd. A torn tail is neither: it was never acknowledged.
    pub whole: bool,
    /// Segments read.
    pub segments: u64,
    /// Octets on disk.
    pub bytes: u64,
    /// Octets of these that hold live records.
    pub live_bytes: u64,
    /// Octets of these that housekeeping will win back.
    pub dead_bytes: u64,
    /// Octets of an unfinished commit at the end, which will be cut off at start.
    pub torn_bytes: u64,
    /// Whole batches read.
    pub batches: u64,
    /// Records in them, deletions included.
    pub records: u64,
    /// What lives in each space.
    pub spaces: Vec<SpaceReport>,
    /// Messages that no SMSC was asked to take.
    pub messages_waiting: u64,
    /// Messages whose submit was under way: they end UNKNOWN at start, or are sent again where the channel says so.
    pub messages_submitted: u64,
    /// Messages that an SMSC has taken.
    pub messages_answered: u64,
    /// CDRs that may be in no file yet.
    pub cdrs_pending: u64,
    /// How many records are damaged.
    pub damaged: u64,
    /// The first thousand of them.
    pub damages: Vec<DamageReport>,
    /// States whose message is not there.
    pub states_alone: u64,
    /// Sound records that do not read back.
    pub unreadable: u64,
    /// The first thousand of these two.
    pub oddities: Vec<OddityReport>,
}

/// One space.
#[derive(Debug, Clone, Serialize)]
pub struct SpaceReport {
    /// Its name.
    pub space: &'static str,
    /// Live records.
    pub records: u64,
    /// Their octets on disk.
    pub bytes: u64,
}

/// One damaged record.
#[derive(Debug, Clone, Serialize)]
pub struct DamageReport {
    /// The segment's number, as in its file name.
    pub segment: u32,
    /// Octets from its start.
    pub offset: u64,
    /// What kind of record it is, where that can still be told.
    pub space: Option<&'static str>,
    /// Whose record it is, where the key is an identifier of the gateway's own.
    pub id: Option<String>,
}

/// One record that ought not to be so.
#[derive(Debug, Clone, Serialize)]
pub struct OddityReport {
    /// What kind of record it is.
    pub space: &'static str,
    /// Whose, where the key is an identifier of the gateway's own.
    pub id: Option<String>,
    /// `unreadable` or `alone`.
    pub kind: &'static str,
}

/// Reads the journal in `folder`.
///
/// # Errors
/// [`StoreError::Locked`] while a gateway runs on it; others if it cannot be read at all.
pub fn check(folder: &Path) -> Result<StoreReport, StoreError> {
    let log = LogStore::examine(folder)?;
    let inspection = inspect(&log)?;
    Ok(StoreReport::of(&log, inspection))
}

impl StoreReport {
    fn of(log: &LogStore, inspection: Inspection) -> Self {
        let (recovery, usage) = (log.recovery(), log.usage());
        let spaces = log.spaces().into_iter().map(|usage| SpaceReport {
            space: usage.space.name(),
            records: usage.records,
            bytes: usage.octets,
        });
        let oddities = inspection.named.iter().map(|oddity| OddityReport {
            space: oddity.space.name(),
            id: oddity.id.map(|id| id.to_string()),
            kind: match oddity.kind {
                OddityKind::Unreadable => "unreadable",
                OddityKind::Alone => "alone",
            },
        });
        Self {
            whole: usage.damaged == 0 && inspection.alone == 0 && inspection.unreadable == 0,
            segments: recovery.segments,
            bytes: usage.octets,
            live_bytes: usage.live_octets,
            dead_bytes: usage.octets.saturating_sub(usage.live_octets),
            torn_bytes: recovery.torn_octets,
            batches: recovery.batches,
            records: recovery.records,
            spaces: spaces.collect(),
            messages_waiting: inspection.waiting,
            messages_submitted: inspection.submitted,
            messages_answered: inspection.answered,
            cdrs_pending: inspection.cdrs_pending,
            damaged: usage.damaged,
            damages: log.damages().iter().map(DamageReport::of).collect(),
            states_alone: inspection.alone,
            unreadable: inspection.unreadable,
            oddities: oddities.collect(),
        }
    }
}

impl DamageReport {
    fn of(damage: &Damage) -> Self {
        Self {
            segment: damage.segment,
            offset: damage.offset,
            space: damage.space.map(veilgate_store::Space::name),
            id: damage.id.map(|id| MessageId(id).to_string()),
        }
    }
}

/// For a person at a terminal.
impl fmt::Display for StoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} segments, {} bytes: {} live, {} dead",
            self.segments, self.bytes, self.live_bytes, self.dead_bytes
        )?;
        writeln!(
            f,
            "{} batches, {} records read, {} bytes torn off the end",
            self.batches, self.records, self.torn_bytes
        )?;
        for space in &self.spaces {
            writeln!(f, "  {:<14} {:>10} records {:>14} bytes", space.space, space.records, space.bytes)?;
        }
        writeln!(
            f,
            "messages: {} waiting, {} submitted without answer, {} taken by an SMSC; CDRs perhaps in no file: {}",
            self.messages_waiting, self.messages_submitted, self.messages_answered, self.cdrs_pending
        )?;
        for damage in &self.damages {
            let (space, id) = (damage.space.unwrap_or("unknown"), damage.id.as_deref().unwrap_or("-"));
            writeln!(f, "damaged: segment {} octet {}: {space} {id}", damage.segment, damage.offset)?;
        }
        for oddity in &self.oddities {
            writeln!(f, "{}: {} {}", oddity.kind, oddity.space, oddity.id.as_deref().unwrap_or("-"))?;
        }
        let verdict = if self.whole { "journal OK" } else { "journal NOT OK" };
        write!(
            f,
            "{verdict}: {} damaged, {} alone, {} unreadable",
            self.damaged, self.states_alone, self.unreadable
        )
    }
}
