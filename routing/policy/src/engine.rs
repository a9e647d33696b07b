//! The engine: a policy that is swapped whole, and beside it what is counted while it runs. It asks the rules in order and
//! stops at the first that does not allow; what has to be taken is taken last, and given back if nothing comes of it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use veilgate_names::{EnterpriseId, Gazetteer, MessageId, ObjectId, Reason, SubscriberKey, Timestamp};

use crate::balances::Balances;
use crate::contacts::{ContactRecord, Contacts};
use crate::decision::{Charge, Decision, Rule, Ruling, Stage, Verdict};
use crate::lists::Lists;
use crate::mistake::Mistake;
use crate::objects::Objects;
use crate::policy::Policy;
use crate::question::{Occasion, Person, Question};
use crate::quotas::Quotas;
use crate::rates::Rates;

mod inquiry;
#[cfg(test)]
mod tests;

use inquiry::Inquiry;

/// What is counted while policies come and go.
#[derive(Debug)]
pub struct State {
    /// How often persons were contacted.
    pub contacts: Contacts,
    /// How fast tenants and numbers send.
    pub rates: Rates,
    /// How much tenants sent today and this month.
    pub quotas: Quotas,
    /// What tenants have to spend.
    pub balances: Balances,
    /// The entries of black and white lists.
    pub lists: Lists,
}

/// See the module.
#[derive(Debug)]
pub struct Engine {
    policy: ArcSwap<Policy>,
    state: State,
}

/// A message that the anonymous rules allow, or put off.
#[derive(Debug)]
pub struct Screened {
    policy: Arc<Policy>,
    decision: Decision,
    lists: u64,
}

/// A message that all rules allow, or put off, with what was taken for it.
#[derive(Debug)]
pub struct Permit {
    /// What the CDR will say.
    pub decision: Arc<Decision>,
    /// The person's contact, if it was counted: to be written with the message.
    pub contact: Option<ContactRecord>,
    /// Whether the person's contact has been counted, now or before.
    pub is_counted: bool,
    /// The payer's balance has come below its mark.
    pub is_low: bool,
    /// The edition of the lists that were asked, or an earlier one.
    pub lists: u64,
}

/// What a message took.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// Its id.
    pub message: MessageId,
    /// Whose it is.
    pub enterprise: &'a EnterpriseId,
    /// Who it was for, as far as that is known.
    pub subscriber: Option<SubscriberKey>,
    /// Segments of quotas.
    pub segments: u16,
    /// What it was to cost.
    pub charge: Option<&'a Charge>,
    /// When that was taken.
    pub at: Timestamp,
}

/// A message that a rule refuses.
#[derive(Debug)]
pub struct Refusal {
    /// The inside reason.
    pub reason: Reason,
    /// Everything that was decided.
    pub decision: Box<Decision>,
}

impl Screened {
    /// The policy that was asked, and will be.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl State {
    /// Nothing was counted. `text_key` is as [`Contacts::new`] wants it.
    #[must_use]
    pub fn new(text_key: [u8; 16]) -> Self {
        Self {
            contacts: Contacts::new(text_key),
            rates: Rates::default(),
            quotas: Quotas::default(),
            balances: Balances::default(),
            lists: Lists::default(),
        }
    }
}

impl Engine {
    /// An engine with a first policy, compiled with the same state.
    #[must_use]
    pub fn new(state: State, policy: Policy) -> Self {
        Self { policy: ArcSwap::from_pointee(policy), state }
    }

    /// An engine that allows everything. `text_key` is as [`Contacts::new`] wants it.
    ///
    /// # Errors
    /// None that could happen: there is no object in which to find a [`Mistake`].
    pub fn without_rules(text_key: [u8; 16]) -> Result<Self, Mistake> {
        let state = State::new(text_key);
        let policy = Policy::compile(&Objects::default(), &Gazetteer::default(), &state, 0, None)?;
        Ok(Self::new(state, policy))
    }

    /// What is counted.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts another policy in force. What is asked from now on is asked of it.
    pub fn replace(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
    }

