//! Messages that an SMSC has and is asked to take back: by their sender, or because their authorization was revoked.

use veilgate_admission::Registered;
use veilgate_names::{FinalState, MessageId, Reason};

use super::Book;
use crate::live::{Ended, Live, Moment};
use crate::state::Phase;
use crate::turn::{Cancellation, Outcomes, SessionId, Step, Turn, Waiting};

impl Book {
    /// What to ask an SMSC for, if it has the message, may be asked, and can be now.
    pub(crate) fn cancellation(
        &self,
        id: MessageId,
        asked: Option<Waiting<SessionId>>,
    ) -> Option<Cancellation> {
        let live = self.live.get(&id)?;
        let channel = self.channel(live.channel).filter(|channel| channel.rules.cancel)?;
        if live.phase() != Phase::Answered || !has_id(live) {
            return None;
        }
        let reached = asked.is_none() || channel.senders_up > 0;
        reached.then_some(Cancellation { message: id, channel: live.channel, asked })
    }

    /// What SMSCs have under these authorizations and can be asked for now; what has not been answered yet is asked for when
    /// it is.
    pub(crate) fn cancellations_under(
        &self,
        mut under: impl FnMut(&Registered) -> bool,
    ) -> Vec<Cancellation> {
        let answered = self.each().filter(|live| live.phase() == Phase::Answered);
        let under = answered.filter(|live| under(&live.authorization));
        under.filter_map(|live| self.cancellation(live.id, None)).collect()
    }

    /// The SMSC has answered a message whose authorization was revoked meanwhile.
    pub(super) fn overdue_cancellation(&self, id: MessageId) -> Option<Cancellation> {
        let cancellation = self.cancellation(id, None)?;
        self.live.get(&id)?.authorization.is_revoked().then_some(cancellation)
    }

    pub(super) fn cancelled(
        &mut self,
        cancellation: Cancellation,
        done: bool,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Option<Ended> {
        let id = cancellation.message;
        let live = self.live.get(&id).filter(|live| done && live.phase() == Phase::Answered);
        let told = live.map(|live| live.member.told(id));
        let reason = if live.is_some_and(|live| live.authorization.is_revoked()) {
            Reason::AuthRevoked
        } else {
            Reason::Cancelled
        };
        let ended = told.and_then(|_| self.end(id, FinalState::Cancelled, Some(reason), 0, at));
        match (cancellation.asked, told) {
            (Some(to), Some(id)) if ended.is_some() => turn.steps.push(Step::Answer { to, id }),
            (Some(to), _) => outcomes.answers.push((to, Err(Reason::SmscRejected))),
            (None, _) => {}
        }
        ended
    }
}

fn has_id(live: &Live) -> bool {
    live.answered.as_ref().is_some_and(|answered| !answered.id.is_empty() && answered.id.len() <= 64)
}
