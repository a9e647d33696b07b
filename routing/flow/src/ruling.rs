//! What the carrier's rules say of a message: asked when it comes, asked again when it has waited, and kept with it until
//! its CDR is written.

use std::sync::Arc;

use veilgate_identity::Contact;
use veilgate_names::{EnterpriseId, ListKey, MessageId, ObjectId, Reason, Service, ServiceNumber, Timestamp};
use veilgate_policy::{Decision, Occasion, Permit, Person, Policy, Question, Screened, Verdict};
use veilgate_smpp::text::encoding::{DefaultAlphabet, decode_text};

use crate::flow::Gate;
use crate::live::{Body, Live, Moment, NOT_COUNTED};
use crate::split::segments_of;

mod record;
#[cfg(test)]
mod tests;

/// How long what was decided need not be asked again, in milliseconds.
const FRESH_MS: i64 = 1000;

/// Stands for not since the start.
pub(crate) const NEVER: Timestamp = Timestamp(i64::MIN);

/// What was decided about a message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ruled {
    pub(crate) decision: Arc<Decision>,
    /// The person's contact was counted.
    pub(crate) is_counted: bool,
    pub(crate) review: Review,
    /// It was put off, and its sender named no time: it may leave as soon as the rules let it.
    pub(crate) may_leave_early: bool,
    /// When it was asked last; not kept over a restart.
    pub(crate) asked_at: Timestamp,
    /// Of which edition of the lists; not kept over a restart.
    pub(crate) lists: u64,
}

/// Whether staff have to look at a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Review {
    /// No.
    #[default]
    None,
    /// They have to; until then it waits.
    Waiting,
    /// They did, and let it pass.
    Passed,
}

/// What a message that is about to leave may do.
#[derive(Debug)]
pub(crate) enum Leave {
    /// Go.
    Now,
    /// Go, if nothing else happens, from then on.
    Later(Timestamp),
    /// Not go.
    Never(Reason),
}

/// What is asked about a message, with its text.
pub(crate) struct Asked<'a> {
    pub(crate) enterprise: &'a EnterpriseId,
    pub(crate) number: ServiceNumber,
    pub(crate) text: Option<String>,
    pub(crate) template: Option<&'a ObjectId>,
    pub(crate) params: Option<&'a str>,
    pub(crate) segments: u16,
}

impl Asked<'_> {
    pub(crate) fn question(&self) -> Question<'_> {
        Question {
            service: Service::Sms,
            enterprise: self.enterprise,
            number: self.number,
            text: self.text.as_deref(),
            template: self.template,
            params: self.params,
            segments: self.segments,
        }
    }
}

/// The text of a message; `None` for data that is none, and for what does not decode.
pub(crate) fn text_of(body: &Body) -> Option<String> {
    let text =
        if body.has_header() { body.text.get(usize::from(*body.text.first()?) + 1..)? } else { &*body.text };
    decode_text(body.data_coding, text, DefaultAlphabet::Gsm7).ok()
}

/// A message's first occasion.
pub(crate) fn first(message: MessageId, scheduled_at: Option<Timestamp>, at: Moment) -> Occasion {
    Occasion {
        wall: at.wall,
        mono: at.mono,
        scheduled_at,
        is_first: true,
        is_counted: false,
        is_reviewed: false,
        message,
    }
}

/// The same, if a rule may want to know it.
pub(crate) fn text_for(policy: &Policy, body: &Body, template: Option<&ObjectId>) -> Option<String> {
    if policy.reads_texts() || template.is_some() { text_of(body) } else { None }
}

/// Who somebody is to the rules of a policy. The key is made of the number, and dear: nobody is on no list.
pub(crate) fn person(contact: &Contact, gate: &Gate, policy: &Policy) -> Person {
    Person {
        subscriber: contact.subscriber(),
        listed: if policy.asks_lists() { gate.identity.list_key(contact) } else { ListKey(0) },
        place: contact.place(),
    }
}

