//! Logs, limits, records and sweeps beside a model that keeps everything and counts it anew each time.

use std::collections::BTreeMap;

use proptest::prelude::*;
use veilgate_names::beijing_day;

use super::*;

const ENTERPRISES: [&str; 3] = ["ent-1", "ent-2", "ent-3"];
const NAMES: [Option<&str>; 3] = [None, Some("n1"), Some("n2")];
const TEXTS: [Option<&str>; 3] = [None, Some("one"), Some("two")];

#[derive(Debug, Clone, Copy, PartialEq)]
struct Asked {
    person: u8,
    enterprise: &'static str,
    signature: Option<&'static str>,
    template: Option<&'static str>,
    category: Category,
    service: Service,
    text: Option<&'static str>,
}

#[derive(Debug, Clone)]
enum Op {
    Ask { asked: Asked, lifted: bool },
    Refund { person: u8, id: u64 },
    Sweep { most: usize },
    Restart,
}

fn asked() -> impl Strategy<Value = Asked> {
    let names = (0..2_u8, 0..3_usize, 0..3_usize, 0..3_usize);
    (names, 0..4_usize, any::<bool>(), 0..3_usize).prop_map(|(names, category, voice, text)| Asked {
        person: names.0,
        enterprise: ENTERPRISES[names.1],
        signature: NAMES[names.2],
        template: NAMES[names.3],
        category: Category::ALL[category % 3],
        service: if voice && category == 3 { Service::Voice } else { Service::Sms },
        text: TEXTS[text],
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => (asked(), prop::bool::weighted(0.1)).prop_map(|(asked, lifted)| Op::Ask { asked, lifted }),
        2 => (0..2_u8, 0..100_u64).prop_map(|(person, id)| Op::Refund { person, id }),
        2 => (1..5000_usize).prop_map(|most| Op::Sweep { most }),
        1 => Just(Op::Restart),
    ]
}

/// How much later, in milliseconds: mostly little.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0..10_000_i64, 3 => 0..2_000_000_i64, 1 => 0..80_000_000_i64]
}

