//! What octets may be wrapped in: hex, base64, escapes of texts, compression.

use std::io::Read;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The most octets that are unpacked from one stream.
const UNPACKED: u64 = 1 << 16;
/// The fewest octets that could hold a number.
const SHORTEST: usize = 5;

/// Stands between runs: no digit in any reading.
const RUN_END: u8 = 0xFF;

/// Everything that could be unwrapped: the wrapping's name and its content.
pub(super) fn all(octets: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut contents = Vec::new();
    hex(octets, &mut contents);
    base64(octets, &mut contents);
    escapes(octets, &mut contents);
    streams(octets, &mut contents);
    contents
}

/// Runs of hex digits, from either nibble on. Runs are put after one another: one content for all.
fn hex(octets: &[u8], contents: &mut Vec<(&'static str, Vec<u8>)>) {
    for offset in 0..2 {
        let mut content = Vec::new();
        for run in octets.split(|octet| !octet.is_ascii_hexdigit()).filter(|run| run.len() >= SHORTEST * 2) {
            let pairs = run[offset..].chunks_exact(2);
            content.extend(
                pairs.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()),
            );
            content.push(RUN_END);
        }
        push("in hex", content, contents);
    }
}

/// Runs of base64 digits, from each of the four places a group can begin at.
fn base64(octets: &[u8], contents: &mut Vec<(&'static str, Vec<u8>)>) {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    for (name, alphabet, extra) in [("in base64", &STANDARD, b"+/"), ("in base64url", &URL_SAFE, b"-_")] {
        let engine = GeneralPurpose::new(alphabet, config);
        let runs = || {
            let ends = |octet: &u8| !octet.is_ascii_alphanumeric() && !extra.contains(octet);
            octets.split(ends).filter(|run| run.len() > SHORTEST)
        };
        for offset in 0..4 {
            let mut content = Vec::new();
            for run in runs() {
                let groups = &run[offset..];
                // A single digit left over holds no octet.
                let whole = groups.len() - usize::from(groups.len() % 4 == 1);
                content.extend(engine.decode(&groups[..whole]).unwrap_or_default());
                content.push(RUN_END);
            }
            push(name, content, contents);
        }
    }
}

/// Texts with escapes, the escapes read; only texts that have some.
fn escapes(octets: &[u8], contents: &mut Vec<(&'static str, Vec<u8>)>) {
    let text = String::from_utf8_lossy(octets);
    for (name, open, close, radix, width) in [
        ("in percent escapes", "%", "", 16, 2),
        ("in %u escapes", "%u", "", 16, 4),
        ("in \\u escapes", "\\u", "", 16, 4),
        ("in \\x escapes", "\\x", "", 16, 2),
        ("in quoted-printable", "=", "", 16, 2),
        ("in XML entities", "&#", ";", 10, 7),
        ("in XML entities", "&#x", ";", 16, 6),
        ("in XML entities", "&#X", ";", 16, 6),
    ] {
        let content = unescape(&text, open, close, radix, width);
        if content != text {
            push(name, content.into_bytes(), contents);
        }
    }
}

/// Replaces `open`, up to `width` digits and `close` by the character they say.
fn unescape(text: &str, open: &str, close: &str, radix: u32, width: usize) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        out.push_str(before);
        let count = after.chars().take(width).take_while(|c| c.is_digit(radix)).count();
        let character = u32::from_str_radix(&after[..count], radix).ok().and_then(char::from_u32);
        match (character, after[count..].strip_prefix(close)) {
            (Some(character), Some(behind)) => {
                out.push(character);
                rest = behind;
            }
            _ => {
                out.push_str(open);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Compressed streams, wherever their mark stands; a bare deflate stream has none and is tried at the beginning
/// and behind each line's end; almost any octets begin like one, so it must end like one.
fn streams(octets: &[u8], contents: &mut Vec<(&'static str, Vec<u8>)>) {
    for at in 0..octets.len() {
        let rest = &octets[at..];
        match rest {
            [0x1F, 0x8B, 8, ..] => unpack("in gzip", flate2::read::MultiGzDecoder::new(rest), contents),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => match zstd::stream::read::Decoder::new(rest) {
                Ok(decoder) => unpack("in zstd", decoder, contents),
                Err(_) => continue,
            },
            [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..] => {
                unpack("in zlib", flate2::read::ZlibDecoder::new(rest), contents);
            }
            _ => {}
        }
        if at == 0 || octets[at - 1] == b'\n' {
            let mut content = Vec::new();
            let ended = flate2::read::DeflateDecoder::new(rest).take(UNPACKED).read_to_end(&mut content);
            if ended.is_ok() {
                push("in deflate", content, contents);
            }
        }
    }
}

/// Takes what comes out before an error or the limit.
fn unpack(name: &'static str, decoder: impl Read, contents: &mut Vec<(&'static str, Vec<u8>)>) {
    let mut content = Vec::new();
    let _ = decoder.take(UNPACKED).read_to_end(&mut content);
    push(name, content, contents);
}

fn push(name: &'static str, content: Vec<u8>, contents: &mut Vec<(&'static str, Vec<u8>)>) {
    if content.len() >= SHORTEST && contents.iter().all(|(_, before)| *before != content) {
        contents.push((name, content));
    }
}
