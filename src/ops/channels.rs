//! A channel that is to finish: it takes nothing more, and what it has on the wire is answered.

use std::sync::Arc;
use std::time::Duration;

use veilgate_flow::Outcomes;
use veilgate_ledger::AuditEvent;
use veilgate_names::ChannelId;

use super::{auditor, wide};
use crate::admin::{Actor, Response};
use crate::app::App;
use crate::clock;
use crate::telemetry::events::{ChannelDrained, ChannelDraining};

/// How often it is looked whether the wire is empty.
const LOOK: Duration = Duration::from_millis(50);
/// The longest a command waits.
const LONGEST: Duration = Duration::from_secs(600);

impl App {
    /// Lets a channel finish; answered when its wire is empty, or after `wait_ms`.
    pub(super) async fn drain_channel(
        self: &Arc<Self>,
        channel: &ChannelId,
        wait_ms: u64,
        actor: &Actor,
    ) -> Response {
        if !self.set_draining(channel, true) {
            return Response::refused("there is no such channel");
        }
        self.hub.ledger.audit(auditor(actor), AuditEvent::ChannelDraining { channel: channel.clone() });
        ChannelDraining { channel: channel.clone() }.emit(&self.hub.telemetry);
        let until = clock::mono().plus(Duration::from_millis(wait_ms).min(LONGEST));
        while self.on_wire(channel) > 0 && clock::mono() < until {
            tokio::time::sleep(LOOK).await;
        }
        let unanswered = self.on_wire(channel);
        let states = self.hub.flow.channel_states();
        let queued = states.iter().find(|state| state.id == *channel).map_or(0, |state| wide(state.queued));
        if unanswered == 0 {
            ChannelDrained { channel: channel.clone() }.emit(&self.hub.telemetry);
        }
        Response::ChannelDrained { drained: unanswered == 0, unanswered, queued }
    }

    /// Lets channels carry what the lines in force say.
    pub(crate) async fn take_over_lines(&self) {
        let mut outcomes = Outcomes::default();
        self.hub.flow.take_over_lines(&mut outcomes);
        self.channels.lock().await.set_rates(self.hub.flow.gate().policy.policy().lines());
        self.hub.dispatch(outcomes);
    }

    /// Whether there is such a channel.
    pub(super) fn set_draining(&self, channel: &ChannelId, draining: bool) -> bool {
        let mut outcomes = Outcomes::default();
        let found = self.hub.flow.set_draining(channel, draining, &mut outcomes);
        self.hub.dispatch(outcomes);
        found
    }

    /// Submits to a channel that have no response.
    pub(super) fn unanswered(&self, channel: &ChannelId) -> u64 {
        u64::try_from(self.hub.telemetry.metrics.channel(channel).unanswered.get()).unwrap_or(0)
    }

    /// The same, with those that its links are about to write.
    fn on_wire(&self, channel: &ChannelId) -> u64 {
        match self.unanswered(channel) {
            0 => wide(self.hub.flow.on_the_way(channel)),
            unanswered => unanswered,
        }
    }
}
