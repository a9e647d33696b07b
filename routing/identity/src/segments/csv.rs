//! The tables as people hand them in: CSV, all or nothing. Errors name line and column, never what stood there.

use std::io::{self, Read};

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};
use rustc_hash::FxHashMap;

use super::{Builder, FIRST, MAX_NAME, Segments, TableError, TableProblem};
use crate::import::rows::BoundedLines;

const COLUMNS: [&str; 6] = ["first", "last", "province", "city", "area_code", "operator"];

/// A table being read, line by line.
pub(super) struct Rows<R> {
    reader: Reader<BoundedLines<R>>,
    record: ByteRecord,
    columns: &'static [&'static str],
}

impl<R: Read> Rows<R> {
    /// Opens a file with this header.
    pub(super) fn open(input: R, columns: &'static [&'static str]) -> Result<Self, TableError> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(BoundedLines::new(input));
        let mut rows = Self { reader, record: ByteRecord::new(), columns };
        let is_header = rows.read()? && rows.record.iter().eq(columns.iter().map(|name| name.as_bytes()));
        if is_header {
            Ok(rows)
        } else {
            Err(TableError { line: 1, column: "-", problem: TableProblem::Header })
        }
    }

    /// Goes to the next line; false at the end.
    pub(super) fn next_row(&mut self) -> Result<bool, TableError> {
        if !self.read()? {
            return Ok(false);
        }
        if self.record.len() == self.columns.len() {
            Ok(true)
        } else {
            Err(TableError { line: self.line(), column: "-", problem: TableProblem::Columns })
        }
    }

    fn read(&mut self) -> Result<bool, TableError> {
        let line = self.reader.position().line();
        self.reader.read_byte_record(&mut self.record).map_err(|error| {
            let problem = match error.kind() {
                ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => TableProblem::TooLong,
                ErrorKind::Io(_) => TableProblem::Read,
                _ => TableProblem::Columns,
            };
            TableError { line, column: "-", problem }
        })
    }

    /// The line of this row, from 1 for the header.
    pub(super) fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    pub(super) fn field(&self, at: usize) -> &[u8] {
        self.record.get(at).unwrap_or_default()
    }

    pub(super) fn error(&self, at: usize, problem: TableProblem) -> TableError {
        let column = self.columns.get(at).copied().unwrap_or("-");
        TableError { line: self.line(), column, problem }
    }

    /// A field that is a name.
    pub(super) fn name(&self, at: usize) -> Result<&str, TableError> {
        let name = std::str::from_utf8(self.field(at)).ok();
        let name = name.filter(|name| is_name(name));
        name.ok_or_else(|| self.error(at, TableProblem::Name))
    }
}

/// Whether it may be the name of a province, city or operator.
pub(super) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
}

pub(super) fn segments(input: impl Read) -> Result<Segments, TableError> {
    let mut rows = Rows::open(input, &COLUMNS)?;
    let mut builder = Builder::default();
    let mut homes: FxHashMap<Box<[u8]>, usize> = FxHashMap::default();
    let mut key = Vec::new();
    while rows.next_row()? {
        let (first, last) = (segment(&rows, 0)?, segment(&rows, 1)?);
        let area_code = rows.field(4);
        if area_code.len() > 8 || !area_code.iter().all(u8::is_ascii_digit) {
            return Err(rows.error(4, TableProblem::AreaCode));
        }
        key.clear();
        // No name holds a control character.
        [2, 3, 5].into_iter().for_each(|at| key.extend(rows.field(at).iter().chain(b"\n")));
        let home = match homes.get(key.as_slice()) {
            Some(home) => *home,
            None => {
                let (province, city, operator) = (rows.name(2)?, rows.name(3)?, rows.name(5)?);
                let home = builder.names.add(province, city, operator);
                builder.homes.push(home.ok_or_else(|| rows.error(2, TableProblem::TooMany))?);
                homes.insert(key.as_slice().into(), builder.homes.len() - 1);
                builder.homes.len() - 1
            }
        };
        let column = |problem| if problem == TableProblem::Range { 1 } else { 0 };
        builder.put(first, last, home).map_err(|problem| rows.error(column(problem), problem))?;
    }
    Ok(builder.finish())
}

fn segment<R: Read>(rows: &Rows<R>, at: usize) -> Result<u32, TableError> {
    let digits = std::str::from_utf8(rows.field(at)).ok();
    let digits =
        digits.filter(|digits| digits.len() == 7 && digits.bytes().all(|octet| octet.is_ascii_digit()));
    let segment = digits.and_then(|digits| digits.parse().ok());
    let segment = segment.filter(|segment| (FIRST..2_000_000).contains(segment));
    segment.ok_or_else(|| rows.error(at, TableProblem::Segment))
}
