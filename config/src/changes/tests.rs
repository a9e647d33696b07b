use std::path::Path;

use crate::{Config, LogLevel};

const MINIMAL: &str = include_str!("../../examples/minimal.toml");

fn config(text: &str) -> Config {
    Config::load(Path::new("veilgate.toml"), text).unwrap()
}

fn changed(from: &str, to: &str) -> Result<crate::Changes, Vec<String>> {
    assert!(MINIMAL.contains(from), "{from}");
    Config::reloadable_changes(&config(MINIMAL), &config(&MINIMAL.replacen(from, to, 1)))
}

#[test]
fn the_same_file_changes_nothing() {
    assert!(changed("# Everything else", "# All else").unwrap().is_empty());
}

#[test]
fn accounts_channels_and_the_log_level_are_taken_over() {
    let account = changed("kind = \"notary\"", "kind = \"notary\"\nmax_binds = 9").unwrap();
    assert_eq!(account.accounts.changed[0].as_str(), "notary-1");
    let channel = changed("id = \"smsc-1\"", "id = \"smsc-9\"").unwrap();
    assert_eq!(channel.channels.added[0].as_str(), "smsc-9");
    assert_eq!(channel.channels.removed[0].as_str(), "smsc-1");
    assert!(channel.channels.changed.is_empty());
    let level = changed("[[channels]]", "[log]\nlevel = \"debug\"\n[[channels]]").unwrap();
    assert_eq!(level.log_level, Some(LogLevel::Debug));
}

#[test]
fn the_rest_needs_a_restart_and_is_named() {
    for (from, to, name) in [
        ("data_dir = \"data\"", "data_dir = \"other\"", "data_dir"),
        ("data_dir = \"data\"", "node = \"b\"\ndata_dir = \"data\"", "node"),
        ("[[channels]]", "[journal]\ngroup_max = 7\n[[channels]]", "journal.group_max"),
        ("[[channels]]", "[north]\nwindow_in = 7\n[[channels]]", "north.window_in"),
        ("[[channels]]", "[log]\nformat = \"text\"\n[[channels]]", "log.format"),
        (
            "number = \"10690001\"",
            "number = \"10690001\"\nextension_digits = 3",
            "service_numbers[0].extension_digits",
        ),
    ] {
        assert_eq!(changed(from, to), Err(vec![name.to_owned()]));
    }
}
