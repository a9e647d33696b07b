//! What the connections of one simulated SMSC share: accounts, draws, the schedule and the queues of
//! deliveries. A delivery waits in the schedule until it is due, then in its account's queue until some
//! receiver of that account has room in its window.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};

use super::deliver::{Delivery, Kind};
use super::ids::Id;
use super::observed::Record;
use super::options::SmscOptions;
use super::rules::{Action, AnswerRule, ReplyRule, Subject, Tally};
use crate::clock;
use crate::random::Random;
use crate::receipt::State;

/// What the operator of the simulator tells a connection to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Disconnect,
    Unbind,
    EnquireLink,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Messages that came.
    pub submits: u64,
    /// Accepted.
    pub accepted: u64,
    /// Refused with a status.
    pub refused: u64,
    /// Left without an answer.
    pub unanswered: u64,
    /// Receipts sent, repeats included.
    pub receipts: u64,
    /// Replies sent, parts and repeats counted.
    pub replies: u64,
    /// deliver_sm answered with status 0.
    pub delivered: u64,
    /// deliver_sm given up.
    pub abandoned: u64,
}

#[derive(Default)]
pub(super) struct Tallies {
    pub(super) submits: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unanswered: AtomicU64,
    pub(super) receipts: AtomicU64,
    pub(super) replies: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) abandoned: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What the rules decide about one message.
pub(super) struct Decision {
    pub(super) action: Action,
    pub(super) delay: Duration,
    pub(super) id: Id,
    pub(super) receipt: Option<ReceiptPlan>,
    pub(super) replies: Vec<(ReplyRule, Duration)>,
}

/// The receipt drawn for one message.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReceiptPlan {
    pub(super) state: State,
    pub(super) delay: Duration,
    pub(super) copies: usize,
}

struct Draws {
    random: Random,
    next_id: u64,
    answers: Vec<(AnswerRule, Tally)>,
    replies: Vec<(ReplyRule, Tally)>,
}

struct Due {
    at: Instant,
    order: u64,
    system_id: String,
    delivery: Delivery,
}

pub(super) struct Shared {
    pub(super) options: SmscOptions,
    pub(super) record: Record,
    pub(super) tallies: Tallies,
    pub(super) ready: watch::Sender<u64>,
    draws: Mutex<Draws>,
    schedule: Mutex<BinaryHeap<Reverse<Due>>>,
    scheduled: Notify,
    order: AtomicU64,
    last_receipt: Mutex<Option<Instant>>,
    queues: Mutex<HashMap<String, VecDeque<Delivery>>>,
    sessions: Mutex<HashMap<u64, (String, mpsc::Sender<Order>)>>,
    cancelled: Mutex<HashSet<String>>,
}

impl Shared {
    pub(super) fn new(options: SmscOptions, record: Record) -> Self {
        let draws = Draws {
            random: Random::new(options.seed),
            next_id: Random::new(options.seed).draw() >> 24,
            answers: tallied(options.answers.clone()),
            replies: tallied(options.replies.clone()),
        };
        Self {
            options,
            record,
            tallies: Tallies::default(),
            ready: watch::Sender::new(0),
            draws: Mutex::new(draws),
            schedule: Mutex::default(),
            scheduled: Notify::new(),
            order: AtomicU64::new(0),
            last_receipt: Mutex::default(),
            queues: Mutex::default(),
            sessions: Mutex::default(),
            cancelled: Mutex::default(),
        }
    }

    pub(super) fn set_answers(&self, rules: Vec<AnswerRule>) {
        self.draws.lock().answers = tallied(rules);
    }

    pub(super) fn set_replies(&self, rules: Vec<ReplyRule>) {
        self.draws.lock().replies = tallied(rules);
    }

    /// Decides by the rules; `asked` is whether a receipt is wanted, `last` whether the message is whole.
    pub(super) fn decide(&self, subject: Subject<'_>, asked: bool, last: bool) -> Decision {
        let mut guard = self.draws.lock();
        let draws = &mut *guard;
        draws.next_id += 1;
        let id = self.options.ids.spell(draws.next_id, &mut draws.random);
        let random = &mut draws.random;
        let rule = draws
            .answers
            .iter_mut()
            .find_map(|(rule, tally)| rule.when.holds(subject, tally, random).then_some(&*rule));
        let (action, delay) =
            rule.map_or((Action::Accept, Duration::ZERO), |rule| (rule.action, rule.delay_ms.draw(random)));
        let accepted = action == Action::Accept;
        let receipt = (accepted && asked).then(|| self.plan(random)).flatten();
        let mut replies = Vec::new();
        for (rule, tally) in draws.replies.iter_mut().filter(|_| accepted && last) {
            if rule.when.holds(subject, tally, random) {
                replies.push((rule.clone(), rule.delay_ms.draw(random)));
            }
        }
        Decision { action, delay, id, receipt, replies }
    }

    fn plan(&self, random: &mut Random) -> Option<ReceiptPlan> {
        use super::options::ReceiptOrder;
        let options = &self.options.receipts;
        if random.percent(options.never_percent) {
            return None;
        }
        let total = options.states.0.iter().map(|(_, weight)| weight).sum();
        let mut ticket = random.below(total);
        let drawn = options.states.0.iter().find(|(_, weight)| {
            let hit = ticket < *weight;
            ticket = ticket.saturating_sub(*weight);
            hit
        });
        let mut delay = options.delay_ms.draw(random);
        if options.order == ReceiptOrder::Random {
            delay += Duration::from_micros(random.below(50_000));
        }
        let copies = if random.percent(options.duplicate_percent) { 2 } else { 1 };
        Some(ReceiptPlan { state: drawn.map_or(State::Delivered, |(state, _)| *state), delay, copies })
    }

