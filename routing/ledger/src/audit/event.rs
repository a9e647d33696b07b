//! Everything that can stand in the audit file. The list is closed and the fields are ids and counts: no text that
//! somebody typed, no number, no content.

mod balances;
mod consent;
mod damage;
mod keys;
mod lists;
mod objects;
mod person;
mod places;
mod rules;

pub use lists::ListAct;
pub use person::{CaseId, SubjectCause};
pub use places::PlaceTable;
pub use rules::RulesAct;

use std::net::IpAddr;

use veilgate_names::{
    AccountId, AuthorizationId, ChannelId, EnterpriseId, KeyId, ObjectId, PlatformId, Reason,
};

use crate::hash::Sm3Hash;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The gateway itself.
    System,
    /// A north account that has authenticated, or whose name exists.
    Account(AccountId),
    /// A notary platform.
    Platform(PlatformId),
    /// Carrier staff on the ops socket: their user id on the host, and the name they gave, which is only a note.
    Operator {
        /// As the kernel tells it.
        uid: u32,
        /// As they say.
        name: Option<ActorName>,
    },
    /// Carrier staff with a token of the ops API: the name that stands beside it in the token file.
    Token(ActorName),
    /// A peer whose name is not an account's; the name itself is not kept, since it may be anything.
    Unknown,
}

/// A name that staff give themselves: 1-32 of `[0-9A-Za-z@._ -]`, beginning with a letter, with at most six digits, so
/// that no phone number fits in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorName(Box<str>);

