//! The closed list of what is logged. Each event is a struct of typed fields; writing one also counts it where a
//! metric goes with it. What happens once per message is written at `debug` only.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::Location;
use std::time::Duration;

use veilgate_names::{AccountId, ChannelId, MessageId, ObjectId};
use veilgate_store::Space;

use super::Telemetry;
use super::loggable::{KeyName, Loggable};
use super::metrics::Metrics;
use super::words::{
    BindKind, BindRefusal, Condition, ConnectionLimit, ImportKind, ImportRefusal, LinkEnd, Listener,
    NorthClose, OpsCommand, ReceiptOddity, StopCause, StorageUse, UnattributedKind,
};

macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $name:ident $level:ident $message:literal {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
        $(counts |$self_:ident, $metrics:ident| $count:expr)?;
    )+) => {
        /// Which event it is.
        #[derive(Debug, Clone, Copy)]
        pub(super) enum Kind {
            $($name,)+
        }

        impl Kind {
            /// How many there are.
            pub(super) const COUNT: usize = [$(Self::$name,)+].len();

            /// Its place among them.
            pub(super) fn index(self) -> usize {
                self as usize
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl $name {
                /// Counts the event and writes its line, with the place this was called from.
                #[track_caller]
                pub fn emit(&self, telemetry: &Telemetry) {
                    let at = Location::caller();
                    self.count(&telemetry.metrics);
                    telemetry.line(Kind::$name, || tracing::event!(
                        target: super::TARGET,
                        tracing::Level::$level,
                        event = stringify!($name),
                        file = at.file(),
                        line = at.line(),
                        $($field = self.$field.shown(),)*
                        $message
                    ));
                }

                events!(@count $(|$self_, $metrics| $count)?);
            }
        )+
    };
    (@count) => {
        fn count(&self, _metrics: &Metrics) {}
    };
    (@count |$self_:ident, $metrics:ident| $count:expr) => {
        fn count(&self, $metrics: &Metrics) {
            let $self_ = self;
            $count;
        }
    };
}

