//! The ring on disk: JSON of wrapped keys under a MAC of the whole. Names, profiles and states are readable, keys
//! are not.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use veilgate_names::{EnterpriseId, KeyId, PlatformId};
use zeroize::Zeroizing;

use super::edi::{EdiEntry, EdiProfile, EdiState};
use super::master::{Master, TokenRoot};
use super::{
    Class, DataKey, Draft, Fixed, KeyError, KeyOctets, KeyRing, SealingName, Secret, State, VaultKeys,
    Versions,
};

const VERSION: u32 = 2;
const CHECK: &[u8] = b"veilgate key ring";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    /// Set where the master key is in a token.
    token: Option<TokenDocument>,
    check: String,
    index: String,
    subscriber: String,
    sealing: Vec<SealingDocument>,
    edi: Vec<EdiDocument>,
    /// The MAC over this document with this member empty.
    seal: String,
}

/// What can be read of any version.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenDocument {
    label: String,
    root: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealingDocument {
    class: String,
    tenant: Option<String>,
    version: u32,
    key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EdiDocument {
    kid: String,
    gcm: bool,
    legacy: bool,
    owner: Option<String>,
    state: String,
    key: Option<String>,
}

impl KeyRing {
    /// [`Draft::to_sealed_text`] of the ring as it is.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] if it cannot be written as JSON.
    pub fn to_sealed_text(&self) -> Result<String, KeyError> {
        self.draft().to_sealed_text()
    }

    /// What the root of a written ring is wrapped by, if its master key is in a token.
    ///
    /// # Errors
    /// [`KeyError::Damaged`], [`KeyError::Version`].
    pub fn token_of(text: &str) -> Result<Option<TokenRoot>, KeyError> {
        parse(text)?.token.map(TokenRoot::try_from).transpose()
    }

    /// Opens what [`Draft::to_sealed_text`] wrote. `master` is the master key, or what a token unwrapped of
    /// [`Self::token_of`].
    ///
    /// # Errors
    /// [`KeyError::WrongMaster`] if the text was sealed under another master key, [`KeyError::Damaged`] if any
    /// part of it does not open or is not understood, [`KeyError::Version`].
    pub fn from_sealed_text(master: &[u8], text: &str) -> Result<Self, KeyError> {
        let master = Master::new(master)?;
        let mut document = parse(text)?;
        let check = master.unwrap_text("check", &document.check)?.ok_or(KeyError::WrongMaster)?;
        if check.as_slice() != CHECK {
            return Err(KeyError::Damaged);
        }
        let seal = STANDARD.decode(std::mem::take(&mut document.seal)).map_err(|_| KeyError::Damaged)?;
        if !bool::from(master.seal(&json(&document)?).ct_eq(&seal)) {
            return Err(KeyError::Damaged);
        }
        let index = Secret::new(master.open_text("index", &document.index)?);
        let subscriber = Secret::new(master.open_text("subscriber", &document.subscriber)?);
        let token = document.token.take().map(TokenRoot::try_from).transpose()?;
        let state = State::read(master.in_token(token), document)?;
        Ok(Self::assemble(index, subscriber, state))
    }
}

impl Draft {
    /// The ring as JSON, every key wrapped by the master key with SM4-GCM. The same ring gives the same text.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] if it cannot be written as JSON.
    pub fn to_sealed_text(&self) -> Result<String, KeyError> {
        let Fixed { index, subscriber, .. } = &*self.fixed;
        let master = &self.state.master;
        let mut document = Document {
            version: VERSION,
            token: master.token().map(TokenDocument::from),
            check: master.wrap_text("check", CHECK),
            index: master.wrap_text("index", &index.octets),
            subscriber: master.wrap_text("subscriber", &subscriber.octets),
            sealing: self.state.sealing_documents(),
            edi: self.state.edi_documents(),
            seal: String::new(),
        };
        document.seal = STANDARD.encode(master.seal(&json(&document)?));
        serde_json::to_string_pretty(&document).map_err(|_| KeyError::Damaged)
    }
}

impl State {
    fn read(master: Master, document: Document) -> Result<Self, KeyError> {
        let mut sealing: FxHashMap<SealingName, Versions> = FxHashMap::default();
        for entry in document.sealing {
            let class = Class::parse(&entry.class).ok_or(KeyError::Damaged)?;
            let wrapped = sealing_name(class, entry.tenant.as_deref(), entry.version);
            let key = DataKey::new(master.open_key(&wrapped, &entry.key)?, entry.version);
            let tenant = entry.tenant.map(|tenant| EnterpriseId::parse(&tenant)).transpose();
            let name = SealingName { class, tenant: tenant.map_err(|_| KeyError::Damaged)? };
            match sealing.get_mut(&name) {
                // They stand in the order of their versions.
                Some(versions) if versions.newest.version() < key.version() => versions.push(key),
                Some(_) => return Err(KeyError::Damaged),
                None => {
                    sealing.insert(name, Versions::new(key));
                }
            }
        }
        let mut edi = FxHashMap::default();
        for entry in document.edi {
            let (kid, entry) = read_edi(&master, entry)?;
            edi.insert(kid, entry);
        }
        let vault = VaultKeys::of(sealing.get(&SealingName::VAULT).ok_or(KeyError::Damaged)?);
        Ok(Self { master: Arc::new(master), sealing, vault, edi })
    }

    fn sealing_documents(&self) -> Vec<SealingDocument> {
        let mut keys: Vec<_> = self.sealing.iter().collect();
        keys.sort_by_key(|(name, _)| *name);
        let mut documents = Vec::with_capacity(keys.len());
        for (SealingName { class, tenant }, versions) in keys {
            let tenant = tenant.as_ref().map(EnterpriseId::as_str);
            documents.extend(versions.oldest_first().map(|key| SealingDocument {
                class: class.name().to_owned(),
                tenant: tenant.map(str::to_owned),
                version: key.version(),
                key: self.master.wrap_text(&sealing_name(*class, tenant, key.version()), key.octets.bare()),
            }));
        }
        documents
    }

    fn edi_documents(&self) -> Vec<EdiDocument> {
        let document = |kid: &str, entry: &EdiEntry| {
            let wrap = |name: &str, key: &KeyOctets| self.master.wrap_text(name, key.bare());
            let EdiProfile { gcm, legacy, owner } = &entry.profile;
            EdiDocument {
                kid: kid.to_owned(),
                gcm: *gcm,
                legacy: *legacy,
                owner: owner.as_ref().map(|owner| owner.as_str().to_owned()),
                state: entry.state.name().to_owned(),
                key: entry.key.as_ref().map(|key| wrap(&edi_name(kid), &key.octets)),
            }
        };
        let mut documents: Vec<_> = self.edi.iter().map(|(kid, entry)| document(kid, entry)).collect();
        documents.sort_by(|one, other| one.kid.cmp(&other.kid));
        documents
    }
}

impl Master {
    fn wrap_text(&self, name: &str, key: &[u8]) -> String {
        STANDARD.encode(self.wrap(name, key))
    }

    /// `Ok(None)` if it does not open.
    fn unwrap_text(&self, name: &str, text: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        let wrapped = STANDARD.decode(text).map_err(|_| KeyError::Damaged)?;
        Ok(self.unwrap(name, &wrapped))
    }

    fn open_text(&self, name: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.unwrap_text(name, text)?.ok_or(KeyError::Damaged)
    }

    fn open_key(&self, name: &str, text: &str) -> Result<KeyOctets, KeyError> {
        let octets = self.open_text(name, text)?;
        let octets: &[u8; 16] = octets.as_slice().try_into().map_err(|_| KeyError::Damaged)?;
        Ok(KeyOctets::filled(|key| key.copy_from_slice(octets)))
    }
}

fn parse(text: &str) -> Result<Document, KeyError> {
    let head: Head = serde_json::from_str(text).map_err(|_| KeyError::Damaged)?;
    if head.version != VERSION {
        return Err(KeyError::Version);
    }
    serde_json::from_str(text).map_err(|_| KeyError::Damaged)
}

fn json(document: &Document) -> Result<Vec<u8>, KeyError> {
    serde_json::to_vec(document).map_err(|_| KeyError::Damaged)
}

fn read_edi(master: &Master, entry: EdiDocument) -> Result<(Box<str>, EdiEntry), KeyError> {
    KeyId::parse(&entry.kid).map_err(|_| KeyError::Damaged)?;
    let state = EdiState::parse(&entry.state).ok_or(KeyError::Damaged)?;
    let owner = entry.owner.map(|owner| PlatformId::parse(&owner)).transpose();
    let owner = owner.map_err(|_| KeyError::Damaged)?;
    let profile = EdiProfile { gcm: entry.gcm, legacy: entry.legacy, owner };
    let read = match entry.key {
        Some(key) => EdiEntry::new(master.open_key(&edi_name(&entry.kid), &key)?, profile, state),
        None if state == EdiState::Destroyed => EdiEntry::destroyed(profile),
        None => return Err(KeyError::Damaged),
    };
    Ok((entry.kid.into_boxed_str(), read))
}

/// What a wrapped key is bound to, so that no entry can be passed off as another.
fn sealing_name(class: Class, tenant: Option<&str>, version: u32) -> String {
    match tenant {
        Some(tenant) => format!("sealing/{}/{version}/of/{tenant}", class.name()),
        None => format!("sealing/{}/{version}", class.name()),
    }
}

fn edi_name(kid: &str) -> String {
    format!("edi/{kid}")
}

impl From<&TokenRoot> for TokenDocument {
    fn from(token: &TokenRoot) -> Self {
        Self { label: token.label.clone(), root: STANDARD.encode(&token.wrapped) }
    }
}

impl TryFrom<TokenDocument> for TokenRoot {
    type Error = KeyError;

    fn try_from(document: TokenDocument) -> Result<Self, KeyError> {
        let wrapped = STANDARD.decode(document.root).map_err(|_| KeyError::Damaged)?;
        Ok(Self { label: document.label, wrapped })
    }
}
