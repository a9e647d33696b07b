//! PDUs that are only a header. TLVs behind it are kept: SMPP 5.0 peers leave some.

use bytes::BytesMut;

use crate::codec::{CommandId, Reader, Status, Tlvs, Writer};

macro_rules! bare {
    ($(#[$doc:meta])* $name:ident, $id:ident $(, $status:ident)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name<'a> {
            /// Everything behind the header: by the standard, nothing.
            pub tlvs: Tlvs<'a>,
        }

        impl<'a> $name<'a> {
            pub(super) fn read(body: Reader<'a>) -> Result<Self, Status> {
                Ok(Self { tlvs: body.tlvs(false)? })
            }

            /// Appends the PDU.
            pub fn encode(&self, $($status: Status,)? sequence: u32, out: &mut BytesMut) {
                let status = bare!(@ $($status)?);
                let mut pdu = Writer::begin(out, CommandId::$id, status, sequence, 0);
                pdu.tlvs(&self.tlvs);
                pdu.finish();
            }
        }
    };
    (@ $status:ident) => { $status };
    (@) => { Status::OK };
}

bare!(
    /// `unbind`: no more requests; answer what is open, then close.
    Unbind, UNBIND
);
bare!(
    /// `unbind_resp`.
    UnbindResp, UNBIND_RESP, status
);
bare!(
    /// `enquire_link`: are you there?
    EnquireLink, ENQUIRE_LINK
);
bare!(
    /// `enquire_link_resp`.
    EnquireLinkResp, ENQUIRE_LINK_RESP, status
);
bare!(
    /// `cancel_sm_resp`.
    CancelSmResp, CANCEL_SM_RESP, status
);
bare!(
    /// `replace_sm_resp`.
    ReplaceSmResp, REPLACE_SM_RESP, status
);
bare!(
    /// `generic_nack`: a header that was not understood.
    GenericNack, GENERIC_NACK, status
);
