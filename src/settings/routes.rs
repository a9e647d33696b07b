//! Channel groups and lists of channels in the words of the flow.

use std::sync::Arc;

use veilgate_config::{self as config, Config};
use veilgate_flow::{HealthRules, Member, RouteRules};

/// The routes of groups, then of the service numbers that list channels.
#[must_use]
pub(super) fn routes(config: &Config) -> Vec<RouteRules> {
    let of_group = |group: &config::ChannelGroup| {
        let members = config.group_members(group).into_iter().map(|member| Member {
            channel: member.channel,
            priority: member.priority,
            weight: member.weight.map(std::num::NonZeroU32::get),
        });
        RouteRules { name: Arc::from(format!("group {}", group.id)), members: members.collect() }
    };
    let groups = config.channel_groups.iter().map(of_group);
    groups.chain(config.service_numbers.iter().filter_map(of_number)).collect()
}

fn of_number(entry: &config::ServiceNumberEntry) -> Option<RouteRules> {
    let channels = entry.channels.as_ref()?;
    let members =
        channels.iter().map(|channel| Member { channel: channel.clone(), priority: 0, weight: None });
    Some(RouteRules { name: Arc::from(format!("number {}", entry.number)), members: members.collect() })
}

/// The place of each service number's route among [`routes`], from 1; 0 = all channels.
#[must_use]
pub(super) fn places(config: &Config) -> Vec<u16> {
    let mut listed = config.channel_groups.len();
    let mut place = |entry: &config::ServiceNumberEntry| {
        if entry.channels.is_some() {
            listed += 1;
            return listed;
        }
        let of_group = |id: &config::Label| config.channel_groups.iter().position(|group| group.id == *id);
        entry.group.as_ref().and_then(of_group).map_or(0, |index| index + 1)
    };
    config.service_numbers.iter().map(|entry| u16::try_from(place(entry)).unwrap_or(0)).collect()
}

/// `[health]`.
#[must_use]
pub(super) fn health(config: &Config) -> HealthRules {
    let health = &config.health;
    HealthRules {
        answers: health.answers.get(),
        within: health.within,
        least: health.least.get(),
        degraded_percent: health.degraded_percent.get(),
        unhealthy_percent: health.unhealthy_percent.get(),
        probe_min: health.probe_min,
        probe_max: health.probe_max,
        probes: health.probes.get(),
    }
}
