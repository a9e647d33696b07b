//! The house's shape, kept by a test: which crate may know which, what stays out of the pure ones, and which calls
//! and names occur in one place only. A change here is a design decision (architecture.md).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// Each crate of ours and the ones of ours it may use outside tests.
const EDGES: &[(&str, &[&str])] = &[
    ("names", &[]),
    ("smpp", &["names"]),
    ("notary", &["names"]),
    ("store", &[]),
    ("identity", &["names", "smpp"]),
    ("admission", &["names", "notary"]),
    ("ledger", &["names", "notary"]),
    ("policy", &["names"]),
    ("flow", &["admission", "identity", "ledger", "names", "notary", "policy", "smpp", "store"]),
    ("config", &["names"]),
    ("simulators", &["names"]),
    (
        "",
        &[
            "admission",
            "config",
            "flow",
            "identity",
            "ledger",
            "names",
            "notary",
            "policy",
            "simulators",
            "smpp",
            "store",
        ],
    ),
];

/// What no pure crate may have beneath it.
const IMPURE: [&str; 7] =
    ["tokio", "tracing", "tracing-core", "async-std", "mio", "rusmpp", "veilgate-simulators"];

/// Every door of the number, and the files of ours that go through it. `docs/security.md` names the same.
const DOORS: &[(&str, &[&str])] = &[
    ("smsc_address", &["src/south/submit.rs"]),
    ("sealed_for_cdr", &["routing/flow/src/cdr.rs"]),
    ("subscriber_of", &["routing/flow/src/reply/attribution.rs"]),
    ("holder_of", &["src/ops/subject.rs"]),
    ("list_key_of", &["src/ops/lists.rs"]),
    ("expose_to_ingress", &["routing/identity/src/ingress.rs"]),
    // Coarse: a place, no number. Whoever asks a contact for it is named here.
    ("place", &["routing/flow/src/ruling.rs"]),
];

#[test]
fn the_boundary_report_names_every_door_and_who_goes_through() {
    let report = std::process::Command::new(root().join("tests/boundary"))
        .env("VEILGATE", env!("CARGO_BIN_EXE_veilgate"))
        .output()
        .unwrap();
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    let report = String::from_utf8(report.stdout).unwrap();
    let section = |title: &str| -> Vec<&str> {
        let lines = report.lines().skip_while(|line| !line.starts_with(title)).skip(1);
        lines.take_while(|line| !line.starts_with("==")).collect()
    };
    assert_eq!(section("== Crates"), ["  veilgate", "  veilgate-flow"]);
    let out: Vec<&str> =
        section("== Doors out").into_iter().filter(|line| !line.starts_with("    ")).collect();
    assert_eq!(
        out,
        ["  smsc_address", "  sealed_for_cdr"],
        "a new door out: docs/security.md, leaks.md, a canary"
    );
    let security = fs::read_to_string(root().join("docs/security.md")).unwrap();
    for (door, callers) in DOORS {
        let title = format!("  {door}");
        let uses: Vec<&str> = if *door == "expose_to_ingress" {
            section("== Who opens")
        } else {
            let lines = report.lines().skip_while(|line| **line != title).skip(1);
            lines.take_while(|line| line.starts_with("    ")).collect()
        };
        let files: Vec<&str> = uses.iter().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(files, *callers, "{door}");
        assert!(security.contains(door), "docs/security.md does not name {door}");
    }
    assert!(!section("== Log events").is_empty() && !section("== Audit records").is_empty());
    assert!(!section("== What may stand").contains(&"  String"));
}

#[test]
fn crates_know_only_whom_they_may() {
    let metadata = metadata();
    let mut seen = BTreeSet::new();
    for package in metadata.workspace_packages() {
        let name = short(&package.name);
        let (_, allowed) = EDGES
            .iter()
            .find(|(each, _)| *each == name)
            .unwrap_or_else(|| panic!("{name} has no place here"));
        seen.insert(name);
        for dependency in package.dependencies.iter().filter(|each| each.kind != DependencyKind::Development)
        {
            if let Some(ours) = dependency.name.strip_prefix("veilgate-") {
                assert!(allowed.contains(&ours), "{name} must not know {ours}");
            }
            assert_ne!(dependency.name, "veilgate", "{name}: nothing depends on the shell");
        }
    }
    assert_eq!(seen.len(), EDGES.len(), "a crate is gone: {seen:?}");
}

#[test]
fn protocols_and_decisions_have_no_io_beneath_them() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.strip_prefix(&metadata.workspace_root).unwrap();
        if !folder.starts_with("protocol") && !folder.starts_with("routing") && !folder.starts_with("config")
        {
            continue;
        }
        let beneath = beneath(&metadata, &package.id);
        for impure in IMPURE {
            assert!(!beneath.contains(impure), "{} has {impure} beneath it", package.name);
        }
    }
}

