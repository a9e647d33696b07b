//! What leaves north, built from listed fields: receipts made anew and replies under the pseudonym
//! (interfaces.md section 4). An SMSC's text, TLVs and ids never get here.

use veilgate_names::{AccountKind, FinalState};
use veilgate_smpp::codec::{EsmClass, OctetString};
use veilgate_smpp::pdu::{NorthDeliver, ReceiptTlvs};
use veilgate_smpp::text::receipt;

use crate::delivery::{Content, Delivery, Notice};

/// `esm_class` of a receipt: message type "delivery receipt".
const RECEIPT: u8 = 0x04;
/// `esm_class` flag: the user data begins with a header.
const UDHI: u8 = 0x40;
/// `network_error_code` of a notary's receipt: network type GSM and a coarse code.
const NETWORK_GSM: u8 = 3;

/// Hands the `deliver_sm` for a delivery to `send`. `scratch` is reused for the receipt's text.
pub fn with_deliver<R>(
    delivery: &Delivery,
    scratch: &mut Vec<u8>,
    send: impl FnOnce(&NorthDeliver<'_>) -> R,
) -> Option<R> {
    scratch.clear();
    let notary = delivery.kind == AccountKind::Notary;
    let (esm_class, data_coding, receipt, reason) = match &delivery.content {
        Content::Receipt { message, state, code, accepted_at, done_at } => {
            let error = coarse_error(*state);
            receipt::write_text(&message.to_ascii(), *accepted_at, *done_at, *state, error, scratch).ok()?;
            let [high, low] = code.map_or(error, |code| code.number).to_be_bytes();
            let tlvs = ReceiptTlvs {
                message_id: *message,
                message_state: state.message_state(),
                network_error_code: (notary && *state != FinalState::Delivered).then_some([
                    NETWORK_GSM,
                    high,
                    low,
                ]),
            };
            (RECEIPT, 0, Some(tlvs), None)
        }
        Content::Notice { message, notice, accepted_at, at } => {
            if *notice == Notice::Underway {
                receipt::write_underway(&message.to_ascii(), *accepted_at, *at, scratch).ok()?;
            }
            let message_state = notice.message_state();
            let tlvs = ReceiptTlvs { message_id: *message, message_state, network_error_code: None };
            (notice.esm_class(), 0, Some(tlvs), None)
        }
        Content::Reply { data_coding, has_header, text, code } => {
            scratch.extend_from_slice(text);
            (if *has_header { UDHI } else { 0 }, *data_coding, None, *code)
        }
    };
    let short = scratch.len() <= 254;
    let deliver = NorthDeliver {
        sender: &delivery.pseudonym,
        service_number: &delivery.service_number,
        device: delivery.device.as_ref().filter(|_| notary),
        authorization: notary.then_some(&delivery.authorization),
        reason: reason.filter(|_| notary).map(|code| code.number),
        esm_class: EsmClass(esm_class),
        data_coding,
        short_message: OctetString::new(if short { scratch } else { &[] }).ok()?,
        message_payload: if short { None } else { Some(OctetString::new(scratch).ok()?) },
        concatenation: None,
        user_message_reference: None,
        receipt,
    };
    Some(send(&deliver))
}

/// `err:` says no more than the state does; an SMSC's own error tells of the person's line.
fn coarse_error(state: FinalState) -> u16 {
    match state {
        FinalState::Delivered => 0,
        FinalState::Undeliverable => 1,
        FinalState::Rejected => 2,
        FinalState::Expired => 3,
        FinalState::Cancelled => 4,
        FinalState::Unknown => 5,
    }
}
