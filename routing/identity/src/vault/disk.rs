//! The vault as a stream: header, rows, and an HMAC-SM3 over all of it under a key of the ring, so a vault of other
//! keys or a changed octet is noticed. Layout, little-endian:
//! `"VGVAULT1" key_check16 bindings:u64 tenures:u64 numbers:u64`, then the rows, then `mac32`.

use std::io::{self, Read, Write};

use hmac::Mac;
use subtle::ConstantTimeEq;

use super::{Binding, HolderHash, Interval, NumberHash, NumberRef, NumberRow, TenureRow, Vault};
use crate::device::DeviceIndex;
use crate::keys::KeyRing;

const MAGIC: &[u8; 8] = b"VGVAULT1";
const HEADER: usize = 8 + 16 + 24;
const BINDING: usize = 28;
const TENURE: usize = 29;
const NUMBER: usize = 40;
/// Rows read and checked at a time, so that a wrong count cannot reserve memory.
const ROWS: usize = 4096;

/// Why a stored vault was not read or written. The subscriber feed can always be imported again.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It was written under another key ring.
    #[error("the vault belongs to another key ring")]
    WrongKeys,
    /// It is cut, changed, or of another version.
    #[error("the vault is damaged")]
    Damaged,
    /// The stream failed.
    #[error("the vault could not be read or written")]
    Io(#[source] io::Error),
}

impl Vault {
    /// Writes the whole snapshot. Numbers are sealed, devices and holders hashed; times are in the clear.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn write_to(&self, out: impl Write, keys: &KeyRing) -> Result<(), VaultError> {
        let mut out = MacWriter { out, mac: keys.subscriber_key().stream(), chunk: Vec::new() };
        out.put(MAGIC)?;
        out.put(&key_check(keys))?;
        for count in [self.bindings.len(), self.tenures.len(), self.numbers.len()] {
            out.put(&u64::try_from(count).unwrap_or(u64::MAX).to_le_bytes())?;
        }
        for row in &self.bindings {
            out.put(&binding_octets(row))?;
        }
        for row in &self.tenures {
            out.put(&tenure_octets(row))?;
        }
        for row in &self.numbers {
            out.put(&row.hash.0)?;
            out.put(&row.sealed)?;
        }
        out.finish()
    }

    /// Reads what [`Self::write_to`] wrote under the same key ring.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn read_from(input: impl Read, keys: &KeyRing) -> Result<Self, VaultError> {
        let mut input = MacReader { input, mac: keys.subscriber_key().stream() };
        let header = input.array::<HEADER>()?;
        let (magic, rest) = header.split_first_chunk::<8>().ok_or(VaultError::Damaged)?;
        let (check, counts) = rest.split_first_chunk::<16>().ok_or(VaultError::Damaged)?;
        if magic != MAGIC {
            return Err(VaultError::Damaged);
        }
        if !bool::from(check.ct_eq(&key_check(keys))) {
            return Err(VaultError::WrongKeys);
        }
        let mut counts = counts.as_chunks::<8>().0.iter().map(|octets| u64::from_le_bytes(*octets));
        let mut count = || counts.next().unwrap_or(0);
        let bindings = input.rows::<BINDING, _>(count(), read_binding)?;
        let tenures = input.rows::<TENURE, _>(count(), read_tenure)?;
        let numbers = input.rows::<NUMBER, _>(count(), read_number)?;
        input.finish()?;
        Ok(Self::from_sorted(bindings, tenures, numbers))
    }
}

struct MacWriter<W> {
    out: W,
    mac: hmac::Hmac<sm3::Sm3>,
    chunk: Vec<u8>,
}

