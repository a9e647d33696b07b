//! What the SMSC saw and did: kept in memory for tests, written as JSON lines for everybody else.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Write;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

use crate::clock;
use crate::receipt::State;
use crate::text::Part;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A bind was answered.
    Bind,
    /// A submit_sm or data_sm came.
    Submit,
    /// A receipt was sent.
    Receipt,
    /// A reply (mobile originated message) was sent.
    Reply,
    /// A deliver_sm was answered.
    DeliverResponse,
    /// A cancel_sm came.
    Cancel,
    /// A query_sm came.
    Query,
    /// A PDU that rusmpp refuses came.
    Undecodable,
    /// The peer unbound.
    Unbind,
    /// A connection ended.
    Disconnect,
}

/// One event with what belongs to it.
#[derive(Debug, Clone, Serialize)]
pub struct Observed {
    /// What happened.
    pub event: Event,
    /// Wall time, RFC 3339.
    pub at: String,
    /// Monotonic time since the process began, in nanoseconds.
    pub nanos: u64,
    /// Which connection.
    pub session: u64,
    /// Whose.
    pub system_id: String,
    /// `command_status` given or received; `None` if there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u32>,
    /// The message's id as in the response.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message_id: String,
    /// Source address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Destination address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub destination: String,
    /// Text, decoded, without user data header.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// `data_coding`.
    pub data_coding: u8,
    /// `esm_class`.
    pub esm_class: u8,
    /// `registered_delivery`.
    pub registered_delivery: u8,
    /// Which part of a long message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// State that a receipt told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Tags of the TLVs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tlv_tags: Vec<u16>,
    /// The PDU as it came, for leak scans.
    #[serde(skip)]
    pub octets: Bytes,
}

impl Observed {
    /// An event with nothing but its place and time.
    #[must_use]
    pub fn new(event: Event, session: u64, system_id: &str) -> Self {
        Self {
            event,
            at: clock::wall().to_string(),
            nanos: clock::nanos(),
            session,
            system_id: system_id.to_owned(),
            status: None,
            message_id: String::new(),
            source: String::new(),
            destination: String::new(),
            text: String::new(),
            data_coding: 0,
            esm_class: 0,
            registered_delivery: 0,
            part: None,
            state: None,
            tlv_tags: Vec::new(),
            octets: Bytes::new(),
        }
    }
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Observed>,
    counts: HashMap<Event, usize>,
}

/// The record of events.
pub(super) struct Record {
    kept: Mutex<Kept>,
    file: Option<Mutex<File>>,
    limit: usize,
    grown: watch::Sender<u64>,
}

impl Record {
    pub(super) fn new(limit: usize, file: Option<File>) -> Self {
        Self { kept: Mutex::default(), file: file.map(Mutex::new), limit, grown: watch::Sender::new(0) }
    }

    pub(super) fn add(&self, observed: Observed) {
        if let Some(file) = &self.file
            && let Ok(mut line) = serde_json::to_vec(&observed)
        {
            line.push(b'\n');
            let _ = file.lock().write_all(&line);
        }
        let mut kept = self.kept.lock();
        if kept.events.len() >= self.limit
            && let Some(oldest) = kept.events.pop_front()
        {
            *kept.counts.entry(oldest.event).or_default() -= 1;
        }
        if self.limit > 0 {
            *kept.counts.entry(observed.event).or_default() += 1;
            kept.events.push_back(observed);
        }
        drop(kept);
        self.grown.send_modify(|count| *count += 1);
    }

    pub(super) fn snapshot(&self) -> Vec<Observed> {
        self.kept.lock().events.iter().cloned().collect()
    }

    pub(super) fn select(&self, event: Event) -> Vec<Observed> {
        self.kept.lock().events.iter().filter(|each| each.event == event).cloned().collect()
    }

    pub(super) fn count(&self, event: Event) -> usize {
        self.kept.lock().counts.get(&event).copied().unwrap_or(0)
    }

    /// Was a message accepted under this id, as far as is remembered?
    pub(super) fn knows(&self, message_id: &str) -> bool {
        let submit = |each: &&Observed| each.event == Event::Submit;
        self.kept.lock().events.iter().filter(submit).any(|each| each.message_id == message_id)
    }

    pub(super) fn follow(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }
}
