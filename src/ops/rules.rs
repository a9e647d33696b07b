//! What every rule says of a message, for staff: nothing is taken, and neither text nor person is told.

use veilgate_flow::{Before, Explained, Supposed, Unexplained};
use veilgate_ledger::{AuditEvent, RulesAct};
use veilgate_names::{MessageId, ObjectId, Reason, ServiceNumber, Timestamp};
use veilgate_policy::{Charge, Decision, Rule, Ruling, Stage, Verdict};

use super::auditor;
use crate::admin::{
    Actor, ChargeTold, DecidedBefore, Response, RuleSaid, RulesAsked, RulesExplained, Secret, SupposedAsked,
};
use crate::app::App;
use crate::clock;

impl App {
    /// Asks all rules about a message that could come, or that waits.
    pub(super) fn explain_rules(&self, asked: &RulesAsked, actor: &Actor) -> Response {
        let explained = match asked {
            RulesAsked::Supposed(supposed) => self.explain_supposed(supposed, actor),
            RulesAsked::Message(id) => self.explain_message(*id, actor).map_err(|error| error.to_string()),
        };
        match explained {
            Ok(explained) => Response::RulesExplained(Box::new(told(&explained))),
            Err(why) => Response::refused(&why),
        }
    }

    fn explain_supposed(&self, asked: &SupposedAsked, actor: &Actor) -> Result<Explained, String> {
        let now = clock::now();
        let wall = match asked.at.as_deref().map(Timestamp::parse) {
            None => now.wall,
            Some(at) => at.map_err(|_| "at: expected a time such as 2026-03-01T09:30:00+08:00")?,
        };
        let supposed = Supposed {
            enterprise: &asked.enterprise,
            number: ServiceNumber::parse(&asked.number).map_err(|_| "number: not a service number")?,
            text: asked.text.as_ref().map(Secret::expose),
            template: asked.template.as_ref(),
            params: asked.params.as_ref().map(Secret::expose),
            authorization: asked.authorization.as_ref(),
        };
        let explained = self.hub.flow.explain(&supposed, wall, now).map_err(|error| error.to_string())?;
        let (enterprise, authorization) = (Some(asked.enterprise.clone()), asked.authorization.clone());
        self.audit_explanation(RulesAct::Explained { message: None, enterprise, authorization }, actor);
        Ok(explained)
    }

    fn explain_message(&self, id: MessageId, actor: &Actor) -> Result<Explained, Unexplained> {
        let explained = self.hub.flow.explain_message(&*self.store, id, clock::now())?;
        let (message, enterprise, authorization) = (Some(id), None, None);
        self.audit_explanation(RulesAct::Explained { message, enterprise, authorization }, actor);
        Ok(explained)
    }

    fn audit_explanation(&self, act: RulesAct, actor: &Actor) {
        self.hub.ledger.audit(auditor(actor), AuditEvent::Rules(act));
    }
}

fn told(explained: &Explained) -> RulesExplained {
    let Explained { decision, stages, consent, before } = explained;
    let verdict = Ruling { verdict: decision.verdict, object: decision.object.clone() };
    RulesExplained {
        decision: said(decision.rule, Some(&verdict)),
        policy: decision.policy,
        category: decision.category.name().to_owned(),
        signature: name(decision.signature.as_ref()),
        template: name(decision.template.as_ref()),
        flagged: decision.flagged,
        charge: decision.charge.as_ref().map(charge),
        consent: consent.map(|consent| consent.err().map_or("allow", Reason::name).to_owned()),
        rules: Rule::ALL.into_iter().map(|rule| of_rule(rule, stages)).collect(),
        before: before.as_ref().map(decided_before),
    }
}

fn of_rule(rule: Rule, stages: &[Stage]) -> RuleSaid {
    match stages.iter().find(|stage| stage.rule == rule) {
        Some(stage) => said(Some(rule), stage.ruling.as_ref()),
        None => RuleSaid { says: "not-asked".to_owned(), ..said(Some(rule), None) },
    }
}

fn said(rule: Option<Rule>, ruling: Option<&Ruling>) -> RuleSaid {
    let (says, until, reason) = match ruling.map_or(Verdict::Allow, |ruling| ruling.verdict) {
        Verdict::Allow => ("allow", None, None),
        Verdict::Defer(until) => ("defer", Some(until.to_string()), None),
        Verdict::Hold => ("hold", None, None),
        Verdict::Refuse(reason) => ("refuse", None, Some(reason.name().to_owned())),
    };
    let object = name(ruling.and_then(|ruling| ruling.object.as_ref()));
    RuleSaid { rule: rule.map(|rule| rule.name().to_owned()), says: says.to_owned(), until, reason, object }
}

fn decided_before(before: &Before) -> DecidedBefore {
    let Decision { policy, rule, object, category, charge: reserved, .. } = &*before.decision;
    let review = match (before.waits_for_review, before.is_passed) {
        (true, _) => "waiting",
        (_, true) => "passed",
        _ => "none",
    };
    DecidedBefore {
        accepted_at: before.accepted_at.to_string(),
        scheduled_at: before.scheduled_at.map(|at| at.to_string()),
        policy: *policy,
        rule: rule.map(|rule| rule.name().to_owned()),
        object: name(object.as_ref()),
        category: category.name().to_owned(),
        review: review.to_owned(),
        counted: before.is_counted,
        charge: reserved.as_ref().map(charge),
    }
}

fn charge(charge: &Charge) -> ChargeTold {
    let Charge { payer, plan, millis, .. } = charge;
    ChargeTold { payer: payer.to_string(), plan: plan.to_string(), millis: *millis }
}

fn name(object: Option<&ObjectId>) -> Option<String> {
    object.map(ToString::to_string)
}
