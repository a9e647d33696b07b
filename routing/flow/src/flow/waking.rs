//! What waited is looked at again before it leaves: taken for a link, and handed to its encoder.

use std::sync::Arc;

use veilgate_admission::{Registered, day_of};
use veilgate_names::{FinalState, MessageId, Reason, Service};

use super::records::put_contact;
use super::{FRESH, Flow, Outgoing};
use crate::book::{Book, Uncarried};
use crate::live::{Ended, Live, Moment, NOT_COUNTED};
use crate::message::resolve;
use crate::ruling::{Leave, ask_again};
use crate::state::{Event, Phase};
use crate::turn::{LinkId, LinkPlace, Outcomes, Step, Turn};

impl Flow {
    /// Takes up to `max` queued messages of a channel for one of its links, checks each again, and writes down the
    /// intent to send. They become [`Outcomes::ready`] when the turn is durable. Returns how many: more than `max` only
    /// if the last is a text of several parts.
    pub fn take(
        &self,
        place: LinkPlace,
        max: usize,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> usize {
        let mut stale: Vec<(MessageId, Arc<Registered>)> = Vec::new();
        let mut ended = Vec::new();
        let mut book = self.book.lock();
        let steps_before = turn.steps.len();
        let popped = book.pop(place.channel, max, at);
        for id in popped {
            let Some(live) = book.live(id) else { continue };
            if let Some((state, reason)) = self.spoiled(live, at, turn) {
                outcomes.counts.refused_at_wake += 1;
                ended.extend(book.end(id, state, Some(reason), 0, at));
            } else if !stale.is_empty()
                || live.contact.as_ref().is_none_or(|(_, found)| at.mono.since(*found) > FRESH)
            {
                // Whatever waits behind a stale one is resolved after it, or it would overtake.
                stale.push((id, Arc::clone(&live.authorization)));
            } else {
                ended.extend(self.leave(&mut book, id, place.link, at, turn, outcomes));
            }
        }
        drop(book);
        self.take_stale(stale, place.link, at, turn, outcomes, &mut ended);
        let sends = |step: &&Step| matches!(step, Step::Send { .. });
        let taken = turn.steps.iter().skip(steps_before).filter(sends).count();
        self.finish(ended, turn);
        taken
    }

    fn take_stale(
        &self,
        stale: Vec<(MessageId, Arc<Registered>)>,
        link: LinkId,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
        ended: &mut Vec<Ended>,
    ) {
        for (id, authorization) in stale {
            let found = resolve(&authorization, &self.gate, at.wall)
                .and_then(|(contact, pin)| self.put_pin(pin, turn).map(|()| contact));
            let mut book = self.book.lock();
            match found {
                Ok(contact) => {
                    let Some(live) = book.live(id) else { continue };
                    live.contact = Some((contact, at.mono));
                    ended.extend(self.leave(&mut book, id, link, at, turn, outcomes));
                }
                Err(reason) => {
                    outcomes.counts.refused_at_wake += 1;
                    ended.extend(book.end(id, FinalState::Rejected, Some(reason), 0, at));
                }
            }
        }
    }

    /// Asks whether a message may leave now whose recipient is known, and begins to send it, puts it off, or ends it.
    fn leave(
        &self,
        book: &mut Book,
        id: MessageId,
        link: LinkId,
        at: Moment,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Option<Ended> {
        let live = book.live(id)?;
        let leave = if self.is_refused(live) {
            Leave::Never(Reason::OptOut)
        } else {
            ask_again(live, &self.gate, at, |contact| put_contact(contact, turn))
        };
        match leave {
            Leave::Now => match book.carried(id, outcomes) {
                Ok(true) => self.begin(book, id, link, at, turn),
                Ok(false) => {}
                Err(Uncarried) => {
                    outcomes.counts.refused_at_wake += 1;
                    return book.end(id, FinalState::Rejected, Some(Reason::NoRoute), 0, at);
                }
            },
            Leave::Later(due) => {
                book.live(id).into_iter().for_each(|live| self.reviews.note_live(live));
                book.put_off(id, due, at, outcomes);
            }
            Leave::Never(reason) => {
                outcomes.counts.refused_at_wake += 1;
                return book.end(id, FinalState::Rejected, Some(reason), 0, at);
            }
        }
        None
    }

    /// Writes down the intent to send a message through a link: in parts, where it does not fit into one.
    fn begin(&self, book: &mut Book, id: MessageId, link: LinkId, at: Moment, turn: &mut Turn) {
        if let Some(plan) = book.plan(id) {
            let first = self.reserve_ids(u64::from(plan.total));
            book.cut(id, plan, first, link, at, turn);
        } else if book.intend(id, at, turn) {
            turn.steps.push(Step::Send { link, message: id });
        }
    }

    /// Why a message that waited must not be sent any more.
    fn spoiled(&self, live: &mut Live, at: Moment, turn: &mut Turn) -> Option<(FinalState, Reason)> {
        if live.expires_at <= at.wall {
            return Some((FinalState::Expired, Reason::Expired));
        }
        let number = Some(live.service_number);
        let refused = self.gate.registry.check(&live.authorization, Service::Sms, number, at.wall).err();
        let refused = refused.or_else(|| self.barred(live)).or_else(|| self.recount(live, at, turn).err());
        refused.map(|reason| (FinalState::Rejected, reason))
    }

    /// Why nothing may leave any more that its enterprise sends from its number. No rule is about the gateway's own messages.
    fn barred(&self, live: &Live) -> Option<Reason> {
        let enterprise = live.authorization.enterprise();
        if self.gate.directory.load().is_suspended(enterprise) {
            return Some(Reason::AccountSuspended);
        }
        let engine = &self.gate.policy;
        let is_ours = live.counted_on == NOT_COUNTED && !live.is_part();
        if is_ours || live.ruled.decision.policy == engine.number() {
            return None;
        }
        engine.policy().bars(enterprise, live.service_number, Service::Sms)
    }

    /// A message that waited over midnight is one of the new day's.
    fn recount(&self, live: &mut Live, at: Moment, turn: &mut Turn) -> Result<(), Reason> {
        if day_of(at.wall) <= live.counted_on {
            return Ok(());
        }
        let counted = self.gate.registry.count_sms(&live.authorization, at.wall)?;
        live.counted_on = counted.day;
        let enterprise = Some(live.authorization.enterprise());
        counted.record.map_or(Ok(()), |record| self.put_registration(&record, enterprise, turn))
    }

    /// Hands messages whose intent is durable to a link's encoder, in order. `send` says whether it was written;
    /// what was not goes back to its queue. A revocation, a suspension or a locked number
    /// since the intent still stops it.
    pub fn send(
        &self,
        link: LinkId,
        messages: &[MessageId],
        at: Moment,
        turn: &mut Turn,
        mut send: impl FnMut(&Outgoing<'_>) -> bool,
    ) {
        let mut unsent = Vec::new();
        let mut book = self.book.lock();
        for &id in messages {
            let Some(live) = book.live(id) else { continue };
            if live.phase() != Phase::Intended {
                continue;
            }
            let is_stopped = self.gate.registry.current(&live.authorization).is_revoked()
                || self.is_refused(live)
                || self.barred(live).is_some();
            let sent = match (&live.contact, &live.body) {
                (Some((contact, _)), Some(body)) if !is_stopped => {
                    let source = live.service_number.extended(live.extension).unwrap_or(live.service_number);
                    send(&Outgoing { id, contact, source, body, reports: live.registered_delivery })
                }
                _ => false,
            };
            if sent && live.life.on(Event::Written(link)) {
                live.submitted_at = Some(at.wall);
            } else {
                unsent.push(id);
            }
        }
        for id in unsent.into_iter().rev() {
            book.not_sent(id, at, turn);
        }
    }
}
