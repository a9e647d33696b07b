//! Whose a reply is (requirements.md 4.3, steps 1 to 4).

use std::sync::Arc;

use veilgate_admission::Registered;
use veilgate_identity::SlotMatch;
use veilgate_names::{AccountId, AccountKind, AuthorizationId, Code, Timestamp};

use super::{Addressee, Incoming, Unattributed, Writer};
use crate::flow::Flow;
use crate::live::Moment;

/// Who hears of a reply, and what the notary is told about it.
pub(super) struct Hearers {
    pub(super) accounts: Vec<(AccountId, AccountKind)>,
    pub(super) code: Option<Code>,
}

impl Flow {
    pub(super) fn writer(&self, incoming: &Incoming<'_>, at: Moment) -> Result<Writer, Unattributed> {
        let directory = self.gate.directory.load();
        let digits =
            std::str::from_utf8(incoming.dialled.digits.as_bytes()).map_err(|_| Unattributed::Unrouted)?;
        let digits = digits.strip_prefix("+86").or_else(|| digits.strip_prefix("86")).unwrap_or(digits);
        let (rules, extension) = directory.dialled(digits).ok_or(Unattributed::Unrouted)?;
        let known =
            self.gate.identity.subscriber_of(incoming.sender, at.wall).ok_or(Unattributed::Foreign)?;
        Ok(Writer { rules: rules.clone(), extension, known })
    }

    pub(super) fn addressee(&self, writer: &Writer, at: Moment) -> Result<Addressee, Unattributed> {
        let found = self.gate.slots.find(writer.rules.number, writer.extension, writer.known.subscriber());
        match found {
            SlotMatch::Found(id) => {
                self.gate.registry.by_id(&id).map(Addressee::One).ok_or(Unattributed::NoSlot)
            }
            SlotMatch::Several(used) => self.likeliest(used, at),
            SlotMatch::OtherTenure => Err(Unattributed::OtherTenure),
            SlotMatch::None => Err(Unattributed::NoSlot),
        }
    }

    /// Among several authorizations of one enterprise: the only live one, else the one whose message went out last, if
    /// that is not too long ago. If none is live, the one that was used last.
    fn likeliest(
        &self,
        used: Vec<(AuthorizationId, Timestamp)>,
        at: Moment,
    ) -> Result<Addressee, Unattributed> {
        let known = used.into_iter().filter_map(|(id, used)| Some((self.gate.registry.by_id(&id)?, used)));
        let (live, ended): (Vec<_>, Vec<_>) = known.partition(|(held, _)| held.is_live(at.wall));
        match live.as_slice() {
            [] => newest(&ended).ok_or(Unattributed::Late),
            [(only, _)] => Ok(Addressee::One(Arc::clone(only))),
            several => {
                let recent = |used: Timestamp| at.wall.since(used) < self.rules.replies.tie_break;
                let within: Vec<_> = several.iter().filter(|(_, used)| recent(*used)).cloned().collect();
                Ok(newest(&within).unwrap_or_else(|| {
                    Addressee::Several(several.iter().map(|(held, _)| Arc::clone(held)).collect())
                }))
            }
        }
    }

    /// A live authorization's reply goes to notary and enterprise, one that ended within the grace to the notary
    /// only, marked as late (requirements.md 4.3, step 6), an older one to nobody.
    pub(super) fn hearers(&self, authorization: &Registered, at: Moment) -> Option<Hearers> {
        let live = authorization.is_live(at.wall);
        let ended = self.gate.registry.ended_at(authorization, at.wall);
        if ended.is_some_and(|end| end.plus(self.rules.reply_grace) <= at.wall) {
            return None;
        }
        let code = ended.map(|_| {
            if authorization.is_revoked() { Code::AUTHORIZATION_REVOKED } else { Code::AUTHORIZATION_EXPIRED }
        });
        let directory = self.gate.directory.load();
        let notary = directory.notary_account(authorization.platform()).cloned();
        let enterprise = directory.enterprise_account(authorization.enterprise()).filter(|_| live).cloned();
        let notary = notary.map(|account| (account, AccountKind::Notary));
        let enterprise = enterprise.map(|account| (account, AccountKind::Enterprise));
        Some(Hearers { accounts: notary.into_iter().chain(enterprise).collect(), code })
    }
}

/// The one that was used last; none where two were used at once.
fn newest(used: &[(Arc<Registered>, Timestamp)]) -> Option<Addressee> {
    let (newest, last) = used.iter().max_by_key(|(_, used)| *used)?;
    let others = used.iter().filter(|(_, used)| used == last).count();
    (others == 1).then(|| Addressee::One(Arc::clone(newest)))
}
