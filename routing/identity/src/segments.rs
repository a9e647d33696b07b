//! Where numbers are at home, by their first seven digits (号段), and which operator serves those that were ported. A
//! number goes in here and a [`Place`] comes out: province, city, operator, nothing nearer.

use std::fmt;
use std::io::Read;

use sm3::{Digest, Sm3};
use veilgate_names::{Gazetteer, Place};

pub(crate) mod atlas;
mod csv;
mod packed;
mod place;
mod portability;
mod shipped;

pub use portability::Portability;

/// The first seven digits of mainland mobile numbers: a place in the table for each.
const FIRST: u32 = 1_300_000;
const CELLS: usize = 700_000;
/// The longest name of a province, city or operator, octets.
pub(crate) const MAX_NAME: usize = 64;

/// What is wrong with a table that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableProblem {
    /// The stream failed, or a compressed stream is damaged.
    #[error("cannot be read")]
    Read,
    /// The first line is not the header of this file.
    #[error("not the header of this file")]
    Header,
    /// Too few or too many columns, or a quotation that does not end.
    #[error("wrong number of columns")]
    Columns,
    /// A line beyond 64 KiB.
    #[error("line too long")]
    TooLong,
    /// Not seven digits from 1300000 to 1999999.
    #[error("not a segment of seven digits from 1300000 to 1999999")]
    Segment,
    /// `last` is before `first`.
    #[error("ends before it begins")]
    Range,
    /// A segment for which there is a line already.
    #[error("a segment stands twice")]
    Twice,
    /// Empty, longer than 64 octets, or with control characters.
    #[error("not a name of 1 to 64 octets")]
    Name,
    /// Not up to eight digits.
    #[error("not an area code")]
    AreaCode,
    /// Not a mainland mobile number.
    #[error("not a mainland mobile number")]
    Number,
    /// A number for which there is a line with another operator already.
    #[error("a number stands twice with different operators")]
    Conflict,
    /// More rows or names than a table can hold.
    #[error("too many rows or names")]
    TooMany,
}

/// Why a table was refused as a whole. The carrier's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct TableError {
    /// The line, from 1 for the header.
    pub line: u64,
    /// The column's name; `-` for the whole line.
    pub column: &'static str,
    /// What is wrong there.
    pub problem: TableProblem,
}

/// Why a stored table was not read or written. It can always be imported again.
#[derive(Debug, thiserror::Error)]
pub enum StoredTableError {
    /// It was written under another key ring.
    #[error("the table belongs to another key ring")]
    WrongKeys,
    /// It is cut, changed, or of another version.
    #[error("the table is damaged")]
    Damaged,
    /// The stream failed.
    #[error("the table could not be read or written")]
    Io(#[source] std::io::Error),
}

/// Which table it is: SM3 of what it says, whatever file that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableVersion(pub [u8; 32]);

impl fmt::Display for TableVersion {
    /// The first 16 of its hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The segment table: immutable, replaced as a whole. 1.4 MB.
#[derive(Clone)]
pub struct Segments {
    /// Its own names; those that no segment has come behind the others.
    names: Gazetteer,
    /// Where segments are at home, by `names`, in the order in which they first occur.
    homes: Vec<Place>,
    /// For each segment the place in `homes`, from 1; 0 is none.
    cells: Box<[u16]>,
    segments: usize,
    version: TableVersion,
}

/// A run of segments with one home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: u32,
    last: u32,
    home: Place,
}

impl Segments {
    /// The table that comes along: December 2023, from the PyPI package `phone` 0.4.5 (`data/README.md`).
    ///
    /// # Errors
    /// [`StoredTableError::Damaged`] if it was packed wrongly, which a test looks for.
    pub fn shipped() -> Result<Self, StoredTableError> {
        Self::read_from(shipped::TABLE)
    }

    /// Reads a CSV with the columns `first,last,province,city,area_code,operator` (UTF-8, header line), in any order of
    /// segments; `area_code` may be empty and is not kept.
    ///
    /// # Errors
    /// [`TableError`] for the first thing that is wrong; nothing is kept then.
    pub fn read(csv: impl Read) -> Result<Self, TableError> {
        csv::segments(csv)
    }

    /// How many segments it knows, of seven digits each.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments == 0
    }

    /// Which table it is.
    #[must_use]
    pub fn version(&self) -> TableVersion {
        self.version
    }

    /// The names of the places of [`Self::find`].
    #[must_use]
    pub fn names(&self) -> &Gazetteer {
        &self.names
    }

