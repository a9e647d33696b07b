//! Routes: which channels the messages of a service number may take, by priority and weight. A route is a channel
//! group, the list of channels of one number, or all channels.

use std::sync::Arc;

use arc_swap::ArcSwap;
use veilgate_names::{Category, ChannelId, EnterpriseId};
use veilgate_policy::{LineRules, Policy};

use crate::health::Health;

/// A channel as one of a route's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The channel.
    pub channel: ChannelId,
    /// The lowest number first: others are taken only when nobody before them can.
    pub priority: u8,
    /// Its share among those of its priority; `None`: the channel's own weight.
    pub weight: Option<u32>,
}

/// A route by name: one that changes in a new configuration changes for messages that wait, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRules {
    /// The group's id, or what is made of a service number that lists its channels.
    pub name: Arc<str>,
    /// Who may be taken; empty = every channel.
    pub members: Arc<[Member]>,
}

impl RouteRules {
    /// Every channel.
    #[must_use]
    pub fn all() -> Self {
        Self { name: Arc::from(""), members: Arc::from([]) }
    }
}

/// What the choice knows of a channel.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) weight: u32,
    pub(crate) up: bool,
    pub(crate) enabled: bool,
    /// It takes no more messages, though it stays bound.
    pub(crate) draining: bool,
    pub(crate) health: Health,
    /// Its circuit is open and one message may try it.
    pub(crate) probe: bool,
    /// What staff say that it carries; everything, if nothing is said.
    pub(crate) line: Option<LineRules>,
}

/// Whose message it is and what it is for: what a line asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freight<'a> {
    pub(crate) enterprise: &'a EnterpriseId,
    pub(crate) category: Category,
}

/// A member's place among the channels.
#[derive(Debug, Clone)]
struct Seat {
    channel: u16,
    priority: u8,
    weight: Option<u32>,
    credit: i64,
}

struct Route {
    name: Arc<str>,
    members: Arc<[Member]>,
    /// By priority.
    seats: Vec<Seat>,
}

/// Which routes lead anywhere, for those who only ask that: without the lock around the routes themselves.
#[derive(Default)]
pub(crate) struct OpenRoutes {
    /// By route: what is said of each of its channels that is switched on.
    routes: Vec<Vec<Option<LineRules>>>,
    policy: Option<Arc<Policy>>,
}

/// All routes, and the state of the channels they lead to. Index 0 is the route of all channels.
pub(crate) struct Routes {
    pub(crate) candidates: Vec<Candidate>,
    routes: Vec<Route>,
    /// Channels that want a probe; almost always none.
    probes: u32,
    /// The policy whose lines the candidates have; `None` if no channel has one.
    policy: Option<Arc<Policy>>,
    /// As of the last [`Self::publish`].
    open: Arc<ArcSwap<OpenRoutes>>,
}

/// How good a member has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bar {
    /// Up, and not unhealthy.
    Usable,
    /// Up.
    Up,
    /// Switched on.
    Enabled,
}

impl Candidate {
    pub(crate) fn new(weight: u32, enabled: bool) -> Self {
        Self {
            weight,
            up: false,
            enabled,
            draining: false,
            health: Health::Healthy,
            probe: false,
            line: None,
        }
    }

    fn passes(&self, bar: Bar) -> bool {
        let open = self.enabled && !self.draining && self.weight > 0 && self.sends();
        match bar {
            Bar::Usable => open && self.up && self.health != Health::Unhealthy,
            Bar::Up => open && self.up,
            Bar::Enabled => open,
        }
    }

    /// Whether it takes messages as they come.
    pub(crate) fn is_usable(&self) -> bool {
        self.passes(Bar::Usable)
    }

    /// Whether staff let anything go out over it.
    pub(crate) fn sends(&self) -> bool {
        self.line.as_ref().is_none_or(LineRules::sends)
    }

    /// Whether staff let such messages go out over it.
    fn carries(&self, policy: Option<&Policy>, freight: Freight<'_>) -> bool {
        carries(self.line.as_ref(), policy, freight)
    }

    /// Whether it will take messages once it is bound.
    pub(crate) fn is_open(&self) -> bool {
        self.passes(Bar::Enabled)
    }
}

impl OpenRoutes {
    /// Whether any channel of a route is switched on; with a freight, for such messages.
    pub(crate) fn leads(&self, route: u16, freight: Option<Freight<'_>>) -> bool {
        let lines = self.routes.get(usize::from(route)).map_or(&[][..], Vec::as_slice);
        lines
            .iter()
            .any(|line| freight.is_none_or(|freight| carries(line.as_ref(), self.policy.as_deref(), freight)))
    }
}

