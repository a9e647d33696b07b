//! What is counted for one channel.

use std::borrow::Cow;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use veilgate_names::{ChannelId, FinalState};

use super::{Counters, Label, family};
use crate::telemetry::words::SubmitClass;

/// The handles of one channel.
pub struct ChannelMetrics {
    /// Binds that stand.
    pub binds: Gauge,
    /// Octets read from it.
    pub octets_in: Counter,
    /// Octets written to it.
    pub octets_out: Counter,
    /// Messages waiting for it.
    pub queued: Gauge,
    /// Submits without a response.
    pub unanswered: Gauge,
    /// How it answers: 0 healthy, 1 degraded, 2 unhealthy, 3 down.
    pub health: Gauge,
    /// Submits written.
    pub submits: Counter,
    /// Responses to them, and submits that will have none.
    pub responses: Counters<SubmitClass>,
    /// From writing a submit to reading its response, seconds.
    pub response_seconds: Histogram,
    /// Receipts with a final state.
    pub receipts: Counters<FinalState>,
    /// Receipts with a state that is not final.
    pub receipts_intermediate: Counter,
    /// Replies read.
    pub replies: Counter,
    /// Attempts to connect.
    pub connects: Counter,
    /// `cancel_sm`s written.
    pub cancels: Counter,
}

pub(super) struct Families {
    binds: Family<[Label; 1], Gauge>,
    octets_in: Family<[Label; 1], Counter>,
    octets_out: Family<[Label; 1], Counter>,
    queued: Family<[Label; 1], Gauge>,
    unanswered: Family<[Label; 1], Gauge>,
    health: Family<[Label; 1], Gauge>,
    submits: Family<[Label; 1], Counter>,
    responses: Family<[Label; 2], Counter>,
    response_seconds: Family<[Label; 1], Histogram, fn() -> Histogram>,
    receipts: Family<[Label; 2], Counter>,
    receipts_intermediate: Family<[Label; 1], Counter>,
    replies: Family<[Label; 1], Counter>,
    connects: Family<[Label; 1], Counter>,
    cancels: Family<[Label; 1], Counter>,
}

impl Families {
    pub(super) fn new(into: &mut Registry) -> Self {
        let response_seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        into.register_with_unit(
            "channel_response",
            "From writing a submit_sm to an SMSC to reading its response",
            Unit::Seconds,
            response_seconds.clone(),
        );
        Self {
            binds: family(into, "channel_binds", "Binds to an SMSC that stand"),
            octets_in: family(into, "channel_read_bytes", "Octets read from an SMSC"),
            octets_out: family(into, "channel_written_bytes", "Octets written to an SMSC"),
            queued: family(into, "channel_queued", "Messages waiting for an SMSC"),
            unanswered: family(into, "channel_unanswered", "Submits to an SMSC without a response"),
            health: family(
                into,
                "channel_health",
                "How an SMSC answers: 0 healthy, 1 degraded, 2 unhealthy, 3 down",
            ),
            submits: family(into, "channel_submits", "Submits written to an SMSC"),
            responses: family(into, "channel_responses", "How submits to an SMSC were answered, by class"),
            response_seconds,
            receipts: family(into, "channel_receipts", "Receipts from an SMSC, by final state"),
            receipts_intermediate: family(
                into,
                "channel_receipts_intermediate",
                "Receipts from an SMSC with a state that is not final",
            ),
            replies: family(into, "channel_replies", "Replies of subscribers from an SMSC"),
            connects: family(into, "channel_connects", "Attempts to connect to an SMSC"),
            cancels: family(into, "channel_cancels", "Messages an SMSC was asked to take back"),
        }
    }

    pub(super) fn handles(&self, id: &ChannelId) -> ChannelMetrics {
        let channel = || ("channel", Cow::<str>::Owned(id.as_str().to_owned()));
        let labels = [channel()];
        let with = |family: &Family<[Label; 2], Counter>, label: &'static str, word: &'static str| {
            family.get_or_create_owned(&[channel(), (label, Cow::Borrowed(word))])
        };
        ChannelMetrics {
            binds: self.binds.get_or_create_owned(&labels),
            octets_in: self.octets_in.get_or_create_owned(&labels),
            octets_out: self.octets_out.get_or_create_owned(&labels),
            queued: self.queued.get_or_create_owned(&labels),
            unanswered: self.unanswered.get_or_create_owned(&labels),
            health: self.health.get_or_create_owned(&labels),
            submits: self.submits.get_or_create_owned(&labels),
            responses: Counters::new(|word| with(&self.responses, "class", word)),
            response_seconds: self.response_seconds.get_or_create_owned(&labels),
            receipts: Counters::new(|word| with(&self.receipts, "state", word)),
            receipts_intermediate: self.receipts_intermediate.get_or_create_owned(&labels),
            replies: self.replies.get_or_create_owned(&labels),
            connects: self.connects.get_or_create_owned(&labels),
            cancels: self.cancels.get_or_create_owned(&labels),
        }
    }
}

fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 16))
}
