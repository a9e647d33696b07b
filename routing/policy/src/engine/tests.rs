//! The rules as a whole: their order, what is taken and given back, what is put off, and that one refusal has one reason.

use serde_json::{Value, json};
use veilgate_names::{
    Category, EnterpriseId, Gazetteer, ListKey, MessageId, Monotonic, ObjectId, Place, Reason, Service,
    ServiceNumber, SubscriberKey, Timestamp,
};

use super::*;
use crate::balances::Topped;
use crate::lists::{EntryEnd, ListChange};
use crate::objects::{Kind, Object, Objects};

/// A Tuesday at noon in Beijing.
const NOON: Timestamp = Timestamp(1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 4 * 3_600_000);
const SOMEBODY: SubscriberKey = SubscriberKey([7; 16]);

struct World {
    engine: Engine,
    objects: Objects,
    number: u64,
    next: u64,
}

/// A question with everything that may be left out left out.
struct Ask<'a> {
    enterprise: &'a str,
    text: &'a str,
    subscriber: SubscriberKey,
    at: Timestamp,
    scheduled_at: Option<Timestamp>,
}

impl<'a> Ask<'a> {
    fn of(enterprise: &'a str, text: &'a str) -> Self {
        Self { enterprise, text, subscriber: SOMEBODY, at: NOON, scheduled_at: None }
    }
}

impl World {
    fn new(objects: &[(Kind, &str, Value)]) -> Self {
        let mut world = Self {
            engine: Engine::without_rules([1; 16]).unwrap(),
            objects: Objects::default(),
            number: 0,
            next: 1,
        };
        for (kind, id, object) in objects {
            world.put(*kind, id, object);
        }
        world
    }

    fn put(&mut self, kind: Kind, id: &str, object: &Value) {
        let id = ObjectId::parse(id).unwrap();
        let object = Object::parse(kind, &id, object.to_string().as_bytes()).unwrap();
        self.objects.put(id, object);
        self.number += 1;
        let state = self.engine.state();
        let mut gazetteer = Gazetteer::default();
        gazetteer.add("四川", "成都", "移动").unwrap();
        let policy = Policy::compile(&self.objects, &gazetteer, state, self.number, None).unwrap();
        self.engine.replace(policy);
    }

    fn send(&mut self, ask: &Ask<'_>) -> Result<Permit, Refusal> {
        let enterprise = EnterpriseId::parse(ask.enterprise).unwrap();
        let question = question(&enterprise, ask.text);
        let occasion = occasion(self.next, ask);
        self.next += 1;
        let screened = self.engine.screen(&question, occasion)?;
        self.engine.clear(screened, &question, &person(ask.subscriber), occasion)
    }

    fn reason(&mut self, ask: &Ask<'_>) -> Option<(Reason, &'static str)> {
        let refused = self.send(ask).err()?;
        Some((refused.reason, refused.decision.rule.unwrap().name()))
    }
}

fn question<'a>(enterprise: &'a EnterpriseId, text: &'a str) -> Question<'a> {
    Question {
        service: Service::Sms,
        enterprise,
        number: ServiceNumber::parse("10690001").unwrap(),
        text: Some(text),
        template: None,
        params: None,
        segments: 1,
    }
}

fn occasion(message: u64, ask: &Ask<'_>) -> Occasion {
    Occasion {
        wall: ask.at,
        mono: Monotonic(u64::try_from(ask.at.0).unwrap() * 1000),
        scheduled_at: ask.scheduled_at,
        is_first: true,
        is_counted: false,
        is_reviewed: false,
        message: MessageId(message),
    }
}

fn person(subscriber: SubscriberKey) -> Person {
    Person { subscriber, listed: ListKey(77), place: Some(Place { province: 0, city: 0, operator: 0 }) }
}

fn words(action: &str) -> Value {
    json!({"action": action, "words": ["发票"]})
}

fn prepaid() -> Vec<(Kind, &'static str, Value)> {
    vec![
        (Kind::PricePlan, "base", json!({"sms": {"default": 50, "marketing": 60}})),
        (
            Kind::Tenant,
            "e1",
            json!({"level": "enterprise", "parent": "carrier", "payment": "prepaid", "price_plan": "base"}),
        ),
    ]
}

#[test]
fn without_objects_everything_passes() {
    let mut world = World::new(&[]);
    let permit = world.send(&Ask::of("e1", "anything")).unwrap();
    assert_eq!((permit.decision.verdict, permit.decision.category), (Verdict::Allow, Category::Notice));
    assert!(permit.is_counted && permit.contact.is_none() && permit.decision.charge.is_none());
}

