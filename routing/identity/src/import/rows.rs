//! One line of the feed: reading, header, fields.

use std::io::{self, Read};

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};
use rustc_hash::FxHashMap;
use veilgate_names::Timestamp;

use super::builder::Builder;
use super::{FeedFile, ImportError, ImportProblem, seconds};
use crate::device::{DeviceId, DeviceKind};
use crate::subscriber::Msisdn;
use crate::vault::{Binding, Interval, NumberRef, TenureRow, holder_hash};

pub(super) const BINDING_COLUMNS: [&str; 6] = ["id_type", "id", "msisdn", "from", "to", "primary"];
pub(super) const TENURE_COLUMNS: [&str; 6] = ["msisdn", "holder", "from", "to", "network", "status"];
/// The extra column of a changes file.
pub(super) const OP: &str = "op";

const LONGEST_LINE: usize = 64 * 1024;
const LONGEST_HOLDER: usize = 256;
/// Distinct times remembered, most of them dates.
const TIMES: usize = 1 << 16;

/// A file of the feed being read, line by line.
pub(super) struct Feed<R> {
    reader: Reader<BoundedLines<R>>,
    record: ByteRecord,
    file: FeedFile,
    times: FxHashMap<Box<[u8]>, u32>,
}

impl<R: Read> Feed<R> {
    /// Opens a file of which the header is known.
    pub(super) fn open(input: R, file: FeedFile) -> Result<Self, ImportError> {
        let mut feed = Self::unopened(input, file);
        let columns = if file == FeedFile::Tenures { TENURE_COLUMNS } else { BINDING_COLUMNS };
        if feed.read()? && feed.record.iter().eq(columns.iter().map(|column| column.as_bytes())) {
            Ok(feed)
        } else {
            Err(feed.header_error())
        }
    }

    /// Opens a changes file; tells which by its header, and at which column `op` and the others begin.
    pub(super) fn open_changes(input: R) -> Result<(Self, usize, usize), ImportError> {
        let mut feed = Self::unopened(input, FeedFile::Bindings);
        if !feed.read()? {
            return Err(feed.header_error());
        }
        for (file, columns) in [(FeedFile::Bindings, BINDING_COLUMNS), (FeedFile::Tenures, TENURE_COLUMNS)] {
            feed.file = file;
            let columns = || columns.iter().map(|column| column.as_bytes());
            let op = || std::iter::once(OP.as_bytes());
            if feed.record.iter().eq(op().chain(columns())) {
                return Ok((feed, 0, 1));
            }
            if feed.record.iter().eq(columns().chain(op())) {
                return Ok((feed, 6, 0));
            }
        }
        Err(feed.header_error())
    }

    fn unopened(input: R, file: FeedFile) -> Self {
        let input = BoundedLines::new(input);
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(input);
        Self { reader, record: ByteRecord::new(), file, times: FxHashMap::default() }
    }

    pub(super) fn file(&self) -> FeedFile {
        self.file
    }

    /// Goes to the next line; false at the end.
    pub(super) fn next_row(&mut self, columns: usize) -> Result<bool, ImportError> {
        if !self.read()? {
            return Ok(false);
        }
        if self.record.len() == columns { Ok(true) } else { Err(self.error("-", ImportProblem::Columns)) }
    }

    fn read(&mut self) -> Result<bool, ImportError> {
        let line = self.reader.position().line();
        self.reader.read_byte_record(&mut self.record).map_err(|error| {
            let problem = problem_of(&error);
            ImportError { file: self.file, line, column: "-", problem }
        })
    }

    /// A binding from the columns that begin at `at`.
    pub(super) fn binding(&mut self, at: usize, builder: &mut Builder<'_>) -> Result<Binding, ImportError> {
        let kind = DeviceKind::parse(self.field(at))
            .ok_or_else(|| self.error("id_type", ImportProblem::DeviceType))?;
        let device = DeviceId::normal(kind, self.field(at + 1))
            .ok_or_else(|| self.error("id", ImportProblem::DeviceId))?
            .index(builder.keys.index_key());
        let number = self.number(at + 2, builder)?;
        let interval = self.interval(at + 3)?;
        let primary = self.word(at + 5, "primary", [b"0", b"1"])?;
        Ok(Binding::new(device, interval, number, primary))
    }