#[test]
fn rusmpp_is_the_other_side_and_says_nothing() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        for dependency in package.dependencies.iter().filter(|each| each.name == "rusmpp") {
            let name = short(&package.name);
            let is_other_side = name == "simulators" || dependency.kind == DependencyKind::Development;
            assert!(is_other_side, "{name} uses rusmpp outside tests");
            assert!(!dependency.uses_default_features, "{name}: rusmpp with default features");
            assert!(
                !dependency.features.iter().any(|feature| feature == "tracing"),
                "{name}: rusmpp's tracing"
            );
        }
    }
    let resolve = metadata.resolve.as_ref().unwrap();
    let named = |id: &PackageId, name: &str| metadata[id].name.as_str() == name;
    for node in
        resolve.nodes.iter().filter(|node| named(&node.id, "rusmpp") || named(&node.id, "rusmpp-core"))
    {
        assert!(!node.features.iter().any(|feature| feature.as_str() == "tracing"), "rusmpp's tracing is on");
    }
}

#[test]
fn numbers_pass_only_the_two_doors() {
    only_in("expose_to_ingress", &["protocol/smpp/src/side.rs", "routing/identity/src/ingress.rs"]);
    only_in("SmscAddress::write", &["routing/identity/src/egress.rs"]);
    for (path, code) in sources(&["src", "routing", "protocol", "config", "simulators"]) {
        let is_home = path.starts_with("routing/identity/src");
        assert!(is_home || !has_word(&code, "Msisdn"), "{} names Msisdn", path.display());
    }
}

#[test]
fn time_is_asked_in_one_place() {
    for call in ["SystemTime::now", "Instant::now", "Zoned::now", "Timestamp::now"] {
        only_in(call, &["src/clock.rs", "simulators/src/clock.rs"]);
    }
    only_in("getrandom::fill", &["src/clock.rs"]);
}

#[test]
fn nothing_is_printed() {
    for (path, code) in sources(&["src", "routing", "protocol", "config"]) {
        for call in ["println!", "eprintln!", "print!", "eprint!", "dbg!"] {
            assert!(!has_word(&code, call), "{} has {call}", path.display());
        }
    }
}

#[test]
fn logs_come_from_the_closed_list() {
    for (path, code) in sources(&["src"]) {
        let is_home = path.starts_with("src/telemetry");
        for call in ["tracing::", "log::info", "log::warn", "log::error", "log::debug"] {
            assert!(is_home || !has_word(&code, call), "{} has {call}", path.display());
        }
    }
}

#[test]
fn events_hold_no_free_text() {
    let code = fs::read_to_string(root().join("src/telemetry/events.rs")).unwrap();
    let (_, list) = code.split_once("\nevents! {").expect("the list of events");
    let is_field = |line: &&str| line.starts_with("        ") && line.trim_end().ends_with(',');
    let fields: BTreeMap<&str, &str> = list
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .filter(is_field)
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
        .collect();
    assert!(fields.len() > 30, "the fields are read: {fields:?}");
    for (field, kind) in fields {
        for text in ["String", "str", "Vec", "Octets", "Bytes", "Box", "Cow", "[u8", "Error>", "dyn "] {
            assert!(!kind.contains(text), "{field}: {kind} could hold a text");
        }
    }
}

fn metadata() -> Metadata {
    // What this platform does not build may not be there offline.
    let platform = format!(
        "{}-unknown-linux-{}",
        std::env::consts::ARCH,
        if cfg!(target_env = "musl") { "musl" } else { "gnu" }
    );
    let options = ["--offline".to_owned(), "--filter-platform".to_owned(), platform];
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).other_options(options);
    command.exec().unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A crate's name without the house's; the shell's is empty.
fn short(name: &str) -> &str {
    name.strip_prefix("veilgate").unwrap().trim_start_matches('-')
}

/// The names of all crates a crate is built from, tests aside.
fn beneath<'a>(metadata: &'a Metadata, from: &'a PackageId) -> BTreeSet<&'a str> {
    let nodes: BTreeMap<_, _> =
        metadata.resolve.as_ref().unwrap().nodes.iter().map(|node| (&node.id, node)).collect();
    let (mut open, mut seen) = (vec![from], BTreeSet::from([from]));
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            let is_normal = dependency.dep_kinds.iter().any(|each| each.kind == DependencyKind::Normal);
            if is_normal && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    let name = |package: &'a Package| package.name.as_str();
    seen.into_iter().filter(|id| *id != from).map(|id| name(&metadata[id])).collect()
}

/// Fails if a call occurs elsewhere than in these files.
fn only_in(call: &str, homes: &[&str]) {
    for (path, code) in sources(&["src", "routing", "protocol", "config", "simulators"]) {
        let is_home = homes.iter().any(|home| path == Path::new(home));
        assert!(is_home || !has_word(&code, call), "{} has {call}", path.display());
    }
}

/// The code of all crates below these folders: no tests, benches, examples, comments or `#[cfg(test)]` modules.
fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    for folder in folders {
        for file in crate::gateway::files_under(&root().join(folder)) {
            let path = file.strip_prefix(root()).unwrap().to_owned();
            let part = |name: &str| path.iter().any(|each| each == name);
            let is_test = part("tests") || part("benches") || part("examples") || path.ends_with("tests.rs");
            if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                let code = fs::read_to_string(&file).unwrap();
                sources.push((path, without_tests(&code)));
            }
        }
    }
    assert!(sources.len() > 5, "there are sources");
    sources
}

/// Tests stand last in a file (style.md, 15).
fn without_tests(code: &str) -> String {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Whether a word occurs, not as the end of a longer one.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}
