//! What an SMSC's answer or receipt makes of a message.

use std::sync::Arc;
use std::time::Duration;

use veilgate_names::{FinalState, MessageId, Reason};
use veilgate_smpp::text::receipt::IdKey;

use super::{Answer, Attempted, Book, put_state};
use crate::correlate::{Match, ReceiptFact};
use crate::live::{Answered, Ended, Moment};
use crate::record::Next;
use crate::retry::{Fault, Retry};
use crate::state::{Event, Phase};
use crate::turn::{DeliverAnswer, LinkId, Outcomes, Turn, Waiting};

/// A receipt that waits for its answer.
pub(super) struct Receipt {
    /// What the id it names may stand for, likelier first.
    pub(super) keys: [Option<IdKey>; 2],
    /// What it says.
    pub(super) fact: ReceiptFact,
    /// Who sent it.
    pub(super) answer: Waiting<LinkId>,
}

/// What an SMSC said about a message that it has not delivered.
struct Said {
    fault: Fault,
    /// The receipt that says it and waits for its answer.
    receipt: Option<Waiting<LinkId>>,
}

/// What follows from it.
enum Verdict {
    /// The message is tried again.
    Again,
    /// It ends, in this state if the table names one; `spent`: for want of attempts.
    End { state: Option<FinalState>, spent: bool },
}

impl Verdict {
    /// The end that is there already.
    const KEPT: Self = Self::End { state: None, spent: false };
}

