//! A message's way back: sender and dialled number -> (tenure, service number, extension) -> slot ->
//! authorization -> deliveries under the pseudonym. Whatever cannot be attributed goes nowhere and is counted.

use std::sync::Arc;

use veilgate_admission::Registered;
use veilgate_identity::{Class, Known, SlotMatch};
use veilgate_names::{AccountId, AccountKind, Octets};
use veilgate_smpp::codec::{Address, OctetString};
use veilgate_smpp::side::SouthNumber;
use veilgate_smpp::text::encoding::{DefaultAlphabet, decode_text, encode_text};
use veilgate_smpp::text::udh::{self, UserDataHeader};
use veilgate_store::Space;

use crate::delivery::{Content, Delivery};
use crate::directory::NumberRules;
use crate::flow::Flow;
use crate::live::Moment;
use crate::record::write_delivery;
use crate::turn::{LinkId, Step, Turn, Waiting};

/// The user data header indicator of `esm_class`.
const UDHI: u8 = 0x40;

/// A `deliver_sm` or `data_sm` from an SMSC that is no receipt.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Who sent it.
    pub sender: SouthNumber<'a>,
    /// What was dialled.
    pub dialled: Address<'a>,
    /// SMPP `esm_class`.
    pub esm_class: u8,
    /// SMPP `data_coding`.
    pub data_coding: u8,
    /// User data.
    pub text: OctetString<'a, 65_535>,
    /// What `data_coding` 0 means on this channel.
    pub alphabet: DefaultAlphabet,
}

/// What became of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribution {
    /// In the turn; the SMSC is answered when that is durable.
    Attributed,
    /// The account's outbox is full: the SMSC is asked to send it again later.
    Full,
    /// It goes nowhere.
    Unattributed(Unattributed),
}

/// Why a reply goes nowhere (requirements.md 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unattributed {
    /// No service number of ours was dialled.
    Unrouted,
    /// The sender has no open tenure in our network.
    Foreign,
    /// The extension is not this tenure's (a new holder answering an old thread, a forgery).
    OtherTenure,
    /// Nobody wrote to this person from this number.
    NoSlot,
    /// Several did, and the reply names none.
    Ambiguous,
    /// The authorization ended longer ago than the grace.
    Late,
}

impl Flow {
    /// Attributes a reply. `answer` is the SMSC's request.
    pub fn reply(
        &self,
        incoming: &Incoming<'_>,
        answer: Waiting<LinkId>,
        at: Moment,
        turn: &mut Turn,
    ) -> Attribution {
        let (rules, known, authorization) = match self.attribute(incoming, at) {
            Ok(found) => found,
            Err(why) => return Attribution::Unattributed(why),
        };
        let recipients = match self.recipients(&authorization, at) {
            Some(recipients) => recipients,
            None => return Attribution::Unattributed(Unattributed::Late),
        };
        if recipients.iter().any(|(account, _)| self.outbox(account).lock().is_full()) {
            return Attribution::Full;
        }
        let content = hygienic(incoming, &known);
        let mut deliveries = Vec::with_capacity(recipients.len());
        for (account, kind) in recipients {
            let delivery = self.delivery(&authorization, &rules, account, kind, content.clone());
            if !self.put_delivery(&delivery, turn) {
                return Attribution::Full;
            }
            deliveries.push(delivery);
        }
        let id = self.next_id();
        let cdr = self.put_cdr(self.cdr_of_reply(id, &authorization, &rules, &content, at), turn);
        turn.steps.push(Step::Reply { answer, deliveries, cdr });
        Attribution::Attributed
    }

