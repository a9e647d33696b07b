//! The flow: every decision about a message, from the submit to its end and back. All methods take `&self` and the
//! moment; they fill the caller's [`Turn`] with what must become durable and [`Outcomes`] with what the shell does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use veilgate_admission::{Account, Record, RecordSpace, Registered, Registry, day_of};
use veilgate_identity::{AddressForm, Class, Contact, Identity, KeyRing, SlotRecord, Slots, Tenancy};
use veilgate_ledger::NodeName;
use veilgate_names::{
    AccountId, AccountKind, AuthorizationId, ChannelId, EnterpriseId, FinalState, MessageId, Reason, Service,
    ServiceNumber,
};
use veilgate_smpp::pdu::{DataSm, SubmitSm};
use veilgate_smpp::side::North;
use veilgate_smpp::text::encoding::DefaultAlphabet;
use veilgate_smpp::text::receipt::IdFormat;
use veilgate_store::{Space, StoreError};

use crate::book::{Book, ChannelState, LinkEvent};
use crate::delivery::{Attempt, Content, Delivery, Outbox};
use crate::directory::{ChannelRules, Directory, FlowRules};
use crate::erasing::Erasing;
use crate::live::{Body, Ended, Live, Moment, Phase};
use crate::message::{Cleared, Received, resolve};
use crate::opt_out::OptOuts;
use crate::record::MessageRecord;
use crate::refusal::Refusal;
use crate::reply::Parts;
use crate::seal::Seals;
use crate::turn::{DeliverAnswer, End, LinkId, LinkPlace, Outcomes, SessionId, Step, Turn, Waiting};

/// How long a look-up is good for a message that waits; an older one is made again before sending.
const FRESH: std::time::Duration = std::time::Duration::from_secs(2);

/// What decisions are made with.
pub struct Gate {
    /// Who agreed to what.
    pub registry: Arc<Registry>,
    /// Who is who.
    pub identity: Arc<Identity>,
    /// Reply addresses.
    pub slots: Arc<Slots>,
    /// Numbers, enterprises, platforms.
    pub directory: ArcSwap<Directory>,
    /// Who does not want to hear from whom.
    pub opt_outs: OptOuts,
}

/// See the module.
pub struct Flow {
    pub(crate) gate: Gate,
    pub(crate) rules: FlowRules,
    pub(crate) node: NodeName,
    pub(crate) seals: Seals,
    pub(crate) book: Mutex<Book>,
    /// Long replies that are not whole yet.
    pub(crate) parts: Mutex<Parts>,
    outboxes: RwLock<FxHashMap<AccountId, Arc<Mutex<Outbox>>>>,
    pub(crate) erasing: Arc<Mutex<Erasing>>,
    /// Messages accepted, not ended, also those not in the book yet.
    pub(crate) admitted: AtomicUsize,
    next_id: AtomicU64,
}

/// A message on its way to a link's encoder.
pub struct Outgoing<'a> {
    /// The message.
    pub id: MessageId,
    /// Who receives it; only an SMSC's address field can be made of it.
    pub contact: &'a Contact,
    /// The sender the user sees.
    pub source: ServiceNumber,
    /// What is sent.
    pub body: &'a Body,
}

/// What a link needs to know of its channel.
#[derive(Debug, Clone, Copy)]
pub struct ChannelFacts {
    /// How the SMSC writes ids.
    pub id_format: IdFormat,
    /// How numbers are written.
    pub address_form: AddressForm,
    /// What `data_coding` 0 means.
    pub alphabet: DefaultAlphabet,
}

impl Flow {
    /// A flow without messages. `node` is written into CDRs; `entropy` must be fresh at each start; `first_id` above
    /// every id ever given in this store.
    #[must_use]
    pub fn new(
        gate: Gate,
        rules: FlowRules,
        keys: Arc<KeyRing>,
        node: NodeName,
        entropy: [u8; 12],
        first_id: u64,
    ) -> Self {
        Self {
            gate,
            book: Mutex::new(Book::new(rules.clone())),
            parts: Mutex::new(Parts::new(rules.replies.clone())),
            rules,
            node,
            seals: Seals::new(keys, entropy),
            outboxes: RwLock::default(),
            erasing: Arc::default(),
            admitted: AtomicUsize::new(0),
            next_id: AtomicU64::new(first_id),
        }
    }

