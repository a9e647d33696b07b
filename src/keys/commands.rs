//! What `veilgate keys` can ask for, and how it is done: by the running gateway or, on the same files, without one.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use veilgate_config::Config;
use veilgate_identity::{Class, EdiKeyFacts, EdiProfile, KeyOctets};
use veilgate_ledger::AuditEvent;
use veilgate_names::{EnterpriseId, KeyId, PlatformId, looks_like_a_number};

use super::files::{Octets, export_key};
use super::{KeyFileError, KeyStore, NewMaster, read_edi_key};
use crate::clock;

/// What is to be done with keys. Whoever does it reads and writes the files named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum KeyCommand {
    /// Tell which keys there are.
    List {},
    /// Draw a key of encrypted device IDs and write it, once, into a file for its owner.
    Generate {
        /// Its name.
        #[serde(with = "text")]
        kid: KeyId,
        /// What it may be used for.
        allowance: EdiAllowance,
        /// The file, which must not be there yet.
        export: PathBuf,
    },
    /// Take over a key of encrypted device IDs from a file of 32 hex digits.
    Import {
        /// Its name.
        #[serde(with = "text")]
        kid: KeyId,
        /// What it may be used for.
        allowance: EdiAllowance,
        /// The file.
        file: PathBuf,
    },
    /// Draw a successor for a key of encrypted device IDs, which from now on only opens.
    Rotate {
        /// The old one.
        #[serde(with = "text")]
        kid: KeyId,
        /// The new one.
        #[serde(with = "text")]
        new_kid: KeyId,
        /// The file for the new one, which must not be there yet.
        export: PathBuf,
    },
    /// Let a key of encrypted device IDs open nothing any more.
    Retire {
        /// Its name.
        #[serde(with = "text")]
        kid: KeyId,
    },
    /// Forget a retired key of encrypted device IDs.
    Destroy {
        /// Its name.
        #[serde(with = "text")]
        kid: KeyId,
    },
    /// Make a new version of a data key; the old ones go on opening.
    RotateData {
        /// What it seals.
        #[serde(with = "text")]
        class: ClassName,
        /// Whose it is; none is the installation's.
        #[serde(default, with = "some_text", skip_serializing_if = "Option::is_none")]
        tenant: Option<EnterpriseId>,
    },
    /// Forget an old version of an enterprise's number key: the numbers in its CDRs of that time stay shut for good.
    DestroyData {
        /// What it seals; only numbers lie where nothing reads them again.
        #[serde(with = "text")]
        class: ClassName,
        /// Whose it is.
        #[serde(with = "text")]
        tenant: EnterpriseId,
        /// Which of its versions.
        version: u32,
    },
    /// Put the key ring under another master key.
    RotateMaster {
        /// The file with it, mode 0600; without file and label it is drawn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new_file: Option<PathBuf>,
        /// The label of another key in the token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new_label: Option<String>,
    },
}

/// What a key of encrypted device IDs may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdiAllowance {
    /// Whether it opens `edi1`.
    pub gcm: bool,
    /// Whether it opens `edi0`.
    pub legacy: bool,
    /// Whose device IDs it opens; none: any platform's.
    #[serde(default, with = "some_text", skip_serializing_if = "Option::is_none")]
    pub owner: Option<PlatformId>,
}

/// A class of data keys by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassName(pub Class);

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAnswer {
    /// The keys there are.
    List {
        /// Where the master key comes from.
        master: String,
        /// Keys of encrypted device IDs.
        edi: Vec<EdiKeyLine>,
        /// Data keys.
        data: Vec<DataKeyLine>,
    },
    /// It is done.
    Done,
    /// A data key has this version now.
    Version(u32),
}

/// A key of encrypted device IDs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdiKeyLine {
    /// Its name.
    pub kid: String,
    /// How far in its life it is.
    pub state: String,
    /// Whether it opens `edi1`.
    pub gcm: bool,
    /// Whether it opens `edi0`.
    pub legacy: bool,
    /// Whose it is.
    pub owner: Option<String>,
}

/// A version of a data key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataKeyLine {
    /// What it seals.
    pub class: String,
    /// Whose it is.
    pub tenant: Option<String>,
    /// Which version.
    pub version: u32,
    /// Whether it seals; the others only open.
    pub seals: bool,
}

impl KeyCommand {
    /// Whether it fits the configuration.
    ///
    /// # Errors
    /// [`KeyFileError::Other`] if it names an owner that is no platform.
    pub fn check(&self, config: &Config) -> Result<(), KeyFileError> {
        let (Self::Generate { allowance, .. } | Self::Import { allowance, .. }) = self else { return Ok(()) };
        let known = |owner: &PlatformId| config.platforms.iter().any(|platform| platform.id == *owner);
        match &allowance.owner {
            Some(owner) if !known(owner) => {
                Err(KeyFileError::Other("the owner is no platform of the configuration"))
            }
            _ => Ok(()),
        }
    }

    /// What it does, as it stands in the audit file.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::List {} => "list",
            Self::Generate { .. } => "generate",
            Self::Import { .. } => "import",
            Self::Rotate { .. } => "rotate",
            Self::Retire { .. } => "retire",
            Self::Destroy { .. } => "destroy",
            Self::RotateData { .. } => "rotate_data",
            Self::DestroyData { .. } => "destroy_data",
            Self::RotateMaster { .. } => "rotate_master",
        }
    }
}

