//! The ring on disk: JSON of wrapped keys. Names of tenants and key ids are readable, keys are not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use veilgate_names::{EnterpriseId, KeyId};
use zeroize::Zeroizing;

use super::{Class, DataKey, EdiEntry, KeyError, KeyRing, Master, SealingName, Secret};

const VERSION: u32 = 1;
const CHECK: &[u8] = b"veilgate key ring";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    check: String,
    index: String,
    subscriber: String,
    sealing: Vec<SealingEntry>,
    edi: Vec<EdiDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealingEntry {
    class: ClassName,
    tenant: Option<String>,
    key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EdiDocument {
    kid: String,
    allow_legacy: bool,
    retired: bool,
    key: String,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum ClassName {
    Number,
    Text,
    Alias,
    Registry,
}

impl KeyRing {
    /// The ring as JSON, every key wrapped by the master key with SM4-GCM. The same ring gives the same text.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] if it cannot be written as JSON.
    pub fn to_sealed_text(&self) -> Result<String, KeyError> {
        let document = Document {
            version: VERSION,
            check: self.master.wrap_text("check", CHECK),
            index: self.master.wrap_text("index", &self.index.octets),
            subscriber: self.master.wrap_text("subscriber", &self.subscriber.octets),
            sealing: self.sealing_entries(),
            edi: self.edi_entries(),
        };
        serde_json::to_string_pretty(&document).map_err(|_| KeyError::Damaged)
    }

    /// Opens what [`Self::to_sealed_text`] wrote.
    ///
    /// # Errors
    /// [`KeyError::WrongMaster`] if the text was sealed under another master key, [`KeyError::Damaged`] if any
    /// part of it does not open or is not understood.
    pub fn from_sealed_text(master: &[u8], text: &str) -> Result<Self, KeyError> {
        let master = Master::new(master)?;
        let document: Document = serde_json::from_str(text).map_err(|_| KeyError::Damaged)?;
        if document.version != VERSION {
            return Err(KeyError::Damaged);
        }
        let check = master.unwrap_text("check", &document.check)?.ok_or(KeyError::WrongMaster)?;
        if check.as_slice() != CHECK {
            return Err(KeyError::Damaged);
        }
        let index = master.open_text("index", &document.index)?;
        let subscriber = master.open_text("subscriber", &document.subscriber)?;
        Self::with_entries(master, Secret::new(index), Secret::new(subscriber), document)
    }

    fn with_entries(
        master: Master,
        index: Secret,
        subscriber: Secret,
        document: Document,
    ) -> Result<Self, KeyError> {
        let mut keys = Vec::with_capacity(document.sealing.len());
        for entry in document.sealing {
            let class = Class::from(entry.class);
            let key = master.open_key(&sealing_name(class, entry.tenant.as_deref()), &entry.key)?;
            let tenant = entry.tenant.map(|tenant| EnterpriseId::parse(&tenant)).transpose();
            let tenant = tenant.map_err(|_| KeyError::Damaged)?;
            keys.push((SealingName { class, tenant }, DataKey::new(key)));
        }
        let mut edi = Vec::with_capacity(document.edi.len());
        for entry in document.edi {
            KeyId::parse(&entry.kid).map_err(|_| KeyError::Damaged)?;
            let name = edi_name(&entry.kid, entry.allow_legacy, entry.retired);
            let key = master.open_key(&name, &entry.key)?;
            edi.push((entry.kid.into_boxed_str(), EdiEntry::new(key, entry.allow_legacy, entry.retired)));
        }
        let number = keys.iter().position(|(name, _)| name.class == Class::Number && name.tenant.is_none());
        let (_, number) = keys.swap_remove(number.ok_or(KeyError::Damaged)?);
        let ring = Self::assemble(master, index, subscriber, number);
        ring.sealing.write().extend(keys);
        ring.edi.write().extend(edi);
        Ok(ring)
    }

    fn sealing_entries(&self) -> Vec<SealingEntry> {
        let sealing = self.sealing.read();
        let mut keys: Vec<_> = sealing.iter().collect();
        keys.sort_by_key(|(name, _)| *name);
        keys.into_iter()
            .map(|(SealingName { class, tenant }, key)| {
                let tenant = tenant.as_ref().map(|tenant| tenant.as_str().to_owned());
                let name = sealing_name(*class, tenant.as_deref());
                let key = self.master.wrap_text(&name, key.octets.as_slice());
                SealingEntry { class: ClassName::from(*class), tenant, key }
            })
            .collect()
    }

    fn edi_entries(&self) -> Vec<EdiDocument> {
        let edi = self.edi.read();
        let mut entries: Vec<_> = edi
            .iter()
            .map(|(kid, entry)| {
                let (allow_legacy, retired) = (entry.allow_legacy, entry.retired);
                let name = edi_name(kid, allow_legacy, retired);
                let key = self.master.wrap_text(&name, entry.octets.as_slice());
                EdiDocument { kid: kid.to_string(), allow_legacy, retired, key }
            })
            .collect();
        entries.sort_by(|one, other| one.kid.cmp(&other.kid));
        entries
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

    fn open_key(&self, name: &str, text: &str) -> Result<Zeroizing<[u8; 16]>, KeyError> {
        let octets = self.open_text(name, text)?;
        octets.as_slice().try_into().map(Zeroizing::new).map_err(|_| KeyError::Damaged)
    }
}

/// What a wrapped key is bound to, so that no entry can be passed off as another.
fn sealing_name(class: Class, tenant: Option<&str>) -> String {
    let class = match class {
        Class::Number => "number",
        Class::Text => "text",
        Class::Alias => "alias",
        Class::Registry => "registry",
    };
    match tenant {
        Some(tenant) => format!("sealing/{class}/of/{tenant}"),
        None => format!("sealing/{class}"),
    }
}

fn edi_name(kid: &str, allow_legacy: bool, retired: bool) -> String {
    format!("edi/{kid}/{allow_legacy}/{retired}")
}

impl From<Class> for ClassName {
    fn from(class: Class) -> Self {
        match class {
            Class::Number => Self::Number,
            Class::Text => Self::Text,
            Class::Alias => Self::Alias,
            Class::Registry => Self::Registry,
        }
    }
}

impl From<ClassName> for Class {
    fn from(name: ClassName) -> Self {
        match name {
            ClassName::Number => Self::Number,
            ClassName::Text => Self::Text,
            ClassName::Alias => Self::Alias,
            ClassName::Registry => Self::Registry,
        }
    }
}
