//! The gateway's shell, as `src/hub.rs`, `src/commit.rs` and `src/app.rs` are it, on simulated time: mailboxes, the group
//! commit, the CDR file, start and death.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use veilgate_admission::{Accounts, LockoutPolicy, Registry, Revoker};
use veilgate_flow::{
    DeliverAnswer, Flow, Gate, LinkId, OptOuts, Outcomes, SessionId, Turn, pending_cdrs, reserve_ids,
};
use veilgate_identity::Slots;
use veilgate_ledger::{Cdr, NodeName};
use veilgate_names::{AccountId, MessageId, PlatformId, Reason};
use veilgate_store::{Batch, Store, StoreError};

use super::model::Note;
use super::north::NorthEnd;
use super::people;
use super::plan::{Fault, MS, SECOND};
use super::south::SouthEnd;
use super::world::{Event, Peer, World};

/// A process that runs.
pub(crate) struct Gateway {
    pub(crate) flow: Arc<Flow>,
    pub(crate) accounts: Accounts,
    pub(crate) north: BTreeMap<usize, NorthEnd>,
    pub(crate) south: BTreeMap<usize, SouthEnd>,
    pub(crate) mail: BTreeMap<usize, Mail>,
    turns: VecDeque<Turn>,
    to_file: VecDeque<Arc<Cdr>>,
    is_committing: bool,
    is_filing: bool,
    is_recalling: bool,
    /// A commit failed for good: nothing more is stored before the next start.
    store_dead: bool,
    /// What came true with commits, told by the flow.
    pub(crate) notes: Arc<Mutex<Vec<Note>>>,
}

/// What waits for a session or a link.
#[derive(Default)]
pub(crate) struct Mail {
    pub(crate) input: Vec<u8>,
    /// The peer's end is closed.
    pub(crate) gone: bool,
    pub(crate) woken: bool,
    /// When it wants to run without being woken.
    timer: u64,
    pub(crate) answers: Vec<(u32, Result<MessageId, Reason>)>,
    pub(crate) ready: Vec<MessageId>,
    pub(crate) deliver_answers: Vec<(u32, DeliverAnswer)>,
}

impl Gateway {
    pub(crate) fn has_link(&self, channel: usize, link: usize) -> bool {
        self.south.values().any(|end| end.channel == channel && end.link == link)
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.turns.is_empty()
            && self.to_file.is_empty()
            && self.flow.counts() == (0, 0, 0)
            && self.flow.admitted() == 0
    }
}

impl World {
    pub(crate) fn flow(&self) -> Option<Arc<Flow>> {
        self.gateway.as_ref().map(|gateway| Arc::clone(&gateway.flow))
    }

    /// Builds a gateway from the store, as after any start.
    pub(crate) fn start_gateway(&mut self) {
        if self.gateway.is_some() {
            return;
        }
        self.start += 1;
        self.store_fails = false;
        let at = self.moment();
        let gate = Gate {
            registry: Arc::new(Registry::new(1000)),
            identity: people::identity(),
            slots: Arc::new(Slots::new(1000)),
            directory: arc_swap::ArcSwap::default(),
            opt_outs: OptOuts::new(1000),
            policy: people::rulebook(),
        };
        let first_id = reserve_ids(&*self.store, at).unwrap();
        let mut entropy = [0; 12];
        entropy[..8].copy_from_slice(&self.chance.below(u64::MAX).to_be_bytes());
        let node = NodeName::parse("n1").unwrap();
        let flow = Arc::new(Flow::new(
            gate,
            people::rules(self.plan.resident),
            people::keys(),
            node,
            entropy,
            first_id,
        ));
        let accounts = Accounts::new(people::accounts(), LockoutPolicy::default(), [1; 32]).unwrap();
        self.gateway = Some(Gateway {
            flow: Arc::clone(&flow),
            accounts,
            north: BTreeMap::new(),
            south: BTreeMap::new(),
            mail: BTreeMap::new(),
            turns: VecDeque::new(),
            to_file: VecDeque::new(),
            is_committing: false,
            is_filing: false,
            is_recalling: false,
            store_dead: false,
            notes: Arc::default(),
        });
        self.configure();
        self.restore(&flow);
        if self.start == 1 {
            self.register(&flow);
        }
        let start = self.start;
        self.at(0, Event::Tick { start });
        self.recall_soon();
        for (channel, links) in self.plan.links.clone().into_iter().enumerate() {
            for link in 0..links {
                self.at(MS, Event::Connect { start, channel, link });
            }
        }
    }

