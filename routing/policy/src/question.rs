//! What the engine is asked about.

use veilgate_names::{
    EnterpriseId, ListKey, MessageId, Monotonic, ObjectId, Place, Service, ServiceNumber, SubscriberKey,
    Timestamp,
};

/// A message or call, as far as it is known before anybody is looked up.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Which service it is.
    pub service: Service,
    /// Whose it is.
    pub enterprise: &'a EnterpriseId,
    /// The service number it comes from, without extension; of a call, the display number.
    pub number: ServiceNumber,
    /// The whole text, re-assembled and decoded; `None` for calls and for data that is no text.
    pub text: Option<&'a str>,
    /// The template it names (TLV 0x1505).
    pub template: Option<&'a ObjectId>,
    /// What was put into the template, as JSON (TLV 0x1506).
    pub params: Option<&'a str>,
    /// Segments it will be sent in, 1-255; what is charged and rated.
    pub segments: u16,
}

/// Who it is for, once that is known.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The tenure: what frequency is counted by.
    pub subscriber: SubscriberKey,
    /// The number, as lists know it.
    pub listed: ListKey,
    /// Where the number is at home; `None` if the segment table does not know.
    pub place: Option<Place>,
}

/// When it is asked, and for the how-manieth time.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    /// Wall time: windows, frequency, prices.
    pub wall: Timestamp,
    /// Monotonic time: rates.
    pub mono: Monotonic,
    /// When the message is to leave, if later.
    pub scheduled_at: Option<Timestamp>,
    /// It is new: rates and balance are taken now.
    pub is_first: bool,
    /// The person's contact was counted already.
    pub is_counted: bool,
    /// Staff looked at it and let it pass: what a word list holds back is not held again.
    pub is_reviewed: bool,
    /// The message's or call's id: its contact is known by it.
    pub message: MessageId,
}

impl Occasion {
    /// When the message leaves if nothing else happens.
    pub(crate) fn leaves_at(&self) -> Timestamp {
        self.scheduled_at.map_or(self.wall, |at| at.max(self.wall))
    }

    /// Whether that is later than now.
    pub(crate) fn leaves_later(&self) -> bool {
        self.leaves_at() > self.wall
    }
}
