//! `veilgate-sim smsc`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use veilgate_simulators::message::Address;
use veilgate_simulators::receipt::Dates;
use veilgate_simulators::smsc::{
    AnswerRule, IdFormat, MobileOriginated, ReceiptForm, ReceiptOptions, ReceiptOrder, ReceiptWhen,
    ReplyRule, RulesFile, Running, Simulator, SmscOptions, Span, StateMix,
};
use veilgate_simulators::text::{Coding, Split};
use veilgate_simulators::{clock, output};

use super::{stopped, version};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:2776")]
    listen: SocketAddr,
    /// The system_id it calls itself.
    #[arg(long, default_value = "simulator")]
    identity: String,
    /// An account that may bind, `system_id:password`; none lets anybody in.
    #[arg(long = "account", value_name = "ID:PASSWORD")]
    accounts: Vec<String>,
    /// SMPP version it reports.
    #[arg(long, default_value = "3.4", value_parser = version)]
    version: u8,
    /// How message ids look.
    #[arg(long, value_enum, default_value = "hex")]
    id_format: IdFormat,
    /// Seed of all draws, and so of message ids; by default it differs from run to run.
    #[arg(long)]
    seed: Option<u64>,
    /// congestion_state (0-99) in responses to accepted messages.
    #[arg(long)]
    congestion: Option<u8>,
    /// TOML file with [[answer]], [[reply]] and [receipts]; flags come before it.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// `ACTION; key=value; …`: ok, throttle, queue-full, status=0x08, drop, disconnect; keys every,
    /// percent, suffix, source, match, limit, delay (`50` or `50..200` ms).
    #[arg(long = "answer", value_name = "RULE")]
    answers: Vec<AnswerRule>,
    /// `TEXT; key=value; …`: the handset answers so; keys as above and repeat.
    #[arg(long = "reply", value_name = "RULE")]
    replies: Vec<ReplyRule>,
    #[command(flatten)]
    receipts: ReceiptArguments,
    /// Unanswered deliver_sm per connection.
    #[arg(long, default_value_t = 100)]
    deliver_window: usize,
    /// Milliseconds until an unanswered deliver_sm is sent again.
    #[arg(long, default_value_t = 10_000)]
    deliver_timeout_ms: u64,
    /// Seconds of silence after which enquire_link is sent; 0 never.
    #[arg(long, default_value_t = 0)]
    enquire_link: u64,
    /// Connect to this ESME and send outbind.
    #[arg(long)]
    outbind: Option<SocketAddr>,
    /// Password for outbind.
    #[arg(long, default_value = "")]
    outbind_password: String,
    /// File that gets a JSON line per event.
    #[arg(long)]
    log: Option<PathBuf>,
}

#[derive(clap::Args)]
struct ReceiptArguments {
    /// Which messages get a receipt.
    #[arg(long, value_enum)]
    receipts: Option<ReceiptWhen>,
    /// Milliseconds from response to receipt, `50` or `50..200`.
    #[arg(long)]
    receipt_delay: Option<Span>,
    /// Order of receipts.
    #[arg(long, value_enum)]
    receipt_order: Option<ReceiptOrder>,
    /// Text, TLVs or both.
    #[arg(long, value_enum)]
    receipt_form: Option<ReceiptForm>,
    /// Digits of the dates in receipt texts.
    #[arg(long, value_enum)]
    receipt_dates: Option<Dates>,
    /// Final states with weights, `DELIVRD=95,UNDELIV=5`.
    #[arg(long)]
    states: Option<StateMix>,
    /// Share of receipts that come twice, 0-100.
    #[arg(long)]
    duplicate_percent: Option<f64>,
    /// Share of receipts that never come, 0-100.
    #[arg(long)]
    never_percent: Option<f64>,
    /// Put the subscriber's number into receipt texts and vendor TLVs.
    #[arg(long)]
    leak_number: bool,
    /// Send an intermediate notification before each receipt.
    #[arg(long)]
    intermediate: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let (outbind, password) = (arguments.outbind, arguments.outbind_password.clone());
    let mut running = Simulator::start(options(arguments)?).await.map_err(|error| error.to_string())?;
    output::line(&format!("listening on {}", running.address()));
    if let Some(address) = outbind {
        running.outbind(address, &password).await.map_err(|error| error.to_string())?;
    }
    tokio::select! {
        () = stopped() => {}
        () = commands(&running) => {}
    }
    let counters = serde_json::to_string(&running.counters()).map_err(|error| error.to_string())?;
    output::line(&counters);
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn options(arguments: Arguments) -> Result<SmscOptions, String> {
    let rules = match &arguments.rules {
        Some(path) => RulesFile::parse(&std::fs::read_to_string(path).map_err(|error| error.to_string())?)?,
        None => RulesFile::default(),
    };
    let pair = |text: &String| {
        let (id, password) = text.split_once(':').unwrap_or((text.as_str(), ""));
        (id.to_owned(), password.to_owned())
    };
    Ok(SmscOptions {
        listen: arguments.listen,
        identity: arguments.identity,
        accounts: arguments.accounts.iter().map(pair).collect(),
        interface_version: arguments.version,
        ids: arguments.id_format,
        seed: arguments.seed.unwrap_or_else(clock::seed),
        congestion: arguments.congestion,
        answers: [arguments.answers, rules.answer].concat(),
        replies: [arguments.replies, rules.reply].concat(),
        receipts: arguments.receipts.over(rules.receipts.unwrap_or_default()),
        deliver_window: arguments.deliver_window,
        deliver_timeout: Duration::from_millis(arguments.deliver_timeout_ms),
        enquire_link: Some(arguments.enquire_link).filter(|each| *each > 0).map(Duration::from_secs),
        log: arguments.log,
        ..SmscOptions::default()
    })
}

impl ReceiptArguments {
    fn over(self, file: ReceiptOptions) -> ReceiptOptions {
        ReceiptOptions {
            when: self.receipts.unwrap_or(file.when),
            delay_ms: self.receipt_delay.unwrap_or(file.delay_ms),
            order: self.receipt_order.unwrap_or(file.order),
            form: self.receipt_form.unwrap_or(file.form),
            dates: self.receipt_dates.unwrap_or(file.dates),
            states: self.states.unwrap_or(file.states),
            duplicate_percent: self.duplicate_percent.unwrap_or(file.duplicate_percent),
            never_percent: self.never_percent.unwrap_or(file.never_percent),
            leak_number: self.leak_number || file.leak_number,
            intermediate: self.intermediate || file.intermediate,
        }
    }
}

/// Obeys lines on standard input; the end of input is no reason to stop.
async fn commands(running: &Running) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut words = line.trim().splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("mo"), Some(from), Some(to), Some(text)) => {
                let sent = running.write(&MobileOriginated {
                    system_id: None,
                    source: Address::guess(from),
                    destination: Address::guess(to),
                    text: text.to_owned(),
                    coding: Coding::Auto,
                    split: Split::Udh,
                });
                output::line(if sent { "sent" } else { "nobody is bound" });
            }
            (Some("disconnect"), ..) => running.disconnect_all(),
            (Some("unbind"), ..) => running.unbind_all(),
            (Some("enquire"), ..) => running.enquire_all(),
            (Some("counters"), ..) => {
                output::line(&serde_json::to_string(&running.counters()).unwrap_or_default());
            }
            (Some("quit"), ..) => return,
            (Some(""), ..) => {}
            _ => output::line("mo FROM TO TEXT | disconnect | unbind | enquire | counters | quit"),
        }
    }
    std::future::pending::<()>().await;
}
