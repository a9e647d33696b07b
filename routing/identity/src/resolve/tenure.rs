//! The tenures of one number: which was in force on a day, and is it still open now?

use veilgate_names::{AsOf, Reason, SubscriberKey, Timestamp};

use crate::keys::KeyRing;
use crate::vault::{HolderHash, Interval, NumberHash, TenureRow};

/// The time asked about: `[start, end)` in milliseconds, and whether it is a whole day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    start: i64,
    end: i64,
    day: bool,
}

impl Window {
    pub(crate) fn overlaps(self, interval: Interval) -> bool {
        interval.start_ms() < self.end && interval.end_ms() > self.start
    }

    /// Overlaps, or ended at the midnight that begins the day asked about: in a feed of dates that is "some time
    /// that day".
    pub(crate) fn concerns(self, interval: Interval) -> bool {
        self.overlaps(interval) || (self.day && interval.end_ms() == self.start)
    }
}

impl From<AsOf> for Window {
    fn from(as_of: AsOf) -> Self {
        match as_of {
            AsOf::Day { from, to } => Self { start: from.0, end: to.0, day: true },
            AsOf::At(at) => Self::from(at),
        }
    }
}

impl From<Timestamp> for Window {
    fn from(at: Timestamp) -> Self {
        Self { start: at.0, end: at.0.saturating_add(1), day: false }
    }
}

/// One holder's uninterrupted hold of a number, among all rows of that number.
pub(crate) struct Tenure<'a> {
    all: &'a [TenureRow],
    rows: &'a [TenureRow],
}

impl<'a> Tenure<'a> {
    /// The only tenure in force in the window.
    pub(crate) fn as_of(all: &'a [TenureRow], window: Window) -> Result<Self, Reason> {
        let mut in_force = tenures(all).filter(|tenure| window.overlaps(tenure.interval()));
        let tenure = in_force.next().ok_or(Reason::NoTenureAsof)?;
        let concerned = tenures(all).filter(|other| window.concerns(other.interval())).count();
        if concerned == 1 { Ok(tenure) } else { Err(Reason::AmbiguousTenure) }
    }

    /// The tenure told by `is_it`, wherever in time it lies, if it is open and contactable now.
    pub(crate) fn still_open(
        all: &'a [TenureRow],
        is_it: impl Fn(&Self) -> bool,
        now: Timestamp,
    ) -> Result<(), Reason> {
        let open = |tenure: Self| Window::from(now).overlaps(tenure.interval());
        match tenures(all).find(is_it) {
            Some(tenure) => tenure.still_contactable(now),
            None if tenures(all).any(open) => Err(Reason::NumberReassigned),
            None => Err(Reason::NumberDisconnected),
        }
    }

    /// The only tenure open now, if it is in the own network.
    pub(crate) fn own_now(all: &'a [TenureRow], now: Timestamp) -> Option<Self> {
        let tenure = Self::as_of(all, Window::from(now)).ok()?;
        tenure.row(now).is_some_and(|row| !row.out).then_some(tenure)
    }

    /// Whether this same tenure is open now, in the own network and not suspended.
    pub(crate) fn still_contactable(&self, now: Timestamp) -> Result<(), Reason> {
        let open = |interval| Window::from(now).overlaps(interval);
        let others_now = || tenures(self.all).filter(|other| open(other.interval()));
        if others_now().any(|other| other.holder() != self.holder()) {
            return Err(Reason::NumberReassigned);
        }
        match self.row(now) {
            Some(row) if row.out => Err(Reason::PortedOut),
            Some(row) if row.suspended => Err(Reason::Suspended),
            Some(_) => Ok(()),
            None if others_now().next().is_some() => Err(Reason::NumberRetakenSameHolder),
            None => Err(Reason::NumberDisconnected),
        }
    }

    pub(crate) fn holder(&self) -> HolderHash {
        self.rows.first().map(|row| row.holder).unwrap_or_default()
    }

    /// Who this is to the gateway's rules: the same as long as the tenure lasts, whatever changes on the way.
    pub(crate) fn subscriber(&self, number: &NumberHash, keys: &KeyRing) -> SubscriberKey {
        let from = self.interval().from.to_be_bytes();
        SubscriberKey(keys.subscriber_key().short(&[b"tenure", &number.0, &self.holder().0, &from]))
    }

    /// The row in force at an instant. Of overlapping rows the last, which is the newest news.
    pub(crate) fn row(&self, at: Timestamp) -> Option<&'a TenureRow> {
        self.rows.iter().rev().find(|row| Window::from(at).overlaps(row.interval))
    }

    pub(crate) fn interval(&self) -> Interval {
        let from = self.rows.iter().map(|row| row.interval.from).min().unwrap_or(0);
        let to = self.rows.iter().map(|row| row.interval.to).max().unwrap_or(0);
        Interval { from, to }
    }
}

/// The rows of one number, sorted by beginning, as tenures.
pub(crate) fn tenures(all: &[TenureRow]) -> impl Iterator<Item = Tenure<'_>> {
    let mut rest = all;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let mut end = first.interval.to;
        let more = rest.iter().skip(1).take_while(|row| {
            let same = row.holder == first.holder && row.interval.from <= end;
            end = end.max(row.interval.to);
            same
        });
        let (rows, behind) = rest.split_at_checked(1 + more.count())?;
        rest = behind;
        Some(Tenure { all, rows })
    })
}
