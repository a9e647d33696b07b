//! The simulated accounts: they submit when the plan says so, and take what is delivered, more or less willingly.

use std::collections::BTreeMap;

use super::pdu::{self, Pdu};
use super::people;
use super::plan::{MS, SECOND};
use super::world::{Event, Peer, World};

/// Requests an account leaves open on one bind.
const WINDOW: usize = 10;

/// An account's end of a bind.
#[derive(Debug)]
pub(crate) struct EsmePeer {
    pub(crate) esme: usize,
    command: u32,
    bound: bool,
    next_sequence: u32,
    /// Open submits: sequence number to message.
    open: BTreeMap<u32, usize>,
    /// Open questions about messages.
    asked: BTreeMap<u32, usize>,
    unbinding: bool,
}

/// One account.
#[derive(Default)]
pub(crate) struct Esme {
    wires: Vec<usize>,
}

impl World {
    /// An account connects and binds.
    pub(crate) fn bind(&mut self, esme: usize, command: u32) {
        if self.gateway.is_none() {
            return self.at(300 * MS, Event::Bind { esme, command });
        }
        let peer = EsmePeer {
            esme,
            command,
            bound: false,
            next_sequence: 2,
            open: BTreeMap::new(),
            asked: BTreeMap::new(),
            unbinding: false,
        };
        let wire = self.open(Peer::Esme(peer));
        self.esmes[esme].wires.push(wire);
        self.accept(wire);
        self.carry(wire, true, &pdu::bind(command, 1, people::ACCOUNTS[esme]));
    }

    /// Submits a planned message on a bind with room, or tries again a little later.
    pub(crate) fn submit(&mut self, message: usize, tries: u32) {
        let intention = self.plan.submits[message];
        let wires = self.senders(intention.account);
        if wires.is_empty() {
            if tries < 20 && !self.calm {
                self.at(200 * MS, Event::Submit { message, tries: tries + 1 });
            }
            return;
        }
        let wire = wires[self.chance.index(wires.len())];
        let schedule = intention.schedule.map(|seconds| format!("{seconds:012}000R")).unwrap_or_default();
        let validity = intention.validity.map(|seconds| format!("{seconds:012}000R")).unwrap_or_default();
        let text = format!("m{message}");
        let submit = pdu::Submit {
            source: people::NUMBERS[intention.enterprise],
            pseudonym: &people::pseudonym(intention.person, intention.enterprise),
            schedule: &schedule,
            validity: &validity,
            registered_delivery: intention.registered_delivery,
            text: text.as_bytes(),
        };
        let Peer::Esme(peer) = &mut self.wires[wire].peer else { return };
        let sequence = peer.next_sequence;
        peer.next_sequence += 1;
        peer.open.insert(sequence, message);
        let octets = submit.encode(sequence);
        self.model.submitted(message, wire, self.now);
        self.note(|_| format!("m{message} submitted on {wire}: {intention:?}"));
        self.carry(wire, true, &octets);
    }

    /// The binds of an account on which it may ask for one more thing.
    fn senders(&self, account: usize) -> Vec<usize> {
        let ready = |peer: &Peer| match peer {
            Peer::Esme(peer) => {
                peer.bound
                    && !peer.unbinding
                    && peer.command != pdu::BIND_RECEIVER
                    && peer.open.len() < WINDOW
            }
            Peer::Smsc(_) => false,
        };
        let wires = self.esmes[account].wires.iter().copied();
        wires.filter(|wire| self.wires[*wire].peer_open && ready(&self.wires[*wire].peer)).collect()
    }

    /// Perhaps asks about a message that was accepted, some time later.
    fn ask_later(&mut self, message: usize) {
        let questions = self.plan.questions;
        let kinds = [
            (questions.query, pdu::QUERY),
            (questions.cancel, pdu::CANCEL),
            (questions.replace, pdu::REPLACE),
        ];
        for (percent, command) in kinds {
            if self.chance.percent(percent) {
                let after = self.chance.below(3 * SECOND);
                self.at(after, Event::Ask { message, command });
            }
        }
    }

    pub(crate) fn ask(&mut self, message: usize, command: u32) {
        let intention = self.plan.submits[message];
        let Some(&wire) = self.senders(intention.account).first() else { return };
        let Some(id) = self.model.asked(message, command) else { return };
        let source = people::NUMBERS[intention.enterprise];
        let Peer::Esme(peer) = &mut self.wires[wire].peer else { return };
        let sequence = peer.next_sequence;
        peer.next_sequence += 1;
        peer.asked.insert(sequence, message);
        let text = format!("m{message}r");
        self.note(|_| format!("m{message}: {command} is asked on {wire}"));
        self.carry(wire, true, &pdu::ask(command, sequence, &id, source, text.as_bytes()));
    }

