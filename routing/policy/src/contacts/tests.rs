//! The part as a whole, with nothing else around it.

mod clock;
mod model;

use std::sync::atomic::{AtomicUsize, Ordering};

use veilgate_names::{
    Category, EnterpriseId, MessageId, Monotonic, ObjectId, Reason, Service, SubscriberKey, Timestamp,
};

use super::*;
use crate::objects::{Kind, Object, Objects};
use crate::tenants::Tree;

/// Noon in Beijing.
const NOON: &str = "2026-03-01T12:00:00";

fn id(text: &str) -> ObjectId {
    ObjectId::parse(text).unwrap()
}

fn person(number: u8) -> SubscriberKey {
    SubscriberKey([number; 16])
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn after(text: &str, ms: i64) -> Timestamp {
    Timestamp(at(text).0 + ms)
}

fn put(objects: &mut Objects, kind: Kind, name: &str, json: &str) {
    objects.put(id(name), Object::parse(kind, &id(name), json.as_bytes()).unwrap());
}

fn compiled(objects: &Objects) -> Limits {
    Limits::compile(objects, &Tree::compile(objects).unwrap()).unwrap()
}

fn shipped() -> Limits {
    let mut objects = Objects::default();
    FrequencyLimit::lay_shipped(&mut objects).unwrap();
    compiled(&objects)
}

fn limits(of: &[&str]) -> Limits {
    let mut objects = Objects::default();
    for (number, json) in of.iter().enumerate() {
        put(&mut objects, Kind::FrequencyLimit, &format!("l{number}"), json);
    }
    compiled(&objects)
}

/// Contacts, limits and one person, with what is asked of them.
struct Desk {
    contacts: Contacts,
    limits: Limits,
    next: u64,
}

/// What a contact is, where it differs from a notice of ent-1.
#[derive(Clone, Copy)]
struct What<'a> {
    enterprise: &'a str,
    signature: Option<&'a str>,
    template: Option<&'a str>,
    category: Category,
    service: Service,
    text: Option<&'a str>,
}

const NOTICE: What<'static> = What {
    enterprise: "ent-1",
    signature: None,
    template: None,
    category: Category::Notice,
    service: Service::Sms,
    text: None,
};

impl Desk {
    fn new(limits: Limits) -> Self {
        Self { contacts: Contacts::new([3; 16]), limits, next: 0 }
    }

    fn ask(
        &mut self,
        what: What<'_>,
        lifted: bool,
        now: Timestamp,
    ) -> Result<Option<ContactRecord>, Exceeded> {
        self.next += 1;
        self.ask_again(MessageId(self.next), what, lifted, now)
    }

    /// Asks with a given id, and sees to it that a check says the same.
    fn ask_again(
        &self,
        message: MessageId,
        what: What<'_>,
        lifted: bool,
        now: Timestamp,
    ) -> Result<Option<ContactRecord>, Exceeded> {
        let enterprise = EnterpriseId::parse(what.enterprise).unwrap();
        let (signature, template) = (what.signature.map(id), what.template.map(id));
        let contact = Contact {
            id: message,
            service: what.service,
            category: what.category,
            enterprise: &enterprise,
            signature: signature.as_ref(),
            template: template.as_ref(),
            text: what.text.map(|text| self.contacts.mark(text)),
        };
        let checked = self.contacts.check(person(1), &contact, &self.limits, lifted, now);
        let counted = self.contacts.count(person(1), &contact, &self.limits, lifted, now);
        assert_eq!(checked.err(), counted.clone().err());
        counted
    }

    fn passes(&mut self, what: What<'_>, now: Timestamp) -> bool {
        self.ask(what, false, now).is_ok()
    }

    fn refused(&mut self, what: What<'_>, now: Timestamp) -> Exceeded {
        self.ask(what, false, now).unwrap_err()
    }
}

#[test]
fn a_stretch_ends_to_the_millisecond() {
    let code = What { category: Category::Verification, signature: Some("s1"), ..NOTICE };
    let mut desk = Desk::new(shipped());
    assert!(desk.passes(code, at(NOON)));
    let told = desk.refused(code, after(NOON, 59_999));
    assert_eq!((told.reason, told.limit), (Reason::FreqSignature, id("verification-per-signature")));
    assert_eq!(told.until, after(NOON, 60_000));
    assert!(desk.passes(What { signature: Some("s2"), ..code }, after(NOON, 59_999)));
    assert!(desk.passes(code, after(NOON, 60_000)));
}

