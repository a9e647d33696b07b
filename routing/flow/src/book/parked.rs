//! Messages of which memory keeps only what is needed to order and to find them; the rest lies in the journal until they
//! come near. Some are scheduled, the others wait in line behind those that the book holds whole. 16 octets each.
//!
//! ```text
//!             schedule                  park
//!                |                       |
//!                v                       v
//!   calendar --due--> due    lines (one a service number) --expire--> urgent <--sift-- (a revocation, a tenant's end)
//!                      |                 |                              |
//!                      `-----------------+---- pick: loading -----------'
//!                                                 |
//!                             done (read back, the book has it) or unpick (the store failed)
//! ```
//! Nobody can wait longer because another tenant has much in line: tenants take turns.

mod calendar;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};
use veilgate_names::{EnterpriseId, MessageId, ServiceNumber, Timestamp};

use calendar::{Calendar, Later};

use crate::groups::Routes;
use crate::label::EARLY;
use crate::line::{Line, Slip, second_after, second_of};

/// Stands for every tenant beyond this many.
const CROWD: u16 = u16::MAX;

/// What is known of a message when it is parked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket<'a> {
    pub(crate) id: MessageId,
    pub(crate) tenant: &'a EnterpriseId,
    pub(crate) service_number: ServiceNumber,
    /// The channels its service number may use: an index of [`Routes`].
    pub(crate) route: u16,
    pub(crate) expires_at: Timestamp,
    pub(crate) tag: u32,
}

/// A message to be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Picked {
    pub(crate) id: MessageId,
    pub(crate) cause: Cause,
    pub(crate) tenant: u16,
    tag: u32,
    expires: u32,
}

/// Why a message is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It was first in this line and a channel has room.
    Next(usize),
    /// Its time has come.
    Due,
    /// It expired, or may have to end.
    Urgent,
    /// Somebody wants to have it.
    Called,
}

/// Which messages are looked for.
pub(crate) enum Wanted {
    /// Those with these tags.
    Tags(FxHashSet<u32>),
    /// Those of a tenant.
    Tenant(EnterpriseId),
    /// Those that the rules put off.
    PutOff,
}

/// How far a search has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Search {
    /// Not begun.
    #[default]
    Begin,
    /// In this line, at this block.
    Lines(usize, u64),
    /// Behind this second of the calendar; `None` before all.
    Calendar(Option<u32>),
    /// Over.
    Done,
}

/// How much room each channel has, by index.
pub(crate) struct Rooms<'a> {
    pub(crate) channels: Vec<usize>,
    pub(crate) routes: &'a Routes,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Parked {
    tenants: Vec<Tenant>,
    by_name: FxHashMap<EnterpriseId, u16>,
    classes: Vec<Class>,
    by_number: FxHashMap<(u16, ServiceNumber), usize>,
    calendar: Calendar,
    /// Tenants that have something due, in turn.
    turns: VecDeque<u16>,
    /// What is read back first, and why.
    urgent: VecDeque<(Later, Cause)>,
    loading: Vec<Picked>,
    /// Messages in lines.
    in_line: usize,
    /// Nothing in a line expires before.
    earliest: u32,
    /// The tenant whose turn is next.
    next: usize,
}

struct Tenant {
    /// Everything of it that is parked.
    count: usize,
    due: VecDeque<Later>,
    classes: Vec<usize>,
}

struct Class {
    tenant: u16,
    route: u16,
    line: Line,
    /// Picked from its front and not read yet: what comes now stands behind them.
    loading: usize,
}

impl Parked {
    /// Everything parked.
    pub(crate) fn len(&self) -> usize {
        self.in_line + self.calendar.len() + self.due() + self.urgent.len() + self.loading.len()
    }

    /// What is scheduled for later.
    pub(crate) fn scheduled(&self) -> usize {
        self.calendar.len()
    }

