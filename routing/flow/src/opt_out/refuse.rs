//! What follows a refusal: it is in force, then durable, told to the notary, and confirmed to the person at most once.

use std::sync::Arc;

use veilgate_admission::Registered;
use veilgate_identity::Contact;
use veilgate_names::{AccountId, AccountKind, Code, Extension, Octets, Reason, Service};
use veilgate_smpp::text::encoding::{UCS2, encode_ucs2};
use veilgate_store::Space;

use super::{Noted, OptOutRecord, OptOutScope, OptedOut, Refused};
use crate::delivery::{Content, Delivery};
use crate::flow::Flow;
use crate::live::{Body, ContentFacts, Live, Moment, NOT_COUNTED};
use crate::multi::Member;
use crate::record::{MessageRecord, Next};
use crate::reply::{Attribution, Writer};
use crate::ruling::Ruled;
use crate::state::Life;
use crate::turn::{LinkId, Step, Turn, Waiting};

/// The account in the CDR of a confirmation, which no account sent.
const CONFIRMING: &str = "(opt-out)";
/// Marks a confirmation in `registered_delivery`, of which accounts can set the lowest two bits only: it asks for no
/// receipt, and the refusal it confirms does not stop it.
pub(crate) const CONFIRMATION: u8 = 0x80;

impl Flow {
    /// Whether the person of this contact refused messages under this authorization.
    pub(crate) fn is_refused(&self, live: &Live) -> bool {
        if self.gate.opt_outs.is_empty() || live.registered_delivery & CONFIRMATION != 0 {
            return false;
        }
        let Some((contact, _)) = &live.contact else { return false };
        let current = self.gate.registry.current(&live.authorization);
        self.gate.opt_outs.block(contact.subscriber(), live.service_number, &current)
    }

    /// A person refuses, in the words `word`. `answer` is the SMSC's request, if it still waits.
    pub(crate) fn refuse(
        &self,
        writer: &Writer,
        word: &str,
        answer: Option<Waiting<LinkId>>,
        at: Moment,
        turn: &mut Turn,
    ) -> Attribution {
        let rules = &self.rules.opt_out;
        let number = writer.rules.number;
        let refused = Refused {
            subscriber: writer.known.subscriber(),
            enterprise: writer.rules.enterprise.clone(),
            number: (rules.scope == OptOutScope::ServiceNumber).then_some(number),
        };
        let concerned = self.concerned(writer, at);
        let lifted = concerned
            .iter()
            .any(|held| held.is_live(at.wall) && !self.gate.opt_outs.block(refused.subscriber, number, held));
        let (mut record, confirm) =
            match self.gate.opt_outs.note(&refused, lifted, rules.confirm_every, at.wall) {
                Noted::Known => return Attribution::Duplicate,
                Noted::Full => return Attribution::Full,
                Noted::Fresh { record, confirm } => (record, confirm),
            };
        let text = encode_word(word);
        let Some(deliveries) = self.notices(&concerned, &writer.rules, Code::RECIPIENT_BLOCKED, &text, turn)
        else {
            // It holds all the same; the SMSC sends it again, and then the notary hears of it.
            let _ = self.put_opt_out(&record, turn);
            return Attribution::Full;
        };
        let confirmation = if confirm { self.confirmation(writer, &concerned, at, turn) } else { None };
        let confirmed = confirmation.is_some();
        if confirmed && let Some(with_confirmation) = self.gate.opt_outs.confirming(&refused, at.wall) {
            record = with_confirmation;
        }
        if !self.put_opt_out(&record, turn) {
            return Attribution::Full;
        }
        turn.steps.extend(confirmation);
        let cdr = concerned.first().map(|authorization| {
            let content = notice(&text);
            let id = self.next_id();
            let cdr = self.cdr_of_reply(id, authorization, &writer.rules, &content, 1, at);
            self.put_cdr(veilgate_ledger::Cdr { reason: Some(Reason::OptOut), ..cdr }, turn)
        });
        let authorizations = concerned.iter().map(|authorization| authorization.id().clone()).collect();
        let fact = OptedOut { enterprise: refused.enterprise.clone(), authorizations, confirmed };
        let refusal = Refusal { refused, fact, deliveries, cdr };
        turn.steps.push(Step::OptOut { answer, refusal: Box::new(refusal) });
        Attribution::Attributed
    }

    /// The authorizations of the person behind the number that are live, or ended so lately that the notary should know.
    fn concerned(&self, writer: &Writer, at: Moment) -> Vec<Arc<Registered>> {
        let ids = self.gate.slots.of_subscriber(writer.rules.number, writer.known.subscriber());
        let held = ids.iter().filter_map(|id| self.gate.registry.by_id(id));
        held.filter(|held| {
            let ended = self.gate.registry.ended_at(held, at.wall);
            ended.is_none_or(|end| at.wall < end.plus(self.rules.reply_grace))
        })
        .collect()
    }

