//! One connection of the simulated SMSC: bind, messages in, responses in their time, deliveries out through
//! a window.
//!
//! ```text
//! connected --bind--> bound --unbind / disconnect rule / socket end--> over
//! ```

mod requests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rusmpp::{CommandId, Pdu};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::deliver::{self, Delivery, Kind};
use super::observed::{Event, Observed};
use super::shared::{Order, Shared, count};
use crate::clock;
use crate::message::Message;
use crate::wire::{self, Frame, FrameReader, WireError};

const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(3600);

/// What a bound peer may do.
struct Bound {
    system_id: String,
    sends: bool,
    receives: bool,
    /// SMPP 3.4 or later.
    tlvs: bool,
}

/// Does the connection live on?
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Continue,
    Close,
}

struct Session {
    shared: Arc<Shared>,
    id: u64,
    bound: Option<Bound>,
    sequence: u32,
    outstanding: HashMap<u32, (Delivery, Instant)>,
    delayed: BinaryHeap<Reverse<(Instant, u64, Bytes)>>,
    delays: u64,
    orders: mpsc::Sender<Order>,
    out: BytesMut,
    heard: Instant,
    pinged: bool,
}

/// Runs a connection to its end.
pub(super) async fn run(shared: Arc<Shared>, stream: TcpStream, id: u64, first: Option<Pdu>) {
    let (orders, mut inbox) = mpsc::channel(16);
    let ready = shared.ready.subscribe();
    let mut session = Session {
        shared,
        id,
        bound: None,
        sequence: 0,
        outstanding: HashMap::new(),
        delayed: BinaryHeap::new(),
        delays: 0,
        orders,
        out: BytesMut::new(),
        heard: clock::now(),
        pinged: false,
    };
    if let Some(pdu) = first {
        session.request(pdu);
    }
    let _ = stream.set_nodelay(true);
    let _ = session.serve(stream, &mut inbox, ready).await;
    session.end();
}

impl Session {
    async fn serve(
        &mut self,
        mut stream: TcpStream,
        inbox: &mut mpsc::Receiver<Order>,
        mut ready: watch::Receiver<u64>,
    ) -> Result<(), WireError> {
        let (reader, mut writer) = stream.split();
        let mut reader = FrameReader::new(reader);
        loop {
            let mut after = After::Continue;
            while after == After::Continue
                && let Some(frame) = reader.buffered()?
            {
                after = self.receive(&frame);
            }
            self.release();
            self.deliver();
            if !self.out.is_empty() {
                let out = self.out.split();
                tokio::time::timeout(WRITE_TIMEOUT, writer.write_all(&out))
                    .await
                    .map_err(|_| WireError::Closed)??;
            }
            if after == After::Close {
                let _ = writer.shutdown().await;
                return Ok(());
            }
            let receives = self.bound.as_ref().is_some_and(|bound| bound.receives);
            let deadline = self.deadline();
            tokio::select! {
                frame = reader.next() => {
                    if self.receive(&frame?) == After::Close {
                        let out = self.out.split();
                        let _ = writer.write_all(&out).await;
                        let _ = writer.shutdown().await;
                        return Ok(());
                    }
                }
                _ = ready.changed(), if receives => {}
                Some(order) = inbox.recv() => if self.obey(order) == After::Close { return Ok(()) },
                () = tokio::time::sleep_until(deadline.into()) => self.tick()?,
            }
        }
    }

    fn obey(&mut self, order: Order) -> After {
        match order {
            Order::Disconnect => return After::Close,
            Order::Unbind => self.request(Pdu::Unbind),
            Order::EnquireLink => self.request(Pdu::EnquireLink),
        }
        After::Continue
    }

    fn deadline(&self) -> Instant {
        let now = clock::now();
        let mut next = now + IDLE;
        if let Some(Reverse((at, _, _))) = self.delayed.peek() {
            next = next.min(*at);
        }
        if let Some(at) = self.outstanding.values().map(|(_, at)| *at).min() {
            next = next.min(at);
        }
        if let Some(interval) = self.shared.options.enquire_link {
            next = next.min(self.heard + interval * if self.pinged { 2 } else { 1 });
        }
        next
    }

