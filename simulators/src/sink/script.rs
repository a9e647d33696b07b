//! What the fast sink does besides taking everything: the `[sink]` table of a script. Its clock starts with the first
//! message. A sink without script has none of this and pays nothing for it.

use std::time::Duration;

use serde::Deserialize;

use crate::random::Random;
use crate::smsc::{ReceiptWhen, StateMix};
use crate::text::{self, Coding};

const MOST_PHASES: usize = 1_000;
const MOST_REPLIES: usize = 100;
const MOST_SECONDS: f64 = 30.0 * 86_400.0;
const MOST_DELAY_MS: f64 = 86_400_000.0;

/// The `[sink]` table.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SinkScript {
    /// Which messages get a receipt; otherwise as the command line says.
    pub receipts: Option<ReceiptWhen>,
    /// Time from response to receipt.
    pub receipt_delay_ms: Delay,
    /// States of receipts and their weights.
    pub states: StateMix,
    /// Share of the receipts that never comes, 0-100.
    pub never_percent: f64,
    /// Share that comes twice, 0-100.
    pub duplicate_percent: f64,
    /// Seed of all draws.
    pub seed: u64,
    /// Do the phases begin again after the last one? Otherwise that lasts.
    pub repeat: bool,
    /// Replies of subscribers.
    #[serde(rename = "reply")]
    pub replies: Vec<Reply>,
    /// What goes wrong, in turn.
    #[serde(rename = "phase")]
    pub phases: Vec<Weather>,
}

/// A reply of the subscriber to a share of the messages.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Share of the messages that get it, 0-100.
    pub percent: f64,
    /// Its text; must fit one message.
    pub text: String,
    /// Its coding.
    #[serde(default)]
    pub coding: Coding,
    /// How long the subscriber takes.
    #[serde(default)]
    pub delay_ms: Delay,
}

/// How the SMSC fares for a while.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Weather {
    /// How long.
    pub seconds: f64,
    /// How long responses take.
    pub delay_ms: Delay,
    /// Refusals.
    pub refuse: Vec<Refusal>,
    /// Each connection is lost so long after its bind; 0 never.
    pub disconnect_seconds: f64,
    /// Nothing is answered, nothing sent.
    pub silent: bool,
    /// Nothing is read.
    pub deaf: bool,
    /// Nobody is there: connections are closed, new ones at once.
    pub away: bool,
}

/// A share of the messages and its `command_status`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// `command_status`, such as 0x58.
    pub status: u32,
    /// Share of the messages, 0-100.
    pub percent: f64,
}

/// A time to draw, in milliseconds: `5`, `[5, 50]` evenly, or `{ mean = 20, most = 500 }` exponentially.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Delay {
    /// Always this.
    Exactly(f64),
    /// Evenly between the two.
    Evenly([f64; 2]),
    /// Exponentially with this mean, cut at the most.
    Exponentially {
        /// Mean before the cut.
        mean: f64,
        /// Never more.
        most: f64,
    },
}

impl Default for Delay {
    fn default() -> Self {
        Self::Exactly(0.0)
    }
}

impl Delay {
    /// Draws one, in nanoseconds.
    pub(super) fn draw(self, random: &mut Random) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are plenty for a draw")]
        let mut unit = || (random.draw() >> 11) as f64 / (1u64 << 53) as f64;
        let milliseconds = match self {
            Self::Exactly(each) => each,
            Self::Evenly([least, most]) => least + (most - least) * unit(),
            Self::Exponentially { mean, most } => (-mean * (1.0 - unit()).ln()).min(most),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates; never negative"
        )]
        let nanos = (milliseconds * 1e6) as u64;
        nanos
    }

    fn check(self, what: &str) -> Result<(), String> {
        let fits = |each: f64| (0.0..=MOST_DELAY_MS).contains(&each);
        let holds = match self {
            Self::Exactly(each) => fits(each),
            Self::Evenly([least, most]) => fits(least) && fits(most) && least <= most,
            Self::Exponentially { mean, most } => fits(mean) && fits(most),
        };
        if holds { Ok(()) } else { Err(format!("{what} must be 0 to 86400000 ms, the least first")) }
    }
}

