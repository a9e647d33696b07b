//! How messages, their states and deliveries lie in the store: length-prefixed fields behind a version octet.
//! Texts and aliases are no part of that: the caller seals them beside it. This file knows layout only.

use std::sync::Arc;

use veilgate_names::{
    AccountId, AccountKind, AuthorizationId, ChannelId, Code, EncryptedDeviceId, EnterpriseId, Extension,
    FinalState, MessageId, Octets, Pseudonym, ServiceNumber, Timestamp,
};
use veilgate_smpp::text::receipt::IdKey;

use crate::delivery::{Content, Delivery, Notice};
use crate::label::{Label, tag_of_octets};
use crate::live::{Body, Live};
use crate::long::NorthPart;
use crate::multi::Member;
use crate::ruling::Ruled;
use crate::service::ServiceType;

const VERSION: u8 = 1;
/// A delivery's content: a receipt.
const RECEIPT: u8 = 0;
/// A reply, its text sealed.
const REPLY: u8 = 1;
/// Stands for no time of its own.
const NOT_SCHEDULED: i64 = 0;
/// What a message met on its way.
const NOTICE: u8 = 2;

/// A record that does not read back: damaged, or of a later version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("record does not read back")]
pub struct RecordError;

/// What is kept of an accepted message until it ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MessageRecord {
    pub(crate) account: AccountId,
    pub(crate) kind: AccountKind,
    pub(crate) authorization: AuthorizationId,
    pub(crate) service_number: ServiceNumber,
    pub(crate) extension: Extension,
    pub(crate) registered_delivery: u8,
    pub(crate) accepted_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) body: Body,
    pub(crate) member: Member,
    /// Not to be sent before.
    pub(crate) scheduled_at: Option<Timestamp>,
    /// What the carrier's rules said of it.
    pub(crate) ruled: Ruled,
    /// The parts it came in from the north; none if it came whole.
    pub(crate) north: Vec<NorthPart>,
}

/// How far a message has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StateRecord {
    pub(crate) channel: ChannelId,
    pub(crate) attempts: u8,
    pub(crate) submitted_at: Timestamp,
    /// The SMSC's id (as it came, and canonical) and when it came; none while the outcome is open.
    pub(crate) answer: Option<(Octets, IdKey, Timestamp)>,
    /// The last attempt is over, and this is when there may be another; none while the outcome is open.
    pub(crate) again: Option<Again>,
}

/// When, and where, a message may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Again {
    /// Not before.
    pub(crate) not_before: Timestamp,
    /// Where.
    pub(crate) next: Next,
}

/// Where the next attempt of a message goes, as seen from the channel of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Any channel that its service number may use.
    Any,
    /// The same, while it takes messages.
    Same,
    /// Another, if there is one.
    Other,
}

impl MessageRecord {
    /// The record of a message whose text is still here.
    pub(crate) fn of(live: &Live) -> Option<Self> {
        Some(Self {
            account: live.account.clone(),
            kind: live.kind,
            authorization: live.authorization.id().clone(),
            service_number: live.service_number,
            extension: live.extension,
            registered_delivery: live.registered_delivery,
            accepted_at: live.accepted_at,
            expires_at: live.expires_at,
            scheduled_at: live.scheduled_at,
            body: live.body.clone()?,
            member: live.member,
            ruled: live.ruled.clone(),
            north: live.north().to_vec(),
        })
    }

