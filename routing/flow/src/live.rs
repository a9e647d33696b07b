//! A message that has not ended yet, as it is held in memory, and the phases it passes.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use sm3::{Digest, Sm3};
use veilgate_admission::Registered;
use veilgate_identity::Contact;
use veilgate_names::{
    AccountId, AccountKind, Extension, FinalState, MessageId, Monotonic, Octets, Reason, ServiceNumber,
    Timestamp,
};

use veilgate_smpp::text::receipt::IdKey;

use crate::groups::Freight;
use crate::long::{Long, NorthPart};
use crate::multi::Member;
use crate::record::Next;
use crate::ruling::Ruled;
use crate::service::ServiceType;
use crate::split::segments_of;
use crate::state::{Event, Life, Phase};
use crate::turn::LinkId;

/// What is sent, apart from addresses. Segment: (reference, total, number) of `sar_*`.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// SMPP `data_coding`.
    pub data_coding: u8,
    /// SMPP `esm_class`; only the UDH indicator may be set.
    pub esm_class: u8,
    /// SMPP `protocol_id`.
    pub protocol_id: u8,
    /// SMPP `priority_flag`.
    pub priority: u8,
    /// User data: header, if indicated, and text.
    pub text: Octets,
    /// Segment numbers that came as TLVs.
    pub segment: Option<(u16, u8, u8)>,
    /// SMPP `service_type`.
    pub service: ServiceType,
}

/// The moment of an event on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Wall time, for what is written down.
    pub wall: Timestamp,
    /// Monotonic time, for what is waited for.
    pub mono: Monotonic,
}

impl Moment {
    /// When, on the monotonic clock, a wall time will have come.
    pub(crate) fn mono_at(self, wall: Timestamp) -> Monotonic {
        self.mono.plus(wall.since(self.wall))
    }
}

/// For messages of the gateway's own, which no limit is about.
pub(crate) const NOT_COUNTED: u16 = u16::MAX;

/// One message, or one part of a long one. About 300 octets plus its text, which goes when the SMSC has it.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) id: MessageId,
    pub(crate) account: AccountId,
    pub(crate) kind: AccountKind,
    pub(crate) authorization: Arc<Registered>,
    pub(crate) service_number: ServiceNumber,
    pub(crate) extension: Extension,
    /// Which channels it may take: an index of [`crate::groups::Routes`].
    pub(crate) route: u16,
    /// Whether it waits for the one before it to the same subscriber.
    pub(crate) ordered: bool,
    pub(crate) registered_delivery: u8,
    pub(crate) accepted_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// Not to be sent before; none once its time has come.
    pub(crate) scheduled_at: Option<Timestamp>,
    pub(crate) body: Option<Body>,
    /// None after a restart, and when it was found long ago: resolved again before it is sent.
    pub(crate) contact: Option<(Contact, Monotonic)>,
    pub(crate) facts: ContentFacts,
    pub(crate) channel: u16,
    pub(crate) life: Life,
    /// Attempts so far, the one under way among them.
    pub(crate) attempts: u8,
    /// Where the next attempt goes.
    pub(crate) next: Next,
    /// Whether its end is billed, where the retry table says so.
    pub(crate) billable: Option<bool>,
    pub(crate) submitted_at: Option<Timestamp>,
    pub(crate) answered: Option<Answered>,
    pub(crate) deadline: Monotonic,
    /// The Beijing day on which it was counted against its authorization's limit, or [`NOT_COUNTED`].
    pub(crate) counted_on: u16,
    /// How it ends: kept so that an end that could not be written is tried again as it was.
    pub(crate) planned_end: Option<(FinalState, Option<Reason>, u16)>,
    pub(crate) member: Member,
    pub(crate) ruled: Ruled,
    /// What only a text of several parts has.
    pub(crate) long: Option<Box<Long>>,
}

/// What the CDR says of the content once the text is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentFacts {
    pub(crate) data_coding: u8,
    pub(crate) octets: u16,
    /// Octets of the user data header.
    pub(crate) header: u16,
    /// Messages that a handset gets.
    pub(crate) segments: u8,
    pub(crate) sm3: [u8; 32],
}

impl ContentFacts {
    pub(crate) fn of(body: &Body) -> Self {
        Self {
            data_coding: body.data_coding,
            octets: u16::try_from(body.text.len()).unwrap_or(u16::MAX),
            header: if body.has_header() { body.text.first().map_or(0, |n| u16::from(*n) + 1) } else { 0 },
            segments: segments_of(body),
            sm3: Sm3::digest(&*body.text).into(),
        }
    }

    /// Characters of the text behind the user data header; UCS-2 has two octets each.
    pub(crate) fn characters(&self) -> u32 {
        let text = u32::from(self.octets.saturating_sub(self.header));
        if self.data_coding & 0x0c == 8 { text / 2 } else { text }
    }
}

/// The SMSC's positive answer.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) id: Octets,
    pub(crate) key: IdKey,
    pub(crate) at: Timestamp,
}

