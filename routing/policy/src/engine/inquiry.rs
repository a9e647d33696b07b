//! One question on its way through the rules.

use veilgate_names::{Category, Reason};

use super::{Refusal, State};
use crate::balances::Standing;
use crate::contacts::{Contact, ContactRecord};
use crate::content::{Consequence, Finding, Judged};
use crate::decision::{Charge, Decision, Rule, Ruling, Verdict};
use crate::lists::ListQuestion;
use crate::numbers::Direction;
use crate::policy::Policy;
use crate::question::{Occasion, Person, Question};
use crate::tenants::Chain;

/// See the module.
pub(super) struct Inquiry<'a> {
    state: &'a State,
    policy: &'a Policy,
    question: &'a Question<'a>,
    chain: Chain<'a>,
    occasion: Occasion,
    /// Nothing is taken.
    is_dry: bool,
    /// A white list lifts frequency.
    is_lifted: bool,
    judged: Option<Judged<'a>>,
    /// All that is against the text; only where nothing is taken.
    findings: Vec<Finding<'a>>,
    pub(super) decision: Decision,
    pub(super) contact: Option<ContactRecord>,
    pub(super) is_counted: bool,
    pub(super) is_low: bool,
}

impl<'a> Inquiry<'a> {
    pub(super) fn new(
        state: &'a State,
        policy: &'a Policy,
        question: &'a Question<'a>,
        occasion: Occasion,
        decision: Decision,
    ) -> Self {
        Self {
            state,
            policy,
            question,
            chain: policy.tree.chain(question.enterprise),
            is_counted: occasion.is_counted,
            occasion,
            is_dry: false,
            is_lifted: false,
            judged: None,
            findings: Vec::new(),
            decision,
            contact: None,
            is_low: false,
        }
    }

    /// The same, taking nothing.
    pub(super) fn dry(self) -> Self {
        Self { is_dry: true, ..self }
    }

    /// Asks one rule and writes down what it says.
    pub(super) fn ask(&mut self, rule: Rule, person: Option<&Person>) -> Result<(), Refusal> {
        let Some(ruling) = self.find(rule, person) else { return Ok(()) };
        self.decision.put_off(rule, ruling);
        match self.decision.verdict {
            Verdict::Refuse(reason) => Err(Refusal { reason, decision: Box::new(self.decision.clone()) }),
            _ => Ok(()),
        }
    }

    /// What a rule says; `None` if it has nothing against it.
    pub(super) fn find(&mut self, rule: Rule, person: Option<&Person>) -> Option<Ruling> {
        match (rule, person) {
            (Rule::Tenant, _) => self.tenant(),
            (Rule::Number, _) => self.number(),
            (Rule::Rate, _) => self.rate(),
            (Rule::Signature | Rule::Template | Rule::OptOutWording | Rule::Words, _) => self.content(rule),
            (Rule::Window, _) => self.window(None),
            (Rule::Lists, Some(person)) => self.lists(person),
            (Rule::Region, Some(person)) => self.region(person),
            (Rule::Frequency, Some(person)) => self.frequency(person),
            (Rule::Balance, Some(_)) => self.balance(),
            _ => None,
        }
    }

    fn tenant(&self) -> Option<Ruling> {
        let (reason, id) = self.policy.tree.shut(self.chain)?;
        Some(Ruling::refuse(reason, Some(id.clone())))
    }

    fn number(&mut self) -> Option<Ruling> {
        let Question { number, service, .. } = *self.question;
        match self.policy.numbers.check(number, self.chain, service, Direction::Outbound, None) {
            Ok(allotted) => {
                self.decision.category = allotted.category;
                None
            }
            Err((reason, id)) => Some(Ruling::refuse(reason, Some(id.clone()))),
        }
    }

