//! Which PDU is taken in which state (SMPP 3.4, 2.3), as one function.

use veilgate_names::Monotonic;

use super::event::CloseReason;
use crate::codec::{CommandId, Status};
use crate::pdu::BindMode;

/// What a session waits for, or how it is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Connected; nothing was bound.
    ExpectBind,
    /// Client: the SMSC has asked for a bind.
    Outbound,
    /// A bind waits for its answer.
    Binding,
    /// The client may send messages.
    BoundTransmitter,
    /// The client may be sent messages.
    BoundReceiver,
    /// Both.
    BoundTransceiver,
    /// We are about to unbind: open requests are still answered.
    Draining,
    /// `unbind` was sent.
    Unbinding,
    /// `unbind` was received: open requests are still answered.
    PeerUnbinding,
    /// Over.
    Closed,
}

/// [`State`] with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    ExpectBind,
    Outbound,
    Binding { sequence: u32, mode: BindMode },
    Bound(BindMode),
    Draining { until: Monotonic },
    Unbinding { sequence: u32, until: Monotonic },
    PeerUnbinding { sequence: u32, until: Monotonic },
    Closed(CloseReason),
}

impl Phase {
    pub(super) const fn state(self) -> State {
        match self {
            Self::ExpectBind => State::ExpectBind,
            Self::Outbound => State::Outbound,
            Self::Binding { .. } => State::Binding,
            Self::Bound(BindMode::Transmitter) => State::BoundTransmitter,
            Self::Bound(BindMode::Receiver) => State::BoundReceiver,
            Self::Bound(BindMode::Transceiver) => State::BoundTransceiver,
            Self::Draining { .. } => State::Draining,
            Self::Unbinding { .. } => State::Unbinding,
            Self::PeerUnbinding { .. } => State::PeerUnbinding,
            Self::Closed(_) => State::Closed,
        }
    }
}

/// Which end we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The SMSC.
    Server,
    /// The ESME.
    Client,
}

/// What to do with a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Hand it to the shell, which answers; it counts against the window.
    Open,
    /// Hand it to the shell; it opens nothing.
    Tell,
    /// Answer `enquire_link_resp`.
    Enquired,
    /// The peer unbinds.
    Unbind,
    /// Match it with what was sent.
    Match,
    /// Answer with this status.
    Refuse(Status),
    /// Answer `generic_nack` with RINVCMDID.
    Nack,
    /// Nothing to answer.
    Ignore,
}

/// The table.
pub(super) fn verdict(end: End, state: State, id: CommandId) -> Verdict {
    match id {
        _ if state == State::Closed => Verdict::Ignore,
        id if id.is_response() => Verdict::Match,
        CommandId::ENQUIRE_LINK => Verdict::Enquired,
        CommandId::UNBIND => unbind(state),
        id => match end {
            End::Server => server(state, id),
            End::Client => client(state, id),
        },
    }
}

fn unbind(state: State) -> Verdict {
    match state {
        State::ExpectBind | State::Outbound | State::Binding => Verdict::Refuse(Status::RINVBNDSTS),
        _ => Verdict::Unbind,
    }
}

fn server(state: State, id: CommandId) -> Verdict {
    match id {
        CommandId::BIND_RECEIVER | CommandId::BIND_TRANSMITTER | CommandId::BIND_TRANSCEIVER => match state {
            State::ExpectBind => Verdict::Tell,
            _ => Verdict::Refuse(Status::RALYBND),
        },
        CommandId::SUBMIT_SM
        | CommandId::DATA_SM
        | CommandId::SUBMIT_MULTI
        | CommandId::QUERY_SM
        | CommandId::CANCEL_SM
        | CommandId::REPLACE_SM => match state {
            State::BoundTransmitter | State::BoundTransceiver => Verdict::Open,
            // It may have been sent before our unbind arrived: the client is to try again elsewhere.
            State::Draining | State::Unbinding => Verdict::Refuse(Status::RMSGQFUL),
            _ => Verdict::Refuse(Status::RINVBNDSTS),
        },
        // Known operations of 5.0 that are not offered: refused in their own kind.
        CommandId::BROADCAST_SM | CommandId::QUERY_BROADCAST_SM | CommandId::CANCEL_BROADCAST_SM => {
            match state {
                State::BoundTransmitter | State::BoundTransceiver => Verdict::Refuse(Status::RINVCMDID),
                _ => Verdict::Refuse(Status::RINVBNDSTS),
            }
        }
        CommandId::OUTBIND | CommandId::ALERT_NOTIFICATION => Verdict::Ignore,
        _ => Verdict::Nack,
    }
}

fn client(state: State, id: CommandId) -> Verdict {
    match (id, state) {
        (CommandId::DELIVER_SM | CommandId::DATA_SM, state) => match state {
            State::BoundReceiver | State::BoundTransceiver => Verdict::Open,
            State::ExpectBind | State::Outbound | State::BoundTransmitter => {
                Verdict::Refuse(Status::RINVBNDSTS)
            }
            // It crossed our bind or unbind: a receipt must not be lost for that.
            _ => Verdict::Refuse(Status::RX_T_APPN),
        },
        (CommandId::ALERT_NOTIFICATION, State::BoundReceiver | State::BoundTransceiver)
        | (CommandId::OUTBIND, State::ExpectBind) => Verdict::Tell,
        (CommandId::ALERT_NOTIFICATION | CommandId::OUTBIND, _) => Verdict::Ignore,
        _ => Verdict::Nack,
    }
}
