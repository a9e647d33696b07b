//! Random lives: whatever happens to messages, one that is read back is where the journal says it was.

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;
use veilgate_admission::{PlatformProfile, ProofPolicy, Registered, Registry, ShortForm};
use veilgate_names::{
    AccountId, AccountKind, AsOf, AuthorizationId, EncryptedDeviceId, EnterpriseId, Extension, PlatformId,
    Pseudonym, ServiceNumber, Timestamp,
};
use veilgate_smpp::text::encoding::DefaultAlphabet;
use veilgate_smpp::text::receipt::IdFormat;
use veilgate_store::{MemoryStore, Store};

use super::*;
use crate::live::{Body, ContentFacts, NOT_COUNTED};
use crate::record::Next;
use crate::state::{Life, State};

const HOUR_MS: i64 = 3_600_000;

pub(super) fn registered() -> Arc<Registered> {
    let form = ShortForm {
        authorization_id: &AuthorizationId::parse("au-1").unwrap(),
        enterprise_id: &EnterpriseId::parse("ent-1").unwrap(),
        pseudonym: &Pseudonym::parse("Zk3v8QpR2s").unwrap(),
        device: &EncryptedDeviceId::parse("edi1.k1.abc").unwrap(),
        as_of: AsOf::At(Timestamp(0)),
    };
    let profile = PlatformProfile {
        proof: ProofPolicy::Optional(None),
        short_form_lifetime: Duration::from_secs(86_400),
    };
    let platform = PlatformId::parse("pf-1").unwrap();
    Registry::new(1).register_short(form, &platform, &profile, Timestamp(0)).unwrap().authorization
}

pub(super) fn channel(id: &str, retry_unknown: bool) -> ChannelRules {
    ChannelRules {
        id: ChannelId::parse(id).unwrap(),
        weight: 1,
        enabled: true,
        id_format: IdFormat::Auto,
        alphabet: DefaultAlphabet::Gsm7,
        national: false,
        long: crate::LongRule::Udh8,
        retry_unknown,
        retry: Arc::default(),
        cancel: false,
    }
}

pub(super) fn moment(ms: u64) -> Moment {
    Moment { wall: Timestamp(i64::try_from(ms).unwrap()), mono: Monotonic(ms * 1000) }
}

pub(super) fn message(id: u64, authorization: &Arc<Registered>, at: Moment) -> Box<Live> {
    let body = Body {
        data_coding: 0,
        esm_class: 0,
        protocol_id: 0,
        priority: 0,
        text: Octets::from(&b"text"[..]),
        segment: None,
        service: crate::service::ServiceType::default(),
    };
    Box::new(Live {
        id: MessageId(id),
        account: AccountId::parse("a").unwrap(),
        kind: AccountKind::Enterprise,
        authorization: Arc::clone(authorization),
        service_number: ServiceNumber::parse("10690001").unwrap(),
        extension: Extension::NONE,
        route: 0,
        ordered: id.is_multiple_of(3),
        registered_delivery: 1,
        accepted_at: at.wall,
        expires_at: Timestamp(HOUR_MS),
        scheduled_at: None,
        facts: ContentFacts::of(&body),
        body: Some(body),
        contact: None,
        channel: 0,
        life: Life::ACCEPTED,
        attempts: 0,
        next: Next::Any,
        billable: None,
        submitted_at: None,
        answered: None,
        deadline: at.mono,
        counted_on: NOT_COUNTED,
        long: None,
        planned_end: None,
        ruled: crate::ruling::Ruled::unasked(at.wall),
        member: crate::multi::Member::default(),
    })
}

/// A book, the journal beneath it, and turns on their way there.
struct World {
    book: Book,
    store: MemoryStore,
    authorization: Arc<Registered>,
    turns: VecDeque<Turn>,
    accepted: u64,
    /// Messages whose end is durable.
    gone: Vec<MessageId>,
    ready: Vec<(LinkId, MessageId)>,
    now_ms: u64,
    /// Whether it fails now and then: that leaves more open than a store that does not.
    store_fails: bool,
}

