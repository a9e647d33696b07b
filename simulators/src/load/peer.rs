//! One bind of the load generator.
//!
//! ```text
//! Connecting --bind_resp ok--> Sending --all sent--> Draining --all answered--> Unbinding --resp--> Over
//!      ^------------------ connection lost, reconnect ------------------'
//! ```

use std::sync::Arc;

use super::outgoing::Outgoing;
use super::shared::{Shared, Stats};
use super::tracker::Seen;
use crate::message::tag;
use crate::pump::{BATCH, Peer};
use crate::raw::{self, Cursor, Header, Misframed, Short};
use crate::receipt::{self, State};

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Binding,
    Sending,
    Draining,
    Unbinding,
    Over,
    Refused(u32),
}

/// A submit_sm without response; `sequence` 0 is a free place.
#[derive(Clone, Copy, Default)]
struct Slot {
    sequence: u32,
    number: u64,
    intended: u64,
    sent: u64,
    receipt: bool,
}

pub(super) struct LoadPeer {
    shared: Arc<Shared>,
    /// Which bind this is, from 0.
    index: u64,
    outgoing: Outgoing,
    stage: Stage,
    ring: Vec<Slot>,
    in_flight: usize,
    sequence: u32,
    drain_since: u64,
    heard: u64,
    lines: Vec<u8>,
}

