//! What a change of objects costs beside 1,000 tenants and 10,000 calendars: planning it, reading a file, and bringing all
//! back at a start. `cargo bench -p veilgate-policy --bench management`.

#![expect(clippy::unwrap_used, reason = "only tests run this")]

use std::sync::OnceLock;

use divan::{Bencher, black_box};
use veilgate_names::{ObjectId, Timestamp};
use veilgate_policy::{Catalogue, Change, Expected, Import, Kind, Loader, Object, Write};

const TENANTS: u32 = 1_000;
const CALENDARS: u32 = 10_000;
const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn main() {
    divan::main();
}

fn file() -> String {
    let tenant = |n| {
        format!(
            r#"{{"kind":"tenants","id":"t{n}","object":{{"level":"agent","parent":"carrier","rate_per_second":9}}}}"#
        )
    };
    let calendar = |n: u32| {
        let days = (1..=11).map(|month| format!(r#""2026-{month:02}-{:02}":"holiday""#, n % 28 + 1));
        let days: Vec<String> = days.collect();
        format!(r#"{{"kind":"calendars","id":"c{n}","object":{{"days":{{{}}}}}}}"#, days.join(","))
    };
    let lines: Vec<String> = (0..TENANTS).map(tenant).chain((0..CALENDARS).map(calendar)).collect();
    lines.join("\n")
}

/// All objects, and the records that hold them.
fn world() -> &'static (Catalogue, Vec<Write>) {
    static WORLD: OnceLock<(Catalogue, Vec<Write>)> = OnceLock::new();
    WORLD.get_or_init(|| {
        let import = Import::json_lines(file().as_bytes()).unwrap();
        let plan = Catalogue::default().plan(import.changes, "bench", NOW).unwrap();
        (plan.catalogue, plan.stages.into_iter().flatten().collect())
    })
}

#[divan::bench]
fn plan_one_change(bencher: Bencher<'_, '_>) {
    let (catalogue, _) = world();
    let id = ObjectId::parse("t500").unwrap();
    let json = br#"{"level":"agent","parent":"carrier","rate_per_second":10}"#;
    let object = Object::parse(Kind::Tenant, &id, json).unwrap();
    let change = Change { kind: Kind::Tenant, id, object: Some(object), expected: Expected::Version(1) };
    bencher.bench(|| black_box(catalogue).plan(vec![change.clone()], "bench", NOW).unwrap());
}

#[divan::bench(sample_count = 10)]
fn read_a_file_of_eleven_thousand(bencher: Bencher<'_, '_>) {
    let file = file();
    bencher.bench(|| Import::json_lines(black_box(file.as_bytes())).unwrap());
}

#[divan::bench(sample_count = 10)]
fn plan_eleven_thousand(bencher: Bencher<'_, '_>) {
    let import = Import::json_lines(file().as_bytes()).unwrap();
    bencher.bench(|| Catalogue::default().plan(import.changes.clone(), "bench", NOW).unwrap());
}

#[divan::bench(sample_count = 10)]
fn load_eleven_thousand(bencher: Bencher<'_, '_>) {
    let (_, writes) = world();
    bencher.bench(|| {
        let mut loader = Loader::default();
        for write in writes {
            loader.add(&write.key, write.value.as_deref().unwrap_or_default()).unwrap();
        }
        loader.finish().unwrap()
    });
}
