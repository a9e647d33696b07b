//! Where the master key comes from, and how another takes its place without a moment at which a crash would leave a
//! ring that nothing opens:
//! ```text
//! new key -> master.next    then    ring under it -> keys.json    then    master.next -> master.key
//! ```
//! A start that finds `master.next` looks which of the two opens the ring and ends what was begun.

use std::fs;
use std::path::{Path, PathBuf};

use veilgate_config::Config;
use veilgate_identity::{Draft, KeyError, KeyRing, TokenRoot};

use super::KeyFileError;
use super::descriptor;
use super::files::{Octets, create_key, file_error, read_secret, sync_folder, write_key};
use super::token::Token;
use crate::clock;

/// Where the configuration says that the master key is.
pub(super) enum Source {
    /// A file of ours.
    File(PathBuf),
    /// Whatever started the process passes it.
    Descriptor(i32),
    /// A key that never leaves its token wraps the ring's root.
    Token(Token),
}

/// A master key, or what a token unwrapped.
pub(super) struct MasterKey {
    octets: Octets<32>,
    token: Option<TokenRoot>,
}

/// What takes the master key's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewMaster {
    /// A key drawn now; only where the master key is a file.
    Drawn,
    /// The key in this file, mode 0600.
    File(PathBuf),
    /// Another key of the token, by its label.
    TokenKey(String),
}

impl Source {
    pub(super) fn of(config: &Config) -> Result<Self, KeyFileError> {
        Ok(match (&config.master_key.pkcs11, config.master_key.descriptor) {
            (Some(pkcs11), _) => Self::Token(Token::new(pkcs11)?),
            (None, Some(descriptor)) => Self::Descriptor(descriptor),
            (None, None) => Self::File(config.master_key_file()),
        })
    }

    /// The name that operators read in the audit file.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Descriptor(_) => "descriptor",
            Self::Token(_) => "token",
        }
    }

    /// The master key for a ring that is to be made.
    pub(super) fn first(&self) -> Result<MasterKey, KeyFileError> {
        match self {
            Self::File(path) => {
                if !path.exists() {
                    create_key::<32>(path)?;
                }
                Ok(read_secret(path)?.into())
            }
            Self::Descriptor(descriptor) => Ok(descriptor::read_key(*descriptor)?.into()),
            Self::Token(token) => drawn_in(token, token.label()),
        }
    }

    /// Opens the ring of a file; ends a change of the master key that was cut short.
    pub(super) fn open(&self, path: &Path, text: &str) -> Result<KeyRing, KeyFileError> {
        let wrong = |error| KeyFileError::Ring { path: path.to_path_buf(), error };
        let root = KeyRing::token_of(text).map_err(wrong)?;
        match (self, root) {
            (Self::Token(token), Some(root)) => {
                let octets = token.unwrap(&root)?;
                KeyRing::from_sealed_text(octets.as_slice(), text).map_err(wrong)
            }
            (Self::Token(_), None) => Err(KeyFileError::NotInToken(path.to_path_buf())),
            (_, Some(_)) => Err(KeyFileError::InToken(path.to_path_buf())),
            (Self::Descriptor(descriptor), None) => {
                let octets = descriptor::read_key::<32>(*descriptor)?;
                KeyRing::from_sealed_text(octets.as_slice(), text).map_err(wrong)
            }
            (Self::File(master), None) => {
                settle(master, text).map_err(|error| error.of_ring(path))?;
                let octets = read_secret::<32>(master)?;
                KeyRing::from_sealed_text(octets.as_slice(), text).map_err(wrong)
            }
        }
    }

    /// The key that is to take this one's place. Where it has to be kept by us, it is beside the old one when this
    /// returns.
    pub(super) fn prepare(&self, new: NewMaster) -> Result<MasterKey, KeyFileError> {
        let key: MasterKey = match (self, new) {
            (Self::Token(token), NewMaster::TokenKey(label)) => drawn_in(token, &label)?,
            (Self::Token(_), _) => {
                return Err(KeyFileError::Other("the master key is in a token: give --new-label"));
            }
            (_, NewMaster::TokenKey(_)) => {
                return Err(KeyFileError::Other("the master key is not in a token: give --new-file"));
            }
            (_, NewMaster::File(path)) => read_secret(&path)?.into(),
            (Self::File(_), NewMaster::Drawn) => Octets::drawn().into(),
            (Self::Descriptor(_), NewMaster::Drawn) => {
                return Err(KeyFileError::Other(
                    "the master key comes through a descriptor: give --new-file",
                ));
            }
        };
        if let Self::File(master) = self {
            write_key(&next_of(master), key.octets.as_slice())?;
        }
        Ok(key)
    }

    /// Ends the change, forward or back, according to the ring as it is on disk.
    pub(super) fn settle(&self, ring: &Path) -> Result<(), KeyFileError> {
        let Self::File(master) = self else { return Ok(()) };
        let text = fs::read_to_string(ring).map_err(|error| file_error(ring, error))?;
        settle(master, &text).map_err(|error| error.of_ring(ring))
    }
}

impl MasterKey {
    /// Puts a ring under it.
    pub(super) fn rewrap(self, draft: &mut Draft) -> Result<(), KeyError> {
        draft.rewrap(self.octets.as_slice(), self.token)
    }

    /// Makes a new ring.
    pub(super) fn generate(self) -> Result<KeyRing, KeyError> {
        let ring = KeyRing::generate(self.octets.as_slice(), &mut clock::entropy)?;
        let mut draft = ring.draft();
        self.rewrap(&mut draft)?;
        ring.install(draft);
        Ok(ring)
    }
}

impl From<Octets<32>> for MasterKey {
    fn from(octets: Octets<32>) -> Self {
        Self { octets, token: None }
    }
}

/// A fresh root that a key of the token wraps.
fn drawn_in(token: &Token, label: &str) -> Result<MasterKey, KeyFileError> {
    let octets = Octets::drawn();
    let root = token.wrap(label, &octets)?;
    Ok(MasterKey { octets, token: Some(root) })
}

/// Where the next master key lies while the ring is put under it.
fn next_of(master: &Path) -> PathBuf {
    master.with_extension("next")
}

fn settle(master: &Path, ring: &str) -> Result<(), KeyFileError> {
    let next = next_of(master);
    if !next.exists() {
        return Ok(());
    }
    let octets = read_secret::<32>(&next)?;
    let ended = match KeyRing::from_sealed_text(octets.as_slice(), ring) {
        Ok(_) => fs::rename(&next, master),
        Err(KeyError::WrongMaster) => fs::remove_file(&next),
        Err(error) => return Err(KeyFileError::Ring { path: PathBuf::new(), error }),
    };
    ended.and_then(|()| sync_folder(master)).map_err(|error| file_error(&next, error))
}
