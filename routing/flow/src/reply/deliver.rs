//! A reply becomes deliveries and a CDR.

use std::sync::Arc;

use veilgate_admission::Registered;
use veilgate_identity::Class;
use veilgate_ledger::Cdr;
use veilgate_names::{AccountId, AccountKind, Code, Octets};
use veilgate_smpp::text::encoding::UCS2;
use veilgate_store::Space;

use super::attribution::Hearers;
use super::{Attribution, Unattributed};
use crate::delivery::{Content, Delivery};
use crate::directory::NumberRules;
use crate::flow::Flow;
use crate::live::Moment;
use crate::record::write_delivery;
use crate::turn::{LinkId, Step, Turn, Waiting};

/// What became of a reply with an addressee.
pub(super) enum Put {
    /// Its deliveries and its CDR are in the turn.
    Done(Box<(Vec<Arc<Delivery>>, Arc<Cdr>)>),
    /// An account's outbox is full.
    Full,
    /// The authorization ended too long ago, or its enterprise has no key any more.
    Late,
}

impl Flow {
    /// Puts deliveries and CDR of a reply of so many parts into the turn.
    pub(super) fn put_reply(
        &self,
        authorization: &Arc<Registered>,
        rules: &NumberRules,
        mut content: Content,
        segments: u16,
        at: Moment,
        turn: &mut Turn,
    ) -> Put {
        let Some(Hearers { accounts, code: late }) = self.hearers(authorization, at) else {
            return Put::Late;
        };
        if accounts.iter().any(|(account, _)| self.outbox(account).lock().is_full()) {
            return Put::Full;
        }
        if let Content::Reply { code, .. } = &mut content {
            *code = late;
        }
        let mut deliveries = Vec::with_capacity(accounts.len());
        for (account, kind) in accounts {
            let delivery = self.reply_for(authorization, rules, account, kind, content.clone());
            if !self.put_delivery(&delivery, turn) {
                return Put::Late;
            }
            deliveries.push(delivery);
        }
        let id = self.next_id();
        let cdr = self.put_cdr(self.cdr_of_reply(id, authorization, rules, &content, segments, at), turn);
        Put::Done(Box::new((deliveries, cdr)))
    }

    /// Tells the notaries of a reply that may be to several authorizations: each, and nothing of the text
    /// (requirements.md 4.3, step 4).
    pub(super) fn tell_of_ambiguous(
        &self,
        candidates: &[Arc<Registered>],
        rules: &NumberRules,
        answer: Waiting<LinkId>,
        turn: &mut Turn,
    ) -> Attribution {
        match self.notices(candidates, rules, Code::AUTHORIZATION_UNKNOWN, &[], turn) {
            None => Attribution::Full,
            Some(deliveries) if deliveries.is_empty() => Attribution::Unattributed(Unattributed::Ambiguous),
            Some(deliveries) => {
                turn.steps.push(Step::Reply { answer, deliveries, cdr: None });
                Attribution::Told(Unattributed::Ambiguous)
            }
        }
    }

    /// A delivery to the notary for each authorization, with a code and a text (UCS-2) that is not the writer's. None
    /// where an outbox is full.
    pub(crate) fn notices(
        &self,
        authorizations: &[Arc<Registered>],
        rules: &NumberRules,
        code: Code,
        text: &[u8],
        turn: &mut Turn,
    ) -> Option<Vec<Arc<Delivery>>> {
        let directory = self.gate.directory.load();
        let told = authorizations.iter().filter_map(|authorization| {
            Some((authorization, directory.notary_account(authorization.platform())?.clone()))
        });
        let told: Vec<_> = told.collect();
        if told.iter().any(|(_, account)| self.outbox(account).lock().is_full()) {
            return None;
        }
        let data_coding = if text.is_empty() { 0 } else { UCS2 };
        let mut deliveries = Vec::with_capacity(told.len());
        for (authorization, account) in told {
            let content =
                Content::Reply { data_coding, has_header: false, text: Octets::from(text), code: Some(code) };
            let delivery = self.reply_for(authorization, rules, account, AccountKind::Notary, content);
            if self.put_delivery(&delivery, turn) {
                deliveries.push(delivery);
            }
        }
        Some(deliveries)
    }

    fn reply_for(
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

    /// Puts a delivery's record into the turn, its pseudonym sealed, a reply's text under the key of texts; false where
    /// its tenant has no key any more.
    pub(crate) fn put_delivery(&self, delivery: &Delivery, turn: &mut Turn) -> bool {
        let tenant = &delivery.enterprise;
        let mut text = Vec::new();
        if let Content::Reply { text: plain, .. } = &delivery.content
            && self.seals.seal(Class::Text, Some(tenant), plain, &mut text).is_err()
        {
            return false;
        }
        let mut open = Vec::with_capacity(256 + text.len());
        write_delivery(delivery, &text, &mut open);
        let alias = delivery.pseudonym.as_str().as_bytes();
        let mut sealed = Vec::with_capacity(open.len() + 256);
        let done = self.seals.seal_behind(Class::Alias, Some(tenant), &open, alias, &mut sealed).is_ok();
        if done {
            turn.put(Space::Delivery, &delivery.id.0.to_be_bytes(), &sealed);
        }
        done
    }
}
