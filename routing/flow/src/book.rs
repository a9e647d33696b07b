//! The book of live messages: which phase each is in, where it waits, and what an event makes of it. Memory
//! only; every change that must survive is put into the caller's turn. One lock around all of it, held for
//! map operations only: nothing is sealed, resolved or formatted here.

mod answers;
mod cancellation;
mod condition;
mod order;
mod parked;
mod parking;
pub(crate) mod parts;
mod queues;
mod requests;
mod restoring;
#[cfg(test)]
mod tests;

pub(crate) use parked::{Cause, Picked, Search, Ticket, Wanted};
pub(crate) use queues::Uncarried;
pub(crate) use restoring::Found;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustc_hash::{FxHashMap, FxHashSet};
use veilgate_names::{
    AuthorizationId, ChannelId, EnterpriseId, FinalState, MessageId, Monotonic, ObjectId, Octets, Reason,
};
use veilgate_smpp::text::receipt::IdKey;
use veilgate_store::Space;

use self::answers::Receipt;
use self::order::Order;
use self::parked::Parked;
use self::parking::Crowd;
use crate::correlate::{Correlate, ReceiptFact};
use crate::delivery::Notice;
use crate::fair::{FairQueue, Lanes};
use crate::groups::{Candidate, OpenRoutes, Routes};
use crate::health::{Health, Pulse};
use crate::live::{Ended, Live, Moment};
use crate::notice::Noticed;
use crate::record::{Again, StateRecord};
use crate::retry::Class;
use crate::split::References;
use crate::state::{Event, Phase};
use crate::turn::{Cancellation, DeliverAnswer, LinkId, LinkPlace, Outcomes, Step, Turn, Waiting};
use crate::{ChannelRules, FlowRules};

pub(crate) use requests::Replacement;

/// What the SMSC answered to a `submit_sm`.
#[derive(Debug, Clone)]
pub enum Answer {
    /// ESME_ROK with its id, as it came and in canonical form.
    Accepted {
        /// As it came.
        id: Octets,
        /// For matching receipts.
        key: IdKey,
    },
    /// No, or not now: the channel's retry table says which.
    Refused {
        /// The `command_status`.
        status: u32,
    },
}

/// What a link saw, collected over one read and handled under one lock.
#[derive(Debug, Clone)]
pub enum LinkEvent {
    /// A response, in time or late.
    Answered {
        /// The message it answers.
        message: MessageId,
        /// What it says.
        answer: Answer,
    },
    /// No response in time.
    TimedOut {
        /// The message that was sent.
        message: MessageId,
    },
    /// Something else that the SMSC says of a message before its end.
    Notice {
        /// What the id it names may stand for, likelier first.
        keys: [Option<IdKey>; 2],
        /// What.
        notice: Notice,
        /// Its sequence number, to be answered.
        sequence: u32,
    },
    /// The SMSC answered, or nobody, when it was asked to take a message back.
    Cancelled {
        /// What it was asked for.
        cancellation: Cancellation,
        /// Whether it did.
        done: bool,
    },
    /// A delivery receipt.
    Receipt {
        /// What the id it names may stand for, likelier first.
        keys: [Option<IdKey>; 2],
        /// What it says.
        fact: ReceiptFact,
        /// Its sequence number, to be answered.
        sequence: u32,
    },
}

/// A channel as carrier staff see it.
#[derive(Debug, Clone)]
pub struct ChannelState {
    /// Its name.
    pub id: ChannelId,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Whether it takes no more messages, though it stays bound.
    pub draining: bool,
    /// The object that lets nothing go out over it, if one does.
    pub shut_by: Option<ObjectId>,
    /// How it is.
    pub health: Health,
    /// How many links are bound.
    pub links_up: u32,
    /// Messages waiting for it.
    pub queued: usize,
}

pub(crate) struct Channel {
    pub(crate) rules: ChannelRules,
    queue: FairQueue,
    delayed: BTreeSet<(Monotonic, MessageId)>,
    links_up: u32,
    senders_up: u32,
    /// Links that leave `enquire_link` unanswered.
    links_silent: u32,
    pulse: Pulse,
}

