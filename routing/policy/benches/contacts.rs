//! Frequency at the size of a city: a million persons, the shipped limits, everything counted. Time of one count and one
//! check on one core, memory, and what a sweep and a start cost.
//! `cargo bench -p veilgate-policy --bench contacts -- 1000000`

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement")]

use std::hint::black_box;
use std::time::Instant;

use veilgate_names::{
    Category, EnterpriseId, MessageId, Monotonic, ObjectId, Service, SubscriberKey, Timestamp,
};
use veilgate_policy::{Contact, Contacts, FrequencyLimit, Limits, Objects, Tree};

const START: i64 = 1_790_000_000_000;
const SENDERS: usize = 1000;
const TEXT: &str = "【某某银行】您尾号1234的账户于03月01日12时30分支出人民币128.50元，余额5,024.17元。如非本人操作，请致电客服热线。";

struct Names {
    enterprises: Vec<EnterpriseId>,
    signatures: Vec<ObjectId>,
    templates: Vec<ObjectId>,
}

fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let persons: u64 = asked.unwrap_or(1_000_000);
    let limits = limits();
    let names = names();
    let before = resident();
    let contacts = Contacts::new([1; 16]);
    let mut records = Vec::new();
    let count = persons * 5;
    let mut told = Vec::with_capacity(1_000_000);
    let mut refused = 0;
    for number in 0..count {
        let mark = contacts.mark(TEXT);
        let contact = contact(&names, number, mark);
        let now = Timestamp(START + i64::try_from(number * 43_200_000 / count).unwrap());
        let key = person(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % persons);
        let began = Instant::now();
        let answer = contacts.count(key, &contact, &limits, false, now);
        if number >= count.saturating_sub(1_000_000) {
            told.push(u64::try_from(began.elapsed().as_nanos()).unwrap());
        }
        match answer {
            Ok(record) => records.extend(record.filter(|_| number < 1_000_000)),
            Err(_) => refused += 1,
        }
    }
    println!("{} persons, {count} contacts, {refused} refused", contacts.persons());
    println!(
        "memory: {} octets a person",
        (resident() - before).saturating_sub(records.len() * 48) / contacts.persons()
    );
    print("count", &mut told);
    checks(&contacts, &names, &limits, persons);
    marks(&contacts);
    restart(&records);
    let began = Instant::now();
    let monotonic = |pass: u64| Monotonic(pass);
    let mut deletions = contacts.sweep(&limits, Timestamp(START), monotonic(0), 1).deletions.len();
    let (mut passes, mut longest) = (0, 0);
    while contacts.persons() > 0 {
        let one = Instant::now();
        passes += 1;
        deletions += contacts
            .sweep(&limits, Timestamp(START + 100 * 43_200_000), monotonic(passes << 40), 20_000)
            .deletions
            .len();
        longest = longest.max(one.elapsed().as_micros());
    }
    println!(
        "sweep: {deletions} deletions in {passes} passes, {:?}, the longest {longest} us",
        began.elapsed()
    );
}

fn checks(contacts: &Contacts, names: &Names, limits: &Limits, persons: u64) {
    let mut told = Vec::with_capacity(1_000_000);
    let mark = contacts.mark(TEXT);
    for number in 0..1_000_000_u64 {
        let contact = contact(names, number << 33, mark);
        let key = person(number.wrapping_mul(0xd1b5_4a32_d192_ed03) % persons);
        let began = Instant::now();
        black_box(contacts.check(key, &contact, limits, false, Timestamp(START + 43_200_000)).is_ok());
        told.push(u64::try_from(began.elapsed().as_nanos()).unwrap());
    }
    print("check", &mut told);
}

fn marks(contacts: &Contacts) {
    let began = Instant::now();
    for _ in 0..100_000 {
        black_box(contacts.mark(black_box(TEXT)));
    }
    println!("mark of {} characters: {} ns", TEXT.chars().count(), began.elapsed().as_nanos() / 100_000);
}

fn restart(records: &[veilgate_policy::ContactRecord]) {
    let contacts = Contacts::new([1; 16]);
    let began = Instant::now();
    for record in records {
        contacts.restore(&record.key, &record.value.unwrap(), Timestamp(START + 43_200_000)).unwrap();
    }
    println!("restored: {} records in {:?}", records.len(), began.elapsed());
}

fn contact(names: &Names, number: u64, mark: veilgate_policy::TextMark) -> Contact<'_> {
    let sender = usize::try_from((number.wrapping_mul(0xd1b5_4a32_d192_ed03) >> 40) % 1000).unwrap();
    Contact {
        id: MessageId(number),
        service: Service::Sms,
        category: *Category::ALL.iter().cycle().nth(sender % 3).unwrap(),
        enterprise: names.enterprises.get(sender).unwrap(),
        signature: names.signatures.get(sender),
        template: names.templates.get(sender),
        text: Some(mark),
    }
}

fn names() -> Names {
    let ids = |what: &str| (0..SENDERS).map(|n| ObjectId::parse(&format!("{what}-{n}")).unwrap()).collect();
    let enterprises = (0..SENDERS).map(|n| EnterpriseId::parse(&format!("ent-{n}")).unwrap()).collect();
    Names { enterprises, signatures: ids("sig"), templates: ids("tpl") }
}

fn limits() -> Limits {
    let mut objects = Objects::default();
    FrequencyLimit::lay_shipped(&mut objects).unwrap();
    Limits::compile(&objects, &Tree::compile(&objects).unwrap()).unwrap()
}

fn person(number: u64) -> SubscriberKey {
    let high = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let low = (!number).wrapping_mul(0xd1b5_4a32_d192_ed03).to_be_bytes();
    let mut key = [0; 16];
    key.iter_mut().zip(high.into_iter().chain(low)).for_each(|(slot, octet)| *slot = octet);
    SubscriberKey(key)
}

fn print(what: &str, nanos: &mut [u64]) {
    nanos.sort_unstable();
    let at = |share: usize| nanos.get(nanos.len() * share / 1000).copied().unwrap_or_default();
    println!("{what}: p50 {} ns, p99 {} ns, p99.9 {} ns", at(500), at(990), at(999));
}

/// Octets of memory in use.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
