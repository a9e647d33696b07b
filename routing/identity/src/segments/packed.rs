//! The segment table as a file: `"VGSEGM01" version32`, then, deflated, what the version is the SM3 of and behind it the
//! names that no segment has. Names and columns by themselves shrink to a seventh of what CSV does.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use sm3::{Digest, Sm3};
use subtle::ConstantTimeEq;
use veilgate_names::{Gazetteer, Place};

use super::csv::is_name;
use super::{Builder, FIRST, Segments, StoredTableError, TableVersion};

const MAGIC: &[u8; 8] = b"VGSEGM01";
/// More than any table unpacks to: 700,000 runs and the names of 65,536 homes.
const MAX_UNPACKED: u64 = 16 << 20;

impl Segments {
    /// Writes the table, with all names it keeps.
    ///
    /// # Errors
    /// [`StoredTableError::Io`].
    pub fn write_to(&self, mut out: impl Write) -> Result<(), StoredTableError> {
        let mut deflated = ZlibEncoder::new(Vec::new(), Compression::best());
        let mut names = Vec::new();
        write_names(&mut names, &self.names);
        let packed = deflated
            .write_all(&self.content())
            .and_then(|()| deflated.write_all(&names))
            .and_then(|()| deflated.finish());
        let write = |packed: Vec<u8>| {
            out.write_all(MAGIC)?;
            out.write_all(&self.version.0)?;
            out.write_all(&packed)?;
            out.flush()
        };
        packed.and_then(write).map_err(StoredTableError::Io)
    }

    /// Reads what [`Self::write_to`] wrote.
    ///
    /// # Errors
    /// [`StoredTableError`].
    pub fn read_from(mut input: impl Read) -> Result<Self, StoredTableError> {
        let mut header = [0; 8 + 32];
        input.read_exact(&mut header).map_err(cut)?;
        let (magic, version) = header.split_first_chunk::<8>().ok_or(StoredTableError::Damaged)?;
        if magic != MAGIC {
            return Err(StoredTableError::Damaged);
        }
        let mut unpacked = Vec::new();
        ZlibDecoder::new(input).take(MAX_UNPACKED).read_to_end(&mut unpacked).map_err(cut)?;
        let mut rest = unpacked.as_slice();
        let read = read_content(&mut rest).ok_or(StoredTableError::Damaged)?;
        let content = unpacked.len() - rest.len();
        let hash = Sm3::digest(unpacked.get(..content).unwrap_or_default());
        if !bool::from(hash.as_slice().ct_eq(version)) {
            return Err(StoredTableError::Damaged);
        }
        let Builder { mut names, homes, cells, segments } = read;
        let kept = read_names(&mut rest).filter(|_| rest.is_empty()).ok_or(StoredTableError::Damaged)?;
        super::add_names(&mut names, &kept).ok_or(StoredTableError::Damaged)?;
        let version = TableVersion(hash.into());
        Ok(Self { names, homes, cells, segments, version })
    }

    /// What the table says, the same for the same segments, whatever they were read from: the names that segments have, in
    /// the order in which these first do; the homes, each a city and an operator; the runs, by columns: segments left out
    /// before it, segments beyond its first, home.
    pub(super) fn content(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut names = Gazetteer::default();
        for home in &self.homes {
            names.add(self.names.province(*home), self.names.city(*home), self.names.operator(*home));
        }
        write_names(&mut out, &names);
        write_number(&mut out, self.homes.len());
        for home in &self.homes {
            out.extend_from_slice(&home.city.to_le_bytes());
            out.push(home.operator);
        }
        let runs: Vec<_> = self.runs().collect();
        write_number(&mut out, runs.len());
        let mut next = FIRST;
        for run in &runs {
            write_number(&mut out, wide(run.first - next));
            next = run.last + 1;
        }
        runs.iter().for_each(|run| write_number(&mut out, wide(run.last - run.first)));
        let home = |run: &super::Run| self.home(run.first).and_then(|home| u16::try_from(home).ok());
        let homes: Vec<[u8; 2]> = runs.iter().filter_map(home).map(u16::to_le_bytes).collect();
        out.extend(homes.iter().map(|[low, _]| low));
        out.extend(homes.iter().map(|[_, high]| high));
        out
    }
}