impl Ruled {
    /// Nothing was asked yet: of a message of before there were rules.
    pub(crate) fn unasked(at: Timestamp) -> Self {
        let (is_counted, review) = (false, Review::None);
        Self {
            decision: Arc::new(Decision::unasked()),
            is_counted,
            review,
            may_leave_early: false,
            asked_at: at,
            lists: 0,
        }
    }

    /// The same, of a part of a text that names a template.
    pub(crate) fn naming(template: Option<ObjectId>, at: Timestamp) -> Self {
        let decision = Arc::new(Decision { template, ..Decision::unasked() });
        Self { decision, ..Self::unasked(at) }
    }

    pub(crate) fn new(permit: &Permit, before: Review, at: Timestamp) -> Self {
        let review = if permit.decision.verdict == Verdict::Hold { Review::Waiting } else { before };
        Self {
            decision: Arc::clone(&permit.decision),
            is_counted: permit.is_counted,
            review,
            may_leave_early: matches!(permit.decision.verdict, Verdict::Defer(_)),
            asked_at: at,
            lists: permit.lists,
        }
    }

    /// Whether the rules have to be asked again before the message leaves.
    fn is_stale(&self, gate: &Gate, now: Timestamp) -> bool {
        !self.is_counted
            || self.decision.policy != gate.policy.number()
            || self.lists != gate.policy.state().lists.edition()
            || !(0..FRESH_MS).contains(&now.0.saturating_sub(self.asked_at.0))
    }
}

/// Asks the rules again about a message that is about to leave, if it has waited. What they take or change is in `live`
/// afterwards; a contact that is counted now is handed to `counted`.
pub(crate) fn ask_again(
    live: &mut Live,
    gate: &Gate,
    at: Moment,
    counted: impl FnOnce(veilgate_policy::ContactRecord),
) -> Leave {
    let (Some(body), Some((contact, _))) = (&live.body, &live.contact) else { return Leave::Now };
    // No rule is about the gateway's own messages, and parts go with their text.
    if live.counted_on == NOT_COUNTED || live.is_part() || !live.ruled.is_stale(gate, at.wall) {
        return Leave::Now;
    }
    let template = live.ruled.decision.template.clone();
    let policy = gate.policy.policy();
    let asked = Asked {
        enterprise: live.authorization.enterprise(),
        number: live.service_number,
        text: text_for(&policy, body, template.as_ref()),
        template: template.as_ref(),
        params: None,
        segments: segments_of(body).into(),
    };
    let occasion = Occasion {
        is_first: false,
        is_counted: live.ruled.is_counted,
        is_reviewed: live.ruled.review == Review::Passed,
        ..first(live.id, None, at)
    };
    let question = asked.question();
    let screened = gate.policy.screen_by(policy, &question, occasion);
    let permit = screened.and_then(|screened| clear(screened, &question, contact, gate, occasion));
    match permit {
        Err(refusal) => Leave::Never(refusal.reason),
        Ok(permit) => {
            let verdict = permit.decision.verdict;
            let charge = live.ruled.decision.charge.clone();
            let mut ruled = Ruled::new(&permit, live.ruled.review, at.wall);
            // What was reserved when it came is what it costs.
            if ruled.decision.charge != charge {
                ruled.decision = Arc::new(Decision { charge, ..(*ruled.decision).clone() });
            }
            live.ruled = ruled;
            if let Some(contact) = permit.contact {
                counted(contact);
            }
            match verdict {
                Verdict::Defer(until) if until >= live.expires_at => Leave::Never(Reason::WindowCategory),
                Verdict::Defer(until) => Leave::Later(until),
                Verdict::Hold => Leave::Later(live.expires_at),
                Verdict::Allow | Verdict::Refuse(_) => Leave::Now,
            }
        }
    }
}

fn clear(
    screened: Screened,
    question: &Question<'_>,
    contact: &Contact,
    gate: &Gate,
    occasion: Occasion,
) -> Result<Permit, veilgate_policy::Refusal> {
    let person = person(contact, gate, screened.policy());
    gate.policy.clear(screened, question, &person, occasion)
}
