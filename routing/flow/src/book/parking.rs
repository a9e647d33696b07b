//! What the book holds whole and what it parks: a message whose time has not come, and one whose channels have enough
//! before it.

use std::collections::VecDeque;
use std::time::Duration;

use veilgate_names::{AuthorizationId, EnterpriseId, MessageId, Monotonic, ServiceNumber, Timestamp};

use super::Book;
use super::parked::{Picked, Rooms, Ticket};
use crate::groups::Candidate;
use crate::label::{parked_tag, tag_of};
use crate::live::{Live, Moment};
use crate::state::{Event, Phase};
use crate::turn::Outcomes;

/// How long nobody looks for what may leave its line after nothing was found.
const FRUITLESS: Duration = Duration::from_millis(20);
/// The part of a channel's queue in memory that each tenant may have for itself, however full it is.
const OWN_PART: usize = 16;

/// What the book remembers for parking.
#[derive(Default)]
pub(super) struct Crowd {
    /// Whether a channel has all it may hold, or lines have formed: a message that comes must look where it stands.
    crowded: bool,
    /// Until when lines are left alone.
    fruitless_until: Monotonic,
    /// Messages in the book that may have to end.
    suspects: VecDeque<MessageId>,
}

impl Book {
    /// Takes in a durable message: it is queued, or parked until its time or until its channels have room.
    pub(crate) fn take_in(&mut self, live: Box<Live>, at: Moment, outcomes: &mut Outcomes) {
        if !self.crowd.crowded && live.scheduled_at.is_none() {
            return self.insert(live, at, outcomes);
        }
        let due = live.scheduled_at.filter(|due| *due > at.wall);
        if !self.park(ticket(&live), due) {
            self.queue(live, at, outcomes);
        }
    }

    /// Queues a message that may have waited for its time.
    pub(crate) fn queue(&mut self, mut live: Box<Live>, at: Moment, outcomes: &mut Outcomes) {
        let was_scheduled = live.scheduled_at.take().is_some();
        if was_scheduled && live.phase() == Phase::Accepted {
            let _ = live.life.on(Event::Held);
        }
        if live.phase() != Phase::Scheduled {
            return self.insert(live, at, outcomes);
        }
        let id = live.id;
        self.name_parts(&live);
        if live.life.on(Event::Woken) {
            self.live.insert(id, live);
            self.enqueue_new(id, at, outcomes);
        }
    }

    /// Parks a message that is `due` later or has to stand in line; `false` if it may be queued.
    pub(crate) fn park(&mut self, ticket: Ticket<'_>, due: Option<Timestamp>) -> bool {
        if let Some(due) = due {
            self.parked.schedule(ticket, due);
            return true;
        }
        let stands = self.crowd.crowded
            && (self.is_full()
                || self.parked.has_line(ticket.tenant, ticket.service_number)
                || !(self.has_room(ticket.route) || self.has_own_room(ticket.tenant, ticket.route)));
        if stands {
            self.parked.park(ticket);
        }
        stands
    }

    /// Parks a message that was popped and has to wait until `due`. It is read back then, as it lies in the journal: what was
    /// decided meanwhile is decided again.
    pub(crate) fn put_off(&mut self, id: MessageId, due: Timestamp, at: Moment, outcomes: &mut Outcomes) {
        let Some(live) = self.live.remove(&id) else { return };
        if live.long.is_some() {
            live.other_ids().for_each(|part| _ = self.texts.remove(&part));
        }
        if live.ordered {
            let next = self.order.leave(&live);
            self.next_of_lane(next, at, outcomes);
        }
        self.deadlines.remove(&(live.deadline, id));
        self.parked.schedule(ticket(&live), due);
    }

    /// Takes a message out of where it is parked; `false` if it is not.
    pub(crate) fn unpark(&mut self, live: &Live) -> bool {
        self.parked.remove(ticket(live), live.scheduled_at)
    }

    /// Looks whether messages that come have to look where they stand.
    pub(crate) fn look_around(&mut self) {
        let full = |channel: &super::Channel| channel.queue.len() >= self.rules.resident;
        self.crowd.crowded = self.is_full() || self.parked.has_lines() || self.channels.iter().any(full);
    }

    /// Whether as many messages are in memory as may be, those that an SMSC has included.
    fn is_full(&self) -> bool {
        self.live.len() >= self.rules.max_in_memory
    }

    /// Whether a message of this route is held whole; if none of its channels takes messages, those that may later
    /// count.
    fn has_room(&self, route: u16) -> bool {
        let candidate = |channel: u16| self.routes.candidates.get(usize::from(channel));
        let usable = |channel: &u16| candidate(*channel).is_some_and(Candidate::is_usable);
        let open = |channel: &u16| candidate(*channel).is_some_and(Candidate::is_open);
        let any_usable = self.routes.channels(route).any(|channel| usable(&channel));
        let mut may =
            self.routes.channels(route).filter(|one| if any_usable { usable(one) } else { open(one) });
        may.any(|channel| self.channel(channel).is_some_and(|one| one.queue.len() < self.rules.resident))
    }

