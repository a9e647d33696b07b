//! Files that may be packed.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Opens a file for reading; `.gz` and `.zst` are unpacked on the way.
///
/// # Errors
/// What the system says, or that a packed file does not begin like one.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let file = BufReader::with_capacity(1 << 20, File::open(path)?);
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file))),
        Some("zst") => Box::new(BufReader::new(zstd::stream::read::Decoder::with_buffer(file)?)),
        _ => Box::new(file),
    })
}
