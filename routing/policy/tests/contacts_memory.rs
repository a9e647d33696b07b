//! What it takes to remember whom everybody was contacted by, and that it is given back. A binary of its own, because it
//! counts through the allocator.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and what it measures is told"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use veilgate_names::{
    Category, EnterpriseId, MessageId, Monotonic, ObjectId, Service, SubscriberKey, Timestamp,
};
use veilgate_policy::{Contact, Contacts, FrequencyLimit, Limits, Objects, Tree};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator can only be counted by being one")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on unchanged.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `pointer` came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const DAY_MS: i64 = 86_400_000;
/// Noon in Beijing.
const START: Timestamp = Timestamp(20_500 * DAY_MS + 4 * 3_600_000);
const PERSONS: u64 = 4_000;

struct Names {
    enterprises: Vec<EnterpriseId>,
    signatures: Vec<ObjectId>,
    templates: Vec<ObjectId>,
}

fn names() -> Names {
    let ids = |what: &str| (0..100).map(|n| ObjectId::parse(&format!("{what}-{n}")).unwrap()).collect();
    let enterprises = (0..100).map(|n| EnterpriseId::parse(&format!("ent-{n}")).unwrap()).collect();
    Names { enterprises, signatures: ids("sig"), templates: ids("tpl") }
}

fn limits() -> Limits {
    let mut objects = Objects::default();
    FrequencyLimit::lay_shipped(&mut objects).unwrap();
    Limits::compile(&objects, &Tree::compile(&objects).unwrap()).unwrap()
}

fn person(number: u64) -> SubscriberKey {
    let mut key = [0; 16];
    let octets = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    key.iter_mut().zip(octets).for_each(|(slot, octet)| *slot = octet);
    SubscriberKey(key)
}

fn scattered(of: u64, below: u64) -> u64 {
    (of.wrapping_mul(0xd1b5_4a32_d192_ed03) >> 33) % below
}

/// Contacts people for half a day, `each(person)` times, from `senders(person, nth)`; the pairs of a person and something
/// that a shipped limit counts for them, but for equal texts.
fn fill(
    contacts: &Contacts,
    limits: &Limits,
    names: &Names,
    each: impl Fn(u64) -> u64,
    sender: impl Fn(u64, u64) -> (u64, Category),
) -> usize {
    let mut pairs = 0;
    let mut scopes = HashSet::new();
    for number in 0..PERSONS {
        scopes.clear();
        for nth in 0..each(number) {
            let (from, category) = sender(number, nth);
            let place = usize::try_from(from).unwrap();
            let contact = Contact {
                id: MessageId(number << 8 | nth),
                service: Service::Sms,
                category,
                enterprise: names.enterprises.get(place).unwrap(),
                signature: names.signatures.get(place),
                template: names.templates.get(place),
                text: Some(contacts.mark(&format!("{nth}"))),
            };
            let now = Timestamp(START.0 + i64::try_from(nth).unwrap() * 900_000);
            contacts.count(person(number), &contact, limits, false, now).unwrap();
            scopes.insert(("all", 0));
            scopes.insert((category.name(), if category == Category::Verification { 0 } else { from }));
            let own =
                if category == Category::Notice { "template of notices" } else { "signature or template" };
            scopes.insert((own, from));
        }
        pairs += scopes.len();
    }
    pairs
}

fn measure(what: &str, each: impl Fn(u64) -> u64, sender: impl Fn(u64, u64) -> (u64, Category)) {
    let (names, limits) = (names(), limits());
    let before = HELD.load(Ordering::Relaxed);
    let contacts = Contacts::new([1; 16]);
    let pairs = fill(&contacts, &limits, &names, each, sender);
    let held = HELD.load(Ordering::Relaxed) - before;
    let (a_pair, a_person) = (held / pairs, held / usize::try_from(PERSONS).unwrap());
    println!("{what}: {pairs} pairs, {a_pair} octets a pair, {a_person} a person");
    assert!(a_pair <= 200, "{what}: {a_pair} octets a pair");
    let later = (Timestamp(START.0 + 3 * DAY_MS), Monotonic(0));
    while contacts.persons() > 0 {
        contacts.sweep(&limits, later.0, later.1, 100_000);
    }
    let left = HELD.load(Ordering::Relaxed) - before;
    assert!(left < 300_000, "{what}: {left} octets left");
}

#[test]
fn a_person_and_scope_take_at_most_two_hundred_octets_and_give_them_back() {
    measure(
        "a few from a few",
        |person| 1 + scattered(person, 9),
        |person, nth| {
            let from = scattered(person + 7 * (nth % 3), 100);
            (from, Category::ALL[usize::try_from(from % 3).unwrap()])
        },
    );
    measure("codes up to every cap", |_| 40, |_, nth| (nth % 4, Category::Verification));
    measure("advertising up to every cap", |_| 40, |_, nth| (nth % 4, Category::Marketing));
    measure("once", |_| 1, |person, _| (person % 100, Category::Notice));
}
