//! Messages that wait for staff: listed, let pass, refused. Their texts are never told.

use veilgate_flow::{NotReviewed, Outcomes, Reviewable, Turn};
use veilgate_ledger::{AuditEvent, RulesAct};
use veilgate_names::MessageId;

use super::{auditor, wide};
use crate::admin::{Actor, Response, ReviewShown};
use crate::app::App;
use crate::clock;

/// Messages of one answer.
const PAGE: usize = 1000;

impl App {
    /// The next messages that wait.
    pub(super) fn reviews(&self, after: Option<MessageId>) -> Response {
        let flow = &self.hub.flow;
        let messages = flow.reviews(after, PAGE);
        let next = messages.last().filter(|_| messages.len() == PAGE).map(|last| last.id.to_string());
        let waiting = wide(flow.reviews_waiting());
        Response::Reviews { waiting, messages: messages.into_iter().map(shown).collect(), next }
    }

    /// Lets one pass, or refuses it; answered when that is durable.
    pub(super) async fn review(&self, id: MessageId, passes: bool, actor: &Actor) -> Response {
        let (done, durable) = tokio::sync::oneshot::channel();
        if let Err(error) = self.decide(id, passes, Box::new(move |durable| _ = done.send(durable))) {
            return Response::refused(&error.to_string());
        }
        if !durable.await.unwrap_or(false) {
            return Response::refused("not durable: the journal fails; try again");
        }
        let event = if passes { RulesAct::Passed(id) } else { RulesAct::Refused(id) };
        self.hub.ledger.audit(auditor(actor), AuditEvent::Rules(event));
        Response::Reviewed { passed: passes }
    }

    fn decide(
        &self,
        id: MessageId,
        passes: bool,
        done: Box<dyn FnOnce(bool) + Send>,
    ) -> Result<(), NotReviewed> {
        let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
        let (flow, now, into) = (&self.hub.flow, clock::now(), (&mut turn, &mut outcomes));
        let decided = if passes {
            flow.pass_review(&*self.store, id, now, into, done)
        } else {
            flow.refuse_review(&*self.store, id, now, into, done)
        };
        self.hub.commit(turn);
        self.hub.dispatch(outcomes);
        decided
    }
}

fn shown(waiting: Reviewable) -> ReviewShown {
    let Reviewable { id, enterprise, list, accepted_at, expires_at } = waiting;
    ReviewShown {
        message: id.to_string(),
        enterprise: enterprise.to_string(),
        list: list.map(|list| list.to_string()),
        accepted_at: accepted_at.to_string(),
        expires_at: expires_at.to_string(),
    }
}
