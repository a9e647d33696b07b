//! What may be put into a template's placeholder: a type, a length, and never a link.

use serde::{Deserialize, Serialize};

use super::link::has_link;
use super::signature::has_bracket;

/// A placeholder's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: VariableKind,
    /// The most characters; none: as many as the type may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u8>,
}

/// What a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VariableKind {
    /// A one-time code: up to 6 digits.
    Code,
    /// Up to 20 digits.
    Digits,
    /// Up to 20 ASCII letters, digits, `-` and `_`.
    Alphanumeric,
    /// Up to 12 characters of any kind but control characters, 【 and 】.
    Text,
    /// A name: up to 12 letters, blanks and `·-.*（）()`.
    Name,
    /// A date: up to 16 characters, digits and `-/.: 年月日号时分至到`.
    Date,
    /// A time of day: up to 12 characters, digits and `:：-~ 时分秒点半上下午晚早中至到`.
    Time,
    /// An amount: up to 15 characters, digits with `,` and one `.`, a sign and ¥ before and 元 or 万元 behind where wanted.
    Amount,
}

impl Variable {
    /// The most characters.
    pub(super) fn longest(self) -> usize {
        self.max_length.map_or(self.kind.longest(), usize::from)
    }

    /// Whether this may be put there: 1 to [`Self::longest`] characters of the type, without link.
    pub(super) fn accepts(self, value: &str) -> bool {
        let length = value.chars().take(self.longest() + 1).count();
        (1..=self.longest()).contains(&length) && self.kind.accepts(value) && !self.kind.may_hold_link(value)
    }
}

impl VariableKind {
    /// The most characters one of this type may have.
    pub(super) const fn longest(self) -> usize {
        match self {
            Self::Code => 6,
            Self::Digits | Self::Alphanumeric => 20,
            Self::Text | Self::Name | Self::Time => 12,
            Self::Date => 16,
            Self::Amount => 15,
        }
    }

    fn accepts(self, value: &str) -> bool {
        let all = |allowed: fn(char) -> bool| value.chars().all(allowed);
        let has_digit = || value.bytes().any(|octet| octet.is_ascii_digit());
        match self {
            Self::Code | Self::Digits => all(|c| c.is_ascii_digit()),
            Self::Alphanumeric => all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')),
            Self::Text => all(|c| !c.is_control()) && !has_bracket(value),
            Self::Name => all(is_of_name),
            Self::Date => all(is_of_date) && has_digit(),
            Self::Time => all(is_of_time) && has_digit(),
            Self::Amount => is_amount(value),
        }
    }

    fn may_hold_link(self, value: &str) -> bool {
        !matches!(self, Self::Code | Self::Digits | Self::Time | Self::Amount) && has_link(value)
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphabetic() || matches!(c, ' ' | '·' | '-' | '.' | '*' | '(' | ')' | '（' | '）')
}

fn is_of_date(c: char) -> bool {
    c.is_ascii_digit()
        || matches!(c, '-' | '/' | '.' | ':' | ' ' | '年' | '月' | '日' | '号' | '时' | '分' | '至' | '到')
}

fn is_of_time(c: char) -> bool {
    c.is_ascii_digit()
        || matches!(
            c,
            ':' | '：'
                | '-'
                | '~'
                | ' '
                | '时'
                | '分'
                | '秒'
                | '点'
                | '半'
                | '上'
                | '下'
                | '午'
                | '晚'
                | '早'
                | '中'
                | '至'
                | '到'
        )
}

fn is_amount(value: &str) -> bool {
    let value = value.strip_prefix(['+', '-']).unwrap_or(value);
    let value = value.strip_prefix(['¥', '￥']).unwrap_or(value);
    let value = value.strip_suffix('元').unwrap_or(value);
    let value = value.strip_suffix('万').unwrap_or(value);
    let (whole, rest) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    digits(rest) && whole.split(',').all(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(kind: VariableKind, value: &str) -> bool {
        Variable { kind, max_length: None }.accepts(value)
    }

    #[test]
    fn each_type_takes_what_it_is_for() {
        use VariableKind::*;
        for (kind, good, bad) in [
            (Code, &["1", "123456"][..], &["", "1234567", "12a4", "１２３４", "12 34"][..]),
            (Digits, &["0", "12345678901234567890"], &["", "123456789012345678901", "1.2"]),
            (Alphanumeric, &["SF-12_a"], &["顺丰1", "t.cn", "a b"]),
            (
                Text,
                &["张三", "周一（11.23）", "A&B #1"],
                &["", "【x", "t.cn/a", "a\nb", "一二三四五六七八九十一二三"],
            ),
            (Name, &["张**", "阿卜杜拉·买买提", "Li Lei"], &["张三1", "a.com", "银行.com", "x/y"]),
            (
                Date,
                &["2026-11-22", "11月22日", "2026.11.22 10:30"],
                &["今天", "日", "1.1.1.1", "2026-11-22x"],
            ),
            (Time, &["10:30", "下午3点半", "9点-18点"], &["点", "10h"]),
            (Amount, &["-￥3.5万元", "1,234.50", "99元"], &["", "1.2.3", ",1", "1.", ".5", "一元", "元"]),
        ] {
            assert!(good.iter().all(|value| accepts(kind, value)), "{kind:?} {good:?}");
            for value in bad {
                assert!(!accepts(kind, value), "{kind:?} {value:?}");
            }
        }
    }

    #[test]
    fn a_shorter_length_holds() {
        let variable = Variable { kind: VariableKind::Code, max_length: Some(4) };
        assert!(variable.accepts("1234") && !variable.accepts("12345"));
    }
}