    /// Where a segment is at home, by [`Self::names`].
    #[must_use]
    pub fn find(&self, segment: u32) -> Option<Place> {
        self.homes.get(self.home(segment)?).copied()
    }

    /// Which of its homes a segment has.
    fn home(&self, segment: u32) -> Option<usize> {
        let at = usize::try_from(segment.checked_sub(FIRST)?).ok()?;
        usize::from(*self.cells.get(at)?).checked_sub(1)
    }

    /// The same table, with the names of another as well: what rules say stays understood when no segment has it any more.
    ///
    /// # Errors
    /// [`TableProblem::TooMany`].
    fn keeping_names_of(mut self, other: &Self) -> Result<Self, TableProblem> {
        add_names(&mut self.names, &other.names).ok_or(TableProblem::TooMany)?;
        Ok(self)
    }

    /// Its segments in order, those that follow each other with one home together.
    fn runs(&self) -> impl Iterator<Item = Run> {
        let mut segments = (FIRST..).zip(&self.cells).filter(|(_, cell)| **cell != 0).peekable();
        std::iter::from_fn(move || {
            let (first, cell) = segments.next()?;
            let mut last = first;
            while let Some((next, _)) = segments.next_if(|(next, other)| *next == last + 1 && *other == cell)
            {
                last = next;
            }
            let home = self.homes.get(usize::from(*cell).checked_sub(1)?).copied()?;
            Some(Run { first, last, home })
        })
    }
}

impl Default for Segments {
    /// A table that knows nothing.
    fn default() -> Self {
        let (names, homes, cells) = (Gazetteer::default(), Vec::new(), Box::default());
        Builder { names, homes, cells, segments: 0 }.named()
    }
}

impl fmt::Debug for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segments({}, {})", self.segments, self.version)
    }
}

/// Puts the names of one gazetteer into another; `None` if there is no room.
fn add_names(into: &mut Gazetteer, from: &Gazetteer) -> Option<()> {
    from.cities().try_for_each(|(province, city)| into.add_city(province, city).map(|_| ()))?;
    from.operators().try_for_each(|operator| into.add_operator(operator).map(|_| ()))
}

/// A table being read: names are given in the order in which segments first have them.
struct Builder {
    names: Gazetteer,
    homes: Vec<Place>,
    cells: Box<[u16]>,
    segments: usize,
}

impl Default for Builder {
    fn default() -> Self {
        let cells = vec![0; CELLS].into_boxed_slice();
        Self { names: Gazetteer::default(), homes: Vec::new(), cells, segments: 0 }
    }
}

impl Builder {
    /// Gives a run its home, by its place among the homes.
    fn put(&mut self, first: u32, last: u32, home: usize) -> Result<(), TableProblem> {
        let at = |segment: u32| segment.checked_sub(FIRST).and_then(|at| usize::try_from(at).ok());
        let (Some(from), Some(to)) = (at(first), at(last)) else { return Err(TableProblem::Segment) };
        let cell = u16::try_from(home + 1).map_err(|_| TableProblem::TooMany)?;
        if from > to {
            return Err(TableProblem::Range);
        }
        let cells = self.cells.get_mut(from..=to).ok_or(TableProblem::Segment)?;
        if cells.iter().any(|cell| *cell != 0) {
            return Err(TableProblem::Twice);
        }
        cells.fill(cell);
        self.segments += cells.len();
        Ok(())
    }

    /// Names and homes are put in the order of the segments, so that the same table is always the same, whatever the order
    /// of its lines.
    fn in_order(self) -> Self {
        let mut ordered = Self { segments: self.segments, ..Self::default() };
        let mut places = vec![0_u16; self.homes.len()];
        for (cell, out) in self.cells.iter().zip(&mut ordered.cells) {
            let Some(old) = usize::from(*cell).checked_sub(1) else { continue };
            let (Some(slot), Some(home)) = (places.get_mut(old), self.homes.get(old)) else { continue };
            if *slot == 0 {
                let names = &self.names;
                let named = (names.province(*home), names.city(*home), names.operator(*home));
                ordered.homes.extend(ordered.names.add(named.0, named.1, named.2));
                *slot = u16::try_from(ordered.homes.len()).unwrap_or(0);
            }
            *out = *slot;
        }
        ordered
    }

    fn finish(self) -> Segments {
        self.in_order().named()
    }

    fn named(self) -> Segments {
        let Self { names, homes, cells, segments } = self;
        let mut made = Segments { names, homes, cells, segments, version: TableVersion([0; 32]) };
        made.version = TableVersion(Sm3::digest(made.content()).into());
        made
    }
}

#[cfg(test)]
mod tests;
