//! What lists cost a message: ten lists that concern it, a million entries in all. `cargo bench -p veilgate-policy --bench
//! lists`; with `LIST_ENTRIES=50000000` before it that many, and their import, memory and percentiles are told first.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "only tests run this")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use divan::{Bencher, black_box};
use veilgate_names::{Category, EnterpriseId, ListKey, ObjectId, Service, ServiceNumber, Timestamp};
use veilgate_policy::{
    Chain, EntryEnd, EntrySet, ImportMode, Kind, ListChange, ListImport, ListQuestion, ListRows, ListRules,
    Listed, Lists, Object, Objects, Tree,
};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const END: Timestamp = Timestamp(1_900_000_000_000);
const LISTS: u64 = 10;
/// Far more people than a cache holds lines.
const ASKED: u64 = 1 << 20;

fn main() {
    if std::env::var_os("LIST_ENTRIES").is_some() {
        by_hand();
    }
    divan::main();
}

fn entries() -> u64 {
    std::env::var("LIST_ENTRIES").map_or(1_000_000, |count| count.parse().unwrap())
}

struct World {
    rules: ListRules,
    lists: Lists,
    tree: Tree,
    took: Duration,
}

/// The key of the `n`th person: as spread as a hash (splitmix64).
fn key(n: u64) -> ListKey {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ListKey(z ^ z >> 31)
}

/// Half of the lists have ends.
fn rows(list: u64, count: u64) -> ListRows {
    let mut rows = ListRows::new(NOW);
    let end = if list.is_multiple_of(2) { EntryEnd::at(END) } else { EntryEnd::NEVER };
    for n in 0..count {
        rows.push(key(list * count + n), end).unwrap();
    }
    rows
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let (lists, mut objects) = (Lists::default(), Objects::default());
        let began = start();
        for n in 0..LISTS {
            let level = if n < 5 { "regulator" } else { "global" };
            let kind = if n == 9 { "white" } else { "black" };
            let id = ObjectId::parse(&format!("l{n}")).unwrap();
            let json = format!(r#"{{"level":"{level}","kind":"{kind}"}}"#);
            objects.put(id.clone(), Object::parse(Kind::PersonList, &id, json.as_bytes()).unwrap());
            let import = ListImport::new(rows(n, entries() / LISTS), ImportMode::Replace);
            lists.held(&id).install(import.apply(&EntrySet::default(), NOW));
        }
        let took = began.elapsed();
        let tree = Tree::compile(&objects).unwrap();
        let rules = ListRules::compile(&objects, &tree, &lists).unwrap();
        World { rules, lists, tree, took }
    })
}

fn ask(world: &World, chain: Chain<'_>, key: ListKey) -> Listed {
    let asked = ListQuestion {
        key,
        service: Service::Sms,
        category: Category::Notice,
        chain,
        signature: None,
        number: ServiceNumber::parse("10690001").unwrap(),
    };
    world.rules.check(black_box(&asked), NOW)
}

fn by_hand() {
    let world = world();
    let octets: usize = (0..LISTS)
        .map(|n| world.lists.held(&ObjectId::parse(&format!("l{n}")).unwrap()).entries().octets())
        .sum();
    println!("{} entries sorted in {:?}; {octets} octets", world.lists.len(), world.took);
    let chain = world.tree.chain(&EnterpriseId::parse("ent").unwrap());
    for (name, first) in [("stranger", entries() * 2), ("on the last list", entries() / LISTS * 9)] {
        let mut took: Vec<Duration> = (0..200_000)
            .map(|n| {
                let who = key(first + n % (entries() / LISTS));
                let began = start();
                black_box(ask(world, chain, who));
                began.elapsed()
            })
            .collect();
        took.sort_unstable();
        let at = |share: usize| took.get(took.len() * share / 1000).copied().unwrap_or_default();
        println!(
            "{name}: p50 {:?}, p99 {:?}, p99.9 {:?}, the clock's own time included",
            at(500),
            at(990),
            at(999)
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "it is measured")]
fn start() -> Instant {
    Instant::now()
}

#[divan::bench]
fn of_a_stranger(bencher: Bencher<'_, '_>) {
    let world = world();
    let chain = world.tree.chain(&EnterpriseId::parse("ent").unwrap());
    let mut n = 0;
    bencher.bench_local(|| {
        n = (n + 1) % ASKED;
        ask(world, chain, key(entries() * 2 + n))
    });
}

#[divan::bench]
fn of_somebody_on_the_last_list(bencher: Bencher<'_, '_>) {
    let world = world();
    let chain = world.tree.chain(&EnterpriseId::parse("ent").unwrap());
    let (first, count) = (entries() / LISTS * 9, entries() / LISTS);
    let mut n = 0;
    bencher.bench_local(|| {
        n = (n + 1) % count;
        ask(world, chain, key(first + n))
    });
}

#[divan::bench(sample_count = 10)]
fn import_of_100000(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let import = ListImport::new(rows(0, 100_000), ImportMode::Replace);
        import.apply(&EntrySet::default(), NOW)
    });
}

#[divan::bench]
fn single_change_over_10000(bencher: Bencher<'_, '_>) {
    let keys: Vec<ListKey> = (0..10_000).map(key).collect();
    let (entries, _) = EntrySet::default().changed(&keys, ListChange::Put(EntryEnd::NEVER), NOW);
    bencher.bench_local(|| entries.changed(&[key(77_777)], ListChange::Remove, NOW));
}
