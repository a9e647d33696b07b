//! `kill -9` under load, again and again, on the real binary: nothing acknowledged is lost, nothing is sent twice,
//! what was under way is told as UNKNOWN, and there is one CDR per accepted message. `benches/kill` does the same harder.

mod replies;
mod requests;
mod texts;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use veilgate_admission::PasswordHash;
use veilgate_simulators::feed::{FeedOptions, generate};
use veilgate_simulators::load::{self, Content, LoadOptions, RecipientForm, Recipients};
use veilgate_simulators::message::Address;
use veilgate_simulators::reconcile::reconcile;
use veilgate_simulators::sink::{Sink, SinkOptions};
use veilgate_simulators::smsc::ReceiptWhen;

use crate::gateway::{EDI_KEY, PASSWORD, PATIENCE, SHOP_NUMBER};

const ROUNDS: u32 = 3;
const RATE: f64 = 300.0;

/// A gateway in a process of its own, which can be killed.
pub(crate) struct Process {
    config: PathBuf,
    pub(crate) child: Child,
    ops: SocketAddr,
}

impl Process {
    pub(crate) async fn start(config: &Path, ops: SocketAddr) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_veilgate")), config, ops).await
    }

    /// Starts it through a command of one's own, which gets the options.
    pub(crate) async fn start_by(mut command: Command, config: &Path, ops: SocketAddr) -> Self {
        let child = command.arg("--config").arg(config).stderr(Stdio::null()).spawn().unwrap();
        let process = Self { config: config.to_path_buf(), child, ops };
        process.ready().await;
        process
    }

    async fn ready(&self) {
        let up = async {
            while !self.answers_ready() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, up).await.expect("the gateway comes up");
    }

    fn answers_ready(&self) -> bool {
        use std::io::{Read, Write};
        let Ok(mut stream) = std::net::TcpStream::connect(self.ops) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let mut answer = String::new();
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    pub(crate) async fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // It exits with 1 if anything in the journal is damaged or does not fit together.
        self.command(&["store", "check"]);
        *self = Self::start(&self.config.clone(), self.ops).await;
    }

    /// Runs one command of the CLI against it.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let done = Command::new(env!("CARGO_BIN_EXE_veilgate"))
            .arg("--config")
            .arg(&self.config)
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    pub(crate) fn stop(mut self) -> PathBuf {
        self.command(&["drain"]);
        assert!(self.child.wait().unwrap().success());
        self.config.clone()
    }
}