    /// Looks after what has waited too long: deliveries without response, silence.
    fn tick(&mut self) -> Result<(), WireError> {
        let now = clock::now();
        let late: Vec<u32> = self
            .outstanding
            .iter()
            .filter(|(_, (_, at))| *at <= now)
            .map(|(sequence, _)| *sequence)
            .collect();
        for sequence in late {
            if let Some((delivery, _)) = self.outstanding.remove(&sequence) {
                self.retry(delivery, Duration::ZERO);
            }
        }
        if let Some(interval) = self.shared.options.enquire_link {
            let silent = now.saturating_duration_since(self.heard);
            if silent >= interval * 2 {
                return Err(WireError::Closed);
            }
            if silent >= interval && !self.pinged {
                self.pinged = true;
                self.request(Pdu::EnquireLink);
            }
        }
        Ok(())
    }

    fn receive(&mut self, frame: &Frame) -> After {
        self.heard = clock::now();
        self.pinged = false;
        if frame.is_response() {
            return self.response(frame);
        }
        let command = match frame.command() {
            Ok(command) => command,
            Err(_) => return self.undecodable(frame),
        };
        match (command.id(), command.pdu()) {
            (CommandId::EnquireLink, _) => self.answer(frame, 0, Pdu::EnquireLinkResp),
            (CommandId::Unbind, _) => {
                self.observe(Event::Unbind, |_| {});
                self.answer(frame, 0, Pdu::UnbindResp);
                return After::Close;
            }
            (_, Some(Pdu::BindTransmitter(bind))) => {
                return self.bind(
                    frame,
                    bind.system_id.as_str(),
                    bind.password.as_str(),
                    bind.interface_version.into(),
                );
            }
            (_, Some(Pdu::BindReceiver(bind))) => {
                return self.bind(
                    frame,
                    bind.system_id.as_str(),
                    bind.password.as_str(),
                    bind.interface_version.into(),
                );
            }
            (_, Some(Pdu::BindTransceiver(bind))) => {
                return self.bind(
                    frame,
                    bind.system_id.as_str(),
                    bind.password.as_str(),
                    bind.interface_version.into(),
                );
            }
            (_, Some(pdu @ (Pdu::SubmitSm(_) | Pdu::DataSm(_)))) => return self.submit(frame, pdu),
            (_, Some(Pdu::QuerySm(query))) => self.query(frame, query.message_id.as_str()),
            (_, Some(Pdu::CancelSm(cancel))) => self.cancel(frame, cancel.message_id.as_str()),
            (_, Some(Pdu::ReplaceSm(_))) => self.refuse(frame, 0x13),
            _ => wire::encode_header(&mut self.out, 0x8000_0000, 0x03, frame.sequence),
        }
        After::Continue
    }

    fn response(&mut self, frame: &Frame) -> After {
        if frame.id == 0x8000_0006 {
            return After::Close;
        }
        let Some((delivery, _)) = self.outstanding.remove(&frame.sequence) else { return After::Continue };
        self.observe(Event::DeliverResponse, |observed| {
            observed.status = Some(frame.status);
            observed.message_id.clone_from(&delivery.message_id);
        });
        match frame.status {
            0 => count(&self.shared.tallies.delivered),
            0x64 | 0x58 | 0x14 | 0x08 => self.retry(delivery, Duration::from_millis(200)),
            _ => count(&self.shared.tallies.abandoned),
        }
        After::Continue
    }

    /// Fills the window with deliveries of this account.
    fn deliver(&mut self) {
        let Some(bound) = self.bound.as_ref().filter(|bound| bound.receives) else { return };
        let system_id = bound.system_id.clone();
        while self.outstanding.len() < self.shared.options.deliver_window {
            let Some(delivery) = self.shared.take(&system_id) else { return };
            self.send(delivery);
        }
    }

