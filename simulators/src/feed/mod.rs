//! Test data for a gateway: the carrier's subscriber feed, and the recipients and authorizations that a notary
//! would know of the same people. The same seed gives the same files.

mod edi;

pub use edi::{EdiError, EdiMaker};

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::random::{Random, mix};

/// Digits of a pseudonym and of a number.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What is generated.
#[derive(Debug, Clone)]
pub struct FeedOptions {
    /// How many subscribers.
    pub subscribers: u64,
    /// Seed of all draws.
    pub seed: u64,
    /// Directory for the files; made if it is missing.
    pub directory: PathBuf,
    /// Key id of the encrypted device IDs.
    pub kid: String,
    /// Their key, 32 hexadecimal digits.
    pub edi_key: String,
    /// First digits of the numbers; the rest counts up to 11 digits.
    pub range: String,
    /// Enterprises, in turn.
    pub enterprises: Vec<String>,
    /// Service numbers the authorizations allow.
    pub service_numbers: Vec<String>,
    /// As-of date of the authorizations, `YYYY-MM-DD`.
    pub as_of: String,
}

impl Default for FeedOptions {
    fn default() -> Self {
        Self {
            subscribers: 1_000,
            seed: 1,
            directory: PathBuf::from("."),
            kid: "k1".to_owned(),
            edi_key: "00112233445566778899aabbccddeeff".to_owned(),
            range: "1990000".to_owned(),
            enterprises: vec!["ent-1".to_owned()],
            service_numbers: vec!["10690001".to_owned()],
            as_of: "2026-03-01".to_owned(),
        }
    }
}

/// Why nothing, or not everything, was generated.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// A file could not be written.
    #[error("feed: {0}")]
    Io(#[from] io::Error),
    /// The key or the encryption.
    #[error(transparent)]
    Edi(#[from] EdiError),
    /// The numbers leave 11 digits, or the range is not digits.
    #[error("the range has no room for so many numbers")]
    Range,
    /// There is no enterprise.
    #[error("at least one enterprise is needed")]
    NoEnterprise,
}

/// One made-up person.
struct Person {
    number: String,
    kind: &'static str,
    device: String,
    holder: String,
    pseudonym: String,
    authorization: String,
    edi: String,
    enterprise: String,
}

#[derive(Serialize)]
struct Authorization<'a> {
    authorization_id: &'a str,
    enterprise_id: &'a str,
    pseudonym: &'a str,
    encrypted_device_ids: [&'a str; 1],
    as_of: &'a str,
    not_before: &'a str,
    expires_at: &'a str,
    services: [&'a str; 2],
    limits: Limits,
    service_numbers: &'a [String],
    evidence_hash: String,
}

#[derive(Serialize)]
struct Limits {
    sms_per_day: u32,
    calls_per_day: u32,
    window: &'static str,
}

/// Writes `bindings.csv`, `tenures.csv`, `recipients.csv` and `authorizations.jsonl`.
///
/// # Errors
/// [`FeedError`].
pub fn generate(options: &FeedOptions) -> Result<(), FeedError> {
    let first = first_number(options)?;
    let maker = EdiMaker::new(&options.kid, &options.edi_key)?;
    std::fs::create_dir_all(&options.directory)?;
    let open = |name: &str| {
        File::create(options.directory.join(name)).map(|file| BufWriter::with_capacity(1 << 18, file))
    };
    let mut bindings = open("bindings.csv")?;
    let mut tenures = open("tenures.csv")?;
    let mut recipients = open("recipients.csv")?;
    let mut authorizations = open("authorizations.jsonl")?;
    writeln!(bindings, "id_type,id,msisdn,from,to,primary")?;
    writeln!(tenures, "msisdn,holder,from,to,network,status")?;
    writeln!(recipients, "pseudonym,authorization_id,edi,as_of,enterprise")?;
    let mut random = Random::new(options.seed);
    for index in 0..options.subscribers {
        let person = person(options, &maker, &mut random, first, index)?;
        let Person { number, kind, device, holder, .. } = &person;
        writeln!(bindings, "{kind},{device},{number},2024-01-01,,1")?;
        writeln!(tenures, "{number},{holder},2023-06-01,,own,active")?;
        let Person { pseudonym, authorization, edi, enterprise, .. } = &person;
        writeln!(recipients, "{pseudonym},{authorization},{edi},{},{enterprise}", options.as_of)?;
        serde_json::to_writer(&mut authorizations, &authorization_of(options, &person, &mut random))
            .map_err(io::Error::from)?;
        authorizations.write_all(b"\n")?;
    }
    for mut file in [bindings, tenures, recipients, authorizations] {
        file.flush()?;
    }
    Ok(())
}

/// The first number; all of them must have 11 digits.
fn first_number(options: &FeedOptions) -> Result<u64, FeedError> {
    if options.enterprises.is_empty() {
        return Err(FeedError::NoEnterprise);
    }
    if options.range.len() > 11 || !options.range.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(FeedError::Range);
    }
    let first: u64 = format!("{:0<11}", options.range).parse().map_err(|_| FeedError::Range)?;
    let last = first.saturating_add(options.subscribers);
    if (10_000_000_000..=99_999_999_999).contains(&last) { Ok(first) } else { Err(FeedError::Range) }
}

fn person(
    options: &FeedOptions,
    maker: &EdiMaker,
    random: &mut Random,
    first: u64,
    index: u64,
) -> Result<Person, FeedError> {
    let (kind, device) = device(options.seed, index);
    let mut nonce = [0; 12];
    random.fill(&mut nonce);
    let count = u64::try_from(options.enterprises.len()).unwrap_or(1);
    let turn = usize::try_from(index % count).unwrap_or(0);
    Ok(Person {
        number: format!("+86{}", first + index),
        kind,
        holder: format!("h{index}"),
        pseudonym: pseudonym(options.seed, index),
        authorization: format!("au-{index}"),
        edi: maker.make(kind, &device, nonce)?,
        enterprise: options.enterprises.get(turn).cloned().unwrap_or_default(),
        device,
    })
}

fn authorization_of<'a>(
    options: &'a FeedOptions,
    person: &'a Person,
    random: &mut Random,
) -> Authorization<'a> {
    let evidence_hash = (0..4).map(|_| format!("{:016x}", random.draw())).collect();
    Authorization {
        authorization_id: &person.authorization,
        enterprise_id: &person.enterprise,
        pseudonym: &person.pseudonym,
        encrypted_device_ids: [&person.edi],
        as_of: &options.as_of,
        not_before: "2026-03-01T00:00:00Z",
        expires_at: "2036-12-31T16:00:00Z",
        services: ["sms", "voice"],
        limits: Limits { sms_per_day: 1_000_000, calls_per_day: 1_000, window: "00:00-24:00" },
        service_numbers: &options.service_numbers,
        evidence_hash,
    }
}

