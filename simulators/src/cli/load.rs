//! `veilgate-sim load`.

#[cfg(feature = "live")]
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use veilgate_simulators::load::{
    self, Content, Expectation, LoadOptions, Plan, Progress, RecipientForm, Recipients, Report, Script, Way,
};
use veilgate_simulators::message::Address;
use veilgate_simulators::output;

use super::{TlsArguments, stopped, version};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The server.
    #[arg(long)]
    address: SocketAddr,
    /// A script: phases, accounts, mixes, expectations.
    #[arg(long, conflicts_with_all = ["rate", "duration", "count", "text_length", "text_prefix", "ucs2", "tick"])]
    script: Option<PathBuf>,
    /// Account; of a script its accounts, if it has some.
    #[arg(long, default_value = "", required_unless_present = "script")]
    system_id: String,
    /// Password.
    #[arg(long, default_value = "")]
    password: String,
    /// SMPP version.
    #[arg(long, default_value = "3.4", value_parser = version)]
    version: u8,
    /// Send by Kannel's sendsms (HTTP) instead of SMPP, one request at a time on each connection.
    #[arg(long)]
    kannel: bool,
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
    /// The steady state: recipients are registered already and named in this form, `authorization` if none is given.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "authorization",
        conflicts_with = "recipient_form", requires = "recipients")]
    known: Option<RecipientForm>,
    /// Before the run, send one message in the short form to each recipient of the file, which registers it.
    #[arg(long, requires = "recipients")]
    register: bool,
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
    /// Write the report as JSON; `-` is standard output, which gets nothing else then.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Tell this process's processor time and memory in the report: NAME=PID, repeatable.
    #[arg(long, value_parser = watched)]
    watch: Vec<(String, u32)>,
    /// Exit code 3 if this does not hold, such as p99_ms=15, rate=1000 or lost=0; repeatable.
    #[arg(long)]
    expect: Vec<Expectation>,
    /// Write the report as a page that needs nothing else, for any browser.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Title of the report.
    #[arg(long)]
    title: Option<String>,
    /// No live view and no progress lines.
    #[arg(long)]
    quiet: bool,
}

/// Exit code when some message was not accepted or some receipt is missing.
const UNCLEAN: u8 = 1;

/// Exit code when an expectation did not hold.
const FAILED: u8 = 3;

pub(crate) async fn run(mut arguments: Arguments) -> Result<ExitCode, String> {
    let json = arguments.json.take();
    let alone = json.as_deref() == Some(Path::new("-"));
    let quiet = arguments.quiet || alone;
    let (page, watch) = (arguments.report.take(), std::mem::take(&mut arguments.watch));
    let mut expect = std::mem::take(&mut arguments.expect);
    let file = arguments.recipients.clone();
    let (plan, register) = plan(arguments, &mut expect)?;
    let plan = Plan { watch, ..plan };
    if let Some(file) = file.filter(|_| register) {
        let registration = plan.registration(&file).map_err(|error| error.to_string())?;
        let report = measured(registration, quiet).await?;
        if !alone {
            output::line(&format!("registered {} at {:.0}/s", report.accepted, report.submit_rate));
        }
        if report.accepted < report.submitted {
            output::complain(&report.text());
        }
    }
    let mut report = measured(plan, quiet).await?;
    report.checks = expect.iter().map(|each| each.check(&report)).collect();
    write(&report, json.as_deref(), page.as_deref())?;
    Ok(match report.checks.iter().all(|check| check.holds) {
        false => ExitCode::from(FAILED),
        true if report.is_clean() => ExitCode::SUCCESS,
        true => ExitCode::from(UNCLEAN),
    })
}

/// What to do, and whether recipients are registered first; adds the script's expectations to `expect`.
fn plan(arguments: Arguments, expect: &mut Vec<Expectation>) -> Result<(Plan, bool), String> {
    let (script, register) = (arguments.script.clone(), arguments.register);
    let form = arguments.known.unwrap_or(arguments.recipient_form);
    let title = arguments.title.clone();
    let way = if arguments.kannel { Way::Kannel } else { Way::Smpp };
    let mut plan = Plan::from(options(arguments)?);
    let mut registers = register;
    if let Some(path) = script {
        let script = Script::read(&path).map_err(|error| error.to_string())?;
        let folder = path.parent().unwrap_or(Path::new("."));
        plan = script.plan(plan, folder, form).map_err(|error| error.to_string())?;
        expect.extend(script.expectations().map_err(|error| error.to_string())?);
        registers |= script.registers();
    }
    plan.way = way;
    plan.title = title.unwrap_or(plan.title);
    Ok((plan, registers))
}

fn write(report: &Report, json: Option<&Path>, page: Option<&Path>) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let text = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
    match json {
        Some(path) if path == Path::new("-") => output::line(&text),
        Some(path) => {
            output::line(&report.text());
            std::fs::write(path, &text).map_err(|error| failed(path, error))?;
        }
        None => output::line(&report.text()),
    }
    if let Some(path) = page {
        let made = veilgate_simulators::page::render(&[text]).map_err(|error| error.to_string())?;
        std::fs::write(path, made).map_err(|error| failed(path, error))?;
    }
    Ok(())
}

async fn measured(plan: Plan, quiet: bool) -> Result<Report, String> {
    let mut view = View::new(&plan.title, quiet);
    let report = tokio::select! {
        outcome = load::play(plan, |progress| view.show(progress)) => outcome.map_err(|error| error.to_string()),
        () = stopped() => Err("stopped".to_owned()),
    };
    view.leave();
    report
}

/// How a run is watched.
enum View {
    Nothing,
    Lines,
    #[cfg(feature = "live")]
    Live(Box<super::live::Live>),
}

impl View {
    fn new(title: &str, quiet: bool) -> Self {
        match quiet {
            true => Self::Nothing,
            #[cfg(feature = "live")]
            false if std::io::stdout().is_terminal() => {
                super::live::Live::new(title).map_or(Self::Lines, |live| Self::Live(Box::new(live)))
            }
            false => {
                let _ = title;
                Self::Lines
            }
        }
    }

    fn show(&mut self, progress: &Progress) {
        match self {
            Self::Nothing => {}
            Self::Lines => output::line(&progress.line()),
            #[cfg(feature = "live")]
            Self::Live(live) => live.show(progress),
        }
    }

    fn leave(self) {
        #[cfg(feature = "live")]
        if let Self::Live(live) = self {
            live.leave();
        }
    }
}

/// Reads `NAME=PID`.
fn watched(text: &str) -> Result<(String, u32), String> {
    let (name, pid) = text.split_once('=').ok_or("NAME=PID")?;
    let pid = pid.parse().map_err(|_| "NAME=PID")?;
    if name.is_empty() { Err("NAME=PID".to_owned()) } else { Ok((name.to_owned(), pid)) }
}

fn options(arguments: Arguments) -> Result<LoadOptions, String> {
    let span = |seconds: f64| Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    let recipients = match &arguments.recipients {
        Some(path) => {
            let form = arguments.known.unwrap_or(arguments.recipient_form);
            Recipients::read(path, form).map_err(|error| error.to_string())?
        }
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
