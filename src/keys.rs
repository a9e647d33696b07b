//! The keys on disk: where the master key comes from, the sealed ring of data keys, and the key that signs the audit
//! file. Files are made with mode 0600; one that others can read is refused. Whoever has the store open is alone.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use veilgate_config::{Config, EdiKey};
use veilgate_identity::{Class, Draft, EdiProfile, EdiState, KeyChangeError, KeyError, KeyOctets, KeyRing};
use veilgate_ledger::AuditEvent;
use veilgate_names::{EnterpriseId, KeyId};

mod audit;
mod commands;
mod descriptor;
mod files;
mod master;
mod offline;
mod token;

pub use audit::{audit_key, audit_public_key_file};
pub use commands::{ClassName, DataKeyLine, EdiAllowance, EdiKeyLine, KeyAnswer, KeyCommand};
pub use descriptor::take_descriptors;
pub use files::replace_file;
use files::{file_error, read_hex};
pub use master::NewMaster;
use master::Source;
pub use offline::{OfflineError, offline};
pub use token::TokenError;

use crate::clock;

/// The classes of data keys that each enterprise has.
const TENANT_CLASSES: [Class; 4] = [Class::Text, Class::Alias, Class::Number, Class::Registry];

/// How long the keys may be in use elsewhere before that is told.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Why keys cannot be had or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The key's file is readable for others.
    #[error("{}: must be readable for its owner only (mode 0600)", .0.display())]
    Open(PathBuf),
    /// Not as many hex digits as the key has.
    #[error("{}: expected {digits} hex digits", path.display())]
    Digits {
        /// Which.
        path: PathBuf,
        /// How many.
        digits: usize,
    },
    /// The ring does not open.
    #[error("{}: {error}", path.display())]
    Ring {
        /// Which.
        path: PathBuf,
        /// Why; a wrong master key says so.
        error: KeyError,
    },
    /// The ring's root is in no token, though the configuration names one.
    #[error("{}: not wrapped by a token, but [master_key] names one", .0.display())]
    NotInToken(PathBuf),
    /// The ring's root is wrapped by a token that the configuration does not name.
    #[error("{}: wrapped by a token, but [master_key] names none", .0.display())]
    InToken(PathBuf),
    /// The token does not do its part.
    #[error("{}: {error}", module.display())]
    Token {
        /// Its module.
        module: PathBuf,
        /// Why.
        error: TokenError,
    },
    /// Another process has the keys.
    #[error("{}: the keys are in use by another process", .0.display())]
    InUse(PathBuf),
    /// A write failed so that only a restart finds out what is on disk.
    #[error("{}: a write failed before; restart", .0.display())]
    Torn(PathBuf),
    /// A key of the configuration is not what the ring holds under its name.
    #[error("{}: another key is in the ring as \"{kid}\"; a new key needs a new kid", path.display())]
    OtherKey {
        /// Its file.
        path: PathBuf,
        /// Its name.
        kid: KeyId,
    },
    /// The change is not allowed.
    #[error("{0}")]
    Change(#[from] KeyChangeError),
    /// What is asked for does not fit the configuration.
    #[error("{0}")]
    Other(&'static str),
}

impl KeyFileError {
    /// The same about the ring's file.
    fn of_ring(self, path: &Path) -> Self {
        match self {
            Self::Ring { error, .. } => Self::Ring { path: path.to_path_buf(), error },
            other => other,
        }
    }
}

/// The key ring with the file it is kept in. Changes are made one at a time, and are on disk before they are in force.
pub struct KeyStore {
    ring: Arc<KeyRing>,
    path: PathBuf,
    source: Source,
    changing: Mutex<()>,
    lock: Mutex<Option<File>>,
    /// What the audit file is to be told.
    news: Mutex<Vec<AuditEvent>>,
}

impl KeyStore {
    /// Reads the master key and the ring; makes both at first start. Imports the device ID keys of the configuration.
    ///
    /// # Errors
    /// [`KeyFileError`] with the file and what is wrong with it.
    pub fn open(config: &Config) -> Result<Self, KeyFileError> {
        let path = config.key_ring_file();
        let lock = lock(&path)?;
        let source = Source::of(config)?;
        let (ring, fresh) = if path.exists() {
            let text = fs::read_to_string(&path).map_err(|error| file_error(&path, error))?;
            (source.open(&path, &text)?, false)
        } else {
            let ring = source.first()?.generate();
            (ring.map_err(|error| KeyFileError::Ring { path: path.clone(), error })?, true)
        };
        let store = Self {
            ring: Arc::new(ring),
            path,
            source,
            changing: Mutex::default(),
            lock: Mutex::new(Some(lock)),
            news: Mutex::default(),
        };
        if fresh {
            store.tell(AuditEvent::KeyRingMade);
            store.change(|_| Ok(()))?;
        }
        for key in &config.edi_keys {
            store.configured(key)?;
        }
        store.ensure_tenants(config.enterprises.iter().map(|enterprise| &enterprise.id))?;
        Ok(store)
    }

    /// The ring.
    #[must_use]
    pub fn ring(&self) -> &Arc<KeyRing> {
        &self.ring
    }

    /// Makes the data keys of tenants that have none yet, and saves the ring before any is used.
    ///
    /// # Errors
    /// [`KeyFileError`] if the ring cannot be saved.
    pub fn ensure_tenants<'a>(
        &self,
        tenants: impl Iterator<Item = &'a EnterpriseId>,
    ) -> Result<(), KeyFileError> {
        let tenants = tenants.flat_map(|tenant| TENANT_CLASSES.map(|class| (class, Some(tenant))));
        let missing: Vec<_> = [(Class::Registry, None)]
            .into_iter()
            .chain(tenants)
            .filter(|(class, tenant)| self.ring.sealer(*class, *tenant).is_none())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let made = u64::try_from(missing.len()).unwrap_or(u64::MAX);
        self.change(|draft| {
            for (class, tenant) in missing {
                draft.ensure(class, tenant, &mut clock::entropy);
            }
            Ok(())
        })?;
        self.tell(AuditEvent::DataKeysMade { count: made });
        Ok(())
    }

    /// What was changed since the last call, for the audit file.
    #[must_use]
    pub fn news(&self) -> Vec<AuditEvent> {
        std::mem::take(&mut self.news.lock())
    }

    /// Changes the ring: on a copy, which is on disk before it is in force.
    ///
    /// # Errors
    /// Whatever `change` gives back, and [`KeyFileError`] if the ring cannot be saved; then nothing has changed.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Draft) -> Result<T, KeyFileError>,
    ) -> Result<T, KeyFileError> {
        let _alone = self.changing.lock();
        self.change_alone(change)
    }

    /// Puts the ring under another master key. Whatever happens on the way, the next start finds a ring that opens.
    ///
    /// # Errors
    /// [`KeyFileError`]; the old master key stays in force.
    pub fn rotate_master(&self, new: NewMaster) -> Result<(), KeyFileError> {
        let _alone = self.changing.lock();
        let key = self.source.prepare(new)?;
        let ring = |error| KeyFileError::Ring { path: self.path.clone(), error };
        let changed = self.change_alone(|draft| key.rewrap(draft).map_err(ring));
        let settled = self.source.settle(&self.path);
        changed.and(settled)
    }

    /// Puts the ring under the master key of another configuration, which is put in force afterwards. Gives where
    /// that comes from.
    ///
    /// # Errors
    /// [`KeyFileError`]; the old master key stays in force.
    pub fn move_master(&self, to: &Config) -> Result<&'static str, KeyFileError> {
        let _alone = self.changing.lock();
        let source = Source::of(to)?;
        let key = source.first()?;
        let ring = |error| KeyFileError::Ring { path: self.path.clone(), error };
        self.change_alone(|draft| key.rewrap(draft).map_err(ring))?;
        Ok(source.name())
    }

    /// Lets others have the keys' files, though the ring stays in use until it is dropped.
    pub fn release(&self) {
        self.lock.lock().take();
    }

    /// Where the master key comes from, one word.
    #[must_use]
    pub fn master_source(&self) -> &'static str {
        self.source.name()
    }

    fn tell(&self, event: AuditEvent) {
        self.news.lock().push(event);
    }

    fn change_alone<T>(
        &self,
        change: impl FnOnce(&mut Draft) -> Result<T, KeyFileError>,
    ) -> Result<T, KeyFileError> {
        if self.lock.lock().is_none() {
            return Err(KeyFileError::Torn(self.path.clone()));
        }
        let mut draft = self.ring.draft();
        let done = change(&mut draft)?;
        if let Err(error) = self.write(&draft) {
            self.take_back();
            return Err(error);
        }
        self.ring.install(draft);
        Ok(done)
    }

    fn write(&self, draft: &Draft) -> Result<(), KeyFileError> {
        let text = draft.to_sealed_text();
        let text = text.map_err(|error| KeyFileError::Ring { path: self.path.clone(), error })?;
        replace_file(&self.path, |file| file.write_all(text.as_bytes()))
            .map_err(|error| file_error(&self.path, error))
    }

    /// After a failed write: the disk must hold the ring that is in force, or nothing more may be written, since the
    /// next master key may be in place there already.
    fn take_back(&self) {
        let held = fs::read_to_string(&self.path).ok();
        let same = self.ring.to_sealed_text().is_ok_and(|text| held == Some(text));
        if !same && self.write(&self.ring.draft()).is_err() {
            self.release();
        }
    }

    /// Takes over a key of the configuration: its profile, and the key itself unless the ring has it. How far a key
    /// has come in its life is the ring's to say.
    fn configured(&self, key: &EdiKey) -> Result<(), KeyFileError> {
        let EdiKey { kid, key_file, allow_gcm, allow_legacy, owner } = key;
        let profile = EdiProfile { gcm: *allow_gcm, legacy: *allow_legacy, owner: owner.clone() };
        // Once imported, the file may go away.
        let file = if key_file.exists() { Some(read_edi_key(key_file)?) } else { None };
        let mut draft = self.ring.draft();
        match (draft.edi_state(kid), file) {
            (None, None) | (Some(EdiState::Destroyed), _) => return Ok(()),
            (None, Some(octets)) => {
                self.change(|draft| Ok(draft.add_edi_key(kid, octets, profile)?))?;
                self.tell(AuditEvent::EdiKeyImported { kid: kid.clone() });
                return Ok(());
            }
            (Some(_), Some(octets)) if draft.is_edi_key(kid, &octets) == Some(false) => {
                return Err(KeyFileError::OtherKey { path: key_file.clone(), kid: kid.clone() });
            }
            (Some(_), _) => {}
        }
        if draft.profile_edi_key(kid, profile.clone())? {
            self.change(|draft| Ok(draft.profile_edi_key(kid, profile)?))?;
            self.tell(AuditEvent::EdiKeyProfiled { kid: kid.clone() });
        }
        Ok(())
    }
}

/// No core file of this process, and no other process of the same user may look into it: both would show keys and
/// numbers. To be called before any key is read.
pub fn no_core_dumps() {
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Reads a key of encrypted device IDs.
fn read_edi_key(path: &Path) -> Result<KeyOctets, KeyFileError> {
    let mut file = File::open(path).map_err(|error| file_error(path, error))?;
    let key = read_hex::<16>(path, &mut file)?;
    Ok(KeyOctets::filled(|octets| octets.copy_from_slice(key.as_slice())))
}

/// Makes sure that nobody else changes the keys, for as long as the file is open. Waits a little for a command that
/// is at work on them.
fn lock(ring: &Path) -> Result<File, KeyFileError> {
    let path = ring.with_extension("lock");
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|error| file_error(&path, error))?;
    let until = clock::mono().plus(LOCK_PATIENCE);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if clock::mono() < until => std::thread::sleep(LOCK_PAUSE),
            Err(fs::TryLockError::WouldBlock) => return Err(KeyFileError::InUse(path)),
            Err(fs::TryLockError::Error(error)) => return Err(file_error(&path, error)),
        }
    }
}
