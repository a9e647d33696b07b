//! Builds everything from the configuration, in order; takes over a changed one; drains and stops.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use veilgate_admission::{Accounts, Registry};
use veilgate_config::{Changes, Config, ConfigError, JournalEngine};
use veilgate_flow::{
    Flow, Gate, OptOuts, Outcomes, Restored, Turn, frozen_accounts, pending_cdrs, reserve_ids,
};
use veilgate_identity::{Identity, KeyRing, Slots, Vault};
use veilgate_ledger::{Actor, AuditEvent, CarrierName, NodeName};
use veilgate_names::Monotonic;
use veilgate_policy::{Engine, Objects, Policy, State};
use veilgate_store::{Budget, LogStore, MemoryStore, Recovery, SledStore, Store, StoreError};

use crate::admin::{OpsSocket, Probe, Readiness, serve_http};
use crate::clock;
use crate::commit::Committer;
use crate::hub::Hub;
use crate::keys::{self, KeyStore};
use crate::ledger::{self, AuditFile, CdrFiles, LedgerConfig, LedgerSender, written_ids};
use crate::lists::{self, ListStore};
use crate::north::smpp_server::{ConnectionLimits, Doorkeeper, listen};
use crate::north::smpp_session::Shared;
use crate::north::tls;
use crate::number_keys;
use crate::ops::balances;
use crate::places;
use crate::policy::{self, PolicyStore, TokenError, Tokens};
use crate::purge::Purger;
use crate::recall;
use crate::receipts::ReceiptKeeper;
use crate::settings;
use crate::south::channels::Channels;
use crate::space::{Space, free_octets};
use crate::store_damages::StoreDamages;
use crate::telemetry::Telemetry;
use crate::telemetry::events::{
    DrainProgress, JournalOpened, Listening, Reloaded, Started, Stopped, Stopping, StorageFailed,
};
use crate::telemetry::words::{Condition, Listener, StopCause, StorageUse};

/// Authorizations and slots held at most.
const REGISTRY_CAPACITY: usize = 20_000_000;
/// How often what has waited long enough is ended.
const TICK: Duration = Duration::from_millis(100);
/// How often the store tidies up.
const MAINTAIN: Duration = Duration::from_secs(1);
/// Between two steps of that; twice as long as the step took, if that is more and there is room: it is to take no more
/// than a third of a processor from the traffic.
const STEP_PAUSE: Duration = Duration::from_millis(10);
/// How often some of the slots are looked at.
const SWEEP_ROUND: Duration = Duration::from_secs(1);
/// Octets sled may cache.
const SLED_CACHE: u64 = 256 << 20;
/// How long links may take to unbind when the gateway stops.
const DRAIN: Duration = Duration::from_secs(30);

