//! What was decided, as it lies with the message. Where the person is at home is not part of it: that is found again.

use std::sync::Arc;

use veilgate_names::{Category, ObjectId};
use veilgate_policy::{Charge, Decision, Rule, Verdict};

use super::{NEVER, Review, Ruled};
use crate::record::{Reader, RecordError, Writer};

const COUNTED: u8 = 1;
const FLAGGED: u8 = 2;
const REVIEW_SHIFT: u8 = 2;
const EARLY: u8 = 16;
const KNOWN: u8 = 31;

impl Ruled {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let Decision { rule, object, policy, category, signature, template, flagged, charge, .. } =
            &*self.decision;
        let review = match self.review {
            Review::None => 0,
            Review::Waiting => 1,
            Review::Passed => 2,
        };
        let mut w = Writer(out);
        let marks = [(self.is_counted, COUNTED), (*flagged, FLAGGED), (self.may_leave_early, EARLY)];
        let marks = marks.into_iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, mark)| all | mark);
        w.u8(marks | review << REVIEW_SHIFT);
        w.u64(*policy);
        w.u8(place(&Category::ALL, *category));
        w.u8(rule.map_or(u8::MAX, |rule| place(&Rule::ALL, rule)));
        for name in [object, signature, template] {
            w.text(name.as_ref().map_or("", ObjectId::as_str));
        }
        w.bytes(charge.as_ref().map(Charge::to_octets).as_deref().unwrap_or_default());
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut r = Reader::plain(bytes);
        let flags = r.u8()?;
        let (policy, category, rule) = (r.u64()?, r.u8()?, r.u8()?);
        let (object, signature, template) = (name(&mut r)?, name(&mut r)?, name(&mut r)?);
        let charge = match r.bytes()? {
            [] => None,
            octets => Some(Charge::from_octets(octets).map_err(|_| RecordError)?),
        };
        let decision = Decision {
            verdict: Verdict::Allow,
            rule: Rule::ALL.get(usize::from(rule)).copied(),
            object,
            policy,
            category: *Category::ALL.get(usize::from(category)).ok_or(RecordError)?,
            signature,
            template,
            flagged: flags & FLAGGED != 0,
            place: None,
            charge,
        };
        let review = match (flags & !KNOWN, flags >> REVIEW_SHIFT & 3) {
            (1.., _) => return Err(RecordError),
            (_, 0) => Review::None,
            (_, 1) => Review::Waiting,
            (_, 2) => Review::Passed,
            _ => return Err(RecordError),
        };
        Ok(Self {
            decision: Arc::new(decision),
            is_counted: flags & COUNTED != 0,
            review,
            may_leave_early: flags & EARLY != 0,
            asked_at: NEVER,
            lists: 0,
        })
    }
}

fn name(r: &mut Reader<'_>) -> Result<Option<ObjectId>, RecordError> {
    match r.text()? {
        "" => Ok(None),
        text => ObjectId::parse(text).map(Some).map_err(|_| RecordError),
    }
}

fn place<T: PartialEq>(all: &[T], one: T) -> u8 {
    all.iter().position(|other| *other == one).and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}