fn place(link: u32) -> LinkPlace {
    LinkPlace { link: LinkId(link), channel: u16::try_from(link).unwrap(), sends: true }
}

fn rules() -> FlowRules {
    FlowRules { max_attempts: 3, ..FlowRules::default() }
}

fn fresh_book() -> Book {
    let mut book = Book::new(rules());
    let mut outcomes = Outcomes::default();
    book.configure(&[channel("s0", false), channel("s1", true)]);
    for link in 0..2 {
        book.link_count(place(link), true, &mut outcomes);
    }
    book
}

impl World {
    fn new() -> Self {
        Self {
            book: fresh_book(),
            store: MemoryStore::new(1 << 30),
            authorization: registered(),
            turns: VecDeque::new(),
            accepted: 0,
            gone: Vec::new(),
            ready: Vec::new(),
            now_ms: 1000,
            store_fails: false,
        }
    }

    fn now(&self) -> Moment {
        moment(self.now_ms)
    }

    /// One thing happens, chosen by `what`, to the message or link chosen by `which`.
    fn happen(&mut self, what: u8, which: u64) {
        let (at, link) = (self.now(), u32::try_from(which % 2).unwrap());
        let message = MessageId(which % (self.accepted + 1));
        let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
        match what {
            0 | 1 => self.submit(&mut turn, at),
            2 | 3 => {
                for id in self.book.pop(place(link).channel, 2, at) {
                    if self.book.intend(id, at, &mut turn) {
                        turn.steps.push(Step::Send { link: LinkId(link), message: id });
                    }
                }
            }
            4 | 5 => self.write(at, &mut turn),
            6 => self.answer(message, Answer::Refused { status: 0x58 }, &mut turn, &mut outcomes),
            7 | 8 => self.answer(message, Answer::Refused { status: 0x08 }, &mut turn, &mut outcomes),
            9 => self.answer(message, Answer::Refused { status: 0x45 }, &mut turn, &mut outcomes),
            10 | 11 => {
                let key = IdKey::Number(u128::from(message.0));
                let id = Octets::from(&b"x"[..]);
                self.answer(message, Answer::Accepted { id, key }, &mut turn, &mut outcomes);
            }
            12 => {
                let key = IdKey::Number(u128::from(message.0));
                let fact = ReceiptFact { state: FinalState::Delivered, error: 0, code: None };
                let event = LinkEvent::Receipt { keys: [Some(key), None], fact, sequence: 1 };
                self.handle(link, event, &mut turn, &mut outcomes);
            }
            13 => self.handle(link, LinkEvent::TimedOut { message }, &mut turn, &mut outcomes),
            14 => {
                let ended = self.book.link_lost(LinkId(link), &[message], at, &mut outcomes);
                self.finish(ended, &mut turn);
            }
            15 => {
                self.now_ms += 100 * (which % 20);
                let ended = self.book.tick(10, self.now(), &mut outcomes);
                self.finish(ended, &mut turn);
            }
            16 => {
                self.book.link_count(place(link), false, &mut outcomes);
                self.book.link_count(place(1 - link), true, &mut outcomes);
            }
            17 => {
                let id = self.book.channel(0).unwrap().rules.id.clone();
                self.book.set_draining(&id, which.is_multiple_of(2), &mut outcomes).unwrap();
            }
            _ => return self.commit(self.store_fails && which.is_multiple_of(8)),
        }
        self.turns.push_back(turn);
    }

    fn submit(&mut self, turn: &mut Turn, at: Moment) {
        self.accepted += 1;
        let live = message(self.accepted, &self.authorization, at);
        turn.put(Space::Message, &live.id.0.to_be_bytes(), b"m");
        turn.steps.push(Step::Accept { live, answer: None });
    }

