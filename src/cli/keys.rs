//! `veilgate keys`: asks the running gateway, or works on the files where none runs.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use veilgate::admin::client::{self, CallError};
use veilgate::admin::{ActorName, Request, Response};
use veilgate::app::read_config;
use veilgate::keys::{self, ClassName, DataKeyLine, EdiAllowance, EdiKeyLine, KeyAnswer, KeyCommand};
use veilgate_config::Config;
use veilgate_names::{EnterpriseId, KeyId, PlatformId};

use crate::{say, text};

/// Keys: those of encrypted device IDs (by kid), the data keys that seal what is stored (by class), the master key.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// List all keys and their states.
    List,
    /// Draw a key of encrypted device IDs; it is written once, into a file for its owner.
    Generate {
        /// Its name, which no key had before.
        kid: KeyId,
        #[command(flatten)]
        profile: Profile,
        /// The file for its owner, which must not be there yet; 32 hex digits, mode 0600.
        #[arg(long)]
        export: PathBuf,
    },
    /// Take over a key of encrypted device IDs from a file of 32 hex digits.
    Import {
        /// Its name, which no key had before.
        kid: KeyId,
        #[command(flatten)]
        profile: Profile,
        /// The file.
        #[arg(long)]
        file: PathBuf,
    },
    /// Give a key a successor: of encrypted device IDs (a kid), or a data key (--class); the old one opens only.
    Rotate {
        /// The kid of the old key.
        #[arg(required_unless_present = "class", requires_all = ["new_kid", "export"], conflicts_with = "class")]
        kid: Option<KeyId>,
        /// The kid of the new key.
        #[arg(long)]
        new_kid: Option<KeyId>,
        /// The file for the new key's owner, which must not be there yet.
        #[arg(long)]
        export: Option<PathBuf>,
        /// The class of the data key: number, text, alias or registry.
        #[arg(long)]
        class: Option<ClassName>,
        /// The enterprise whose data key it is; without, the installation's.
        #[arg(long, requires = "class")]
        tenant: Option<EnterpriseId>,
    },
    /// Let a key of encrypted device IDs open nothing any more.
    Retire {
        /// Its name.
        kid: KeyId,
    },
    /// Forget a retired key of encrypted device IDs (a kid), or an old version of an enterprise's number key, for good.
    Destroy {
        /// The kid.
        #[arg(required_unless_present = "class", conflicts_with = "class")]
        kid: Option<KeyId>,
        /// The class of the data key: number.
        #[arg(long, requires_all = ["tenant", "version"])]
        class: Option<ClassName>,
        /// The enterprise whose data key it is.
        #[arg(long, requires = "class")]
        tenant: Option<EnterpriseId>,
        /// Which version; the numbers in CDRs of that time stay shut.
        #[arg(long, requires = "class")]
        version: Option<u32>,
    },
    /// Put all keys under another master key.
    RotateMaster {
        /// The file with the new one: 64 hex digits, mode 0600. Without it one is drawn, where the master key is a file.
        #[arg(long)]
        new_file: Option<PathBuf>,
        /// The label of another key in the token.
        #[arg(long, conflicts_with = "new_file")]
        new_label: Option<String>,
        /// A configuration whose [master_key] says where the new one is, of whatever kind; the gateway must be stopped.
        #[arg(long, conflicts_with_all = ["new_file", "new_label"])]
        to_config: Option<PathBuf>,
    },
}

/// What a key of encrypted device IDs may be used for.
#[derive(Args)]
pub(crate) struct Profile {
    /// The platform whose key it is; without, it opens device IDs of all.
    #[arg(long)]
    owner: Option<PlatformId>,
    /// Let it open edi0 (CBC) too.
    #[arg(long)]
    legacy: bool,
    /// Let it not open edi1 (GCM).
    #[arg(long, requires = "legacy")]
    no_gcm: bool,
}

impl From<Profile> for EdiAllowance {
    fn from(profile: Profile) -> Self {
        Self { gcm: !profile.no_gcm, legacy: profile.legacy, owner: profile.owner }
    }
}

