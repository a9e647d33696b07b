//! What is counted for one account.

use std::borrow::Cow;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use veilgate_names::{AccountId, Reason};

use super::{Label, family};

/// The handles of one account.
pub struct AccountMetrics {
    /// Binds that stand.
    pub binds: Gauge,
    /// Whether it is frozen: 1 or 0.
    pub frozen: Gauge,
    /// Octets read from it.
    pub octets_in: Counter,
    /// Octets written to it.
    pub octets_out: Counter,
    /// Submits read.
    pub submits: Counter,
    /// Submits accepted: durable, and a message id given.
    pub accepted: Counter,
    /// Submits refused because of a rate; they are in the refused ones too.
    pub rate_refused: Counter,
    /// Receipts and replies waiting for it.
    pub deliveries_pending: Gauge,
    /// Those of them that lie on disk only.
    pub deliveries_parked: Gauge,
    /// `deliver_sm`s written to it.
    pub deliveries_sent: Counter,
    /// `deliver_sm`s it took.
    pub deliveries_acknowledged: Counter,
    /// `deliver_sm`s put back to be sent again.
    pub deliveries_retried: Counter,
    /// Receipts let go that it did not fetch in time.
    pub receipts_dropped: Counter,
    refused: Family<[Label; 2], Counter>,
    account: Cow<'static, str>,
}

impl AccountMetrics {
    /// Counts a refused submit.
    pub fn refused(&self, reason: Reason) {
        let labels = [("account", self.account.clone()), ("reason", Cow::Borrowed(reason.name()))];
        self.refused.get_or_create(&labels).inc();
        if matches!(reason, Reason::Tps | Reason::Quota) {
            self.rate_refused.inc();
        }
    }
}

pub(super) struct Families {
    binds: Family<[Label; 1], Gauge>,
    frozen: Family<[Label; 1], Gauge>,
    octets_in: Family<[Label; 1], Counter>,
    octets_out: Family<[Label; 1], Counter>,
    submits: Family<[Label; 1], Counter>,
    accepted: Family<[Label; 1], Counter>,
    rate_refused: Family<[Label; 1], Counter>,
    refused: Family<[Label; 2], Counter>,
    deliveries_pending: Family<[Label; 1], Gauge>,
    deliveries_parked: Family<[Label; 1], Gauge>,
    deliveries_sent: Family<[Label; 1], Counter>,
    deliveries_acknowledged: Family<[Label; 1], Counter>,
    deliveries_retried: Family<[Label; 1], Counter>,
    receipts_dropped: Family<[Label; 1], Counter>,
}

impl Families {
    pub(super) fn new(into: &mut Registry) -> Self {
        Self {
            binds: family(into, "north_binds", "Binds of an account that stand"),
            frozen: family(into, "account_frozen", "Whether an account is shut out until staff let it in"),
            octets_in: family(into, "north_read_bytes", "Octets read from an account"),
            octets_out: family(into, "north_written_bytes", "Octets written to an account"),
            submits: family(into, "submits", "Submits read"),
            accepted: family(into, "submits_accepted", "Submits made durable and accepted"),
            rate_refused: family(into, "submits_rate_refused", "Submits refused because of a rate"),
            refused: family(into, "submits_refused", "Submits refused, by inside reason"),
            deliveries_pending: family(
                into,
                "deliveries_pending",
                "Receipts and replies waiting for an account",
            ),
            deliveries_parked: family(into, "deliveries_parked", "Those of them that lie on disk only"),
            deliveries_sent: family(into, "deliveries_sent", "Receipts and replies written to an account"),
            deliveries_acknowledged: family(
                into,
                "deliveries_acknowledged",
                "Receipts and replies that an account took",
            ),
            deliveries_retried: family(
                into,
                "deliveries_retried",
                "Receipts and replies put back to be sent to an account again",
            ),
            receipts_dropped: family(
                into,
                "receipts_dropped",
                "Receipts let go that an account did not fetch in time",
            ),
        }
    }

    pub(super) fn handles(&self, id: &AccountId) -> AccountMetrics {
        let account = Cow::<str>::Owned(id.as_str().to_owned());
        let labels = [("account", account.clone())];
        AccountMetrics {
            binds: self.binds.get_or_create_owned(&labels),
            frozen: self.frozen.get_or_create_owned(&labels),
            octets_in: self.octets_in.get_or_create_owned(&labels),
            octets_out: self.octets_out.get_or_create_owned(&labels),
            submits: self.submits.get_or_create_owned(&labels),
            accepted: self.accepted.get_or_create_owned(&labels),
            rate_refused: self.rate_refused.get_or_create_owned(&labels),
            deliveries_pending: self.deliveries_pending.get_or_create_owned(&labels),
            deliveries_parked: self.deliveries_parked.get_or_create_owned(&labels),
            deliveries_sent: self.deliveries_sent.get_or_create_owned(&labels),
            deliveries_acknowledged: self.deliveries_acknowledged.get_or_create_owned(&labels),
            deliveries_retried: self.deliveries_retried.get_or_create_owned(&labels),
            receipts_dropped: self.receipts_dropped.get_or_create_owned(&labels),
            refused: self.refused.clone(),
            account,
        }
    }
}