    pub(crate) fn esme_reads(&mut self, wire: usize, ended: bool) {
        while let Some(pdu) = pdu::next(&mut self.wires[wire].input) {
            self.esme_takes(wire, &pdu);
        }
        if ended {
            self.wires[wire].peer_open = false;
            let Peer::Esme(peer) = &self.wires[wire].peer else { return };
            let (esme, command) = (peer.esme, peer.command);
            let after = if self.calm { 0 } else { self.chance.between(50 * MS, 2 * SECOND) };
            self.at(after, Event::Bind { esme, command });
        }
    }

    fn esme_takes(&mut self, wire: usize, pdu: &Pdu) {
        let Peer::Esme(peer) = &mut self.wires[wire].peer else { return };
        match pdu.command {
            command if command == peer.command | pdu::RESPONSE => {
                assert_eq!(pdu.status, pdu::OK, "a bind was refused");
                peer.bound = true;
            }
            command if command == pdu::SUBMIT | pdu::RESPONSE => {
                let message = peer.open.remove(&pdu.sequence).expect("an answer to nothing");
                let id = (pdu.status == pdu::OK).then(|| pdu::name_of(&pdu.body));
                self.note(|_| format!("m{message} answered {:#x} {id:?}", pdu.status));
                let accepted = id.is_some();
                self.model.submit_answered(message, pdu.status, id);
                if accepted {
                    self.ask_later(message);
                }
            }
            command
                if [pdu::QUERY, pdu::CANCEL, pdu::REPLACE].contains(&(command & !pdu::RESPONSE))
                    && command & pdu::RESPONSE != 0 =>
            {
                let message = peer.asked.remove(&pdu.sequence).expect("an answer to nothing");
                self.note(|_| format!("m{message}: {command:#x} answered {:#x}", pdu.status));
                if pdu.status == pdu::OK {
                    self.model.told(message, command & !pdu::RESPONSE, &pdu.body);
                }
            }
            pdu::DELIVER => self.esme_delivered(wire, pdu),
            pdu::ENQUIRE_LINK => {
                self.carry(wire, true, &pdu::pdu(pdu.command | pdu::RESPONSE, pdu::OK, pdu.sequence, &[]));
            }
            pdu::UNBIND => {
                self.carry(wire, true, &pdu::pdu(pdu.command | pdu::RESPONSE, pdu::OK, pdu.sequence, &[]));
            }
            _ => {}
        }
    }

    fn esme_delivered(&mut self, wire: usize, pdu: &Pdu) {
        let message = pdu::message(&pdu.body);
        let text = String::from_utf8(message.text).unwrap();
        let reception = self.plan.reception.clone();
        let status = if self.calm {
            pdu::OK
        } else if self.chance.percent(reception.silent) {
            return self.note(|_| format!("{wire} says nothing to {text}"));
        } else if self.chance.percent(reception.later) {
            pdu::RX_T_APPN
        } else if self.chance.percent(reception.never) {
            pdu::RX_P_APPN
        } else {
            pdu::OK
        };
        self.note(|_| format!("{wire} answers {status:#x} to {text}"));
        self.model.delivered(&text, message.esm_class, status);
        let after =
            if self.chance.percent(5) { self.chance.below(5 * SECOND) } else { self.chance.below(5 * MS) };
        self.at(after, Event::AnswerDeliver { wire, sequence: pdu.sequence, status });
    }

    pub(crate) fn answer_deliver(&mut self, wire: usize, sequence: u32, status: u32) {
        if self.wires[wire].peer_open {
            self.carry(wire, true, &pdu::named(pdu::DELIVER, status, sequence, ""));
        }
    }

    /// An account takes leave on one bind, and comes back.
    pub(crate) fn esme_unbinds(&mut self, wire: usize) {
        let Peer::Esme(peer) = &mut self.wires[wire].peer else { return };
        if peer.bound && !std::mem::replace(&mut peer.unbinding, true) {
            let sequence = peer.next_sequence;
            peer.next_sequence += 1;
            self.carry(wire, true, &pdu::pdu(pdu::UNBIND, pdu::OK, sequence, &[]));
        }
    }
}
