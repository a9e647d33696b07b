//! A whole decision, all rules on, at the size of a carrier: 1 million list entries, 50,000 words, 10,000 templates, 1,000
//! tenants, the shipped limits, windows, regions, prices. Prints p50 and p99 on one core.
//! `cargo bench -p veilgate-policy --bench decision`
//!
//! Goals: 15 us at p50, 80 us at p99.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a measurement"
)]

use std::time::Instant;

use serde_json::{Value, json};
use veilgate_names::{
    EnterpriseId, Gazetteer, ListKey, MessageId, Monotonic, ObjectId, Place, Service, ServiceNumber,
    SubscriberKey, Timestamp,
};
use veilgate_policy::{
    Engine, EntryEnd, FrequencyLimit, Kind, ListChange, Object, Objects, Occasion, Person, Policy, Question,
    Topped,
};

const TENANTS: usize = 1_000;
const TEMPLATES_EACH: usize = 10;
const WORDS: usize = 50_000;
const ENTRIES: u64 = 1_000_000;
const MESSAGES: usize = 1_000_000;
const NOON: Timestamp = Timestamp(1_790_000_000_000);

fn main() {
    let engine = engine();
    let texts: Vec<(EnterpriseId, String)> = (0..4096)
        .map(|n| {
            let tenant = n * 7_919 % TENANTS;
            let text = format!("【公司{tenant}】{}", body(n % TEMPLATES_EACH).replace("${sum}", "1,234.50"));
            (EnterpriseId::parse(&format!("e{tenant}")).unwrap(), text.replace("${who}", "王先生"))
        })
        .collect();
    let (mut took, mut refused) = (Vec::with_capacity(MESSAGES), 0);
    for n in 0..MESSAGES {
        let (enterprise, text) = &texts[n % texts.len()];
        let began = Instant::now();
        let allowed = decide(&engine, enterprise, text, n as u64);
        took.push(began.elapsed().as_nanos() as u64);
        refused += usize::from(!allowed);
    }
    took.sort_unstable();
    let at = |share: usize| took[took.len() * share / 1000];
    println!(
        "decision, all rules on: p50 {} ns, p99 {} ns, p99.9 {} ns; {refused} of {MESSAGES} refused",
        at(500),
        at(990),
        at(999)
    );
}

fn decide(engine: &Engine, enterprise: &EnterpriseId, text: &str, n: u64) -> bool {
    let question = Question {
        service: Service::Sms,
        enterprise,
        number: ServiceNumber::parse("10690001").unwrap(),
        text: Some(text),
        template: None,
        params: None,
        segments: 1,
    };
    let occasion = Occasion {
        wall: Timestamp(NOON.0 + i64::try_from(n / 20).unwrap()),
        mono: Monotonic(n * 50),
        scheduled_at: None,
        is_first: true,
        is_counted: false,
        is_reviewed: false,
        message: MessageId(n),
    };
    let who = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut subscriber = [0; 16];
    subscriber[..8].copy_from_slice(&(who % 1_000_000).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    let person = Person {
        subscriber: SubscriberKey(subscriber),
        listed: ListKey(who | 1),
        place: Some(Place { province: 0, city: 0, operator: 0 }),
    };
    let screened = engine.screen(&question, occasion);
    screened.and_then(|screened| engine.clear(screened, &question, &person, occasion)).is_ok()
}

fn engine() -> Engine {
    let engine = Engine::without_rules([3; 16]).unwrap();
    let mut objects = Objects::default();
    let words: Vec<String> = (0..WORDS).map(|n| ideographs(n * 31 + 7, 2 + n % 4)).collect();
    put(&mut objects, Kind::WordList, "words", &json!({"action": "block", "words": words}));
    put(&mut objects, Kind::PricePlan, "base", &json!({"sms": {"default": 50}}));
    let carrier = json!({"level": "carrier", "rate_per_second": 1_000_000, "signature": "required",
        "template": "required", "payment": {"postpaid": {"credit": 1_000_000_000_u64}}, "price_plan": "base"});
    put(&mut objects, Kind::Tenant, "carrier", &carrier);
    for tenant in 0..TENANTS {
        let name = format!("e{tenant}");
        put(&mut objects, Kind::Tenant, &name, &json!({"level": "enterprise", "parent": "carrier"}));
        let signature = json!({"text": format!("公司{tenant}"), "tenant": name, "state": "approved"});
        put(&mut objects, Kind::Signature, &name, &signature);
        for number in 0..TEMPLATES_EACH {
            let template = json!({"tenant": name, "signature": name, "category": "notice",
                "body": body(number), "variables": {"who": {"type": "name"}, "sum": {"type": "amount"}},
                "state": "approved", "carrier_approved": true, "notary_approved": true});
            put(&mut objects, Kind::Template, &format!("{name}-{number}"), &template);
        }
    }
    let hours = json!({"hours": {"daily": ["00:00-24:00"]}, "outside": "defer"});
    put(&mut objects, Kind::Window, "always", &hours);
    put(&mut objects, Kind::RegionRule, "not-there", &json!({"deny": [{"province": "西藏"}]}));
    put(&mut objects, Kind::PersonList, "dnc", &json!({"level": "regulator", "kind": "black"}));
    FrequencyLimit::lay_shipped(&mut objects).unwrap();
    let keys: Vec<ListKey> =
        (0..ENTRIES).map(|n| ListKey(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) & !1)).collect();
    let held = engine.state().lists.held(&ObjectId::parse("dnc").unwrap());
    let (entries, _) = held.entries().changed(&keys, ListChange::Put(EntryEnd::NEVER), NOON);
    held.install(entries.folded(NOON));
    let mut gazetteer = Gazetteer::default();
    gazetteer.add("四川", "成都", "移动").unwrap();
    gazetteer.add("西藏", "拉萨", "移动").unwrap();
    let began = Instant::now();
    let policy = Policy::compile(&objects, &gazetteer, engine.state(), 1, None).unwrap();
    println!("compiled in {} ms", began.elapsed().as_millis());
    engine.replace(policy);
    let began = Instant::now();
    let again = Policy::compile(&objects, &gazetteer, engine.state(), 2, Some(&engine.policy())).unwrap();
    println!("compiled again, words and templates unchanged, in {} ms", began.elapsed().as_millis());
    pay_in(&engine);
    engine.replace(again);
    engine
}

fn pay_in(engine: &Engine) {
    let policy = engine.policy();
    let payer = policy.plans().payer(policy.tree().chain(&EnterpriseId::parse("e1").unwrap())).unwrap();
    let reference = ObjectId::parse("once").unwrap();
    let balances = &engine.state().balances;
    if let Topped::New(top_up) = balances.top_up(payer, &reference, 1_000_000_000, NOON).unwrap() {
        balances.topped_up(top_up);
    }
}

fn put(objects: &mut Objects, kind: Kind, id: &str, object: &Value) {
    let id = ObjectId::parse(id).unwrap();
    let object = Object::parse(kind, &id, object.to_string().as_bytes()).unwrap();
    objects.put(id, object);
}

fn body(number: usize) -> String {
    format!(
        "{}，您好，您尾号的账户第{number}类业务金额为${{sum}}元，如有疑问请联系客户经理或致电客服",
        "${who}"
    )
}

/// `count` ideographs that follow from a seed.
fn ideographs(seed: usize, count: usize) -> String {
    (0..count)
        .map(|n| char::from_u32(0x4E00 + ((seed * 2_654_435_761 + n * 40_503) % 20_000) as u32).unwrap())
        .collect()
}
