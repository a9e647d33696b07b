//! The flow: every decision about a message, from the submit to its end and back. All methods take `&self` and the
//! moment; they fill the caller's [`Turn`] with what must become durable and [`Outcomes`] with what the shell does.

mod committed;
mod deletions;
mod links;
mod long;
mod policy;
mod recall;
mod records;
mod waking;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use veilgate_admission::{Account, Counted, Registered, Registry, Tenant, day_of};
use veilgate_identity::{AddressForm, Contact, Identity, KeyRing, Slots};
use veilgate_ledger::NodeName;
use veilgate_names::{
    AccountId, AccountKind, ChannelId, MessageId, Monotonic, Reason, ServiceNumber, Timestamp,
};
use veilgate_policy::Engine;
use veilgate_smpp::pdu::{DataSm, SubmitSm};
use veilgate_smpp::side::North;
use veilgate_smpp::text::encoding::DefaultAlphabet;
use veilgate_smpp::text::receipt::IdFormat;
use veilgate_store::Space;

use crate::book::{Book, ChannelState};
use crate::directory::{ChannelRules, Directory, FlowRules};
use crate::ended::Ends;
use crate::erasing::Erasing;
use crate::groups::{Freight, OpenRoutes};
use crate::live::{Body, Live, Moment};
use crate::long::{Long, NorthPart};
use crate::message::{Cleared, Received};
use crate::multi::Member;
use crate::opt_out::OptOuts;
use crate::outbox::{Attempt, Outbox};
use crate::record::{MessageRecord, Next};
use crate::refusal::Refusal;
use crate::repeats::Repeats;
use crate::reply::Parts;
use crate::review::Reviews;
use crate::schedule::is_for_another_day;
use crate::seal::Seals;
use crate::segments::Segments;
use crate::shares::Shares;
use crate::state::Life;
use crate::turn::{Outcomes, SessionId, Step, Turn, Waiting};

pub use recall::ParkedCounts;

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
    /// The carrier's rules.
    pub policy: Arc<Engine>,
}

/// See the module.
pub struct Flow {
    pub(crate) gate: Gate,
    pub(crate) rules: FlowRules,
    pub(crate) node: NodeName,
    pub(crate) seals: Seals,
    pub(crate) book: Mutex<Book>,
    pub(crate) open_routes: Arc<ArcSwap<OpenRoutes>>,
    /// Long replies that are not whole yet.
    pub(crate) parts: Mutex<Parts>,
    /// Texts from the north that are not whole yet.
    pub(crate) segments: Mutex<Segments>,
    outboxes: RwLock<FxHashMap<AccountId, Arc<Mutex<Outbox>>>>,
    pub(crate) erasing: Arc<Mutex<Erasing>>,
    /// Taken after the book, where both are.
    pub(crate) ends: Mutex<Ends>,
    pub(crate) repeats: Mutex<Repeats>,
    /// What waits for staff.
    pub(crate) reviews: Reviews,
    /// When messages may be searched by addresses again.
    pub(crate) next_search: Mutex<Monotonic>,
    /// Messages accepted, not ended, also those not in the book yet.
    pub(crate) shares: Shares,
    next_id: AtomicU64,
    /// Records whose deletion failed, each in the store: bounded by it.
    undeleted: Mutex<Vec<(Space, Box<[u8]>)>>,
    /// Held while parked messages are read back.
    recalling: Mutex<()>,
    /// Messages parked, so many at least a moment ago.
    parked: AtomicUsize,
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
    /// SMPP `registered_delivery` as the sender gave it.
    pub reports: u8,
}

/// Who sent a message, and when.
pub(crate) struct Sender {
    pub(crate) account: AccountId,
    pub(crate) kind: AccountKind,
    pub(crate) accepted_at: Timestamp,
    /// The parts it came in; none if it came whole.
    pub(crate) north: Vec<NorthPart>,
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

/// Where a message comes from and whom its fate concerns.
pub(crate) struct Origin {
    /// Its id, if that is given already.
    pub(crate) id: Option<MessageId>,
    /// Who is answered when it is durable.
    pub(crate) answer: Option<Waiting<SessionId>>,
    pub(crate) member: Member,
}

impl Origin {
    /// A message by itself.
    fn alone(from: Waiting<SessionId>) -> Self {
        Self { id: None, answer: Some(from), member: Member::default() }
    }
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
        let (ends, max_repeats) = (Ends::new(rules.max_remembered), rules.max_repeats);
        let book = Book::new(rules.clone());
        Self {
            gate,
            open_routes: book.open_routes(),
            book: Mutex::new(book),
            parts: Mutex::new(Parts::new(rules.replies.clone())),
            shares: Shares::new(rules.max_live),
            segments: Mutex::new(Segments::new(rules.segments.clone(), rules.max_text)),
            rules,
            node,
            seals: Seals::new(keys, entropy),
            outboxes: RwLock::default(),
            erasing: Arc::default(),
            ends: Mutex::new(ends),
            repeats: Mutex::new(Repeats::new(max_repeats)),
            reviews: Reviews::default(),
            next_search: Mutex::new(Monotonic(0)),
            next_id: AtomicU64::new(first_id),
            undeleted: Mutex::default(),
            recalling: Mutex::default(),
            parked: AtomicUsize::new(0),
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
        mut directory: Directory,
        outcomes: &mut Outcomes,
    ) {
        let weights = directory.weights();
        self.shares.divide(weights.len(), self.rules.max_share_percent);
        self.book.lock().weigh(weights.iter().map(|(enterprise, weight)| (enterprise, *weight)));
        for (account, max) in accounts {
            self.outbox_with(account, *max);
        }
        let mut book = self.book.lock();
        book.configure(channels);
        directory.set_places(book.set_routes(directory.routes()));
        book.reroute(|number| directory.rules(number).map(|rules| directory.place(rules)));
        self.gate.directory.store(Arc::new(directory));
        book.set_lines(&self.gate.policy.policy(), outcomes);
        book.rebalance(outcomes);
    }

