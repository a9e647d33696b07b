use veilgate_names::{EnterpriseId, ServiceNumber};

use super::*;
use crate::objects::{Kind, Object};
use crate::tenants::TenantIndex;
use Requirement::{Off, Optional, Required};

const E1: Chain<'static> = Chain(&[TenantIndex(2), TenantIndex(1), Tree::CARRIER]);
const E2: Chain<'static> = Chain(&[TenantIndex(3), Tree::CARRIER]);
const NOW: Timestamp = Timestamp(1_790_000_000_000);
const OTP: &str = "您的验证码是1234，勿告诉他人";

fn id(name: &str) -> ObjectId {
    ObjectId::parse(name).unwrap()
}

/// Enterprise `e1` below `agent`, and `e2`; their chains are [`E1`] and [`E2`].
fn tenants() -> Objects {
    let mut objects = Objects::default();
    put(&mut objects, Kind::Tenant, "agent", r#"{"level":"agent","parent":"carrier"}"#);
    put(&mut objects, Kind::Tenant, "e1", r#"{"level":"enterprise","parent":"agent"}"#);
    put(&mut objects, Kind::Tenant, "e2", r#"{"level":"enterprise","parent":"carrier"}"#);
    objects
}

pub(super) fn tree() -> Tree {
    Tree::compile(&tenants()).unwrap()
}

fn put(objects: &mut Objects, kind: Kind, name: &str, json: &str) {
    objects.put(id(name), Object::parse(kind, &id(name), json.as_bytes()).unwrap());
}

/// One of each, as an operator writes them.
fn objects() -> Objects {
    let mut objects = tenants();
    let signature =
        r#"{"text":"某某银行","tenant":"e1","numbers":["10690001"],"state":"approved","from":"2026-01-01"}"#;
    put(&mut objects, Kind::Signature, "bank", signature);
    let other = r#"{"text":"别家银行","tenant":"e2","state":"approved"}"#;
    put(&mut objects, Kind::Signature, "other", other);
    let otp = r#"{"tenant":"e1","signature":"bank","category":"verification","body":"您的验证码是${code}，勿告诉他人",
        "variables":{"code":{"type":"code"}},"state":"approved","carrier_approved":true,"notary_approved":true}"#;
    put(&mut objects, Kind::Template, "otp", otp);
    let sale = r#"{"tenant":"carrier","category":"marketing","body":"{{shop}}新品上市{{wording}}",
        "variables":{"shop":{"type":"name"},"wording":{"type":"text"}},
        "state":"approved","carrier_approved":true,"notary_approved":true}"#;
    put(&mut objects, Kind::Template, "sale", sale);
    put(&mut objects, Kind::WordList, "banned", r#"{"action":"block","words":["发票"]}"#);
    put(&mut objects, Kind::WordList, "review", r#"{"action":"hold","words":["贷款"]}"#);
    put(&mut objects, Kind::WordList, "watch", r#"{"action":"flag","tenant":"e1","words":["优惠"]}"#);
    objects
}

fn content() -> Content {
    Content::compile(&objects(), &tree(), None).unwrap()
}

struct Asked<'a> {
    chain: Chain<'a>,
    requirements: (Requirement, Requirement),
    category: Category,
    text: Option<&'a str>,
    template: Option<(&'a str, Option<&'a str>)>,
    service: Service,
}

impl<'a> Asked<'a> {
    fn of(text: &'a str, signature: Requirement, template: Requirement) -> Self {
        let requirements = (signature, template);
        Self {
            chain: E1,
            requirements,
            category: Category::Notice,
            text: Some(text),
            template: None,
            service: Service::Sms,
        }
    }

    /// Judges; what is told for explanations begins with the same.
    fn judge<'c>(&self, content: &'c Content) -> Judged<'c> {
        self.ask(|question| {
            let judged = content.judge(question, self.chain, self.requirements, self.category, NOW);
            let findings = content.findings(question, self.chain, self.requirements, self.category, NOW);
            assert_eq!(findings.first(), judged.finding.as_ref());
            judged
        })
    }

    fn ask<T>(&self, of: impl FnOnce(&Question<'_>) -> T) -> T {
        let enterprise = EnterpriseId::parse("e1").unwrap();
        let template = self.template.map(|(name, _)| id(name));
        let question = Question {
            service: self.service,
            enterprise: &enterprise,
            number: ServiceNumber::parse("10690001").unwrap(),
            text: self.text,
            template: template.as_ref(),
            params: self.template.and_then(|(_, params)| params),
            segments: 1,
        };
        of(&question)
    }

    fn rule(&self, content: &Content) -> Option<Rule> {
        self.judge(content).finding.map(|finding| finding.rule)
    }
}

#[test]
fn without_objects_everything_passes() {
    let content = Content::compile(&Objects::default(), &Tree::default(), None).unwrap();
    for text in ["", "您好", "【谁】您好【】", "代开发票", &"字".repeat(20_000)] {
        for template in [None, Some(("t1", Some("nonsense")))] {
            let asked = Asked { template, ..Asked::of(text, Off, Off) };
            assert_eq!(asked.judge(&content), Judged::default());
        }
    }
}

#[test]
fn signature_abuse_is_refused() {
    let content = content();
    let signed = format!("【某某银行】{OTP}");
    let right = Asked::of(&signed, Required, Off).judge(&content);
    assert_eq!((right.finding, right.signature), (None, Some(&id("bank"))));
    for text in [
        "您好",
        "【某某银行】【某某银行】您好",
        "【某某银行】您好【某某银行】",
        "【没有注册】您好",
        "【别家银行】您好",
        "【某某银行】您【好",
        "您好【某某银行】",
        "",
    ] {
        assert_eq!(Asked::of(text, Required, Off).rule(&content), Some(Rule::Signature), "{text}");
        let expected = (!matches!(text, "" | "您好")).then_some(Rule::Signature);
        assert_eq!(Asked::of(text, Optional, Off).rule(&content), expected, "{text}");
        assert_eq!(Asked::of(text, Off, Off).rule(&content), None, "{text}");
    }
    let as_e2 = Asked { chain: E2, ..Asked::of(&signed, Required, Off) };
    let finding = as_e2.judge(&content).finding.unwrap();
    assert_eq!((finding.rule, finding.object), (Rule::Signature, None), "another's object is not named");
}

#[test]
fn drift_from_the_template_is_refused() {
    let content = content();
    let signed = format!("【某某银行】{OTP}");
    let named = |text: &str, params: Option<&str>, requirement| {
        let asked = Asked { template: Some(("otp", params)), ..Asked::of(text, Optional, requirement) };
        let judged = asked.judge(&content);
        (judged.finding.map(|finding| finding.rule), judged.category)
    };
    let right = (None, Some(Category::Verification));
    let wrong = (Some(Rule::Template), None);
    for requirement in [Optional, Required] {
        assert_eq!(named(&signed, Some(r#"{"code":"1234"}"#), requirement), right);
        assert_eq!(named(&signed, None, requirement), right);
        assert_eq!(named(&signed, Some(r#"{"code":"4321"}"#), requirement), wrong);
        assert_eq!(named(OTP, None, requirement), wrong, "without its signature");
        assert_eq!(named("【某某银行】您的验证码是t.cn，勿告诉他人", None, requirement), wrong);
    }
    assert_eq!(named(&signed, None, Off), right);
    assert_eq!(named("【某某银行】别的", None, Off), (None, None), "not looked at, and not believed");
}

#[test]
fn texts_that_name_no_template_are_recognized() {
    let content = content();
    let signed = format!("【某某银行】{OTP}");
    let judged = Asked::of(&signed, Required, Required).judge(&content);
    assert_eq!(
        (judged.finding, judged.template, judged.category),
        (None, Some(&id("otp")), Some(Category::Verification))
    );
    assert_eq!(Asked::of(&signed, Off, Off).judge(&content).template, None);
    assert_eq!(Asked::of("别的", Off, Required).rule(&content), Some(Rule::Template));
    assert_eq!(Asked::of("别的", Off, Optional).rule(&content), None);
    let as_e2 = Asked { chain: E2, ..Asked::of(&signed, Off, Required) };
    assert_eq!(as_e2.rule(&content), Some(Rule::Template), "another tenant's");
}

#[test]
fn advertising_says_how_to_refuse_it() {
    let content = content();
    let ad = |text: &str, category| Asked { category, ..Asked::of(text, Off, Off) }.rule(&content);
    for good in [
        "新品上市，拒收请回复R",
        "新品上市 回T退订",
        "新品上市，退订回TD",
        "新品上市，回复TD退订",
        "新品上市，退订回T",
        "新品上市，退订请回复“Ｔ”",
        "新品上市，拒收 回覆R",
        "新品上市 退订回 N",
        "Sale! Reply STOP",
    ] {
        assert_eq!(ad(good, Category::Marketing), None, "{good}");
    }
    for bad in ["新品上市", "新品上市，退订", "回复办理", "新品上市，不能退订", ""] {
        assert_eq!(ad(bad, Category::Marketing), Some(Rule::OptOutWording), "{bad}");
        assert_eq!(ad(bad, Category::Notice), None, "{bad}");
    }
    // The template's category counts, whatever the number's.
    let text = |wording: &str| format!("某店新品上市{wording}");
    assert_eq!(Asked::of(&text("，快来"), Off, Required).rule(&content), Some(Rule::OptOutWording));
    assert_eq!(Asked::of(&text("，回T退订"), Off, Required).rule(&content), None);
    assert_eq!(
        Asked {
            category: Category::Marketing, ..Asked::of(&format!("【某某银行】{OTP}"), Off, Required)
        }
        .rule(&content),
        None
    );
}

#[test]
fn a_list_of_wordings_replaces_those_built_in() {
    let mut objects = objects();
    put(&mut objects, Kind::WordList, "own", r#"{"action":"opt-out","tenant":"e1","words":["拒收回复0"]}"#);
    let content = Content::compile(&objects, &tree(), None).unwrap();
    for (chain, text, is_said) in [
        (E1, "特价，拒收回复０", true),
        (E1, "特价，回T退订", false),
        (E2, "特价，拒收回复0", false),
        (E2, "特价，回T退订", true),
    ] {
        let asked = Asked { chain, category: Category::Marketing, ..Asked::of(text, Off, Off) };
        assert_eq!(asked.rule(&content).is_none(), is_said, "{text}");
    }
}

#[test]
fn words_block_hold_and_flag() {
    let content = content();
    let judged = |text| Asked::of(text, Off, Off).judge(&content);
    let finding = |list, consequence| Some(Finding { rule: Rule::Words, object: list, consequence });
    let (banned, review) = (id("banned"), id("review"));
    assert_eq!(judged("代开发 票").finding, finding(Some(&banned), Consequence::Block));
    assert_eq!(judged("小额貸款").finding, finding(Some(&review), Consequence::Hold));
    assert_eq!(judged("贷款开发票").finding, finding(Some(&banned), Consequence::Block), "the stricter");
    assert_eq!((judged("有优惠").finding, judged("有优惠").flagged), (None, true));
    assert!(judged("优惠贷款").flagged);
    assert!(!Asked { chain: E2, ..Asked::of("有优惠", Off, Off) }.judge(&content).flagged);
    assert_eq!(
        judged("【发】票").finding,
        finding(Some(&banned), Consequence::Block),
        "brackets hide nothing"
    );
    assert!(!format!("{content:?} {:?}", judged("代开发票")).contains("发票"));
}

#[test]
fn an_explanation_goes_on_behind_the_first() {
    let content = content();
    let asked = Asked {
        category: Category::Marketing,
        ..Asked::of("【谁】代开发票，贷款", Required, Required)
    };
    let findings =
        asked.ask(|question| content.findings(question, E1, asked.requirements, Category::Marketing, NOW));
    let rules: Vec<Rule> = findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, [Rule::Signature, Rule::Template, Rule::OptOutWording, Rule::Words]);
}

#[test]
fn what_is_no_text_passes_unless_something_is_required() {
    let content = content();
    let asked =
        |signature, template| Asked { text: None, ..Asked::of("", signature, template) }.rule(&content);
    assert_eq!(asked(Off, Off), None);
    assert_eq!(asked(Optional, Optional), None);
    assert_eq!(asked(Required, Off), Some(Rule::Signature));
    assert_eq!(asked(Off, Required), Some(Rule::Template));
    let call = Asked { service: Service::Voice, text: None, ..Asked::of("", Required, Required) };
    assert_eq!(call.rule(&content), None);
}

#[test]
fn a_text_is_made_of_template_and_params() {
    let content = content();
    let text = content.render(&id("otp"), Some(r#"{"code":1234}"#), E1).unwrap();
    assert_eq!(text, format!("【某某银行】{OTP}"));
    let asked =
        Asked { template: Some(("otp", Some(r#"{"code":1234}"#))), ..Asked::of(&text, Required, Required) };
    assert_eq!(asked.rule(&content), None);
    for (template, params, chain) in [
        ("otp", Some(r#"{"code":"12345678"}"#), E1),
        ("otp", None, E1),
        ("otp", Some(r#"{"code":1234}"#), E2),
        ("none", Some("{}"), E1),
    ] {
        let finding = content.render(&id(template), params, chain).unwrap_err();
        assert_eq!((finding.rule, finding.consequence), (Rule::Template, Consequence::Block));
    }
}

#[test]
fn what_did_not_change_is_kept() {
    let mut objects = objects();
    let first = Content::compile(&objects, &tree(), None).unwrap();
    let same = Content::compile(&objects.clone(), &tree(), Some(&first)).unwrap();
    assert!(
        Arc::ptr_eq(&same.templates, &first.templates) && Arc::ptr_eq(&same.signatures, &first.signatures)
    );
    put(&mut objects, Kind::WordList, "more", r#"{"action":"block","words":["彩票"]}"#);
    let words = Content::compile(&objects, &tree(), Some(&first)).unwrap();
    assert!(Arc::ptr_eq(&words.templates, &first.templates));
    assert!(!Arc::ptr_eq(&words.words.automaton, &first.words.automaton));
    assert_eq!(Asked::of("彩票", Off, Off).rule(&words), Some(Rule::Words));
    objects.remove(Kind::Signature, &id("other"));
    // Tenants have other places now: what names them is made again, the automaton is not.
    put(&mut objects, Kind::Tenant, "b", r#"{"level":"agent","parent":"carrier"}"#);
    let tree = Tree::compile(&objects).unwrap();
    let tenants = Content::compile(&objects, &tree, Some(&words)).unwrap();
    assert!(Arc::ptr_eq(&tenants.words.automaton, &words.words.automaton));
    let signed = format!("【某某银行】{OTP}有优惠");
    for (name, rule, is_flagged) in
        [("e1", None, true), ("e2", Some(Rule::Signature), false), ("b", Some(Rule::Signature), false)]
    {
        let chain = tree.chain(&EnterpriseId::parse(name).unwrap());
        let judged = Asked { chain, ..Asked::of(&signed, Required, Off) }.judge(&tenants);
        assert_eq!(
            (judged.finding.map(|finding| finding.rule), judged.flagged),
            (rule, is_flagged),
            "{name}"
        );
    }
}

#[test]
fn objects_read_as_they_are_written() {
    let objects = objects();
    for kind in [Kind::Signature, Kind::Template, Kind::WordList] {
        for name in objects.ids(kind) {
            let object = objects.find(kind, &name).unwrap();
            assert_eq!(Object::parse(kind, &name, &object.to_json()).unwrap(), object);
        }
    }
    for (kind, json) in [
        (Kind::Signature, r#"{"text":"某行","tenant":"e1","extra":1}"#),
        (Kind::Signature, r#"{"text":"某行","tenant":"e1","from":"soon"}"#),
        (Kind::Signature, r#"{"text":"某行"}"#),
        (Kind::Template, r#"{"tenant":"e1","category":"spam","body":"好"}"#),
        (
            Kind::Template,
            r#"{"tenant":"e1","category":"notice","body":"好${x}","variables":{"x":{"type":"url"}}}"#,
        ),
        (Kind::WordList, r#"{"action":"burn","words":[]}"#),
        (Kind::WordList, r#"{"action":"block","words":[""]}"#),
        (Kind::WordList, ""),
    ] {
        assert!(Object::parse(kind, &id("x"), json.as_bytes()).is_err(), "{json}");
    }
}

#[test]
fn a_tenant_that_is_not_there_is_a_mistake() {
    let mistake = Content::compile(&objects(), &Tree::default(), None).unwrap_err();
    assert_eq!((mistake.kind, mistake.field.as_str()), (Kind::Signature, "tenant"));
}
