//! The simulated world: virtual time, what happens next, and the wires between the gateway and its peers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use veilgate_flow::Moment;
use veilgate_ledger::Cdr;
use veilgate_names::{Monotonic, Timestamp};
use veilgate_store::MemoryStore;

use super::esme::{Esme, EsmePeer};
use super::gateway::Gateway;
use super::model::Model;
use super::people;
use super::plan::{BUSY, Chance, Fault, MS, Plan, SECOND};
use super::smsc::{Smsc, SmscPeer};

/// A peer's socket takes so many octets that it has not read.
const SOCKET: usize = 2048;
/// The longest a run may take in simulated time, beside what its clock is set back: that keeps expiries waiting.
const LONGEST: u64 = 1000 * SECOND;

/// What happens at a time. Those of a gateway carry its start, and mean nothing to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    Arrive { wire: usize, inward: bool },
    Run { start: u32, wire: usize },
    Timer { start: u32, wire: usize },
    Commit { start: u32 },
    File { start: u32 },
    Tick { start: u32 },
    Recall { start: u32 },
    Connect { start: u32, channel: usize, link: usize },
    Start,
    Submit { message: usize, tries: u32 },
    Ask { message: usize, command: u32 },
    Bind { esme: usize, command: u32 },
    AnswerSubmit { wire: usize, sequence: u32, status: u32, smsc_message: Option<usize> },
    AnswerDeliver { wire: usize, sequence: u32, status: u32 },
    Due { channel: usize, due: usize },
    Fault(Fault),
    ChannelOn { channel: usize },
    Resume { enterprise: usize },
    StoreWell,
    Calm,
}

/// Which way a wire goes.
#[derive(Debug)]
pub(crate) enum Peer {
    Esme(EsmePeer),
    Smsc(SmscPeer),
}

/// One connection. What one end wrote arrives in order, some time later, cut anywhere.
pub(crate) struct Wire {
    pub(crate) peer: Peer,
    pub(crate) input: Vec<u8>,
    to_gateway: VecDeque<Chunk>,
    to_peer: VecDeque<Chunk>,
    /// Whether that end still holds its socket.
    pub(crate) gateway_open: bool,
    pub(crate) peer_open: bool,
    /// Until when the peer reads nothing.
    pub(crate) stuck_until: u64,
    /// Since when the gateway could write nothing.
    pub(crate) unwritten_since: Option<u64>,
}

struct Chunk {
    at: u64,
    octets: Vec<u8>,
    /// The other end is gone.
    end: bool,
}

/// What happened, line by line; written only when asked for.
#[derive(Clone, Default)]
pub(crate) struct Trace(pub(crate) Option<Arc<Mutex<Vec<String>>>>);

impl Trace {
    pub(crate) fn line(&self, now: u64, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            lines.lock().push(format!("{now:>10} {}", line()));
        }
    }
}

/// See the module.
pub(crate) struct World {
    pub(crate) now: u64,
    /// How far the wall clock was set off, in milliseconds.
    pub(crate) wall_step: i64,
    agenda: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    pub(crate) chance: Chance,
    pub(crate) plan: Plan,
    /// Nothing goes wrong any more.
    pub(crate) calm: bool,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) store_full: bool,
    pub(crate) store_fails: bool,
    pub(crate) commit_slow: (u64, u64),
    /// The CDR file: what is in it is synced.
    pub(crate) cdr_file: Vec<Arc<Cdr>>,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) start: u32,
    pub(crate) enabled: Vec<bool>,
    /// Policies so far.
    pub(crate) policies: u64,
    pub(crate) wires: Vec<Wire>,
    pub(crate) smscs: Vec<Smsc>,
    pub(crate) esmes: Vec<Esme>,
    pub(crate) model: Model,
    pub(crate) trace: Trace,
    pub(crate) steps: u64,
}

