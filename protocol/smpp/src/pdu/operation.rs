//! `query_sm`, `cancel_sm`, `replace_sm` (SMPP 3.4, 4.8 to 4.10): about a message submitted before.

use bytes::BytesMut;

use crate::codec::{
    Address, CString, CommandId, OctetString, Reader, RegisteredDelivery, Status, Time, Tlvs, Writer,
};

/// `query_sm`: what became of a message?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuerySm<'a> {
    /// The message.
    pub message_id: CString<'a, 64>,
    /// The source it was submitted with.
    pub source: Address<'a>,
    /// Everything behind.
    pub tlvs: Tlvs<'a>,
}

impl<'a> QuerySm<'a> {
    pub(super) fn read(mut body: Reader<'a>, strict: bool) -> Result<Self, Status> {
        Ok(Self {
            message_id: body.c_string(Status::RINVMSGID)?,
            source: body.address(Status::RINVSRCADR)?,
            tlvs: body.tlvs(strict)?,
        })
    }

    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let mut pdu = Writer::begin(out, CommandId::QUERY_SM, Status::OK, sequence, 96);
        pdu.c_string(self.message_id.as_bytes());
        pdu.address(&self.source);
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}

/// The answer to `query_sm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryResult<'a> {
    /// The message.
    pub message_id: CString<'a, 64>,
    /// When it reached its final state; empty before.
    pub final_date: Time<'a>,
    /// Its state (SMPP 3.4, 5.2.28).
    pub message_state: u8,
    /// The network's error, if it failed.
    pub error_code: u8,
}

/// `query_sm_resp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuerySmResp<'a> {
    /// The answer; `None` if the body is left out, as it may be in a refusal.
    pub result: Option<QueryResult<'a>>,
    /// Everything behind. If there are some, a result left out is encoded as an empty one.
    pub tlvs: Tlvs<'a>,
}

impl<'a> QuerySmResp<'a> {
    pub(super) fn read(mut body: Reader<'a>) -> Result<Self, Status> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let result = QueryResult {
            message_id: body.c_string(Status::RINVMSGID)?,
            final_date: body.time(Status::RINVPARLEN)?,
            message_state: body.octet()?,
            error_code: body.octet()?,
        };
        Ok(Self { result: Some(result), tlvs: body.tlvs(false)? })
    }

    /// Appends the PDU.
    pub fn encode(&self, status: Status, sequence: u32, out: &mut BytesMut) {
        let mut pdu = Writer::begin(out, CommandId::QUERY_SM_RESP, status, sequence, 96);
        if self.result.is_some() || !self.tlvs.is_empty() {
            let result = self.result.unwrap_or_default();
            pdu.c_string(result.message_id.as_bytes());
            pdu.c_string(result.final_date.as_bytes());
            pdu.octets(&[result.message_state, result.error_code]);
        }
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}

/// `cancel_sm`: do not deliver a message, or any of a source and destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CancelSm<'a> {
    /// The service of the messages to cancel.
    pub service_type: CString<'a, 5>,
    /// The message; empty cancels by addresses.
    pub message_id: CString<'a, 64>,
    /// The source it was submitted with.
    pub source: Address<'a>,
    /// The destination it was submitted with; may be empty if the id is given.
    pub destination: Address<'a>,
    /// Everything behind.
    pub tlvs: Tlvs<'a>,
}

impl<'a> CancelSm<'a> {
    pub(super) fn read(mut body: Reader<'a>, strict: bool) -> Result<Self, Status> {
        Ok(Self {
            service_type: body.c_string(Status::RINVSERTYP)?,
            message_id: body.c_string(Status::RINVMSGID)?,
            source: body.address(Status::RINVSRCADR)?,
            destination: body.address(Status::RINVDSTADR)?,
            tlvs: body.tlvs(strict)?,
        })
    }

    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let mut pdu = Writer::begin(out, CommandId::CANCEL_SM, Status::OK, sequence, 128);
        pdu.c_string(self.service_type.as_bytes());
        pdu.c_string(self.message_id.as_bytes());
        pdu.address(&self.source);
        pdu.address(&self.destination);
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}

/// `replace_sm`: put another text in the place of one not yet delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplaceSm<'a> {
    /// The message.
    pub message_id: CString<'a, 64>,
    /// The source it was submitted with.
    pub source: Address<'a>,
    /// When to begin delivery.
    pub schedule_delivery_time: Time<'a>,
    /// When to give up.
    pub validity_period: Time<'a>,
    /// Which reports are asked for.
    pub registered_delivery: RegisteredDelivery,
    /// A message kept by the SMSC.
    pub sm_default_msg_id: u8,
    /// The new text.
    pub short_message: OctetString<'a, 255>,
    /// Everything behind: `message_payload` in 5.0.
    pub tlvs: Tlvs<'a>,
}

impl<'a> ReplaceSm<'a> {
    pub(super) fn read(mut body: Reader<'a>, strict: bool, max: usize) -> Result<Self, Status> {
        Ok(Self {
            message_id: body.c_string(Status::RINVMSGID)?,
            source: body.address(Status::RINVSRCADR)?,
            schedule_delivery_time: body.time(Status::RINVSCHED)?,
            validity_period: body.time(Status::RINVEXPIRY)?,
            registered_delivery: RegisteredDelivery(body.octet()?),
            sm_default_msg_id: body.octet()?,
            short_message: body.short_message(max)?,
            tlvs: body.tlvs(strict)?,
        })
    }

    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let expected = 132 + self.short_message.as_bytes().len() + self.tlvs.region().len();
        let mut pdu = Writer::begin(out, CommandId::REPLACE_SM, Status::OK, sequence, expected);
        pdu.c_string(self.message_id.as_bytes());
        pdu.address(&self.source);
        pdu.c_string(self.schedule_delivery_time.as_bytes());
        pdu.c_string(self.validity_period.as_bytes());
        pdu.octets(&[self.registered_delivery.0, self.sm_default_msg_id]);
        pdu.short_message(&self.short_message);
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}
