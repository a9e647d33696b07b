//! What a message or call costs: price plans by service and category, and whose balance it goes to (A-6.3.4-2). Amounts
//! are whole thousandths of a yuan (厘).

mod charge;
mod plans;

#[cfg(test)]
mod tests;

use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use veilgate_names::{Category, FinalState, ObjectId, Timestamp};

pub use self::plans::{Payer, Plans};
use crate::mistake::Mistake;
use crate::objects::{Kind, Managed};

/// The highest price of a segment or step, in thousandths of a yuan.
pub const MAX_PRICE: u64 = 1_000_000_000;
/// The most tiers of a plan.
const MAX_TIERS: usize = 16;

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PricePlan {
    /// What a segment costs; none: messages are not sold under this plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<Prices>,
    /// What talking costs; none: calls are not sold under this plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<VoicePrices>,
    /// Segments that cost nothing, of whoever pays, from the beginning of each Beijing month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_segments: Option<NonZeroU64>,
    /// Prices of segments beyond some number in a Beijing month, of whoever pays; growing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// From when it holds, as RFC 3339 or a Beijing date. Default: always.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::moment")]
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// Until when it holds, not included. Default: always.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::moment")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// When a message is charged.
    #[serde(default)]
    pub bill_on: BillOn,
    /// After which ends the money comes back, although an SMSC had taken the message. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refund: Vec<Refund>,
}

/// Prices by category, each at most [`MAX_PRICE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Of every category that has none of its own.
    pub default: u64,
    /// Of verification codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<u64>,
    /// Of notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<u64>,
    /// Of advertising.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marketing: Option<u64>,
}

/// Prices of talking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoicePrices {
    /// What is priced; begun ones count as whole.
    #[serde(default)]
    pub per: Step,
    /// What one costs.
    pub prices: Prices,
}

/// How talking is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// By the minute.
    #[default]
    Minute,
    /// By six seconds.
    SixSeconds,
}

/// Prices from some number of segments on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// For segments beyond so many in the month.
    pub beyond: NonZeroU64,
    /// What they cost.
    pub sms: Prices,
}

/// When a message is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BillOn {
    /// When an SMSC has taken it.
    #[default]
    Submitted,
    /// When it was delivered.
    Delivered,
}

/// An end after which the money may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Refund {
    /// The network gave up.
    Undeliverable,
    /// The SMSC took it and refused it afterwards.
    Rejected,
    /// Its validity ended first.
    Expired,
    /// It was taken back.
    Cancelled,
    /// It is not known what became of it.
    Unknown,
}

/// When a charge falls due: one octet, which lies with the message, so that a change of its plan does not touch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Billing(u8);

impl PricePlan {
    /// Whether it holds at a time.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// What a segment costs that comes behind `volume` others in its month.
    #[must_use]
    pub fn segment(&self, category: Category, volume: u64) -> Option<u64> {
        let prices = self.sms?;
        if self.free_segments.is_some_and(|free| volume < free.get()) {
            return Some(0);
        }
        let tier = self.tiers.iter().rev().find(|tier| volume >= tier.beyond.get());
        Some(tier.map_or(prices, |tier| tier.sms).of(category))
    }

    /// Whether the price depends on what was sent before.
    pub(crate) fn has_volume(&self) -> bool {
        self.free_segments.is_some() || !self.tiers.is_empty()
    }

    fn wrong(&self) -> Option<(String, &'static str)> {
        let plain = [
            (self.sms.is_none() && self.voice.is_none(), "sms", "no price at all"),
            (self.sms.is_none() && self.has_volume(), "sms", "free_segments or tiers without prices"),
            (self.sms.is_some_and(Prices::is_too_high), "sms", "more than 1000000000"),
            (
                self.voice.is_some_and(|voice| voice.prices.is_too_high()),
                "voice.prices",
                "more than 1000000000",
            ),
            (self.tiers.len() > MAX_TIERS, "tiers", "more than 16"),
            (self.from.zip(self.until).is_some_and(|(from, until)| from >= until), "until", "not after from"),
        ];
        let plain = plain.into_iter().find(|(wrong, ..)| *wrong);
        let falls = |(place, tier): &(usize, &Tier)| {
            let next = self.tiers.get(place + 1);
            tier.sms.is_too_high() || next.is_some_and(|next| next.beyond <= tier.beyond)
        };
        plain.map(|(_, field, problem)| (field.to_owned(), problem)).or_else(|| {
            let (place, _) = self.tiers.iter().enumerate().find(falls)?;
            Some((format!("tiers[{place}]"), "more than 1000000000, or not below the next"))
        })
    }
}

impl Managed for PricePlan {
    const KIND: Kind = Kind::PricePlan;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        self.wrong().map_or(Ok(()), |(field, problem)| Err(Mistake::of(Self::KIND, id, field, problem)))
    }
}

impl Prices {
    fn of(self, category: Category) -> u64 {
        let own = match category {
            Category::Verification => self.verification,
            Category::Notice => self.notice,
            Category::Marketing => self.marketing,
        };
        own.unwrap_or(self.default)
    }

    fn is_too_high(self) -> bool {
        [Some(self.default), self.verification, self.notice, self.marketing]
            .into_iter()
            .flatten()
            .any(|p| p > MAX_PRICE)
    }
}

impl Step {
    /// How many are begun in a talk of this length.
    #[must_use]
    pub fn begun(self, talked: Duration) -> u32 {
        let step: u128 = match self {
            Self::Minute => 60_000,
            Self::SixSeconds => 6_000,
        };
        u32::try_from(talked.as_millis().div_ceil(step)).unwrap_or(u32::MAX)
    }
}

impl Billing {
    const ON_DELIVERY: u8 = 0x80;

    /// By when it is charged and after which ends the money comes back.
    #[must_use]
    pub fn new(bill_on: BillOn, refund: &[Refund]) -> Self {
        let on = if bill_on == BillOn::Delivered { Self::ON_DELIVERY } else { 0 };
        Self(refund.iter().fold(on, |bits, refund| bits | 1 << (*refund as u8)))
    }

    /// The octet that lies with the message.
    #[must_use]
    pub fn octet(self) -> u8 {
        self.0
    }

    /// Reads back [`Self::octet`].
    #[must_use]
    pub fn from_octet(octet: u8) -> Self {
        Self(octet)
    }

    /// Whether a message that ended so is charged. `billable`: whether it counts at all, as its CDR says: an SMSC took
    /// it, unless the retry table says otherwise. What never left is never charged.
    #[must_use]
    pub fn charges(self, end: FinalState, billable: bool) -> bool {
        let back = match end {
            FinalState::Delivered => return billable,
            FinalState::Undeliverable => Refund::Undeliverable,
            FinalState::Rejected => Refund::Rejected,
            FinalState::Expired => Refund::Expired,
            FinalState::Cancelled => Refund::Cancelled,
            FinalState::Unknown => Refund::Unknown,
        };
        billable && self.0 & Self::ON_DELIVERY == 0 && self.0 & 1 << (back as u8) == 0
    }
}
