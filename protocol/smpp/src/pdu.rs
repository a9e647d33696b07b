//! The PDUs of SMPP 3.4, borrowed from the input and tagged with the side they came from, and their encoders.
//! Two messages the gateway sends are made here from listed fields only: [`NorthDeliver`] and [`SouthSubmit`].

mod alert;
mod bind;
mod data;
mod deliver;
mod link;
mod multi;
mod north;
mod operation;
mod response;
mod south;
mod submit;

use bytes::BytesMut;

use crate::codec::{CommandId, Frame, Reader, Status, Writer};
use crate::side::{North, Side};

pub use alert::AlertNotification;
pub use bind::{Bind, BindMode, BindResp, Outbind};
pub use data::DataSm;
pub use deliver::DeliverSm;
pub use link::{CancelSmResp, EnquireLink, EnquireLinkResp, GenericNack, ReplaceSmResp, Unbind, UnbindResp};
pub use multi::{
    Destination, DestinationIter, DestinationList, Destinations, SubmitMulti, SubmitMultiResp, Unsuccessful,
    UnsuccessfulIter, UnsuccessfulList, Unsuccessfuls,
};
pub use north::{Concatenation, NorthDeliver, ReceiptTlvs};
pub use operation::{CancelSm, QueryResult, QuerySm, QuerySmResp, ReplaceSm};
pub use response::{DataSmResp, DeliverSmResp, SubmitSmResp};
pub use south::{SmscAddress, SouthCancel, SouthSubmit};
pub use submit::SubmitSm;

