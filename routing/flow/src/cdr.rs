//! One CDR per final state and per reply (requirements.md 3.9): ids, times and counts, the number sealed, the
//! content as a hash.

use std::sync::Arc;

use sm3::{Digest, Sm3};
use veilgate_admission::Registered;
use veilgate_identity::{Class, Contact};
use veilgate_ledger::{Cdr, CdrKind, Charged, Coding, Decided, NetworkName, NetworkText, Sm3Hash};
use veilgate_names::{ChannelId, FinalState, MessageId};
use veilgate_policy::Settled;

use crate::delivery::Content;
use crate::directory::NumberRules;
use crate::flow::Flow;
use crate::live::{Ended, Moment};

impl Flow {
    /// `settled` is what it cost.
    pub(crate) fn cdr_of_message(
        &self,
        ended: &Ended,
        channel: Option<&ChannelId>,
        settled: Option<&Settled>,
    ) -> Cdr {
        let authorization = &ended.authorization;
        let tenant = Some(authorization.enterprise().clone());
        let sealed = ended.contact.as_ref().and_then(|contact| {
            let (sealer, nonce) = self.seals.sealer(Class::Number, tenant.as_ref())?;
            Some(contact.sealed_for_cdr(&sealer, nonce))
        });
        Cdr {
            id: ended.id,
            kind: CdrKind::MobileTerminated,
            account: Some(ended.account.clone()),
            msisdn_sealed: sealed,
            service_number: Some(ended.service_number),
            extension: ended.extension,
            segments: ended.segments(),
            coding: coding(ended.facts.data_coding),
            characters: ended.facts.characters(),
            content_sm3: Some(Sm3Hash(ended.facts.sm3)),
            channel: channel.cloned(),
            smsc_message_id: ended.answered.as_ref().and_then(|answered| NetworkText::new(&answered.id)),
            accepted_at: ended.accepted_at,
            submitted_at: ended.submitted_at,
            responded_at: ended.answered.as_ref().map(|answered| answered.at),
            done_at: ended.done_at,
            raw_stat: ended
                .by_receipt
                .then(|| format!("{}:{:03}", ended.state.stat(), ended.error))
                .and_then(|stat| NetworkText::new(stat.as_bytes())),
            state: ended.state,
            reason: ended.reason,
            attempts: u16::from(ended.attempts),
            billed: ended.billable.unwrap_or(ended.answered.is_some()),
            decided: Some(Box::new(self.decided(ended, settled))),
            ..self.cdr_of(authorization, ended.done_at)
        }
    }

    fn decided(&self, ended: &Ended, settled: Option<&Settled>) -> Decided {
        let decision = &*ended.ruled.decision;
        let place = ended.contact.as_ref().and_then(Contact::place).map(|place| {
            let gazetteer = self.gate.identity.gazetteer();
            let names = [gazetteer.province(place), gazetteer.city(place), gazetteer.operator(place)];
            names.map(NetworkName::new)
        });
        Decided {
            category: decision.category,
            signature: decision.signature.clone(),
            template: decision.template.clone(),
            flagged: decision.flagged,
            place,
            policy: decision.policy,
            rule: decision.rule.and_then(|rule| NetworkText::new(rule.name().as_bytes())),
            rule_object: decision.object.clone(),
            charge: decision.charge.as_ref().map(|charge| Charged {
                payer: charge.payer.clone(),
                plan: charge.plan.clone(),
                amount: settled.map_or(0, |settled| settled.charged),
                reserved: charge.millis,
            }),
        }
    }

    pub(crate) fn cdr_of_reply(
        &self,
        id: MessageId,
        authorization: &Registered,
        rules: &NumberRules,
        content: &Content,
        segments: u16,
        at: Moment,
    ) -> Cdr {
        let (data_coding, text) = match content {
            Content::Reply { data_coding, text, .. } => (*data_coding, &**text),
            Content::Receipt { .. } | Content::Notice { .. } => (0, &[][..]),
        };
        let octets = u32::try_from(text.len()).unwrap_or(u32::MAX);
        Cdr {
            id,
            kind: CdrKind::MobileOriginated,
            service_number: Some(rules.number),
            segments,
            coding: coding(data_coding),
            characters: if data_coding & 0x0c == 8 { octets / 2 } else { octets },
            content_sm3: Some(Sm3Hash(Sm3::digest(text).into())),
            ..self.cdr_of(authorization, at.wall)
        }
    }

    /// What every CDR under an authorization says.
    fn cdr_of(&self, authorization: &Registered, at: veilgate_names::Timestamp) -> Cdr {
        Cdr {
            id: MessageId(0),
            kind: CdrKind::MobileTerminated,
            tenant: Some(authorization.enterprise().clone()),
            platform: Some(authorization.platform().clone()),
            account: None,
            authorization: Some(authorization.id().clone()),
            device_id_kind: None,
            encrypted_device_id: authorization.devices().first().cloned(),
            as_of: Some(authorization.as_of()),
            msisdn_sealed: None,
            service_number: None,
            extension: veilgate_names::Extension::NONE,
            coding: Coding::Gsm7,
            characters: 0,
            segments: 1,
            content_sm3: None,
            channel: None,
            smsc_message_id: None,
            accepted_at: at,
            submitted_at: None,
            responded_at: None,
            done_at: at,
            raw_stat: None,
            state: FinalState::Delivered,
            reason: None,
            attempts: 0,
            billed: false,
            node: self.node.clone(),
            decided: None,
        }
    }

    /// Puts a CDR into the turn; it leaves the store when it is in its file.
    pub(crate) fn put_cdr(&self, cdr: Cdr, turn: &mut crate::Turn) -> Arc<Cdr> {
        let mut line = Vec::with_capacity(512);
        cdr.write_line(&mut line);
        turn.put(veilgate_store::Space::Cdr, &cdr.id.0.to_be_bytes(), &line);
        Arc::new(cdr)
    }
}

fn coding(data_coding: u8) -> Coding {
    match data_coding & 0x0c {
        0x08 => Coding::Ucs2,
        0x04 => Coding::Binary,
        _ => Coding::Gsm7,
    }
}