events! {
    /// The gateway runs.
    Started INFO "gateway started" {
        /// Messages taken over from the journal.
        live_messages: u64,
        /// Authorizations registered.
        authorizations: u64,
        /// From the start of the process.
        took_ms: Duration,
    };

    /// A listener is open.
    Listening INFO "listening" {
        /// Which one.
        listener: Listener,
        /// Where; none for the ops socket.
        address: Option<SocketAddr>,
    };

    /// The gateway begins to stop: no new connections, binds or submits.
    Stopping INFO "stopping" {
        /// Why.
        cause: StopCause,
        /// Messages still to be sent.
        queued: u64,
        /// Submits without a response.
        unanswered: u64,
    };

    /// A drain goes on.
    DrainProgress INFO "draining" {
        /// Messages still to be sent.
        queued: u64,
        /// Submits without a response.
        unanswered: u64,
        /// Since it began.
        elapsed_ms: Duration,
    };

    /// The gateway stopped.
    Stopped INFO "gateway stopped" {
        /// Whether every submit was answered.
        clean: bool,
        /// Messages left in the journal for the next start.
        live_messages: u64,
    };

    /// A new configuration is in force.
    Reloaded INFO "configuration reloaded" {
        /// Accounts added, changed or removed.
        accounts: usize,
        /// Channels added, changed or removed.
        channels: usize,
        /// Platforms, enterprises and service numbers added, changed or removed.
        others: usize,
    } counts |_event, metrics| metrics.reloads.inc();

    /// A new configuration has a mistake; the old one stays.
    ReloadRefused ERROR "configuration not reloaded: it has a mistake" {
        /// The key.
        key: KeyName,
        /// The line in the file.
        config_line: usize,
    } counts |_event, metrics| metrics.reloads_refused.inc();

    /// A new configuration changes what needs a restart; the old one stays.
    ReloadNeedsRestart ERROR "configuration not reloaded: a changed key needs a restart" {
        /// The first such key.
        key: KeyName,
        /// How many there are.
        keys: usize,
    } counts |_event, metrics| metrics.reloads_refused.inc();

    /// The objects that rules are made of were changed, and the new policy is in force.
    PolicyChanged INFO "policy changed" {
        /// Its number.
        policy: u64,
        /// Objects that are new.
        added: u64,
        /// Objects that are others.
        changed: u64,
        /// Objects that are gone.
        removed: u64,
        /// From the request until it was in force.
        took_ms: Duration,
    } counts |_event, metrics| metrics.policy.changes.inc();

    /// A change of objects was refused; the policy stays.
    PolicyRefused WARN "policy not changed" {
        /// What was wrong with it, how many things.
        mistakes: u64,
        /// Whether the journal is what took nothing.
        journal: bool,
    } counts |_event, metrics| metrics.policy.refusals.inc();

    /// A request to the ops API had no token, or a wrong one.
    OpsTokenRefused WARN "ops API refused" {
        /// From where.
        peer: IpAddr,
        /// Whether the source is locked out for a minute now.
        locked: bool,
    } counts |_event, metrics| metrics.policy.tokens_refused.inc();

    /// A thread panicked.
    Panicked ERROR "panic" {
        /// The source file's name.
        source: KeyName,
        /// The line in it.
        source_line: u32,
    } counts |_event, metrics| metrics.panics.inc();

    /// A connection met a limit and was closed at once.
    ConnectionRefused WARN "connection refused" {
        /// From where.
        peer: IpAddr,
        /// Which limit.
        limit: ConnectionLimit,
    } counts |event, metrics| metrics.north.connections_refused.of(event.limit).inc();

    /// A north bind stands.
    BindAccepted INFO "bind accepted" {
        /// Whose.
        account: AccountId,
        /// From where.
        peer: IpAddr,
        /// Which way.
        kind: BindKind,
        /// The account's binds, this one included.
        binds: u32,
    };

    /// A north bind was refused.
    BindRefused WARN "bind refused" {
        /// Whose, if the account exists. What else stood there is never logged.
        account: Option<AccountId>,
        /// From where.
        peer: IpAddr,
        /// Why.
        reason: BindRefusal,
    } counts |event, metrics| metrics.north.binds_refused.of(event.reason).inc();

    /// A north connection ended.
    NorthClosed INFO "connection closed" {
        /// Whose, if it was bound.
        account: Option<AccountId>,
        /// From where.
        peer: IpAddr,
        /// Why.
        reason: NorthClose,
        /// How long it stood.
        lasted_ms: Duration,
    } counts |event, metrics| metrics.north.closes.of(event.reason).inc();

    /// An account met its rate limit.
    RateRefused DEBUG "rate exceeded" {
        /// Whose.
        account: AccountId,
    };

    /// Receipts and replies wait for an account in such a number that no more are kept.
    DeliveriesFull WARN "account does not fetch its receipts and replies" {
        /// Whose.
        account: AccountId,
        /// How many wait.
        pending: u64,
    };

    /// A bind to an SMSC stands.
    ChannelUp INFO "channel bound" {
        /// Which channel.
        channel: ChannelId,
        /// Which of its binds, from 0.
        bind: u32,
        /// Which way.
        kind: BindKind,
    };

    /// A channel answers better or worse than before.
    ChannelHealth INFO "channel health changed" {
        /// Which channel.
        channel: ChannelId,
        /// How it is now.
        health: Condition,
    } counts |event, metrics| metrics.channel(&event.channel).health.set(event.health.level());

    /// A bind to an SMSC ended or did not come up.
    ChannelDown WARN "channel down" {
        /// Which channel.
        channel: ChannelId,
        /// Which of its binds, from 0.
        bind: u32,
        /// Why.
        reason: LinkEnd,
        /// The SMSC's command status, if it refused the bind.
        status: Option<u32>,
        /// Submits left without a response.
        unanswered: u32,
        /// The pause before the next attempt.
        retry_ms: Option<Duration>,
    } counts |event, metrics| metrics.link_ends.of(event.reason).inc();

    /// An SMSC throttled; the channel pauses.
    ChannelThrottled WARN "channel throttled" {
        /// Which channel.
        channel: ChannelId,
        /// For how long.
        pause_ms: Duration,
    };

    /// Staff switched a channel.
    ChannelSwitched INFO "channel switched" {
        /// Which channel.
        channel: ChannelId,
        /// Whether it is used from now on.
        enabled: bool,
    };

    /// Staff let a channel finish.
    ChannelDraining INFO "channel draining" {
        /// Which channel.
        channel: ChannelId,
    };

    /// A channel that was to finish has nothing on its wire any more.
    ChannelDrained INFO "channel drained" {
        /// Which channel.
        channel: ChannelId,
    };

    /// The journal was read back at start.
    JournalOpened INFO "journal opened" {
        /// Records read.
        records: u64,
        /// Messages without a final state.
        live_messages: u64,
        /// Octets of an unfinished commit at its end, dropped; none of it was acknowledged.
        torn_octets: u64,
        /// Records that are damaged: what they held is not served, the rest is.
        damaged: u64,
        /// How long it took.
        took_ms: Duration,
    };

    /// A record of the journal is damaged, or the disk does not give it. Its neighbours serve.
    RecordDamaged ERROR "journal record damaged" {
        /// The segment's number, as in its file name.
        segment: u32,
        /// Octets from the start of the segment.
        offset: u64,
        /// What kind of record it is, where that can still be told.
        space: Option<Space>,
        /// The message or delivery whose record it is, where that can still be told.
        message_id: Option<MessageId>,
    };

    /// A commit took long.
    JournalSlow WARN "journal commit slow" {
        /// How long.
        took_ms: Duration,
        /// Records in it.
        records: usize,
    };

    /// Something could not be stored.
    StorageFailed ERROR "storage failed" {
        /// What.
        storage: StorageUse,
        /// What the system said.
        error: io::ErrorKind,
    } counts |event, metrics| metrics.storage_failures.of(event.storage).inc();

    /// Room on disk is short: nothing new is taken until there is some again.
    SpaceLow ERROR "storage runs full: submits are refused" {
        /// For what.
        storage: StorageUse,
        /// Octets left.
        free_octets: u64,
    };

    /// There is room on disk again.
    SpaceBack INFO "storage has room again" {
        /// For what.
        storage: StorageUse,
        /// Octets left.
        free_octets: u64,
    };

    /// No more messages are taken until some have ended.
    QueueFull WARN "too many live messages: submits are refused" {
        /// How many are live.
        live_messages: u64,
    };

    /// A receipt that could not simply be taken over.
    ReceiptOdd DEBUG "odd receipt" {
        /// From which channel.
        channel: ChannelId,
        /// What is odd.
        kind: ReceiptOddity,
        /// The message, where it is known.
        message_id: Option<MessageId>,
    } counts |event, metrics| metrics.flow.receipts_odd.of(event.kind).inc();

    /// A reply found no addressee and went nowhere.
    ReplyUnattributed DEBUG "reply not attributed" {
        /// From which channel.
        channel: ChannelId,
        /// Why.
        kind: UnattributedKind,
    } counts |event, metrics| metrics.flow.replies_unattributed.of(event.kind).inc();

    /// A person refused messages.
    OptedOut INFO "opt-out" {
        /// Authorizations that the notary is told of.
        authorizations: u64,
        /// Whether the person is told, too.
        confirmed: bool,
    } counts |_event, metrics| metrics.flow.opt_outs.inc();

    /// A subscriber feed or a list of keys was taken over.
    Imported INFO "import done" {
        /// What.
        kind: ImportKind,
        /// Bindings, authorizations or keys put.
        put: u64,
        /// Tenures put; for other imports 0.
        tenures: u64,
        /// Lines that were refused one by one.
        refused: u64,
        /// How long it took.
        took_ms: Duration,
    } counts |event, metrics| metrics.imports.of(event.kind).inc();

    /// An import changed nothing.
    ImportRefused ERROR "import refused" {
        /// What.
        kind: ImportKind,
        /// Why.
        reason: ImportRefusal,
        /// The line of the file it stopped at, if at one.
        import_line: Option<u64>,
    };

    /// Authorizations were revoked.
    Revoked INFO "authorizations revoked" {
        /// How many.
        count: u64,
        /// How many of those named were not registered.
        unknown: u64,
        /// Messages stopped by it.
        stopped: u64,
        /// The user id of the process that asked, if on the ops socket.
        actor_uid: Option<u32>,
    } counts |event, metrics| metrics.revocations.inc_by(event.count);

    /// Authorizations that ended long ago were forgotten.
    Purged INFO "authorizations that ended long ago forgotten" {
        /// How many.
        count: u64,
    } counts |event, metrics| metrics.purged.inc_by(event.count);

    /// Receipts were let go because their account did not fetch them in time.
    ReceiptsDropped WARN "receipts let go that their account did not fetch in time" {
        /// Whose.
        account: AccountId,
        /// How many.
        count: u64,
    } counts |event, metrics| metrics.account(&event.account).receipts_dropped.inc_by(event.count);

    /// An account names recipients who do not exist: somebody may be trying out pseudonyms or device IDs.
    GuessingSuspected ERROR "account names recipients who do not exist" {
        /// Whose.
        account: AccountId,
        /// Submits within the window that named nobody.
        failures: u32,
        /// Those, and the accepted ones.
        submits: u32,
        /// Whether the account is frozen now.
        frozen: bool,
    } counts |_event, metrics| metrics.guessing_alarms.inc();

    /// Staff shut an account out, or let it in again.
    AccountSwitched INFO "account frozen or let in again" {
        /// Which.
        account: AccountId,
        /// Whether it is shut out from now on.
        frozen: bool,
        /// The user id of the process that asked.
        actor_uid: Option<u32>,
    };

    /// Staff paid in for a tenant, or took out.
    BalanceChanged INFO "paid in for a tenant, or taken out" {
        /// Whose balance.
        tenant: ObjectId,
        /// Whether it was taken out.
        taken_out: bool,
        /// The user id of the process that asked.
        actor_uid: Option<u32>,
    };

    /// A tenant's balance has come below its mark.
    BalanceLow WARN "balance low" {
        /// Whose.
        tenant: ObjectId,
    } counts |_event, metrics| metrics.balances_low.inc();

    /// A command came on the ops socket.
    OpsCalled INFO "ops command" {
        /// Which.
        command: OpsCommand,
        /// The user id of the process that asked.
        actor_uid: Option<u32>,
        /// Whether it was done.
        done: bool,
    };
}