    /// Everything but the text.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer(out);
        w.u8(VERSION);
        w.text(self.account.as_str());
        w.u8(u8::from(self.kind == AccountKind::Notary));
        w.text(self.authorization.as_str());
        w.text(self.service_number.as_str());
        w.text(&self.extension.to_string());
        w.u8(self.registered_delivery);
        w.i64(self.accepted_at.0);
        w.i64(self.expires_at.0);
        w.i64(self.scheduled_at.map_or(NOT_SCHEDULED, |at| at.0));
        let mut ruled = Vec::with_capacity(64);
        self.ruled.write(&mut ruled);
        w.bytes(&ruled);
        w.u8(self.body.data_coding);
        w.u8(self.body.esm_class);
        w.u8(self.body.protocol_id);
        w.u8(self.body.priority);
        match self.body.segment {
            None => w.u8(0),
            Some((reference, total, number)) => {
                w.u8(1);
                w.u16(reference);
                w.u8(total);
                w.u8(number);
            }
        }
        w.bytes(self.body.service.as_bytes());
        w.u8(self.member.index);
        w.u8(self.member.of);
        w.u8(u8::try_from(self.north.len()).unwrap_or(u8::MAX));
        for part in self.north.iter().take(usize::from(u8::MAX)) {
            w.u64(part.id.0);
            w.u8(part.registered_delivery);
            w.i64(part.accepted_at.0);
        }
    }

    /// What is needed to park a message, of what [`Self::write`] wrote.
    pub(crate) fn label(bytes: &[u8]) -> Result<Label, RecordError> {
        let mut r = Reader::versioned(bytes)?;
        let (_account, _kind) = (r.bytes()?, r.u8()?);
        let tag = tag_of_octets(r.bytes()?);
        let service_number = ServiceNumber::parse(r.text()?).map_err(|_| RecordError)?;
        let (_extension, _registered_delivery, accepted_at) = (r.bytes()?, r.u8()?, Timestamp(r.i64()?));
        let (expires_at, scheduled_at) = (Timestamp(r.i64()?), scheduled(r.i64()?));
        let ruled = Ruled::read(r.bytes()?)?;
        Ok(Label { service_number, accepted_at, expires_at, scheduled_at, tag, ruled })
    }

    pub(crate) fn read(bytes: &[u8], text: Octets) -> Result<Self, RecordError> {
        let mut r = Reader::versioned(bytes)?;
        Ok(Self {
            account: AccountId::parse(r.text()?).map_err(|_| RecordError)?,
            kind: if r.u8()? == 1 { AccountKind::Notary } else { AccountKind::Enterprise },
            authorization: AuthorizationId::parse(r.text()?).map_err(|_| RecordError)?,
            service_number: ServiceNumber::parse(r.text()?).map_err(|_| RecordError)?,
            extension: Extension::parse(r.text()?).map_err(|_| RecordError)?,
            registered_delivery: r.u8()?,
            accepted_at: Timestamp(r.i64()?),
            expires_at: Timestamp(r.i64()?),
            scheduled_at: scheduled(r.i64()?),
            ruled: Ruled::read(r.bytes()?)?,
            body: Body {
                data_coding: r.u8()?,
                esm_class: r.u8()?,
                protocol_id: r.u8()?,
                priority: r.u8()?,
                text,
                segment: match r.u8()? {
                    0 => None,
                    _ => Some((r.u16()?, r.u8()?, r.u8()?)),
                },
                service: ServiceType::parse(r.bytes()?).ok_or(RecordError)?,
            },
            member: Member { index: r.u8()?, of: r.u8()? },
            north: (0..r.u8()?).map(|_| r.north_part()).collect::<Result<_, _>>()?,
        })
    }
}

fn scheduled(field: i64) -> Option<Timestamp> {
    Some(Timestamp(field)).filter(|_| field != NOT_SCHEDULED)
}

impl StateRecord {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer(out);
        w.u8(VERSION);
        w.text(self.channel.as_str());
        w.u8(self.attempts);
        w.i64(self.submitted_at.0);
        match &self.answer {
            None => w.u8(0),
            Some((id, key, at)) => {
                w.u8(1);
                w.bytes(id);
                w.key(key);
                w.i64(at.0);
            }
        }
        if let Some(again) = self.again {
            w.u8(match again.next {
                Next::Any => 0,
                Next::Same => 1,
                Next::Other => 2,
            });
            w.i64(again.not_before.0);
        }
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut r = Reader::versioned(bytes)?;
        Ok(Self {
            channel: ChannelId::parse(r.text()?).map_err(|_| RecordError)?,
            attempts: r.u8()?,
            submitted_at: Timestamp(r.i64()?),
            answer: match r.u8()? {
                0 => None,
                _ => Some((Octets::from(r.bytes()?), r.key()?, Timestamp(r.i64()?))),
            },
            again: match r.is_empty() {
                true => None,
                false => Some(Again { next: r.next()?, not_before: Timestamp(r.i64()?) }),
            },
        })
    }
}

