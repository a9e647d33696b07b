//! Which texts are refusals. Case, width, spaces and punctuation do not count; a text is compared as a whole, except
//! that some words refuse whatever follows them.

/// The longest word, characters.
const LONGEST: usize = 32;

/// The words of a refusal, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    whole: Vec<String>,
    beginnings: Vec<String>,
}

impl Words {
    /// `whole`: texts that are a refusal; `beginnings`: words that make one of every text beginning so. A word without
    /// letter or digit counts for nothing.
    #[must_use]
    pub fn new<'a>(
        whole: impl IntoIterator<Item = &'a str>,
        beginnings: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let folded = |word: &str| Some(fold(word)).filter(|word| !word.is_empty());
        Self {
            whole: whole.into_iter().filter_map(folded).collect(),
            beginnings: beginnings.into_iter().filter_map(folded).collect(),
        }
    }

    /// The same with another list of whole texts or beginnings, where one is given.
    #[must_use]
    pub fn with(self, whole: Option<Vec<String>>, beginnings: Option<Vec<String>>) -> Self {
        let given = |list: Option<Vec<String>>| list.map(|list| list.iter().map(|word| fold(word)).collect());
        Self {
            whole: given(whole).unwrap_or(self.whole),
            beginnings: given(beginnings).unwrap_or(self.beginnings),
        }
    }

    /// The word by which a text is a refusal, if it is one.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&str> {
        let folded = fold(text);
        let word = self.whole.iter().find(|word| **word == folded);
        word.map(String::as_str).or_else(|| self.begins(&folded))
    }

    /// The word that makes a refusal of a text of which only the beginning is there.
    #[must_use]
    pub fn find_beginning(&self, text: &str) -> Option<&str> {
        self.begins(&fold(text))
    }

    fn begins(&self, folded: &str) -> Option<&str> {
        self.beginnings.iter().find(|word| folded.starts_with(word.as_str())).map(String::as_str)
    }
}

impl Default for Words {
    fn default() -> Self {
        let whole = [
            "R",
            "T",
            "TD",
            "N",
            "回T",
            "回TD",
            "回R",
            "回N",
            "回复T",
            "回复TD",
            "回复R",
            "回复N",
            "STOP",
            "STOPALL",
            "UNSUBSCRIBE",
            "TT",
            "TDTD",
            "拒收",
            "拒绝",
        ];
        Self::new(whole, ["退订", "退訂", "取消订阅", "TD退订", "T退订"])
    }
}

/// Letters and digits only, capital, of common width; a few more of them than the longest word has.
fn fold(text: &str) -> String {
    text.chars()
        .map(narrow)
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .take(LONGEST + 1)
        .collect()
}

/// A full-width letter or digit as the plain one.
fn narrow(c: char) -> char {
    match u32::from(c) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_however_it_is_written() {
        let words = Words::default();
        for text in [
            "TD",
            "td",
            "Td.",
            " T D ",
            "ＴＤ",
            "ｔｄ",
            "“TD”",
            "【TD】",
            "t\u{200b}d",
            "TD!!!",
            "T",
            "r",
            "N",
            "退订",
            "退 订",
            "退订。",
            "退-订",
            "退訂",
            "退订谢谢",
            "退订，不要再发了",
            "stop",
            "Stop!",
            "STOP ALL",
            "unsubscribe",
            "回复TD",
            "回T",
            "T\r\n",
            "\u{feff}TD",
        ] {
            assert!(words.find(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        let words = Words::default();
        for text in [
            "",
            "   ",
            "。",
            "TD是什么",
            "Thanks",
            "N1",
            "Rr",
            "不退订",
            "我要退订",
            "stop by at five",
            "NO",
            "TDX",
            "好的",
            "T恤多少钱",
            "Tomorrow",
            "endless",
        ] {
            assert_eq!(words.find(text), None, "{text:?}");
        }
        assert_eq!((words.find_beginning("TD"), words.find_beginning("退订！请")), (None, Some("退订")));
        assert_eq!(Words::new(["", "。"], [" "]).find(""), None);
        assert_eq!(Words::new(["X"], [""]).find("anything"), None);
    }

    #[test]
    fn long_texts_cost_no_more_than_short_ones() {
        let words = Words::default();
        assert!(words.find(&"退订".repeat(100_000)).is_some());
        assert_eq!(words.find(&"T".repeat(100_000)), None);
    }
}
