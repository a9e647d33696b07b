use std::io::Write;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

const NUMBER: &str = "19900005071";
const SENT: &str = "pseudonym Zk3v8QpR2s and 10690001";

fn finds(what: &str, octets: &[u8]) {
    static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner::with_sent(&[NUMBER], &[SENT]));
    let hits = SCANNER.scan("test", octets);
    assert!(!hits.is_empty(), "{what} is not found");
    // Surrounded by other octets, too.
    let surrounded = [b"abc\xFF\x01", octets, b"\xFE\x02xyz"].concat();
    let hits = SCANNER.scan("test", &surrounded);
    assert!(!hits.is_empty(), "{what} is not found among others");
}

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn plain_texts_are_found_with_any_country_code_and_separator() {
    for form in forms(NUMBER) {
        finds(&form, form.as_bytes());
    }
    for form in [
        "199 0000 5071",
        "199-0000-5071",
        "199.0000.5071",
        "(199)0000[5071]",
        "+86 (199) 0000 - 5071",
        "1 9 9 0 0 0 0 5 0 7 1",
        "１９９００００５０７１",
        "一九九〇〇〇〇五〇七一",
        "壹玖玖零零零零伍零柒壹",
        "幺九九零零零零五零七幺",
        "17050000991",
    ] {
        finds(form, form.as_bytes());
    }
}

#[test]
fn wide_texts_are_found_at_both_offsets() {
    for form in ["19900005071", "一九九〇〇〇〇五〇七一", "１９９-0000-5071"] {
        for order in [u16::to_be_bytes, u16::to_le_bytes] {
            let octets = wide(form, order);
            finds(form, &octets);
            finds(form, &[b"x", &octets[..]].concat());
        }
    }
}

#[test]
fn packed_septets_are_found_at_every_offset() {
    for offset in 0..8 {
        let text = format!("{}+86 199-0000-5071 ok", "m".repeat(offset));
        let mut packed = vec![0; text.len() + 1];
        for (index, septet) in text.bytes().enumerate() {
            let shifted = u16::from(septet) << (index * 7 % 8);
            packed[index * 7 / 8] |= (shifted & 0xFF) as u8;
            packed[index * 7 / 8 + 1] |= (shifted >> 8) as u8;
        }
        finds("packed", &packed);
        // Shifted by bits, as behind a user data header.
        let mut shifted = vec![0; packed.len() + 1];
        for (index, octet) in packed.iter().enumerate() {
            shifted[index] |= octet << offset;
            shifted[index + 1] |= u8::try_from(u16::from(*octet) << offset >> 8).unwrap();
        }
        finds("packed and shifted", &shifted);
    }
}

#[test]
fn nibbles_are_found() {
    finds("BCD", &[0x19, 0x90, 0x00, 0x05, 0x07, 0x1F]);
    finds("BCD behind TON/NPI", &[0x91, 0x86, 0x19, 0x90, 0x00, 0x05, 0x07, 0x1F]);
    finds("BCD from the low nibble", &[0xF1, 0x99, 0x00, 0x00, 0x50, 0x71]);
    finds("swapped", &[0x91, 0x09, 0x00, 0x50, 0x70, 0xF1]);
    finds("swapped with the country", &[0x91, 0x68, 0x91, 0x09, 0x00, 0x50, 0x70, 0xF1]);
}

#[test]
fn integers_are_found() {
    for value in [19_900_005_071_u64, 8_619_900_005_071] {
        finds("BE", &value.to_be_bytes());
        finds("LE", &value.to_le_bytes());
        finds("varint", &varint(value));
        finds("hex", format!("{value:x}").as_bytes());
        finds("HEX", format!("0x{value:X}").as_bytes());
        finds("decimal", value.to_string().as_bytes());
    }
}

