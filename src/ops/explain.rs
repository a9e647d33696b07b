//! Why a device ID means somebody or nobody, for carrier staff: masked, with a reason, in the audit chain.

use veilgate_ledger::{AuditEvent, CaseId, SubjectCause};
use veilgate_names::{AsOf, AuthorizationId, EncryptedDeviceId, PlatformId};

use super::auditor;
use crate::admin::{Actor, ExplainAsked, Response};
use crate::app::App;
use crate::clock;

/// Device IDs of one question.
const MAX_DEVICES: usize = 16;

impl App {
    /// Tells what the look-up of an authorization, or of device IDs as of a date, finds now.
    pub(super) fn explain(&self, asked: &ExplainAsked, actor: &Actor) -> Response {
        let Some(case) = CaseId::parse(&asked.case) else {
            return Response::refused(
                "case: expected 1-32 letters, digits and . _ -, beginning with a letter",
            );
        };
        let Some(cause) = SubjectCause::parse(&asked.cause) else {
            return Response::refused("cause: expected request, complaint, authority or incident");
        };
        let question = match &asked.authorization {
            Some(id) => self.question_of(id),
            None => question(asked),
        };
        let (platform, devices, as_of, mut lines) = match question {
            Ok(question) => question,
            Err(why) => return Response::refused(why),
        };
        let authorization = asked.authorization.as_deref().and_then(|id| AuthorizationId::parse(id).ok());
        let event = AuditEvent::IdentityExplained { case, cause, authorization };
        self.hub.ledger.audit(auditor(actor), event);
        let explanation = self.identity.explain(platform.as_ref(), &devices, as_of, clock::wall());
        lines.extend(explanation.to_string().lines().map(str::to_owned));
        Response::Explained { lines }
    }

    fn question_of(&self, id: &str) -> Result<Question, &'static str> {
        let id = AuthorizationId::parse(id).map_err(|_| "that is no authorization id")?;
        let held = self.hub.flow.gate().registry.by_id(&id).ok_or("there is no such authorization")?;
        let state = if held.is_revoked() { ", revoked" } else { "" };
        let line = format!("authorization from {} to {}{state}", held.not_before(), held.expires_at());
        Ok((Some(held.platform().clone()), held.devices().to_vec(), held.as_of(), vec![line]))
    }
}

/// Whose device IDs (nobody's in particular), as of when, and what is told before.
type Question = (Option<PlatformId>, Vec<EncryptedDeviceId>, AsOf, Vec<String>);

fn question(asked: &ExplainAsked) -> Result<Question, &'static str> {
    let as_of = asked.as_of.as_deref().ok_or("as_of is needed with device IDs")?;
    let as_of = AsOf::parse(as_of).map_err(|_| "as_of: expected a day such as 2026-03-01")?;
    if asked.devices.is_empty() || asked.devices.len() > MAX_DEVICES {
        return Err("expected an authorization, or 1 to 16 encrypted device IDs");
    }
    let devices: Result<Vec<_>, _> =
        asked.devices.iter().map(|device| EncryptedDeviceId::parse(device)).collect();
    Ok((None, devices.map_err(|_| "one is no encrypted device ID")?, as_of, Vec::new()))
}
