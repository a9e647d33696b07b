//! The key ring: every data key in all its versions, and the keys of encrypted device IDs, scheduled in memory and
//! wrapped by one master key for the disk. It refuses to show a key, and it asks nobody for randomness: entropy is a
//! parameter.
//!
//! Readers see one whole state or the next. A change is made on a [`Draft`], which is written down before it is
//! installed, so nothing is ever sealed under a key that a crash could lose:
//! ```text
//! ring.draft() --changes--> Draft --to_sealed_text--> disk --install--> ring
//! ```

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use subtle::ConstantTimeEq as _;
use veilgate_names::{EdiVersion, EncryptedDeviceId, EnterpriseId, KeyId, PlatformId};
use zeroize::Zeroizing;

use crate::cipher::{EdiKey, MacKey, SealError, Sealer};

mod draft;
mod edi;
mod master;
mod octets;
mod sealed_text;

pub use draft::{Draft, KeyChangeError};
use edi::EdiEntry;
pub(crate) use edi::EdiRefusal;
pub use edi::{EdiKeyFacts, EdiProfile, EdiState};
use master::Master;
pub use master::TokenRoot;
pub use octets::KeyOctets;

/// What a data key seals. Each class of each tenant has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Numbers: the vault's and those of CDRs.
    Number,
    /// Texts of messages.
    Text,
    /// Pseudonyms and encrypted device IDs.
    Alias,
    /// The authorization registry.
    Registry,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Number, Self::Text, Self::Alias, Self::Registry];

    /// Its name, one lower-case word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Text => "text",
            Self::Alias => "alias",
            Self::Registry => "registry",
        }
    }

    /// The class of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// Why a key ring does not open or take a key. Ours to mend; a retry does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The master key is neither 16 nor 32 octets long.
    #[error("the master key must be 16 or 32 octets")]
    MasterLength,
    /// The text was sealed under another master key.
    #[error("the key ring was sealed under another master key")]
    WrongMaster,
    /// The master key fits, but the text is damaged.
    #[error("the key ring is damaged")]
    Damaged,
    /// The text is of a version that this program does not know.
    #[error("the key ring is of another version")]
    Version,
}

/// All keys. Shared behind an `Arc`; every method takes `&self`.
pub struct KeyRing {
    fixed: Arc<Fixed>,
    state: ArcSwap<State>,
}

/// A data key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKeyFacts {
    /// What it seals.
    pub class: Class,
    /// Whose; `None` is the installation.
    pub tenant: Option<EnterpriseId>,
    /// Which of its versions, from 1.
    pub version: u32,
    /// Whether new data is sealed under it; the others only open.
    pub seals: bool,
}

/// What an encrypted device ID's key id leads to.
pub(crate) enum EdiLookup {
    /// The key to open it with.
    Open(Arc<EdiKey>),
    /// It must not be opened. The decoy opens nothing: working with it takes the time of a true key.
    Refused { decoy: Arc<EdiKey>, why: EdiRefusal },
}

/// The keys that hashes are made with. A hash cannot be re-keyed, so they live as long as the vault.
struct Fixed {
    index: Secret,
    subscriber: Secret,
    /// Of numbers on lists, so that those hashes and the vault's have nothing in common; made of `subscriber`.
    list: MacKey,
    decoy: Arc<EdiKey>,
}

/// Everything that can change.
#[derive(Clone)]
struct State {
    master: Arc<Master>,
    sealing: FxHashMap<SealingName, Versions>,
    vault: VaultKeys,
    edi: FxHashMap<Box<str>, EdiEntry>,
}

/// What a data key is for.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct SealingName {
    class: Class,
    tenant: Option<EnterpriseId>,
}

impl SealingName {
    /// The installation's number key, which every ring has.
    const VAULT: Self = Self { class: Class::Number, tenant: None };
}

/// The versions of one data key: the newest seals, all open.
#[derive(Clone)]
struct Versions {
    newest: Arc<DataKey>,
    /// Oldest first.
    older: Vec<Arc<DataKey>>,
}

/// What seals the vault's numbers: keys made from the versions of the installation's number key, so that the vault's
/// nonces, which are hashes, and those of callers never meet.
#[derive(Clone)]
struct VaultKeys {
    newest: Arc<Sealer>,
    /// Newest first, the newest itself too.
    all: Arc<[Arc<Sealer>]>,
}

/// A MAC key with the octets it came from, which are needed to wrap it.
struct Secret {
    octets: Zeroizing<Vec<u8>>,
    mac: MacKey,
}

struct DataKey {
    octets: KeyOctets,
    sealer: Arc<Sealer>,
}

impl KeyRing {
    /// A new ring with fresh random keys. `entropy` fills the whole buffer it is given.
    ///
    /// # Errors
    /// [`KeyError::MasterLength`].
    pub fn generate(master: &[u8], entropy: &mut dyn FnMut(&mut [u8])) -> Result<Self, KeyError> {
        let index = Secret::random(entropy);
        let subscriber = Secret::random(entropy);
        let number = Versions::new(DataKey::random(1, entropy));
        Ok(Self::assemble(index, subscriber, State::new(Master::new(master)?, number)))
    }