    /// Takes over what the policy in force says of channels.
    pub fn take_over_lines(&self, outcomes: &mut Outcomes) {
        self.book.lock().set_lines(&self.gate.policy.policy(), outcomes);
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
        let received = Received::submit(account.kind(), pdu, &self.rules, at)?;
        self.accept(account, Origin::alone(from), received, at, turn)
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
        let received = Received::data(account.kind(), pdu, &self.rules, at)?;
        self.accept(account, Origin::alone(from), received, at, turn)
    }

    pub(crate) fn accept(
        &self,
        account: &Account,
        origin: Origin,
        mut received: Received<'_>,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<MessageId, Refusal> {
        self.shares.check()?;
        // An enterprise's own account: nothing needs to be looked up to know whose share it is.
        if let Tenant::Enterprise(enterprise) = account.tenant() {
            self.shares.check_of(enterprise)?;
        }
        let in_memory = self.shares.all().saturating_sub(self.parked.load(Ordering::Relaxed));
        if in_memory >= self.rules.max_in_memory || self.outbox(account.id()).lock().is_full() {
            return Err(Reason::QueueFull.into());
        }
        if received.is_part() {
            return self.segment(account, &origin, received, at, turn);
        }
        let reference = received.reference();
        let id = origin.id.unwrap_or_else(|| self.next_id());
        let origin = Origin { id: Some(id), ..origin };
        let mut found = None;
        let mut slot = None;
        let mut pin = None;
        let admitted = received.admit(account, &self.gate, at, &mut found);
        let repeat =
            self.repeat_key(account, &origin, reference, found.as_ref().filter(|_| admitted.is_ok()));
        if let Some((key, from)) = repeat
            && let Some(id) = self.repeated(key, from, at.wall, turn)
        {
            return Ok(id);
        }
        let cleared = admitted
            .and_then(|admitted| {
                self.shares.check_of(admitted.enterprise()).map(|()| admitted).map_err(Refusal::from)
            })
            .and_then(|admitted| admitted.screen(&self.gate, id, at))
            .and_then(|screened| screened.resolve(&self.gate, at, &mut pin))
            .and_then(|resolved| resolved.clear(&self.gate, id, at, &mut slot));
        if let Some(authorization) = found {
            self.put_pending(authorization, turn)?;
        }
        let id = self.put_cleared(slot, pin, cleared, turn, |cleared, turn| {
            self.journal(account, origin, cleared, at, turn)
        })?;
        if let Some((key, _)) = repeat {
            self.remember_submit(account, key, id, at.wall, turn);
        }
        Ok(id)
    }

