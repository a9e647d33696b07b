//! What all the carrier's rules say of a message, for staff: of one that could come, and of one that waits. Nothing is
//! taken, nobody is pinned, and no text comes out.

use std::sync::Arc;

use veilgate_admission::Registered;
use veilgate_identity::Asking;
use veilgate_names::{
    AuthorizationId, EnterpriseId, MessageId, ObjectId, Octets, Reason, Service, ServiceNumber, Timestamp,
};
use veilgate_policy::{Decision, Occasion, Person, Stage};
use veilgate_smpp::text::encoding::{DefaultAlphabet, encode_text};
use veilgate_store::{Space, Store};

use crate::flow::Flow;
use crate::live::{Body, Moment};
use crate::ruling::{Asked, Review, Ruled, first, person, text_of};
use crate::service::ServiceType;
use crate::split::segments_of;

/// A message that could come.
#[derive(Clone, Copy)]
pub struct Supposed<'a> {
    /// Whose it would be.
    pub enterprise: &'a EnterpriseId,
    /// The service number it would come from.
    pub number: ServiceNumber,
    /// Its text; without one it is made of its template.
    pub text: Option<&'a str>,
    /// The template it would name.
    pub template: Option<&'a ObjectId>,
    /// What would go into the template, JSON.
    pub params: Option<&'a str>,
    /// Under which authorization it would come; without one nobody is asked about a person.
    pub authorization: Option<&'a AuthorizationId>,
}

/// What all rules say of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// What comes of it.
    pub decision: Decision,
    /// What each rule says that was asked, in order.
    pub stages: Vec<Stage>,
    /// Whether the authorization, the feed and the person's own refusals let it through; `None` without authorization.
    pub consent: Option<Result<(), Reason>>,
    /// What was decided when it was asked last; of a message that could come, nothing.
    pub before: Option<Before>,
}

/// What was decided about a message that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Before {
    /// By the rules. It was allowed or put off; what by is its rule and object.
    pub decision: Arc<Decision>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Not to be sent before.
    pub scheduled_at: Option<Timestamp>,
    /// The person's contact was counted.
    pub is_counted: bool,
    /// Staff have to look at it.
    pub waits_for_review: bool,
    /// Staff let it pass.
    pub is_passed: bool,
}

/// Why nothing can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    /// No such authorization.
    #[error("there is no such authorization")]
    NoAuthorization,
    /// It is another's.
    #[error("the authorization is another enterprise's")]
    NotTheirs,
    /// No message of this id, or it has ended.
    #[error("no message of this id waits or is under way")]
    NoMessage,
    /// The store cannot be read.
    #[error("the journal cannot be read")]
    Store,
}

impl Flow {
    /// Asks all rules about a message that would come at `wall`. Whoever is meant is looked up as of now.
    ///
    /// # Errors
    /// [`Unexplained::NoAuthorization`], [`Unexplained::NotTheirs`].
    pub fn explain(
        &self,
        supposed: &Supposed<'_>,
        wall: Timestamp,
        now: Moment,
    ) -> Result<Explained, Unexplained> {
        let authorization = match supposed.authorization {
            None => None,
            Some(id) => Some(self.gate.registry.by_id(id).ok_or(Unexplained::NoAuthorization)?),
        };
        if authorization.as_ref().is_some_and(|held| held.enterprise() != supposed.enterprise) {
            return Err(Unexplained::NotTheirs);
        }
        let text = self.supposed_text(supposed);
        let segments = segments_of(&body(&text)).into();
        let Supposed { enterprise, number, template, params, .. } = *supposed;
        let asked = Asked { enterprise, number, text: Some(text), template, params, segments };
        let occasion = first(MessageId(0), None, Moment { wall, ..now });
        Ok(self.explained(&asked, authorization.as_ref(), occasion, now.wall))
    }

