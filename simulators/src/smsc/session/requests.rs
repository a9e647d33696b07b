//! The requests a peer makes, and their answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rusmpp::Pdu;
use rusmpp::pdus::{BindReceiverResp, BindTransceiverResp, BindTransmitterResp, DataSmResp};
use rusmpp::pdus::{QuerySmResp, SubmitSmResp};
use rusmpp::tlvs::{MessageSubmissionResponseTlvValue, TlvTag};
use rusmpp::types::AnyOctetString;
use rusmpp::values::{InterfaceVersion, MessageState};

use super::super::deliver::{self, Delivery, Subject};
use super::super::observed::Event;
use super::super::options::{ReceiptOrder, ReceiptWhen};
use super::super::rules::{self, Action};
use super::super::shared::{Decision, count};
use super::{After, Bound, Session, describe};
use crate::clock;
use crate::message::{Message, cstring};
use crate::receipt::State;
use crate::wire::{self, Frame};

impl Session {
    pub(super) fn undecodable(&mut self, frame: &Frame) -> After {
        self.observe(Event::Undecodable, |observed| {
            observed.status = Some(0x08);
            observed.octets = frame.octets.clone();
        });
        wire::encode_header(&mut self.out, frame.id | 0x8000_0000, 0x08, frame.sequence);
        After::Continue
    }

    pub(super) fn bind(&mut self, frame: &Frame, system_id: &str, password: &str, version: u8) -> After {
        let options = &self.shared.options;
        let account = options.accounts.iter().find(|(known, _)| known == system_id);
        let status = match account {
            _ if self.bound.is_some() => 0x05,
            None if !options.accounts.is_empty() => 0x0F,
            Some((_, expected)) if expected != password => 0x0E,
            _ => 0,
        };
        let name = cstring(&options.identity, "system_id").unwrap_or_default();
        let tlvs = version >= 0x34;
        let version = tlvs.then(|| InterfaceVersion::from(options.interface_version));
        let pdu = match frame.id {
            1 => Pdu::BindReceiverResp(BindReceiverResp::new(name, version)),
            2 => Pdu::BindTransmitterResp(BindTransmitterResp::new(name, version)),
            _ => Pdu::BindTransceiverResp(BindTransceiverResp::new(name, version)),
        };
        if status == 0 {
            let (sends, receives) = (frame.id != 1, frame.id != 2);
            self.bound = Some(Bound { system_id: system_id.to_owned(), sends, receives, tlvs });
            self.shared.register(self.id, system_id, self.orders.clone());
        }
        self.observe(Event::Bind, |observed| {
            observed.status = Some(status);
            system_id.clone_into(&mut observed.system_id);
        });
        if status == 0 {
            self.answer(frame, 0, pdu);
            return After::Continue;
        }
        self.refuse(frame, status);
        if status == 0x05 { After::Continue } else { After::Close }
    }

    pub(super) fn submit(&mut self, frame: &Frame, pdu: &Pdu) -> After {
        let Some(message) = Message::from_pdu(pdu) else { return After::Continue };
        let Some(system_id) =
            self.bound.as_ref().filter(|bound| bound.sends).map(|bound| bound.system_id.clone())
        else {
            self.refuse(frame, 0x04);
            return After::Continue;
        };
        count(&self.shared.tallies.submits);
        let (text, part) = deliver::read(&message);
        let subject = rules::Subject {
            source: &message.source.digits,
            destination: &message.destination.digits,
            text: &text,
        };
        let asked = match self.shared.options.receipts.when {
            ReceiptWhen::None => false,
            ReceiptWhen::Always => true,
            ReceiptWhen::Asked => message.registered_delivery & 0x03 != 0,
        };
        let last = part.is_none_or(|part| part.index == part.total);
        let mut decision = self.shared.decide(subject, asked, last);
        if self.shared.options.receipts.when == ReceiptWhen::Asked {
            decision.receipt = decision.receipt.filter(|plan| match message.registered_delivery & 0x03 {
                2 => plan.state != State::Delivered,
                3 => plan.state == State::Delivered,
                _ => true,
            });
        }
        self.observe(Event::Submit, |observed| {
            observed.status = match decision.action {
                Action::Accept => Some(0),
                Action::Refuse(status) => Some(status),
                Action::Drop | Action::Disconnect => None,
            };
            if decision.action == Action::Accept {
                observed.message_id.clone_from(&decision.id.response);
            }
            describe(observed, &message);
            observed.text.clone_from(&text);
            observed.part = part;
            observed.octets = frame.octets.clone();
        });
        self.carry_out(frame, &system_id, &message, &text, &decision)
    }

