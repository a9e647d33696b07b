//! Files of numbers for black and white lists, row by row. The numbers end here: what comes out are keys.

use std::io::Read;

use csv::{ByteRecord, Reader, ReaderBuilder};
use veilgate_names::{ListKey, Timestamp};

use super::ImportProblem;
use super::rows::{BoundedLines, problem_of};
use crate::keys::KeyRing;
use crate::subscriber::Msisdn;

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListRow {
    /// Who.
    pub key: ListKey,
    /// Until when; `None` for good.
    pub expires: Option<Timestamp>,
}

/// Why a file is refused as a whole. Names the place, never what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct ListError {
    /// The line, from 1 for the header.
    pub line: u64,
    /// The column's name; `-` for the whole line.
    pub column: &'static str,
    /// What is wrong there.
    pub problem: ImportProblem,
}

/// A file being read: CSV with the header `msisdn`, `msisdn,expires`, `key` or `key,expires`. Numbers in any spelling of
/// the feed; keys as 16 hex digits, as this key ring makes them; `expires` a date (its first instant in Beijing) or date-time,
/// or empty. Bounded memory, whatever the file's size.
pub struct ListReader<'a, R> {
    reader: Reader<BoundedLines<R>>,
    record: ByteRecord,
    keys: &'a KeyRing,
    is_hashed: bool,
    columns: usize,
    /// The last `expires` and what it means: mostly they are all the same.
    last: (Vec<u8>, Timestamp),
}

impl<'a, R: Read> ListReader<'a, R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`ListError`] if it is none of the four.
    pub fn open(input: R, keys: &'a KeyRing) -> Result<Self, ListError> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(BoundedLines::new(input));
        let (record, last) = (ByteRecord::new(), (Vec::new(), Timestamp(0)));
        let mut list = Self { reader, record, keys, is_hashed: false, columns: 1, last };
        let is_there = list.read()?;
        let mut header = list.record.iter();
        let is_hashed = match header.next() {
            Some(b"msisdn") if is_there => false,
            Some(b"key") if is_there => true,
            _ => return Err(list.error("-", ImportProblem::Header)),
        };
        let columns = match (header.next(), header.next()) {
            (None, _) => 1,
            (Some(b"expires"), None) => 2,
            _ => return Err(list.error("-", ImportProblem::Header)),
        };
        (list.is_hashed, list.columns) = (is_hashed, columns);
        Ok(list)
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// [`ListError`] with line and column, and nothing of what stood there.
    pub fn next_row(&mut self) -> Result<Option<ListRow>, ListError> {
        if !self.read()? {
            return Ok(None);
        }
        if self.record.len() != self.columns {
            return Err(self.error("-", ImportProblem::Columns));
        }
        let field = self.record.get(0).unwrap_or_default();
        let key = if self.is_hashed {
            hashed(field).ok_or_else(|| self.error("key", ImportProblem::Key))?
        } else {
            let number = Msisdn::parse(field).ok_or_else(|| self.error("msisdn", ImportProblem::Number))?;
            number.listed_as(self.keys.list_mac())
        };
        Ok(Some(ListRow { key, expires: self.expires()? }))
    }

    /// The error that the row read last is one too many.
    #[must_use]
    pub fn too_many(&self) -> ListError {
        self.error("-", ImportProblem::TooMany)
    }

    fn read(&mut self) -> Result<bool, ListError> {
        let line = self.reader.position().line();
        let is_read = self.reader.read_byte_record(&mut self.record);
        is_read.map_err(|error| ListError { line, column: "-", problem: problem_of(&error) })
    }

    fn expires(&mut self) -> Result<Option<Timestamp>, ListError> {
        let field = self.record.get(1).unwrap_or_default();
        if field.is_empty() {
            return Ok(None);
        }
        if self.last.0 != field {
            let time = std::str::from_utf8(field).ok().and_then(|text| Timestamp::parse(text).ok());
            let time = time.ok_or_else(|| self.error("expires", ImportProblem::Time))?;
            self.last = (field.to_vec(), time);
        }
        Ok(Some(self.last.1))
    }

    fn error(&self, column: &'static str, problem: ImportProblem) -> ListError {
        let line = self.record.position().map_or(1, csv::Position::line);
        ListError { line, column, problem }
    }
}

fn hashed(field: &[u8]) -> Option<ListKey> {
    if field.len() != 16 || !field.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(field).ok()?, 16).ok().map(ListKey)
}

#[cfg(test)]
mod tests;