    /// A tenant's name.
    pub(crate) fn name_of(&self, tenant: u16) -> Option<&EnterpriseId> {
        self.by_name.iter().find(|(_, index)| **index == tenant).map(|(name, _)| name)
    }

    /// How much of a tenant is parked.
    pub(crate) fn of_tenant(&self, tenant: &EnterpriseId) -> usize {
        self.by_name
            .get(tenant)
            .and_then(|index| self.tenants.get(usize::from(*index)))
            .map_or(0, |t| t.count)
    }

    /// Whether anything waits in line, or was just taken from one: what comes next may have to stand behind it.
    pub(crate) fn has_lines(&self) -> bool {
        self.in_line > 0 || !self.loading.is_empty()
    }

    /// Whether a message must stand in line because others of its service number do.
    pub(crate) fn has_line(&self, tenant: &EnterpriseId, number: ServiceNumber) -> bool {
        let class = || {
            let tenant = *self.by_name.get(tenant)?;
            self.classes.get(*self.by_number.get(&(tenant, number))?)
        };
        class().is_some_and(|class| class.line.len() + class.loading > 0)
    }

    /// Parks a message until its time.
    pub(crate) fn schedule(&mut self, ticket: Ticket<'_>, due: Timestamp) {
        let tenant = self.tenant(ticket.tenant);
        self.count(tenant, 1);
        self.calendar.insert(due, Later { id: ticket.id, millis: 0, tenant, tag: ticket.tag });
    }

    /// Parks a message at the end of its line.
    pub(crate) fn park(&mut self, ticket: Ticket<'_>) {
        let class = self.class(ticket);
        let expires = second_after(ticket.expires_at);
        self.earliest = if self.in_line == 0 { expires } else { self.earliest.min(expires) };
        self.in_line += 1;
        if let Some(class) = self.classes.get_mut(class) {
            class.line.push(Slip { id: ticket.id, expires, tag: ticket.tag });
            let tenant = class.tenant;
            self.count(tenant, 1);
        }
    }

    /// Whether something is to be read back whatever room there is.
    pub(crate) fn presses(&self, now: Timestamp) -> bool {
        !self.urgent.is_empty()
            || !self.turns.is_empty()
            || self.has_expired(now)
            || self.calendar.is_due(now)
    }

    /// Whether lines wait for room.
    pub(crate) fn waits_for_room(&self) -> bool {
        self.in_line > 0
    }

    /// Chooses up to `max` messages to be read back. Each must be told of by [`Self::done`] or [`Self::unpick`].
    pub(crate) fn pick(&mut self, max: usize, now: Timestamp, rooms: &mut Rooms) -> Vec<Picked> {
        if self.has_expired(now) {
            self.expire(now);
        }
        if self.turns.is_empty() && self.calendar.is_due(now) {
            self.fall_due(now);
        }
        let mut picked = Vec::new();
        while picked.len() < max
            && let Some((later, cause)) = self.urgent.pop_front()
        {
            picked.push(Picked::of(later, cause));
        }
        self.pick_due(max, &mut picked);
        self.pick_next(max, rooms, &mut picked);
        self.loading.clone_from(&picked);
        picked
    }

    /// What was picked has been read: the book has it now, or it has ended.
    pub(crate) fn done(&mut self) {
        for picked in std::mem::take(&mut self.loading) {
            self.count_down(picked.tenant);
            if let Cause::Next(class) = picked.cause
                && let Some(class) = self.classes.get_mut(class)
            {
                class.loading = class.loading.saturating_sub(1);
            }
        }
    }

