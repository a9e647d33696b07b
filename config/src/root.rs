//! The whole file, and the sections that belong to the process itself.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::consent::{Guessing, Registry};
use crate::flow::{EdiKey, Flow, Identity, Journal, Ledger};
use crate::groups::{ChannelGroup, Health};
use crate::north::North;
use crate::opt_out::OptOut;
use crate::parties::{Account, Enterprise, Platform};
use crate::policy::Policy;
use crate::replies::Replies;
use crate::retry::RetryTable;
use crate::south::{Channel, ServiceNumberEntry};
use crate::space::Space;
use crate::staff::Approver;
use crate::text::{FromText, some_whole, text, whole};
use crate::words::{LogFormat, LogLevel};

/// Everything the file says. File names are absolute or relative to the folder of the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the gateway keeps its state. Default `/var/lib/veilgate`.
    #[serde(default = "default_data_dir")]
    pub data_dir: PathBuf,
    /// The name of this node in CDRs and logs. Default `veilgate-1`.
    #[serde(default, deserialize_with = "text")]
    pub node: NodeName,
    /// The key that wraps all others.
    #[serde(default)]
    pub master_key: MasterKey,
    /// Keys of encrypted device IDs to import at start.
    #[serde(default)]
    pub edi_keys: Vec<EdiKey>,
    /// The subscriber history.
    #[serde(default)]
    pub identity: Identity,
    /// The SMPP server that notary and enterprises bind to.
    #[serde(default)]
    pub north: North,
    /// Notary platforms.
    #[serde(default)]
    pub platforms: Vec<Platform>,
    /// Enterprises (tenants).
    #[serde(default)]
    pub enterprises: Vec<Enterprise>,
    /// Who may bind.
    #[serde(default)]
    pub accounts: Vec<Account>,
    /// Service numbers and whose they are.
    #[serde(default)]
    pub service_numbers: Vec<ServiceNumberEntry>,
    /// The SMSCs; at least one.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// Channels that stand in for each other.
    #[serde(default)]
    pub channel_groups: Vec<ChannelGroup>,
    /// When a channel counts as ill.
    #[serde(default)]
    pub health: Health,
    /// What refusals and receipts of SMSCs mean.
    #[serde(default)]
    pub retry_tables: Vec<RetryTable>,
    /// Limits and times of a message's way.
    #[serde(default)]
    pub flow: Flow,
    /// Replies by which a person refuses further messages.
    #[serde(default)]
    pub opt_out: OptOut,
    /// Replies: whose they are, and long ones.
    #[serde(default)]
    pub replies: Replies,
    /// The carrier's rules.
    #[serde(default)]
    pub policy: Policy,
    /// The authorizations held.
    #[serde(default)]
    pub registry: Registry,
    /// Accounts that name recipients who do not exist.
    #[serde(default)]
    pub guessing: Guessing,
    /// The durable journal.
    #[serde(default)]
    pub journal: Journal,
    /// CDR and audit files.
    #[serde(default)]
    pub ledger: Ledger,
    /// When storage counts as nearly full.
    #[serde(default)]
    pub space: Space,
    /// The second persons for what concerns one person's data.
    #[serde(default)]
    pub approvers: Vec<Approver>,
    /// Health, metrics and the ops socket.
    #[serde(default)]
    pub ops: Ops,
    /// The log.
    #[serde(default)]
    pub log: Log,
}

impl Config {
    /// The file of the master key.
    #[must_use]
    pub fn master_key_file(&self) -> PathBuf {
        self.or_in_data_dir(self.master_key.file.as_deref(), "master.key")
    }

    /// The ring of keys for encrypted device IDs.
    #[must_use]
    pub fn key_ring_file(&self) -> PathBuf {
        self.data_dir.join("keys.json")
    }

    /// The folder of the CDR files.
    #[must_use]
    pub fn cdr_dir(&self) -> PathBuf {
        self.or_in_data_dir(self.ledger.cdr_dir.as_deref(), "cdr")
    }

