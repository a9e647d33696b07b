//! A CDR file: header line, records, and a trailer that says what must be in it. A file without trailer is still being
//! written, or its writer died.

use std::io::{BufRead, ErrorKind};

use sm3::{Digest as _, Sm3};
use veilgate_names::{ChannelId, NameError, Timestamp};

use super::parse::outline;
use super::{COLUMNS, Cdr, CdrKind};
use crate::beijing;
use crate::hash::Sm3Hash;
use crate::lines::{self, Line};

const TRAILER: &str = "TRAILER";

/// The carrier's name in a file's name: 1-32 of `[0-9A-Za-z.-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CarrierName(Box<str>);

impl CarrierName {
    /// Checks length and alphabet. An underscore would be taken for a separator.
    ///
    /// # Errors
    /// [`NameError`] says which of the two is wrong.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        ChannelId::parse(text)?;
        if text.contains('_') { Err(NameError::Alphabet) } else { Ok(Self(text.into())) }
    }
}

/// A CDR file while it is written. It makes the bytes; the shell puts them into the file of [`Self::name`].
#[derive(Clone)]
pub struct CdrFile {
    kind: CdrKind,
    hash: Sm3,
    records: u64,
    segments: u64,
}

/// What a closed file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CdrSummary {
    /// Records.
    pub records: u64,
    /// The sum of their segments.
    pub segments: u64,
    /// SM3 of every byte before the trailer.
    pub sm3: Sm3Hash,
}

/// Why a record is not taken: our fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CdrFileError {
    /// An MO record in an MT file or the other way round.
    #[error("record of another kind than the file's")]
    Kind,
}

/// What is wrong with a line of a CDR file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CdrFault {
    /// The file cannot be read.
    #[error("cannot be read ({0})")]
    Read(ErrorKind),
    /// The first line is not the header.
    #[error("is not the header")]
    Header,
    /// Not a CSV line of the right number of columns, too long, or cut off.
    #[error("is not a whole record")]
    Csv,
    /// A column's value is wrong.
    #[error("has a wrong value in column {0}")]
    Column(&'static str),
    /// The file ends without a trailer.
    #[error("should be the trailer")]
    NoTrailer,
    /// The trailer does not agree with what stands before it.
    #[error("is a trailer that does not agree with the file")]
    Trailer,
    /// Something follows the trailer.
    #[error("follows the trailer")]
    AfterTrailer,
}

/// The first bad line of a CDR file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {fault}")]
pub struct CdrBroken {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: CdrFault,
}

impl CdrFile {
    /// Octets at a file's end in which a trailer shows.
    pub const TAIL: u64 = 256;

    /// `ASCS_<MT|MO>_<carrier>_<yyyymmddHHMM>_<seq4>.csv`, Beijing time; the sequence is taken modulo 10,000.
    #[must_use]
    pub fn name(kind: CdrKind, carrier: &CarrierName, opened_at: Timestamp, sequence: u32) -> String {
        let minute = beijing::minute(opened_at);
        format!("ASCS_{}_{}_{minute}_{:04}.csv", kind.name(), carrier.0, sequence % 10_000)
    }

    /// Begins a file: appends the header line.
    pub fn begin(kind: CdrKind, out: &mut Vec<u8>) -> Self {
        let mut file = Self { kind, hash: Sm3::new(), records: 0, segments: 0 };
        let header = header();
        file.hash.update(&header);
        out.extend_from_slice(&header);
        file
    }

    /// Appends one record.
    ///
    /// # Errors
    /// [`CdrFileError::Kind`] if it belongs into the other kind of file; nothing is appended then.
    pub fn append(&mut self, cdr: &Cdr, out: &mut Vec<u8>) -> Result<(), CdrFileError> {
        if cdr.kind != self.kind {
            return Err(CdrFileError::Kind);
        }
        let start = out.len();
        cdr.write_line(out);
        self.count(cdr.segments, out.get(start..).unwrap_or_default());
        Ok(())
    }

    /// Ends the file: appends `TRAILER,<records>,<segments>,<SM3>`.
    pub fn close(self, out: &mut Vec<u8>) -> CdrSummary {
        let summary = self.summary();
        out.extend_from_slice(trailer(&summary).as_bytes());
        out.push(b'\n');
        summary
    }

