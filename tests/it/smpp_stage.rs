//! The stage of the SMPP tests: a gateway in this process, an SMSC per channel that does nothing by itself, and a
//! feed of people, some of whom cannot be reached.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use veilgate::admin::client::call;
use veilgate::admin::{Request, Response};
use veilgate::app::{App, read_config};
use veilgate::clock;
use veilgate::telemetry::Telemetry;
use veilgate_admission::PasswordHash;
use veilgate_config::Config;
use veilgate_names::PlatformId;
use veilgate_simulators::feed::{EdiMaker, FeedOptions, generate};

use crate::smpp_raw::{BIND_TRANSCEIVER, PASSWORD, PATIENCE, Peer, RESPONSE, SERVICE_NUMBER, Smsc};

const EDI_KEY: &str = "00112233445566778899aabbccddeeff";

/// A person of the feed as the notary knows them.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) pseudonym: String,
    pub(crate) authorization: String,
    pub(crate) edi: String,
    /// As the SMSC addresses them.
    pub(crate) number: String,
}

/// What a stage is made of beside the usual.
#[derive(Default)]
pub(crate) struct Plan<'a> {
    /// More lines of `[north]`.
    pub(crate) north: &'a str,
    /// More lines of `[flow]`.
    pub(crate) flow: &'a str,
    /// More lines of account `shop`.
    pub(crate) shop: &'a str,
    /// More lines of account `notary`.
    pub(crate) notary: &'a str,
    /// More lines of each channel; one channel for each, one plain channel if there is none.
    pub(crate) channels: &'a [&'a str],
    /// More lines of the service number.
    pub(crate) number: &'a str,
    /// More lines of the file's end.
    pub(crate) more: &'a str,
    /// The hex of the key that platform `notary-2` signs with.
    pub(crate) key: Option<&'a str>,
}

/// A gateway between the test's peers.
pub(crate) struct Stage {
    pub(crate) app: Arc<App>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) smscs: Vec<Smsc>,
    pub(crate) people: Vec<Person>,
    pub(crate) config: Config,
    pub(crate) folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn plain() -> Self {
        Self::set(Plan::default()).await
    }

    /// Starts the gateway and imports feed and authorizations.
    pub(crate) async fn set(plan: Plan<'_>) -> Self {
        Self::set_in(tempfile::tempdir().unwrap(), plan).await
    }

    /// [`Self::set`] in a folder that may hold files the configuration names.
    pub(crate) async fn set_in(folder: tempfile::TempDir, plan: Plan<'_>) -> Self {
        let mut smscs = Vec::new();
        let channels = if plan.channels.is_empty() { &[""][..] } else { plan.channels };
        for _ in channels {
            smscs.push(Smsc::listen().await);
        }
        let people = feed(folder.path());
        let path = folder.path().join("veilgate.toml");
        fs::write(&path, configuration(&plan, channels, &smscs)).unwrap();
        let key = folder.path().join("edi-k1.hex");
        fs::write(&key, EDI_KEY).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let config = read_config(&path).unwrap();
        let telemetry = Arc::new(Telemetry::start(&config.log, clock::wall).unwrap());
        let app = App::start(&path, config.clone(), Arc::clone(&telemetry)).await.unwrap();
        let stage = Self { app, telemetry, smscs, people, config, folder };
        let file = |name: &str| stage.folder.path().join(name);
        let import = Request::IdentityImport { bindings: file("bindings.csv"), tenures: file("tenures.csv") };
        assert!(matches!(stage.ops(import).await, Response::Imported { .. }));
        let authorizations = Request::AuthorizationsImport {
            platform: Some(PlatformId::parse("notary-1").unwrap()),
            path: Some(file("authorizations.jsonl")),
            lines: Vec::new(),
        };
        stage.ops(authorizations).await;
        stage
    }

    /// Asks the ops socket.
    pub(crate) async fn ops(&self, request: Request) -> Response {
        let socket = self.config.ops_socket();
        tokio::task::spawn_blocking(move || call(&socket, request, None)).await.unwrap().unwrap()
    }

    /// Where the north binds.
    pub(crate) fn north(&self) -> SocketAddr {
        self.app.addresses().plain.unwrap()
    }

    /// A bound transceiver of this account.
    pub(crate) async fn bound(&self, account: &str) -> Peer {
        self.bound_as(BIND_TRANSCEIVER, account).await
    }

    pub(crate) async fn bound_as(&self, mode: u32, account: &str) -> Peer {
        let mut peer = Peer::connect(self.north()).await;
        let response = peer.bind(mode, account, PASSWORD, 0x34).await;
        assert_eq!((response.id, response.status), (mode | RESPONSE, 0), "{response:?}");
        peer
    }

    /// The gateway's next link to its first SMSC.
    pub(crate) async fn link(&self) -> Peer {
        self.smscs[0].link().await
    }

    /// A metric's sum over all its labels that contain `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let text = self.telemetry.metrics.encode().unwrap();
        let of_name = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
        };
        let lines: Vec<&str> = text.lines().filter(of_name).collect();
        assert!(!lines.is_empty(), "no metric {name} in\n{text}");
        let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        lines.into_iter().filter(|line| line.contains(label)).map(value).sum()
    }

    /// Waits until a metric has reached a value.
    pub(crate) async fn counted(&self, name: &str, label: &str, least: f64) {
        until(name, || self.metric(name, label) >= least).await;
    }

    /// Waits until the channel is up.
    pub(crate) async fn channels_up(&self, count: usize) {
        until("channels up", || self.app.channels_up() == count).await;
    }
}