    /// What the decisions are made with.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Takes over channels, accounts (with the deliveries each may have pending) and directory of a configuration.
    pub fn configure(
        &self,
        channels: &[ChannelRules],
        accounts: &[(AccountId, usize)],
        directory: Directory,
        outcomes: &mut Outcomes,
    ) {
        self.gate.directory.store(Arc::new(directory));
        for (account, max) in accounts {
            self.outbox_with(account, *max);
        }
        self.book.lock().configure(channels, outcomes);
    }

    /// A channel's index, by which links speak of it.
    #[must_use]
    pub fn channel(&self, id: &ChannelId) -> Option<(u16, ChannelFacts)> {
        let book = self.book.lock();
        let index = book.channel_index(id)?;
        let rules = &book.channel(index)?.rules;
        let address_form = if rules.national { AddressForm::National } else { AddressForm::International };
        Some((index, ChannelFacts { id_format: rules.id_format, address_form, alphabet: rules.alphabet }))
    }

    /// Takes a `submit_sm` all the way to the journal. `from` is answered when the turn is durable.
    ///
    /// # Errors
    /// [`Refusal`]: the sender is answered at once; the turn may still carry the registration that came along.
    pub fn submit(
        &self,
        account: &Account,
        from: Waiting<SessionId>,
        pdu: &SubmitSm<'_, North>,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<MessageId, Refusal> {
        self.accept(account, from, Received::submit(account.kind(), pdu, &self.rules, at)?, at, turn)
    }

