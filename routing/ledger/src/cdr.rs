//! One record per final state of a message (requirements.md 3.9), as one CSV line. The number stands in it sealed only,
//! and only in the carrier's own copy.

pub(crate) mod file;
mod parse;

pub use parse::reason_named;

use std::fmt;
use std::sync::Arc;

use veilgate_names::{
    AccountId, AsOf, AuthorizationId, Category, ChannelId, EncryptedDeviceId, EnterpriseId, Extension,
    FinalState, MessageId, NameError, ObjectId, Octets, PlatformId, Reason, ServiceNumber, Timestamp,
};

use crate::beijing;
use crate::hash::{Sm3Hash, push_hex};

/// The version in the first column.
pub(crate) const VERSION: &str = "1";

/// The columns, in order.
pub(crate) const COLUMNS: [&str; 43] = [
    "ver",
    "cdr_id",
    "kind",
    "tenant",
    "platform",
    "account",
    "auth_id",
    "id_type",
    "enc_id",
    "as_of",
    "msisdn_sealed",
    "code",
    "ext",
    "coding",
    "chars",
    "segments",
    "content_sm3",
    "channel",
    "smsc_msg_id",
    "t_accept",
    "t_submit",
    "t_resp",
    "t_done",
    "raw_stat",
    "state",
    "reason",
    "attempts",
    "bill_flag",
    "node",
    "category",
    "signature_id",
    "template_id",
    "flagged",
    "province",
    "city",
    "operator",
    "policy",
    "rule",
    "rule_object",
    "payer",
    "price_plan",
    "amount",
    "reserved",
];

/// A call detail record of a short message.
#[derive(Clone, PartialEq, Eq)]
pub struct Cdr {
    /// `cdr_id`: the message's own id, so that a message never has two.
    pub id: MessageId,
    /// Which way it went.
    pub kind: CdrKind,
    /// The enterprise.
    pub tenant: Option<EnterpriseId>,
    /// The notary platform.
    pub platform: Option<PlatformId>,
    /// The account that sent it, or that a reply was for.
    pub account: Option<AccountId>,
    /// The authorization it went under.
    pub authorization: Option<AuthorizationId>,
    /// What kind of device ID was inside, if that became known.
    pub device_id_kind: Option<DeviceIdKind>,
    /// The encrypted device ID as it came (A-6.3.3.2-4).
    pub encrypted_device_id: Option<EncryptedDeviceId>,
    /// The date the device was resolved for.
    pub as_of: Option<AsOf>,
    /// The number, sealed by identity; at most 256 octets.
    pub msisdn_sealed: Option<Octets>,
    /// The service number it was sent from or to, without extension.
    pub service_number: Option<ServiceNumber>,
    /// The extension behind it.
    pub extension: Extension,
    /// How the text was coded.
    pub coding: Coding,
    /// Characters of the text.
    pub characters: u32,
    /// Segments it was sent in: what is billed.
    pub segments: u16,
    /// SM3 of the content; the content itself is nowhere in the ledger.
    pub content_sm3: Option<Sm3Hash>,
    /// The channel it took.
    pub channel: Option<ChannelId>,
    /// The SMSC's id of its (first) segment.
    pub smsc_message_id: Option<NetworkText>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it was last submitted.
    pub submitted_at: Option<Timestamp>,
    /// When the SMSC answered that.
    pub responded_at: Option<Timestamp>,
    /// When it came to its final state.
    pub done_at: Timestamp,
    /// `stat:` as the SMSC put it.
    pub raw_stat: Option<NetworkText>,
    /// How it ended.
    pub state: FinalState,
    /// Why, if not delivered.
    pub reason: Option<Reason>,
    /// How often it was submitted.
    pub attempts: u16,
    /// Whether it is billed.
    pub billed: bool,
    /// The gateway node that wrote this.
    pub node: NodeName,
    /// What the carrier's rules said; `None` of what no rule was asked about.
    pub decided: Option<Box<Decided>>,
}

