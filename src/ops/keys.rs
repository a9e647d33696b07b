//! Commands about keys, and the end of an enterprise's.

use std::time::Duration;

use veilgate_flow::{Sweep, TenantLoad};
use veilgate_ledger::{Actor as Auditor, AuditEvent};
use veilgate_names::EnterpriseId;

use super::{auditor, wide};
use crate::admin::{Actor, Response};
use crate::app::App;
use crate::clock;
use crate::keys::KeyCommand;

/// How long messages of an enterprise may take to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long its deliveries may still be taken.
const FAREWELL: Duration = Duration::from_secs(5);

/// What is gone.
struct Destroyed {
    keys: u64,
    deleted: usize,
}

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

    /// Destroys an enterprise's data keys, after everything of it has ended and its records are gone.
    //= requirements.md 1.6, tenant off-boarding
    pub(super) async fn offboard(&self, tenant: &EnterpriseId, force: bool, actor: &Actor) -> Response {
        let refused = |why: &str| {
            let event = AuditEvent::TenantOffboardRefused { tenant: tenant.clone() };
            self.hub.ledger.audit(auditor(actor), event);
            Response::refused(why)
        };
        if self.config().enterprises.iter().any(|entry| entry.id == *tenant && !entry.suspended) {
            return refused(
                "the enterprise is served: take it out of the configuration or suspend it, and reload",
            );
        }
        if !self.keys.ring().knows_tenant(tenant) {
            return refused("there are no keys of this enterprise");
        }
        let load = self.hub.flow.tenant_load(tenant);
        if load != TenantLoad::default() && !force {
            let TenantLoad { messages, deliveries } = load;
            return refused(&format!(
                "{messages} messages and {deliveries} deliveries are under way: wait, or end them with --force"
            ));
        }
        match self.end_tenant(tenant, actor).await {
            Ok(records) => {
                let (keys, messages) = (records.keys, wide(load.messages));
                let records = wide(records.deleted);
                let event = AuditEvent::TenantOffboarded { tenant: tenant.clone(), keys, messages, records };
                self.hub.ledger.audit(auditor(actor), event);
                Response::Offboarded { keys, messages, records }
            }
            Err(why) => refused(&why),
        }
    }

    async fn end_tenant(&self, tenant: &EnterpriseId, actor: &Actor) -> Result<Destroyed, String> {
        let flow = &self.hub.flow;
        let until = clock::mono().plus(PATIENCE);
        while flow.tenant_load(tenant).messages > 0 {
            let at = clock::now();
            if !self.store(|turn, done| flow.end_messages(tenant, at, turn, done)).await {
                return Err("the journal fails".to_owned());
            }
            if at.mono > until {
                return Err("messages do not end; try again".to_owned());
            }
        }
        // What was agreed for it ends too; where nothing was, there is nothing to refuse.
        let _ = self.revoke_enterprise(tenant, actor).await;
        // Whoever is there may take his receipts, which reach the outboxes a moment after the ends.
        let until = clock::mono().plus(FAREWELL);
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if flow.tenant_load(tenant).deliveries == 0 || clock::mono() >= until {
                break;
            }
        }
        flow.drop_deliveries(tenant);
        let deleted = self.sweep(tenant).await?;
        let keys =
            self.keys.change(|draft| Ok(draft.drop_tenant(tenant))).map_err(|error| error.to_string())?;
        Ok(Destroyed { keys: wide(keys), deleted })
    }

    async fn sweep(&self, tenant: &EnterpriseId) -> Result<usize, String> {
        let (mut sweep, mut deleted) = (Sweep::default(), 0);
        loop {
            let mut found = Ok(None);
            let stored = self.store(|turn, done| {
                found = self.hub.flow.sweep(&*self.store, tenant, &mut sweep, turn, done);
            });
            // A sweep that is over hands nothing in.
            let stored = stored.await;
            match found {
                Ok(Some(count)) if stored => deleted += count,
                Ok(None) => return Ok(deleted),
                _ => return Err("the journal fails".to_owned()),
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
