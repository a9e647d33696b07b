//! The only `deliver_sm` that the gateway sends north. It is made of aliases, service numbers and listed
//! values by their types; there is no field into which a number or a foreign TLV could be put.

use bytes::BytesMut;
use veilgate_names::{AuthorizationId, EncryptedDeviceId, MessageId, Pseudonym, ServiceNumber};

use crate::codec::{CommandId, EsmClass, OctetString, Status, Tag, Writer};

/// Octets of an address field without its NUL.
const ADDRESS: usize = 20;

/// Which part of a longer message a PDU carries (the `sar_*` TLVs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concatenation {
    /// The same in all parts.
    pub reference: u16,
    /// How many parts.
    pub total: u8,
    /// Which of them, from 1.
    pub sequence: u8,
}

impl Concatenation {
    pub(super) fn write(self, pdu: &mut Writer<'_>) {
        pdu.tlv(Tag::SAR_MSG_REF_NUM, &self.reference.to_be_bytes());
        pdu.tlv(Tag::SAR_TOTAL_SEGMENTS, &[self.total]);
        pdu.tlv(Tag::SAR_SEGMENT_SEQNUM, &[self.sequence]);
    }
}

/// What a receipt says in TLVs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptTlvs {
    /// The gateway's own id of the message.
    pub message_id: MessageId,
    /// The state (SMPP 3.4, 5.2.28).
    pub message_state: u8,
    /// Network type and a coarse code; to `notary` accounts only.
    pub network_error_code: Option<[u8; 3]>,
}

/// A reply or receipt for a northern account.
#[derive(Clone, Copy)]
pub struct NorthDeliver<'a> {
    /// Who replied, or whom the receipt is about: in `source_addr` if it fits 20 octets, else TLV 0x1501.
    pub sender: &'a Pseudonym,
    /// The service number the user wrote to.
    pub service_number: &'a ServiceNumber,
    /// TLV 0x1500; to `notary` accounts only.
    pub device: Option<&'a EncryptedDeviceId>,
    /// TLV 0x1502; to `notary` accounts only.
    pub authorization: Option<&'a AuthorizationId>,
    /// TLV 0x1508, four digits: what is special about a reply; to `notary` accounts only.
    pub reason: Option<u16>,
    /// Message or receipt.
    pub esm_class: EsmClass,
    /// How the text is encoded.
    pub data_coding: u8,
    /// The text, unless it is in `message_payload`.
    pub short_message: OctetString<'a, 254>,
    /// The text, if it is longer; `short_message` must be empty then.
    pub message_payload: Option<OctetString<'a, 65_535>>,
    /// Which part of a longer message this is.
    pub concatenation: Option<Concatenation>,
    /// The sender's own reference.
    pub user_message_reference: Option<u16>,
    /// The receipt's TLVs.
    pub receipt: Option<ReceiptTlvs>,
}

impl NorthDeliver<'_> {
    /// Appends the PDU.
    pub fn encode(&self, sequence: u32, out: &mut BytesMut) {
        let payload = self.message_payload.map_or(0, |payload| payload.as_bytes().len());
        let expected = 448 + self.short_message.as_bytes().len() + payload;
        let mut pdu = Writer::begin(out, CommandId::DELIVER_SM, Status::OK, sequence, expected);
        pdu.octet(0);
        if self.sender_fits() {
            pdu.octets(&[5, 0]);
            pdu.c_string(self.sender.as_str().as_bytes());
        } else {
            pdu.octets(&[0, 0, 0]);
        }
        pdu.octets(&[0, 1]);
        pdu.c_string(self.service_number.as_str().as_bytes());
        pdu.octets(&[self.esm_class.0, 0, 0, 0, 0, 0, 0, self.data_coding, 0]);
        pdu.octet(u8::try_from(self.short_message.as_bytes().len()).unwrap_or(u8::MAX));
        pdu.octets(self.short_message.as_bytes());
        self.write_tlvs(&mut pdu);
        pdu.finish();
    }

    fn sender_fits(&self) -> bool {
        self.sender.as_str().len() <= ADDRESS
    }

    fn write_tlvs(&self, pdu: &mut Writer<'_>) {
        if let Some(payload) = self.message_payload {
            pdu.tlv(Tag::MESSAGE_PAYLOAD, payload.as_bytes());
        }
        if let Some(concatenation) = self.concatenation {
            concatenation.write(pdu);
        }
        if let Some(reference) = self.user_message_reference {
            pdu.tlv(Tag::USER_MESSAGE_REFERENCE, &reference.to_be_bytes());
        }
        if let Some(receipt) = self.receipt {
            receipt.write(pdu);
        }
        if !self.sender_fits() {
            pdu.tlv(Tag::PSEUDONYM, self.sender.as_str().as_bytes());
        }
        if let Some(device) = self.device {
            pdu.tlv(Tag::ENCRYPTED_DEVICE_ID, device.as_str().as_bytes());
        }
        if let Some(authorization) = self.authorization {
            pdu.tlv(Tag::AUTHORIZATION_ID, authorization.as_str().as_bytes());
        }
        if let Some(reason) = self.reason {
            pdu.tlv(Tag::REASON_CODE, &four_digits(reason));
        }
    }
}

fn four_digits(code: u16) -> [u8; 4] {
    [code / 1000 % 10, code / 100 % 10, code / 10 % 10, code % 10]
        .map(|digit| b'0' + u8::try_from(digit).unwrap_or(0))
}

impl ReceiptTlvs {
    fn write(self, pdu: &mut Writer<'_>) {
        let mut id = [0; 17];
        if let Some(digits) = id.first_chunk_mut::<16>() {
            *digits = self.message_id.to_ascii();
        }
        pdu.tlv(Tag::RECEIPTED_MESSAGE_ID, &id);
        pdu.tlv(Tag::MESSAGE_STATE, &[self.message_state]);
        if let Some(code) = self.network_error_code {
            pdu.tlv(Tag::NETWORK_ERROR_CODE, &code);
        }
    }
}

impl core::fmt::Debug for NorthDeliver<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NorthDeliver")
            .field("esm_class", &self.esm_class)
            .field("data_coding", &self.data_coding)
            .field("short_message", &self.short_message)
            .field("message_payload", &self.message_payload)
            .field("concatenation", &self.concatenation)
            .field("receipt", &self.receipt)
            .finish_non_exhaustive()
    }
}