    fn carry_out(
        &mut self,
        frame: &Frame,
        system_id: &str,
        message: &Message,
        text: &str,
        decision: &Decision,
    ) -> After {
        match decision.action {
            Action::Accept => {
                count(&self.shared.tallies.accepted);
                self.accept(frame, system_id, message, text, decision);
            }
            Action::Refuse(status) => {
                count(&self.shared.tallies.refused);
                let mut response = BytesMut::new();
                wire::encode_header(&mut response, frame.id | 0x8000_0000, status, frame.sequence);
                self.answer_after(decision.delay, response);
            }
            Action::Drop => count(&self.shared.tallies.unanswered),
            Action::Disconnect => {
                count(&self.shared.tallies.unanswered);
                return After::Close;
            }
        }
        After::Continue
    }

    fn accept(&mut self, frame: &Frame, system_id: &str, message: &Message, text: &str, decision: &Decision) {
        let id = cstring(&decision.id.response, "message_id").unwrap_or_default();
        let pdu = if frame.id == 0x103 {
            Pdu::DataSmResp(DataSmResp::new(id, Vec::new()))
        } else {
            Pdu::SubmitSmResp(SubmitSmResp::new(id, self.congestion()))
        };
        let mut response = BytesMut::new();
        wire::encode(&mut response, 0, frame.sequence, pdu);
        let early = self.shared.options.receipts.order == ReceiptOrder::BeforeResponse;
        if early {
            self.receipts(system_id, message, text, decision, true);
            // A receiver on another connection needs a moment to be first.
            let own = self.bound.as_ref().is_some_and(|bound| bound.receives);
            let lag = if own { Duration::ZERO } else { Duration::from_millis(20) };
            self.answer_after(decision.delay + lag, response);
        } else {
            self.answer_after(decision.delay, response);
            self.receipts(system_id, message, text, decision, false);
        }
        for (rule, delay) in &decision.replies {
            let reference = u16::try_from(clock::nanos() & 0xFFFF).unwrap_or(0);
            let how = (rule.coding, rule.split);
            let parts = deliver::reply(&message.destination, &message.source, &rule.text, how, reference);
            let at = clock::now() + decision.delay + *delay;
            for delivery in parts.unwrap_or_default() {
                self.shared.deliver_at(at, system_id, delivery);
            }
        }
    }

    /// `congestion_state`, for peers that know TLVs.
    fn congestion(&self) -> Vec<MessageSubmissionResponseTlvValue> {
        let state =
            self.shared.options.congestion.filter(|_| self.bound.as_ref().is_some_and(|bound| bound.tlvs));
        let value = |state| AnyOctetString::from_slice(&[state]);
        let tag = TlvTag::CongestionState;
        state
            .map(|state| MessageSubmissionResponseTlvValue::Other { tag, value: value(state) })
            .into_iter()
            .collect()
    }

    fn receipts(&mut self, system_id: &str, message: &Message, text: &str, decision: &Decision, early: bool) {
        let Some(plan) = decision.receipt else { return };
        let now = clock::wall();
        let subject = Subject {
            message,
            text,
            response_id: &decision.id.response,
            receipt_id: &decision.id.receipt,
            submitted: now,
            done: now.plus(plan.delay),
        };
        let shared = Arc::clone(&self.shared);
        let options = &shared.options.receipts;
        let wait = if early { Duration::ZERO } else { decision.delay + plan.delay };
        let own = early && self.bound.as_ref().is_some_and(|bound| bound.receives);
        let mut at = clock::now() + wait;
        if options.order == ReceiptOrder::In {
            at = shared.in_order(at);
        }
        let mut send = |delivery: Delivery| {
            if own {
                self.send(delivery);
            } else {
                shared.deliver_at(at, system_id, delivery);
            }
        };
        if options.intermediate {
            send(deliver::receipt(&subject, State::Enroute, options));
        }
        for _ in 0..plan.copies {
            send(deliver::receipt(&subject, plan.state, options));
        }
    }

    pub(super) fn query(&mut self, frame: &Frame, message_id: &str) {
        self.observe(Event::Query, |observed| message_id.clone_into(&mut observed.message_id));
        if message_id.is_empty() || !self.shared.record.knows(message_id) {
            self.refuse(frame, 0x67);
            return;
        }
        let response = QuerySmResp {
            message_id: cstring(message_id, "message_id").unwrap_or_default(),
            message_state: MessageState::Enroute,
            ..QuerySmResp::default()
        };
        self.answer(frame, 0, Pdu::QuerySmResp(response));
    }

    pub(super) fn cancel(&mut self, frame: &Frame, message_id: &str) {
        let status = if self.shared.cancel(message_id) { 0 } else { 0x11 };
        self.observe(Event::Cancel, |observed| {
            observed.status = Some(status);
            message_id.clone_into(&mut observed.message_id);
        });
        self.refuse(frame, status);
    }
}