impl<W: Write> MacWriter<W> {
    fn put(&mut self, octets: &[u8]) -> Result<(), VaultError> {
        self.chunk.extend_from_slice(octets);
        if self.chunk.len() >= 1 << 16 { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), VaultError> {
        self.mac.update(&self.chunk);
        self.out.write_all(&self.chunk).map_err(VaultError::Io)?;
        self.chunk.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), VaultError> {
        self.flush()?;
        let tag = self.mac.finalize().into_bytes();
        self.out.write_all(&tag).and_then(|()| self.out.flush()).map_err(VaultError::Io)
    }
}

struct MacReader<R> {
    input: R,
    mac: hmac::Hmac<sm3::Sm3>,
}

impl<R: Read> MacReader<R> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], VaultError> {
        let mut octets = [0; N];
        self.input.read_exact(&mut octets).map_err(cut)?;
        self.mac.update(&octets);
        Ok(octets)
    }

    fn rows<const N: usize, T>(
        &mut self,
        count: u64,
        read: fn(&[u8; N]) -> Option<T>,
    ) -> Result<Vec<T>, VaultError> {
        let mut left = usize::try_from(count).map_err(|_| VaultError::Damaged)?;
        let mut rows = Vec::new();
        let mut chunk = vec![0; ROWS * N];
        while left > 0 {
            let now = left.min(ROWS);
            let octets = chunk.get_mut(..now * N).ok_or(VaultError::Damaged)?;
            self.input.read_exact(octets).map_err(cut)?;
            self.mac.update(octets);
            for row in octets.as_chunks::<N>().0 {
                rows.push(read(row).ok_or(VaultError::Damaged)?);
            }
            left -= now;
        }
        rows.shrink_to_fit();
        Ok(rows)
    }

    fn finish(mut self) -> Result<(), VaultError> {
        let mut tag = [0; 32];
        self.input.read_exact(&mut tag).map_err(cut)?;
        let whole: bool = self.mac.finalize().into_bytes().as_slice().ct_eq(&tag).into();
        let more = self.input.read(&mut [0]).map_err(VaultError::Io)?;
        if whole && more == 0 { Ok(()) } else { Err(VaultError::Damaged) }
    }
}

fn cut(error: io::Error) -> VaultError {
    if error.kind() == io::ErrorKind::UnexpectedEof { VaultError::Damaged } else { VaultError::Io(error) }
}

fn key_check(keys: &KeyRing) -> [u8; 16] {
    let mut parts = keys.index_key().short(&[b"vault check"]);
    for (octet, other) in parts.iter_mut().zip(keys.subscriber_key().short(&[b"vault check"])) {
        *octet ^= other;
    }
    parts
}

fn binding_octets(row: &Binding) -> [u8; BINDING] {
    let mut octets = [0; BINDING];
    let words = [row.interval.from, row.interval.to, row.number_and_primary];
    let parts = row.device.0.into_iter().chain(words.into_iter().flat_map(u32::to_le_bytes));
    octets.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    octets
}

fn read_binding(octets: &[u8; BINDING]) -> Option<Binding> {
    let (device, words) = octets.split_first_chunk::<16>()?;
    let [from, to, number_and_primary] = words3(words)?;
    Some(Binding { device: DeviceIndex(*device), interval: Interval { from, to }, number_and_primary })
}

fn tenure_octets(row: &TenureRow) -> [u8; TENURE] {
    let mut octets = [0; TENURE];
    let words = [row.number.0, row.interval.from, row.interval.to];
    let flags = u8::from(row.out) | u8::from(row.suspended) << 1;
    let parts = words.into_iter().flat_map(u32::to_le_bytes).chain(row.holder.0).chain([flags]);
    octets.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    octets
}

fn read_tenure(octets: &[u8; TENURE]) -> Option<TenureRow> {
    let (words, rest) = octets.split_at_checked(12)?;
    let (holder, flags) = rest.split_first_chunk::<16>()?;
    let [number, from, to] = words3(words)?;
    let flags = *flags.first()?;
    let interval = Interval { from, to };
    let (number, holder) = (NumberRef(number), HolderHash(*holder));
    Some(TenureRow { number, interval, holder, out: flags & 1 != 0, suspended: flags & 2 != 0 })
}

fn read_number(octets: &[u8; NUMBER]) -> Option<NumberRow> {
    let (hash, sealed) = octets.split_first_chunk::<16>()?;
    Some(NumberRow { hash: NumberHash(*hash), sealed: *sealed.first_chunk()?, first_tenure: 0 })
}

fn words3(octets: &[u8]) -> Option<[u32; 3]> {
    let mut words = octets.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
    Some([words.next()?, words.next()?, words.next()?])
}
