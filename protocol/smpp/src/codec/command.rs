//! Command ids: SMPP 3.4, 5.1.2.1, and the broadcast operations of 5.0, named so that they can be refused.

use super::named::named;

/// What a PDU is. Any number can be held; the known ones have names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandId(pub u32);

named!(CommandId, 10, {
    GENERIC_NACK = 0x8000_0000, "`generic_nack`: the header could not be understood.";
    BIND_RECEIVER = 0x0000_0001, "`bind_receiver`.";
    BIND_RECEIVER_RESP = 0x8000_0001, "`bind_receiver_resp`.";
    BIND_TRANSMITTER = 0x0000_0002, "`bind_transmitter`.";
    BIND_TRANSMITTER_RESP = 0x8000_0002, "`bind_transmitter_resp`.";
    QUERY_SM = 0x0000_0003, "`query_sm`.";
    QUERY_SM_RESP = 0x8000_0003, "`query_sm_resp`.";
    SUBMIT_SM = 0x0000_0004, "`submit_sm`.";
    SUBMIT_SM_RESP = 0x8000_0004, "`submit_sm_resp`.";
    DELIVER_SM = 0x0000_0005, "`deliver_sm`.";
    DELIVER_SM_RESP = 0x8000_0005, "`deliver_sm_resp`.";
    UNBIND = 0x0000_0006, "`unbind`.";
    UNBIND_RESP = 0x8000_0006, "`unbind_resp`.";
    REPLACE_SM = 0x0000_0007, "`replace_sm`.";
    REPLACE_SM_RESP = 0x8000_0007, "`replace_sm_resp`.";
    CANCEL_SM = 0x0000_0008, "`cancel_sm`.";
    CANCEL_SM_RESP = 0x8000_0008, "`cancel_sm_resp`.";
    BIND_TRANSCEIVER = 0x0000_0009, "`bind_transceiver`.";
    BIND_TRANSCEIVER_RESP = 0x8000_0009, "`bind_transceiver_resp`.";
    OUTBIND = 0x0000_000b, "`outbind`: has no response.";
    ENQUIRE_LINK = 0x0000_0015, "`enquire_link`.";
    ENQUIRE_LINK_RESP = 0x8000_0015, "`enquire_link_resp`.";
    SUBMIT_MULTI = 0x0000_0021, "`submit_multi`.";
    SUBMIT_MULTI_RESP = 0x8000_0021, "`submit_multi_resp`.";
    ALERT_NOTIFICATION = 0x0000_0102, "`alert_notification`: has no response.";
    DATA_SM = 0x0000_0103, "`data_sm`.";
    DATA_SM_RESP = 0x8000_0103, "`data_sm_resp`.";
    BROADCAST_SM = 0x0000_0111, "`broadcast_sm` (5.0): not decoded.";
    BROADCAST_SM_RESP = 0x8000_0111, "`broadcast_sm_resp` (5.0): not decoded.";
    QUERY_BROADCAST_SM = 0x0000_0112, "`query_broadcast_sm` (5.0): not decoded.";
    QUERY_BROADCAST_SM_RESP = 0x8000_0112, "`query_broadcast_sm_resp` (5.0): not decoded.";
    CANCEL_BROADCAST_SM = 0x0000_0113, "`cancel_broadcast_sm` (5.0): not decoded.";
    CANCEL_BROADCAST_SM_RESP = 0x8000_0113, "`cancel_broadcast_sm_resp` (5.0): not decoded.";
});

impl CommandId {
    const RESPONSE: u32 = 0x8000_0000;

    /// Whether this is a response (`generic_nack` included).
    #[must_use]
    pub const fn is_response(self) -> bool {
        self.0 & Self::RESPONSE != 0
    }

    /// Whether this is one of the ids left to SMSC vendors (SMPP 3.4, 5.1.2.1).
    #[must_use]
    pub const fn is_vendor(self) -> bool {
        let request = self.0 & !Self::RESPONSE;
        request >= 0x0001_0200 && request <= 0x0001_02ff
    }

    /// The command id that answers this one: its response, `generic_nack` for ids that are not known,
    /// and `None` for what is never answered (responses, `outbind`, `alert_notification`).
    #[must_use]
    pub const fn response(self) -> Option<Self> {
        match self {
            Self::OUTBIND | Self::ALERT_NOTIFICATION => None,
            id if id.is_response() => None,
            id if id.name().is_some() => Some(Self(id.0 | Self::RESPONSE)),
            _ => Some(Self::GENERIC_NACK),
        }
    }
}
