//! `deliver_sm` (SMPP 3.4, 4.6.1).

use bytes::BytesMut;

use super::submit;
use crate::codec::{
    Address, CString, CommandId, EsmClass, OctetString, Reader, RegisteredDelivery, Status, Tlvs, Writer,
};
use crate::side::{North, Side};

/// A message or receipt from an SMSC to its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliverSm<'a, S: Side> {
    /// The service; empty is the SMSC's default.
    pub service_type: CString<'a, 5>,
    /// Who sends: from the South a subscriber's number.
    pub source: S::Source<'a, 20>,
    /// The service number it was sent to.
    pub destination: Address<'a>,
    /// Mode, type and features.
    pub esm_class: EsmClass,
    /// TP-PID.
    pub protocol_id: u8,
    /// The network's priority.
    pub priority_flag: u8,
    /// Not used; should be empty, so not checked.
    pub schedule_delivery_time: CString<'a, 16>,
    /// Not used; should be empty, so not checked.
    pub validity_period: CString<'a, 16>,
    /// Whether a user acknowledgement is asked for.
    pub registered_delivery: RegisteredDelivery,
    /// Not used.
    pub replace_if_present_flag: u8,
    /// How the text is encoded.
    pub data_coding: u8,
    /// Not used.
    pub sm_default_msg_id: u8,
    /// The message, unless it is in `message_payload`; at most 254 octets in SMPP 3.4.
    pub short_message: OctetString<'a, 255>,
    /// Everything behind.
    pub tlvs: Tlvs<'a>,
}

impl<'a, S: Side> DeliverSm<'a, S> {
    pub(super) fn read(mut body: Reader<'a>) -> Result<Self, Status> {
        Ok(Self {
            service_type: body.c_string(Status::RINVSERTYP)?,
            source: S::source(body.address(Status::RINVSRCADR)?),
            destination: body.address(Status::RINVDSTADR)?,
            esm_class: EsmClass(body.octet()?),
            protocol_id: body.octet()?,
            priority_flag: body.octet()?,
            schedule_delivery_time: body.c_string(Status::RINVSCHED)?,
            validity_period: body.c_string(Status::RINVEXPIRY)?,
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
        submit::message(self.short_message, self.tlvs)
    }
}

impl DeliverSm<'_, North> {
    /// Appends the PDU. The gateway itself sends [`NorthDeliver`](super::NorthDeliver); this is for peers and tests.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let expected = 96 + self.short_message.as_bytes().len() + self.tlvs.region().len();
        let mut pdu = Writer::begin(out, CommandId::DELIVER_SM, Status::OK, sequence, expected);
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
