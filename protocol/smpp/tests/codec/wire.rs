//! PDUs as raw octets, written here field by field without the crate's encoders.

use proptest::collection::vec;
use proptest::prelude::*;
use veilgate_smpp::codec::{CommandId, Tag};

/// Which octets strings are made of.
#[derive(Clone, Copy)]
pub(crate) enum Alphabet {
    /// Anything but NUL.
    Any,
    /// Letters and digits, as rusmpp wants them.
    Ascii,
}

/// Every PDU of SMPP 3.4.
pub(crate) const ALL: [CommandId; 27] = [
    CommandId::BIND_RECEIVER,
    CommandId::BIND_RECEIVER_RESP,
    CommandId::BIND_TRANSMITTER,
    CommandId::BIND_TRANSMITTER_RESP,
    CommandId::BIND_TRANSCEIVER,
    CommandId::BIND_TRANSCEIVER_RESP,
    CommandId::OUTBIND,
    CommandId::UNBIND,
    CommandId::UNBIND_RESP,
    CommandId::SUBMIT_SM,
    CommandId::SUBMIT_SM_RESP,
    CommandId::SUBMIT_MULTI,
    CommandId::SUBMIT_MULTI_RESP,
    CommandId::DELIVER_SM,
    CommandId::DELIVER_SM_RESP,
    CommandId::DATA_SM,
    CommandId::DATA_SM_RESP,
    CommandId::QUERY_SM,
    CommandId::QUERY_SM_RESP,
    CommandId::CANCEL_SM,
    CommandId::CANCEL_SM_RESP,
    CommandId::REPLACE_SM,
    CommandId::REPLACE_SM_RESP,
    CommandId::ENQUIRE_LINK,
    CommandId::ENQUIRE_LINK_RESP,
    CommandId::ALERT_NOTIFICATION,
    CommandId::GENERIC_NACK,
];

/// A header and a body.
pub(crate) fn pdu(id: CommandId, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(u32::try_from(body.len() + 16).unwrap().to_be_bytes());
    out.extend(id.0.to_be_bytes());
    out.extend(status.to_be_bytes());
    out.extend(sequence.to_be_bytes());
    out.extend(body);
    out
}

/// Any PDU with any sequence number, and any status if it is a response.
pub(crate) fn any_pdu(alphabet: Alphabet) -> BoxedStrategy<Vec<u8>> {
    (proptest::sample::select(ALL.to_vec()), any::<u32>(), any::<u32>())
        .prop_flat_map(move |(id, status, sequence)| {
            let status = if id.is_response() { status } else { 0 };
            body(id, alphabet).prop_map(move |body| pdu(id, status, sequence, &body))
        })
        .boxed()
}

/// A canonical body of a PDU.
pub(crate) fn body(id: CommandId, alphabet: Alphabet) -> BoxedStrategy<Vec<u8>> {
    let a = alphabet;
    match id {
        CommandId::BIND_RECEIVER | CommandId::BIND_TRANSMITTER | CommandId::BIND_TRANSCEIVER => {
            join(vec![string(a, 15), string(a, 8), string(a, 12), octets(3), string(a, 40)])
        }
        CommandId::OUTBIND => join(vec![string(a, 15), string(a, 8)]),
        CommandId::SUBMIT_SM | CommandId::DELIVER_SM => {
            join(vec![string(a, 5), address(a, 20), address(a, 20), message_fields(), tlvs()])
        }
        CommandId::SUBMIT_MULTI => {
            join(vec![string(a, 5), address(a, 20), destinations(a), message_fields(), tlvs()])
        }
        CommandId::SUBMIT_MULTI_RESP => join(vec![string(a, 64), unsuccessful(a)]),
        CommandId::SUBMIT_SM_RESP | CommandId::DATA_SM_RESP | CommandId::DELIVER_SM_RESP => string(a, 64),
        CommandId::BIND_RECEIVER_RESP
        | CommandId::BIND_TRANSMITTER_RESP
        | CommandId::BIND_TRANSCEIVER_RESP => join(vec![string(a, 15), version()]),
        CommandId::DATA_SM => {
            let longest = if matches!(a, Alphabet::Any) { 64 } else { 20 };
            join(vec![string(a, 5), address(a, longest), address(a, longest), octets(3), tlvs()])
        }
        CommandId::QUERY_SM => join(vec![string(a, 64), address(a, 20)]),
        CommandId::QUERY_SM_RESP => join(vec![string(a, 64), time(), octets(2)]),
        CommandId::CANCEL_SM => join(vec![string(a, 5), string(a, 64), address(a, 20), address(a, 20)]),
        CommandId::REPLACE_SM => {
            join(vec![string(a, 64), address(a, 20), time(), time(), octets(2), short_message()])
        }
        CommandId::ALERT_NOTIFICATION => join(vec![address(a, 64), address(a, 64)]),
        _ => Just(Vec::new()).boxed(),
    }
}