    /// The same for a `data_sm`.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub fn data(
        &self,
        account: &Account,
        from: Waiting<SessionId>,
        pdu: &DataSm<'_, North>,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<MessageId, Refusal> {
        self.accept(account, from, Received::data(account.kind(), pdu, &self.rules, at)?, at, turn)
    }

    fn accept(
        &self,
        account: &Account,
        from: Waiting<SessionId>,
        received: Received<'_>,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<MessageId, Refusal> {
        if self.admitted.load(Ordering::Relaxed) >= self.rules.max_live
            || self.outbox(account.id()).lock().is_full()
        {
            return Err(Reason::QueueFull.into());
        }
        let mut found = None;
        let mut slot = None;
        let mut pin = None;
        let cleared = received
            .admit(account, &self.gate, at, &mut found)
            .and_then(|admitted| admitted.resolve(&self.gate, at, &mut pin))
            .and_then(|resolved| resolved.clear(&self.gate, at, &mut slot));
        if let Some(authorization) = found {
            self.put_pending(authorization, turn)?;
        }
        if let Some(record) = slot {
            self.put_slot(record, turn)?;
        }
        self.put_pin(pin, turn)?;
        self.journal(account, from, cleared?, at, turn)
    }

    fn journal(
        &self,
        account: &Account,
        from: Waiting<SessionId>,
        cleared: Cleared,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<MessageId, Refusal> {
        if !self.book.lock().has_route(&cleared.number.channels) {
            return Err(Reason::NoRoute.into());
        }
        let part = cleared.body.part();
        let id = MessageId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let record = MessageRecord {
            account: account.id().clone(),
            kind: account.kind(),
            authorization: cleared.authorization.id().clone(),
            service_number: cleared.number.number,
            extension: cleared.extension,
            registered_delivery: cleared.registered_delivery,
            accepted_at: at.wall,
            expires_at: cleared.expires_at,
            body: cleared.body,
        };
        let counted = self.gate.registry.count_sms(&cleared.authorization, part, at.wall)?;
        if let Some(record) = &counted.record {
            self.put_registration(record, Some(cleared.authorization.enterprise()), turn)?;
        }
        self.put_message(id, &record, cleared.authorization.enterprise(), turn)?;
        let live = Box::new(Live {
            id,
            account: record.account,
            kind: record.kind,
            authorization: cleared.authorization,
            service_number: record.service_number,
            extension: record.extension,
            allowed: cleared.number.channels,
            registered_delivery: record.registered_delivery,
            accepted_at: record.accepted_at,
            expires_at: record.expires_at,
            body: Some(record.body),
            contact: Some((cleared.contact, at.mono)),
            facts: cleared.facts,
            channel: 0,
            phase: Phase::Queued,
            attempts: 0,
            submitted_at: None,
            answered: None,
            deadline: at.mono,
            counted_on: counted.day,
            planned_end: None,
        });
        self.admitted.fetch_add(1, Ordering::Relaxed);
        turn.steps.push(Step::Accept { live, answer: Some(from) });
        Ok(id)
    }

    /// Puts an accepted message's sealed record into the turn.
    pub(crate) fn put_message(
        &self,
        id: MessageId,
        record: &MessageRecord,
        tenant: &EnterpriseId,
        turn: &mut Turn,
    ) -> Result<(), Reason> {
        let mut plain = Vec::with_capacity(128 + record.body.text.len());
        record.write(&mut plain);
        let mut sealed = Vec::with_capacity(plain.len() + 64);
        self.seals.seal(Class::Text, Some(tenant), &plain, &mut sealed)?;
        turn.put(Space::Message, &id.0.to_be_bytes(), &sealed);
        Ok(())
    }

    /// Takes up to `max` queued messages of a channel for one of its links, checks each again, and writes down the
    /// intent to send. They become [`Outcomes::ready`] when the turn is durable. Returns how many.
    pub fn take(
        &self,
        place: LinkPlace,
        max: usize,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> usize {
        let mut stale: Vec<(MessageId, Arc<Registered>)> = Vec::new();
        let mut ended = Vec::new();
        let mut book = self.book.lock();
        let steps_before = turn.steps.len();
        let popped = book.pop(place.channel, max, at);
        for id in popped {
            let Some(live) = book.live(id) else { continue };
            if let Some((state, reason)) = self.spoiled(live, at, turn) {
                outcomes.counts.refused_at_wake += 1;
                ended.extend(book.end(id, state, Some(reason), 0, at));
            } else if live.contact.as_ref().is_none_or(|(_, found)| at.mono.since(*found) > FRESH) {
                stale.push((id, Arc::clone(&live.authorization)));
            } else if self.is_refused(live) {
                outcomes.counts.refused_at_wake += 1;
                ended.extend(book.end(id, FinalState::Rejected, Some(Reason::OptOut), 0, at));
            } else if book.intend(id, at, turn) {
                turn.steps.push(Step::Send { link: place.link, message: id });
            }
        }
        drop(book);
        self.take_stale(stale, place.link, at, turn, outcomes, &mut ended);
        let taken = turn.steps.len() - steps_before;
        self.finish(ended, turn);
        taken
    }

    fn take_stale(
        &self,
        stale: Vec<(MessageId, Arc<Registered>)>,
        link: LinkId,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
        ended: &mut Vec<Ended>,
    ) {
        for (id, authorization) in stale {
            let found = resolve(&authorization, &self.gate, at.wall)
                .and_then(|(contact, pin)| self.put_pin(pin, turn).map(|()| contact));
            let mut book = self.book.lock();
            match found {
                Ok(contact) => {
                    let Some(live) = book.live(id) else { continue };
                    live.contact = Some((contact, at.mono));
                    if self.is_refused(live) {
                        outcomes.counts.refused_at_wake += 1;
                        ended.extend(book.end(id, FinalState::Rejected, Some(Reason::OptOut), 0, at));
                    } else if book.intend(id, at, turn) {
                        turn.steps.push(Step::Send { link, message: id });
                    }
                }
                Err(reason) => {
                    outcomes.counts.refused_at_wake += 1;
                    ended.extend(book.end(id, FinalState::Rejected, Some(reason), 0, at));
                }
            }
        }
    }

    /// Why a message that waited must not be sent any more.
    fn spoiled(&self, live: &mut Live, at: Moment, turn: &mut Turn) -> Option<(FinalState, Reason)> {
        if live.expires_at <= at.wall {
            return Some((FinalState::Expired, Reason::Expired));
        }
        let number = Some(live.service_number);
        let refused = self.gate.registry.check(&live.authorization, Service::Sms, number, at.wall).err();
        let suspended = || {
            let suspended = self.gate.directory.load().is_suspended(live.authorization.enterprise());
            suspended.then_some(Reason::AccountSuspended)
        };
        let refused = refused.or_else(suspended).or_else(|| self.recount(live, at, turn).err());
        refused.map(|reason| (FinalState::Rejected, reason))
    }

    /// A message that waited over midnight is one of the new day's.
    fn recount(&self, live: &mut Live, at: Moment, turn: &mut Turn) -> Result<(), Reason> {
        if day_of(at.wall) <= live.counted_on {
            return Ok(());
        }
        let part = live.body.as_ref().and_then(Body::part);
        let counted = self.gate.registry.count_sms(&live.authorization, part, at.wall)?;
        live.counted_on = counted.day;
        let enterprise = Some(live.authorization.enterprise());
        counted.record.map_or(Ok(()), |record| self.put_registration(&record, enterprise, turn))
    }

    /// Hands messages whose intent is durable to a link's encoder, in order. `send` says whether it was written;
    /// what was not goes back to its queue. A revocation since the intent still stops it.
    pub fn send(
        &self,
        link: LinkId,
        messages: &[MessageId],
        at: Moment,
        turn: &mut Turn,
        mut send: impl FnMut(&Outgoing<'_>) -> bool,
    ) {
        let mut unsent = Vec::new();
        let mut book = self.book.lock();
        for &id in messages {
            let Some(live) = book.live(id) else { continue };
            if live.phase != Phase::Intended {
                continue;
            }
            let revoked =
                self.gate.registry.current(&live.authorization).is_revoked() || self.is_refused(live);
            let sent = match (&live.contact, &live.body) {
                (Some((contact, _)), Some(body)) if !revoked => {
                    let source = live.service_number.extended(live.extension).unwrap_or(live.service_number);
                    send(&Outgoing { id, contact, source, body })
                }
                _ => false,
            };
            if sent {
                live.phase = Phase::Sent(link);
                live.submitted_at = Some(at.wall);
            } else {
                unsent.push(id);
            }
        }
        for id in unsent.into_iter().rev() {
            book.not_sent(id, turn);
        }
    }

    /// What a link saw since the last call.
    pub fn link_events(
        &self,
        place: LinkPlace,
        events: impl Iterator<Item = LinkEvent>,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) {
        let mut ended = Vec::new();
        let mut book = self.book.lock();
        for event in events {
            ended.extend(book.handle(place, event, at, turn, outcomes));
        }
        drop(book);
        self.finish(ended, turn);
    }

    /// A link is bound.
    pub fn link_up(&self, place: LinkPlace, outcomes: &mut Outcomes) {
        self.book.lock().link_count(place, true, outcomes);
    }

    /// A link that was up is gone, with `unanswered` submits on the wire and `unsent` ones that were not written.
    pub fn link_down(
        &self,
        place: LinkPlace,
        unanswered: &[MessageId],
        unsent: &[MessageId],
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) {
        let mut book = self.book.lock();
        book.link_count(place, false, outcomes);
        for &id in unsent.iter().rev() {
            book.not_sent(id, turn);
        }
        let ended = book.link_lost(place.link, unanswered, at, outcomes);
        drop(book);
        self.finish(ended, turn);
    }

    /// Messages whose intent is durable, but whose link is gone: back to their queues.
    pub fn not_sent(&self, messages: &[MessageId], turn: &mut Turn) {
        let mut book = self.book.lock();
        for &id in messages.iter().rev() {
            book.not_sent(id, turn);
        }
    }

    /// When the next postponed message of a channel may be taken.
    #[must_use]
    pub fn next_delayed(&self, channel: u16) -> Option<veilgate_names::Monotonic> {
        self.book.lock().next_delayed(channel)
    }

    /// Ends what has waited long enough. Call it about every 100 ms; each call is bounded.
    pub fn tick(&self, at: Moment, turn: &mut Turn, outcomes: &mut Outcomes) {
        let ended = self.book.lock().tick(1000, at, outcomes);
        self.finish(ended, turn);
        self.sweep_pins(at.wall, turn);
        self.assemble(at, turn);
    }

    /// Applies what follows a commit (or its failure) and fills in what the shell has to do.
    pub fn committed(
        &self,
        turns: Vec<Turn>,
        result: Result<(), StoreError>,
        at: Moment,
        outcomes: &mut Outcomes,
    ) {
        if let Err(error) = result {
            outcomes.counts.store_failures += 1;
            let reason = if matches!(error, StoreError::Full) { Reason::QueueFull } else { Reason::Internal };
            for step in turns.into_iter().flat_map(|turn| turn.steps) {
                self.failed(step, reason, at, outcomes);
            }
            return;
        }
        let mut deliveries = Vec::new();
        let mut book = self.book.lock();
        let (whole, broken): (Vec<Turn>, Vec<Turn>) = turns.into_iter().partition(|turn| turn.whole);
        for step in whole.into_iter().flat_map(|turn| turn.steps) {
            match step {
                Step::Accept { live, answer } => {
                    outcomes.counts.accepted += 1;
                    outcomes.answers.extend(answer.map(|answer| (answer, Ok(live.id))));
                    book.insert(*live, at, outcomes);
                }
                Step::Send { link, message } => outcomes.ready.push((link, message)),
                Step::Finish { message, end, receipt } => {
                    book.remove(message);
                    self.admitted.fetch_sub(1, Ordering::Relaxed);
                    outcomes.counts.finish(end.state);
                    outcomes.deliver_answers.extend(receipt.map(|waiting| (waiting, DeliverAnswer::Taken)));
                    outcomes.cdrs.push(end.cdr);
                    deliveries.extend(end.delivery);
                }
                Step::Reply { answer, deliveries: replies, cdr } => {
                    outcomes.deliver_answers.push((answer, DeliverAnswer::Taken));
                    outcomes.cdrs.extend(cdr);
                    deliveries.extend(replies);
                }
                Step::OptOut { answer, refusal } => {
                    outcomes.deliver_answers.extend(answer.map(|answer| (answer, DeliverAnswer::Taken)));
                    self.gate.opt_outs.told(&refusal.refused);
                    outcomes.opt_outs.push(refusal.fact);
                    outcomes.cdrs.extend(refusal.cdr);
                    deliveries.extend(refusal.deliveries);
                }
                Step::Part { answer, part } => {
                    outcomes.deliver_answers.push((answer, DeliverAnswer::Taken));
                    self.parts.lock().insert(*part, at.mono);
                }
                Step::Text { text, deliveries: replies, cdr } => {
                    self.parts.lock().give_back(text.key.subscriber, text.len());
                    outcomes.cdrs.extend(cdr);
                    deliveries.extend(replies);
                }
                Step::Slot(record) => self.gate.slots.stored(&record),
                Step::SlotFreed(record) => self.gate.slots.freed(&record),
                Step::Retracted { message, pause } => book.retracted(message, pause, at, outcomes),
                Step::Registered(authorization) => authorization.record_is_durable(),
                Step::Pinned(record) => self.gate.identity.pins().written(&record),
                Step::Notify(notify) => notify(true),
            }
        }
        drop(book);
        for step in broken.into_iter().flat_map(|turn| turn.steps) {
            self.failed(step, Reason::QueueFull, at, outcomes);
        }
        for delivery in deliveries {
            outcomes.accounts.push(delivery.account.clone());
            self.outbox(&delivery.account).lock().push(delivery);
        }
    }

    fn failed(&self, step: Step, reason: Reason, at: Moment, outcomes: &mut Outcomes) {
        match step {
            Step::Accept { live, answer } => {
                self.admitted.fetch_sub(1, Ordering::Relaxed);
                self.gate.registry.uncount_sms(&live.authorization, live.counted_on);
                outcomes.answers.extend(answer.map(|answer| (answer, Err(reason))));
            }
            Step::Send { link, message } => {
                self.book.lock().retracted(message, self.rules.store_retry, at, outcomes);
                outcomes.ready.push((link, message));
            }
            Step::Finish { message, receipt, .. } => {
                self.book.lock().end_failed(message, at);
                outcomes.deliver_answers.extend(receipt.map(|waiting| (waiting, DeliverAnswer::Later)));
            }
            Step::Reply { answer, .. } => outcomes.deliver_answers.push((answer, DeliverAnswer::Later)),
            Step::OptOut { answer, .. } => {
                outcomes.deliver_answers.extend(answer.map(|answer| (answer, DeliverAnswer::Later)));
            }
            Step::Part { answer, part } => {
                self.parts.lock().give_back(part.key.subscriber, 1);
                outcomes.deliver_answers.push((answer, DeliverAnswer::Later));
            }
            Step::Text { text, .. } => {
                self.parts.lock().again(*text, at.mono.plus(self.rules.store_retry));
            }
            Step::Retracted { message, pause } => {
                let pause = pause.max(self.rules.store_retry);
                self.book.lock().retracted(message, pause, at, outcomes);
            }
            Step::Registered(_) | Step::Pinned(_) | Step::Slot(_) | Step::SlotFreed(_) => {}
            Step::Notify(notify) => notify(false),
        }
    }

    /// The deliveries of an account.
    #[must_use]
    pub fn outbox(&self, account: &AccountId) -> Arc<Mutex<Outbox>> {
        if let Some(outbox) = self.outboxes.read().get(account) {
            return Arc::clone(outbox);
        }
        self.outbox_with(account, DEFAULT_PENDING)
    }

    pub(crate) fn all_outboxes(&self) -> Vec<Arc<Mutex<Outbox>>> {
        self.outboxes.read().values().map(Arc::clone).collect()
    }

    fn outbox_with(&self, account: &AccountId, max: usize) -> Arc<Mutex<Outbox>> {
        let mut outboxes = self.outboxes.write();
        let fresh = || Arc::new(Mutex::new(Outbox::new(max, self.rules.delivery_retry)));
        let outbox = outboxes.entry(account.clone()).or_insert_with(fresh);
        outbox.lock().set_max(max);
        Arc::clone(outbox)
    }

    /// Ends an attempt to deliver; a delivery that is done with is deleted from the store.
    pub fn delivered(
        &self,
        account: &AccountId,
        id: MessageId,
        attempt: Attempt,
        at: Moment,
        turn: &mut Turn,
    ) {
        if self.outbox(account).lock().settle(id, attempt, at.mono) {
            turn.delete(Space::Delivery, &id.0.to_be_bytes());
        }
    }

    /// The CDR is in its file: its record goes.
    pub fn cdr_written(&self, message: MessageId, turn: &mut Turn) {
        turn.delete(Space::Cdr, &message.0.to_be_bytes());
    }

    /// Ends authorizations: effective for every later check when this returns, durable with the turn. `done` is told.
    pub fn record_revocations(
        &self,
        records: Vec<Record>,
        turn: &mut Turn,
        done: Box<dyn FnOnce(bool) + Send>,
    ) {
        let mut whole = true;
        for record in &records {
            whole &= self.put_registration(record, None, turn).is_ok();
        }
        turn.steps.push(Step::Notify(Box::new(move |durable| done(durable && whole))));
    }

    /// Makes registrations durable with the turn. `done` is told.
    pub fn record_registrations(
        &self,
        registered: Vec<Arc<Registered>>,
        turn: &mut Turn,
        done: Box<dyn FnOnce(bool) + Send>,
    ) {
        let mut whole = true;
        for authorization in registered {
            whole &= self.put_pending(authorization, turn).is_ok();
        }
        turn.steps.push(Step::Notify(Box::new(move |durable| done(durable && whole))));
    }

    /// Messages that have not ended, those queued among them, and deliveries pending.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let (live, queued) = {
            let book = self.book.lock();
            (book.len(), book.queued())
        };
        let pending = self.outboxes.read().values().map(|outbox| outbox.lock().pending()).sum();
        (live, queued, pending)
    }

    /// Messages accepted and not ended, those under way to the journal too. One atomic load.
    #[must_use]
    pub fn admitted(&self) -> usize {
        self.admitted.load(Ordering::Relaxed)
    }

    /// Every channel as it is now.
    #[must_use]
    pub fn channel_states(&self) -> Vec<ChannelState> {
        self.book.lock().channel_states()
    }

    /// How many channels are up.
    #[must_use]
    pub fn channels_up(&self) -> usize {
        self.book.lock().channels_up()
    }

    pub(crate) fn next_id(&self) -> MessageId {
        MessageId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Puts the end of messages into the turn: their records go, the receipt and the CDR are written.
    pub(crate) fn finish(&self, ended: Vec<Ended>, turn: &mut Turn) {
        if ended.is_empty() {
            return;
        }
        let channels: Vec<Option<ChannelId>> = {
            let book = self.book.lock();
            let name = |ended: &Ended| book.channel(ended.channel).map(|channel| channel.rules.id.clone());
            ended.iter().map(name).collect()
        };
        for (ended, channel) in ended.into_iter().zip(channels) {
            let key = ended.id.0.to_be_bytes();
            turn.delete(Space::Message, &key);
            turn.delete(Space::State, &key);
            let delivery = if ended.wants_receipt() { self.receipt(&ended, turn) } else { None };
            let cdr = self.put_cdr(self.cdr_of_message(&ended, channel.as_ref()), turn);
            let end = End { state: ended.state, delivery, cdr };
            turn.steps.push(Step::Finish { message: ended.id, end, receipt: ended.receipt });
        }
    }

    /// Makes the receipt for a message's sender and puts its record into the turn.
    fn receipt(&self, ended: &Ended, turn: &mut Turn) -> Option<Arc<Delivery>> {
        let authorization = &ended.authorization;
        let delivery = Arc::new(Delivery {
            id: ended.id,
            account: ended.account.clone(),
            kind: ended.kind,
            enterprise: authorization.enterprise().clone(),
            service_number: ended.service_number,
            pseudonym: authorization.pseudonym().clone(),
            device: authorization.devices().first().filter(|_| ended.kind == AccountKind::Notary).cloned(),
            authorization: authorization.id().clone(),
            content: Content::Receipt {
                message: ended.id,
                state: ended.state,
                code: ended.reason.map(|reason| reason.code(ended.kind)),
                accepted_at: ended.accepted_at,
                done_at: ended.done_at,
            },
        });
        self.put_delivery(&delivery, turn).then_some(delivery)
    }

    /// Authorizations lie under the key of their enterprise, so that they end with it; those of an enterprise that
    /// is not configured, under the installation's.
    fn put_registration(
        &self,
        record: &Record,
        tenant: Option<&EnterpriseId>,
        turn: &mut Turn,
    ) -> Result<(), Reason> {
        let space = match record.space {
            RecordSpace::Authorization => Space::Authorization,
            RecordSpace::Revocation => Space::Revocation,
            RecordSpace::Usage => Space::Usage,
        };
        let tenant = tenant.filter(|tenant| self.seals.has_key(Class::Registry, tenant));
        let mut sealed = Vec::with_capacity(record.value.len() + 64);
        self.seals.seal(Class::Registry, tenant, &record.value, &mut sealed)?;
        turn.put(space, &record.key, &sealed);
        Ok(())
    }

    /// Stores an authorization that is not known to be durable yet, with whatever is decided under it.
    fn put_pending(&self, authorization: Arc<Registered>, turn: &mut Turn) -> Result<(), Reason> {
        if let Some(record) = authorization.pending_record() {
            self.put_registration(&record, Some(authorization.enterprise()), turn)?;
            turn.steps.push(Step::Registered(authorization));
        }
        Ok(())
    }

    pub(crate) fn put_slot(&self, record: SlotRecord, turn: &mut Turn) -> Result<(), Reason> {
        let mut sealed = Vec::with_capacity(record.value.len() + 64);
        self.seals.seal(Class::Registry, None, &record.value, &mut sealed)?;
        turn.put(Space::Slot, &record.key, &sealed);
        turn.steps.push(Step::Slot(record));
        Ok(())
    }

    /// Looks at some of the slots, round and round: notes which authorizations have ended, and frees the digits of those
    /// whose grace and quarantine are over. About once a second.
    pub fn sweep_slots(&self, at: Moment, turn: &mut Turn) {
        /// Slots looked at in one call.
        const BUDGET: usize = 20_000;
        let keep = self.rules.reply_grace.saturating_add(self.rules.replies.quarantine);
        let registry = &self.gate.registry;
        let tenancy = |id: &AuthorizationId| match registry.by_id(id) {
            None => Tenancy::Unknown,
            Some(held) => registry.ended_at(&held, at.wall).map_or(Tenancy::Live, Tenancy::Ended),
        };
        let swept = self.gate.slots.sweep(BUDGET, keep, at.wall, tenancy);
        for record in swept.changed {
            // A slot that cannot be sealed now is told again when it is used.
            let _ = self.put_slot(record, turn);
        }
        for record in swept.freed {
            turn.delete(Space::Slot, &record.key);
            turn.steps.push(Step::SlotFreed(record));
        }
    }
}

/// For accounts that are no longer configured but still have deliveries.
const DEFAULT_PENDING: usize = 100_000;
