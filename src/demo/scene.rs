//! The demo's cast: feed, keys, gateway, SMSC, notary and enterprise, on free ports of the loopback.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use veilgate_admission::PasswordHash;
use veilgate_config::Config;
use veilgate_simulators::esme::{
    Client, ConnectOptions, Incoming, IncomingKind, Recipient, Response, Submission,
};
use veilgate_simulators::feed::{FeedOptions, generate};
use veilgate_simulators::smsc::{Condition, Event, ReplyRule, Running, Simulator, SmscOptions};

use crate::admin::client::call;
use crate::admin::{Request, Response as OpsResponse};
use crate::app::{App, read_config};
use crate::telemetry::Telemetry;
use crate::telemetry::words::StopCause;
use crate::{clock, keys, ledger};

use super::text;

const PASSWORD: &str = "demo-pwd";
const EDI_KEY: &str = "00112233445566778899aabbccddeeff";
const SERVICE_NUMBER: &str = "10690001";
const REPLY: &str = "Thanks! My number is 19900000000";

/// The running cast.
pub(super) struct Scene {
    folder: PathBuf,
    app: Arc<App>,
    config: Config,
    smsc: Running,
    notary: Party,
    enterprise: Party,
    person: Person,
    telemetry: Arc<Telemetry>,
}

struct Party {
    client: Client,
    incoming: Receiver<Incoming>,
}

/// The first subscriber of the feed, as the notary knows them.
struct Person {
    pseudonym: String,
    authorization: String,
    device: String,
    as_of: String,
    enterprise: String,
}

/// What each party saw, row by row: notary, enterprise, SMSC.
pub(super) struct Shown {
    /// Step and cells.
    pub rows: Vec<(&'static str, [String; 3])>,
}

/// The files a stopped gateway leaves.
pub(super) struct Files {
    config: Config,
}

impl Scene {
    /// Generates the feed, starts gateway and simulators, imports the feed.
    pub(super) async fn set(folder: &Path, subscribers: u64) -> Result<Self, String> {
        let feed = folder.join("feed");
        let directory = feed.clone();
        let generated = tokio::task::spawn_blocking(move || {
            generate(&FeedOptions {
                subscribers,
                directory,
                edi_key: EDI_KEY.to_owned(),
                ..FeedOptions::default()
            })
        });
        generated.await.map_err(text)?.map_err(text)?;
        let person = Person::first(&feed.join("recipients.csv"))?;
        let when = Condition { text_contains: Some("reply".to_owned()), ..Condition::default() };
        let reply = ReplyRule { when, text: REPLY.to_owned(), ..ReplyRule::default() };
        let smsc = Simulator::start(SmscOptions { replies: vec![reply], ..SmscOptions::default() })
            .await
            .map_err(text)?;
        let path = write_config(folder, smsc.address())?;
        let config = read_config(&path).map_err(text)?;
        let telemetry = Arc::new(Telemetry::start(&config.log, clock::wall).map_err(text)?);
        let app = App::start(&path, config.clone(), Arc::clone(&telemetry)).await.map_err(text)?;
        import(&config, &feed).await?;
        wait_for_channel(&app).await?;
        let north = app.addresses().plain.ok_or("no plain listener")?;
        let notary = Party::bind(north, "notary").await?;
        let enterprise = Party::bind(north, "shop").await?;
        Ok(Self { folder: folder.to_path_buf(), app, config, smsc, notary, enterprise, person, telemetry })
    }

    /// Where the north binds.
    pub(super) fn north(&self) -> String {
        self.app.addresses().plain.map(|address| address.to_string()).unwrap_or_default()
    }

    /// Where health and metrics answer.
    pub(super) fn ops(&self) -> String {
        self.app.addresses().ops.map(|address| address.to_string()).unwrap_or_default()
    }