/// Why the gateway does not start: one clear line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration has a mistake.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A value that only its owner could find wrong.
    #[error("{}: {error}", path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// Key and problem.
        error: settings::SettingError,
    },
    /// A key file.
    #[error("{0}")]
    Key(#[from] keys::KeyFileError),
    /// A file or folder.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The store.
    #[error("{}: {error}", path.display())]
    Store {
        /// Its folder.
        path: PathBuf,
        /// Why.
        error: StoreError,
    },
    /// The subscriber history.
    #[error("{}: {error}", path.display())]
    Vault {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: veilgate_identity::VaultError,
    },
    /// A black or white list.
    #[error("{0}")]
    List(#[from] lists::ListFileError),
    /// A table of where numbers are at home.
    #[error("{}: {error}", path.display())]
    Table {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: veilgate_identity::StoredTableError,
    },
    /// The objects that rules are made of.
    #[error("{}: {error}", path.display())]
    Objects {
        /// The journal's folder.
        path: PathBuf,
        /// Why.
        error: policy::OpenError,
    },
    /// The tokens of the ops API.
    #[error("{0}")]
    Tokens(#[from] TokenError),
    /// A listener.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        error: std::io::Error,
    },
}

/// Why a changed configuration is not taken over; the old one stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It cannot be read or has a mistake.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A value that only its owner could find wrong.
    #[error("{0}")]
    Setting(#[from] settings::SettingError),
    /// Keys for a new enterprise cannot be made.
    #[error("{0}")]
    Key(#[from] keys::KeyFileError),
    /// The file cannot be read.
    #[error("the configuration cannot be read: {0}")]
    File(std::io::Error),
    /// A certificate or its key cannot be used.
    #[error("{0}")]
    Certificate(std::io::Error),
    /// The tokens of the ops API cannot be used.
    #[error("{0}")]
    Tokens(#[from] TokenError),
    /// These keys need a restart.
    #[error("a restart is needed for: {}", .0.join(", "))]
    Restart(Vec<String>),
}

/// A gateway that runs.
pub struct App {
    pub(crate) hub: Arc<Hub>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) keys: KeyStore,
    /// The objects that rules are made of.
    pub(crate) policy: PolicyStore,
    tokens: Option<Arc<Tokens>>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) lists: ListStore,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) channels: tokio::sync::Mutex<Channels>,
    pub(crate) began: Monotonic,
    pub(crate) drain: watch::Sender<bool>,
    path: PathBuf,
    config: Mutex<Config>,
    keeper: Arc<Doorkeeper>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    addresses: Addresses,
    certificates: Option<Arc<tls::Certificates>>,
    stop_requested: tokio::sync::Notify,
    /// Held while a person's data is looked up.
    pub(crate) subject: tokio::sync::Mutex<()>,
    /// Held while a table of where numbers are at home is taken over.
    pub(crate) places: Mutex<()>,
}

/// Where the gateway listens: of use where the configuration says port 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct Addresses {
    /// SMPP without TLS.
    pub plain: Option<std::net::SocketAddr>,
    /// SMPP over TLS.
    pub tls: Option<std::net::SocketAddr>,
    /// Health and metrics.
    pub ops: Option<std::net::SocketAddr>,
}

/// The listeners, open but not served yet.
struct Listeners {
    plain: Option<TcpListener>,
    tls: Option<(TcpListener, Arc<tls::Certificates>)>,
    ops: TcpListener,
    socket: OpsSocket,
}

/// Reads the configuration file.
///
/// # Errors
/// [`StartError`] with file, line and key.
pub fn read_config(path: &Path) -> Result<Config, StartError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| StartError::File { path: path.to_path_buf(), error })?;
    let config = Config::load(path, &text)?;
    let setting = |error| StartError::Setting { path: path.to_path_buf(), error };
    settings::accounts(&config).map_err(setting)?;
    settings::directory(&config).map_err(setting)?;
    Ok(config)
}

