//! Binds and `outbind` (SMPP 3.4, 4.1).

use bytes::BytesMut;

use crate::codec::{CString, CommandId, Reader, Status, Tag, Tlvs, Writer};

/// In which directions messages go over a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BindMode {
    /// `bind_receiver`: to the client only.
    Receiver,
    /// `bind_transmitter`: from the client only.
    Transmitter,
    /// `bind_transceiver`: both ways.
    #[default]
    Transceiver,
}

impl BindMode {
    /// The request that binds so.
    #[must_use]
    pub const fn command_id(self) -> CommandId {
        match self {
            Self::Receiver => CommandId::BIND_RECEIVER,
            Self::Transmitter => CommandId::BIND_TRANSMITTER,
            Self::Transceiver => CommandId::BIND_TRANSCEIVER,
        }
    }

    /// Whether the client may send messages.
    #[must_use]
    pub const fn may_transmit(self) -> bool {
        !matches!(self, Self::Receiver)
    }

    /// Whether the client may be sent messages.
    #[must_use]
    pub const fn may_receive(self) -> bool {
        !matches!(self, Self::Transmitter)
    }

    /// The mode of a bind's command id, and whether it is the response.
    pub(super) const fn of(id: CommandId) -> Option<(Self, bool)> {
        match id {
            CommandId::BIND_RECEIVER => Some((Self::Receiver, false)),
            CommandId::BIND_TRANSMITTER => Some((Self::Transmitter, false)),
            CommandId::BIND_TRANSCEIVER => Some((Self::Transceiver, false)),
            CommandId::BIND_RECEIVER_RESP => Some((Self::Receiver, true)),
            CommandId::BIND_TRANSMITTER_RESP => Some((Self::Transmitter, true)),
            CommandId::BIND_TRANSCEIVER_RESP => Some((Self::Transceiver, true)),
            _ => None,
        }
    }

    const fn response_id(self) -> CommandId {
        match self {
            Self::Receiver => CommandId::BIND_RECEIVER_RESP,
            Self::Transmitter => CommandId::BIND_TRANSMITTER_RESP,
            Self::Transceiver => CommandId::BIND_TRANSCEIVER_RESP,
        }
    }
}

/// `bind_receiver`, `bind_transmitter` or `bind_transceiver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bind<'a> {
    /// Which of the three.
    pub mode: BindMode,
    /// The account.
    pub system_id: CString<'a, 15>,
    /// Its password, in the clear on the wire.
    pub password: CString<'a, 8>,
    /// The kind of client; seldom used.
    pub system_type: CString<'a, 12>,
    /// 0x33, 0x34 or 0x50.
    pub interface_version: u8,
    /// Type of number of `address_range`.
    pub addr_ton: u8,
    /// Numbering plan of `address_range`.
    pub addr_npi: u8,
    /// Which addresses the client serves; a pattern.
    pub address_range: CString<'a, 40>,
    /// Everything behind.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Bind<'a> {
    pub(super) fn read(mode: BindMode, mut body: Reader<'a>, strict: bool) -> Result<Self, Status> {
        Ok(Self {
            mode,
            system_id: body.c_string(Status::RINVSYSID)?,
            password: body.c_string(Status::RINVPASWD)?,
            system_type: body.c_string(Status::RINVSYSTYP)?,
            interface_version: body.octet()?,
            addr_ton: body.octet()?,
            addr_npi: body.octet()?,
            address_range: body.c_string(Status::RINVPARLEN)?,
            tlvs: body.tlvs(strict)?,
        })
    }

    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let mut pdu = Writer::begin(out, self.mode.command_id(), Status::OK, sequence, 80);
        pdu.c_string(self.system_id.as_bytes());
        pdu.c_string(self.password.as_bytes());
        pdu.c_string(self.system_type.as_bytes());
        pdu.octets(&[self.interface_version, self.addr_ton, self.addr_npi]);
        pdu.c_string(self.address_range.as_bytes());
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}

/// The response to a bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BindResp<'a> {
    /// Which of the three.
    pub mode: BindMode,
    /// Who answers; `None` if the body is left out, as it may be in a refusal.
    pub system_id: Option<CString<'a, 15>>,
    /// Everything behind.
    pub tlvs: Tlvs<'a>,
}

impl<'a> BindResp<'a> {
    pub(super) fn read(mode: BindMode, mut body: Reader<'a>) -> Result<Self, Status> {
        if body.is_empty() {
            return Ok(Self { mode, ..Self::default() });
        }
        Ok(Self { mode, system_id: Some(body.c_string(Status::RINVSYSID)?), tlvs: body.tlvs(false)? })
    }

    /// The highest version the peer speaks, if it said so.
    #[must_use]
    pub fn sc_interface_version(&self) -> Option<u8> {
        self.tlvs.find(Tag::SC_INTERFACE_VERSION)?.octet()
    }

    /// Appends the PDU.
    pub fn encode(&self, status: Status, sequence: u32, out: &mut BytesMut) {
        let mut pdu = Writer::begin(out, self.mode.response_id(), status, sequence, 32);
        if self.system_id.is_some() || !self.tlvs.is_empty() {
            pdu.c_string(self.system_id.unwrap_or_default().as_bytes());
        }
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}

/// `outbind`: the SMSC asks the client to bind. It has no response of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outbind<'a> {
    /// Who asks.
    pub system_id: CString<'a, 15>,
    /// Its password.
    pub password: CString<'a, 8>,
    /// Everything behind.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Outbind<'a> {
    pub(super) fn read(mut body: Reader<'a>, strict: bool) -> Result<Self, Status> {
        Ok(Self {
            system_id: body.c_string(Status::RINVSYSID)?,
            password: body.c_string(Status::RINVPASWD)?,
            tlvs: body.tlvs(strict)?,
        })
    }

    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let mut pdu = Writer::begin(out, CommandId::OUTBIND, Status::OK, sequence, 32);
        pdu.c_string(self.system_id.as_bytes());
        pdu.c_string(self.password.as_bytes());
        pdu.tlvs(&self.tlvs);
        pdu.finish();
    }
}
