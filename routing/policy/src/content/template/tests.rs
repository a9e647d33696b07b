use proptest::prelude::*;

use super::*;
use crate::content::signature::Position;
use crate::content::tests::tree;
use crate::content::variable::VariableKind;

const E1: Chain<'static> = Chain(&[TenantIndex(2), TenantIndex(1), TenantIndex(0)]);
const E2: Chain<'static> = Chain(&[TenantIndex(3), TenantIndex(0)]);

fn id(name: &str) -> ObjectId {
    ObjectId::parse(name).unwrap()
}

/// An approved template; its variables are those of the body, of type `text` but for `code`.
fn template(tenant: &str, body: &str) -> Template {
    let names = body.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    let variable = |name: &str| Variable {
        kind: if name == "code" { VariableKind::Code } else { VariableKind::Text },
        max_length: None,
    };
    Template {
        tenant: id(tenant),
        signature: None,
        category: Category::Notice,
        body: body.to_owned(),
        variables: names.map(|(name, _)| (name.to_owned(), variable(name))).collect(),
        state: ApprovalState::Approved,
        carrier_approved: true,
        notary_approved: true,
    }
}

fn compiled(templates: impl IntoIterator<Item = (String, Template)>) -> Templates {
    let mut table = Table::default();
    for (name, template) in templates {
        template.check(&id(&name)).unwrap();
        table.put(id(&name), template.into());
    }
    let mut signatures = Table::default();
    signatures.put(id("s1"), signature().into());
    Templates::compile(&table, &signatures, &tree()).unwrap()
}

fn signature() -> Signature {
    Signature {
        text: "某某银行".to_owned(),
        tenant: id("e1"),
        numbers: Vec::new(),
        state: ApprovalState::Approved,
        position: Position::Tail,
        from: None,
        until: None,
        rate_per_second: None,
        burst: None,
    }
}

fn judge<'a>(
    templates: &'a Templates,
    name: &str,
    params: Option<&str>,
    body: &str,
) -> Result<&'a str, Option<&'a str>> {
    let template = id(name);
    let judged = templates.judge(Named { template: &template, params }, body, None, E1);
    judged.map(|entry| entry.id.as_str()).map_err(|id| id.map(ObjectId::as_str))
}

fn recognized(templates: &Templates, body: &str, chain: Chain<'_>) -> Option<String> {
    templates.recognize(body, None, chain).map(|entry| entry.id.to_string())
}

