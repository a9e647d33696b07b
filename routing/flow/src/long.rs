//! A text of several parts: those it came in from the north, each with an id and a receipt of its own, and those it
//! goes south in, each with a life of its own in the book. What is said of it outside is one: one decision, one final
//! state, one CDR.

use veilgate_names::{FinalState, MessageId, Octets, Reason, Timestamp};

use crate::live::{Body, Ended};
use crate::segments::{Piece, Text};
use crate::turn::{LinkId, SessionId, Waiting};

/// What is longer than one message about a message.
#[derive(Debug, Clone)]
pub(crate) enum Long {
    /// It came or goes in parts.
    Text(LongText),
    /// It is a part that goes south.
    Part {
        /// Of which text.
        text: MessageId,
        /// Which part, from 0.
        place: u8,
    },
}

/// The parts of a text.
#[derive(Debug, Clone, Default)]
pub(crate) struct LongText {
    /// Those it came in; none if it came whole.
    pub(crate) north: Vec<NorthPart>,
    /// Those it goes in; none if it is not cut, or not yet.
    pub(crate) south: Option<SouthParts>,
}

/// A part that was acknowledged to its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NorthPart {
    pub(crate) id: MessageId,
    pub(crate) registered_delivery: u8,
    pub(crate) accepted_at: Timestamp,
}

/// The parts that go south.
#[derive(Debug, Clone)]
pub(crate) struct SouthParts {
    /// The id of the first; the others follow it.
    pub(crate) first: MessageId,
    /// How each ended, if it did.
    pub(crate) ends: Vec<Option<PartEnd>>,
}

/// How a part that went south ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartEnd {
    pub(crate) state: FinalState,
    pub(crate) reason: Option<Reason>,
    pub(crate) error: u16,
    pub(crate) attempts: u8,
    pub(crate) by_receipt: bool,
    /// Whether an SMSC took it, or a retry table says otherwise.
    pub(crate) billed: bool,
    pub(crate) submitted_at: Option<Timestamp>,
    /// The SMSC's id and when it came.
    pub(crate) answered: Option<(Octets, Timestamp)>,
    pub(crate) done_at: Timestamp,
}

/// What follows when a turn about parts is durable.
pub(crate) enum LongStep {
    /// A part from the north is on disk: its sender is answered, it waits for the others.
    Segment { answer: Waiting<SessionId>, piece: Box<Piece> },
    /// A part that is there already is answered with the id that it has.
    Again { answer: Waiting<SessionId>, id: MessageId },
    /// A text became a message, or was refused, and its parts' records are gone.
    Joined { text: Box<Text>, refused: Option<Refused> },
    /// A text is cut: its parts may be sent. The whole comes back if that cannot be written.
    Cut { text: MessageId, link: LinkId, body: Body },
    /// How a part ended is on disk.
    Ended { part: MessageId, text: MessageId, place: u8, end: PartEnd, receipt: Option<Waiting<LinkId>> },
}

/// What leaves because of a text that is refused.
pub(crate) struct Refused {
    pub(crate) state: FinalState,
    pub(crate) deliveries: Vec<std::sync::Arc<crate::delivery::Delivery>>,
    pub(crate) cdr: std::sync::Arc<veilgate_ledger::Cdr>,
}

impl Long {
    /// What a message has that came in these parts.
    pub(crate) fn of(north: Vec<NorthPart>) -> Option<Box<Self>> {
        (!north.is_empty()).then(|| Box::new(Self::Text(LongText { north, south: None })))
    }