/// A device: half IMEI, the rest IMSI, OAID, IDFA, ZXID and CUID. No two subscribers share one.
fn device(seed: u64, index: u64) -> (&'static str, String) {
    let scattered = mix(index.wrapping_add(mix(seed)));
    let words = (scattered, mix(scattered ^ 0x55AA));
    match index % 10 {
        0..=4 => ("imei", imei(index)),
        5 | 6 => ("imsi", format!("46000{:010}", index % 10_000_000_000)),
        7 => ("oaid", uuid(words)),
        8 => ("idfa", uuid(words).to_uppercase()),
        _ if index % 20 == 9 => ("zxid", format!("{:016x}{:08x}", words.0, words.1 >> 32)),
        _ => ("cuid", format!("{:016X}|0", words.0).replace('|', "_")),
    }
}

/// 14 digits of the index and their Luhn digit.
fn imei(index: u64) -> String {
    let body = format!("35{:012}", index % 1_000_000_000_000);
    let digits = body.bytes().map(|octet| u32::from(octet - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(position, digit)| if position % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn uuid((high, low): (u64, u64)) -> String {
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

/// 12 characters that never look like a number: a letter, then a scattered index in base 62.
fn pseudonym(seed: u64, index: u64) -> String {
    let mut rest = mix(index.wrapping_add(mix(seed ^ 0xA5)));
    let mut text = String::from("Z");
    for _ in 0..11 {
        let digit = usize::try_from(rest % 62).ok().and_then(|digit| BASE62.get(digit));
        text.push(digit.map_or('0', |octet| char::from(*octet)));
        rest /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn luhn(text: &str) -> bool {
        let digits = text.bytes().rev().map(|octet| u32::from(octet - b'0'));
        let sum: u32 = digits
            .enumerate()
            .map(|(at, digit)| if at % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
            .sum();
        sum.is_multiple_of(10)
    }

    #[test]
    fn files_have_their_shape_and_nothing_repeats() {
        let directory = tempfile::tempdir().unwrap();
        let options = FeedOptions {
            subscribers: 2_000,
            directory: directory.path().to_owned(),
            enterprises: vec!["ent-1".into(), "ent-2".into()],
            ..FeedOptions::default()
        };
        generate(&options).unwrap();
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
        let rows = |text: &str| -> Vec<Vec<String>> {
            text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
        };
        let (bindings, tenures, recipients) =
            (rows(&read("bindings.csv")), rows(&read("tenures.csv")), rows(&read("recipients.csv")));
        assert!([&bindings, &tenures, &recipients].iter().all(|rows| rows.len() == 2_000));
        assert_eq!((&bindings[7][2], &tenures[7][0]), (&"+8619900000007".into(), &"+8619900000007".into()));
        assert!(
            bindings.iter().filter(|row| row[0] == "imei").all(|row| row[1].len() == 15 && luhn(&row[1]))
        );
        assert!(bindings.iter().filter(|row| row[0] == "imsi").all(|row| row[1].len() == 15));
        let unique = |rows: &[Vec<String>], column: usize| {
            rows.iter().map(|row| row[column].clone()).collect::<HashSet<_>>().len()
        };
        assert_eq!(
            (unique(&bindings, 1), unique(&recipients, 0), unique(&recipients, 2)),
            (2_000, 2_000, 2_000)
        );
        assert!(recipients.iter().all(|row| row[2].len() <= 160 && row[4].starts_with("ent-")));
        let lines = read("authorizations.jsonl");
        let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        assert_eq!(last["encrypted_device_ids"][0], recipients[1_999][2].as_str());
        assert_eq!(
            (&last["enterprise_id"], last["evidence_hash"].as_str().unwrap().len()),
            (&"ent-2".into(), 64)
        );
        let before = read("recipients.csv");
        generate(&options).unwrap();
        assert_eq!(read("recipients.csv"), before);
    }

    #[test]
    fn a_range_without_room_is_refused() {
        let options = |range: &str, subscribers| FeedOptions {
            range: range.into(),
            subscribers,
            ..FeedOptions::default()
        };
        assert!(first_number(&options("1990000", 10_000_000)).is_ok());
        assert!(first_number(&options("99999999990", 100)).is_err());
        assert!(first_number(&options("12x", 1)).is_err());
        assert!(first_number(&options("013", 1)).is_err());
    }
}