    /// The number of the policy in force.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.policy.load().number
    }

    /// Asks the anonymous rules.
    ///
    /// # Errors
    /// [`Refusal`] by the first that refuses. Rates stay taken if a later one does.
    pub fn screen(&self, question: &Question<'_>, occasion: Occasion) -> Result<Screened, Refusal> {
        self.screen_by(self.policy(), question, occasion)
    }

    /// Asks the anonymous rules of a policy that was in force a moment ago.
    ///
    /// # Errors
    /// As [`Self::screen`].
    pub fn screen_by(
        &self,
        policy: Arc<Policy>,
        question: &Question<'_>,
        occasion: Occasion,
    ) -> Result<Screened, Refusal> {
        let lists = self.state.lists.edition();
        let decision = Decision::allowed(policy.number);
        let mut inquiry = Inquiry::new(&self.state, &policy, question, occasion, decision);
        for rule in Rule::ALL.into_iter().filter(|rule| !rule.is_of_the_person()) {
            inquiry.ask(rule, None)?;
        }
        let decision = inquiry.decision;
        Ok(Screened { policy, decision, lists })
    }

    /// Asks the rules about the person, and takes what the message takes.
    ///
    /// # Errors
    /// [`Refusal`] by the first that refuses; nothing is taken then.
    pub fn clear(
        &self,
        screened: Screened,
        question: &Question<'_>,
        person: &Person,
        occasion: Occasion,
    ) -> Result<Permit, Refusal> {
        let Screened { policy, decision, lists } = screened;
        let mut inquiry = Inquiry::new(&self.state, &policy, question, occasion, decision);
        for rule in Rule::ALL.into_iter().filter(|rule| rule.is_of_the_person()) {
            if let Err(refused) = inquiry.ask(rule, Some(person)) {
                if inquiry.contact.is_some() {
                    let _ = self.state.contacts.refund(person.subscriber, occasion.message);
                }
                return Err(refused);
            }
        }
        let Inquiry { decision, contact, is_counted, is_low, .. } = inquiry;
        Ok(Permit { decision: Arc::new(decision), contact, is_counted, is_low, lists })
    }

    /// The text that a template makes of params, for a sender.
    ///
    /// # Errors
    /// [`Refusal`] by the rule for templates.
    pub fn render(
        &self,
        template: &ObjectId,
        params: Option<&str>,
        enterprise: &EnterpriseId,
    ) -> Result<String, Refusal> {
        let policy = self.policy.load_full();
        let chain = policy.tree.chain(enterprise);
        policy.content.render(template, params, chain).map_err(|finding| {
            let mut decision = Decision::allowed(policy.number);
            decision.put_off(Rule::Template, Ruling::refuse(Reason::Template, finding.object.cloned()));
            Refusal { reason: Reason::Template, decision: Box::new(decision) }
        })
    }

    /// Asks all rules, one after the other whatever they say, and takes nothing. Without a person only the anonymous ones;
    /// the rates never: whether they are used up is known by taking.
    #[must_use]
    pub fn explain(
        &self,
        question: &Question<'_>,
        person: Option<&Person>,
        occasion: Occasion,
    ) -> (Decision, Vec<Stage>) {
        let policy = self.policy.load_full();
        let decision = Decision::allowed(policy.number);
        let mut inquiry = Inquiry::new(&self.state, &policy, question, occasion, decision).dry();
        let mut stages = Vec::with_capacity(Rule::ALL.len());
        for rule in Rule::ALL {
            let is_asked = !matches!(rule, Rule::Rate | Rule::Concurrency);
            if is_asked && (person.is_some() || !rule.is_of_the_person()) {
                stages.push(Stage { rule, ruling: inquiry.find(rule, person) });
            }
        }
        let mut decision = inquiry.decision;
        for stage in &stages {
            if let Some(ruling) = &stage.ruling
                && !matches!(decision.verdict, Verdict::Refuse(_))
            {
                decision.put_off(stage.rule, ruling.clone());
            }
        }
        (decision, stages)
    }

    /// Gives back what was taken for a message that the gateway itself let down: its contact, its quota and what it was to
    /// cost. The record, if any, is to be written.
    #[must_use]
    pub fn give_back(&self, taken: &Taken<'_>) -> Option<ContactRecord> {
        let policy = self.policy.load();
        let chain = policy.tree.chain(taken.enterprise);
        policy.quotas.give_back(chain, u32::from(taken.segments), taken.at);
        if let Some(charge) = taken.charge {
            self.state.balances.release(charge, taken.at);
        }
        self.state.contacts.refund(taken.subscriber?, taken.message)
    }
}