    /// The text whose part this is, and which part, from 0.
    pub(crate) fn part_of(&self) -> Option<(MessageId, u8)> {
        match self {
            Self::Part { text, place } => Some((*text, *place)),
            Self::Text(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&LongText> {
        match self {
            Self::Text(text) => Some(text),
            Self::Part { .. } => None,
        }
    }

    pub(crate) fn text_mut(&mut self) -> Option<&mut LongText> {
        match self {
            Self::Text(text) => Some(text),
            Self::Part { .. } => None,
        }
    }

    /// Whether it is a text some of whose parts have not ended: it ends by them and by nothing else.
    pub(crate) fn is_open(&self) -> bool {
        self.text().and_then(|text| text.south.as_ref()).is_some_and(|south| !south.is_over())
    }
}

impl LongStep {
    /// Whether somebody waits for it.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(self, Self::Segment { .. } | Self::Again { .. })
    }
}

impl SouthParts {
    pub(crate) fn new(first: MessageId, total: u8) -> Self {
        Self { first, ends: vec![None; usize::from(total)] }
    }

    /// The ids of the parts, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = MessageId> + use<> {
        let count = u64::try_from(self.ends.len()).unwrap_or(0);
        let first = self.first.0;
        (0..count).map(move |place| MessageId(first + place))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ends.iter().all(Option::is_some)
    }

    /// Writes down how a part ended; says whether it was the last.
    pub(crate) fn end(&mut self, place: u8, end: PartEnd) -> bool {
        if let Some(slot) = self.ends.get_mut(usize::from(place)) {
            slot.get_or_insert(end);
        }
        self.is_over()
    }

    /// How many parts are billed.
    pub(crate) fn billed(&self) -> usize {
        self.all().filter(|end| end.billed).count()
    }

    /// The end that decides: the worst, of equal ones the first.
    pub(crate) fn worst(&self) -> Option<&PartEnd> {
        // `max_by_key` gives the last of equal ones.
        self.ends.iter().flatten().rev().max_by_key(|end| badness(end.state))
    }

    fn all(&self) -> impl Iterator<Item = &PartEnd> {
        self.ends.iter().flatten()
    }

    /// What the whole says of its way: the first submit and answer, the last end, the most attempts.
    pub(crate) fn fill(&self, ended: &mut Ended) {
        ended.submitted_at = self.all().filter_map(|end| end.submitted_at).min();
        ended.attempts = self.all().map(|end| end.attempts).max().unwrap_or(0);
        ended.billable = Some(self.billed() > 0);
        ended.by_receipt = self.worst().is_some_and(|end| end.by_receipt);
        if let Some(last) = self.all().map(|end| end.done_at).max() {
            ended.done_at = last;
        }
        let answers = self.all().filter_map(|end| end.answered.as_ref());
        ended.answered = answers.min_by_key(|(_, at)| *at).map(|(id, at)| crate::live::Answered {
            id: id.clone(),
            key: veilgate_smpp::text::receipt::IdKey::Text((&**id).into()),
            at: *at,
        });
    }
}

impl NorthPart {
    /// A message that came whole.
    pub(crate) fn of(ended: &Ended) -> Self {
        Self { id: ended.id, registered_delivery: ended.registered_delivery, accepted_at: ended.accepted_at }
    }
}

impl PartEnd {
    pub(crate) fn of(ended: &Ended) -> Self {
        Self {
            state: ended.state,
            reason: ended.reason,
            error: ended.error,
            attempts: ended.attempts,
            by_receipt: ended.by_receipt,
            billed: ended.billable.unwrap_or(ended.answered.is_some()),
            submitted_at: ended.submitted_at,
            answered: ended.answered.as_ref().map(|answered| (answered.id.clone(), answered.at)),
            done_at: ended.done_at,
        }
    }
}

/// A text is delivered when all of it is. What is known to have failed counts more than what is not known, and what was
/// refused more than what only failed.
fn badness(state: FinalState) -> u8 {
    match state {
        FinalState::Delivered => 0,
        FinalState::Unknown => 1,
        FinalState::Cancelled => 2,
        FinalState::Expired => 3,
        FinalState::Undeliverable => 4,
        FinalState::Rejected => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(state: FinalState, error: u16) -> PartEnd {
        PartEnd {
            state,
            reason: None,
            error,
            attempts: 1,
            by_receipt: true,
            billed: true,
            submitted_at: None,
            answered: None,
            done_at: Timestamp(1),
        }
    }

    #[test]
    fn the_worst_part_decides() {
        let order = [
            FinalState::Delivered,
            FinalState::Unknown,
            FinalState::Cancelled,
            FinalState::Expired,
            FinalState::Undeliverable,
            FinalState::Rejected,
        ];
        for (better, worse) in order.iter().zip(&order[1..]) {
            for pair in [[*better, *worse], [*worse, *better]] {
                let mut parts = SouthParts::new(MessageId(7), 2);
                assert!(!parts.end(0, end(pair[0], 0)));
                assert!(parts.end(1, end(pair[1], 1)));
                assert_eq!(parts.worst().map(|end| end.state), Some(*worse));
            }
        }
        let mut parts = SouthParts::new(MessageId(7), 3);
        (0..3).for_each(|place| {
            parts.end(place, end(FinalState::Expired, u16::from(place)));
        });
        assert_eq!(parts.worst().map(|end| end.error), Some(0), "the first of equal ones");
        assert_eq!(parts.ids().collect::<Vec<_>>(), [7, 8, 9].map(MessageId));
    }

    #[test]
    fn a_part_ends_once() {
        let mut parts = SouthParts::new(MessageId(7), 1);
        assert!(parts.end(0, end(FinalState::Delivered, 0)));
        assert!(parts.end(0, end(FinalState::Rejected, 0)));
        assert_eq!(parts.worst().map(|end| end.state), Some(FinalState::Delivered));
        assert!(parts.end(200, end(FinalState::Rejected, 0)), "no such part");
    }
}