    /// Asks all rules about a message that was accepted and has not ended, as they are asked when it is to leave now: what it
    /// cost when it came is not asked again.
    ///
    /// # Errors
    /// [`Unexplained::NoMessage`], [`Unexplained::Store`].
    pub fn explain_message(
        &self,
        store: &dyn Store,
        id: MessageId,
        now: Moment,
    ) -> Result<Explained, Unexplained> {
        let values = store.read(Space::Message, &[&id.0.to_be_bytes()]);
        let value = values.map_err(|_| Unexplained::Store)?.pop().flatten();
        let record = value.and_then(|value| self.open_message(&value).ok()).ok_or(Unexplained::NoMessage)?;
        let held = self.gate.registry.by_id(&record.authorization).ok_or(Unexplained::NoMessage)?;
        let Ruled { decision, is_counted, review, .. } =
            self.book.lock().live(id).map_or(record.ruled, |live| live.ruled.clone());
        let asked = Asked {
            enterprise: held.enterprise(),
            number: record.service_number,
            text: text_of(&record.body),
            template: decision.template.as_ref(),
            params: None,
            segments: segments_of(&record.body).into(),
        };
        let is_passed = review == Review::Passed;
        let occasion =
            Occasion { is_first: false, is_counted, is_reviewed: is_passed, ..first(id, None, now) };
        let explained = self.explained(&asked, Some(&held), occasion, now.wall);
        let before = Before {
            decision: Arc::clone(&decision),
            accepted_at: record.accepted_at,
            scheduled_at: record.scheduled_at,
            is_counted,
            waits_for_review: review == Review::Waiting,
            is_passed,
        };
        Ok(Explained { before: Some(before), ..explained })
    }

    fn explained(
        &self,
        asked: &Asked<'_>,
        authorization: Option<&Arc<Registered>>,
        occasion: Occasion,
        now: Timestamp,
    ) -> Explained {
        let found = authorization.map(|held| self.whom(held, asked.number, occasion.wall, now));
        let (whom, consent) = match found {
            None => (None, None),
            Some((whom, consent)) => (whom, Some(consent)),
        };
        let (decision, stages) = self.gate.policy.explain(&asked.question(), whom.as_ref(), occasion);
        Explained { decision, stages, consent, before: None }
    }

    /// Whom an authorization means now, and what stands against a message to them before any rule is asked.
    fn whom(
        &self,
        held: &Arc<Registered>,
        number: ServiceNumber,
        wall: Timestamp,
        now: Timestamp,
    ) -> (Option<Person>, Result<(), Reason>) {
        let covered = self.gate.registry.check(held, Service::Sms, Some(number), wall);
        let asking =
            Asking { edis: held.devices(), platform: Some(held.platform()), mark: held.device_mark() };
        match self.gate.identity.find(asking, held.as_of(), now) {
            Err(reason) => (None, covered.and(Err(reason))),
            Ok(contact) => {
                let is_refused = self.gate.opt_outs.block(contact.subscriber(), number, held);
                let refused = if is_refused { Err(Reason::OptOut) } else { Ok(()) };
                (Some(person(&contact, &self.gate, &self.gate.policy.policy())), covered.and(refused))
            }
        }
    }

    /// A template that is not to be had, or does not fit, makes an empty text: the rule for templates says so.
    fn supposed_text(&self, supposed: &Supposed<'_>) -> String {
        match (supposed.text, supposed.template) {
            (Some(text), _) if !text.is_empty() => text.to_owned(),
            (_, Some(template)) => {
                let rendered = self.gate.policy.render(template, supposed.params, supposed.enterprise);
                rendered.unwrap_or_default()
            }
            _ => String::new(),
        }
    }
}

/// A text as its sender would encode it.
fn body(text: &str) -> Body {
    let mut octets = Vec::with_capacity(text.len());
    let data_coding = encode_text(text, DefaultAlphabet::Gsm7, &mut octets);
    Body {
        data_coding,
        esm_class: 0,
        protocol_id: 0,
        priority: 0,
        text: Octets::from(octets),
        segment: None,
        service: ServiceType::default(),
    }
}
