//! The server's end: enterprises and the notary bind to it.

use bytes::BytesMut;
use veilgate_names::{MessageId, Monotonic};

use super::event::{CloseReason, Event, SendError};
use super::machine::Session;
use super::receive::{Role, Sealed};
use super::state::{End, Phase};
use crate::codec::{CString, CommandId, Frame, Status, Tag, Tlvs};
use crate::pdu::{
    BindMode, BindResp, CancelSmResp, DataSmResp, NorthDeliver, Pdu, PduError, QueryResult, QuerySmResp,
    ReplaceSmResp, SubmitMultiResp, SubmitSmResp, Unsuccessfuls,
};
use crate::side::North;

/// The first version with TLVs.
const WITH_TLVS: u8 = 0x34;
/// The first with `congestion_state`.
const WITH_CONGESTION: u8 = 0x50;
/// The code of what cannot be read (interfaces.md section 6).
const MALFORMED: u16 = 1001;
/// The code of more than was agreed.
const RATE_EXCEEDED: u16 = 5003;

impl Role for North {}

impl Sealed for North {
    const END: End = End::Server;
    const ANSWERS: &'static [CommandId] = &[CommandId::DELIVER_SM_RESP];

    /// The north's `message_id` is not used, and the gateway does not slow down for its clients.
    fn answer<'b>(_: Frame<'b>) -> (Option<&'b [u8]>, Option<u8>) {
        (None, None)
    }

    fn request<'b>(
        session: &mut Session<Self>,
        sequence: u32,
        pdu: Pdu<'b, Self>,
    ) -> Option<Event<'b, Self>> {
        Some(match pdu {
            Pdu::SubmitSm(pdu) => Event::Submit { sequence, pdu },
            Pdu::DataSm(pdu) => Event::Data { sequence, pdu },
            Pdu::SubmitMulti(pdu) => Event::Multi { sequence, pdu },
            Pdu::QuerySm(pdu) => Event::Query { sequence, pdu },
            Pdu::CancelSm(pdu) => Event::Cancel { sequence, pdu },
            Pdu::ReplaceSm(pdu) => Event::Replace { sequence, pdu },
            Pdu::Bind(pdu) => {
                session.phase = Phase::Binding { sequence, mode: pdu.mode };
                session.version = pdu.interface_version;
                Event::Bind(pdu)
            }
            _ => return None,
        })
    }

    /// With the reason code of interfaces.md section 6, where the response has a place for it.
    fn malformed(session: &mut Session<Self>, error: &PduError) -> bool {
        session.refuse_with(error.command_id, error.status, error.sequence_number, MALFORMED)
    }

    fn overrun(session: &mut Session<Self>, id: CommandId, sequence: u32) {
        session.refuse_with(id, Status::RTHROTTLED, sequence, RATE_EXCEEDED);
    }

    fn bound<'b>(_: &mut Session<Self>, _: Frame<'b>) -> Event<'b, Self> {
        Event::Ignored(super::event::Ignored::UnknownResponse)
    }
}

/// What an answer to a message says beside its status.
enum Answer {
    Submit,
    Data,
}

impl Session<North> {
    /// Binds the client that [`Event::Bind`] named. `system_id` is ours, `interface_version` the highest we speak;
    /// it is told to clients that know TLVs.
    ///
    /// # Errors
    /// [`SendError::WrongState`] when no bind waits (it timed out, or the peer went away).
    pub fn accept_bind(
        &mut self,
        system_id: CString<'_, 15>,
        interface_version: u8,
        now: Monotonic,
    ) -> Result<(), SendError> {
        let Phase::Binding { sequence, mode } = self.phase else { return Err(SendError::WrongState) };
        let [high, low] = Tag::SC_INTERFACE_VERSION.0.to_be_bytes();
        let version = [high, low, 0, 1, interface_version];
        let told = if self.has_tlvs() { &version[..] } else { &[] };
        let tlvs = Tlvs::checked(told, false).unwrap_or_default();
        let response = BindResp { mode, system_id: Some(system_id), tlvs };
        response.encode(Status::OK, sequence, &mut self.out);
        self.version = self.version.min(interface_version);
        self.clocks.quiet = now;
        self.phase = Phase::Bound(mode);
        Ok(())
    }

