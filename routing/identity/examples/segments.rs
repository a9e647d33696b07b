//! Packs a CSV of segments into the file that comes along with this crate:
//! `cargo run --release -p veilgate-identity --example segments -- segments.csv.gz routing/identity/data/segments.bin`.

#![expect(clippy::print_stdout, reason = "it is a command")]

use std::error::Error;
use std::fs::File;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use veilgate_identity::Segments;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        return Err("expected the CSV (.gz too) and the file to write".into());
    };
    let file = File::open(&from)?;
    let csv: Box<dyn Read> =
        if from.ends_with(".gz") { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let segments = Segments::read(csv)?;
    segments.write_to(File::create(&to)?)?;
    println!("{} segments, version {}", segments.len(), segments.version());
    Ok(())
}
