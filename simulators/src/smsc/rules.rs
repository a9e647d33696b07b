//! Rules: which messages are answered how, and which are replied to. Read from TOML or from short flags
//! such as `throttle; every=10; delay=50..200`.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use crate::random::Random;
use crate::text::{Coding, Split};

/// A rule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad rule: {0}")]
pub struct RuleError(String);

impl RuleError {
    pub(super) fn states(text: &str) -> Self {
        Self(format!("states {text}"))
    }
}

/// Which messages a rule is for; all that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// Only every Nth of those that match otherwise.
    pub every: Option<u64>,
    /// Only this share of them, 0-100.
    pub percent: Option<f64>,
    /// The destination ends so.
    pub destination_suffix: Option<String>,
    /// The source begins so.
    pub source_prefix: Option<String>,
    /// The text contains this.
    pub text_contains: Option<String>,
    /// Not more often than this.
    pub limit: Option<u64>,
}

/// What is done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Action {
    /// Accepted with a message id.
    #[default]
    Accept,
    /// Refused with this `command_status`.
    Refuse(u32),
    /// Never answered.
    Drop,
    /// The connection is closed instead of an answer.
    Disconnect,
}

/// A span of time to draw from; in TOML milliseconds, `50` or `[50, 200]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "SpanForm")]
pub struct Span {
    /// At least this.
    pub least: Duration,
    /// At most this.
    pub most: Duration,
}

/// How matching messages are answered.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerRule {
    /// Which messages.
    pub when: Condition,
    /// What is done.
    pub action: Action,
    /// How long the answer takes.
    pub delay_ms: Span,
}

/// What the handset answers to a matching message.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplyRule {
    /// Which messages.
    pub when: Condition,
    /// The reply's text.
    pub text: String,
    /// Its coding.
    pub coding: Coding,
    /// How it is split when long.
    pub split: Split,
    /// How long the handset takes.
    pub delay_ms: Span,
}

/// A rule's memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    matched: u64,
    used: u64,
}

/// What a condition looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Source address.
    pub source: &'a str,
    /// Destination address.
    pub destination: &'a str,
    /// Text.
    pub text: &'a str,
}

impl Condition {
    /// Does it hold for this message? Counts it if so.
    pub fn holds(&self, subject: Subject<'_>, tally: &mut Tally, random: &mut Random) -> bool {
        let fits =
            self.destination_suffix.as_ref().is_none_or(|end| subject.destination.ends_with(end.as_str()))
                && self.source_prefix.as_ref().is_none_or(|start| subject.source.starts_with(start.as_str()))
                && self.text_contains.as_ref().is_none_or(|part| subject.text.contains(part.as_str()));
        if !fits {
            return false;
        }
        tally.matched += 1;
        let drawn = self.every.is_none_or(|every| every > 0 && tally.matched.is_multiple_of(every))
            && self.limit.is_none_or(|limit| tally.used < limit)
            && self.percent.is_none_or(|percent| random.percent(percent));
        tally.used += u64::from(drawn);
        drawn
    }

