//! The whole gateway for a test, in this process and on free ports: feed, SMSCs, gateway, clients. Every test ends
//! with [`Gateway::stop`], which searches all that a number could have leaked into.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use rusmpp::Pdu;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::Receiver;
use veilgate::admin::client::call;
use veilgate::admin::{Request, Response as OpsResponse, Status};
use veilgate::app::{App, read_config};
use veilgate::clock;
use veilgate::telemetry::Telemetry;
use veilgate::telemetry::words::StopCause;
use veilgate_admission::PasswordHash;
use veilgate_config::{Config, LogFormat, LogLevel};
use veilgate_simulators::esme::{Client, ConnectOptions, Incoming, IncomingKind, Response, Submission};
use veilgate_simulators::feed::{FeedOptions, generate};
use veilgate_simulators::smsc::{Running, Simulator, SmscOptions};

use crate::spellings::Scanner;

/// The password of every account.
pub(crate) const PASSWORD: &str = "test-pwd";
/// The service number of `ent-1`, whose account is `shop`.
pub(crate) const SHOP_NUMBER: &str = "10690001";
/// The service number of `ent-2`, whose account is `rival`.
pub(crate) const RIVAL_NUMBER: &str = "10690002";
/// The segment of everybody's number. No operator has it, and it is without zeros: numbers with many of them were found by
/// accident, as nibbles, in the lengths and counters of binary files.
pub(crate) const SEGMENT: &str = "1995468";
/// The key of the encrypted device IDs, `k1`.
pub(crate) const EDI_KEY: &str = "00112233445566778899aabbccddeeff";
/// How long any single thing may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a test wants around it.
pub(crate) struct Plan {
    subscribers: u64,
    smscs: Vec<SmscOptions>,
    fragments: Vec<String>,
    registered: bool,
}

/// A gateway that runs, with everything around it.
pub(crate) struct Gateway {
    folder: TempDir,
    path: PathBuf,
    app: Option<Arc<App>>,
    telemetry: Arc<Telemetry>,
    log: Log,
    smscs: Vec<Running>,
    persons: Vec<Person>,
    north: North,
    clients: Vec<(String, Weak<Client>)>,
}

/// A subscriber of the feed, as the notary knows them; even places belong to `ent-1`, odd ones to `ent-2`.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// What the north calls them.
    pub(crate) pseudonym: String,
    /// Their authorization.
    pub(crate) authorization: String,
    /// Their encrypted device ID.
    pub(crate) device: String,
    /// The day for which it is resolved, `YYYYMMDD`.
    pub(crate) as_of: String,
    /// The enterprise they agreed to hear from.
    pub(crate) enterprise: String,
    /// Their number, 11 digits: only SMSC and leak scan may see it.
    pub(crate) number: String,
}

/// A client bound to the north side. What it receives is kept for the leak scan.
pub(crate) struct Party {
    /// The client.
    pub(crate) client: Arc<Client>,
    /// Receipts and replies.
    pub(crate) incoming: Receiver<Incoming>,
    account: String,
    north: North,
}

/// A north connection by hand, octet by octet. What it receives is kept for the leak scan.
pub(crate) struct RawParty {
    stream: TcpStream,
    pending: Vec<u8>,
    received: Vec<u8>,
    north: North,
}

/// Everything that was written north, by whom it was read.
#[derive(Clone, Default)]
struct North(Arc<Mutex<Vec<Heard>>>);

/// What one party received.
struct Heard {
    who: String,
    octets: Vec<u8>,
}

