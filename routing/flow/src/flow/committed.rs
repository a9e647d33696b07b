//! What follows a commit, or its failure; and how a message's end is put into a turn.

use std::sync::Arc;

use parking_lot::MutexGuard;
use veilgate_names::{AccountKind, ChannelId, Reason};
use veilgate_store::{Space, StoreError};

use super::Flow;
use crate::book::Book;
use crate::delivery::{Content, Delivery};
use crate::ended::Ends;
use crate::live::{Ended, Live, Moment};
use crate::long::NorthPart;
use crate::ruling::Review;
use crate::schedule::is_for_another_day;
use crate::turn::{DeliverAnswer, End, Outcomes, Step, Turn};

impl Flow {
    /// Applies what follows a commit (or its failure) and fills in what the shell has to do.
    pub fn committed(
        &self,
        turns: Vec<Turn>,
        result: Result<(), StoreError>,
        at: Moment,
        outcomes: &mut Outcomes,
    ) {
        if let Err(error) = result {
            outcomes.counts.store_failures += 1;
            let reason = if matches!(error, StoreError::Full) { Reason::QueueFull } else { Reason::Internal };
            return self.undone(turns, reason, at, outcomes);
        }
        let mut deliveries = Vec::new();
        let mut book = self.book.lock();
        let (mut ends, mut gone) = (None, Vec::new());
        let (whole, broken): (Vec<Turn>, Vec<Turn>) = turns.into_iter().partition(|turn| turn.whole);
        for step in whole.into_iter().flat_map(|turn| turn.steps) {
            match step {
                Step::Accept { live, answer } => {
                    outcomes.counts.accepted += 1;
                    outcomes.answers.extend(answer.map(|answer| (answer, Ok(live.id))));
                    self.reviews.note_live(&live);
                    book.take_in(live, at, outcomes);
                }
                Step::Send { link, message } => outcomes.ready.push((link, message)),
                Step::Finish { message, end, receipt } => {
                    if let Some(live) = book.remove(message, at, outcomes) {
                        self.remember(&live, &end, &mut ends);
                        // Freed behind the lock.
                        gone.push(live);
                    }
                    self.shares.leave(end.authorization.enterprise());
                    self.reviews.forget(message);
                    outcomes.counts.finish(end.state);
                    outcomes.deliver_answers.extend(receipt.map(|waiting| (waiting, DeliverAnswer::Taken)));
                    outcomes.cdrs.push(end.cdr);
                    deliveries.extend(end.delivery);
                    deliveries.extend(end.more);
                    end.settled
                        .into_iter()
                        .for_each(|settled| self.gate.policy.state().balances.stored(settled));
                }
                Step::Reply { answer, deliveries: replies, cdr } => {
                    outcomes.deliver_answers.push((answer, DeliverAnswer::Taken));
                    outcomes.cdrs.extend(cdr);
                    deliveries.extend(replies);
                }
                Step::OptOut { answer, refusal } => {
                    outcomes.deliver_answers.extend(answer.map(|answer| (answer, DeliverAnswer::Taken)));
                    self.gate.opt_outs.told(&refusal.refused);
                    outcomes.opt_outs.push(refusal.fact);
                    outcomes.cdrs.extend(refusal.cdr);
                    deliveries.extend(refusal.deliveries);
                }
                Step::Notice { answer, delivery } => {
                    outcomes.deliver_answers.extend(answer.map(|answer| (answer, DeliverAnswer::Taken)));
                    deliveries.push(delivery);
                }
                Step::Part { answer, part } => {
                    outcomes.deliver_answers.push((answer, DeliverAnswer::Taken));
                    self.parts.lock().insert(*part, at.mono);
                }
                Step::Text { text, deliveries: replies, cdr } => {
                    self.parts.lock().give_back(text.key.subscriber, text.len());
                    outcomes.cdrs.extend(cdr);
                    deliveries.extend(replies);
                }
                Step::Long(step) => self.long_committed(*step, &mut book, at, outcomes, &mut deliveries),
                step => self.follow(step, &mut book, at, outcomes),
            }
        }
        self.survey(&mut book, at, outcomes);
        drop((book, ends));
        self.undone(broken, Reason::QueueFull, at, outcomes);
        for delivery in deliveries {
            outcomes.accounts.push(delivery.account.clone());
            self.outbox(&delivery.account).lock().push(delivery);
        }
    }

