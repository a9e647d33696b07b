//! One connection of the sink.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Parking, Shared};
use crate::clock;
use crate::pump::{BATCH, Peer};
use crate::raw::{self, Cursor, Header, Misframed, Short};
use crate::smsc::ReceiptWhen;

const IDS_AT_A_TIME: u64 = 1_024;
const SEQUENCES: u32 = 0x7FFF_FFFF;
const MILLISECOND: u64 = 1_000_000;

/// An address kept in place: ton, npi, length, octets.
#[derive(Clone, Copy)]
struct Place {
    ton: u8,
    npi: u8,
    length: u8,
    octets: [u8; 20],
}

/// A receipt to be sent.
#[derive(Clone, Copy)]
pub(super) struct Parked {
    due: u64,
    id: u64,
    source: Place,
    destination: Place,
}

#[derive(Default)]
struct Tally {
    submits: u64,
    refused: u64,
    receipts: u64,
    delivered: u64,
    undelivered: u64,
}

/// The state of one connection.
pub(super) struct SinkPeer {
    shared: Arc<Shared>,
    parking: Option<Arc<Parking>>,
    receives: bool,
    closing: bool,
    ids: std::ops::Range<u64>,
    waiting: VecDeque<Parked>,
    inflight: VecDeque<Option<Parked>>,
    base: u32,
    delay: u64,
    date: [u8; 10],
    date_at: u64,
    lines: Vec<u8>,
    tally: Tally,
}

