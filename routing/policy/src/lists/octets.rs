//! The entries of a list as octets. That they are whole, and whose they are, is for the shell to say, who adds a keyed trailer;
//! here only what cannot be right is refused. Little-endian:
//! ```text
//! bulk:    "VGLIST01" count:u64 base:u32 has_ends:u32, keys:u64..., ends:u16... (hours after base, 0 never)
//! overlay: "VGLOVR01" count:u64, (key:u64 op:u32 [0 removed, 1 put] end:u32)...
//! ```

use std::io::{self, ErrorKind, Read, Write};

use super::entries::{EntryEnd, EntrySet, ListChange};
use super::sorted::Sorted;

const BULK: &[u8; 8] = b"VGLIST01";
const OVERLAY: &[u8; 8] = b"VGLOVR01";
/// Values read or written at a time; so a wrong count cannot reserve memory either.
const CHUNK: usize = 1 << 16;

/// Why octets are not the entries of a list.
#[derive(Debug, thiserror::Error)]
pub enum EntriesError {
    /// They are cut, changed, or of another version.
    #[error("damaged")]
    Damaged,
    /// They cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl EntrySet {
    /// Writes the bulk.
    ///
    /// # Errors
    /// What the stream says.
    pub fn write_bulk(&self, mut out: impl Write) -> io::Result<()> {
        let (keys, ends, base) = self.base().columns();
        out.write_all(BULK)?;
        out.write_all(&wide(keys.len()).to_le_bytes())?;
        out.write_all(&base.to_le_bytes())?;
        out.write_all(&u32::from(ends.is_some()).to_le_bytes())?;
        write_all(&mut out, keys, |key| key.to_le_bytes())?;
        write_all(&mut out, ends.unwrap_or_default(), |end| end.to_le_bytes())?;
        out.flush()
    }

    /// Writes the single changes.
    ///
    /// # Errors
    /// What the stream says.
    pub fn write_overlay(&self, mut out: impl Write) -> io::Result<()> {
        let changes = self.overlay_in_order();
        out.write_all(OVERLAY)?;
        out.write_all(&wide(changes.len()).to_le_bytes())?;
        write_all(&mut out, &changes, |(key, change)| change_octets(*key, *change))?;
        out.flush()
    }

    /// Reads what [`Self::write_bulk`] wrote, up to the end of the stream.
    ///
    /// # Errors
    /// [`EntriesError`].
    pub fn read_bulk(mut input: impl Read) -> Result<Self, EntriesError> {
        let count = begin(&mut input, BULK)?;
        let [base, has_ends] = [read_one(&mut input)?, read_one(&mut input)?].map(u32::from_le_bytes);
        let keys: Vec<u64> = read_all(&mut input, count, u64::from_le_bytes)?;
        let ends = match has_ends {
            0 => None,
            1 => Some(read_all(&mut input, count, u16::from_le_bytes)?),
            _ => return Err(EntriesError::Damaged),
        };
        end(&mut input)?;
        if !keys.is_sorted_by(|one, other| one < other) || u32::try_from(keys.len()).is_err() {
            return Err(EntriesError::Damaged);
        }
        Ok(Self::of(Sorted::from_columns(keys, ends, base)))
    }

    /// The same with the single changes that [`Self::write_overlay`] wrote, up to the end of the stream.
    ///
    /// # Errors
    /// [`EntriesError`].
    pub fn read_overlay(self, mut input: impl Read) -> Result<Self, EntriesError> {
        let count = begin(&mut input, OVERLAY)?;
        if count > Self::MAX_OVERLAY {
            return Err(EntriesError::Damaged);
        }
        let changes = read_all(&mut input, count, read_change)?;
        end(&mut input)?;
        let changes: Option<Vec<(u64, ListChange)>> = changes.into_iter().collect();
        Ok(self.overlaid_with(changes.ok_or(EntriesError::Damaged)?))
    }
}

fn write_all<T, const N: usize>(
    out: &mut impl Write,
    values: &[T],
    octets: fn(&T) -> [u8; N],
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK.min(values.len()) * N);
    for chunk in values.chunks(CHUNK) {
        buffer.clear();
        chunk.iter().for_each(|value| buffer.extend_from_slice(&octets(value)));
        out.write_all(&buffer)?;
    }
    Ok(())
}

fn read_all<T, const N: usize>(
    input: &mut impl Read,
    count: usize,
    value: fn([u8; N]) -> T,
) -> Result<Vec<T>, EntriesError> {
    let (mut values, mut left) = (Vec::new(), count);
    let mut buffer = vec![0; CHUNK.min(count) * N];
    while left > 0 {
        let now = left.min(CHUNK);
        let octets = buffer.get_mut(..now * N).unwrap_or_default();
        input.read_exact(octets).map_err(cut)?;
        values.extend(octets.as_chunks::<N>().0.iter().map(|octets| value(*octets)));
        left -= now;
    }
    Ok(values)
}

fn read_one<const N: usize>(input: &mut impl Read) -> Result<[u8; N], EntriesError> {
    let mut octets = [0; N];
    input.read_exact(&mut octets).map_err(cut)?;
    Ok(octets)
}

/// The magic, and how many values follow.
fn begin(input: &mut impl Read, magic: &[u8; 8]) -> Result<usize, EntriesError> {
    if read_one::<8>(input)? != *magic {
        return Err(EntriesError::Damaged);
    }
    usize::try_from(u64::from_le_bytes(read_one(input)?)).map_err(|_| EntriesError::Damaged)
}

fn end(input: &mut impl Read) -> Result<(), EntriesError> {
    if input.read(&mut [0])? == 0 { Ok(()) } else { Err(EntriesError::Damaged) }
}

fn cut(error: io::Error) -> EntriesError {
    if error.kind() == ErrorKind::UnexpectedEof { EntriesError::Damaged } else { EntriesError::Io(error) }
}

fn change_octets(key: u64, change: ListChange) -> [u8; 16] {
    let (op, end) = match change {
        ListChange::Remove => (0_u32, 0),
        ListChange::Put(end) => (1, end.hour().0),
    };
    let mut octets = [0; 16];
    let parts = key.to_le_bytes().into_iter().chain(op.to_le_bytes()).chain(end.to_le_bytes());
    octets.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    octets
}

fn read_change(octets: [u8; 16]) -> Option<(u64, ListChange)> {
    let (key, rest) = octets.split_first_chunk::<8>()?;
    let (op, end) = rest.split_first_chunk::<4>()?;
    let end = EntryEnd::from_hour(u32::from_le_bytes(*end.first_chunk()?));
    let change = match u32::from_le_bytes(*op) {
        0 => ListChange::Remove,
        1 => ListChange::Put(end),
        _ => return None,
    };
    Some((u64::from_le_bytes(*key), change))
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
