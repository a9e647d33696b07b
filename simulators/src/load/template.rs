//! The submit_sm that the load generator sends: encoded once; length, sequence number, recipient and the
//! message number in the text are patched in.

use super::recipients::Recipients;
use crate::message::Address;
use crate::raw;
use crate::text::{self, Coding};

/// Digits of the message number in a text.
const DIGITS: usize = 12;

/// What the messages look like.
#[derive(Debug, Clone)]
pub struct Content {
    /// Service number they come from.
    pub source: Address,
    /// Text before the message number, for instance a signature.
    pub prefix: String,
    /// Characters of the whole text.
    pub length: usize,
    /// UCS-2 instead of GSM.
    pub wide: bool,
    /// `registered_delivery`.
    pub registered_delivery: u8,
}

/// A text that does not fit one short message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text must be 13 characters longer than its prefix and fit 254 octets")]
pub struct Misfit;

/// The encoded message.
#[derive(Debug, Clone)]
pub(super) struct Template {
    head: Vec<u8>,
    middle: Vec<u8>,
    number_at: usize,
    step: usize,
}

impl Template {
    pub(super) fn new(content: &Content) -> Result<Self, Misfit> {
        let coding = if content.wide { Coding::Ucs2 } else { Coding::Gsm };
        let encode =
            |text: &str| text::encode(text, coding, true).map(|each| each.parts.concat()).ok_or(Misfit);
        let prefix = format!("{}#", content.prefix);
        let used = prefix.chars().count() + DIGITS;
        let filler = content.length.checked_sub(used).ok_or(Misfit)?;
        let words = "the quick brown fox jumps over the lazy dog ";
        let tail: String = std::iter::once(' ').chain(words.chars().cycle()).take(filler).collect();
        let octets = encode(&format!("{prefix}{}{tail}", "0".repeat(DIGITS)))?;
        let length = u8::try_from(octets.len()).ok().filter(|length| *length < 255).ok_or(Misfit)?;
        let mut head = vec![0, content.source.ton, content.source.npi];
        head.extend_from_slice(content.source.digits.as_bytes());
        head.push(0);
        let data_coding = if content.wide { 8 } else { 0 };
        let mut middle = vec![0, 0, 0, 0, 0, content.registered_delivery, 0, data_coding, 0, length];
        let number_at = middle.len() + encode(&prefix)?.len() + usize::from(content.wide);
        middle.extend_from_slice(&octets);
        Ok(Self { head, middle, number_at, step: 1 + usize::from(content.wide) })
    }

    /// Appends the message `number` to its recipient.
    pub(super) fn put(&self, out: &mut Vec<u8>, sequence: u32, number: u64, recipients: &Recipients) {
        let (destination, tlvs) = recipients.of(number);
        let mark = raw::begin(out, 4, 0, sequence);
        out.extend_from_slice(&self.head);
        out.extend_from_slice(destination);
        let at = out.len() + self.number_at;
        out.extend_from_slice(&self.middle);
        let mut rest = number;
        for position in (0..DIGITS).rev() {
            if let Some(slot) = out.get_mut(at + position * self.step) {
                *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            }
            rest /= 10;
        }
        out.extend_from_slice(tlvs);
        raw::end(out, mark);
    }
}

#[cfg(test)]
mod tests {
    use super::super::recipients::{RecipientForm, Row};
    use super::*;
    use crate::message::{Message, tag};
    use crate::wire::Frame;
    use bytes::Bytes;

    #[test]
    fn rusmpp_reads_what_the_template_makes() {
        let row = Row {
            pseudonym: "Zk3v8QpR2s".into(),
            authorization_id: "au-1".into(),
            edi: "edi1.k1.x".into(),
            as_of: "2026-03-01".into(),
            enterprise: "ent-1".into(),
            number: String::new(),
        };
        let forms = [RecipientForm::Pseudonym, RecipientForm::Authorization, RecipientForm::Edi];
        for (form, wide) in forms.into_iter().flat_map(|form| [(form, false), (form, true)]) {
            let mut recipients = Recipients::default();
            recipients.add(&row, form).unwrap();
            let source = Address::guess("10690001");
            let prefix = "[V]".to_owned();
            let content = Content { source, prefix, length: 60, wide, registered_delivery: 1 };
            let mut out = Vec::new();
            Template::new(&content).unwrap().put(&mut out, 5, 123_456, &recipients);
            let frame = Frame { id: 4, status: 0, sequence: 5, octets: Bytes::from(out) };
            let message = Message::from_pdu(frame.command().unwrap().pdu().unwrap()).unwrap();
            let text = text::decode(&message.octets, message.data_coding);
            assert!(text.starts_with("[V]#000000123456 the quick") && text.chars().count() == 60, "{text}");
            let as_of = message.tlv(tag::AS_OF);
            assert_eq!(as_of, (form == RecipientForm::Edi).then_some(&b"20260301"[..]));
            assert_eq!(message.destination.ton, if form == RecipientForm::Pseudonym { 5 } else { 0 });
        }
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        let source = Address::guess("1069");
        let content =
            Content { source, prefix: String::new(), length: 12, wide: false, registered_delivery: 0 };
        assert!(Template::new(&content).is_err());
        assert!(Template::new(&Content { length: 128, wide: true, ..content }).is_err());
    }
}