#[test]
fn of_several_refusals_the_first_in_order_counts() {
    let mut world = World::new(&[
        (Kind::RegionRule, "nobody", json!({"deny": [{"province": "四川"}]})),
        (Kind::Window, "never", json!({"hours": {"daily": ["00:00-01:00"]}, "outside": "refuse"})),
        (Kind::WordList, "bad", words("block")),
    ]);
    let ask = Ask::of("e1", "代开发-票");
    assert_eq!(world.reason(&ask), Some((Reason::Word, "words")));
    world.put(Kind::WordList, "bad", &words("flag"));
    assert_eq!(world.reason(&ask), Some((Reason::WindowCategory, "window")));
    world.put(Kind::Window, "never", &json!({"hours": {"daily": ["00:00-24:00"]}, "outside": "refuse"}));
    assert_eq!(world.reason(&ask), Some((Reason::Region, "region")));
    world.put(Kind::RegionRule, "nobody", &json!({"deny": [{"operator": "移动"}]}));
    assert_eq!(world.reason(&ask), Some((Reason::Region, "region")));
    let carrier = json!({"level": "carrier", "state": "frozen"});
    world.put(Kind::Tenant, "carrier", &carrier);
    assert_eq!(world.reason(&ask), Some((Reason::AccountSuspended, "tenant")));
}

#[test]
fn what_is_put_off_waits_longest_and_counts_later() {
    let mut world = World::new(&[
        (Kind::Window, "late", json!({"hours": {"daily": ["20:00-22:00"]}, "outside": "defer"})),
        (Kind::FrequencyLimit, "once", json!({"per": "all", "windows": [{"calendar": "day", "most": 1}]})),
    ]);
    let permit = world.send(&Ask::of("e1", "hello")).unwrap();
    let eight = Timestamp(NOON.0 + 8 * 3_600_000);
    assert_eq!(permit.decision.verdict, Verdict::Defer(eight));
    assert!(!permit.is_counted && permit.contact.is_none());
    // Two wait; the second is refused when it is about to leave, not before.
    assert!(world.send(&Ask::of("e1", "again")).is_ok());
    assert!(world.send(&Ask { at: eight, ..Ask::of("e1", "now") }).unwrap().is_counted);
    let too_many = world.reason(&Ask { at: eight, ..Ask::of("e1", "now again") });
    assert_eq!(too_many, Some((Reason::FreqAll, "frequency")));
    world.put(Kind::WordList, "look", &words("hold"));
    assert_eq!(world.send(&Ask::of("e1", "发票")).unwrap().decision.verdict, Verdict::Hold);
}

#[test]
fn what_staff_let_pass_is_not_held_again() {
    let world = World::new(&[(Kind::WordList, "look", words("hold"))]);
    let enterprise = EnterpriseId::parse("e1").unwrap();
    let question = question(&enterprise, "发票");
    let reviewed = Occasion { is_reviewed: true, ..occasion(1, &Ask::of("e1", "")) };
    let screened = world.engine.screen(&question, reviewed).unwrap();
    assert_eq!(screened.decision.verdict, Verdict::Allow);
}

#[test]
fn a_balance_is_never_overdrawn_and_what_was_counted_is_given_back() {
    let mut objects = prepaid();
    objects.push((
        Kind::FrequencyLimit,
        "twice",
        json!({"per": "all", "windows": [{"calendar": "day", "most": 2}]}),
    ));
    let mut world = World::new(&objects);
    let ask = Ask::of("e1", "hello");
    for _ in 0..3 {
        // Not counted: a limit of two is not reached by what nobody could pay.
        assert_eq!(world.reason(&ask), Some((Reason::Balance, "balance")));
    }
    pay_in(&world.engine, 100);
    let first = world.send(&ask).unwrap();
    let charge = first.decision.charge.clone().unwrap();
    assert_eq!((charge.millis, charge.payer.as_str()), (50, "e1"));
    assert!(world.send(&ask).is_ok());
    assert_eq!(world.reason(&ask), Some((Reason::FreqAll, "frequency")));
    let taken = Taken {
        message: MessageId(world.next - 2),
        enterprise: &EnterpriseId::parse("e1").unwrap(),
        subscriber: Some(SOMEBODY),
        segments: 1,
        charge: Some(&charge),
        at: NOON,
    };
    assert!(world.engine.give_back(&taken).is_some());
    assert!(world.send(&ask).is_ok(), "contact and money are there again");
    let other = Ask { subscriber: SubscriberKey([8; 16]), ..ask };
    assert_eq!(world.reason(&other), Some((Reason::Balance, "balance")));
}