impl App {
    /// Builds the gateway and starts it. `path` is the configuration's file, for reloads.
    ///
    /// # Errors
    /// [`StartError`], one clear line; nothing is left running.
    pub async fn start(
        path: &Path,
        config: Config,
        telemetry: Arc<Telemetry>,
    ) -> Result<Arc<Self>, StartError> {
        let began = clock::mono();
        let file = |path: &Path| {
            let path = path.to_path_buf();
            move |error| StartError::File { path, error }
        };
        std::fs::create_dir_all(&config.data_dir).map_err(file(&config.data_dir))?;
        let listeners = open_listeners(&config).await?;
        let keys = KeyStore::open(&config)?;
        let state = policy_state(keys.ring());
        let lists = ListStore::open(config.data_dir.join("lists"), keys.ring(), state.lists.clone())?;
        let (store, opened, vault) = open_data(&config, &keys)?;
        let tokens = config.ops.token_file.as_deref().map(Tokens::read).transpose()?.map(Arc::new);
        let (flow, accounts, identity) = build_flow(path, &config, &keys, vault, state, &*store)?;
        let policy = open_policy(&config, &flow.gate().policy, &identity, &*store, &telemetry)?;
        // No link is up yet that could have something to do.
        flow.take_over_lines(&mut Outcomes::default());
        let ledger = LedgerSender::new();
        let hub = Arc::new(Hub::new(
            flow,
            Arc::clone(&telemetry),
            ledger,
            settings::flow_rules(&config).max_uncommitted,
            watched_space(&config),
        ));
        let mut threads = start_threads(&config, &hub, &store)?;
        let restored = restore(&config, &hub, &store)?;
        JournalOpened {
            records: store.usage().live_records,
            live_messages: wide(restored.queued + restored.parked + restored.answered + restored.unknown),
            torn_octets: opened.torn_octets,
            damaged: opened.damages.max(wide(restored.damaged)),
            took_ms: clock::mono().since(began),
        }
        .emit(&telemetry);
        threads.push(start_maintenance(&config, &store, &hub).map_err(file(&config.data_dir))?);
        threads.push(recall::start(&store, &hub).map_err(file(&config.data_dir))?);
        let limits = connection_limits(&config);
        let app = Arc::new(Self {
            hub,
            accounts,
            keys,
            policy,
            tokens,
            identity,
            lists,
            store,
            channels: tokio::sync::Mutex::default(),
            began,
            drain: watch::channel(false).0,
            path: path.to_path_buf(),
            config: Mutex::new(config),
            keeper: Doorkeeper::new(limits),
            threads: Mutex::new(threads),
            addresses: listeners.addresses(),
            certificates: listeners.tls.as_ref().map(|(_, held)| Arc::clone(held)),
            stop_requested: tokio::sync::Notify::new(),
            subject: tokio::sync::Mutex::default(),
            places: Mutex::default(),
        });
        app.serve(listeners).await;
        Started {
            live_messages: wide(app.hub.flow.counts().0),
            authorizations: wide(app.hub.flow.gate().registry.len()),
            took_ms: clock::mono().since(began),
        }
        .emit(&telemetry);
        app.hub.ledger.audit(Actor::System, AuditEvent::Started);
        app.tell_of_keys();
        Ok(app)
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// How many authorizations wait to be erased.
    #[must_use]
    pub fn erasing(&self) -> usize {
        self.hub.flow.erasing()
    }

    /// How many channels are up.
    #[must_use]
    pub fn channels_up(&self) -> usize {
        self.hub.flow.channels_up()
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.config.lock().clone()
    }

    /// Reads the configuration file again and takes over what can be while traffic runs: platforms, enterprises,
    /// accounts, service numbers, channels, log level. Binds that are not concerned stay.
    ///
    /// # Errors
    /// [`ReloadError`]; nothing is changed then.
    pub async fn reload(&self) -> Result<Changes, ReloadError> {
        let mut channels = self.channels.lock().await;
        let text = std::fs::read_to_string(&self.path).map_err(ReloadError::File)?;
        let fresh = Config::load(&self.path, &text)?;
        let changes = Config::reloadable_changes(&self.config(), &fresh).map_err(ReloadError::Restart)?;
        let (accounts, directory) = (settings::accounts(&fresh)?, settings::directory(&fresh)?);
        let certificates = fresh.north.tls.as_ref().map(tls::server_config).transpose();
        let certificates = certificates.map_err(ReloadError::Certificate)?;
        if let (Some(tokens), Some(file)) = (&self.tokens, &fresh.ops.token_file) {
            tokens.replace(file)?;
        }
        self.keys.ensure_tenants(fresh.enterprises.iter().map(|enterprise| &enterprise.id))?;
        self.tell_of_keys();
        // The names were checked to be unique when the file was read.
        let _ = self.accounts.reload(accounts);
        let mut outcomes = Outcomes::default();
        self.hub.flow.configure(
            &settings::channels(&fresh),
            &settings::pending(&fresh),
            directory,
            &mut outcomes,
        );
        channels.apply(&fresh, &self.hub);
        self.hub.dispatch(outcomes);
        self.hub.wake_all();
        self.hub.space.set_rules(settings::space(&fresh));
        if let (Some(held), Some(fresh)) = (&self.certificates, certificates) {
            held.replace(fresh);
        }
        if let Some(level) = changes.log_level {
            self.hub.telemetry.set_level(level);
        }
        *self.config.lock() = fresh;
        let event = Reloaded {
            accounts: changes.accounts.len(),
            channels: changes.channels.len(),
            others: changes.platforms.len() + changes.enterprises.len() + changes.service_numbers.len(),
        };
        event.emit(&self.hub.telemetry);
        Ok(changes)
    }

    /// Asks whoever runs the gateway to stop it.
    pub fn request_stop(&self) {
        self.stop_requested.notify_one();
    }

    /// Resolves when [`Self::request_stop`] was called, or when the journal failed for good: after a failed sync
    /// nobody knows what is durable, and only opening it again tells.
    pub async fn stop_requested(&self) -> StopCause {
        tokio::select! {
            () = self.stop_requested.notified() => StopCause::Command,
            () = self.hub.journal_failed.notified() => StopCause::Failure,
        }
    }

    /// Puts a configuration with other channels in force.
    pub(crate) async fn apply_channels(&self, config: Config) {
        let mut channels = self.channels.lock().await;
        let mut outcomes = Outcomes::default();
        let Ok(directory) = settings::directory(&config) else { return };
        self.hub.flow.configure(
            &settings::channels(&config),
            &settings::pending(&config),
            directory,
            &mut outcomes,
        );
        channels.apply(&config, &self.hub);
        self.hub.dispatch(outcomes);
        *self.config.lock() = config;
    }

    /// Takes nothing new, answers what is open, unbinds everybody, writes everything down. What is still queued
    /// stays in the journal for the next start.
    pub async fn stop(&self, cause: StopCause) {
        let began = clock::mono();
        let (_, queued, _) = self.hub.flow.counts();
        Stopping { cause, queued: wide(queued), unanswered: 0 }.emit(&self.hub.telemetry);
        self.hub.ledger.audit(Actor::System, AuditEvent::Draining);
        self.drain.send_replace(true);
        self.hub.wake_all();
        let mut channels = self.channels.lock().await;
        let clean = tokio::time::timeout(DRAIN, channels.stop()).await.is_ok();
        self.wait_for_north(began).await;
        let live = self.hub.flow.counts().0;
        self.hub.ledger.audit(Actor::System, AuditEvent::Stopped);
        self.hub.ledger.close();
        let threads = std::mem::take(&mut *self.threads.lock());
        let hub = Arc::clone(&self.hub);
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // The ledger hands its last turns to the committer, so it is waited for first.
                let _ = thread.join();
                hub.close_committer();
            }
        });
        let _ = joined.await;
        self.keys.release();
        Stopped { clean, live_messages: wide(live) }.emit(&self.hub.telemetry);
    }

    async fn wait_for_north(&self, began: Monotonic) {
        while self.keeper.counts().0 > 0 && clock::mono().since(began) < DRAIN {
            tokio::time::sleep(TICK).await;
            let (_, queued, _) = self.hub.flow.counts();
            let elapsed_ms = clock::mono().since(began);
            if elapsed_ms.as_millis() % 5000 < 100 {
                DrainProgress { queued: wide(queued), unanswered: 0, elapsed_ms }.emit(&self.hub.telemetry);
            }
        }
    }

    async fn serve(self: &Arc<Self>, listeners: Listeners) {
        let config = self.config();
        let telemetry = &self.hub.telemetry;
        let shared = Arc::new(Shared {
            hub: Arc::clone(&self.hub),
            accounts: Arc::clone(&self.accounts),
            store: Arc::clone(&self.store),
            config: settings::north_session(&config),
            write_stall: config.north.write_stall,
            checks: Arc::new(Semaphore::new(2)),
            draining: self.drain.subscribe(),
        });
        let mut tasks = JoinSet::new();
        if let Some(listener) = listeners.plain {
            Listening { listener: Listener::NorthPlain, address: listener.local_addr().ok() }.emit(telemetry);
            tasks.spawn(listen(listener, None, Arc::clone(&self.keeper), Arc::clone(&shared)));
        }
        if let Some((listener, certificates)) = listeners.tls {
            Listening { listener: Listener::NorthTls, address: listener.local_addr().ok() }.emit(telemetry);
            tasks.spawn(listen(listener, Some(certificates), Arc::clone(&self.keeper), Arc::clone(&shared)));
        }
        Listening { listener: Listener::Ops, address: listeners.ops.local_addr().ok() }.emit(telemetry);
        let probe: Arc<dyn Probe> = Arc::clone(self) as Arc<dyn Probe>;
        let stop = drained(self.drain.subscribe());
        let api = self.tokens.clone().map(|tokens| policy::router(Arc::clone(self), tokens));
        let http = serve_http(listeners.ops, Arc::clone(telemetry), probe, api, stop);
        tasks.spawn(async move {
            let _ = http.await;
        });
        let (app, telemetry) = (Arc::new(Arc::clone(self)), Arc::clone(telemetry));
        let stop = drained(self.drain.subscribe());
        tasks.spawn(async move { listeners.socket.serve(app, telemetry, stop).await });
        tasks.spawn(tick(Arc::clone(&self.hub), drained(self.drain.subscribe())));
        tasks.spawn(lists::keep_swept(Arc::clone(self), drained(self.drain.subscribe())));
        tasks.spawn(balances::keep_told(Arc::clone(self), drained(self.drain.subscribe())));
        tasks.spawn(number_keys::keep_ageing(Arc::clone(self), drained(self.drain.subscribe())));
        tasks.detach_all();
        self.channels.lock().await.apply(&config, &self.hub);
    }
}

