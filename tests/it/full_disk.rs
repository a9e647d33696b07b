//! The file system of the data folder runs full under load and gets room again: nothing acknowledged is lost, and the
//! gateway goes on by itself. On a small file system of its own, which only root may mount: elsewhere the tests of
//! `routing/store` on a disk in memory have to do.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use veilgate_simulators::feed::{FeedOptions, generate};
use veilgate_simulators::load;
use veilgate_simulators::reconcile::reconcile;
use veilgate_simulators::sink::{Sink, SinkOptions};
use veilgate_simulators::smsc::ReceiptWhen;

use crate::gateway::{EDI_KEY, PATIENCE};
use crate::kill::{Process, free_ports, load_options, process_cdrs, write_config};

const MESSAGES: u64 = 3000;

/// A small file system, gone when this is dropped.
pub(crate) struct Small(PathBuf);

impl Small {
    pub(crate) fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|done| done.status.success()).then(|| Self(at.to_path_buf()))
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = fs::File::create(&path).unwrap();
        for octets in [1 << 20, 1 << 12] {
            while file.write_all(&vec![1; octets]).is_ok() {}
        }
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

fn storage_failures(ops: SocketAddr) -> bool {
    use std::io::Read;
    let Ok(mut stream) = TcpStream::connect(ops) else { return false };
    let mut answer = String::new();
    let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answered = asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok();
    let is_failure =
        |line: &str| line.starts_with("veilgate_storage_failures_total{") && !line.trim_end().ends_with(" 0");
    answered && answer.lines().any(is_failure)
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_runs_full_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Small::mount(&folder.path().join("data")) else { return };
    let feed = folder.path().join("feed");
    let edi_key = EDI_KEY.to_owned();
    generate(&FeedOptions { subscribers: 100, directory: feed.clone(), edi_key, ..FeedOptions::default() })
        .unwrap();
    let (acks, arrivals) = (folder.path().join("acks.log"), folder.path().join("arrivals.log"));
    let sink_options =
        SinkOptions { receipts: ReceiptWhen::Always, log: Some(arrivals.clone()), ..SinkOptions::default() };
    let sink = Sink::start(sink_options).await.unwrap();
    let [north, ops] = free_ports();
    let config = write_config(folder.path(), north, ops, sink.address());
    let tight = fs::read_to_string(&config).unwrap()
        + "[journal]\nsegment_bytes = 1048576\n[space]\nmin_free_bytes = 0\n";
    fs::write(&config, tight).unwrap();
    let process = Process::start(&config, ops).await;
    let (bindings, tenures) = (feed.join("bindings.csv"), feed.join("tenures.csv"));
    let files = [bindings.to_str().unwrap(), tenures.to_str().unwrap()];
    process.command(&["identity", "import", "--bindings", files[0], "--tenures", files[1]]);

    let options = load::LoadOptions { count: Some(MESSAGES), ..load_options(north, &feed, acks.clone()) };
    let running = tokio::spawn(load::run(options, |_| {}));
    let acked = || fs::read_to_string(&acks).map_or(0, |log| log.matches("A ").count());
    until("messages are taken", || acked() >= 200).await;
    let ballast = disk.fill();
    until("the full disk is met", || storage_failures(ops)).await;
    fs::remove_file(ballast).unwrap();
    let met = acked();
    until("it goes on by itself", || acked() > met + 200).await;
    let report = running.await.unwrap().unwrap();

    let reconciled = reconcile(&acks, &[&arrivals]).unwrap();
    assert_eq!((reconciled.lost, reconciled.duplicated), (0, 0), "{reconciled:?}\n{}", report.text());
    assert_eq!(reconciled.receipts_missing, 0, "{reconciled:?}");
    let config = process.stop();
    let ended = process_cdrs(&config);
    assert_eq!(ended, reconciled.acknowledged + reconciled.receipts_unknown, "one CDR per accepted message");
}
