//! What a session tells its shell.

use crate::codec::Status;
use crate::pdu::{
    AlertNotification, Bind, CancelSm, DataSm, DeliverSm, Outbind, QuerySm, ReplaceSm, SubmitMulti, SubmitSm,
};
use crate::side::Side;

/// What one call of `receive` did.
#[derive(Debug)]
pub struct Received<'b, S: Side> {
    /// Octets to take off the input; 0 when more are needed, or when the session is stalled or closed.
    pub consumed: usize,
    /// What there is to do.
    pub event: Option<Event<'b, S>>,
}

/// What there is to do. Requests that carry a `sequence` count against the window until they are answered.
#[derive(Debug)]
pub enum Event<'b, S: Side> {
    /// Server: verify it, then `accept_bind` or `refuse_bind`.
    Bind(Bind<'b>),
    /// Client: the bind succeeded.
    Bound {
        /// The lower of our and the SMSC's version.
        interface_version: u8,
        /// `congestion_state`, 0-99, of SMPP 5.0.
        congestion: Option<u8>,
    },
    /// Client: the bind was refused; the session is closed.
    BindRefused(Status),
    /// Client: the SMSC asks for a bind.
    Outbind(Outbind<'b>),
    /// Server: answer with `submit_response`.
    Submit {
        /// The number to answer to.
        sequence: u32,
        /// The request.
        pdu: SubmitSm<'b, S>,
    },
    /// Answer with `data_response`.
    Data {
        /// The number to answer to.
        sequence: u32,
        /// The request.
        pdu: DataSm<'b, S>,
    },
    /// Server: answer with `multi_response`.
    Multi {
        /// The number to answer to.
        sequence: u32,
        /// The request.
        pdu: SubmitMulti<'b, S>,
    },
    /// Server: answer with `query_response`.
    Query {
        /// The number to answer to.
        sequence: u32,
        /// The request.
        pdu: QuerySm<'b>,
    },
    /// Server: answer with `cancel_response`.
    Cancel {
        /// The number to answer to.
        sequence: u32,
        /// The request.
        pdu: CancelSm<'b>,
    },
    /// Server: answer with `replace_response`.
    Replace {
        /// The number to answer to.
        sequence: u32,
        /// The request.
        pdu: ReplaceSm<'b>,
    },
    /// Client: answer with `deliver_response`.
    Deliver {
        /// The number to answer to.
        sequence: u32,
        /// The request.
        pdu: DeliverSm<'b, S>,
    },
    /// Client: a handset can be reached again; there is no answer.
    Alert(AlertNotification<'b, S>),
    /// The peer answered what was sent with `token`.
    Response {
        /// What the shell gave when sending.
        token: u64,
        /// How it went.
        status: Status,
        /// The SMSC's id, if it gave one; never from the north.
        message_id: Option<&'b [u8]>,
        /// `congestion_state`, 0-99, of SMPP 5.0.
        congestion: Option<u8>,
    },
    /// The same after [`Event::Timeout`]: its id still joins a receipt to its message.
    LateResponse {
        /// What the shell gave when sending.
        token: u64,
        /// How it went.
        status: Status,
        /// The SMSC's id, if it gave one; never from the north.
        message_id: Option<&'b [u8]>,
        /// `congestion_state`, 0-99, of SMPP 5.0.
        congestion: Option<u8>,
    },
    /// No answer came in time: the outcome of what was sent with `token` is unknown.
    Timeout {
        /// What the shell gave when sending.
        token: u64,
    },
    /// A request that the session itself answered with an error; count it.
    Refused(Status),
    /// A PDU that asks for nothing; count it.
    Ignored(Ignored),
    /// The peer unbinds: answer what is open; nothing new may be sent.
    Unbinding,
    /// The session is over: write what is left, then close. Given once.
    Closed(CloseReason),
}

/// Why a PDU was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// A response whose number is not open, or not of that kind.
    UnknownResponse,
    /// A request without a response, at a wrong time.
    Unexpected,
    /// A request without a response, that cannot be read.
    Malformed,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// A `command_length` that cannot be: the stream is out of step.
    BadLength,
    /// Not bound in time.
    BindTimeout,
    /// A PDU was begun and not finished in time.
    PduTimeout,
    /// `enquire_link` stayed unanswered.
    Silent,
    /// The bind was refused.
    BindRefused(Status),
    /// We unbound.
    Unbound,
    /// The peer unbound.
    PeerUnbound,
    /// `unbind_resp` did not come.
    UnbindTimeout,
    /// The connection went away.
    Disconnected,
}

/// Why nothing was sent. All but `NeedsTlv` may pass with time or on another bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SendError {
    /// As many requests are open as may be, or too much waits to be written.
    #[error("the window is full")]
    WindowFull,
    /// The client bound as a transmitter: nothing can be delivered to it.
    #[error("not bound as a receiver")]
    NotReceiver,
    /// We bound as a receiver: nothing can be submitted.
    #[error("not bound as a transmitter")]
    NotTransmitter,
    /// Not bound, or no bind to answer.
    #[error("not in the state for it")]
    WrongState,
    /// The message needs TLVs, which a peer below SMPP 3.4 must not be sent.
    #[error("the peer's version has no TLVs")]
    NeedsTlv,
    /// The session unbinds or is closed.
    #[error("the session ends")]
    Closed,
}