    /// Like `Flow::send`: the first that may be sent is written, or found unwritable.
    fn write(&mut self, at: Moment, turn: &mut Turn) {
        let Some((link, id)) = self.ready.pop() else { return };
        if id.0.is_multiple_of(5) {
            return self.book.not_sent(id, at, turn);
        }
        if let Some(live) = self.book.live(id).filter(|live| live.phase() == Phase::Intended) {
            assert!(live.life.on(Event::Written(link)));
        }
    }

    fn answer(&mut self, message: MessageId, answer: Answer, turn: &mut Turn, outcomes: &mut Outcomes) {
        let Some(channel) = self.book.live(message).map(|live| live.channel) else { return };
        self.handle(channel.into(), LinkEvent::Answered { message, answer }, turn, outcomes);
    }

    fn handle(&mut self, link: u32, event: LinkEvent, turn: &mut Turn, outcomes: &mut Outcomes) {
        let ended = self.book.handle(place(link), event, self.now(), turn, outcomes);
        self.finish(ended.into_iter().collect(), turn);
    }

    /// Like `Flow::finish`, without receipt and CDR.
    fn finish(&mut self, ended: Vec<Ended>, turn: &mut Turn) {
        for ended in ended {
            turn.delete(Space::Message, &ended.id.0.to_be_bytes());
            turn.delete(Space::State, &ended.id.0.to_be_bytes());
            turn.steps.push(Step::Notify(Box::new(|_| {})));
            self.gone.push(ended.id);
        }
    }

    /// The oldest turn becomes durable, or fails. Ends of a turn are told by the messages that are in `gone`.
    fn commit(&mut self, fails: bool) {
        let (at, mut outcomes) = (self.now(), Outcomes::default());
        let Some(mut turn) = self.turns.pop_front() else { return };
        let batch = turn.take_batch();
        let ends: Vec<MessageId> = self.ended_in(&turn);
        if !fails {
            self.store.commit(std::slice::from_ref(&batch)).unwrap();
        }
        for step in turn.steps {
            match step {
                Step::Accept { live, .. } if !fails => self.book.insert(live, at, &mut outcomes),
                Step::Send { link, message } if !fails => self.ready.push((link, message)),
                Step::Send { message, .. } => {
                    self.book.retracted(message, Duration::from_secs(1), at, &mut outcomes);
                }
                Step::Retracted { message, pause, .. } => {
                    let pause = if fails { pause.max(Duration::from_secs(1)) } else { pause };
                    self.book.retracted(message, pause, at, &mut outcomes);
                }
                _ => {}
            }
        }
        for id in ends {
            if fails {
                self.book.end_failed(id, at);
            } else {
                self.book.remove(id, at, &mut outcomes);
            }
        }
    }

    fn ended_in(&mut self, turn: &Turn) -> Vec<MessageId> {
        let count = turn.steps.iter().filter(|step| matches!(step, Step::Notify(_))).count();
        self.gone.drain(..count).collect()
    }

    /// A new book from what is durable, and what ended while it was read.
    fn restart(&self) -> (Book, Vec<MessageId>) {
        let (mut book, mut outcomes) = (fresh_book(), Outcomes::default());
        let mut ended = Vec::new();
        for entry in self.store.scan(Space::Message, None, 10_000).unwrap().entries {
            let id = u64::from_be_bytes(entry.key.as_ref().try_into().unwrap());
            let state = self.store.read(Space::State, &[&entry.key]).unwrap().remove(0);
            let state = state.map(|value| StateRecord::read(&value).unwrap());
            let live = message(id, &self.authorization, self.now());
            let (_, end) = book.restore(live, state, self.now(), &mut outcomes);
            ended.extend(end.map(|end| end.id));
        }
        (book, ended)
    }
}

