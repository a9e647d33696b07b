//! Commands about keys, and the end of an enterprise's.

use veilgate_ledger::{Actor as Auditor, AuditEvent};

use super::auditor;
use crate::admin::{Actor, Response};
use crate::app::App;
use crate::keys::KeyCommand;

impl App {
    /// Tells or changes keys while traffic runs. What is refused is recorded too.
    pub(super) fn change_keys(&self, command: KeyCommand, actor: &Actor) -> Response {
        let action = command.action();
        match command.check(&self.config()).and_then(|()| self.keys.perform(command)) {
            Ok((keys, event)) => {
                if let Some(event) = event {
                    self.hub.ledger.audit(auditor(actor), event);
                }
                Response::Keys { keys }
            }
            Err(error) => {
                self.hub.ledger.audit(auditor(actor), AuditEvent::KeyChangeRefused { action });
                Response::refused(&error.to_string())
            }
        }
    }

    /// Records what the gateway did with keys by itself.
    pub(crate) fn tell_of_keys(&self) {
        for event in self.keys.news() {
            self.hub.ledger.audit(Auditor::System, event);
        }
    }
}
