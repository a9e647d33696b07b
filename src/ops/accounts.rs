//! Shutting accounts out and letting them in again.

use veilgate_ledger::AuditEvent;
use veilgate_names::AccountId;

use super::auditor;
use crate::admin::{Actor, Response};
use crate::app::App;
use crate::clock;
use crate::telemetry::events::AccountSwitched;

impl App {
    /// Shuts an account out until [`Self::unfreeze`]: its binds end within a second, new ones are refused, and what it
    /// submits meanwhile is answered 5001. Messages accepted before go on.
    pub(super) async fn freeze(&self, id: &AccountId, actor: &Actor) -> Response {
        if self.accounts.find(id.as_str()).is_none() {
            return Response::refused("there is no such account");
        }
        let changed = self.accounts.freeze(id);
        self.hub.wake_all();
        let put = |turn: &mut _, done| {
            self.hub.flow.put_frozen(id, clock::now(), turn);
            self.hub.flow.notify(turn, done);
        };
        if !self.store(put).await {
            return Response::refused("frozen until the next start, but not durably: the journal fails");
        }
        self.switched(id, true, AuditEvent::AccountFrozen { account: id.clone() }, actor);
        Response::AccountSwitched { frozen: true, changed }
    }

    /// Lets an account in again, once that is durable, with nothing held against it.
    pub(super) async fn unfreeze(&self, id: &AccountId, actor: &Actor) -> Response {
        if self.accounts.find(id.as_str()).is_none() && !self.accounts.is_frozen(id) {
            return Response::refused("there is no such account");
        }
        let delete = |turn: &mut _, done| {
            self.hub.flow.delete_frozen(id, turn);
            self.hub.flow.notify(turn, done);
        };
        if !self.store(delete).await {
            return Response::refused("still frozen: the journal fails");
        }
        let changed = self.accounts.unfreeze(id);
        self.switched(id, false, AuditEvent::AccountUnfrozen { account: id.clone() }, actor);
        Response::AccountSwitched { frozen: false, changed }
    }

    fn switched(&self, id: &AccountId, frozen: bool, event: AuditEvent, actor: &Actor) {
        self.hub.ledger.audit(auditor(actor), event);
        let event = AccountSwitched { account: id.clone(), frozen, actor_uid: actor.uid };
        event.emit(&self.hub.telemetry);
    }
}