#[test]
fn a_named_template_has_to_fit() {
    let templates = compiled([("t1".to_owned(), template("e1", "您的验证码是${code}，勿告诉他人"))]);
    let text = "您的验证码是1234，勿告诉他人";
    assert_eq!(judge(&templates, "t1", Some(r#"{"code":"1234"}"#), text), Ok("t1"));
    assert_eq!(judge(&templates, "t1", None, text), Ok("t1"));
    assert_eq!(judge(&templates, "t1", Some(""), text), Ok("t1"), "an empty TLV is none");
    for (name, params, text, object) in [
        ("t1", Some(r#"{"code":"1235"}"#), text, Some("t1")),
        ("t1", Some("{}"), text, Some("t1")),
        ("t1", Some("nonsense"), text, Some("t1")),
        ("t1", None, "您的验证码是12345678，勿告诉他人", Some("t1")),
        ("t1", None, "您的验证码是1234，请告诉他人", Some("t1")),
        ("t2", None, text, None),
    ] {
        assert_eq!(judge(&templates, name, params, text), Err(object), "{name} {params:?}");
    }
}

#[test]
fn links_do_not_hide_in_variables() {
    let templates = compiled([("t1".to_owned(), template("e1", "您好${who}，详询客服"))]);
    for link in ["t.cn/A6", "ｔ．ｃｎ/x", "http://a", "1.2.3.4", "银行.com", "t。cn", "x点com"] {
        let body = format!("您好{link}，详询客服");
        let params = serde_json::json!({ "who": link }).to_string();
        assert_eq!(judge(&templates, "t1", Some(&params), &body), Err(Some("t1")), "{link}");
        assert_eq!(judge(&templates, "t1", None, &body), Err(Some("t1")), "{link}");
        assert_eq!(recognized(&templates, &body, E1), None, "{link}");
        let template = id("t1");
        assert!(templates.make(Named { template: &template, params: Some(&params) }, E1).is_err(), "{link}");
    }
}

#[test]
fn carrier_and_notary_both_have_to_approve() {
    let good = template("e1", "您好${who}，详询客服");
    let body = "您好张三，详询客服";
    for (state, carrier_approved, notary_approved) in [
        (ApprovalState::Approved, true, false),
        (ApprovalState::Approved, false, true),
        (ApprovalState::Suspended, true, true),
        (ApprovalState::Draft, true, true),
    ] {
        let template = Template { state, carrier_approved, notary_approved, ..good.clone() };
        let templates = compiled([("t1".to_owned(), template)]);
        assert_eq!(judge(&templates, "t1", None, body), Err(Some("t1")));
        assert_eq!(recognized(&templates, body, E1), None);
    }
    assert_eq!(recognized(&compiled([("t1".to_owned(), good)]), body, E1), Some("t1".to_owned()));
}

#[test]
fn only_the_tenant_and_those_below_may_use_it() {
    for (owner, is_e1s, is_e2s) in
        [("carrier", true, true), ("agent", true, false), ("e1", true, false), ("e2", false, true)]
    {
        let templates = compiled([("t1".to_owned(), template(owner, "您好${who}，详询客服"))]);
        for (chain, is_allowed) in [(E1, is_e1s), (E2, is_e2s)] {
            assert_eq!(recognized(&templates, "您好张三，详询客服", chain).is_some(), is_allowed, "{owner}");
            let (name, none) = (id("t1"), None);
            let named = Named { template: &name, params: none };
            assert_eq!(
                templates.judge(named, "您好张三，详询客服", none.map(|_: &str| &name), chain).is_ok(),
                is_allowed
            );
        }
    }
}

#[test]
fn a_template_may_ask_for_its_signature() {
    let signed = Template { signature: Some(id("s1")), ..template("e1", "您好${who}，详询客服") };
    let templates = compiled([("t1".to_owned(), signed.clone())]);
    let (name, own, other) = (id("t1"), id("s1"), id("s2"));
    let named = Named { template: &name, params: Some(r#"{"who":"张三"}"#) };
    for (signature, is_right) in [(Some(&own), true), (Some(&other), false), (None, false)] {
        assert_eq!(templates.judge(named, "您好张三，详询客服", signature, E1).is_ok(), is_right);
        assert_eq!(templates.recognize("您好张三，详询客服", signature, E1).is_some(), is_right);
    }
    assert_eq!(templates.make(named, E1).unwrap(), "您好张三，详询客服【某某银行】");
    let mut table = Table::default();
    table.put(id("t1"), signed.into());
    assert_eq!(Templates::compile(&table, &Table::default(), &tree()).err().unwrap().field, "signature");
    let mut signatures = Table::default();
    signatures.put(id("s1"), Signature { tenant: id("e2"), ..signature() }.into());
    assert_eq!(Templates::compile(&table, &signatures, &tree()).err().unwrap().field, "signature");
}

#[test]
fn bad_objects_are_refused_by_field() {
    let good = template("e1", "您好${who}，详询客服");
    let longer = Variable { kind: VariableKind::Code, max_length: Some(7) };
    for max_length in [Some(0), Some(7)] {
        let variables = BTreeMap::from([("who".to_owned(), Variable { max_length, ..longer })]);
        let mistake = Template { variables, ..good.clone() }.check(&id("t1")).unwrap_err();
        assert_eq!(
            (mistake.field.as_str(), mistake.problem.as_str()),
            ("variables.who.max_length", "has to be 1-6 for this type")
        );
    }
    let mistake = Template { variables: BTreeMap::new(), ..good.clone() }.check(&id("t1")).unwrap_err();
    assert_eq!(mistake.field, "body");
    assert!(!mistake.to_string().contains("您好"));
    let mut table = Table::default();
    table.put(id("t1"), Template { tenant: id("nobody"), ..good }.into());
    assert_eq!(Templates::compile(&table, &Table::default(), &tree()).err().unwrap().field, "tenant");
}

#[test]
fn the_first_of_several_is_recognized() {
    let bodies = ["您好${who}，详询客服", "您好${a}，${b}询客服", "您好张三，详询客服", "${x}详询客服"];
    let templates = compiled((0..).zip(bodies).map(|(n, body)| (format!("t{n}"), template("e1", body))));
    assert_eq!(recognized(&templates, "您好张三，详询客服", E1), Some("t0".to_owned()));
    assert_eq!(recognized(&templates, "您好张三，好询客服", E1), Some("t1".to_owned()));
    assert_eq!(recognized(&templates, "李四，您好，请详询客服", E1), Some("t3".to_owned()));
    assert_eq!(recognized(&templates, "李四，您好，请询客服", E1), None);
    assert_eq!(recognized(&templates, "", E1), None);
}

#[test]
fn thousands_of_one_tenant_with_one_beginning_are_told_apart() {
    let body = |n: usize| format!("尊敬的${{who}}，您在{n}号店的订单已完成，退订回T");
    let templates = compiled((0..5_000).map(|n| (format!("t{n}"), template("e1", &body(n)))));
    for n in [0, 7, 77, 4_999] {
        let text = body(n).replace("${who}", "张三");
        assert_eq!(recognized(&templates, &text, E1), Some(format!("t{n}")));
    }
    assert_eq!(recognized(&templates, &body(5_000).replace("${who}", "张三"), E1), None);
}

proptest! {
    #[test]
    fn recognizing_agrees_with_trying_all(
        bodies in prop::collection::vec("([甲乙。]{0,3}V){0,2}[甲乙。]{0,3}", 1..6),
        text in "[甲乙。]{0,8}",
    ) {
        let named = |body: String| body.replacen('V', "${a}", 1).replacen('V', "${b}", 1);
        let good = bodies.into_iter().map(|body| template("e1", &named(body))).filter(|each| each.check(&id("t")).is_ok());
        let all: Vec<(String, Template)> = (0..).zip(good).map(|(n, template)| (format!("t{n}"), template)).collect();
        let first = all.iter().find(|(_, each)| Body::parse(&each.body, &each.variables).unwrap().could_make(&text));
        let first = first.map(|(name, _)| name.clone());
        prop_assert_eq!(recognized(&compiled(all), &text, E1), first);
    }
}
