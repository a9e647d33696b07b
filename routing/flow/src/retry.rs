//! What an SMSC's refusal means, as data: rows of a table say for a status, a vendor's code or a receipt of which
//! kind it is, whether and where the message is tried again, when, who pays, and how it ends. Knows no message.

use std::ops::RangeInclusive;
use std::time::Duration;

use veilgate_names::FinalState;

/// A carrier's own code in a receipt, such as `MK:0001` or `BLACK`: 1-8 capitals, digits, `:`, `-` and `_`, not digits
/// only. Too short and too poor to hold a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VendorCode {
    octets: [u8; Self::MAX],
    length: u8,
}

impl VendorCode {
    /// The longest code, octets.
    pub const MAX: usize = 8;

    /// Reads a code or the beginning of one; small letters become capitals. `None`: it is no such code.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let allowed = |octet: &u8| octet.is_ascii_alphanumeric() || b":-_".contains(octet);
        if !text.iter().all(allowed) || text.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut octets = [0; Self::MAX];
        octets.get_mut(..text.len())?.copy_from_slice(text);
        octets.make_ascii_uppercase();
        Some(Self { octets, length: u8::try_from(text.len()).ok()? })
    }

    /// As it is written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// What went wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A `submit_sm_resp` with this `command_status`.
    Status(u32),
    /// A receipt that does not say DELIVERED.
    Receipt {
        /// The state it reports.
        state: FinalState,
        /// Its error number; 0 without one.
        error: u16,
        /// The carrier's own code, if it has one.
        code: Option<VendorCode>,
    },
}

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// These `command_status` values.
    Status(RangeInclusive<u32>),
    /// Receipts with an error number in this range.
    Error(RangeInclusive<u16>),
    /// Receipts whose code begins so.
    Code(VendorCode),
    /// Receipts with this state, whatever else they say.
    State(FinalState),
}

/// Of which kind a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The SMSC wants less a second: the link slows down, and that is no attempt.
    Throttled,
    /// The SMSC's queue is full: as throttled.
    Congestion,
    /// A passing fault.
    Temporary,
    /// The subscriber cannot be reached, for good.
    Subscriber,
    /// What was sent is not let through.
    Content,
    /// This way does not work.
    Route,
    /// Nobody knows.
    Unknown,
}

/// Whether a message is tried again, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It ends.
    No,
    /// On the same channel.
    Same,
    /// On another channel; without one it ends.
    Other,
    /// On any channel its service number may use.
    Any,
}

/// The pauses before the second attempt, the third, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delays {
    /// These, the last of them from then on.
    List(Vec<Duration>),
    /// The first, which doubles up to the second.
    Doubling(Duration, Duration),
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is about: any of these.
    pub matches: Vec<Match>,
    /// Of which kind that is.
    pub class: Class,
    /// Whether, and where, the message is tried again.
    pub retry: Retry,
    /// When.
    pub delays: Delays,
    /// Attempts of a message, all counted; with as many it ends.
    pub attempts: u8,
    /// Whether the end is billed; `None`: if an SMSC took it.
    pub billable: Option<bool>,
    /// How it ends, when it does; `None`: as its receipt says, REJECTED without one, and UNDELIVERABLE when its
    /// attempts are used up.
    pub end: Option<FinalState>,
}

/// The rows of one channel. The first that fits decides; for what none fits there are two at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryTable {
    rows: Vec<Row>,
    /// Whether a row brings messages back that an SMSC had.
    retries_receipts: bool,
    /// For statuses and receipts in which no row is about.
    otherwise: Row,
}

impl RetryTable {
    /// The rows in order, and what holds where none fits: no retry.
    #[must_use]
    pub fn new(rows: Vec<Row>) -> Self {
        let otherwise = Row {
            matches: Vec::new(),
            class: Class::Unknown,
            retry: Retry::No,
            delays: Delays::List(Vec::new()),
            attempts: 1,
            billable: None,
            end: None,
        };
        let of_receipt = |row: &Row| row.matches.iter().any(|one| !matches!(one, Match::Status(_)));
        let retries_receipts = rows.iter().any(|row| row.retry != Retry::No && of_receipt(row));
        Self { rows, retries_receipts, otherwise }
    }

    /// The row that decides about a fault, and its place from 1; 0 where none fits.
    #[must_use]
    pub fn decide(&self, fault: &Fault) -> (usize, &Row) {
        let found = (1..).zip(&self.rows).find(|(_, row)| row.matches.iter().any(|one| one.fits(fault)));
        found.unwrap_or((0, &self.otherwise))
    }

    /// Whether a receipt may bring a message back; then its text is kept until it ends.
    #[must_use]
    pub fn retries_receipts(&self) -> bool {
        self.retries_receipts
    }

    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Match {
    fn fits(&self, fault: &Fault) -> bool {
        match (self, fault) {
            (Self::Status(range), Fault::Status(status)) => range.contains(status),
            (Self::Error(range), Fault::Receipt { error, .. }) => range.contains(error),
            (Self::Code(start), Fault::Receipt { code: Some(code), .. }) => {
                code.as_bytes().starts_with(start.as_bytes())
            }
            (Self::State(state), Fault::Receipt { state: said, .. }) => state == said,
            _ => false,
        }
    }
}

impl Row {
    /// The pause after so many attempts, at least one.
    #[must_use]
    pub fn pause(&self, attempts: u8) -> Duration {
        let before = attempts.saturating_sub(1);
        match &self.delays {
            Delays::List(list) => list.get(usize::from(before)).or(list.last()).copied().unwrap_or_default(),
            Delays::Doubling(first, longest) => {
                first.saturating_mul(1 << u32::from(before).min(20)).min(*longest)
            }
        }
    }

    /// Whether the SMSC only wants to be spared for a while.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.class, Class::Throttled | Class::Congestion)
    }
}

/// What every SMSC means by the four statuses that say "later"; for whoever configures nothing else.
impl Default for RetryTable {
    fn default() -> Self {
        let row = |statuses: [u32; 2], class, delays| Row {
            matches: statuses.map(|status| Match::Status(status..=status)).into(),
            class,
            retry: Retry::Any,
            delays,
            attempts: 8,
            billable: Some(false),
            end: None,
        };
        let backoff = Delays::Doubling(Duration::from_millis(200), Duration::from_secs(10));
        Self::new(vec![
            row([0x58, 0x14], Class::Throttled, Delays::List(Vec::new())),
            row([0x08, 0x64], Class::Temporary, backoff),
        ])
    }
}

impl std::fmt::Debug for VendorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VendorCode({})", self.length)
    }
}

#[cfg(test)]
mod tests;
