//! Whether a text names a place in the internet: with scheme or without, as a domain, a short link or an address, also with
//! other dots, in full width or with zero-width characters between. Rather too much than too little: it is asked about what
//! was put into variables, where links have no business.

use unicode_normalization::UnicodeNormalization as _;

/// The most characters looked at; variables are far shorter.
const MAX: usize = 512;

/// Schemes and what browsers put in front themselves.
const STARTS: [&str; 5] = ["://", "http:", "https:", "www.", "ftp:"];

/// Ends of domains that make one also behind Chinese characters, or behind a dot spelled out.
const ENDINGS: [&str; 40] = [
    "com", "cn", "net", "org", "top", "xyz", "vip", "cc", "tv", "me", "io", "co", "info", "biz", "shop",
    "club", "site", "online", "store", "link", "ltd", "group", "ink", "fun", "live", "work", "wang", "ren",
    "mobi", "asia", "app", "ai", "中国", "中國", "公司", "网络", "網絡", "网址", "商城", "在线",
];

/// Whether there is a link in it.
pub(super) fn has_link(text: &str) -> bool {
    if text.chars().all(is_harmless) {
        return false;
    }
    let plain = plain(text);
    STARTS.iter().any(|start| plain.contains(start))
        || plain.match_indices('.').any(|(dot, _)| is_domain(&plain, dot))
        || has_address(&plain)
}

/// Whether no link has need of it, in whatever spelling: what most values are made of.
fn is_harmless(c: char) -> bool {
    match c {
        '点' | '點' => false,
        '，' | '\u{3400}'..='\u{9fff}' => true,
        _ => c.is_ascii() && !matches!(c, '.' | ':' | '/'),
    }
}

/// In small letters of common width, with plain dots and nothing invisible. A dot that is spelled out (点) counts between
/// ASCII and the end of a domain.
fn plain(text: &str) -> String {
    let narrow = text.chars().take(MAX).nfkc().flat_map(char::to_lowercase).filter(|c| !is_invisible(*c));
    let chars: Vec<char> = narrow.map(|c| if is_dot(c) { '.' } else { c }).collect();
    let mut plain = String::with_capacity(text.len());
    for (at, c) in chars.iter().enumerate() {
        let is_spelled = matches!(c, '点' | '點') && is_ascii_before(&chars, at) && ends_domain(&chars, at);
        plain.push(if is_spelled { '.' } else { *c });
    }
    plain
}

fn is_dot(c: char) -> bool {
    matches!(c, '。' | '．' | '｡' | '·' | '•' | '․' | '‧' | '∙' | '⋅' | '・')
}

fn is_invisible(c: char) -> bool {
    matches!(u32::from(c), 0xad | 0x34f | 0x61c | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfe00..=0xfe0f | 0xfeff)
}

fn is_ascii_before(chars: &[char], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| chars.get(before)).is_some_and(char::is_ascii_alphanumeric)
}

fn ends_domain(chars: &[char], at: usize) -> bool {
    let rest: String = chars.iter().skip(at + 1).take_while(|c| c.is_alphanumeric()).collect();
    is_ending(&rest)
}

fn is_ending(label: &str) -> bool {
    ENDINGS.contains(&label)
}

/// Whether the dot stands between a label and the end of a domain: ASCII letters behind ASCII, a known end behind others.
fn is_domain(text: &str, dot: usize) -> bool {
    let (Some(before), Some(after)) = (text.get(..dot), text.get(dot + 1..)) else { return false };
    let Some(last) = before.chars().next_back().filter(|c| c.is_alphanumeric()) else { return false };
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(after.len());
    let label = after.get(..end).unwrap_or_default();
    let letters = label.len() - label.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
    let ascii = label.get(..letters).unwrap_or_default();
    let is_punycode = label.starts_with("xn--");
    is_ending(label)
        || is_ending(ascii)
        || is_punycode
        || (last.is_ascii() && letters >= 2 && letters == ascii_run(label))
}

/// How many ASCII letters, digits and hyphens a label begins with.
fn ascii_run(label: &str) -> usize {
    label.bytes().take_while(|octet| octet.is_ascii_alphanumeric() || *octet == b'-').count()
}

/// Four numbers up to 255 with dots between.
fn has_address(text: &str) -> bool {
    let runs = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    runs.into_iter().any(|run| {
        let numbers: Vec<bool> = run.split('.').map(|number| number.parse::<u8>().is_ok()).collect();
        numbers.windows(4).any(|four| four.iter().all(|is_number| *is_number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_however_they_are_dressed() {
        for text in [
            "http://a",
            "https://t.cn/A6",
            "t.cn",
            "T.CN/Ab3",
            "dwz.cn/x",
            "www.x",
            "ｔ．ｃｎ",
            "t。cn",
            "t｡cn",
            "t\u{200b}.\u{2060}cn",
            "baidu点com",
            "baidu點cn/1",
            "点t.cn看",
            "银行.com",
            "银行.中国",
            "请看t.cn吧",
            "a.b.xyz",
            "10.0.0.1",
            "看1.2.3.4/a",
            "１．２．３．４",
            "x@y.com",
            "xn--fiq.xn--fiqs8s",
            "hxxps://t",
            "例子.公司",
        ] {
            assert!(has_link(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_link_is_left_alone() {
        for text in [
            "",
            "123456",
            "张三",
            "1.5",
            "1,234.50",
            "2026.11.22",
            "10:30",
            "下午3点",
            "3点30分",
            "您好。OK",
            "A-1/2",
            "No.12",
            "v1.2.3",
            "300.1.1.1.",
            "...",
            "。",
            ".",
            "a.",
            ".a",
        ] {
            assert!(!has_link(text), "{text}");
        }
    }
}
