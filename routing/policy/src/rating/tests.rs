use proptest::prelude::*;
use veilgate_names::{EnterpriseId, Reason, Service};

use super::*;
use crate::decision::Charge;
use crate::objects::{Object, Objects};
use crate::tenants::Tree;
use crate::tenants::tests::{id, tenants};

fn parse(json: &str) -> Result<Object, Mistake> {
    Object::parse(Kind::PricePlan, &id("p"), json.as_bytes())
}

fn objects(of: &[(&str, &str)], plans: &[(&str, &str)]) -> Objects {
    let mut objects = tenants(of);
    for (name, json) in plans {
        objects.put(id(name), Object::parse(Kind::PricePlan, &id(name), json.as_bytes()).unwrap());
    }
    objects
}

fn compiled(objects: &Objects) -> Result<(Tree, Plans), Mistake> {
    let tree = Tree::compile(objects)?;
    let plans = Plans::compile(objects, &tree)?;
    Ok((tree, plans))
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// What `ent-1` pays for a notice, with so many segments before it.
fn price(
    objects: &Objects,
    segments: u32,
    when: &str,
    volume: u64,
) -> Result<Option<Charge>, (Reason, ObjectId)> {
    let (tree, plans) = compiled(objects).unwrap();
    let chain = tree.chain(&EnterpriseId::parse("ent-1").unwrap());
    plans.price(chain, Category::Notice, segments, at(when), |_| volume)
}

const AGENT: (&str, &str) =
    ("agent-1", r#"{"level":"agent","parent":"carrier","price_plan":"base","payment":"prepaid"}"#);
const ENTERPRISE: (&str, &str) = ("ent-1", r#"{"level":"enterprise","parent":"agent-1"}"#);
const BASE: (&str, &str) = (
    "base",
    r#"{"sms":{"default":45,"marketing":55},"voice":{"per":"six-seconds","prices":{"default":10}}}"#,
);

#[test]
fn segments_are_priced_by_category_for_the_nearest_who_pays() {
    let base = objects(&[AGENT, ENTERPRISE], &[BASE]);
    let charge = price(&base, 3, "2026-03-01", 0).unwrap().unwrap();
    assert_eq!((charge.payer, charge.plan, charge.millis, charge.units), (id("agent-1"), id("base"), 135, 3));
    let (tree, plans) = compiled(&base).unwrap();
    let chain = tree.chain(&EnterpriseId::parse("ent-1").unwrap());
    let marketing = plans.price(chain, Category::Marketing, 2, at("2026-03-01"), |_| 0).unwrap().unwrap();
    assert_eq!(marketing.millis, 110);
    let other = tree.chain(&EnterpriseId::parse("ent-2").unwrap());
    assert_eq!(plans.price(other, Category::Notice, 1, at("2026-03-01"), |_| 0), Ok(None), "nobody pays");
    let own =
        r#"{"level":"enterprise","parent":"agent-1","payment":{"postpaid":{"credit":7}},"low_balance":3}"#;
    let own = objects(&[AGENT, ("ent-1", own)], &[BASE]);
    let (tree, plans) = compiled(&own).unwrap();
    let payer = plans.payer(tree.chain(&EnterpriseId::parse("ent-1").unwrap())).unwrap();
    assert_eq!((payer.id.as_str(), payer.credit, payer.low_balance), ("ent-1", 7, Some(3)));
}

#[test]
fn tiers_and_free_segments_follow_the_months_volume() {
    let plan = r#"{"sms":{"default":50},"free_segments":10,"tiers":[{"beyond":100,"sms":{"default":40}},
        {"beyond":1000,"sms":{"default":30,"notice":20}}]}"#;
    let objects = objects(&[AGENT, ENTERPRISE], &[("base", plan)]);
    for (volume, each) in
        [(0, 0), (9, 0), (10, 50), (99, 50), (100, 40), (999, 40), (1000, 20), (u64::MAX, 20)]
    {
        let charge = price(&objects, 2, "2026-03-01", volume).unwrap().unwrap();
        assert_eq!(charge.millis, 2 * each, "{volume}");
    }
}

#[test]
fn a_plan_holds_in_its_time_and_the_one_above_outside() {
    let tenant = r#"{"level":"enterprise","parent":"agent-1","price_plan":"spring"}"#;
    let spring = r#"{"sms":{"default":1},"from":"2026-03-01","until":"2026-04-01"}"#;
    let both = objects(&[AGENT, ("ent-1", tenant)], &[BASE, ("spring", spring)]);
    for (when, plan) in [
        ("2026-02-28T23:59:59.999", "base"),
        ("2026-03-01", "spring"),
        ("2026-03-31T23:59:59.999", "spring"),
        ("2026-04-01", "base"),
    ] {
        assert_eq!(price(&both, 1, when, 0).unwrap().unwrap().plan, id(plan), "{when}");
    }
    let alone = objects(&[AGENT, ENTERPRISE], &[("base", spring)]);
    assert_eq!(price(&alone, 1, "2026-04-01", 0), Err((Reason::NotPermitted, id("agent-1"))));
    let calls = objects(&[AGENT, ENTERPRISE], &[("base", r#"{"voice":{"prices":{"default":1}}}"#)]);
    assert!(price(&calls, 1, "2026-04-01", 0).is_err(), "messages are not sold");
}

#[test]
fn begun_steps_of_talking_are_charged() {
    for (millis, minutes, sixes) in
        [(0, 0, 0), (1, 1, 1), (6000, 1, 1), (6001, 1, 2), (60_000, 1, 10), (60_001, 2, 11), (119_999, 2, 20)]
    {
        let talked = Duration::from_millis(millis);
        assert_eq!(
            (Step::Minute.begun(talked), Step::SixSeconds.begun(talked)),
            (minutes, sixes),
            "{millis}"
        );
    }
    let (tree, plans) = compiled(&objects(&[AGENT, ENTERPRISE], &[BASE])).unwrap();
    let chain = tree.chain(&EnterpriseId::parse("ent-1").unwrap());
    let call = plans.price_call(chain, Category::Notice, Duration::from_secs(61), at("2026-03-01"));
    let call = call.unwrap().unwrap();
    assert_eq!((call.millis, call.units, call.service), (110, 11, Service::Voice));
}

#[test]
fn what_is_charged_at_an_end_is_said_by_the_plan_and_the_contract() {
    use FinalState::{Cancelled, Delivered, Expired, Rejected, Undeliverable, Unknown};
    let all = [Delivered, Undeliverable, Rejected, Expired, Cancelled, Unknown];
    let charged = |tenant: &str, plan: &str| {
        let agent = format!(
            r#"{{"level":"agent","parent":"carrier","price_plan":"base","payment":"prepaid"{tenant}}}"#
        );
        let plan = format!(r#"{{"sms":{{"default":1}}{plan}}}"#);
        let objects = objects(&[("agent-1", &agent), ENTERPRISE], &[("base", &plan)]);
        let billing = price(&objects, 1, "2026-03-01", 0).unwrap().unwrap().billing;
        assert_eq!(Billing::from_octet(billing.octet()), billing);
        assert!(all.iter().all(|end| !billing.charges(*end, false)), "what never left is never charged");
        all.into_iter().filter(|end| billing.charges(*end, true)).collect::<Vec<_>>()
    };
    assert_eq!(charged("", ""), all);
    let some = r#","refund":["undeliverable","expired","unknown"]"#;
    assert_eq!(charged("", some), [Delivered, Rejected, Cancelled]);
    assert_eq!(
        charged("", r#","refund":["rejected","cancelled"]"#),
        [Delivered, Undeliverable, Expired, Unknown]
    );
    assert_eq!(charged("", r#","bill_on":"delivered""#), [Delivered]);
    assert_eq!(
        charged(r#","bill_on":"delivered""#, r#","bill_on":"submitted""#),
        [Delivered],
        "the contract wins"
    );
}

#[test]
fn mistakes_name_object_and_field() {
    let field = |json: &str| parse(json).unwrap_err().field;
    assert_eq!(field("{}"), "sms");
    assert_eq!(field(r#"{"voice":{"prices":{"default":1}},"free_segments":5}"#), "sms");
    assert_eq!(field(r#"{"sms":{"default":1000000001}}"#), "sms");
    assert_eq!(field(r#"{"voice":{"prices":{"default":1,"notice":1000000001}}}"#), "voice.prices");
    assert_eq!(field(r#"{"sms":{"default":1},"from":"2026-03-01","until":"2026-03-01"}"#), "until");
    let tier = |beyond: u32| format!(r#"{{"beyond":{beyond},"sms":{{"default":1}}}}"#);
    let tiers = |of: &[u32]| {
        format!(
            r#"{{"sms":{{"default":1}},"tiers":[{}]}}"#,
            of.iter().map(|n| tier(*n)).collect::<Vec<_>>().join(",")
        )
    };
    assert_eq!(field(&tiers(&[5, 10, 10])), "tiers[1]");
    assert_eq!(field(&tiers(&(1..=17).collect::<Vec<_>>())), "tiers");
    assert!(parse(&tiers(&[5, 10, 11])).is_ok());
    let mistake = |of: &[(&str, &str)]| compiled(&objects(of, &[])).map(|_| ()).unwrap_err().to_string();
    assert_eq!(mistake(&[AGENT]), "tenants/agent-1/price_plan: there is no price plan \"base\"");
    let free = r#"{"level":"agent","parent":"carrier","payment":"prepaid"}"#;
    assert_eq!(mistake(&[("a", free)]), "tenants/a/payment: there is no price plan, here or above");
}

proptest! {
    #[test]
    fn a_charge_lies_with_its_message_as_it_was(millis: u64, units: u32, octet: u8, is_call: bool) {
        let service = if is_call { Service::Voice } else { Service::Sms };
        let billing = Billing::from_octet(octet);
        let charge = Charge { payer: id("ent-1"), plan: id(&"p".repeat(64)), millis, service, units, billing };
        let octets = charge.to_octets();
        prop_assert!(octets.len() <= 156);
        prop_assert_eq!(Charge::from_octets(&octets), Ok(charge));
        prop_assert!(Charge::from_octets(&octets[..octets.len() - 1]).is_err());
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Charge::from_octets(&octets);
    }
}
