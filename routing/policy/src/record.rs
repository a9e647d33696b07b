//! Records of what is counted: keys and values of the store, made and read here so that nobody else knows their form.

use sm3::{Digest, Sm3};

/// Something to be written, or deleted where it has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key in the space.
    pub key: Box<[u8]>,
    /// Its value; `None`: delete.
    pub value: Option<Box<[u8]>>,
}

/// A record that is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record is damaged")]
pub struct BadRecord;

/// Octets of a [`key`].
pub(crate) const KEY: usize = 17;

/// A key of fixed length for names of any: what it is about, and 16 octets of SM3 of the names, each with its length.
pub(crate) fn key(tag: u8, names: &[&str]) -> [u8; KEY] {
    let mut digest = Sm3::new();
    for name in names {
        digest.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(name.as_bytes());
    }
    let mut key = [tag; KEY];
    for (to, from) in key.iter_mut().skip(1).zip(digest.finalize()) {
        *to = from;
    }
    key
}

/// Writes the fields of a value, big-endian.
#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Begins with the version of the form.
    pub(crate) fn new(version: u8) -> Self {
        Self(vec![version])
    }

    pub(crate) fn number(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn amount(mut self, value: i64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A name of up to 255 octets.
    pub(crate) fn name(mut self, name: &str) -> Self {
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        self.0.push(length);
        self.0.extend(name.bytes().take(usize::from(length)));
        self
    }

    pub(crate) fn finish(self) -> Box<[u8]> {
        self.0.into()
    }
}

/// Reads what a [`Writer`] wrote.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(value: &'a [u8], version: u8) -> Result<Self, BadRecord> {
        match value.split_first() {
            Some((first, rest)) if *first == version => Ok(Self(rest)),
            _ => Err(BadRecord),
        }
    }

    pub(crate) fn number(&mut self) -> Result<u64, BadRecord> {
        let (number, rest) = self.0.split_first_chunk().ok_or(BadRecord)?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*number))
    }

    pub(crate) fn amount(&mut self) -> Result<i64, BadRecord> {
        let (number, rest) = self.0.split_first_chunk().ok_or(BadRecord)?;
        self.0 = rest;
        Ok(i64::from_be_bytes(*number))
    }

    pub(crate) fn name(&mut self) -> Result<&'a str, BadRecord> {
        let (length, rest) = self.0.split_first().ok_or(BadRecord)?;
        let (name, rest) = rest.split_at_checked(usize::from(*length)).ok_or(BadRecord)?;
        self.0 = rest;
        std::str::from_utf8(name).map_err(|_| BadRecord)
    }

    /// Nothing may follow.
    pub(crate) fn finish(self) -> Result<(), BadRecord> {
        if self.0.is_empty() { Ok(()) } else { Err(BadRecord) }
    }
}