#[test]
fn escapes_are_found() {
    let each = |write: fn(char) -> String| NUMBER.chars().map(write).collect::<String>();
    finds("percent", each(|c| format!("%{:02X}", u32::from(c))).as_bytes());
    finds("%u", each(|c| format!("%u{:04x}", u32::from(c))).as_bytes());
    finds("JSON", each(|c| format!("\\u{:04x}", u32::from(c))).as_bytes());
    finds("\\x", each(|c| format!("\\x{:02x}", u32::from(c))).as_bytes());
    finds("XML", each(|c| format!("&#{};", u32::from(c))).as_bytes());
    finds("XML hex", each(|c| format!("&#x{:X};", u32::from(c))).as_bytes());
    finds("quoted-printable", each(|c| format!("={:02X}", u32::from(c))).as_bytes());
    finds("partly", b"199%30000\x35071");
    finds(
        "full-width in JSON",
        b"\\uff11\\uff19\\uff19\\uff10\\uff10\\uff10\\uff10\\uff15\\uff10\\uff17\\uff11",
    );
}

#[test]
fn hex_and_base64_are_found_at_every_offset() {
    for content in
        [NUMBER.as_bytes().to_vec(), wide(NUMBER, u16::to_be_bytes), vec![0x91, 0x09, 0, 0x50, 0x70, 0xF1]]
    {
        for offset in 0..4 {
            let padded = [&b"~~~~"[..offset], &content[..], b"~~"].concat();
            finds("base64", STANDARD.encode(&padded).as_bytes());
            finds("base64url", URL_SAFE_NO_PAD.encode(&padded).as_bytes());
        }
        let hex: String = content.iter().map(|octet| format!("{octet:02x}")).collect();
        finds("hex", hex.as_bytes());
        finds("HEX", hex.to_uppercase().as_bytes());
        finds("hex from an odd place", format!("a{hex}").as_bytes());
    }
}

#[test]
fn hashes_are_found_in_every_form() {
    for text in forms(NUMBER) {
        for hash in [
            Md5::digest(&text).to_vec(),
            Sha1::digest(&text).to_vec(),
            Sha256::digest(&text).to_vec(),
            Sm3::digest(&text).to_vec(),
        ] {
            finds("hash", &hash);
            let hex: String = hash.iter().map(|octet| format!("{octet:02x}")).collect();
            finds("hash in hex", hex.as_bytes());
            finds("hash in base64", STANDARD.encode(&hash).as_bytes());
        }
    }
}

#[test]
fn compressed_texts_are_found() {
    let text = format!("a text with {NUMBER} in it, {}", "and more ".repeat(20));
    let level = flate2::Compression::default();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    gzip.write_all(text.as_bytes()).unwrap();
    finds("gzip", &gzip.finish().unwrap());
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
    zlib.write_all(text.as_bytes()).unwrap();
    let zlib = zlib.finish().unwrap();
    finds("zlib", &zlib);
    finds("zlib in base64", STANDARD.encode(&zlib).as_bytes());
    finds("zstd", &zstd::encode_all(text.as_bytes(), 3).unwrap());
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), level);
    deflate.write_all(text.as_bytes()).unwrap();
    let deflate = deflate.finish().unwrap();
    let scanner = Scanner::new(&[NUMBER]);
    assert!(!scanner.scan("test", &deflate).is_empty());
    assert!(!scanner.scan("test", &[b"a line\n", &deflate[..]].concat()).is_empty());
}

#[test]
fn combined_with_sent_texts_is_found() {
    let combined: Vec<u8> = SENT.bytes().skip(4).zip(NUMBER.bytes()).map(|(a, b)| a ^ b).collect();
    finds("XOR", &combined);
    finds("XOR in base64", STANDARD.encode(&combined).as_bytes());
}

#[test]
fn other_octets_are_no_hit() {
    let scanner = Scanner::with_sent(&[NUMBER], &[SENT]);
    assert_eq!(scanner.scan("test", b"19900005072 1990000507 {\"took_ms\":19,\"at\":900005071}"), [""; 0]);
    let noise: Vec<u8> = Sha256::digest(b"noise").iter().copied().cycle().take(10_000).collect();
    assert_eq!(scanner.scan("test", &noise), [""; 0]);
    assert_eq!(scanner.scan("test", b""), [""; 0]);
    let lines =
        b"{\"time\":\"2026-11-22T00:35:22.123Z\",\"event\":\"BindAccepted\",\"line\":1990}\n".repeat(300);
    assert_eq!(scanner.scan("test", &lines), [""; 0]);
}