impl Book {
    pub(super) fn answered(
        &mut self,
        channel: u16,
        id: MessageId,
        answer: Answer,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Option<Ended> {
        let live = self.live.get_mut(&id)?;
        let is_taken = matches!(answer, Answer::Accepted { .. });
        let open = match live.phase() {
            // An SMSC that took it ends the search, though what was given up for lost may be at another by now.
            Phase::Sent(_) | Phase::Lost => is_taken || live.channel == channel,
            Phase::Queued | Phase::Postponed => is_taken && live.attempts > 0,
            // The attempt that is about to be made is counted already.
            Phase::Intended => is_taken && live.attempts > 1,
            _ => false,
        };
        if !open {
            return None;
        }
        live.channel = channel;
        match answer {
            Answer::Accepted { id: smsc_id, key } => {
                if !live.life.on(Event::Answered) {
                    return None;
                }
                if !self
                    .channels
                    .get(usize::from(channel))
                    .is_some_and(|one| one.rules.retry.retries_receipts())
                {
                    live.body = None;
                }
                let next = if live.ordered { self.order.leave(live) } else { None };
                live.answered = Some(Answered { id: smsc_id, key: key.clone(), at: at.wall });
                if let Some(entry) = self.channels.get(usize::from(channel)) {
                    put_state(turn, live, &entry.rules.id, None);
                }
                self.set_deadline(id, at.mono.plus(self.rules.report_timeout));
                self.answered_so(channel, None, at, outcomes);
                self.next_of_lane(next, at, outcomes);
                outcomes.cancellations.extend(self.overdue_cancellation(id));
                let early = self.correlate.learn(channel, &key, id)?;
                outcomes.counts.receipts_early += 1;
                outcomes.counts.receipts_matched += 1;
                self.end_by_receipt(id, early, None, at, turn, outcomes)
            }
            Answer::Refused { status } => {
                let error = u16::try_from(status & 0xffff).unwrap_or(0);
                let said = Said { fault: Fault::Status(status), receipt: None };
                match self.again_or_end(id, &said, at, turn, outcomes) {
                    Verdict::Again => None,
                    Verdict::End { state, spent } => {
                        let otherwise = if spent { FinalState::Undeliverable } else { FinalState::Rejected };
                        self.end(id, state.unwrap_or(otherwise), Some(Reason::SmscRejected), error, at)
                    }
                }
            }
        }
    }

    pub(super) fn receipt(
        &mut self,
        channel: u16,
        receipt: Receipt,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Option<Ended> {
        let Receipt { keys, fact, answer } = receipt;
        match self.correlate.receipt(channel, keys, fact, at.mono) {
            Match::Message(id) => {
                let waits = self.live.get(&id).is_some_and(|live| live.phase() == Phase::Answered);
                let ended = self.end_by_receipt(id, fact, Some(answer), at, turn, outcomes);
                if ended.is_some() || waits {
                    outcomes.counts.receipts_matched += 1;
                } else {
                    outcomes.counts.receipts_duplicate += 1;
                    outcomes.deliver_answers.push((answer, DeliverAnswer::Later));
                }
                ended
            }
            Match::Held => {
                outcomes.deliver_answers.push((answer, DeliverAnswer::Taken));
                None
            }
            Match::Duplicate => {
                outcomes.counts.receipts_duplicate += 1;
                outcomes.deliver_answers.push((answer, DeliverAnswer::Taken));
                None
            }
            Match::Full => {
                outcomes.deliver_answers.push((answer, DeliverAnswer::Later));
                None
            }
        }
    }

    /// Ends a message as its receipt says, or brings it back where the retry table says so.
    fn end_by_receipt(
        &mut self,
        id: MessageId,
        fact: ReceiptFact,
        answer: Option<Waiting<LinkId>>,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Option<Ended> {
        let ReceiptFact { mut state, error, code } = fact;
        if state != FinalState::Delivered {
            let said = Said { fault: Fault::Receipt { state, error, code }, receipt: answer };
            match self.again_or_end(id, &said, at, turn, outcomes) {
                Verdict::Again => return None,
                Verdict::End { state: end, .. } => state = end.unwrap_or(state),
            }
        }
        let reason = match state {
            FinalState::Delivered => None,
            FinalState::Expired => Some(Reason::Expired),
            _ => Some(Reason::SmscUndelivered),
        };
        // The end of what was revoked under way is marked, whatever it is.
        let revoked = self.live.get(&id).is_some_and(|live| live.authorization.is_revoked());
        let reason = if revoked { Some(Reason::AuthRevoked) } else { reason };
        let mut ended = self.end(id, state, reason, error, at)?;
        ended.by_receipt = true;
        ended.receipt = answer;
        Some(ended)
    }

    /// Asks the channel's retry table, and takes the message back if it is to be tried again.
    fn again_or_end(
        &mut self,
        id: MessageId,
        said: &Said,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Verdict {
        let Some(live) = self.live.get(&id) else { return Verdict::KEPT };
        let Some(channel) = self.channels.get(usize::from(live.channel)) else { return Verdict::KEPT };
        let table = Arc::clone(&channel.rules.retry);
        let (place, row) = table.decide(&said.fault);
        let channel = live.channel;
        let next = match row.retry {
            Retry::No => None,
            Retry::Same => Some(Next::Same),
            Retry::Any => Some(Next::Any),
            Retry::Other => self.routes.has_other(live.route, live.channel).then_some(Next::Other),
        };
        outcomes.counts.throttled += u64::from(row.is_busy());
        let is_answer = matches!(said.fault, Fault::Status(_));
        let spent = !row.is_busy() && live.attempts >= row.attempts;
        // What an SMSC had already ends as its receipt says once its time is over.
        let in_time = is_answer || live.expires_at > at.wall;
        // What no row knows says nothing about the channel.
        if is_answer && place > 0 {
            self.answered_so(channel, Some(row.class), at, outcomes);
        }
        let Some(live) = self.live.get_mut(&id) else { return Verdict::KEPT };
        match next {
            Some(next) if !spent && in_time && live.body.is_some() => {
                live.next = next;
                // The link itself pauses; a pause of its own would let younger messages overtake this one. That
                // the SMSC was busy is no attempt.
                let (pause, attempted) = match row.is_busy() {
                    true => (Duration::ZERO, Attempted::Never),
                    false => (row.pause(live.attempts), Attempted::Once),
                };
                self.withdraw(id, pause, attempted, said.receipt, at, turn);
                Verdict::Again
            }
            _ => {
                live.billable = row.billable;
                Verdict::End { state: row.end, spent: spent && next.is_some() }
            }
        }
    }

    pub(super) fn outcome_unknown(
        &mut self,
        id: MessageId,
        grace: Duration,
        at: Moment,
        outcomes: &mut Outcomes,
    ) {
        outcomes.counts.outcome_unknown += 1;
        let Some(live) = self.live.get_mut(&id) else { return };
        let retry =
            self.channels.get(usize::from(live.channel)).is_some_and(|channel| channel.rules.retry_unknown);
        let again = retry && live.body.is_some() && live.attempts < self.rules.max_attempts;
        let lost = live.life.on(Event::Silent);
        if again && live.life.on(Event::Repeated) {
            self.enqueue(id, true, at, outcomes);
        } else if lost {
            self.set_deadline(id, at.mono.plus(grace));
        }
    }
}