    /// The audit file.
    #[must_use]
    pub fn audit_file(&self) -> PathBuf {
        self.or_in_data_dir(self.ledger.audit_file.as_deref(), "audit.log")
    }

    /// The key that signs audit checkpoints.
    #[must_use]
    pub fn audit_key_file(&self) -> PathBuf {
        self.or_in_data_dir(self.ledger.audit_key_file.as_deref(), "audit.key")
    }

    /// The ops socket.
    #[must_use]
    pub fn ops_socket(&self) -> PathBuf {
        self.or_in_data_dir(self.ops.socket.as_deref(), "ops.sock")
    }

    fn or_in_data_dir(&self, given: Option<&Path>, name: &str) -> PathBuf {
        given.map_or_else(|| self.data_dir.join(name), Path::to_path_buf)
    }
}

/// A node's name: 1-32 of `[0-9A-Za-z_.-]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName(String);

impl NodeName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for NodeName {
    fn default() -> Self {
        Self("veilgate-1".to_owned())
    }
}

impl FromText for NodeName {
    const EXPECTED: &'static str = "1-32 of 0-9 A-Z a-z _ . -";
    fn from_text(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        ((1..=32).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }
}

/// `[master_key]`: the key that wraps all others at rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MasterKey {
    /// The file that holds it, mode 0600. Default `master.key` in the data folder.
    pub file: Option<PathBuf>,
    /// Instead of a file: the descriptor through which whatever starts the gateway passes it, 0-1023.
    #[serde(deserialize_with = "some_whole::<_, _, 0, 1023>")]
    pub descriptor: Option<i32>,
    /// Instead of a file: a token that keeps it.
    pub pkcs11: Option<Pkcs11>,
}

/// `[master_key] pkcs11`: an AES key of a PKCS#11 token that wraps the key ring's root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pkcs11 {
    /// The library of the token's maker.
    pub module: PathBuf,
    /// The token's label, 1-32 characters.
    #[serde(deserialize_with = "text")]
    pub token: TokenName,
    /// The key's label, 1-32 characters. It must be allowed to encrypt and decrypt. A key ring that exists names its own.
    #[serde(deserialize_with = "text")]
    pub key: TokenName,
    /// The file with the user's PIN, mode 0600. Exactly one of this and `pin_descriptor`.
    #[serde(default)]
    pub pin_file: Option<PathBuf>,
    /// The descriptor through which the PIN comes, 0-1023.
    #[serde(default, deserialize_with = "some_whole::<_, _, 0, 1023>")]
    pub pin_descriptor: Option<i32>,
}

/// A label in a token: 1-32 characters that can be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenName(String);

impl TokenName {
    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromText for TokenName {
    const EXPECTED: &'static str = "a label of 1-32 characters";
    fn from_text(text: &str) -> Option<Self> {
        let fits = (1..=32).contains(&text.len()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }
}

/// `[ops]`: how the gateway is watched and operated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ops {
    /// Where `/metrics`, `/healthz` and `/readyz` answer. Default `127.0.0.1:9464`.
    #[serde(deserialize_with = "text")]
    pub listen: SocketAddr,
    /// The UNIX socket of the operating commands. Default `ops.sock` in the data folder.
    pub socket: Option<PathBuf>,
    /// Tokens of the ops API, one `name token` a line, mode 0600. Without it there is no API, only the ops socket.
    pub token_file: Option<PathBuf>,
    /// How many channels must be bound for `/readyz` to say yes, 1-1000. Default 1.
    #[serde(deserialize_with = "whole::<_, _, 1, 1000>")]
    pub ready_channels: NonZeroU32,
}

impl Default for Ops {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
            socket: None,
            token_file: None,
            ready_channels: NonZeroU32::MIN,
        }
    }
}

/// `[log]`: where log lines go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important lines written. Default `info`.
    #[serde(deserialize_with = "text")]
    pub level: LogLevel,
    /// How a line is written. Default `json`.
    #[serde(deserialize_with = "text")]
    pub format: LogFormat,
    /// The file they are appended to. Default: standard error.
    pub file: Option<PathBuf>,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Json, file: None }
    }
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("/var/lib/veilgate")
}
