//! Numbers that another operator serves than their segment says (携号转网): keyed hashes and operators, sorted. It holds no
//! number.

use std::fmt;
use std::io::{self, Read, Write};

use hmac::{Hmac, Mac};
use sm3::{Digest, Sm3};
use subtle::ConstantTimeEq;
use veilgate_names::Gazetteer;

use super::csv::{Rows, is_name};
use super::{StoredTableError, TableError, TableProblem, TableVersion};
use crate::keys::KeyRing;
use crate::subscriber::Msisdn;
use crate::vault::disk::key_check;
use crate::vault::fanout::Fanout;
use crate::vault::parallel::{each, workers};
use crate::vault::{NumberHash, number_hash};

const COLUMNS: [&str; 2] = ["msisdn", "operator"];
const MAGIC: &[u8; 8] = b"VGPORT01";
/// The most numbers, 9 octets each.
const MAX_ROWS: usize = 200_000_000;
/// Numbers that a thread hashes at a time.
const BATCH: usize = 1 << 14;
/// Octets of a row in the file.
const ROW: usize = 9;

/// The portability table: immutable, replaced as a whole. 9.5 octets a number.
pub struct Portability {
    /// The beginnings of the numbers' keyed hashes, sorted: of 200 million hardly two begin alike.
    keys: Vec<[u8; 8]>,
    /// For each key the place of its operator in `names`.
    operators: Vec<u8>,
    /// The operators; those that no number has come behind the others.
    names: Gazetteer,
    fanout: Fanout,
    version: TableVersion,
}

/// A line of the file, not hashed yet.
struct Line {
    number: Msisdn,
    line: u32,
    operator: u8,
}

/// A line of the file.
struct Row {
    key: [u8; 8],
    line: u32,
    operator: u8,
}

impl Portability {
    /// Reads a CSV with the columns `msisdn,operator` (UTF-8, header line), in any order; numbers in any spelling that the
    /// subscriber feed may have.
    ///
    /// # Errors
    /// [`TableError`] for the first thing that is wrong, contradictions last; nothing is kept then.
    pub fn read(csv: impl Read, keys: &KeyRing) -> Result<Self, TableError> {
        let mut rows = Rows::open(csv, &COLUMNS)?;
        let (mut names, mut made) = (Gazetteer::default(), Vec::new());
        loop {
            let mut batches = Vec::new();
            for _ in 0..workers() {
                batches.push(batch(&mut rows, &mut names)?);
            }
            if batches.iter().all(Vec::is_empty) {
                break;
            }
            let hashed =
                each(batches, |batch| batch.iter().map(|line| line.hashed(keys)).collect::<Vec<_>>());
            made.extend(hashed.into_iter().flatten());
            if made.len() > MAX_ROWS {
                return Err(rows.error(COLUMNS.len(), TableProblem::TooMany));
            }
        }
        made.sort_unstable_by_key(|row| (row.key, row.line));
        let contradicts =
            |pair: &&[Row]| matches!(pair, [a, b] if a.key == b.key && a.operator != b.operator);
        let lines = made.windows(2).filter(contradicts).filter_map(<[Row]>::last).map(|row| row.line);
        if let Some(line) = lines.min() {
            return Err(TableError {
                line: line.into(),
                column: "operator",
                problem: TableProblem::Conflict,
            });
        }
        made.dedup_by_key(|row| row.key);
        Ok(Self::of_rows(&made, &names))
    }

    /// Operators are named in the order in which sorted numbers first have them, so that the same table is always the
    /// same, whatever the order of its lines.
    fn of_rows(rows: &[Row], named: &Gazetteer) -> Self {
        let named: Vec<&str> = named.operators().collect();
        let mut names = Gazetteer::default();
        let mut places = vec![None; named.len()];
        let mut operators = Vec::with_capacity(rows.len());
        for row in rows {
            let at = usize::from(row.operator);
            let (Some(place), Some(name)) = (places.get_mut(at), named.get(at)) else { continue };
            operators.extend(*place.get_or_insert_with(|| names.add_operator(name)));
        }
        let mut hash = Sm3::new();
        names.operators().for_each(|name| hash.update([name.as_bytes(), b"\n"].concat()));
        rows.iter().zip(&operators).for_each(|(row, operator)| hash.update(octets(row.key, *operator)));
        let keys = rows.iter().map(|row| row.key).collect();
        Self::new(keys, operators, names, TableVersion(hash.finalize().into()))
    }

    fn new(keys: Vec<[u8; 8]>, operators: Vec<u8>, names: Gazetteer, version: TableVersion) -> Self {
        let fanout = Fanout::new(keys.iter());
        Self { keys, operators, names, fanout, version }
    }

    /// How many numbers it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Which table it is. The same numbers and operators have another version in another installation.
    #[must_use]
    pub fn version(&self) -> TableVersion {
        self.version
    }

    /// The operators it names.
    pub(super) fn names(&self) -> &Gazetteer {
        &self.names
    }

    /// Which of its operators serves a number, if it was ported.
    pub(super) fn find(&self, number: &NumberHash) -> Option<usize> {
        let key = number.0.first_chunk::<8>()?;
        let range = self.fanout.range(key);
        let start = range.start;
        let at = self.keys.get(range)?.binary_search(key).ok()?;
        self.operators.get(start + at).map(|operator| usize::from(*operator))
    }

    /// The same table, with the operators of another as well.
    pub(super) fn keeping_names_of(mut self, other: &Self) -> Result<Self, TableProblem> {
        super::add_names(&mut self.names, &other.names).ok_or(TableProblem::TooMany)?;
        Ok(self)
    }