fn pay_in(engine: &Engine, millis: i64) {
    let policy = engine.policy();
    let payer = policy.plans().payer(policy.tree().chain(&EnterpriseId::parse("e1").unwrap())).unwrap();
    let balances = &engine.state().balances;
    let Topped::New(top_up) =
        balances.top_up(payer, &ObjectId::parse("paid-1").unwrap(), millis, NOON).unwrap()
    else {
        panic!("paid before")
    };
    balances.topped_up(top_up);
}

#[test]
fn a_black_list_stops_and_a_white_one_lifts_frequency_only() {
    let mut world = World::new(&[
        (Kind::PersonList, "friends", json!({"level": "global", "kind": "white"})),
        (Kind::FrequencyLimit, "once", json!({"per": "all", "windows": [{"calendar": "day", "most": 1}]})),
    ]);
    let ask = Ask::of("e1", "hello");
    enlist(&world.engine, "friends");
    assert!(world.send(&ask).is_ok() && world.send(&ask).is_ok());
    world.put(Kind::PersonList, "dnc", &json!({"level": "regulator", "kind": "black"}));
    assert!(world.send(&ask).is_ok(), "nobody is on it yet");
    let earlier = world.send(&ask).unwrap();
    enlist(&world.engine, "dnc");
    assert!(earlier.lists < world.engine.state().lists.edition(), "whoever waits is asked about again");
    assert_eq!(world.reason(&ask), Some((Reason::BlackRegulator, "lists")));
}

fn enlist(engine: &Engine, list: &str) {
    let held = engine.state().lists.held(&ObjectId::parse(list).unwrap());
    let (entries, changed) = held.entries().changed(&[ListKey(77)], ListChange::Put(EntryEnd::NEVER), NOON);
    assert_eq!(changed, 1);
    held.install(entries);
}

#[test]
fn an_explanation_asks_all_and_takes_nothing() {
    let mut objects = prepaid();
    objects.push((
        Kind::FrequencyLimit,
        "once",
        json!({"per": "all", "windows": [{"calendar": "day", "most": 1}]}),
    ));
    objects.push((Kind::WordList, "bad", words("block")));
    let world = World::new(&objects);
    let enterprise = EnterpriseId::parse("e1").unwrap();
    let ask = Ask::of("e1", "");
    let question = question(&enterprise, "发票");
    for _ in 0..3 {
        let (decision, stages) = world.engine.explain(&question, Some(&person(SOMEBODY)), occasion(1, &ask));
        assert_eq!(decision.verdict, Verdict::Refuse(Reason::Word));
        let rules: Vec<&str> = stages.iter().map(|stage| stage.rule.name()).collect();
        // Whether a rate is used up is known by taking, and a text is no call.
        let asked = Rule::ALL.into_iter().filter(|rule| !matches!(rule, Rule::Rate | Rule::Concurrency));
        assert_eq!(rules, asked.map(Rule::name).collect::<Vec<_>>());
        let against: Vec<&str> =
            stages.iter().filter(|stage| stage.ruling.is_some()).map(|stage| stage.rule.name()).collect();
        assert_eq!(against, ["words", "balance"], "nothing was paid in");
    }
    let (_, anonymous) = world.engine.explain(&question, None, occasion(1, &ask));
    assert!(anonymous.iter().all(|stage| !stage.rule.is_of_the_person()));
}

#[test]
fn exactly_as_many_pass_at_once_as_may() {
    let mut objects = prepaid();
    objects.push((
        Kind::FrequencyLimit,
        "ten",
        json!({"per": "all", "windows": [{"calendar": "day", "most": 10}]}),
    ));
    let world = World::new(&objects);
    pay_in(&world.engine, 50 * 10);
    let passed = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for n in 0..64 {
            let (engine, passed) = (&world.engine, &passed);
            scope.spawn(move || {
                let enterprise = EnterpriseId::parse("e1").unwrap();
                let question = question(&enterprise, "hello");
                let occasion = occasion(n, &Ask::of("e1", ""));
                let screened = engine.screen(&question, occasion).unwrap();
                if engine.clear(screened, &question, &person(SOMEBODY), occasion).is_ok() {
                    passed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 10);
    let policy = world.engine.policy();
    let payer = policy.plans().payer(policy.tree().chain(&EnterpriseId::parse("e1").unwrap()));
    assert_eq!(world.engine.state().balances.balance(payer.unwrap()).available, 0);
}
