//! `veilgate store`: works on the files of a gateway that does not run.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use veilgate::app::read_config;
use veilgate::store_check;

use crate::{say, text};

/// The journal's files.
#[derive(Subcommand)]
pub(crate) enum StoreCommand {
    /// Read the whole journal, change nothing, and tell what lies in it and what is damaged. Exit code 1 if anything is.
    Check {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// The journal's folder; default: the configuration's.
        #[arg(long)]
        journal: Option<PathBuf>,
    },
}

pub(crate) fn run(config: &Path, command: StoreCommand) -> Result<(), String> {
    let StoreCommand::Check { json, journal } = command;
    let folder = match journal {
        Some(folder) => folder,
        None => read_config(config).map_err(text)?.data_dir.join("journal"),
    };
    let report = store_check::check(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    say(&if json { serde_json::to_string_pretty(&report).map_err(text)? } else { report.to_string() });
    if report.whole { Ok(()) } else { Err("the journal is not whole".to_owned()) }
}