    /// The same ring with another device index key, for test vectors.
    #[must_use]
    pub fn with_index_key(self, key: &[u8]) -> Self {
        let index = Secret::new(Zeroizing::new(key.to_vec()));
        let subscriber = Secret::new(self.fixed.subscriber.octets.clone());
        Self::assemble(index, subscriber, State::clone(&self.state.load()))
    }

    /// Adds or replaces the key that opens the device IDs naming `kid`, for any platform; it is active from now on.
    /// The ring must be persisted before that is relied on; [`Draft::add_edi_key`] is for rings in use.
    pub fn import_edi_key(&self, kid: &KeyId, key: [u8; 16], allow_legacy: bool) {
        let profile = EdiProfile { legacy: allow_legacy, ..EdiProfile::default() };
        let key = KeyOctets::filled(|octets| *octets = key);
        let mut draft = self.draft();
        draft.put_edi(kid, EdiEntry::new(key, profile, EdiState::Active));
        self.install(draft);
    }

    /// The sealer of a class and tenant, if its key was made already: that of the newest version.
    #[must_use]
    pub fn sealer(&self, class: Class, tenant: Option<&EnterpriseId>) -> Option<Arc<Sealer>> {
        let name = SealingName { class, tenant: tenant.cloned() };
        self.state.load().sealing.get(&name).map(|versions| Arc::clone(&versions.newest.sealer))
    }

    /// What opens data that a version of a class's and tenant's key sealed; `None` if that version was destroyed.
    #[must_use]
    pub fn opener(&self, class: Class, tenant: Option<&EnterpriseId>, version: u32) -> Option<Arc<Sealer>> {
        let name = SealingName { class, tenant: tenant.cloned() };
        self.state.load().sealing.get(&name)?.of(version).map(|key| Arc::clone(&key.sealer))
    }

    /// Opens what any version of a key sealed, for texts that do not tell theirs (numbers in CDRs); newest first.
    ///
    /// # Errors
    /// [`SealError`] if none opens it.
    pub fn open_any(
        &self,
        class: Class,
        tenant: Option<&EnterpriseId>,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let name = SealingName { class, tenant: tenant.cloned() };
        let state = self.state.load();
        let versions = state.sealing.get(&name).ok_or(SealError)?;
        versions.newest_first().find_map(|key| key.sealer.open(aad, sealed).ok()).ok_or(SealError)
    }

    /// The sealer of a class and tenant, whose key is made on first use. True means that the ring has changed
    /// and must be persisted before the sealer is used.
    pub fn ensure_sealer(
        &self,
        class: Class,
        tenant: Option<&EnterpriseId>,
        entropy: &mut dyn FnMut(&mut [u8]),
    ) -> (Arc<Sealer>, bool) {
        if let Some(sealer) = self.sealer(class, tenant) {
            return (sealer, false);
        }
        let mut draft = self.draft();
        let sealer = draft.ensure(class, tenant, entropy);
        self.install(draft);
        (sealer, true)
    }

    /// A copy to change. Two drafts at a time lose the changes of one: the caller makes them one after the other.
    #[must_use]
    pub fn draft(&self) -> Draft {
        Draft { fixed: Arc::clone(&self.fixed), state: State::clone(&self.state.load()) }
    }

    /// Puts a draft in force, which is to be on disk by now.
    pub fn install(&self, draft: Draft) {
        self.state.store(Arc::new(draft.state));
    }

    /// Every key of encrypted device IDs, by name.
    #[must_use]
    pub fn edi_keys(&self) -> Vec<EdiKeyFacts> {
        let state = self.state.load();
        let mut keys: Vec<_> = state.edi.iter().filter_map(|(kid, entry)| entry.facts(kid)).collect();
        keys.sort_by(|one, other| one.kid.as_str().cmp(other.kid.as_str()));
        keys
    }

    /// Every version of every data key, by class, tenant and version.
    #[must_use]
    pub fn data_keys(&self) -> Vec<DataKeyFacts> {
        let state = self.state.load();
        let mut names: Vec<_> = state.sealing.iter().collect();
        names.sort_by_key(|(name, _)| *name);
        let mut facts = Vec::with_capacity(names.len());
        for (SealingName { class, tenant }, versions) in names {
            facts.extend(versions.oldest_first().map(|key| DataKeyFacts {
                class: *class,
                tenant: tenant.clone(),
                version: key.version(),
                seals: key.version() == versions.newest.version(),
            }));
        }
        facts
    }

    /// Whether a tenant has any data key.
    #[must_use]
    pub fn knows_tenant(&self, tenant: &EnterpriseId) -> bool {
        self.state.load().sealing.keys().any(|name| name.tenant.as_ref() == Some(tenant))
    }

    /// What the ring's root is wrapped by, if the master key is in a token.
    #[must_use]
    pub fn token(&self) -> Option<TokenRoot> {
        self.state.load().master.token().cloned()
    }