fn limit() -> impl Strategy<Value = String> {
    let per = prop::sample::select(vec!["enterprise", "signature", "template", "category", "all"]);
    let service = prop::sample::select(vec!["sms", "sms", "voice", "both"]);
    let about = prop::sample::select(vec![
        "",
        r#""category":"notice""#,
        r#""signature":"n1""#,
        r#""template":"n2""#,
        r#""tenant":"dist-1""#,
    ]);
    let time = prop::sample::select(vec![
        r#""within":"60s""#,
        r#""within":"1h""#,
        r#""within":"24h""#,
        r#""calendar":"minute""#,
        r#""calendar":"hour""#,
        r#""calendar":"day""#,
        r#""calendar":"month""#,
    ]);
    let window = |time: &str, most: u8| format!(r#"{{{time},"most":{most}}}"#);
    (per, service, about, (time, 1..6_u8), (1..12_u8, any::<bool>())).prop_map(move |(per, service, about, one, (two, same))| {
        let two = window(r#""within":"90m""#, two);
        let same = same && service != "voice";
        format!(
            r#"{{"per":"{per}","service":"{service}","applies_to":{{{about}}},"windows":[{},{two}],"same_content":{same}}}"#,
            window(one.0, one.1)
        )
    })
}

fn objects(limits: &[String]) -> Objects {
    let mut objects = Objects::default();
    put(&mut objects, Kind::Tenant, "dist-1", r#"{"level":"distributor","parent":"carrier"}"#);
    put(&mut objects, Kind::Tenant, "ent-1", r#"{"level":"enterprise","parent":"dist-1"}"#);
    put(&mut objects, Kind::Tenant, "ent-2", r#"{"level":"enterprise","parent":"dist-1"}"#);
    put(&mut objects, Kind::Signature, "n1", r#"{"text":"甲方","tenant":"ent-1"}"#);
    put(&mut objects, Kind::Template, "n2", r#"{"tenant":"ent-1","category":"notice","body":"您好"}"#);
    for (number, json) in limits.iter().enumerate() {
        put(&mut objects, Kind::FrequencyLimit, &format!("l{number}"), json);
    }
    objects
}

/// Everything that was counted, by id.
#[derive(Default)]
struct Model {
    counted: BTreeMap<u64, (Timestamp, Asked)>,
    records: BTreeMap<[u8; 8], [u8; 40]>,
}

impl Model {
    fn is_full(&self, limit: &FrequencyLimit, asked: &Asked, now: Timestamp) -> bool {
        let together = |other: &Asked| {
            let enterprise = other.enterprise == asked.enterprise;
            let signature = enterprise && other.signature == asked.signature;
            let per = match limit.per {
                Per::Enterprise => enterprise,
                Per::Signature => signature,
                Per::Template => signature && other.template == asked.template,
                Per::Category => other.category == asked.category,
                Per::All => true,
            };
            per && about(limit, other) && (!limit.same_content || other.text == asked.text)
        };
        if !about(limit, asked) || limit.same_content && asked.text.is_none() {
            return false;
        }
        let of_them =
            || self.counted.values().filter(|(_, other)| other.person == asked.person && together(other));
        limit.windows.iter().any(|window| {
            let count = of_them().filter(|(then, _)| is_within(window, *then, now)).count();
            count >= usize::from(window.most.get())
        })
    }
}

fn about(limit: &FrequencyLimit, asked: &Asked) -> bool {
    let about = &limit.applies_to;
    let names = |wanted: &Option<ObjectId>, name: Option<&str>| {
        wanted.as_ref().is_none_or(|id| Some(id.as_str()) == name)
    };
    let service = match limit.service {
        LimitedService::Sms => asked.service == Service::Sms,
        LimitedService::Voice => asked.service == Service::Voice,
        LimitedService::Both => true,
    };
    service
        && about.category.is_none_or(|category| category == asked.category)
        && names(&about.signature, asked.signature)
        && names(&about.template, asked.template)
        && (about.tenant.is_none() || asked.enterprise != "ent-3")
}

fn is_within(window: &ContactWindow, then: Timestamp, now: Timestamp) -> bool {
    let minutes = |time: Timestamp| (time.0 + 8 * 3_600_000).div_euclid(60_000);
    match window.calendar {
        None => now.0 - then.0 < window.within.unwrap().millis(),
        Some(Period::Minute) => minutes(then) == minutes(now),
        Some(Period::Hour) => minutes(then) / 60 == minutes(now) / 60,
        Some(Period::Day) => beijing_day(then) == beijing_day(now),
        Some(Period::Month) => beijing_day(then) / 100 == beijing_day(now) / 100,
    }
}

struct World {
    contacts: Contacts,
    limits: Limits,
    objects: Objects,
    model: Model,
    now: Timestamp,
}

impl World {
    fn ask(&mut self, message: u64, asked: Asked, lifted: bool) -> Result<(), TestCaseError> {
        let enterprise = EnterpriseId::parse(asked.enterprise).unwrap();
        let (signature, template) = (asked.signature.map(id), asked.template.map(id));
        let contact = Contact {
            id: MessageId(message),
            service: asked.service,
            category: asked.category,
            enterprise: &enterprise,
            signature: signature.as_ref(),
            template: template.as_ref(),
            text: asked.text.map(|text| self.contacts.mark(text)),
        };
        let key = person(asked.person);
        let full =
            |at| self.objects.frequency_limits.iter().any(|(_, limit)| self.model.is_full(limit, &asked, at));
        let check = |at| self.contacts.check(key, &contact, &self.limits, false, at).is_err();
        prop_assert_eq!(check(self.now), full(self.now));
        match self.contacts.count(key, &contact, &self.limits, lifted, self.now) {
            Err(told) => {
                prop_assert!(!lifted && full(self.now));
                prop_assert!(full(Timestamp(told.until.0 - 1)) && !full(told.until));
            }
            Ok(record) => {
                prop_assert!(lifted || !full(self.now));
                if let Some(record) = record {
                    self.model.records.insert(record.key, record.value.unwrap());
                }
                self.model.counted.insert(message, (self.now, asked));
            }
        }
        Ok(())
    }

    fn refund(&mut self, key: u8, message: u64) -> Result<(), TestCaseError> {
        let held = self.model.counted.get(&message).is_some_and(|(_, asked)| asked.person == key);
        let record = self.contacts.refund(person(key), MessageId(message));
        prop_assert!(held || record.is_none());
        if let Some(record) = record {
            prop_assert!(self.model.records.remove(&record.key).is_some() && record.value.is_none());
        }
        if held {
            self.model.counted.remove(&message);
        }
        Ok(())
    }

    fn sweep(&mut self, most: usize) -> Result<(), TestCaseError> {
        let monotonic = Monotonic(u64::try_from(self.now.0 * 1000).unwrap());
        for record in self.contacts.sweep(&self.limits, self.now, monotonic, most).deletions {
            prop_assert!(record.value.is_none() && self.model.records.remove(&record.key).is_some());
        }
        Ok(())
    }

    /// Only the records are left, in some order.
    fn restart(&mut self) {
        self.contacts = Contacts::new([3; 16]);
        for (key, value) in self.model.records.iter().rev() {
            self.contacts.restore(key, value, self.now).unwrap();
            self.contacts.restore(key, value, self.now).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn logs_say_what_counting_everything_says(
        limits in prop::collection::vec(limit(), 1..5),
        ops in prop::collection::vec((step(), op()), 1..100),
    ) {
        let objects = objects(&limits);
        let limits = compiled(&objects);
        let contacts = Contacts::new([3; 16]);
        let mut world = World { contacts, limits, objects, model: Model::default(), now: at("2026-02-27T20:00:00") };
        for (message, (step, op)) in (0..).zip(ops) {
            world.now.0 += step;
            match op {
                Op::Ask { asked, lifted } => world.ask(message, asked, lifted)?,
                Op::Refund { person, id } => world.refund(person, id)?,
                Op::Sweep { most } => world.sweep(most)?,
                Op::Restart => world.restart(),
            }
        }
        let month_later = Timestamp(world.now.0 + 32 * 86_400_000);
        world.now = month_later;
        world.sweep(usize::MAX)?;
        prop_assert_eq!((world.contacts.persons(), world.model.records.len()), (0, 0));
    }
}
