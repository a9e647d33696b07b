//! The ops protocol: one JSON object a line each way, the requests at most 64 KiB.
//!
//! ```json
//! {"command":"revoke","authorization_ids":["au-1"],"actor":"zhang"}
//! {"result":"revoked","revoked":1,"already":0,"unknown":0,"stopped":0}
//! ```

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use veilgate_ledger::ActorName;
use veilgate_names::{AccountId, AuthorizationId, ChannelId, EnterpriseId, MessageId, ObjectId, PlatformId};

use crate::keys::{KeyAnswer, KeyCommand};
use crate::policy::{PolicyAnswer, PolicyCommand};
use crate::telemetry::words::OpsCommand;

/// The longest request line, octets, its end included.
pub const MAX_REQUEST: usize = 64 * 1024;

/// The longest response line, octets, its end included.
pub const MAX_RESPONSE: usize = 8 * 1024 * 1024;

/// What is said of a wrong actor.
const WRONG_ACTOR: &str =
    "actor: expected a name of 1-32 letters, few digits and @._-, beginning with a letter";

/// What staff can ask of a running gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Revoke authorizations; in force before the response.
    Revoke {
        /// Which.
        #[serde(serialize_with = "write_all", deserialize_with = "read_all")]
        authorization_ids: Vec<AuthorizationId>,
    },
    /// Revoke everything that was registered for an enterprise until now; in force before the response.
    RevokeEnterprise {
        /// Whose.
        #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
        enterprise: EnterpriseId,
    },
    /// Register authorizations, each by itself. Exactly one of `path` and `lines` is set.
    AuthorizationsImport {
        /// The notary that gave them. Without it the only one of the configuration.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            serialize_with = "write_some",
            deserialize_with = "read_some"
        )]
        platform: Option<PlatformId>,
        /// A file of JSON lines that the gateway can read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<PathBuf>,
        /// The JSON lines themselves.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lines: Vec<String>,
    },
    /// Take over a whole subscriber feed, all or nothing.
    IdentityImport {
        /// The CSV of bindings, a file that the gateway can read.
        bindings: PathBuf,
        /// The CSV of tenures, a file that the gateway can read.
        tenures: PathBuf,
    },
    /// Apply changes to the subscriber feed in order, all or nothing.
    IdentityChanges {
        /// A CSV of bindings or tenures with the column `op`, a file that the gateway can read.
        path: PathBuf,
    },
    /// Take over a file of entries of a black or white list, all or nothing.
    ListsImport(ListImportAsked),
    /// Put a few on a list, or take them off.
    ListsChange(ListChangeAsked),
    /// Tell what lists hold, without anybody who is on them.
    ListsShow {},
    /// Take over a segment table, all or nothing.
    SegmentsImport {
        /// The CSV, a file that the gateway can read.
        path: PathBuf,
    },
    /// Take over a portability table, all or nothing.
    PortabilityImport {
        /// The CSV, a file that the gateway can read.
        path: PathBuf,
    },
    /// Tell what is held about the person who has a number.
    SubjectReport(SubjectAsked),
    /// End and erase what is held about such a person.
    SubjectDelete(SubjectAsked),
    /// Tell why device IDs mean somebody or nobody.
    IdentityExplain(ExplainAsked),
    /// Tell what every rule says of a message; nothing is taken.
    PolicyExplain(RulesAsked),
    /// Pay in for a tenant, or take out.
    BalancePay(PaymentAsked),
    /// Tell how tenants that pay stand.
    BalanceShow {
        /// One of them.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            serialize_with = "write_some",
            deserialize_with = "read_some"
        )]
        tenant: Option<ObjectId>,
    },
    /// List messages that wait for staff.
    ReviewList {
        /// Those behind this id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Let a message pass that waits for staff.
    ReviewPass {
        /// Which.
        #[serde(serialize_with = "write_one", deserialize_with = "explain::read_message")]
        message: MessageId,
    },
    /// Refuse a message that waits for staff.
    ReviewRefuse {
        /// Which.
        #[serde(serialize_with = "write_one", deserialize_with = "explain::read_message")]
        message: MessageId,
    },
    /// Tell the state.
    Status {},
    /// Read the configuration file again.
    Reload {},
    /// Take nothing new, finish, stop. Answered at once.
    Drain {},
    /// Give a channel no more messages; it stays bound and its receipts are taken. Answered when every submit on its wire
    /// is answered, or after so long.
    ChannelDrain {
        /// Which.
        #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
        channel: ChannelId,
        /// How long is waited at most, milliseconds.
        #[serde(default)]
        wait_ms: u64,
    },
    /// Use a channel again.
    ChannelEnable {
        /// Which.
        #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
        channel: ChannelId,
    },
    /// Shut an account out, over reloads and restarts.
    AccountFreeze {
        /// Which.
        #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
        account: AccountId,
    },
    /// Let an account in again.
    AccountUnfreeze {
        /// Which.
        #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
        account: AccountId,
    },
    /// Stop using a channel.
    ChannelDisable {
        /// Which.
        #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
        channel: ChannelId,
    },
    /// Tell or change keys.
    Keys {
        /// What to do.
        keys: KeyCommand,
    },
    /// Tell or change the objects that rules are made of.
    Policy {
        /// What to do.
        policy: PolicyCommand,
    },
    /// Destroy the data keys of an enterprise that is not served any more, and so everything they sealed.
    TenantOffboard {
        /// Which.
        #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
        tenant: EnterpriseId,
        /// Whether to end what it still has under way.
        #[serde(default)]
        force: bool,
    },
}