impl Channel {
    fn new(rules: ChannelRules, flow: &FlowRules) -> Self {
        Self {
            rules,
            queue: FairQueue::default(),
            delayed: BTreeSet::new(),
            links_up: 0,
            senders_up: 0,
            links_silent: 0,
            pulse: Pulse::new(flow.health.clone()),
        }
    }
}

/// See the module.
pub(crate) struct Book {
    rules: FlowRules,
    live: FxHashMap<MessageId, Box<Live>>,
    correlate: Correlate,
    channels: Vec<Channel>,
    lanes: Lanes,
    order: Order,
    routes: Routes,
    deadlines: BTreeSet<(Monotonic, MessageId)>,
    pub(crate) parked: Parked,
    crowd: Crowd,
    references: References,
    /// Texts by the ids of the parts they came in, but the one that is their own.
    texts: FxHashMap<MessageId, MessageId>,
    /// Texts whose parts have all ended.
    over: Vec<MessageId>,
}

impl Book {
    pub(crate) fn new(rules: FlowRules) -> Self {
        let correlate =
            Correlate::new(rules.early_receipt_hold, rules.max_early_receipts, rules.max_recent_receipts);
        Self {
            rules,
            live: FxHashMap::default(),
            correlate,
            channels: Vec::new(),
            lanes: Lanes::default(),
            order: Order::default(),
            routes: Routes::default(),
            deadlines: BTreeSet::new(),
            parked: Parked::default(),
            crowd: Crowd::default(),
            references: References::default(),
            texts: FxHashMap::default(),
            over: Vec::new(),
        }
    }

    /// Takes over the channels of a (re)loaded configuration; known ones keep their place and queue, vanished
    /// ones are switched off. Their queues move with the next [`Self::rebalance`].
    pub(crate) fn configure(&mut self, channels: &[ChannelRules]) {
        for candidate in &mut self.routes.candidates {
            candidate.enabled = false;
        }
        for rules in channels {
            let Some(index) = self.channel_index(&rules.id).map(usize::from) else {
                self.routes.add(Candidate::new(rules.weight, rules.enabled));
                self.channels.push(Channel::new(rules.clone(), &self.rules));
                continue;
            };
            if let Some(channel) = self.channels.get_mut(index) {
                channel.rules = rules.clone();
            }
            if let Some(candidate) = self.routes.candidates.get_mut(index) {
                candidate.enabled = rules.enabled;
                candidate.weight = rules.weight;
            }
        }
        self.routes.publish();
    }

    pub(crate) fn channel_index(&self, id: &ChannelId) -> Option<u16> {
        let position = self.channels.iter().position(|channel| channel.rules.id == *id)?;
        u16::try_from(position).ok()
    }

