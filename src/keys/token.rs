//! The master key in a PKCS#11 token: an AES key that never leaves it wraps the ring's root with AES-GCM. One session
//! per use, since the root is unwrapped at a start and wrapped when it changes.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use veilgate_config::Pkcs11 as TokenConfig;
use veilgate_identity::TokenRoot;
use zeroize::Zeroizing;

use super::KeyFileError;
use super::descriptor;
use super::files::{Octets, file_error};
use crate::clock;

/// Octets of the nonce before the wrapped root.
const NONCE: usize = 12;
/// What the wrapped root is bound to.
const BOUND_TO: &[u8] = b"veilgate key ring root";

/// A token as the configuration names it. The PIN is kept in memory, for a change of the wrapping key.
pub(super) struct Token {
    module: PathBuf,
    token: String,
    label: String,
    pin: AuthPin,
}

/// Why a token does not do what it should. What it says itself is a code of PKCS#11.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The module cannot be loaded.
    #[error("the module cannot be loaded")]
    Module,
    /// There is no such token.
    #[error("there is no token of this name")]
    NoToken,
    /// The PIN is wrong or locked.
    #[error("the token refuses the PIN")]
    Pin,
    /// There is no such key.
    #[error("the token has no AES key of this label")]
    NoKey,
    /// Several keys have this label.
    #[error("the token has several AES keys of this label")]
    Ambiguous,
    /// The key does not open the root.
    #[error("the key ring's root was wrapped by another key")]
    WrongKey,
    /// Anything else.
    #[error("the token fails: {0}")]
    Failed(&'static str),
}

impl Token {
    pub(super) fn new(config: &TokenConfig) -> Result<Self, KeyFileError> {
        let pin = match (&config.pin_file, config.pin_descriptor) {
            (Some(path), _) => {
                let mut file = File::open(path).map_err(|error| file_error(path, error))?;
                let about = file.metadata().map_err(|error| file_error(path, error))?;
                if about.mode() & 0o077 != 0 {
                    return Err(KeyFileError::Open(path.clone()));
                }
                descriptor::line(path, &mut file)?
            }
            (None, Some(number)) => descriptor::read_line(number)?,
            (None, None) => Zeroizing::default(),
        };
        let pin = AuthPin::new(String::from(&**pin).into_boxed_str());
        let TokenConfig { module, token, key, .. } = config;
        Ok(Self {
            module: module.clone(),
            token: token.as_str().to_owned(),
            label: key.as_str().to_owned(),
            pin,
        })
    }

    /// The wrapping key for a new ring; an old one names its own.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Wraps a root by the key of this label.
    pub(super) fn wrap(&self, label: &str, root: &[u8; 32]) -> Result<TokenRoot, KeyFileError> {
        let mut nonce = [0; NONCE];
        clock::entropy(&mut nonce);
        let mut wrapped = nonce.to_vec();
        let sealed = self.with_key(label, |session, key| {
            let gcm = GcmParams::new(&mut nonce, BOUND_TO, 128.into())
                .map_err(|_| TokenError::Failed("parameters"))?;
            session.encrypt(&Mechanism::AesGcm(gcm), key, root).map_err(|error| failed(&error))
        })?;
        wrapped.extend_from_slice(&sealed);
        Ok(TokenRoot { label: label.to_owned(), wrapped })
    }

    /// The root that [`Self::wrap`] wrapped.
    pub(super) fn unwrap(&self, root: &TokenRoot) -> Result<Octets<32>, KeyFileError> {
        let octets = self.with_key(&root.label, |session, key| {
            let (nonce, sealed) = root.wrapped.split_first_chunk::<NONCE>().ok_or(TokenError::WrongKey)?;
            let mut nonce = *nonce;
            let gcm = GcmParams::new(&mut nonce, BOUND_TO, 128.into())
                .map_err(|_| TokenError::Failed("parameters"))?;
            session.decrypt(&Mechanism::AesGcm(gcm), key, sealed).map(Zeroizing::new).map_err(|error| {
                match error {
                    Error::Pkcs11(RvError::EncryptedDataInvalid | RvError::GeneralError, _) => {
                        TokenError::WrongKey
                    }
                    error => failed(&error),
                }
            })
        })?;
        let mut key = Octets::zero();
        if octets.len() != key.len() {
            return Err(self.error(TokenError::WrongKey));
        }
        key.copy_from_slice(&octets);
        Ok(key)
    }

    fn with_key<T>(
        &self,
        label: &str,
        work: impl FnOnce(&Session, ObjectHandle) -> Result<T, TokenError>,
    ) -> Result<T, KeyFileError> {
        let done = self.session().and_then(|session| {
            let key = find(&session, label)?;
            work(&session, key)
        });
        done.map_err(|error| self.error(error))
    }

    fn session(&self) -> Result<Session, TokenError> {
        let module = Pkcs11::new(&self.module).map_err(|_| TokenError::Module)?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(failed(&error)),
        }
        let slots = module.get_slots_with_initialized_token().map_err(|error| failed(&error))?;
        let named = |slot: &cryptoki::slot::Slot| {
            module.get_token_info(*slot).is_ok_and(|token| token.label().trim_end() == self.token)
        };
        let slot = slots.into_iter().find(named).ok_or(TokenError::NoToken)?;
        let session = module.open_ro_session(slot).map_err(|error| failed(&error))?;
        match session.login(UserType::User, Some(&self.pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLocked | RvError::PinLenRange,
                _,
            )) => Err(TokenError::Pin),
            Err(error) => Err(failed(&error)),
        }
    }

    fn error(&self, error: TokenError) -> KeyFileError {
        KeyFileError::Token { module: self.module.clone(), error }
    }
}

fn find(session: &Session, label: &str) -> Result<ObjectHandle, TokenError> {
    let wanted = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(cryptoki::object::KeyType::AES),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    match session.find_objects(&wanted).map_err(|error| failed(&error))?.as_slice() {
        [key] => Ok(*key),
        [] => Err(TokenError::NoKey),
        _ => Err(TokenError::Ambiguous),
    }
}

/// The kind of an error, without any text of the token's.
fn failed(error: &Error) -> TokenError {
    TokenError::Failed(match error {
        Error::Pkcs11(RvError::DeviceError | RvError::DeviceRemoved, _) => "device",
        Error::Pkcs11(RvError::FunctionNotSupported | RvError::MechanismInvalid, _) => "not supported",
        Error::Pkcs11(RvError::KeyFunctionNotPermitted, _) => "the key may not encrypt and decrypt",
        Error::Pkcs11(RvError::SessionCount | RvError::HostMemory | RvError::DeviceMemory, _) => "no room",
        Error::Pkcs11(..) => "PKCS#11",
        _ => "module",
    })
}
