//! What a run does, in full: who sends, what, to whom, at which pace, one phase after another. [`LoadOptions`] is the
//! plain form of it, a script the written one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::recipients::{RecipientForm, Recipients, RecipientsError};
use super::template::Kind;
use super::{LoadOptions, Misfit};
use crate::message::Address;
use crate::tls::TlsOptions;

/// A whole run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the report is called.
    pub title: String,
    /// The server.
    pub address: SocketAddr,
    /// 0x34 or 0x50.
    pub interface_version: u8,
    /// TLS, if wanted.
    pub tls: Option<TlsOptions>,
    /// What the messages go over.
    pub way: Way,
    /// Who sends; at least one.
    pub accounts: Vec<Account>,
    /// What they do, in turn; at least one.
    pub phases: Vec<Phase>,
    /// The open loop's schedule is cut into ticks: messages of one tick are meant to go at its start.
    pub tick: Duration,
    /// How many messages are sent at most, over all accounts.
    pub count: Option<u64>,
    /// The first message number.
    pub first_number: u64,
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
    /// File that gets a line per outcome.
    pub ack_log: Option<PathBuf>,
    /// Messages remembered for their receipt.
    pub track_limit: usize,
    /// Time between two points of the report's series.
    pub interval: Duration,
    /// Processes whose processor time and memory the report tells, by name.
    pub watch: Vec<(String, u32)>,
}

/// What messages go over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Way {
    /// submit_sm; receipts as deliver_sm.
    #[default]
    Smpp,
    /// Kannel's sendsms by HTTP, one request at a time on each connection; receipts as calls of a URL here.
    Kannel,
}

/// An account that sends.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name to the server, at most 15 characters.
    pub system_id: String,
    /// Password, at most 8 characters.
    pub password: String,
    /// Connections, each a transceiver.
    pub binds: usize,
    /// Messages without response per connection.
    pub window: usize,
    /// Its part of the rate and of the count, in proportion to the others'.
    pub share: f64,
    /// Service number its messages come from.
    pub source: Address,
    /// To whom they go, in turn.
    pub recipients: Arc<Recipients>,
    /// What it sends, unless the phase says otherwise.
    pub mix: Vec<Kind>,
}

/// A part of a run.
#[derive(Debug, Clone)]
pub struct Phase {
    /// What it is called.
    pub name: String,
    /// How long it takes; without it, it is the last.
    pub duration: Option<Duration>,
    /// How fast it goes.
    pub pace: Pace,
    /// Does it count? What is sent in others is only told in the series and in the sums of messages.
    pub measured: bool,
    /// What all accounts send in it.
    pub mix: Option<Vec<Kind>>,
}

/// How fast messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as the windows allow.
    Closed,
    /// From so many a second to so many, evenly growing, whatever the server does.
    Open {
        /// At the phase's beginning, over all accounts.
        from: f64,
        /// At its end.
        to: f64,
    },
}

impl Plan {
    /// The run that registers everybody: one message in the short form to each recipient of `file`, as fast as
    /// possible, by the first account. Its numbers are not those of any other run.
    ///
    /// # Errors
    /// The file lacks what the short form needs.
    pub fn registration(&self, file: &std::path::Path) -> Result<Self, RecipientsError> {
        let recipients = Recipients::read(file, RecipientForm::Edi)?;
        let count = u64::try_from(recipients.len()).ok();
        let accounts = self.accounts.iter().take(1).cloned();
        let accounts =
            accounts.map(|account| Account { recipients: Arc::new(recipients.clone()), ..account });
        let phase = Phase {
            name: "registration".to_owned(),
            duration: None,
            pace: Pace::Closed,
            measured: true,
            mix: None,
        };
        Ok(Self {
            title: "registration".to_owned(),
            accounts: accounts.collect(),
            phases: vec![phase],
            count,
            first_number: 500_000_000_000,
            watch: Vec::new(),
            ..self.clone()
        })
    }
}

impl From<LoadOptions> for Plan {
    fn from(options: LoadOptions) -> Self {
        let content = options.content;
        let kind = Kind {
            weight: 1,
            prefix: content.prefix,
            length: content.length,
            wide: content.wide,
            split: None,
            registered_delivery: content.registered_delivery,
            receipt_percent: 100.0,
        };
        let account = Account {
            system_id: options.system_id,
            password: options.password,
            binds: options.binds,
            window: options.window,
            share: 1.0,
            source: content.source,
            recipients: Arc::new(options.recipients),
            mix: vec![kind],
        };
        let pace = match options.rate {
            rate if rate > 0.0 => Pace::Open { from: rate, to: rate },
            _ => Pace::Closed,
        };
        let name = "run".to_owned();
        Self {
            title: "load".to_owned(),
            address: options.address,
            interface_version: options.interface_version,
            tls: options.tls,
            way: Way::Smpp,
            accounts: vec![account],
            phases: vec![Phase { name, duration: options.duration, pace, measured: true, mix: None }],
            tick: options.tick,
            count: options.count,
            first_number: 0,
            receipts: options.receipts,
            drain: options.drain,
            response_timeout: options.response_timeout,
            reconnect: options.reconnect,
            reconnect_for: options.reconnect_for,
            ack_log: options.ack_log,
            track_limit: options.track_limit,
            interval: Duration::from_secs(1),
            watch: Vec::new(),
        }
    }
}

/// Is the account's mix sendable?
pub(super) fn check(source: &Address, mix: &[Kind]) -> Result<(), Misfit> {
    mix.iter().try_for_each(|kind| super::template::Template::new(source, kind).map(drop))
}