    /// What was picked could not be read: it stays parked, in its place.
    pub(crate) fn unpick(&mut self) {
        for picked in std::mem::take(&mut self.loading).into_iter().rev() {
            let Picked { id, tenant, tag, expires, .. } = picked;
            let later = Later { id, millis: 0, tenant, tag };
            match picked.cause {
                Cause::Urgent | Cause::Called => self.urgent.push_front((later, picked.cause)),
                Cause::Due => {
                    if let Some(tenant) = self.tenants.get_mut(usize::from(picked.tenant)) {
                        tenant.due.push_front(later);
                    }
                    if !self.turns.contains(&picked.tenant) {
                        self.turns.push_front(picked.tenant);
                    }
                }
                Cause::Next(class) => {
                    self.earliest = if self.in_line == 0 { expires } else { self.earliest.min(expires) };
                    self.in_line += 1;
                    if let Some(class) = self.classes.get_mut(class) {
                        class.loading = class.loading.saturating_sub(1);
                        class.line.put_back(Slip { id, expires, tag });
                    }
                }
            }
        }
    }

    /// Takes one message out, wherever it is parked; `false` if it is not. `due`: as its label says.
    pub(crate) fn remove(&mut self, ticket: Ticket<'_>, due: Option<Timestamp>) -> bool {
        let (id, tenant) = (ticket.id, self.tenant(ticket.tenant));
        let class = self.by_number.get(&(tenant, ticket.service_number)).copied();
        let from_line = class
            .and_then(|class| self.classes.get_mut(class))
            .is_some_and(|class| class.line.remove(id).is_some());
        self.in_line -= usize::from(from_line);
        let from_due = |tenant: &mut Tenant| {
            let place = tenant.due.iter().position(|later| later.id == id);
            place.and_then(|place| tenant.due.remove(place)).is_some()
        };
        let from_urgent = |urgent: &mut VecDeque<(Later, Cause)>| {
            let place = urgent.iter().position(|(later, _)| later.id == id);
            place.and_then(|place| urgent.remove(place)).is_some()
        };
        let found = from_line
            || due.is_some_and(|due| self.calendar.remove(due, id).is_some())
            || self.tenants.get_mut(usize::from(tenant)).is_some_and(from_due)
            || from_urgent(&mut self.urgent);
        if found {
            self.count_down(tenant);
        }
        found
    }

    /// Has read back for this `cause` what is wanted, looking at about `budget` messages; called again until the search is done. Gives the
    /// tags of what was found, and of what is urgent or being read already.
    pub(crate) fn sift(
        &mut self,
        wanted: &Wanted,
        cause: Cause,
        search: &mut Search,
        budget: usize,
    ) -> Vec<u32> {
        let tenant = match wanted {
            Wanted::Tenant(name) => self.by_name.get(name).copied(),
            Wanted::Tags(_) | Wanted::PutOff => None,
        };
        let is_wanted = |of: u16, tag: u32| match wanted {
            Wanted::Tags(tags) => tags.contains(&(tag & !EARLY)),
            Wanted::PutOff => tag & EARLY != 0,
            Wanted::Tenant(_) => of == CROWD || Some(of) == tenant,
        };
        let mut budget = budget;
        let mut found = Vec::new();
        if *search == Search::Begin {
            self.sift_lists(cause, is_wanted, &mut found);
            *search = Search::Lines(0, 0);
        }
        let before = self.urgent.len();
        self.sift_lines(cause, search, &mut budget, is_wanted);
        if let Search::Calendar(after) = *search
            && budget > 0
        {
            let mut out = Vec::new();
            let wanted = |later: &Later| is_wanted(later.tenant, later.tag);
            let at = self.calendar.sift(after, &mut budget, wanted, &mut out);
            self.urgent.extend(out.into_iter().map(|later| (later, cause)));
            *search = at.map_or(Search::Done, |second| Search::Calendar(Some(second)));
        }
        found.extend(self.urgent.iter().skip(before).map(|(later, _)| later.tag));
        found.iter_mut().for_each(|tag| *tag &= !EARLY);
        found
    }

    /// The channels that lines may use, as a new configuration has them.
    pub(crate) fn configure(&mut self, route: impl Fn(ServiceNumber) -> Option<u16>) {
        for ((_, number), class) in &self.by_number {
            if let (Some(class), Some(route)) = (self.classes.get_mut(*class), route(*number)) {
                class.route = route;
            }
        }
    }