    /// Channels as they are switched now, and enterprises as they are suspended.
    pub(crate) fn configure(&mut self) {
        let Some(flow) = self.flow() else { return };
        let channels: Vec<_> = (0..self.enabled.len())
            .map(|channel| people::channel(channel, self.enabled[channel], self.plan.retry_unknown[channel]))
            .collect();
        let accounts = people::ACCOUNTS.map(|name| (AccountId::parse(name).unwrap(), 1000));
        let mut outcomes = Outcomes::default();
        let directory = people::directory(self.plan.only, self.model.suspended);
        flow.configure(&channels, &accounts, directory, &mut outcomes);
        self.policies += 1;
        let engine = &flow.gate().policy;
        engine.replace(people::policy(self.model.suspended, engine.state(), self.policies));
        flow.take_over_lines(&mut outcomes);
        self.dispatch(outcomes);
    }

    fn restore(&mut self, flow: &Flow) {
        let at = self.moment();
        let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
        for cdr in pending_cdrs(&*self.store).unwrap() {
            if self.cdr_file.iter().any(|written| written.id == cdr.id) {
                flow.cdr_written(cdr.id, &mut turn);
            } else {
                outcomes.cdrs.push(cdr);
            }
        }
        let restored = flow.restore(&*self.store, at, &mut turn, &mut outcomes).unwrap();
        assert_eq!(restored.damaged, 0, "{restored:?}");
        self.note(|_| format!("start {restored:?}"));
        self.commit(turn);
        self.dispatch(outcomes);
    }

    /// The consents of everybody to both enterprises; at the first start only.
    fn register(&mut self, flow: &Flow) {
        let platform = PlatformId::parse(people::PLATFORM).unwrap();
        let (registry, now) = (&flow.gate().registry, self.moment().wall);
        let everybody = (0..people::PEOPLE).flat_map(|person| [(person, 0), (person, 1)]);
        let registered = everybody.map(|(person, enterprise)| {
            let authorization = people::authorization(person, enterprise);
            registry.register(authorization, &platform, &people::profile(), now).unwrap().authorization
        });
        let mut turn = Turn::default();
        flow.record_registrations(registered.collect(), &mut turn, Box::new(|_| {}));
        // Before anything else happens: a crash before that would leave a world without people.
        self.store.commit(&[turn.take_batch()]).unwrap();
        self.commit(turn);
    }

    /// The process is gone. What a commit was just writing may be there or not.
    pub(crate) fn crash(&mut self, away: u64) {
        let Some(mut gateway) = self.gateway.take() else { return };
        self.note(|_| "crash".to_owned());
        if !gateway.store_dead && self.chance.percent(50) {
            let some = self.chance.index(gateway.turns.len() + 1);
            self.store_some(&mut gateway.turns.drain(..some).collect::<Vec<_>>());
        }
        self.model.crashed();
        let wires: Vec<usize> = gateway.mail.into_keys().collect();
        for wire in wires {
            self.hang_up(wire, true);
        }
        self.at(away, Event::Start);
    }

    /// Stores turns, but nobody hears of it.
    fn store_some(&self, turns: &mut [Turn]) {
        let batches: Vec<Batch> = turns.iter_mut().map(Turn::take_batch).collect();
        let _ = self.store.commit(&batches);
    }

    /// Hands a turn in.
    pub(crate) fn commit(&mut self, turn: Turn) {
        let Some(gateway) = self.gateway.as_mut().filter(|_| !turn.is_empty()) else { return };
        gateway.turns.push_back(turn);
        if !std::mem::replace(&mut gateway.is_committing, true) {
            self.commit_soon();
        }
    }

    fn commit_soon(&mut self) {
        let (low, high) = if self.commit_slow == (0, 0) { self.plan.commit } else { self.commit_slow };
        let after = self.chance.between(low, high);
        self.at(after, Event::Commit { start: self.start });
    }

