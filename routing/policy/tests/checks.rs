//! The fuzzer's checks of templates and words, over its corpus and over random input.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../../../fuzz/checks/policy_templates.rs"]
mod policy_templates;
#[path = "../../../fuzz/checks/policy_words.rs"]
mod policy_words;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpora_hold() {
    let (templates, words) = (corpus("policy_templates"), corpus("policy_words"));
    assert!(templates.len() >= 4 && words.len() >= 4);
    templates.iter().for_each(|input| policy_templates::check(input));
    words.iter().for_each(|input| policy_words::check(input));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn words_hold_over_any_octets(input in prop::collection::vec(any::<u8>(), 0..100)) {
        policy_words::check(&input);
    }

    #[test]
    fn words_hold_over_any_text(word in "\\PC{1,6}", text in "\\PC{0,40}") {
        policy_words::check(format!("{word}\n{text}").as_bytes());
    }

    #[test]
    fn words_hold_over_texts_that_have_them(
        word in "[a-c1Ａ一票發]{1,4}",
        text in "[a-c1Ａａ一壹票發发\\- \u{200b}\u{301}]{0,30}",
    ) {
        policy_words::check(format!("{word}\n{text}").as_bytes());
    }

    #[test]
    fn templates_hold_over_any_body(
        body in "(甲|乙|。|，|\\.|#|\\$|\\{|\\}|\\$\\{a\\}|#b#|\\{\\{c\\}\\}){1,12}",
        types in prop::collection::vec(prop::sample::select(vec!["code", "digits", "text", "name", "date", "time", "amount", "alphanumeric"]), 3),
        values in prop::collection::vec("[甲乙。，.1-9:#t点cn]{1,8}", 3),
    ) {
        let names = [("a", "${a}"), ("b", "#b#"), ("c", "{{c}}")];
        let mut variables = serde_json::Map::new();
        let mut params = serde_json::Map::new();
        let mut text = body.clone();
        for (((name, placeholder), kind), value) in names.into_iter().zip(types).zip(values) {
            if body.contains(placeholder) {
                variables.insert(name.to_owned(), serde_json::json!({ "type": kind }));
                params.insert(name.to_owned(), value.clone().into());
                text = text.replace(placeholder, &value);
            }
        }
        let template = serde_json::json!({ "tenant": "e1", "category": "notice", "body": body, "variables": variables });
        let params = serde_json::Value::from(params);
        policy_templates::check(format!("{template}\n{params}\n{text}").as_bytes());
    }
}
