//! What an SMSC's answer or receipt makes of a message.

use std::time::Duration;

use veilgate_names::{FinalState, MessageId, Reason};
use veilgate_smpp::text::receipt::IdKey;

use super::{Answer, Attempted, Book, put_state};
use crate::correlate::{Match, ReceiptFact};
use crate::live::{Answered, Ended, Moment};
use crate::state::{Event, Phase};
use crate::turn::{DeliverAnswer, LinkId, Outcomes, Turn, Waiting};

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
        let open = matches!(live.phase(), Phase::Sent(_) | Phase::Lost)
            || (live.phase() == Phase::Queued
                && live.attempts > 0
                && matches!(answer, Answer::Accepted { .. }));
        if !open || live.channel != channel {
            return None;
        }
        match answer {
            Answer::Accepted { id: smsc_id, key } => {
                if !live.life.on(Event::Answered) {
                    return None;
                }
                live.body = None;
                live.answered = Some(Answered { id: smsc_id, key: key.clone(), at: at.wall });
                if let Some(entry) = self.channels.get(usize::from(channel)) {
                    put_state(turn, live, &entry.rules.id, None);
                }
                self.set_deadline(id, at.mono.plus(self.rules.report_timeout));
                let early = self.correlate.learn(channel, &key, id)?;
                outcomes.counts.receipts_early += 1;
                outcomes.counts.receipts_matched += 1;
                self.end_by_receipt(id, early, None, at)
            }
            Answer::Throttled => {
                outcomes.counts.throttled += 1;
                // The link itself pauses; a pause of its own would let younger messages overtake this one. That
                // the SMSC was busy is no attempt.
                self.withdraw(id, Duration::ZERO, Attempted::Never, at, turn);
                None
            }
            Answer::Failed if live.attempts < self.rules.max_attempts => {
                let pause = self.rules.pause(live.attempts);
                self.withdraw(id, pause, Attempted::Once, at, turn);
                None
            }
            Answer::Failed => self.end(id, FinalState::Undeliverable, Some(Reason::SmscRejected), 0x08, at),
            Answer::Refused { status } => {
                let error = u16::try_from(status & 0xffff).unwrap_or(0);
                self.end(id, FinalState::Rejected, Some(Reason::SmscRejected), error, at)
            }
        }
    }

    pub(super) fn receipt(
        &mut self,
        channel: u16,
        keys: [Option<IdKey>; 2],
        fact: ReceiptFact,
        answer: Waiting<LinkId>,
        at: Moment,
        outcomes: &mut Outcomes,
    ) -> Option<Ended> {
        match self.correlate.receipt(channel, keys, fact, at.mono) {
            Match::Message(id) => {
                let ended = self.end_by_receipt(id, fact, Some(answer), at);
                if ended.is_some() {
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

    pub(super) fn end_by_receipt(
        &mut self,
        id: MessageId,
        fact: ReceiptFact,
        answer: Option<Waiting<LinkId>>,
        at: Moment,
    ) -> Option<Ended> {
        let reason = match fact.state {
            FinalState::Delivered => None,
            FinalState::Expired => Some(Reason::Expired),
            _ => Some(Reason::SmscUndelivered),
        };
        let mut ended = self.end(id, fact.state, reason, fact.error, at)?;
        ended.by_receipt = true;
        ended.receipt = answer;
        Some(ended)
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
