//! Texts as sensitive words are looked for in them: one spelling for whatever looks the same, and nothing between. Width,
//! case, accents, circled and foreign digits, Chinese numerals, traditional characters and look-alikes become one character;
//! blanks, punctuation, symbols, zero-width and bidi characters go.

use std::sync::LazyLock;

use hashbrown::HashMap;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Beyond the last ideograph that Unicode 17 has.
const END: u32 = 0x3_4000;
const PAGE: u32 = 256;

/// How many times a character may change until it stays as it is. Three are needed.
const ROUNDS: usize = 5;

const TRADITIONAL: &str = include_str!("traditional.txt");

/// The zeros of all scripts whose digits the compatibility forms of Unicode do not lead to the ASCII ones (general category
/// Nd, Unicode 16).
const ZEROS: [u32; 67] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6,
    0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0,
    0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0, 0x10d30, 0x10d40,
    0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da,
    0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50,
    0x16d70, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

/// The ones of circles that have no compatibility form: black, sans-serif, double.
const CIRCLED_ONES: [u32; 4] = [0x2776, 0x2780, 0x278a, 0x24f5];

/// The A of letters that have no compatibility form: regional indicators, white on black in circles and squares.
const ENCLOSED_AS: [u32; 3] = [0x1_f1e6, 0x1_f150, 0x1_f170];

/// Chinese numerals that are written in place of digits. 参 and 两 are too common otherwise.
const NUMERALS: [(&str, char); 10] = [
    ("零〇", '0'),
    ("一壹弌", '1'),
    ("二贰弍", '2'),
    ("三叁弎", '3'),
    ("四肆", '4'),
    ("五伍", '5'),
    ("六陆", '6'),
    ("七柒", '7'),
    ("八捌", '8'),
    ("九玖", '9'),
];

/// Small letters that look like Latin ones: Cyrillic, Greek, small capitals, and those with strokes through them.
const LOOK_ALIKES: [(&str, char); 26] = [
    ("аαᴀ", 'a'),
    ("вβʙ", 'b'),
    ("сϲᴄ", 'c'),
    ("ԁᴅđ", 'd'),
    ("еεᴇ", 'e'),
    ("ꜰ", 'f'),
    ("ɡɢ", 'g'),
    ("нһʜħ", 'h'),
    ("іιıɪ", 'i'),
    ("јᴊ", 'j'),
    ("кκᴋ", 'k'),
    ("ӏʟł", 'l'),
    ("мᴍ", 'm'),
    ("ɴ", 'n'),
    ("оοᴏø", 'o'),
    ("рρᴘ", 'p'),
    ("ԛ", 'q'),
    ("ʀ", 'r'),
    ("ѕꜱ", 's'),
    ("тτᴛŧ", 't'),
    ("υᴜ", 'u'),
    ("νᴠ", 'v'),
    ("ԝᴡ", 'w'),
    ("хχ", 'x'),
    ("уʏ", 'y'),
    ("ᴢ", 'z'),
];

/// A text in its one spelling. It is the same for texts that differ only in width, case, script of digits, separators and
/// the like, and folding it again changes nothing.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    walk(text, |c, _| out.push(c));
    out
}

/// Goes over a text's characters in their one spelling. The second argument says whether a word of ASCII letters and digits
/// could begin at this character: it is the first, or something visible stands before it, or it is no letter behind a
/// letter and no digit behind a digit.
pub(super) fn walk(text: &str, mut each: impl FnMut(char, bool)) {
    let table = &*TABLE;
    let mut before = Class::Other;
    for c in text.chars() {
        match table.fold(c) {
            Folded::One(c) => {
                let class = Class::of(c);
                each(c, !class.joins(before));
                before = class;
            }
            Folded::Many(many) => {
                for c in many.chars() {
                    let class = Class::of(c);
                    each(c, !class.joins(before));
                    before = class;
                }
            }
            Folded::Separator => before = Class::Other,
            Folded::Invisible => {}
        }
    }
}

/// Whether it is a Chinese character; runs of them have no boundaries between words.
pub(super) fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c), 0x3007 | 0x3400..=0x9fff | 0xf900..=0xfaff | 0x2_0000..END)
}

/// What words of ASCII are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' => Self::Letter,
            '0'..='9' => Self::Digit,
            _ => Self::Other,
        }
    }

    fn joins(self, before: Self) -> bool {
        self == before && self != Self::Other
    }
}

/// What becomes of one character.
#[derive(Debug, PartialEq, Eq)]
enum Folded<'a> {
    One(char),
    Many(&'a str),
    /// Seen, but no letter or digit.
    Separator,
    /// Not seen, or only as part of what stands before it.
    Invisible,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::make);

/// Pages of 256 characters; one that is not there leaves its characters as they are.
struct Table {
    pages: Box<[Option<Box<[Entry]>>]>,
    many: Vec<Box<str>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    One(char),
    Many(u16),
    Separator,
    Invisible,
}

