//! What goes to an SMSC: the one place where a number is put into its address field.

use veilgate_flow::Outgoing;
use veilgate_names::Monotonic;
use veilgate_smpp::codec::{Address, CString, EsmClass, OctetString, RegisteredDelivery, Time};
use veilgate_smpp::pdu::{Concatenation, SouthSubmit};
use veilgate_smpp::session::Session;
use veilgate_smpp::side::South;
use veilgate_smpp::text::receipt::IdKey;

use super::smsc_link::LinkConfig;

/// Builds the submit from listed fields and writes it if the window has room.
pub(super) fn submit(
    session: &mut Session<South>,
    config: &LinkConfig,
    message: &Outgoing<'_>,
    now: Monotonic,
) -> bool {
    let Ok(destination) = message.contact.smsc_address(config.facts.address_form) else { return false };
    let text = &*message.body.text;
    let short = text.len() <= 254;
    let (Ok(source), Ok(short_message)) = (
        Address::new(0, 1, message.source.as_str().as_bytes()),
        OctetString::new(if short { text } else { &[] }),
    ) else {
        return false;
    };
    let submit = SouthSubmit {
        service_type: CString::new(message.body.service.as_bytes()).unwrap_or_default(),
        source,
        destination: &destination,
        esm_class: EsmClass(message.body.esm_class),
        protocol_id: message.body.protocol_id,
        priority_flag: message.body.priority.min(3),
        schedule_delivery_time: Time::EMPTY,
        validity_period: Time::EMPTY,
        // Its receipt is always needed here; what else the sender asked for, only if they did.
        registered_delivery: RegisteredDelivery(1 | message.reports & BEYOND_RECEIPTS),
        replace_if_present_flag: 0,
        data_coding: message.body.data_coding,
        short_message,
        message_payload: if short { None } else { OctetString::new(text).ok() },
        concatenation: message.body.segment.map(|(reference, total, sequence)| Concatenation {
            reference,
            total,
            sequence,
        }),
        user_message_reference: None,
        more_messages_to_send: None,
    };
    session.submit(&submit, message.id.0, now).is_ok()
}

/// Bits 2-4 of `registered_delivery`: the recipient's own acknowledgements, notifications on the way.
const BEYOND_RECEIPTS: u8 = 0x1c;

/// The key of a message whose SMSC gave it no id: no receipt can match it.
pub(super) fn nameless(token: u64) -> IdKey {
    let mut key = vec![0];
    key.extend_from_slice(&token.to_be_bytes());
    IdKey::Text(key.into())
}
