//! A text on its way south in parts: by which rule of the channel it is cut, what each part carries, and under which
//! reference; and how that lies in the store, so that a restart cuts it the same way.

use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;
use veilgate_names::{ChannelId, FinalState, MessageId, Octets, SubscriberKey, Timestamp};
use veilgate_smpp::text::encoding::DefaultAlphabet;
use veilgate_smpp::text::split::{self, ALWAYS_ONE, Parts, Reference};
use veilgate_smpp::text::udh::{self, Segment};

use crate::live::Body;
use crate::long::PartEnd;
use crate::record::{Reader, RecordError, Writer};

mod restoring;
#[cfg(test)]
mod tests;

/// How a channel's SMSC takes texts that do not fit into one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongRule {
    /// In parts with a user data header and an 8-bit reference.
    #[default]
    Udh8,
    /// In parts with a user data header and a 16-bit reference.
    Udh16,
    /// In parts with `sar_*` TLVs.
    Sar,
    /// Whole: the SMSC cuts it.
    Payload,
}

/// How a text is cut: enough to do it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) rule: LongRule,
    pub(crate) alphabet: DefaultAlphabet,
    pub(crate) reference: u16,
    pub(crate) total: u8,
}

/// That a text is cut, where its state would lie. The parts have states of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SplitRecord {
    pub(crate) channel: ChannelId,
    pub(crate) plan: Plan,
    /// The id of the first part; the others follow it.
    pub(crate) first: MessageId,
}

/// How many parts a text is, if it is more than one and the rule cuts it. Texts with a header of their own are never
/// cut, nor are those that would be more than 255 parts: what fits into `message_payload` goes there.
pub(crate) fn parts_of(body: &Body, rule: LongRule, alphabet: DefaultAlphabet) -> Option<u8> {
    if body.text.len() <= ALWAYS_ONE || body.has_header() || body.segment.is_some() {
        return None;
    }
    let total = cut(body, rule.width()?, alphabet)?.total();
    (total > 1).then_some(total)
}

/// How many parts a handset gets, as a bill counts them.
pub(crate) fn segments_of(body: &Body) -> u8 {
    if body.text.len() <= ALWAYS_ONE || body.has_header() || body.segment.is_some() {
        return 1;
    }
    cut(body, Reference::Narrow, DefaultAlphabet::default()).map_or(u8::MAX, |parts| parts.total())
}

fn cut(body: &Body, reference: Reference, alphabet: DefaultAlphabet) -> Option<Parts<'_>> {
    split::split(body.data_coding, &body.text, alphabet, reference).ok()
}

impl LongRule {
    fn width(self) -> Option<Reference> {
        match self {
            // What the SMSC makes of the TLVs is a header with an 8-bit reference, by custom.
            Self::Udh8 | Self::Sar => Some(Reference::Narrow),
            Self::Udh16 => Some(Reference::Wide),
            Self::Payload => None,
        }
    }

    /// A reference as the rule can carry it.
    fn fit(self, reference: u16) -> u16 {
        match self {
            Self::Udh8 => reference & 0xFF,
            Self::Udh16 | Self::Sar | Self::Payload => reference,
        }
    }

    const fn octet(self) -> u8 {
        match self {
            Self::Udh8 => 0,
            Self::Udh16 => 1,
            Self::Sar => 2,
            Self::Payload => 3,
        }
    }

    const fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            0 => Self::Udh8,
            1 => Self::Udh16,
            2 => Self::Sar,
            3 => Self::Payload,
            _ => return None,
        })
    }
}

impl Plan {
    /// What each part carries, in order. Nothing, if the text is not what was planned for.
    pub(crate) fn bodies(&self, whole: &Body) -> Vec<Body> {
        let parts = self.rule.width().and_then(|width| cut(whole, width, self.alphabet));
        let Some(parts) = parts.filter(|parts| parts.total() == self.total) else { return Vec::new() };
        (1..=self.total).zip(parts).map(|(number, text)| self.body(whole, number, text)).collect()
    }

    fn body(&self, whole: &Body, number: u8, text: &[u8]) -> Body {
        let segment = Segment { reference: self.reference, total: self.total, number };
        let mut octets = Vec::with_capacity(text.len() + 7);
        match self.rule {
            LongRule::Udh8 => udh::write(segment, &mut octets),
            LongRule::Udh16 => udh::write_wide(segment, &mut octets),
            LongRule::Sar | LongRule::Payload => {}
        }
        let has_header = !octets.is_empty();
        octets.extend_from_slice(text);
        Body {
            data_coding: whole.data_coding,
            esm_class: if has_header { Body::HEADER } else { 0 },
            protocol_id: whole.protocol_id,
            priority: whole.priority,
            text: Octets::from(octets),
            segment: (!has_header).then_some((self.reference, self.total, number)),
            service: whole.service,
        }
    }
}