    fn rate(&self) -> Option<Ruling> {
        if self.is_dry || !self.occasion.is_first {
            return None;
        }
        let Question { number, service, segments, .. } = *self.question;
        let allotted =
            self.policy.numbers.check(number, self.chain, service, Direction::Outbound, None).ok()?;
        let more = allotted.limit.as_slice();
        let taken = self.policy.rates.take(self.chain, more, u32::from(segments), self.occasion.mono);
        taken.err().map(|(reason, id)| Ruling::refuse(reason, Some(id)))
    }

    fn judge(&mut self) -> Judged<'a> {
        let requirements = self.policy.tree.requirements(self.chain);
        let (category, now) = (self.decision.category, self.occasion.wall);
        let content = &self.policy.content;
        if self.is_dry {
            self.findings = content.findings(self.question, self.chain, requirements, category, now);
        }
        *self.judged.insert(content.judge(self.question, self.chain, requirements, category, now))
    }

    /// All of what the text says is judged at once, when the first of its rules is asked.
    fn content(&mut self, rule: Rule) -> Option<Ruling> {
        let judged = match self.judged {
            Some(judged) => judged,
            None => self.judge(),
        };
        if rule == Rule::Signature {
            self.decision.category = judged.category.unwrap_or(self.decision.category);
            self.decision.signature = judged.signature.cloned();
            self.decision.template = judged.template.cloned();
            self.decision.flagged = judged.flagged;
        }
        let findings = if self.is_dry { &self.findings } else { judged.finding.as_slice() };
        if let Some(finding) = findings.iter().find(|finding| finding.rule == rule) {
            let object = finding.object.cloned();
            return match finding.consequence {
                Consequence::Block => Some(Ruling::refuse(reason(rule), object)),
                Consequence::Hold if self.occasion.is_reviewed => None,
                Consequence::Hold => Some(Ruling { verdict: Verdict::Hold, object }),
            };
        }
        match rule {
            Rule::Signature => self.signature_rate(),
            Rule::Template => self.category(self.decision.category),
            _ => None,
        }
    }

    fn signature_rate(&self) -> Option<Ruling> {
        let signature =
            self.decision.signature.as_ref().filter(|_| !self.is_dry && self.occasion.is_first)?;
        let (segments, now) = (self.question.segments.into(), self.occasion.mono);
        let taken = self.policy.signature_rates.take(signature, segments, now);
        taken.err().map(|(reason, id)| Ruling::refuse(reason, Some(id)))
    }

    /// What the message is for is known now.
    fn category(&self, category: Category) -> Option<Ruling> {
        let Question { number, service, .. } = *self.question;
        let tree = &self.policy.tree;
        if !tree.permits(self.chain, service, category) {
            let by = tree.forbidden_by(self.chain, service, category).cloned();
            return Some(Ruling::refuse(Reason::NotPermitted, by));
        }
        let checked =
            self.policy.numbers.check(number, self.chain, service, Direction::Outbound, Some(category));
        checked.err().map(|(reason, id)| Ruling::refuse(reason, Some(id.clone())))
    }

    fn window(&self, person: Option<&Person>) -> Option<Ruling> {
        let (service, category) = (self.question.service, self.decision.category);
        let place = person.and_then(|person| person.place);
        let windows = &self.policy.windows;
        let outside = windows.check(service, category, self.chain, place, self.occasion.leaves_at())?;
        let verdict = outside.until.map_or(Verdict::Refuse(outside.reason), Verdict::Defer);
        Some(Ruling { verdict, object: Some(outside.object) })
    }

    fn lists(&mut self, person: &Person) -> Option<Ruling> {
        let asked = ListQuestion {
            key: person.listed,
            service: self.question.service,
            category: self.decision.category,
            chain: self.chain,
            signature: self.decision.signature.as_ref(),
            number: self.question.number,
        };
        let listed = self.policy.lists.check(&asked, self.occasion.wall);
        self.is_lifted = listed.white;
        listed.black.map(|(reason, id)| Ruling::refuse(reason, Some(id)))
    }

    fn region(&mut self, person: &Person) -> Option<Ruling> {
        let Question { number, service, .. } = *self.question;
        let category = self.decision.category;
        self.decision.place = person.place;
        match self.policy.regions.check(service, category, self.chain, number, person.place) {
            Some(id) => Some(Ruling::refuse(Reason::Region, Some(id))),
            None => person.place.and_then(|_| self.window(Some(person))),
        }
    }

    /// What leaves later is counted when it leaves.
    fn frequency(&mut self, person: &Person) -> Option<Ruling> {
        if self.is_counted {
            return None;
        }
        let (contacts, limits) = (&self.state.contacts, &self.policy.limits);
        let contact = Contact {
            id: self.occasion.message,
            service: self.question.service,
            category: self.decision.category,
            enterprise: self.question.enterprise,
            signature: self.decision.signature.as_ref(),
            template: self.decision.template.as_ref(),
            text: self.question.text.filter(|_| self.policy.marks_texts).map(|text| contacts.mark(text)),
        };
        let (subscriber, lifted, now) = (person.subscriber, self.is_lifted, self.occasion.wall);
        let counted = if self.is_dry {
            contacts.check(subscriber, &contact, limits, lifted, now).map(|()| None)
        } else if self.decision.verdict == Verdict::Allow && !self.occasion.leaves_later() {
            self.is_counted = true;
            contacts.count(subscriber, &contact, limits, lifted, now)
        } else {
            Ok(None)
        };
        match counted {
            Ok(record) => {
                self.contact = record;
                None
            }
            Err(exceeded) => Some(Ruling::refuse(exceeded.reason, Some(exceeded.limit))),
        }
    }

    /// What was reserved once stays reserved until the message ends.
    fn balance(&mut self) -> Option<Ruling> {
        let segments = u32::from(self.question.segments);
        let (category, at) = (self.decision.category, self.occasion.wall);
        let balances = &self.state.balances;
        let volume = |payer: &_| balances.volume(payer, at);
        let charge = match self.policy.plans.price(self.chain, category, segments, at, volume) {
            Ok(charge) => charge,
            Err((reason, id)) => return Some(Ruling::refuse(reason, Some(id))),
        };
        if !self.occasion.is_first {
            return None;
        }
        if self.is_dry {
            return self.balance_now(charge);
        }
        if let Err((reason, id)) = self.policy.quotas.take(self.chain, segments, at) {
            return Some(Ruling::refuse(reason, Some(id)));
        }
        let (payer, charged) = self.policy.plans.payer(self.chain).zip(charge.as_ref())?;
        match balances.reserve(payer, charged, at) {
            Ok(standing) => {
                self.is_low = standing == Standing::Low;
                self.decision.charge = charge;
                None
            }
            Err(reason) => {
                self.policy.quotas.give_back(self.chain, segments, at);
                Some(Ruling::refuse(reason, Some(payer.id.clone())))
            }
        }
    }
}

/// What would be taken, without taking it.
impl Inquiry<'_> {
    fn balance_now(&mut self, charge: Option<Charge>) -> Option<Ruling> {
        let (segments, at) = (u32::from(self.question.segments), self.occasion.wall);
        if let Err((reason, id)) = self.policy.quotas.check(self.chain, segments, at) {
            return Some(Ruling::refuse(reason, Some(id)));
        }
        let payer = self.policy.plans.payer(self.chain);
        self.decision.charge = charge;
        let (payer, charge) = payer.zip(self.decision.charge.as_ref())?;
        let left = self.state.balances.balance(payer).available;
        let is_enough = i64::try_from(charge.millis).is_ok_and(|millis| millis <= left);
        (!is_enough).then(|| Ruling::refuse(Reason::Balance, Some(payer.id.clone())))
    }
}

const fn reason(rule: Rule) -> Reason {
    match rule {
        Rule::Signature => Reason::Signature,
        Rule::Words => Reason::Word,
        _ => Reason::Template,
    }
}
