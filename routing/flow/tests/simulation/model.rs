//! The reference model: what must hold, whatever happens. It knows what was asked, what the peers saw and what was
//! written down, and nothing of how the gateway works.

use std::collections::{BTreeMap, BTreeSet};

use veilgate_flow::Counts;
use veilgate_ledger::{Cdr, CdrKind};
use veilgate_names::{FinalState, MessageId, Reason};
use veilgate_store::{Space, Store};

use super::pdu;
use super::people;
use super::plan::{By, Fault, MS, Plan, SECOND};
use super::smsc::What;
use super::world::{Trace, World};

/// What came true with a commit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Note {
    /// A delivery is done with, durably: it must not be delivered again.
    Done { id: MessageId },
    /// A consent has ended, durably.
    Revoked { person: usize, enterprise: usize },
    /// An SMSC's answer is written down.
    Answered { id: MessageId },
}

/// One message, from the plan to its end.
#[derive(Debug, Default)]
struct Fate {
    person: usize,
    enterprise: usize,
    registered_delivery: u8,
    wire: usize,
    submitted: bool,
    submitted_at: u64,
    /// Microseconds until it is to leave.
    schedule: u64,
    /// Status and id of the answer to its submit.
    answer: Option<(u32, Option<String>)>,
    id: Option<MessageId>,
    sendings: Vec<Sending>,
    /// Which of all sendings its first was.
    sent_at: u64,
    smsc_name: String,
    /// A cancel was acknowledged.
    cancelled: bool,
    /// A replacement, which asks for a receipt, was asked for, so that nobody knows what was asked last.
    replacing: bool,
    /// It was acknowledged.
    replaced: bool,
    /// A query was answered with this final state.
    told: Option<u8>,
    /// States of its receipts that the gateway took.
    heard: Vec<&'static str>,
}

/// A submit that was written to an SMSC.
#[derive(Debug)]
struct Sending {
    channel: usize,
    arrived: bool,
    took: bool,
    /// What the gateway saw as answer.
    answer: Option<u32>,
    /// A crash does not take it away.
    answer_is_durable: bool,
    /// The gateway waits for the answer no longer.
    given_up: bool,
}

impl Sending {
    fn may_be_repeated(&self) -> bool {
        matches!(self.answer, Some(pdu::RTHROTTLED | pdu::RMSGQFUL | pdu::RSYSERR))
    }
}

/// A receipt or reply as its account saw it.
#[derive(Debug)]
struct Delivered {
    stat: String,
    status: u32,
}

/// See the module.
pub(crate) struct Model {
    trace: Trace,
    fates: Vec<Fate>,
    retry_unknown: Vec<bool>,
    /// The wall clock never jumps.
    steady_clock: bool,
    by_id: BTreeMap<MessageId, usize>,
    receipts: BTreeMap<String, Vec<Delivered>>,
    replies_taken: BTreeSet<String>,
    replies_delivered: BTreeSet<String>,
    in_flight: BTreeMap<MessageId, usize>,
    done: BTreeSet<MessageId>,
    revoked: BTreeSet<(usize, usize)>,
    opted_out: BTreeMap<(usize, usize), u64>,
    /// Enterprises that are suspended now.
    pub(crate) suspended: [Option<By>; 2],
    crashes: u32,
    store_failures: u32,
    failed_commits: u32,
    sent: u64,
    finished: u64,
    accepted: u64,
    unknown: u64,
}

