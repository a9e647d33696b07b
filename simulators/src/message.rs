//! A short message as the peers of the gateway see it, and its translation to and from rusmpp's PDUs.

use bytes::BytesMut;
use rusmpp::Pdu;
use rusmpp::encode::owned::Encode;
use rusmpp::pdus::{DataSm, DeliverSm, SubmitSm};
use rusmpp::tlvs::{MessageDeliveryRequestTlvValue, MessageSubmissionRequestTlvValue, Tlv, TlvTag};
use rusmpp::types::{AnyOctetString, COctetString, EmptyOrFullCOctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass, Npi, RegisteredDelivery, ServiceType, Ton};

/// TLV tags used here.
pub mod tag {
    /// `receipted_message_id`.
    pub const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    /// `sar_msg_ref_num`.
    pub const SAR_REFERENCE: u16 = 0x020C;
    /// `sar_total_segments`.
    pub const SAR_TOTAL: u16 = 0x020E;
    /// `sar_segment_seqnum`.
    pub const SAR_INDEX: u16 = 0x020F;
    /// `network_error_code`.
    pub const NETWORK_ERROR_CODE: u16 = 0x0423;
    /// `message_payload`.
    pub const MESSAGE_PAYLOAD: u16 = 0x0424;
    /// `message_state`.
    pub const MESSAGE_STATE: u16 = 0x0427;
    /// Encrypted device ID.
    pub const EDI: u16 = 0x1500;
    /// Pseudonym.
    pub const PSEUDONYM: u16 = 0x1501;
    /// Authorization id.
    pub const AUTHORIZATION_ID: u16 = 0x1502;
    /// As-of date, `YYYYMMDD`.
    pub const AS_OF: u16 = 0x1503;
    /// Enterprise id.
    pub const ENTERPRISE_ID: u16 = 0x1504;
    /// Reason code, 4 digits.
    pub const REASON: u16 = 0x1508;
    /// A whole authorization as JSON.
    pub const AUTHORIZATION_JSON: u16 = 0x150A;
}

/// A value that does not fit its SMPP field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} does not fit its field")]
pub struct Unfit(pub &'static str);

/// An address with its type of number and numbering plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Address {
    /// Type of number.
    pub ton: u8,
    /// Numbering plan indicator.
    pub npi: u8,
    /// At most 20 ASCII characters.
    pub digits: String,
}

impl Address {
    /// An address whose ton and npi are guessed: letters are alphanumeric (5/0), `+` international (1/1),
    /// else unknown (0/1).
    #[must_use]
    pub fn guess(text: &str) -> Self {
        if let Some(rest) = text.strip_prefix('+') {
            return Self { ton: 1, npi: 1, digits: rest.to_owned() };
        }
        let digits = text.bytes().all(|octet| octet.is_ascii_digit());
        let (ton, npi) = if digits { (0, 1) } else { (5, 0) };
        Self { ton, npi, digits: text.to_owned() }
    }
}

/// A message in either direction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Who sends.
    pub source: Address,
    /// Who receives.
    pub destination: Address,
    /// `esm_class`.
    pub esm_class: u8,
    /// `protocol_id`.
    pub protocol_id: u8,
    /// `registered_delivery`.
    pub registered_delivery: u8,
    /// `data_coding`.
    pub data_coding: u8,
    /// `service_type`, at most 5 characters.
    pub service_type: String,
    /// `schedule_delivery_time`, empty or 16 characters.
    pub schedule: String,
    /// `validity_period`, empty or 16 characters.
    pub validity: String,
    /// `short_message`.
    pub octets: Vec<u8>,
    /// TLVs in order, `message_payload` among them.
    pub tlvs: Vec<(u16, Vec<u8>)>,
}

impl Message {
    /// The value of the first TLV with this tag.
    #[must_use]
    pub fn tlv(&self, tag: u16) -> Option<&[u8]> {
        self.tlvs.iter().find(|(each, _)| *each == tag).map(|(_, value)| value.as_slice())
    }

    /// The value of a TLV as text, without a final NUL.
    #[must_use]
    pub fn tlv_text(&self, tag: u16) -> Option<String> {
        let octets = self.tlv(tag)?;
        Some(String::from_utf8_lossy(octets.strip_suffix(&[0]).unwrap_or(octets)).into_owned())
    }

