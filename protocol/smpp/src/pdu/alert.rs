//! `alert_notification` (SMPP 3.4, 4.12.1): a handset can be reached again. It has no response.

use bytes::BytesMut;

use crate::codec::{Address, CommandId, Reader, Status, Tlvs, Writer};
use crate::side::{North, Side};

/// Says that the handset behind `source` can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertNotification<'a, S: Side> {
    /// Whose handset: from the South a subscriber's number.
    pub source: S::Source<'a, 64>,
    /// The client that asked.
    pub esme: Address<'a, 64>,
    /// Everything behind.
    pub tlvs: Tlvs<'a>,
}

impl<'a, S: Side> AlertNotification<'a, S> {
    pub(super) fn read(mut body: Reader<'a>) -> Result<Self, Status> {
        Ok(Self {
            source: S::source(body.address(Status::RINVSRCADR)?),
            esme: body.address(Status::RINVDSTADR)?,
            tlvs: body.tlvs(S::STRICT_TLVS)?,
        })
    }
}

impl AlertNotification<'_, North> {
    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let expected = 140 + self.tlvs.region().len();
        let mut pdu = Writer::begin(out, CommandId::ALERT_NOTIFICATION, Status::OK, sequence, expected);
        pdu.address(&self.source);
        pdu.address(&self.esme);
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}
