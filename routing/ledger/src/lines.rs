//! Lines of bounded length out of a reader.

use std::io::{BufRead, ErrorKind, Read as _};

/// The longest line of a CDR or audit file, in octets, its line feed included.
pub(crate) const MAX_LINE: usize = 4096;

/// One line read.
pub(crate) enum Line {
    /// A whole line is in the buffer, without its line feed.
    Whole,
    /// Bytes without a line feed at the end of the file, or a line that is too long.
    Torn,
    /// Nothing more.
    End,
}

/// Reads the next line into `line`.
pub(crate) fn next(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Line, ErrorKind> {
    line.clear();
    let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    let read = reader.by_ref().take(most).read_until(b'\n', line).map_err(|error| error.kind())?;
    if read == 0 {
        return Ok(Line::End);
    }
    Ok(if line.pop_if(|last| *last == b'\n').is_some() { Line::Whole } else { Line::Torn })
}
