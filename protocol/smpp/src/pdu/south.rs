//! The only `submit_sm` that the gateway sends south. Its destination is a sink: a number goes in where
//! identity lets it out, and only the encoder below reads it.

use core::fmt;

use bytes::BytesMut;

use super::north::Concatenation;
use crate::codec::{
    Address, CString, CommandId, EsmClass, FieldError, OctetString, RegisteredDelivery, Status, Tag, Time,
    Writer,
};

/// Where an SMSC is to send a message. Write-only: there is no getter, comparison or copy.
/// ```compile_fail,E0616
/// fn leak(address: &veilgate_smpp::pdu::SmscAddress) -> u8 {
///     address.digits[0]
/// }
/// ```
pub struct SmscAddress {
    ton: u8,
    npi: u8,
    length: u8,
    digits: [u8; 20],
}

impl SmscAddress {
    /// Takes type of number, numbering plan and at most 20 octets without NUL.
    ///
    /// # Errors
    /// [`FieldError::TooLong`] beyond 20 octets, [`FieldError::Nul`] for a NUL inside.
    pub fn write(ton: u8, npi: u8, digits: &[u8]) -> Result<Self, FieldError> {
        let field = CString::<20>::new(digits)?;
        let mut address = Self { ton, npi, length: 0, digits: [0; 20] };
        let octets = field.as_bytes();
        address.digits.get_mut(..octets.len()).ok_or(FieldError::TooLong)?.copy_from_slice(octets);
        address.length = u8::try_from(octets.len()).map_err(|_| FieldError::TooLong)?;
        Ok(address)
    }

    fn encode(&self, pdu: &mut Writer<'_>) {
        pdu.octets(&[self.ton, self.npi]);
        pdu.c_string(self.digits.get(..usize::from(self.length)).unwrap_or_default());
    }
}

impl fmt::Debug for SmscAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmscAddress(***)")
    }
}

/// A message for an SMSC.
#[derive(Debug, Clone, Copy)]
pub struct SouthSubmit<'a> {
    /// The service; empty is the SMSC's default.
    pub service_type: CString<'a, 5>,
    /// The service number, with the type and plan the channel wants.
    pub source: Address<'a>,
    /// The recipient.
    pub destination: &'a SmscAddress,
    /// Mode and features.
    pub esm_class: EsmClass,
    /// TP-PID.
    pub protocol_id: u8,
    /// 0 lowest to 3 highest.
    pub priority_flag: u8,
    /// When the SMSC is to begin delivery.
    pub schedule_delivery_time: Time<'a>,
    /// When the SMSC is to give up.
    pub validity_period: Time<'a>,
    /// Which reports are asked for.
    pub registered_delivery: RegisteredDelivery,
    /// 1 replaces an earlier message.
    pub replace_if_present_flag: u8,
    /// How the text is encoded.
    pub data_coding: u8,
    /// The text, unless it is in `message_payload`.
    pub short_message: OctetString<'a, 254>,
    /// The text, if it is longer; `short_message` must be empty then.
    pub message_payload: Option<OctetString<'a, 65_535>>,
    /// Which part of a longer message this is.
    pub concatenation: Option<Concatenation>,
    /// Our own reference.
    pub user_message_reference: Option<u16>,
    /// Whether the next part follows at once (`more_messages_to_send`).
    pub more_messages_to_send: Option<bool>,
}

/// The only `cancel_sm` that the gateway sends south: by the SMSC's own id, so that no number is needed.
#[derive(Debug, Clone, Copy)]
pub struct SouthCancel<'a> {
    /// The service the message was submitted for.
    pub service_type: CString<'a, 5>,
    /// The SMSC's id, as it came.
    pub message_id: CString<'a, 64>,
    /// The source it was submitted with.
    pub source: Address<'a>,
}

impl SouthCancel<'_> {
    /// Appends the PDU; its destination is empty, as it may be beside an id (SMPP 3.4, 4.9.1).
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let mut pdu = Writer::begin(out, CommandId::CANCEL_SM, Status::OK, sequence, 128);
        pdu.c_string(self.service_type.as_bytes());
        pdu.c_string(self.message_id.as_bytes());
        pdu.address(&self.source);
        pdu.octets(&[0, 0, 0]);
        pdu.finish();
    }
}

impl SouthSubmit<'_> {
    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let payload = self.message_payload.map_or(0, |payload| payload.as_bytes().len());
        let expected = 144 + self.short_message.as_bytes().len() + payload;
        let mut pdu = Writer::begin(out, CommandId::SUBMIT_SM, Status::OK, sequence, expected);
        pdu.c_string(self.service_type.as_bytes());
        pdu.address(&self.source);
        self.destination.encode(&mut pdu);
        pdu.octets(&[self.esm_class.0, self.protocol_id, self.priority_flag]);
        pdu.c_string(self.schedule_delivery_time.as_bytes());
        pdu.c_string(self.validity_period.as_bytes());
        pdu.octets(&[self.registered_delivery.0, self.replace_if_present_flag, self.data_coding, 0]);
        pdu.octet(u8::try_from(self.short_message.as_bytes().len()).unwrap_or(u8::MAX));
        pdu.octets(self.short_message.as_bytes());
        self.write_tlvs(&mut pdu);
        pdu.finish();
    }

    fn write_tlvs(&self, pdu: &mut Writer<'_>) {
        if let Some(payload) = self.message_payload {
            pdu.tlv(Tag::MESSAGE_PAYLOAD, payload.as_bytes());
        }
        if let Some(concatenation) = self.concatenation {
            concatenation.write(pdu);
        }
        if let Some(reference) = self.user_message_reference {
            pdu.tlv(Tag::USER_MESSAGE_REFERENCE, &reference.to_be_bytes());
        }
        if let Some(more) = self.more_messages_to_send {
            pdu.tlv(Tag::MORE_MESSAGES_TO_SEND, &[u8::from(more)]);
        }
    }
}