/// What is written about a message that ends: taken under the lock, sealed and formatted outside it.
pub(crate) struct Ended {
    pub(crate) id: MessageId,
    pub(crate) account: AccountId,
    pub(crate) kind: AccountKind,
    pub(crate) authorization: Arc<Registered>,
    pub(crate) service_number: ServiceNumber,
    pub(crate) extension: Extension,
    pub(crate) registered_delivery: u8,
    pub(crate) accepted_at: Timestamp,
    pub(crate) submitted_at: Option<Timestamp>,
    pub(crate) answered: Option<Answered>,
    pub(crate) contact: Option<Contact>,
    pub(crate) facts: ContentFacts,
    pub(crate) channel: u16,
    pub(crate) attempts: u8,
    pub(crate) state: FinalState,
    pub(crate) reason: Option<Reason>,
    pub(crate) error: u16,
    pub(crate) done_at: Timestamp,
    /// Whether it is billed, where the retry table says so.
    pub(crate) billable: Option<bool>,
    /// Whether a receipt ended it.
    pub(crate) by_receipt: bool,
    /// Who waits for that receipt's answer; nobody any more if it came early.
    pub(crate) receipt: Option<crate::turn::Waiting<LinkId>>,
    pub(crate) member: Member,
    pub(crate) ruled: Ruled,
    /// What only a text of several parts has.
    pub(crate) long: Option<Box<Long>>,
}

impl Body {
    /// The bit of `esm_class` that says that the text begins with a user data header (SMPP 3.4, 5.2.12).
    pub const HEADER: u8 = 0x40;

    /// Whether the text begins with a user data header.
    #[must_use]
    pub const fn has_header(&self) -> bool {
        self.esm_class & Self::HEADER != 0
    }
}

impl Live {
    /// The same for all parts of one text, if this is a part.
    pub(crate) fn parts_key(&self) -> Option<u64> {
        let (text, _) = self.long.as_ref()?.part_of()?;
        Some(FxBuildHasher.hash_one(text.0) >> 16)
    }

    /// What a channel's line asks of it.
    pub(crate) fn freight(&self) -> Freight<'_> {
        Freight { enterprise: self.authorization.enterprise(), category: self.ruled.decision.category }
    }

    /// Whether it is a part of a text.
    pub(crate) fn is_part(&self) -> bool {
        self.long.as_ref().is_some_and(|long| long.part_of().is_some())
    }

    /// The parts it came in from the north; none if it came whole.
    pub(crate) fn north(&self) -> &[NorthPart] {
        self.long.as_ref().and_then(|long| long.text()).map_or(&[], |text| &text.north)
    }

    /// The ids of these, but the one that is its own.
    pub(crate) fn other_ids(&self) -> impl Iterator<Item = MessageId> {
        self.north().iter().map(|part| part.id).filter(|id| *id != self.id)
    }

    /// How many submits it may become.
    pub(crate) fn cost(&self) -> usize {
        match &self.body {
            Some(body) if !self.is_part() => 1 + body.text.len() / 134,
            _ => 1,
        }
    }

    /// Where it is in its life.
    pub(crate) fn phase(&self) -> Phase {
        self.life.phase()
    }

    /// Whether it waits: no SMSC has it, and none is about to be given it.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.phase(), Phase::Scheduled | Phase::Queued | Phase::Postponed)
    }

    /// Marks the message as ending and copies out what is written about it; `None` if its end is under way.
    pub(crate) fn end(
        &mut self,
        state: FinalState,
        reason: Option<Reason>,
        error: u16,
        done_at: Timestamp,
    ) -> Option<Ended> {
        if !self.life.on(Event::Ended) {
            return None;
        }
        self.planned_end = Some((state, reason, error));
        Some(Ended {
            id: self.id,
            account: self.account.clone(),
            kind: self.kind,
            authorization: Arc::clone(&self.authorization),
            service_number: self.service_number,
            extension: self.extension,
            registered_delivery: self.registered_delivery,
            accepted_at: self.accepted_at,
            submitted_at: self.submitted_at,
            answered: self.answered.clone(),
            contact: self.contact.as_ref().map(|(contact, _)| contact.clone()),
            facts: self.facts,
            channel: self.channel,
            attempts: self.attempts,
            state,
            reason,
            error,
            done_at,
            billable: self.billable,
            by_receipt: false,
            receipt: None,
            member: self.member,
            ruled: self.ruled.clone(),
            long: self.long.clone(),
        })
    }
}

impl Ended {
    /// How many messages are billed: the parts it went in that are, else what a handset gets of it.
    pub(crate) fn segments(&self) -> u16 {
        let south = self.long.as_ref().and_then(|long| long.text()).and_then(|text| text.south.as_ref());
        match south {
            None => u16::from(self.facts.segments),
            Some(south) => {
                let count = if south.billed() > 0 { south.billed() } else { south.ends.len() };
                u16::try_from(count).unwrap_or(u16::MAX)
            }
        }
    }

    /// Whether the sender asked to be told of this end (SMPP 3.4, 5.2.17; 5.0 adds 3 = success only).
    pub(crate) fn wants_receipt(&self) -> bool {
        self.is_wanted_by(self.registered_delivery)
    }

    /// Whether who set this `registered_delivery` wants to be told.
    pub(crate) fn is_wanted_by(&self, registered_delivery: u8) -> bool {
        let delivered = self.state == FinalState::Delivered;
        match registered_delivery & 0x03 {
            0 => false,
            1 => true,
            2 => !delivered,
            _ => delivered,
        }
    }
}