    /// What proves a file of list entries, given its hash and whatever says which file it is: a MAC that stays the same as
    /// long as the ring.
    #[must_use]
    pub fn list_tag(&self, about: &[&[u8]]) -> [u8; 32] {
        let mac = MacKey::new(&self.fixed.list.full(&[b"veilgate list file"]));
        let parts: Vec<[u8; 32]> = about.iter().map(|part| mac.full(&[part])).collect();
        mac.full(&parts.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>())
    }

    /// Whether that is the tag. The time it takes says nothing about it.
    #[must_use]
    pub fn is_list_tag(&self, about: &[&[u8]], tag: &[u8]) -> bool {
        self.list_tag(about).ct_eq(tag).into()
    }

    pub(crate) fn index_key(&self) -> &MacKey {
        &self.fixed.index.mac
    }

    pub(crate) fn subscriber_key(&self) -> &MacKey {
        &self.fixed.subscriber.mac
    }

    /// What numbers on lists are hashed with.
    pub(crate) fn list_mac(&self) -> &MacKey {
        &self.fixed.list
    }

    /// What seals the vault's numbers from now on.
    pub(crate) fn vault_sealer(&self) -> Arc<Sealer> {
        Arc::clone(&self.state.load().vault.newest)
    }

    /// Every sealer that may have sealed a number of the vault, newest first.
    pub(crate) fn vault_openers(&self) -> Arc<[Arc<Sealer>]> {
        Arc::clone(&self.state.load().vault.all)
    }

    /// The key for a device ID that a platform gave (`None`: whoever), or a decoy and the reason. A key that is
    /// unknown, retired, of another owner or not meant for this version looks the same outside.
    pub(crate) fn edi_key(&self, edi: &EncryptedDeviceId, platform: Option<&PlatformId>) -> EdiLookup {
        let refused = |why| EdiLookup::Refused { decoy: Arc::clone(&self.fixed.decoy), why };
        let state = self.state.load();
        let Some(entry) = state.edi.get(edi.kid()) else { return refused(EdiRefusal::Unknown) };
        match entry.opener(edi.version() == EdiVersion::Legacy, platform) {
            Ok(key) => EdiLookup::Open(key),
            Err(why) => refused(why),
        }
    }

    fn assemble(index: Secret, subscriber: Secret, state: State) -> Self {
        let decoy = Zeroizing::new(subscriber.mac.short(&[b"veilgate decoy"]));
        let decoy = Arc::new(EdiKey::new(&decoy));
        let list = Zeroizing::new(subscriber.mac.full(&[b"veilgate list"]));
        let list = MacKey::new(list.as_slice());
        Self {
            fixed: Arc::new(Fixed { index, subscriber, list, decoy }),
            state: ArcSwap::from_pointee(state),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing(***)")
    }
}

impl State {
    fn new(master: Master, number: Versions) -> Self {
        let vault = VaultKeys::of(&number);
        let sealing = FxHashMap::from_iter([(SealingName::VAULT, number)]);
        Self { master: Arc::new(master), sealing, vault, edi: FxHashMap::default() }
    }
}

impl Versions {
    fn new(first: DataKey) -> Self {
        Self { newest: Arc::new(first), older: Vec::new() }
    }

    /// From now on another version seals.
    fn push(&mut self, next: DataKey) {
        self.older.push(std::mem::replace(&mut self.newest, Arc::new(next)));
    }

    fn of(&self, version: u32) -> Option<&DataKey> {
        self.newest_first().find(|key| key.version() == version)
    }

    fn newest_first(&self) -> impl Iterator<Item = &DataKey> {
        std::iter::once(&self.newest).chain(self.older.iter().rev()).map(|key| &**key)
    }

    fn oldest_first(&self) -> impl Iterator<Item = &DataKey> {
        self.older.iter().chain([&self.newest]).map(|key| &**key)
    }
}

impl VaultKeys {
    fn of(number: &Versions) -> Self {
        let sealer = |key: &DataKey| {
            let vault = Zeroizing::new(MacKey::new(key.octets.bare()).short(&[b"veilgate vault"]));
            Arc::new(Sealer::of_version(&vault, key.version()))
        };
        let all: Arc<[_]> = number.newest_first().map(sealer).collect();
        let newest = all.first().map_or_else(|| sealer(&number.newest), Arc::clone);
        Self { newest, all }
    }
}

impl Secret {
    fn new(octets: Zeroizing<Vec<u8>>) -> Self {
        let mac = MacKey::new(&octets);
        Self { octets, mac }
    }

    fn random(entropy: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut octets = Zeroizing::new(vec![0; 32]);
        entropy(&mut octets);
        Self::new(octets)
    }
}

impl DataKey {
    fn new(octets: KeyOctets, version: u32) -> Self {
        let sealer = Arc::new(Sealer::of_version(octets.bare(), version));
        Self { octets, sealer }
    }

    fn random(version: u32, entropy: &mut dyn FnMut(&mut [u8])) -> Self {
        Self::new(KeyOctets::filled(|octets| entropy(octets)), version)
    }

    fn version(&self) -> u32 {
        self.sealer.version()
    }
}

#[cfg(test)]
mod tests;