impl SinkPeer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let delay = u64::try_from(shared.options.receipt_delay.as_nanos()).unwrap_or(u64::MAX);
        Self {
            shared,
            parking: None,
            receives: false,
            closing: false,
            ids: 0..0,
            waiting: VecDeque::new(),
            inflight: VecDeque::new(),
            base: 1,
            delay,
            date: clock::wall().receipt_date(),
            date_at: 0,
            lines: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Leaves what was not delivered to the account's other connections.
    pub(super) fn park_all(&mut self) {
        if let Some(parking) = &self.parking {
            let rest = self.inflight.drain(..).flatten().chain(self.waiting.drain(..));
            parking.put(rest, self.shared.options.queue_limit);
        }
        self.report();
    }

    fn handle(&mut self, now: u64, header: Header, body: &[u8], out: &mut Vec<u8>) {
        match header.id {
            4 => self.submit(now, header.sequence, body, out),
            0x8000_0005 => self.answered(now, header),
            0x15 => raw::put_header(out, 0x8000_0015, 0, header.sequence),
            1 | 2 | 9 => self.bind(header, body, out),
            6 => {
                raw::put_header(out, 0x8000_0006, 0, header.sequence);
                self.closing = true;
            }
            id if id & 0x8000_0000 != 0 => {}
            _ => raw::put_header(out, 0x8000_0000, 3, header.sequence),
        }
    }

    fn bind(&mut self, header: Header, body: &[u8], out: &mut Vec<u8>) {
        let system_id = Cursor(body).text().unwrap_or_default();
        self.parking = Some(self.shared.parking(system_id));
        self.receives = header.id != 2;
        self.shared.binds.fetch_add(1, Ordering::Relaxed);
        let mark = raw::begin(out, header.id | 0x8000_0000, 0, header.sequence);
        out.extend_from_slice(b"sink\0");
        raw::put_tlv(out, 0x0210, &[0x34]);
        raw::end(out, mark);
    }

    fn submit(&mut self, now: u64, sequence: u32, body: &[u8], out: &mut Vec<u8>) {
        let Some(parking) = &self.parking else {
            raw::put_header(out, 0x8000_0004, 4, sequence);
            return;
        };
        let Some(short) = Short::read(body) else {
            raw::put_header(out, 0x8000_0004, 1, sequence);
            return;
        };
        let wanted = match self.shared.options.receipts {
            ReceiptWhen::None => false,
            ReceiptWhen::Always => true,
            ReceiptWhen::Asked => short.registered_delivery & 3 != 0,
        };
        if wanted && self.waiting.len() >= self.shared.options.queue_limit {
            raw::put_header(out, 0x8000_0004, 0x14, sequence);
            self.tally.refused += 1;
            return;
        }
        let id = next_id(&mut self.ids, &self.shared);
        let mut room = [0; 20];
        let base = if self.shared.options.decimal { 10 } else { 16 };
        let spelled = raw::spell(id, base, &mut room);
        raw::put_text_response(out, 0x8000_0004, sequence, spelled);
        if self.shared.log.is_some() {
            log(&mut self.lines, &short, spelled);
        }
        self.tally.submits += 1;
        if wanted {
            let receipt = Parked {
                due: now.saturating_add(self.delay),
                id,
                source: Place::new(short.destination),
                destination: Place::new(short.source),
            };
            if self.receives {
                self.waiting.push_back(receipt);
            } else {
                parking.put([receipt], self.shared.options.queue_limit);
            }
        }
    }

    fn answered(&mut self, now: u64, header: Header) {
        let index =
            usize::try_from(header.sequence.wrapping_sub(self.base) & SEQUENCES).unwrap_or(usize::MAX);
        let Some(receipt) = self.inflight.get_mut(index).and_then(Option::take) else { return };
        match header.status {
            0 => self.tally.delivered += 1,
            0x64 | 0x58 | 0x14 | 0x08 => {
                self.tally.undelivered += 1;
                self.waiting.push_back(Parked { due: now.saturating_add(200 * MILLISECOND), ..receipt });
            }
            _ => self.tally.undelivered += 1,
        }
        while let Some(None) = self.inflight.front() {
            self.inflight.pop_front();
            self.base = self.base.wrapping_add(1);
        }
    }

    fn send(&mut self, receipt: Parked, out: &mut Vec<u8>) {
        let position = u32::try_from(self.inflight.len()).unwrap_or(0);
        let mark = raw::begin(out, 5, 0, self.base.wrapping_add(position) & SEQUENCES);
        self.inflight.push_back(Some(receipt));
        out.push(0);
        receipt.source.put(out);
        receipt.destination.put(out);
        out.extend_from_slice(&[4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let length_at = out.len() - 1;
        let mut room = [0; 20];
        let base = if self.shared.options.decimal { 10 } else { 16 };
        let id = raw::spell(receipt.id, base, &mut room);
        out.extend_from_slice(b"id:");
        out.extend_from_slice(id);
        out.extend_from_slice(b" sub:001 dlvrd:001 submit date:");
        out.extend_from_slice(&self.date);
        out.extend_from_slice(b" done date:");
        out.extend_from_slice(&self.date);
        out.extend_from_slice(b" stat:DELIVRD err:000 text:");
        let length = u8::try_from(out.len() - length_at - 1).unwrap_or(0);
        raw::patch(out, length_at, &[length]);
        out.extend_from_slice(&[0, 0x1E, 0, u8::try_from(id.len() + 1).unwrap_or(0)]);
        out.extend_from_slice(id);
        out.extend_from_slice(&[0, 0x04, 0x27, 0, 1, 2]);
        raw::end(out, mark);
        self.tally.receipts += 1;
    }

    fn report(&mut self) {
        self.shared.write_log(&mut self.lines);
        let tally = std::mem::take(&mut self.tally);
        let counts = [
            (&self.shared.submits, tally.submits),
            (&self.shared.refused, tally.refused),
            (&self.shared.receipts, tally.receipts),
            (&self.shared.delivered, tally.delivered),
            (&self.shared.undelivered, tally.undelivered),
        ];
        for (counter, more) in counts.into_iter().filter(|(_, more)| *more > 0) {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }
}

impl Peer for SinkPeer {
    fn receive(&mut self, now: u64, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Misframed> {
        let mut used = 0;
        while let Some((header, body)) = raw::first(input.get(used..).unwrap_or_default())? {
            self.handle(now, header, body, out);
            used += header.length;
        }
        self.report();
        Ok(used)
    }

    fn fill(&mut self, now: u64, out: &mut Vec<u8>) {
        if !self.receives {
            return;
        }
        if now.saturating_sub(self.date_at) > 1_000 * MILLISECOND {
            (self.date, self.date_at) = (clock::wall().receipt_date(), now);
        }
        let window = self.shared.options.deliver_window;
        if let Some(parking) = &self.parking {
            let room = window.saturating_sub(self.inflight.len() + self.waiting.len());
            self.waiting.extend(parking.take(room));
        }
        while self.inflight.len() < window && out.len() < BATCH {
            if self.waiting.front().is_none_or(|receipt| receipt.due > now) {
                break;
            }
            let Some(receipt) = self.waiting.pop_front() else { break };
            self.send(receipt, out);
        }
        self.report();
    }

    fn deadline(&self, now: u64) -> u64 {
        let room = self.inflight.len() < self.shared.options.deliver_window;
        match self.waiting.front() {
            Some(receipt) if self.receives && room => receipt.due.max(now + MILLISECOND / 2),
            // Another connection may park a receipt at any time.
            _ if self.receives => now + 2 * MILLISECOND,
            _ => now + 1_000 * MILLISECOND,
        }
    }

    fn finished(&self) -> bool {
        self.closing
    }
}

impl Place {
    fn new((ton, npi, text): (u8, u8, &[u8])) -> Self {
        let mut octets = [0; 20];
        for (slot, octet) in octets.iter_mut().zip(text) {
            *slot = *octet;
        }
        Self { ton, npi, length: u8::try_from(text.len().min(20)).unwrap_or(0), octets }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.ton, self.npi]);
        out.extend_from_slice(self.octets.get(..usize::from(self.length)).unwrap_or_default());
        out.push(0);
    }
}

fn next_id(ids: &mut std::ops::Range<u64>, shared: &Shared) -> u64 {
    if let Some(id) = ids.next() {
        return id;
    }
    let first = shared.next_id.fetch_add(IDS_AT_A_TIME, Ordering::Relaxed);
    *ids = first + 1..first + IDS_AT_A_TIME;
    first
}

/// `destination id tag`, where tag is the number after `#` that the load generator puts into its texts.
fn log(lines: &mut Vec<u8>, short: &Short<'_>, id: &[u8]) {
    lines.extend_from_slice(short.destination.2);
    lines.push(b' ');
    lines.extend_from_slice(id);
    lines.push(b' ');
    let content =
        if short.content.is_empty() { short.tlv(0x0424).unwrap_or_default() } else { short.content };
    if let Some(at) = content.iter().position(|octet| *octet == b'#') {
        let wide = at.checked_sub(1).and_then(|before| content.get(before)) == Some(&0);
        let step = if wide { 2 } else { 1 };
        let digits = content.iter().skip(at + step).step_by(step).take(12);
        lines.extend(digits.take_while(|octet| octet.is_ascii_digit()));
    } else {
        lines.push(b'-');
    }
    lines.push(b'\n');
}