fn carries(line: Option<&LineRules>, policy: Option<&Policy>, freight: Freight<'_>) -> bool {
    let (Some(line), Some(policy)) = (line, policy) else { return true };
    policy.carries(line, freight.enterprise, freight.category)
}

impl Default for Routes {
    fn default() -> Self {
        let mut routes = Self {
            candidates: Vec::new(),
            routes: Vec::new(),
            probes: 0,
            policy: None,
            open: Arc::default(),
        };
        routes.set(&RouteRules::all(), |_| None);
        routes
    }
}

impl Routes {
    /// Takes over a route and gives its index, which stays the same for a name. `index` finds channels.
    pub(crate) fn set(&mut self, rules: &RouteRules, index: impl Fn(&ChannelId) -> Option<u16>) -> u16 {
        let place = self.routes.iter().position(|route| route.name == rules.name).unwrap_or_else(|| {
            let seats = Vec::new();
            self.routes.push(Route { name: Arc::clone(&rules.name), members: Arc::from([]), seats });
            self.routes.len() - 1
        });
        let count = self.candidates.len();
        if let Some(route) = self.routes.get_mut(place) {
            route.members = Arc::clone(&rules.members);
            route.seats = seats(&rules.members, count, index);
        }
        u16::try_from(place).unwrap_or(0)
    }

    /// A channel was added, which every route without members of its own leads to.
    pub(crate) fn add(&mut self, candidate: Candidate) {
        self.candidates.push(candidate);
        let count = self.candidates.len();
        for route in self.routes.iter_mut().filter(|route| route.members.is_empty()) {
            route.seats = seats(&[], count, |_| None);
        }
    }

    /// Takes over the lines of the channels, which have these names.
    pub(crate) fn set_lines<'a>(
        &mut self,
        policy: &Arc<Policy>,
        channels: impl Iterator<Item = &'a ChannelId>,
    ) {
        for (candidate, channel) in self.candidates.iter_mut().zip(channels) {
            candidate.line = policy.lines().of_channel(channel).cloned();
        }
        self.policy = (!policy.lines().is_empty()).then(|| Arc::clone(policy));
    }

    /// Whether a channel carries such messages, be it up or not.
    pub(crate) fn carries(&self, channel: u16, freight: Freight<'_>) -> bool {
        self.candidate(channel).is_none_or(|one| one.carries(self.policy.as_deref(), freight))
    }

    /// Which routes lead anywhere, as of the last [`Self::publish`].
    pub(crate) fn open(&self) -> Arc<ArcSwap<OpenRoutes>> {
        Arc::clone(&self.open)
    }

    /// Tells those who ask [`Self::open`] which channels are switched on now.
    pub(crate) fn publish(&self) {
        let line = |seat: &Seat| {
            let candidate = self.candidate(seat.channel).filter(|candidate| candidate.is_open())?;
            Some(candidate.line.clone())
        };
        let routes = self.routes.iter().map(|route| route.seats.iter().filter_map(line).collect()).collect();
        self.open.store(Arc::new(OpenRoutes { routes, policy: self.policy.clone() }));
    }

    /// Whether a route leads to another usable channel than this one.
    pub(crate) fn has_other(&self, route: u16, than: u16) -> bool {
        let seats = self.routes.get(usize::from(route)).map_or(&[][..], |route| &route.seats);
        let mut others = seats.iter().filter(|seat| seat.channel != than);
        others.any(|seat| self.candidate(seat.channel).is_some_and(Candidate::is_usable))
    }

    /// The channels of a route.
    pub(crate) fn channels(&self, route: u16) -> impl Iterator<Item = u16> {
        let seats = self.routes.get(usize::from(route)).map_or(&[][..], |route| &route.seats);
        seats.iter().map(|seat| seat.channel)
    }

    /// Marks a channel as wanting a probe, or not.
    pub(crate) fn want_probe(&mut self, channel: u16, wanted: bool) {
        let Some(candidate) = self.candidates.get_mut(usize::from(channel)) else { return };
        if candidate.probe != wanted {
            candidate.probe = wanted;
            self.probes = if wanted { self.probes + 1 } else { self.probes.saturating_sub(1) };
        }
    }

    /// The channel a message takes, other than `avoid` if there is another: of the first priority where somebody can,
    /// by smooth weighted round-robin, or by `key`, so that all with one key go one way. Without anybody who can, it
    /// waits at one who might later. `None`: every channel of the route is switched off, or carries no such messages.
    pub(crate) fn choose(
        &mut self,
        route: u16,
        key: Option<u64>,
        avoid: Option<u16>,
        freight: Freight<'_>,
    ) -> Option<u16> {
        let Self { candidates, routes, probes, policy, .. } = self;
        let carries = |one: &Candidate| one.carries(policy.as_deref(), freight);
        let seats = &mut routes.get_mut(usize::from(route))?.seats;
        if *probes > 0 && key.is_none() {
            let wanted = |seat: &&Seat| {
                Some(seat.channel) != avoid
                    && candidates
                        .get(usize::from(seat.channel))
                        .is_some_and(|one| one.probe && one.passes(Bar::Up) && carries(one))
            };
            if let Some(channel) = seats.iter().find(wanted).map(|seat| seat.channel) {
                self.want_probe(channel, false);
                return Some(channel);
            }
        }
        [Bar::Usable, Bar::Up, Bar::Enabled]
            .into_iter()
            .find_map(|bar| choose_at(candidates, seats, |one| one.passes(bar) && carries(one), key, avoid))
            .or_else(|| avoid.and_then(|_| self.choose(route, key, None, freight)))
    }

    fn candidate(&self, channel: u16) -> Option<&Candidate> {
        self.candidates.get(usize::from(channel))
    }
}

