//! What is asked and told about rules: what each says of a message. No text, no word, no number, nobody.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use veilgate_names::{AuthorizationId, EnterpriseId, MessageId, ObjectId};

use super::{Secret, read_one, read_some, write_one, write_some};

/// A message that could come, or one that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RulesAsked {
    /// One that could come.
    Supposed(SupposedAsked),
    /// One that was accepted and has not ended.
    Message(#[serde(serialize_with = "write_one", deserialize_with = "read_message")] MessageId),
}

/// A message that could come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupposedAsked {
    /// Whose it would be.
    #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
    pub enterprise: EnterpriseId,
    /// The service number it would come from.
    pub number: String,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Secret>,
    /// The template it would name.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_some",
        deserialize_with = "read_some"
    )]
    pub template: Option<ObjectId>,
    /// What would go into the template, JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Secret>,
    /// Under which authorization.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_some",
        deserialize_with = "read_some"
    )]
    pub authorization: Option<AuthorizationId>,
    /// When, an instant such as `2026-03-01T09:30:00+08:00`; without it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// What rules say of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesExplained {
    /// What comes of it, by the first rule that refuses it, else the one that puts it off longest.
    pub decision: RuleSaid,
    /// Which policy was asked.
    pub policy: u64,
    /// What the message is for.
    pub category: String,
    /// Its signature's object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Its template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Whether a word list marks it.
    pub flagged: bool,
    /// What it would cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<ChargeTold>,
    /// `allow`, or why authorization, feed or the person's own refusal stop it; none if no authorization was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    /// Every rule, in order.
    pub rules: Vec<RuleSaid>,
    /// What was decided before, of a message that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<DecidedBefore>,
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSaid {
    /// The rule; none if all allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `allow`, `defer`, `hold`, `refuse`, or `not-asked`.
    pub says: String,
    /// Until when it is put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The inside reason of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The object behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// What a message costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeTold {
    /// The tenant that pays.
    pub payer: String,
    /// By which price plan.
    pub plan: String,
    /// In thousandths of a yuan.
    pub millis: u64,
}

/// What was decided about a message that waits when it was asked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedBefore {
    /// When it was accepted.
    pub accepted_at: String,
    /// Not to be sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<String>,
    /// Which policy was asked; 0 if none was.
    pub policy: u64,
    /// The rule that put it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The object behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What it is for.
    pub category: String,
    /// `none`, `waiting` or `passed`.
    pub review: String,
    /// Whether it counts as a contact already.
    pub counted: bool,
    /// What is reserved for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<ChargeTold>,
}

pub(super) fn read_message<'de, D: Deserializer<'de>>(from: D) -> Result<MessageId, D::Error> {
    MessageId::parse(&String::deserialize(from)?).map_err(Error::custom)
}

/// A message that waits for staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewShown {
    /// Its id.
    pub message: String,
    /// Whose it is.
    pub enterprise: String,
    /// The word list that holds it.
    pub list: Option<String>,
    /// When it was accepted.
    pub accepted_at: String,
    /// When it ends if nobody has looked at it.
    pub expires_at: String,
}
