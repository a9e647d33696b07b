//! What tenants pay in, by command, and who is low.

use std::sync::Arc;
use std::time::Duration;

use veilgate_ledger::{Actor as Auditor, AuditEvent};
use veilgate_names::ObjectId;
use veilgate_policy::{Engine, Payer, Policy, Topped};

use super::auditor;
use crate::admin::{Actor, BalanceShown, PaymentAsked, Response};
use crate::app::App;
use crate::clock;
use crate::telemetry::events::{BalanceChanged, BalanceLow};

/// How often it is looked who has become low.
const LOOK: Duration = Duration::from_secs(1);

impl App {
    /// Pays in, or takes out; durable when this is answered, and once for a reference.
    pub(super) async fn pay(&self, asked: PaymentAsked, actor: &Actor) -> Response {
        let engine = Arc::clone(&self.hub.flow.gate().policy);
        let policy = engine.policy();
        let Some(payer) = payer(&policy, &asked.tenant) else {
            return self.unpaid(&asked, "there is no such tenant, or it does not pay", actor);
        };
        match engine.state().balances.top_up(payer, &asked.reference, asked.millis, clock::wall()) {
            Err(refused) => self.unpaid(&asked, &refused.to_string(), actor),
            Ok(Topped::Known) => Response::Paid { known: true, balance: shown(&engine, payer) },
            Ok(Topped::New(top_up)) => {
                let (flow, counting) = (&self.hub.flow, Arc::clone(&engine));
                let durable = self.store(move |turn, done| {
                    flow.write_balance(&top_up.record, turn);
                    let count = move |durable| {
                        let balances = &counting.state().balances;
                        if durable {
                            balances.topped_up(top_up)
                        } else {
                            balances.top_up_failed(top_up)
                        }
                        done(durable);
                    };
                    flow.notify(turn, Box::new(count));
                });
                if !durable.await {
                    return self.unpaid(&asked, "not paid: the journal fails", actor);
                }
                self.paid(&asked, actor);
                Response::Paid { known: false, balance: shown(&engine, payer) }
            }
        }
    }

    /// How those that pay stand, or one of them.
    pub(super) fn balances(&self, tenant: Option<&ObjectId>) -> Response {
        let engine = &self.hub.flow.gate().policy;
        let policy = engine.policy();
        let payers = policy.tree().iter().filter(|(_, id, _)| tenant.is_none_or(|tenant| tenant == *id));
        let balances: Vec<_> =
            payers.filter_map(|(_, id, _)| payer(&policy, id)).map(|payer| shown(engine, payer)).collect();
        if tenant.is_some() && balances.is_empty() {
            return Response::refused("there is no such tenant, or it does not pay");
        }
        Response::Balances { balances }
    }

    fn paid(&self, asked: &PaymentAsked, actor: &Actor) {
        let PaymentAsked { tenant, reference, millis } = asked.clone();
        let amount = millis.unsigned_abs();
        let (taken_out, event) = if millis < 0 {
            (true, AuditEvent::BalanceTakenOut { tenant: tenant.clone(), reference, millis: amount })
        } else {
            (false, AuditEvent::BalancePaidIn { tenant: tenant.clone(), reference, millis: amount })
        };
        self.hub.ledger.audit(auditor(actor), event);
        BalanceChanged { tenant, taken_out, actor_uid: actor.uid }.emit(&self.hub.telemetry);
    }

    fn unpaid(&self, asked: &PaymentAsked, why: &str, actor: &Actor) -> Response {
        let PaymentAsked { tenant, reference, .. } = asked.clone();
        self.hub.ledger.audit(auditor(actor), AuditEvent::BalanceRefused { tenant, reference });
        Response::refused(why)
    }

    /// Tells of everybody whose balance has come below its mark.
    fn tell_of_low_balances(&self) {
        for tenant in self.hub.flow.gate().policy.state().balances.crossings() {
            self.hub.ledger.audit(Auditor::System, AuditEvent::BalanceLow { tenant: tenant.clone() });
            BalanceLow { tenant }.emit(&self.hub.telemetry);
        }
    }
}

/// Looks each second who has become low, until the gateway drains.
pub(crate) async fn keep_told(app: Arc<App>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = ticks.tick() => app.tell_of_low_balances(),
            () = &mut stop => return app.tell_of_low_balances(),
        }
    }
}

/// The tenant, if it pays itself.
fn payer<'a>(policy: &'a Policy, tenant: &ObjectId) -> Option<&'a Payer> {
    let index = policy.tree().index(tenant)?;
    policy.plans().payer(policy.tree().chain_of(index)).filter(|payer| payer.id == *tenant)
}

fn shown(engine: &Engine, payer: &Payer) -> BalanceShown {
    let balance = engine.state().balances.balance(payer);
    BalanceShown {
        tenant: payer.id.clone(),
        paid_in: balance.paid_in,
        charged: balance.charged,
        reserved: balance.reserved,
        credit: balance.credit,
        available: balance.available,
    }
}
