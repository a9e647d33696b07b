//! Key files: the master key, the sealed ring of data keys, and the key that signs the audit file. Files are made
//! with mode 0600 at first start; a master key that others can read is refused.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use veilgate_config::Config;
use veilgate_identity::{Class, KeyError, KeyRing};
use veilgate_names::{EnterpriseId, KeyId};
use veilgate_notary::SecretKey;
use zeroize::Zeroizing;

use crate::clock;

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The master key's file is readable for others.
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
}

/// The key ring with the file it is kept in.
pub struct KeyStore {
    ring: Arc<KeyRing>,
    path: PathBuf,
}

impl KeyStore {
    /// Reads the master key and the ring; makes both at first start. Imports the device ID keys of the configuration.
    ///
    /// # Errors
    /// [`KeyFileError`] with the file and what is wrong with it.
    pub fn open(config: &Config) -> Result<Self, KeyFileError> {
        let path = config.key_ring_file();
        let master_file = config.master_key_file();
        if !master_file.exists() && !path.exists() {
            create_key::<32>(&master_file)?;
        }
        let master = read_secret::<32>(&master_file)?;
        let ring = if path.exists() {
            let text = fs::read_to_string(&path).map_err(|error| file_error(&path, error))?;
            KeyRing::from_sealed_text(&*master, &text)
        } else {
            KeyRing::generate(&*master, &mut clock::entropy)
        };
        let ring = ring.map_err(|error| KeyFileError::Ring { path: path.clone(), error })?;
        let store = Self { ring: Arc::new(ring), path };
        for key in &config.edi_keys {
            // Once imported, the file may go away.
            if key.key_file.exists() {
                store.import(&key.kid, &key.key_file, key.allow_legacy)?;
            }
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
        self.ring.ensure_sealer(Class::Registry, None, &mut clock::entropy);
        for tenant in tenants {
            for class in [Class::Text, Class::Alias, Class::Number] {
                self.ring.ensure_sealer(class, Some(tenant), &mut clock::entropy);
            }
        }
        self.save()
    }

    fn import(&self, kid: &KeyId, file: &Path, allow_legacy: bool) -> Result<(), KeyFileError> {
        let key = read_hex::<16>(file)?;
        self.ring.import_edi_key(kid, *key, allow_legacy);
        Ok(())
    }

    fn save(&self) -> Result<(), KeyFileError> {
        let text = self.ring.to_sealed_text();
        let text = text.map_err(|error| KeyFileError::Ring { path: self.path.clone(), error })?;
        replace_file(&self.path, |file| file.write_all(text.as_bytes()))
            .map_err(|error| file_error(&self.path, error))
    }
}

/// The key that signs audit checkpoints; made at first start, its public half beside it for the verifier.
///
/// # Errors
/// [`KeyFileError`] with the file and what is wrong with it.
pub fn audit_key(config: &Config) -> Result<SecretKey, KeyFileError> {
    let path = config.audit_key_file();
    while !path.exists() {
        create_key::<32>(&path)?;
        // One scalar in 2^32 is no SM2 key; then another is drawn.
        if read_secret::<32>(&path).is_ok_and(|scalar| SecretKey::from_bytes(&scalar).is_err()) {
            fs::remove_file(&path).map_err(|error| file_error(&path, error))?;
        }
    }
    let scalar = read_secret::<32>(&path)?;
    let key = SecretKey::from_bytes(&scalar)
        .map_err(|_| KeyFileError::Digits { path: path.clone(), digits: 64 })?;
    let public = audit_public_key_file(&path);
    if !public.exists() {
        fs::write(&public, format!("{}\n", key.public_key().to_hex()))
            .map_err(|error| file_error(&public, error))?;
    }
    Ok(key)
}

/// Where the public half of the audit key lies.
#[must_use]
pub fn audit_public_key_file(key: &Path) -> PathBuf {
    key.with_extension("pub")
}

/// Writes a file anew so that a crash leaves the old one or the new one.
///
/// # Errors
/// [`io::Error`] as the disk gives it.
pub fn replace_file(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    write(&mut file)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn create_key<const N: usize>(path: &Path) -> Result<(), KeyFileError> {
    let mut octets = Zeroizing::new([0; N]);
    clock::entropy(&mut *octets);
    let digits: Zeroizing<String> =
        Zeroizing::new(octets.iter().map(|octet| format!("{octet:02x}")).collect());
    replace_file(path, |file| writeln!(file, "{}", *digits)).map_err(|error| file_error(path, error))
}

/// Reads a key that nobody else may read.
fn read_secret<const N: usize>(path: &Path) -> Result<Zeroizing<[u8; N]>, KeyFileError> {
    let about = fs::metadata(path).map_err(|error| file_error(path, error))?;
    if about.mode() & 0o077 != 0 {
        return Err(KeyFileError::Open(path.to_path_buf()));
    }
    read_hex(path)
}

fn read_hex<const N: usize>(path: &Path) -> Result<Zeroizing<[u8; N]>, KeyFileError> {
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| file_error(path, error))?);
    let wrong = || KeyFileError::Digits { path: path.to_path_buf(), digits: 2 * N };
    let mut key = Zeroizing::new([0; N]);
    let digits = text.trim().as_bytes();
    if digits.len() != 2 * N {
        return Err(wrong());
    }
    for (octet, pair) in key.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *octet = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(key)
}

fn file_error(path: &Path, error: io::Error) -> KeyFileError {
    KeyFileError::File { path: path.to_path_buf(), error }
}
