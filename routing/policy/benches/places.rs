//! What windows and regions cost a message among those of a thousand tenants. `cargo bench -p veilgate-policy`.

#![expect(clippy::unwrap_used, reason = "only tests run this")]

use std::sync::OnceLock;

use divan::{Bencher, black_box};
use veilgate_names::{Category, EnterpriseId, Gazetteer, ObjectId, Place, Service, ServiceNumber, Timestamp};
use veilgate_policy::{Chain, Kind, Object, Objects, Regions, Tree, Windows};

const TENANTS: u32 = 1_000;
const PROVINCES: u32 = 31;
const CITIES: u32 = 12;

fn main() {
    divan::main();
}

struct World {
    objects: Objects,
    tree: Tree,
    gazetteer: Gazetteer,
    windows: Windows,
    regions: Regions,
}

impl World {
    fn chain(&self) -> Chain<'_> {
        self.tree.chain(&EnterpriseId::parse("e500").unwrap())
    }

    fn place(&self) -> Place {
        self.gazetteer.clone().add("p7", "c3", "o1").unwrap()
    }
}

fn put(objects: &mut Objects, kind: Kind, name: &str, json: &str) {
    let id = ObjectId::parse(name).unwrap();
    let object = Object::parse(kind, &id, json.as_bytes()).unwrap();
    objects.put(id, object);
}

/// A distributor with a thousand enterprises, of which each has a window and a region rule of its own; a window of each
/// province; the usual one with a calendar.
fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let (mut objects, mut gazetteer) = (Objects::default(), Gazetteer::default());
        for n in 0..PROVINCES * CITIES * 7 {
            let (province, city) = (n % PROVINCES, n / PROVINCES % CITIES);
            gazetteer.add(&format!("p{province}"), &format!("c{city}"), &format!("o{}", n % 7)).unwrap();
        }
        put(&mut objects, Kind::Tenant, "carrier", r#"{"level":"carrier"}"#);
        put(&mut objects, Kind::Tenant, "d", r#"{"level":"distributor","parent":"carrier"}"#);
        let days: Vec<_> = (1..29).map(|day| format!(r#""2026-10-{day:02}":"holiday""#)).collect();
        put(&mut objects, Kind::Calendar, "c", &format!(r#"{{"days":{{{}}}}}"#, days.join(",")));
        let usual = r#"{"scope":{"category":"marketing"},"hours":{"daily":["08:00-22:00"],"holiday":["10:00-20:00"]},
            "outside":"defer","calendar":"c"}"#;
        put(&mut objects, Kind::Window, "usual", usual);
        for n in 0..PROVINCES {
            let json = format!(r#"{{"region":{{"province":"p{n}"}},"hours":{{"daily":["07:00-23:00"]}},"outside":"defer"}}"#);
            put(&mut objects, Kind::Window, &format!("p{n}"), &json);
        }
        put(&mut objects, Kind::RegionRule, "all", r#"{"deny":[{"province":"p1","city":"c3"}]}"#);
        for n in 0..TENANTS {
            put(&mut objects, Kind::Tenant, &format!("e{n}"), r#"{"level":"enterprise","parent":"d"}"#);
            let scope = format!(r#""scope":{{"tenant":"e{n}"}}"#);
            let hours = format!(r#"{{{scope},"hours":{{"daily":["06:00-23:30"]}},"outside":"refuse"}}"#);
            put(&mut objects, Kind::Window, &format!("e{n}"), &hours);
            let places: Vec<_> = (0..PROVINCES).map(|n| format!(r#"{{"province":"p{n}","operator":"o1"}}"#)).collect();
            let allow = format!(r#"{{{scope},"allow":[{}]}}"#, places.join(","));
            put(&mut objects, Kind::RegionRule, &format!("e{n}"), &allow);
        }
        let tree = Tree::compile(&objects).unwrap();
        let windows = Windows::compile(&objects, &tree, &gazetteer).unwrap();
        let regions = Regions::compile(&objects, &tree, &gazetteer).unwrap();
        World { objects, tree, gazetteer, windows, regions }
    })
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[divan::bench(args = ["anonymous", "known"])]
fn window_open(bencher: Bencher<'_, '_>, stage: &str) {
    let world = world();
    let place = (stage == "known").then(|| world.place());
    let (chain, at) = (world.chain(), at("2026-10-12 12:00:00"));
    let ask = || world.windows.check(Service::Sms, Category::Marketing, black_box(chain), place, at);
    assert_eq!(ask(), None);
    bencher.bench(ask);
}

#[divan::bench]
fn window_deferring(bencher: Bencher<'_, '_>) {
    let world = world();
    let (chain, at) = (world.chain(), at("2026-10-12 22:30:00"));
    let ask = || world.windows.check(Service::Sms, Category::Marketing, black_box(chain), None, at);
    assert!(ask().is_some_and(|outside| outside.until.is_some()));
    bencher.bench(ask);
}

#[divan::bench]
fn region(bencher: Bencher<'_, '_>) {
    let world = world();
    let (chain, place) = (world.chain(), Some(world.place()));
    let number = ServiceNumber::parse("10690001").unwrap();
    let ask = || world.regions.check(Service::Sms, Category::Marketing, black_box(chain), number, place);
    assert_eq!(ask(), None);
    bencher.bench(ask);
}

#[divan::bench]
fn compile(bencher: Bencher<'_, '_>) {
    let world = world();
    bencher.bench(|| {
        let windows = Windows::compile(&world.objects, &world.tree, &world.gazetteer).unwrap();
        (windows, Regions::compile(&world.objects, &world.tree, &world.gazetteer).unwrap())
    });
}