impl Listeners {
    fn addresses(&self) -> Addresses {
        Addresses {
            plain: self.plain.as_ref().and_then(|listener| listener.local_addr().ok()),
            tls: self.tls.as_ref().and_then(|(listener, _)| listener.local_addr().ok()),
            ops: self.ops.local_addr().ok(),
        }
    }
}

impl Probe for App {
    fn readiness(&self) -> Readiness {
        Readiness {
            journal_open: self.hub.is_store_well(),
            space_left: !self.hub.space.is_low(),
            channels_bound: u32::try_from(self.hub.flow.channels_up()).unwrap_or(u32::MAX),
            channels_needed: self.config.lock().ops.ready_channels.into(),
            draining: *self.drain.borrow(),
        }
    }

    fn before_scrape(&self) {
        let metrics = &self.hub.telemetry.metrics;
        let (live, queued, _) = self.hub.flow.counts();
        let (connections, half_open) = self.keeper.counts();
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.flow.live.set(gauge(live));
        metrics.flow.queued.set(gauge(queued));
        let parked = self.hub.flow.parked();
        metrics.flow.parked.set(gauge(parked.parked));
        metrics.flow.in_review.set(gauge(self.hub.flow.reviews_waiting()));
        metrics.flow.scheduled.set(gauge(parked.scheduled));
        metrics.flow.reply_parts.set(gauge(self.hub.flow.parts_waiting()));
        metrics.flow.segments.set(gauge(self.hub.flow.segments_waiting()));
        metrics.north.connections.set(gauge(connections));
        metrics.north.half_open.set(gauge(half_open));
        metrics.authorizations.set(gauge(self.hub.flow.gate().registry.len()));
        metrics.policy.objects.set(gauge(self.policy.catalogue().len()));
        let usage = self.store.usage();
        metrics.journal.size.set(i64::try_from(usage.octets).unwrap_or(i64::MAX));
        metrics.journal.damaged.set(i64::try_from(usage.damaged).unwrap_or(i64::MAX));
        for channel in self.hub.flow.channel_states() {
            let of_channel = metrics.channel(&channel.id);
            of_channel.queued.set(gauge(channel.queued));
            of_channel.health.set(Condition::of(channel.health).level());
        }
        for account in self.accounts.all() {
            let outbox = self.hub.flow.outbox(account.id());
            let (pending, parked) = {
                let outbox = outbox.lock();
                (outbox.pending(), outbox.parked())
            };
            let metrics = metrics.account(account.id());
            metrics.deliveries_pending.set(gauge(pending));
            metrics.deliveries_parked.set(gauge(parked));
            metrics.frozen.set(account.is_frozen().into());
        }
    }
}