impl World {
    /// The world that a seed stands for.
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let mut chance = Chance::new(seed);
        let plan = Plan::new(&mut chance);
        Self::with(chance, plan, trace)
    }

    /// A world with this plan; the seed says what else is left to chance.
    pub(crate) fn of(seed: u64, plan: Plan, trace: Trace) -> Self {
        Self::with(Chance::new(seed), plan, trace)
    }

    fn with(chance: Chance, plan: Plan, trace: Trace) -> Self {
        let channels = plan.links.len();
        let mut world = Self {
            now: SECOND,
            wall_step: 0,
            agenda: BTreeMap::new(),
            next_event: 0,
            chance,
            calm: false,
            store: Arc::new(MemoryStore::new(1 << 30)),
            store_full: false,
            store_fails: false,
            commit_slow: (0, 0),
            cdr_file: Vec::new(),
            gateway: None,
            start: 0,
            enabled: vec![true; channels],
            policies: 0,
            wires: Vec::new(),
            smscs: (0..channels).map(Smsc::new).collect(),
            esmes: plan.binds.iter().map(|_| Esme::default()).collect(),
            model: Model::new(&plan, trace.clone()),
            trace,
            steps: 0,
            plan,
        };
        world.note(|world| format!("{:?}", world.plan));
        world.prepare();
        world
    }

    fn prepare(&mut self) {
        self.at(0, Event::Start);
        for esme in 0..self.plan.binds.len() {
            for command in self.plan.binds[esme].clone() {
                self.at(100 * MS, Event::Bind { esme, command });
            }
        }
        for message in 0..self.plan.submits.len() {
            self.at(self.plan.submits[message].at, Event::Submit { message, tries: 0 });
        }
        for (at, fault) in self.plan.faults.clone() {
            self.at(at, Event::Fault(fault));
        }
        self.at(BUSY + SECOND, Event::Calm);
    }

    /// Runs until nothing is under way any more.
    pub(crate) fn run(&mut self) {
        let longest = LONGEST + self.plan.set_back();
        while let Some(((at, _), event)) = self.agenda.pop_first() {
            self.now = self.now.max(at);
            self.steps += 1;
            assert!(self.steps < 400_000, "spins: {event:?}");
            assert!(self.now < longest, "does not come to rest: {}", self.unfinished());
            self.happen(event);
            if self.calm && self.is_at_rest() {
                break;
            }
        }
        self.check_the_end();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { wire, inward } => self.arrive(wire, inward),
            Event::Run { start, wire } if start == self.start => self.run_end(wire),
            Event::Timer { start, wire } if start == self.start => self.timer_fires(wire),
            Event::Commit { start } if start == self.start => self.commit_now(),
            Event::File { start } if start == self.start => self.file_now(),
            Event::Tick { start } if start == self.start => self.tick(),
            Event::Recall { start } if start == self.start => self.recall(),
            Event::Connect { start, channel, link } if start == self.start => self.connect(channel, link),
            Event::Start => self.start_gateway(),
            Event::Submit { message, tries } => self.submit(message, tries),
            Event::Ask { message, command } => self.ask(message, command),
            Event::Bind { esme, command } => self.bind(esme, command),
            Event::AnswerSubmit { wire, sequence, status, smsc_message } => {
                self.answer_submit(wire, sequence, status, smsc_message);
            }
            Event::AnswerDeliver { wire, sequence, status } => self.answer_deliver(wire, sequence, status),
            Event::Due { channel, due } => self.due(channel, due),
            Event::Fault(fault) => self.fault(fault),
            Event::ChannelOn { channel } => self.switch(channel, true),
            Event::Resume { enterprise } => self.resume(enterprise),
            Event::StoreWell => (self.store_full, self.commit_slow) = (false, (0, 0)),
            Event::Calm => self.become_calm(),
            Event::Run { .. }
            | Event::Timer { .. }
            | Event::Commit { .. }
            | Event::File { .. }
            | Event::Tick { .. }
            | Event::Recall { .. }
            | Event::Connect { .. } => {}
        }
    }

    /// Puts an event on the agenda, `after` microseconds from now.
    pub(crate) fn at(&mut self, after: u64, event: Event) {
        self.next_event += 1;
        self.agenda.insert((self.now + after, self.next_event), event);
    }

    pub(crate) fn moment(&self) -> Moment {
        let wall = people::BEGIN.0 + i64::try_from(self.now / MS).unwrap() + self.wall_step;
        Moment { wall: Timestamp(wall), mono: Monotonic(self.now) }
    }

    pub(crate) fn note(&self, line: impl FnOnce(&Self) -> String) {
        self.trace.line(self.now, || line(self));
    }

    /// A new connection; the number by which it is known.
    pub(crate) fn open(&mut self, peer: Peer) -> usize {
        self.wires.push(Wire {
            peer,
            input: Vec::new(),
            to_gateway: VecDeque::new(),
            to_peer: VecDeque::new(),
            gateway_open: true,
            peer_open: true,
            stuck_until: 0,
            unwritten_since: None,
        });
        self.wires.len() - 1
    }

    /// How many more octets the peer's socket takes.
    pub(crate) fn room(&self, wire: usize) -> usize {
        let waiting: usize = self.wires[wire].to_peer.iter().map(|chunk| chunk.octets.len()).sum();
        SOCKET.saturating_sub(waiting)
    }

    /// Carries octets to one end.
    pub(crate) fn carry(&mut self, wire: usize, inward: bool, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            let whole = self.chance.percent(70);
            let cut = if whole { rest.len() } else { 1 + self.chance.index(rest.len()) };
            let (chunk, more) = rest.split_at(cut);
            self.push(wire, inward, chunk.to_vec(), false);
            rest = more;
        }
    }

    fn push(&mut self, wire: usize, inward: bool, octets: Vec<u8>, end: bool) {
        let (low, high) = self.plan.latency;
        let after = self.chance.between(low, high);
        let now = self.now;
        let queue = self.wires[wire].queue(inward);
        let at = queue.back().map_or(0, |last| last.at).max(now + after);
        queue.push_back(Chunk { at, octets, end });
        self.at(at - now, Event::Arrive { wire, inward });
    }

    /// One end closes its socket; the other hears of it behind what was written.
    pub(crate) fn hang_up(&mut self, wire: usize, inward: bool) {
        let end = &mut self.wires[wire];
        let open = if inward { &mut end.gateway_open } else { &mut end.peer_open };
        if std::mem::replace(open, false) {
            self.push(wire, !inward, Vec::new(), true);
        }
    }

    /// The connection is reset: what was on its way is lost.
    pub(crate) fn cut(&mut self, wire: usize) {
        for inward in [true, false] {
            self.wires[wire].queue(inward).clear();
            self.push(wire, inward, Vec::new(), true);
        }
        self.wires[wire].stuck_until = 0;
    }

    fn arrive(&mut self, wire: usize, inward: bool) {
        let (now, stuck) = (self.now, self.wires[wire].stuck_until);
        if !inward && stuck > now {
            return self.at(stuck - now, Event::Arrive { wire, inward });
        }
        while let Some(chunk) = self.wires[wire].queue(inward).pop_front_if(|chunk| chunk.at <= now) {
            if inward { self.reach_gateway(wire, &chunk) } else { self.reach_peer(wire, &chunk) }
        }
    }

    fn reach_gateway(&mut self, wire: usize, chunk: &Chunk) {
        let Some(mail) = self.gateway.as_mut().and_then(|gateway| gateway.mail.get_mut(&wire)) else {
            return;
        };
        mail.input.extend_from_slice(&chunk.octets);
        mail.gone |= chunk.end;
        self.wake(wire);
    }

    fn reach_peer(&mut self, wire: usize, chunk: &Chunk) {
        if !self.wires[wire].peer_open {
            return;
        }
        self.wires[wire].input.extend_from_slice(&chunk.octets);
        self.wake(wire);
        match self.wires[wire].peer {
            Peer::Esme(_) => self.esme_reads(wire, chunk.end),
            Peer::Smsc(_) => self.smsc_reads(wire, chunk.end),
        }
    }

    fn is_at_rest(&self) -> bool {
        let Some(gateway) = &self.gateway else { return false };
        gateway.is_idle() && self.smscs.iter().all(Smsc::is_idle) && self.leftovers().is_empty()
    }
}

impl Wire {
    fn queue(&mut self, inward: bool) -> &mut VecDeque<Chunk> {
        if inward { &mut self.to_gateway } else { &mut self.to_peer }
    }
}
