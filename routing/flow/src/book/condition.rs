//! How channels are: bound, ill, silent, draining; and what follows for who takes messages.

use veilgate_names::{ChannelId, Monotonic};

use super::{Book, ChannelState};
use crate::groups::RouteRules;
use crate::health::Health;
use crate::live::{Live, Moment};
use crate::retry::Class;
use crate::state::Phase;
use crate::turn::{LinkPlace, Outcomes};

impl Book {
    /// Takes over routes; gives the index of each, in their order.
    pub(crate) fn set_routes(&mut self, rules: &[RouteRules]) -> Vec<u16> {
        let channels = &self.channels;
        let index = |id: &ChannelId| {
            let position = channels.iter().position(|channel| channel.rules.id == *id)?;
            u16::try_from(position).ok()
        };
        let places = rules.iter().map(|rules| self.routes.set(rules, index)).collect();
        self.routes.publish();
        places
    }

    /// A link was bound or lost. Queues move from channels that are down to those that are up; a channel with
    /// receivers only is down.
    pub(crate) fn link_count(&mut self, place: LinkPlace, up: bool, outcomes: &mut Outcomes) {
        if let Some(entry) = self.channels.get_mut(usize::from(place.channel)) {
            let count = |links: u32| if up { links + 1 } else { links.saturating_sub(1) };
            entry.links_up = count(entry.links_up);
            if place.sends {
                entry.senders_up = count(entry.senders_up);
            }
            if entry.senders_up == 0 {
                entry.pulse.forget();
            }
        }
        self.look_at(place.channel, outcomes);
        self.rebalance(outcomes);
    }

    /// A link leaves `enquire_link` unanswered, or answers again.
    pub(crate) fn link_silent(&mut self, place: LinkPlace, silent: bool, outcomes: &mut Outcomes) {
        if let Some(entry) = self.channels.get_mut(usize::from(place.channel)) {
            let links = if silent { entry.links_silent + 1 } else { entry.links_silent.saturating_sub(1) };
            entry.links_silent = links;
            entry.pulse.silence(links);
        }
        self.look_at(place.channel, outcomes);
    }

    /// An answer of this class came, or none in time: the channel's health may change, and with it who takes what.
    pub(super) fn answered_so(
        &mut self,
        channel: u16,
        class: Option<Class>,
        at: Moment,
        outcomes: &mut Outcomes,
    ) {
        let good = match class {
            None | Some(Class::Subscriber | Class::Content) => true,
            Some(Class::Temporary | Class::Route | Class::Unknown) => false,
            Some(Class::Throttled | Class::Congestion) => return,
        };
        if let Some(entry) = self.channels.get_mut(usize::from(channel)) {
            entry.pulse.note(good, at.mono);
        }
        self.look_at(channel, outcomes);
    }

    /// Lets a channel take no more messages, though it stays bound, or take them again. `None`: there is none of
    /// this name.
    pub(crate) fn set_draining(
        &mut self,
        id: &ChannelId,
        draining: bool,
        outcomes: &mut Outcomes,
    ) -> Option<()> {
        let index = self.channel_index(id)?;
        self.routes.candidates.get_mut(usize::from(index))?.draining = draining;
        self.routes.publish();
        self.rebalance(outcomes);
        Some(())
    }

    /// How many messages of a channel are about to be sent.
    pub(crate) fn intended(&self, id: &ChannelId) -> usize {
        let index = self.channel_index(id);
        let intended = |live: &&Live| live.phase() == Phase::Intended && Some(live.channel) == index;
        self.each().filter(intended).count()
    }

    /// Probes that are due, and time that has passed for an ill channel.
    pub(super) fn tick_health(&mut self, now: Monotonic, outcomes: &mut Outcomes) {
        for index in 0..self.channels.len() {
            let Some(entry) = self.channels.get_mut(index) else { return };
            entry.pulse.age(now);
            let Ok(channel) = u16::try_from(index) else { return };
            if entry.pulse.health() == Health::Healthy && !self.is_seen_ill(index) {
                continue;
            }
            let Some(entry) = self.channels.get(index) else { return };
            let due = entry.senders_up > 0 && entry.pulse.wants_probe(now);
            let waits = entry.queue.len() > 0;
            self.routes.want_probe(channel, due && !waits);
            if due && waits {
                outcomes.channels.push(index);
            }
            self.look_at(channel, outcomes);
        }
    }

    /// Every channel as it is now.
    pub(crate) fn channel_states(&self) -> Vec<ChannelState> {
        let channels = self.channels.iter().zip(&self.routes.candidates);
        let state = |(channel, candidate): (&super::Channel, &crate::groups::Candidate)| ChannelState {
            id: channel.rules.id.clone(),
            enabled: candidate.enabled,
            draining: candidate.draining,
            shut_by: candidate.line.as_ref().filter(|line| !line.sends()).map(|line| line.id.clone()),
            health: candidate.health,
            links_up: channel.links_up,
            queued: channel.queue.len() + channel.delayed.len(),
        };
        channels.map(state).collect()
    }

    fn is_seen_ill(&self, index: usize) -> bool {
        self.routes.candidates.get(index).is_some_and(|one| one.probe || one.health != Health::Healthy)
    }

    /// Notes how a channel is now, and tells if that is news.
    pub(super) fn look_at(&mut self, channel: u16, outcomes: &mut Outcomes) {
        let index = usize::from(channel);
        let Some(entry) = self.channels.get(index) else { return };
        let Some(candidate) = self.routes.candidates.get_mut(index) else { return };
        candidate.up = entry.senders_up > 0;
        let health = if candidate.up { entry.pulse.health() } else { Health::Down };
        if candidate.health == health {
            return;
        }
        let before = std::mem::replace(&mut candidate.health, health);
        outcomes.health.push((entry.rules.id.clone(), health));
        if health != Health::Unhealthy {
            self.routes.want_probe(channel, false);
        }
        if before == Health::Unhealthy || health == Health::Unhealthy {
            self.rebalance(outcomes);
        }
    }
}
