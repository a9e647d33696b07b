//! What must hold for any word and any text.

use veilgate_names::{Category, EnterpriseId, ObjectId, Service, ServiceNumber, Timestamp};
use veilgate_policy::{
    Categories, Content, Managed, Object, Objects, Question, Requirement, Tree, WordAction, WordList, folded,
};

/// Takes the first line as a word, the rest as a text.
pub(crate) fn check(input: &[u8]) {
    let mut lines = input.splitn(2, |octet| *octet == b'\n');
    let word = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let text = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let once = folded(&text);
    assert_eq!(folded(&once), once, "folding again changes nothing");
    for substring in [false, true] {
        let words = vec![word.clone().into_owned()];
        let list = WordList {
            tenant: None,
            action: WordAction::Block,
            categories: Categories::ALL,
            substring,
            words,
        };
        let id = ObjectId::parse("l1").unwrap();
        if let Err(mistake) = list.check(&id) {
            assert!(
                word.chars().count() > 64 || folded(&word).is_empty() || folded(&word).chars().count() > 128
            );
            drop(mistake.to_string());
            continue;
        }
        let mut objects = Objects::default();
        objects.put(id, Object::WordList(list.into()));
        find(&Content::compile(&objects, &Tree::default(), None).unwrap(), &word, &text);
    }
}

fn find(content: &Content, word: &str, text: &str) {
    let enterprise = EnterpriseId::parse("e1").unwrap();
    let tree = Tree::default();
    let is_found = |text: &str| {
        let number = ServiceNumber::parse("10690001").unwrap();
        let question = Question {
            service: Service::Sms,
            enterprise: &enterprise,
            number,
            text: Some(text),
            template: None,
            params: None,
            segments: 1,
        };
        let off = (Requirement::Off, Requirement::Off);
        content
            .judge(&question, tree.chain(&enterprise), off, Category::Notice, Timestamp(0))
            .finding
            .is_some()
    };
    let spread = |text: &str, between: char| text.chars().flat_map(|c| [c, between]).collect::<String>();
    assert!(is_found(word) && is_found(&format!("{text} {word} {text}")));
    assert!(is_found(&spread(word, '-')) && is_found(&spread(word, '\u{200b}')));
    assert_eq!(is_found(&spread(text, '\u{200b}')), is_found(text), "what is not seen changes nothing");
    assert!(!is_found(text) || is_found(&spread(text, '。')), "what stands between hides nothing");
}
