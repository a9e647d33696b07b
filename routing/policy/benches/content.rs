//! The content rules at the size of a carrier: 50,000 words, 10,000 templates and 1,000 signatures of 1,000 tenants, texts of
//! 70 characters. Prints p50 and p99 of one decision, then divan's figures. `cargo bench -p veilgate-policy --bench content`
//!
//! Goals: a decision well below 15 us at p50 and 80 us at p99, 50,000 words compiled in well under a second.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement"
)]

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Instant;

use divan::Bencher;
use veilgate_names::{Category, EnterpriseId, ObjectId, Service, ServiceNumber, Timestamp};
use veilgate_policy::{Content, Kind, Object, Objects, Question, Requirement, Tree, folded};

const WORDS: usize = 50_000;
const TENANTS: usize = 1_000;
const TEMPLATES_EACH: usize = 10;
const TEXTS: usize = 4_096;
const NOW: Timestamp = Timestamp(1_790_000_000_000);

static WORLD: LazyLock<World> = LazyLock::new(World::make);

fn main() {
    percentiles();
    divan::main();
}

struct World {
    objects: Objects,
    tree: Tree,
    content: Content,
    texts: Vec<(EnterpriseId, String)>,
}

impl World {
    fn make() -> Self {
        let mut objects = Objects::default();
        let words: Vec<String> = (0..WORDS).map(|n| ideographs(n * 31 + 7, 2 + n % 4)).collect();
        put(&mut objects, Kind::WordList, "words", &serde_json::json!({ "action": "block", "words": words }));
        put(&mut objects, Kind::Tenant, "carrier", &serde_json::json!({ "level": "carrier" }));
        let mut texts = Vec::new();
        for tenant in 0..TENANTS {
            let name = format!("e{tenant}");
            let of_tenant = serde_json::json!({ "level": "enterprise", "parent": "carrier" });
            put(&mut objects, Kind::Tenant, &name, &of_tenant);
            let signature =
                serde_json::json!({ "text": format!("公司{tenant}"), "tenant": name, "state": "approved" });
            put(&mut objects, Kind::Signature, &name, &signature);
            for number in 0..TEMPLATES_EACH {
                put(&mut objects, Kind::Template, &format!("{name}-{number}"), &template(&name, number));
            }
        }
        for n in 0..TEXTS {
            let tenant = n * 7_919 % TENANTS;
            let body = body(n % TEMPLATES_EACH).replace("${who}", "王先生").replace("${sum}", "1,234.50");
            let body = body.replace("${code}", &format!("{:06}", n * 7_919 % 1_000_000));
            texts.push((
                EnterpriseId::parse(&format!("e{tenant}")).unwrap(),
                format!("【公司{tenant}】{body}"),
            ));
        }
        let tree = Tree::compile(&objects).unwrap();
        let content = Content::compile(&objects, &tree, None).unwrap();
        Self { objects, tree, content, texts }
    }

    fn judge(&self, at: usize, requirements: (Requirement, Requirement)) -> bool {
        let (enterprise, text) = &self.texts[at % TEXTS];
        let question = Question {
            service: Service::Sms,
            enterprise,
            number: ServiceNumber::parse("10690001").unwrap(),
            text: Some(text),
            template: None,
            params: None,
            segments: 1,
        };
        let chain = self.tree.chain(enterprise);
        self.content.judge(&question, chain, requirements, Category::Notice, NOW).finding.is_none()
    }
}

fn put(objects: &mut Objects, kind: Kind, id: &str, json: &serde_json::Value) {
    let id = ObjectId::parse(id).unwrap();
    objects.put(id.clone(), Object::parse(kind, &id, json.to_string().as_bytes()).unwrap());
}

/// Some thousand common characters in no order that repeats soon.
fn ideographs(seed: usize, length: usize) -> String {
    let place = |n: usize| (seed * 48_271 + n * 16_807 + seed / 997 * n) % 6_000;
    (0..length).map(|n| char::from_u32(0x4e00 + u32::try_from(place(n)).unwrap()).unwrap()).collect()
}

fn template(tenant: &str, number: usize) -> serde_json::Value {
    serde_json::json!({
        "tenant": tenant, "signature": tenant, "category": "notice", "body": body(number),
        "variables": { "who": { "type": "name" }, "sum": { "type": "amount" }, "code": { "type": "code" } },
        "state": "approved", "carrier_approved": true, "notary_approved": true
    })
}

/// About 62 characters once filled.
fn body(number: usize) -> String {
    let kind = ideographs(number * 3 + 1, 4);
    format!(
        "尊敬的${{who}}，您尾号{number}的{kind}账户发生支出¥${{sum}}元，验证码为${{code}}，请在五分钟内于本页面输入，如非本人操作请联系我们。"
    )
}

fn percentiles() {
    let world = &*WORLD;
    let length = world.texts.iter().map(|(_, text)| text.chars().count()).sum::<usize>() / TEXTS;
    let passed =
        (0..TEXTS).filter(|at| world.judge(*at, (Requirement::Required, Requirement::Required))).count();
    println!("{TEXTS} texts of {length} characters, {passed} pass with everything required");
    let began = Instant::now();
    drop(black_box(Content::compile(&world.objects, &world.tree, None).unwrap()));
    println!("compiled from nothing in {:?}", began.elapsed());
    for (name, requirements) in [
        ("words only", (Requirement::Off, Requirement::Off)),
        ("signature, template, words", (Requirement::Required, Requirement::Required)),
    ] {
        let mut spent: Vec<u128> = Vec::with_capacity(50 * TEXTS);
        for at in 0..50 * TEXTS {
            let began = Instant::now();
            black_box(world.judge(at, requirements));
            spent.push(began.elapsed().as_nanos());
        }
        spent.sort_unstable();
        let at = |share: usize| spent[spent.len() * share / 1_000];
        println!("{name}: p50 {} ns, p99 {} ns, p99.9 {} ns", at(500), at(990), at(999));
    }
}

#[divan::bench]
fn words_alone(bencher: Bencher<'_, '_>) {
    each(bencher, |at| WORLD.judge(at, (Requirement::Off, Requirement::Off)));
}

#[divan::bench]
fn signature_template_words(bencher: Bencher<'_, '_>) {
    each(bencher, |at| WORLD.judge(at, (Requirement::Required, Requirement::Required)));
}

#[divan::bench]
fn one_spelling(bencher: Bencher<'_, '_>) {
    each(bencher, |at| folded(&WORLD.texts[at % TEXTS].1));
}

#[divan::bench(sample_count = 10)]
fn compile(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Content::compile(&WORLD.objects, &WORLD.tree, None).unwrap());
}

/// What an operator waits for after a change of one object, the rest being kept.
#[divan::bench(sample_count = 10, args = [Kind::Template, Kind::WordList, Kind::Signature])]
fn compile_after_a_change(bencher: Bencher<'_, '_>, kind: Kind) {
    let mut objects = WORLD.objects.clone();
    let id = objects.ids(kind).pop().unwrap();
    let object = objects.find(kind, &id).unwrap();
    objects.put(id, object);
    bencher.bench_local(|| Content::compile(&objects, &WORLD.tree, Some(&WORLD.content)).unwrap());
}

fn each<T>(bencher: Bencher<'_, '_>, judge: impl Fn(usize) -> T) {
    LazyLock::force(&WORLD);
    let mut at = 0;
    bencher.bench_local(move || {
        at += 1;
        judge(at)
    });
}