    /// The notary sends to an encrypted device ID, the enterprise to the pseudonym; the person answers.
    pub(super) async fn play(&mut self, patience: Duration) -> Result<Shown, String> {
        let Person { pseudonym, authorization, device, as_of, enterprise } = &self.person;
        let by_device = Recipient::short(device, pseudonym, authorization, as_of, enterprise);
        let first = Submission::new(SERVICE_NUMBER, by_device, "Your parcel is here");
        let accepted_first = submit(&self.notary.client, &first).await?;
        let by_alias = Recipient::pseudonym(pseudonym);
        let second = Submission::new(SERVICE_NUMBER, by_alias, "Was it good? Please reply");
        let accepted_second = submit(&self.enterprise.client, &second).await?;
        let at_notary = self.notary.collect(2, patience).await?;
        let at_enterprise = self.enterprise.collect(2, patience).await?;
        let at_smsc = self.smsc.wait(Event::Submit, 2, patience).await;
        let sent = |index: usize| {
            at_smsc.get(index).map_or(String::new(), |seen| {
                format!("to {}\nfrom {}\n\"{}\"", seen.destination, seen.source, seen.text)
            })
        };
        let device = format!("{}…", device.chars().take(24).collect::<String>());
        let rows = vec![
            (
                "1st message",
                [format!("to {device}\npseudonym {pseudonym}\nid {accepted_first}"), String::new(), sent(0)],
            ),
            ("its receipt", [receipt(&at_notary), String::new(), "DELIVRD for its own id".to_owned()]),
            ("2nd message", [String::new(), format!("to {pseudonym}\nid {accepted_second}"), sent(1)]),
            ("its receipt", [String::new(), receipt(&at_enterprise), "DELIVRD for its own id".to_owned()]),
            (
                "the reply",
                [
                    reply(&at_notary),
                    reply(&at_enterprise),
                    format!("from {}\n\"{REPLY}\"", at_smsc.first().map_or("", |seen| &seen.destination)),
                ],
            ),
        ];
        Ok(Shown { rows })
    }

    /// Searches what both north parties received for the number that the SMSC saw.
    pub(super) fn boundary(&self) -> Result<String, String> {
        let octets = self.notary.client.captured().len() + self.enterprise.client.captured().len();
        let number = self.smsc.submits().first().map(|seen| seen.destination.clone()).unwrap_or_default();
        let national = number.strip_prefix("86").unwrap_or(&number).to_owned();
        for party in [&self.notary, &self.enterprise] {
            let captured = party.client.captured();
            if captured.windows(national.len().max(1)).any(|window| window == national.as_bytes()) {
                return Err("the number went north".to_owned());
            }
        }
        Ok(format!("the SMSC saw {number}; in {octets} octets that went north it does not occur"))
    }

    /// Where to look while it runs.
    pub(super) fn hints(&self) -> String {
        let config = self.folder.join("veilgate.toml");
        let config = config.display();
        format!(
            "   veilgate --config {config} status\n   curl http://{}/metrics\n   \
             veilgate --config {config} authorizations revoke {}\n   \
             accounts: notary and shop, password {PASSWORD}; recipients: {}\n   Ctrl-C ends it.",
            self.ops(),
            self.person.authorization,
            self.folder.join("feed/recipients.csv").display(),
        )
    }

    /// Stops everything in order.
    pub(super) async fn strike(self) -> Result<Files, String> {
        let _ = self.notary.client.unbind().await;
        let _ = self.enterprise.client.unbind().await;
        self.app.stop(StopCause::Command).await;
        self.smsc.stop().await;
        self.telemetry.close();
        Ok(Files { config: self.config })
    }
}

impl Files {
    /// Verifies the audit chain and the CDR files.
    pub(super) fn verify(&self) -> Result<String, String> {
        let audit = self.config.audit_file();
        let key = keys::audit_public_key_file(&self.config.audit_key_file());
        let public =
            veilgate_notary::PublicKey::parse(&fs::read_to_string(key).map_err(text)?).map_err(text)?;
        let anchor = ledger::anchor_file(&audit);
        let verified = ledger::verify_audit(&audit, Some(&public), Some(&anchor)).map_err(text)?;
        let mut records = 0;
        for entry in fs::read_dir(self.config.cdr_dir()).map_err(text)? {
            let file = fs::File::open(entry.map_err(text)?.path()).map_err(text)?;
            records += veilgate_ledger::verify_cdr(std::io::BufReader::new(file)).map_err(text)?.records;
        }
        Ok(format!(
            "audit chain OK: {} records, signed and anchored; {records} CDRs verified",
            verified.records
        ))
    }
}

impl Party {
    async fn bind(north: SocketAddr, account: &str) -> Result<Self, String> {
        let mut options = ConnectOptions::new(north, account, PASSWORD);
        options.capture_limit = 1 << 20;
        let (client, incoming) = Client::connect(options).await.map_err(text)?;
        Ok(Self { client, incoming })
    }