impl LoadPeer {
    /// `None` if the run has no such bind.
    pub(super) fn new(shared: Arc<Shared>, index: u64) -> Option<Self> {
        let outgoing = Outgoing::new(&shared, index)?;
        let places = outgoing.window().saturating_mul(2).next_power_of_two();
        Some(Self {
            shared,
            index,
            outgoing,
            stage: Stage::Connecting,
            ring: vec![Slot::default(); places],
            in_flight: 0,
            sequence: 0,
            drain_since: 0,
            heard: 0,
            lines: Vec::new(),
        })
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// The connection is gone: what had no response is of unknown outcome.
    pub(super) fn lost(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut stats = shared.stats(self.index).lock();
        for slot in self.ring.iter_mut().filter(|slot| slot.sequence != 0) {
            stats.unknown += 1;
            note(&mut self.lines, b"U ", slot.number, b"");
            *slot = Slot::default();
        }
        stats.disconnects += 1;
        stats.bound = false;
        self.in_flight = 0;
        shared.write_log(&mut self.lines);
        if !matches!(self.stage, Stage::Over | Stage::Refused(_)) {
            self.stage = Stage::Connecting;
        }
    }

    fn send(&mut self, now: u64, out: &mut Vec<u8>, stats: &mut Stats) {
        let window = self.outgoing.window();
        self.outgoing.advance(now, stats);
        while self.in_flight < window && out.len() < BATCH {
            let sequence = if self.sequence >= 0x7FFF_FFFF { 1 } else { self.sequence + 1 };
            let Some(slot) = place(&mut self.ring, sequence) else { break };
            if slot.sequence != 0 {
                // The one before it in this place has still no response: the ring is full in effect.
                break;
            }
            let Some(next) = self.outgoing.next(now) else { break };
            let (number, intended) = (next.number, next.intended);
            *slot = Slot { sequence, number, intended, sent: now, receipt: next.receipt && next.last };
            stats.messages += u64::from(next.last);
            self.outgoing.put(out, sequence, next);
            self.sequence = sequence;
            self.in_flight += 1;
            stats.submitted += 1;
        }
        stats.in_flight = self.in_flight;
        if self.outgoing.is_over(now) {
            self.stage = Stage::Draining;
            self.drain_since = now;
        }
    }

    fn drain(&mut self, now: u64, out: &mut Vec<u8>, stats: &mut Stats) {
        let waited = now.saturating_sub(self.drain_since);
        if self.in_flight > 0 {
            if waited < self.shared.response_timeout {
                return;
            }
            self.expire(0, stats);
        }
        let receipts_due = self.shared.plan.receipts
            && (self.shared.tracker.waiting() > 0 || !self.shared.all_draining(self.index, stats));
        if receipts_due && waited < self.shared.drain {
            return;
        }
        self.sequence += 1;
        raw::put_header(out, 6, 0, self.sequence);
        self.stage = Stage::Unbinding;
        self.drain_since = now;
    }

    /// Gives up messages that were sent at or before `horizon` (all if 0).
    fn expire(&mut self, horizon: u64, stats: &mut Stats) {
        for slot in self.ring.iter_mut() {
            if slot.sequence != 0 && (horizon == 0 || slot.sent <= horizon) {
                stats.unknown += 1;
                note(&mut self.lines, b"U ", slot.number, b"");
                *slot = Slot::default();
                self.in_flight = self.in_flight.saturating_sub(1);
            }
        }
    }

    fn handle(&mut self, now: u64, header: Header, body: &[u8], out: &mut Vec<u8>, stats: &mut Stats) {
        match header.id {
            0x8000_0004 => self.response(now, header, body, stats),
            5 => {
                self.delivery(now, body, stats);
                raw::put_text_response(out, 0x8000_0005, header.sequence, b"");
            }
            0x8000_0009 => self.bound(header.status, stats),
            0x15 | 6 => raw::put_header(out, header.id | 0x8000_0000, 0, header.sequence),
            0x8000_0006 => self.stage = Stage::Over,
            0x8000_0000 => self.response(now, header, &[], stats),
            id if id & 0x8000_0000 != 0 => {}
            _ => raw::put_header(out, 0x8000_0000, 3, header.sequence),
        }
    }

    fn bound(&mut self, status: u32, stats: &mut Stats) {
        if status != 0 {
            self.stage = Stage::Refused(status);
        } else if self.stage == Stage::Binding {
            self.stage = Stage::Sending;
            stats.bound = true;
        }
    }

    fn response(&mut self, now: u64, header: Header, body: &[u8], stats: &mut Stats) {
        let Some(slot) = place(&mut self.ring, header.sequence) else { return };
        if slot.sequence != header.sequence || header.sequence == 0 {
            stats.late += 1;
            return;
        }
        let Slot { number, intended, sent, receipt, .. } = *slot;
        *slot = Slot::default();
        self.in_flight = self.in_flight.saturating_sub(1);
        stats.in_flight = self.in_flight;
        stats.last_response = now;
        stats.status(header.status);
        stats.response.saturating_record(now.saturating_sub(intended) / 1_000);
        stats.from_send.saturating_record(now.saturating_sub(sent) / 1_000);
        if header.status != 0 {
            return;
        }
        stats.accepted += 1;
        let id = Cursor(body).text().unwrap_or_default();
        if self.shared.logs() {
            note(&mut self.lines, b"A ", number, id);
        }
        if receipt
            && self.shared.plan.receipts
            && let Some(at) = self.shared.tracker.accepted(id, intended)
        {
            stats.receipt.saturating_record(at.saturating_sub(intended) / 1_000);
            stats.last_receipt = now;
        }
    }

    fn delivery(&mut self, now: u64, body: &[u8], stats: &mut Stats) {
        let Some(short) = Short::read(body) else {
            stats.replies += 1;
            return;
        };
        match short.esm_class & 0x3C {
            0 => stats.replies += 1,
            4 => self.receipt(now, &short, stats),
            _ => stats.notifications += 1,
        }
    }

    fn receipt(&mut self, now: u64, short: &Short<'_>, stats: &mut Stats) {
        let from_tlv = short.tlv(tag::RECEIPTED_MESSAGE_ID);
        let state_octet = short.tlv(tag::MESSAGE_STATE).and_then(|value| value.first().copied());
        let (text_id, text_state) = match (from_tlv, state_octet) {
            (Some(_), Some(_)) => (None, None),
            _ => receipt::read(short.content),
        };
        let id = from_tlv.map(|id| id.strip_suffix(&[0]).unwrap_or(id)).or(text_id.map(str::as_bytes));
        let id = id.unwrap_or_default();
        let state = state_octet.and_then(State::from_octet).or(text_state).unwrap_or(State::Unknown);
        stats.receipts += 1;
        if let Some(count) = stats.states.get_mut(usize::from(state.octet())) {
            *count += 1;
        }
        if self.shared.logs() {
            self.lines.extend_from_slice(b"R ");
            self.lines.extend_from_slice(id);
            self.lines.push(b' ');
            self.lines.extend_from_slice(state.text().as_bytes());
            self.lines.push(b'\n');
        }
        if !self.shared.plan.receipts {
            return;
        }
        match self.shared.tracker.receipt(id, now) {
            Seen::First(intended) => {
                stats.receipt.saturating_record(now.saturating_sub(intended) / 1_000);
                stats.last_receipt = now;
            }
            Seen::Duplicate => stats.duplicates += 1,
            Seen::Early | Seen::Untracked => {}
        }
    }
}

impl Peer for LoadPeer {
    fn receive(&mut self, now: u64, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Misframed> {
        let shared = Arc::clone(&self.shared);
        let mut stats = shared.stats(self.index).lock();
        self.heard = now;
        let mut used = 0;
        while let Some((header, body)) = raw::first(input.get(used..).unwrap_or_default())? {
            self.handle(now, header, body, out, &mut stats);
            used += header.length;
        }
        drop(stats);
        shared.write_log(&mut self.lines);
        Ok(used)
    }

    fn fill(&mut self, now: u64, out: &mut Vec<u8>) {
        let shared = Arc::clone(&self.shared);
        let mut stats = shared.stats(self.index).lock();
        match self.stage {
            Stage::Connecting => {
                self.sequence = 1;
                raw::put_bind(out, 1, self.outgoing.credentials(), shared.plan.interface_version);
                self.stage = Stage::Binding;
                self.heard = now;
            }
            Stage::Sending => {
                if self.in_flight > 0 && now.saturating_sub(self.heard) > SECOND {
                    self.expire(now.saturating_sub(shared.response_timeout).max(1), &mut stats);
                }
                self.send(now, out, &mut stats);
            }
            Stage::Draining => self.drain(now, out, &mut stats),
            Stage::Unbinding if now.saturating_sub(self.drain_since) > 2 * SECOND => self.stage = Stage::Over,
            _ => {}
        }
        stats.draining = !matches!(self.stage, Stage::Connecting | Stage::Binding | Stage::Sending);
        drop(stats);
        shared.write_log(&mut self.lines);
    }

    fn deadline(&self, now: u64) -> u64 {
        match self.stage {
            Stage::Sending if self.in_flight < self.outgoing.window() => {
                let next = self.outgoing.due().unwrap_or(now + 100 * MILLISECOND);
                next.min(now + SECOND).max(now + 1)
            }
            Stage::Draining => now + 5 * MILLISECOND,
            _ => now + 100 * MILLISECOND,
        }
    }

    fn finished(&self) -> bool {
        matches!(self.stage, Stage::Over | Stage::Refused(_))
    }
}

fn place(ring: &mut [Slot], sequence: u32) -> Option<&mut Slot> {
    let mask = ring.len().checked_sub(1)?;
    ring.get_mut(usize::try_from(sequence).ok()? & mask)
}

fn note(lines: &mut Vec<u8>, kind: &[u8], number: u64, id: &[u8]) {
    let mut room = [0; 20];
    lines.extend_from_slice(kind);
    lines.extend_from_slice(raw::spell(number, 10, &mut room));
    lines.push(b' ');
    lines.extend_from_slice(id);
    lines.push(b'\n');
}
