//! The load generator: several transceivers that submit as fast as a window allows (closed loop) or at a fixed
//! rate whatever the server does (open loop; latencies count from the moment a message was meant to go).

mod expectation;
mod kannel;
mod lane;
mod outgoing;
mod peer;
mod plan;
mod processes;
mod recipients;
mod report;
mod script;
mod series;
mod shared;
mod template;
mod tracker;

pub use expectation::{Check, Expectation, Unexpected};
pub use plan::{Account, Pace, Phase, Plan, Way};
pub use processes::{ProcessPoint, ProcessReport};
pub use recipients::{RecipientForm, Recipients, RecipientsError, Row};
pub use report::{AccountReport, Distribution, FORM, PhaseReport, Progress, Quantiles, Report};
pub use script::{Script, ScriptError};
pub use template::{Content, Kind, Misfit};

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::clock;
use crate::pump;
use crate::tls::{self, TlsOptions};
use kannel::HttpPeer;
use peer::{LoadPeer, Stage};
use series::Totals;
use shared::Shared;

/// What a run does.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The server.
    pub address: SocketAddr,
    /// Account, at most 15 characters.
    pub system_id: String,
    /// Password, at most 8 characters.
    pub password: String,
    /// 0x34 or 0x50.
    pub interface_version: u8,
    /// TLS, if wanted.
    pub tls: Option<TlsOptions>,
    /// Connections, each a transceiver.
    pub binds: usize,
    /// Messages without response per connection.
    pub window: usize,
    /// Messages a second over all connections; 0 is the closed loop.
    pub rate: f64,
    /// The open loop's schedule is cut into ticks: messages of one tick are meant to go at its start. Longer
    /// ticks cost less processor time; zero spreads messages evenly.
    pub tick: Duration,
    /// How long messages are sent.
    pub duration: Option<Duration>,
    /// How many are sent.
    pub count: Option<u64>,
    /// What they look like.
    pub content: Content,
    /// To whom they go, in turn.
    pub recipients: Recipients,
    /// Track receipts, and wait for them in the end.
    pub receipts: bool,
    /// How long the end waits for receipts.
    pub drain: Duration,
    /// How long a response may take.
    pub response_timeout: Duration,
    /// Connect again when a connection is lost.
    pub reconnect: bool,
    /// How long it tries before it gives up.
    pub reconnect_for: Duration,
    /// File that gets `A number id`, `U number` (outcome unknown) and `R id state`, appended as they happen.
    pub ack_log: Option<PathBuf>,
    /// Messages remembered for their receipt.
    pub track_limit: usize,
}

impl LoadOptions {
    /// One bind with window 100 in a closed loop for ten seconds, plain numbers, receipts tracked.
    #[must_use]
    pub fn new(address: SocketAddr, system_id: &str, password: &str) -> Self {
        let source = crate::message::Address::guess("10690001");
        Self {
            address,
            system_id: system_id.to_owned(),
            password: password.to_owned(),
            interface_version: 0x34,
            tls: None,
            binds: 1,
            window: 100,
            rate: 0.0,
            tick: Duration::from_millis(1),
            duration: Some(Duration::from_secs(10)),
            count: None,
            content: Content {
                source,
                prefix: String::new(),
                length: 60,
                wide: false,
                registered_delivery: 1,
            },
            recipients: Recipients::numbers(10_000),
            receipts: true,
            drain: Duration::from_secs(10),
            response_timeout: Duration::from_secs(10),
            reconnect: false,
            reconnect_for: Duration::from_secs(60),
            ack_log: None,
            track_limit: 4_000_000,
        }
    }
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A bind was refused.
    #[error("bind refused with status 0x{0:X}")]
    Refused(u32),
    /// No connection at the start.
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    /// The log cannot be written.
    #[error("ack log: {0}")]
    Log(std::io::Error),
    /// The text does not fit.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// system_id or password is too long or not ASCII.
    #[error("system_id or password does not fit its field")]
    Credentials,
    /// There is no account, no bind or no phase.
    #[error("a run needs an account and a phase")]
    Empty,
    /// No histogram could be made.
    #[error("no histogram")]
    Histogram,
}

/// Runs a plain load and tells `progress` once a second.
///
/// # Errors
/// [`LoadError`]: nothing could be sent at all. Whatever happens later is in the report.
pub async fn run(options: LoadOptions, progress: impl FnMut(&Progress) + Send) -> Result<Report, LoadError> {
    play(options.into(), progress).await
}

