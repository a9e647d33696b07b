//! Texts that go south in parts. Each part is a message of its own to channels, links and receipts, so everything that
//! may befall a message may befall it alone; the text itself waits until all of them have ended.

use veilgate_names::MessageId;
use veilgate_store::Space;

use super::Book;
use crate::live::{Body, Ended, Live, Moment, NOT_COUNTED};
use crate::long::{Long, LongStep, LongText, PartEnd, SouthParts};
use crate::split::{Plan, SplitRecord, parts_of};
use crate::state::Event;
use crate::turn::{LinkId, Outcomes, Step, Turn};

impl Book {
    /// How a message that is about to be sent is cut; none if it goes as it is.
    pub(crate) fn plan(&mut self, id: MessageId) -> Option<Plan> {
        let live = self.live.get(&id)?;
        let channel = self.channels.get(usize::from(live.channel))?;
        let (rule, alphabet) = (channel.rules.long, channel.rules.alphabet);
        let total = parts_of(live.body.as_ref()?, rule, alphabet)?;
        let person = live.contact.as_ref()?.0.subscriber();
        let reference = self.references.next(rule, live.channel, person, id.0);
        Some(Plan { rule, alphabet, reference, total })
    }

    /// Cuts a message: its parts, with ids from `first` on, are sent through this link once that is durable.
    pub(crate) fn cut(
        &mut self,
        id: MessageId,
        plan: Plan,
        first: MessageId,
        link: LinkId,
        at: Moment,
        turn: &mut Turn,
    ) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let Some(channel) = self.channels.get(usize::from(live.channel)) else { return };
        let Some(body) = live.body.take() else { return };
        let parts = parts(live, &plan, first, &body);
        if !live.life.on(Event::Taken) {
            live.body = Some(body);
            return;
        }
        live.cut_into(SouthParts::new(first, plan.total));
        let record = SplitRecord { channel: channel.rules.id.clone(), plan, first };
        let mut value = Vec::with_capacity(64);
        record.write(&mut value);
        turn.put(Space::State, &id.0.to_be_bytes(), &value);
        turn.steps.push(Step::Long(Box::new(LongStep::Cut { text: id, link, body })));
        for part in parts {
            let message = part.id;
            self.live.insert(message, Box::new(part));
            if self.intend(message, at, turn) {
                turn.steps.push(Step::Send { link, message });
            }
        }
    }

    /// It is on disk that the text is cut.
    pub(crate) fn cut_stored(&mut self, text: MessageId, link: LinkId) {
        if let Some(live) = self.live.get_mut(&text) {
            let _ = live.life.on(Event::Written(link));
        }
    }

    /// It could not be written that the text is cut: it is whole again, and waits.
    pub(crate) fn cut_failed(&mut self, text: MessageId, body: Body, at: Moment, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get_mut(&text) else { return };
        live.body = Some(body);
        let south = live.uncut();
        for part in south.iter().flat_map(SouthParts::ids) {
            self.remove(part, at, outcomes);
        }
        self.retracted(text, self.rules.store_retry, at, outcomes);
    }

    /// A part's end is on disk. Says whether its text is over with it.
    pub(crate) fn part_ended(
        &mut self,
        part: MessageId,
        (text, place): (MessageId, u8),
        end: PartEnd,
        at: Moment,
        outcomes: &mut Outcomes,
    ) -> bool {
        self.remove(part, at, outcomes);
        let south = self.live.get_mut(&text).and_then(|live| live.south_mut());
        let over = south.is_some_and(|south| south.end(place, end));
        if over {
            self.over.push(text);
        }
        over
    }

    /// Ends the texts whose parts have all ended.
    pub(crate) fn end_texts(&mut self, at: Moment) -> Vec<Ended> {
        let over = std::mem::take(&mut self.over);
        over.into_iter()
            .filter_map(|id| {
                let south = self.live.get_mut(&id).and_then(|live| live.south_mut())?;
                let (state, reason, error) = south.worst().map(|end| (end.state, end.reason, end.error))?;
                self.end(id, state, reason, error, at)
            })
            .collect()
    }

    /// Adds a text that was cut when the process ended, without its parts.
    pub(crate) fn restore_text(&mut self, mut live: Box<Live>, south: SouthParts) {
        let id = live.id;
        live.body = None;
        // Its link is gone; its parts know what that means for each.
        for event in [Event::Stored, Event::Taken, Event::Written(LinkId(0))] {
            let _ = live.life.on(event);
        }
        if south.is_over() {
            self.over.push(id);
        }
        live.cut_into(south);
        self.name_parts(&live);
        self.live.insert(id, live);
    }

    /// A text is known by the ids of the parts it came in.
    pub(super) fn name_parts(&mut self, live: &Live) {
        if live.long.is_some() {
            self.texts.extend(live.other_ids().map(|part| (part, live.id)));
        }
    }
}

/// The bit of `registered_delivery` that asks for intermediate notifications (SMPP 3.4, 5.2.17).
const NOTICE: u8 = 0x10;

/// The parts of a text as messages. They are of no day's count: the text is.
pub(crate) fn parts(live: &Live, plan: &Plan, first: MessageId, whole: &Body) -> Vec<Live> {
    let bodies = plan.bodies(whole);
    let part = |(place, body): (u8, Body)| Live {
        id: MessageId(first.0 + u64::from(place)),
        body: Some(body),
        // Nobody north knows the part: of what befalls it on the way nobody is told.
        registered_delivery: live.registered_delivery & !NOTICE,
        counted_on: NOT_COUNTED,
        ordered: false,
        long: Some(Box::new(Long::Part { text: live.id, place })),
        ..live.clone()
    };
    (0..).zip(bodies).map(part).collect()
}

impl Live {
    fn cut_into(&mut self, south: SouthParts) {
        let long = self.long.get_or_insert_with(|| Box::new(Long::Text(LongText::default())));
        if let Some(text) = long.text_mut() {
            text.south = Some(south);
        }
    }

    fn uncut(&mut self) -> Option<SouthParts> {
        self.long.as_mut().and_then(|long| long.text_mut()).and_then(|text| text.south.take())
    }

    fn south_mut(&mut self) -> Option<&mut SouthParts> {
        self.long.as_mut()?.text_mut()?.south.as_mut()
    }
}

#[cfg(test)]
mod tests;
