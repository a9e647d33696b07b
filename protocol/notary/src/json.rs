//! Authorization JSON in and out. Every refusal names a field and a fault, and repeats nothing of the input.

use std::fmt;

use serde::{Deserialize, Serialize};
use veilgate_names::{
    AuthorizationId, EncryptedDeviceId, EnterpriseId, NameError, Pseudonym, Reason, Service, ServiceNumber,
};

use crate::authorization::{Authorization, EvidenceHash, Spelled};
use crate::limits::{Limits, Window};
use crate::sm2_keys::Signature;

/// The fields of an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of interfaces.md section 2")]
pub enum Field {
    AuthorizationId,
    EnterpriseId,
    Pseudonym,
    EncryptedDeviceIds,
    AsOf,
    NotBefore,
    ExpiresAt,
    Services,
    Window,
    ServiceNumbers,
    EvidenceHash,
    Proof,
}

impl Field {
    /// The field's name in the JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationId => "authorization_id",
            Self::EnterpriseId => "enterprise_id",
            Self::Pseudonym => "pseudonym",
            Self::EncryptedDeviceIds => "encrypted_device_ids",
            Self::AsOf => "as_of",
            Self::NotBefore => "not_before",
            Self::ExpiresAt => "expires_at",
            Self::Services => "services",
            Self::Window => "limits.window",
            Self::ServiceNumbers => "service_numbers",
            Self::EvidenceHash => "evidence_hash",
            Self::Proof => "proof",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// Too short, too long, too few or too many.
    #[error("has a wrong length")]
    Length,
    /// A character outside its alphabet.
    #[error("has a character not allowed")]
    Alphabet,
    /// Not of the form it must have.
    #[error("has a wrong form")]
    Form,
    /// Not a time, or an end that is not after its beginning.
    #[error("is not a fitting time")]
    Time,
    /// A phone number where an alias belongs.
    #[error("is a number where an alias belongs")]
    LooksLikeANumber,
}

impl From<NameError> for Fault {
    fn from(error: NameError) -> Self {
        match error {
            NameError::Length => Self::Length,
            NameError::Alphabet => Self::Alphabet,
            NameError::LooksLikeANumber => Self::LooksLikeANumber,
            NameError::Form => Self::Form,
        }
    }
}

/// Why bytes are not an authorization: the north's fault, never to be retried as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// Longer than [`Authorization::MAX_JSON`].
    #[error("authorization is too long")]
    TooLong,
    /// Not one JSON object with the known fields in their JSON types.
    #[error("not an authorization object (column {column})")]
    Json {
        /// Where the reader stopped, in octets from 1; 0 if not known.
        column: usize,
    },
    /// A field is missing or wrong.
    #[error("{0} {1}")]
    Field(Field, Fault),
}

impl AuthorizationError {
    /// The reason to refuse with.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Field(_, Fault::Time) => Reason::BadTime,
            Self::Field(_, Fault::LooksLikeANumber) => Reason::NotAPseudonym,
            _ => Reason::Schema,
        }
    }
}

/// The object as it stands in the JSON. Texts are checked after it, so that a fault can name its field.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Raw {
    authorization_id: Option<String>,
    enterprise_id: Option<String>,
    pseudonym: Option<String>,
    encrypted_device_ids: Option<Vec<String>>,
    as_of: Option<String>,
    not_before: Option<String>,
    expires_at: Option<String>,
    services: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<RawLimits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_numbers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    sms_per_day: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls_per_day: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<String>,
}

pub(crate) fn read(bytes: &[u8]) -> Result<Authorization, AuthorizationError> {
    if bytes.len() > Authorization::MAX_JSON {
        return Err(AuthorizationError::TooLong);
    }
    let raw: Raw =
        serde_json::from_slice(bytes).map_err(|error| AuthorizationError::Json { column: error.column() })?;
    let authorization = Authorization {
        authorization_id: text(Field::AuthorizationId, raw.authorization_id, AuthorizationId::parse)?,
        enterprise_id: text(Field::EnterpriseId, raw.enterprise_id, EnterpriseId::parse)?,
        pseudonym: text(Field::Pseudonym, raw.pseudonym, Pseudonym::parse)?,
        encrypted_device_ids: devices(raw.encrypted_device_ids)?,
        as_of: text(Field::AsOf, raw.as_of, |t| {
            Spelled::<veilgate_names::AsOf>::parse(t).map_err(|_| Fault::Time)
        })?,
        not_before: text(Field::NotBefore, raw.not_before, instant)?,
        expires_at: text(Field::ExpiresAt, raw.expires_at, instant)?,
        services: services(raw.services)?,
        limits: limits(raw.limits.unwrap_or_default())?,
        service_numbers: service_numbers(raw.service_numbers)?,
        evidence_hash: raw
            .evidence_hash
            .map(|t| text(Field::EvidenceHash, Some(t), EvidenceHash::parse))
            .transpose()?,
        proof: raw
            .proof
            .map(|t| text(Field::Proof, Some(t), |t| Signature::from_base64(t).map_err(|_| Fault::Form)))
            .transpose()?,
    };
    if authorization.expires_at.value() <= authorization.not_before.value() {
        return Err(AuthorizationError::Field(Field::ExpiresAt, Fault::Time));
    }
    Ok(authorization)
}

