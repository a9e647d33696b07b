//! What tenants, rates, quotas, numbers, prices and balances cost a message among a thousand tenants.
//! `cargo bench -p veilgate-policy --bench tenants`.

#![expect(clippy::unwrap_used, reason = "only tests run this")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use divan::{Bencher, black_box};
use veilgate_names::{
    Category, EnterpriseId, MessageId, Monotonic, ObjectId, Service, ServiceNumber, Timestamp,
};
use veilgate_policy::{
    Balances, Chain, Direction, Kind, Numbers, Object, Objects, Plans, QuotaLimits, Quotas, RateLimits,
    Rates, Topped, Tree,
};

const DISTRIBUTORS: u32 = 10;
const AGENTS: u32 = 90;
const ENTERPRISES: u32 = 900;
const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn main() {
    divan::main();
}

struct World {
    objects: Objects,
    rates: Rates,
    quotas: Quotas,
    tree: Tree,
    limits: RateLimits,
    counts: QuotaLimits,
    numbers: Numbers,
    plans: Plans,
    balances: Balances,
    clock: AtomicU64,
}

fn put(objects: &mut Objects, kind: Kind, name: &str, json: &str) {
    let id = ObjectId::parse(name).unwrap();
    let object = Object::parse(kind, &id, json.as_bytes()).unwrap();
    objects.put(id, object);
}

fn objects() -> Objects {
    let mut objects = Objects::default();
    let rest = r#""rate_per_second":1000000,"per_day":50000000000,"per_month":60000000000"#;
    put(&mut objects, Kind::Tenant, "carrier", &format!(r#"{{"level":"carrier",{rest}}}"#));
    let mut tenant = |name: String, level: &str, parent: String, more: &str| {
        let json = format!(r#"{{"level":"{level}","parent":"{parent}",{rest}{more}}}"#);
        put(&mut objects, Kind::Tenant, &name, &json);
    };
    for n in 0..DISTRIBUTORS {
        tenant(
            format!("d{n}"),
            "distributor",
            "carrier".into(),
            r#","price_plan":"base","services":["sms"]"#,
        );
    }
    for n in 0..AGENTS {
        tenant(format!("a{n}"), "agent", format!("d{}", n % DISTRIBUTORS), r#","signature":"required""#);
    }
    for n in 0..ENTERPRISES {
        tenant(
            format!("e{n}"),
            "enterprise",
            format!("a{}", n % AGENTS),
            r#","payment":"prepaid","low_balance":5"#,
        );
    }
    for n in 0..ENTERPRISES {
        let json = format!(
            r#"{{"digits":"1069{n:04}","owner":"e{n}","inbound_anchored":true,"rate_per_second":1000000,
                "extension_digits":4}}"#
        );
        put(&mut objects, Kind::Number, &format!("n{n}"), &json);
    }
    let plan = r#"{"sms":{"default":45},"tiers":[{"beyond":100000,"sms":{"default":40}}]}"#;
    put(&mut objects, Kind::PricePlan, "base", plan);
    objects
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let (objects, rates, quotas) = (objects(), Rates::default(), Quotas::default());
        let tree = Tree::compile(&objects).unwrap();
        let balances = Balances::default();
        let plans = Plans::compile(&objects, &tree).unwrap();
        let payer = plans.payer(tree.chain(&enterprise())).unwrap();
        let paid = balances.top_up(payer, &ObjectId::parse("r1").unwrap(), 900_000_000_000_000, NOW);
        if let Ok(Topped::New(top_up)) = paid {
            balances.topped_up(top_up);
        }
        World {
            limits: RateLimits::compile(&tree, &rates),
            counts: QuotaLimits::compile(&tree, &quotas),
            numbers: Numbers::compile(&objects, &tree, &rates).unwrap(),
            clock: AtomicU64::new(5_000_000),
            objects,
            rates,
            quotas,
            tree,
            plans,
            balances,
        }
    })
}

fn enterprise() -> EnterpriseId {
    EnterpriseId::parse("e500").unwrap()
}

fn number() -> ServiceNumber {
    ServiceNumber::parse("10690500").unwrap()
}

impl World {
    fn chain(&self) -> Chain<'_> {
        self.tree.chain(&enterprise())
    }

    /// A clock in which no rate is ever used up.
    fn later(&self) -> Monotonic {
        Monotonic(self.clock.fetch_add(10, Ordering::Relaxed))
    }
}

#[divan::bench]
fn chain_shut_permits_requirements(bencher: Bencher<'_, '_>) {
    let (world, enterprise) = (world(), enterprise());
    bencher.bench(|| {
        let chain = world.tree.chain(black_box(&enterprise));
        let shut = world.tree.shut(chain).is_some();
        (shut, world.tree.permits(chain, Service::Sms, Category::Notice), world.tree.requirements(chain))
    });
}

#[divan::bench]
fn number_check(bencher: Bencher<'_, '_>) {
    let (world, number) = (world(), number());
    let check =
        || world.numbers.check(black_box(number), world.chain(), Service::Sms, Direction::Outbound, None);
    bencher.bench(|| check().is_ok());
}

#[divan::bench]
fn rates_of_four_tenants_and_a_number(bencher: Bencher<'_, '_>) {
    let (world, chain) = (world(), world().chain());
    let allotted = world.numbers.check(number(), chain, Service::Sms, Direction::Outbound, None).unwrap();
    let limits = [allotted.limit.unwrap()];
    bencher.bench(|| world.limits.take(chain, &limits, 1, world.later()).unwrap());
}

#[divan::bench]
fn rates_that_refuse(bencher: Bencher<'_, '_>) {
    let (world, chain) = (world(), world().chain());
    let limit =
        world.rates.limit(Kind::Signature, &ObjectId::parse("s").unwrap(), std::num::NonZeroU32::MIN, None);
    bencher.bench(|| world.limits.take(chain, &[&limit], 1, Monotonic(5_000_000)).is_err());
}

#[divan::bench]
fn quotas_of_four_tenants(bencher: Bencher<'_, '_>) {
    let (world, chain) = (world(), world().chain());
    bencher.bench(|| world.counts.take(chain, 1, NOW).unwrap());
}

#[divan::bench]
fn price_reserve_settle(bencher: Bencher<'_, '_>) {
    let (world, chain) = (world(), world().chain());
    let payer = world.plans.payer(chain).unwrap();
    let message = AtomicU64::new(0);
    bencher.bench(|| {
        let volume = |payer: &veilgate_policy::Payer| world.balances.volume(payer, NOW);
        let charge = world.plans.price(chain, Category::Notice, 1, NOW, volume).unwrap().unwrap();
        world.balances.reserve(payer, &charge, NOW).unwrap();
        let id = MessageId(message.fetch_add(1, Ordering::Relaxed));
        world.balances.stored(world.balances.settle(id, &charge, Some(charge.millis), NOW));
    });
    while let Some(folded) = world.balances.fold(50_000) {
        world.balances.folded(folded);
    }
}

#[divan::bench(sample_count = 20)]
fn everything_made_anew(bencher: Bencher<'_, '_>) {
    let world = world();
    bencher.bench(|| {
        let tree = Tree::compile(&world.objects).unwrap();
        let numbers = Numbers::compile(&world.objects, &tree, &world.rates).unwrap();
        let plans = Plans::compile(&world.objects, &tree).unwrap();
        (RateLimits::compile(&tree, &world.rates), QuotaLimits::compile(&tree, &world.quotas), numbers, plans)
    });
}
