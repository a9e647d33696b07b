//! Parts from the north on their way to one text: each is sealed and made durable, then its sender hears so; when the
//! text is whole it is decided on as one message, and when it is refused or incomplete each part hears of that.

use std::sync::Arc;

use veilgate_admission::Account;
use veilgate_names::{FinalState, MessageId, Octets, Reason};
use veilgate_smpp::codec::Status;
use veilgate_store::Space;

use super::{Admission, Inserted, Piece, Text};
use crate::flow::{Flow, Origin, Sender};
use crate::live::{Body, ContentFacts, Ended, Moment};
use crate::long::{Long, LongStep, LongText, Refused};
use crate::message::{Received, admit_whole};
use crate::multi::Member;
use crate::record::{MessageRecord, RecordError};
use crate::refusal::Refusal;
use crate::turn::{Outcomes, Step, Turn};

/// Octets of a turn beyond which no further text joins it.
const TURN_OCTETS: usize = 1 << 18;

impl Flow {
    /// Takes a part of a text to the journal. Its sender is answered when the turn is durable; what is known already to
    /// be wrong is refused at once, the text is judged when it is whole. Several recipients have whole texts only.
    pub(crate) fn segment(
        &self,
        account: &Account,
        origin: &Origin,
        received: Received<'_>,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<MessageId, Refusal> {
        let from = origin.answer.filter(|_| origin.member.of <= 1);
        let from = from.ok_or(Refusal::field(Status::RINVESMCLASS))?;
        let mut found = None;
        let admitted = received.admit(account, &self.gate, at, &mut found).and_then(|admitted| {
            self.shares.check_of(admitted.enterprise()).map(|()| admitted).map_err(Refusal::from)
        });
        if let Some(authorization) = found {
            self.put_pending(authorization, turn)?;
        }
        let (authorization, number, record) = admitted?.part(account, at);
        let directory = self.gate.directory.load();
        if !self.open_routes.load().leads(directory.place(&number), None) {
            return Err(Reason::NoRoute.into());
        }
        let id = origin.id.unwrap_or_else(|| self.next_id());
        let piece = Piece::new(id, authorization, record).map_err(|_| Reason::Schema)?;
        match self.segments.lock().admit(&piece, at.mono) {
            Admission::Take => {}
            Admission::Again(id) => {
                turn.steps.push(Step::Long(Box::new(LongStep::Again { answer: from, id })));
                return Ok(id);
            }
            Admission::Full => return Err(Reason::QueueFull.into()),
            Admission::TooLong => return Err(Refusal::field(Status::RINVMSGLEN)),
            Admission::OtherCoding => return Err(Refusal::field(Status::RINVDCS)),
        }
        if let Err(reason) = self.put_segment(&piece, turn) {
            self.segments.lock().give_back(piece.account(), 1);
            return Err(reason.into());
        }
        let piece = Box::new(piece);
        turn.steps.push(Step::Long(Box::new(LongStep::Segment { answer: from, piece })));
        Ok(id)
    }

    fn put_segment(&self, piece: &Piece, turn: &mut Turn) -> Result<(), Reason> {
        let tenant = piece.authorization.enterprise();
        self.put_sealed(Space::Segment, piece.id, &piece.record, tenant, turn)
    }

    /// A part is on disk. Gives the id its sender is answered with.
    pub(crate) fn segment_stored(&self, piece: Piece, at: Moment, outcomes: &mut Outcomes) -> MessageId {
        let id = piece.id;
        let mut segments = self.segments.lock();
        let inserted = segments.insert(piece, at.mono);
        outcomes.long_ready |= segments.has_ready();
        match inserted {
            Inserted::New => id,
            Inserted::Again(first) => first,
        }
    }

    /// Decides on texts that are whole or out of time, and ends those whose last part has ended: as many as one turn
    /// should carry. What is left is for the next call.
    pub fn long_texts(&self, at: Moment, turn: &mut Turn) {
        let ended = self.book.lock().end_texts(at);
        self.finish(ended, turn);
        for id in self.segments.lock().take_spare() {
            turn.delete(Space::Segment, &id.0.to_be_bytes());
        }
        while turn.batch().octets() < TURN_OCTETS {
            let Some(text) = self.segments.lock().next_ready(at.mono) else { return };
            self.join(text, at, turn);
        }
    }

