use proptest::prelude::*;

use super::*;

#[test]
fn what_looks_the_same_is_spelled_the_same() {
    for (spelling, dressed) in [
        (
            "fapiao",
            &[
                "FAPIAO",
                "ｆａｐｉａｏ",
                "f.a-p i_a*o",
                "ⓕⓐⓟⓘⓐⓞ",
                "𝐟𝒂𝓅𝔦𝕒𝗈",
                "fàpiào",
                "f\u{200d}a\u{301}piao",
                "fаріао",
                "ꜰᴀᴘɪᴀᴏ",
                "fapiaø",
                "🅵🅐🇵iao",
            ][..],
        ),
        ("发票", &["发票", "發票", "发　票", "发-票"]),
        (
            "发票",
            &[
                "发\u{200b}票",
                "发\u{202e}票",
                "【发】票",
                "发\n\t票",
                "发😀票",
                "发\u{fe0f}\u{20e3}票",
                "发\u{e0041}票",
                "发\u{e000}票",
            ],
        ),
        (
            "0123456789",
            &[
                "０１２３４５６７８９",
                "٠١٢٣٤٥٦٧٨٩",
                "०१२३४५६७८९",
                "零一二三四五六七八九",
                "〇壹贰叁肆伍陆柒捌玖",
                "零壹貳叄肆伍陸柒捌玖",
                "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
                "⓪①②③④⑤⑥⑦⑧⑨",
                "⓿❶❷❸❹❺❻❼❽❾",
                "0️⃣123456789",
                "⁰¹²³⁴⁵⁶⁷⁸⁹",
            ],
        ),
        ("微信", &["微信", "微.信"]),
        ("台湾", &["臺灣", "台灣"]),
        ("10", &["⑩"]),
        ("cjk", &["СЈК"]),
        ("", &["", " ", "-_·。，", "\u{200b}\u{feff}", "😀", "\u{e000}", "\u{f0000}", "\u{10ffff}"]),
    ] {
        for text in dressed {
            assert_eq!(folded(text), spelling, "{text}");
        }
    }
}

#[test]
fn each_character_stays_as_it_became() {
    for c in (0..=0x10_ffff).filter_map(char::from_u32) {
        let once = folded(c.encode_utf8(&mut [0; 4]));
        assert_eq!(folded(&once), once, "U+{:04X}", u32::from(c));
    }
}

#[test]
fn all_digits_of_unicode_count() {
    // Those that decompose and those of the table; the data are Rust's own.
    for zero in ZEROS {
        for value in 0..10 {
            let c = char::from_u32(zero + value).unwrap();
            assert_eq!(folded(&c.to_string()), value.to_string(), "U+{:04X}", u32::from(c));
        }
    }
}

#[test]
fn the_table_of_traditional_characters_is_whole() {
    let lines = TRADITIONAL.lines().filter(|line| !line.starts_with('#'));
    assert!(lines.clone().all(|line| line.chars().count() % 2 == 0));
    assert_eq!(lines.map(|line| line.chars().count() / 2).sum::<usize>(), 3222);
}

#[test]
fn words_of_ascii_begin_where_they_are_seen_to_begin() {
    let starts = |text: &str| {
        let mut out = String::new();
        walk(text, |c, is_start| {
            if is_start {
                out.push('|');
            }
            out.push(c);
        });
        out
    };
    assert_eq!(starts("hello"), "|hello");
    assert_eq!(starts("a b"), "|a|b");
    assert_eq!(starts("a\u{200b}b"), "|ab", "nobody sees what stands between");
    assert_eq!(starts("买fapiao吗"), "|买|fapiao|吗");
    assert_eq!(starts("mp3x"), "|mp|3|x");
    assert_eq!(starts("第一fapiao"), "|第|1|fapiao");
    assert_eq!(starts("一二三"), "|123");
}

proptest! {
    #[test]
    fn folding_again_changes_nothing(text in "\\PC{0,40}|[\\u{0}-\\u{10ffff}]{0,20}") {
        let once = folded(&text);
        prop_assert_eq!(folded(&once), once);
    }

    #[test]
    fn parts_are_folded_alone(one in ".{0,20}", other in ".{0,20}") {
        prop_assert_eq!(folded(&format!("{one}{other}")), folded(&one) + &folded(&other));
    }
}
