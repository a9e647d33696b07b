//! `veilgate-sim esme`.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use veilgate_simulators::esme::{
    BindMode, Client, ConnectOptions, EsmeError, Incoming, IncomingKind, Recipient, Response, Submission,
};
use veilgate_simulators::message::{Address, tag};
use veilgate_simulators::output;
use veilgate_simulators::receipt::State;
use veilgate_simulators::text::{Coding, Split};

use super::{TlsArguments, stopped, version};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The server.
    #[arg(long)]
    address: SocketAddr,
    /// Account.
    #[arg(long)]
    system_id: String,
    /// Password.
    #[arg(long, default_value = "")]
    password: String,
    /// Bind mode.
    #[arg(long, value_enum, default_value = "transceiver")]
    mode: BindMode,
    /// SMPP version.
    #[arg(long, default_value = "3.4", value_parser = version)]
    version: u8,
    #[command(flatten)]
    tls: TlsArguments,
    #[command(flatten)]
    recipient: RecipientArguments,
    #[command(flatten)]
    content: ContentArguments,
    /// Messages to submit; 0 only listens.
    #[arg(long, default_value_t = 1)]
    count: usize,
    /// Requests without response at a time.
    #[arg(long, default_value_t = 10)]
    window: usize,
    /// Seconds to wait for a response.
    #[arg(long, default_value_t = 10)]
    response_timeout: u64,
    /// Seconds to wait until every accepted message has its receipt.
    #[arg(long, value_name = "SECONDS")]
    wait_receipts: Option<u64>,
    /// Seconds to listen for replies afterwards; 0 until interrupted.
    #[arg(long, value_name = "SECONDS")]
    listen: Option<u64>,
    /// command_status of each deliver_sm_resp.
    #[arg(long, default_value_t = 0)]
    deliver_status: u32,
    /// Print JSON lines.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct RecipientArguments {
    /// Recipient: a pseudonym.
    #[arg(long)]
    pseudonym: Option<String>,
    /// Recipient: an encrypted device ID (TLV 0x1500).
    #[arg(long)]
    edi: Option<String>,
    /// Recipient: an authorization id (TLV 0x1502).
    #[arg(long)]
    authorization: Option<String>,
    /// As-of date (TLV 0x1503).
    #[arg(long)]
    as_of: Option<String>,
    /// Enterprise id (TLV 0x1504).
    #[arg(long)]
    enterprise: Option<String>,
    /// Recipient: a file with an authorization as JSON (TLV 0x150A).
    #[arg(long)]
    authorization_json: Option<PathBuf>,
    /// Recipient: this destination_addr, whatever it is.
    #[arg(long)]
    destination: Option<String>,
    /// Any further TLV, `0x1507=text`.
    #[arg(long = "tlv", value_name = "TAG=TEXT")]
    tlvs: Vec<String>,
}

#[derive(clap::Args)]
struct ContentArguments {
    /// Service number it comes from.
    #[arg(long, default_value = "10690001")]
    source: String,
    /// Text.
    #[arg(long, default_value = "Hello from veilgate-sim")]
    text: String,
    /// Coding.
    #[arg(long, value_enum, default_value = "auto")]
    coding: Coding,
    /// How a long text is split.
    #[arg(long, value_enum, default_value = "udh")]
    split: Split,
    /// registered_delivery.
    #[arg(long, default_value_t = 1)]
    registered_delivery: u8,
    /// validity_period, 16 characters.
    #[arg(long, default_value = "")]
    validity: String,
    /// schedule_delivery_time, 16 characters.
    #[arg(long, default_value = "")]
    schedule: String,
}

/// Exit codes besides 0: some message was refused or got no response.
const REFUSED: u8 = 1;
/// Some receipt is missing or tells of no delivery.
const UNDELIVERED: u8 = 3;

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let options = ConnectOptions {
        mode: arguments.mode,
        interface_version: arguments.version,
        tls: arguments.tls.options(),
        window: arguments.window,
        response_timeout: Duration::from_secs(arguments.response_timeout),
        enquire_link: Some(Duration::from_secs(30)),
        deliver_status: Some(arguments.deliver_status),
        capture_limit: 0,
        ..ConnectOptions::new(arguments.address, &arguments.system_id, &arguments.password)
    };
    let submission = arguments.content.submission(arguments.recipient.recipient()?);
    let (client, mut incoming) = Client::connect(options).await.map_err(|error| error.to_string())?;
    let client = Arc::new(client);
    let json = arguments.json;
    let (accepted, all_accepted) = submit(&client, &submission, arguments.count, json).await;
    let mut code = if all_accepted { 0 } else { REFUSED };
    if let Some(seconds) = arguments.wait_receipts
        && !receipts(&mut incoming, accepted, Duration::from_secs(seconds), json).await
        && code == 0
    {
        code = UNDELIVERED;
    }
    match arguments.listen {
        Some(0) => listen(&mut incoming, json, stopped()).await,
        Some(seconds) => listen(&mut incoming, json, tokio::time::sleep(Duration::from_secs(seconds))).await,
        None => {}
    }
    if let Some(client) = Arc::into_inner(client) {
        let _ = client.unbind().await;
    }
    Ok(ExitCode::from(code))
}