    fn due(&self) -> usize {
        let due = |tenant: &u16| self.tenants.get(usize::from(*tenant)).map_or(0, |tenant| tenant.due.len());
        self.turns.iter().map(due).sum()
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.in_line > 0 && self.earliest <= second_of(now)
    }

    fn expire(&mut self, now: Timestamp) {
        let mut out = Vec::new();
        self.earliest = u32::MAX;
        for class in &mut self.classes {
            class.line.expire(second_of(now), usize::MAX, &mut out);
            self.earliest = self.earliest.min(class.line.earliest());
            self.in_line -= out.len();
            let tenant = class.tenant;
            self.urgent.extend(out.drain(..).map(|slip| (slip.later(tenant), Cause::Urgent)));
        }
    }

    /// Hands what is due to its tenants.
    fn fall_due(&mut self, now: Timestamp) {
        for later in self.calendar.take_due(now) {
            let Some(tenant) = self.tenants.get_mut(usize::from(later.tenant)) else { continue };
            if tenant.due.is_empty() {
                self.turns.push_back(later.tenant);
            }
            tenant.due.push_back(later);
        }
    }

    fn pick_due(&mut self, max: usize, picked: &mut Vec<Picked>) {
        /// Messages of one tenant before it is another's turn.
        const TURN: usize = 32;
        while picked.len() < max
            && let Some(index) = self.turns.pop_front()
        {
            let Some(tenant) = self.tenants.get_mut(usize::from(index)) else { continue };
            let count = TURN.min(max - picked.len()).min(tenant.due.len());
            picked.extend(tenant.due.drain(..count).map(|later| Picked::of(later, Cause::Due)));
            if !tenant.due.is_empty() {
                self.turns.push_back(index);
            }
        }
    }

    fn pick_next(&mut self, max: usize, rooms: &mut Rooms<'_>, picked: &mut Vec<Picked>) {
        let left = max.saturating_sub(picked.len()).min(rooms.total());
        if self.in_line == 0 || left == 0 {
            return;
        }
        let count = self.tenants.len();
        let waits = |tenant: &Tenant| {
            tenant
                .classes
                .iter()
                .filter_map(|class| self.classes.get(*class))
                .any(|class| class.line.len() > 0)
        };
        let active: Vec<usize> = (0..count)
            .map(|place| (self.next + place) % count)
            .filter(|index| self.tenants.get(*index).is_some_and(waits))
            .collect();
        self.next = active.first().map_or(0, |first| first + 1);
        // Equal shares first, then what some left over.
        for share in [left.div_ceil(active.len().max(1)), left] {
            for &tenant in &active {
                self.pick_of(tenant, share, max, rooms, picked);
            }
        }
    }

    fn pick_of(
        &mut self,
        tenant: usize,
        share: usize,
        max: usize,
        rooms: &mut Rooms<'_>,
        picked: &mut Vec<Picked>,
    ) {
        let Some(tenant) = self.tenants.get(tenant) else { return };
        let mut share = share;
        for &index in &tenant.classes {
            let Some(class) = self.classes.get_mut(index) else { continue };
            while share > 0
                && picked.len() < max
                && class.line.len() > 0
                && rooms.take(class.route)
                && let Some(Slip { id, expires, tag }) = class.line.pop()
            {
                share -= 1;
                class.loading += 1;
                self.in_line -= 1;
                picked.push(Picked { id, cause: Cause::Next(index), tenant: class.tenant, tag, expires });
            }
        }
    }