/// Log lines, kept in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Plan {
    /// Ten subscribers, one SMSC that accepts everything, the accounts `notary`, `shop` and `rival`.
    pub(crate) fn new() -> Self {
        Self { subscribers: 10, smscs: Vec::new(), fragments: Vec::new(), registered: false }
    }

    /// So many subscribers, at most 1000.
    pub(crate) fn subscribers(mut self, count: u64) -> Self {
        self.subscribers = count;
        self
    }

    /// One SMSC more, its channel is `smsc-1`, `smsc-2`, ... Without any there is one with default options.
    pub(crate) fn smsc(mut self, options: SmscOptions) -> Self {
        self.smscs.push(options);
        self
    }

    /// TOML laid over the configuration: tables are merged, entries of lists by `id`, `system_id`, `kid` or
    /// `number`; new entries are added.
    pub(crate) fn config(mut self, fragment: &str) -> Self {
        self.fragments.push(fragment.to_owned());
        self
    }

    /// All authorizations of the feed are registered before the first test step.
    pub(crate) fn registered(mut self) -> Self {
        self.registered = true;
        self
    }

    /// Starts everything; returns once the feed is imported and all enabled channels are up.
    pub(crate) async fn start(self) -> Gateway {
        let folder = tempfile::tempdir().unwrap();
        let feed = folder.path().join("feed");
        generate_feed(&feed, self.subscribers);
        let mut smscs = Vec::new();
        let options = if self.smscs.is_empty() { vec![SmscOptions::default()] } else { self.smscs };
        for options in options {
            smscs.push(Simulator::start(options).await.unwrap());
        }
        let path = folder.path().join("veilgate.toml");
        let mut config = skeleton(&smscs);
        for fragment in &self.fragments {
            lay_over(&mut config, fragment);
        }
        write_key(&folder.path().join("edi-k1.hex"), EDI_KEY);
        fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
        let log = Log::default();
        let telemetry = log.telemetry();
        let persons = Person::read(&feed);
        let mut gateway = Gateway {
            folder,
            path,
            app: None,
            telemetry,
            log,
            smscs,
            persons,
            north: North::default(),
            clients: Vec::new(),
        };
        gateway.launch().await;
        gateway.import_feed().await;
        if self.registered {
            gateway.register_all().await;
        }
        gateway.channels_up().await;
        gateway
    }
}

impl Gateway {
    /// The running application.
    pub(crate) fn app(&self) -> &Arc<App> {
        self.app.as_ref().expect("the gateway runs")
    }

    /// Where the north binds.
    pub(crate) fn address(&self) -> SocketAddr {
        self.app().addresses().plain.unwrap()
    }

    /// What is logged and counted.
    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// The folder of everything: `veilgate.toml`, `feed/`, `data/`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file.
    pub(crate) fn config_path(&self) -> &Path {
        &self.path
    }

    /// The configuration as the file says it now.
    pub(crate) fn config(&self) -> Config {
        read_config(&self.path).unwrap()
    }

    /// The SMSC behind channel `smsc-<place + 1>`.
    pub(crate) fn smsc(&self, place: usize) -> &Running {
        &self.smscs[place]
    }

    /// A subscriber.
    pub(crate) fn person(&self, place: usize) -> &Person {
        &self.persons[place]
    }

    /// All subscribers.
    pub(crate) fn persons(&self) -> &[Person] {
        &self.persons
    }

    /// Every log line so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Binds an account as a transceiver.
    pub(crate) async fn bind(&mut self, account: &str) -> Party {
        self.bind_with(ConnectOptions::new(self.address(), account, PASSWORD)).await
    }

    /// Binds as the options say.
    pub(crate) async fn bind_with(&mut self, options: ConnectOptions) -> Party {
        let account = options.system_id.clone();
        let (client, incoming) = Client::connect(options).await.unwrap();
        let client = Arc::new(client);
        self.clients.push((account.clone(), Arc::downgrade(&client)));
        Party { client, incoming, account, north: self.north.clone() }
    }

    /// Connects without binding.
    pub(crate) async fn connect_raw(&self) -> RawParty {
        let stream = TcpStream::connect(self.address()).await.unwrap();
        RawParty { stream, pending: Vec::new(), received: Vec::new(), north: self.north.clone() }
    }

    /// Notes what a client of its own kind received, for the leak scan.
    pub(crate) fn note_north(&self, who: &str, octets: &[u8]) {
        self.north.note(who, octets);
    }

    /// Sends a command to the ops socket.
    pub(crate) async fn ops(&self, request: Request) -> OpsResponse {
        let socket = self.app().config().ops_socket();
        tokio::task::spawn_blocking(move || call(&socket, request, None)).await.unwrap().unwrap()
    }