/// What the carrier's rules said of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What it was for.
    pub category: Category,
    /// Its signature's object.
    pub signature: Option<ObjectId>,
    /// Its template.
    pub template: Option<ObjectId>,
    /// A word list marked it.
    pub flagged: bool,
    /// Province, city and operator of the number, where known: in the carrier's own copy only.
    pub place: Option<[NetworkName; 3]>,
    /// The number of the policy it was decided by.
    pub policy: u64,
    /// The rule that put it off last, or refused it.
    pub rule: Option<NetworkText>,
    /// That rule's object.
    pub rule_object: Option<ObjectId>,
    /// What it cost; `None` where nothing is charged.
    pub charge: Option<Charged>,
}

/// What a message cost, and whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charged {
    /// The tenant that pays.
    pub payer: ObjectId,
    /// By which plan.
    pub plan: ObjectId,
    /// What was charged, in thousandths of a yuan (厘).
    pub amount: u64,
    /// What was reserved for it when it came; the rest was given back.
    pub reserved: u64,
}

/// A name of the segment table: at most 64 octets without commas, quotes and control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkName(Box<str>);

impl NetworkName {
    /// The longest kept, in octets.
    pub const MAX: usize = 64;

    /// Takes a name, without what could not stand in a column.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut kept = String::with_capacity(name.len());
        for character in name.chars().filter(|one| !one.is_control() && !matches!(one, ',' | '"')) {
            if kept.len() + character.len_utf8() > Self::MAX {
                break;
            }
            kept.push(character);
        }
        Self(kept.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CdrKind {
    /// To the subscriber.
    MobileTerminated,
    /// From the subscriber.
    MobileOriginated,
}

impl CdrKind {
    /// `MT` or `MO`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MobileTerminated => "MT",
            Self::MobileOriginated => "MO",
        }
    }
}

/// The kinds of device ID (A-6.1.1.3-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of interfaces.md section 1")]
pub enum DeviceIdKind {
    Imei,
    Imsi,
    Oaid,
    Idfa,
    Zxid,
    Cuid,
}

impl DeviceIdKind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Imei, Self::Imsi, Self::Oaid, Self::Idfa, Self::Zxid, Self::Cuid];

    /// The name of interfaces.md section 1.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Imei => "imei",
            Self::Imsi => "imsi",
            Self::Oaid => "oaid",
            Self::Idfa => "idfa",
            Self::Zxid => "zxid",
            Self::Cuid => "cuid",
        }
    }
}

/// How a text was coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// GSM 7-bit default alphabet.
    Gsm7,
    /// UCS-2.
    Ucs2,
    /// 8-bit data.
    Binary,
}

impl Coding {
    pub(crate) const ALL: [Self; 3] = [Self::Gsm7, Self::Ucs2, Self::Binary];

    /// The name in the CDR.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Ucs2 => "ucs2",
            Self::Binary => "binary",
        }
    }
}

/// A word from the network, made harmless: at most 65 octets, every octet outside printable ASCII without blanks,
/// quotes and commas replaced by `?`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NetworkText(Box<str>);

impl NetworkText {
    /// The longest kept, in octets (an SMPP 3.4 `message_id`).
    pub const MAX: usize = 65;

    /// Takes what came; `None` for nothing.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        let harmless = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'"' | b',');
        let text: String = octets
            .iter()
            .take(Self::MAX)
            .map(|octet| if harmless(*octet) { char::from(*octet) } else { '?' })
            .collect();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NetworkText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkText({})", self.0.len())
    }
}

