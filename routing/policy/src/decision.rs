//! What the engine says of a message or call, and by which rule. The rules stand here in the order in which they are
//! asked: cheap and anonymous first, what concerns the person last, what has to be taken (frequency, balance) at the end.

use veilgate_names::{Category, ObjectId, Place, Reason, Service, Timestamp};

use crate::rating::Billing;

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on.
    Allow,
    /// It may leave from then on, and is asked about again then.
    Defer(Timestamp),
    /// It waits until staff have looked at it, or its validity ends.
    Hold,
    /// It may not; the reason is the inside one.
    Refuse(Reason),
}

/// The rules, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// The tenant and everyone above it are active and may use the service.
    Tenant,
    /// The service or display number may be used for this, in this direction.
    Number,
    /// Rates of the gateway, the tenants above, the number and the signature.
    Rate,
    /// 【】.
    Signature,
    /// The template fits, with what was put into it.
    Template,
    /// Advertising says how to refuse it.
    OptOutWording,
    /// Sensitive words.
    Words,
    /// The hours of category and tenant.
    Window,
    /// Black lists.
    Lists,
    /// Where the person is at home, and the hours there.
    Region,
    /// How often the person was contacted, and with the same text.
    Frequency,
    /// Calls at the same time.
    Concurrency,
    /// The balance of whoever pays.
    Balance,
}

impl Rule {
    /// All of them, in order.
    pub const ALL: [Self; 13] = [
        Self::Tenant,
        Self::Number,
        Self::Rate,
        Self::Signature,
        Self::Template,
        Self::OptOutWording,
        Self::Words,
        Self::Window,
        Self::Lists,
        Self::Region,
        Self::Frequency,
        Self::Concurrency,
        Self::Balance,
    ];

    /// Its name in CDRs, explanations and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Number => "number",
            Self::Rate => "rate",
            Self::Signature => "signature",
            Self::Template => "template",
            Self::OptOutWording => "opt_out_wording",
            Self::Words => "words",
            Self::Window => "window",
            Self::Lists => "lists",
            Self::Region => "region",
            Self::Frequency => "frequency",
            Self::Concurrency => "concurrency",
            Self::Balance => "balance",
        }
    }

    /// Whether it needs to know who the person is; all behind the first such do.
    #[must_use]
    pub const fn is_of_the_person(self) -> bool {
        self as u8 >= Self::Lists as u8
    }
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What becomes of the message as far as this rule goes.
    pub verdict: Verdict,
    /// The object behind it: the word list, the limit, the window. Never a word or an entry of a list.
    pub object: Option<ObjectId>,
}

/// One rule of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The rule.
    pub rule: Rule,
    /// What it says; `None` if it has nothing against it.
    pub ruling: Option<Ruling>,
}

/// A decision, as it stands in the CDR and in an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of it.
    pub verdict: Verdict,
    /// The rule that said so; `None` if all allowed it.
    pub rule: Option<Rule>,
    /// The object behind it: the word list, the limit, the window. Never a word or an entry of a list.
    pub object: Option<ObjectId>,
    /// Which policy it was: counts up with every change since the first start.
    pub policy: u64,
    /// What the message is for.
    pub category: Category,
    /// Its signature's object.
    pub signature: Option<ObjectId>,
    /// Its template.
    pub template: Option<ObjectId>,
    /// A word list marked it.
    pub flagged: bool,
    /// Where the person is at home, once that is known.
    pub place: Option<Place>,
    /// What it costs.
    pub charge: Option<Charge>,
}

impl Ruling {
    /// A refusal.
    #[must_use]
    pub const fn refuse(reason: Reason, object: Option<ObjectId>) -> Self {
        Self { verdict: Verdict::Refuse(reason), object }
    }
}

impl Decision {
    /// Of what no rule was asked about.
    #[must_use]
    pub fn unasked() -> Self {
        Self::allowed(0)
    }

    /// Allowed so far.
    pub(crate) fn allowed(policy: u64) -> Self {
        Self {
            verdict: Verdict::Allow,
            rule: None,
            object: None,
            policy,
            category: Category::Notice,
            signature: None,
            template: None,
            flagged: false,
            place: None,
            charge: None,
        }
    }

    /// What a rule says against it: a refusal counts, else the longest deferral; waiting for staff is longer than any.
    pub(crate) fn put_off(&mut self, rule: Rule, ruling: Ruling) {
        let longer = match (self.verdict, ruling.verdict) {
            (Verdict::Allow, _) | (_, Verdict::Refuse(_)) => true,
            (Verdict::Defer(held), Verdict::Defer(until)) => until > held,
            (Verdict::Defer(_), Verdict::Hold) => true,
            _ => false,
        };
        if longer {
            (self.verdict, self.rule, self.object) = (ruling.verdict, Some(rule), ruling.object);
        }
    }
}

/// What a message or call costs, and whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The tenant that pays.
    pub payer: ObjectId,
    /// By which plan.
    pub plan: ObjectId,
    /// In thousandths of a yuan (厘).
    pub millis: u64,
    /// Which service it is for.
    pub service: Service,
    /// Segments, or begun steps of talking.
    pub units: u32,
    /// When it falls due.
    pub billing: Billing,
}