    /// `short_message`, or `message_payload` where that is used.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        self.tlv(tag::MESSAGE_PAYLOAD).unwrap_or(&self.octets)
    }

    /// Reads a submit_sm, deliver_sm or data_sm; `None` for any other PDU.
    #[must_use]
    pub fn from_pdu(pdu: &Pdu) -> Option<Self> {
        match pdu {
            Pdu::SubmitSm(sm) => Some(Self::from_submit(sm)),
            Pdu::DeliverSm(sm) => Some(Self::from_deliver(sm)),
            Pdu::DataSm(sm) => Some(Self::from_data(sm)),
            _ => None,
        }
    }

    /// Builds a submit_sm.
    ///
    /// # Errors
    /// [`Unfit`] names the field that is too long or not ASCII.
    pub fn to_submit(&self) -> Result<Pdu, Unfit> {
        let tlvs = self.tlvs.iter().map(|(tag, value)| MessageSubmissionRequestTlvValue::Other {
            tag: TlvTag::from(*tag),
            value: AnyOctetString::from_slice(value),
        });
        let sm = SubmitSm::builder()
            .service_type(service(&self.service_type)?)
            .source_addr_ton(Ton::from(self.source.ton))
            .source_addr_npi(Npi::from(self.source.npi))
            .source_addr(cstring(&self.source.digits, "source_addr")?)
            .dest_addr_ton(Ton::from(self.destination.ton))
            .dest_addr_npi(Npi::from(self.destination.npi))
            .destination_addr(cstring(&self.destination.digits, "destination_addr")?)
            .esm_class(EsmClass::from(self.esm_class))
            .protocol_id(self.protocol_id)
            .schedule_delivery_time(time(&self.schedule, "schedule_delivery_time")?)
            .validity_period(time(&self.validity, "validity_period")?)
            .registered_delivery(RegisteredDelivery::from(self.registered_delivery))
            .data_coding(DataCoding::from(self.data_coding))
            .short_message(OctetString::from_slice(&self.octets).map_err(|_| Unfit("short_message"))?)
            .tlvs(tlvs.collect())
            .build();
        Ok(Pdu::SubmitSm(sm))
    }

    /// Builds a deliver_sm.
    ///
    /// # Errors
    /// [`Unfit`] names the field that is too long or not ASCII.
    pub fn to_deliver(&self) -> Result<Pdu, Unfit> {
        let tlvs = self.tlvs.iter().map(|(tag, value)| MessageDeliveryRequestTlvValue::Other {
            tag: TlvTag::from(*tag),
            value: AnyOctetString::from_slice(value),
        });
        let sm = DeliverSm::builder()
            .service_type(service(&self.service_type)?)
            .source_addr_ton(Ton::from(self.source.ton))
            .source_addr_npi(Npi::from(self.source.npi))
            .source_addr(cstring(&self.source.digits, "source_addr")?)
            .dest_addr_ton(Ton::from(self.destination.ton))
            .dest_addr_npi(Npi::from(self.destination.npi))
            .destination_addr(cstring(&self.destination.digits, "destination_addr")?)
            .esm_class(EsmClass::from(self.esm_class))
            .protocol_id(self.protocol_id)
            .registered_delivery(RegisteredDelivery::from(self.registered_delivery))
            .data_coding(DataCoding::from(self.data_coding))
            .short_message(OctetString::from_slice(&self.octets).map_err(|_| Unfit("short_message"))?)
            .tlvs(tlvs.collect())
            .build();
        Ok(Pdu::DeliverSm(sm))
    }

    fn from_submit(sm: &SubmitSm) -> Self {
        Self {
            source: address(sm.source_addr_ton, sm.source_addr_npi, sm.source_addr.as_str()),
            destination: address(sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr.as_str()),
            esm_class: sm.esm_class.into(),
            protocol_id: sm.protocol_id,
            registered_delivery: sm.registered_delivery.into(),
            data_coding: sm.data_coding.into(),
            schedule: sm.schedule_delivery_time.as_str().to_owned(),
            validity: sm.validity_period.as_str().to_owned(),
            octets: sm.short_message().as_ref().to_vec(),
            tlvs: raw(sm.tlvs()),
            ..Self::default()
        }
    }

    fn from_deliver(sm: &DeliverSm) -> Self {
        Self {
            source: address(sm.source_addr_ton, sm.source_addr_npi, sm.source_addr.as_str()),
            destination: address(sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr.as_str()),
            esm_class: sm.esm_class.into(),
            protocol_id: sm.protocol_id,
            registered_delivery: sm.registered_delivery.into(),
            data_coding: sm.data_coding.into(),
            octets: sm.short_message().as_ref().to_vec(),
            tlvs: raw(sm.tlvs()),
            ..Self::default()
        }
    }

    fn from_data(sm: &DataSm) -> Self {
        Self {
            source: address(sm.source_addr_ton, sm.source_addr_npi, sm.source_addr.as_str()),
            destination: address(sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr.as_str()),
            esm_class: sm.esm_class.into(),
            registered_delivery: sm.registered_delivery.into(),
            data_coding: sm.data_coding.into(),
            tlvs: raw(sm.tlvs()),
            ..Self::default()
        }
    }
}

/// A NUL-terminated field from text.
///
/// # Errors
/// [`Unfit`] with the field's name.
pub fn cstring<const MIN: usize, const MAX: usize>(
    text: &str,
    field: &'static str,
) -> Result<COctetString<MIN, MAX>, Unfit> {
    COctetString::from_string(text.to_owned()).map_err(|_| Unfit(field))
}

fn service(text: &str) -> Result<ServiceType, Unfit> {
    Ok(ServiceType::new(cstring(text, "service_type")?))
}

fn time(text: &str, field: &'static str) -> Result<EmptyOrFullCOctetString<17>, Unfit> {
    if text.is_empty() {
        return Ok(EmptyOrFullCOctetString::empty());
    }
    EmptyOrFullCOctetString::from_string(text.to_owned()).map_err(|_| Unfit(field))
}

fn address(ton: Ton, npi: Npi, digits: &str) -> Address {
    Address { ton: ton.into(), npi: npi.into(), digits: digits.to_owned() }
}

fn raw(tlvs: &[Tlv]) -> Vec<(u16, Vec<u8>)> {
    let value = |tlv: &Tlv| {
        let mut out = BytesMut::new();
        if let Some(value) = tlv.value() {
            value.encode(&mut out);
        }
        out.to_vec()
    };
    tlvs.iter().map(|tlv| (tlv.tag().into(), value(tlv))).collect()
}