    pub(crate) fn channel(&self, index: u16) -> Option<&Channel> {
        self.channels.get(usize::from(index))
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn queued(&self) -> usize {
        let of_channel = |channel: &Channel| channel.queue.len() + channel.delayed.len();
        self.channels.iter().map(of_channel).sum::<usize>() + self.order.held()
    }

    /// Up to `max` messages of an enterprise, and where they stand.
    pub(crate) fn under(&self, tenant: &EnterpriseId, max: usize) -> Vec<(MessageId, Phase)> {
        let of_tenant = self.each().filter(|live| live.authorization.enterprise() == tenant);
        of_tenant.take(max).map(|live| (live.id, live.phase())).collect()
    }

    /// The authorizations under which something has not ended.
    pub(crate) fn authorizations(&self) -> FxHashSet<AuthorizationId> {
        self.each().map(|live| live.authorization.id().clone()).collect()
    }

    /// Whether any channel that is switched on has a bound link.
    pub(crate) fn channels_up(&self) -> usize {
        self.routes.candidates.iter().filter(|candidate| candidate.enabled && candidate.up).count()
    }

    /// Which routes lead to any channel that is switched on; kept true without the lock around the book.
    pub(crate) fn open_routes(&self) -> Arc<ArcSwap<OpenRoutes>> {
        self.routes.open()
    }

    /// Adds a durable message and queues it.
    pub(crate) fn insert(&mut self, mut live: Box<Live>, at: Moment, outcomes: &mut Outcomes) {
        let id = live.id;
        self.name_parts(&live);
        let queued = live.life.on(Event::Stored);
        self.live.insert(id, live);
        if queued {
            self.enqueue_new(id, at, outcomes);
        }
    }

    /// Pops queued messages of a channel for one link, up to `max` submits: the last may be a text that goes over it with
    /// some of its parts. The caller checks each again.
    pub(crate) fn pop(&mut self, channel: u16, max: usize, at: Moment) -> Vec<MessageId> {
        let mut popped = Vec::new();
        let Some(entry) = self.channels.get_mut(usize::from(channel)) else { return popped };
        let later = entry.delayed.split_off(&(at.mono.plus(Duration::from_micros(1)), MessageId(0)));
        for (_, id) in std::mem::replace(&mut entry.delayed, later).into_iter().rev() {
            if let Some(live) = self.live.get_mut(&id)
                && live.life.on(Event::Requeued)
            {
                entry.queue.put_back(self.lanes.of(live.authorization.enterprise()), id);
            }
        }
        let max = entry.pulse.allowance(max, at.mono);
        let is_shut = |one: &Candidate| one.draining || !one.sends();
        let is_shut = self.routes.candidates.get(usize::from(channel)).is_some_and(is_shut);
        let max = if is_shut { 0 } else { max };
        let mut cost = 0;
        while cost < max {
            let Some(id) = entry.queue.pop(&self.lanes) else { break };
            let waits = |live: &Live| live.phase() == Phase::Queued && live.channel == channel;
            if let Some(live) = self.live.get(&id).filter(|live| waits(live)) {
                popped.push(id);
                cost += live.cost();
            }
        }
        if !popped.is_empty() {
            entry.pulse.taken(at.mono);
        }
        popped
    }

    fn each(&self) -> impl Iterator<Item = &Live> {
        self.live.values().map(Box::as_ref)
    }

    pub(crate) fn live(&mut self, id: MessageId) -> Option<&mut Live> {
        self.live.get_mut(&id).map(Box::as_mut)
    }

    /// When the next postponed message of a channel may be popped.
    pub(crate) fn next_delayed(&self, channel: u16) -> Option<Monotonic> {
        self.channels.get(usize::from(channel))?.delayed.first().map(|(when, _)| *when)
    }

    /// Records that the submit is about to happen.
    pub(crate) fn intend(&mut self, id: MessageId, at: Moment, turn: &mut Turn) -> bool {
        let Some(live) = self.live.get_mut(&id) else { return false };
        let Some(channel) = self.channels.get(usize::from(live.channel)) else { return false };
        if !live.life.on(Event::Taken) {
            return false;
        }
        live.attempts = live.attempts.saturating_add(1);
        live.submitted_at = Some(at.wall);
        put_state(turn, live, &channel.rules.id, None);
        true
    }

    /// The submit did not happen after all: the intent is taken back, and when that is durable the message returns
    /// to the front of its queue. Before, nobody may take it: its state would be written in the wrong order.
    pub(crate) fn not_sent(&mut self, id: MessageId, at: Moment, turn: &mut Turn) {
        if self.live.get(&id).is_some_and(|live| live.phase() == Phase::Intended) {
            self.withdraw(id, Duration::ZERO, Attempted::Never, None, at, turn);
        }
    }

    /// The intent is taken back: the message waits again, after a pause if it has to.
    pub(crate) fn retracted(&mut self, id: MessageId, pause: Duration, at: Moment, outcomes: &mut Outcomes) {
        let Some(live) = self.live.get_mut(&id) else { return };
        if !matches!(live.phase(), Phase::Retracting | Phase::Intended) {
            return;
        }
        if live.phase() == Phase::Intended {
            // An intent that could not be written down is no attempt.
            live.attempts = live.attempts.saturating_sub(1);
        }
        if pause.is_zero() && live.life.on(Event::Requeued) {
            self.enqueue(id, true, at, outcomes);
        } else if live.life.on(Event::Paused) {
            self.postpone(id, at.mono.plus(pause), at, outcomes);
        }
    }

    /// What a link saw. Messages that end are returned for [`Turn::finish`].
    pub(crate) fn handle(
        &mut self,
        place: LinkPlace,
        event: LinkEvent,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Option<Ended> {
        let LinkPlace { link, channel, .. } = place;
        match event {
            LinkEvent::Answered { message, answer } => {
                self.answered(channel, message, answer, at, turn, outcomes)
            }
            LinkEvent::TimedOut { message } => {
                if self.live.get(&message).is_some_and(|live| live.phase() == Phase::Sent(link)) {
                    self.answered_so(channel, Some(Class::Unknown), at, outcomes);
                    self.outcome_unknown(message, self.rules.late_answer_grace, at, outcomes);
                }
                None
            }
            LinkEvent::Notice { keys, notice, sequence } => {
                let answer = Waiting { peer: link, sequence };
                let live = self.correlate.find(channel, keys).and_then(|id| self.live.get(&id));
                match live.and_then(|live| Noticed::of(live, notice, Some(answer))) {
                    Some(noticed) => outcomes.noticed.push(noticed),
                    None => outcomes.deliver_answers.push((answer, DeliverAnswer::Taken)),
                }
                None
            }
            LinkEvent::Cancelled { cancellation, done } => {
                self.cancelled(cancellation, done, at, turn, outcomes)
            }
            LinkEvent::Receipt { keys, fact, sequence } => {
                let answer = Waiting { peer: link, sequence };
                self.receipt(channel, Receipt { keys, fact, answer }, at, turn, outcomes)
            }
        }
    }

    /// A link died with these messages unanswered.
    pub(crate) fn link_lost(
        &mut self,
        link: LinkId,
        messages: &[MessageId],
        at: Moment,
        outcomes: &mut Outcomes,
    ) -> Vec<Ended> {
        let mut ended = Vec::new();
        // Each is put before the others, so the oldest comes last.
        for &id in messages.iter().rev() {
            if !self.live.get(&id).is_some_and(|live| live.phase() == Phase::Sent(link)) {
                continue;
            }
            self.outcome_unknown(id, Duration::ZERO, at, outcomes);
            if self.live.get(&id).is_some_and(|live| live.phase() == Phase::Lost) {
                ended.extend(self.end(id, FinalState::Unknown, Some(Reason::OutcomeUnknown), 0, at));
            }
        }
        ended.reverse();
        ended
    }

    /// Ends what has waited long enough, at most `max` per call, and lets go of early receipts.
    pub(crate) fn tick(&mut self, max: usize, at: Moment, outcomes: &mut Outcomes) -> Vec<Ended> {
        outcomes.counts.receipts_unmatched += self.correlate.expire(at.mono);
        self.tick_health(at.mono, outcomes);
        let mut ended = Vec::new();
        while ended.len() < max {
            let Some(&(deadline, id)) = self.deadlines.first() else { break };
            if deadline > at.mono {
                break;
            }
            self.deadlines.pop_first();
            let Some(live) = self.live.get(&id) else { continue };
            let planned = live.planned_end;
            let (state, reason) = match live.phase() {
                Phase::Scheduled | Phase::Queued | Phase::Postponed => (FinalState::Expired, Reason::Expired),
                // What it was to end as is planned.
                Phase::Lost | Phase::Unwritten => (FinalState::Unknown, Reason::OutcomeUnknown),
                Phase::Answered => (FinalState::Unknown, Reason::ReportMissing),
                Phase::Accepted
                | Phase::Intended
                | Phase::Sent(_)
                | Phase::Retracting
                | Phase::Ending
                | Phase::Gone => continue,
            };
            let (state, reason, error) = planned.unwrap_or((state, Some(reason), 0));
            ended.extend(self.end(id, state, reason, error, at));
        }
        for (index, channel) in self.channels.iter().enumerate() {
            if channel.delayed.first().is_some_and(|(when, _)| *when <= at.mono) {
                outcomes.channels.push(index);
            }
        }
        ended
    }

    /// Ends a message that still waits, for a reason found when it woke.
    pub(crate) fn end(
        &mut self,
        id: MessageId,
        state: FinalState,
        reason: Option<Reason>,
        error: u16,
        at: Moment,
    ) -> Option<Ended> {
        let live = self.live.get_mut(&id)?;
        if live.long.as_ref().is_some_and(|long| long.is_open()) {
            return None;
        }
        live.end(state, reason, error, at.wall)
    }

    /// The end is durable: the message is gone.
    pub(crate) fn remove(&mut self, id: MessageId, at: Moment, outcomes: &mut Outcomes) -> Option<Box<Live>> {
        let mut live = self.live.remove(&id)?;
        let _ = live.life.on(Event::EndStored);
        if live.long.is_some() {
            live.other_ids().for_each(|part| _ = self.texts.remove(&part));
        }
        if live.ordered {
            let next = self.order.leave(&live);
            self.next_of_lane(next, at, outcomes);
        }
        self.deadlines.remove(&(live.deadline, id));
        if let Some(answered) = &live.answered {
            self.correlate.forget(live.channel, &answered.key, id);
        }
        Some(live)
    }

    /// The end could not be written: the same end is tried again by `tick`.
    pub(crate) fn end_failed(&mut self, id: MessageId, at: Moment) {
        let retry = self.rules.store_retry;
        if self.live.get_mut(&id).is_some_and(|live| live.life.on(Event::EndLost)) {
            self.set_deadline(id, at.mono.plus(retry));
        }
    }

    /// The attempt is over without an end: written down, and when that is durable the message waits again, after the
    /// pause. One that was never tried needs no record.
    fn withdraw(
        &mut self,
        id: MessageId,
        pause: Duration,
        attempted: Attempted,
        receipt: Option<Waiting<LinkId>>,
        at: Moment,
        turn: &mut Turn,
    ) {
        let Some(live) = self.live.get_mut(&id) else { return };
        if !live.life.on(Event::Withdrawn) {
            return;
        }
        if attempted == Attempted::Never {
            live.attempts = live.attempts.saturating_sub(1);
        }
        if let Some(answered) = live.answered.take() {
            self.correlate.forget(live.channel, &answered.key, id);
        }
        match self.channels.get(usize::from(live.channel)) {
            Some(channel) if live.attempts > 0 => {
                let not_before = at.wall.plus(pause);
                let again = Again { not_before, next: live.next };
                put_state(turn, live, &channel.rules.id, Some(again));
            }
            _ => turn.delete(Space::State, &live.id.0.to_be_bytes()),
        }
        turn.steps.push(Step::Retracted { message: id, pause, receipt });
    }

    /// Whether receipts of a channel may bring messages back.
    fn retries_receipts(&self, channel: u16) -> bool {
        self.channel(channel).is_some_and(|channel| channel.rules.retry.retries_receipts())
    }

    fn set_deadline(&mut self, id: MessageId, deadline: Monotonic) {
        if let Some(live) = self.live.get_mut(&id) {
            self.deadlines.remove(&(live.deadline, id));
            live.deadline = deadline;
            self.deadlines.insert((deadline, id));
        }
    }
}

/// What an attempt that is over counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempted {
    /// Nothing: it was not written, or the SMSC was only busy.
    Never,
    /// One of the attempts it has.
    Once,
}

fn put_state(turn: &mut Turn, live: &Live, channel: &ChannelId, again: Option<Again>) {
    let record = StateRecord {
        channel: channel.clone(),
        attempts: live.attempts,
        submitted_at: live.submitted_at.unwrap_or(live.accepted_at),
        answer: live.answered.as_ref().map(|a| (a.id.clone(), a.key.clone(), a.at)),
        again,
    };
    let mut value = Vec::with_capacity(64);
    record.write(&mut value);
    turn.put(Space::State, &live.id.0.to_be_bytes(), &value);
}
