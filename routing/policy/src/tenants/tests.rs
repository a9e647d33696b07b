use proptest::prelude::*;
use veilgate_names::{Category, EnterpriseId, Reason, Service};

use super::*;
use crate::objects::{Object, Objects};

pub(crate) fn id(text: &str) -> ObjectId {
    ObjectId::parse(text).unwrap()
}

/// Objects of tenants, each given as its name and JSON.
pub(crate) fn tenants(of: &[(&str, &str)]) -> Objects {
    let mut objects = Objects::default();
    for (name, json) in of {
        objects.put(id(name), Object::parse(Kind::Tenant, &id(name), json.as_bytes()).unwrap());
    }
    objects
}

fn tree(of: &[(&str, &str)]) -> Tree {
    Tree::compile(&tenants(of)).unwrap()
}

fn mistake(of: &[(&str, &str)]) -> String {
    Tree::compile(&tenants(of)).unwrap_err().to_string()
}

fn chain<'a>(tree: &'a Tree, enterprise: &str) -> Chain<'a> {
    tree.chain(&EnterpriseId::parse(enterprise).unwrap())
}

fn effective(tree: &Tree, name: &str) -> Effective {
    tree.effective(tree.index(&id(name)).unwrap()).unwrap()
}

const DISTRIBUTOR: (&str, &str) =
    ("dist-1", r#"{"level":"distributor","parent":"carrier","rate_per_second":300,"per_day":1000}"#);
const AGENT: (&str, &str) =
    ("agent-1", r#"{"level":"agent","parent":"dist-1","services":["sms"],"signature":"required"}"#);
const ENTERPRISE: (&str, &str) = (
    "ent-1",
    r#"{"level":"enterprise","parent":"agent-1","rate_per_second":500,"per_day":10,"categories":["notice"],
        "signature":"off","template":"optional"}"#,
);

#[test]
fn what_is_in_force_is_the_strictest_of_the_chain() {
    let tree = tree(&[DISTRIBUTOR, AGENT, ENTERPRISE]);
    let ent = effective(&tree, "ent-1");
    assert_eq!(ent.chain, ["ent-1", "agent-1", "dist-1", "carrier"].map(id));
    assert_eq!(ent.rate_per_second.map(NonZeroU32::get), Some(300));
    assert_eq!(ent.per_day.map(NonZeroU64::get), Some(10));
    assert_eq!((ent.signature, ent.template), (Requirement::Required, Requirement::Optional));
    assert_eq!(tree.requirements(chain(&tree, "ent-1")), (Requirement::Required, Requirement::Optional));
    let may = |service, category| tree.permits(chain(&tree, "ent-1"), service, category);
    assert!(may(Service::Sms, Category::Notice));
    assert!(!may(Service::Voice, Category::Notice) && !may(Service::Sms, Category::Marketing));
    let by =
        |service, category| tree.forbidden_by(chain(&tree, "ent-1"), service, category).map(ObjectId::as_str);
    assert_eq!(by(Service::Voice, Category::Notice), Some("agent-1"));
    assert_eq!(by(Service::Voice, Category::Marketing), Some("ent-1"));
    assert_eq!(by(Service::Sms, Category::Notice), None);
}

#[test]
fn without_objects_everything_passes() {
    for tree in [Tree::default(), tree(&[])] {
        let chain = chain(&tree, "ent-9");
        assert_eq!(chain.0, [Tree::CARRIER]);
        assert!(tree.shut(chain).is_none() && tree.permits(chain, Service::Voice, Category::Marketing));
        assert_eq!(tree.requirements(chain), (Requirement::Off, Requirement::Off));
        assert!(tree.payer(Tree::CARRIER).is_none() && tree.price_plan(Tree::CARRIER).is_none());
    }
}

#[test]
fn a_shut_tenant_shuts_everyone_below_and_nobody_else() {
    for shut in ["carrier", "dist-1", "agent-1", "ent-1"] {
        for state in ["suspended", "frozen"] {
            let mut objects = tenants(&[
                ("carrier", r#"{"level":"carrier"}"#),
                DISTRIBUTOR,
                AGENT,
                ENTERPRISE,
                ("dist-2", r#"{"level":"distributor","parent":"carrier"}"#),
                ("ent-2", r#"{"level":"enterprise","parent":"dist-2"}"#),
            ]);
            let mut tenant = Tenant::clone(objects.tenants.find(&id(shut)).unwrap());
            tenant.state = serde_json::from_str(&format!("\"{state}\"")).unwrap();
            objects.tenants.put(id(shut), tenant.into());
            let tree = Tree::compile(&objects).unwrap();
            assert_eq!(tree.shut(chain(&tree, "ent-1")), Some((Reason::AccountSuspended, &id(shut))));
            assert_eq!(effective(&tree, "ent-1").shut_by, Some(id(shut)));
            for other in ["ent-2", "unknown"] {
                assert_eq!(tree.shut(chain(&tree, other)).is_some(), shut == "carrier", "{other} {shut}");
            }
        }
    }
}

#[test]
fn a_tenant_that_moves_has_its_new_parents_limits_at_once() {
    let mut objects = tenants(&[
        DISTRIBUTOR,
        AGENT,
        ENTERPRISE,
        ("dist-2", r#"{"level":"distributor","parent":"carrier","state":"suspended"}"#),
    ]);
    assert!(
        Tree::compile(&objects).unwrap().shut(chain(&Tree::compile(&objects).unwrap(), "ent-1")).is_none()
    );
    let mut agent = Tenant::clone(objects.tenants.find(&id("agent-1")).unwrap());
    agent.parent = Some(id("dist-2"));
    objects.tenants.put(id("agent-1"), agent.into());
    let tree = Tree::compile(&objects).unwrap();
    assert_eq!(tree.shut(chain(&tree, "ent-1")), Some((Reason::AccountSuspended, &id("dist-2"))));
    assert_eq!(effective(&tree, "ent-1").rate_per_second.map(NonZeroU32::get), Some(500));
}

#[test]
fn levels_are_left_out_but_not_inverted() {
    assert_eq!(chain(&tree(&[("e", r#"{"level":"enterprise","parent":"carrier"}"#)]), "e").0.len(), 2);
    let nobody = mistake(&[("e", r#"{"level":"enterprise","parent":"nobody"}"#)]);
    assert_eq!(nobody, "tenants/e/parent: there is no tenant \"nobody\"");
    let inverted =
        [("a", r#"{"level":"agent","parent":"e"}"#), ("e", r#"{"level":"enterprise","parent":"carrier"}"#)];
    assert_eq!(mistake(&inverted), "tenants/a/parent: \"e\" is not of a level above");
    for circle in [
        vec![("a", r#"{"level":"agent","parent":"a"}"#)],
        vec![("a", r#"{"level":"agent","parent":"b"}"#), ("b", r#"{"level":"distributor","parent":"a"}"#)],
        vec![("a", r#"{"level":"agent","parent":"b"}"#), ("b", r#"{"level":"agent","parent":"a"}"#)],
    ] {
        assert!(mistake(&circle).ends_with("is not of a level above"));
    }
}

#[test]
fn objects_that_are_wrong_in_themselves_are_named() {
    let wrong =
        |name: &str, json: &str| Object::parse(Kind::Tenant, &id(name), json.as_bytes()).unwrap_err().field;
    assert_eq!(wrong("e", r#"{"level":"enterprise"}"#), "parent");
    assert_eq!(wrong("carrier", r#"{"level":"carrier","parent":"x"}"#), "parent");
    assert_eq!(wrong("other", r#"{"level":"carrier"}"#), "level");
    assert_eq!(wrong("carrier", r#"{"level":"agent","parent":"x"}"#), "level");
    let field = |more: &str| wrong("e", &format!(r#"{{"level":"enterprise","parent":"carrier",{more}}}"#));
    assert_eq!(field(r#""burst":5"#), "burst");
    assert_eq!(field(r#""rate_per_second":1000001"#), "rate_per_second");
    assert_eq!(field(r#""weight":101"#), "weight");
    assert_eq!(field(r#""low_balance":5"#), "low_balance");
    assert_eq!(field(r#""payment":{"postpaid":{"credit":1000000000000001}}"#), "payment.postpaid.credit");
    for json in [r#""rate_per_second":0"#, r#""weight":0"#, r#""payment":{"postpaid":{}}"#, r#""bogus":1"#] {
        field(json);
    }
    field(r#""payment":{"postpaid":{"credit":1,"bogus":2}}"#);
    wrong("e", "");
}

proptest! {
    /// Random trees: who pays, who is shut and what is permitted are what a walk upwards finds.
    #[test]
    fn a_walk_upwards_finds_the_same(parents in prop::collection::vec((any::<u8>(), 0..3_u8, any::<bool>(), any::<bool>()), 1..40)) {
        let mut objects = Objects::default();
        let mut known = vec![(CARRIER.to_owned(), Level::Carrier)];
        for (place, (parent, kind, shut, pays)) in parents.into_iter().enumerate() {
            let level = [Level::Distributor, Level::Agent, Level::Enterprise][usize::from(kind)];
            let above: Vec<_> = known.iter().filter(|(_, other)| *other < level).collect();
            let parent = id(&above[usize::from(parent) % above.len()].0);
            let mut tenant = Tenant::new(level, Some(parent));
            tenant.state = if shut { TenantState::Frozen } else { TenantState::Active };
            tenant.payment = pays.then_some(Payment::Prepaid);
            let name = format!("t{place}");
            objects.tenants.put(id(&name), tenant.into());
            known.push((name, level));
        }
        let tree = Tree::compile(&objects).unwrap();
        for (name, _) in &known[1..] {
            let (mut walk, mut at) = (vec![], Some(id(name)));
            while let Some(each) = at {
                at = objects.tenants.find(&each).and_then(|tenant| tenant.parent.clone());
                walk.push(each);
            }
            let of = |test: fn(&Tenant) -> bool| {
                walk.iter().find(|each| objects.tenants.find(each).is_some_and(|tenant| test(tenant))).cloned()
            };
            let found = effective(&tree, name);
            prop_assert_eq!(&found.chain, &walk);
            prop_assert_eq!(found.shut_by, of(|tenant| tenant.state != TenantState::Active));
            prop_assert_eq!(found.payer, of(|tenant| tenant.payment.is_some()));
        }
    }
}
