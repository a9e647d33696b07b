//! The real binary: what its memory may not leave behind, where it takes the master key from, what it refuses, and
//! that a `kill -9` in the middle of a rotation never leaves keys that do not open.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use veilgate_simulators::feed::{FeedOptions, generate};
use veilgate_simulators::load::{self, LoadOptions};
use veilgate_simulators::reconcile::reconcile;
use veilgate_simulators::sink::{Running, Sink, SinkOptions};
use veilgate_simulators::smsc::ReceiptWhen;

use super::mode;
use crate::gateway::{EDI_KEY, PATIENCE};
use crate::kill::{Process, free_ports, load_options, write_config};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const OTHER_KEY: &str = "f0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A folder with a configuration whose one channel leads to a sink.
pub(super) struct Place {
    pub(super) folder: tempfile::TempDir,
    pub(super) config: PathBuf,
    pub(super) ops: SocketAddr,
    _sink: Running,
}

impl Place {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sink::start(SinkOptions::default()).await.unwrap();
        let [north, ops] = free_ports();
        let config = write_config(folder.path(), north, ops, sink.address());
        Self { folder, config, ops, _sink: sink }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A line at the beginning of the configuration.
    pub(super) fn configure(&self, line: &str) {
        let text = fs::read_to_string(&self.config).unwrap();
        fs::write(&self.config, format!("{line}\n{text}")).unwrap();
    }

    pub(super) fn write_key(&self, name: &str, key: &str) -> PathBuf {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.path(name);
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
        file.write_all(key.as_bytes()).unwrap();
        path
    }

    pub(super) fn veilgate(&self, arguments: &[&str]) -> Output {
        self.by(Command::new(env!("CARGO_BIN_EXE_veilgate")), arguments)
    }

    pub(super) fn by(&self, mut command: Command, arguments: &[&str]) -> Output {
        command.args(arguments).arg("--config").arg(&self.config).stdin(Stdio::null()).output().unwrap()
    }

    pub(super) async fn start(&self) -> Process {
        Process::start(&self.config, self.ops).await
    }

    /// The one line with which it does not start.
    pub(super) fn refusal(&self) -> String {
        one_line(&self.veilgate(&[]))
    }
}

/// What a command that failed says.
pub(super) fn one_line(output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert_eq!(words.lines().count(), 1, "one clear line: {words}");
    words
}

pub(super) fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The binary behind a shell that opens files as descriptors for it.
fn with_descriptors(redirections: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\" {redirections}"), env!("CARGO_BIN_EXE_veilgate")]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn no_core_file_is_written() {
    let place = Place::new().await;
    let process = place.start().await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    process.stop();
}

