//! What the SMSC simulator can be told; the `--rules` file has the same names.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::ids::IdFormat;
use super::rules::{AnswerRule, ReplyRule, RuleError, Span};
use crate::receipt::{Dates, State};

/// Settings of a simulated SMSC. Everything it keeps is bounded by a field here.
#[derive(Debug, Clone)]
pub struct SmscOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The `system_id` it calls itself, at most 15 characters.
    pub identity: String,
    /// Accounts (`system_id`, password) that may bind; empty lets anybody in.
    pub accounts: Vec<(String, String)>,
    /// `interface_version` it reports: 0x33, 0x34 or 0x50.
    pub interface_version: u8,
    /// How message ids look.
    pub ids: IdFormat,
    /// Seed of every draw, and so of ids: give each start its own where ids must not repeat.
    pub seed: u64,
    /// `congestion_state` (0-99) in responses to accepted messages.
    pub congestion: Option<u8>,
    /// The first rule that matches decides; none accepts.
    pub answers: Vec<AnswerRule>,
    /// Every rule that matches replies.
    pub replies: Vec<ReplyRule>,
    /// Receipts.
    pub receipts: ReceiptOptions,
    /// Unanswered deliver_sm per connection.
    pub deliver_window: usize,
    /// Time for a deliver_sm_resp; then it is sent again.
    pub deliver_timeout: Duration,
    /// How often one deliver_sm is tried.
    pub deliver_attempts: u32,
    /// Silence after which it sends enquire_link; `None` never.
    pub enquire_link: Option<Duration>,
    /// Connections at a time.
    pub max_sessions: usize,
    /// Messages waiting for delivery, per account and in the schedule.
    pub queue_limit: usize,
    /// Events kept in memory; the oldest go first.
    pub observed_limit: usize,
    /// File that gets one JSON line per event.
    pub log: Option<PathBuf>,
}

impl Default for SmscOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            identity: "simulator".to_owned(),
            accounts: Vec::new(),
            interface_version: 0x34,
            ids: IdFormat::default(),
            seed: 1,
            congestion: None,
            answers: Vec::new(),
            replies: Vec::new(),
            receipts: ReceiptOptions::default(),
            deliver_window: 100,
            deliver_timeout: Duration::from_secs(10),
            deliver_attempts: 5,
            enquire_link: None,
            max_sessions: 1_000,
            queue_limit: 1_000_000,
            observed_limit: 100_000,
            log: None,
        }
    }
}

/// Which messages get a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiptWhen {
    /// None.
    None,
    /// All.
    Always,
    /// Those whose `registered_delivery` asks for one.
    #[default]
    Asked,
}

/// In which order receipts come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiptOrder {
    /// As the messages came.
    #[default]
    In,
    /// Shuffled within 50 ms.
    Random,
    /// Before the response to the message itself.
    BeforeResponse,
}

/// Where a receipt says what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiptForm {
    /// In the text alone.
    Text,
    /// In TLVs alone.
    Tlv,
    /// In both.
    #[default]
    Both,
}

/// How receipts are made.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiptOptions {
    /// Which messages get one.
    pub when: ReceiptWhen,
    /// Time after the response.
    pub delay_ms: Span,
    /// Order.
    pub order: ReceiptOrder,
    /// Form.
    pub form: ReceiptForm,
    /// Dates in the text.
    pub dates: Dates,
    /// States and their weights.
    pub states: StateMix,
    /// Share that comes twice, 0-100.
    pub duplicate_percent: f64,
    /// Share that never comes, 0-100.
    pub never_percent: f64,
    /// Puts the subscriber's number into `text:` and into vendor TLVs, to provoke a leak.
    pub leak_number: bool,
    /// Sends an intermediate ENROUTE notification (esm_class 0x20) first.
    pub intermediate: bool,
}

impl Default for ReceiptOptions {
    fn default() -> Self {
        Self {
            when: ReceiptWhen::default(),
            delay_ms: Span::default(),
            order: ReceiptOrder::default(),
            form: ReceiptForm::default(),
            dates: Dates::default(),
            states: StateMix::default(),
            duplicate_percent: 0.0,
            never_percent: 0.0,
            leak_number: false,
            intermediate: false,
        }
    }
}

/// Final states with their weights, written `DELIVRD=95,UNDELIV=5`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct StateMix(pub Vec<(State, u64)>);

impl Default for StateMix {
    fn default() -> Self {
        Self(vec![(State::Delivered, 1)])
    }
}

impl std::str::FromStr for StateMix {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let bad = || RuleError::states(text);
        let one = |part: &str| {
            let (name, weight) = part.trim().split_once('=').unwrap_or((part.trim(), "1"));
            Ok((State::from_text(name).ok_or_else(bad)?, weight.parse().map_err(|_| bad())?))
        };
        let mix = text.split(',').map(one).collect::<Result<Vec<_>, _>>()?;
        if mix.iter().all(|(_, weight)| *weight == 0) { Err(bad()) } else { Ok(Self(mix)) }
    }
}

impl TryFrom<String> for StateMix {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

/// The `--rules` file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesFile {
    /// `[[answer]]` tables.
    pub answer: Vec<AnswerRule>,
    /// `[[reply]]` tables.
    pub reply: Vec<ReplyRule>,
    /// The `[receipts]` table.
    pub receipts: Option<ReceiptOptions>,
}

impl RulesFile {
    /// Reads TOML.
    ///
    /// # Errors
    /// The text of the TOML reader: unknown keys, wrong types.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smsc::rules::Action;

    #[test]
    fn a_rules_file_is_read_and_unknown_keys_are_refused() {
        let text = r#"
            [[answer]]
            when = { every = 10, destination_suffix = "7" }
            action = "throttle"
            delay_ms = [10, 20]
            [[answer]]
            when = { percent = 0.5 }
            action = "status=0x45"
            [[reply]]
            when = { text_contains = "退订" }
            text = "TD"
            coding = "ucs2"
            delay_ms = 5
            [receipts]
            when = "always"
            order = "random"
            states = "DELIVRD=95,UNDELIV=5"
            dates = "twelve"
            leak_number = true
        "#;
        let rules = RulesFile::parse(text).unwrap();
        assert_eq!(rules.answer[1].action, Action::Refuse(0x45));
        assert_eq!(rules.reply[0].text, "TD");
        let receipts = rules.receipts.unwrap();
        assert_eq!(receipts.states.0, [(State::Delivered, 95), (State::Undeliverable, 5)]);
        for bad in ["colour = 1", "[receipts]\nx = 1", "[[answer]]\nwhen = { x = 1 }", "[[reply]]\nx = 1"] {
            assert!(RulesFile::parse(bad).is_err(), "{bad}");
        }
        assert!("DELIVRD=0".parse::<StateMix>().is_err());
        assert!("SOLD=1".parse::<StateMix>().is_err());
    }
}