/// Writes a delivery without its id, which is the record's key, and without the pseudonym. `sealed` is a reply's text
/// under the key of texts.
pub(crate) fn write_delivery(delivery: &Delivery, sealed: &[u8], out: &mut Vec<u8>) {
    let mut w = Writer(out);
    w.u8(VERSION);
    w.text(delivery.account.as_str());
    w.u8(u8::from(delivery.kind == AccountKind::Notary));
    w.text(delivery.service_number.as_str());
    w.text(delivery.device.as_ref().map_or("", EncryptedDeviceId::as_str));
    w.text(delivery.authorization.as_str());
    match &delivery.content {
        Content::Receipt { message, state, code, accepted_at, done_at } => {
            w.u8(RECEIPT);
            w.u64(message.0);
            w.u8(state.message_state());
            w.u16(code.map_or(0, |code| code.number));
            w.i64(accepted_at.0);
            w.i64(done_at.0);
        }
        Content::Notice { message, notice, accepted_at, at } => {
            w.u8(NOTICE);
            w.u64(message.0);
            w.u8(notice.esm_class());
            w.i64(accepted_at.0);
            w.i64(at.0);
        }
        Content::Reply { data_coding, has_header, code, .. } => {
            w.u8(REPLY);
            w.u16(code.map_or(0, |code| code.number));
            w.u8(*data_coding);
            w.u8(u8::from(*has_header));
            w.bytes(sealed);
        }
    }
}

/// Reads back what [`write_delivery`] wrote. `open` opens a reply's text.
pub(crate) fn read_delivery(
    id: MessageId,
    enterprise: EnterpriseId,
    pseudonym: Pseudonym,
    bytes: &[u8],
    open: impl Fn(&[u8]) -> Result<Vec<u8>, RecordError>,
) -> Result<Arc<Delivery>, RecordError> {
    let mut r = Reader::versioned(bytes)?;
    let account = AccountId::parse(r.text()?).map_err(|_| RecordError)?;
    let kind = if r.u8()? == 1 { AccountKind::Notary } else { AccountKind::Enterprise };
    let service_number = ServiceNumber::parse(r.text()?).map_err(|_| RecordError)?;
    let device = match r.text()? {
        "" => None,
        text => Some(EncryptedDeviceId::parse(text).map_err(|_| RecordError)?),
    };
    let authorization = AuthorizationId::parse(r.text()?).map_err(|_| RecordError)?;
    let kind_of_content = r.u8()?;
    let content = if kind_of_content == RECEIPT {
        Content::Receipt {
            message: MessageId(r.u64()?),
            state: FinalState::from_message_state(r.u8()?).ok_or(RecordError)?,
            code: Code::by_number(r.u16()?),
            accepted_at: Timestamp(r.i64()?),
            done_at: Timestamp(r.i64()?),
        }
    } else if kind_of_content == NOTICE {
        Content::Notice {
            message: MessageId(r.u64()?),
            notice: Notice::from_esm_class(r.u8()?).ok_or(RecordError)?,
            accepted_at: Timestamp(r.i64()?),
            at: Timestamp(r.i64()?),
        }
    } else {
        let code = Code::by_number(r.u16()?);
        let (data_coding, has_header) = (r.u8()?, r.u8()? == 1);
        let text = Octets::from(open(r.bytes()?)?);
        Content::Reply { data_coding, has_header, text, code }
    };
    Ok(Arc::new(Delivery {
        id,
        account,
        kind,
        enterprise,
        service_number,
        pseudonym,
        device,
        authorization,
        content,
    }))
}

pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }
    pub(crate) fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }
    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }
    pub(crate) fn key(&mut self, key: &IdKey) {
        match key {
            IdKey::Number(value) => {
                self.u8(0);
                self.0.extend_from_slice(&value.to_be_bytes());
            }
            IdKey::Text(text) => {
                self.u8(1);
                self.bytes(text);
            }
        }
    }
    pub(crate) fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }
    /// At most 65,535 octets; every caller's field is bounded far below.
    pub(crate) fn bytes(&mut self, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.u16(length);
        self.0.extend_from_slice(value.get(..usize::from(length)).unwrap_or_default());
    }
    pub(crate) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }
}

pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn versioned(bytes: &'a [u8]) -> Result<Self, RecordError> {
        Self::of(bytes, VERSION)
    }
    /// A record whose first octet must be this.
    pub(crate) fn of(bytes: &'a [u8], kind: u8) -> Result<Self, RecordError> {
        let mut reader = Self(bytes);
        if reader.u8()? == kind { Ok(reader) } else { Err(RecordError) }
    }
    fn north_part(&mut self) -> Result<NorthPart, RecordError> {
        let (id, registered_delivery) = (MessageId(self.u64()?), self.u8()?);
        Ok(NorthPart { id, registered_delivery, accepted_at: Timestamp(self.i64()?) })
    }
    fn next(&mut self) -> Result<Next, RecordError> {
        match self.u8()? {
            0 => Ok(Next::Any),
            1 => Ok(Next::Same),
            2 => Ok(Next::Other),
            _ => Err(RecordError),
        }
    }
    /// Of a record that has no version of its own.
    pub(crate) const fn plain(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], RecordError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(RecordError)?;
        self.0 = rest;
        Ok(head)
    }
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        self.take(N)?.try_into().map_err(|_| RecordError)
    }
    pub(crate) fn u8(&mut self) -> Result<u8, RecordError> {
        Ok(u8::from_be_bytes(self.array()?))
    }
    pub(crate) fn u16(&mut self) -> Result<u16, RecordError> {
        Ok(u16::from_be_bytes(self.array()?))
    }
    pub(crate) fn u64(&mut self) -> Result<u64, RecordError> {
        Ok(u64::from_be_bytes(self.array()?))
    }
    pub(crate) fn key(&mut self) -> Result<IdKey, RecordError> {
        Ok(match self.u8()? {
            0 => IdKey::Number(u128::from_be_bytes(self.array()?)),
            _ => IdKey::Text(self.bytes()?.into()),
        })
    }
    pub(crate) fn i64(&mut self) -> Result<i64, RecordError> {
        Ok(i64::from_be_bytes(self.array()?))
    }
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], RecordError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
    pub(crate) fn text(&mut self) -> Result<&'a str, RecordError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| RecordError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::tag_of;
    use crate::ruling::NEVER;

    fn message() -> MessageRecord {
        MessageRecord {
            account: AccountId::parse("notary-1").unwrap(),
            kind: AccountKind::Notary,
            authorization: AuthorizationId::parse("au-1").unwrap(),
            service_number: ServiceNumber::parse("10690001").unwrap(),
            extension: Extension { width: 2, value: 7 },
            registered_delivery: 1,
            accepted_at: Timestamp(1),
            expires_at: Timestamp(2),
            body: Body {
                data_coding: 8,
                esm_class: 0x40,
                protocol_id: 0,
                priority: 1,
                text: Octets::from(&b"text"[..]),
                segment: Some((258, 2, 1)),
                service: ServiceType::parse(b"WAP").unwrap(),
            },
            member: Member { index: 1, of: 3 },
            scheduled_at: Some(Timestamp(3)),
            ruled: Ruled::unasked(NEVER),
            north: vec![NorthPart { id: MessageId(7), registered_delivery: 2, accepted_at: Timestamp(5) }],
        }
    }

    #[test]
    fn records_read_back() {
        let mut bytes = Vec::new();
        message().write(&mut bytes);
        let text = || message().body.text;
        assert!(!bytes.windows(4).any(|octets| octets == &*text()), "the text is sealed beside it");
        assert_eq!(MessageRecord::read(&bytes, text()), Ok(message()));
        for cut in 0..bytes.len() {
            assert!(MessageRecord::read(&bytes[..cut], text()).is_err(), "cut at {cut}");
        }
        let label = Label {
            service_number: message().service_number,
            accepted_at: message().accepted_at,
            ruled: message().ruled,
            expires_at: message().expires_at,
            scheduled_at: message().scheduled_at,
            tag: tag_of(&message().authorization),
        };
        assert_eq!(MessageRecord::label(&bytes), Ok(label));
        assert!(MessageRecord::label(&bytes[..20]).is_err());
        let sent = StateRecord {
            channel: ChannelId::parse("s1").unwrap(),
            attempts: 2,
            submitted_at: Timestamp(3),
            answer: None,
            again: None,
        };
        let answer = Some((Octets::from(&b"abc"[..]), IdKey::Number(7), Timestamp(4)));
        let again = |next| Some(Again { not_before: Timestamp(5), next });
        for state in [
            StateRecord { answer, ..sent.clone() },
            StateRecord { again: again(Next::Other), ..sent.clone() },
            StateRecord { again: again(Next::Any), ..sent.clone() },
            sent,
        ] {
            bytes.clear();
            state.write(&mut bytes);
            assert_eq!(StateRecord::read(&bytes), Ok(state));
        }
    }

    #[test]
    fn deliveries_read_back() {
        let delivery = Delivery {
            id: MessageId(9),
            account: AccountId::parse("a").unwrap(),
            kind: AccountKind::Notary,
            enterprise: EnterpriseId::parse("ent-1").unwrap(),
            service_number: ServiceNumber::parse("10690001").unwrap(),
            pseudonym: Pseudonym::parse("Zk3v8QpR2s").unwrap(),
            device: Some(EncryptedDeviceId::parse("edi1.k1.abc").unwrap()),
            authorization: AuthorizationId::parse("au-1").unwrap(),
            content: Content::Receipt {
                message: MessageId(9),
                state: FinalState::Rejected,
                code: Some(Code::REJECTED_BY_NETWORK),
                accepted_at: Timestamp(1),
                done_at: Timestamp(2),
            },
        };
        let mut bytes = Vec::new();
        write_delivery(&delivery, &[], &mut bytes);
        let read = |bytes: &[u8]| {
            let open = |sealed: &[u8]| Ok(sealed.iter().map(|octet| octet ^ 1).collect());
            let (enterprise, pseudonym) = (delivery.enterprise.clone(), delivery.pseudonym.clone());
            read_delivery(MessageId(9), enterprise, pseudonym, bytes, open)
        };
        assert_eq!(*read(&bytes).unwrap(), delivery);
        let content = Content::Notice {
            message: MessageId(9),
            notice: Notice::UserAcknowledged,
            accepted_at: Timestamp(1),
            at: Timestamp(2),
        };
        let notice = Delivery { content, ..delivery.clone() };
        bytes.clear();
        write_delivery(&notice, &[], &mut bytes);
        assert_eq!(*read(&bytes).unwrap(), notice);
        let content = Content::Reply {
            data_coding: 8,
            has_header: false,
            text: Octets::from(&b"text"[..]),
            code: Some(Code::RECIPIENT_BLOCKED),
        };
        let reply = Delivery { content, ..delivery.clone() };
        bytes.clear();
        write_delivery(&reply, b"udyu", &mut bytes);
        assert_eq!(*read(&bytes).unwrap(), reply);
        assert!(!bytes.windows(4).any(|octets| octets == b"text"));
    }
}