/// Waits for a condition that nothing announces.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// An encrypted device ID as a notary makes it.
pub(crate) fn edi(kind: &str, value: &str) -> String {
    EdiMaker::new("k1", EDI_KEY).unwrap().make(kind, value, [7; 12]).unwrap()
}

/// Twelve people who can be reached, and four who cannot (see `UNREACHABLE`).
fn feed(folder: &Path) -> Vec<Person> {
    generate(&FeedOptions {
        subscribers: 12,
        directory: folder.to_path_buf(),
        edi_key: EDI_KEY.to_owned(),
        ..FeedOptions::default()
    })
    .unwrap();
    append(&folder.join("bindings.csv"), BINDINGS);
    append(&folder.join("tenures.csv"), TENURES);
    let listed = fs::read_to_string(folder.join("recipients.csv")).unwrap();
    let people = listed.lines().skip(1).enumerate().map(|(index, line)| {
        let fields: Vec<&str> = line.split(',').collect();
        Person {
            pseudonym: fields[0].to_owned(),
            authorization: fields[1].to_owned(),
            edi: fields[2].to_owned(),
            number: format!("86{}", 19_900_000_000_u64 + u64::try_from(index).unwrap()),
        }
    });
    people.collect()
}

fn append(path: &Path, lines: &str) {
    let mut text = fs::read_to_string(path).unwrap();
    text.push_str(lines);
    fs::write(path, text).unwrap();
}

/// Devices whose numbers cannot be contacted.
const BINDINGS: &str = "zxid,dev-moved,+8619900000901,2024-01-01,,1
zxid,dev-ported,+8619900000902,2024-01-01,,1
zxid,dev-suspended,+8619900000903,2024-01-01,,1
";
const TENURES: &str = "+8619900000901,h-old,2023-06-01,2026-04-01,own,active
+8619900000901,h-new,2026-05-01,,own,active
+8619900000902,h-out,2023-06-01,,out,active
+8619900000903,h-sus,2023-06-01,,own,suspended
";

fn configuration(plan: &Plan<'_>, channels: &[&str], smscs: &[Smsc]) -> String {
    // Cheap on purpose: what is tested is not argon2.
    let hash = PasswordHash::derive(PASSWORD.as_bytes(), b"0123456789abcdef", 64, 1).unwrap();
    let hash = hash.as_str();
    let proof = match plan.key {
        Some(key) => format!("proof = \"required\"\npublic_key = \"{key}\""),
        None => "proof = \"optional\"".to_owned(),
    };
    let Plan { north, flow, shop, notary, number, more, .. } = plan;
    let mut text = format!(
        r#"data_dir = "data"

[[edi_keys]]
kid = "k1"
key_file = "edi-k1.hex"

[journal]
engine = "memory"

[policy]
shipped_limits = false

[ops]
listen = "127.0.0.1:0"

[log]
file = "veilgate.log"
level = "debug"

[flow]
{flow}

[[platforms]]
id = "notary-1"
proof = "optional"

[[platforms]]
id = "notary-2"
{proof}

[[enterprises]]
id = "ent-1"

[[accounts]]
system_id = "notary"
kind = "notary"
platform = "notary-1"
password_hash = "{hash}"
{notary}

[[accounts]]
system_id = "strict"
kind = "notary"
platform = "notary-2"
password_hash = "{hash}"

[[accounts]]
system_id = "shop"
kind = "enterprise"
enterprise = "ent-1"
password_hash = "{hash}"
{shop}

[[service_numbers]]
number = "{SERVICE_NUMBER}"
enterprise = "ent-1"
inbound_anchored = true
{number}
"#
    );
    for (index, (lines, smsc)) in channels.iter().zip(smscs).enumerate() {
        let address = smsc.address();
        writeln!(
            text,
            "\n[[channels]]\nid = \"smsc-{index}\"\naddress = \"{address}\"\nsystem_id = \"veilgate\"\n\
             password = \"secret\"\nreconnect_min = \"50ms\"\nreconnect_max = \"200ms\"\n{lines}"
        )
        .unwrap();
    }
    writeln!(text, "{more}\n[north]\nlisten = \"127.0.0.1:0\"\n{north}").unwrap();
    text
}
