//! `veilgate-sim load`.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use veilgate_simulators::load::{self, Content, LoadOptions, RecipientForm, Recipients};
use veilgate_simulators::message::Address;
use veilgate_simulators::output;

use super::{TlsArguments, version};

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
    /// SMPP version.
    #[arg(long, default_value = "3.4", value_parser = version)]
    version: u8,
    #[command(flatten)]
    tls: TlsArguments,
    /// Connections, each a transceiver.
    #[arg(long, default_value_t = 2)]
    binds: usize,
    /// Messages without response per connection.
    #[arg(long, default_value_t = 1_000)]
    window: usize,
    /// Messages a second over all connections; 0 is the closed loop.
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// Milliseconds of a tick of the open loop: its messages are meant to go at its start; 0 spreads them.
    #[arg(long, default_value_t = 1)]
    tick: u64,
    /// Seconds to send; 10 if neither this nor a count is given.
    #[arg(long)]
    duration: Option<f64>,
    /// Messages to send.
    #[arg(long)]
    count: Option<u64>,
    /// Service number they come from.
    #[arg(long, default_value = "10690001")]
    source: String,
    /// Characters of each text.
    #[arg(long, default_value_t = 60)]
    text_length: usize,
    /// Text before the message number, such as a signature.
    #[arg(long, default_value = "")]
    text_prefix: String,
    /// Send UCS-2 instead of GSM.
    #[arg(long)]
    ucs2: bool,
    /// Ask for receipts, track them and wait for them.
    #[arg(long)]
    receipts: bool,
    /// Seconds to wait for receipts in the end.
    #[arg(long, default_value_t = 10.0)]
    drain: f64,
    /// Seconds a response may take.
    #[arg(long, default_value_t = 10.0)]
    response_timeout: f64,
    /// CSV with columns pseudonym, authorization_id, edi, as_of, enterprise (or number).
    #[arg(long)]
    recipients: Option<PathBuf>,
    /// Form in which recipients are named; number without a file.
    #[arg(long, value_enum, default_value = "pseudonym")]
    recipient_form: RecipientForm,
    /// Connect again when a connection is lost.
    #[arg(long)]
    reconnect: bool,
    /// Seconds to try that.
    #[arg(long, default_value_t = 60.0)]
    reconnect_for: f64,
    /// Append `A number id`, `U number` and `R id state` lines.
    #[arg(long)]
    ack_log: Option<PathBuf>,
    /// Messages remembered for their receipt.
    #[arg(long, default_value_t = 4_000_000)]
    track_limit: usize,
    /// Write the report as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// No progress lines.
    #[arg(long)]
    quiet: bool,
}

/// Exit code when some message was not accepted or some receipt is missing.
const UNCLEAN: u8 = 1;

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let (json, quiet) = (arguments.json.clone(), arguments.quiet);
    let options = options(arguments)?;
    let terminal = std::io::stdout().is_terminal();
    let outcome = load::run(options, |progress| match (quiet, terminal) {
        (true, _) => {}
        (_, true) => output::rewrite(&progress.line()),
        (_, false) => output::line(&progress.line()),
    });
    let report = outcome.await.map_err(|error| error.to_string())?;
    if terminal && !quiet {
        output::line("");
    }
    output::line(&report.text());
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| error.to_string())?;
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(UNCLEAN) })
}

fn options(arguments: Arguments) -> Result<LoadOptions, String> {
    let span = |seconds: f64| Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    let recipients = match &arguments.recipients {
        Some(path) => Recipients::read(path, arguments.recipient_form).map_err(|error| error.to_string())?,
        None => Recipients::numbers(10_000),
    };
    let duration = match (arguments.duration, arguments.count) {
        (None, None) => Some(10.0),
        (duration, _) => duration,
    };
    Ok(LoadOptions {
        interface_version: arguments.version,
        tls: arguments.tls.options(),
        binds: arguments.binds,
        window: arguments.window,
        rate: arguments.rate,
        tick: Duration::from_millis(arguments.tick),
        duration: duration.map(span).transpose()?,
        count: arguments.count,
        content: Content {
            source: Address::guess(&arguments.source),
            prefix: arguments.text_prefix,
            length: arguments.text_length,
            wide: arguments.ucs2,
            registered_delivery: u8::from(arguments.receipts),
        },
        recipients,
        receipts: arguments.receipts,
        drain: span(arguments.drain)?,
        response_timeout: span(arguments.response_timeout)?,
        reconnect: arguments.reconnect,
        reconnect_for: span(arguments.reconnect_for)?,
        ack_log: arguments.ack_log,
        track_limit: arguments.track_limit,
        ..LoadOptions::new(arguments.address, &arguments.system_id, &arguments.password)
    })
}
