//! The canary's search: finds a number in octets however it is spelled (leaks.md section 8). Octets are looked at as
//! they are, then through every reading of them; what is wrapped (hex, base64, escapes, compression) is unwrapped
//! and looked at again.

mod readings;
mod wrappings;

#[cfg(test)]
mod tests;

use aho_corasick::AhoCorasick;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use sm3::Sm3;

/// How deep wrappings may lie in one another.
const DEPTH: usize = 2;

/// Zeros at the end beyond these say nothing; files laid out in advance have megabytes of them.
const ZEROS_KEPT: usize = 16;

/// Searches for some numbers.
pub(crate) struct Scanner {
    /// What is searched in octets as they are.
    octets: Needles,
    /// What is searched in readings that give digits.
    digits: Needles,
}

/// Patterns and what each means.
struct Needles {
    search: AhoCorasick,
    meanings: Vec<String>,
}

impl Scanner {
    /// Searches for numbers of 11 digits, with any or no country code.
    pub(crate) fn new(numbers: &[&str]) -> Self {
        Self::with_sent(numbers, &[])
    }

    /// Searches for the numbers combined (XOR) with what the enterprise itself sent, too.
    pub(crate) fn with_sent(numbers: &[&str], sent: &[&str]) -> Self {
        let (mut octets, mut digits) = (Vec::new(), Vec::new());
        for number in numbers {
            digits.push((number.as_bytes().to_vec(), format!("{number} as digits")));
            let reversed: Vec<u8> = number.bytes().rev().collect();
            digits.push((reversed, format!("{number} reversed")));
            octets.extend(integers(number));
            octets.extend(hashes(number));
            octets.extend(combined(number, sent));
        }
        Self { octets: Needles::new(octets), digits: Needles::new(digits) }
    }

    /// Where the octets of `place` spell one of the numbers, each hit in words.
    pub(crate) fn scan(&self, place: &str, octets: &[u8]) -> Vec<String> {
        let mut hits = Vec::new();
        self.look(octets, &mut Vec::new(), &mut hits);
        hits.sort();
        hits.dedup();
        hits.into_iter().map(|hit| format!("{place}: {hit}")).collect()
    }

    /// `within` names the wrappings around the octets, the outermost first.
    fn look(&self, octets: &[u8], within: &mut Vec<&'static str>, hits: &mut Vec<String>) {
        let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + ZEROS_KEPT);
        let octets = octets.get(..end).unwrap_or(octets);
        self.octets.find(octets, "", within, hits);
        for (name, reading) in readings::all(octets) {
            self.digits.find(&reading, name, within, hits);
        }
        if within.len() < DEPTH {
            for (name, content) in wrappings::all(octets) {
                within.push(name);
                self.look(&content, within, hits);
                within.pop();
            }
        }
    }
}

impl Needles {
    fn new(needles: Vec<(Vec<u8>, String)>) -> Self {
        let (patterns, meanings): (Vec<_>, Vec<_>) = needles.into_iter().unzip();
        Self { search: AhoCorasick::new(patterns).unwrap(), meanings }
    }

    fn find(&self, octets: &[u8], reading: &str, within: &[&str], hits: &mut Vec<String>) {
        for found in self.search.find_overlapping_iter(octets) {
            let meaning = &self.meanings[found.pattern().as_usize()];
            hits.push(format!("{meaning} {reading} {}", within.join(" ")));
        }
    }
}

/// The number with each country code, as text.
fn forms(number: &str) -> [String; 4] {
    ["", "86", "+86", "0086"].map(|code| format!("{code}{number}"))
}

/// The number as an integer.
fn integers(number: &str) -> Vec<(Vec<u8>, String)> {
    let mut needles = Vec::new();
    for text in [number.to_owned(), format!("86{number}")] {
        let value: u64 = text.parse().unwrap();
        let mut add = |pattern: Vec<u8>, how: &str| needles.push((pattern, format!("{text} as {how}")));
        add(value.to_be_bytes().to_vec(), "u64 BE");
        add(value.to_le_bytes().to_vec(), "u64 LE");
        add(varint(value), "varint");
        add(format!("{value:x}").into_bytes(), "hexadecimal integer");
        add(format!("{value:X}").into_bytes(), "hexadecimal integer");
    }
    needles
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7F).unwrap();
        value >>= 7;
        if value == 0 {
            octets.push(low);
            return octets;
        }
        octets.push(low | 0x80);
    }
}

/// Unsalted hashes of the number; in hex or base64 they are found as wrapped octets.
fn hashes(number: &str) -> Vec<(Vec<u8>, String)> {
    let mut needles = Vec::new();
    for text in forms(number) {
        let mut add = |hash: Vec<u8>, name: &str| needles.push((hash, format!("{name} of {text}")));
        add(Md5::digest(&text).to_vec(), "MD5");
        add(Sha1::digest(&text).to_vec(), "SHA-1");
        add(Sha256::digest(&text).to_vec(), "SHA-256");
        add(Sm3::digest(&text).to_vec(), "SM3");
    }
    needles
}

/// The number XOR each place of each text.
fn combined(number: &str, sent: &[&str]) -> Vec<(Vec<u8>, String)> {
    let windows = sent.iter().flat_map(|text| text.as_bytes().windows(number.len()));
    windows
        .map(|window| {
            let pattern: Vec<u8> = window.iter().zip(number.as_bytes()).map(|(a, b)| a ^ b).collect();
            (pattern, format!("{number} XOR a text that was sent"))
        })
        // A text that has the number itself gives zeros, which stand everywhere.
        .filter(|(pattern, _)| pattern.iter().any(|octet| *octet != 0))
        .collect()
}