/// Does it.
pub(crate) fn run(config: &Path, actor: Option<ActorName>, command: KeysCommand) -> Result<(), String> {
    let config = read_config(config).map_err(text)?;
    if let KeysCommand::RotateMaster { to_config: Some(to), .. } = &command {
        return move_master(&config, to, actor);
    }
    let command = key_command(command)?;
    let socket = config.ops_socket();
    let answer = match client::call(&socket, Request::Keys { keys: command.clone() }, actor.clone()) {
        Ok(Response::Keys { keys }) => keys,
        Ok(Response::Refused(refusal)) => return Err(refusal.to_string()),
        Ok(_) => return Err("the gateway's answer cannot be read; is it of another version?".to_owned()),
        // Nobody listens. Should a gateway be starting, it holds the keys already and this is refused.
        Err(CallError::NotRunning(_)) => {
            keys::take_descriptors(&config).map_err(text)?;
            command.perform_offline(&config, actor).map_err(text)?
        }
        Err(error) => return Err(text(error)),
    };
    show(&answer);
    Ok(())
}

fn move_master(config: &Config, to: &Path, actor: Option<ActorName>) -> Result<(), String> {
    let to = read_config(to).map_err(text)?;
    if client::Client::connect(&config.ops_socket(), None).is_ok() {
        return Err("--to-config: stop the gateway first".to_owned());
    }
    keys::take_descriptors(config).and_then(|()| keys::take_descriptors(&to)).map_err(text)?;
    keys::offline(config, actor, "rotate_master", |store| store.perform_move(&to)).map_err(text)?;
    say("done; now put that [master_key] into the configuration");
    Ok(())
}

fn key_command(command: KeysCommand) -> Result<KeyCommand, String> {
    Ok(match command {
        KeysCommand::List => KeyCommand::List {},
        KeysCommand::Generate { kid, profile, export } => {
            KeyCommand::Generate { kid, allowance: profile.into(), export: absolute(&export)? }
        }
        KeysCommand::Import { kid, profile, file } => {
            KeyCommand::Import { kid, allowance: profile.into(), file: absolute(&file)? }
        }
        KeysCommand::Rotate { kid: Some(kid), new_kid: Some(new_kid), export: Some(export), .. } => {
            KeyCommand::Rotate { kid, new_kid, export: absolute(&export)? }
        }
        KeysCommand::Rotate { class: Some(class), tenant, .. } => KeyCommand::RotateData { class, tenant },
        KeysCommand::Rotate { .. } => {
            return Err("give a kid with --new-kid and --export, or --class".to_owned());
        }
        KeysCommand::Retire { kid } => KeyCommand::Retire { kid },
        KeysCommand::Destroy { class: Some(class), tenant: Some(tenant), version: Some(version), .. } => {
            KeyCommand::DestroyData { class, tenant, version }
        }
        KeysCommand::Destroy { kid: Some(kid), .. } => KeyCommand::Destroy { kid },
        KeysCommand::Destroy { .. } => {
            return Err("give a kid, or --class, --tenant and --version".to_owned());
        }
        KeysCommand::RotateMaster { new_file, new_label, .. } => {
            let new_file = new_file.map(|file| absolute(&file)).transpose()?;
            KeyCommand::RotateMaster { new_file, new_label }
        }
    })
}

/// The gateway has another working folder. A file to write is not there yet.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn show(answer: &KeyAnswer) {
    match answer {
        KeyAnswer::Done => say("done"),
        KeyAnswer::Version(version) => say(&format!("version {version} seals from now on")),
        KeyAnswer::List { master, edi, data } => {
            say(&format!("master key: {master}"));
            for EdiKeyLine { kid, state, gcm, legacy, owner } in edi {
                let forms = match (gcm, legacy) {
                    (true, true) => "edi1 edi0",
                    (false, true) => "edi0",
                    _ => "edi1",
                };
                say(&format!("edi {kid}: {state}, {forms}, owner {}", owner.as_deref().unwrap_or("any")));
            }
            for DataKeyLine { class, tenant, version, seals } in data {
                let does = if *seals { "seals" } else { "opens only" };
                let tenant = tenant.as_deref().unwrap_or("the installation");
                say(&format!("data {class} of {tenant}: version {version}, {does}"));
            }
        }
    }
}
