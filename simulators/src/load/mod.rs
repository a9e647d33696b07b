//! The load generator: several transceivers that submit as fast as a window allows (closed loop) or at a fixed
//! rate whatever the server does (open loop; latencies count from the moment a message was meant to go).

mod peer;
mod recipients;
mod report;
mod shared;
mod template;
mod tracker;

pub use recipients::{RecipientForm, Recipients, RecipientsError, Row};
pub use report::{Progress, Quantiles, Report};
pub use template::{Content, Misfit};

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::clock;
use crate::pump;
use crate::receipt::STATES;
use crate::tls::{self, TlsOptions};
use peer::{LoadPeer, Stage};
use shared::{Shared, Stats, histogram};

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
    /// No histogram could be made.
    #[error("no histogram")]
    Histogram,
}

/// Runs a load and tells `progress` once a second.
///
/// # Errors
/// [`LoadError`]: nothing could be sent at all. Whatever happens later is in the report.
pub async fn run(
    options: LoadOptions,
    mut progress: impl FnMut(&Progress) + Send,
) -> Result<Report, LoadError> {
    let fits =
        |text: &str, room: usize| text.len() <= room && text.bytes().all(|octet| (1..128).contains(&octet));
    if !fits(&options.system_id, 15) || !fits(&options.password, 8) {
        return Err(LoadError::Credentials);
    }
    let log = match &options.ack_log {
        Some(path) => Some(OpenOptions::new().create(true).append(true).open(path).map_err(LoadError::Log)?),
        None => None,
    };
    let shared = Arc::new(Shared::new(options, log)?);
    let mut streams = Vec::new();
    for _ in 0..shared.binds() {
        let stream = tls::connect(shared.options.address, shared.options.tls.as_ref()).await;
        streams.push(stream.map_err(LoadError::Connect)?);
    }
    let mut totals = Totals::new()?;
    let begun = shared.begin();
    let mut tasks = JoinSet::new();
    for (index, stream) in (0u64..).zip(streams) {
        tasks.spawn(serve(Arc::clone(&shared), index, stream));
    }
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    let mut refused = None;
    loop {
        tokio::select! {
            ended = tasks.join_next() => match ended {
                Some(Ok(Stage::Refused(status))) => refused = Some(status),
                Some(_) => {}
                None => break,
            },
            _ = ticks.tick() => progress(&totals.step(&shared, begun)),
        }
    }
    totals.step(&shared, begun);
    let report = totals.report(&shared, begun);
    match refused {
        Some(status) if report.submitted == 0 => Err(LoadError::Refused(status)),
        _ => Ok(report),
    }
}

/// Runs one bind to its end, over as many connections as it takes.
async fn serve(shared: Arc<Shared>, index: u64, mut stream: tls::Stream) -> Stage {
    let mut peer = LoadPeer::new(Arc::clone(&shared), index);
    loop {
        let ended = match stream {
            tls::Stream::Plain(stream) => pump::run(stream, &mut peer).await,
            tls::Stream::Tls(stream) => pump::run(stream, &mut peer).await,
        };
        if peer.stage() == Stage::Unbinding || matches!(peer.stage(), Stage::Over | Stage::Refused(_)) {
            break;
        }
        peer.lost();
        if ended.is_ok() || !shared.options.reconnect {
            break;
        }
        let Some(again) = reconnect(&shared).await else { break };
        stream = again;
    }
    finish(&shared, index);
    peer.stage()
}

