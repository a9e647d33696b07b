//! Files that hold keys: mode 0600 or refused, replaced whole, and read without leaving copies in memory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::KeyFileError;
use crate::clock;

/// More than any key file has: digits of the longest key and white space around them.
const MOST: usize = 256;

/// Octets of a key, wiped when dropped. They lie on the heap, so that moving them leaves no copy behind.
pub(super) struct Octets<const N: usize>(Box<Zeroizing<[u8; N]>>);

impl<const N: usize> Octets<N> {
    pub(super) fn zero() -> Self {
        Self(Box::new(Zeroizing::new([0; N])))
    }

    /// Fresh ones.
    pub(super) fn drawn() -> Self {
        let mut octets = Self::zero();
        clock::entropy(octets.as_mut_slice());
        octets
    }
}

impl<const N: usize> Deref for Octets<N> {
    type Target = [u8; N];

    fn deref(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> DerefMut for Octets<N> {
    fn deref_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
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
    sync_folder(path)
}

/// Makes the names of a file's folder durable.
pub(super) fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Writes a fresh key into a file.
pub(super) fn create_key<const N: usize>(path: &Path) -> Result<(), KeyFileError> {
    write_key(path, Octets::<N>::drawn().as_slice())
}

/// Writes a key as hex digits, over what is there.
pub(super) fn write_key(path: &Path, key: &[u8]) -> Result<(), KeyFileError> {
    let line = hex_line(key);
    replace_file(path, |file| file.write_all(&line)).map_err(|error| file_error(path, error))
}

/// Writes a key into a file that must not be there yet.
pub(super) fn export_key(path: &Path, key: &[u8]) -> Result<(), KeyFileError> {
    let line = hex_line(key);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(&line).and_then(|()| file.sync_all()));
    written.and_then(|()| sync_folder(path)).map_err(|error| file_error(path, error))
}

/// Reads a key that nobody else may read.
pub(super) fn read_secret<const N: usize>(path: &Path) -> Result<Octets<N>, KeyFileError> {
    let mut file = File::open(path).map_err(|error| file_error(path, error))?;
    // Of the open file, so that it is the one that is read.
    let about = file.metadata().map_err(|error| file_error(path, error))?;
    if about.mode() & 0o077 != 0 {
        return Err(KeyFileError::Open(path.to_path_buf()));
    }
    read_hex(path, &mut file)
}

/// Reads a key of hex digits.
pub(super) fn read_hex<const N: usize>(path: &Path, from: &mut impl Read) -> Result<Octets<N>, KeyFileError> {
    let wrong = || KeyFileError::Digits { path: path.to_path_buf(), digits: 2 * N };
    let text = read_short(from).map_err(|error| file_error(path, error))?.ok_or_else(wrong)?;
    let digits = text.octets().trim_ascii();
    let mut key = Octets::<N>::zero();
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return Err(wrong());
    }
    for (octet, [high, low]) in key.iter_mut().zip(pairs) {
        *octet = (nibble(*high).ok_or_else(wrong)? << 4) | nibble(*low).ok_or_else(wrong)?;
    }
    Ok(key)
}

/// A short text, wiped when dropped.
pub(super) struct Short {
    text: Box<Zeroizing<[u8; MOST]>>,
    length: usize,
}

impl Short {
    pub(super) fn octets(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

/// Reads a short text to its end; `None` if it is longer. The buffer is the only copy.
pub(super) fn read_short(from: &mut impl Read) -> io::Result<Option<Short>> {
    let mut text = Box::new(Zeroizing::new([0; MOST]));
    let mut length = 0;
    loop {
        let Some(room) = text.get_mut(length..).filter(|room| !room.is_empty()) else { return Ok(None) };
        match from.read(room) {
            Ok(0) => return Ok(Some(Short { text, length })),
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn file_error(path: &Path, error: io::Error) -> KeyFileError {
    KeyFileError::File { path: path.to_path_buf(), error }
}

fn hex_line(key: &[u8]) -> Zeroizing<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut line = Zeroizing::new(Vec::with_capacity(2 * key.len() + 1));
    for octet in key {
        for nibble in [octet >> 4, octet & 15] {
            line.extend(DIGITS.get(usize::from(nibble)));
        }
    }
    line.push(b'\n');
    line
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