impl Request {
    /// Which command it is.
    #[must_use]
    pub fn command(&self) -> OpsCommand {
        match self {
            Self::Revoke { .. } => OpsCommand::Revoke,
            Self::RevokeEnterprise { .. } => OpsCommand::RevokeEnterprise,
            Self::AccountFreeze { .. } => OpsCommand::AccountFreeze,
            Self::AccountUnfreeze { .. } => OpsCommand::AccountUnfreeze,
            Self::AuthorizationsImport { .. } => OpsCommand::AuthorizationsImport,
            Self::IdentityImport { .. } => OpsCommand::IdentityImport,
            Self::IdentityChanges { .. } => OpsCommand::IdentityChanges,
            Self::ListsImport(_) => OpsCommand::ListsImport,
            Self::ListsChange(_) => OpsCommand::ListsChange,
            Self::ListsShow {} => OpsCommand::ListsShow,
            Self::SegmentsImport { .. } => OpsCommand::SegmentsImport,
            Self::PortabilityImport { .. } => OpsCommand::PortabilityImport,
            Self::SubjectReport(_) => OpsCommand::SubjectReport,
            Self::SubjectDelete(_) => OpsCommand::SubjectDelete,
            Self::PolicyExplain(_) => OpsCommand::PolicyExplain,
            Self::IdentityExplain(_) => OpsCommand::IdentityExplain,
            Self::BalancePay(_) => OpsCommand::BalancePay,
            Self::BalanceShow { .. } => OpsCommand::BalanceShow,
            Self::ReviewList { .. } => OpsCommand::ReviewList,
            Self::ReviewPass { .. } => OpsCommand::ReviewPass,
            Self::ReviewRefuse { .. } => OpsCommand::ReviewRefuse,
            Self::Status {} => OpsCommand::Status,
            Self::Reload {} => OpsCommand::Reload,
            Self::Drain {} => OpsCommand::Drain,
            Self::ChannelDrain { .. } => OpsCommand::ChannelDrain,
            Self::ChannelEnable { .. } => OpsCommand::ChannelEnable,
            Self::ChannelDisable { .. } => OpsCommand::ChannelDisable,
            Self::Keys { .. } => OpsCommand::Keys,
            Self::Policy { .. } => OpsCommand::Policy,
            Self::TenantOffboard { .. } => OpsCommand::TenantOffboard,
        }
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::AuthorizationsImport { path, lines, .. } => path.is_some() == lines.is_empty(),
            _ => true,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user id of the asking process, as the kernel tells it.
    pub uid: Option<u32>,
    /// The name given in the request; only a note. It stands in the audit file.
    pub name: Option<ActorName>,
}

/// A request and the name of who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What is asked.
    pub request: Request,
    /// Who says to ask.
    pub actor: Option<ActorName>,
}

