//! `submit_multi` (SMPP 3.4, 4.5) and the two lists in it. A list is a count and a region that was walked
//! once; iterating it cannot fail or go past its end.

mod lists;

use bytes::BytesMut;

use crate::codec::{
    CString, CommandId, EsmClass, OctetString, Reader, RegisteredDelivery, Status, Time, Tlvs, Writer,
};
use crate::side::{North, Side};

pub use lists::{
    Destination, DestinationIter, DestinationList, Destinations, Unsuccessful, UnsuccessfulIter,
    UnsuccessfulList, Unsuccessfuls,
};

/// A message to be sent to up to 255 recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubmitMulti<'a, S: Side> {
    /// The service; empty is the SMSC's default.
    pub service_type: CString<'a, 5>,
    /// Who sends.
    pub source: S::Source<'a, 20>,
    /// Who is to receive.
    pub destinations: Destinations<'a>,
    /// Mode, type and features.
    pub esm_class: EsmClass,
    /// TP-PID.
    pub protocol_id: u8,
    /// 0 lowest to 3 highest.
    pub priority_flag: u8,
    /// When to begin delivery.
    pub schedule_delivery_time: Time<'a>,
    /// When to give up.
    pub validity_period: Time<'a>,
    /// Which reports are asked for.
    pub registered_delivery: RegisteredDelivery,
    /// Not used.
    pub replace_if_present_flag: u8,
    /// How the text is encoded.
    pub data_coding: u8,
    /// A message kept by the SMSC.
    pub sm_default_msg_id: u8,
    /// The message, unless it is in `message_payload`.
    pub short_message: OctetString<'a, 255>,
    /// Everything behind.
    pub tlvs: Tlvs<'a>,
}

impl<'a, S: Side> SubmitMulti<'a, S> {
    pub(super) fn read(mut body: Reader<'a>) -> Result<Self, Status> {
        Ok(Self {
            service_type: body.c_string(Status::RINVSERTYP)?,
            source: S::source(body.address(Status::RINVSRCADR)?),
            destinations: Destinations::read(&mut body)?,
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
        super::submit::message(self.short_message, self.tlvs)
    }
}

impl SubmitMulti<'_, North> {
    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let mut pdu = Writer::begin(out, CommandId::SUBMIT_MULTI, Status::OK, sequence, 512);
        pdu.c_string(self.service_type.as_bytes());
        pdu.address(&self.source);
        self.destinations.write(&mut pdu);
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

/// `submit_multi_resp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubmitMultiResp<'a> {
    /// The SMSC's id of the message; `None` if the whole body is left out, as it may be in a refusal.
    pub message_id: Option<CString<'a, 64>>,
    /// Who will not get it, and why.
    pub unsuccessful: Unsuccessfuls<'a>,
    /// Everything behind.
    pub tlvs: Tlvs<'a>,
}

impl<'a> SubmitMultiResp<'a> {
    pub(super) fn read(mut body: Reader<'a>) -> Result<Self, Status> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self {
            message_id: Some(body.c_string(Status::RINVMSGID)?),
            unsuccessful: Unsuccessfuls::read(&mut body)?,
            tlvs: body.tlvs(false)?,
        })
    }

    /// Appends the PDU. An id left out is encoded as an empty one if anything stands behind it.
    pub fn encode(&self, status: Status, sequence: u32, out: &mut BytesMut) {
        let mut pdu = Writer::begin(out, CommandId::SUBMIT_MULTI_RESP, status, sequence, 128);
        if self.message_id.is_some() || !self.unsuccessful.is_empty() || !self.tlvs.is_empty() {
            pdu.c_string(self.message_id.unwrap_or_default().as_bytes());
            self.unsuccessful.write(&mut pdu);
        }
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}