impl Model {
    pub(crate) fn new(plan: &Plan, trace: Trace) -> Self {
        let fate = |intention: &super::plan::Intention| Fate {
            person: intention.person,
            enterprise: intention.enterprise,
            registered_delivery: intention.registered_delivery,
            schedule: intention.schedule.unwrap_or(0) * SECOND,
            ..Fate::default()
        };
        Self {
            trace,
            fates: plan.submits.iter().map(fate).collect(),
            retry_unknown: plan.retry_unknown.clone(),
            steady_clock: !plan.faults.iter().any(|(_, fault)| matches!(fault, Fault::ClockStep { .. })),
            by_id: BTreeMap::new(),
            receipts: BTreeMap::new(),
            replies_taken: BTreeSet::new(),
            replies_delivered: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            done: BTreeSet::new(),
            revoked: BTreeSet::new(),
            opted_out: BTreeMap::new(),
            suspended: [None; 2],
            crashes: 0,
            store_failures: 0,
            failed_commits: 0,
            sent: 0,
            finished: 0,
            accepted: 0,
            unknown: 0,
        }
    }

    // What the accounts see.

    pub(crate) fn submitted(&mut self, message: usize, wire: usize, now: u64) {
        self.fates[message].submitted_at = now;
        self.fates[message].submitted = true;
        self.fates[message].wire = wire;
    }

    pub(crate) fn submit_answered(&mut self, message: usize, status: u32, id: Option<String>) {
        let fate = &mut self.fates[message];
        assert!(fate.answer.is_none(), "m{message} answered twice");
        if let Some(id) = id.as_deref().map(|id| MessageId::parse(id).unwrap()) {
            let known = *fate.id.get_or_insert(id);
            assert_eq!(known, id, "m{message} was sent under another id");
            assert_eq!(*self.by_id.entry(id).or_insert(message), message, "two messages have the id {id:?}");
        }
        fate.answer = Some((status, id));
    }

    /// A question is asked about a message: the id under which it was accepted.
    pub(crate) fn asked(&mut self, message: usize, command: u32) -> Option<String> {
        let fate = &mut self.fates[message];
        fate.replacing |= command == pdu::REPLACE;
        fate.answer.as_ref()?.1.clone()
    }

    /// A query, cancel or replace was answered with ESME_ROK.
    pub(crate) fn told(&mut self, message: usize, command: u32, body: &[u8]) {
        let fate = &mut self.fates[message];
        match command {
            pdu::CANCEL => fate.cancelled = true,
            pdu::REPLACE => fate.replaced = true,
            _ => {
                let state = pdu::state_of(body);
                if FinalState::from_message_state(state).is_some() {
                    fate.told = Some(state);
                }
            }
        }
    }

    /// A `deliver_sm` reached its account, which answers `status`.
    pub(crate) fn delivered(&mut self, text: &str, esm_class: u8, status: u32) {
        if esm_class & 0x3c == 4 {
            let (id, stat) = (pdu::field(text, "id:").to_owned(), pdu::field(text, "stat:").to_owned());
            self.receipts.entry(id).or_default().push(Delivered { stat, status });
        } else {
            self.replies_delivered.insert(text.to_owned());
        }
    }

    // What the SMSCs see.

    pub(crate) fn arrived(&mut self, text: &[u8], destination: &str, channel: usize) -> usize {
        let number = number_of(text);
        let fate = &mut self.fates[number];
        assert_eq!(destination, people::number(fate.person), "m{number} goes to somebody else");
        let sending = fate.sendings.iter_mut().find(|one| one.channel == channel && !one.arrived);
        sending.expect("arrives, and was not sent").arrived = true;
        number
    }

    pub(crate) fn taken_by_smsc(&mut self, number: usize, name: String) {
        let fate = &mut self.fates[number];
        fate.smsc_name = name;
        if let Some(sending) = fate.sendings.iter_mut().rfind(|one| one.arrived) {
            sending.took = true;
        }
    }

    pub(crate) fn smsc_name(&self, number: usize) -> String {
        self.fates[number].smsc_name.clone()
    }

    pub(crate) fn whose(&self, number: usize) -> (usize, usize) {
        (self.fates[number].person, self.fates[number].enterprise)
    }

