//! Who a submit is for: the forms of interfaces.md section 4. A number is refused whoever sends it.

use veilgate_admission::Registered;
use veilgate_names::{
    AccountKind, AsOf, AuthorizationId, EncryptedDeviceId, EnterpriseId, NameError, Pseudonym, Reason,
    looks_like_a_number,
};
use veilgate_notary::Authorization;
use veilgate_smpp::codec::{Address, Status, Tag, Tlvs};

use crate::refusal::Refusal;

/// The recipient as the account named it.
pub(crate) enum Recipient {
    /// By alias.
    Pseudonym(Pseudonym),
    /// By a registered authorization; a device ID given with it must be one of its own.
    Registered { id: AuthorizationId, device: Option<EncryptedDeviceId> },
    /// By an authorization that comes along and is registered first.
    Whole(Box<Authorization>),
    /// By the short form, which is registered first where the platform's profile asks for no proof.
    Short(Box<Short>),
}

/// The five TLVs of the short form.
pub(crate) struct Short {
    pub(crate) id: AuthorizationId,
    pub(crate) device: EncryptedDeviceId,
    pub(crate) pseudonym: Pseudonym,
    pub(crate) enterprise: EnterpriseId,
    pub(crate) as_of: AsOf,
}

impl Recipient {
    /// Reads destination address and TLVs.
    pub(crate) fn parse(
        kind: AccountKind,
        destination: &Address<'_>,
        tlvs: &Tlvs<'_>,
    ) -> Result<Self, Refusal> {
        if !destination.digits.is_empty() {
            return by_address(destination);
        }
        let forms = Forms::read(tlvs)?;
        if kind == AccountKind::Enterprise {
            return match forms.pseudonym {
                Some(pseudonym) if forms.only_pseudonym => Ok(Self::Pseudonym(pseudonym)),
                _ if forms.any => Err(Reason::NotPermitted.into()),
                _ => Err(Refusal::field(Status::RINVDSTADR)),
            };
        }
        forms.for_notary()
    }
}

impl Recipient {
    /// Whether a message under this authorization was for them, as far as the recipient is named by what is registered.
    pub(crate) fn is_meant_by(&self, authorization: &Registered) -> bool {
        match self {
            Self::Pseudonym(pseudonym) => authorization.pseudonym() == pseudonym,
            Self::Registered { id, device } => {
                authorization.id() == id
                    && device.as_ref().is_none_or(|device| authorization.devices().contains(device))
            }
            Self::Whole(_) | Self::Short(_) => false,
        }
    }
}

struct Forms {
    device: Option<EncryptedDeviceId>,
    pseudonym: Option<Pseudonym>,
    authorization: Option<AuthorizationId>,
    as_of: Option<String>,
    enterprise: Option<EnterpriseId>,
    whole: Option<Box<Authorization>>,
    only_pseudonym: bool,
    any: bool,
}

impl Forms {
    fn read(tlvs: &Tlvs<'_>) -> Result<Self, Refusal> {
        let mut forms = Self {
            device: None,
            pseudonym: None,
            authorization: None,
            as_of: None,
            enterprise: None,
            whole: None,
            only_pseudonym: true,
            any: false,
        };
        for tlv in tlvs.iter() {
            if (0x1500..=0x1504).contains(&tlv.tag.0) || tlv.tag == Tag::AUTHORIZATION {
                forms.any = true;
                forms.only_pseudonym &= tlv.tag == Tag::PSEUDONYM;
            }
            let text = || std::str::from_utf8(tlv.c_octets()).map_err(|_| bad_value());
            match tlv.tag {
                Tag::ENCRYPTED_DEVICE_ID => {
                    forms.device = Some(EncryptedDeviceId::parse(text()?).map_err(|_| bad_value())?);
                }
                Tag::PSEUDONYM => forms.pseudonym = Some(pseudonym(text()?)?),
                Tag::AUTHORIZATION_ID => {
                    forms.authorization = Some(AuthorizationId::parse(text()?).map_err(bad_name)?);
                }
                Tag::AS_OF => forms.as_of = Some(text()?.to_owned()),
                Tag::ENTERPRISE_ID => {
                    forms.enterprise = Some(EnterpriseId::parse(text()?).map_err(|_| bad_value())?);
                }
                Tag::AUTHORIZATION => {
                    let json = Authorization::from_json(tlv.value.as_bytes());
                    forms.whole = Some(Box::new(json.map_err(|error| Refusal::from(error.reason()))?));
                }
                _ => {}
            }
        }
        Ok(forms)
    }

    fn for_notary(self) -> Result<Recipient, Refusal> {
        if let Some(whole) = self.whole {
            return Ok(Recipient::Whole(whole));
        }
        match (self.authorization, self.device, self.pseudonym, self.as_of, self.enterprise) {
            (Some(id), Some(device), Some(pseudonym), Some(as_of_text), Some(enterprise)) => {
                let as_of = AsOf::parse(&as_of_text).map_err(|_| bad_value())?;
                let short = Short { id, device, pseudonym, enterprise, as_of };
                Ok(Recipient::Short(Box::new(short)))
            }
            (Some(id), device, None, None, None) => Ok(Recipient::Registered { id, device }),
            (None, None, Some(pseudonym), None, None) => Ok(Recipient::Pseudonym(pseudonym)),
            (None, None, None, None, None) => Err(Refusal::field(Status::RINVDSTADR)),
            _ => Err(Refusal::field(Status::RMISSINGOPTPARAM)),
        }
    }
}

fn by_address(destination: &Address<'_>) -> Result<Recipient, Refusal> {
    let text =
        std::str::from_utf8(destination.digits.as_bytes()).map_err(|_| Refusal::field(Status::RINVDSTADR))?;
    if looks_like_a_number(text) || destination.ton != 5 {
        return Err(Reason::NotAPseudonym.into());
    }
    pseudonym(text).map(Recipient::Pseudonym)
}

fn pseudonym(text: &str) -> Result<Pseudonym, Refusal> {
    Pseudonym::parse(text).map_err(|error| match error {
        NameError::LooksLikeANumber => Reason::NotAPseudonym.into(),
        _ => Refusal::field(Status::RINVDSTADR),
    })
}

fn bad_name(error: NameError) -> Refusal {
    match error {
        NameError::LooksLikeANumber => Reason::NotAPseudonym.into(),
        _ => bad_value(),
    }
}

fn bad_value() -> Refusal {
    Refusal::field(Status::RINVOPTPARAMVAL)
}
