//! `[[channel_groups]]` and `[health]`: which SMSCs stand in for each other, and when one counts as ill.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;
use veilgate_names::ChannelId;

use crate::error::Mistake;
use crate::root::Config;
use crate::south::Channel;
use crate::text::{FromText, count, some_text, some_whole, text, whole};

/// Channels that stand in for each other: listed, chosen by their labels, or both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelGroup {
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub id: Label,
    /// Its channels.
    #[serde(default)]
    pub members: Vec<GroupMember>,
    /// Labels: every channel that has all that are given is a member too; its priority is its cost class.
    #[serde(default)]
    pub labels: Option<Labels>,
}

/// A channel of a group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupMember {
    /// The channel.
    #[serde(deserialize_with = "text")]
    pub channel: ChannelId,
    /// The lowest number first, 0-255: others are taken only when nobody before them can. Default 0.
    #[serde(default, deserialize_with = "whole::<_, _, 0, 255>")]
    pub priority: u8,
    /// Its share among those of its priority, 1-1000. Default: the channel's weight.
    #[serde(default, deserialize_with = "some_whole::<_, _, 1, 1000>")]
    pub weight: Option<NonZeroU32>,
}

/// Labels that a channel must have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Labels {
    /// This network.
    #[serde(deserialize_with = "some_text")]
    pub network: Option<Label>,
    /// This region.
    #[serde(deserialize_with = "some_text")]
    pub region: Option<Label>,
    /// At most this cost class, 0-9.
    #[serde(deserialize_with = "some_whole::<_, _, 0, 9>")]
    pub max_cost_class: Option<u8>,
}

/// `[health]`: when a channel counts as ill, and how it is tried then.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Answers that are looked back on, about, 2-100000. Default 200.
    #[serde(deserialize_with = "whole::<_, _, 2, 100_000>")]
    pub answers: NonZeroU32,
    /// How long is looked back, about. Default 30 s.
    #[serde(deserialize_with = "text")]
    pub within: Duration,
    /// With fewer answers than this nothing is concluded, 1-100000. Default 20.
    #[serde(deserialize_with = "whole::<_, _, 1, 100_000>")]
    pub least: NonZeroU32,
    /// Failures from which on a channel is degraded, percent, 1-101 (101: never). Default 20.
    #[serde(deserialize_with = "whole::<_, _, 1, 101>")]
    pub degraded_percent: NonZeroU32,
    /// Failures from which on it gets probes only, percent, 1-101 (101: never). Default 60.
    #[serde(deserialize_with = "whole::<_, _, 1, 101>")]
    pub unhealthy_percent: NonZeroU32,
    /// The pause before the first probe; it doubles. Default 1 s.
    #[serde(deserialize_with = "text")]
    pub probe_min: Duration,
    /// The longest pause between probes. Default 30 s.
    #[serde(deserialize_with = "text")]
    pub probe_max: Duration,
    /// Good answers in a row that make it healthy again, 1-1000. Default 3.
    #[serde(deserialize_with = "whole::<_, _, 1, 1000>")]
    pub probes: NonZeroU32,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            answers: count::<200>(),
            within: Duration::from_secs(30),
            least: count::<20>(),
            degraded_percent: count::<20>(),
            unhealthy_percent: count::<60>(),
            probe_min: Duration::from_secs(1),
            probe_max: Duration::from_secs(30),
            probes: count::<3>(),
        }
    }
}

/// A name that staff give: 1-32 of `0-9 A-Z a-z _ . -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label(String);

impl Label {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromText for Label {
    const EXPECTED: &'static str = "1-32 of 0-9 A-Z a-z _ . -";
    fn from_text(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        ((1..=32).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }
}

impl Labels {
    fn fit(&self, channel: &Channel) -> bool {
        let same = |wanted: &Option<Label>, label: &Option<Label>| wanted.is_none() || wanted == label;
        same(&self.network, &channel.network)
            && same(&self.region, &channel.region)
            && self.max_cost_class.is_none_or(|most| channel.cost_class <= most)
    }
}

impl Config {
    /// The members of a group: those listed, then those its labels choose.
    #[must_use]
    pub fn group_members(&self, group: &ChannelGroup) -> Vec<GroupMember> {
        let mut members = group.members.clone();
        let Some(labels) = &group.labels else { return members };
        for channel in self.channels.iter().filter(|channel| labels.fit(channel)) {
            if !members.iter().any(|member| member.channel == channel.id) {
                let (channel, priority) = (channel.id.clone(), channel.cost_class);
                members.push(GroupMember { channel, priority, weight: None });
            }
        }
        members
    }
}

/// Finds the first mistake in the groups and in `[health]`.
pub(crate) fn check(config: &Config) -> Result<(), Mistake> {
    for (index, group) in config.channel_groups.iter().enumerate() {
        let at = format!("channel_groups[{index}]");
        for (number, member) in group.members.iter().enumerate() {
            let fail =
                |problem: String| Err(Mistake::new(format!("{at}.members[{number}].channel"), problem));
            let id = &member.channel;
            if !config.channels.iter().any(|channel| channel.id == *id) {
                fail(format!("there is no channel \"{id}\""))?;
            }
            if group.members.iter().take(number).any(|other| other.channel == *id) {
                fail(format!("\"{id}\" is there twice"))?;
            }
        }
        if config.group_members(group).is_empty() {
            return Err(Mistake::new(at, "no channel: neither members nor labels name one"));
        }
    }
    for (index, entry) in config.service_numbers.iter().enumerate() {
        let Some(id) = &entry.group else { continue };
        let at = format!("service_numbers[{index}].group");
        if entry.channels.is_some() {
            return Err(Mistake::new(at, "there is channels too; keep one of the two"));
        }
        if !config.channel_groups.iter().any(|group| group.id == *id) {
            return Err(Mistake::new(at, format!("there is no channel group \"{id}\"")));
        }
    }
    let health = &config.health;
    if health.probe_min > health.probe_max {
        return Err(Mistake::new("health.probe_min", "more than probe_max"));
    }
    if health.least > health.answers {
        return Err(Mistake::new("health.least", "more than answers"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