    /// What follows besides, from which no delivery comes.
    fn follow(&self, step: Step, book: &mut Book, at: Moment, outcomes: &mut Outcomes) {
        match step {
            Step::Slot(record) => self.gate.slots.stored(&record),
            Step::SlotFreed(record) => self.gate.slots.freed(&record),
            Step::Retracted { message, pause, receipt } => {
                outcomes.deliver_answers.extend(receipt.map(|waiting| (waiting, DeliverAnswer::Taken)));
                book.retracted(message, pause, at, outcomes);
            }
            Step::Registered(authorization) => authorization.record_is_durable(),
            Step::Pinned(record) => self.gate.identity.pins().written(&record),
            Step::Answer { to, id } => outcomes.answers.push((to, Ok(id))),
            Step::Repeated { to, id, key } => {
                let held = self.repeats.lock().holds(key, id);
                outcomes.answers.push((to, if held { Ok(id) } else { Err(Reason::Internal) }));
            }
            Step::Replaced { message, before, answer } => {
                if book.live(message).is_some_and(|live| live.ruled.review == Review::Passed) {
                    self.reviews.forget(message);
                }
                book.replaced(message, before.pause, at, outcomes);
                outcomes.answers.extend(answer.map(|(to, id)| (to, Ok(id))));
            }
            Step::Notify(notify) => notify(true),
            // Handled where they are met, or done when they are durable.
            Step::Accept { .. }
            | Step::Send { .. }
            | Step::Finish { .. }
            | Step::Reply { .. }
            | Step::OptOut { .. }
            | Step::Notice { .. }
            | Step::Part { .. }
            | Step::Text { .. }
            | Step::Long(_)
            | Step::Remembered { .. } => {}
        }
    }

