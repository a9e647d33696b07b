//! A simulated SMSC for any ESME: answers by rule, makes receipts and replies, and records what it saw.

mod deliver;
mod ids;
mod observed;
mod options;
mod rules;
mod session;
mod shared;

pub use ids::IdFormat;
pub use observed::{Event, Observed};
pub use options::{ReceiptForm, ReceiptOptions, ReceiptOrder, ReceiptWhen, RulesFile, SmscOptions, StateMix};
pub use rules::{Action, AnswerRule, Condition, ReplyRule, RuleError, Span};
pub use shared::Counters;

pub(crate) use deliver::{place, read};

use std::fs::OpenOptions;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusmpp::Pdu;
use rusmpp::pdus::Outbind;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::clock;
use crate::message::{Address, Message, Unfit, cstring};
use crate::text::{Coding, Split};
use observed::Record;
use shared::{Order, Shared};

/// Starts simulated SMSCs.
#[derive(Debug)]
pub struct Simulator;

/// A simulated SMSC that runs; dropping it stops it.
pub struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    connections: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

/// A message from a handset, not provoked by any.
#[derive(Debug, Clone)]
pub struct MobileOriginated {
    /// Account that gets it; `None` takes any that is bound.
    pub system_id: Option<String>,
    /// The handset's number.
    pub source: Address,
    /// The service number it writes to.
    pub destination: Address,
    /// Text.
    pub text: String,
    /// Coding.
    pub coding: Coding,
    /// How it is split when long.
    pub split: Split,
}

impl Simulator {
    /// Listens and serves until the result is stopped or dropped.
    ///
    /// # Errors
    /// The address cannot be bound or the log file not opened.
    pub async fn start(options: SmscOptions) -> io::Result<Running> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let file = match &options.log {
            Some(path) => Some(OpenOptions::new().create(true).append(true).open(path)?),
            None => None,
        };
        let record = Record::new(options.observed_limit, file);
        let shared = Arc::new(Shared::new(options, record));
        let connections = Arc::new(AtomicU64::new(0));
        let schedule = tokio::spawn(shared::run_schedule(Arc::clone(&shared)));
        let accept = tokio::spawn(accept(listener, Arc::clone(&shared), Arc::clone(&connections)));
        Ok(Running { address, shared, connections, tasks: vec![schedule, accept] })
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, connections: Arc<AtomicU64>) {
    let room = Arc::new(Semaphore::new(shared.options.max_sessions));
    // Sessions end with this task: the set aborts them when it is dropped.
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
                let id = connections.fetch_add(1, Ordering::Relaxed) + 1;
                let shared = Arc::clone(&shared);
                sessions.spawn(async move {
                    session::run(shared, stream, id, None).await;
                    drop(permit);
                });
            }
            Some(_) = sessions.join_next() => {}
        }
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything it still remembers, oldest first.
    #[must_use]
    pub fn observed(&self) -> Vec<Observed> {
        self.shared.record.snapshot()
    }

    /// The messages it remembers, oldest first.
    #[must_use]
    pub fn submits(&self) -> Vec<Observed> {
        self.shared.record.select(Event::Submit)
    }

    /// Waits until `count` events of this kind are remembered; gives what there is at the end of `patience`.
    pub async fn wait(&self, event: Event, count: usize, patience: Duration) -> Vec<Observed> {
        let mut grown = self.shared.record.follow();
        let enough = async {
            while self.shared.record.count(event) < count {
                if grown.changed().await.is_err() {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(patience, enough).await;
        self.shared.record.select(event)
    }

    /// Counts since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.counters()
    }

    /// Connections that are bound now.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.shared.bound()
    }

    /// Deliveries that wait: scheduled, or for a receiver.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.waiting()
    }

    /// Answers by these rules from now on.
    pub fn set_answers(&self, rules: Vec<AnswerRule>) {
        self.shared.set_answers(rules);
    }

    /// Replies by these rules from now on.
    pub fn set_replies(&self, rules: Vec<ReplyRule>) {
        self.shared.set_replies(rules);
    }

    /// Lets a handset write. False if nobody is bound or the coding cannot express the text.
    pub fn write(&self, message: &MobileOriginated) -> bool {
        let Some(system_id) = message.system_id.clone().or_else(|| self.shared.any_account()) else {
            return false;
        };
        let how = (message.coding, message.split);
        let reference = u16::try_from(clock::nanos() & 0xFFFF).unwrap_or(0);
        let parts = deliver::reply(&message.source, &message.destination, &message.text, how, reference);
        let sent = parts.is_some();
        for delivery in parts.unwrap_or_default() {
            self.shared.deliver_at(clock::now(), &system_id, delivery);
        }
        sent
    }

    /// Sends a deliver_sm exactly as given to a receiver of `system_id`.
    pub fn deliver(&self, system_id: &str, message: Message) {
        let delivery =
            deliver::Delivery { kind: deliver::Kind::Reply, message_id: String::new(), message, attempts: 0 };
        self.shared.deliver_at(clock::now(), system_id, delivery);
    }

    /// Closes every connection without a word.
    pub fn disconnect_all(&self) {
        self.shared.tell_all(Order::Disconnect);
    }

    /// Sends unbind on every connection.
    pub fn unbind_all(&self) {
        self.shared.tell_all(Order::Unbind);
    }

    /// Sends enquire_link on every connection.
    pub fn enquire_all(&self) {
        self.shared.tell_all(Order::EnquireLink);
    }

    /// Connects to an ESME, sends outbind and serves the connection as if the ESME had come.
    ///
    /// # Errors
    /// No connection, or a name too long for its field.
    pub async fn outbind(&mut self, address: SocketAddr, password: &str) -> io::Result<()> {
        let fit = |error: Unfit| io::Error::new(io::ErrorKind::InvalidInput, error);
        let outbind = Outbind {
            system_id: cstring(&self.shared.options.identity, "system_id").map_err(fit)?,
            password: cstring(password, "password").map_err(fit)?,
        };
        let stream = TcpStream::connect(address).await?;
        let id = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let shared = Arc::clone(&self.shared);
        self.tasks.retain(|task| !task.is_finished());
        self.tasks.push(tokio::spawn(session::run(shared, stream, id, Some(Pdu::Outbind(outbind)))));
        Ok(())
    }

    /// Stops listening and closes every connection.
    pub async fn stop(mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