/// Runs a plan and tells `progress` once an interval.
///
/// # Errors
/// [`LoadError`]: nothing could be sent at all. Whatever happens later is in the report.
pub async fn play(plan: Plan, mut progress: impl FnMut(&Progress) + Send) -> Result<Report, LoadError> {
    check(&plan)?;
    let log = match &plan.ack_log {
        Some(path) => Some(OpenOptions::new().create(true).append(true).open(path).map_err(LoadError::Log)?),
        None => None,
    };
    let shared = Arc::new(Shared::new(plan, log)?);
    let mut streams = Vec::new();
    for _ in 0..shared.binds() {
        let stream = tls::connect(shared.plan.address, shared.plan.tls.as_ref()).await;
        streams.push(stream.map_err(LoadError::Connect)?);
    }
    let mut totals = Totals::new(&shared)?;
    let begun = shared.begin();
    let mut tasks = JoinSet::new();
    let callbacks = match shared.plan.way {
        Way::Smpp => None,
        Way::Kannel => Some(kannel::serve_receipts(Arc::clone(&shared)).await.map_err(LoadError::Connect)?),
    };
    for (index, stream) in (0u64..).zip(streams) {
        let bind = Arc::clone(&shared);
        match &callbacks {
            None => {
                let peer = LoadPeer::new(bind, index).ok_or(LoadError::Empty)?;
                tasks.spawn(serve(Arc::clone(&shared), index, peer, stream));
            }
            Some((address, _)) => {
                let peer = HttpPeer::new(bind, index, *address).ok_or(LoadError::Empty)?;
                tasks.spawn(serve_http(Arc::clone(&shared), index, peer, stream));
            }
        }
    }
    let refused = watch(&shared, begun, &mut totals, &mut tasks, &mut progress).await;
    if let Some((_, task)) = callbacks {
        task.abort();
    }
    totals.step(&shared, begun);
    let report = totals.report(&shared, begun);
    match refused {
        Some(status) if report.submitted == 0 => Err(LoadError::Refused(status)),
        _ => Ok(report),
    }
}

fn check(plan: &Plan) -> Result<(), LoadError> {
    let fits =
        |text: &str, room: usize| text.len() <= room && text.bytes().all(|octet| (1..128).contains(&octet));
    if plan.accounts.is_empty() || plan.phases.is_empty() {
        return Err(LoadError::Empty);
    }
    for account in &plan.accounts {
        if !fits(&account.system_id, 15) || !fits(&account.password, 8) {
            return Err(LoadError::Credentials);
        }
        plan::check(&account.source, &account.mix)?;
    }
    Ok(())
}

/// Takes the measure at each interval and at the end of each phase, until all binds are over. Gives the status of a
/// refused bind.
async fn watch(
    shared: &Shared,
    begun: u64,
    totals: &mut Totals,
    tasks: &mut JoinSet<Stage>,
    progress: &mut (impl FnMut(&Progress) + Send),
) -> Option<u32> {
    let mut ticks = tokio::time::interval(shared.plan.interval.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let started = Instant::from_std(clock::now());
    let mut ends = ends(&shared.plan).into_iter();
    let mut end = ends.next();
    let mut refused = None;
    loop {
        let phase_end = async {
            match end {
                Some(end) => tokio::time::sleep_until(started + end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = tasks.join_next() => match ended {
                Some(Ok(Stage::Refused(status))) => refused = Some(status),
                Some(_) => {}
                None => return refused,
            },
            _ = ticks.tick() => progress(&totals.step(shared, begun)),
            () = phase_end => {
                totals.take(shared, begun);
                totals.end_phase(shared, begun);
                end = ends.next();
            }
        }
    }
}

/// When phases end, from the start; without the last one, which ends with the run.
fn ends(plan: &Plan) -> Vec<Duration> {
    let before_last = plan.phases.len().saturating_sub(1);
    let mut end = Duration::ZERO;
    let all = plan.phases.iter().take(before_last).map_while(|phase| {
        end = end.saturating_add(phase.duration?);
        Some(end)
    });
    all.collect()
}

/// Runs one bind to its end, over as many connections as it takes.
async fn serve(shared: Arc<Shared>, index: u64, mut peer: LoadPeer, mut stream: tls::Stream) -> Stage {
    loop {
        let ended = match stream {
            tls::Stream::Plain(stream) => pump::run(stream, &mut peer).await,
            tls::Stream::Tls(stream) => pump::run(stream, &mut peer).await,
        };
        if peer.stage() == Stage::Unbinding || matches!(peer.stage(), Stage::Over | Stage::Refused(_)) {
            break;
        }
        peer.lost();
        if ended.is_ok() || !shared.plan.reconnect {
            break;
        }
        let Some(again) = reconnect(&shared).await else { break };
        stream = again;
    }
    finish(&shared, index);
    peer.stage()
}

/// Runs one connection to Kannel, over as many as it takes: smsbox closes them now and then.
async fn serve_http(shared: Arc<Shared>, index: u64, mut peer: HttpPeer, mut stream: tls::Stream) -> Stage {
    loop {
        let ended = pump::run(stream, &mut peer).await;
        if peer.stage() == Stage::Over {
            break;
        }
        peer.lost();
        let again = reconnect(&shared).await;
        let (Some(again), true) = (again, ended.is_err()) else { break };
        stream = again;
    }
    finish(&shared, index);
    peer.stage()
}

/// Tries to connect until it works or the patience is at its end.
async fn reconnect(shared: &Shared) -> Option<tls::Stream> {
    let begun = clock::now();
    while begun.elapsed() < shared.plan.reconnect_for {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if let Ok(stream) = tls::connect(shared.plan.address, shared.plan.tls.as_ref()).await {
            return Some(stream);
        }
    }
    None
}

/// A bind that is over must not hold up the others.
fn finish(shared: &Shared, index: u64) {
    let mut stats = shared.stats(index).lock();
    stats.draining = true;
    stats.bound = false;
}

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;
