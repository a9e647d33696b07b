//! What an ESME receives: receipts and replies, read for people and tests.

use bytes::Bytes;
use serde::Serialize;

use crate::clock;
use crate::message::{Message, tag};
use crate::receipt::{self, State};
use crate::smsc::read;
use crate::text::Part;

/// What a deliver_sm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncomingKind {
    /// A delivery receipt (esm_class 0x04).
    Receipt,
    /// Any other notification of state (esm_class 0x08 to 0x20).
    Notification,
    /// A message from a subscriber.
    Reply,
}

/// One deliver_sm or data_sm as read.
#[derive(Debug, Clone, Serialize)]
pub struct Incoming {
    /// What it is.
    pub kind: IncomingKind,
    /// When it came, nanoseconds of [`clock::nanos`].
    pub nanos: u64,
    /// Type of number of the source.
    pub source_ton: u8,
    /// Source address.
    pub source: String,
    /// Destination address.
    pub destination: String,
    /// Text without user data header.
    pub text: String,
    /// Which part of a long text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Id of the message a receipt tells of: TLV, else text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// State a receipt tells: TLV, else text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// TLV `0x1500`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edi: Option<String>,
    /// TLV `0x1501`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pseudonym: Option<String>,
    /// TLV `0x1502`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_id: Option<String>,
    /// The message itself.
    #[serde(skip)]
    pub message: Message,
    /// The PDU as it came, for leak scans.
    #[serde(skip)]
    pub octets: Bytes,
}

impl Incoming {
    /// Reads a message.
    #[must_use]
    pub fn read(message: Message, octets: Bytes) -> Self {
        let (text, part) = read(&message);
        let kind = match message.esm_class & 0x3C {
            0 => IncomingKind::Reply,
            0x04 => IncomingKind::Receipt,
            _ => IncomingKind::Notification,
        };
        let (mut message_id, mut state) = (None, None);
        if kind != IncomingKind::Reply {
            let (id, stat) = receipt::read(message.content());
            message_id = message.tlv_text(tag::RECEIPTED_MESSAGE_ID).or_else(|| id.map(str::to_owned));
            let octet = message.tlv(tag::MESSAGE_STATE).and_then(|value| value.first().copied());
            state = octet.and_then(State::from_octet).or(stat);
        }
        Self {
            kind,
            nanos: clock::nanos(),
            source_ton: message.source.ton,
            source: message.source.digits.clone(),
            destination: message.destination.digits.clone(),
            text,
            part,
            message_id,
            state,
            edi: message.tlv_text(tag::EDI),
            pseudonym: message.tlv_text(tag::PSEUDONYM),
            authorization_id: message.tlv_text(tag::AUTHORIZATION_ID),
            message,
            octets,
        }
    }

    /// The alias that sent it: TLV pseudonym, else the source address.
    #[must_use]
    pub fn alias(&self) -> &str {
        self.pseudonym.as_deref().unwrap_or(&self.source)
    }
}