    async fn collect(&mut self, count: usize, patience: Duration) -> Result<Vec<Incoming>, String> {
        let mut seen = Vec::new();
        while seen.len() < count {
            let next = tokio::time::timeout(patience, self.incoming.recv()).await;
            seen.push(
                next.map_err(|_| "nothing came back in time")?.ok_or("the gateway closed the session")?,
            );
        }
        Ok(seen)
    }
}

impl Person {
    fn first(recipients: &Path) -> Result<Self, String> {
        let listed = fs::read_to_string(recipients).map_err(text)?;
        let line = listed.lines().nth(1).ok_or("the feed is empty")?;
        let fields: Vec<&str> = line.split(',').collect();
        let [pseudonym, authorization, device, as_of, enterprise] = fields.as_slice() else {
            return Err("the feed's recipients are not as expected".to_owned());
        };
        Ok(Self {
            pseudonym: (*pseudonym).to_owned(),
            authorization: (*authorization).to_owned(),
            device: (*device).to_owned(),
            as_of: as_of.replace('-', ""),
            enterprise: (*enterprise).to_owned(),
        })
    }
}

fn write_config(folder: &Path, smsc: SocketAddr) -> Result<PathBuf, String> {
    let mut salt = [0; 16];
    clock::entropy(&mut salt);
    // Cheap on purpose: this password is printed above the table.
    let hash = PasswordHash::derive(PASSWORD.as_bytes(), &salt, 64, 1).map_err(text)?;
    let hash = hash.as_str();
    let key = folder.join("edi-k1.hex");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&key).map_err(text)?;
    file.write_all(EDI_KEY.as_bytes()).map_err(text)?;
    let toml = format!(
        r#"# Written by `veilgate demo`: everything on the loopback, on free ports.
data_dir = "data"

[[edi_keys]]
kid = "k1"
key_file = "edi-k1.hex"

[north]
listen = "127.0.0.1:0"

[[platforms]]
id = "notary-1"
proof = "optional"

[[enterprises]]
id = "ent-1"

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

[[service_numbers]]
number = "{SERVICE_NUMBER}"
enterprise = "ent-1"
inbound_anchored = true

[[channels]]
id = "smsc-1"
address = "{smsc}"
system_id = "veilgate"
password = "secret"

[ops]
listen = "127.0.0.1:0"

[log]
file = "veilgate.log"
"#
    );
    let path = folder.join("veilgate.toml");
    fs::write(&path, toml).map_err(text)?;
    Ok(path)
}

async fn import(config: &Config, feed: &Path) -> Result<(), String> {
    let (socket, bindings, tenures) =
        (config.ops_socket(), feed.join("bindings.csv"), feed.join("tenures.csv"));
    let request = Request::IdentityImport { bindings, tenures };
    let response = tokio::task::spawn_blocking(move || call(&socket, request, None)).await.map_err(text)?;
    match response.map_err(text)? {
        OpsResponse::Imported { .. } => Ok(()),
        OpsResponse::Refused(refusal) => Err(refusal.to_string()),
        _ => Err("the import was not answered".to_owned()),
    }
}

async fn wait_for_channel(app: &App) -> Result<(), String> {
    let patience = clock::mono().plus(Duration::from_secs(20));
    while app.channels_up() == 0 {
        if clock::mono() > patience {
            return Err("the channel does not come up".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn submit(client: &Client, submission: &Submission) -> Result<String, String> {
    let responses: Vec<Response> = client.submit(submission).await.map_err(text)?;
    let response = responses.into_iter().next().ok_or("no response")?;
    match response.message_id {
        Some(id) if response.status == 0 => Ok(id),
        _ => Err(format!("the submit was refused: status {:#x}", response.status)),
    }
}

fn receipt(seen: &[Incoming]) -> String {
    let receipt = seen.iter().find(|incoming| incoming.kind == IncomingKind::Receipt);
    receipt.map_or_else(String::new, |receipt| {
        let state = receipt.state.map(|state| format!("{state:?}")).unwrap_or_default();
        format!("{state} for {}\nid {}", receipt.alias(), receipt.message_id.as_deref().unwrap_or_default())
    })
}

fn reply(seen: &[Incoming]) -> String {
    let reply = seen.iter().find(|incoming| incoming.kind != IncomingKind::Receipt);
    reply.map_or_else(String::new, |reply| format!("from {}\n\"{}\"", reply.alias(), reply.text))
}