/// A test that fails leaves nothing running.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that were free a moment ago: a process that is started again needs the same ones.
pub(crate) fn free_ports<const N: usize>() -> [SocketAddr; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

pub(crate) fn write_config(folder: &Path, north: SocketAddr, ops: SocketAddr, sink: SocketAddr) -> PathBuf {
    use std::io::Write;
    let hash = PasswordHash::derive(PASSWORD.as_bytes(), b"0123456789abcdef", 64, 1).unwrap();
    let hash = hash.as_str();
    let mut options = fs::OpenOptions::new();
    let mut key =
        options.write(true).create(true).truncate(true).mode(0o600).open(folder.join("k1.hex")).unwrap();
    key.write_all(EDI_KEY.as_bytes()).unwrap();
    let path = folder.join("veilgate.toml");
    let toml = format!(
        r#"
data_dir = "data"
edi_keys = [{{ kid = "k1", key_file = "k1.hex" }}]
platforms = [{{ id = "notary-1", proof = "optional" }}]
enterprises = [{{ id = "ent-1" }}]
policy = {{ shipped_limits = false }}
[north]
listen = "{north}"
[[accounts]]
system_id = "notary"
kind = "notary"
platform = "notary-1"
password_hash = "{hash}"
max_binds = 16
rate_per_second = 100000
[[service_numbers]]
number = "{SHOP_NUMBER}"
enterprise = "ent-1"
inbound_anchored = true
[[channels]]
id = "sink"
address = "{sink}"
system_id = "veilgate"
password = "x"
id_format = "hex"
reconnect_min = "50ms"
[ops]
listen = "{ops}"
[log]
file = "veilgate.log"
"#
    );
    fs::write(&path, toml).unwrap();
    path
}

pub(crate) fn load_options(north: SocketAddr, feed: &Path, ack_log: PathBuf) -> LoadOptions {
    let recipients = Recipients::read(&feed.join("recipients.csv"), RecipientForm::Edi).unwrap();
    let base = LoadOptions::new(north, "notary", PASSWORD);
    LoadOptions {
        binds: 2,
        window: 50,
        rate: RATE,
        count: Some(u64::from(ROUNDS + 2) * 300),
        content: Content { source: Address::guess(SHOP_NUMBER), ..base.content.clone() },
        recipients,
        receipts: true,
        drain: PATIENCE,
        reconnect: true,
        reconnect_for: PATIENCE,
        // As many are sent as the count says, however long the gateway is away meanwhile.
        duration: None,
        ack_log: Some(ack_log),
        ..base
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_it_loses_nothing_and_sends_nothing_twice() {
    kill_and_count(|config| config).await;
}

/// Kills a gateway under load, whose configuration is `changed`, and counts what became of every message.
pub(crate) async fn kill_and_count(changed: impl Fn(String) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("feed");
    let edi_key = EDI_KEY.to_owned();
    generate(&FeedOptions { subscribers: 100, directory: feed.clone(), edi_key, ..FeedOptions::default() })
        .unwrap();
    let arrivals = folder.path().join("arrivals.log");
    let acks = folder.path().join("acks.log");
    let sink_options =
        SinkOptions { receipts: ReceiptWhen::Always, log: Some(arrivals.clone()), ..SinkOptions::default() };
    let sink = Sink::start(sink_options).await.unwrap();
    let [north, ops] = free_ports();
    let config = write_config(folder.path(), north, ops, sink.address());
    fs::write(&config, changed(fs::read_to_string(&config).unwrap())).unwrap();
    let mut process = Process::start(&config, ops).await;
    let (bindings, tenures) = (feed.join("bindings.csv"), feed.join("tenures.csv"));
    let files = [bindings.to_str().unwrap(), tenures.to_str().unwrap()];
    process.command(&["identity", "import", "--bindings", files[0], "--tenures", files[1]]);

    let running = tokio::spawn(load::run(load_options(north, &feed, acks.clone()), |_| {}));
    for round in 1..=ROUNDS {
        let seen = usize::try_from(round).unwrap() * 250;
        let enough = async {
            while !fs::read_to_string(&acks).is_ok_and(|log| log.matches("A ").count() >= seen) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, enough).await.is_err() {
            let acked = fs::read_to_string(&acks).unwrap_or_default().matches("A ").count();
            let log = fs::read_to_string(folder.path().join("veilgate.log")).unwrap_or_default();
            let load = if running.is_finished() {
                running.await.unwrap().unwrap().text()
            } else {
                "runs".to_owned()
            };
            panic!("round {round}: {acked} of {seen} taken; the load: {load}\nthe gateway:\n{log}");
        }
        process.kill_and_restart().await;
    }
    let report = running.await.unwrap().unwrap();
    assert!(report.accepted > u64::from(ROUNDS) * 250, "{}", report.text());

    let reconciled = reconcile(&acks, &[&arrivals]).unwrap();
    assert_eq!((reconciled.lost, reconciled.duplicated), (0, 0), "{reconciled:?}");
    assert_eq!(reconciled.receipts_missing, 0, "{reconciled:?}");
    process.command(&["status"]);
    let config = process.stop();
    let ended = process_cdrs(&config);
    assert_eq!(ended, reconciled.acknowledged + reconciled.receipts_unknown, "one CDR per accepted message");
}

/// The records of all CDR files, which must all be whole; and the audit chain holds.
pub(crate) fn process_cdrs(config: &Path) -> u64 {
    let verified = Command::new(env!("CARGO_BIN_EXE_veilgate"))
        .args(["--config", config.to_str().unwrap(), "audit", "verify"])
        .status()
        .unwrap();
    assert!(verified.success(), "the audit chain holds across kills");
    let folder = config.parent().unwrap().join("data/cdr");
    let mut records = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let file = fs::File::open(entry.unwrap().path()).unwrap();
        records += veilgate_ledger::verify_cdr(std::io::BufReader::new(file)).unwrap().records;
    }
    records
}