/// Any PDU, as it came from side `S`.
#[derive(Debug, Clone, Copy)]
pub enum Pdu<'a, S: Side> {
    /// `bind_receiver`, `bind_transmitter`, `bind_transceiver`.
    Bind(Bind<'a>),
    /// Their responses.
    BindResp(BindResp<'a>),
    /// `outbind`.
    Outbind(Outbind<'a>),
    /// `unbind`.
    Unbind(Unbind<'a>),
    /// `unbind_resp`.
    UnbindResp(UnbindResp<'a>),
    /// `submit_sm`.
    SubmitSm(SubmitSm<'a, S>),
    /// `submit_sm_resp`.
    SubmitSmResp(SubmitSmResp<'a>),
    /// `submit_multi`.
    SubmitMulti(SubmitMulti<'a, S>),
    /// `submit_multi_resp`.
    SubmitMultiResp(SubmitMultiResp<'a>),
    /// `deliver_sm`.
    DeliverSm(DeliverSm<'a, S>),
    /// `deliver_sm_resp`.
    DeliverSmResp(DeliverSmResp<'a>),
    /// `data_sm`.
    DataSm(DataSm<'a, S>),
    /// `data_sm_resp`.
    DataSmResp(DataSmResp<'a>),
    /// `query_sm`.
    QuerySm(QuerySm<'a>),
    /// `query_sm_resp`.
    QuerySmResp(QuerySmResp<'a>),
    /// `cancel_sm`.
    CancelSm(CancelSm<'a>),
    /// `cancel_sm_resp`.
    CancelSmResp(CancelSmResp<'a>),
    /// `replace_sm`.
    ReplaceSm(ReplaceSm<'a>),
    /// `replace_sm_resp`.
    ReplaceSmResp(ReplaceSmResp<'a>),
    /// `enquire_link`.
    EnquireLink(EnquireLink<'a>),
    /// `enquire_link_resp`.
    EnquireLinkResp(EnquireLinkResp<'a>),
    /// `alert_notification`.
    AlertNotification(AlertNotification<'a, S>),
    /// `generic_nack`.
    GenericNack(GenericNack<'a>),
}

/// One PDU cannot be taken; the stream is whole and the session stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{command_id:?} refused: {status:?}")]
pub struct PduError {
    /// What to answer.
    pub status: Status,
    /// What the PDU claims to be.
    pub command_id: CommandId,
    /// The number to answer to.
    pub sequence_number: u32,
}

impl PduError {
    /// Appends the answer, if there is one to give: see [`refuse`].
    pub fn refuse(&self, out: &mut BytesMut) -> bool {
        refuse(self.command_id, self.status, self.sequence_number, out)
    }
}

/// Appends the response to a request that is refused, without a body as the standard wants it; `generic_nack`
/// for unknown ids. `false`, and nothing appended, for what is never answered.
pub fn refuse(request: CommandId, status: Status, sequence: u32, out: &mut BytesMut) -> bool {
    let Some(response) = request.response() else { return false };
    Writer::begin(out, response, status, sequence, 0).finish();
    true
}

impl<'a, S: Side> Pdu<'a, S> {
    /// Reads one PDU. Nothing is copied or allocated.
    ///
    /// # Errors
    /// [`PduError`] with the status that names the wrong field (SMPP 3.4, 5.1.3); [`Status::RINVCMDID`] for
    /// ids that are unknown or belong to broadcasts.
    pub fn decode(frame: Frame<'a>) -> Result<Self, PduError> {
        let header = frame.header;
        Self::body(header.command_id, Reader::new(frame.body)).map_err(|status| PduError {
            status,
            command_id: header.command_id,
            sequence_number: header.sequence_number,
        })
    }

    fn body(id: CommandId, body: Reader<'a>) -> Result<Self, Status> {
        let strict = S::STRICT_TLVS;
        Ok(match id {
            CommandId::SUBMIT_SM => Self::SubmitSm(SubmitSm::read(body)?),
            CommandId::SUBMIT_SM_RESP => Self::SubmitSmResp(SubmitSmResp::read(body)?),
            CommandId::DELIVER_SM => Self::DeliverSm(DeliverSm::read(body)?),
            CommandId::DELIVER_SM_RESP => Self::DeliverSmResp(DeliverSmResp::read(body)?),
            CommandId::ENQUIRE_LINK => Self::EnquireLink(EnquireLink::read(body)?),
            CommandId::ENQUIRE_LINK_RESP => Self::EnquireLinkResp(EnquireLinkResp::read(body)?),
            CommandId::DATA_SM => Self::DataSm(DataSm::read(body)?),
            CommandId::DATA_SM_RESP => Self::DataSmResp(DataSmResp::read(body)?),
            CommandId::SUBMIT_MULTI => Self::SubmitMulti(SubmitMulti::read(body)?),
            CommandId::SUBMIT_MULTI_RESP => Self::SubmitMultiResp(SubmitMultiResp::read(body)?),
            CommandId::OUTBIND => Self::Outbind(Outbind::read(body, strict)?),
            CommandId::UNBIND => Self::Unbind(Unbind::read(body)?),
            CommandId::UNBIND_RESP => Self::UnbindResp(UnbindResp::read(body)?),
            CommandId::QUERY_SM => Self::QuerySm(QuerySm::read(body, strict)?),
            CommandId::QUERY_SM_RESP => Self::QuerySmResp(QuerySmResp::read(body)?),
            CommandId::CANCEL_SM => Self::CancelSm(CancelSm::read(body, strict)?),
            CommandId::CANCEL_SM_RESP => Self::CancelSmResp(CancelSmResp::read(body)?),
            CommandId::REPLACE_SM => Self::ReplaceSm(ReplaceSm::read(body, strict, S::SHORT_MESSAGE)?),
            CommandId::REPLACE_SM_RESP => Self::ReplaceSmResp(ReplaceSmResp::read(body)?),
            CommandId::ALERT_NOTIFICATION => Self::AlertNotification(AlertNotification::read(body)?),
            CommandId::GENERIC_NACK => Self::GenericNack(GenericNack::read(body)?),
            other => match BindMode::of(other) {
                Some((mode, false)) => Self::Bind(Bind::read(mode, body, strict)?),
                Some((mode, true)) => Self::BindResp(BindResp::read(mode, body)?),
                None => return Err(Status::RINVCMDID),
            },
        })
    }
}

impl Pdu<'_, North> {
    /// Appends the PDU. `status` goes into responses; requests carry 0.
    pub fn encode(&self, status: Status, sequence: u32, out: &mut BytesMut) {
        match self {
            Self::Bind(pdu) => pdu.encode(sequence, out),
            Self::BindResp(pdu) => pdu.encode(status, sequence, out),
            Self::Outbind(pdu) => pdu.encode(sequence, out),
            Self::Unbind(pdu) => pdu.encode(sequence, out),
            Self::UnbindResp(pdu) => pdu.encode(status, sequence, out),
            Self::SubmitSm(pdu) => pdu.encode(sequence, out),
            Self::SubmitSmResp(pdu) => pdu.encode(status, sequence, out),
            Self::SubmitMulti(pdu) => pdu.encode(sequence, out),
            Self::SubmitMultiResp(pdu) => pdu.encode(status, sequence, out),
            Self::DeliverSm(pdu) => pdu.encode(sequence, out),
            Self::DeliverSmResp(pdu) => pdu.encode(status, sequence, out),
            Self::DataSm(pdu) => pdu.encode(sequence, out),
            Self::DataSmResp(pdu) => pdu.encode(status, sequence, out),
            Self::QuerySm(pdu) => pdu.encode(sequence, out),
            Self::QuerySmResp(pdu) => pdu.encode(status, sequence, out),
            Self::CancelSm(pdu) => pdu.encode(sequence, out),
            Self::CancelSmResp(pdu) => pdu.encode(status, sequence, out),
            Self::ReplaceSm(pdu) => pdu.encode(sequence, out),
            Self::ReplaceSmResp(pdu) => pdu.encode(status, sequence, out),
            Self::EnquireLink(pdu) => pdu.encode(sequence, out),
            Self::EnquireLinkResp(pdu) => pdu.encode(status, sequence, out),
            Self::AlertNotification(pdu) => pdu.encode(sequence, out),
            Self::GenericNack(pdu) => pdu.encode(status, sequence, out),
        }
    }
}
