use proptest::prelude::*;

use super::*;
use crate::content::variable::VariableKind;

fn variables(names: &[(&str, VariableKind)]) -> BTreeMap<String, Variable> {
    names
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), Variable { kind: *kind, max_length: None }))
        .collect()
}

fn body(text: &str, names: &[(&str, VariableKind)]) -> Result<Body, BodyError> {
    Body::parse(text, &variables(names))
}

fn makes(body: &Body, params: &str, text: &str) -> bool {
    Values::read(body, Some(params)).is_some_and(|values| body.makes(&values, text))
}

use VariableKind::{Amount, Code, Date, Digits, Name, Text};

#[test]
fn the_three_styles_are_read() {
    for text in [
        "您的验证码是${code}，勿告诉他人",
        "您的验证码是#code#，勿告诉他人",
        "您的验证码是{{code}}，勿告诉他人",
    ] {
        let body = body(text, &[("code", Code)]).unwrap();
        assert!(body.could_make("您的验证码是1234，勿告诉他人"));
        assert!(makes(&body, r#"{"code":"1234"}"#, "您的验证码是1234，勿告诉他人"));
        assert!(makes(&body, r#"{"code":1234}"#, "您的验证码是1234，勿告诉他人"));
    }
    let body = body("房间#3，${1}元{起}，$5，#1 #2", &[("1", Digits)]).unwrap();
    assert!(body.could_make("房间#3，88元{起}，$5，#1 #2"), "what is no placeholder stands for itself");
}

#[test]
fn bad_bodies_are_refused() {
    use BodyError::{
        Adjacent, Brackets, Control, Dotted, Long, Many, NoText, Placeholder, Twice, Undeclared, Unused,
    };
    let one = [("a", Text)];
    let two = [("a", Text), ("b", Text)];
    let twenty_one: String = (0..21).map(|n| format!("字${{v{n}}}")).collect();
    let names: Vec<String> = (0..21).map(|n| format!("v{n}")).collect();
    let many: Vec<(&str, VariableKind)> = names.iter().map(|name| (name.as_str(), Code)).collect();
    for (text, names, error) in [
        ("", &[][..], NoText),
        ("${a}", &one, NoText),
        ("${a}${b}字", &two, Adjacent),
        ("${a}.${b}字", &two, Dotted),
        ("${a}点{{b}}字", &two, Dotted),
        ("字${a}和#a#", &one, Twice),
        ("字${a}", &[], Undeclared),
        ("字", &one, Unused),
        ("字${a", &one, Placeholder),
        ("字${}", &one, Placeholder),
        ("字{{甲}}", &one, Placeholder),
        ("【某】${a}", &one, Brackets),
        ("字\u{7}${a}", &one, Control),
        (&twenty_one, &many, Many),
        (&"字".repeat(501), &[], Long),
        (&format!("{}${{a}}", "字".repeat(489)), &one, Long),
        (&"字".repeat(1_000_000), &[], Long),
    ] {
        assert_eq!(body(text, names), Err(error), "{}", text.chars().take(20).collect::<String>());
    }
    assert!(body(&format!("{}${{a}}", "字".repeat(488)), &one).is_ok());
}

#[test]
fn drift_is_seen() {
    let body = body(
        "尊敬的${name}，您${date}的账单为${sum}元。",
        &[("name", Name), ("date", Date), ("sum", Amount)],
    )
    .unwrap();
    let params = r#"{"name":"张三","date":"11月22日","sum":"1,234.50"}"#;
    let right = "尊敬的张三，您11月22日的账单为1,234.50元。";
    assert!(makes(&body, params, right) && body.could_make(right));
    for wrong in [
        "尊敬的张三，您11月22日的账单为1,234.50元",
        "尊敬的张三，您11月22日的帐单为1,234.50元。",
        "尊敬的李四，您11月22日的账单为1,234.50元。",
        "尊敬的张三，您11月22日的账单为1,234.50元。 ",
        "",
    ] {
        assert!(!makes(&body, params, wrong), "{wrong}");
    }
    for wrong in [
        "尊敬的，您11月22日的账单为1元。",
        "尊敬的张三，您今天的账单为1元。",
        "尊敬的t.cn，您1日的账单为1元。",
    ] {
        assert!(!body.could_make(wrong), "{wrong}");
    }
}

#[test]
fn params_have_to_be_an_object_of_texts() {
    let body = body("${a}和${b}好", &[("a", Text), ("b", Text)]).unwrap();
    let text = "甲和乙好";
    for good in [r#"{"a":"甲","b":"乙"}"#, r#" {"c":[{"x":1}],"b":"\u4e59","a":"甲"} "#] {
        assert!(makes(&body, good, text), "{good}");
    }
    for bad in [
        r#"{"a":"甲"}"#,
        r#"{"a":"甲","b":null}"#,
        r#"{"a":"甲","b":["乙"]}"#,
        r#"{"a":"甲","a":"甲","b":"乙"}"#,
        r#"["甲","乙"]"#,
        r#"{"a":"甲","b":"乙"}x"#,
        r#"{"a":"甲","b":"乙""#,
        "null",
        "x",
    ] {
        assert!(!makes(&body, bad, text), "{bad}");
    }
    assert!(Values::read(&body, Some(&"[".repeat(8_000))).is_none());
    assert!(Values::read(&body, Some(&" ".repeat(9_000))).is_none());
    assert!(Values::read(&body, Some(r#"{"a":1.5}"#)).is_none());
}

#[test]
fn values_that_look_like_the_literals_do_not_confuse() {
    let body = body("${a}，${b}，好", &[("a", Text), ("b", Text)]).unwrap();
    assert!(body.could_make("甲，乙，好"));
    assert!(body.could_make("甲，乙，丙，丁，好"));
    assert!(!body.could_make("，，好"));
    let long = "，".repeat(400) + "好";
    assert!(!body.could_make(&long));
}

#[test]
fn a_text_of_nothing_but_separators_is_given_up() {
    let names: Vec<String> = (0..20).map(|n| format!("v{n}")).collect();
    let placeholders: Vec<String> = names.iter().map(|name| format!("${{{name}}}")).collect();
    let all: Vec<(&str, VariableKind)> = names.iter().map(|name| (name.as_str(), Text)).collect();
    let body = body(&placeholders.join("点"), &all).unwrap_err();
    assert_eq!(body, BodyError::Dotted);
    let body = Body::parse(&placeholders.join("，"), &variables(&all)).unwrap();
    assert!(body.could_make(&"，".repeat(39)) && !body.could_make(&"，".repeat(38)));
    assert!(!body.could_make(&"，点".repeat(200)), "too long, and found to be so soon");
}

proptest! {
    #[test]
    fn a_text_that_was_made_is_recognized(
        literals in prop::collection::vec("[a，。 好1-]{1,4}", 2..8),
        values in prop::collection::vec("[a，。 好1-]{1,12}", 7),
        ends in any::<(bool, bool)>(),
    ) {
        let mut text = String::new();
        let mut names = Vec::new();
        let mut made = String::new();
        let mut params = serde_json::Map::new();
        for (at, literal) in literals.iter().enumerate() {
            if at > 0 || ends.0 {
                text.push_str(&format!("${{v{at}}}"));
                names.push(format!("v{at}"));
                made.push_str(&values[at % 7]);
                params.insert(format!("v{at}"), values[at % 7].clone().into());
            }
            if at + 1 < literals.len() || ends.1 || at == 0 {
                text.push_str(literal);
                made.push_str(literal);
            }
        }
        let names: Vec<(&str, VariableKind)> = names.iter().map(|name| (name.as_str(), Text)).collect();
        let Ok(body) = body(&text, &names) else { return Ok(()) };
        let params = serde_json::Value::from(params).to_string();
        let read = Values::read(&body, Some(&params)).unwrap();
        if let Some(text) = body.make(&read) {
            prop_assert_eq!(&text, &made);
            prop_assert!(body.makes(&read, &text));
            prop_assert!(body.could_make(&text));
        }
    }

    /// Against every way of cutting the text.
    #[test]
    fn recognizing_agrees_with_trying_everything(text in "[，好1]{0,9}") {
        let body = body("，#a#，#b#好", &[("a", Digits), ("b", Text)]).unwrap();
        let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let tried = cuts.iter().any(|a| cuts.iter().any(|b| a <= b && {
            let parts = (text.get(.."，".len()), text.get("，".len()..*a), text.get(*a..*b), text.get(*b..));
            let (Some("，"), Some(first), Some(second), Some("好")) = parts else { return false };
            let (digits, any) = (Variable { kind: Digits, max_length: None }, Variable { kind: Text, max_length: None });
            let second = second.strip_prefix('，');
            digits.accepts(first) && second.is_some_and(|second| any.accepts(second))
        }));
        prop_assert_eq!(body.could_make(&text), tried);
    }
}
