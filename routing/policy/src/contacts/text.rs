//! Which texts are the same: a keyed mark of a text, without what an eye does not see or passes over.

use std::fmt;
use std::hash::Hasher;
use std::num::NonZeroU32;

use siphasher::sip::SipHasher13;

/// Octets of a text that are hashed at once.
const BUFFER: usize = 256;

/// A mark of a text: equal for texts that read the same, and worth nothing without the key it was made with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TextMark(NonZeroU32);

impl TextMark {
    /// The mark of a text. Blanks, control characters and characters of no width count for nothing, letters in either
    /// case and width are the same.
    pub(super) fn of(key: &[u8; 16], text: &str) -> Self {
        let mut seen = Seen { hasher: SipHasher13::new_with_key(key), waiting: [0; BUFFER], filled: 0 };
        text.chars().filter(|one| !is_unseen(*one)).for_each(|one| seen.write(folded(one)));
        Self(low_half(seen.finish()))
    }

    pub(super) const fn value(self) -> NonZeroU32 {
        self.0
    }
}

impl fmt::Debug for TextMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextMark(***)")
    }
}

/// Hashes characters many at a time: one by one takes several times as long.
struct Seen {
    hasher: SipHasher13,
    waiting: [u8; BUFFER],
    filled: usize,
}

impl Seen {
    fn write(&mut self, one: char) {
        if self.filled + 4 > BUFFER {
            self.flush();
        }
        if let Some(room) = self.waiting.get_mut(self.filled..self.filled + 4) {
            self.filled += one.encode_utf8(room).len();
        }
    }

    fn flush(&mut self) {
        self.hasher.write(self.waiting.get(..self.filled).unwrap_or_default());
        self.filled = 0;
    }

    fn finish(mut self) -> u64 {
        self.flush();
        self.hasher.finish()
    }
}

/// The mark of a name. It stands in records: it must stay the same from release to release.
pub(super) fn name_mark(name: &str) -> NonZeroU32 {
    low_half(SipHasher13::new().hash(name.as_bytes()))
}

fn low_half(hash: u64) -> NonZeroU32 {
    u32::try_from(hash & 0xffff_ffff).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}

fn is_unseen(one: char) -> bool {
    one.is_whitespace()
        || one.is_control()
        || matches!(one, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

fn folded(one: char) -> char {
    let narrow = match one {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(one) - 0xfee0).unwrap_or(one),
        other => other,
    };
    narrow.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = [7; 16];

    #[test]
    fn what_reads_the_same_is_the_same() {
        let mark = TextMark::of(&KEY, "【甲】Your order 42 left.");
        for same in ["【甲】 your ORDER 42  left.\r\n", "【甲】Your\u{200b} ｏｒｄｅｒ ４２ left．"]
        {
            assert_eq!(TextMark::of(&KEY, same), mark, "{same}");
        }
        for other in ["【乙】Your order 42 left.", "【甲】Your order 43 left.", ""] {
            assert_ne!(TextMark::of(&KEY, other), mark, "{other}");
        }
    }

    #[test]
    fn long_texts_are_read_to_their_end() {
        let long = "长".repeat(1000);
        let marks = [0, 84, 85, 86, 999, 1000].map(|at| {
            let changed: String =
                long.chars().enumerate().map(|(n, one)| if n == at { '短' } else { one }).collect();
            TextMark::of(&KEY, &changed)
        });
        for (place, mark) in marks.iter().enumerate() {
            assert!(marks.iter().skip(place + 1).all(|other| other != mark));
        }
        assert_eq!(marks.last(), Some(&TextMark::of(&KEY, &long.replace('长', "长 "))));
    }

    #[test]
    fn marks_tell_nothing_without_the_key() {
        assert_ne!(TextMark::of(&KEY, "482913"), TextMark::of(&[8; 16], "482913"));
        assert_eq!(format!("{:?}", TextMark::of(&KEY, "482913")), "TextMark(***)");
    }

    #[test]
    fn names_keep_their_marks_over_releases() {
        assert_eq!(name_mark("ent-1").get(), 117_671_682);
    }
}
