//! Responses that name a message. A refusal may leave its body out; some peers leave it out even of
//! `deliver_sm_resp` with status 0, so an empty body is taken whatever the status.

use bytes::BytesMut;

use crate::codec::{CString, CommandId, Reader, Status, Tlvs, Writer};

macro_rules! message_response {
    ($(#[$doc:meta])* $name:ident, $id:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name<'a> {
            /// The message's id; `None` if the whole body is left out.
            pub message_id: Option<CString<'a, 64>>,
            /// Everything behind. If there are some, an id left out is encoded as an empty one.
            pub tlvs: Tlvs<'a>,
        }

        impl<'a> $name<'a> {
            pub(super) fn read(mut body: Reader<'a>) -> Result<Self, Status> {
                if body.is_empty() {
                    return Ok(Self::default());
                }
                Ok(Self { message_id: Some(body.c_string(Status::RINVMSGID)?), tlvs: body.tlvs(false)? })
            }

            /// Appends the PDU.
            pub fn encode(&self, status: Status, sequence: u32, out: &mut BytesMut) {
                let mut pdu = Writer::begin(out, CommandId::$id, status, sequence, 65 + self.tlvs.region().len());
                if self.message_id.is_some() || !self.tlvs.is_empty() {
                    pdu.c_string(self.message_id.unwrap_or_default().as_bytes());
                }
                pdu.tlvs(&self.tlvs);
                pdu.finish();
            }
        }
    };
}

message_response!(
    /// `submit_sm_resp` (SMPP 3.4, 4.4.2): the SMSC's id of the message.
    SubmitSmResp, SUBMIT_SM_RESP
);
message_response!(
    /// `deliver_sm_resp` (SMPP 3.4, 4.6.2): its id is not used and must be empty.
    DeliverSmResp, DELIVER_SM_RESP
);
message_response!(
    /// `data_sm_resp` (SMPP 3.4, 4.7.2): the SMSC's id of the message.
    DataSmResp, DATA_SM_RESP
);
