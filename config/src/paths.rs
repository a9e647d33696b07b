//! File names in the configuration: made absolute against the folder of the file, and looked at where a missing
//! one must stop the start. The only place of this crate that touches the file system.

use std::path::{Path, PathBuf};

use crate::error::Mistake;
use crate::root::Config;
use crate::south::Secret;
use crate::text::FromText;

/// The longest password file read, octets.
const PASSWORD_FILE_MAX: u64 = 256;

/// Joins every relative file name to `folder`.
pub(crate) fn anchor(config: &mut Config, folder: &Path) {
    let ops = &mut config.ops;
    let ledger = &mut config.ledger;
    let optional = [
        &mut config.master_key.file,
        &mut ops.socket,
        &mut ops.token_file,
        &mut config.log.file,
        &mut ledger.cdr_dir,
        &mut ledger.audit_file,
        &mut ledger.audit_key_file,
    ];
    let token = config.master_key.pkcs11.iter_mut();
    let token = token.flat_map(|token| [Some(&mut token.module), token.pin_file.as_mut()]).flatten();
    let tls =
        config.north.tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key, &mut tls.client_ca]);
    let keys = config.edi_keys.iter_mut().map(|key| &mut key.key_file);
    let passwords = config.channels.iter_mut().filter_map(|channel| channel.password_file.as_mut());
    let all =
        optional.into_iter().filter_map(Option::as_mut).chain(tls).chain(keys).chain(passwords).chain(token);
    for path in all.chain([&mut config.data_dir]) {
        *path = absolute(folder, path);
    }
}

/// Looks whether the TLS files are there, and reads the password files.
///
/// # Errors
/// Names the key of the first file that is missing or not what it should be.
pub(crate) fn look(config: &mut Config) -> Result<(), Mistake> {
    if let Some(tls) = &config.north.tls {
        for (key, path) in [
            ("north.tls.certificate", &tls.certificate),
            ("north.tls.key", &tls.key),
            ("north.tls.client_ca", &tls.client_ca),
        ] {
            if !path.is_file() {
                return Err(Mistake::new(key, format!("no such file: {}", path.display())));
            }
        }
    }
    for (index, channel) in config.channels.iter_mut().enumerate() {
        if let Some(path) = &channel.password_file {
            let key = format!("channels[{index}].password_file");
            channel.password = Some(read_password(path).map_err(|problem| Mistake::new(key, problem))?);
        }
    }
    Ok(())
}

fn read_password(path: &Path) -> Result<Secret, String> {
    let size = std::fs::metadata(path).map(|about| about.len());
    if size.as_ref().is_ok_and(|size| *size > PASSWORD_FILE_MAX) {
        return Err(format!("expected {} in {}", Secret::EXPECTED, path.display()));
    }
    let content =
        std::fs::read_to_string(path).map_err(|_| format!("file cannot be read: {}", path.display()))?;
    Secret::from_text(content.trim_end_matches(['\r', '\n']))
        .ok_or_else(|| format!("expected {} in {}", Secret::EXPECTED, path.display()))
}

fn absolute(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path)
}