    pub(crate) fn commit_now(&mut self) {
        let Some(gateway) = &mut self.gateway else { return };
        gateway.is_committing = false;
        // A commit takes all that waits, or as much as its bound allows.
        let most = if self.chance.percent(20) { 1 + self.chance.index(4) } else { usize::MAX };
        let mut turns: Vec<Turn> = gateway.turns.drain(..most.min(gateway.turns.len())).collect();
        if !gateway.turns.is_empty() {
            gateway.is_committing = true;
        }
        let more = gateway.is_committing;
        let batches: Vec<Batch> =
            turns.iter_mut().map(Turn::take_batch).filter(|batch| !batch.is_empty()).collect();
        let result = self.store_batches(&batches);
        if let Err(error) = &result {
            self.note(|_| format!("commit {error:?}"));
            Turn::give_back(&mut turns, batches);
            self.model.commit_failed();
        }
        let mut outcomes = Outcomes::default();
        let at = self.moment();
        if let Some(flow) = self.flow() {
            flow.committed(turns, result, at, &mut outcomes);
        }
        self.take_notes();
        self.dispatch(outcomes);
        if more {
            self.commit_soon();
        }
    }

    fn store_batches(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let Some(gateway) = self.gateway.as_mut().filter(|_| !batches.is_empty()) else { return Ok(()) };
        if gateway.store_dead {
            return Err(StoreError::ReadOnly);
        }
        if self.store_fails {
            gateway.store_dead = true;
            let some = self.chance.index(batches.len() + 1);
            self.store.commit(&batches[..some])?;
            self.model.store_failed();
            // The gateway hears that its journal failed, and stops.
            let away = self.chance.between(MS, SECOND);
            self.at(away, Event::Fault(Fault::Crash { away }));
            return Err(StoreError::Io(std::io::ErrorKind::Other));
        }
        let only_deletes = batches.iter().flat_map(Batch::changes).all(|change| change.value.is_none());
        if self.store_full && !only_deletes {
            return Err(StoreError::Full);
        }
        self.store.commit(batches)
    }

    fn take_notes(&mut self) {
        let Some(gateway) = &self.gateway else { return };
        let notes = std::mem::take(&mut *gateway.notes.lock());
        for note in notes {
            self.note(|_| format!("{note:?}"));
            self.model.noted(note);
        }
    }

    /// Puts outcomes where they belong.
    pub(crate) fn dispatch(&mut self, outcomes: Outcomes) {
        let Outcomes { answers, deliver_answers, ready, channels, accounts, cdrs, recall, counts, .. } =
            outcomes;
        if recall {
            self.recall_soon();
        }
        self.model.count(&counts);
        for (waiting, result) in answers {
            self.mail(session_wire(waiting.peer), |mail| mail.answers.push((waiting.sequence, result)));
        }
        for (waiting, answer) in deliver_answers {
            self.mail(link_wire(waiting.peer), |mail| mail.deliver_answers.push((waiting.sequence, answer)));
        }
        let mut orphans = Vec::new();
        for (link, message) in ready {
            if !self.mail(link_wire(link), |mail| mail.ready.push(message)) {
                orphans.push(message);
            }
        }
        if let Some(flow) = self.flow().filter(|_| !orphans.is_empty()) {
            let mut turn = Turn::default();
            flow.not_sent(&orphans, self.moment(), &mut turn);
            self.commit(turn);
        }
        self.wake_owners(&channels, &accounts);
        let Some(gateway) = self.gateway.as_mut().filter(|_| !cdrs.is_empty()) else { return };
        gateway.to_file.extend(cdrs);
        if !std::mem::replace(&mut gateway.is_filing, true) {
            let after = self.chance.between(MS, 20 * MS);
            self.at(after, Event::File { start: self.start });
        }
    }

    fn wake_owners(&mut self, channels: &[usize], accounts: &[AccountId]) {
        let Some(gateway) = &self.gateway else { return };
        let of_channel = |end: &SouthEnd| channels.contains(&usize::from(end.place.channel));
        let of_account =
            |end: &NorthEnd| end.receives && end.account().is_some_and(|id| accounts.contains(&id));
        let south = gateway.south.iter().filter(|(_, end)| of_channel(end)).map(|(wire, _)| *wire);
        let north = gateway.north.iter().filter(|(_, end)| of_account(end)).map(|(wire, _)| *wire);
        for wire in south.chain(north).collect::<Vec<_>>() {
            self.wake(wire);
        }
    }

    /// Puts something into a mailbox; false if it is closed.
    fn mail(&mut self, wire: usize, put: impl FnOnce(&mut Mail)) -> bool {
        let Some(mail) = self.gateway.as_mut().and_then(|gateway| gateway.mail.get_mut(&wire)) else {
            return false;
        };
        put(mail);
        self.wake(wire);
        true
    }

    /// Lets a session or link look at what there is, soon.
    pub(crate) fn wake(&mut self, wire: usize) {
        let Some(mail) = self.gateway.as_mut().and_then(|gateway| gateway.mail.get_mut(&wire)) else {
            return;
        };
        if !std::mem::replace(&mut mail.woken, true) {
            let after =
                if self.chance.percent(3) { self.chance.below(20 * MS) } else { self.chance.below(200) };
            self.at(after, Event::Run { start: self.start, wire });
        }
    }

