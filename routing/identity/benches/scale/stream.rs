//! The feed of `tests/feed`, row by row as a stream, since its text would take more memory than the vault.

use std::io::Read;

/// Makes one row.
pub(crate) trait Row {
    const HEADER: &'static str;
    fn write(&self, n: u32, out: &mut Vec<u8>);
}

/// An IMSI and an OAID each.
pub(crate) struct Bindings;

/// One each.
pub(crate) struct Tenures;

impl Row for Bindings {
    const HEADER: &'static str = "id_type,id,msisdn,from,to,primary\n";

    fn write(&self, n: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"imsi,46000");
        decimal(n, 10, out);
        out.extend_from_slice(b",199");
        decimal(n, 8, out);
        out.extend_from_slice(b",2024-01-01,,1\noaid,");
        hex(n, out);
        out.extend_from_slice(b"-0000-4000-8000-000000000000,199");
        decimal(n, 8, out);
        out.extend_from_slice(b",2024-01-01T08:00:00+08:00,,0\n");
    }
}

impl Row for Tenures {
    const HEADER: &'static str = "msisdn,holder,from,to,network,status\n";

    fn write(&self, n: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"199");
        decimal(n, 8, out);
        out.extend_from_slice(b",holder-");
        decimal(n, 8, out);
        out.extend_from_slice(b",2023-01-01,,own,active\n");
    }
}

/// Rows as the text of a file.
pub(crate) struct Rows<R> {
    row: R,
    next: u32,
    end: u32,
    text: Vec<u8>,
    read: usize,
}

impl<R: Row> Rows<R> {
    pub(crate) fn new(row: R, subscribers: u32) -> Self {
        Self { row, next: 0, end: subscribers, text: R::HEADER.as_bytes().to_vec(), read: 0 }
    }
}

impl<R: Row> Read for Rows<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.read == self.text.len() {
            self.text.clear();
            self.read = 0;
            while self.next < self.end && self.text.len() < 1 << 16 {
                self.row.write(self.next, &mut self.text);
                self.next += 1;
            }
        }
        let count = buffer.len().min(self.text.len() - self.read);
        buffer[..count].copy_from_slice(&self.text[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

fn decimal(n: u32, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b'0');
    let mut rest = n;
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

fn hex(n: u32, out: &mut Vec<u8>) {
    out.extend((0..8).rev().map(|place| b"0123456789abcdef"[(n >> (place * 4) & 15) as usize]));
}