impl Call {
    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it, for the response.
    pub fn parse(line: &[u8]) -> Result<Self, Refusal> {
        let mut value: Value = serde_json::from_slice(line).map_err(|_| Refusal::new("not JSON"))?;
        let actor = match value.as_object_mut().and_then(|object| object.remove("actor")) {
            None => None,
            Some(name) => {
                let name = name.as_str().and_then(ActorName::parse);
                Some(name.ok_or(Refusal::new(WRONG_ACTOR))?)
            }
        };
        let request: Request =
            serde_json::from_value(value).map_err(|error| Refusal::new(describe(&error.to_string())))?;
        if request.is_complete() {
            Ok(Self { request, actor })
        } else {
            Err(Refusal::new("nothing to import"))
        }
    }

    /// Writes one line, its end included.
    ///
    /// # Errors
    /// If it is longer than [`MAX_REQUEST`].
    pub fn to_line(&self) -> Result<Vec<u8>, Refusal> {
        let mut value = serde_json::to_value(&self.request).map_err(|_| Refusal::new("not writable"))?;
        if let (Some(object), Some(actor)) = (value.as_object_mut(), &self.actor) {
            object.insert("actor".to_owned(), actor.as_str().into());
        }
        let line = format!("{value}\n").into_bytes();
        if line.len() > MAX_REQUEST { Err(Refusal::new("request longer than 64 KiB")) } else { Ok(line) }
    }
}

/// What the gateway answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Response {
    /// Authorizations are revoked.
    Revoked {
        /// How many were live until now.
        revoked: u64,
        /// How many had been revoked before.
        #[serde(default)]
        already: u64,
        /// How many of those named were not registered.
        unknown: u64,
        /// Messages stopped by it.
        stopped: u64,
    },
    /// An import is done.
    Imported {
        /// Bindings or authorizations put.
        put: u64,
        /// Tenures put.
        tenures: u64,
        /// Lines refused one by one: the line's number from 1, and why.
        refused: Vec<(u64, String)>,
    },
    /// What an import or a change of a list did, or would do.
    ListChanged(ListChanged),
    /// The lists.
    Lists {
        /// By name.
        lists: Vec<ListState>,
    },
    /// A table of where numbers are at home is in force.
    TableImported(TableStatus),
    /// What is, or was, held about a person.
    Subject(SubjectFound),
    /// Why a look-up ends as it does.
    Explained {
        /// What was looked at, in order; no number, no device ID.
        lines: Vec<String>,
    },
    /// A payment counts.
    Paid {
        /// Whether it was told before.
        known: bool,
        /// How the tenant stands.
        balance: BalanceShown,
    },
    /// How tenants stand.
    Balances {
        /// Each that pays.
        balances: Vec<BalanceShown>,
    },
    /// What every rule says of a message.
    RulesExplained(Box<RulesExplained>),
    /// Messages that wait for staff.
    Reviews {
        /// How many there are in all.
        waiting: u64,
        /// Some of them, by their ids.
        messages: Vec<ReviewShown>,
        /// The id to go on behind, if there are more.
        next: Option<String>,
    },
    /// Staff looked at a message.
    Reviewed {
        /// Whether they let it pass.
        passed: bool,
    },
    /// The state.
    Status(Status),
    /// A new configuration is in force.
    Reloaded {
        /// Accounts added, changed or removed.
        accounts: usize,
        /// Channels added, changed or removed.
        channels: usize,
        /// Platforms, enterprises and service numbers added, changed or removed.
        others: usize,
    },
    /// The gateway drains.
    Draining,
    /// A channel is switched.
    Switched {
        /// Whether it is used from now on.
        enabled: bool,
    },
    /// A channel takes no more messages.
    ChannelDrained {
        /// Whether nothing is on its wire any more.
        drained: bool,
        /// Submits without a response.
        unanswered: u64,
        /// Messages that still wait for it, since no other may take them.
        queued: u64,
    },
    /// An enterprise's data keys are destroyed.
    Offboarded {
        /// Versions of data keys.
        keys: u64,
        /// Messages that were ended.
        messages: u64,
        /// Records that were deleted.
        records: u64,
    },
    /// What came of a command about keys.
    Keys {
        /// What.
        keys: KeyAnswer,
    },
    /// What came of a command about objects.
    Policy {
        /// What.
        policy: PolicyAnswer,
    },
    /// An account is frozen or let in again.
    AccountSwitched {
        /// Whether it is shut out from now on.
        frozen: bool,
        /// Whether that is new.
        changed: bool,
    },
    /// Nothing was done.
    Refused(Refusal),
}

