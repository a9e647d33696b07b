//! The simulated SMSCs: what they make of submits, the receipts and replies they send until they are taken.

use std::collections::BTreeMap;

use super::pdu::{self, Pdu};
use super::plan::{MS, Manners, SECOND};
use super::world::{Event, Peer, World};

/// The SMSC's end of a link.
#[derive(Debug)]
pub(crate) struct SmscPeer {
    pub(crate) channel: usize,
    bound: bool,
    next_sequence: u32,
    /// Open `deliver_sm`s: sequence number to what was sent.
    open: BTreeMap<u32, usize>,
    /// Says nothing any more.
    pub(crate) silent: bool,
    unbinding: bool,
}

/// One SMSC, over all its links. It forgets nothing.
pub(crate) struct Smsc {
    channel: usize,
    next_id: u64,
    pub(crate) dues: Vec<Due>,
}

/// Something that is sent north until it is taken.
pub(crate) struct Due {
    pub(crate) what: What,
    source: String,
    destination: String,
    text: String,
    pub(crate) done: bool,
    in_flight: bool,
}

/// What a `deliver_sm` is about.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Receipt { message: usize, state: &'static str },
    Stranger,
    Reply { text: String },
    OptOut { person: usize, enterprise: usize },
}

/// What an SMSC does with a submit.
struct Verdict {
    status: u32,
    takes: bool,
    answers: u32,
    after: u64,
}

impl SmscPeer {
    pub(crate) fn new(channel: usize) -> Self {
        Self {
            channel,
            bound: false,
            next_sequence: 1,
            open: BTreeMap::new(),
            silent: false,
            unbinding: false,
        }
    }
}

impl Smsc {
    pub(crate) fn new(channel: usize) -> Self {
        Self { channel, next_id: 0x1000, dues: Vec::new() }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.dues.iter().all(|due| due.done)
    }

    /// The next id, as responses write it and as receipts write it.
    fn id(&mut self) -> (String, String) {
        self.next_id += 7;
        match self.channel {
            0 => (format!("SMSC{:x}", self.next_id), format!("SMSC{:x}", self.next_id)),
            _ => (format!("{:X}", self.next_id), format!("{:010}", self.next_id)),
        }
    }
}

impl World {
    pub(crate) fn smsc_reads(&mut self, wire: usize, ended: bool) {
        while let Some(pdu) = pdu::next(&mut self.wires[wire].input) {
            let Peer::Smsc(peer) = &self.wires[wire].peer else { return };
            if !peer.silent {
                self.smsc_takes(wire, &pdu);
            }
        }
        if ended {
            self.wires[wire].peer_open = false;
        }
    }

    fn smsc_takes(&mut self, wire: usize, pdu: &Pdu) {
        match pdu.command {
            pdu::BIND_TRANSCEIVER => {
                if let Peer::Smsc(peer) = &mut self.wires[wire].peer {
                    peer.bound = true;
                }
                self.carry(wire, true, &pdu::named(pdu.command, pdu::OK, pdu.sequence, "smsc"));
            }
            pdu::SUBMIT => self.smsc_submitted(wire, pdu),
            pdu::UNBIND => {
                self.carry(wire, true, &pdu::pdu(pdu.command | pdu::RESPONSE, pdu::OK, pdu.sequence, &[]));
                self.hang_up(wire, false);
            }
            pdu::ENQUIRE_LINK => {
                self.carry(wire, true, &pdu::pdu(pdu.command | pdu::RESPONSE, pdu::OK, pdu.sequence, &[]));
            }
            command if command == pdu::DELIVER | pdu::RESPONSE => self.smsc_delivered(wire, pdu),
            command if command == pdu::UNBIND | pdu::RESPONSE => self.hang_up(wire, false),
            _ => {}
        }
    }

    fn smsc_submitted(&mut self, wire: usize, pdu: &Pdu) {
        let Peer::Smsc(peer) = &self.wires[wire].peer else { return };
        let channel = peer.channel;
        let manners = if self.calm { Manners::default() } else { self.plan.manners[channel].clone() };
        let message = pdu::message(&pdu.body);
        let number = self.model.arrived(&message.text, &message.destination, channel);
        let verdict = self.judge(&manners);
        let mut name = None;
        if verdict.takes {
            let (spoken, written) = self.smscs[channel].id();
            self.take_message(channel, number, &message, &written, &manners);
            self.model.taken_by_smsc(number, spoken);
            name = (!self.chance.percent(manners.nameless)).then_some(number);
        }
        for time in 0..verdict.answers {
            let after = verdict.after + u64::from(time) * self.chance.between(MS, SECOND);
            let answer = Event::AnswerSubmit {
                wire,
                sequence: pdu.sequence,
                status: verdict.status,
                smsc_message: name,
            };
            self.at(after, answer);
        }
        if self.chance.percent(manners.stray_response) {
            self.carry(wire, true, &pdu::named(pdu::SUBMIT, pdu::OK, pdu.sequence + 5000, "stray"));
        }
    }

    fn judge(&mut self, manners: &Manners) -> Verdict {
        let chance = &mut self.chance;
        let soon = if chance.percent(10) { chance.below(2 * SECOND) } else { chance.below(20 * MS) };
        let mut verdict = Verdict { status: pdu::OK, takes: true, answers: 1, after: soon };
        if chance.percent(manners.throttles) {
            let status = if chance.percent(50) { pdu::RTHROTTLED } else { pdu::RMSGQFUL };
            return Verdict { status, takes: false, ..verdict };
        }
        if chance.percent(manners.fails) {
            return Verdict { status: pdu::RSYSERR, takes: false, ..verdict };
        }
        if chance.percent(manners.refuses) {
            return Verdict { status: pdu::RSUBMITFAIL, takes: false, ..verdict };
        }
        if chance.percent(manners.deaf) {
            return Verdict { takes: false, answers: 0, ..verdict };
        }
        if chance.percent(manners.mute) {
            verdict.answers = 0;
        } else if chance.percent(manners.late) {
            verdict.after = chance.between(2 * SECOND, 9 * SECOND);
        } else if chance.percent(manners.twice) {
            verdict.answers = 2;
        }
        verdict
    }