/// How many may connect.
fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        total: many(config.north.max_connections),
        per_address: many(config.north.max_connections_per_ip),
        half_open: many(config.north.max_half_open),
        handshake: config.north.bind_timeout,
    }
}

/// Where what must be kept lies.
fn watched_space(config: &Config) -> Space {
    let paths = vec![
        (StorageUse::Journal, config.data_dir.clone()),
        (StorageUse::Cdr, config.cdr_dir()),
        (StorageUse::Audit, config.audit_file()),
    ];
    Space::new(settings::space(config), paths)
}

async fn drained(mut draining: watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

/// Ends what has waited long enough.
async fn tick(hub: Arc<Hub>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = hub.long_ready.notified() => {
                let mut turn = Turn::default();
                hub.flow.long_texts(clock::now(), &mut turn);
                hub.commit(turn);
                continue;
            }
            () = &mut stop => return,
        }
        let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
        hub.flow.tick(clock::now(), &mut turn, &mut outcomes);
        hub.commit(turn);
        hub.dispatch(outcomes);
    }
}

async fn open_listeners(config: &Config) -> Result<Listeners, StartError> {
    let bind = async |address: std::net::SocketAddr| {
        TcpListener::bind(address)
            .await
            .map_err(|error| StartError::Listen { address: address.to_string(), error })
    };
    let plain = match config.north.listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let tls = match &config.north.tls {
        Some(north_tls) => {
            let error = |error| StartError::File { path: north_tls.certificate.clone(), error };
            let certificates = tls::Certificates::read(north_tls).map_err(error)?;
            Some((bind(north_tls.listen).await?, Arc::new(certificates)))
        }
        None => None,
    };
    let ops = bind(config.ops.listen).await?;
    let path = config.ops_socket();
    let socket = OpsSocket::bind(&path).map_err(|error| StartError::File { path, error })?;
    Ok(Listeners { plain, tls, ops, socket })
}

