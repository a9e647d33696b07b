//! Long replies on their way: a part is sealed and made durable, then its SMSC hears so, and when the text is whole (or
//! has waited too long) it is masked and delivered as one.

use veilgate_admission::Registered;
use veilgate_identity::{Class, Known};
use veilgate_names::{
    AuthorizationId, Extension, MessageId, Octets, ServiceNumber, SubscriberKey, Timestamp,
};
use veilgate_smpp::text::encoding::{DefaultAlphabet, decode_text};
use veilgate_smpp::text::udh::Segment;
use veilgate_store::Space;

use super::deliver::Put;
use super::parts::{Admission, Piece, TextKey};
use super::{Addressee, Attribution, Incoming, Part, Text, Unattributed, Writer, text};
use crate::directory::NumberRules;
use crate::flow::Flow;
use crate::live::Moment;
use crate::record::{Reader, RecordError, Writer as Record};
use crate::turn::{LinkId, Step, Turn, Waiting};

const VERSION: u8 = 1;
/// Octets of a turn beyond which no further text joins it.
const TURN_OCTETS: usize = 1 << 18;

impl Flow {
    /// A part of a long reply.
    #[expect(clippy::too_many_arguments, reason = "the request, what was read of it, and the turn")]
    pub(super) fn part(
        &self,
        incoming: &Incoming<'_>,
        writer: Writer,
        segment: Segment,
        octets: &[u8],
        answer: Waiting<LinkId>,
        at: Moment,
        turn: &mut Turn,
    ) -> Attribution {
        let authorization = match self.addressee(&writer, at) {
            Ok(Addressee::One(authorization)) => authorization,
            Ok(Addressee::Several(candidates)) if segment.number == 1 => {
                return self.tell_of_ambiguous(&candidates, &writer.rules, answer, turn);
            }
            Ok(Addressee::Several(_)) => return Attribution::Unattributed(Unattributed::Ambiguous),
            Err(why) => {
                return self.part_for_nobody(incoming, &writer, segment, octets, answer, why, at, turn);
            }
        };
        let key = TextKey {
            subscriber: writer.known.subscriber(),
            service_number: writer.rules.number,
            extension: writer.extension,
            reference: segment.reference,
            total: segment.total,
        };
        match self.parts.lock().admit(&key, segment.number, octets) {
            Admission::Take => {}
            Admission::Duplicate => return Attribution::Duplicate,
            Admission::Full => return Attribution::Full,
            Admission::TooLong => return Attribution::TooLong,
        }
        let (data_coding, alphabet) = (incoming.data_coding, incoming.alphabet);
        let piece = Piece { id: self.next_id(), data_coding, alphabet, octets: Octets::from(octets) };
        let part = Part {
            key,
            number: segment.number,
            authorization: authorization.id().clone(),
            piece,
            received: at.wall,
            writer: Some(writer.known),
        };
        if !self.put_part(&part, &authorization, turn) {
            self.parts.lock().give_back(key.subscriber, 1);
            return Attribution::Unattributed(Unattributed::Late);
        }
        turn.steps.push(Step::Part { answer, part: Box::new(part) });
        Attribution::Attributed
    }

    /// A part that is to nobody may begin a refusal all the same.
    #[expect(clippy::too_many_arguments, reason = "the request, what was read of it, and the turn")]
    fn part_for_nobody(
        &self,
        incoming: &Incoming<'_>,
        writer: &Writer,
        segment: Segment,
        octets: &[u8],
        answer: Waiting<LinkId>,
        why: Unattributed,
        at: Moment,
        turn: &mut Turn,
    ) -> Attribution {
        let first = segment.number == 1;
        let readable = decode_text(incoming.data_coding, octets, incoming.alphabet).ok().filter(|_| first);
        match readable.as_deref().and_then(|text| self.rules.opt_out.words.find_beginning(text)) {
            Some(word) => self.refuse(writer, word, Some(answer), at, turn),
            None => Attribution::Unattributed(why),
        }
    }

    fn put_part(&self, part: &Part, authorization: &Registered, turn: &mut Turn) -> bool {
        let mut plain = Vec::with_capacity(160 + part.piece.octets.len());
        write_part(part, &mut plain);
        let mut sealed = Vec::with_capacity(plain.len() + 64);
        let tenant = Some(authorization.enterprise());
        let done = self.seals.seal(Class::Text, tenant, &plain, &mut sealed).is_ok();
        if done {
            turn.put(Space::Reply, &part.piece.id.0.to_be_bytes(), &sealed);
        }
        done
    }

    /// Parts of long replies that wait for others.
    #[must_use]
    pub fn parts_waiting(&self) -> usize {
        self.parts.lock().len()
    }

    /// A part from the store.
    pub(crate) fn restore_part(&self, id: MessageId, sealed: &[u8], at: Moment) -> Result<(), RecordError> {
        let part = read_part(id, &self.seals.open(Class::Text, sealed)?.1)?;
        let age = at.wall.since(part.received);
        self.parts.lock().restore(part, age, at.mono);
        Ok(())
    }

    /// Delivers texts that are whole or out of time, as many as one turn should carry.
    pub(crate) fn assemble(&self, at: Moment, turn: &mut Turn) {
        for id in self.parts.lock().take_spare() {
            turn.delete(Space::Reply, &id.0.to_be_bytes());
        }
        while turn.batch().octets() < TURN_OCTETS {
            let Some(text) = self.parts.lock().next_ready(at.mono) else { return };
            if let Err(text) = self.deliver_text(text, at, turn) {
                self.parts.lock().again(*text, at.mono.plus(self.rules.store_retry));
            }
        }
    }

