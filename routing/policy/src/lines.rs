//! Channels and trunks as objects (通道及端口, A-6.3.3.1-1): whose they are, what they carry, how much, and whether now. How
//! they are reached is configuration.

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use veilgate_names::{Category, ChannelId, ObjectId};

use crate::mistake::Mistake;
use crate::numbers::{Direction, Directions};
use crate::objects::{Kind, Managed, Objects};
use crate::sets::Categories;
use crate::tenants::{CARRIER, Chain, MAX_RATE, TenantIndex, Tree};

/// The longest name of a network or region, in characters.
const MAX_LABEL: usize = 32;

/// A channel or trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// The channel of the configuration that it speaks of.
    #[serde(with = "crate::form::text")]
    #[schemars(with = "String")]
    pub channel: ChannelId,
    /// The tenant that it is there for, with everyone below. Default: the carrier, that is everyone.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub owner: Option<ObjectId>,
    /// What it carries; none: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Categories>,
    /// Whether it carries anything now.
    #[serde(default)]
    pub state: LineState,
    /// In which directions. Default: both.
    #[serde(default)]
    pub direction: Directions,
    /// Segments a second, 1 to [`MAX_RATE`]; none: as configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<NonZeroU32>,
    /// Calls at the same time; trunks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<NonZeroU32>,
    /// The operator behind it, at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Where it is, at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    /// To an SMSC.
    SmscChannel,
    /// For calls.
    SipTrunk,
}

/// Whether a line carries anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LineState {
    /// It does.
    #[default]
    Active,
    /// Nothing new; what is under way ends.
    Draining,
    /// Nothing.
    Disabled,
}

/// What is in force for a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRules {
    /// The line's object.
    pub id: ObjectId,
    /// What it is.
    pub kind: LineKind,
    /// Whether it carries anything now.
    pub state: LineState,
    /// Segments a second; none: as configured.
    pub rate_per_second: Option<NonZeroU32>,
    /// Calls at the same time.
    pub concurrent_calls: Option<NonZeroU32>,
    /// The operator behind it.
    pub network: Option<String>,
    /// Where it is.
    pub region: Option<String>,
    owner: TenantIndex,
    categories: Categories,
    direction: Directions,
}

/// The lines of a policy.
#[derive(Debug, Default)]
pub struct Lines(HashMap<ChannelId, LineRules>);

impl Lines {
    /// Puts the lines in order.
    ///
    /// # Errors
    /// [`Mistake`] for an owner that does not exist and for a second line of one channel.
    pub fn compile(objects: &Objects, tree: &Tree) -> Result<Self, Mistake> {
        let mut lines = HashMap::with_capacity(objects.lines.len());
        for (id, line) in objects.lines.iter() {
            line.check(id)?;
            let owner = line.owner.as_ref().map_or(Some(Tree::CARRIER), |owner| tree.index(owner));
            let Some(owner) = owner else {
                let name = line.owner.as_ref().map_or(CARRIER, ObjectId::as_str);
                return Err(Mistake::of(Kind::Line, id, "owner", format!("there is no tenant \"{name}\"")));
            };
            if let Some(other) = lines.insert(line.channel.clone(), LineRules::new(id, owner, line)) {
                let problem = format!("\"{}\" is of the same channel", other.id);
                return Err(Mistake::of(Kind::Line, id, "channel", problem));
            }
        }
        Ok(Self(lines))
    }

    /// What is in force for a channel; none: whatever the configuration says.
    #[must_use]
    pub fn of_channel(&self, channel: &ChannelId) -> Option<&LineRules> {
        self.0.get(channel)
    }

    /// Whether there is any line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every line, with its channel, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&ChannelId, &LineRules)> {
        self.0.iter()
    }
}

impl LineRules {
    /// Whether it carries such a message or call of a tenant now. What comes from a person is carried also while the
    /// line is draining, whatever its category.
    #[must_use]
    pub fn carries(&self, chain: Chain<'_>, category: Category, direction: Direction) -> bool {
        let ready = match direction {
            Direction::Outbound => self.state == LineState::Active && self.categories.contains(category),
            Direction::Inbound => self.state != LineState::Disabled,
        };
        ready && self.direction.include(direction) && chain.contains(self.owner)
    }

    /// Whether anything goes out over it now.
    #[must_use]
    pub fn sends(&self) -> bool {
        self.state == LineState::Active && self.direction.include(Direction::Outbound)
    }

    /// Whether what comes from a person may come over it at all, at some time.
    #[must_use]
    pub fn may_receive(&self) -> bool {
        self.direction.include(Direction::Inbound)
    }

    fn new(id: &ObjectId, owner: TenantIndex, line: &Line) -> Self {
        Self {
            id: id.clone(),
            kind: line.kind,
            state: line.state,
            rate_per_second: line.rate_per_second,
            concurrent_calls: line.concurrent_calls,
            network: line.network.clone(),
            region: line.region.clone(),
            owner,
            categories: line.categories.unwrap_or_default(),
            direction: line.direction,
        }
    }
}

impl Managed for Line {
    const KIND: Kind = Kind::Line;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        let label = |label: &Option<String>| {
            label.as_ref().is_some_and(|text| text.is_empty() || text.chars().count() > MAX_LABEL)
        };
        let trunk = self.kind == LineKind::SipTrunk;
        let rules = [
            (
                self.rate_per_second.is_some_and(|rate| rate.get() > MAX_RATE),
                "rate_per_second",
                "more than 1000000",
            ),
            (!trunk && self.concurrent_calls.is_some(), "concurrent_calls", "not for a channel to an SMSC"),
            (label(&self.network), "network", "1-32 characters"),
            (label(&self.region), "region", "1-32 characters"),
        ];
        let wrong = rules.into_iter().find(|(wrong, ..)| *wrong);
        wrong.map_or(Ok(()), |(_, field, problem)| Err(Mistake::of(Self::KIND, id, field, problem)))
    }
}
