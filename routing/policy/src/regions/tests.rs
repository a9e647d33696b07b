use proptest::prelude::*;
use veilgate_names::EnterpriseId;

use super::*;
use crate::objects::Object;

const EVERYBODY: Chain<'static> = Chain(&[Tree::CARRIER]);
const CITIES: [(&str, &str); 4] = [("四川", "成都"), ("四川", "绵阳"), ("青海", "海南"), ("海南", "海口")];
const OPERATORS: [&str; 3] = ["移动", "联通", "电信虚拟"];

fn id(text: &str) -> ObjectId {
    ObjectId::parse(text).unwrap()
}

fn gazetteer() -> Gazetteer {
    let mut gazetteer = Gazetteer::default();
    for (province, city) in CITIES {
        for operator in OPERATORS {
            gazetteer.add(province, city, operator).unwrap();
        }
    }
    gazetteer
}

fn place(province: &str, city: &str, operator: &str) -> Option<Place> {
    gazetteer().add(province, city, operator)
}

fn put(objects: &mut Objects, kind: Kind, name: &str, json: &str) {
    let object = Object::parse(kind, &id(name), json.as_bytes());
    objects.put(id(name), object.unwrap_or_else(|mistake| panic!("{mistake}")));
}

fn compile(objects: &Objects) -> Result<Regions, Mistake> {
    Regions::compile(objects, &Tree::compile(objects)?, &gazetteer())
}

fn regions(all: &[(&str, &str)]) -> Regions {
    let mut objects = Objects::default();
    for (name, json) in all {
        put(&mut objects, Kind::RegionRule, name, json);
    }
    compile(&objects).unwrap()
}

fn number(text: &str) -> ServiceNumber {
    ServiceNumber::parse(text).unwrap()
}

fn ask(regions: &Regions, place: Option<Place>) -> Option<String> {
    let refusing = regions.check(Service::Sms, Category::Notice, EVERYBODY, number("10690001"), place);
    refusing.map(|id| id.to_string())
}

#[test]
fn no_rule_lets_everybody_pass() {
    assert_eq!(ask(&Regions::default(), None), None);
    assert_eq!(ask(&Regions::default(), place("四川", "成都", "移动")), None);
}