    /// Refuses the bind that [`Event::Bind`] named; the session is then over.
    ///
    /// # Errors
    /// [`SendError::WrongState`] when no bind waits.
    pub fn refuse_bind(&mut self, status: Status) -> Result<(), SendError> {
        let Phase::Binding { sequence, mode } = self.phase else { return Err(SendError::WrongState) };
        self.refuse(mode.command_id(), status, sequence);
        self.close(CloseReason::BindRefused(status));
        Ok(())
    }

    /// What every answer from now on says of the gateway's congestion to a client of SMPP 5.0: 0 to 99, as
    /// `congestion_state` (4.8.4.18); nothing if `None`.
    pub fn set_congestion(&mut self, state: Option<u8>) {
        self.congestion = state.map(|state| state.min(99));
    }

    /// Sends a reply or receipt; its outcome comes with `token`.
    ///
    /// # Errors
    /// [`SendError::NotReceiver`], [`SendError::WindowFull`], [`SendError::WrongState`], [`SendError::Closed`];
    /// [`SendError::NeedsTlv`] when a client below SMPP 3.4 cannot be told who wrote or what.
    pub fn deliver(
        &mut self,
        message: &NorthDeliver<'_>,
        token: u64,
        now: Monotonic,
    ) -> Result<(), SendError> {
        let reduced;
        let message = if self.has_tlvs() {
            message
        } else {
            reduced = without_tlvs(message)?;
            &reduced
        };
        let sequence = self.reserve(BindMode::may_receive, SendError::NotReceiver, token, now)?;
        message.encode(sequence, &mut self.out);
        Ok(())
    }

    /// Answers [`Event::Submit`]. `reason` is a code of interfaces.md section 6, told with a status other than 0 to
    /// clients that know TLVs.
    pub fn submit_response(
        &mut self,
        sequence: u32,
        status: Status,
        message_id: Option<MessageId>,
        reason: Option<u16>,
    ) {
        self.message_response(&Answer::Submit, sequence, status, message_id, reason);
    }

    /// Answers [`Event::Data`], as [`Self::submit_response`].
    pub fn data_response(
        &mut self,
        sequence: u32,
        status: Status,
        message_id: Option<MessageId>,
        reason: Option<u16>,
    ) {
        self.message_response(&Answer::Data, sequence, status, message_id, reason);
    }

    /// Answers [`Event::Multi`]; `unsuccessful` names who will not get it, by the aliases the client gave.
    pub fn multi_response(
        &mut self,
        sequence: u32,
        status: Status,
        message_id: Option<MessageId>,
        unsuccessful: Unsuccessfuls<'_>,
        reason: Option<u16>,
    ) {
        self.respond(status, reason, |tlvs, out| {
            let id = message_id.map(MessageId::to_ascii);
            SubmitMultiResp { message_id: message_field(status, id.as_ref()), unsuccessful, tlvs }
                .encode(status, sequence, out);
        });
    }

    /// Answers [`Event::Query`]; the result must name the gateway's own message id.
    pub fn query_response(
        &mut self,
        sequence: u32,
        status: Status,
        result: Option<QueryResult<'_>>,
        reason: Option<u16>,
    ) {
        self.respond(status, reason, |tlvs, out| {
            QuerySmResp { result, tlvs }.encode(status, sequence, out);
        });
    }

    /// Answers [`Event::Cancel`].
    pub fn cancel_response(&mut self, sequence: u32, status: Status, reason: Option<u16>) {
        self.respond(status, reason, |tlvs, out| CancelSmResp { tlvs }.encode(status, sequence, out));
    }