#[test]
fn a_day_ends_at_midnight_in_beijing() {
    let mut desk = Desk::new(limits(&[r#"{"per":"all","windows":[{"calendar":"day","most":2}]}"#]));
    assert!(desk.passes(NOTICE, at("2026-03-01T00:00:00")) && desk.passes(NOTICE, at("2026-03-01T23:59:58")));
    let told = desk.refused(NOTICE, at("2026-03-01T23:59:59"));
    assert_eq!((told.reason, told.until), (Reason::FreqAll, at("2026-03-02")));
    assert!(!desk.passes(NOTICE, Timestamp(at("2026-03-02").0 - 1)));
    assert!(desk.passes(NOTICE, at("2026-03-02T00:00:00")));
}

#[test]
fn the_forty_first_of_the_day_is_refused_whoever_sends_it() {
    let mut desk = Desk::new(shipped());
    for number in 0..40 {
        let enterprise = if number % 2 == 0 { "ent-1" } else { "ent-2" };
        let what = What { enterprise, ..NOTICE };
        assert!(desk.passes(what, after(NOON, number * 60_000)), "{number}");
    }
    for enterprise in ["ent-1", "ent-2", "ent-3"] {
        let told = desk.refused(What { enterprise, ..NOTICE }, after(NOON, 41 * 60_000));
        assert_eq!(
            (told.reason, told.limit, told.until),
            (Reason::FreqAll, id("all-senders"), at("2026-03-02"))
        );
    }
    assert!(desk.passes(NOTICE, at("2026-03-02")));
}

#[test]
fn the_same_text_is_counted_as_one_reads_it() {
    let mut desk = Desk::new(shipped());
    let say = |text: &'static str| What { text: Some(text), ..NOTICE };
    assert!(
        desk.passes(say("【甲】 Order 42"), at(NOON)) && desk.passes(say("【甲】ORDER４２"), after(NOON, 1))
    );
    let told = desk.refused(say("【甲】order 42"), after(NOON, 58_999));
    assert_eq!((told.reason, told.until), (Reason::Dup, after(NOON, 59_000)));
    assert!(desk.passes(say("【甲】order 43"), after(NOON, 58_999)));
    assert!(desk.passes(What { enterprise: "ent-2", ..say("【甲】order 42") }, after(NOON, 58_999)));
    assert!(desk.passes(say("【甲】order 42"), after(NOON, 59_000)));
}

#[test]
fn calls_count_for_themselves() {
    let mut desk = Desk::new(shipped());
    let call = What { service: Service::Voice, ..NOTICE };
    assert!(desk.passes(call, at(NOON)) && desk.passes(NOTICE, at(NOON)));
    assert_eq!(desk.refused(call, after(NOON, 59_999)).reason, Reason::FreqEnterprise);
    assert!(desk.passes(What { enterprise: "ent-2", ..call }, after(NOON, 1)));
    for minute in [1, 2, 3, 4] {
        assert!(desk.passes(call, after(NOON, minute * 60_000)), "{minute}");
    }
    assert_eq!(desk.refused(call, after(NOON, 5 * 60_000)).until, after(NOON, 3_600_000));
}

#[test]
fn the_limit_that_lasts_longest_is_named() {
    let hour = r#"{"per":"enterprise","windows":[{"within":"1h","most":1}]}"#;
    let minute = r#"{"per":"all","windows":[{"within":"60s","most":1}]}"#;
    let mut desk = Desk::new(limits(&[minute, hour, hour]));
    assert!(desk.passes(NOTICE, at(NOON)));
    let told = desk.refused(NOTICE, after(NOON, 1));
    assert_eq!(
        (told.reason, told.limit, told.until),
        (Reason::FreqEnterprise, id("l1"), after(NOON, 3_600_000))
    );
    assert_eq!(desk.refused(What { enterprise: "ent-2", ..NOTICE }, after(NOON, 1)).limit, id("l0"));
}

#[test]
fn who_is_lifted_is_counted_and_not_refused() {
    let mut desk = Desk::new(limits(&[r#"{"per":"all","windows":[{"within":"1h","most":1}]}"#]));
    for _ in 0..3 {
        assert!(matches!(desk.ask(NOTICE, true, at(NOON)), Ok(Some(_))));
    }
    assert!(!desk.passes(NOTICE, after(NOON, 3_599_999)) && desk.passes(NOTICE, after(NOON, 3_600_000)));
}

#[test]
fn a_refund_makes_room_for_exactly_one() {
    let mut desk = Desk::new(limits(&[r#"{"per":"all","windows":[{"within":"1h","most":3}]}"#]));
    assert!((0..3).all(|_| desk.passes(NOTICE, at(NOON))) && !desk.passes(NOTICE, at(NOON)));
    let record = desk.contacts.refund(person(1), MessageId(2)).unwrap();
    assert_eq!((record.key, record.value), (2_u64.to_be_bytes(), None));
    assert_eq!(desk.contacts.refund(person(1), MessageId(2)), None);
    assert_eq!(desk.contacts.refund(person(2), MessageId(1)), None);
    assert!(desk.passes(NOTICE, at(NOON)) && !desk.passes(NOTICE, at(NOON)));
    for message in [1, 3, 5] {
        assert!(desk.contacts.refund(person(1), MessageId(message)).is_some(), "{message}");
    }
    assert_eq!(desk.contacts.persons(), 0);
}

#[test]
fn a_message_counts_once_however_often_it_is_counted() {
    let mut desk = Desk::new(limits(&[r#"{"per":"all","windows":[{"within":"60s","most":1}]}"#]));
    let first = MessageId(1);
    for seconds in [0, 10, 20] {
        assert!(desk.ask_again(first, NOTICE, false, after(NOON, seconds * 1000)).is_ok());
    }
    desk.next = 1;
    assert_eq!(desk.refused(NOTICE, after(NOON, 30_000)).until, after(NOON, 80_000));
    assert!(desk.contacts.refund(person(1), first).is_some() && desk.passes(NOTICE, after(NOON, 30_000)));
}

#[test]
fn what_no_limit_counts_leaves_nothing() {
    let marketing =
        r#"{"per":"all","applies_to":{"category":"marketing"},"windows":[{"within":"1h","most":1}]}"#;
    let mut desk = Desk::new(limits(&[marketing]));
    assert_eq!(desk.ask(NOTICE, false, at(NOON)), Ok(None));
    assert_eq!(desk.contacts.persons(), 0);
    assert_eq!((Limits::default().len(), desk.limits.len()), (0, 1));
}

#[test]
fn of_any_number_at_once_exactly_as_many_pass_as_may() {
    let limits = shipped();
    for round in 0..20 {
        let contacts = Contacts::new([1; 16]);
        let (passed, enterprise) = (AtomicUsize::new(0), EnterpriseId::parse("ent-1").unwrap());
        std::thread::scope(|scope| {
            for thread in 0..64 {
                let (contacts, limits, passed, enterprise) = (&contacts, &limits, &passed, &enterprise);
                scope.spawn(move || {
                    let template = id(&format!("t{}", thread % 4));
                    let contact = Contact {
                        id: MessageId(thread),
                        service: Service::Sms,
                        category: Category::Notice,
                        enterprise,
                        signature: None,
                        template: Some(&template),
                        text: None,
                    };
                    let now = Timestamp(at(NOON).0 + round);
                    let passes = contacts.count(person(1), &contact, limits, false, now).is_ok();
                    passed.fetch_add(usize::from(passes), Ordering::Relaxed);
                });
            }
        });
        assert_eq!(passed.into_inner(), 40);
    }
}

#[test]
fn a_full_log_gives_up_its_oldest_only_for_who_is_lifted() {
    let mut desk = Desk::new(limits(&[r#"{"per":"enterprise","windows":[{"within":"1h","most":250}]}"#]));
    let mut durable = std::collections::BTreeSet::new();
    for n in 0..300 {
        let enterprise = if n % 2 == 0 { "ent-1" } else { "ent-2" };
        let record = desk.ask(What { enterprise, ..NOTICE }, true, after(NOON, n)).unwrap().unwrap();
        durable.insert(record.key);
    }
    let told = desk.refused(NOTICE, after(NOON, 1000));
    assert_eq!((told.reason, told.until), (Reason::FreqEnterprise, after(NOON, 44 + 3_600_000)));
    assert!(desk.passes(NOTICE, told.until));
    durable.insert(desk.next.to_be_bytes());
    let swept = desk.contacts.sweep(&desk.limits, told.until, Monotonic(0), 1000);
    swept.deletions.iter().for_each(|gone| assert!(gone.value.is_none() && durable.remove(&gone.key)));
    let mut left = desk.contacts.erase(person(1));
    left.iter_mut().for_each(|gone| assert!(durable.remove(&gone.key)));
    assert_eq!((left.len(), durable.len()), (MAX_STAMPS, 0));
}

#[test]
fn who_is_erased_is_as_new() {
    let mut desk = Desk::new(limits(&[r#"{"per":"all","windows":[{"within":"1h","most":1}]}"#]));
    assert!(desk.passes(NOTICE, at(NOON)) && !desk.passes(NOTICE, at(NOON)));
    assert_eq!(desk.contacts.erase(person(1)).len(), 1);
    assert!(desk.contacts.erase(person(1)).is_empty() && desk.passes(NOTICE, at(NOON)));
}

#[test]
fn a_sweep_is_done_in_steps_and_leaves_nothing() {
    let contacts = Contacts::new([1; 16]);
    let limits = limits(&[r#"{"per":"all","windows":[{"within":"1h","most":1}]}"#]);
    let enterprise = EnterpriseId::parse("ent-1").unwrap();
    for n in 0..5000_u64 {
        let contact = Contact {
            id: MessageId(n),
            service: Service::Sms,
            category: Category::Notice,
            enterprise: &enterprise,
            signature: None,
            template: None,
            text: None,
        };
        let mut key = [0; 16];
        key[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        contacts.count(SubscriberKey(key), &contact, &limits, false, at(NOON)).unwrap();
    }
    let mono = Monotonic(0);
    assert!(contacts.sweep(&limits, after(NOON, 3_599_999), mono, 10_000).deletions.is_empty());
    let later = (after(NOON, 3_600_000), Monotonic(1000));
    let mut gone = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let swept = contacts.sweep(&limits, later.0, later.1, 100);
        assert!(swept.deletions.len() <= 100 && swept.persons == swept.deletions.len());
        gone.extend(swept.deletions.iter().map(|record| record.key));
    }
    assert_eq!((gone.len(), contacts.persons()), (5000, 0));
}

#[test]
fn what_a_limit_names_must_be_there() {
    for field in ["tenant", "signature", "template"] {
        let mut objects = Objects::default();
        let json = format!(
            r#"{{"per":"all","applies_to":{{"{field}":"nobody"}},"enabled":false,"windows":[{{"within":"1h","most":1}}]}}"#
        );
        put(&mut objects, Kind::FrequencyLimit, "l1", &json);
        let mistake = Limits::compile(&objects, &Tree::compile(&objects).unwrap()).unwrap_err();
        assert_eq!(mistake.to_string(), format!("frequency-limits/l1/applies_to.{field}: no such object"));
    }
}

#[test]
fn a_tenants_limit_holds_for_everyone_below_it() {
    let mut objects = Objects::default();
    put(&mut objects, Kind::Tenant, "dist-1", r#"{"level":"distributor","parent":"carrier"}"#);
    put(&mut objects, Kind::Tenant, "ent-1", r#"{"level":"enterprise","parent":"dist-1"}"#);
    put(&mut objects, Kind::Tenant, "ent-2", r#"{"level":"enterprise","parent":"dist-1"}"#);
    put(&mut objects, Kind::Tenant, "ent-3", r#"{"level":"enterprise","parent":"carrier"}"#);
    let limit = |tenant: &str, most: u8| {
        format!(
            r#"{{"per":"all","applies_to":{{"tenant":"{tenant}"}},"windows":[{{"within":"1h","most":{most}}}]}}"#
        )
    };
    put(&mut objects, Kind::FrequencyLimit, "below-dist", &limit("dist-1", 2));
    put(&mut objects, Kind::FrequencyLimit, "of-ent-2", &limit("ent-2", 1));
    put(&mut objects, Kind::FrequencyLimit, "everybody", &limit("carrier", 4));
    let mut desk = Desk::new(compiled(&objects));
    let of = |enterprise: &'static str| What { enterprise, ..NOTICE };
    assert!(desk.passes(of("ent-2"), at(NOON)));
    assert_eq!(desk.refused(of("ent-2"), at(NOON)).limit, id("of-ent-2"));
    assert!(desk.passes(of("ent-1"), at(NOON)));
    assert_eq!(desk.refused(of("ent-1"), at(NOON)).limit, id("below-dist"));
    assert!(desk.passes(of("ent-3"), at(NOON)) && desk.passes(of("unknown"), at(NOON)));
    assert_eq!(desk.refused(of("unknown"), at(NOON)).limit, id("everybody"));
    // Moved away, it counts where it is now, with what it has sent.
    put(&mut objects, Kind::Tenant, "ent-1", r#"{"level":"enterprise","parent":"carrier"}"#);
    put(&mut objects, Kind::FrequencyLimit, "everybody", &limit("carrier", 9));
    desk.limits = compiled(&objects);
    assert!(desk.passes(of("ent-1"), at(NOON)));
    assert_eq!(desk.refused(of("ent-2"), at(NOON)).limit, id("of-ent-2"));
}

#[test]
fn damaged_records_are_refused() {
    let contacts = Contacts::new([1; 16]);
    for (key, value) in
        [(&[0; 8][..], &[][..]), (&[0; 7], &[1; 40]), (&[0; 8], &[2; 40]), (&[0; 8], &[1; 41])]
    {
        assert_eq!(contacts.restore(key, value, at(NOON)), Err(DamagedContact));
    }
    assert_eq!(contacts.persons(), 0);
    assert_eq!(format!("{contacts:?}"), "Contacts(***)");
}
