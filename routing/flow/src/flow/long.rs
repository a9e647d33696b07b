//! What follows a commit that is about texts of several parts, and how such a text and its parts end: a part's end is
//! written down as it comes, and when all are, the text ends as one.

use std::sync::Arc;

use veilgate_names::{ChannelId, Reason};
use veilgate_store::Space;

use super::Flow;
use crate::book::Book;
use crate::delivery::Delivery;
use crate::live::{Ended, Moment};
use crate::long::{LongStep, NorthPart, PartEnd, Refused};
use crate::turn::{DeliverAnswer, End, Outcomes, Step, Turn};

impl Flow {
    pub(super) fn long_committed(
        &self,
        step: LongStep,
        book: &mut Book,
        at: Moment,
        outcomes: &mut Outcomes,
        deliveries: &mut Vec<Arc<Delivery>>,
    ) {
        match step {
            LongStep::Segment { answer, piece } => {
                let id = self.segment_stored(*piece, at, outcomes);
                outcomes.answers.push((answer, Ok(id)));
            }
            LongStep::Again { answer, id } => outcomes.answers.push((answer, Ok(id))),
            LongStep::Joined { text, refused } => {
                let whole = text.is_whole();
                outcomes.counts.texts_joined += u64::from(whole);
                outcomes.counts.texts_incomplete += u64::from(!whole);
                self.segments.lock().left(&text);
                if let Some(Refused { state, deliveries: receipts, cdr }) = refused {
                    outcomes.counts.finish(state);
                    outcomes.cdrs.push(cdr);
                    deliveries.extend(receipts);
                }
            }
            LongStep::Cut { text, link, .. } => {
                outcomes.counts.texts_cut += 1;
                book.cut_stored(text, link);
            }
            LongStep::Ended { part, text, place, end, receipt } => {
                outcomes.deliver_answers.extend(receipt.map(|waiting| (waiting, DeliverAnswer::Taken)));
                let over = book.part_ended(part, (text, place), end, at, outcomes);
                outcomes.long_ready |= over;
            }
        }
    }

    pub(super) fn long_failed(&self, step: LongStep, reason: Reason, at: Moment, outcomes: &mut Outcomes) {
        match step {
            LongStep::Segment { answer, piece } => {
                self.segments.lock().give_back(piece.account(), 1);
                outcomes.answers.push((answer, Err(reason)));
            }
            LongStep::Again { answer, .. } => outcomes.answers.push((answer, Err(reason))),
            LongStep::Joined { text, .. } => {
                self.segments.lock().again(text, at.mono.plus(self.rules.store_retry));
            }
            LongStep::Cut { text, body, .. } => self.book.lock().cut_failed(text, body, at, outcomes),
            LongStep::Ended { part, receipt, .. } => {
                self.book.lock().end_failed(part, at);
                outcomes.deliver_answers.extend(receipt.map(|waiting| (waiting, DeliverAnswer::Later)));
            }
        }
    }

    /// Puts the end of a part, or of a text of several parts, into the turn.
    pub(super) fn finish_long(&self, ended: Ended, channel: Option<&ChannelId>, turn: &mut Turn) {
        if let Some((text, place)) = ended.long.as_ref().and_then(|long| long.part_of()) {
            let end = PartEnd::of(&ended);
            let mut value = Vec::with_capacity(96);
            end.write(&mut value);
            turn.put(Space::State, &ended.id.0.to_be_bytes(), &value);
            let step = LongStep::Ended { part: ended.id, text, place, end, receipt: ended.receipt };
            turn.steps.push(Step::Long(Box::new(step)));
        } else {
            self.finish_text(ended, channel, turn);
        }
    }

    fn finish_text(&self, mut ended: Ended, channel: Option<&ChannelId>, turn: &mut Turn) {
        let long = ended.long.take();
        let text = long.as_ref().and_then(|long| long.text());
        let south = text.and_then(|text| text.south.as_ref());
        let key = ended.id.0.to_be_bytes();
        turn.delete(Space::Message, &key);
        turn.delete(Space::State, &key);
        if let Some(south) = south {
            south.fill(&mut ended);
            for part in south.ids() {
                turn.delete(Space::State, &part.0.to_be_bytes());
            }
        }
        let own = NorthPart::of(&ended);
        let north = text.map(|text| &text.north[..]).filter(|north| !north.is_empty());
        let mut receipts = self.receipts(&ended, north.unwrap_or(&[own]), turn).into_iter();
        ended.long.clone_from(&long);
        let settled = self.settle(&ended, turn);
        let cdr = self.put_cdr(self.cdr_of_message(&ended, channel, settled.as_ref()), turn);
        let (delivery, more) = (receipts.next(), receipts.collect());
        let (state, authorization) = (ended.state, ended.authorization);
        let end = End { state, authorization, delivery, more, cdr, settled };
        turn.steps.push(Step::Finish { message: ended.id, end, receipt: ended.receipt });
    }

    /// One receipt for each part whose sender asked for one of this kind: the same state and times for all.
    pub(crate) fn receipts(&self, ended: &Ended, north: &[NorthPart], turn: &mut Turn) -> Vec<Arc<Delivery>> {
        let wanted = north.iter().filter(|part| ended.is_wanted_by(part.registered_delivery));
        wanted.filter_map(|part| self.receipt_of(ended, *part, turn)).collect()
    }
}
