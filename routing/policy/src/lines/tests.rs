use veilgate_names::EnterpriseId;

use super::*;
use crate::objects::Object;
use crate::tenants::tests::{id, tenants};

fn objects(lines: &[(&str, &str)]) -> Objects {
    let mut objects = tenants(&[
        ("agent-1", r#"{"level":"agent","parent":"carrier"}"#),
        ("ent-1", r#"{"level":"enterprise","parent":"agent-1"}"#),
    ]);
    for (name, json) in lines {
        objects.put(id(name), Object::parse(Kind::Line, &id(name), json.as_bytes()).unwrap());
    }
    objects
}

fn carries(rest: &str, enterprise: &str, category: Category, direction: Direction) -> bool {
    let line = format!(r#"{{"kind":"smsc-channel","channel":"smsc-1"{rest}}}"#);
    let objects = objects(&[("l1", &line)]);
    let tree = Tree::compile(&objects).unwrap();
    let lines = Lines::compile(&objects, &tree).unwrap();
    let rules = lines.of_channel(&ChannelId::parse("smsc-1").unwrap()).unwrap();
    assert!(lines.of_channel(&ChannelId::parse("smsc-2").unwrap()).is_none());
    rules.carries(tree.chain(&EnterpriseId::parse(enterprise).unwrap()), category, direction)
}

#[test]
fn a_line_carries_what_its_state_owner_category_and_direction_allow() {
    const ALL: [(Category, Direction); 4] = [
        (Category::Notice, Direction::Outbound),
        (Category::Marketing, Direction::Outbound),
        (Category::Notice, Direction::Inbound),
        (Category::Marketing, Direction::Inbound),
    ];
    for (rest, of_ent, of_other) in [
        ("", [true; 4], [true; 4]),
        (r#","owner":"agent-1""#, [true; 4], [false; 4]),
        (r#","categories":["notice"]"#, [true, false, true, true], [true, false, true, true]),
        (r#","state":"draining""#, [false, false, true, true], [false, false, true, true]),
        (r#","state":"disabled""#, [false; 4], [false; 4]),
        (r#","direction":"outbound""#, [true, true, false, false], [true, true, false, false]),
    ] {
        for (enterprise, expected) in [("ent-1", of_ent), ("ent-2", of_other)] {
            let found = ALL.map(|(category, direction)| carries(rest, enterprise, category, direction));
            assert_eq!(found, expected, "{rest} {enterprise}");
        }
    }
}

#[test]
fn mistakes_name_line_and_field() {
    let one = ("l1", r#"{"kind":"smsc-channel","channel":"smsc-1"}"#);
    let mistake = |lines: &[(&str, &str)]| {
        let objects = objects(lines);
        Lines::compile(&objects, &Tree::compile(&objects).unwrap()).unwrap_err().to_string()
    };
    let same = ("l2", r#"{"kind":"sip-trunk","channel":"smsc-1"}"#);
    assert_eq!(mistake(&[one, same]), "lines/l2/channel: \"l1\" is of the same channel");
    let nobody = ("l2", r#"{"kind":"sip-trunk","channel":"t","owner":"x"}"#);
    assert_eq!(mistake(&[nobody]), "lines/l2/owner: there is no tenant \"x\"");
    let field = |json: &str| Object::parse(Kind::Line, &id("l1"), json.as_bytes()).unwrap_err().field;
    let with = |rest: &str| field(&format!(r#"{{"kind":"smsc-channel","channel":"smsc-1",{rest}}}"#));
    assert_eq!(with(r#""concurrent_calls":3"#), "concurrent_calls");
    assert_eq!(with(r#""network":"""#), "network");
    assert_eq!(with(&format!(r#""region":"{}""#, "京".repeat(33))), "region");
    assert_eq!(with(r#""rate_per_second":1000001"#), "rate_per_second");
}
