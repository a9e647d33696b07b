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

/// Changes one bit in the middle of the first message's record, and gives the message's id.
fn damage_one(journal: &Path) -> u64 {
    let log = LogStore::examine(journal).unwrap();
    let page = log.scan(Space::Message, None, 1).unwrap();
    let (key, value) = (&page.entries[0].key, &page.entries[0].value);
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

fn scrape(ops: SocketAddr) -> String {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(ops).unwrap();
    let mut answer = String::new();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn one_damaged_record_is_named_and_the_rest_serves() {
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

    process.child.kill().unwrap();
    process.child.wait().unwrap();
    let (whole, found) = check(&config);
    assert!(whole, "{found}");
    let messages = ["messages_waiting", "messages_submitted", "messages_answered"];
    let messages: u64 = messages.iter().map(|name| found[*name].as_u64().unwrap()).sum();
    assert_eq!((messages, found["damaged"].as_u64()), (MESSAGES, Some(0)), "{found}");

    let id = damage_one(&folder.path().join("data/journal"));
    let (whole, found) = check(&config);
    let named = format!("{id:016x}");
    assert!(!whole && found["damaged"] == 1 && found["damages"][0]["id"] == *named, "{found}");
    process = Process::start(&config, ops).await;
    let told = async {
        while !fs::read_to_string(folder.path().join("veilgate.log")).unwrap().contains("RecordDamaged") {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the damage is told");
    let log = fs::read_to_string(folder.path().join("veilgate.log")).unwrap();
    let line = log.lines().find(|line| line.contains("RecordDamaged")).unwrap();
    assert!(line.contains(&named) && line.contains("message"), "{line}");
    assert!(scrape(ops).contains("veilgate_journal_damaged 1"));
    process.stop();
    assert_eq!(check(&config).1["damaged"], 1);
    assert!(fs::read_to_string(folder.path().join("data/audit.log")).unwrap().contains("journal_damaged"));
}
