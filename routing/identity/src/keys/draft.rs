//! Changes to a ring, made on a copy that is written down before anybody uses it.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use veilgate_names::{EnterpriseId, KeyId};

use super::edi::{EdiEntry, EdiProfile, EdiState};
use super::master::{Master, TokenRoot};
use super::{Class, DataKey, Fixed, KeyError, KeyOctets, SealingName, State, VaultKeys, Versions};
use crate::cipher::Sealer;
use subtle::ConstantTimeEq as _;

/// Versions of one data key at most: every look-up of the vault may have to try all of the number key's.
const MOST_VERSIONS: usize = 200;
/// Keys of encrypted device IDs at most, the destroyed ones too.
const MOST_EDI_KEYS: usize = 10_000;

/// A copy of a ring with changes, not in force yet. Dropped, nothing has happened.
pub struct Draft {
    pub(super) fixed: Arc<Fixed>,
    pub(super) state: State,
}

/// Why a key is not changed. The caller's mistake; nothing has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyChangeError {
    /// The name was used before, perhaps by a key that is destroyed.
    #[error("there is, or was, a key of this name; take another")]
    NameTaken,
    /// No such key.
    #[error("there is no such key")]
    Unknown,
    /// Only an active key is followed by another.
    #[error("only an active key can be rotated")]
    NotActive,
    /// Only a retired key is destroyed.
    #[error("only a retired key can be destroyed; retire it first and see what is refused")]
    NotRetired,
    /// It is gone already.
    #[error("the key is destroyed")]
    Destroyed,
    /// The profile allows neither form.
    #[error("the key must be allowed at least one of edi1 and edi0")]
    NoForm,
    /// There are as many as can be kept.
    #[error("there are too many keys; destroy what is not needed")]
    TooMany,
    /// The version seals new data.
    #[error("the newest version cannot be destroyed; rotate first")]
    Newest,
}

impl Draft {
    /// Adds an active key of encrypted device IDs.
    ///
    /// # Errors
    /// [`KeyChangeError::NameTaken`], [`KeyChangeError::NoForm`], [`KeyChangeError::TooMany`].
    pub fn add_edi_key(
        &mut self,
        kid: &KeyId,
        key: KeyOctets,
        profile: EdiProfile,
    ) -> Result<(), KeyChangeError> {
        check(&profile)?;
        if self.state.edi.contains_key(kid.as_str()) {
            return Err(KeyChangeError::NameTaken);
        }
        if self.state.edi.len() >= MOST_EDI_KEYS {
            return Err(KeyChangeError::TooMany);
        }
        self.put_edi(kid, EdiEntry::new(key, profile, EdiState::Active));
        Ok(())
    }

    /// Whether the key of this name has these octets; `None` if there is none or it is destroyed. The time it takes
    /// says nothing about the key.
    #[must_use]
    pub fn is_edi_key(&self, kid: &KeyId, key: &KeyOctets) -> Option<bool> {
        let held = self.state.edi.get(kid.as_str())?.key.as_ref()?;
        Some(held.octets.bare().ct_eq(key.bare()).into())
    }

    /// How far a key is; `None` if the name was never used.
    #[must_use]
    pub fn edi_state(&self, kid: &KeyId) -> Option<EdiState> {
        self.state.edi.get(kid.as_str()).map(|entry| entry.state)
    }

    /// Gives a key another profile. False if it has it.
    ///
    /// # Errors
    /// [`KeyChangeError::Unknown`], [`KeyChangeError::NoForm`].
    pub fn profile_edi_key(&mut self, kid: &KeyId, profile: EdiProfile) -> Result<bool, KeyChangeError> {
        check(&profile)?;
        let entry = self.edi(kid)?;
        let differs = entry.profile != profile;
        entry.profile = profile;
        Ok(differs)
    }

    /// Adds an active key with the profile of another, which opens only what was encrypted before.
    ///
    /// # Errors
    /// [`KeyChangeError::Unknown`], [`KeyChangeError::NotActive`], [`KeyChangeError::NameTaken`].
    pub fn rotate_edi_key(&mut self, old: &KeyId, new: &KeyId, key: KeyOctets) -> Result<(), KeyChangeError> {
        let entry = self.edi(old)?;
        if entry.state != EdiState::Active {
            return Err(KeyChangeError::NotActive);
        }
        let profile = entry.profile.clone();
        self.add_edi_key(new, key, profile)?;
        self.edi(old)?.state = EdiState::DecryptOnly;
        Ok(())
    }

    /// From now on device IDs naming `kid` are answered `KEY_EXPIRED`. False if they were before.
    ///
    /// # Errors
    /// [`KeyChangeError::Unknown`], [`KeyChangeError::Destroyed`].
    pub fn retire_edi_key(&mut self, kid: &KeyId) -> Result<bool, KeyChangeError> {
        let entry = self.edi(kid)?;
        let before = std::mem::replace(&mut entry.state, EdiState::Retired);
        match before {
            EdiState::Destroyed => {
                entry.state = before;
                Err(KeyChangeError::Destroyed)
            }
            before => Ok(before != EdiState::Retired),
        }
    }

