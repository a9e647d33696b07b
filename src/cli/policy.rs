//! `veilgate policy`: the objects that rules are made of, over the ops socket of the running gateway.

mod explain;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use veilgate::admin::client::Client;
use veilgate::admin::{ActorName, Request, Response};
use veilgate::app::read_config;
use veilgate::policy::{
    PolicyAnswer, PolicyCommand, ShownChange, ShownDifference, ShownMistake, ShownObject,
};

use crate::{absolute, say, text};

/// What is said of a destructive command without `--yes` (A-7.4-2).
const CONFIRM: &str = "nothing is changed yet: say --yes to do it";

/// Objects: tenants, numbers, lines, signatures, templates, word lists, windows, limits, lists, price plans.
#[derive(Subcommand)]
pub(crate) enum PolicyCommands {
    /// List the kinds, how many objects there are, and which policy is in force.
    Kinds,
    /// List the objects of a kind: name, version, when and by whom.
    List {
        /// The kind.
        kind: String,
    },
    /// Print an object's JSON.
    Show {
        /// KIND/ID.
        object: String,
        /// With version, time, author and digest.
        #[arg(long)]
        full: bool,
    },
    /// Print the last changes of an object, also of one that was taken away.
    History {
        /// KIND/ID.
        object: String,
    },
    /// Tell what every rule says of a message that could come, or of one that waits. Nothing is taken.
    Explain(Box<explain::Explain>),
    /// Put an object, in place of what has its name.
    Put {
        /// KIND/ID.
        object: String,
        /// A file with its JSON.
        file: PathBuf,
        /// The version that must be there; 0 for none.
        #[arg(long)]
        expect: Option<u64>,
    },
    /// Take an object away. One that others name is refused.
    Delete {
        /// KIND/ID.
        object: String,
        /// The version that must be there.
        #[arg(long)]
        expect: Option<u64>,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
    /// Put many objects, all or none.
    Import {
        /// A file of JSON lines, or a CSV (.gz and .zst too).
        file: PathBuf,
        /// The kind of the objects in a CSV; the only kind that --replace concerns.
        #[arg(long)]
        kind: Option<String>,
        /// Take away what is not in the file.
        #[arg(long)]
        replace: bool,
        /// Only tell what would be different.
        #[arg(long)]
        dry_run: bool,
        /// The policy that must be in force.
        #[arg(long)]
        expect: Option<u64>,
        /// Do it, also what takes objects away.
        #[arg(long)]
        yes: bool,
    },
    /// Print all objects, or those of a kind, as JSON lines that can be imported again.
    Export {
        /// The kind.
        #[arg(long)]
        kind: Option<String>,
    },
}

/// The running gateway.
struct Gateway(Client);

pub(crate) fn run(config: &Path, actor: Option<ActorName>, command: PolicyCommands) -> Result<(), String> {
    let socket = read_config(config).map_err(text)?.ops_socket();
    let mut gateway = Gateway(Client::connect(&socket, actor).map_err(text)?);
    match command {
        PolicyCommands::Kinds => kinds(gateway.ask(PolicyCommand::Kinds {}, None)?),
        PolicyCommands::List { kind } => list(&mut gateway, &kind),
        PolicyCommands::Show { object, full } => show(&mut gateway, &object, full),
        PolicyCommands::History { object } => history(&mut gateway, &object),
        PolicyCommands::Explain(asked) => {
            let as_json = asked.is_json();
            match gateway.0.call(asked.request()?).map_err(text)? {
                Response::RulesExplained(explained) => explain::show(&explained, as_json),
                Response::Refused(refusal) => Err(refusal.to_string()),
                _ => Err("unexpected answer".to_owned()),
            }
        }
        PolicyCommands::Put { object, file, expect } => {
            let ((kind, id), path) = (place(&object)?, absolute(&file)?);
            let put = PolicyCommand::Put { kind, id, path, expected_version: expect };
            changed(gateway.ask(put, Some(&file))?)
        }
        PolicyCommands::Delete { object, expect, yes } => {
            let (kind, id) = place(&object)?;
            if !yes {
                gateway.ask(PolicyCommand::Show { kind, id }, None)?;
                return Err(CONFIRM.to_owned());
            }
            changed(gateway.ask(PolicyCommand::Delete { kind, id, expected_version: expect }, None)?)
        }
        PolicyCommands::Import { file, kind, replace, dry_run, expect, yes } => {
            let unsure = replace && !yes;
            let import = PolicyCommand::Import {
                path: absolute(&file)?,
                kind,
                replace,
                dry_run: dry_run || unsure,
                expected_policy: expect,
            };
            changed(gateway.ask(import, Some(&file))?)?;
            if unsure && !dry_run { Err(CONFIRM.to_owned()) } else { Ok(()) }
        }
        PolicyCommands::Export { kind } => export(&mut gateway, kind),
    }
}

impl Gateway {
    /// Asks, and tells what is wrong line by line, each with its file.
    fn ask(&mut self, policy: PolicyCommand, file: Option<&Path>) -> Result<PolicyAnswer, String> {
        match self.0.call(Request::Policy { policy }).map_err(text)? {
            Response::Policy { policy: PolicyAnswer::Refused { mistakes } } => Err(wrong(&mistakes, file)),
            Response::Policy { policy } => Ok(policy),
            Response::Refused(refusal) => Err(refusal.to_string()),
            _ => Err("unexpected answer".to_owned()),
        }
    }