    /// Answers [`Event::Replace`].
    pub fn replace_response(&mut self, sequence: u32, status: Status, reason: Option<u16>) {
        self.respond(status, reason, |tlvs, out| ReplaceSmResp { tlvs }.encode(status, sequence, out));
    }

    fn message_response(
        &mut self,
        kind: &Answer,
        sequence: u32,
        status: Status,
        message_id: Option<MessageId>,
        reason: Option<u16>,
    ) {
        self.respond(status, reason, |tlvs, out| {
            let id = message_id.map(MessageId::to_ascii);
            let message_id = message_field(status, id.as_ref());
            match kind {
                Answer::Submit => SubmitSmResp { message_id, tlvs }.encode(status, sequence, out),
                Answer::Data => DataSmResp { message_id, tlvs }.encode(status, sequence, out),
            }
        });
    }

    /// Writes one answer with its reason code, if it may carry one.
    fn respond(&mut self, status: Status, reason: Option<u16>, write: impl FnOnce(Tlvs<'_>, &mut BytesMut)) {
        let reason = reason.filter(|_| self.has_tlvs() && !status.is_ok()).map(reason_tlv);
        let congestion = self.congestion.filter(|_| self.version >= WITH_CONGESTION).map(congestion_tlv);
        let (mut region, mut length) = ([0; 13], 0);
        let told = reason.iter().flatten().chain(congestion.iter().flatten());
        for (slot, octet) in region.iter_mut().zip(told) {
            *slot = *octet;
            length += 1;
        }
        let region = region.get(..length).unwrap_or_default();
        self.answer(|out| write(Tlvs::checked(region, false).unwrap_or_default(), out));
    }

    /// Answers a request that is not taken up, with a reason code where its response has a place for one. `false` when
    /// it has no response.
    fn refuse_with(&mut self, id: CommandId, status: Status, sequence: u32, code: u16) -> bool {
        let reason = reason_tlv(code);
        let told = if self.has_tlvs() { &reason[..] } else { &[] };
        let tlvs = Tlvs::checked(told, false).unwrap_or_default();
        match id {
            CommandId::SUBMIT_SM => {
                SubmitSmResp { message_id: None, tlvs }.encode(status, sequence, &mut self.out);
            }
            CommandId::DATA_SM => {
                DataSmResp { message_id: None, tlvs }.encode(status, sequence, &mut self.out);
            }
            other => return self.refuse(other, status, sequence),
        }
        true
    }

    const fn has_tlvs(&self) -> bool {
        self.version >= WITH_TLVS
    }
}

/// TLV 0x0428.
fn congestion_tlv(state: u8) -> [u8; 5] {
    let [high, low] = Tag::CONGESTION_STATE.0.to_be_bytes();
    [high, low, 0, 1, state]
}

/// TLV 0x1508: the last four decimal digits.
fn reason_tlv(code: u16) -> [u8; 8] {
    let [high, low] = Tag::REASON_CODE.0.to_be_bytes();
    let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
    [high, low, 0, 4, digit(code / 1000), digit(code / 100), digit(code / 10), digit(code)]
}

/// A refusal may leave its body out; a success may not.
fn message_field(status: Status, id: Option<&[u8; 16]>) -> Option<CString<'_, 64>> {
    match id {
        Some(id) => CString::new(id).ok(),
        None => status.is_ok().then(CString::default),
    }
}

/// The same message without its optional parts; what cannot be said without TLVs is refused.
fn without_tlvs<'a>(message: &NorthDeliver<'a>) -> Result<NorthDeliver<'a>, SendError> {
    let needed = message.message_payload.is_some()
        || message.concatenation.is_some()
        || message.sender.as_str().len() > 20;
    if needed {
        return Err(SendError::NeedsTlv);
    }
    Ok(NorthDeliver {
        device: None,
        authorization: None,
        reason: None,
        user_message_reference: None,
        receipt: None,
        ..*message
    })
}