/// What a live message must be after a restart.
fn agree(before: &Live, after: Option<&Live>, ended: &[MessageId]) -> Result<(), TestCaseError> {
    let Some(after) = after else {
        prop_assert!(before.phase() == Phase::Ending, "{:?} is lost", before.phase());
        return Ok(());
    };
    let was_lost = ended.contains(&after.id);
    let phase = if was_lost { Phase::Lost } else { after.phase() };
    // A channel with `retry_unknown`, as the journal names it, queues it at once.
    let repeated = phase == Phase::Queued && after.attempts > 0;
    let expected = before.phase().after_restart();
    // These SMSCs also take what they refused: until that is durable, the refusal is what the journal knows.
    let twice = before.phase() == Phase::Answered && after.attempts > 0;
    prop_assert!(
        twice || expected.contains(&phase) || (repeated && expected.contains(&Phase::Lost)),
        "{:?} became {phase:?}",
        before.phase()
    );
    if before.phase().state() == State::Retrying && phase == Phase::Postponed {
        prop_assert_eq!(before.attempts, after.attempts);
    }
    if before.phase() == Phase::Answered && phase == Phase::Answered {
        prop_assert_eq!(before.attempts, after.attempts);
        prop_assert_eq!(before.answered.as_ref().map(|a| &a.key), after.answered.as_ref().map(|a| &a.key));
    }
    Ok(())
}

/// Every message that waits is in its channel's queue, beside it, or behind another of its lane: none is forgotten.
fn waits_where_it_should(book: &Book) -> Result<(), TestCaseError> {
    for live in book.live.values() {
        let channel = book.channel(live.channel).unwrap();
        let is_there = match live.phase() {
            Phase::Queued => channel.queue.contains(live.id) || book.order.holds(live),
            Phase::Postponed => channel.delayed.iter().any(|(_, id)| *id == live.id),
            _ => true,
        };
        prop_assert!(is_there, "{:?} {:?} is nowhere", live.id, live.phase());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn what_the_journal_holds_comes_back_as_it_was(
        events in proptest::collection::vec((0u8..24, any::<u64>()), 1..200),
        settled in any::<bool>(),
    ) {
        let mut world = World { store_fails: !settled, ..World::new() };
        for (what, which) in events {
            world.happen(what, which);
            waits_where_it_should(&world.book)?;
        }
        while settled && !world.turns.is_empty() {
            world.commit(false);
        }
        let (mut restarted, ended) = world.restart();
        let ids: Vec<MessageId> = world.book.live.keys().copied().collect();
        for id in &ids {
            let (before, after) = (world.book.live(*id).unwrap(), restarted.live(*id).map(|live| &*live));
            agree(before, after, &ended)?;
            let phase = after.filter(|after| !ended.contains(&after.id)).map(|live| live.phase());
            if settled && matches!(before.phase(), Phase::Answered | Phase::Postponed) {
                let due = before.phase() == Phase::Postponed && phase == Some(Phase::Queued);
                prop_assert!(due || phase == Some(before.phase()), "all is durable: {:?}", phase);
            }
        }
        prop_assert!(restarted.live.keys().all(|id| id.0 <= world.accepted));
        if settled {
            prop_assert_eq!(restarted.len(), world.book.len(), "nothing lost, nothing new");
        }
    }
}

#[test]
fn attempts_and_the_time_of_the_next_survive_a_restart() {
    let mut world = World::new();
    world.happen(0, 0);
    world.commit(false);
    for _ in 0..2 {
        for link in 0..2 {
            world.happen(2, link);
        }
        while !world.turns.is_empty() {
            world.commit(false);
        }
        world.write(world.now(), &mut Turn::default());
        world.happen(7, 1);
        world.commit(false);
        world.now_ms += 400;
    }
    let before = world.book.live(MessageId(1)).unwrap();
    assert_eq!((before.phase(), before.attempts), (Phase::Postponed, 2));
    world.now_ms -= 390;
    let (mut restarted, _) = world.restart();
    let after = restarted.live(MessageId(1)).unwrap();
    assert_eq!((after.phase(), after.attempts), (Phase::Postponed, 2));
    let channel = after.channel;
    assert!(restarted.pop(channel, 1, moment(world.now_ms)).is_empty(), "not before its time");
    assert_eq!(restarted.pop(channel, 1, moment(world.now_ms + 400)), [MessageId(1)]);
}
