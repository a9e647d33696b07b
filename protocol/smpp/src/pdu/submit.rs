//! `submit_sm` (SMPP 3.4, 4.4.1).

use bytes::BytesMut;

use crate::codec::{
    Address, CString, CommandId, EsmClass, OctetString, Reader, RegisteredDelivery, Status, Tag, Time, Tlvs,
    Writer,
};
use crate::side::{North, Side};

/// A message to be sent to one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubmitSm<'a, S: Side> {
    /// The service; empty is the SMSC's default.
    pub service_type: CString<'a, 5>,
    /// Who sends.
    pub source: S::Source<'a, 20>,
    /// Who is to receive.
    pub destination: Address<'a>,
    /// Mode, type and features.
    pub esm_class: EsmClass,
    /// TP-PID.
    pub protocol_id: u8,
    /// 0 lowest to 3 highest (4 in 5.0).
    pub priority_flag: u8,
    /// When to begin delivery.
    pub schedule_delivery_time: Time<'a>,
    /// When to give up.
    pub validity_period: Time<'a>,
    /// Which reports are asked for.
    pub registered_delivery: RegisteredDelivery,
    /// 1 replaces an earlier message of the same source, destination and service.
    pub replace_if_present_flag: u8,
    /// How the text is encoded.
    pub data_coding: u8,
    /// A message kept by the SMSC.
    pub sm_default_msg_id: u8,
    /// The message, unless it is in `message_payload`; at most 254 octets in SMPP 3.4.
    pub short_message: OctetString<'a, 255>,
    /// Everything behind.
    pub tlvs: Tlvs<'a>,
}

impl<'a, S: Side> SubmitSm<'a, S> {
    pub(super) fn read(mut body: Reader<'a>) -> Result<Self, Status> {
        Ok(Self {
            service_type: body.c_string(Status::RINVSERTYP)?,
            source: S::source(body.address(Status::RINVSRCADR)?),
            destination: body.address(Status::RINVDSTADR)?,
            esm_class: EsmClass(body.octet()?),
            protocol_id: body.octet()?,
            priority_flag: body.octet()?,
            schedule_delivery_time: body.time(Status::RINVSCHED)?,
            validity_period: body.time(Status::RINVEXPIRY)?,
            registered_delivery: RegisteredDelivery(body.octet()?),
            replace_if_present_flag: body.octet()?,
            data_coding: body.octet()?,
            sm_default_msg_id: body.octet()?,
            short_message: body.short_message(S::SHORT_MESSAGE)?,
            tlvs: body.tlvs(S::STRICT_TLVS)?,
        })
    }

    /// The message, wherever it is.
    ///
    /// # Errors
    /// [`Status::ROPTPARNOTALLWD`] if both `short_message` and `message_payload` hold one.
    pub fn message(&self) -> Result<OctetString<'a, 65_535>, Status> {
        message(self.short_message, self.tlvs)
    }
}

impl SubmitSm<'_, North> {
    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let expected = 96 + self.short_message.as_bytes().len() + self.tlvs.region().len();
        let mut pdu = Writer::begin(out, CommandId::SUBMIT_SM, Status::OK, sequence, expected);
        pdu.c_string(self.service_type.as_bytes());
        pdu.address(&self.source);
        pdu.address(&self.destination);
        pdu.octets(&[self.esm_class.0, self.protocol_id, self.priority_flag]);
        pdu.c_string(self.schedule_delivery_time.as_bytes());
        pdu.c_string(self.validity_period.as_bytes());
        pdu.octets(&[
            self.registered_delivery.0,
            self.replace_if_present_flag,
            self.data_coding,
            self.sm_default_msg_id,
        ]);
        pdu.short_message(&self.short_message);
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}

/// The message out of one of its two places (SMPP 3.4, 5.3.2.32).
pub(super) fn message<'a>(
    short_message: OctetString<'a, 255>,
    tlvs: Tlvs<'a>,
) -> Result<OctetString<'a, 65_535>, Status> {
    match tlvs.find(Tag::MESSAGE_PAYLOAD) {
        Some(payload) if short_message.is_empty() => Ok(payload.value),
        Some(_) => Err(Status::ROPTPARNOTALLWD),
        None => OctetString::new(short_message.as_bytes()).map_err(|_| Status::RINVMSGLEN),
    }
}