/// Chooses among those of the first priority where somebody is good enough.
fn choose_at(
    candidates: &[Candidate],
    seats: &mut [Seat],
    is_good: impl Fn(&Candidate) -> bool,
    key: Option<u64>,
    avoid: Option<u16>,
) -> Option<u16> {
    let weight = |seat: &Seat| {
        let one = candidates.get(usize::from(seat.channel)).filter(|one| is_good(one))?;
        // Who is degraded gets a quarter of what it would.
        let share = if one.health == Health::Degraded { 1 } else { 4 };
        (Some(seat.channel) != avoid).then(|| share * i64::from(seat.weight.unwrap_or(one.weight)))
    };
    let level = seats.iter().find(|seat| weight(seat).is_some())?.priority;
    let of_level = |seat: &&mut Seat| seat.priority == level;
    match key {
        Some(key) => by_key(seats.iter().filter(|seat| seat.priority == level), weight, key),
        None => by_turns(seats.iter_mut().filter(of_level), weight),
    }
}

/// All with one key go one way while the same channels live, by weight over the keys.
fn by_key<'a>(
    seats: impl Iterator<Item = &'a Seat> + Clone,
    weight: impl Fn(&Seat) -> Option<i64>,
    key: u64,
) -> Option<u16> {
    let share = |seat: &Seat| weight(seat).and_then(|weight| u64::try_from(weight).ok()).unwrap_or(0);
    let total: u64 = seats.clone().map(share).sum();
    let mut place = key.checked_rem(total)?;
    let mut seats = seats;
    seats.find_map(|seat| {
        let share = share(seat);
        let here = place < share;
        place = place.saturating_sub(share);
        here.then_some(seat.channel)
    })
}

/// Smooth weighted round-robin.
fn by_turns<'a>(
    seats: impl Iterator<Item = &'a mut Seat>,
    weight: impl Fn(&Seat) -> Option<i64>,
) -> Option<u16> {
    let mut total = 0;
    let mut best: Option<&mut Seat> = None;
    for seat in seats {
        let Some(weight) = weight(seat) else { continue };
        seat.credit += weight;
        total += weight;
        if best.as_ref().is_none_or(|best| seat.credit > best.credit) {
            best = Some(seat);
        }
    }
    let chosen = best?;
    chosen.credit -= total;
    Some(chosen.channel)
}

/// The seats of members that exist, by priority; without members, of all channels.
fn seats(members: &[Member], channels: usize, index: impl Fn(&ChannelId) -> Option<u16>) -> Vec<Seat> {
    let seat = |channel, priority, weight| Seat { channel, priority, weight, credit: 0 };
    if members.is_empty() {
        let channels = u16::try_from(channels).unwrap_or(u16::MAX);
        return (0..channels).map(|channel| seat(channel, 0, None)).collect();
    }
    let placed = |member: &Member| Some(seat(index(&member.channel)?, member.priority, member.weight));
    let mut seats: Vec<Seat> = members.iter().filter_map(placed).collect();
    seats.sort_by_key(|seat| seat.priority);
    seats
}

#[cfg(test)]
mod tests;