    fn set(&mut self, key: &str, value: &str) -> Result<bool, RuleError> {
        match key {
            "every" => self.every = Some(number(value)?),
            "percent" => {
                self.percent = Some(value.parse().map_err(|_| RuleError(format!("percent {value}")))?)
            }
            "suffix" => self.destination_suffix = Some(value.to_owned()),
            "source" => self.source_prefix = Some(value.to_owned()),
            "match" => self.text_contains = Some(value.to_owned()),
            "limit" => self.limit = Some(number(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Span {
    /// Exactly this long.
    #[must_use]
    pub fn exactly(duration: Duration) -> Self {
        Self { least: duration, most: duration }
    }

    /// Draws a duration, uniformly.
    pub fn draw(&self, random: &mut Random) -> Duration {
        let room = self.most.saturating_sub(self.least).as_micros();
        let extra = random.below(u64::try_from(room).unwrap_or(u64::MAX).saturating_add(1));
        self.least.saturating_add(Duration::from_micros(extra))
    }
}

impl FromStr for Span {
    type Err = RuleError;

    /// Reads milliseconds: `50` or `50..200`.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let (least, most) = (number(least)?, number(most)?);
        if most < least {
            return Err(RuleError(format!("span {text}")));
        }
        Ok(Self { least: Duration::from_millis(least), most: Duration::from_millis(most) })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SpanForm {
    One(u64),
    Two([u64; 2]),
}

impl From<SpanForm> for Span {
    fn from(form: SpanForm) -> Self {
        let [least, most] = match form {
            SpanForm::One(each) => [each, each],
            SpanForm::Two(both) => both,
        };
        Self { least: Duration::from_millis(least), most: Duration::from_millis(most.max(least)) }
    }
}

impl FromStr for Action {
    type Err = RuleError;

    /// Reads `ok`, `throttle`, `queue-full`, `drop`, `disconnect` or a status such as `0x08`.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        Ok(match text {
            "ok" => Self::Accept,
            "throttle" => Self::Refuse(0x58),
            "queue-full" => Self::Refuse(0x14),
            "drop" => Self::Drop,
            "disconnect" => Self::Disconnect,
            _ => {
                let digits = text.strip_prefix("status=").unwrap_or(text);
                let status = match digits.strip_prefix("0x") {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => digits.parse(),
                };
                Self::Refuse(status.map_err(|_| RuleError(format!("action {text}")))?)
            }
        })
    }
}

impl TryFrom<String> for Action {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl FromStr for AnswerRule {
    type Err = RuleError;

    /// Reads `ACTION; key=value; …` with keys every, percent, suffix, source, match, limit, delay.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (first, settings) = parts(text);
        let mut rule = Self { action: first.parse()?, ..Self::default() };
        for (key, value) in settings {
            match key {
                "delay" => rule.delay_ms = value.parse()?,
                _ if rule.when.set(key, value)? => {}
                _ => return Err(RuleError(format!("unknown key {key}"))),
            }
        }
        Ok(rule)
    }
}

impl FromStr for ReplyRule {
    type Err = RuleError;

    /// Reads `TEXT; key=value; …` with the keys of an answer rule and `repeat` (the text so often).
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (first, settings) = parts(text);
        let mut rule = Self { text: first.to_owned(), ..Self::default() };
        for (key, value) in settings {
            match key {
                "delay" => rule.delay_ms = value.parse()?,
                "repeat" => {
                    let times = usize::try_from(number(value)?.min(1_000)).unwrap_or(1);
                    rule.text = first.repeat(times);
                }
                _ if rule.when.set(key, value)? => {}
                _ => return Err(RuleError(format!("unknown key {key}"))),
            }
        }
        Ok(rule)
    }
}

fn parts(text: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = text.split(';').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let settings =
        parts.filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")));
    (first, settings.collect())
}

fn number(text: &str) -> Result<u64, RuleError> {
    text.trim().parse().map_err(|_| RuleError(format!("number {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read() {
        let rule: AnswerRule = "throttle; every=10; delay=50..200; suffix=07".parse().unwrap();
        assert_eq!(rule.action, Action::Refuse(0x58));
        assert_eq!(rule.when.every, Some(10));
        assert_eq!(rule.delay_ms.most, Duration::from_millis(200));
        assert_eq!("status=0x45".parse::<AnswerRule>().unwrap().action, Action::Refuse(0x45));
        assert_eq!("queue-full; percent=2.5".parse::<AnswerRule>().unwrap().when.percent, Some(2.5));
        let reply: ReplyRule = "TD; match=退订; limit=1; repeat=3".parse().unwrap();
        assert_eq!((reply.text.as_str(), reply.when.limit), ("TDTDTD", Some(1)));
        for bad in ["perhaps", "drop; colour=red", "drop; every=x", "ok; delay=9..1"] {
            assert!(bad.parse::<AnswerRule>().is_err(), "{bad}");
        }
    }

    #[test]
    fn conditions_count() {
        let condition = Condition { every: Some(3), limit: Some(2), ..Condition::default() };
        let (mut tally, mut random) = (Tally::default(), Random::new(1));
        let subject = Subject { source: "1069", destination: "19900000007", text: "hello" };
        let hits: Vec<bool> = (0..12).map(|_| condition.holds(subject, &mut tally, &mut random)).collect();
        assert_eq!(hits.iter().filter(|hit| **hit).count(), 2);
        assert!(hits[2] && hits[5] && !hits[8]);
        let condition = Condition { destination_suffix: Some("08".into()), ..Condition::default() };
        assert!(!condition.holds(subject, &mut Tally::default(), &mut random));
    }
}
