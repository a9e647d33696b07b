//! The key that signs the audit file.

use std::fs;
use std::path::{Path, PathBuf};

use veilgate_config::Config;
use veilgate_notary::SecretKey;

use super::KeyFileError;
use super::files::{create_key, file_error, read_secret};

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
