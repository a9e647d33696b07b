use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use veilgate_names::AccountKind;

use crate::{BindMode, Config, IdFormat, Proof};

const MINIMAL: &str = include_str!("../../examples/minimal.toml");
const CARRIER: &str = include_str!("../../examples/carrier.toml");

/// The mistake that `text` has, as the operator sees it.
fn mistake(text: &str) -> String {
    Config::load(Path::new("veilgate.toml"), text).expect_err("a mistake").to_string()
}

/// The minimal example with `from` replaced.
fn minimal_with(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from), "{from}");
    MINIMAL.replacen(from, to, 1)
}

/// A folder with the files that the full example names.
fn carrier_folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tls")).unwrap();
    for name in ["tls/server.pem", "tls/server.key", "tls/clients.pem"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    std::fs::write(folder.path().join("smsc-a.password"), "hidden\n").unwrap();
    let file = folder.path().join("veilgate.toml");
    (folder, file)
}

#[test]
fn the_minimal_example_loads_with_the_defaults() {
    let config = Config::load(Path::new("/etc/veilgate/veilgate.toml"), MINIMAL).unwrap();
    assert_eq!(config.data_dir, Path::new("/etc/veilgate/data"));
    assert_eq!(config.master_key_file(), Path::new("/etc/veilgate/data/master.key"));
    assert_eq!(config.ops_socket(), Path::new("/etc/veilgate/data/ops.sock"));
    assert_eq!(config.north.listen, Some("127.0.0.1:2775".parse().unwrap()));
    assert_eq!(config.ops.listen, "127.0.0.1:9464".parse().unwrap());
    let account = &config.accounts[0];
    assert_eq!(account.kind, AccountKind::Notary);
    assert_eq!(account.max_binds.get(), 4);
    let allowed: Vec<_> = account.allow_from.iter().map(ToString::to_string).collect();
    assert_eq!(allowed, ["127.0.0.0/8", "::1/128"]);
    let channel = &config.channels[0];
    assert_eq!((channel.interface_version, channel.id_format), (0x34, IdFormat::Auto));
    assert_eq!(channel.binds.len(), 1);
    assert_eq!(config.service_numbers[0].extension_digits, 2);
}

#[test]
fn the_full_example_loads() {
    let (folder, file) = carrier_folder();
    let config = Config::load(&file, CARRIER).unwrap();
    assert_eq!(config.platforms[0].proof, Proof::Required);
    assert_eq!(config.platforms[0].public_key.as_ref().unwrap().sec1().len(), 65);
    assert_eq!(config.channels[0].password.as_ref().unwrap().expose(), "hidden");
    assert_eq!(config.channels[1].binds[1].mode, BindMode::Receiver);
    assert_eq!(config.flow.throttle_backoff_min, Duration::from_millis(200));
    assert_eq!(config.north.tls.unwrap().key, folder.path().join("tls/server.key"));
    assert_eq!(config.accounts[0].certificate_sha256.unwrap().0[0], 0xe3);
}

/// What the full example calls a default is one: with those lines taken out it means the same.
#[test]
fn the_full_example_tells_the_defaults() {
    let (_folder, file) = carrier_folder();
    let is_default = |line: &&str| {
        line.split_once('#').is_some_and(|(_, note)| note.trim().starts_with("default;"))
            || line.trim_end().ends_with("# default")
    };
    let (dropped, kept): (Vec<&str>, Vec<&str>) = CARRIER.lines().partition(is_default);
    assert!(dropped.len() > 40, "{}", dropped.len());
    assert_eq!(Config::load(&file, CARRIER).unwrap(), Config::load(&file, &kept.join("\n")).unwrap());
}

