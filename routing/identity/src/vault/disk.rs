//! The vault as a stream: header, rows, and an HMAC-SM3 over header and the SM3 of each segment of rows, under a key of
//! the ring, so a vault of other keys or a changed octet is noticed, and all processors may check. Layout,
//! little-endian: `"VGVAULT2" key_check16 bindings:u64 tenures:u64 numbers:u64`, then the rows, then `mac32`.

use std::io::{self, Read, Write};

use hmac::{Hmac, Mac};
use sm3::{Digest, Sm3};
use subtle::ConstantTimeEq;

use super::parallel::{each, workers};
use super::{Binding, HolderHash, Interval, NumberHash, NumberRef, NumberRow, TenureRow, Vault};
use crate::device::DeviceIndex;
use crate::keys::KeyRing;

const MAGIC: &[u8; 8] = b"VGVAULT2";
const HEADER: usize = 8 + 16 + 24;
const BINDING: usize = 28;
const TENURE: usize = 29;
const NUMBER: usize = 40;
/// Rows of a segment, which one thread reads and checks at a time; so a wrong count cannot reserve memory either.
const SEGMENT: usize = 1 << 16;

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
    pub fn write_to(&self, mut out: impl Write, keys: &KeyRing) -> Result<(), VaultError> {
        let mut mac = keys.subscriber_key().stream();
        let mut header = [&MAGIC[..], &key_check(keys)].concat();
        for count in [self.bindings.len(), self.tenures.len(), self.numbers.len()] {
            header.extend_from_slice(&u64::try_from(count).unwrap_or(u64::MAX).to_le_bytes());
        }
        mac.update(&header);
        out.write_all(&header).map_err(VaultError::Io)?;
        write_rows(&mut out, &mut mac, &self.bindings, binding_octets)?;
        write_rows(&mut out, &mut mac, &self.tenures, tenure_octets)?;
        write_rows(&mut out, &mut mac, &self.numbers, number_octets)?;
        let tag = mac.finalize().into_bytes();
        out.write_all(&tag).and_then(|()| out.flush()).map_err(VaultError::Io)
    }

    /// Reads what [`Self::write_to`] wrote under the same key ring.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn read_from(mut input: impl Read, keys: &KeyRing) -> Result<Self, VaultError> {
        let mut header = [0; HEADER];
        input.read_exact(&mut header).map_err(cut)?;
        let (magic, rest) = header.split_first_chunk::<8>().ok_or(VaultError::Damaged)?;
        let (check, counts) = rest.split_first_chunk::<16>().ok_or(VaultError::Damaged)?;
        if magic != MAGIC {
            return Err(VaultError::Damaged);
        }
        if !bool::from(check.ct_eq(&key_check(keys))) {
            return Err(VaultError::WrongKeys);
        }
        let mut mac = keys.subscriber_key().stream();
        mac.update(&header);
        let mut counts = counts.as_chunks::<8>().0.iter().map(|octets| u64::from_le_bytes(*octets));
        let mut count = || counts.next().unwrap_or(0);
        let bindings = read_rows(&mut input, &mut mac, count(), read_binding)?;
        let tenures = read_rows(&mut input, &mut mac, count(), read_tenure)?;
        let numbers = read_rows(&mut input, &mut mac, count(), read_number)?;
        finish(input, mac)?;
        Ok(Self::from_sorted(bindings, tenures, numbers))
    }
}

fn write_rows<const N: usize, T: Sync>(
    out: &mut impl Write,
    mac: &mut Hmac<Sm3>,
    rows: &[T],
    row_octets: fn(&T) -> [u8; N],
) -> Result<(), VaultError> {
    for batch in rows.chunks(SEGMENT * workers()) {
        let segments = each(batch.chunks(SEGMENT).collect(), |rows: &[T]| {
            let mut octets = Vec::with_capacity(rows.len() * N);
            rows.iter().for_each(|row| octets.extend_from_slice(&row_octets(row)));
            let hash = Sm3::digest(&octets);
            (octets, hash)
        });
        for (octets, hash) in segments {
            mac.update(&hash);
            out.write_all(&octets).map_err(VaultError::Io)?;
        }
    }
    Ok(())
}

fn read_rows<const N: usize, T: Send>(
    input: &mut impl Read,
    mac: &mut Hmac<Sm3>,
    count: u64,
    read: fn(&[u8; N]) -> Option<T>,
) -> Result<Vec<T>, VaultError> {
    let mut left = usize::try_from(count).map_err(|_| VaultError::Damaged)?;
    let mut rows = Vec::new();
    while left > 0 {
        let mut batch = Vec::new();
        while left > 0 && batch.len() < workers() {
            let now = left.min(SEGMENT);
            let mut octets = vec![0; now * N];
            input.read_exact(&mut octets).map_err(cut)?;
            batch.push(octets);
            left -= now;
        }
        let segments = each(batch, |octets: Vec<u8>| {
            let rows: Option<Vec<T>> = octets.as_chunks::<N>().0.iter().map(read).collect();
            (Sm3::digest(&octets), rows)
        });
        for (hash, segment) in segments {
            mac.update(&hash);
            rows.extend(segment.ok_or(VaultError::Damaged)?);
        }
    }
    rows.shrink_to_fit();
    Ok(rows)
}

/// The MAC must be right, and the last thing there is.
fn finish(mut input: impl Read, mac: Hmac<Sm3>) -> Result<(), VaultError> {
    let mut tag = [0; 32];
    input.read_exact(&mut tag).map_err(cut)?;
    let whole: bool = mac.finalize().into_bytes().as_slice().ct_eq(&tag).into();
    let more = input.read(&mut [0]).map_err(VaultError::Io)?;
    if whole && more == 0 { Ok(()) } else { Err(VaultError::Damaged) }
}

fn cut(error: io::Error) -> VaultError {
    if error.kind() == io::ErrorKind::UnexpectedEof { VaultError::Damaged } else { VaultError::Io(error) }
}

/// Tells key rings apart without telling anything of a key.
pub(crate) fn key_check(keys: &KeyRing) -> [u8; 16] {
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

fn number_octets(row: &NumberRow) -> [u8; NUMBER] {
    let mut octets = [0; NUMBER];
    octets.iter_mut().zip(row.hash.0.into_iter().chain(row.sealed)).for_each(|(to, from)| *to = from);
    octets
}

fn read_number(octets: &[u8; NUMBER]) -> Option<NumberRow> {
    let (hash, sealed) = octets.split_first_chunk::<16>()?;
    Some(NumberRow { hash: NumberHash(*hash), sealed: *sealed.first_chunk()?, first_tenure: 0 })
}

fn words3(octets: &[u8]) -> Option<[u32; 3]> {
    let mut words = octets.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
    Some([words.next()?, words.next()?, words.next()?])
}