#[test]
fn what_is_unknown_passes_deny_and_fails_allow() {
    let everything = r#"[{"province":"四川"},{"operator":"移动"}]"#;
    let deny = regions(&[("r", &format!(r#"{{"deny":{everything}}}"#))]);
    let allow = regions(&[("r", &format!(r#"{{"allow":{everything}}}"#))]);
    assert_eq!(ask(&deny, None), None);
    assert_eq!(ask(&allow, None).as_deref(), Some("r"));
}

#[test]
fn provinces_cities_and_operators() {
    for (spot, there, elsewhere) in [
        (r#"{"province":"四川"}"#, "四川 成都 移动,四川 绵阳 联通", "海南 海口 移动"),
        (r#"{"province":"四川","city":"成都"}"#, "四川 成都 联通", "四川 绵阳 联通"),
        // A province and a city of another have one name.
        (r#"{"province":"海南"}"#, "海南 海口 移动", "青海 海南 移动"),
        (r#"{"operator":"移动"}"#, "四川 成都 移动,海南 海口 移动", "四川 成都 联通"),
        (
            r#"{"province":"四川","city":"成都","operator":"电信虚拟"}"#,
            "四川 成都 电信虚拟",
            "四川 成都 移动,四川 绵阳 电信虚拟",
        ),
    ] {
        let deny = regions(&[("r", &format!(r#"{{"deny":[{spot}]}}"#))]);
        let allow = regions(&[("r", &format!(r#"{{"allow":[{spot}]}}"#))]);
        for (list, is_there) in [(there, true), (elsewhere, false)] {
            for names in list.split(',') {
                let [province, city, operator] = names.split(' ').collect::<Vec<_>>()[..] else { panic!() };
                let place = place(province, city, operator);
                assert_eq!(ask(&deny, place).is_some(), is_there, "{spot} {names}");
                assert_eq!(ask(&allow, place).is_none(), is_there, "{spot} {names}");
            }
        }
    }
}

#[test]
fn every_rule_that_applies_must_let_it_pass() {
    let both = regions(&[
        ("a", r#"{"allow":[{"province":"四川"}]}"#),
        ("b", r#"{"deny":[{"province":"四川","city":"绵阳"}]}"#),
    ]);
    assert_eq!(ask(&both, place("四川", "成都", "移动")), None);
    assert_eq!(ask(&both, place("四川", "绵阳", "移动")).as_deref(), Some("b"));
    assert_eq!(ask(&both, place("青海", "海南", "移动")).as_deref(), Some("a"));
}

#[test]
fn only_what_it_is_about_is_asked() {
    let json = r#"{"scope":{"category":"marketing","service":"sms"},"numbers":["10690001","10690002"],"deny":[{"operator":"移动"}]}"#;
    let regions = regions(&[("r", json)]);
    let there = place("四川", "成都", "移动");
    let is_refused =
        |service, category, from| regions.check(service, category, EVERYBODY, number(from), there).is_some();
    assert!(is_refused(Service::Sms, Category::Marketing, "10690001"));
    assert!(is_refused(Service::Sms, Category::Marketing, "10690002"));
    assert!(!is_refused(Service::Sms, Category::Marketing, "10690003"));
    assert!(!is_refused(Service::Sms, Category::Marketing, "106900010"));
    assert!(!is_refused(Service::Sms, Category::Notice, "10690001"));
    assert!(!is_refused(Service::Voice, Category::Marketing, "10690001"));
}

#[test]
fn tenants_have_rules_for_themselves_and_everyone_below() {
    let mut objects = Objects::default();
    put(&mut objects, Kind::Tenant, "carrier", r#"{"level":"carrier"}"#);
    put(&mut objects, Kind::Tenant, "north", r#"{"level":"distributor","parent":"carrier"}"#);
    put(&mut objects, Kind::Tenant, "bank", r#"{"level":"enterprise","parent":"north"}"#);
    put(&mut objects, Kind::Tenant, "shop", r#"{"level":"enterprise","parent":"carrier"}"#);
    let json = r#"{"scope":{"tenant":"north"},"allow":[{"province":"青海"}]}"#;
    put(&mut objects, Kind::RegionRule, "only-qinghai", json);
    let (tree, regions) = (Tree::compile(&objects).unwrap(), compile(&objects).unwrap());
    let is_refused = |enterprise: &str| {
        let chain = tree.chain(&EnterpriseId::parse(enterprise).unwrap());
        let place = place("四川", "成都", "移动");
        regions.check(Service::Sms, Category::Notice, chain, number("10690001"), place).is_some()
    };
    assert!(is_refused("bank") && !is_refused("shop") && !is_refused("unknown"));
}

#[test]
fn what_is_wrong_is_named() {
    for (json, field) in [
        (r#"{}"#, ""),
        (r#"{"allow":[{"province":"四川"}],"deny":[{"province":"四川"}]}"#, ""),
        (r#"{"allow":[]}"#, "allow"),
        (r#"{"deny":[{}]}"#, "deny[0]"),
        (r#"{"deny":[{"province":"四川"},{"city":"成都"}]}"#, "deny[1].city"),
        (r#"{"deny":[{"city":"成都","operator":"移动"}]}"#, "deny[0].city"),
        (r#"{"deny":[{"province":"四川","operator":""}]}"#, "deny[0].operator"),
    ] {
        let mistake = Object::parse(Kind::RegionRule, &id("r"), json.as_bytes()).unwrap_err();
        assert_eq!(mistake.field, field, "{json}: {mistake}");
    }
    let many =
        format!(r#"{{"deny":[{}{{"province":"四川"}}]}}"#, r#"{"province":"四川"},"#.repeat(MAX_ENTRIES));
    assert_eq!(Object::parse(Kind::RegionRule, &id("r"), many.as_bytes()).unwrap_err().field, "deny");
}

#[test]
fn what_is_not_there_is_named() {
    for (json, field) in [
        (r#"{"scope":{"tenant":"none"},"deny":[{"province":"四川"}]}"#, "scope.tenant"),
        (r#"{"deny":[{"province":"四川省"}]}"#, "deny[0].province"),
        (r#"{"allow":[{"province":"四川"},{"province":"四川","city":"海口"}]}"#, "allow[1].city"),
        (r#"{"allow":[{"operator":"telco"}]}"#, "allow[0].operator"),
        (r#"{"deny":[{"province":"四川"},{"province":"四川"}]}"#, "deny[1]"),
    ] {
        let mut objects = Objects::default();
        put(&mut objects, Kind::RegionRule, "r", json);
        let mistake = compile(&objects).unwrap_err();
        assert_eq!((mistake.field.as_str(), mistake.id), (field, Some(id("r"))), "{json}");
    }
}

#[test]
fn an_object_reads_back_from_its_json() {
    let json = r#"{"numbers":["10690001"],"allow":[{"province":"四川","city":"成都"},{"operator":"移动"}]}"#;
    let object = Object::parse(Kind::RegionRule, &id("r"), json.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(object.to_json()).unwrap(), json);
}

proptest! {
    #[test]
    fn rules_agree_with_comparing_names(
        spots in prop::collection::btree_set((prop::option::of(0_usize..4), any::<bool>(), prop::option::of(0_usize..3)), 1..5),
        is_allow: bool,
        city in 0_usize..4,
        operator in 0_usize..3,
    ) {
        let quoted = |key: &str, name: &str| format!(r#""{key}":"{name}""#);
        let mut names = std::collections::BTreeSet::new();
        for (city, whole_province, operator) in spots {
            let province = city.map(|at| CITIES[at].0);
            let city = city.filter(|_| !whole_province).map(|at| CITIES[at].1);
            names.insert((province, city, operator.map(|at| OPERATORS[at])));
        }
        names.remove(&(None, None, None));
        prop_assume!(!names.is_empty());
        let spot = |(province, city, operator): &(Option<&str>, Option<&str>, Option<&str>)| {
            let keys = [("province", province), ("city", city), ("operator", operator)];
            let keys: Vec<_> = keys.iter().filter_map(|(key, name)| Some(quoted(key, (**name)?))).collect();
            format!("{{{}}}", keys.join(","))
        };
        let list = names.iter().map(spot).collect::<Vec<_>>().join(",");
        let key = if is_allow { "allow" } else { "deny" };
        let regions = regions(&[("r", &format!(r#"{{"{key}":[{list}]}}"#))]);
        let here = (CITIES[city].0, CITIES[city].1, OPERATORS[operator]);
        let is_there = names.iter().any(|(province, city, operator)| {
            province.is_none_or(|name| name == here.0)
                && city.is_none_or(|name| name == here.1)
                && operator.is_none_or(|name| name == here.2)
        });
        prop_assert_eq!(ask(&regions, place(here.0, here.1, here.2)).is_some(), is_there != is_allow);
    }
}