#[test]
fn a_process_with_keys_cannot_be_dumped() {
    // In a process of its own: this one serves the other tests.
    assert!(nix::sys::prctl::get_dumpable().unwrap());
    veilgate::keys::no_core_dumps();
    assert!(!nix::sys::prctl::get_dumpable().unwrap());
    nix::sys::prctl::set_dumpable(true).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_or_an_open_file_stops_the_start() {
    let place = Place::new().await;
    place.start().await.stop();
    let master = place.path("data/master.key");
    let ring = fs::read_to_string(place.path("data/keys.json")).unwrap();
    let right = fs::read_to_string(&master).unwrap();
    place.write_key("data/master.key", OTHER_KEY);
    assert!(place.refusal().contains("keys.json: the key ring was sealed under another master key"));
    place.write_key("data/master.key", "short");
    assert!(place.refusal().contains("master.key: expected 64 hex digits"));
    fs::remove_file(&master).unwrap();
    assert!(place.refusal().contains("master.key: No such file"), "none is made anew");
    place.write_key("data/master.key", &right);
    fs::set_permissions(&master, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    assert!(place.refusal().contains("must be readable for its owner only (mode 0600)"));
    place.write_key("data/master.key", &right);
    fs::set_permissions(&master, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(place.path("data/keys.json"), ring.replacen("\"gcm\": true", "\"gcm\": false", 1)).unwrap();
    assert!(place.refusal().contains("keys.json: the key ring is damaged"));
    fs::write(place.path("data/keys.json"), ring).unwrap();
    place.start().await.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_comes_through_a_descriptor() {
    let place = Place::new().await;
    place.configure("master_key = { descriptor = 3 }");
    place.write_key("one", KEY);
    place.write_key("two", OTHER_KEY);
    let one = format!("3< {}", place.path("one").display());
    let two = format!("3< {}", place.path("two").display());
    let piped = format!("3<<'E'\n{KEY}\nE");
    let process = Process::start_by(with_descriptors(&one), &place.config, place.ops).await;
    assert!(!place.path("data/master.key").exists());
    assert!(process.command(&["keys", "list"]).contains("master key: descriptor"));
    process.stop();
    assert!(place.refusal().contains("descriptor 3"), "it is not there");
    let wrong = place.by(with_descriptors(&two), &[]);
    assert!(one_line(&wrong).contains("sealed under another master key"));
    let process = Process::start_by(with_descriptors(&piped), &place.config, place.ops).await;
    let refused = place.veilgate(&["keys", "rotate-master"]);
    assert!(one_line(&refused).contains("--new-file"));
    process.command(&["keys", "rotate-master", "--new-file", place.path("two").to_str().unwrap()]);
    process.stop();
    assert!(one_line(&place.by(with_descriptors(&one), &[])).contains("another master key"));
    Process::start_by(with_descriptors(&two), &place.config, place.ops).await.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_changed_without_a_gateway() {
    let place = Place::new().await;
    place.start().await.stop();
    let export = place.path("k2.hex");
    let keys = |arguments: &[&str]| {
        let all: Vec<&str> = ["--actor", "zhang", "keys"].iter().chain(arguments).copied().collect();
        place.veilgate(&all)
    };
    good(&keys(&["generate", "k2", "--export", export.to_str().unwrap(), "--owner", "notary-1"]));
    assert_eq!(mode(&export), 0o600);
    assert_eq!(fs::read_to_string(&export).unwrap().trim().len(), 32);
    good(&keys(&["retire", "k1"]));
    good(&keys(&["rotate", "--class", "text", "--tenant", "ent-1"]));
    good(&keys(&["rotate-master"]));
    let list = good(&keys(&["list"]));
    for line in [
        "edi k1: retired, edi1, owner any",
        "edi k2: active, edi1, owner notary-1",
        "data text of ent-1: version 1, opens only",
        "data text of ent-1: version 2, seals",
        "data registry of the installation: version 1, seals",
    ] {
        assert!(list.contains(line), "{line}: {list}");
    }
    assert!(one_line(&keys(&["destroy", "k2"])).contains("only a retired key"));
    let version = |class: &'static str, version: &'static str| {
        ["destroy", "--class", class, "--tenant", "ent-1", "--version", version]
    };
    good(&keys(&["rotate", "--class", "number", "--tenant", "ent-1"]));
    assert!(one_line(&keys(&version("text", "1"))).contains("only versions of number keys"));
    assert!(one_line(&keys(&version("number", "2"))).contains("the newest version cannot be destroyed"));
    good(&keys(&version("number", "1")));
    let list = good(&keys(&["list"]));
    assert!(
        !list.contains("data number of ent-1: version 1")
            && list.contains("data number of ent-1: version 2, seals")
    );
    assert!(one_line(&keys(&["generate", "k3", "--export", "/nowhere/k3"])).contains("/nowhere/k3"));
    let process = place.start().await;
    assert_eq!(process.command(&["keys", "list"]), list, "the gateway sees what was done");
    process.command(&["keys", "rotate", "--class", "alias", "--tenant", "ent-1"]);
    process.stop();
    good(&place.veilgate(&["audit", "verify"]));
    let audit = fs::read_to_string(place.path("data/audit.log")).unwrap();
    for event in [
        "edi_key_generated",
        "edi_key_retired",
        "data_key_rotated",
        "data_key_destroyed",
        "master_key_rotated",
    ] {
        let told = |line: &str| line.contains(event) && line.contains(":zhang\"");
        assert!(audit.lines().any(told), "{event}: {audit}");
    }
    assert!(audit.contains("key_change_refused"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_of_the_master_key_that_was_cut_short_is_ended() {
    let place = Place::new().await;
    place.start().await.stop();
    let (ring, master) = (place.path("data/keys.json"), place.path("data/master.key"));
    let next = place.path("data/master.next");
    let before = (fs::read_to_string(&ring).unwrap(), fs::read_to_string(&master).unwrap());
    good(&place.veilgate(&["keys", "rotate-master"]));
    let after = (fs::read_to_string(&ring).unwrap(), fs::read_to_string(&master).unwrap());
    assert!(before.0 != after.0 && before.1 != after.1);
    let end = |ring_text: &str, master_text: &str, next_text: &str| {
        fs::write(&ring, ring_text).unwrap();
        place.write_key("data/master.key", master_text);
        place.write_key("data/master.next", next_text);
    };
    // Killed before the ring was replaced: the old key stays. Killed after: the new one takes its place.
    for (ring_text, wanted) in [(&before.0, &before.1), (&after.0, &after.1)] {
        end(ring_text, &before.1, &after.1);
        place.start().await.stop();
        assert_eq!(fs::read_to_string(&master).unwrap(), *wanted);
        assert!(!next.exists());
    }
}

/// Under a steady load every key is rotated as fast as commands go: no message is refused, lost or sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn rotations_under_load_cost_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (feed, arrivals, acks) = (path("feed"), path("arrivals.log"), path("acks.log"));
    let edi_key = EDI_KEY.to_owned();
    generate(&FeedOptions { subscribers: 100, directory: feed.clone(), edi_key, ..FeedOptions::default() })
        .unwrap();
    let options =
        SinkOptions { receipts: ReceiptWhen::Always, log: Some(arrivals.clone()), ..SinkOptions::default() };
    let sink = Sink::start(options).await.unwrap();
    let [north, ops] = free_ports();
    let config = write_config(folder.path(), north, ops, sink.address());
    let process = Process::start(&config, ops).await;
    let (bindings, tenures) = (feed.join("bindings.csv"), feed.join("tenures.csv"));
    let files = [bindings.to_str().unwrap(), tenures.to_str().unwrap()];
    process.command(&["identity", "import", "--bindings", files[0], "--tenures", files[1]]);
    let count = 900;
    let load = LoadOptions { count: Some(count), ..load_options(north, &feed, acks.clone()) };
    let running = tokio::spawn(load::run(load, |_| {}));
    let mut rotations = 0;
    // A key has at most 200 versions.
    while !running.is_finished() && rotations < 500 {
        for arguments in [
            &["rotate", "--class", "text", "--tenant", "ent-1"][..],
            &["rotate", "--class", "alias", "--tenant", "ent-1"],
            &["rotate", "--class", "registry", "--tenant", "ent-1"],
            &["rotate", "--class", "number"],
            &["rotate-master"],
        ] {
            let all: Vec<&str> = ["keys"].iter().chain(arguments).copied().collect();
            process.command(&all);
            rotations += 1;
        }
    }
    let report = running.await.unwrap().unwrap();
    assert!(rotations >= 10, "{rotations}");
    assert_eq!(report.accepted, count, "{}", report.text());
    let reconciled = reconcile(&acks, &[&arrivals]).unwrap();
    assert_eq!((reconciled.lost, reconciled.duplicated), (0, 0), "{reconciled:?}");
    assert_eq!(reconciled.receipts_missing, 0, "{reconciled:?}");
    process.stop();
    Process::start(&config, ops).await.stop();
    let log = fs::read_to_string(path("veilgate.log")).unwrap();
    let opened: Vec<_> = log.lines().filter(|line| line.contains("\"JournalOpened\"")).collect();
    assert!(opened.len() == 2 && opened.iter().all(|line| line.contains("\"damaged\":0")), "{opened:?}");
    sink.stop().await;
}

/// Rotations of every kind run without a pause while the gateway is killed again and again.
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_rotations_it_starts_again() {
    let place = Place::new().await;
    let mut process = place.start().await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let rotations = {
        let (config, stop) = (place.config.clone(), std::sync::Arc::clone(&stop));
        std::thread::spawn(move || rotate_until(&config, &stop))
    };
    for round in 1..=8_u32 {
        let versions = || fs::read_to_string(place.path("data/keys.json")).unwrap_or_default();
        let before = versions();
        let turning = async {
            while versions() == before {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            // Somewhere in one of the next rotations.
            tokio::time::sleep(Duration::from_millis(u64::from(round) * 7 % 20)).await;
        };
        tokio::time::timeout(PATIENCE, turning).await.expect("rotations go on");
        process.kill_and_restart().await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let done = rotations.join().unwrap();
    assert!(done > 8, "{done} rotations");
    let list = process.command(&["keys", "list"]);
    assert!(list.contains("edi k1: active"), "{list}");
    process.stop();
    good(&place.veilgate(&["audit", "verify"]));
}

/// Rotates as fast as it can; a gateway that is just killed refuses, or the files are changed without it.
fn rotate_until(config: &Path, stop: &std::sync::atomic::AtomicBool) -> usize {
    let mut done = 0;
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        for arguments in
            [&["rotate-master"][..], &["rotate", "--class", "text", "--tenant", "ent-1"], &["rotate-master"]]
        {
            let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
            command.arg("keys").args(arguments).arg("--config").arg(config);
            done += usize::from(command.output().unwrap().status.success());
        }
    }
    done
}

/// Where a file cannot be written, nothing changes: neither in memory nor on disk, and it goes on afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_changes_nothing() {
    let place = Place::new().await;
    let process = place.start().await;
    let files = || ["data/keys.json", "data/master.key"].map(|name| fs::read(place.path(name)).unwrap());
    let before = files();
    // A folder in the way of the new file.
    for (in_the_way, commands) in [
        (
            "data/keys.new",
            &[&["retire", "k1"][..], &["rotate", "--class", "text", "--tenant", "ent-1"], &["rotate-master"]]
                [..],
        ),
        ("data/master.new", &[&["rotate-master"]]),
    ] {
        fs::create_dir(place.path(in_the_way)).unwrap();
        for command in commands {
            let all: Vec<&str> = ["keys"].iter().chain(*command).copied().collect();
            one_line(&place.veilgate(&all));
            assert_eq!(files(), before, "{command:?}");
            assert!(!place.path("data/master.next").exists(), "{command:?}");
        }
        fs::remove_dir(place.path(in_the_way)).unwrap();
    }
    assert!(process.command(&["keys", "list"]).contains("edi k1: active"));
    process.command(&["keys", "retire", "k1"]);
    process.command(&["keys", "rotate-master"]);
    process.stop();
    place.start().await.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_that_is_none_is_refused() {
    let place = Place::new().await;
    let process = place.start().await;
    let all_zero = "0".repeat(31);
    for (name, content) in [
        ("empty", ""),
        ("short", all_zero.as_str()),
        ("text", "not hexadecimal, but 32 long...."),
        ("long", &"a".repeat(100_000)),
    ] {
        let path = place.write_key(name, content);
        let output = place.veilgate(&["keys", "import", "k5", "--file", path.to_str().unwrap()]);
        assert!(one_line(&output).contains("expected 32 hex digits"), "{name}");
    }
    assert!(one_line(&place.veilgate(&["keys", "import", "k5", "--file", "/"])).contains("directory"));
    let usage = place.veilgate(&["keys", "rotate", "k1", "--class", "text"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(!process.command(&["keys", "list"]).contains("k5"));
    process.stop();
}