impl Response {
    /// A refusal, in words without any value from the request.
    #[must_use]
    pub fn refused(error: &str) -> Self {
        Self::Refused(Refusal::new(error))
    }

    /// One line, its end included.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        let line = serde_json::to_string(self).ok().filter(|line| line.len() < MAX_RESPONSE);
        let mut line = line.unwrap_or_else(|| r#"{"result":"refused","error":"answer too long"}"#.to_owned());
        line.push('\n');
        line.into_bytes()
    }
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{error}")]
pub struct Refusal {
    /// In words.
    pub error: String,
}

impl Refusal {
    fn new(error: &str) -> Self {
        Self { error: error.to_owned() }
    }
}

/// The state of the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: Box<str>,
    /// Since its start, milliseconds.
    pub uptime_ms: u64,
    /// Whether it drains.
    pub draining: bool,
    /// Messages without a final state.
    pub live_messages: u64,
    /// Messages not handed to an SMSC yet.
    pub queued_messages: u64,
    /// Messages that wait for staff.
    #[serde(default)]
    pub waiting_for_review: u64,
    /// Authorizations registered.
    pub authorizations: u64,
    /// The tables that say where numbers are at home.
    #[serde(default)]
    pub places: Box<PlacesStatus>,
    /// The accounts.
    pub accounts: Vec<AccountStatus>,
    /// The channels.
    pub channels: Vec<ChannelStatus>,
}

/// Which tables say where numbers are at home.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacesStatus {
    /// By the first seven digits.
    pub segments: TableStatus,
    /// Of numbers that another operator serves.
    pub portability: TableStatus,
}

/// A table of where numbers are at home.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStatus {
    /// How many segments or numbers it knows.
    pub rows: u64,
    /// Which one it is: hexadecimal digits of the SM3 of what it says.
    pub version: String,
}

/// The state of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Its name.
    pub account: String,
    /// Binds that stand.
    pub binds: u32,
    /// Whether it is shut out until staff let it in again.
    #[serde(default)]
    pub frozen: bool,
    /// Receipts and replies waiting for it.
    pub pending_deliveries: u64,
}

/// The state of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelStatus {
    /// Its name.
    pub channel: String,
    /// Whether it is used.
    pub enabled: bool,
    /// Binds that stand.
    pub binds: u32,
    /// Binds that should.
    pub binds_wanted: u32,
    /// How it answers: `healthy`, `degraded`, `unhealthy` or `down`.
    #[serde(default)]
    pub health: String,
    /// Whether it takes no more messages though it stays bound.
    #[serde(default)]
    pub draining: bool,
    /// The line (an object) that lets nothing go out over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shut_by: Option<String>,
    /// Messages waiting for it.
    pub queued: u64,
    /// Submits without a response.
    pub unanswered: u64,
}

/// What is wrong with a request, without what stood in it.
fn describe(message: &str) -> &'static str {
    if message.starts_with("unknown variant") || message.contains("field `command`") {
        "no such command"
    } else if message.starts_with("missing field") {
        "a field is missing"
    } else if message.starts_with("unknown field") {
        "a field is unknown"
    } else {
        "a field has a wrong value"
    }
}

fn write_one<T: Display, S: Serializer>(id: &T, into: S) -> Result<S::Ok, S::Error> {
    into.collect_str(id)
}

fn write_all<T: Display, S: Serializer>(ids: &[T], into: S) -> Result<S::Ok, S::Error> {
    into.collect_seq(ids.iter().map(ToString::to_string))
}

fn write_some<T: Display, S: Serializer>(id: &Option<T>, into: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => into.collect_str(id),
        None => into.serialize_none(),
    }
}

fn read_some<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    read_one(from).map(Some)
}

fn read_one<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(Error::custom)
}

fn read_all<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Vec::<String>::deserialize(from)?.iter().map(|id| id.parse().map_err(Error::custom)).collect()
}

mod balances;
mod explain;
mod lists;
mod subject;
pub use balances::{BalanceShown, PaymentAsked};
pub use explain::{
    ChargeTold, DecidedBefore, ReviewShown, RuleSaid, RulesAsked, RulesExplained, SupposedAsked,
};
pub use lists::{ListChangeAsked, ListChanged, ListImportAsked, ListImportMode, ListState};
pub use subject::{ExplainAsked, Secret, SubjectAsked, SubjectAuthorization, SubjectFound, SubjectMessage};

#[cfg(test)]
mod tests;