    fn join(&self, text: Box<Text>, at: Moment, turn: &mut Turn) {
        let accepted =
            if text.is_whole() { self.accept_text(&text, at, turn) } else { Err(Reason::SegmentsMissing) };
        let refused = match accepted {
            Ok(()) => None,
            Err(reason) => self.refuse_text(&text, reason, at, turn),
        };
        for piece in text.pieces() {
            turn.delete(Space::Segment, &piece.id.0.to_be_bytes());
        }
        turn.steps.push(Step::Long(Box::new(LongStep::Joined { text, refused })));
    }

    /// The text as one message: everything is asked again, and of the whole.
    fn accept_text(&self, text: &Text, at: Moment, turn: &mut Turn) -> Result<(), Reason> {
        let record = joined(text).ok_or(Reason::Schema)?;
        let (mut slot, mut pin) = (None, None);
        let id = text.pieces().next().ok_or(Reason::Schema)?.id;
        let sender = Sender {
            account: record.account.clone(),
            kind: record.kind,
            accepted_at: record.accepted_at,
            north: text.north(),
        };
        let origin = Origin { id: Some(id), answer: None, member: Member::default() };
        let cleared = admit_whole(record, &text.authorization, &self.gate, at)
            .and_then(|admitted| admitted.screen(&self.gate, id, at))
            .and_then(|judged| judged.resolve(&self.gate, at, &mut pin))
            .and_then(|resolved| resolved.clear(&self.gate, id, at, &mut slot));
        let put = |cleared, turn: &mut Turn| self.draft(sender, origin, cleared, at, turn);
        self.put_cleared(slot, pin, cleared, turn, put).map(drop).map_err(|refusal| refusal.reason)
    }

    /// Every part that asked for it is told, and one CDR is written.
    fn refuse_text(&self, text: &Text, reason: Reason, at: Moment, turn: &mut Turn) -> Option<Refused> {
        let ended = refused(text, reason, at)?;
        let north = text.north();
        let deliveries = self.receipts(&ended, &north, turn);
        let cdr = self.put_cdr(self.cdr_of_message(&ended, None, None), turn);
        Some(Refused { state: ended.state, deliveries, cdr })
    }

    /// Parts of texts from the north that wait for others.
    #[must_use]
    pub fn segments_waiting(&self) -> usize {
        self.segments.lock().len()
    }

    /// A part from the store.
    pub(crate) fn restore_segment(
        &self,
        id: MessageId,
        sealed: &[u8],
        at: Moment,
    ) -> Result<(), RecordError> {
        let record = self.open_message(sealed)?;
        let authorization = self.gate.registry.by_id(&record.authorization).ok_or(RecordError)?;
        let age = at.wall.since(record.accepted_at);
        let piece = Piece::new(id, authorization, record)?;
        self.segments.lock().restore(piece, age, at.mono);
        Ok(())
    }
}

/// The text put together, with what its first part says of it.
pub(super) fn joined(text: &Text) -> Option<MessageRecord> {
    let first = text.pieces().next()?;
    let octets: Vec<u8> = text.pieces().flat_map(|piece| piece.text().iter().copied()).collect();
    let accepted_at = text.pieces().map(|piece| piece.record.accepted_at).min()?;
    let expires_at = text.pieces().map(|piece| piece.record.expires_at).min()?;
    Some(MessageRecord {
        accepted_at,
        expires_at,
        body: Body { esm_class: 0, text: Octets::from(octets), segment: None, ..first.record.body.clone() },
        ..first.record.clone()
    })
}

/// How a text ends that never became a message.
fn refused(text: &Text, reason: Reason, at: Moment) -> Option<Ended> {
    let record = joined(text)?;
    Some(Ended {
        id: text.pieces().next()?.id,
        account: record.account,
        kind: record.kind,
        authorization: Arc::clone(&text.authorization),
        service_number: record.service_number,
        extension: record.extension,
        registered_delivery: record.registered_delivery,
        accepted_at: record.accepted_at,
        submitted_at: None,
        answered: None,
        contact: None,
        facts: ContentFacts::of(&record.body),
        channel: 0,
        attempts: 0,
        state: if reason == Reason::Expired { FinalState::Expired } else { FinalState::Rejected },
        reason: Some(reason),
        error: 0,
        done_at: at.wall,
        by_receipt: false,
        billable: None,
        receipt: None,
        member: Member::default(),
        ruled: record.ruled,
        long: Some(Box::new(Long::Text(LongText { north: text.north(), south: None }))),
    })
}