impl ActorName {
    /// Checks length, alphabet and digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'.' | b'_' | b' ' | b'-');
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let fits = (1..=32).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(allowed)
            && digits <= 6;
        fits.then(|| Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What happened (A-7.6-1). Whether it succeeded is part of what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are named as they stand in the file")]
pub enum AuditEvent {
    /// The gateway began to serve.
    Started,
    /// It begins to drain.
    Draining,
    /// It ended in order.
    Stopped,
    /// A torn last line of so many octets was cut off at the start.
    TailCut { octets: u64 },
    /// The file ends so many records before the place that the anchor beside it notes; 0 if it is as long but another.
    TailMissing { records: u64 },
    /// So many records were left out because the disk took none: refused binds, and others.
    RecordsOmitted { refused_binds: u64, others: u64 },
    /// So many more records of the journal were found damaged; the log names them.
    JournalDamaged { records: u64 },
    /// A peer bound.
    BindAccepted { source: IpAddr, mode: BindMode },
    /// A bind was refused.
    BindRefused { source: IpAddr, cause: RefusedBind },
    /// A source is locked out of an account.
    AccountLocked { source: IpAddr },
    /// A bind ended.
    Unbound { source: IpAddr },
    /// Authorizations were registered or replaced.
    AuthorizationsRegistered { count: u64 },
    /// Registrations of an import were refused.
    AuthorizationsRefused { count: u64 },
    /// One authorization was revoked.
    AuthorizationRevoked { authorization: AuthorizationId },
    /// A person refused messages of an enterprise; an authorization that the notary was told of, if there was one.
    OptedOut { enterprise: EnterpriseId, authorization: Option<AuthorizationId> },
    /// Receipts were let go that their account did not fetch within their lifetime.
    ReceiptsDropped { account: AccountId, count: u64 },
    /// Many authorizations were revoked in one request: how many, and the SM3 of their ids, each with a line feed behind
    /// it, in the order of the request.
    AuthorizationsRevoked { count: u64, ids_sm3: Sm3Hash },
    /// Everything that was registered for an enterprise was revoked.
    EnterpriseRevoked { enterprise: EnterpriseId, count: u64 },
    /// Authorizations that had ended were forgotten after the time the configuration keeps them.
    AuthorizationsPurged { count: u64 },
    /// Authorizations of a person who asked for it were erased.
    AuthorizationsErased { count: u64 },
    /// Staff asked why device IDs, or those of an authorization, mean somebody or nobody.
    IdentityExplained { case: CaseId, cause: SubjectCause, authorization: Option<AuthorizationId> },
    /// Staff asked what rules say of a message, or decided what a rule had left to them.
    Rules(RulesAct),
    /// Staff looked up what is held about the person who has a number, with the consent of a second person: so many
    /// authorizations.
    SubjectReported { case: CaseId, cause: SubjectCause, approver: ActorName, count: u64 },
    /// Staff ended and began to erase everything that is held about such a person.
    SubjectDeleted { case: CaseId, cause: SubjectCause, approver: ActorName, count: u64 },
    /// Such a request was refused: the second person's password was wrong, or the second person the first.
    SubjectRefused { case: CaseId, cause: SubjectCause },
    /// CDR files were deleted after the time the configuration keeps them: how many, their octets, and the SM3 over name
    /// and trailer of each, a line feed behind each, in the order of names.
    CdrFilesPurged { files: u64, octets: u64, sm3: Sm3Hash },
    /// An account named recipients who do not exist: so many of so many submits in the window.
    GuessingSuspected { account: AccountId, failures: u64, submits: u64 },
    /// An account is shut out until staff let it in again.
    AccountFrozen { account: AccountId },
    /// Staff let a frozen account in again.
    AccountUnfrozen { account: AccountId },
    /// Staff paid in for a tenant, in thousandths of a yuan, under a reference that counts once.
    BalancePaidIn { tenant: ObjectId, reference: ObjectId, millis: u64 },
    /// Staff took out of a tenant's balance.
    BalanceTakenOut { tenant: ObjectId, reference: ObjectId, millis: u64 },
    /// Neither was done.
    BalanceRefused { tenant: ObjectId, reference: ObjectId },
    /// A tenant's balance has come below its mark.
    BalanceLow { tenant: ObjectId },
    /// A revocation was refused.
    RevocationRefused { authorization: AuthorizationId, reason: Reason },
    /// A new configuration took hold.
    Reloaded { part: ConfigPart, added: u64, changed: u64, removed: u64 },
    /// A new configuration was refused; the old one stays.
    ReloadRefused { part: ConfigPart },
    /// A subscriber feed was imported.
    FeedImported { bindings: u64, tenures: u64 },
    /// A subscriber feed was refused as a whole.
    FeedRefused,
    /// Entries of a black or white list changed. The digests are the SM3 of its file before and after; entries stand nowhere.
    ListChanged {
        list: ObjectId,
        act: ListAct,
        added: u64,
        removed: u64,
        moved: u64,
        before: Option<Sm3Hash>,
        after: Option<Sm3Hash>,
    },
    /// A change of a list's entries was refused as a whole.
    ListRefused { list: ObjectId },
    /// A table of where numbers are at home was put in force.
    PlacesImported { table: PlaceTable, rows: u64, version: Sm3Hash },
    /// Such a table was refused as a whole; the old one stays.
    PlacesRefused { table: PlaceTable },
    /// Staff switched a south channel on, until the next start or reload.
    ChannelEnabled { channel: ChannelId },
    /// Staff switched a south channel off, until the next start or reload.
    ChannelDisabled { channel: ChannelId },
    /// Staff let a south channel finish: it takes no more messages, until it is enabled or the next start.
    ChannelDraining { channel: ChannelId },
    /// Staff asked the gateway to finish and stop.
    DrainRequested,
    /// The first link of a south channel is bound.
    ChannelUp { channel: ChannelId },
    /// The last link of a south channel is gone.
    ChannelDown { channel: ChannelId },
    /// A key ring was made.
    KeyRingMade,
    /// First data keys were made, for so many classes of enterprises.
    DataKeysMade { count: u64 },
    /// A key of encrypted device IDs was made, and its export file.
    EdiKeyGenerated { kid: KeyId },
    /// A key of encrypted device IDs was taken over from a file.
    EdiKeyImported { kid: KeyId },
    /// The configuration gave a key of encrypted device IDs another profile.
    EdiKeyProfiled { kid: KeyId },
    /// A key of encrypted device IDs got a successor.
    EdiKeyRotated { kid: KeyId, by: KeyId },
    /// A key of encrypted device IDs opens nothing any more.
    EdiKeyRetired { kid: KeyId },
    /// A key of encrypted device IDs was forgotten.
    EdiKeyDestroyed { kid: KeyId },
    /// A data key got a new version, which seals.
    DataKeyRotated { class: &'static str, tenant: Option<EnterpriseId>, version: u32 },
    /// An old version of a data key was forgotten.
    DataKeyDestroyed { class: &'static str, tenant: Option<EnterpriseId>, version: u32 },
    /// The key ring is under another master key.
    MasterKeyRotated { source: &'static str },
    /// A change of keys was refused.
    KeyChangeRefused { action: &'static str },
    /// Everything of an enterprise was ended, and its data keys forgotten.
    TenantOffboarded { tenant: EnterpriseId, keys: u64, messages: u64, records: u64 },
    /// An enterprise was not off-boarded.
    TenantOffboardRefused { tenant: EnterpriseId },
    /// Staff put an object, which makes such a policy: its version, and the SM3 of its JSON before and afterwards.
    ObjectPut {
        kind: &'static str,
        object: ObjectId,
        version: u64,
        policy: u64,
        before: Option<Sm3Hash>,
        after: Option<Sm3Hash>,
    },
    /// Staff took an object away.
    ObjectRemoved { kind: &'static str, object: ObjectId, version: u64, policy: u64, before: Option<Sm3Hash> },
    /// Staff changed many objects at once, each of which has a record of its own.
    ObjectsImported { policy: u64, added: u64, changed: u64, removed: u64 },
    /// A change of objects was refused; of which, where it was about one.
    ObjectsRefused { kind: Option<&'static str>, object: Option<ObjectId>, mistakes: u64 },
    /// A request to the ops API had no token, or a wrong one.
    OpsTokenRefused { source: IpAddr },
    /// A source is locked out of the ops API for a while.
    OpsLocked { source: IpAddr },
}

/// How a peer bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of SMPP")]
pub enum BindMode {
    Transmitter,
    Receiver,
    Transceiver,
}

/// Why a bind was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedBind {
    /// No such account.
    UnknownAccount,
    /// Wrong password.
    WrongPassword,
    /// Address, certificate or suspension.
    NotAllowed,
    /// All binds taken.
    TooManyBinds,
    /// Locked out.
    LockedOut,
}

/// A part of the configuration that is reloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ConfigPart {
    Accounts,
    Channels,
    Platforms,
    Enterprises,
    ServiceNumbers,
    /// All of it.
    Whole,
}

impl AuditEvent {
    /// The type of the records that the chain itself writes.
    pub(crate) const CHECKPOINT: &'static str = "checkpoint";

    /// Every type that can stand in the file (B-4.1.6c).
    pub const TYPES: [&'static str; 71] = [
        "started",
        "draining",
        "stopped",
        "tail_cut",
        "tail_missing",
        "records_omitted",
        "journal_damaged",
        "bind_accepted",
        "bind_refused",
        "account_locked",
        "unbound",
        "authorizations_registered",
        "authorizations_refused",
        "authorization_revoked",
        "opted_out",
        "authorizations_revoked",
        "enterprise_revoked",
        "authorizations_purged",
        "authorizations_erased",
        "receipts_dropped",
        "cdr_files_purged",
        "review_passed",
        "review_refused",
        "policy_explained",
        "identity_explained",
        "subject_reported",
        "subject_deleted",
        "subject_refused",
        "guessing_suspected",
        "account_frozen",
        "account_unfrozen",
        "revocation_refused",
        "reloaded",
        "reload_refused",
        "feed_imported",
        "feed_refused",
        "list_changed",
        "list_refused",
        "places_imported",
        "places_refused",
        "channel_enabled",
        "channel_disabled",
        "channel_draining",
        "drain_requested",
        "channel_up",
        "channel_down",
        "balance_paid_in",
        "balance_taken_out",
        "balance_refused",
        "balance_low",
        "key_ring_made",
        "data_keys_made",
        "edi_key_generated",
        "edi_key_imported",
        "edi_key_profiled",
        "edi_key_rotated",
        "edi_key_retired",
        "edi_key_destroyed",
        "data_key_rotated",
        "data_key_destroyed",
        "master_key_rotated",
        "key_change_refused",
        "tenant_offboarded",
        "tenant_offboard_refused",
        "object_put",
        "object_removed",
        "objects_imported",
        "objects_refused",
        "ops_token_refused",
        "ops_locked",
        Self::CHECKPOINT,
    ];

    /// Its type, as it stands in the file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
            Self::TailCut { .. } => "tail_cut",
            Self::TailMissing { .. } => "tail_missing",
            Self::RecordsOmitted { .. } => "records_omitted",
            Self::JournalDamaged { .. } => "journal_damaged",
            Self::BindAccepted { .. } => "bind_accepted",
            Self::BindRefused { .. } => "bind_refused",
            Self::AccountLocked { .. } => "account_locked",
            Self::Unbound { .. } => "unbound",
            Self::AuthorizationsRegistered { .. } => "authorizations_registered",
            Self::AuthorizationsRefused { .. } => "authorizations_refused",
            Self::AuthorizationRevoked { .. } => "authorization_revoked",
            Self::OptedOut { .. } => "opted_out",
            Self::ReceiptsDropped { .. } => "receipts_dropped",
            Self::AuthorizationsRevoked { .. } => "authorizations_revoked",
            Self::EnterpriseRevoked { .. } => "enterprise_revoked",
            Self::AuthorizationsPurged { .. } => "authorizations_purged",
            Self::AuthorizationsErased { .. } => "authorizations_erased",
            Self::CdrFilesPurged { .. } => "cdr_files_purged",
            Self::IdentityExplained { .. } => "identity_explained",
            Self::Rules(act) => act.name(),
            Self::SubjectReported { .. } => "subject_reported",
            Self::SubjectDeleted { .. } => "subject_deleted",
            Self::SubjectRefused { .. } => "subject_refused",
            Self::GuessingSuspected { .. } => "guessing_suspected",
            Self::AccountFrozen { .. } => "account_frozen",
            Self::AccountUnfrozen { .. } => "account_unfrozen",
            Self::BalancePaidIn { .. } => "balance_paid_in",
            Self::BalanceTakenOut { .. } => "balance_taken_out",
            Self::BalanceRefused { .. } => "balance_refused",
            Self::BalanceLow { .. } => "balance_low",
            Self::RevocationRefused { .. } => "revocation_refused",
            Self::Reloaded { .. } => "reloaded",
            Self::ReloadRefused { .. } => "reload_refused",
            Self::FeedImported { .. } => "feed_imported",
            Self::FeedRefused => "feed_refused",
            Self::ListChanged { .. } => "list_changed",
            Self::ListRefused { .. } => "list_refused",
            Self::PlacesImported { .. } => "places_imported",
            Self::PlacesRefused { .. } => "places_refused",
            Self::ChannelEnabled { .. } => "channel_enabled",
            Self::ChannelDisabled { .. } => "channel_disabled",
            Self::ChannelDraining { .. } => "channel_draining",
            Self::DrainRequested => "drain_requested",
            Self::ChannelUp { .. } => "channel_up",
            Self::ChannelDown { .. } => "channel_down",
            Self::KeyRingMade => "key_ring_made",
            Self::DataKeysMade { .. } => "data_keys_made",
            Self::EdiKeyGenerated { .. } => "edi_key_generated",
            Self::EdiKeyImported { .. } => "edi_key_imported",
            Self::EdiKeyProfiled { .. } => "edi_key_profiled",
            Self::EdiKeyRotated { .. } => "edi_key_rotated",
            Self::EdiKeyRetired { .. } => "edi_key_retired",
            Self::EdiKeyDestroyed { .. } => "edi_key_destroyed",
            Self::DataKeyRotated { .. } => "data_key_rotated",
            Self::DataKeyDestroyed { .. } => "data_key_destroyed",
            Self::MasterKeyRotated { .. } => "master_key_rotated",
            Self::KeyChangeRefused { .. } => "key_change_refused",
            Self::TenantOffboarded { .. } => "tenant_offboarded",
            Self::TenantOffboardRefused { .. } => "tenant_offboard_refused",
            Self::ObjectPut { .. } => "object_put",
            Self::ObjectRemoved { .. } => "object_removed",
            Self::ObjectsImported { .. } => "objects_imported",
            Self::ObjectsRefused { .. } => "objects_refused",
            Self::OpsTokenRefused { .. } => "ops_token_refused",
            Self::OpsLocked { .. } => "ops_locked",
        }
    }

    /// Whether what was tried succeeded (A-7.6-2).
    #[must_use]
    pub fn succeeded(&self) -> bool {
        !matches!(
            self,
            Self::TailCut { .. }
                | Self::TailMissing { .. }
                | Self::RecordsOmitted { .. }
                | Self::JournalDamaged { .. }
                | Self::BindRefused { .. }
                | Self::AccountLocked { .. }
                | Self::AuthorizationsRefused { .. }
                | Self::RevocationRefused { .. }
                | Self::BalanceRefused { .. }
                | Self::BalanceLow { .. }
                | Self::SubjectRefused { .. }
                | Self::GuessingSuspected { .. }
                | Self::ReloadRefused { .. }
                | Self::FeedRefused
                | Self::ListRefused { .. }
                | Self::PlacesRefused { .. }
                | Self::ChannelDown { .. }
                | Self::KeyChangeRefused { .. }
                | Self::TenantOffboardRefused { .. }
                | Self::ObjectsRefused { .. }
                | Self::OpsTokenRefused { .. }
                | Self::OpsLocked { .. }
        )
    }

    pub(super) fn write_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::Started | Self::Draining | Self::Stopped | Self::FeedRefused | Self::DrainRequested => {}
            Self::KeyRingMade
            | Self::DataKeysMade { .. }
            | Self::EdiKeyGenerated { .. }
            | Self::EdiKeyImported { .. }
            | Self::EdiKeyProfiled { .. }
            | Self::EdiKeyRotated { .. }
            | Self::EdiKeyRetired { .. }
            | Self::EdiKeyDestroyed { .. }
            | Self::DataKeyRotated { .. }
            | Self::DataKeyDestroyed { .. }
            | Self::MasterKeyRotated { .. }
            | Self::KeyChangeRefused { .. }
            | Self::TenantOffboarded { .. }
            | Self::TenantOffboardRefused { .. } => self.write_key_fields(line),
            Self::TailCut { .. }
            | Self::TailMissing { .. }
            | Self::JournalDamaged { .. }
            | Self::RecordsOmitted { .. } => self.write_damage_fields(line),
            Self::BindAccepted { source, mode } => {
                line.address(*source);
                line.text("mode", mode.name());
            }
            Self::BindRefused { source, cause } => {
                line.address(*source);
                line.text("cause", cause.name());
            }
            Self::AccountLocked { source }
            | Self::Unbound { source }
            | Self::OpsTokenRefused { source }
            | Self::OpsLocked { source } => line.address(*source),
            Self::ObjectPut { .. }
            | Self::ObjectRemoved { .. }
            | Self::ObjectsImported { .. }
            | Self::ObjectsRefused { .. } => self.write_object_fields(line),
            Self::AuthorizationsRegistered { .. }
            | Self::AuthorizationsRefused { .. }
            | Self::AuthorizationsPurged { .. }
            | Self::AuthorizationsErased { .. }
            | Self::AuthorizationsRevoked { .. }
            | Self::EnterpriseRevoked { .. }
            | Self::GuessingSuspected { .. }
            | Self::AccountFrozen { .. }
            | Self::AccountUnfrozen { .. }
            | Self::OptedOut { .. }
            | Self::ReceiptsDropped { .. }
            | Self::AuthorizationRevoked { .. }
            | Self::RevocationRefused { .. } => self.write_consent_fields(line),
            Self::BalancePaidIn { .. }
            | Self::BalanceTakenOut { .. }
            | Self::BalanceRefused { .. }
            | Self::BalanceLow { .. } => self.write_balance_fields(line),
            Self::CdrFilesPurged { .. }
            | Self::SubjectReported { .. }
            | Self::SubjectDeleted { .. }
            | Self::SubjectRefused { .. }
            | Self::IdentityExplained { .. } => self.write_person_fields(line),
            Self::Rules(act) => act.write_fields(line),
            Self::PlacesImported { .. } | Self::PlacesRefused { .. } => self.write_place_fields(line),
            Self::ListChanged { .. } | Self::ListRefused { .. } => self.write_list_fields(line),
            Self::Reloaded { .. } | Self::ReloadRefused { .. } | Self::FeedImported { .. } => {
                self.write_configuration_fields(line);
            }
            Self::ChannelUp { channel }
            | Self::ChannelDown { channel }
            | Self::ChannelEnabled { channel }
            | Self::ChannelDraining { channel }
            | Self::ChannelDisabled { channel } => line.text("channel", channel.as_str()),
        }
    }
}

impl BindMode {
    fn name(self) -> &'static str {
        match self {
            Self::Transmitter => "transmitter",
            Self::Receiver => "receiver",
            Self::Transceiver => "transceiver",
        }
    }
}

impl RefusedBind {
    fn name(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown_account",
            Self::WrongPassword => "wrong_password",
            Self::NotAllowed => "not_allowed",
            Self::TooManyBinds => "too_many_binds",
            Self::LockedOut => "locked_out",
        }
    }
}