    /// Writes the table, with all names it keeps: `"VGPORT01" key_check16 version32 names rows`, each with its count, and an
    /// HMAC-SM3 over all of it.
    ///
    /// # Errors
    /// [`StoredTableError::Io`].
    pub fn write_to(&self, mut out: impl Write, keys: &KeyRing) -> Result<(), StoredTableError> {
        let mut mac = keys.subscriber_key().stream();
        let mut put = |octets: &[u8]| {
            mac.update(octets);
            out.write_all(octets).map_err(StoredTableError::Io)
        };
        put(&[&MAGIC[..], &key_check(keys), &self.version.0].concat())?;
        put(&u16::try_from(self.names.operators().count()).unwrap_or(0).to_le_bytes())?;
        for name in self.names.operators() {
            put(&[u8::try_from(name.len()).unwrap_or(0)])?;
            put(name.as_bytes())?;
        }
        put(&u64::try_from(self.len()).unwrap_or(0).to_le_bytes())?;
        for (keys, operators) in self.keys.chunks(BATCH).zip(self.operators.chunks(BATCH)) {
            let rows = keys.iter().zip(operators);
            put(&rows.flat_map(|(key, operator)| octets(*key, *operator)).collect::<Vec<_>>())?;
        }
        let tag = mac.finalize().into_bytes();
        out.write_all(&tag).and_then(|()| out.flush()).map_err(StoredTableError::Io)
    }

    /// Reads what [`Self::write_to`] wrote under the same key ring.
    ///
    /// # Errors
    /// [`StoredTableError`].
    pub fn read_from(input: impl Read, keys: &KeyRing) -> Result<Self, StoredTableError> {
        let mut file = File { input, mac: keys.subscriber_key().stream() };
        if file.take::<8>()? != *MAGIC {
            return Err(StoredTableError::Damaged);
        }
        if !bool::from(file.take::<16>()?.ct_eq(&key_check(keys))) {
            return Err(StoredTableError::WrongKeys);
        }
        let version = TableVersion(file.take()?);
        let names = file.names()?;
        let (mut found, mut operators) = (Vec::new(), Vec::new());
        let mut left = u64::from_le_bytes(file.take()?);
        while left > 0 {
            // A wrong count reserves no memory.
            let rows = usize::try_from(left).unwrap_or(usize::MAX).min(BATCH);
            let mut octets = vec![0; rows * ROW];
            file.fill(&mut octets)?;
            for row in octets.as_chunks::<ROW>().0 {
                let (key, operator) = row.split_first_chunk::<8>().ok_or(StoredTableError::Damaged)?;
                found.push(*key);
                operators.extend_from_slice(operator);
            }
            left -= u64::try_from(rows).unwrap_or(left);
        }
        file.finish()?;
        found.shrink_to_fit();
        operators.shrink_to_fit();
        Ok(Self::new(found, operators, names, version))
    }
}

impl Default for Portability {
    fn default() -> Self {
        Self::of_rows(&[], &Gazetteer::default())
    }
}

impl fmt::Debug for Portability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Portability({}, {})", self.len(), self.version)
    }
}

impl Line {
    fn hashed(&self, keys: &KeyRing) -> Row {
        let hash = number_hash(&self.number, keys.subscriber_key());
        let key = hash.0.first_chunk().copied().unwrap_or_default();
        Row { key, line: self.line, operator: self.operator }
    }
}

/// The next lines, as many as a thread hashes at a time.
fn batch<R: Read>(rows: &mut Rows<R>, names: &mut Gazetteer) -> Result<Vec<Line>, TableError> {
    let mut batch = Vec::new();
    while batch.len() < BATCH && rows.next_row()? {
        let number = Msisdn::parse(rows.field(0)).filter(|number| number.segment().is_some());
        let number = number.ok_or_else(|| rows.error(0, TableProblem::Number))?;
        let operator = names.add_operator(rows.name(1)?);
        let operator = operator.ok_or_else(|| rows.error(1, TableProblem::TooMany))?;
        batch.push(Line { number, line: u32::try_from(rows.line()).unwrap_or(u32::MAX), operator });
    }
    Ok(batch)
}

fn octets(key: [u8; 8], operator: u8) -> [u8; ROW] {
    let [a, b, c, d, e, f, g, h] = key;
    [a, b, c, d, e, f, g, h, operator]
}

/// A file being read, with a MAC over what was.
struct File<R> {
    input: R,
    mac: Hmac<Sm3>,
}

impl<R: Read> File<R> {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), StoredTableError> {
        self.input.read_exact(octets).map_err(cut)?;
        self.mac.update(octets);
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], StoredTableError> {
        let mut octets = [0; N];
        self.fill(&mut octets)?;
        Ok(octets)
    }

    fn names(&mut self) -> Result<Gazetteer, StoredTableError> {
        let mut names = Gazetteer::default();
        for _ in 0..u16::from_le_bytes(self.take()?) {
            let [length] = self.take()?;
            let mut name = vec![0; usize::from(length)];
            self.fill(&mut name)?;
            let name = String::from_utf8(name).ok().filter(|name| is_name(name));
            name.and_then(|name| names.add_operator(&name)).ok_or(StoredTableError::Damaged)?;
        }
        Ok(names)
    }

    /// The MAC must be right, and the last thing there is.
    fn finish(mut self) -> Result<(), StoredTableError> {
        let mut tag = [0; 32];
        self.input.read_exact(&mut tag).map_err(cut)?;
        let whole: bool = self.mac.finalize().into_bytes().as_slice().ct_eq(&tag).into();
        let more = self.input.read(&mut [0]).map_err(StoredTableError::Io)?;
        if whole && more == 0 { Ok(()) } else { Err(StoredTableError::Damaged) }
    }
}

fn cut(error: io::Error) -> StoredTableError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        StoredTableError::Damaged
    } else {
        StoredTableError::Io(error)
    }
}