    /// A tenure from the columns that begin at `at`.
    pub(super) fn tenure(&mut self, at: usize, builder: &mut Builder<'_>) -> Result<TenureRow, ImportError> {
        let number = self.number(at, builder)?;
        let holder = self.field(at + 1);
        if holder.is_empty() || holder.len() > LONGEST_HOLDER {
            return Err(self.error("holder", ImportProblem::Holder));
        }
        let holder = holder_hash(holder, builder.keys.subscriber_key());
        let interval = self.interval(at + 2)?;
        let out = self.word(at + 4, "network", [b"own", b"out"])?;
        let suspended = self.word(at + 5, "status", [b"active", b"suspended"])?;
        Ok(TenureRow { number, interval, holder, out, suspended })
    }

    /// Whether the field is the second of two words; an empty `primary` is the first.
    pub(super) fn word(
        &self,
        at: usize,
        column: &'static str,
        words: [&[u8]; 2],
    ) -> Result<bool, ImportError> {
        match self.field(at) {
            field if field == words[0] => Ok(false),
            field if field == words[1] => Ok(true),
            b"" if column == "primary" => Ok(false),
            _ => Err(self.error(column, ImportProblem::Word)),
        }
    }

    fn number(&self, at: usize, builder: &mut Builder<'_>) -> Result<NumberRef, ImportError> {
        let number =
            Msisdn::parse(self.field(at)).ok_or_else(|| self.error("msisdn", ImportProblem::Number))?;
        builder.place(number).ok_or_else(|| self.error("msisdn", ImportProblem::TooMany))
    }

    fn interval(&mut self, at: usize) -> Result<Interval, ImportError> {
        let from = self.time(at).ok_or_else(|| self.error("from", ImportProblem::Time))?;
        let to = if self.field(at + 1).is_empty() {
            Interval::OPEN
        } else {
            self.time(at + 1).ok_or_else(|| self.error("to", ImportProblem::Time))?
        };
        if from < to { Ok(Interval { from, to }) } else { Err(self.error("to", ImportProblem::Interval)) }
    }

    fn time(&mut self, at: usize) -> Option<u32> {
        let text = self.record.get(at)?;
        if let Some(known) = self.times.get(text) {
            return Some(*known);
        }
        let time = seconds(Timestamp::parse(std::str::from_utf8(text).ok()?).ok()?)?;
        if self.times.len() < TIMES {
            self.times.insert(text.into(), time);
        }
        Some(time)
    }

    fn field(&self, at: usize) -> &[u8] {
        self.record.get(at).unwrap_or_default()
    }

    fn error(&self, column: &'static str, problem: ImportProblem) -> ImportError {
        let line = self.record.position().map_or(0, csv::Position::line);
        ImportError { file: self.file, line, column, problem }
    }

    fn header_error(&self) -> ImportError {
        ImportError { file: self.file, line: 1, column: "-", problem: ImportProblem::Header }
    }
}

/// What the CSV reader says of a line.
pub(super) fn problem_of(error: &csv::Error) -> ImportProblem {
    match error.kind() {
        ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => ImportProblem::TooLong,
        ErrorKind::Io(_) => ImportProblem::Read,
        _ => ImportProblem::Columns,
    }
}

/// Passes a stream through as long as its lines are short, since the CSV reader's record grows with the line.
pub(crate) struct BoundedLines<R> {
    input: R,
    line: usize,
}

impl<R> BoundedLines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, line: 0 }
    }
}

impl<R: Read> Read for BoundedLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        self.line = match read.iter().rposition(|octet| *octet == b'\n') {
            Some(last) => count - last,
            None => self.line.saturating_add(count),
        };
        if self.line > LONGEST_LINE { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(count) }
    }
}