    /// When a receipt that would be due at `at` goes out, so that it does not overtake an earlier one.
    pub(super) fn in_order(&self, at: Instant) -> Instant {
        let mut last = self.last_receipt.lock();
        let at = last.map_or(at, |last| last.max(at));
        *last = Some(at);
        at
    }

    /// Puts a delivery into the schedule; a full schedule abandons it.
    pub(super) fn deliver_at(&self, at: Instant, system_id: &str, delivery: Delivery) {
        if at <= clock::now() && self.schedule.lock().is_empty() {
            self.enqueue(system_id, delivery);
            return;
        }
        let order = self.order.fetch_add(1, Ordering::Relaxed);
        let mut schedule = self.schedule.lock();
        if schedule.len() >= self.options.queue_limit {
            count(&self.tallies.abandoned);
            return;
        }
        schedule.push(Reverse(Due { at, order, system_id: system_id.to_owned(), delivery }));
        drop(schedule);
        self.scheduled.notify_one();
    }

    fn enqueue(&self, system_id: &str, delivery: Delivery) {
        let mut queues = self.queues.lock();
        let queue = queues.entry(system_id.to_owned()).or_default();
        if queue.len() >= self.options.queue_limit {
            count(&self.tallies.abandoned);
            return;
        }
        queue.push_back(delivery);
        drop(queues);
        self.ready.send_modify(|count| *count += 1);
    }

    /// Gives back what a lost connection had not got answered, before everything else.
    pub(super) fn give_back(&self, system_id: &str, deliveries: Vec<Delivery>) {
        let mut queues = self.queues.lock();
        let queue = queues.entry(system_id.to_owned()).or_default();
        for delivery in deliveries.into_iter().rev() {
            queue.push_front(delivery);
        }
        drop(queues);
        self.ready.send_modify(|count| *count += 1);
    }

    /// The next delivery for an account; receipts of cancelled messages are passed over.
    pub(super) fn take(&self, system_id: &str) -> Option<Delivery> {
        let mut queues = self.queues.lock();
        let queue = queues.get_mut(system_id)?;
        loop {
            let delivery = queue.pop_front()?;
            let receipt = matches!(delivery.kind, Kind::Receipt(state) if state != State::Deleted);
            if !(receipt && self.cancelled.lock().contains(&delivery.message_id)) {
                return Some(delivery);
            }
        }
    }

    /// Cancels a message whose receipt is still to come. False if it is unknown or settled.
    pub(super) fn cancel(&self, message_id: &str) -> bool {
        let waits = |delivery: &Delivery| delivery.message_id == message_id;
        let found = self.schedule.lock().iter().any(|Reverse(due)| waits(&due.delivery))
            || self.queues.lock().values().flatten().any(waits);
        let mut cancelled = self.cancelled.lock();
        found && cancelled.len() < self.options.queue_limit && cancelled.insert(message_id.to_owned())
    }

    pub(super) fn register(&self, session: u64, system_id: &str, orders: mpsc::Sender<Order>) {
        self.sessions.lock().insert(session, (system_id.to_owned(), orders));
    }

    pub(super) fn forget(&self, session: u64) {
        self.sessions.lock().remove(&session);
    }

    pub(super) fn bound(&self) -> usize {
        self.sessions.lock().len()
    }

    pub(super) fn any_account(&self) -> Option<String> {
        let known = self.sessions.lock().values().map(|(system_id, _)| system_id.clone()).next();
        known.or_else(|| self.queues.lock().keys().next().cloned())
    }

    pub(super) fn tell_all(&self, order: Order) {
        for (_, orders) in self.sessions.lock().values() {
            let _ = orders.try_send(order);
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.schedule.lock().len() + self.queues.lock().values().map(VecDeque::len).sum::<usize>()
    }

    pub(super) fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            submits: read(&self.tallies.submits),
            accepted: read(&self.tallies.accepted),
            refused: read(&self.tallies.refused),
            unanswered: read(&self.tallies.unanswered),
            receipts: read(&self.tallies.receipts),
            replies: read(&self.tallies.replies),
            delivered: read(&self.tallies.delivered),
            abandoned: read(&self.tallies.abandoned),
        }
    }

    /// Moves what is due into the queues; nothing new may slip in between, or it would overtake.
    fn move_due(&self, now: Instant) {
        let mut schedule = self.schedule.lock();
        while schedule.peek().is_some_and(|Reverse(due)| due.at <= now) {
            if let Some(Reverse(due)) = schedule.pop() {
                self.enqueue(&due.system_id, due.delivery);
            }
        }
    }
}

/// Moves what is due from the schedule into the queues, for ever.
pub(super) async fn run_schedule(shared: Arc<Shared>) {
    loop {
        shared.move_due(clock::now());
        let next = shared.schedule.lock().peek().map(|Reverse(due)| due.at);
        match next {
            Some(at) => {
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {}
                    () = shared.scheduled.notified() => {}
                }
            }
            None => shared.scheduled.notified().await,
        }
    }
}

fn tallied<R>(rules: Vec<R>) -> Vec<(R, Tally)> {
    rules.into_iter().map(|rule| (rule, Tally::default())).collect()
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
