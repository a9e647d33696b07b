//! The closed sets of words that events and metrics are told apart by.

use veilgate_flow::Health;
use veilgate_names::FinalState;

use super::loggable::{Loggable, sealed::Sealed};

/// A closed set with a name for each member.
pub trait Word: Copy + 'static {
    /// Every member, in order.
    const ALL: &'static [Self];

    /// The name in a log line or label.
    fn name(self) -> &'static str;

    /// The place in [`Self::ALL`].
    fn index(self) -> usize;
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$word_doc])* $variant,)+
        }

        impl Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn index(self) -> usize {
                self as usize
            }
        }

        impl Sealed for $name {}
        impl Loggable for $name {
            type Shown<'a> = &'static str;
            fn shown(&self) -> Self::Shown<'_> {
                self.name()
            }
        }
    )+};
}

words! {
    /// Something that listens.
    Listener {
        /// SMPP without TLS.
        NorthPlain = "north_plain",
        /// SMPP over TLS.
        NorthTls = "north_tls",
        /// Health and metrics.
        Ops = "ops",
        /// The ops socket.
        OpsSocket = "ops_socket",
    }

    /// Why the gateway stops.
    StopCause {
        /// SIGTERM or SIGINT.
        Signal = "signal",
        /// The `drain` command.
        Command = "command",
        /// Something it cannot go on without.
        Failure = "failure",
    }

    /// Which limit a new connection met.
    ConnectionLimit {
        /// `north.max_connections`.
        Total = "total",
        /// `north.max_connections_per_ip`.
        PerAddress = "per_address",
        /// `north.max_half_open`.
        HalfOpen = "half_open",
        /// The gateway drains.
        Draining = "draining",
    }

    /// Why a bind was refused.
    BindRefusal {
        /// No such account.
        UnknownAccount = "unknown_account",
        /// Wrong password.
        Password = "password",
        /// The address is not in `allow_from`.
        Address = "address",
        /// No certificate, or not the account's.
        Certificate = "certificate",
        /// Account, enterprise or platform suspended.
        Suspended = "suspended",
        /// Too many failures from there: not looked at for a while.
        LockedOut = "locked_out",
        /// `max_binds` reached.
        TooManyBinds = "too_many_binds",
        /// The interface version is not spoken here.
        Version = "version",
        /// Bound already, or not a bind at all.
        State = "state",
        /// The gateway drains.
        Draining = "draining",
    }

    /// Why a north connection ended.
    NorthClose {
        /// The peer unbound.
        Unbound = "unbound",
        /// The peer closed or reset the connection.
        Peer = "peer",
        /// No bind in time.
        BindTimeout = "bind_timeout",
        /// A PDU did not end in time.
        PduTimeout = "pdu_timeout",
        /// `enquire_link` stayed unanswered.
        Silent = "silent",
        /// The peer did not read.
        WriteStall = "write_stall",
        /// Octets that are no SMPP.
        Framing = "framing",
        /// The TLS handshake or a record failed.
        Tls = "tls",
        /// The account was removed, suspended or changed by a reload.
        Reload = "reload",
        /// The gateway drains.
        Drain = "drain",
        /// A failure of the gateway.
        Internal = "internal",
    }

    /// Which way a bind carries messages.
    BindKind {
        /// Both ways.
        Transceiver = "transceiver",
        /// From the client.
        Transmitter = "transmitter",
        /// To the client.
        Receiver = "receiver",
    }

    /// Why a link to an SMSC ended or did not come up.
    LinkEnd {
        /// No connection.
        Connect = "connect",
        /// The bind was refused.
        BindRefused = "bind_refused",
        /// The bind was not answered.
        BindTimeout = "bind_timeout",
        /// The SMSC unbound.
        Unbound = "unbound",
        /// The SMSC closed or reset the connection.
        Peer = "peer",
        /// `enquire_link` stayed unanswered.
        Silent = "silent",
        /// The SMSC did not read.
        WriteStall = "write_stall",
        /// Octets that are no SMPP.
        Framing = "framing",
        /// Disabled, removed or changed.
        Command = "command",
        /// The gateway drains.
        Drain = "drain",
    }

    /// How a channel answers.
    Condition {
        /// Well.
        Healthy = "healthy",
        /// Too many failures, or it is silent.
        Degraded = "degraded",
        /// It gets probes only.
        Unhealthy = "unhealthy",
        /// No bind that can send.
        Down = "down",
    }

    /// How an SMSC answered a submit.
    SubmitClass {
        /// Accepted.
        Accepted = "accepted",
        /// Throttled or its queue full: once more later.
        Throttled = "throttled",
        /// Failed for now: once more later.
        Temporary = "temporary",
        /// Refused for good.
        Permanent = "permanent",
        /// Not answered; the outcome is not known.
        Unknown = "unknown",
    }

    /// What became of a receipt that was not simply taken over.
    ReceiptOddity {
        /// No message has that id.
        Unmatched = "unmatched",
        /// The message had its final state already.
        Duplicate = "duplicate",
        /// It came before the response to its submit.
        Early = "early",
        /// Neither TLVs nor text could be read.
        Unreadable = "unreadable",
    }

    /// Why a reply found no addressee.
    UnattributedKind {
        /// No service number of ours was dialled.
        Unrouted = "unrouted",
        /// The sender has no open tenure in our network.
        Foreign = "foreign",
        /// The extension is another tenure's.
        OtherTenure = "other_tenure",
        /// Nobody wrote to this person from this number.
        NoSlot = "no_slot",
        /// Several did, and the reply names none.
        Ambiguous = "ambiguous",
        /// The authorization ended longer ago than the grace.
        Late = "late",
        /// The message could not be read.
        Unreadable = "unreadable",
    }

    /// Why an import changed nothing.
    ImportRefusal {
        /// A file could not be read.
        File = "file",
        /// A line is not what it should be.
        Format = "format",
        /// The lines contradict each other.
        Conflict = "conflict",
        /// The store failed.
        Store = "store",
    }

    /// What was imported.
    ImportKind {
        /// The subscriber feed.
        Identity = "identity",
        /// The segment table.
        Segments = "segments",
        /// The portability table.
        Portability = "portability",
        /// Authorizations.
        Authorizations = "authorizations",
        /// Keys of encrypted device IDs.
        EdiKeys = "edi_keys",
        /// Entries of a black or white list.
        List = "list",
    }

    /// What needs storage.
    StorageUse {
        /// The journal.
        Journal = "journal",
        /// CDR files.
        Cdr = "cdr",
        /// The audit file.
        Audit = "audit",
        /// The subscriber history.
        Identity = "identity",
        /// The authorization registry.
        Authorizations = "authorizations",
        /// Black and white lists.
        Lists = "lists",
    }

    /// A command on the ops socket.
    OpsCommand {
        /// Revoke authorizations.
        Revoke = "revoke",
        /// Import authorizations.
        AuthorizationsImport = "authorizations-import",
        /// Import the subscriber feed.
        IdentityImport = "identity-import",
        /// Apply changes to the subscriber feed.
        IdentityChanges = "identity-changes",
        /// Import entries of a list.
        ListsImport = "lists-import",
        /// Put single entries on a list, or take them off.
        ListsChange = "lists-change",
        /// Tell about lists.
        ListsShow = "lists-show",
        /// Import the segment table.
        SegmentsImport = "segments-import",
        /// Import the portability table.
        PortabilityImport = "portability-import",
        /// Pay in for a tenant, or take out.
        BalancePay = "balance-pay",
        /// Tell how tenants that pay stand.
        BalanceShow = "balance-show",
        /// Tell the state.
        Status = "status",
        /// Tell or change the objects that rules are made of.
        Policy = "policy",
        /// Read the configuration again.
        Reload = "reload",
        /// Finish and stop.
        Drain = "drain",
        /// Tell or change keys.
        Keys = "keys",
        /// End an enterprise.
        TenantOffboard = "tenant-offboard",
        /// Use a channel again.
        ChannelEnable = "channel-enable",
        /// Stop using a channel.
        ChannelDisable = "channel-disable",
        /// Let a channel finish.
        ChannelDrain = "channel-drain",
        /// Revoke everything of an enterprise.
        RevokeEnterprise = "revoke-enterprise",
        /// Shut an account out.
        AccountFreeze = "account-freeze",
        /// Let an account in again.
        AccountUnfreeze = "account-unfreeze",
        /// Tell what is held about the person who has a number.
        SubjectReport = "subject-report",
        /// End and erase what is held about such a person.
        SubjectDelete = "subject-delete",
        /// List messages that wait for staff.
        ReviewList = "review-list",
        /// Let one pass.
        ReviewPass = "review-pass",
        /// Refuse one.
        ReviewRefuse = "review-refuse",
        /// Tell what every rule says of a message.
        PolicyExplain = "policy-explain",
        /// Tell why device IDs mean somebody or nobody.
        IdentityExplain = "identity-explain",
        /// A line that is no command.
        Unreadable = "unreadable",
    }
}

impl Condition {
    /// What the flow says of a channel.
    #[must_use]
    pub fn of(health: Health) -> Self {
        match health {
            Health::Healthy => Self::Healthy,
            Health::Degraded => Self::Degraded,
            Health::Unhealthy => Self::Unhealthy,
            Health::Down => Self::Down,
        }
    }

    /// The metric's value: 0 healthy, 1 degraded, 2 unhealthy, 3 down.
    #[must_use]
    pub fn level(self) -> i64 {
        match self {
            Self::Healthy => 0,
            Self::Degraded => 1,
            Self::Unhealthy => 2,
            Self::Down => 3,
        }
    }
}

impl Word for FinalState {
    const ALL: &'static [Self] = &[
        Self::Delivered,
        Self::Undeliverable,
        Self::Rejected,
        Self::Expired,
        Self::Cancelled,
        Self::Unknown,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Undeliverable => "undeliverable",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}
