//! `veilgate`: the gateway's command line. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use veilgate::admin::client::{self, Client};
use veilgate::admin::{ActorName, ExplainAsked, Request, Response, Secret, SubjectAsked};
use veilgate::app::{App, read_config};
use veilgate::telemetry::Telemetry;
use veilgate::telemetry::words::StopCause;
use veilgate::{clock, demo, keys, ledger};
use veilgate_config::Config;
use veilgate_names::{AccountId, AuthorizationId, ChannelId, EnterpriseId, PlatformId};

mod cli;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Carrier-side gateway for anonymous subscription communication. Without a command it runs the gateway.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// The configuration file.
    #[arg(long, global = true, default_value = "/etc/veilgate/veilgate.toml")]
    config: PathBuf,
    /// The name noted in the audit file for what an operating command does.
    #[arg(long, global = true)]
    actor: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Check the configuration; names file, line and key of a mistake.
    CheckConfig,
    /// Show a message's way with everything simulated on this machine.
    Demo(demo::DemoOptions),
    /// The subscriber history.
    Identity {
        #[command(subcommand)]
        command: IdentityCommand,
    },
    /// Entries of black and white lists.
    Lists {
        #[command(subcommand)]
        command: cli::lists::ListsCommand,
    },
    /// Messages that a word list holds until staff have looked at them.
    Review {
        #[command(subcommand)]
        command: cli::review::ReviewCommand,
    },
    /// Where numbers are at home, and who serves them.
    Segments {
        #[command(subcommand)]
        command: cli::segments::SegmentsCommand,
    },
    /// What tenants have paid in and used.
    Balance {
        #[command(subcommand)]
        command: cli::balances::BalanceCommand,
    },
    /// The registry of authorizations.
    Authorizations {
        #[command(subcommand)]
        command: AuthorizationsCommand,
    },
    /// The audit file.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// CDR files.
    Cdr {
        #[command(subcommand)]
        command: CdrCommand,
    },
    /// Keys: list, generate, import, rotate, retire, destroy. Works without a running gateway too.
    Keys {
        #[command(subcommand)]
        command: cli::keys::KeysCommand,
    },
    /// Objects that rules are made of: tenants, templates, windows, limits and others, changed while traffic runs.
    Policy {
        #[command(subcommand)]
        command: cli::policy::PolicyCommands,
    },
    /// The journal's files: check them while no gateway runs.
    Store {
        #[command(subcommand)]
        command: cli::store::StoreCommand,
    },
    /// Enterprises that are not served any more.
    Tenant {
        #[command(subcommand)]
        command: TenantCommand,
    },
    /// A person's rights: what is held about whoever has a number, and that it goes.
    Subject {
        #[command(subcommand)]
        command: SubjectCommand,
    },
    /// North accounts: shut out, or let in again.
    Account {
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Switch a channel until the next start or reload.
    Channel {
        #[command(subcommand)]
        command: ChannelCommand,
    },
    /// What an SMSC's refusals and receipts mean.
    Retry {
        #[command(subcommand)]
        command: cli::retry::RetryCommand,
    },
    /// Tell the state of the running gateway.
    Status,
    /// Let the running gateway read its configuration again (as SIGHUP does).
    Reload,
    /// Let the running gateway finish and stop (as SIGTERM does).
    Drain,
    /// Read a password from standard input and print its argon2 hash for the configuration.
    HashPassword,
}

#[derive(Subcommand)]
enum IdentityCommand {
    /// Take over a whole subscriber feed, or a file of changes, all or nothing, while traffic runs.
    Import(IdentityImport),
    /// Tell why an authorization's device IDs, or these, mean somebody or nobody: no number, no device ID is shown.
    Explain(Explain),
}

#[derive(Args)]
struct Explain {
    /// The authorization whose look-up it is.
    #[arg(long, required_unless_present = "device", conflicts_with_all = ["device", "as_of"])]
    authorization: Option<String>,
    /// An encrypted device ID; may be given several times.
    #[arg(long, requires = "as_of")]
    device: Vec<String>,
    /// The day of consent, such as 2026-03-01.
    #[arg(long)]
    as_of: Option<String>,
    /// request, complaint, authority or incident.
    #[arg(long)]
    cause: String,
    /// The number of the case.
    #[arg(long)]
    case: String,
}

