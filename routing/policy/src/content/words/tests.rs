use proptest::prelude::*;
use veilgate_names::Category::{Marketing, Notice};

use super::*;
use crate::content::tests::tree;

const E1: Chain<'static> = Chain(&[TenantIndex(2), TenantIndex(1), Tree::CARRIER]);
const E2: Chain<'static> = Chain(&[TenantIndex(3), Tree::CARRIER]);

fn id(name: &str) -> ObjectId {
    ObjectId::parse(name).unwrap()
}

fn list(action: WordAction, words: &[&str]) -> WordList {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    WordList { tenant: None, action, categories: Categories::ALL, substring: false, words }
}

fn compiled(lists: impl IntoIterator<Item = (&'static str, WordList)>) -> Words {
    let mut table = Table::default();
    for (name, list) in lists {
        list.check(&id(name)).unwrap();
        table.put(id(name), list.into());
    }
    Words::compile(Arc::new(Automaton::compile(&table).unwrap()), &table, &tree()).unwrap()
}

fn blocks(words: &Words, text: &str) -> bool {
    words.find(text, E1, Notice).block.is_some()
}

#[test]
fn words_are_found_however_they_are_dressed() {
    let words = compiled([("l", list(WordAction::Block, &["发票", "fapiao", "六合彩", "微信123"]))]);
    for text in [
        "代开发票",
        "代开发　票",
        "代开发-票",
        "代开發票",
        "代开發 票",
        "代开发\u{200d}票",
        "发\u{200b}\u{2060}\u{feff}\u{202e}票",
        "发。。。——……票",
        "发\n票",
        "发😀票",
        "代开ｆａｐｉａｏ吗",
        "fapiao",
        "FaPiAo!",
        "f a p i a o",
        "代开fapiao123",
        "代开f\u{301}apiao",
        "ⓕⓐⓟⓘⓐⓞ",
        "6合彩",
        "陸合彩",
        "加微信一二三",
        "加微 信１２③",
    ] {
        assert!(blocks(&words, text), "{text}");
    }
    for text in ["", "发 钱 票", "票发", "xfapiao", "fapiaos", "微信12", "fapia os"] {
        assert!(!blocks(&words, text), "{text}");
    }
}

#[test]
fn words_of_ascii_are_whole_unless_the_list_says_otherwise() {
    let whole = compiled([("l", list(WordAction::Block, &["ass", "110"]))]);
    let inside = compiled([("l", WordList { substring: true, ..list(WordAction::Block, &["ass", "110"]) })]);
    for (text, is_whole) in [
        ("ass", true),
        ("an ass!", true),
        ("你ass我", true),
        ("a-s-s", true),
        ("ass1", true),
        ("拨打110", true),
        ("一一零", true),
        ("a110b", true),
        ("class", false),
        ("assist", false),
        ("c lass", false),
        ("13110", false),
        ("1100", false),
        ("as\u{200b}sist", false),
    ] {
        assert_eq!(blocks(&whole, text), is_whole, "{text}");
        assert!(blocks(&inside, text), "{text}");
    }
}

#[test]
fn lists_hold_for_their_tenants_and_categories() {
    let for_e1 = WordList { tenant: Some(id("e1")), ..list(WordAction::Block, &["甲"]) };
    let for_agent = WordList { tenant: Some(id("agent")), ..list(WordAction::Hold, &["乙"]) };
    let for_ads = WordList { categories: Categories::of(&[Marketing]), ..list(WordAction::Flag, &["丙"]) };
    let words = compiled([("a", for_e1), ("b", for_agent), ("c", for_ads)]);
    let name = |found: Option<&ObjectId>| found.map(ToString::to_string);
    let found = words.find("甲乙丙", E1, Marketing);
    assert_eq!(
        (name(found.block), name(found.hold), found.flagged),
        (Some("a".into()), Some("b".into()), true)
    );
    assert_eq!(words.find("甲乙丙", E2, Notice), Found::default());
    assert!(words.find("丙", E2, Marketing).flagged);
}

#[test]
fn a_word_may_stand_in_many_lists_and_inside_another() {
    let words = compiled([
        ("a", list(WordAction::Flag, &["发票", "发票", "發票"])),
        ("b", list(WordAction::Hold, &["代开发票"])),
        ("c", list(WordAction::Block, &["开发"])),
    ]);
    let found = words.find("代开发票", E1, Notice);
    assert!(found.flagged && found.hold == Some(&id("b")) && found.block == Some(&id("c")));
}

#[test]
fn bad_lists_are_refused_without_their_words() {
    for (at, words) in [(0, &[""][..]), (1, &["好", "---"]), (0, &["\u{200b}"])] {
        let mistake = list(WordAction::Block, words).check(&id("l")).unwrap_err();
        assert_eq!(mistake.field, format!("words[{at}]"));
        assert!(!mistake.to_string().contains("---"));
    }
    assert!(list(WordAction::Block, &[&"字".repeat(65)]).check(&id("l")).is_err());
    assert!(list(WordAction::Block, &[&"\u{fdfa}".repeat(64)]).check(&id("l")).is_err(), "18 letters each");
    let wordings = list(WordAction::OptOut, &["回T退订"]);
    for (field, wrong) in [
        ("categories", WordList { categories: Categories::of(&[Notice]), ..wordings.clone() }),
        ("words", WordList { words: Vec::new(), ..wordings.clone() }),
    ] {
        assert_eq!(wrong.check(&id("l")).unwrap_err().field, field);
    }
    assert!(wordings.check(&id("l")).is_ok() && list(WordAction::Block, &[]).check(&id("l")).is_ok());
    let longest = compiled([("l", list(WordAction::Block, &[&"㍿".repeat(32), &"x".repeat(64)]))]);
    assert!(blocks(&longest, &"株式会社".repeat(32)) && blocks(&longest, &"x ".repeat(64)));
    assert!(!blocks(&longest, &"x".repeat(65)));
    let mut table = Table::default();
    table.put(id("l"), WordList { tenant: Some(id("nobody")), ..list(WordAction::Block, &["好"]) }.into());
    let mistake = Words::compile(Arc::default(), &table, &tree()).err().unwrap();
    assert_eq!(mistake.field, "tenant");
    assert!(!format!("{:?}", list(WordAction::Block, &["发票"])).contains("发票"));
}

#[test]
fn there_is_an_end_to_the_words_of_all_lists() {
    let mut table = Table::default();
    let words = vec!["发票".to_owned(); MAX_WORDS / 2];
    for name in ["a", "b"] {
        table.put(id(name), WordList { words: words.clone(), ..list(WordAction::Block, &[]) }.into());
    }
    assert!(Automaton::compile(&table).is_ok(), "the same word counts each time");
    table.put(id("c"), list(WordAction::Flag, &["发票"]).into());
    let mistake = Automaton::compile(&table).err().unwrap();
    assert_eq!((mistake.id, mistake.field.as_str()), (Some(id("c")), "words"));
}

/// The rule as it is written down: letters and digits only, word by word.
fn naive(words: &[String], text: &str) -> bool {
    let mut spelled = Vec::new();
    walk(text, |c, is_start| spelled.push((c, is_start)));
    words.iter().any(|word| {
        let word: Vec<char> = folded(word).chars().collect();
        let is_whole = word.iter().all(char::is_ascii);
        (0..spelled.len()).any(|at| {
            let here = &spelled[at..];
            here.len() >= word.len()
                && here.iter().zip(&word).all(|((c, _), expected)| c == expected)
                && (!is_whole || here[0].1 && here.get(word.len()).is_none_or(|(_, is_start)| *is_start))
        })
    })
}

proptest! {
    #[test]
    fn finding_agrees_with_looking_word_by_word(
        words in prop::collection::vec("[ab1发票]{1,4}", 1..8),
        text in "[ab1ＡＢ発发發票\\- \u{200b}]{0,24}",
    ) {
        let named: Vec<&str> = words.iter().map(String::as_str).collect();
        let found = compiled([("l", list(WordAction::Block, &named))]);
        prop_assert_eq!(blocks(&found, &text), naive(&words, &text), "{:?} {:?}", words, text);
    }

    #[test]
    fn nothing_put_between_hides_a_word(
        word in "[a-z]{2,8}|[发票微信彩博]{2,6}",
        between in prop::collection::vec("[ 　.,。，\\-_*/|~·\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}\u{feff}\u{300}-\u{36f}\u{fe0f}😀【】]{0,4}", 8),
        around in ("[好的 ]{0,3}", "[好的 ]{0,3}"),
    ) {
        let words = compiled([("l", list(WordAction::Block, &[&word]))]);
        let spread: String = word.chars().zip(&between).map(|(c, between)| format!("{c}{between}")).collect();
        let text = format!("{}{}{}", around.0, spread, around.1);
        prop_assert!(blocks(&words, &text), "{text:?}");
    }
}
