use veilgate_names::EnterpriseId;

use super::*;
use crate::objects::Object;
use crate::tenants::tests::{id, tenants};

const TENANTS: [(&str, &str); 4] = [
    ("agent-1", r#"{"level":"agent","parent":"carrier","max_numbers":3}"#),
    ("ent-1", r#"{"level":"enterprise","parent":"agent-1"}"#),
    ("ent-2", r#"{"level":"enterprise","parent":"agent-1"}"#),
    ("ent-3", r#"{"level":"enterprise","parent":"carrier"}"#),
];

fn parse(name: &str, json: &str) -> Result<Object, Mistake> {
    Object::parse(Kind::Number, &id(name), json.as_bytes())
}

fn objects(numbers: &[(&str, &str)]) -> Objects {
    let mut objects = tenants(&TENANTS);
    for (name, rest) in numbers {
        let json = format!(r#"{{"inbound_anchored":true,{rest}}}"#);
        objects.put(id(name), parse(name, &json).unwrap());
    }
    objects
}

fn compiled(objects: &Objects) -> Result<(Tree, Numbers), Mistake> {
    let tree = Tree::compile(objects)?;
    let numbers = Numbers::compile(objects, &tree, &Rates::default())?;
    Ok((tree, numbers))
}

/// What is said of an enterprise's message or call.
struct Asked<'a>(&'a str, &'a str, Service, Direction, Option<Category>);

fn ask(objects: &Objects, asked: &Asked<'_>) -> Result<Category, Reason> {
    let (tree, numbers) = compiled(objects).unwrap();
    let chain = tree.chain(&EnterpriseId::parse(asked.0).unwrap());
    let number = ServiceNumber::parse(asked.1).unwrap();
    numbers
        .check(number, chain, asked.2, asked.3, asked.4)
        .map(|allotted| allotted.category)
        .map_err(|(reason, _)| reason)
}

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;
const SMS: Service = Service::Sms;
const FORBIDDEN: Result<Category, Reason> = Err(Reason::CliForbidden);
const NOTICE: Result<Category, Reason> = Ok(Category::Notice);

#[test]
fn a_number_serves_its_owner_and_everyone_below() {
    let own = objects(&[("n1", r#""digits":"10690001","owner":"ent-1""#)]);
    let above = objects(&[("n1", r#""digits":"10690001","owner":"agent-1""#)]);
    for (enterprise, by_own, by_above) in [
        ("ent-1", NOTICE, NOTICE),
        ("ent-2", FORBIDDEN, NOTICE),
        ("ent-3", FORBIDDEN, FORBIDDEN),
        ("unknown", FORBIDDEN, FORBIDDEN),
    ] {
        let asked = Asked(enterprise, "10690001", SMS, OUT, None);
        assert_eq!((ask(&own, &asked), ask(&above, &asked)), (by_own, by_above), "{enterprise}");
        assert_eq!(ask(&own, &Asked(enterprise, "10690002", SMS, OUT, None)), NOTICE, "has no object");
    }
}

#[test]
fn states_and_directions_say_what_goes_where() {
    let with = |rest: &str| objects(&[("n1", &format!(r#""digits":"10690001","owner":"ent-1",{rest}"#))]);
    let ask = |rest: &str, service, direction| {
        ask(&with(rest), &Asked("ent-1", "10690001", service, direction, None))
    };
    for (state, out, back) in
        [("active", NOTICE, NOTICE), ("locked", FORBIDDEN, NOTICE), ("suspended", FORBIDDEN, FORBIDDEN)]
    {
        let rest = format!(r#""state":"{state}""#);
        assert_eq!((ask(&rest, SMS, OUT), ask(&rest, SMS, IN)), (out, back), "{state}");
    }
    let wrong_way = Err(Reason::Direction);
    for (sms, out, back) in
        [("both", NOTICE, NOTICE), ("outbound", NOTICE, wrong_way), ("inbound", wrong_way, NOTICE)]
    {
        let rest = format!(r#""services":{{"sms":"{sms}"}}"#);
        assert_eq!((ask(&rest, SMS, OUT), ask(&rest, SMS, IN)), (out, back), "{sms}");
        assert_eq!(ask(&rest, Service::Voice, OUT), FORBIDDEN);
    }
}

#[test]
fn categories_bound_what_goes_out_and_give_the_default() {
    let rest =
        r#""digits":"10690001","owner":"ent-1","categories":["marketing"],"default_category":"marketing""#;
    let objects = objects(&[("n1", rest)]);
    let ask = |direction, category| ask(&objects, &Asked("ent-1", "10690001", SMS, direction, category));
    assert_eq!(ask(OUT, None), Ok(Category::Marketing));
    assert_eq!(ask(OUT, Some(Category::Notice)), FORBIDDEN);
    assert_eq!(ask(IN, Some(Category::Notice)), NOTICE);
}

#[test]
fn rates_and_calls_are_handed_on_with_the_number() {
    let rest = r#""digits":"95001","owner":"ent-1","rate_per_second":5,"concurrent_calls":10"#;
    let (tree, numbers) = compiled(&objects(&[("n1", rest)])).unwrap();
    let chain = tree.chain(&EnterpriseId::parse("ent-1").unwrap());
    let allotted = numbers.check(ServiceNumber::parse("95001").unwrap(), chain, SMS, OUT, None).unwrap();
    assert_eq!(allotted.limit.map(Limit::id), Some(&id("n1")));
    assert_eq!((allotted.id, allotted.concurrent_calls.map(NonZeroU32::get)), (Some(&id("n1")), Some(10)));
}

#[test]
fn a_number_that_does_not_come_back_through_the_gateway_is_refused() {
    let field = |rest: &str| {
        let json = format!(r#"{{"digits":"10690001","owner":"ent-1",{rest}}}"#);
        parse("n1", &json).err().map(|mistake| mistake.field)
    };
    let anchored = Some("inbound_anchored".to_owned());
    assert_eq!(field(r#""state":"active""#), anchored, "the default is not anchored");
    assert_eq!(field(r#""services":{"sms":"inbound"}"#), anchored);
    assert_eq!(field(r#""services":{"sms":"outbound","voice":"both"}"#), anchored);
    assert_eq!(field(r#""kind":"display","services":{"voice":"outbound"}"#), anchored);
    assert_eq!(field(r#""services":{"sms":"outbound"}"#), None);
    assert_eq!(field(r#""inbound_anchored":true"#), None);
    // An object that came another way is refused when a policy is made of it.
    let mut objects = objects(&[("n1", r#""digits":"10690001","owner":"ent-1""#)]);
    let mut number = Number::clone(objects.numbers.find(&id("n1")).unwrap());
    number.inbound_anchored = false;
    objects.numbers.put(id("n1"), number.into());
    assert_eq!(compiled(&objects).unwrap_err().field, "inbound_anchored");
}

#[test]
fn objects_that_are_wrong_in_themselves_are_named() {
    let field = |rest: &str| {
        parse("n1", &format!(r#"{{"owner":"ent-1","inbound_anchored":true,{rest}}}"#)).unwrap_err().field
    };
    assert_eq!(field(r#""digits":"13800138000""#), "digits");
    assert_eq!(field(r#""digits":"70012345","kind":"700""#), "digits");
    assert_eq!(field(r#""digits":"100123456789012","kind":"700""#), "digits");
    assert_eq!(field(r#""digits":"95001","extension_digits":7"#), "extension_digits");
    assert_eq!(field(r#""digits":"1069000100000000000","extension_digits":2"#), "extension_digits");
    assert_eq!(field(r#""digits":"95001","services":{}"#), "services");
    assert_eq!(field(r#""digits":"95001","categories":["marketing"]"#), "default_category");
    assert_eq!(field(r#""digits":"95001","rate_per_second":1000001"#), "rate_per_second");
    assert_eq!(field(r#""digits":"95001","burst":1"#), "burst");
    assert!(
        parse("n1", r#"{"digits":"700123456789012","kind":"700","owner":"e","inbound_anchored":true}"#)
            .is_ok()
    );
    let told = parse("n1", r#"{"owner":"e","digits":"+8613800138000"}"#).unwrap_err().to_string();
    assert!(!told.contains("138"), "{told}");
}

#[test]
fn numbers_that_cannot_stand_beside_each_other_are_refused() {
    let mistake = |numbers: &[(&str, &str)]| {
        let mistake = compiled(&objects(numbers)).map(|_| ()).unwrap_err();
        (mistake.kind, mistake.id.unwrap().to_string(), mistake.field)
    };
    let one = ("n1", r#""digits":"10690001","owner":"ent-1","extension_digits":2"#);
    let of = |kind, name: &str, field: &str| (kind, name.to_owned(), field.to_owned());
    assert_eq!(mistake(&[("n1", r#""digits":"95001","owner":"nobody""#)]), of(Kind::Number, "n1", "owner"));
    let same = ("n2", r#""digits":"10690001","owner":"ent-2""#);
    assert_eq!(mistake(&[one, same]), of(Kind::Number, "n2", "digits"));
    let inside = ("n2", r#""digits":"1069000177","owner":"ent-2""#);
    assert_eq!(mistake(&[one, inside]), of(Kind::Number, "n2", "digits"));
    let beside = ("n2", r#""digits":"106900017","owner":"ent-2""#);
    assert!(compiled(&objects(&[one, beside])).is_ok());
    let many: Vec<_> = (0..4)
        .map(|n| (format!("n{n}"), format!(r#""digits":"9500{n}","owner":"ent-{}""#, 1 + n % 2)))
        .collect();
    let many: Vec<_> = many.iter().map(|(name, rest)| (name.as_str(), rest.as_str())).collect();
    assert_eq!(mistake(&many), of(Kind::Tenant, "agent-1", "max_numbers"));
    assert!(compiled(&objects(&many[..3])).is_ok());
}