    /// The receipts, replies and refusals that follow from a message.
    fn take_message(
        &mut self,
        channel: usize,
        number: usize,
        message: &pdu::Message,
        id: &str,
        manners: &Manners,
    ) {
        let states = ["UNDELIV", "EXPIRED", "REJECTD", "DELETED"];
        let bad = self.chance.percent(manners.bad_end);
        let state = if bad { states[self.chance.index(states.len())] } else { "DELIVRD" };
        let text = |id: &str| {
            format!(
                "id:{id} sub:001 dlvrd:001 submit date:2603021000 done date:2603021000 stat:{state} err:000 text:"
            )
        };
        let early = self.chance.percent(manners.early_receipt);
        let after = if early { 0 } else { self.chance.between(10 * MS, 4 * SECOND) };
        let mut dues = Vec::new();
        if !self.chance.percent(manners.no_receipt) {
            dues.push((after, What::Receipt { message: number, state }, text(id)));
            if self.chance.percent(manners.two_receipts) {
                let again = after + self.chance.below(2 * SECOND);
                dues.push((again, What::Receipt { message: number, state }, text(id)));
            }
        }
        if self.chance.percent(manners.strange_receipt) {
            dues.push((after, What::Stranger, text(&format!("ABCDEF{number:04}"))));
        }
        if self.chance.percent(manners.reply) {
            let reply = format!("r{number}x{}", self.smscs[channel].dues.len());
            dues.push((after + MS, What::Reply { text: reply.clone() }, reply));
        }
        if self.chance.percent(manners.opt_out) {
            let (person, enterprise) = self.model.whose(number);
            dues.push((after + MS, What::OptOut { person, enterprise }, "TD".to_owned()));
        }
        for (after, what, text) in dues {
            let (source, destination) = (message.destination.clone(), message.source.clone());
            let smsc = &mut self.smscs[channel];
            smsc.dues.push(Due { what, source, destination, text, done: false, in_flight: false });
            let due = smsc.dues.len() - 1;
            self.at(after, Event::Due { channel, due });
        }
    }

    pub(crate) fn answer_submit(&mut self, wire: usize, sequence: u32, status: u32, name: Option<usize>) {
        let Peer::Smsc(peer) = &self.wires[wire].peer else { return };
        if peer.silent || !self.wires[wire].peer_open {
            return;
        }
        let name = name.map(|number| self.model.smsc_name(number)).unwrap_or_default();
        let octets = match status {
            pdu::OK => pdu::named(pdu::SUBMIT, status, sequence, &name),
            _ => pdu::pdu(pdu::SUBMIT | pdu::RESPONSE, status, sequence, &[]),
        };
        self.carry(wire, true, &octets);
    }

    /// Sends a receipt or reply on any link, unless it was taken; looks again later.
    pub(crate) fn due(&mut self, channel: usize, due: usize) {
        if self.smscs[channel].dues[due].done {
            return;
        }
        self.at(4 * SECOND, Event::Due { channel, due });
        let ready = |peer: &Peer| matches!(peer, Peer::Smsc(peer) if peer.channel == channel && peer.bound && !peer.silent && !peer.unbinding);
        let links: Vec<usize> = (0..self.wires.len())
            .filter(|wire| self.wires[*wire].peer_open && ready(&self.wires[*wire].peer))
            .collect();
        if links.is_empty() {
            return;
        }
        let wire = links[self.chance.index(links.len())];
        let Peer::Smsc(peer) = &mut self.wires[wire].peer else { return };
        let sequence = peer.next_sequence;
        peer.next_sequence += 1;
        peer.open.insert(sequence, due);
        let entry = &mut self.smscs[channel].dues[due];
        entry.in_flight = true;
        let esm_class = if matches!(entry.what, What::Receipt { .. } | What::Stranger) { 4 } else { 0 };
        let octets =
            pdu::deliver(sequence, &entry.source, &entry.destination, esm_class, entry.text.as_bytes());
        self.note(|world| format!("smsc {channel} delivers {:?}", world.smscs[channel].dues[due].what));
        self.carry(wire, true, &octets);
    }

    fn smsc_delivered(&mut self, wire: usize, pdu: &Pdu) {
        let Peer::Smsc(peer) = &mut self.wires[wire].peer else { return };
        let (channel, Some(due)) = (peer.channel, peer.open.remove(&pdu.sequence)) else { return };
        let entry = &mut self.smscs[channel].dues[due];
        if pdu.status == pdu::OK && !entry.done {
            entry.done = true;
            let what = entry.what.clone();
            self.note(|_| format!("smsc {channel}: taken {what:?}"));
            self.model.smsc_was_heard(&what, self.now);
        } else if !entry.done {
            self.at(300 * MS, Event::Due { channel, due });
        }
    }

    /// An SMSC asks to be let go, on one of its links.
    pub(crate) fn smsc_unbinds(&mut self, wire: usize) {
        let Peer::Smsc(peer) = &mut self.wires[wire].peer else { return };
        if peer.bound && !std::mem::replace(&mut peer.unbinding, true) {
            let sequence = peer.next_sequence;
            peer.next_sequence += 1;
            self.carry(wire, true, &pdu::pdu(pdu::UNBIND, pdu::OK, sequence, &[]));
        }
    }
}
