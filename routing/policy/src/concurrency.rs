//! How many calls there are at the same time (A-6.3.3.3-5): slots of tenants, numbers and lines, taken all or none. A slot
//! has an end of its own, so that a call of which nobody hears any more does not keep it. Calls do not outlive the process,
//! so nothing of this is written down; it knows no number and no person.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use hashbrown::HashMap;
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use veilgate_names::{MessageId, Monotonic, ObjectId, Reason};

use crate::tenants::{Chain, Tree};

/// The most calls at the same time, whatever objects allow.
pub const MAX_CALLS: usize = 200_000;

/// What calls are counted for. What the carrier as a tenant has is counted for all calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CallScope {
    /// A tenant with everyone below it.
    Tenant(ObjectId),
    /// A display number's object.
    Number(ObjectId),
    /// A trunk.
    Line(ObjectId),
}

/// There are as many calls as there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// For whom; `None`: [`MAX_CALLS`].
    pub scope: Option<CallScope>,
}

/// The slots that calls hold.
#[derive(Debug, Default)]
pub struct Concurrency {
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    taken: HashMap<CallScope, u32, FxBuildHasher>,
    calls: HashMap<MessageId, Call, FxBuildHasher>,
    /// When each call's slots end.
    ends: BTreeSet<(Monotonic, MessageId)>,
}

#[derive(Debug)]
struct Call {
    scopes: Vec<CallScope>,
    until: Monotonic,
}

impl CallScope {
    /// Those of a tenant and everyone above it, with the most calls of each; without those that have no limit.
    pub fn of_tenants(tree: &Tree, chain: Chain<'_>) -> impl Iterator<Item = (Self, NonZeroU32)> {
        chain.iter().filter_map(|index| {
            let most = tree.tenant(index)?.concurrent_calls?;
            Some((Self::Tenant(tree.id(index)?.clone()), most))
        })
    }
}

impl Busy {
    /// The inside reason.
    pub const REASON: Reason = Reason::Conc;
}

impl Concurrency {
    /// Takes a slot of each scope, or none; each with the most there may be. What the call holds already it does not take
    /// twice, so a line can be added when it is chosen. All the call holds ends at `until`, unless that is put off.
    ///
    /// # Errors
    /// [`Busy`] names the first scope that has no slot left; what the call held before it still holds.
    pub fn take(
        &self,
        call: MessageId,
        wanted: &[(CallScope, NonZeroU32)],
        until: Monotonic,
    ) -> Result<(), Busy> {
        let slots = &mut *self.slots.lock();
        let held = match slots.calls.get(&call) {
            Some(call) => call.scopes.as_slice(),
            None if slots.calls.len() >= MAX_CALLS => return Err(Busy { scope: None }),
            None => &[],
        };
        let mut new: Vec<CallScope> = Vec::with_capacity(wanted.len());
        for (scope, most) in wanted {
            if held.contains(scope) || new.contains(scope) {
                continue;
            }
            if slots.taken.get(scope).is_some_and(|taken| *taken >= most.get()) {
                return Err(Busy { scope: Some(scope.clone()) });
            }
            new.push(scope.clone());
        }
        slots.enter(call, new, until);
        Ok(())
    }

    /// Puts the end off (or nearer), because the call was heard of. False if it holds nothing any more.
    pub fn put_off(&self, call: MessageId, until: Monotonic) -> bool {
        let slots = &mut *self.slots.lock();
        let is_there = slots.calls.contains_key(&call);
        if is_there {
            slots.enter(call, Vec::new(), until);
        }
        is_there
    }

    /// Gives back one slot, such as that of a line that did not take the call. False if the call does not hold it.
    pub fn release_one(&self, call: MessageId, scope: &CallScope) -> bool {
        let slots = &mut *self.slots.lock();
        let Some(held) = slots.calls.get_mut(&call) else { return false };
        let Some(place) = held.scopes.iter().position(|held| held == scope) else { return false };
        held.scopes.swap_remove(place);
        slots.free(scope);
        true
    }

    /// Gives everything back: the call has ended. False if it holds nothing any more.
    pub fn release(&self, call: MessageId) -> bool {
        self.slots.lock().end(call)
    }

    /// The watchdog: ends the slots of calls that nobody put off in time, `most` of them at once. Gives which.
    pub fn sweep(&self, now: Monotonic, most: usize) -> Vec<MessageId> {
        let slots = &mut *self.slots.lock();
        let over = slots.ends.iter().take_while(|(until, _)| *until <= now).take(most);
        let over: Vec<MessageId> = over.map(|(_, call)| *call).collect();
        for call in &over {
            slots.end(*call);
        }
        over
    }

    /// How many slots of a scope are taken.
    #[must_use]
    pub fn taken(&self, scope: &CallScope) -> u32 {
        self.slots.lock().taken.get(scope).copied().unwrap_or(0)
    }

    /// How many calls hold something.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.slots.lock().calls.len()
    }
}

impl Slots {
    fn enter(&mut self, id: MessageId, new: Vec<CallScope>, until: Monotonic) {
        for scope in &new {
            *self.taken.entry(scope.clone()).or_insert(0) += 1;
        }
        let call = self.calls.entry(id).or_insert_with(|| Call { scopes: Vec::new(), until });
        self.ends.remove(&(call.until, id));
        call.until = until;
        call.scopes.extend(new);
        self.ends.insert((until, id));
    }

    fn end(&mut self, id: MessageId) -> bool {
        let Some(call) = self.calls.remove(&id) else { return false };
        self.ends.remove(&(call.until, id));
        call.scopes.iter().for_each(|scope| self.free(scope));
        true
    }

    fn free(&mut self, scope: &CallScope) {
        if let Some(taken) = self.taken.get_mut(scope) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                self.taken.remove(scope);
            }
        }
    }
}