    fn journal(
        &self,
        account: &Account,
        origin: Origin,
        cleared: Cleared,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<MessageId, Refusal> {
        let (account, kind) = (account.id().clone(), account.kind());
        let sender = Sender { account, kind, accepted_at: at.wall, north: Vec::new() };
        self.draft(sender, origin, cleared, at, turn)
    }

    /// Puts a message's record into the turn, and that it joins the queue then; it counts from now on.
    pub(crate) fn draft(
        &self,
        sender: Sender,
        origin: Origin,
        cleared: Cleared,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<MessageId, Refusal> {
        let directory = self.gate.directory.load();
        let route = directory.place(&cleared.number);
        let ordered = directory.is_ordered(&cleared.number, &sender.account);
        let freight = Freight {
            enterprise: cleared.authorization.enterprise(),
            category: cleared.ruled.decision.category,
        };
        if !self.open_routes.load().leads(route, Some(freight)) {
            return Err(Reason::NoRoute.into());
        }
        let id = origin.id.unwrap_or_else(|| self.next_id());
        let Sender { account, kind, accepted_at, north } = sender;
        let record = MessageRecord {
            account,
            kind,
            authorization: cleared.authorization.id().clone(),
            service_number: cleared.number.number,
            extension: cleared.extension,
            registered_delivery: cleared.registered_delivery,
            accepted_at,
            expires_at: cleared.expires_at,
            body: cleared.body,
            member: origin.member,
            scheduled_at: cleared.scheduled_at,
            ruled: cleared.ruled,
            north,
        };
        let counted = self.count_now(&cleared.authorization, record.scheduled_at, at.wall)?;
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
            route,
            ordered,
            registered_delivery: record.registered_delivery,
            accepted_at: record.accepted_at,
            expires_at: record.expires_at,
            scheduled_at: record.scheduled_at,
            body: Some(record.body),
            contact: Some((cleared.contact, at.mono)),
            facts: cleared.facts,
            channel: 0,
            life: Life::ACCEPTED,
            attempts: 0,
            next: Next::Any,
            billable: None,
            submitted_at: None,
            answered: None,
            deadline: at.mono,
            counted_on: counted.day,
            planned_end: None,
            member: record.member,
            ruled: record.ruled,
            long: Long::of(record.north),
        });
        self.shares.enter(live.authorization.enterprise());
        turn.steps.push(Step::Accept { live, answer: origin.answer });
        Ok(id)
    }

    /// A message that is scheduled for another day is counted on that day.
    fn count_now(
        &self,
        authorization: &Arc<Registered>,
        scheduled_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Counted, Reason> {
        if is_for_another_day(scheduled_at, now) {
            return Ok(Counted { record: None, day: day_of(now) });
        }
        self.gate.registry.count_sms(authorization, now)
    }

    /// Ends what has waited long enough. Call it about every 100 ms; each call is bounded.
    pub fn tick(&self, at: Moment, turn: &mut Turn, outcomes: &mut Outcomes) {
        let ended = {
            let mut book = self.book.lock();
            outcomes.recall |= book.wants_recall(at);
            book.tick(1000, at, outcomes)
        };
        self.finish(ended, turn);
        self.sweep_pins(at.wall, turn);
        self.assemble(at, turn);
        self.delete_again(turn);
        self.long_texts(at, turn);
    }

    /// The deliveries of an account.
    #[must_use]
    pub fn outbox(&self, account: &AccountId) -> Arc<Mutex<Outbox>> {
        if let Some(outbox) = self.outboxes.read().get(account) {
            return Arc::clone(outbox);
        }
        self.outbox_with(account, DEFAULT_PENDING)
    }

    pub(crate) fn outboxes(&self) -> Vec<(AccountId, Arc<Mutex<Outbox>>)> {
        self.outboxes_if(|_| true)
    }

    pub(crate) fn outboxes_if(
        &self,
        is_wanted: impl Fn(&Outbox) -> bool,
    ) -> Vec<(AccountId, Arc<Mutex<Outbox>>)> {
        let outboxes = self.outboxes.read();
        let wanted = outboxes.iter().filter(|(_, outbox)| is_wanted(&outbox.lock()));
        wanted.map(|(account, outbox)| (account.clone(), Arc::clone(outbox))).collect()
    }

    pub(crate) fn all_outboxes(&self) -> Vec<Arc<Mutex<Outbox>>> {
        self.outboxes.read().values().map(Arc::clone).collect()
    }

    fn outbox_with(&self, account: &AccountId, max: usize) -> Arc<Mutex<Outbox>> {
        let mut outboxes = self.outboxes.write();
        let fresh = || {
            Arc::new(Mutex::new(Outbox::new(max, self.rules.resident_deliveries, self.rules.delivery_retry)))
        };
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

    /// Messages that have not ended, those queued among them, and deliveries pending.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let (live, queued) = {
            let book = self.book.lock();
            (book.len() + book.parked.len(), book.queued() + book.parked.len())
        };
        let pending = self.outboxes.read().values().map(|outbox| outbox.lock().pending()).sum();
        (live, queued, pending)
    }

    /// Messages accepted and not ended, those under way to the journal too. One atomic load.
    #[must_use]
    pub fn admitted(&self) -> usize {
        self.shares.all()
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

    /// The first of so many ids that follow each other.
    pub(crate) fn reserve_ids(&self, count: u64) -> MessageId {
        MessageId(self.next_id.fetch_add(count, Ordering::Relaxed))
    }

    /// The route of a service number.
    pub(crate) fn route_of(&self, number: ServiceNumber) -> u16 {
        let directory = self.gate.directory.load();
        directory.rules(number).map_or(0, |rules| directory.place(rules))
    }

    pub(crate) fn next_id(&self) -> MessageId {
        self.reserve_ids(1)
    }
}

/// For accounts that are no longer configured but still have deliveries.
const DEFAULT_PENDING: usize = 100_000;