    /// Forgets a retired key for good; its name stays taken.
    ///
    /// # Errors
    /// [`KeyChangeError::Unknown`], [`KeyChangeError::NotRetired`], [`KeyChangeError::Destroyed`].
    pub fn destroy_edi_key(&mut self, kid: &KeyId) -> Result<(), KeyChangeError> {
        let entry = self.edi(kid)?;
        match entry.state {
            EdiState::Retired => *entry = EdiEntry::destroyed(entry.profile.clone()),
            EdiState::Destroyed => return Err(KeyChangeError::Destroyed),
            EdiState::Active | EdiState::DecryptOnly => return Err(KeyChangeError::NotRetired),
        }
        Ok(())
    }

    /// The sealer of a class and tenant, whose key is made if there is none.
    pub fn ensure(
        &mut self,
        class: Class,
        tenant: Option<&EnterpriseId>,
        entropy: &mut dyn FnMut(&mut [u8]),
    ) -> Arc<Sealer> {
        let name = SealingName { class, tenant: tenant.cloned() };
        let make = || Versions::new(DataKey::random(1, entropy));
        Arc::clone(&self.state.sealing.entry(name).or_insert_with(make).newest.sealer)
    }

    /// Makes the next version of a data key, which seals from now on; the others open. Gives its number.
    ///
    /// # Errors
    /// [`KeyChangeError::Unknown`] if there is no such key, [`KeyChangeError::TooMany`] if it has 200 versions.
    pub fn rotate(
        &mut self,
        class: Class,
        tenant: Option<&EnterpriseId>,
        entropy: &mut dyn FnMut(&mut [u8]),
    ) -> Result<u32, KeyChangeError> {
        let name = SealingName { class, tenant: tenant.cloned() };
        let versions = self.state.sealing.get_mut(&name).ok_or(KeyChangeError::Unknown)?;
        if versions.older.len() + 1 >= MOST_VERSIONS {
            return Err(KeyChangeError::TooMany);
        }
        let version = versions.newest.version().saturating_add(1);
        versions.push(DataKey::random(version, entropy));
        self.follow(&name);
        Ok(version)
    }

    /// Forgets an older version of a data key: what it sealed cannot be opened any more.
    ///
    /// # Errors
    /// [`KeyChangeError::Unknown`], [`KeyChangeError::Newest`].
    pub fn destroy(
        &mut self,
        class: Class,
        tenant: Option<&EnterpriseId>,
        version: u32,
    ) -> Result<(), KeyChangeError> {
        let name = SealingName { class, tenant: tenant.cloned() };
        let versions = self.state.sealing.get_mut(&name).ok_or(KeyChangeError::Unknown)?;
        if versions.newest.version() == version {
            return Err(KeyChangeError::Newest);
        }
        let before = versions.older.len();
        versions.older.retain(|key| key.version() != version);
        if versions.older.len() == before {
            return Err(KeyChangeError::Unknown);
        }
        self.follow(&name);
        Ok(())
    }

    /// Forgets every data key of a tenant, which destroys what they sealed. Gives how many versions there were.
    pub fn drop_tenant(&mut self, tenant: &EnterpriseId) -> usize {
        let mut dropped = 0;
        self.state.sealing.retain(|name, versions| {
            let keep = name.tenant.as_ref() != Some(tenant);
            dropped += if keep { 0 } else { 1 + versions.older.len() };
            keep
        });
        dropped
    }

    /// Wraps everything under another master key; with `token`, under a root that a token wrapped so.
    ///
    /// # Errors
    /// [`KeyError::MasterLength`].
    pub fn rewrap(&mut self, master: &[u8], token: Option<TokenRoot>) -> Result<(), KeyError> {
        self.state.master = Arc::new(Master::new(master)?.in_token(token));
        Ok(())
    }

    pub(super) fn put_edi(&mut self, kid: &KeyId, entry: EdiEntry) {
        self.state.edi.insert(kid.as_str().into(), entry);
    }

    fn edi(&mut self, kid: &KeyId) -> Result<&mut EdiEntry, KeyChangeError> {
        match self.state.edi.entry(kid.as_str().into()) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(_) => Err(KeyChangeError::Unknown),
        }
    }

    /// The vault's keys follow the installation's number key.
    fn follow(&mut self, name: &SealingName) {
        if *name == SealingName::VAULT
            && let Some(versions) = self.state.sealing.get(name)
        {
            self.state.vault = VaultKeys::of(versions);
        }
    }
}

fn check(profile: &EdiProfile) -> Result<(), KeyChangeError> {
    if profile.gcm || profile.legacy { Ok(()) } else { Err(KeyChangeError::NoForm) }
}