    fn send(&mut self, mut delivery: Delivery) {
        if self.bound.as_ref().is_some_and(|bound| !bound.tlvs) {
            delivery.message.tlvs.clear();
        }
        let Ok(pdu) = delivery.message.to_deliver() else {
            count(&self.shared.tallies.abandoned);
            return;
        };
        delivery.attempts += 1;
        let event = match delivery.kind {
            Kind::Receipt(_) => {
                count(&self.shared.tallies.receipts);
                Event::Receipt
            }
            Kind::Reply => {
                count(&self.shared.tallies.replies);
                Event::Reply
            }
        };
        self.observe(event, |observed| {
            describe(observed, &delivery.message);
            observed.message_id.clone_from(&delivery.message_id);
            (observed.text, observed.part) = deliver::read(&delivery.message);
            if let Kind::Receipt(state) = delivery.kind {
                observed.state = Some(state);
            }
        });
        self.request(pdu);
        let deadline = clock::now() + self.shared.options.deliver_timeout;
        self.outstanding.insert(self.sequence, (delivery, deadline));
    }

    fn retry(&mut self, delivery: Delivery, delay: Duration) {
        let Some(bound) = &self.bound else { return };
        if delivery.attempts >= self.shared.options.deliver_attempts {
            count(&self.shared.tallies.abandoned);
            return;
        }
        self.shared.deliver_at(clock::now() + delay, &bound.system_id, delivery);
    }

    fn request(&mut self, pdu: Pdu) {
        self.sequence = if self.sequence >= 0x7FFF_FFFF { 1 } else { self.sequence + 1 };
        wire::encode(&mut self.out, 0, self.sequence, pdu);
    }

    fn answer(&mut self, frame: &Frame, status: u32, pdu: Pdu) {
        wire::encode(&mut self.out, status, frame.sequence, pdu);
    }

    /// A response without body, whatever its status.
    fn refuse(&mut self, frame: &Frame, status: u32) {
        wire::encode_header(&mut self.out, frame.id | 0x8000_0000, status, frame.sequence);
    }

    fn answer_after(&mut self, delay: Duration, response: BytesMut) {
        if delay.is_zero() {
            self.out.extend_from_slice(&response);
            return;
        }
        self.delays += 1;
        self.delayed.push(Reverse((clock::now() + delay, self.delays, response.freeze())));
    }

    fn release(&mut self) {
        let now = clock::now();
        while self.delayed.peek().is_some_and(|Reverse((at, _, _))| *at <= now) {
            if let Some(Reverse((_, _, response))) = self.delayed.pop() {
                self.out.extend_from_slice(&response);
            }
        }
    }

    fn observe(&self, event: Event, fill: impl FnOnce(&mut Observed)) {
        let system_id = self.bound.as_ref().map_or("", |bound| bound.system_id.as_str());
        let mut observed = Observed::new(event, self.id, system_id);
        fill(&mut observed);
        self.shared.record.add(observed);
    }

    fn end(&mut self) {
        self.shared.forget(self.id);
        self.observe(Event::Disconnect, |_| {});
        let Some(bound) = &self.bound else { return };
        let mut rest: Vec<(u32, Delivery)> =
            self.outstanding.drain().map(|(sequence, (delivery, _))| (sequence, delivery)).collect();
        rest.sort_by_key(|(sequence, _)| *sequence);
        self.shared.give_back(&bound.system_id, rest.into_iter().map(|(_, delivery)| delivery).collect());
    }
}

fn describe(observed: &mut Observed, message: &Message) {
    observed.source.clone_from(&message.source.digits);
    observed.destination.clone_from(&message.destination.digits);
    observed.data_coding = message.data_coding;
    observed.esm_class = message.esm_class;
    observed.registered_delivery = message.registered_delivery;
    observed.tlv_tags = message.tlvs.iter().map(|(tag, _)| *tag).collect();
}
