//! `veilgate-sim reconcile`.

use std::path::PathBuf;
use std::process::ExitCode;

use veilgate_simulators::{output, reconcile};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Ack log of `load`.
    #[arg(long)]
    ack_log: PathBuf,
    /// Log of a `sink` or `smsc`; repeatable.
    #[arg(long = "arrivals", required = true)]
    arrivals: Vec<PathBuf>,
}

/// Exit code 1: something acknowledged was lost, or something arrived twice. An unknown outcome that a receipt told
/// is only counted.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let found =
        reconcile::reconcile(&arguments.ack_log, &arguments.arrivals).map_err(|error| error.to_string())?;
    output::line(&serde_json::to_string_pretty(&found).map_err(|error| error.to_string())?);
    Ok(if found.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
