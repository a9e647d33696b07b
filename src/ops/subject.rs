//! The rights of a person who shows up with their number (C-8.3, B-4.2.3.3b): what is held about them, and that it goes.
//! Two persons open it, a reason and a case stand in the audit chain, and the number stays inside this process.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashSet;
use veilgate_admission::{PasswordHash, Registered, Revoker};
use veilgate_config::Approver;
use veilgate_ledger::{ActorName, AuditEvent, CaseId, Cdr, CdrKind, SubjectCause};
use veilgate_names::{AsOf, AuthorizationId, SubscriberKey};

use super::{auditor, wide};
use crate::admin::{Actor, Response, SubjectAsked, SubjectAuthorization, SubjectFound, SubjectMessage};
use crate::app::App;
use crate::clock;
use crate::ledger::read_cdrs;

/// Messages listed one by one.
const MAX_MESSAGES: usize = 10_000;
/// Authorizations ended in one turn.
const TURN: usize = 500;
/// How long a wrong password takes; one request is served at a time.
const REFUSAL_DELAY: Duration = Duration::from_secs(2);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Report,
    Delete,
}

/// Why, and with whose consent.
struct Ground {
    case: CaseId,
    cause: SubjectCause,
    approver: ActorName,
}

impl App {
    /// Answers with what is held. With [`Right::Delete`] everything of it is ended when this is answered, durably, and
    /// erased as soon as the messages under way have their final states.
    pub(super) async fn subject(
        self: &Arc<Self>,
        asked: SubjectAsked,
        right: Right,
        actor: &Actor,
    ) -> Response {
        let Ok(_alone) = self.subject.try_lock() else {
            return Response::refused("another such request is under way");
        };
        let ground = match self.ground(&asked, actor).await {
            Ok(ground) => ground,
            Err(refused) => return refused,
        };
        let as_of = match asked.as_of.as_deref().map(AsOf::parse) {
            None => AsOf::At(clock::wall()),
            Some(Ok(as_of)) => as_of,
            Some(Err(_)) => return Response::refused("as_of: expected a day such as 2026-03-01"),
        };
        let app = Arc::clone(self);
        let collected = tokio::task::spawn_blocking(move || app.collect(&asked, as_of)).await;
        let Ok(Ok((mut found, held))) = collected else {
            return Response::refused("the CDR files cannot be read");
        };
        let count = wide(held.len());
        let Ground { case, cause, approver } = ground;
        let event = match right {
            Right::Report => AuditEvent::SubjectReported { case, cause, approver, count },
            Right::Delete => AuditEvent::SubjectDeleted { case, cause, approver, count },
        };
        self.hub.ledger.audit(auditor(actor), event);
        if right == Right::Delete {
            if !self.end_for_good(&held).await {
                return Response::refused("not all is ended durably: the journal fails");
            }
            found.erasing = count;
        }
        Response::Subject(found)
    }

    /// Checks the reason and the second person.
    async fn ground(&self, asked: &SubjectAsked, actor: &Actor) -> Result<Ground, Response> {
        let refused = |why| Err(Response::refused(why));
        let Some(case) = CaseId::parse(&asked.case) else {
            return refused("case: expected 1-32 letters, digits and . _ -, beginning with a letter");
        };
        let Some(cause) = SubjectCause::parse(&asked.cause) else {
            return refused("cause: expected request, complaint, authority or incident");
        };
        let Some(name) = &actor.name else { return refused("--actor is needed: who asks?") };
        let config = self.config();
        let known = |approver: &&Approver| approver.name.as_str() == asked.approver;
        let approver = config.approvers.iter().find(known);
        let hash = approver.and_then(|approver| PasswordHash::parse(approver.password_hash.phc()).ok());
        let password = asked.password.clone();
        let check = tokio::task::spawn_blocking(move || {
            hash.is_some_and(|hash| hash.matches(password.expose().as_bytes()))
        });
        let consents = check.await.unwrap_or(false) && asked.approver != name.as_str();
        match ActorName::parse(&asked.approver) {
            Some(approver) if consents => Ok(Ground { case, cause, approver }),
            _ => {
                self.hub.ledger.audit(auditor(actor), AuditEvent::SubjectRefused { case, cause });
                tokio::time::sleep(REFUSAL_DELAY).await;
                refused("the approver is not known, is the one who asks, or gave a wrong password")
            }
        }
    }

    /// Looks through registry and CDR files; takes seconds for millions of authorizations.
    fn collect(
        &self,
        asked: &SubjectAsked,
        as_of: AsOf,
    ) -> std::io::Result<(SubjectFound, Vec<Arc<Registered>>)> {
        let Some(who) = self.identity.holder_of(asked.number.expose(), as_of) else {
            return Ok((SubjectFound::default(), Vec::new()));
        };
        let held = self.authorizations_of(who);
        let ids: FxHashSet<&AuthorizationId> = held.iter().map(|held| held.id()).collect();
        let mut found = SubjectFound { known: true, ..SubjectFound::default() };
        found.authorizations = held.iter().map(shown).collect();
        read_cdrs(&self.config().cdr_dir(), |cdr| {
            if cdr.authorization.as_ref().is_some_and(|id| ids.contains(id)) {
                if found.messages.len() < MAX_MESSAGES {
                    found.messages.push(message(&cdr));
                } else {
                    found.more_messages += 1;
                }
            }
        })?;
        found.messages.sort_by(|one, other| one.accepted_at.cmp(&other.accepted_at));
        Ok((found, held))
    }

    fn authorizations_of(&self, who: SubscriberKey) -> Vec<Arc<Registered>> {
        let (mut held, now) = (Vec::new(), clock::wall());
        self.hub.flow.gate().registry.each(|authorization| {
            if self.identity.means(
                authorization.platform(),
                authorization.devices(),
                authorization.as_of(),
                who,
                now,
            ) {
                held.push(Arc::clone(authorization));
            }
        });
        held.sort_by(|one, other| one.id().cmp(other.id()));
        held
    }

    /// Revokes and marks for erasure, a turn at a time; false if the journal fails.
    async fn end_for_good(&self, held: &[Arc<Registered>]) -> bool {
        let flow = &self.hub.flow;
        for some in held.chunks(TURN) {
            let at = clock::now();
            let ids: Vec<AuthorizationId> = some.iter().map(|held| held.id().clone()).collect();
            let results = flow.gate().registry.revoke(&ids, &Revoker::Carrier, at.wall);
            let records = results.into_iter().filter_map(|(_, _, record)| record).collect();
            let stored = self.store(|turn, done| {
                flow.put_erasures(&ids, at, turn);
                flow.record_revocations(records, turn, done);
            });
            if !stored.await {
                return false;
            }
        }
        self.hub.wake_all();
        true
    }
}

fn shown(held: &Arc<Registered>) -> SubjectAuthorization {
    SubjectAuthorization {
        id: held.id().to_string(),
        enterprise: held.enterprise().to_string(),
        platform: held.platform().to_string(),
        not_before: held.not_before().to_string(),
        expires_at: held.expires_at().to_string(),
        revoked: held.is_revoked(),
    }
}

fn message(cdr: &Cdr) -> SubjectMessage {
    SubjectMessage {
        id: cdr.id.to_string(),
        kind: if cdr.kind == CdrKind::MobileTerminated { "MT" } else { "MO" }.to_owned(),
        authorization: cdr.authorization.as_ref().map(ToString::to_string).unwrap_or_default(),
        service_number: cdr.service_number.as_ref().map(ToString::to_string).unwrap_or_default(),
        accepted_at: cdr.accepted_at.to_string(),
        state: cdr.state.stat().to_owned(),
    }
}