    /// Keeps how a message ended in mind, for whoever asks. The lock is taken at the first of a commit.
    fn remember<'a>(&'a self, live: &Live, end: &End, ends: &mut Option<MutexGuard<'a, Ends>>) {
        let origin = (&live.account, live.service_number);
        let ends = ends.get_or_insert_with(|| self.ends.lock());
        ends.push(live.id, origin, live.member, end.state, end.cdr.done_at);
        for part in live.other_ids() {
            ends.push(part, origin, live.member, end.state, end.cdr.done_at);
        }
    }

    /// Takes back what turns that did not become durable were to bring about.
    fn undone(&self, turns: Vec<Turn>, reason: Reason, at: Moment, outcomes: &mut Outcomes) {
        self.keep_deletions(&turns);
        for step in turns.into_iter().flat_map(|turn| turn.steps) {
            self.failed(step, reason, at, outcomes);
        }
    }

    fn failed(&self, step: Step, reason: Reason, at: Moment, outcomes: &mut Outcomes) {
        match step {
            Step::Accept { live, answer } => {
                self.shares.leave(live.authorization.enterprise());
                if !is_for_another_day(live.scheduled_at, live.accepted_at) {
                    self.gate.registry.uncount_sms(&live.authorization, live.counted_on);
                }
                self.give_back(&live);
                outcomes.answers.extend(answer.map(|answer| (answer, Err(reason))));
            }
            Step::Send { link, message } => {
                self.book.lock().retracted(message, self.rules.store_retry, at, outcomes);
                outcomes.ready.push((link, message));
            }
            Step::Finish { message, receipt, .. } => {
                self.book.lock().end_failed(message, at);
                outcomes.deliver_answers.extend(receipt.map(|waiting| (waiting, DeliverAnswer::Later)));
            }
            Step::Reply { answer, .. } => outcomes.deliver_answers.push((answer, DeliverAnswer::Later)),
            Step::OptOut { answer, .. } => {
                outcomes.deliver_answers.extend(answer.map(|answer| (answer, DeliverAnswer::Later)));
            }
            Step::Notice { answer, .. } => {
                outcomes.deliver_answers.extend(answer.map(|answer| (answer, DeliverAnswer::Later)));
            }
            Step::Part { answer, part } => {
                self.parts.lock().give_back(part.key.subscriber, 1);
                outcomes.deliver_answers.push((answer, DeliverAnswer::Later));
            }
            Step::Text { text, .. } => {
                self.parts.lock().again(*text, at.mono.plus(self.rules.store_retry));
            }
            Step::Long(step) => self.long_failed(*step, reason, at, outcomes),
            Step::Retracted { message, pause, receipt } => {
                outcomes.deliver_answers.extend(receipt.map(|waiting| (waiting, DeliverAnswer::Later)));
                let pause = pause.max(self.rules.store_retry);
                self.book.lock().retracted(message, pause, at, outcomes);
            }
            Step::Registered(_) | Step::Pinned(_) | Step::Slot(_) | Step::SlotFreed(_) => {}
            Step::Answer { to, .. } | Step::Repeated { to, .. } => outcomes.answers.push((to, Err(reason))),
            Step::Remembered { message, key } => self.repeats.lock().forget_message(key, message),
            Step::Replaced { message, before, answer } => {
                let mut book = self.book.lock();
                let pause = before.pause.max(self.rules.store_retry);
                book.replace_failed(message, *before);
                book.replaced(message, pause, at, outcomes);
                outcomes.answers.extend(answer.map(|(to, _)| (to, Err(reason))));
            }
            Step::Notify(notify) => notify(false),
        }
    }

    /// Puts the end of messages into the turn: their records go, the receipt and the CDR are written.
    pub(crate) fn finish(&self, ended: Vec<Ended>, turn: &mut Turn) {
        if ended.is_empty() {
            return;
        }
        let channels: Vec<Option<ChannelId>> = {
            let book = self.book.lock();
            let name = |ended: &Ended| book.channel(ended.channel).map(|channel| channel.rules.id.clone());
            ended.iter().map(name).collect()
        };
        for (ended, channel) in ended.into_iter().zip(channels) {
            if ended.long.is_some() {
                self.finish_long(ended, channel.as_ref(), turn);
                continue;
            }
            let key = ended.id.0.to_be_bytes();
            turn.delete(Space::Message, &key);
            turn.delete(Space::State, &key);
            let delivery = if ended.wants_receipt() { self.receipt(&ended, turn) } else { None };
            let settled = self.settle(&ended, turn);
            let cdr = self.cdr_of_message(&ended, channel.as_ref(), settled.as_ref());
            let cdr = self.put_cdr(cdr, turn);
            let (state, authorization) = (ended.state, ended.authorization);
            let end = End { state, authorization, delivery, more: Vec::new(), cdr, settled };
            turn.steps.push(Step::Finish { message: ended.id, end, receipt: ended.receipt });
        }
    }

    /// Makes the receipt for a message's sender and puts its record into the turn.
    fn receipt(&self, ended: &Ended, turn: &mut Turn) -> Option<Arc<Delivery>> {
        self.receipt_of(ended, NorthPart::of(ended), turn)
    }

    /// The same for one of the parts it came in.
    pub(crate) fn receipt_of(
        &self,
        ended: &Ended,
        part: NorthPart,
        turn: &mut Turn,
    ) -> Option<Arc<Delivery>> {
        let authorization = &ended.authorization;
        let delivery = Arc::new(Delivery {
            id: part.id,
            account: ended.account.clone(),
            kind: ended.kind,
            enterprise: authorization.enterprise().clone(),
            service_number: ended.service_number,
            pseudonym: authorization.pseudonym().clone(),
            device: authorization.devices().first().filter(|_| ended.kind == AccountKind::Notary).cloned(),
            authorization: authorization.id().clone(),
            content: Content::Receipt {
                message: ended.member.told(part.id),
                state: ended.state,
                code: ended.reason.map(|reason| reason.code(ended.kind)),
                accepted_at: part.accepted_at,
                done_at: ended.done_at,
            },
        });
        self.put_delivery(&delivery, turn).then_some(delivery)
    }
}
