//! `replace_sm` (SMPP 3.4, 4.10): another text, validity and report wish for a message that waits; durable before it is
//! answered and before it is sent. Everything else is judged again when it is sent, as for any message that waited.

use std::time::Duration;

use veilgate_names::{MessageId, Octets, Timestamp};
use veilgate_smpp::codec::{Status, Tag};
use veilgate_smpp::pdu::ReplaceSm;
use veilgate_smpp::text::time;

use crate::book::{Book, Replacement};
use crate::flow::Flow;
use crate::held::Asking;
use crate::live::{Body, Live, Moment};
use crate::message::registered_delivery;
use crate::query::Asked;
use crate::record::MessageRecord;
use crate::refusal::Refusal;
use crate::ruling::Review;
use crate::schedule::Times;
use crate::state::Phase;
use crate::turn::{Outcomes, SessionId, Step, Turn, Waiting};

/// The fields of a `replace_sm`, checked.
struct Wanted<'a> {
    text: &'a [u8],
    registered_delivery: u8,
    schedule: &'a [u8],
    validity: &'a [u8],
}

/// One message that is replaced: what it was, and its new record.
struct Replaced {
    id: MessageId,
    before: Replacement,
    record: MessageRecord,
    enterprise: veilgate_names::EnterpriseId,
}

impl Flow {
    /// Changes messages that wait; of a `submit_multi` all or none. `from` is answered when that is durable.
    ///
    /// # Errors
    /// The status that names a wrong field; ESME_RINVMSGID for what can be no id of ours; ESME_RREPLACEFAIL if the message is
    /// not known, does not wait any more, or is a part of a longer one.
    pub fn replace(
        &self,
        asking: &Asking<'_>,
        pdu: &ReplaceSm<'_>,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Result<(), Refusal> {
        let Asking { account, from, at, store } = *asking;
        let asked = Asked::new(account, pdu.message_id, &pdu.source)?;
        let wanted = self.wanted(pdu)?;
        let held = self.hold_members(store, &asked, at);
        let done = self.replace_held(&asked, from, &wanted, &held, at, turn);
        if done.is_err() {
            self.let_go(&held, at, outcomes);
        }
        done
    }

    fn replace_held(
        &self,
        asked: &Asked<'_>,
        from: Waiting<SessionId>,
        wanted: &Wanted<'_>,
        held: &[MessageId],
        at: Moment,
        turn: &mut Turn,
    ) -> Result<(), Refusal> {
        let replaced = self.put_replacements(asked, wanted, held, at)?;
        let mut answer = Some((from, asked.id));
        for (place, one) in replaced.iter().enumerate() {
            if let Err(reason) = self.put_message(one.id, &one.record, &one.enterprise, turn) {
                self.take_back(replaced.get(place..).unwrap_or_default(), turn);
                return Err(reason.into());
            }
            let before = Box::new(one.before.clone());
            turn.steps.push(Step::Replaced { message: one.id, before, answer: answer.take() });
        }
        Ok(())
    }

    fn wanted<'a>(&self, pdu: &ReplaceSm<'a>) -> Result<Wanted<'a>, Refusal> {
        if pdu.sm_default_msg_id != 0 {
            return Err(Refusal::field(Status::RINVDFTMSGID));
        }
        let payload = pdu.tlvs.find(Tag::MESSAGE_PAYLOAD).map(|tlv| tlv.value.as_bytes());
        let text = match (pdu.short_message.as_bytes(), payload) {
            (short, None) => short,
            ([], Some(payload)) => payload,
            (_, Some(_)) => return Err(Refusal::field(Status::ROPTPARNOTALLWD)),
        };
        if text.len() > self.rules.max_text {
            return Err(Refusal::field(Status::RINVMSGLEN));
        }
        Ok(Wanted {
            text,
            registered_delivery: registered_delivery(pdu.registered_delivery.0)?,
            schedule: pdu.schedule_delivery_time.as_bytes(),
            validity: pdu.validity_period.as_bytes(),
        })
    }

    fn put_replacements(
        &self,
        asked: &Asked<'_>,
        wanted: &Wanted<'_>,
        held: &[MessageId],
        at: Moment,
    ) -> Result<Vec<Replaced>, Refusal> {
        let failed = Refusal::field(Status::RREPLACEFAIL);
        let mut book = self.book.lock();
        let members = Self::members(&book, asked);
        let mut new = Vec::with_capacity(members.len());
        for id in members {
            let live = book.of_account(asked.account, id).ok_or(failed)?;
            // What somebody else holds is being changed already.
            let is_free = live.phase() != Phase::Scheduled || held.contains(&id);
            new.push((id, self.replacement(live, wanted, at.wall)?.filter(|_| is_free).ok_or(failed)?));
        }
        if new.is_empty() {
            return Err(failed);
        }
        let done: Vec<Replaced> =
            new.into_iter().filter_map(|(id, new)| replace(&mut book, id, new, at)).collect();
        Ok(done)
    }

    /// What a message would become; none if it does not wait, or its text has a place in a longer one. Only what still waits
    /// for its time can be given another.
    fn replacement(
        &self,
        live: &Live,
        wanted: &Wanted<'_>,
        now: Timestamp,
    ) -> Result<Option<Replacement>, Refusal> {
        let Some(body) = live.body.as_ref().filter(|_| live.waits() && !live.is_part()) else {
            return Ok(None);
        };
        let scheduled_at = match wanted.schedule {
            [] => live.scheduled_at,
            schedule => Times::read(schedule, &[], &self.rules, now)?.scheduled_at,
        };
        if scheduled_at != live.scheduled_at && live.phase() != Phase::Scheduled {
            return Err(Refusal::time(Status::RINVSCHED));
        }
        let from = scheduled_at.unwrap_or(now).max(now);
        let asked = time::parse(wanted.validity, from).map_err(|_| Refusal::time(Status::RINVEXPIRY))?;
        let expires_at = asked.map_or(live.expires_at, |until| until.min(from.plus(self.rules.max_validity)));
        if expires_at <= from {
            return Err(Refusal::time(Status::RINVEXPIRY));
        }
        Ok(Some(Replacement {
            body: Body { text: Octets::from(wanted.text), ..body.clone() },
            registered_delivery: wanted.registered_delivery,
            scheduled_at,
            expires_at,
            pause: Duration::ZERO,
        }))
    }

    /// What cannot be sealed is as it was, and waits again.
    fn take_back(&self, replaced: &[Replaced], turn: &mut Turn) {
        let mut book = self.book.lock();
        for one in replaced {
            book.replace_failed(one.id, one.before.clone());
            turn.steps.push(Step::Retracted { message: one.id, pause: one.before.pause, receipt: None });
        }
    }
}

fn replace(book: &mut Book, id: MessageId, new: Replacement, at: Moment) -> Option<Replaced> {
    let before = book.replace(id, new, at)?;
    let live = book.live(id)?;
    // Staff let another text pass.
    if live.ruled.review == Review::Passed {
        live.ruled.review = Review::None;
    }
    Some(Replaced {
        id,
        before,
        record: MessageRecord::of(live)?,
        enterprise: live.authorization.enterprise().clone(),
    })
}