    /// Every object of a kind, and the policy of which they are.
    fn each(&mut self, kind: &str, mut take: impl FnMut(ShownObject)) -> Result<u64, String> {
        let (mut after, mut first) = (None, None);
        loop {
            let page = self.ask(PolicyCommand::List { kind: kind.to_owned(), after }, None)?;
            let PolicyAnswer::Objects { policy, objects, next } = page else {
                return Err("unexpected answer".to_owned());
            };
            if *first.get_or_insert(policy) != policy {
                return Err("the objects were changed meanwhile: do it again".to_owned());
            }
            objects.into_iter().for_each(&mut take);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(policy),
            }
        }
    }
}

fn wrong(mistakes: &[ShownMistake], file: Option<&Path>) -> String {
    let name = file.map_or_else(String::new, |file| format!("{}: ", file.display()));
    let lines: Vec<String> = mistakes.iter().map(|mistake| format!("{name}{mistake}")).collect();
    lines.join("\n")
}

/// `KIND/ID`.
fn place(object: &str) -> Result<(String, String), String> {
    let (kind, id) = object.split_once('/').ok_or("expected KIND/ID, such as tenants/shop")?;
    Ok((kind.to_owned(), id.to_owned()))
}

fn kinds(answer: PolicyAnswer) -> Result<(), String> {
    let PolicyAnswer::Kinds { policy, kinds } = answer else { return Err("unexpected answer".to_owned()) };
    for kind in kinds {
        say(&format!("{:<20} {}", kind.kind, kind.objects));
    }
    say(&format!("policy {policy}"));
    Ok(())
}

fn list(gateway: &mut Gateway, kind: &str) -> Result<(), String> {
    let tell = |object: ShownObject| {
        say(&format!("{}  version {}, {}, {}", object.id, object.version, object.changed_at, object.by));
    };
    gateway.each(kind, tell).map(|_| ())
}

fn show(gateway: &mut Gateway, object: &str, full: bool) -> Result<(), String> {
    let (kind, id) = place(object)?;
    let answer = gateway.ask(PolicyCommand::Show { kind, id }, None)?;
    let PolicyAnswer::Objects { objects, .. } = answer else { return Err("unexpected answer".to_owned()) };
    for found in objects {
        let shown = if full {
            serde_json::to_string_pretty(&found)
        } else {
            serde_json::to_string_pretty(&found.object)
        };
        say(&shown.map_err(text)?);
    }
    Ok(())
}

fn history(gateway: &mut Gateway, object: &str) -> Result<(), String> {
    let (kind, id) = place(object)?;
    let answer = gateway.ask(PolicyCommand::History { kind, id }, None)?;
    let PolicyAnswer::History { revisions } = answer else { return Err("unexpected answer".to_owned()) };
    for revision in revisions {
        let digest = revision.digest.as_deref().unwrap_or("taken away");
        say(&format!("version {}, {}, {}, {digest}", revision.version, revision.at, revision.by));
    }
    Ok(())
}

fn changed(answer: PolicyAnswer) -> Result<(), String> {
    let PolicyAnswer::Changed(change) = answer else { return Err("unexpected answer".to_owned()) };
    change.differences.iter().for_each(|difference| say(&told(difference)));
    let ShownChange { policy, dry_run, added, changed, removed, unchanged, .. } = change;
    let tried = if dry_run { "would be " } else { "" };
    say(&format!(
        "{tried}added {added}, changed {changed}, removed {removed}, unchanged {unchanged}; policy {policy}"
    ));
    Ok(())
}

fn told(difference: &ShownDifference) -> String {
    let ShownDifference { kind, id, effect, fields, version, .. } = difference;
    let fields = if fields.is_empty() { String::new() } else { format!(": {}", fields.join(", ")) };
    format!("{effect} {kind}/{id} (version {version}){fields}")
}

fn export(gateway: &mut Gateway, kind: Option<String>) -> Result<(), String> {
    let PolicyAnswer::Kinds { policy, kinds } = gateway.ask(PolicyCommand::Kinds {}, None)? else {
        return Err("unexpected answer".to_owned());
    };
    let all = kinds.into_iter().map(|each| each.kind);
    let kinds: Vec<String> = kind.map_or_else(|| all.collect(), |kind| vec![kind]);
    let mut lines = Vec::new();
    for kind in kinds {
        let line = |object: ShownObject| {
            let ShownObject { kind, id, object, .. } = object;
            lines.push(serde_json::json!({ "kind": kind, "id": id, "object": object }).to_string());
        };
        if gateway.each(&kind, line)? != policy {
            return Err("the objects were changed meanwhile: do it again".to_owned());
        }
    }
    lines.iter().for_each(|line| say(line));
    Ok(())
}