impl ConfigPart {
    fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Channels => "channels",
            Self::Platforms => "platforms",
            Self::Enterprises => "enterprises",
            Self::ServiceNumbers => "service_numbers",
            Self::Whole => "whole",
        }
    }
}

impl Actor {
    pub(super) fn write(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::System => line.text("user", "system"),
            Self::Unknown => line.text("user", "unknown"),
            Self::Account(account) => line.tagged("user", "account:", account.as_str()),
            Self::Token(name) => line.tagged("user", "token:", name.as_str()),
            Self::Platform(platform) => line.tagged("user", "platform:", platform.as_str()),
            Self::Operator { uid, name: None } => line.tagged("user", "operator:", &uid.to_string()),
            Self::Operator { uid, name: Some(name) } => {
                line.tagged("user", &format!("operator:{uid}:"), name.as_str());
            }
        }
    }
}

/// Writes the members of one JSON object. All texts are printable ASCII, so only quote and backslash need escaping.
pub(super) struct JsonLine<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> JsonLine<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.tagged(name, "", value);
    }

    pub(super) fn tagged(&mut self, name: &str, tag: &str, value: &str) {
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(tag.as_bytes());
        for byte in value.bytes() {
            if matches!(byte, b'"' | b'\\') {
                self.out.push(b'\\');
            }
            self.out.push(byte);
        }
        self.out.push(b'"');
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.raw(name, value.to_string().as_bytes());
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.raw(name, if value { b"true" } else { b"false" });
    }

    /// The value is written by `write`, and must not need escaping.
    pub(super) fn quoted(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.name(name);
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }

    fn address(&mut self, source: IpAddr) {
        self.text("source", &source.to_string());
    }

    fn raw(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.out.extend_from_slice(value);
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}
