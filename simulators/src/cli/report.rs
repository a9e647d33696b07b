//! `veilgate-sim report`.

use std::path::PathBuf;
use std::process::ExitCode;

use veilgate_simulators::{output, page};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Reports of `load --json`; several are compared.
    #[arg(required = true)]
    reports: Vec<PathBuf>,
    /// The page.
    #[arg(long, default_value = "report.html")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let reports = arguments.reports.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let made = page::render(&reports).map_err(|error| error.to_string())?;
    std::fs::write(&arguments.out, made).map_err(|error| format!("{}: {error}", arguments.out.display()))?;
    output::line(&format!("{}", arguments.out.display()));
    Ok(ExitCode::SUCCESS)
}
