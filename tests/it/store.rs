//! The journal at rest: `veilgate store check`, and a gateway that goes on with one record damaged.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use veilgate_simulators::feed::{FeedOptions, generate};
use veilgate_simulators::load;
use veilgate_simulators::sink::{Sink, SinkOptions};
use veilgate_simulators::smsc::ReceiptWhen;
use veilgate_store::{LogStore, Space, Store};

use crate::gateway::{EDI_KEY, PATIENCE};
use crate::kill::{Process, free_ports, load_options, write_config};

const MESSAGES: u64 = 20;

/// `veilgate store check --json`: whether it is content, and what it says.
fn check(config: &Path) -> (bool, serde_json::Value) {
    let done = Command::new(env!("CARGO_BIN_EXE_veilgate"))
        .arg("--config")
        .arg(config)
        .args(["store", "check", "--json"])
        .output()
        .unwrap();
    (done.status.success(), serde_json::from_slice(&done.stdout).unwrap_or_default())
}

/// Changes one bit in the middle of the record of a space that is the `nth`, and gives its message's id.
fn damage_one(journal: &Path, space: Space, nth: usize) -> u64 {
    let log = LogStore::examine(journal).unwrap();
    let page = log.scan(space, None, nth + 1).unwrap();
    let (key, value) = (&page.entries[nth].key, &page.entries[nth].value);
    let mut segments: Vec<PathBuf> =
        fs::read_dir(journal).unwrap().map(|file| file.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    for segment in segments {
        let mut octets = fs::read(&segment).unwrap();
        if let Some(at) = octets.windows(value.len()).position(|window| window == &**value) {
            octets[at + value.len() / 2] ^= 4;
            fs::write(&segment, octets).unwrap();
            return u64::from_be_bytes(key[..].try_into().unwrap());
        }
    }
    panic!("the record lies in no segment")
}

fn damages_told(folder: &Path) -> Vec<String> {
    let log = fs::read_to_string(folder.join("veilgate.log")).unwrap();
    log.lines().filter(|line| line.contains("RecordDamaged")).map(str::to_owned).collect()
}

fn scrape(ops: SocketAddr) -> String {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(ops).unwrap();
    let mut answer = String::new();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_records_are_named_and_the_rest_serves() {
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("feed");
    let edi_key = EDI_KEY.to_owned();
    generate(&FeedOptions { subscribers: 20, directory: feed.clone(), edi_key, ..FeedOptions::default() })
        .unwrap();
    // Messages that are taken and never receipted stay in the journal.
    let sink_options = SinkOptions { receipts: ReceiptWhen::None, ..SinkOptions::default() };
    let sink = Sink::start(sink_options).await.unwrap();
    let [north, ops] = free_ports();
    let config = write_config(folder.path(), north, ops, sink.address());
    let mut process = Process::start(&config, ops).await;
    let (bindings, tenures) = (feed.join("bindings.csv"), feed.join("tenures.csv"));
    let files = [bindings.to_str().unwrap(), tenures.to_str().unwrap()];
    process.command(&["identity", "import", "--bindings", files[0], "--tenures", files[1]]);
    let options = load_options(north, &feed, folder.path().join("acks.log"));
    let options = load::LoadOptions { count: Some(MESSAGES), receipts: false, ..options };
    let report = load::run(options, |_| {}).await.unwrap();
    assert_eq!(report.accepted, MESSAGES, "{}", report.text());
    assert!(!check(&config).0, "refused while the gateway runs");
    // Commits behind those of the messages: what is damaged in the last commit counts as torn.
    process.command(&["account", "freeze", "notary"]);
    process.command(&["account", "unfreeze", "notary"]);

    process.child.kill().unwrap();
    process.child.wait().unwrap();
    let (whole, found) = check(&config);
    assert!(whole, "{found}");
    let messages = ["messages_waiting", "messages_submitted", "messages_answered"];
    let messages: u64 = messages.iter().map(|name| found[*name].as_u64().unwrap()).sum();
    assert_eq!((messages, found["damaged"].as_u64()), (MESSAGES, Some(0)), "{found}");

    let journal = folder.path().join("data/journal");
    let ids = [damage_one(&journal, Space::Message, 0), damage_one(&journal, Space::State, 1)];
    let ids = ids.map(|id| format!("{id:016x}"));
    let (whole, found) = check(&config);
    let named: Vec<&str> =
        found["damages"].as_array().unwrap().iter().map(|damage| damage["id"].as_str().unwrap()).collect();
    assert!(!whole && named.len() == 2 && ids.iter().all(|id| named.contains(&id.as_str())), "{found}");
    process = Process::start(&config, ops).await;
    let told = async {
        while damages_told(folder.path()).len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the damage is told");
    let lines = damages_told(folder.path());
    assert!(ids.iter().all(|id| lines.iter().any(|line| line.contains(id))), "{lines:?}");
    let metrics = scrape(ops);
    assert!(metrics.contains("veilgate_journal_damaged 2"), "{metrics}");
    // The one whose state is lost has ended; the one whose record is lost never will.
    assert!(!metrics.contains("veilgate_outcomes_unknown_total 0"), "{metrics}");
    process.stop();
    assert_eq!(check(&config).1["damaged"], 2);
    assert!(fs::read_to_string(folder.path().join("data/audit.log")).unwrap().contains("journal_damaged"));
}
