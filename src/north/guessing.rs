//! Watches what becomes of submits: an account that names too many recipients who do not exist is told of, and frozen
//! where the configuration says so.

use veilgate_admission::{Account, is_guess};
use veilgate_flow::{Moment, Refusal, Turn};
use veilgate_ledger::{Actor, AuditEvent};

use crate::north::smpp_session::Shared;
use crate::telemetry::events::GuessingSuspected;

/// Counts a submit: accepted, or naming nobody. Other refusals count for neither, or a guesser could hide behind
/// malformed ones. A freeze holds when this returns, and its record goes with the turn.
pub(super) fn watch(
    shared: &Shared,
    account: &Account,
    refused: Option<&Refusal>,
    at: Moment,
    turn: &mut Turn,
) {
    let guess = refused.is_some_and(|refusal| is_guess(refusal.reason));
    if refused.is_some() && !guess {
        return;
    }
    let Some(alarm) = account.count_submit(guess, at.mono) else { return };
    let (hub, id) = (&shared.hub, account.id());
    let (failures, submits) = (alarm.failures, alarm.submits);
    GuessingSuspected { account: id.clone(), failures, submits, frozen: alarm.frozen }.emit(&hub.telemetry);
    let (failures, submits) = (failures.into(), submits.into());
    let event = AuditEvent::GuessingSuspected { account: id.clone(), failures, submits };
    hub.ledger.audit(Actor::System, event);
    if alarm.frozen {
        shared.accounts.freeze(id);
        hub.flow.put_frozen(id, at, turn);
        hub.ledger.audit(Actor::System, AuditEvent::AccountFrozen { account: id.clone() });
        // Its other binds end now, not at their next look round.
        hub.wake_all();
    }
}