    /// How many records it holds.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Whether a file ends in a trailer, judged by its last octets: give at least [`Self::TAIL`], or the whole file.
    /// What stands before the trailer is [`verify_cdr`]'s matter.
    #[must_use]
    pub fn is_closed(end: &[u8]) -> bool {
        let Some(whole) = end.strip_suffix(b"\n") else { return false };
        let Some(feed) = whole.iter().rposition(|byte| *byte == b'\n') else { return false };
        let mut words = whole.get(feed + 1..).unwrap_or_default().split(|byte| *byte == b',');
        let count = |word: Option<&[u8]>| {
            word.is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_digit))
        };
        words.next() == Some(TRAILER.as_bytes())
            && count(words.next())
            && count(words.next())
            && words.next().and_then(Sm3Hash::from_hex).is_some()
            && words.next().is_none()
    }

    /// Takes up a file whose writer died. Returns it with the number of octets that are whole: cut the file there,
    /// then append or close; at 0 begin it anew. `None` if the file is closed already. Records are not read, only
    /// what the trailer needs of them, so that a start does not wait for long.
    ///
    /// # Errors
    /// [`CdrBroken`] if a whole line cannot be a record of this kind.
    pub fn recover(kind: CdrKind, reader: &mut impl BufRead) -> Result<Option<(Self, u64)>, CdrBroken> {
        let mut scan = Scan::new(reader);
        let mut file = Self::begin(kind, &mut Vec::new());
        if !scan.header()? {
            let torn = header().starts_with(&scan.line);
            return if torn { Ok(Some((file, 0))) } else { Err(scan.broken(CdrFault::Header)) };
        }
        let mut whole = length(&header());
        while scan.next()? {
            if !scan.whole {
                if scan.next()? {
                    return Err(scan.broken(CdrFault::Csv));
                }
                break;
            }
            if scan.line.starts_with(TRAILER.as_bytes()) {
                return if scan.next()? { Err(scan.broken(CdrFault::AfterTrailer)) } else { Ok(None) };
            }
            let (of_kind, segments) = outline(&scan.line).map_err(|fault| scan.broken(fault))?;
            if of_kind != kind {
                return Err(scan.broken(CdrFault::Column("kind")));
            }
            scan.line.push(b'\n');
            whole += length(&scan.line);
            file.count(segments, &scan.line);
        }
        Ok(Some((file, whole)))
    }

    fn count(&mut self, segments: u16, line: &[u8]) {
        self.hash.update(line);
        self.records += 1;
        self.segments += u64::from(segments);
    }

    fn summary(&self) -> CdrSummary {
        let sm3 = Sm3Hash(self.hash.clone().finalize().into());
        CdrSummary { records: self.records, segments: self.segments, sm3 }
    }
}

/// Checks a closed file: header, every record, and the trailer.
///
/// # Errors
/// [`CdrBroken`] names the first bad line.
pub fn verify_cdr(mut reader: impl BufRead) -> Result<CdrSummary, CdrBroken> {
    let mut scan = Scan::new(&mut reader);
    if !scan.header()? {
        return Err(scan.broken(CdrFault::Header));
    }
    let mut file: Option<CdrFile> = None;
    loop {
        if !scan.next()? {
            scan.number += 1;
            return Err(scan.broken(CdrFault::NoTrailer));
        }
        if !scan.whole {
            return Err(scan.broken(CdrFault::Csv));
        }
        if scan.line.starts_with(TRAILER.as_bytes()) {
            break;
        }
        let cdr = scan.cdr()?;
        let file = file.get_or_insert_with(|| CdrFile::begin(cdr.kind, &mut Vec::new()));
        if cdr.kind != file.kind {
            return Err(scan.broken(CdrFault::Column("kind")));
        }
        scan.line.push(b'\n');
        file.count(cdr.segments, &scan.line);
    }
    let file = file.unwrap_or_else(|| CdrFile::begin(CdrKind::MobileTerminated, &mut Vec::new()));
    let summary = file.summary();
    if scan.line != trailer(&summary).as_bytes() {
        return Err(scan.broken(CdrFault::Trailer));
    }
    if scan.next()? { Err(scan.broken(CdrFault::AfterTrailer)) } else { Ok(summary) }
}

fn header() -> Vec<u8> {
    let mut header = COLUMNS.join(",").into_bytes();
    header.push(b'\n');
    header
}

fn trailer(summary: &CdrSummary) -> String {
    format!("{TRAILER},{},{},{}", summary.records, summary.segments, summary.sm3)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Goes through a file line by line and knows where it is.
struct Scan<'a, R> {
    reader: &'a mut R,
    line: Vec<u8>,
    number: u64,
    whole: bool,
}

impl<'a, R: BufRead> Scan<'a, R> {
    fn new(reader: &'a mut R) -> Self {
        Self { reader, line: Vec::new(), number: 0, whole: false }
    }

    /// Whether there was another line; `whole` says whether it ended in a line feed.
    fn next(&mut self) -> Result<bool, CdrBroken> {
        let read = lines::next(self.reader, &mut self.line);
        let line = read.map_err(|error| self.broken(CdrFault::Read(error)))?;
        self.whole = matches!(line, Line::Whole);
        let any = !matches!(line, Line::End);
        self.number += u64::from(any);
        Ok(any)
    }

    /// Whether the next line is a whole header.
    fn header(&mut self) -> Result<bool, CdrBroken> {
        if !self.next()? || !self.whole {
            return Ok(false);
        }
        let same = header().strip_suffix(b"\n").is_some_and(|header| header == self.line);
        if same { Ok(true) } else { Err(self.broken(CdrFault::Header)) }
    }

    fn cdr(&self) -> Result<Cdr, CdrBroken> {
        Cdr::parse_line(&self.line).map_err(|fault| self.broken(fault))
    }

    fn broken(&self, fault: CdrFault) -> CdrBroken {
        CdrBroken { line: self.number, fault }
    }
}