/// Every table and every inline table of the full example refuses a key it does not know.
#[test]
fn an_unknown_key_is_refused_at_every_level() {
    let (_folder, file) = carrier_folder();
    let mut tried = 0;
    for (index, line) in CARRIER.lines().enumerate() {
        let opens_table = line.starts_with('[');
        let broken = match (index, opens_table) {
            (0, _) => "bogus = 1".to_owned(),
            (_, true) => format!("{line}\nbogus = 1"),
            _ if line.contains("{ ") => line.replacen("{ ", "{ bogus = 1, ", 1),
            _ => continue,
        };
        let mut text = String::new();
        for (at, original) in CARRIER.lines().enumerate() {
            writeln!(text, "{}", if at == index { &broken } else { original }).unwrap();
        }
        let error = Config::load(&file, &text).expect_err(line);
        assert!(error.key == "bogus" || error.key.ends_with(".bogus"), "{error}");
        assert_eq!(error.line, index + 1 + usize::from(opens_table), "{error}");
        assert!(error.problem.starts_with("unknown key; known here: "), "{error}");
        tried += 1;
    }
    assert!(tried >= 18, "{tried}");
}

#[test]
fn a_wrong_value_names_line_and_key() {
    for (from, to, line) in [
        (
            "kind = \"notary\"",
            "kind = \"notar\"",
            "veilgate.toml:14: accounts[0].kind: expected \"notary\" or \"enterprise\"",
        ),
        (
            "number = \"10690001\"",
            "number = 10690001",
            "veilgate.toml:20: service_numbers[0].number: expected 3-20 digits",
        ),
        (
            "inbound_anchored = true ",
            "inbound_anchored = \"yes\" ",
            "veilgate.toml:22: service_numbers[0].inbound_anchored: expected a boolean",
        ),
        (
            "system_id = \"veilgate\"\npassword = \"secret\"",
            "system_id = \"veilgate\"\npassword = 1234567",
            "veilgate.toml:28: channels[0].password: expected at most 8 printable ASCII characters",
        ),
        (
            "password = \"secret\"",
            "window = 0",
            "veilgate.toml:28: channels[0].window: expected a whole number from 1 to 65535",
        ),
        (
            "password = \"secret\"",
            "window = -1",
            "veilgate.toml:28: channels[0].window: expected a whole number from 1 to 65535",
        ),
        (
            "password = \"secret\"",
            "interface_version = 52000",
            "veilgate.toml:28: channels[0].interface_version: expected 0x33, 0x34 or 0x50",
        ),
        (
            "password = \"secret\"",
            "response_timeout = \"0s\"",
            "veilgate.toml:28: channels[0].response_timeout: expected a duration such as \"5s\", \"200ms\" or \"48h\", above zero, at most 8784h",
        ),
        (
            "password = \"secret\"",
            "binds = [{ mode = \"transceiver\" },\n {}]",
            "veilgate.toml:29: channels[0].binds[1].mode: missing",
        ),
        ("id = \"ent-1\"\n", "\n", "veilgate.toml:9: enterprises[0].id: missing"),
        (
            "[[channels]]",
            "[north]\nlisten = \"localhost\"\n[[channels]]",
            "veilgate.toml:25: north.listen: expected an address such as \"127.0.0.1:2775\", or \"off\"",
        ),
        (
            "[[channels]]",
            "[north]\nlisten = \"off\"\nlisten = \"off\"\n[[channels]]",
            "veilgate.toml:26: duplicate key",
        ),
    ] {
        assert_eq!(mistake(&minimal_with(from, to)), line);
    }
}

#[test]
fn text_that_is_not_toml_is_one_line() {
    let error = mistake("data_dir = \"data\"\n[[accounts\n");
    assert!(error.starts_with("veilgate.toml:2: "), "{error}");
    assert_eq!(error.lines().count(), 1);
    assert_eq!(mistake(""), "veilgate.toml:1: channels: at least one [[channels]] is needed");
}

#[test]
fn no_error_repeats_a_secret() {
    for (from, to) in [
        ("password = \"secret\"", "password = \"far-too-secret\""),
        ("password = \"secret\"", "pass = \"far-too-secret\""),
        ("password = \"secret\"", "password = [\"far-too-secret\"]"),
        ("system_id = \"veilgate\"", "system_id = \"far-too-secret-a-name\""),
    ] {
        let error = mistake(&minimal_with(from, to));
        assert!(!error.contains("far-too"), "{error}");
    }
    let config = Config::load(Path::new("veilgate.toml"), MINIMAL).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("secret\"") && !shown.contains("argon2id"), "{shown}");
}