    fn attribute(
        &self,
        incoming: &Incoming<'_>,
        at: Moment,
    ) -> Result<(NumberRules, Known, Arc<Registered>), Unattributed> {
        let directory = self.gate.directory.load();
        let digits =
            std::str::from_utf8(incoming.dialled.digits.as_bytes()).map_err(|_| Unattributed::Unrouted)?;
        let digits = digits.strip_prefix("+86").or_else(|| digits.strip_prefix("86")).unwrap_or(digits);
        let (rules, extension) = directory.dialled(digits).ok_or(Unattributed::Unrouted)?;
        let known =
            self.gate.identity.subscriber_of(incoming.sender, at.wall).ok_or(Unattributed::Foreign)?;
        let id = match self.gate.slots.find(rules.number, extension, known.subscriber()) {
            SlotMatch::Found(id) => id,
            SlotMatch::OtherTenure => return Err(Unattributed::OtherTenure),
            SlotMatch::Ambiguous => return Err(Unattributed::Ambiguous),
            SlotMatch::None => return Err(Unattributed::NoSlot),
        };
        let authorization = self.gate.registry.by_id(&id).ok_or(Unattributed::NoSlot)?;
        Ok((rules.clone(), known, authorization))
    }

    /// A live authorization's reply goes to notary and enterprise, one that ended within the grace to the notary
    /// only (requirements.md 4.3, step 6), an older one to nobody.
    fn recipients(&self, authorization: &Registered, at: Moment) -> Option<Vec<(AccountId, AccountKind)>> {
        let live = authorization.is_live(at.wall);
        if !live && authorization.expires_at().plus(self.rules.reply_grace) <= at.wall {
            return None;
        }
        let directory = self.gate.directory.load();
        let notary = directory.notary_account(authorization.platform()).cloned();
        let enterprise = directory.enterprise_account(authorization.enterprise()).filter(|_| live).cloned();
        let notary = notary.map(|account| (account, AccountKind::Notary));
        let enterprise = enterprise.map(|account| (account, AccountKind::Enterprise));
        Some(notary.into_iter().chain(enterprise).collect())
    }

    fn delivery(
        &self,
        authorization: &Registered,
        rules: &NumberRules,
        account: AccountId,
        kind: AccountKind,
        content: Content,
    ) -> Arc<Delivery> {
        Arc::new(Delivery {
            id: self.next_id(),
            account,
            kind,
            enterprise: authorization.enterprise().clone(),
            service_number: rules.number,
            pseudonym: authorization.pseudonym().clone(),
            device: authorization.devices().first().filter(|_| kind == AccountKind::Notary).cloned(),
            authorization: authorization.id().clone(),
            content,
        })
    }

    /// Puts a delivery's sealed record into the turn; false where its tenant has no key any more.
    pub(crate) fn put_delivery(&self, delivery: &Delivery, turn: &mut Turn) -> bool {
        let mut plain = Vec::with_capacity(256);
        write_delivery(delivery, &mut plain);
        let mut sealed = Vec::with_capacity(plain.len() + 64);
        let done = self.seals.seal(Class::Alias, Some(&delivery.enterprise), &plain, &mut sealed).is_ok();
        if done {
            turn.put(Space::Delivery, &delivery.id.0.to_be_bytes(), &sealed);
        }
        done
    }
}

/// The reply as it may go north: header rebuilt with its concatenation only, own number masked in every spelling.
/// A text that cannot be read cannot be searched, so it does not pass; the fact of the reply does.
fn hygienic(incoming: &Incoming<'_>, known: &Known) -> Content {
    let whole = incoming.text.as_bytes();
    let (segment, text) = if incoming.esm_class & UDHI == 0 {
        (None, whole)
    } else {
        match UserDataHeader::parse(whole) {
            Ok((header, text)) => (header.segment, text),
            Err(_) => (None, &[][..]),
        }
    };
    let mut out = Vec::with_capacity(whole.len() + 8);
    if let Some(segment) = segment {
        udh::write(segment, &mut out);
    }
    let has_header = segment.is_some();
    let header = out.len();
    let mut data_coding = match decode_text(incoming.data_coding, text, incoming.alphabet) {
        Ok(mut readable) => {
            if known.mask(&mut readable) {
                encode_text(&readable, incoming.alphabet, &mut out)
            } else {
                out.extend_from_slice(text);
                incoming.data_coding
            }
        }
        Err(_) => 0,
    };
    // Octets that are not what `data_coding` says could still be read rightly at the other end.
    if out.get(header..).is_some_and(|text| known.occurs_in(text)) {
        out.truncate(header);
        data_coding = 0;
    }
    Content::Reply { data_coding, has_header, text: Octets::from(out) }
}