/// A gateway node: 1-32 of `[0-9A-Za-z_.-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// Checks length and alphabet.
    ///
    /// # Errors
    /// [`NameError`] says which of the two is wrong.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        // A channel's name has the same form.
        ChannelId::parse(text)?;
        Ok(Self(Arc::from(text)))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Cdr {
    /// Appends the record as one CSV line with its line feed.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        let mut line = LineWriter { out, first: true };
        line.text(VERSION);
        line.text_bytes(&self.id.to_ascii());
        line.text(self.kind.name());
        line.text(self.tenant.as_ref().map_or("", EnterpriseId::as_str));
        line.text(self.platform.as_ref().map_or("", PlatformId::as_str));
        line.quoted(self.account.as_ref().map_or("", AccountId::as_str));
        line.quoted(self.authorization.as_ref().map_or("", AuthorizationId::as_str));
        line.text(self.device_id_kind.map_or("", DeviceIdKind::name));
        line.text(self.encrypted_device_id.as_ref().map_or("", EncryptedDeviceId::as_str));
        line.with(self.as_of, beijing::push_as_of);
        line.with(self.msisdn_sealed.as_ref(), |out, sealed| push_hex(out, sealed));
        line.text(self.service_number.as_ref().map_or("", ServiceNumber::as_str));
        line.digits(self.extension.value, self.extension.width);
        line.text(self.coding.name());
        line.number(self.characters);
        line.number(self.segments.into());
        line.with(self.content_sm3, |out, hash| hash.write_hex(out));
        line.text(self.channel.as_ref().map_or("", ChannelId::as_str));
        line.text(self.smsc_message_id.as_ref().map_or("", NetworkText::as_str));
        line.with(Some(self.accepted_at), beijing::push_time);
        line.with(self.submitted_at, beijing::push_time);
        line.with(self.responded_at, beijing::push_time);
        line.with(Some(self.done_at), beijing::push_time);
        line.text(self.raw_stat.as_ref().map_or("", NetworkText::as_str));
        line.text(parse::state_name(self.state));
        line.text(self.reason.map_or("", Reason::name));
        line.number(self.attempts.into());
        line.text(if self.billed { "1" } else { "0" });
        line.text(self.node.as_str());
        match &self.decided {
            Some(decided) => decided.write(&mut line),
            None => (0..DECIDED).for_each(|_| line.text("")),
        }
        out.push(b'\n');
    }
}

/// The columns of [`Decided`].
const DECIDED: usize = 14;

impl Decided {
    fn write(&self, line: &mut LineWriter<'_>) {
        line.text(self.category.name());
        line.text(name(self.signature.as_ref()));
        line.text(name(self.template.as_ref()));
        line.text(if self.flagged { "1" } else { "0" });
        for place in 0..3 {
            line.text(self.place.as_ref().and_then(|names| names.get(place)).map_or("", NetworkName::as_str));
        }
        line.wide(self.policy);
        line.text(self.rule.as_ref().map_or("", NetworkText::as_str));
        line.text(name(self.rule_object.as_ref()));
        match &self.charge {
            None => (0..4).for_each(|_| line.text("")),
            Some(charge) => {
                line.text(charge.payer.as_str());
                line.text(charge.plan.as_str());
                line.wide(charge.amount);
                line.wide(charge.reserved);
            }
        }
    }
}

fn name(id: Option<&ObjectId>) -> &str {
    id.map_or("", ObjectId::as_str)
}

impl fmt::Debug for Cdr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cdr").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// Fields separated by commas (RFC 4180). Only two fields can hold a character that needs quotes.
struct LineWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl LineWriter<'_> {
    fn begin(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    fn text(&mut self, text: &str) {
        self.text_bytes(text.as_bytes());
    }

    fn text_bytes(&mut self, text: &[u8]) {
        self.begin();
        self.out.extend_from_slice(text);
    }

    fn quoted(&mut self, text: &str) {
        if !text.bytes().any(|byte| matches!(byte, b',' | b'"')) {
            return self.text(text);
        }
        self.begin();
        self.out.push(b'"');
        for byte in text.bytes() {
            if byte == b'"' {
                self.out.push(b'"');
            }
            self.out.push(byte);
        }
        self.out.push(b'"');
    }

    fn with<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
        self.begin();
        if let Some(value) = value {
            write(self.out, value);
        }
    }

    fn wide(&mut self, value: u64) {
        self.text(&value.to_string());
    }

    fn number(&mut self, value: u32) {
        let width = value.checked_ilog10().unwrap_or(0) + 1;
        self.digits(value, u8::try_from(width).unwrap_or(10));
    }

    fn digits(&mut self, value: u32, width: u8) {
        self.begin();
        for place in (0..width).rev() {
            let digit = u64::from(value) / 10_u64.pow(place.into()) % 10;
            self.out.push(b'0' + u8::try_from(digit).unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests;