#[derive(Args)]
struct IdentityImport {
    /// The CSV of bindings (.gz and .zst too).
    #[arg(long, requires = "tenures")]
    bindings: Option<PathBuf>,
    /// The CSV of tenures (.gz and .zst too).
    #[arg(long, requires = "bindings")]
    tenures: Option<PathBuf>,
    /// A CSV of changes with the column `op`.
    #[arg(long, conflicts_with = "bindings")]
    changes: Option<PathBuf>,
}

#[derive(Subcommand)]
enum AuthorizationsCommand {
    /// Register authorizations from a file of JSON lines, each by itself.
    Import {
        /// The file (.gz and .zst too).
        file: PathBuf,
        /// The notary that gave them; needed where several are configured.
        #[arg(long)]
        platform: Option<String>,
    },
    /// End authorizations: nothing leaves under them when this returns.
    Revoke(Revoke),
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Revoke {
    /// Their ids.
    ids: Vec<String>,
    /// A file with one id a line; millions are no matter.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Everything registered for this enterprise until now, at once.
    #[arg(long)]
    enterprise: Option<String>,
}

#[derive(Subcommand)]
enum AccountCommand {
    /// Shut it out, over reloads and restarts: its binds end, new ones are refused.
    Freeze {
        /// Its name.
        system_id: String,
    },
    /// Let it in again, also after it was frozen for guessing recipients.
    Unfreeze {
        /// Its name.
        system_id: String,
    },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Verify the audit chain, its checkpoints' signatures and its anchor.
    Verify {
        /// The audit file; default: the configuration's.
        file: Option<PathBuf>,
        /// An anchor kept elsewhere; default: the one beside the audit file, if there is one.
        #[arg(long)]
        anchor: Option<PathBuf>,
        /// The public key file; default: the one beside the configuration's audit key.
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// List the types of record that the audit file can hold.
    Events,
}

#[derive(Subcommand)]
enum CdrCommand {
    /// Verify closed CDR files against their trailers.
    Verify {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
enum TenantCommand {
    /// Destroy an enterprise's data keys, and so what they sealed: its messages, authorizations and numbers in CDRs.
    Offboard {
        /// The enterprise, which the configuration no longer has, or as suspended.
        enterprise: EnterpriseId,
        /// End what is under way: queued messages become CANCELLED, deliveries are dropped.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Subcommand)]
enum ChannelCommand {
    /// Use it again.
    Enable {
        /// Its name.
        channel: String,
    },
    /// Give it no more messages; it stays bound, and its receipts are taken. Waits until its wire is empty.
    Drain {
        /// Its name.
        channel: String,
        /// How long to wait at most, seconds.
        #[arg(long, default_value_t = 60)]
        wait: u64,
    },
    /// Stop using it; what waits for it moves to others.
    Disable {
        /// Its name.
        channel: String,
    },
}

#[derive(Subcommand)]
enum SubjectCommand {
    /// Tell what is held: who may contact the person, and what was sent and received.
    Report(Subject),
    /// End it at once, and erase it as soon as messages under way have ended.
    Delete(Subject),
}

/// The number and the approver's password are read from standard input, a line each: they stand in no process list.
#[derive(Args)]
struct Subject {
    /// request, complaint, authority or incident.
    #[arg(long)]
    cause: String,
    /// The number of the case.
    #[arg(long)]
    case: String,
    /// The second person, one of `[[approvers]]` and not the one of --actor.
    #[arg(long)]
    approver: String,
    /// The day on which the number was the person's, such as 2026-03-01. Default: now.
    #[arg(long)]
    as_of: Option<String>,
}

fn main() -> ExitCode {
    keys::no_core_dumps();
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => run(&arguments.config),
        Some(Command::CheckConfig) => {
            read_config(&arguments.config).map(|_| say("configuration is good")).map_err(text)
        }
        Some(Command::Demo(options)) => demo::demo(&options, &mut std::io::stdout()),
        Some(Command::HashPassword) => hash_password(),
        Some(Command::Retry { command }) => cli::retry::run(&arguments.config, command),
        Some(Command::Audit { command }) => audit(&arguments.config, command),
        Some(Command::Cdr { command: CdrCommand::Verify { files } }) => verify_cdrs(&files),
        Some(Command::Store { command }) => cli::store::run(&arguments.config, command),
        Some(Command::Policy { command }) => actor_name(arguments.actor.as_deref())
            .and_then(|actor| cli::policy::run(&arguments.config, actor, command)),
        Some(Command::Keys { command }) => actor_name(arguments.actor.as_deref())
            .and_then(|actor| cli::keys::run(&arguments.config, actor, command)),
        Some(command) => operate(&arguments.config, arguments.actor.as_deref(), command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "veilgate: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the gateway until a signal or a command ends it.
fn run(path: &Path) -> Result<(), String> {
    let config = read_config(path).map_err(text)?;
    keys::take_descriptors(&config).map_err(text)?;
    let telemetry = Arc::new(Telemetry::start(&config.log, clock::wall).map_err(text)?);
    veilgate::telemetry::panic_hook(Arc::clone(&telemetry));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(text)?;
    let result = runtime.block_on(async {
        let app = App::start(path, config, Arc::clone(&telemetry)).await.map_err(text)?;
        let cause = wait(&app).await.map_err(text)?;
        app.stop(cause).await;
        if cause == StopCause::Failure { Err("the journal failed; see the log".to_owned()) } else { Ok(()) }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    telemetry.close();
    result
}

/// Waits for SIGTERM, SIGINT or the drain command; SIGHUP reloads.
async fn wait(app: &Arc<App>) -> std::io::Result<StopCause> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(StopCause::Signal),
            _ = interrupt.recv() => return Ok(StopCause::Signal),
            cause = app.stop_requested() => return Ok(cause),
            _ = hang_up.recv() => {
                app.reload_command().await;
            }
        }
    }
}

fn operate(path: &Path, actor: Option<&str>, command: Command) -> Result<(), String> {
    let config = read_config(path).map_err(text)?;
    let actor = actor_name(actor)?;
    let socket = config.ops_socket();
    let open =
        |file: &Path| veilgate::files::open(file).map_err(|error| format!("{}: {error}", file.display()));
    if let Command::Authorizations { command } = &command {
        let mut client = Client::connect(&socket, actor.clone()).map_err(text)?;
        match command {
            AuthorizationsCommand::Import { file, platform } => {
                let platform = platform.as_deref().map(PlatformId::parse).transpose();
                let platform = platform.map_err(|error| format!("platform: {error}"))?;
                return show(client.import_authorizations(platform, open(file)?).map_err(text)?);
            }
            AuthorizationsCommand::Revoke(Revoke { file: Some(file), .. }) => {
                return show(client.revoke(open(file)?).map_err(text)?);
            }
            AuthorizationsCommand::Revoke(_) => {}
        }
    }
    show(client::call(&socket, request(command)?, actor).map_err(text)?)
}

fn actor_name(actor: Option<&str>) -> Result<Option<ActorName>, String> {
    let expected = "--actor: expected 1-32 letters, few digits and @ . _ -, beginning with a letter";
    actor.map(|name| ActorName::parse(name).ok_or_else(|| expected.to_owned())).transpose()
}

fn request(command: Command) -> Result<Request, String> {
    let account = |name: &str| AccountId::parse(name).map_err(|error| format!("account: {error}"));
    let channel = |name: &str| ChannelId::parse(name).map_err(|error| format!("channel: {error}"));
    Ok(match command {
        Command::Identity { command: IdentityCommand::Import(import) } => {
            match (import.bindings, import.tenures, import.changes) {
                (Some(bindings), Some(tenures), _) => {
                    Request::IdentityImport { bindings: absolute(&bindings)?, tenures: absolute(&tenures)? }
                }
                (_, _, Some(changes)) => Request::IdentityChanges { path: absolute(&changes)? },
                _ => return Err("give --bindings and --tenures, or --changes".to_owned()),
            }
        }
        Command::Authorizations { command: AuthorizationsCommand::Revoke(revoke) } => match revoke.enterprise
        {
            Some(name) => Request::RevokeEnterprise {
                enterprise: EnterpriseId::parse(&name).map_err(|error| format!("enterprise: {error}"))?,
            },
            None => {
                let ids: Result<Vec<_>, _> = revoke.ids.iter().map(|id| AuthorizationId::parse(id)).collect();
                Request::Revoke {
                    authorization_ids: ids.map_err(|error| format!("authorization id: {error}"))?,
                }
            }
        },
        Command::Identity { command: IdentityCommand::Explain(explain) } => {
            Request::IdentityExplain(ExplainAsked {
                authorization: explain.authorization,
                devices: explain.device,
                as_of: explain.as_of,
                cause: explain.cause,
                case: explain.case,
            })
        }
        Command::Subject { command: SubjectCommand::Report(subject) } => {
            Request::SubjectReport(asked(subject)?)
        }
        Command::Subject { command: SubjectCommand::Delete(subject) } => {
            Request::SubjectDelete(asked(subject)?)
        }
        Command::Lists { command } => cli::lists::request(command)?,
        Command::Balance { command } => cli::balances::request(command)?,
        Command::Account { command: AccountCommand::Freeze { system_id } } => {
            Request::AccountFreeze { account: account(&system_id)? }
        }
        Command::Account { command: AccountCommand::Unfreeze { system_id } } => {
            Request::AccountUnfreeze { account: account(&system_id)? }
        }
        Command::Channel { command: ChannelCommand::Enable { channel: name } } => {
            Request::ChannelEnable { channel: channel(&name)? }
        }
        Command::Channel { command: ChannelCommand::Drain { channel: name, wait } } => {
            Request::ChannelDrain { channel: channel(&name)?, wait_ms: wait.saturating_mul(1000) }
        }
        Command::Channel { command: ChannelCommand::Disable { channel: name } } => {
            Request::ChannelDisable { channel: channel(&name)? }
        }
        Command::Tenant { command: TenantCommand::Offboard { enterprise, force } } => {
            Request::TenantOffboard { tenant: enterprise, force }
        }
        Command::Segments { command } => cli::segments::request(command)?,
        Command::Review { command } => cli::review::request(command)?,
        Command::Reload => Request::Reload {},
        Command::Drain => Request::Drain {},
        _ => Request::Status {},
    })
}

/// On a terminal nothing that is typed is shown.
fn asked(subject: Subject) -> Result<SubjectAsked, String> {
    let secret = |prompt: &str| -> Result<Secret, String> {
        if std::io::stdin().is_terminal() {
            return rpassword::prompt_password(prompt).map(Secret::new).map_err(text);
        }
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(text)?;
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        Ok(Secret::new(line))
    };
    Ok(SubjectAsked {
        number: secret("number: ")?,
        password: secret(&format!("password of {}: ", subject.approver))?,
        as_of: subject.as_of,
        cause: subject.cause,
        case: subject.case,
        approver: subject.approver,
    })
}

/// The gateway reads the file itself, and has another working folder.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

fn show(response: Response) -> Result<(), String> {
    match response {
        Response::Refused(refusal) => Err(refusal.to_string()),
        Response::Revoked { revoked, already, unknown, stopped } => {
            say(&format!(
                "revoked {revoked}, already revoked {already}, unknown {unknown}, messages stopped {stopped}"
            ));
            Ok(())
        }
        Response::AccountSwitched { frozen, changed } => {
            let (state, before) =
                (if frozen { "frozen" } else { "let in" }, if changed { "" } else { " already" });
            say(&format!("{state}{before}"));
            Ok(())
        }
        Response::Imported { put, tenures, refused } => {
            let tenures = if tenures > 0 { format!(", tenures {tenures}") } else { String::new() };
            say(&format!("imported {put}{tenures}, refused {}", refused.len()));
            for (line, why) in &refused {
                say(&format!("line {line}: {why}"));
            }
            if refused.is_empty() { Ok(()) } else { Err("some lines were refused".to_owned()) }
        }
        Response::TableImported(table) => {
            say(&format!("imported {}, version {}", table.rows, table.version));
            Ok(())
        }
        Response::Reloaded { accounts, channels, others } => {
            say(&format!("reloaded: {accounts} accounts, {channels} channels, {others} others changed"));
            Ok(())
        }
        Response::Offboarded { keys, messages, records } => {
            say(&format!("{keys} keys destroyed, {messages} messages ended, {records} records deleted"));
            Ok(())
        }
        Response::Draining => {
            say("draining");
            Ok(())
        }
        Response::ChannelDrained { drained, unanswered, queued } => {
            let waits = if queued > 0 { format!(", {queued} wait for it alone") } else { String::new() };
            say(&format!("{unanswered} unanswered{waits}"));
            if drained { Ok(()) } else { Err("not drained yet".to_owned()) }
        }
        Response::Switched { enabled } => {
            say(if enabled { "enabled" } else { "disabled" });
            Ok(())
        }
        told => show_told(told),
    }
}

/// What was listed, looked up or looked at.
fn show_told(response: Response) -> Result<(), String> {
    match response {
        Response::Explained { lines } => {
            lines.iter().for_each(|line| say(line));
            Ok(())
        }
        Response::ListChanged(changed) => {
            cli::lists::show_change(&changed);
            Ok(())
        }
        Response::Reviews { waiting, messages, next } => {
            cli::review::show(waiting, &messages, next.as_deref());
            Ok(())
        }
        Response::Reviewed { passed } => {
            say(if passed { "passed" } else { "refused" });
            Ok(())
        }
        Response::Lists { lists } => {
            cli::lists::show_lists(&lists);
            Ok(())
        }
        Response::Subject(found) => {
            say(&serde_json::to_string_pretty(&found).map_err(text)?);
            Ok(())
        }
        Response::Status(status) => {
            say(&serde_json::to_string_pretty(&status).map_err(text)?);
            Ok(())
        }
        Response::Paid { .. } | Response::Balances { .. } => cli::balances::told(&response),
        _ => Err("unexpected answer".to_owned()),
    }
}

fn audit(config: &Path, command: AuditCommand) -> Result<(), String> {
    let AuditCommand::Verify { file, anchor, key } = command else {
        for name in veilgate_ledger::AuditEvent::TYPES {
            say(name);
        }
        return Ok(());
    };
    let config =
        if file.is_some() && key.is_some() { None } else { Some(read_config(config).map_err(text)?) };
    let default = |of: fn(&Config) -> PathBuf| config.as_ref().map(of);
    let file = file.or_else(|| default(Config::audit_file)).ok_or("no audit file")?;
    let key = key.or_else(|| default(|config| keys::audit_public_key_file(&config.audit_key_file())));
    let beside = Some(ledger::anchor_file(&file)).filter(|path| path.exists());
    let anchor = anchor.or(beside);
    let public = key.as_ref().map(|path| {
        let hex = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        veilgate_notary::PublicKey::parse(&hex).map_err(|error| format!("{}: {error}", path.display()))
    });
    let verified =
        ledger::verify_audit(&file, public.transpose()?.as_ref(), anchor.as_deref()).map_err(text)?;
    let anchored = if anchor.is_some() { "anchored" } else { "no anchor" };
    say(&format!(
        "audit OK: {} records, {} signed checkpoints, {anchored}",
        verified.records, verified.checkpoints
    ));
    Ok(())
}

fn verify_cdrs(files: &[PathBuf]) -> Result<(), String> {
    for path in files {
        let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let summary = veilgate_ledger::verify_cdr(std::io::BufReader::new(file))
            .map_err(|broken| format!("{}: {broken}", path.display()))?;
        say(&format!("{}: OK, {} records, {} segments", path.display(), summary.records, summary.segments));
    }
    Ok(())
}

fn hash_password() -> Result<(), String> {
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password).map_err(text)?;
    let password = password.trim_end_matches(['\r', '\n']);
    let mut salt = [0; 16];
    clock::entropy(&mut salt);
    let hash = veilgate_admission::PasswordHash::derive(
        password.as_bytes(),
        &salt,
        veilgate_admission::PasswordHash::MEMORY_KIB,
        veilgate_admission::PasswordHash::PASSES,
    )
    .map_err(text)?;
    say(hash.as_str());
    Ok(())
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
