//! `veilgate segments`: the tables that say where numbers are at home.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use veilgate::admin::Request;

use crate::absolute;

/// Where numbers are at home, and who serves them.
#[derive(Subcommand)]
pub(crate) enum SegmentsCommand {
    /// Take over a table, all or nothing, while traffic runs. `status` tells which is in force.
    Import(Import),
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Import {
    /// A CSV of segments: first,last,province,city,area_code,operator (.gz and .zst too).
    #[arg(long)]
    segments: Option<PathBuf>,
    /// A CSV of ported numbers: msisdn,operator (.gz and .zst too).
    #[arg(long)]
    portability: Option<PathBuf>,
}

pub(crate) fn request(command: SegmentsCommand) -> Result<Request, String> {
    let SegmentsCommand::Import(import) = command;
    match (import.segments, import.portability) {
        (Some(path), _) => Ok(Request::SegmentsImport { path: absolute(&path)? }),
        (None, Some(path)) => Ok(Request::PortabilityImport { path: absolute(&path)? }),
        (None, None) => Err("give --segments or --portability".to_owned()),
    }
}
