//! One connection of the sink.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::faults::{Faults, Late, Verdict};
use super::{Parking, Shared};
use crate::clock;
use crate::pump::{BATCH, Peer};
use crate::raw::{self, Cursor, Header, Misframed, Short};
use crate::receipt::State;
use crate::smsc::ReceiptWhen;

const IDS_AT_A_TIME: u64 = 1_024;
const SEQUENCES: u32 = 0x7FFF_FFFF;
const MILLISECOND: u64 = 1_000_000;

/// An address kept in place: ton, npi, length, octets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    ton: u8,
    npi: u8,
    length: u8,
    octets: [u8; 20],
}

/// A receipt or reply to be sent; ordered by the time it is due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Parked {
    pub(super) due: u64,
    pub(super) id: u64,
    pub(super) form: Form,
    pub(super) source: Place,
    pub(super) destination: Place,
}

/// What a deliver_sm of the sink is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Receipt(State),
    /// The script's reply of this number.
    Reply(u8),
}

#[derive(Default)]
struct Tally {
    submits: u64,
    refused: u64,
    receipts: u64,
    replies: u64,
    delivered: u64,
    undelivered: u64,
}

/// The state of one connection.
pub(super) struct SinkPeer {
    shared: Arc<Shared>,
    /// Of a scripted sink only.
    faults: Option<Box<Faults>>,
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
        let connection = shared.connections.fetch_add(1, Ordering::Relaxed);
        let script = shared.options.script.as_ref();
        Self {
            faults: script.map(|script| Box::new(Faults::new(Arc::clone(script), connection))),
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
            let later = self.faults.iter_mut().flat_map(|faults| faults.leave());
            let rest = self.inflight.drain(..).flatten().chain(self.waiting.drain(..)).chain(later);
            parking.put(rest, self.shared.options.queue_limit);
        }
        self.report();
    }

    fn handle(&mut self, now: u64, header: Header, body: &[u8], out: &mut Vec<u8>) {
        if self.faults.as_ref().is_some_and(|faults| faults.silent()) {
            return;
        }
        match header.id {
            4 => self.submit(now, header.sequence, body, out),
            0x8000_0005 => self.answered(now, header),
            0x15 => raw::put_header(out, 0x8000_0015, 0, header.sequence),
            1 | 2 | 9 => self.bind(now, header, body, out),
            6 => {
                raw::put_header(out, 0x8000_0006, 0, header.sequence);
                self.closing = true;
            }
            id if id & 0x8000_0000 != 0 => {}
            _ => raw::put_header(out, 0x8000_0000, 3, header.sequence),
        }
    }

    fn bind(&mut self, now: u64, header: Header, body: &[u8], out: &mut Vec<u8>) {
        if let Some(faults) = &mut self.faults {
            faults.bound(now);
        }
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
        if self.parking.is_none() {
            raw::put_header(out, 0x8000_0004, 4, sequence);
            return;
        }
        let Some(short) = Short::read(body) else {
            raw::put_header(out, 0x8000_0004, 1, sequence);
            return;
        };
        let wanted = match self.shared.options.receipts {
            ReceiptWhen::None => false,
            ReceiptWhen::Always => true,
            ReceiptWhen::Asked => short.registered_delivery & 3 != 0,
        };
        let owed = self.faults.as_ref().map_or(0, |faults| faults.owed());
        if (wanted || owed > 0) && self.waiting.len() + owed >= self.shared.options.queue_limit {
            raw::put_header(out, 0x8000_0004, 0x14, sequence);
            self.tally.refused += 1;
            return;
        }
        if self.faults.is_some() {
            self.submit_scripted(now, (sequence, wanted), &short, out);
            return;
        }
        let id = self.take(&short);
        self.answer(id, sequence, out);
        if wanted {
            let due = now.saturating_add(self.delay);
            let receipt = Parked::new(due, id, &short);
            if self.receives {
                self.waiting.push_back(receipt);
            } else if let Some(parking) = &self.parking {
                parking.put([receipt], self.shared.options.queue_limit);
            }
        }
    }

    /// What a scripted sink does with a message.
    fn submit_scripted(
        &mut self,
        now: u64,
        (sequence, wanted): (u32, bool),
        short: &Short<'_>,
        out: &mut Vec<u8>,
    ) {
        let Some(faults) = &mut self.faults else { return };
        let due = match faults.judge(now, &self.shared.started) {
            Verdict::Take(due) => due,
            Verdict::Refuse(status, due) => {
                self.tally.refused += 1;
                return faults.owe(Late { due, sequence, status, id: 0 });
            }
            Verdict::Ignore => return,
        };
        let id = self.take(short);
        if due <= now {
            self.answer(id, sequence, out);
        }
        let Some(faults) = &mut self.faults else { return };
        if due > now {
            faults.owe(Late { due, sequence, status: 0, id });
        }
        faults.follow(due, Parked::new(due, id, short), wanted);
    }

    /// Accepts a message: gives its id.
    fn take(&mut self, short: &Short<'_>) -> u64 {
        let id = next_id(&mut self.ids, &self.shared);
        if self.shared.log.is_some() {
            let (base, mut room) = (self.base_of_ids(), [0; 20]);
            log(&mut self.lines, short, raw::spell(id, base, &mut room));
        }
        self.tally.submits += 1;
        id
    }

    fn answer(&self, id: u64, sequence: u32, out: &mut Vec<u8>) {
        let mut room = [0; 20];
        raw::put_text_response(out, 0x8000_0004, sequence, raw::spell(id, self.base_of_ids(), &mut room));
    }

    fn base_of_ids(&self) -> u64 {
        if self.shared.options.decimal { 10 } else { 16 }
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

    fn send(&mut self, parked: Parked, out: &mut Vec<u8>) {
        match parked.form {
            Form::Receipt(state) => self.send_receipt(parked, state, out),
            Form::Reply(index) => self.send_reply(parked, usize::from(index), out),
        }
    }

    /// Begins a deliver_sm from the subscriber to the service number; gives its place.
    fn deliver(&mut self, parked: Parked, out: &mut Vec<u8>) -> usize {
        let position = u32::try_from(self.inflight.len()).unwrap_or(0);
        let mark = raw::begin(out, 5, 0, self.base.wrapping_add(position) & SEQUENCES);
        self.inflight.push_back(Some(parked));
        out.push(0);
        parked.source.put(out);
        parked.destination.put(out);
        mark
    }

    fn send_reply(&mut self, parked: Parked, index: usize, out: &mut Vec<u8>) {
        let Some((data_coding, octets)) = self.shared.replies.get(index) else { return };
        let (data_coding, octets) = (*data_coding, octets.clone());
        let mark = self.deliver(parked, out);
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, data_coding, 0]);
        out.push(u8::try_from(octets.len()).unwrap_or(0));
        out.extend_from_slice(&octets);
        raw::end(out, mark);
        self.tally.replies += 1;
    }

    fn send_receipt(&mut self, receipt: Parked, state: State, out: &mut Vec<u8>) {
        let mark = self.deliver(receipt, out);
        out.extend_from_slice(&[4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let length_at = out.len() - 1;
        let mut room = [0; 20];
        let id = raw::spell(receipt.id, self.base_of_ids(), &mut room);
        out.extend_from_slice(b"id:");
        out.extend_from_slice(id);
        out.extend_from_slice(b" sub:001 dlvrd:001 submit date:");
        out.extend_from_slice(&self.date);
        out.extend_from_slice(b" done date:");
        out.extend_from_slice(&self.date);
        out.extend_from_slice(b" stat:");
        out.extend_from_slice(state.text().as_bytes());
        out.extend_from_slice(if state == State::Delivered { b" err:000 text:" } else { b" err:011 text:" });
        let length = u8::try_from(out.len() - length_at - 1).unwrap_or(0);
        raw::patch(out, length_at, &[length]);
        out.extend_from_slice(&[0, 0x1E, 0, u8::try_from(id.len() + 1).unwrap_or(0)]);
        out.extend_from_slice(id);
        out.extend_from_slice(&[0, 0x04, 0x27, 0, 1, state.octet()]);
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
            (&self.shared.replies_sent, tally.replies),
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
        self.look(now);
        let mut used = 0;
        while let Some((header, body)) = raw::first(input.get(used..).unwrap_or_default())? {
            self.handle(now, header, body, out);
            used += header.length;
        }
        self.report();
        Ok(used)
    }

    fn fill(&mut self, now: u64, out: &mut Vec<u8>) {
        if self.faults.is_some() {
            self.look(now);
            self.pay(now, out);
        }
        if !self.receives || self.faults.as_ref().is_some_and(|faults| faults.silent()) {
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
        let scripted = self.faults.as_ref().map_or(u64::MAX, |faults| faults.deadline(now));
        self.own_deadline(now).min(scripted).max(now + 1)
    }

    fn finished(&self) -> bool {
        self.closing
    }

    fn reads(&self) -> bool {
        !self.faults.as_ref().is_some_and(|faults| faults.deaf())
    }
}

impl SinkPeer {
    /// Looks at what the script says of this moment.
    fn look(&mut self, now: u64) {
        if let Some(faults) = &mut self.faults {
            faults.look(now, &self.shared.started);
            self.closing |= faults.cuts(now);
        }
    }

    /// Sends the answers that are due and lets the deliveries that are due wait for the window.
    fn pay(&mut self, now: u64, out: &mut Vec<u8>) {
        let Some(faults) = self.faults.as_mut().filter(|faults| !faults.silent()) else { return };
        let mut answers = Vec::new();
        while let Some(late) = faults.due_answer(now) {
            answers.push(late);
        }
        let mut parked = Vec::new();
        while let Some(each) = faults.due_delivery(now) {
            parked.push(each);
        }
        for Late { sequence, status, id, .. } in answers {
            match status {
                0 => self.answer(id, sequence, out),
                _ => raw::put_header(out, 0x8000_0004, status, sequence),
            }
        }
        match &self.parking {
            Some(parking) if !self.receives => parking.put(parked, self.shared.options.queue_limit),
            _ => self.waiting.extend(parked),
        }
    }

    fn own_deadline(&self, now: u64) -> u64 {
        let room = self.inflight.len() < self.shared.options.deliver_window;
        match self.waiting.front() {
            Some(receipt) if self.receives && room => receipt.due.max(now + MILLISECOND / 2),
            // Another connection may park a receipt at any time.
            _ if self.receives => now + 2 * MILLISECOND,
            _ => now + 1_000 * MILLISECOND,
        }
    }
}

impl Parked {
    /// The receipt of a message that arrived.
    fn new(due: u64, id: u64, short: &Short<'_>) -> Self {
        let (source, destination) = (Place::new(short.destination), Place::new(short.source));
        Self { due, id, form: Form::Receipt(State::Delivered), source, destination }
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
