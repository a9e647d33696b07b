//! Secrets that whatever started the process passes through open descriptors. They are read before the process opens
//! anything itself, since a number that was not passed is given to the next file or socket.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use filedescriptor::FileDescriptor;
use parking_lot::Mutex;
use veilgate_config::Config;
use zeroize::Zeroizing;

use super::KeyFileError;
use super::files::{Octets, Short, file_error, read_hex, read_short};

/// What was passed and nobody took yet.
static PASSED: Mutex<Vec<(i32, Short)>> = Mutex::new(Vec::new());

/// Reads every descriptor that the configuration names, and closes it. To be called before anything else is opened.
///
/// # Errors
/// [`KeyFileError`] if one cannot be read.
pub fn take_descriptors(config: &Config) -> Result<(), KeyFileError> {
    let pin = config.master_key.pkcs11.as_ref().and_then(|token| token.pin_descriptor);
    for number in config.master_key.descriptor.into_iter().chain(pin) {
        let odd = |kind: ErrorKind| file_error(&name(number), kind.into());
        // A copy: only the standard library could take over the number itself, and that is unsafe.
        let mut file = FileDescriptor::dup(&number).map_err(|_| odd(ErrorKind::NotFound))?;
        let text = read_short(&mut file).map_err(|error| file_error(&name(number), error))?;
        PASSED.lock().push((number, text.ok_or_else(|| odd(ErrorKind::InvalidData))?));
        // It was read to its end, and nobody else may read it again. Standard input stays open for what follows.
        if number > 2 {
            let _ = nix::unistd::close(number);
        }
    }
    Ok(())
}

/// The key of hex digits that came through a descriptor.
pub(super) fn read_key<const N: usize>(number: i32) -> Result<Octets<N>, KeyFileError> {
    let text = taken(number)?;
    read_hex(&name(number), &mut text.octets())
}

/// The line that came through a descriptor, without its end.
pub(super) fn read_line(number: i32) -> Result<Zeroizing<String>, KeyFileError> {
    let text = taken(number)?;
    line(&name(number), &mut text.octets())
}

/// The line of a short text.
pub(super) fn line(path: &Path, from: &mut impl std::io::Read) -> Result<Zeroizing<String>, KeyFileError> {
    let odd = || file_error(path, ErrorKind::InvalidData.into());
    let text = read_short(from).map_err(|error| file_error(path, error))?.ok_or_else(odd)?;
    let text = std::str::from_utf8(text.octets()).map_err(|_| odd())?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn taken(number: i32) -> Result<Short, KeyFileError> {
    let mut passed = PASSED.lock();
    let place = passed.iter().position(|(each, _)| *each == number);
    let place = place.ok_or_else(|| file_error(&name(number), ErrorKind::NotFound.into()))?;
    Ok(passed.swap_remove(place).1)
}

fn name(number: i32) -> PathBuf {
    PathBuf::from(format!("descriptor {number}"))
}