/// References already given: a table of counters, one of which each pair of channel and person shares with few others.
/// So the next text to a person has another reference, and the same comes again after 256 texts at the earliest (16-bit
/// ones: 65,536).
#[derive(Default)]
pub(crate) struct References(Vec<u16>);

impl References {
    const COUNTERS: usize = 4096;

    /// The next reference for texts of a channel to a person. After a start the counters begin where `seed` says.
    pub(crate) fn next(&mut self, rule: LongRule, channel: u16, person: SubscriberKey, seed: u64) -> u16 {
        if self.0.is_empty() {
            let start = |place| FxBuildHasher.hash_one((seed, place)).to_le_bytes();
            self.0 = (0..Self::COUNTERS).map(start).map(|[a, b, ..]| u16::from_le_bytes([a, b])).collect();
        }
        let place = FxBuildHasher.hash_one((channel, person)) >> 20;
        let place = usize::try_from(place).unwrap_or(0) % Self::COUNTERS;
        let Some(counter) = self.0.get_mut(place) else { return 0 };
        *counter = counter.wrapping_add(1);
        rule.fit(*counter)
    }
}

/// The first octet of the state of a text that is cut, and of a part that ended; of no other state.
const SPLIT: u8 = 0x81;
const ENDED: u8 = 0x82;

impl SplitRecord {
    /// Whether a state says that the text is cut.
    pub(crate) fn is(state: &[u8]) -> bool {
        state.first() == Some(&SPLIT)
    }

    /// The keys of the parts of a text whose state this is, if it is cut.
    pub(crate) fn parts(state: &[u8]) -> Option<impl Iterator<Item = [u8; 8]> + use<>> {
        let split = Self::read(state).ok()?;
        Some((0..u64::from(split.plan.total)).map(move |place| (split.first.0 + place).to_be_bytes()))
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer(out);
        w.u8(SPLIT);
        w.text(self.channel.as_str());
        w.u8(self.plan.rule.octet());
        w.u8(u8::from(self.plan.alphabet == DefaultAlphabet::Latin1));
        w.u16(self.plan.reference);
        w.u8(self.plan.total);
        w.u64(self.first.0);
    }

    pub(crate) fn read(state: &[u8]) -> Result<Self, RecordError> {
        let mut r = Reader::of(state, SPLIT)?;
        Ok(Self {
            channel: ChannelId::parse(r.text()?).map_err(|_| RecordError)?,
            plan: Plan {
                rule: LongRule::from_octet(r.u8()?).ok_or(RecordError)?,
                alphabet: if r.u8()? == 1 { DefaultAlphabet::Latin1 } else { DefaultAlphabet::Gsm7 },
                reference: r.u16()?,
                total: r.u8()?,
            },
            first: MessageId(r.u64()?),
        })
    }
}

impl PartEnd {
    /// Whether a state says that the part ended.
    pub(crate) fn is(state: &[u8]) -> bool {
        state.first() == Some(&ENDED)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer(out);
        w.u8(ENDED);
        w.u8(self.state.message_state());
        w.text(self.reason.map_or("", |reason| reason.name()));
        w.u16(self.error);
        w.u8(self.attempts);
        w.u8(u8::from(self.by_receipt));
        w.u8(u8::from(self.billed));
        w.i64(self.submitted_at.map_or(0, |at| at.0));
        w.i64(self.done_at.0);
        if let Some((id, at)) = &self.answered {
            w.bytes(id);
            w.i64(at.0);
        }
    }

    pub(crate) fn read(state: &[u8]) -> Result<Self, RecordError> {
        let mut r = Reader::of(state, ENDED)?;
        let time = |value: i64| Some(Timestamp(value)).filter(|at| at.0 != 0);
        Ok(Self {
            state: FinalState::from_message_state(r.u8()?).ok_or(RecordError)?,
            reason: match r.text()? {
                "" => None,
                name => Some(veilgate_ledger::reason_named(name).ok_or(RecordError)?),
            },
            error: r.u16()?,
            attempts: r.u8()?,
            by_receipt: r.u8()? == 1,
            billed: r.u8()? == 1,
            submitted_at: time(r.i64()?),
            done_at: Timestamp(r.i64()?),
            answered: match r.is_empty() {
                true => None,
                false => Some((Octets::from(r.bytes()?), Timestamp(r.i64()?))),
            },
        })
    }
}
