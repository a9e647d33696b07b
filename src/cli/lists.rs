//! `veilgate lists`: what is asked of the running gateway, and its answers in words.

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use veilgate::admin::{
    ListChangeAsked, ListChanged, ListImportAsked, ListImportMode, ListState, Request, Secret,
};
use veilgate_names::{AuthorizationId, ObjectId};

use crate::{absolute, say, text};

/// More than the numbers of one change can have.
const MAX_NUMBERS: u64 = 60_000;

#[derive(Subcommand)]
pub(crate) enum ListsCommand {
    /// Take a file of entries over, all or nothing, while traffic runs.
    Import(Import),
    /// Put a few on a list; in force when this returns.
    Add(Add),
    /// Take a few off a list.
    Remove(Persons),
    /// Tell how many are on each list.
    Show,
}

#[derive(Args)]
pub(crate) struct Import {
    /// The list's name.
    #[arg(long)]
    list: String,
    /// CSV with the header `msisdn[,expires]` or `key[,expires]` (.gz and .zst too).
    #[arg(long)]
    file: PathBuf,
    #[command(flatten)]
    mode: Mode,
    /// Only tell what would change.
    #[arg(long)]
    dry_run: bool,
    /// Do it though entries go.
    #[arg(long)]
    yes: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Mode {
    /// Entries that are not in the file go.
    #[arg(long)]
    replace: bool,
    /// Entries that are there stay.
    #[arg(long)]
    add: bool,
    /// Entries that are in the file go.
    #[arg(long)]
    remove: bool,
}

#[derive(Args)]
pub(crate) struct Add {
    #[command(flatten)]
    persons: Persons,
    /// Until when, such as 2026-12-31; default: for good.
    #[arg(long)]
    expires: Option<String>,
}

#[derive(Args)]
pub(crate) struct Persons {
    /// The list's name.
    #[arg(long)]
    list: String,
    /// Whoever this authorization means now.
    #[arg(long, required_unless_present = "number_file", conflicts_with = "number_file")]
    authorization: Option<String>,
    /// A file with one number a line, at most 1000; `-` is standard input, so that they stand in no process list.
    #[arg(long)]
    number_file: Option<PathBuf>,
}

/// The request of a command.
pub(crate) fn request(command: ListsCommand) -> Result<Request, String> {
    Ok(match command {
        ListsCommand::Import(Import { list, file, mode, dry_run, yes }) => {
            let list = name(&list)?;
            let mode = match mode {
                Mode { replace: true, .. } => ListImportMode::Replace,
                Mode { remove: true, .. } => ListImportMode::Remove,
                Mode { .. } => ListImportMode::Add,
            };
            Request::ListsImport(ListImportAsked { list, path: absolute(&file)?, mode, dry_run, yes })
        }
        ListsCommand::Add(Add { persons, expires }) => change(persons, true, expires)?,
        ListsCommand::Remove(persons) => change(persons, false, None)?,
        ListsCommand::Show => Request::ListsShow {},
    })
}

/// What came of it.
pub(crate) fn show_change(changed: &ListChanged) {
    let ListChanged { added, removed, kept, moved, over, dry_run, sm3 } = changed;
    let would = if *dry_run { "would be " } else { "" };
    say(&format!("{would}new {added}, gone {removed}, kept {kept} ({moved} of them end at another time)"));
    if *over > 0 {
        say(&format!("{over} rows had ended already and are left out"));
    }
    if let Some(sm3) = sm3.as_ref().filter(|_| !dry_run) {
        say(&format!("sm3 {sm3}"));
    }
}

/// All lists, a line each.
pub(crate) fn show_lists(lists: &[ListState]) {
    for ListState { list, entries, changes, memory, sm3 } in lists {
        say(&format!(
            "{list}: {entries} entries, {changes} single changes, {memory} octets of memory, sm3 {sm3}"
        ));
    }
}

fn change(
    Persons { list, authorization, number_file }: Persons,
    put: bool,
    expires: Option<String>,
) -> Result<Request, String> {
    let list = name(&list)?;
    let authorization = authorization.as_deref().map(AuthorizationId::parse).transpose();
    let authorization = authorization.map_err(|error| format!("authorization: {error}"))?;
    let numbers = number_file.map(|path| read(&path)).transpose()?;
    Ok(Request::ListsChange(ListChangeAsked { list, put, authorization, numbers, expires }))
}

/// Whatever stands there instead of a name is not shown.
fn name(list: &str) -> Result<ObjectId, String> {
    ObjectId::parse(list).map_err(|error| format!("list: {error}"))
}

fn read(path: &std::path::Path) -> Result<Secret, String> {
    let mut numbers = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().take(MAX_NUMBERS).read_to_string(&mut numbers)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_NUMBERS).read_to_string(&mut numbers))
    };
    let octets = read.map_err(|error| format!("{}: {}", path.display(), text(error)))?;
    let numbers = Secret::new(numbers);
    if u64::try_from(octets).is_ok_and(|octets| octets < MAX_NUMBERS) {
        Ok(numbers)
    } else {
        Err("too many numbers: import them".to_owned())
    }
}
