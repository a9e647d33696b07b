//! `veilgate-sim feed`.

use std::path::PathBuf;
use std::process::ExitCode;

use veilgate_simulators::feed::{self, FeedOptions};
use veilgate_simulators::output;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many subscribers.
    #[arg(long, default_value_t = 1_000)]
    subscribers: u64,
    /// Seed; the same seed gives the same files.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Directory for the files.
    #[arg(long)]
    out: PathBuf,
    /// Key id of the encrypted device IDs.
    #[arg(long, default_value = "k1")]
    kid: String,
    /// Their SM4 key, 32 hexadecimal digits.
    #[arg(long)]
    edi_key: String,
    /// First digits of the numbers.
    #[arg(long, default_value = "1990000")]
    range: String,
    /// Enterprises, in turn.
    #[arg(long = "enterprise", default_value = "ent-1")]
    enterprises: Vec<String>,
    /// Service numbers the authorizations allow.
    #[arg(long = "service-number", default_value = "10690001")]
    service_numbers: Vec<String>,
    /// As-of date of the authorizations.
    #[arg(long, default_value = "2026-03-01")]
    as_of: String,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let options = FeedOptions {
        subscribers: arguments.subscribers,
        seed: arguments.seed,
        directory: arguments.out,
        kid: arguments.kid,
        edi_key: arguments.edi_key,
        range: arguments.range,
        enterprises: arguments.enterprises,
        service_numbers: arguments.service_numbers,
        as_of: arguments.as_of,
    };
    feed::generate(&options).map_err(|error| error.to_string())?;
    output::line(&format!("{} subscribers in {}", options.subscribers, options.directory.display()));
    Ok(ExitCode::SUCCESS)
}