    /// The gateway answered ESME_ROK to a receipt or reply.
    pub(crate) fn smsc_was_heard(&mut self, what: &What, now: u64) {
        match what {
            What::Receipt { message, state } => self.fates[*message].heard.push(state),
            What::Stranger => {}
            What::Reply { text } => {
                self.replies_taken.insert(text.clone());
            }
            What::OptOut { person, enterprise } => {
                self.opted_out.entry((*person, *enterprise)).or_insert(now);
            }
        }
    }

    // What the gateway writes and reads.

    /// A submit is written to an SMSC.
    pub(crate) fn sending(&mut self, id: MessageId, text: &[u8], channel: usize, now: u64) {
        let number = number_of(text);
        let retry_unknown = self.retry_unknown.clone();
        let fate = &mut self.fates[number];
        assert_eq!(*fate.id.get_or_insert(id), id, "m{number} has two ids");
        assert_eq!(*self.by_id.entry(id).or_insert(number), number, "two messages have the id {id:?}");
        let whose = (fate.person, fate.enterprise);
        let first_sent = self.sent + 1;
        assert!(!fate.cancelled, "m{number} leaves after it was cancelled");
        let early = self.steady_clock && !fate.replacing && now + MS < fate.submitted_at + fate.schedule;
        assert!(!early, "m{number} leaves before its time");
        let is_new = text.ends_with(b"r");
        assert!(is_new || !fate.replaced, "m{number} leaves with the text that was replaced");
        assert!(!self.revoked.contains(&whose), "m{number} leaves after its consent was ended");
        let refused = self.opted_out.get(&whose).is_some_and(|since| *since < now);
        assert!(!refused, "m{number} leaves after the person refused");
        assert!(self.suspended[whose.1].is_none(), "m{number} leaves while its enterprise is suspended");
        for earlier in &fate.sendings {
            match earlier.answer {
                Some(_) if earlier.may_be_repeated() => {}
                Some(status) => panic!("m{number} is sent again after {status:#x}"),
                None => {
                    assert!(retry_unknown[earlier.channel], "m{number} is sent again, its outcome unknown");
                    assert!(earlier.given_up, "m{number} is sent again while its answer is waited for");
                    self.unknown += 1;
                }
            }
        }
        if fate.sendings.is_empty() {
            self.sent = first_sent;
            fate.sent_at = first_sent;
        }
        fate.sendings.push(Sending {
            channel,
            arrived: false,
            took: false,
            answer: None,
            answer_is_durable: false,
            given_up: false,
        });
        self.trace.line(now, || format!("m{number} {id:?} leaves for channel {channel}"));
    }

    /// An SMSC's answer was read.
    pub(crate) fn answered(&mut self, id: MessageId, status: u32, now: u64) {
        let Some(number) = self.by_id.get(&id) else { return };
        self.trace.line(now, || format!("m{number} was answered {status:#x} by its SMSC"));
        if let Some(sending) = self.fates[*number].sendings.last_mut() {
            sending.answer.get_or_insert(status);
        }
    }

    /// The answer is waited for no longer.
    pub(crate) fn gave_up(&mut self, id: MessageId) {
        let Some(number) = self.by_id.get(&id) else { return };
        for sending in &mut self.fates[*number].sendings {
            sending.given_up = true;
        }
    }

    /// A delivery is written to an account.
    pub(crate) fn delivering(&mut self, id: MessageId, wire: usize) {
        assert!(!self.done.contains(&id), "{id:?} is delivered again, and was taken");
        let other = self.in_flight.insert(id, wire);
        assert!(other.is_none(), "{id:?} is on two wires");
    }

    pub(crate) fn settled(&mut self, id: MessageId) {
        self.in_flight.remove(&id);
    }

    pub(crate) fn noted(&mut self, note: Note) {
        match note {
            Note::Done { id } => {
                self.done.insert(id);
            }
            Note::Answered { id } => {
                let number = self.by_id[&id];
                for sending in self.fates[number].sendings.iter_mut().filter(|one| one.answer.is_some()) {
                    sending.answer_is_durable = true;
                }
            }
            Note::Revoked { person, enterprise } => {
                self.revoked.insert((person, enterprise));
            }
        }
    }