/// Tries to connect until it works or the patience is at its end.
async fn reconnect(shared: &Shared) -> Option<tls::Stream> {
    let begun = clock::now();
    while begun.elapsed() < shared.options.reconnect_for {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if let Ok(stream) = tls::connect(shared.options.address, shared.options.tls.as_ref()).await {
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

/// Sums over all binds.
struct Totals {
    response: Histogram<u64>,
    from_send: Histogram<u64>,
    receipt: Histogram<u64>,
    sums: Sums,
    at: f64,
}

#[derive(Default, Clone, Copy)]
struct Sums {
    submitted: u64,
    accepted: u64,
    answered: u64,
    unknown: u64,
    receipts: u64,
    duplicates: u64,
    replies: u64,
    notifications: u64,
    disconnects: u64,
    bound: u64,
    last_response: u64,
    last_receipt: u64,
}

impl Sums {
    fn add(&mut self, stats: &Stats) {
        self.submitted += stats.submitted;
        self.accepted += stats.accepted;
        self.answered += stats.statuses.iter().map(|(_, count)| count).sum::<u64>();
        self.unknown += stats.unknown;
        self.receipts += stats.receipts;
        self.duplicates += stats.duplicates;
        self.replies += stats.replies;
        self.notifications += stats.notifications;
        self.disconnects += stats.disconnects;
        self.bound += u64::from(stats.bound);
        self.last_response = self.last_response.max(stats.last_response);
        self.last_receipt = self.last_receipt.max(stats.last_receipt);
    }
}

impl Totals {
    fn new() -> Result<Self, LoadError> {
        let sums = Sums::default();
        Ok(Self { response: histogram()?, from_send: histogram()?, receipt: histogram()?, sums, at: 0.0 })
    }

    /// Takes over what the binds measured since the last step.
    fn step(&mut self, shared: &Shared, begun: u64) -> Progress {
        let seconds = seconds(clock::nanos().saturating_sub(begun));
        let mut sums = Sums::default();
        let mut p99 = 0;
        for stats in shared.all_stats() {
            let mut stats = stats.lock();
            sums.add(&stats);
            p99 = p99.max(stats.response.value_at_quantile(0.99));
            let stats = &mut *stats;
            for (total, part) in [
                (&mut self.response, &mut stats.response),
                (&mut self.from_send, &mut stats.from_send),
                (&mut self.receipt, &mut stats.receipt),
            ] {
                let _ = total.add(&*part);
                part.reset();
            }
        }
        let span = (seconds - self.at).max(0.001);
        let rate = |now: u64, before: u64| ratio(now.saturating_sub(before), span);
        let progress = Progress {
            seconds,
            submit_rate: rate(sums.submitted, self.sums.submitted),
            accept_rate: rate(sums.accepted, self.sums.accepted),
            receipt_rate: rate(sums.receipts, self.sums.receipts),
            submitted: sums.submitted,
            accepted: sums.accepted,
            refused: sums.answered.saturating_sub(sums.accepted),
            receipts: sums.receipts,
            awaiting: shared.tracker.waiting(),
            bound: sums.bound,
            p99_us: p99,
        };
        (self.sums, self.at) = (sums, seconds);
        progress
    }

    fn report(&self, shared: &Shared, begun: u64) -> Report {
        let sums = &self.sums;
        let mut report = Report {
            seconds: seconds(sums.last_response.saturating_sub(begun)),
            submitted: sums.submitted,
            accepted: sums.accepted,
            unknown: sums.unknown,
            response: Quantiles::of(&self.response),
            response_from_send: Quantiles::of(&self.from_send),
            receipt: Quantiles::of(&self.receipt),
            full_trips: shared.tracker.matched(),
            notifications: sums.notifications,
            missing_receipts: shared.tracker.waiting(),
            duplicate_receipts: sums.duplicates,
            unknown_receipts: shared.tracker.unknown(),
            untracked: shared.tracker.untracked(),
            replies: sums.replies,
            disconnects: sums.disconnects,
            ..Report::default()
        };
        report.submit_rate = ratio(sums.accepted, report.seconds.max(0.001));
        let trip = seconds(sums.last_receipt.saturating_sub(begun)).max(0.001);
        report.full_trip_rate = ratio(report.full_trips, trip);
        for stats in shared.all_stats() {
            let stats = stats.lock();
            for (status, count) in &stats.statuses {
                *report.statuses.entry(format!("0x{status:X}")).or_default() += count;
            }
            for state in STATES {
                let count = stats.states.get(usize::from(state.octet())).copied().unwrap_or(0);
                if count > 0 {
                    *report.receipts.entry(state.text().to_owned()).or_default() += count;
                }
            }
        }
        report
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn ratio(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[cfg(test)]
mod tests;