impl RecipientArguments {
    fn recipient(self) -> Result<Recipient, String> {
        let mut recipient = match (&self.destination, &self.authorization_json, &self.edi, &self.pseudonym) {
            (Some(destination), ..) => Recipient::raw(destination),
            (_, Some(path), ..) => {
                let json = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
                Recipient::authorization_json(json.trim())
            }
            (_, _, None, Some(pseudonym)) if self.authorization.is_none() => Recipient::pseudonym(pseudonym),
            _ => Recipient::default(),
        };
        if recipient == Recipient::default() {
            let as_of = self.as_of.as_ref().map(|date| date.replace('-', ""));
            let named = [
                (tag::EDI, &self.edi),
                (tag::PSEUDONYM, &self.pseudonym),
                (tag::AUTHORIZATION_ID, &self.authorization),
                (tag::AS_OF, &as_of),
                (tag::ENTERPRISE_ID, &self.enterprise),
            ];
            for (tag, value) in named {
                if let Some(value) = value {
                    recipient = recipient.with(tag, value);
                }
            }
        }
        for text in &self.tlvs {
            let (tag, value) = text.split_once('=').ok_or("a TLV is TAG=TEXT")?;
            let digits = tag.strip_prefix("0x").unwrap_or(tag);
            recipient =
                recipient.with(u16::from_str_radix(digits, 16).map_err(|_| "a tag is hexadecimal")?, value);
        }
        Ok(recipient)
    }
}

impl ContentArguments {
    fn submission(self, recipient: Recipient) -> Submission {
        Submission {
            source: Address::guess(&self.source),
            recipient,
            text: self.text,
            coding: self.coding,
            split: self.split,
            registered_delivery: self.registered_delivery,
            schedule: self.schedule,
            validity: self.validity,
            reference: 1,
        }
    }
}

/// Submits `count` messages; gives the ids accepted and whether all were.
async fn submit(
    client: &Arc<Client>,
    submission: &Submission,
    count: usize,
    json: bool,
) -> (HashSet<String>, bool) {
    let mut tasks: JoinSet<Result<Vec<Response>, EsmeError>> = JoinSet::new();
    let (mut ids, mut all) = (HashSet::new(), true);
    let mut begun = 0;
    // Two runs in a row are not to send parts under the same references.
    let start = usize::try_from(std::process::id()).unwrap_or(0);
    loop {
        while begun < count && tasks.len() < 1_000 {
            begun += 1;
            let (client, mut submission) = (Arc::clone(client), submission.clone());
            submission.reference = u16::try_from((start + begun) % 65_536).unwrap_or(0);
            tasks.spawn(async move { client.submit(&submission).await });
        }
        match tasks.join_next().await {
            None => return (ids, all),
            Some(Ok(Ok(responses))) => {
                for response in responses {
                    all &= response.status == 0;
                    print_response(&response, json);
                    ids.extend(response.message_id);
                }
            }
            Some(Ok(Err(error))) => {
                all = false;
                output::complain(&error.to_string());
            }
            Some(Err(_)) => all = false,
        }
    }
}

/// Waits for the receipts of `ids`; true if all came and tell of delivery.
async fn receipts(
    incoming: &mut mpsc::Receiver<Incoming>,
    mut ids: HashSet<String>,
    patience: Duration,
    json: bool,
) -> bool {
    let mut delivered = true;
    let all = async {
        while !ids.is_empty() {
            let Some(each) = incoming.recv().await else { break };
            print_incoming(&each, json);
            if each.kind == IncomingKind::Receipt
                && let Some(id) = &each.message_id
                && ids.remove(id)
            {
                delivered &= matches!(each.state, Some(State::Delivered | State::Accepted));
            }
        }
    };
    let _ = tokio::time::timeout(patience, all).await;
    if !ids.is_empty() {
        output::complain(&format!("{} receipts are missing", ids.len()));
    }
    delivered && ids.is_empty()
}

async fn listen(incoming: &mut mpsc::Receiver<Incoming>, json: bool, end: impl Future<Output = ()>) {
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return,
            each = incoming.recv() => match each {
                Some(each) => print_incoming(&each, json),
                None => return,
            },
        }
    }
}

fn print_response(response: &Response, json: bool) {
    if json {
        let value = serde_json::json!({ "event": "response", "response": response });
        output::line(&value.to_string());
        return;
    }
    let id = response.message_id.as_deref().unwrap_or("-");
    let reason = response.reason.as_ref().map(|code| format!(" reason {code}")).unwrap_or_default();
    output::line(&format!("response 0x{:X}{reason} id {id} {} us", response.status, response.elapsed_us));
}

fn print_incoming(incoming: &Incoming, json: bool) {
    if json {
        let value = serde_json::json!({ "event": "incoming", "incoming": incoming });
        output::line(&value.to_string());
        return;
    }
    let to = &incoming.destination;
    match incoming.kind {
        IncomingKind::Reply => {
            output::line(&format!("reply from {} to {to}: {}", incoming.alias(), incoming.text))
        }
        kind => {
            let state = incoming.state.map_or("?", State::text);
            let id = incoming.message_id.as_deref().unwrap_or("-");
            output::line(&format!("{kind:?} {state} id {id} from {}", incoming.alias()));
        }
    }
}
