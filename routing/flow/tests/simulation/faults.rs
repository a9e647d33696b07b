//! What goes wrong, and how it gets well again.

use super::plan::{By, Fault, MS, SECOND};
use super::world::{Event, Peer, World};

impl World {
    pub(crate) fn fault(&mut self, fault: Fault) {
        // The gateway that lost its journal still has to stop.
        if self.calm && !matches!(fault, Fault::Crash { .. }) {
            return;
        }
        self.note(|_| format!("{fault:?}"));
        match fault {
            Fault::Crash { away } => self.crash(away),
            Fault::Cut => self.with_a_wire(|_| true, Self::cut),
            Fault::SmscUnbinds => self.with_a_wire(is_smsc, Self::smsc_unbinds),
            Fault::SmscSilent => self.with_a_wire(is_smsc, Self::silence),
            Fault::EsmeUnbinds => self.with_a_wire(|peer| !is_smsc(peer), Self::esme_unbinds),
            Fault::Stuck { lasting } => {
                let until = self.now + lasting;
                self.with_a_wire(|_| true, |world, wire| world.wires[wire].stuck_until = until);
            }
            Fault::ClockStep { ms } => self.wall_step += ms,
            Fault::Revoke { person, enterprise } => self.revoke(person, enterprise),
            Fault::Suspend { enterprise, by, lasting } => {
                self.suspend(enterprise, by);
                self.at(lasting, Event::Resume { enterprise });
            }
            Fault::ChannelOff { channel, lasting } => {
                self.switch(channel, false);
                self.at(lasting, Event::ChannelOn { channel });
            }
            Fault::StoreFull { lasting } => {
                self.store_full = true;
                self.at(lasting, Event::StoreWell);
            }
            Fault::StoreFails => self.store_fails = true,
            Fault::StoreSlow { each } => {
                self.commit_slow = (each, each);
                self.at(SECOND, Event::StoreWell);
            }
        }
    }

    /// Nothing goes wrong from now on; what did gets well.
    pub(crate) fn become_calm(&mut self) {
        self.note(|_| "calm".to_owned());
        self.calm = true;
        (self.store_full, self.store_fails, self.commit_slow) = (false, false, (0, 0));
        for wire in &mut self.wires {
            wire.stuck_until = 0;
        }
        for enterprise in 0..self.model.suspended.len() {
            self.resume(enterprise);
        }
        for channel in 0..self.enabled.len() {
            self.switch(channel, true);
        }
    }

    /// Switches a channel on or off, as carrier staff do.
    pub(crate) fn switch(&mut self, channel: usize, on: bool) {
        if std::mem::replace(&mut self.enabled[channel], on) == on {
            return;
        }
        self.configure();
        let start = self.start;
        let wires: Vec<usize> =
            self.gateway.iter().flat_map(|gateway| gateway.south.keys().copied()).collect();
        for wire in wires {
            self.wake(wire);
        }
        if on {
            for link in 0..self.plan.links[channel] {
                let is_there = self.gateway.as_ref().is_some_and(|gateway| gateway.has_link(channel, link));
                if !is_there {
                    self.at(MS, Event::Connect { start, channel, link });
                }
            }
        }
    }

    /// From now on nothing of an enterprise may leave.
    fn suspend(&mut self, enterprise: usize, by: By) {
        self.model.suspended[enterprise] = Some(by);
        self.configure();
    }

    /// An enterprise is served again.
    pub(crate) fn resume(&mut self, enterprise: usize) {
        if self.model.suspended[enterprise].take().is_some() {
            self.configure();
        }
    }

    fn silence(&mut self, wire: usize) {
        if let Peer::Smsc(peer) = &mut self.wires[wire].peer {
            peer.silent = true;
        }
    }

    fn with_a_wire(&mut self, which: fn(&Peer) -> bool, act: impl FnOnce(&mut Self, usize)) {
        let open: Vec<usize> = (0..self.wires.len())
            .filter(|wire| self.wires[*wire].peer_open && self.wires[*wire].gateway_open)
            .filter(|wire| which(&self.wires[*wire].peer))
            .collect();
        if !open.is_empty() {
            let wire = open[self.chance.index(open.len())];
            self.note(|_| format!("... on {wire}"));
            act(self, wire);
        }
    }
}

fn is_smsc(peer: &Peer) -> bool {
    matches!(peer, Peer::Smsc(_))
}