impl SinkScript {
    /// Is everything within bounds?
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self) -> Result<(), String> {
        self.receipt_delay_ms.check("receipt_delay_ms")?;
        percent(self.never_percent, "never_percent")?;
        percent(self.duplicate_percent, "duplicate_percent")?;
        if self.phases.len() > MOST_PHASES || self.replies.len() > MOST_REPLIES {
            return Err("at most 1000 phases and 100 replies".to_owned());
        }
        for reply in &self.replies {
            percent(reply.percent, "percent of a reply")?;
            reply.delay_ms.check("delay_ms of a reply")?;
            reply.encode().ok_or("a reply must fit one message in its coding")?;
        }
        self.phases.iter().try_for_each(Weather::check)?;
        if self.repeat && self.length().is_zero() {
            return Err("phases that repeat must take time".to_owned());
        }
        Ok(())
    }

    /// The weather so long after the first message, and how long it still lasts.
    pub(super) fn weather(&self, since: Duration) -> Option<(&Weather, Duration)> {
        let length = self.length();
        let mut rest = since;
        if self.repeat {
            let (rest_nanos, length) = (since.as_nanos(), length.as_nanos().max(1));
            rest = Duration::from_nanos(u64::try_from(rest_nanos % length).unwrap_or(0));
        }
        for phase in &self.phases {
            let lasts = phase.lasts();
            if rest < lasts {
                return Some((phase, lasts - rest));
            }
            rest -= lasts;
        }
        self.phases.last().map(|last| (last, Duration::from_secs(3_600)))
    }

    fn length(&self) -> Duration {
        self.phases.iter().map(Weather::lasts).sum()
    }
}

impl Reply {
    /// `data_coding` and octets; `None` if it does not fit one message.
    pub(super) fn encode(&self) -> Option<(u8, Vec<u8>)> {
        let encoded = text::encode(&self.text, self.coding, false)?;
        let [octets] = encoded.parts.as_slice() else { return None };
        Some((encoded.data_coding, octets.clone()))
    }
}

impl Weather {
    fn lasts(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or_default()
    }

    fn check(&self) -> Result<(), String> {
        let seconds = 0.0..=MOST_SECONDS;
        if !seconds.contains(&self.seconds) || !seconds.contains(&self.disconnect_seconds) {
            return Err("seconds must be 0 to 2592000".to_owned());
        }
        self.delay_ms.check("delay_ms of a phase")?;
        for refusal in &self.refuse {
            percent(refusal.percent, "percent of a refusal")?;
        }
        percent(self.refuse.iter().map(|each| each.percent).sum(), "the sum of a phase's refusals")
    }
}

fn percent(percent: f64, what: &str) -> Result<(), String> {
    if (0.0..=100.0).contains(&percent) { Ok(()) } else { Err(format!("{what} must be 0 to 100")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SinkScript, String> {
        let script: SinkScript = toml::from_str(text).map_err(|error| error.to_string())?;
        script.check().map(|()| script)
    }

    #[test]
    fn weather_changes_and_repeats() {
        let phases = "[[phase]]\nseconds = 10\n[[phase]]\nseconds = 5\nsilent = true\n";
        let script = read(phases).unwrap();
        let at = |script: &SinkScript, seconds: u64| {
            let (weather, rest) = script.weather(Duration::from_secs(seconds)).unwrap();
            (weather.silent, rest.as_secs())
        };
        assert_eq!(
            [0, 9, 10, 14].map(|second| at(&script, second)),
            [(false, 10), (false, 1), (true, 5), (true, 1)]
        );
        assert!(at(&script, 100).0);
        let script = read(&format!("repeat = true\n{phases}")).unwrap();
        assert_eq!((at(&script, 30), at(&script, 44)), ((false, 10), (true, 1)));
        assert!(SinkScript::default().weather(Duration::ZERO).is_none());
    }

    #[test]
    fn delays_are_drawn_from_their_distributions() {
        let mut random = Random::new(1);
        let mut mean = |delay: Delay| (0..20_000).map(|_| delay.draw(&mut random)).sum::<u64>() / 20_000;
        assert_eq!(mean(Delay::Exactly(1.5)), 1_500_000);
        assert!(mean(Delay::Evenly([10.0, 20.0])).abs_diff(15_000_000) < 200_000);
        let exponential = mean(Delay::Exponentially { mean: 10.0, most: 1_000.0 });
        assert!(exponential.abs_diff(10_000_000) < 400_000, "{exponential}");
        assert!(mean(Delay::Exponentially { mean: 10.0, most: 1.0 }) <= 1_000_000);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let bad = [
            "colour = 1",
            "never_percent = 101",
            "receipt_delay_ms = -1",
            "receipt_delay_ms = [5, 1]",
            "repeat = true",
            "[[phase]]\nseconds = -1",
            "[[phase]]\nseconds = 1\nrefuse = [{ status = 8, percent = 60 }, { status = 9, percent = 60 }]",
            "[[phase]]\ncolour = 1",
            "[[reply]]\npercent = 1",
            "[[reply]]\npercent = 101\ntext = \"x\"",
            "[[reply]]\npercent = 1\ntext = \"汉\"\ncoding = \"gsm\"",
        ];
        for text in bad {
            assert!(read(text).is_err(), "{text}");
        }
        let long = format!("[[reply]]\npercent = 1\ntext = \"{}\"", "x".repeat(161));
        assert!(read(&long).is_err());
        assert!(read("[[phase]]\nseconds = 5\nrefuse = [{ status = 0x58, percent = 10 }]").is_ok());
    }
}