/// The journal, and the subscriber history: what takes long at a start, side by side.
fn open_data(config: &Config, keys: &KeyStore) -> Result<(Arc<dyn Store>, Recovery, Vault), StartError> {
    let (opened, vault) = std::thread::scope(|scope| {
        let vault = scope.spawn(|| read_vault(config, keys));
        (open_store(config), vault.join())
    });
    let (store, recovery) = opened?;
    let vault = vault.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    Ok((store, recovery, vault))
}

fn open_store(config: &Config) -> Result<(Arc<dyn Store>, Recovery), StartError> {
    let path = config.data_dir.join("journal");
    let failed = |error| StartError::Store { path: path.clone(), error };
    Ok(match config.journal.engine {
        JournalEngine::Log => {
            let store = LogStore::open(&path, settings::log_store(config)).map_err(failed)?;
            let recovery = store.recovery().clone();
            (Arc::new(store), recovery)
        }
        JournalEngine::Sled => {
            (Arc::new(SledStore::open(&path, SLED_CACHE).map_err(failed)?), Recovery::default())
        }
        JournalEngine::Memory => {
            (Arc::new(MemoryStore::new(config.journal.capacity_bytes.get())), Recovery::default())
        }
    })
}

fn build_flow(
    path: &Path,
    config: &Config,
    keys: &KeyStore,
    vault: Vault,
    state: State,
    store: &dyn Store,
) -> Result<(Flow, Arc<Accounts>, Arc<Identity>), StartError> {
    let setting = |error| StartError::Setting { path: path.to_path_buf(), error };
    let identity_config = veilgate_identity::Config {
        history_floor: config.identity.history_floor,
        max_pins: REGISTRY_CAPACITY,
    };
    let identity = Arc::new(Identity::new(Arc::clone(keys.ring()), vault, identity_config));
    places::load(config, &identity)?;
    let mut salt = [0; 32];
    clock::entropy(&mut salt);
    let accounts =
        Accounts::new(settings::accounts(config).map_err(setting)?, settings::lockout(config), salt);
    let accounts = accounts.map_err(|_| {
        setting(settings::SettingError { key: "accounts".to_owned(), problem: "two have one name" })
    })?;
    // Until the objects are read.
    let none = Policy::compile(&Objects::default(), &identity.gazetteer(), &state, 0, None);
    let none = none.map_err(|_| {
        setting(settings::SettingError { key: "policy".to_owned(), problem: "does not compile" })
    })?;
    let gate = Gate {
        registry: Arc::new(Registry::new(REGISTRY_CAPACITY)),
        identity: Arc::clone(&identity),
        slots: Arc::new(Slots::new(REGISTRY_CAPACITY)),
        directory: arc_swap::ArcSwap::default(),
        opt_outs: OptOuts::new(REGISTRY_CAPACITY),
        policy: Arc::new(Engine::new(state, none)),
    };
    let journal = config.data_dir.join("journal");
    let failed = |error| StartError::Store { path: journal.clone(), error };
    let first_id = reserve_ids(store, clock::now()).map_err(failed)?;
    for record in frozen_accounts(store).map_err(failed)? {
        accounts.freeze(&record.account);
    }
    let mut entropy = [0; 12];
    clock::entropy(&mut entropy);
    let node = NodeName::parse(config.node.as_str()).map_err(|_| {
        setting(settings::SettingError { key: "node".to_owned(), problem: "is no node name" })
    })?;
    let flow =
        Flow::new(gate, settings::flow_rules(config), Arc::clone(keys.ring()), node, entropy, first_id);
    let directory = settings::directory(config).map_err(setting)?;
    let mut outcomes = Outcomes::default();
    flow.configure(&settings::channels(config), &settings::pending(config), directory, &mut outcomes);
    Ok((flow, Arc::new(accounts), identity))
}