    /// `veilgate --actor zhang …` beside the gateway; what `input` holds goes through standard input, what it says is kept for
    /// the leak scan.
    pub(crate) async fn command(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.arg("--config").arg(self.config_path()).args(["--actor", "zhang"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let input = input.to_owned();
        let run = move || {
            let mut child = command.spawn().unwrap();
            // A command that is refused at once does not read.
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            child.wait_with_output().unwrap()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        self.note_north("veilgate", &[&output.stdout[..], &output.stderr].concat());
        output
    }

    /// `GET path` from the ops listener: status and body.
    pub(crate) async fn http(&self, path: &str) -> (u16, String) {
        let address = self.app().addresses().ops.unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, body.to_owned())
    }

    /// The value of the metric whose line begins so, labels included.
    pub(crate) async fn metric(&self, start: &str) -> Option<f64> {
        let (_, body) = self.http("/metrics").await;
        let line = body.lines().find(|line| line.starts_with(start) && !line.starts_with('#'))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Waits until `condition` holds.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let patience = clock::mono().plus(PATIENCE);
        while !condition(self) {
            assert!(clock::mono() < patience, "not in time: {what}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lays a fragment over the configuration file; a reload or restart puts it in force.
    pub(crate) fn reconfigure(&self, fragment: &str) {
        let mut config = toml::from_str(&fs::read_to_string(&self.path).unwrap()).unwrap();
        lay_over(&mut config, fragment);
        fs::write(&self.path, toml::to_string(&config).unwrap()).unwrap();
    }

    /// Imports the feed in `feed/` as it stands now.
    pub(crate) async fn import_feed(&self) {
        let feed = self.folder().join("feed");
        let request = Request::IdentityImport {
            bindings: feed.join("bindings.csv"),
            tenures: feed.join("tenures.csv"),
        };
        let response = self.ops(request).await;
        assert!(matches!(response, OpsResponse::Imported { .. }), "{response:?}");
    }

    /// Stops in order; clients are unbound. [`Self::resume`] starts on the same folder.
    pub(crate) async fn halt(&mut self) {
        let app = self.app.take().expect("the gateway runs");
        self.north.note("metrics", self.telemetry.metrics.encode().unwrap().as_bytes());
        app.stop(StopCause::Command).await;
        self.telemetry.close();
    }

    /// Starts again on the same folder, on new ports; the same SMSCs are there.
    pub(crate) async fn resume(&mut self) {
        self.telemetry = self.log.telemetry();
        self.launch().await;
        self.channels_up().await;
    }

    /// [`Self::halt`] and [`Self::resume`].
    pub(crate) async fn restart(&mut self) {
        self.halt().await;
        self.resume().await;
    }

    /// Waits until every message has its final state.
    pub(crate) async fn settled(&self) {
        let patience = clock::mono().plus(PATIENCE);
        while self.status().await.live_messages > 0 {
            assert!(clock::mono() < patience, "messages without final state: {:?}", self.status().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The state as the ops socket tells it.
    pub(crate) async fn status(&self) -> Status {
        match self.ops(Request::Status {}).await {
            OpsResponse::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// Stops everything and searches all north octets, log lines, metrics and files for the subscribers' numbers.
    pub(crate) async fn stop(self) {
        let found = self.stop_and_search().await;
        assert!(found.is_empty(), "numbers leaked: {found:#?}");
    }

    /// Stops everything; gives every place where a number was found.
    pub(crate) async fn stop_and_search(mut self) -> Vec<String> {
        if self.app.is_some() {
            self.halt().await;
        }
        for (account, client) in std::mem::take(&mut self.clients) {
            if let Some(client) = client.upgrade() {
                self.north.note(&account, &client.captured());
            }
        }
        for smsc in std::mem::take(&mut self.smscs) {
            smsc.stop().await;
        }
        let numbers: Vec<&str> = self.persons.iter().map(|person| person.number.as_str()).collect();
        let sent = [SHOP_NUMBER, RIVAL_NUMBER, &self.persons[0].pseudonym, &self.persons[0].authorization];
        let scanner = Scanner::with_sent(&numbers, &[&sent.join(" ")]);
        let mut found = scanner.scan("log", self.log.text().as_bytes());
        for heard in self.north.0.lock().unwrap().iter() {
            found.extend(scanner.scan(&heard.who, &heard.octets));
        }
        for file in files_under(&self.folder().join("data")) {
            found.extend(scanner.scan(&file.display().to_string(), &fs::read(&file).unwrap()));
        }
        found
    }

    async fn launch(&mut self) {
        let config = read_config(&self.path).unwrap_or_else(|error| panic!("{error}"));
        let app = App::start(&self.path, config, Arc::clone(&self.telemetry)).await;
        self.app = Some(app.unwrap_or_else(|error| panic!("{error}")));
    }

    async fn register_all(&self) {
        let path = Some(self.folder().join("feed/authorizations.jsonl"));
        let response =
            self.ops(Request::AuthorizationsImport { platform: None, path, lines: Vec::new() }).await;
        let OpsResponse::Imported { refused, .. } = response else { panic!("{response:?}") };
        assert!(refused.is_empty(), "{refused:?}");
    }

    async fn channels_up(&self) {
        let wanted = self.config().channels.iter().filter(|channel| channel.enabled).count();
        self.until("channels up", |gateway| gateway.app().channels_up() >= wanted).await;
    }
}

impl Person {
    /// Those of a feed, in its order.
    pub(crate) fn read(feed: &Path) -> Vec<Self> {
        let rows = |name: &str| fs::read_to_string(feed.join(name)).unwrap();
        let (recipients, tenures) = (rows("recipients.csv"), rows("tenures.csv"));
        let both = recipients.lines().skip(1).zip(tenures.lines().skip(1));
        both.map(|(recipient, tenure)| {
            let fields: Vec<&str> = recipient.split(',').collect();
            let number = tenure.split(',').next().unwrap();
            Self {
                pseudonym: fields[0].to_owned(),
                authorization: fields[1].to_owned(),
                device: fields[2].to_owned(),
                as_of: fields[3].replace('-', ""),
                enterprise: fields[4].to_owned(),
                number: number.strip_prefix("+86").unwrap_or(number).to_owned(),
            }
        })
        .collect()
    }

    /// Their number as the SMSC writes it.
    pub(crate) fn international(&self) -> String {
        format!("86{}", self.number)
    }

    /// The service number of their enterprise.
    pub(crate) fn service_number(&self) -> &'static str {
        if self.enterprise == "ent-1" { SHOP_NUMBER } else { RIVAL_NUMBER }
    }
}

impl Party {
    /// Submits; one response a part.
    pub(crate) async fn submit(&self, submission: &Submission) -> Vec<Response> {
        self.client.submit(submission).await.unwrap()
    }

    /// Submits what must be taken; gives the id of the first part.
    pub(crate) async fn accepted(&self, submission: &Submission) -> String {
        let responses = self.submit(submission).await;
        assert!(responses.iter().all(|response| response.status == 0), "{responses:?}");
        responses[0].message_id.clone().expect("an id")
    }

    /// Submits what must be refused; gives status and reason code.
    pub(crate) async fn refused(&self, submission: &Submission) -> (u32, String) {
        let response = self.submit(submission).await.remove(0);
        assert_ne!(response.status, 0, "was accepted");
        (response.status, response.reason.unwrap_or_default())
    }

    /// The next receipt or reply.
    pub(crate) async fn next(&mut self) -> Incoming {
        let next = tokio::time::timeout(PATIENCE, self.incoming.recv()).await;
        next.unwrap_or_else(|_| panic!("nothing for {} in time", self.account)).expect("the bind stands")
    }

    /// The next receipt; nothing else may come before it.
    pub(crate) async fn receipt(&mut self) -> Incoming {
        let next = self.next().await;
        assert_eq!(next.kind, IncomingKind::Receipt, "{}", next.text);
        next
    }

    /// So many receipts and replies, in the order they came.
    pub(crate) async fn collect(&mut self, count: usize) -> Vec<Incoming> {
        let mut seen = Vec::new();
        while seen.len() < count {
            seen.push(self.next().await);
        }
        seen
    }

    /// Unbinds and waits for the answer.
    pub(crate) async fn unbind(&self) {
        self.client.request(Pdu::Unbind).await.unwrap();
    }

    /// Waits until the gateway has closed the connection.
    pub(crate) async fn closed(&self) {
        let patience = clock::mono().plus(PATIENCE);
        while !self.client.is_closed() {
            assert!(clock::mono() < patience, "{} was not closed in time", self.account);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        self.north.note(&self.account, &self.client.captured());
    }
}

impl RawParty {
    /// Sends octets as they are.
    pub(crate) async fn write(&mut self, octets: &[u8]) {
        // The gateway may already have closed; what it answered is read all the same.
        let _ = self.stream.write_all(octets).await;
    }

    /// The next whole PDU; `None` when the gateway closed the connection.
    pub(crate) async fn read(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(head) = self.pending.first_chunk::<4>() {
                let length = usize::try_from(u32::from_be_bytes(*head)).unwrap();
                if self.pending.len() >= length {
                    let rest = self.pending.split_off(length);
                    return Some(std::mem::replace(&mut self.pending, rest));
                }
            }
            let mut chunk = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut chunk)).await;
            match read.expect("an answer or a close in time") {
                Ok(0) | Err(_) => return None,
                Ok(count) => {
                    self.received.extend_from_slice(&chunk[..count]);
                    self.pending.extend_from_slice(&chunk[..count]);
                }
            }
        }
    }

    /// Binds as a transceiver; the sequence number is 1.
    pub(crate) async fn bind(&mut self, account: &str) {
        let mut out = Vec::new();
        veilgate_simulators::raw::put_bind(&mut out, 1, (account, PASSWORD), 0x34);
        self.write(&out).await;
        let response = self.read().await.expect("a response to the bind");
        assert_eq!(response[8..12], [0; 4], "bind refused");
    }
}

impl Drop for RawParty {
    fn drop(&mut self) {
        self.north.note("raw", &self.received);
    }
}

impl North {
    fn note(&self, who: &str, octets: &[u8]) {
        self.0.lock().unwrap().push(Heard { who: who.to_owned(), octets: octets.to_vec() });
    }
}

impl Log {
    fn telemetry(&self) -> Arc<Telemetry> {
        Arc::new(Telemetry::with_writer(LogLevel::Debug, LogFormat::Json, clock::wall, self.clone()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All files under a folder.
pub(crate) fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_under(&entry.path())),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files.sort();
    files
}

/// An argon2 hash of [`PASSWORD`], cheap on purpose.
pub(crate) fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        PasswordHash::derive(PASSWORD.as_bytes(), &[7; 16], 64, 1).unwrap().as_str().to_owned()
    })
}

fn generate_feed(directory: &Path, subscribers: u64) {
    generate(&FeedOptions {
        subscribers,
        directory: directory.to_owned(),
        edi_key: EDI_KEY.to_owned(),
        range: format!("{SEGMENT}8"),
        enterprises: vec!["ent-1".to_owned(), "ent-2".to_owned()],
        service_numbers: vec![SHOP_NUMBER.to_owned(), RIVAL_NUMBER.to_owned()],
        ..FeedOptions::default()
    })
    .unwrap();
}

fn write_key(path: &Path, key: &str) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(key.as_bytes()).unwrap();
}

fn skeleton(smscs: &[Running]) -> toml::Table {
    let hash = password_hash();
    let mut text = format!(
        r#"
        data_dir = "data"
        edi_keys = [{{ kid = "k1", key_file = "edi-k1.hex" }}]
        north = {{ listen = "127.0.0.1:0" }}
        platforms = [{{ id = "notary-1", proof = "optional" }}]
        enterprises = [{{ id = "ent-1" }}, {{ id = "ent-2" }}]
        ops = {{ listen = "127.0.0.1:0" }}
        policy = {{ shipped_limits = false }}
        [[accounts]]
        system_id = "notary"
        kind = "notary"
        platform = "notary-1"
        password_hash = "{hash}"
        [[accounts]]
        system_id = "shop"
        kind = "enterprise"
        enterprise = "ent-1"
        password_hash = "{hash}"
        [[accounts]]
        system_id = "rival"
        kind = "enterprise"
        enterprise = "ent-2"
        password_hash = "{hash}"
        [[service_numbers]]
        number = "{SHOP_NUMBER}"
        enterprise = "ent-1"
        inbound_anchored = true
        [[service_numbers]]
        number = "{RIVAL_NUMBER}"
        enterprise = "ent-2"
        inbound_anchored = true
        "#
    );
    for (place, smsc) in (1..).zip(smscs) {
        let address = smsc.address();
        text.push_str(&format!(
            r#"
            [[channels]]
            id = "smsc-{place}"
            address = "{address}"
            system_id = "veilgate"
            password = "secret"
            reconnect_min = "100ms"
            reconnect_max = "1s"
            "#
        ));
    }
    toml::from_str(&text).unwrap()
}

fn lay_over(config: &mut toml::Table, fragment: &str) {
    let fragment: toml::Table = toml::from_str(fragment).unwrap_or_else(|error| panic!("{error}"));
    merge_tables(config, fragment);
}

fn merge_tables(below: &mut toml::Table, above: toml::Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge_tables(below, above),
            (Some(toml::Value::Array(below)), toml::Value::Array(above))
                if above.iter().all(toml::Value::is_table) =>
            {
                above.into_iter().for_each(|entry| merge_entry(below, entry));
            }
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn merge_entry(list: &mut Vec<toml::Value>, entry: toml::Value) {
    let name = |entry: &toml::Value| {
        let keys = ["id", "system_id", "kid", "number"];
        keys.iter().find_map(|key| entry.get(key)?.as_str().map(|name| (*key, name.to_owned())))
    };
    // A channel has an `id` and a `system_id`; its name is the `id`.
    match (list.iter_mut().find(|each| name(each) == name(&entry)), entry) {
        (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge_tables(below, above),
        (_, entry) => list.push(entry),
    }
}