    pub(crate) fn count(&mut self, counts: &Counts) {
        self.accepted += counts.accepted;
        self.finished += counts.finished.iter().sum::<u64>();
    }

    pub(crate) fn crashed(&mut self) {
        self.crashes += 1;
        self.in_flight.clear();
        for sending in self.fates.iter_mut().flat_map(|fate| &mut fate.sendings) {
            sending.given_up = true;
            // Whether it was written down, nobody knows; one that lets the message be sent again does no harm.
            if !sending.answer_is_durable && !sending.may_be_repeated() {
                sending.answer = None;
            }
        }
    }

    pub(crate) fn commit_failed(&mut self) {
        self.failed_commits += 1;
    }

    pub(crate) fn store_failed(&mut self) {
        self.store_failures += 1;
    }
}

impl World {
    /// What is still under way, for the message of a run that does not end.
    pub(crate) fn unfinished(&self) -> String {
        let counts = self.gateway.as_ref().map(|gateway| (gateway.flow.counts(), gateway.flow.admitted()));
        let dues: usize =
            self.smscs.iter().map(|smsc| smsc.dues.iter().filter(|due| !due.done).count()).sum();
        format!("{counts:?}, {dues} dues, records {:?}", self.leftovers())
    }

    /// Records that must be gone when nothing is under way.
    pub(crate) fn leftovers(&self) -> Vec<(Space, usize)> {
        let spaces = [Space::Message, Space::State, Space::Delivery, Space::Reply, Space::Cdr];
        let count = |space| self.store.scan(space, None, 4096).unwrap().entries.len();
        spaces.into_iter().map(|space| (space, count(space))).filter(|(_, count)| *count > 0).collect()
    }

    /// What must hold when everything has come to rest.
    pub(crate) fn check_the_end(&self) {
        assert!(self.leftovers().is_empty(), "left in the journal: {:?}", self.leftovers());
        let model = &self.model;
        let mut ends: BTreeMap<MessageId, &Cdr> = BTreeMap::new();
        for cdr in self.cdr_file.iter().filter(|cdr| cdr.kind == CdrKind::MobileTerminated) {
            assert!(ends.insert(cdr.id, cdr).is_none(), "two CDRs for {:?}", cdr.id);
        }
        for (number, fate) in model.fates.iter().enumerate() {
            model.check_fate(number, fate, &ends);
        }
        let known: BTreeSet<_> = model.fates.iter().filter_map(|fate| fate.id).collect();
        let unanswered = model.fates.iter().filter(|fate| fate.submitted && fate.answer.is_none()).count();
        let unexplained = ends.keys().filter(|id| !known.contains(id)).count();
        let doubtful = if model.store_failures > 0 { model.fates.len() } else { 0 };
        assert!(unexplained <= unanswered + doubtful, "{unexplained} CDRs of messages nobody sent");
        if model.crashes == 0 {
            assert_eq!(model.accepted, model.finished, "accepted and finished");
        }
        let one_way = self.plan.links == [1];
        let undisturbed = model.crashes + model.store_failures + model.failed_commits == 0;
        if one_way && undisturbed {
            model.check_order();
        }
        for reply in &model.replies_taken {
            assert!(
                model.replies_delivered.contains(reply),
                "the reply {reply} was taken and delivered to nobody"
            );
        }
    }
}

impl Model {
    /// From one enterprise to one person on one bind: what was accepted first is sent first, where nothing was tried again.
    fn check_order(&self) {
        let once = self
            .fates
            .iter()
            .filter(|fate| fate.sendings.len() == 1 && !fate.replacing && fate.schedule == 0);
        let once: Vec<&Fate> = once.collect();
        for (place, first) in once.iter().enumerate() {
            for second in &once[place + 1..] {
                let whose = |fate: &Fate| (fate.wire, fate.person, fate.enterprise);
                let same = whose(first) == whose(second);
                let in_order = (first.id < second.id) == (first.sent_at < second.sent_at);
                assert!(!same || in_order, "out of order: {first:?} {second:?}");
            }
        }
    }