    /// Sets a session's or link's timer.
    pub(crate) fn rest(&mut self, wire: usize, after: u64) {
        let at = self.now + after;
        let Some(mail) = self.gateway.as_mut().and_then(|gateway| gateway.mail.get_mut(&wire)) else {
            return;
        };
        if std::mem::replace(&mut mail.timer, at) != at {
            self.at(after, Event::Timer { start: self.start, wire });
        }
    }

    /// A timer fires, unless it was set anew meanwhile.
    pub(crate) fn timer_fires(&mut self, wire: usize) {
        let now = self.now;
        let mail = self.gateway.as_mut().and_then(|gateway| gateway.mail.get_mut(&wire));
        if mail.is_some_and(|mail| mail.timer == now) {
            self.run_end(wire);
        }
    }

    /// A session or link runs once.
    pub(crate) fn run_end(&mut self, wire: usize) {
        let Some(mail) = self.gateway.as_mut().and_then(|gateway| gateway.mail.get_mut(&wire)) else {
            return;
        };
        mail.woken = false;
        match self.wires[wire].peer {
            Peer::Esme(_) => self.run_north(wire),
            Peer::Smsc(_) => self.run_south(wire),
        }
    }

    /// Appends CDRs to their file.
    pub(crate) fn file_now(&mut self) {
        let Some(gateway) = &mut self.gateway else { return };
        gateway.is_filing = false;
        let flow = Arc::clone(&gateway.flow);
        let mut turn = Turn::default();
        for cdr in gateway.to_file.drain(..) {
            flow.cdr_written(cdr.id, &mut turn);
            self.cdr_file.push(cdr);
        }
        self.commit(turn);
    }

    pub(crate) fn recall_soon(&mut self) {
        let Some(gateway) = &mut self.gateway else { return };
        if !std::mem::replace(&mut gateway.is_recalling, true) {
            let after = self.chance.below(10 * MS);
            self.at(after, Event::Recall { start: self.start });
        }
    }

    /// Reads parked messages back.
    pub(crate) fn recall(&mut self) {
        let at = self.moment();
        let Some(gateway) = &mut self.gateway else { return };
        gateway.is_recalling = false;
        let flow = Arc::clone(&gateway.flow);
        let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
        let more = flow.recall(&*self.store, at, &mut turn, &mut outcomes).unwrap()
            | flow.fetch_deliveries(&*self.store, &mut outcomes).unwrap();
        self.commit(turn);
        self.dispatch(outcomes);
        if more {
            self.recall_soon();
        }
    }

    pub(crate) fn tick(&mut self) {
        let Some(flow) = self.flow() else { return };
        let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
        flow.tick(self.moment(), &mut turn, &mut outcomes);
        self.commit(turn);
        self.dispatch(outcomes);
        if self.now % SECOND < 100 * MS {
            self.recall_soon();
        }
        let pause = if self.calm { SECOND } else { 100 * MS };
        self.at(pause, Event::Tick { start: self.start });
    }

    /// Staff end a consent; from the moment this is acknowledged nothing may leave under it.
    pub(crate) fn revoke(&mut self, person: usize, enterprise: usize) {
        let Some(gateway) = &self.gateway else { return };
        let (flow, notes) = (Arc::clone(&gateway.flow), Arc::clone(&gateway.notes));
        let id = people::authorization_id(person, enterprise);
        let revoked = flow.gate().registry.revoke([&id], &Revoker::Carrier, self.moment().wall);
        let records = revoked.into_iter().filter_map(|(_, _, record)| record).collect();
        let mut turn = Turn::default();
        let done = move |durable| {
            if durable {
                notes.lock().push(Note::Revoked { person, enterprise });
            }
        };
        flow.record_revocations(records, &mut turn, Box::new(done));
        self.commit(turn);
    }
}

pub(crate) fn session_id(wire: usize) -> SessionId {
    SessionId(u32::try_from(wire).unwrap())
}

pub(crate) fn link_id(wire: usize) -> LinkId {
    LinkId(u32::try_from(wire).unwrap())
}

fn session_wire(session: SessionId) -> usize {
    usize::try_from(session.0).unwrap()
}

fn link_wire(link: LinkId) -> usize {
    usize::try_from(link.0).unwrap()
}
