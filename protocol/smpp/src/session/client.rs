//! The client's end: it binds to the carrier's SMSCs.

use veilgate_names::Monotonic;

use super::event::{CloseReason, Event, SendError};
use super::machine::Session;
use super::receive::{Role, Sealed};
use super::state::{End, Phase};
use crate::codec::{CString, CommandId, Frame, Status, Tag, Tlvs};
use crate::pdu::{Bind, BindMode, DataSmResp, DeliverSmResp, Pdu, PduError, SouthCancel, SouthSubmit};
use crate::side::South;

impl Role for South {}

impl Sealed for South {
    const END: End = End::Client;
    const ANSWERS: &'static [CommandId] = &[CommandId::SUBMIT_SM_RESP, CommandId::CANCEL_SM_RESP];

    fn answer<'b>(frame: Frame<'b>) -> (Option<&'b [u8]>, Option<u8>) {
        // A body that cannot be read still answers: the message was taken, only its id is lost.
        let Ok(Pdu::<Self>::SubmitSmResp(response)) = Pdu::decode(frame) else { return (None, None) };
        let message_id = response.message_id.map(|id| id.as_bytes()).filter(|id| !id.is_empty());
        (message_id, congestion(&response.tlvs))
    }

    fn request<'b>(
        session: &mut Session<Self>,
        sequence: u32,
        pdu: Pdu<'b, Self>,
    ) -> Option<Event<'b, Self>> {
        Some(match pdu {
            Pdu::DeliverSm(pdu) => Event::Deliver { sequence, pdu },
            Pdu::DataSm(pdu) => Event::Data { sequence, pdu },
            Pdu::AlertNotification(pdu) => Event::Alert(pdu),
            Pdu::Outbind(pdu) => {
                session.phase = Phase::Outbound;
                Event::Outbind(pdu)
            }
            _ => return None,
        })
    }

    fn malformed(session: &mut Session<Self>, error: &PduError) -> bool {
        session.refuse(error.command_id, error.status, error.sequence_number)
    }

    fn overrun(session: &mut Session<Self>, id: CommandId, sequence: u32) {
        session.refuse(id, Status::RTHROTTLED, sequence);
    }

    fn bound<'b>(session: &mut Session<Self>, frame: Frame<'b>) -> Event<'b, Self> {
        let Phase::Binding { mode, .. } = session.phase else {
            return Event::Ignored(super::event::Ignored::UnknownResponse);
        };
        let status = frame.header.command_status;
        if !status.is_ok() || frame.header.command_id == CommandId::GENERIC_NACK {
            let status = if status.is_ok() { Status::RBINDFAIL } else { status };
            session.close(CloseReason::BindRefused(status));
            return Event::BindRefused(status);
        }
        // Many an SMSC of 3.4 does not say its version; then ours was good enough for it.
        let mut state = None;
        if let Ok(Pdu::<Self>::BindResp(response)) = Pdu::decode(frame) {
            state = congestion(&response.tlvs);
            let version = response.sc_interface_version().unwrap_or(session.version);
            session.version = session.version.min(version);
        }
        session.phase = Phase::Bound(mode);
        Event::Bound { interface_version: session.version, congestion: state }
    }
}

impl Session<South> {
    /// Asks the SMSC to bind us; [`Event::Bound`] or [`Event::BindRefused`] tells the answer.
    ///
    /// # Errors
    /// [`SendError::WrongState`] when a bind was already sent.
    pub fn bind(&mut self, request: &Bind<'_>, now: Monotonic) -> Result<(), SendError> {
        if !matches!(self.phase, Phase::ExpectBind | Phase::Outbound) {
            return Err(SendError::WrongState);
        }
        let sequence = self.window.sequence();
        let tlvs = if request.interface_version < 0x34 { Tlvs::EMPTY } else { request.tlvs };
        Bind { tlvs, ..*request }.encode(sequence, &mut self.out);
        self.version = request.interface_version;
        self.clocks.quiet = now;
        self.phase = Phase::Binding { sequence, mode: request.mode };
        Ok(())
    }

    /// Sends a message; its outcome comes with `token`.
    ///
    /// # Errors
    /// [`SendError::NotTransmitter`], [`SendError::WindowFull`], [`SendError::WrongState`], [`SendError::Closed`];
    /// [`SendError::NeedsTlv`] for a payload or segments to an SMSC below 3.4.
    pub fn submit(&mut self, message: &SouthSubmit<'_>, token: u64, now: Monotonic) -> Result<(), SendError> {
        let reduced;
        let message = if self.version >= 0x34 {
            message
        } else {
            reduced = without_tlvs(message)?;
            &reduced
        };
        let sequence = self.reserve(BindMode::may_transmit, SendError::NotTransmitter, token, now)?;
        message.encode(sequence, &mut self.out);
        Ok(())
    }

    /// Takes a message back; the outcome comes with `token`.
    ///
    /// # Errors
    /// As [`Self::submit`], but [`SendError::NeedsTlv`].
    pub fn cancel(&mut self, message: &SouthCancel<'_>, token: u64, now: Monotonic) -> Result<(), SendError> {
        let sequence = self.reserve(BindMode::may_transmit, SendError::NotTransmitter, token, now)?;
        message.encode(sequence, &mut self.out);
        Ok(())
    }

    /// Answers [`Event::Deliver`]: 0, or RX_T_APPN to have it again, RX_P_APPN or RX_R_APPN not to.
    pub fn deliver_response(&mut self, sequence: u32, status: Status) {
        let response = DeliverSmResp { message_id: Some(CString::default()), tlvs: Tlvs::EMPTY };
        self.answer(|out| response.encode(status, sequence, out));
    }

    /// Answers [`Event::Data`].
    pub fn data_response(&mut self, sequence: u32, status: Status) {
        let response = DataSmResp { message_id: Some(CString::default()), tlvs: Tlvs::EMPTY };
        self.answer(|out| response.encode(status, sequence, out));
    }
}

/// `congestion_state` (SMPP 5.0, 4.8.4.18) of a response; none for a value that it cannot have.
fn congestion(tlvs: &Tlvs<'_>) -> Option<u8> {
    tlvs.find(Tag::CONGESTION_STATE).and_then(|tlv| tlv.octet()).filter(|value| *value < 100)
}

fn without_tlvs<'a>(message: &SouthSubmit<'a>) -> Result<SouthSubmit<'a>, SendError> {
    if message.message_payload.is_some() || message.concatenation.is_some() {
        return Err(SendError::NeedsTlv);
    }
    Ok(SouthSubmit { user_message_reference: None, more_messages_to_send: None, ..*message })
}
