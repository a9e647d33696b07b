//! `veilgate-sim`: SMSC, ESME, load generator, fast sink and feed generator on the command line.

mod cli;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use veilgate_simulators::output;

#[derive(Parser)]
#[command(name = "veilgate-sim", version, about = "Peers to test an SMPP gateway with")]
struct Arguments {
    /// Worker threads; 0 takes one a core.
    #[arg(long, global = true, default_value_t = 0)]
    threads: usize,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A simulated SMSC: answers by rule, receipts, replies.
    Smsc(Box<cli::smsc::Arguments>),
    /// An ESME: submits, prints responses, receipts and replies.
    Esme(Box<cli::esme::Arguments>),
    /// A load generator with latencies that hide nothing.
    Load(Box<cli::load::Arguments>),
    /// A fast SMSC that takes everything.
    Sink(cli::sink::Arguments),
    /// Test data: subscriber feed, recipients, authorizations.
    Feed(cli::feed::Arguments),
    /// A page of one report of load, or a comparison of several.
    Report(cli::report::Arguments),
    /// Compare the logs of load and sink: anything lost, anything twice?
    Reconcile(cli::reconcile::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if arguments.threads > 0 {
        builder.worker_threads(arguments.threads);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("no runtime: {error}"));
            return ExitCode::from(2);
        }
    };
    let outcome = runtime.block_on(async {
        match arguments.command {
            Command::Smsc(arguments) => cli::smsc::run(*arguments).await,
            Command::Esme(arguments) => cli::esme::run(*arguments).await,
            Command::Load(arguments) => cli::load::run(*arguments).await,
            Command::Sink(arguments) => cli::sink::run(arguments).await,
            Command::Feed(arguments) => cli::feed::run(arguments),
            Command::Report(arguments) => cli::report::run(&arguments),
            Command::Reconcile(arguments) => cli::reconcile::run(&arguments),
        }
    });
    // A read of standard input may still be under way; it must not hold up the exit.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| {
        output::complain(&error);
        ExitCode::from(2)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