    fn check_fate(&self, number: usize, fate: &Fate, ends: &BTreeMap<MessageId, &Cdr>) {
        let is_accepted = matches!(&fate.answer, Some((pdu::OK, _)));
        let cdr = fate.id.and_then(|id| ends.get(&id));
        if is_accepted {
            assert!(cdr.is_some(), "m{number} was acknowledged and has no CDR");
        }
        // A failed commit may have stored what was answered with an error.
        let is_refused = matches!(&fate.answer, Some((status, _)) if *status != pdu::OK);
        if is_refused && self.store_failures == 0 {
            assert!(fate.sendings.is_empty() && cdr.is_none(), "m{number} was refused, and lives");
        }
        let Some(cdr) = cdr else { return };
        self.check_state(number, fate, cdr);
        self.check_receipts(number, fate, cdr);
    }

    fn check_state(&self, number: usize, fate: &Fate, cdr: &Cdr) {
        let whole = || format!("m{number} ended {:?} {:?}: {fate:?}", cdr.state, cdr.reason);
        let answered = |status| fate.sendings.iter().any(|one| one.answer == Some(status));
        match cdr.state {
            FinalState::Delivered => {
                assert!(fate.heard.contains(&"DELIVRD") || self.crashes > 0, "{}", whole());
                assert!(fate.sendings.iter().any(|one| one.took), "{}", whole());
            }
            state if fate.cancelled => assert_eq!(state, FinalState::Cancelled, "{}", whole()),
            FinalState::Unknown => {
                let was_sent = !fate.sendings.is_empty();
                assert!(was_sent || self.crashes > 0, "{}", whole());
            }
            _ if cdr.reason == Some(Reason::SmscRejected) => {
                let was_told = answered(pdu::RSUBMITFAIL) || answered(pdu::RSYSERR);
                assert!(was_told || self.crashes > 0, "{}", whole());
            }
            _ => {}
        }
        if let Some(told) = fate.told.and_then(FinalState::from_message_state) {
            assert_eq!(told, cdr.state, "a query was told otherwise: {}", whole());
        }
        let was_taken = fate.sendings.iter().any(|one| one.answer == Some(pdu::OK));
        if was_taken && self.crashes == 0 && !fate.heard.is_empty() && !fate.smsc_name.is_empty() {
            let by_receipt = cdr.raw_stat.is_some();
            assert!(!by_receipt || fate.heard.contains(&cdr.state.stat()), "{}", whole());
        }
    }

    fn check_receipts(&self, number: usize, fate: &Fate, cdr: &Cdr) {
        let id = String::from_utf8(cdr.id.to_ascii().to_vec()).unwrap();
        let got = self.receipts.get(&id).map(Vec::as_slice).unwrap_or_default();
        let wants = match fate.registered_delivery & 3 {
            0 => false,
            1 => true,
            2 => cdr.state != FinalState::Delivered,
            _ => cdr.state == FinalState::Delivered,
        };
        let whole =
            || format!("m{number} ended {:?}, asked {}: {got:?}", cdr.state, fate.registered_delivery);
        assert!(got.iter().all(|one| one.stat == cdr.state.stat()), "{}", whole());
        if wants {
            let final_answer = |one: &Delivered| matches!(one.status, pdu::OK | pdu::RX_P_APPN);
            assert!(got.iter().any(final_answer), "no receipt: {}", whole());
        } else if !fate.replacing {
            assert!(got.is_empty(), "a receipt nobody asked for: {}", whole());
        }
    }
}

/// The plan's number of a message, which is its text.
fn number_of(text: &[u8]) -> usize {
    let text = std::str::from_utf8(text).unwrap().strip_prefix('m').unwrap();
    text.strip_suffix('r').unwrap_or(text).parse().unwrap()
}