/// Reads what [`Segments::content`] wrote. What is in another order does not have the version it says.
fn read_content(rest: &mut &[u8]) -> Option<Builder> {
    let names = read_names(rest)?;
    let mut builder = Builder { names, ..Builder::default() };
    let cities: Vec<_> =
        builder.names.cities().map(|(province, _)| builder.names.find_province(province)).collect();
    for _ in 0..read_number(rest)? {
        let (home, behind) = rest.split_first_chunk::<3>()?;
        *rest = behind;
        let [low, high, operator] = *home;
        let city = u16::from_le_bytes([low, high]);
        let province = (*cities.get(usize::from(city))?)?;
        builder.homes.push(Place { province, city, operator });
    }
    let runs = read_number(rest)?;
    if runs > super::CELLS {
        return None;
    }
    let before: Vec<usize> = (0..runs).map(|_| read_number(rest)).collect::<Option<_>>()?;
    let beyond: Vec<usize> = (0..runs).map(|_| read_number(rest)).collect::<Option<_>>()?;
    let (low, behind) = rest.split_at_checked(runs)?;
    let (high, behind) = behind.split_at_checked(runs)?;
    *rest = behind;
    let mut next = FIRST;
    for (((before, beyond), low), high) in before.into_iter().zip(beyond).zip(low).zip(high) {
        let first = next.checked_add(u32::try_from(before).ok()?)?;
        let last = first.checked_add(u32::try_from(beyond).ok()?)?;
        let home = usize::from(u16::from_le_bytes([*low, *high]));
        builder.homes.get(home)?;
        builder.put(first, last, home).ok()?;
        next = last.checked_add(1)?;
    }
    Some(builder)
}

/// Provinces with their cities follow each other as they were added; then operators.
fn write_names(out: &mut Vec<u8>, names: &Gazetteer) {
    for list in [names.cities().collect::<Vec<_>>(), names.operators().map(|name| ("", name)).collect()] {
        write_number(out, list.len());
        let mut before = "";
        for (province, name) in list {
            // A province is told where it changes.
            write_text(out, if province == before { "" } else { province });
            write_text(out, name);
            before = province;
        }
    }
}

fn read_names(rest: &mut &[u8]) -> Option<Gazetteer> {
    let mut names = Gazetteer::default();
    let mut province = "";
    for _ in 0..read_number(rest)? {
        let told = read_text(rest)?;
        if !told.is_empty() {
            province = told;
        }
        let city = read_text(rest)?;
        if !is_name(province) || !is_name(city) {
            return None;
        }
        names.add_city(province, city)?;
    }
    for _ in 0..read_number(rest)? {
        let (none, operator) = (read_text(rest)?, read_text(rest)?);
        if !none.is_empty() || !is_name(operator) {
            return None;
        }
        names.add_operator(operator)?;
    }
    Some(names)
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_number(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn read_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = read_number(rest)?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    std::str::from_utf8(text).ok()
}

/// Seven bits an octet, the low ones first; the highest bit says that more follow.
fn write_number(out: &mut Vec<u8>, mut number: usize) {
    while number > 0x7F {
        out.push(u8::try_from(number & 0x7F).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

fn read_number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in [0, 7, 14, 21] {
        let (octet, behind) = rest.split_first()?;
        *rest = behind;
        number |= usize::from(octet & 0x7F) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn cut(error: std::io::Error) -> StoredTableError {
    use std::io::ErrorKind as Kind;
    let damaged = matches!(error.kind(), Kind::UnexpectedEof | Kind::InvalidData | Kind::InvalidInput);
    if damaged { StoredTableError::Damaged } else { StoredTableError::Io(error) }
}