    /// Whether a tenant has little enough at one of these channels to be held whole there though others fill it: whoever
    /// floods sends himself to the disk, not those who come after him.
    fn has_own_room(&mut self, tenant: &EnterpriseId, route: u16) -> bool {
        let own = (self.rules.resident / OWN_PART).max(1);
        let lane = self.lanes.of(tenant);
        self.routes.channels(route).any(|channel| {
            let open = self.routes.candidates.get(usize::from(channel)).is_some_and(Candidate::is_open);
            open && self.channel(channel).is_some_and(|channel| channel.queue.of_lane(lane) < own)
        })
    }

    /// Whether something parked, or suspected, wants to be looked at.
    pub(crate) fn wants_recall(&self, at: Moment) -> bool {
        !self.crowd.suspects.is_empty()
            || self.parked.presses(at.wall)
            || (self.parked.waits_for_room()
                && self.crowd.fruitless_until <= at.mono
                && self.rooms().iter().any(|room| *room > 0))
    }

    /// Chooses what is read back next.
    pub(crate) fn pick(&mut self, max: usize, at: Moment) -> Vec<Picked> {
        let mut rooms = Rooms { channels: self.rooms(), routes: &self.routes };
        let picked = self.parked.pick(max, at.wall, &mut rooms);
        if picked.is_empty() {
            self.crowd.fruitless_until = at.mono.plus(FRUITLESS);
        }
        picked
    }

    /// Channels that take messages and have sent a good part of what they may hold; none while memory is about full of messages whose
    /// receipts have not come.
    fn rooms(&self) -> Vec<usize> {
        let low = |holds: usize, most: usize| holds <= most - most / 4;
        let enough = self.rules.resident;
        let in_memory = !self.is_full() && low(self.live.len(), self.rules.max_in_memory);
        let room = |(channel, candidate): (&super::Channel, &Candidate)| {
            let holds = channel.queue.len();
            let takes_more = in_memory && candidate.is_usable() && low(holds, enough);
            if takes_more { enough.saturating_sub(holds) } else { 0 }
        };
        self.channels.iter().zip(&self.routes.candidates).map(room).collect()
    }

    /// Adds a message that was parked and that somebody asked for: it is in no queue.
    pub(crate) fn insert_held(&mut self, mut live: Box<Live>, at: Moment) {
        let id = live.id;
        if !live.life.on(Event::Held) {
            return;
        }
        let deadline = at.mono_at(live.expires_at);
        self.name_parts(&live);
        self.live.insert(id, live);
        self.set_deadline(id, deadline);
    }

    /// Some of the messages that may have to end.
    pub(crate) fn suspects(&mut self, max: usize) -> Vec<MessageId> {
        let count = max.min(self.crowd.suspects.len());
        self.crowd.suspects.drain(..count).collect()
    }

    /// Has the messages looked at that are not sent yet and were accepted under what `is_concerned`; gives how many.
    pub(crate) fn suspect(
        &mut self,
        is_concerned: impl Fn(&AuthorizationId, &EnterpriseId) -> bool,
    ) -> usize {
        let concerned = |live: &&Live| {
            live.phase().is_unsent() && is_concerned(live.authorization.id(), live.authorization.enterprise())
        };
        let before = self.crowd.suspects.len();
        self.crowd.suspects.extend(self.live.values().map(Box::as_ref).filter(concerned).map(|live| live.id));
        self.crowd.suspects.len() - before
    }

    /// Takes out a message that is held; `None` if it is not.
    pub(crate) fn let_go(&mut self, id: MessageId) -> Option<Box<Live>> {
        self.live.get(&id).filter(|live| live.phase() == Phase::Scheduled)?;
        let live = self.live.remove(&id)?;
        self.deadlines.remove(&(live.deadline, id));
        Some(live)
    }

    /// The channels a service number may use, as a new configuration has them.
    pub(crate) fn reroute(&mut self, route: impl Fn(ServiceNumber) -> Option<u16>) {
        self.parked.configure(route);
        self.crowd.fruitless_until = Monotonic(0);
    }
}

fn ticket(live: &Live) -> Ticket<'_> {
    Ticket {
        id: live.id,
        tenant: live.authorization.enterprise(),
        service_number: live.service_number,
        route: live.route,
        expires_at: live.expires_at,
        tag: parked_tag(tag_of(live.authorization.id()), &live.ruled),
    }
}
