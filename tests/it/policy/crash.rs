//! `kill -9` while objects change, and a disk that is full.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use veilgate_simulators::sink::{Running, Sink, SinkOptions};

use super::{Ask, TOKEN, calendar, token_file};
use crate::full_disk::Small;
use crate::kill::{Process, free_ports, write_config};

const ROUNDS: u32 = 4;
/// Objects that are changed together, so many that they take several batches.
const TOGETHER: u32 = 100;
/// The days of each, and as many more as the set has a number.
const DAYS: u32 = 600;

async fn start(folder: &Path, more: &str) -> (Process, SocketAddr, Running) {
    let sink = Sink::start(SinkOptions::default()).await.unwrap();
    let [north, ops] = free_ports();
    let config = write_config(folder, north, ops, sink.address());
    token_file(&folder.join("tokens"), &format!("console {TOKEN}\n"));
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replace("[ops]\n", "[ops]\ntoken_file = \"tokens\"\n") + more;
    fs::write(&config, text).unwrap();
    (Process::start(&config, ops).await, ops, sink)
}

fn set(number: u32) -> String {
    (0..TOGETHER).map(|n| calendar(&format!("c{n:03}"), DAYS + number)).collect::<Vec<_>>().join("\n")
}

/// Imports sets, one behind the other, until nobody answers; gives the last one that was answered.
fn import_until_cut(ops: SocketAddr, from: u32) -> u32 {
    let mut answered = from;
    loop {
        let body = set(answered + 1);
        let octets = Ask::new("POST", "/v1/objects/import").body(&body).octets();
        let mut answer = String::new();
        let asked = TcpStream::connect(ops).and_then(|mut stream| {
            stream.write_all(octets.as_bytes())?;
            stream.read_to_string(&mut answer)
        });
        if asked.is_err() || !answer.starts_with("HTTP/1.1 200") {
            return answered;
        }
        answered += 1;
    }
}

/// The numbers of the sets of which there are objects.
async fn sets(ops: SocketAddr) -> Vec<u32> {
    let (mut sets, mut after, mut count) = (Vec::new(), String::new(), 0);
    loop {
        let page = Ask::new("GET", &format!("/v1/objects/calendars?limit=40{after}")).of(ops).await.json();
        let objects = page["objects"].as_array().unwrap();
        count += objects.len();
        sets.extend(objects.iter().map(|object| object["object"]["days"].as_object().unwrap().len()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert!(count == 0 || count == usize::try_from(TOGETHER).unwrap(), "{count} objects");
    sets.dedup();
    sets.into_iter().map(|days| u32::try_from(days).unwrap() - DAYS).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_cut_off_by_a_kill_is_there_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, ops, _sink) = start(folder.path(), "").await;
    let mut last = 0;
    for round in 0..ROUNDS {
        let importing = tokio::task::spawn_blocking(move || import_until_cut(ops, last));
        // Killed after the first import of the round, later each time.
        let policy = async || Ask::new("GET", "/v1/kinds").of(ops).await.json()["policy"].as_u64().unwrap();
        let before = policy().await;
        while policy().await <= before {}
        for _ in 0..7 * round {
            policy().await;
        }
        process.kill_and_restart().await;
        let answered = importing.await.unwrap();
        let found = sets(ops).await;
        assert_eq!(found.len(), 1, "one set and no other: {found:?}");
        let found = found[0];
        assert!(found == answered || found == answered + 1, "answered {answered}, found {found}");
        last = found;
    }
    process.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_a_change_and_leaves_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Small::mount(&folder.path().join("data")) else { return };
    let more = "[journal]\nsegment_bytes = 1048576\n[space]\nmin_free_bytes = 0\n";
    let (process, ops, _sink) = start(folder.path(), more).await;
    let import = "/v1/objects/import";
    assert_eq!(Ask::new("POST", import).body(&set(1)).of(ops).await.status, 200);
    let ballast = disk.fill();
    let refused = Ask::new("POST", import).body(&set(2)).of(ops).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(sets(ops).await, [1]);
    fs::remove_file(ballast).unwrap();
    let done = Ask::new("POST", import).body(&set(3)).of(ops).await;
    assert_eq!(done.status, 200, "{done:?}");
    let mut process = process;
    process.kill_and_restart().await;
    assert_eq!(sets(ops).await, [3]);
    process.stop();
}