fn join(parts: Vec<BoxedStrategy<Vec<u8>>>) -> BoxedStrategy<Vec<u8>> {
    parts.prop_map(|parts| parts.concat()).boxed()
}

fn octets(count: usize) -> BoxedStrategy<Vec<u8>> {
    vec(any::<u8>(), count).boxed()
}

fn string(alphabet: Alphabet, max: usize) -> BoxedStrategy<Vec<u8>> {
    let octet = match alphabet {
        Alphabet::Any => (1..=255u8).boxed(),
        Alphabet::Ascii => (33..=126u8).boxed(),
    };
    vec(octet, 0..=max)
        .prop_map(|mut text| {
            text.push(0);
            text
        })
        .boxed()
}

fn time() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        Just(b"\0".to_vec()),
        Just(b"260301120000000+\0".to_vec()),
        Just(b"000002000000000R\0".to_vec())
    ]
    .boxed()
}

fn address(alphabet: Alphabet, max: usize) -> BoxedStrategy<Vec<u8>> {
    join(vec![octets(2), string(alphabet, max)])
}

/// `esm_class` to `short_message`.
fn message_fields() -> BoxedStrategy<Vec<u8>> {
    join(vec![octets(3), time(), time(), octets(4), short_message()])
}

fn short_message() -> BoxedStrategy<Vec<u8>> {
    vec(any::<u8>(), 0..=254)
        .prop_map(|text| [&[u8::try_from(text.len()).unwrap()], text.as_slice()].concat())
        .boxed()
}

fn counted(items: BoxedStrategy<Vec<u8>>, max: usize) -> BoxedStrategy<Vec<u8>> {
    vec(items, 1..=max)
        .prop_map(|items| [&[u8::try_from(items.len()).unwrap()], items.concat().as_slice()].concat())
        .boxed()
}

fn destinations(alphabet: Alphabet) -> BoxedStrategy<Vec<u8>> {
    let one = address(alphabet, 20).prop_map(|address| [&[1], address.as_slice()].concat());
    let list = string(alphabet, 20).prop_map(|name| [&[2], name.as_slice()].concat());
    counted(prop_oneof![one, list].boxed(), 12)
}

fn unsuccessful(alphabet: Alphabet) -> BoxedStrategy<Vec<u8>> {
    counted(join(vec![address(alphabet, 20), octets(4)]), 12)
}

pub(crate) fn tlv(tag: Tag, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&tag.0.to_be_bytes(), &length.to_be_bytes(), value].concat()
}

fn version() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![Just(Vec::new()), Just(tlv(Tag::SC_INTERFACE_VERSION, &[0x50]))].boxed()
}

/// Up to four TLVs with lengths the standard allows; tags may repeat.
fn tlvs() -> BoxedStrategy<Vec<u8>> {
    let fixed = |tag: Tag, length: usize| octets(length).prop_map(move |v| tlv(tag, &v)).boxed();
    let free = |tag: Tag| vec(any::<u8>(), 0..200).prop_map(move |v| tlv(tag, &v)).boxed();
    let one = prop_oneof![
        fixed(Tag::USER_MESSAGE_REFERENCE, 2),
        fixed(Tag::SAR_MSG_REF_NUM, 2),
        fixed(Tag::SAR_TOTAL_SEGMENTS, 1),
        fixed(Tag::SAR_SEGMENT_SEQNUM, 1),
        fixed(Tag::SOURCE_PORT, 2),
        free(Tag::MESSAGE_PAYLOAD),
        free(Tag::ENCRYPTED_DEVICE_ID),
        free(Tag::PSEUDONYM),
        free(Tag(0x3fff)),
    ];
    vec(one, 0..4).prop_map(|tlvs| tlvs.concat()).boxed()
}