    /// What is wanted of that which is due becomes urgent; of that which is urgent or being read only the tags are told.
    fn sift_lists(&mut self, cause: Cause, wanted: impl Fn(u16, u32) -> bool, found: &mut Vec<u32>) {
        let lists = self.urgent.iter().map(|(later, _)| (later.tenant, later.tag));
        let lists = lists.chain(self.loading.iter().map(|picked| (picked.tenant, picked.tag)));
        found.extend(lists.filter(|(tenant, tag)| wanted(*tenant, *tag)).map(|(_, tag)| tag));
        for index in std::mem::take(&mut self.turns) {
            let Some(tenant) = self.tenants.get_mut(usize::from(index)) else { continue };
            tenant.due.retain(|later| {
                let leaves = wanted(later.tenant, later.tag);
                if leaves {
                    self.urgent.push_back((*later, cause));
                    found.push(later.tag);
                }
                !leaves
            });
            if !tenant.due.is_empty() {
                self.turns.push_back(index);
            }
        }
    }

    fn sift_lines(
        &mut self,
        cause: Cause,
        search: &mut Search,
        budget: &mut usize,
        wanted: impl Fn(u16, u32) -> bool,
    ) {
        let mut out = Vec::new();
        while let Search::Lines(index, block) = *search {
            let Some(class) = self.classes.get_mut(index) else {
                *search = Search::Calendar(None);
                return;
            };
            let tenant = class.tenant;
            let at = class.line.sift(block, budget, |tag| wanted(tenant, tag), &mut out);
            self.in_line -= out.len();
            self.urgent.extend(out.drain(..).map(|slip| (slip.later(tenant), cause)));
            match at {
                Some(block) => {
                    *search = Search::Lines(index, block);
                    return;
                }
                None => *search = Search::Lines(index + 1, 0),
            }
        }
    }

    fn tenant(&mut self, name: &EnterpriseId) -> u16 {
        if let Some(index) = self.by_name.get(name) {
            return *index;
        }
        let index = u16::try_from(self.tenants.len()).unwrap_or(CROWD);
        if usize::from(index) >= self.tenants.len() {
            self.tenants.push(Tenant { count: 0, due: VecDeque::new(), classes: Vec::new() });
        }
        self.by_name.insert(name.clone(), index);
        index
    }

    fn class(&mut self, ticket: Ticket<'_>) -> usize {
        let tenant = self.tenant(ticket.tenant);
        if let Some(index) = self.by_number.get(&(tenant, ticket.service_number)) {
            return *index;
        }
        let index = self.classes.len();
        let route = ticket.route;
        self.classes.push(Class { tenant, route, line: Line::default(), loading: 0 });
        self.by_number.insert((tenant, ticket.service_number), index);
        if let Some(tenant) = self.tenants.get_mut(usize::from(tenant)) {
            tenant.classes.push(index);
        }
        index
    }

    fn count(&mut self, tenant: u16, more: usize) {
        if let Some(tenant) = self.tenants.get_mut(usize::from(tenant)) {
            tenant.count += more;
        }
    }

    fn count_down(&mut self, tenant: u16) {
        if let Some(tenant) = self.tenants.get_mut(usize::from(tenant)) {
            tenant.count = tenant.count.saturating_sub(1);
        }
    }
}

impl Picked {
    fn of(later: Later, cause: Cause) -> Self {
        Self { id: later.id, cause, tenant: later.tenant, tag: later.tag, expires: u32::MAX }
    }
}

impl Slip {
    fn later(self, tenant: u16) -> Later {
        Later { id: self.id, millis: 0, tenant, tag: self.tag }
    }
}

impl Rooms<'_> {
    pub(super) fn total(&self) -> usize {
        self.channels.iter().sum()
    }

    /// Takes one place at the channel of a route that has most room.
    fn take(&mut self, route: u16) -> bool {
        let room = |channel: &u16| self.channels.get(usize::from(*channel)).copied().unwrap_or(0);
        let best = self.routes.channels(route).max_by_key(room).filter(|channel| room(channel) > 0);
        let Some(room) = best.and_then(|channel| self.channels.get_mut(usize::from(channel))) else {
            return false;
        };
        *room -= 1;
        true
    }
}
