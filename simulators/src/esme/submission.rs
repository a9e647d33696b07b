//! A message to submit: the recipient in one of the gateway's forms, the text, and how it is split.

use crate::message::{Address, Message, tag};
use crate::smsc::place;
use crate::text::{self, Coding, Part, Split};

/// Whom a message is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipient {
    /// `destination_addr`; empty where TLVs say it.
    pub destination: Address,
    /// TLVs that name the recipient, in order.
    pub tlvs: Vec<(u16, Vec<u8>)>,
}

impl Recipient {
    /// A pseudonym: as alphanumeric address up to 20 characters, else as TLV `0x1501`.
    #[must_use]
    pub fn pseudonym(pseudonym: &str) -> Self {
        if pseudonym.len() <= 20 {
            let destination = Address { ton: 5, npi: 0, digits: pseudonym.to_owned() };
            return Self { destination, tlvs: Vec::new() };
        }
        Self::default().with(tag::PSEUDONYM, pseudonym)
    }

    /// A registered authorization: TLV `0x1502`.
    #[must_use]
    pub fn authorization(id: &str) -> Self {
        Self::default().with(tag::AUTHORIZATION_ID, id)
    }

    /// A whole authorization as JSON: TLV `0x150A`.
    #[must_use]
    pub fn authorization_json(json: &str) -> Self {
        Self::default().with(tag::AUTHORIZATION_JSON, json)
    }

    /// The short form without proof: TLVs `0x1500` to `0x1504`.
    #[must_use]
    pub fn short(edi: &str, pseudonym: &str, authorization: &str, as_of: &str, enterprise: &str) -> Self {
        Self::default()
            .with(tag::EDI, edi)
            .with(tag::PSEUDONYM, pseudonym)
            .with(tag::AUTHORIZATION_ID, authorization)
            .with(tag::AS_OF, &as_of.replace('-', ""))
            .with(tag::ENTERPRISE_ID, enterprise)
    }

    /// An address as it stands, to a plain SMSC or to provoke a refusal.
    #[must_use]
    pub fn raw(destination: &str) -> Self {
        Self { destination: Address::guess(destination), tlvs: Vec::new() }
    }

    /// The same with one TLV more.
    #[must_use]
    pub fn with(mut self, tag: u16, value: &str) -> Self {
        self.tlvs.push((tag, value.as_bytes().to_vec()));
        self
    }
}

/// A message to submit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Submission {
    /// The service number it comes from.
    pub source: Address,
    /// Whom it is for.
    pub recipient: Recipient,
    /// Text.
    pub text: String,
    /// Coding.
    pub coding: Coding,
    /// How it is split when long.
    pub split: Split,
    /// `registered_delivery`.
    pub registered_delivery: u8,
    /// `schedule_delivery_time`, empty or 16 characters.
    pub schedule: String,
    /// `validity_period`, empty or 16 characters.
    pub validity: String,
    /// Reference for the parts of a long text.
    pub reference: u16,
}

/// A text that `coding` cannot express, or that takes more than 255 parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text cannot be encoded so")]
pub struct Inexpressible;

impl Submission {
    /// A short text for a recipient, with a receipt asked for.
    #[must_use]
    pub fn new(source: &str, recipient: Recipient, text: &str) -> Self {
        Self {
            source: Address::guess(source),
            recipient,
            text: text.to_owned(),
            registered_delivery: 1,
            ..Self::default()
        }
    }

    /// The messages to send, one a part.
    ///
    /// # Errors
    /// [`Inexpressible`].
    pub fn messages(&self) -> Result<Vec<Message>, Inexpressible> {
        let encoded =
            text::encode(&self.text, self.coding, self.split == Split::Payload).ok_or(Inexpressible)?;
        let total = u8::try_from(encoded.parts.len()).map_err(|_| Inexpressible)?;
        let one = |(index, octets): (u8, Vec<u8>)| {
            let mut message = Message {
                source: self.source.clone(),
                destination: self.recipient.destination.clone(),
                registered_delivery: self.registered_delivery,
                data_coding: encoded.data_coding,
                schedule: self.schedule.clone(),
                validity: self.validity.clone(),
                tlvs: self.recipient.tlvs.clone(),
                ..Message::default()
            };
            place(&mut message, octets, self.split, Part { reference: self.reference, total, index });
            message
        };
        Ok((1..=u8::MAX).zip(encoded.parts).map(one).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_take_their_forms() {
        assert_eq!(Recipient::pseudonym("Zk3v8QpR2s").destination.ton, 5);
        let long = Recipient::pseudonym(&"p".repeat(21));
        assert!(long.destination.digits.is_empty() && long.tlvs[0].0 == tag::PSEUDONYM);
        let short = Recipient::short("edi1.k1.x", "Zk3v8QpR2s", "au-1", "2026-03-01", "ent-1");
        assert_eq!(short.tlvs[3], (tag::AS_OF, b"20260301".to_vec()));
        assert_eq!(short.tlvs.len(), 5);
    }

    #[test]
    fn parts_are_numbered() {
        let mut submission = Submission::new("10690001", Recipient::raw("+8619900000001"), &"汉".repeat(100));
        submission.reference = 9;
        let parts = submission.messages().unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(&parts[1].octets[..6], [5, 0, 3, 9, 2, 2]);
        submission.split = Split::Sar;
        assert_eq!(submission.messages().unwrap()[0].tlv(tag::SAR_TOTAL), Some(&[2u8][..]));
        submission.split = Split::Payload;
        let whole = submission.messages().unwrap();
        assert_eq!((whole.len(), whole[0].content().len(), whole[0].octets.len()), (1, 200, 0));
    }
}