pub(crate) fn write(authorization: &Authorization) -> Vec<u8> {
    let texts = |items: &[EncryptedDeviceId]| items.iter().map(ToString::to_string).collect();
    let limits = authorization.limits;
    let raw = Raw {
        authorization_id: Some(authorization.authorization_id.to_string()),
        enterprise_id: Some(authorization.enterprise_id.to_string()),
        pseudonym: Some(authorization.pseudonym.to_string()),
        encrypted_device_ids: Some(texts(&authorization.encrypted_device_ids)),
        as_of: Some(authorization.as_of.text().to_owned()),
        not_before: Some(authorization.not_before.text().to_owned()),
        expires_at: Some(authorization.expires_at.text().to_owned()),
        services: Some(authorization.services.iter().map(|s| service_name(*s).to_owned()).collect()),
        limits: (limits != Limits::default()).then(|| RawLimits {
            sms_per_day: limits.sms_per_day,
            calls_per_day: limits.calls_per_day,
            window: limits.window.map(|w| w.to_string()),
        }),
        service_numbers: (!authorization.service_numbers.is_empty())
            .then(|| authorization.service_numbers.iter().map(ToString::to_string).collect()),
        evidence_hash: authorization.evidence_hash.as_ref().map(|hash| hash.as_str().to_owned()),
        proof: authorization.proof.map(Signature::to_base64),
    };
    // Writing plain strings and numbers into a Vec cannot fail.
    serde_json::to_vec(&raw).unwrap_or_default()
}

pub(crate) fn service_name(service: Service) -> &'static str {
    match service {
        Service::Sms => "sms",
        Service::Voice => "voice",
    }
}

fn text<T, E: Into<Fault>>(
    field: Field,
    value: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, AuthorizationError> {
    let value = value.ok_or(AuthorizationError::Field(field, Fault::Missing))?;
    parse(&value).map_err(|fault| AuthorizationError::Field(field, fault.into()))
}

fn instant(text: &str) -> Result<Spelled<veilgate_names::Timestamp>, Fault> {
    Spelled::<veilgate_names::Timestamp>::parse(text).map_err(|_| Fault::Time)
}

fn list<T>(
    field: Field,
    values: Vec<String>,
    most: usize,
    parse: impl Fn(&str) -> Result<T, Fault>,
) -> Result<Vec<T>, AuthorizationError> {
    if values.is_empty() || values.len() > most {
        return Err(AuthorizationError::Field(field, Fault::Length));
    }
    values.iter().map(|value| parse(value).map_err(|fault| AuthorizationError::Field(field, fault))).collect()
}

fn devices(values: Option<Vec<String>>) -> Result<Vec<EncryptedDeviceId>, AuthorizationError> {
    let field = Field::EncryptedDeviceIds;
    let values = values.ok_or(AuthorizationError::Field(field, Fault::Missing))?;
    list(field, values, Authorization::MAX_DEVICES, |t| EncryptedDeviceId::parse(t).map_err(Fault::from))
}

fn services(values: Option<Vec<String>>) -> Result<Vec<Service>, AuthorizationError> {
    let field = Field::Services;
    let values = values.ok_or(AuthorizationError::Field(field, Fault::Missing))?;
    let services = list(field, values, 2, |t| match t {
        "sms" => Ok(Service::Sms),
        "voice" => Ok(Service::Voice),
        _ => Err(Fault::Form),
    })?;
    match services.as_slice() {
        [first, second] if first == second => Err(AuthorizationError::Field(field, Fault::Form)),
        _ => Ok(services),
    }
}

/// An empty list is refused: it could mean "no number" as well as "any".
fn service_numbers(values: Option<Vec<String>>) -> Result<Vec<ServiceNumber>, AuthorizationError> {
    let Some(values) = values else { return Ok(Vec::new()) };
    list(Field::ServiceNumbers, values, Authorization::MAX_SERVICE_NUMBERS, |t| {
        ServiceNumber::parse(t).map_err(Fault::from)
    })
}

fn limits(raw: RawLimits) -> Result<Limits, AuthorizationError> {
    let window = raw.window.map(|t| text(Field::Window, Some(t), Window::parse)).transpose()?;
    Ok(Limits { sms_per_day: raw.sms_per_day, calls_per_day: raw.calls_per_day, window })
}