impl KeyStore {
    /// Does what is asked, and tells what the audit file should say of it.
    ///
    /// # Errors
    /// [`KeyFileError`]; nothing has changed then.
    pub fn perform(&self, command: KeyCommand) -> Result<(KeyAnswer, Option<AuditEvent>), KeyFileError> {
        let event = match command {
            KeyCommand::List {} => return Ok((self.list(), None)),
            KeyCommand::Generate { kid, allowance, export } => {
                let key = drawn(&kid, &export)?;
                self.or_unexport(&export, |store| store.add(&kid, key, allowance))?;
                AuditEvent::EdiKeyGenerated { kid }
            }
            KeyCommand::Import { kid, allowance, file } => {
                check_kid(&kid)?;
                self.add(&kid, read_edi_key(&file)?, allowance)?;
                AuditEvent::EdiKeyImported { kid }
            }
            KeyCommand::Rotate { kid, new_kid, export } => {
                let key = drawn(&new_kid, &export)?;
                self.or_unexport(&export, |store| {
                    store.change(|draft| Ok(draft.rotate_edi_key(&kid, &new_kid, key)?))
                })?;
                AuditEvent::EdiKeyRotated { kid, by: new_kid }
            }
            KeyCommand::Retire { kid } => {
                self.change(|draft| Ok(draft.retire_edi_key(&kid)?))?;
                AuditEvent::EdiKeyRetired { kid }
            }
            KeyCommand::Destroy { kid } => {
                self.change(|draft| Ok(draft.destroy_edi_key(&kid)?))?;
                AuditEvent::EdiKeyDestroyed { kid }
            }
            KeyCommand::RotateData { class: ClassName(class), tenant } => {
                let version =
                    self.change(|draft| Ok(draft.rotate(class, tenant.as_ref(), &mut clock::entropy)?))?;
                let event = AuditEvent::DataKeyRotated { class: class.name(), tenant, version };
                return Ok((KeyAnswer::Version(version), Some(event)));
            }
            KeyCommand::DestroyData { class: ClassName(class), tenant, version } => {
                if class != Class::Number {
                    return Err(KeyFileError::Other(
                        "only versions of number keys: the journal may need the others",
                    ));
                }
                self.change(|draft| Ok(draft.destroy(class, Some(&tenant), version)?))?;
                AuditEvent::DataKeyDestroyed { class: class.name(), tenant: Some(tenant), version }
            }
            KeyCommand::RotateMaster { new_file, new_label } => {
                self.rotate_master(match (new_file, new_label) {
                    (Some(file), _) => NewMaster::File(file),
                    (None, Some(label)) => NewMaster::TokenKey(label),
                    (None, None) => NewMaster::Drawn,
                })?;
                AuditEvent::MasterKeyRotated { source: self.master_source() }
            }
        };
        Ok((KeyAnswer::Done, Some(event)))
    }

    fn list(&self) -> KeyAnswer {
        let edi = |EdiKeyFacts { kid, profile, state }| EdiKeyLine {
            kid: kid.to_string(),
            state: state.name().to_owned(),
            gcm: profile.gcm,
            legacy: profile.legacy,
            owner: profile.owner.map(|owner| owner.to_string()),
        };
        let data = |key: veilgate_identity::DataKeyFacts| DataKeyLine {
            class: key.class.name().to_owned(),
            tenant: key.tenant.map(|tenant| tenant.to_string()),
            version: key.version,
            seals: key.seals,
        };
        KeyAnswer::List {
            master: self.master_source().to_owned(),
            edi: self.ring().edi_keys().into_iter().map(edi).collect(),
            data: self.ring().data_keys().into_iter().map(data).collect(),
        }
    }

    fn add(&self, kid: &KeyId, key: KeyOctets, allowance: EdiAllowance) -> Result<(), KeyFileError> {
        let EdiAllowance { gcm, legacy, owner } = allowance;
        let profile = EdiProfile { gcm, legacy, owner };
        self.change(|draft| Ok(draft.add_edi_key(kid, key, profile)?))
    }

    /// Takes an exported key away again that the ring did not take.
    fn or_unexport(
        &self,
        export: &std::path::Path,
        change: impl FnOnce(&Self) -> Result<(), KeyFileError>,
    ) -> Result<(), KeyFileError> {
        let done = change(self);
        if done.is_err() {
            let _ = std::fs::remove_file(export);
        }
        done
    }
}

/// Draws a key and writes it into a file before anything else knows it: a crash leaves at most a file too many.
fn drawn(kid: &KeyId, export: &std::path::Path) -> Result<KeyOctets, KeyFileError> {
    check_kid(kid)?;
    let octets = Octets::<16>::drawn();
    export_key(export, octets.as_slice())?;
    Ok(KeyOctets::filled(|key| key.copy_from_slice(octets.as_slice())))
}

/// A name stands in the audit file for good.
fn check_kid(kid: &KeyId) -> Result<(), KeyFileError> {
    if looks_like_a_number(kid.as_str()) {
        return Err(KeyFileError::Other("the key's name looks like a phone number; take another"));
    }
    Ok(())
}

impl Display for ClassName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl FromStr for ClassName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Class::parse(text).map(Self).ok_or("expected number, text, alias or registry")
    }
}

/// Values written as text.
mod text {
    use super::*;

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, into: S) -> Result<S::Ok, S::Error> {
        into.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Values written as text that may be left out.
mod some_text {
    use super::*;

    pub(super) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        into: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => into.collect_str(value),
            None => into.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}