    /// Puts a text's deliveries into the turn, and takes its parts' records out; gives it back where an outbox is full.
    fn deliver_text(&self, mut text: Text, at: Moment, turn: &mut Turn) -> Result<(), Box<Text>> {
        let mut deliveries = Vec::new();
        let mut cdr = None;
        let authorization = self.gate.registry.by_id(&text.authorization);
        let rules = self.gate.directory.load().rules(text.key.service_number).cloned();
        if let Some(authorization) = &authorization {
            let known = text.writer.take();
            text.writer = known.or_else(|| self.writer_of(authorization, text.key.subscriber, at));
        }
        if let (Some(authorization), Some(rules)) = (authorization, rules)
            && !self.is_refusal(&mut text, &rules, at, turn)
        {
            let content = text.writer.as_ref().map(|known| text::joined(&text, known));
            let content = content.unwrap_or_else(text::unsearched);
            let segments = u16::try_from(text.len()).unwrap_or(u16::MAX);
            match self.put_reply(&authorization, &rules, content, segments, at, turn) {
                Put::Done(put) => (deliveries, cdr) = (put.0, Some(put.1)),
                Put::Full => return Err(Box::new(text)),
                Put::Late => {}
            }
        }
        for id in text.records() {
            turn.delete(Space::Reply, &id.0.to_be_bytes());
        }
        turn.steps.push(Step::Text { text: Box::new(text), deliveries, cdr });
        Ok(())
    }

    /// Whether a text that came in parts is a refusal, or begins as one; it then is in force.
    fn is_refusal(&self, text: &mut Text, rules: &NumberRules, at: Moment, turn: &mut Turn) -> bool {
        let words = &self.rules.opt_out.words;
        let (beginning, is_all) = text::beginning(text);
        let word = if is_all { words.find(&beginning) } else { words.find_beginning(&beginning) };
        let Some(word) = word else { return false };
        let Some(known) = text.writer.take() else { return false };
        let writer = Writer { rules: rules.clone(), extension: text.key.extension, known };
        let refused = self.refuse(&writer, word, None, at, turn);
        text.writer = Some(writer.known);
        matches!(refused, Attribution::Attributed | Attribution::Duplicate)
    }

    /// Who wrote parts that were read before a restart, if the authorization still leads to the same tenure.
    fn writer_of(&self, authorization: &Registered, subscriber: SubscriberKey, at: Moment) -> Option<Known> {
        let (contact, _) = crate::message::resolve(authorization, &self.gate, at.wall).ok()?;
        (contact.subscriber() == subscriber).then(|| contact.as_writer())
    }
}

/// Writes a part without its id, which is the record's key.
fn write_part(part: &Part, out: &mut Vec<u8>) {
    let mut w = Record(out);
    w.u8(VERSION);
    w.bytes(&part.key.subscriber.0);
    w.text(part.key.service_number.as_str());
    w.text(&part.key.extension.to_string());
    w.u16(part.key.reference);
    w.u8(part.key.total);
    w.u8(part.number);
    w.text(part.authorization.as_str());
    w.i64(part.received.0);
    w.u8(part.piece.data_coding);
    w.u8(u8::from(part.piece.alphabet == DefaultAlphabet::Latin1));
    w.bytes(&part.piece.octets);
}

fn read_part(id: MessageId, bytes: &[u8]) -> Result<Part, RecordError> {
    let mut r = Reader::versioned(bytes)?;
    let key = TextKey {
        subscriber: SubscriberKey(r.bytes()?.try_into().map_err(|_| RecordError)?),
        service_number: ServiceNumber::parse(r.text()?).map_err(|_| RecordError)?,
        extension: Extension::parse(r.text()?).map_err(|_| RecordError)?,
        reference: r.u16()?,
        total: r.u8()?,
    };
    let number = r.u8()?;
    if number == 0 || number > key.total {
        return Err(RecordError);
    }
    let authorization = AuthorizationId::parse(r.text()?).map_err(|_| RecordError)?;
    let received = Timestamp(r.i64()?);
    let data_coding = r.u8()?;
    let alphabet = if r.u8()? == 1 { DefaultAlphabet::Latin1 } else { DefaultAlphabet::Gsm7 };
    let piece = Piece { id, data_coding, alphabet, octets: Octets::from(r.bytes()?) };
    Ok(Part { key, number, authorization, piece, received, writer: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_back() {
        let part = Part {
            key: TextKey {
                subscriber: SubscriberKey([7; 16]),
                service_number: ServiceNumber::parse("10690001").unwrap(),
                extension: Extension { width: 2, value: 7 },
                reference: 258,
                total: 3,
            },
            number: 2,
            authorization: AuthorizationId::parse("au-1").unwrap(),
            piece: Piece {
                id: MessageId(9),
                data_coding: 8,
                alphabet: DefaultAlphabet::Latin1,
                octets: Octets::from(&b"text"[..]),
            },
            received: Timestamp(5),
            writer: None,
        };
        let mut bytes = Vec::new();
        write_part(&part, &mut bytes);
        let back = read_part(MessageId(9), &bytes).unwrap();
        assert_eq!((back.key, back.number, back.authorization), (part.key, 2, part.authorization));
        assert_eq!((back.piece, back.received), (part.piece, Timestamp(5)));
        for cut in 0..bytes.len() {
            assert!(read_part(MessageId(9), &bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