/// What the rules count. Texts are marked under a key that stays with the ring.
fn policy_state(ring: &KeyRing) -> State {
    let mut text_key = [0; 16];
    for (octet, tag) in text_key.iter_mut().zip(ring.list_tag(&[b"marks of texts"])) {
        *octet = tag;
    }
    State::new(text_key)
}

/// Where the sealed subscriber history lies.
#[must_use]
pub fn vault_file(config: &Config) -> PathBuf {
    config.data_dir.join("vault")
}

fn read_vault(config: &Config, keys: &KeyStore) -> Result<Vault, StartError> {
    let path = vault_file(config);
    if !path.exists() {
        return Ok(Vault::default());
    }
    let file = std::fs::File::open(&path).map_err(|error| StartError::File { path: path.clone(), error })?;
    Vault::read_from(std::io::BufReader::new(file), keys.ring())
        .map_err(|error| StartError::Vault { path, error })
}

/// The committer and the ledger.
fn start_threads(
    config: &Config,
    hub: &Arc<Hub>,
    store: &Arc<dyn Store>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let file = |path: &Path| {
        let path = path.to_path_buf();
        move |error| StartError::File { path, error }
    };
    let to_hub = Arc::clone(hub);
    let committer = Committer::start(Arc::clone(store), many(config.journal.group_max), move |done| {
        to_hub.committed(done)
    });
    let (committer, commit_thread) = committer.map_err(file(&config.data_dir))?;
    hub.attach(committer);
    let audit_path = config.audit_file();
    let audit =
        AuditFile::open(&audit_path, keys::audit_key(config)?, clock::wall()).map_err(file(&audit_path))?;
    let cdr_dir = config.cdr_dir();
    let carrier = CarrierName::parse(config.ledger.carrier.as_str())
        .map_err(|_| file(&cdr_dir)(ErrorKind::InvalidInput.into()))?;
    let ledger_config = LedgerConfig {
        cdr_dir: cdr_dir.clone(),
        carrier,
        rotate_every: config.ledger.rotate_every,
        keep: config.ledger.keep_cdrs,
        rotate_octets: config.ledger.rotate_bytes.get(),
    };
    let files = CdrFiles::open(ledger_config, &hub.telemetry).map_err(file(&cdr_dir))?;
    let to_hub = Arc::clone(hub);
    let ledger_thread = ledger::start(&hub.ledger, files, audit, Arc::clone(&hub.telemetry), move |ids| {
        let mut turn = Turn::default();
        for id in ids {
            to_hub.flow.cdr_written(*id, &mut turn);
        }
        to_hub.commit(turn);
    });
    Ok(vec![ledger_thread.map_err(file(&cdr_dir))?, commit_thread])
}