    fn put_opt_out(&self, record: &OptOutRecord, turn: &mut Turn) -> bool {
        let mut sealed = Vec::with_capacity(record.value.len() + 64);
        let done =
            self.seals.seal(veilgate_identity::Class::Registry, None, &record.value, &mut sealed).is_ok();
        if done {
            turn.put(Space::OptOut, &record.key, &sealed);
        }
        done
    }

    /// A message that tells the person, under the first authorization that may still be used, from the number they wrote
    /// to. None where nothing is to be said or nobody may say it.
    fn confirmation(
        &self,
        writer: &Writer,
        concerned: &[Arc<Registered>],
        at: Moment,
        turn: &mut Turn,
    ) -> Option<Step> {
        let text = self.rules.opt_out.confirmation.as_ref()?;
        let number = writer.rules.number;
        let may_say = |held: &&Arc<Registered>| {
            self.gate.registry.check(held, Service::Sms, Some(number), at.wall).is_ok()
        };
        let authorization = concerned.iter().find(may_say)?;
        let (contact, _) = crate::message::resolve(authorization, &self.gate, at.wall).ok()?;
        let suspended = self.gate.directory.load().is_suspended(authorization.enterprise());
        let route = self.gate.directory.load().place(&writer.rules);
        let routed = self.open_routes.load().leads(route, None);
        if contact.subscriber() != writer.known.subscriber() || suspended || !routed {
            return None;
        }
        let mut octets = Vec::with_capacity(140);
        encode_ucs2(text, &mut octets);
        let body = Body {
            data_coding: UCS2,
            esm_class: 0,
            protocol_id: 0,
            priority: 0,
            text: Octets::from(octets),
            segment: None,
            service: crate::service::ServiceType::default(),
        };
        self.put_confirmation(writer, authorization, contact, body, at, turn)
    }

    fn put_confirmation(
        &self,
        writer: &Writer,
        authorization: &Arc<Registered>,
        contact: Contact,
        body: Body,
        at: Moment,
        turn: &mut Turn,
    ) -> Option<Step> {
        let record = MessageRecord {
            account: AccountId::parse(CONFIRMING).ok()?,
            kind: AccountKind::Notary,
            authorization: authorization.id().clone(),
            service_number: writer.rules.number,
            extension: self.extension_of(writer, authorization, at, turn)?,
            registered_delivery: CONFIRMATION,
            accepted_at: at.wall,
            expires_at: at.wall.plus(self.rules.default_validity),
            body,
            member: Member::default(),
            scheduled_at: None,
            ruled: Ruled::unasked(at.wall),
            north: Vec::new(),
        };
        let id = self.next_id();
        self.put_message(id, &record, authorization.enterprise(), turn).ok()?;
        self.shares.enter(authorization.enterprise());
        let live = Box::new(Live {
            id,
            account: record.account,
            kind: record.kind,
            authorization: Arc::clone(authorization),
            service_number: record.service_number,
            extension: record.extension,
            route: self.gate.directory.load().place(&writer.rules),
            ordered: false,
            registered_delivery: record.registered_delivery,
            accepted_at: record.accepted_at,
            expires_at: record.expires_at,
            scheduled_at: None,
            facts: ContentFacts::of(&record.body),
            body: Some(record.body),
            contact: Some((contact, at.mono)),
            channel: 0,
            life: Life::ACCEPTED,
            attempts: 0,
            next: Next::Any,
            billable: None,
            submitted_at: None,
            answered: None,
            deadline: at.mono,
            counted_on: NOT_COUNTED,
            planned_end: None,
            member: record.member,
            ruled: record.ruled,
            long: None,
        });
        Some(Step::Accept { live, answer: None })
    }

    /// The digits that the person answered to.
    fn extension_of(
        &self,
        writer: &Writer,
        authorization: &Registered,
        at: Moment,
        turn: &mut Turn,
    ) -> Option<Extension> {
        let (rules, subscriber) = (&writer.rules, writer.known.subscriber());
        let slots = &self.gate.slots;
        let given =
            slots.allocate(rules.number, rules.extension_digits, subscriber, authorization.id(), at.wall);
        let given = given.ok()?;
        if let Some(record) = given.record {
            self.put_slot(record, turn).ok()?;
        }
        Some(given.extension)
    }
}

/// What follows when a refusal is durable.
pub(crate) struct Refusal {
    pub(crate) refused: Refused,
    pub(crate) fact: OptedOut,
    pub(crate) deliveries: Vec<Arc<Delivery>>,
    pub(crate) cdr: Option<Arc<veilgate_ledger::Cdr>>,
}

/// The notary is told the word, not what the person wrote.
fn encode_word(word: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(2 * word.len());
    encode_ucs2(word, &mut octets);
    octets
}

fn notice(text: &[u8]) -> Content {
    Content::Reply {
        data_coding: UCS2,
        has_header: false,
        text: Octets::from(text),
        code: Some(Code::RECIPIENT_BLOCKED),
    }
}
