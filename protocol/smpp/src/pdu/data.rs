//! `data_sm` (SMPP 3.4, 4.7.1): the message is in `message_payload`.

use bytes::BytesMut;

use crate::codec::{
    Address, CString, CommandId, EsmClass, OctetString, Reader, RegisteredDelivery, Status, Tag, Tlvs, Writer,
};
use crate::side::{North, Side};

/// A message in either direction, without the fields that packets do not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataSm<'a, S: Side> {
    /// The service; empty is the SMSC's default.
    pub service_type: CString<'a, 5>,
    /// Who sends: from the South a subscriber's number.
    pub source: S::Source<'a, 64>,
    /// Who is to receive.
    pub destination: Address<'a, 64>,
    /// Mode, type and features.
    pub esm_class: EsmClass,
    /// Which reports are asked for.
    pub registered_delivery: RegisteredDelivery,
    /// How the text is encoded.
    pub data_coding: u8,
    /// Everything behind, the message among it.
    pub tlvs: Tlvs<'a>,
}

impl<'a, S: Side> DataSm<'a, S> {
    pub(super) fn read(mut body: Reader<'a>) -> Result<Self, Status> {
        Ok(Self {
            service_type: body.c_string(Status::RINVSERTYP)?,
            source: S::source(body.address(Status::RINVSRCADR)?),
            destination: body.address(Status::RINVDSTADR)?,
            esm_class: EsmClass(body.octet()?),
            registered_delivery: RegisteredDelivery(body.octet()?),
            data_coding: body.octet()?,
            tlvs: body.tlvs(S::STRICT_TLVS)?,
        })
    }

    /// The message: empty if there is no `message_payload`.
    #[must_use]
    pub fn message(&self) -> OctetString<'a, 65_535> {
        self.tlvs.find(Tag::MESSAGE_PAYLOAD).map(|tlv| tlv.value).unwrap_or_default()
    }
}

impl DataSm<'_, North> {
    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let expected = 160 + self.tlvs.region().len();
        let mut pdu = Writer::begin(out, CommandId::DATA_SM, Status::OK, sequence, expected);
        pdu.c_string(self.service_type.as_bytes());
        pdu.address(&self.source);
        pdu.address(&self.destination);
        pdu.octets(&[self.esm_class.0, self.registered_delivery.0, self.data_coding]);
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}