/// Brings the objects that rules are made of back, and puts them in force.
fn open_policy(
    config: &Config,
    engine: &Arc<Engine>,
    identity: &Arc<Identity>,
    store: &dyn Store,
    telemetry: &Telemetry,
) -> Result<PolicyStore, StartError> {
    let path = config.data_dir.join("journal");
    let rules = policy::Enforced::new(Arc::clone(engine), Arc::clone(identity), config.policy.shipped_limits);
    let opened = PolicyStore::open(store, Arc::new(rules));
    let opened = opened.map_err(|error| StartError::Objects { path, error })?;
    let catalogue = opened.catalogue();
    telemetry.metrics.policy.in_force(catalogue.number(), catalogue.changed_at());
    Ok(opened)
}

/// Brings messages, deliveries, registrations and CDRs back from the store.
fn restore(config: &Config, hub: &Arc<Hub>, store: &Arc<dyn Store>) -> Result<Restored, StartError> {
    let path = config.data_dir.join("journal");
    let failed = |error| StartError::Store { path: path.clone(), error };
    let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
    let pending = pending_cdrs(&**store).map_err(failed)?;
    if let Some(oldest) = pending.iter().map(|cdr| cdr.done_at).min() {
        let cdr_dir = config.cdr_dir();
        // Files of the hour before, too: a CDR is written a little after its message ended.
        let since = oldest.minus(Duration::from_secs(3600));
        let written =
            written_ids(&cdr_dir, since).map_err(|error| StartError::File { path: cdr_dir, error })?;
        let (done, missing) = pending.into_iter().partition::<Vec<_>, _>(|cdr| written.contains(&cdr.id));
        for cdr in done {
            hub.flow.cdr_written(cdr.id, &mut turn);
        }
        hub.ledger.cdrs(missing);
    }
    let restored = hub.flow.restore(&**store, clock::now(), &mut turn, &mut outcomes).map_err(failed)?;
    hub.commit(turn);
    hub.dispatch(outcomes);
    Ok(restored)
}

/// Tidies up the store, a little at a time, until the process ends.
fn start_maintenance(
    config: &Config,
    store: &Arc<dyn Store>,
    hub: &Arc<Hub>,
) -> std::io::Result<JoinHandle<()>> {
    let mut purger = Purger::new(config.registry.keep_expired);
    let mut damages = StoreDamages::default();
    hub.space.look(store.usage(), &hub.telemetry, free_octets);
    let mut receipts = ReceiptKeeper::new(config.flow.receipt_lifetime);
    let mut swept_at = clock::mono();
    let (store, hub) = (Arc::downgrade(store), Arc::downgrade(hub));
    std::thread::Builder::new().name("maintain".to_owned()).spawn(move || {
        while let (Some(store), Some(hub)) = (store.upgrade(), hub.upgrade()) {
            if hub.is_closed() {
                return;
            }
            let now = clock::now();
            if now.mono.since(swept_at) >= SWEEP_ROUND {
                swept_at = now.mono;
                let mut turn = Turn::default();
                hub.flow.sweep_slots(now, &mut turn);
                hub.flow.forget_submits(now.wall, &mut turn);
                hub.flow.keep_policy(now, &mut turn);
                hub.commit(turn);
            }
            hub.space.look(store.usage(), &hub.telemetry, free_octets);
            let began = clock::mono();
            let more = match store.maintain(Budget::default()) {
                Ok(done) => done.more,
                Err(error) => {
                    let error = if matches!(error, StoreError::Full) {
                        ErrorKind::StorageFull
                    } else {
                        ErrorKind::Other
                    };
                    StorageFailed { storage: StorageUse::Journal, error }.emit(&hub.telemetry);
                    false
                }
            };
            damages.tell(&*store, &hub);
            purger.step(&hub);
            receipts.step(&hub);
            let is_pressed = hub.space.is_low();
            drop((store, hub));
            let busy = clock::mono().since(began);
            let pause = if is_pressed { STEP_PAUSE } else { STEP_PAUSE.max(busy * 2) };
            std::thread::park_timeout(if more { pause } else { MAINTAIN });
        }
    })
}

fn many(count: std::num::NonZeroU32) -> usize {
    usize::try_from(count.get()).unwrap_or(usize::MAX)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
