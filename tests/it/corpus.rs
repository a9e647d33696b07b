//! The fuzzer's checks over its corpora, and over each file of these changed a little in many ways: no cargo-fuzz needed.
//! A target without corpus fails, and a corpus without target.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../fuzz/checks/authorization_json.rs"]
mod authorization_json;
#[path = "../../fuzz/checks/config_toml.rs"]
mod config_toml;
#[path = "../../fuzz/checks/contact_records.rs"]
mod contact_records;
#[path = "../../fuzz/checks/identity_feed.rs"]
mod identity_feed;
#[path = "../../fuzz/checks/journal_records.rs"]
mod journal_records;
#[path = "../../fuzz/checks/journal_segment.rs"]
mod journal_segment;
#[path = "../../fuzz/checks/ledger_lines.rs"]
mod ledger_lines;
#[path = "../../fuzz/checks/list_file.rs"]
mod list_file;
#[path = "../../fuzz/checks/pdu_decode.rs"]
mod pdu_decode;
#[path = "../../fuzz/checks/place_tables.rs"]
mod place_tables;
#[path = "../../fuzz/checks/policy_balances.rs"]
mod policy_balances;
#[path = "../../fuzz/checks/policy_objects.rs"]
mod policy_objects;
#[path = "../../fuzz/checks/policy_templates.rs"]
mod policy_templates;
#[path = "../../fuzz/checks/policy_windows.rs"]
mod policy_windows;
#[path = "../../fuzz/checks/policy_words.rs"]
mod policy_words;
#[path = "../../fuzz/checks/session_receive.rs"]
mod session_receive;
#[path = "../../fuzz/checks/text_parse.rs"]
mod text_parse;
#[path = "../../fuzz/checks/text_split.rs"]
mod text_split;
#[path = "../../fuzz/checks/tlv_read.rs"]
mod tlv_read;

struct Target {
    name: &'static str,
    check: fn(&[u8]),
    /// How often each file of its corpus is changed.
    changes: u32,
}

const TARGETS: [Target; 19] = [
    Target { name: "authorization_json", check: authorization_json::check, changes: 200 },
    Target { name: "config_toml", check: config_toml::check, changes: 100 },
    Target { name: "contact_records", check: contact_records::check, changes: 200 },
    Target { name: "identity_feed", check: identity_feed::check, changes: 100 },
    Target { name: "journal_records", check: journal_records::check, changes: 30 },
    Target { name: "journal_segment", check: journal_segment::check, changes: 30 },
    Target { name: "ledger_lines", check: ledger_lines::check, changes: 200 },
    Target { name: "list_file", check: list_file::check, changes: 200 },
    Target { name: "pdu_decode", check: pdu_decode::check, changes: 200 },
    Target { name: "place_tables", check: place_tables::check, changes: 10 },
    Target { name: "policy_balances", check: policy_balances::check, changes: 300 },
    Target { name: "policy_objects", check: policy_objects::check, changes: 200 },
    Target { name: "policy_templates", check: policy_templates::check, changes: 50 },
    Target { name: "policy_windows", check: policy_windows::check, changes: 200 },
    Target { name: "policy_words", check: policy_words::check, changes: 25 },
    Target { name: "session_receive", check: session_receive::check, changes: 100 },
    Target { name: "text_parse", check: text_parse::check, changes: 300 },
    Target { name: "text_split", check: text_split::check, changes: 300 },
    Target { name: "tlv_read", check: tlv_read::check, changes: 300 },
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(fuzz().join(folder)).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = entries.map(|entry| stem(entry.unwrap().path())).collect();
    names.sort();
    names
}

/// The files of a target's corpus, by name.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(fuzz().join("corpus").join(target)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Random numbers that are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// Changes, inserts, doubles or removes a few octets.
fn changed(input: &[u8], random: &mut Random) -> Vec<u8> {
    let mut octets = input.to_vec();
    for _ in 0..=random.below(4) {
        let place = random.below(octets.len() + 1);
        let odd = [0, 1, 0x7f, 0x80, 0xff, b'\n', b'"', b','][random.below(8)];
        match random.below(5) {
            0 => octets.insert(place, odd),
            1 => octets.truncate(place),
            2 => octets.extend_from_within(place..),
            3 if place < octets.len() => drop(octets.remove(place)),
            _ if place < octets.len() => octets[place] ^= 1 << random.below(8),
            _ => {}
        }
        octets.truncate(16 << 10);
    }
    octets
}

#[test]
fn every_target_has_a_check_a_corpus_and_a_replay() {
    let ours: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names("fuzz_targets"), ours);
    assert_eq!(names("checks"), ours);
    assert_eq!(names("corpus"), ours);
}

#[test]
fn the_corpora_hold_and_so_do_their_neighbours() {
    for Target { name: target, check, changes } in TARGETS {
        let files = corpus(target);
        assert!(files.len() >= 2, "{target} has {} inputs", files.len());
        for (path, input) in files {
            let mut random = Random(u64::try_from(input.len()).unwrap());
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                check(&input);
                for _ in 0..changes {
                    let input = changed(&input, &mut random);
                    if std::panic::catch_unwind(|| check(&input)).is_err() {
                        panic!("fails on {}", input.escape_ascii());
                    }
                }
            }));
            assert!(checked.is_ok(), "{target}: {}", path.display());
        }
    }
}