impl Table {
    fn fold(&self, c: char) -> Folded<'_> {
        let code = u32::from(c);
        let Some(page) = usize::try_from(code / PAGE).ok().and_then(|page| self.pages.get(page)) else {
            return if matches!(code, 0xe_0000..=0xe_0fff) { Folded::Invisible } else { Folded::Separator };
        };
        let Some(page) = page else { return Folded::One(c) };
        match usize::try_from(code % PAGE).ok().and_then(|place| page.get(place)) {
            Some(Entry::One(c)) => Folded::One(*c),
            Some(Entry::Many(index)) => {
                self.many.get(usize::from(*index)).map_or(Folded::Separator, |many| Folded::Many(many))
            }
            Some(Entry::Invisible) => Folded::Invisible,
            Some(Entry::Separator) | None => Folded::Separator,
        }
    }

    fn make() -> Self {
        let changes = changes();
        let mut many = Vec::new();
        let pages = (0..END / PAGE).map(|page| Self::page(page, &changes, &mut many)).collect();
        Self { pages, many }
    }

    fn page(page: u32, changes: &HashMap<char, char>, many: &mut Vec<Box<str>>) -> Option<Box<[Entry]>> {
        let codes = page * PAGE..(page + 1) * PAGE;
        let entries: Box<[Entry]> = codes.clone().map(|code| entry(code, changes, many)).collect();
        let is_plain = codes
            .zip(&entries)
            .all(|(code, entry)| char::from_u32(code).is_some_and(|c| *entry == Entry::One(c)));
        (!is_plain).then_some(entries)
    }
}

fn entry(code: u32, changes: &HashMap<char, char>, many: &mut Vec<Box<str>>) -> Entry {
    let Some(c) = char::from_u32(code) else { return Entry::Separator };
    if is_invisible(c) {
        return Entry::Invisible;
    }
    if is_whole(c) && !changes.contains_key(&c) {
        return Entry::One(c);
    }
    let text = spelled(c, changes);
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (None, _) => Entry::Separator,
        (Some(one), None) => Entry::One(one),
        _ => u16::try_from(many.len()).map_or(Entry::Separator, |index| {
            many.push(text.into());
            Entry::Many(index)
        }),
    }
}

/// Whether Unicode decomposes it into nothing that is wanted: most characters, by far.
fn is_whole(c: char) -> bool {
    matches!(u32::from(c), 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0x2_0000..=0x2_a6df)
}

/// A character's one spelling; empty for what is no letter or digit.
fn spelled(c: char, changes: &HashMap<char, char>) -> String {
    let mut text = String::from(c);
    for _ in 0..ROUNDS {
        let next: String = text.chars().flat_map(decomposed).filter_map(|c| step(c, changes)).collect();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// Compatibility decomposition without accents, in small letters; syllables of Hangul stay whole.
fn decomposed(c: char) -> impl Iterator<Item = char> {
    let whole = is_whole(c).then_some(c);
    let parts = whole.is_none().then(|| std::iter::once(c).nfkd()).into_iter().flatten();
    whole.into_iter().chain(parts.filter(|part| !is_combining_mark(*part)).flat_map(char::to_lowercase))
}

fn step(c: char, changes: &HashMap<char, char>) -> Option<char> {
    changes
        .get(&c)
        .copied()
        .or_else(|| digit(c))
        .or_else(|| enclosed(c))
        .or_else(|| c.is_alphanumeric().then_some(c))
}

fn digit(c: char) -> Option<char> {
    let value = |zero: u32| u32::from(c).checked_sub(zero).filter(|value| *value < 10);
    let circled = |one: u32| u32::from(c).checked_sub(one).filter(|value| *value < 9).map(|value| value + 1);
    let found = ZEROS.into_iter().find_map(value).or_else(|| CIRCLED_ONES.into_iter().find_map(circled));
    found.or_else(|| (c == '\u{24ff}').then_some(0)).and_then(|value| char::from_digit(value, 10))
}

fn enclosed(c: char) -> Option<char> {
    let letter = |a: u32| u32::from(c).checked_sub(a).filter(|value| *value < 26);
    ENCLOSED_AS.into_iter().find_map(letter).and_then(|value| char::from_digit(value + 10, 36))
}

/// Format characters, variation selectors, fillers and accents: nothing of their own is seen.
fn is_invisible(c: char) -> bool {
    is_combining_mark(c)
        || matches!(u32::from(c),
            0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890 | 0x891 | 0x8e2 | 0x115f | 0x1160 | 0x17b4
            | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164
            | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1_10bd | 0x1_10cd | 0x1_3430..=0x1_343f
            | 0x1_bca0..=0x1_bca3 | 0x1_d173..=0x1_d17a | 0xe_0000..=0xe_0fff)
}

/// What Unicode's decompositions do not say.
fn changes() -> HashMap<char, char> {
    let mut changes = HashMap::new();
    for line in TRADITIONAL.lines().filter(|line| !line.starts_with('#')) {
        let mut chars = line.chars();
        while let (Some(from), Some(to)) = (chars.next(), chars.next()) {
            changes.insert(from, to);
        }
    }
    for (from, to) in NUMERALS.into_iter().chain(LOOK_ALIKES) {
        changes.extend(from.chars().map(|c| (c, to)));
    }
    changes
}

#[cfg(test)]
mod tests;
