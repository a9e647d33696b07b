//! What the SMSC sends by itself: receipts and the handset's replies.

use veilgate_names::Timestamp;

use super::options::{ReceiptForm, ReceiptOptions};
use crate::message::{Address, Message, tag};
use crate::receipt::{self, Fields, State};
use crate::text::{self, Coding, Part, Split};

/// What a deliver_sm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Receipt(State),
    Reply,
}

/// A deliver_sm on its way.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) kind: Kind,
    pub(super) message_id: String,
    pub(super) message: Message,
    pub(super) attempts: u32,
}

/// What a receipt tells of.
pub(super) struct Subject<'a> {
    pub(super) message: &'a Message,
    pub(super) text: &'a str,
    pub(super) response_id: &'a str,
    pub(super) receipt_id: &'a str,
    pub(super) submitted: Timestamp,
    pub(super) done: Timestamp,
}

/// Makes a receipt; an ENROUTE one is an intermediate notification.
pub(super) fn receipt(subject: &Subject<'_>, state: State, options: &ReceiptOptions) -> Delivery {
    let error = match state {
        State::Delivered | State::Enroute | State::Accepted => 0,
        _ => u16::from(state.octet()) + 10,
    };
    let number = &subject.message.destination.digits;
    let head: String = subject.text.chars().take(12).filter(char::is_ascii).collect();
    let quoted = if options.leak_number { format!("to {number} {head}") } else { head };
    let fields = Fields {
        id: subject.receipt_id,
        submitted: subject.submitted,
        done: subject.done,
        state,
        error,
        text: &quoted,
    };
    let octets = match options.form {
        ReceiptForm::Tlv => Vec::new(),
        _ => receipt::write(&fields, options.dates).into_bytes(),
    };
    let mut tlvs = Vec::new();
    if options.form != ReceiptForm::Text {
        let mut id = subject.receipt_id.as_bytes().to_vec();
        id.push(0);
        tlvs.push((tag::RECEIPTED_MESSAGE_ID, id));
        tlvs.push((tag::MESSAGE_STATE, vec![state.octet()]));
        let [high, low] = error.to_be_bytes();
        tlvs.push((tag::NETWORK_ERROR_CODE, vec![3, high, low]));
    }
    if options.leak_number {
        tlvs.extend(leaks(number));
    }
    let message = Message {
        source: subject.message.destination.clone(),
        destination: subject.message.source.clone(),
        esm_class: if state == State::Enroute { 0x20 } else { 0x04 },
        octets,
        tlvs,
        ..Message::default()
    };
    Delivery { kind: Kind::Receipt(state), message_id: subject.response_id.to_owned(), message, attempts: 0 }
}

/// The subscriber's number where careless SMSCs put it: a vendor TLV as text, one as swapped digits,
/// `source_subaddress` and `callback_num`.
fn leaks(number: &str) -> Vec<(u16, Vec<u8>)> {
    let ascii = number.as_bytes().to_vec();
    let swapped = number.as_bytes().chunks(2).map(|pair| match pair {
        [low, high] => (high & 0x0F) << 4 | (low & 0x0F),
        [low] => 0xF0 | (low & 0x0F),
        _ => 0,
    });
    let with = |prefix: &[u8]| [prefix, number.as_bytes()].concat();
    vec![(0x1401, ascii), (0x1403, swapped.collect()), (0x0202, with(&[0xA0])), (0x0381, with(&[1, 1, 1]))]
}

/// Makes a mobile originated message, in as many parts as it takes. `None` if the coding cannot express it.
pub(super) fn reply(
    source: &Address,
    destination: &Address,
    content: &str,
    (coding, split): (Coding, Split),
    reference: u16,
) -> Option<Vec<Delivery>> {
    let encoded = text::encode(content, coding, split == Split::Payload)?;
    let total = u8::try_from(encoded.parts.len()).ok()?;
    let mut deliveries = Vec::with_capacity(encoded.parts.len());
    for (index, octets) in (1u8..).zip(encoded.parts) {
        let mut message = Message {
            source: source.clone(),
            destination: destination.clone(),
            data_coding: encoded.data_coding,
            ..Message::default()
        };
        place(&mut message, octets, split, Part { reference, total, index });
        deliveries.push(Delivery { kind: Kind::Reply, message_id: String::new(), message, attempts: 0 });
    }
    Some(deliveries)
}

/// Puts one part's octets into a message with the header or TLVs that `split` wants.
pub(crate) fn place(message: &mut Message, octets: Vec<u8>, split: Split, part: Part) {
    match split {
        Split::Payload => message.tlvs.push((tag::MESSAGE_PAYLOAD, octets)),
        _ if part.total < 2 => message.octets = octets,
        Split::Udh | Split::Udh16 => {
            message.esm_class |= 0x40;
            message.octets = text::user_data_header(part, split == Split::Udh16);
            message.octets.extend(octets);
        }
        Split::Sar => {
            message.octets = octets;
            message.tlvs.push((tag::SAR_REFERENCE, part.reference.to_be_bytes().to_vec()));
            message.tlvs.push((tag::SAR_TOTAL, vec![part.total]));
            message.tlvs.push((tag::SAR_INDEX, vec![part.index]));
        }
    }
}

/// The text of a message without its user data header, and which part it is.
pub(crate) fn read(message: &Message) -> (String, Option<Part>) {
    let content = message.content();
    let (part, octets) =
        if message.esm_class & 0x40 != 0 { text::strip_user_data_header(content) } else { (None, content) };
    (text::decode(octets, message.data_coding), part.or_else(|| sar(message)))
}

fn sar(message: &Message) -> Option<Part> {
    let [high, low] = message.tlv(tag::SAR_REFERENCE)? else { return None };
    let [total] = message.tlv(tag::SAR_TOTAL)? else { return None };
    let [index] = message.tlv(tag::SAR_INDEX)? else { return None };
    Some(Part { reference: u16::from_be_bytes([*high, *low]), total: *total, index: *index })
}
