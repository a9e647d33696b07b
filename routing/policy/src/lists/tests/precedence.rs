//! Which list decides, over all combinations of levels and kinds.

use veilgate_names::{Category, ListKey, ObjectId, Reason, Service, ServiceNumber, Timestamp};

use super::{HOUR, NOW, id, objects, put};
use crate::lists::{EntryEnd, ListChange, ListLevel, ListQuestion, ListRules, Listed, Lists};
use crate::mistake::Mistake;
use crate::objects::Objects;
use crate::tenants::{Chain, TenantIndex};

const WHO: ListKey = ListKey(77);
/// The enterprise, its agent, the carrier.
const CHAIN: [TenantIndex; 3] = [TenantIndex(9), TenantIndex(4), TenantIndex(0)];

fn index(tenant: &ObjectId) -> Option<TenantIndex> {
    ["carrier", "agent", "ent", "stranger"]
        .iter()
        .position(|name| *name == tenant.as_str())
        .map(|at| TenantIndex([0, 4, 9, 5][at]))
}

fn rules(objects: Objects, lists: &Lists) -> Result<ListRules, Mistake> {
    ListRules::of(&objects, index, |signature| signature.as_str() == "bank", lists)
}

fn ask(rules: &ListRules, signature: Option<&ObjectId>, now: Timestamp) -> Listed {
    let number = ServiceNumber::parse("10690001").unwrap();
    let (service, category) = (Service::Sms, Category::Notice);
    let asked = ListQuestion { key: WHO, service, category, chain: Chain(&CHAIN), signature, number };
    rules.check(&asked, now)
}

fn json(level: ListLevel, kind: &str) -> String {
    let owner = match level {
        ListLevel::Regulator => r#""level":"regulator""#,
        ListLevel::Global => r#""level":"global""#,
        ListLevel::Tenant => r#""level":"tenant","tenant":"agent""#,
        ListLevel::Signature => r#""level":"signature","signature":"bank""#,
        ListLevel::Number => r#""level":"number","number":"10690001""#,
    };
    format!(r#"{{{owner},"kind":"{kind}"}}"#)
}

/// Ten lists, one of each level and kind; the person is on any of them: 1,024 cases.
#[test]
fn black_wins_in_order_and_white_lifts_nothing_of_it() {
    let names: Vec<(ListLevel, &str, String)> = ListLevel::ALL
        .iter()
        .flat_map(|level| ["black", "white"].map(|kind| (*level, kind, format!("{level:?}-{kind}"))))
        .collect();
    let forms: Vec<(String, String)> =
        names.iter().map(|(level, kind, name)| (name.clone(), json(*level, kind))).collect();
    let forms: Vec<(&str, &str)> = forms.iter().map(|(name, json)| (name.as_str(), json.as_str())).collect();
    let lists = Lists::default();
    let rules = rules(objects(&forms), &lists).unwrap();
    for case in 0..1024_usize {
        let on = |at: usize| case >> at & 1 == 1;
        for (at, (_, _, name)) in names.iter().enumerate() {
            let change = if on(at) { ListChange::Put(EntryEnd::NEVER) } else { ListChange::Remove };
            let held = lists.held(&id(name));
            held.install(held.entries().changed(&[WHO], change, NOW).0);
        }
        let mut of_person = names.iter().enumerate().filter(|(at, _)| on(*at)).map(|(_, name)| name);
        let black = of_person.clone().find(|(_, kind, _)| *kind == "black");
        let expected = Listed {
            black: black.map(|(level, _, name)| (level.reason(), id(name))),
            white: black.is_none() && of_person.any(|(_, kind, _)| *kind == "white"),
        };
        assert_eq!(ask(&rules, Some(&id("bank")), NOW), expected, "{case:b}");
    }
}

#[test]
fn the_order_of_report_is_the_documented_one() {
    use Reason as R;
    let reasons = ListLevel::ALL.map(ListLevel::reason);
    assert_eq!(
        reasons,
        [R::BlackRegulator, R::BlackGlobal, R::BlackTenant, R::BlackSignature, R::BlackNumber]
    );
}

#[test]
fn a_list_counts_for_those_it_belongs_to() {
    let cases = [
        (r#"{"level":"tenant","tenant":"ent","kind":"black"}"#, true),
        (r#"{"level":"tenant","tenant":"agent","kind":"black"}"#, true),
        (r#"{"level":"tenant","tenant":"carrier","kind":"black"}"#, true),
        (r#"{"level":"tenant","tenant":"stranger","kind":"black"}"#, false),
        (r#"{"level":"number","number":"10690002","kind":"black"}"#, false),
        (r#"{"level":"signature","signature":"bank","kind":"black"}"#, false),
        (r#"{"level":"global","kind":"black","services":["voice"]}"#, false),
        (r#"{"level":"global","kind":"black","services":["voice","sms"]}"#, true),
        (r#"{"level":"global","kind":"black","categories":["marketing"]}"#, false),
        (r#"{"level":"global","kind":"black","categories":["marketing","notice"]}"#, true),
        (r#"{"level":"global","kind":"black","enabled":false}"#, false),
    ];
    for (json, blocks) in cases {
        let lists = Lists::default();
        put(&lists, "l", WHO);
        let rules = rules(objects(&[("l", json)]), &lists).unwrap();
        assert_eq!(ask(&rules, None, NOW).black.is_some(), blocks, "{json}");
    }
}

#[test]
fn entries_stay_while_policies_change_and_end_at_their_hour() {
    let lists = Lists::default();
    let form = r#"{"level":"global","kind":"black"}"#;
    let before = rules(objects(&[("l", form)]), &lists).unwrap();
    assert_eq!(ask(&before, None, NOW), Listed::default());
    let held = lists.held(&id("l"));
    let end = EntryEnd::at(Timestamp(NOW.0 + HOUR));
    held.install(held.entries().changed(&[WHO], ListChange::Put(end), NOW).0);
    assert!(ask(&before, None, NOW).black.is_some(), "rules made before see it at once");
    let after = rules(objects(&[("l", form)]), &lists).unwrap();
    assert!(ask(&after, None, NOW).black.is_some());
    assert_eq!(ask(&after, None, Timestamp(NOW.0 + HOUR)), Listed::default());
    assert!(!after.is_empty() && rules(Objects::default(), &lists).unwrap().is_empty());
}

#[test]
fn what_does_not_exist_is_refused_with_its_field() {
    let lists = Lists::default();
    let wrong = [
        (r#"{"level":"tenant","tenant":"nobody","kind":"black"}"#, "tenant"),
        (r#"{"level":"signature","signature":"nothing","kind":"black"}"#, "signature"),
    ];
    for (json, field) in wrong {
        let mistake = rules(objects(&[("l", json)]), &lists).unwrap_err();
        assert_eq!((mistake.field.as_str(), mistake.id), (field, Some(id("l"))));
    }
    let many: Vec<String> = (0..33).map(|n| format!("l{n:02}")).collect();
    let form = |name| (name, r#"{"level":"global","kind":"black"}"#);
    let many: Vec<_> = many.iter().map(|name| form(name.as_str())).collect();
    assert_eq!(rules(objects(&many), &lists).unwrap_err().field, "level");
    assert!(rules(objects(&many[..32]), &lists).is_ok());
}
