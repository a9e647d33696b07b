//! `replace_sm` (SMPP 3.4, 4.10): another text, validity and report wish for a message that waits; durable before it is
//! answered and before it is sent. Everything else is judged again when it is sent, as for any message that waited.

use std::time::Duration;

use veilgate_admission::Account;
use veilgate_names::{MessageId, Octets, Timestamp};
use veilgate_smpp::codec::{Status, Tag};
use veilgate_smpp::pdu::ReplaceSm;
use veilgate_smpp::text::time;

use crate::book::{Book, Replacement};
use crate::flow::Flow;
use crate::live::{Live, Moment};
use crate::message::registered_delivery;
use crate::query::Asked;
use crate::record::MessageRecord;
use crate::refusal::Refusal;
use crate::turn::{SessionId, Step, Turn, Waiting};

/// The fields of a `replace_sm`, checked.
struct Wanted<'a> {
    text: &'a [u8],
    registered_delivery: u8,
    expires_at: Option<Timestamp>,
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
        account: &Account,
        from: Waiting<SessionId>,
        pdu: &ReplaceSm<'_>,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<(), Refusal> {
        let asked = Asked::new(account, pdu.message_id, &pdu.source)?;
        let wanted = self.wanted(pdu, at)?;
        let replaced = self.put_replacements(&asked, &wanted, at)?;
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

    fn wanted<'a>(&self, pdu: &ReplaceSm<'a>, at: Moment) -> Result<Wanted<'a>, Refusal> {
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
        match time::parse(pdu.schedule_delivery_time.as_bytes(), at.wall) {
            Ok(None) => {}
            Ok(Some(when)) if when <= at.wall => {}
            _ => return Err(Refusal::time(Status::RINVSCHED)),
        }
        let until = time::parse(pdu.validity_period.as_bytes(), at.wall);
        let until = until.map_err(|_| Refusal::time(Status::RINVEXPIRY))?;
        if until.is_some_and(|until| until <= at.wall) {
            return Err(Refusal::time(Status::RINVEXPIRY));
        }
        Ok(Wanted {
            text,
            registered_delivery: registered_delivery(pdu.registered_delivery.0)?,
            expires_at: until.map(|until| until.min(at.wall.plus(self.rules.max_validity))),
        })
    }

    fn put_replacements(
        &self,
        asked: &Asked<'_>,
        wanted: &Wanted<'_>,
        at: Moment,
    ) -> Result<Vec<Replaced>, Refusal> {
        let failed = Refusal::field(Status::RREPLACEFAIL);
        let mut book = self.book.lock();
        let members = Self::members(&book, asked);
        let mut new = Vec::with_capacity(members.len());
        for id in members {
            let live = book.of_account(asked.account, id).ok_or(failed)?;
            new.push((id, replacement(live, wanted).ok_or(failed)?));
        }
        if new.is_empty() {
            return Err(failed);
        }
        let done: Vec<Replaced> =
            new.into_iter().filter_map(|(id, new)| replace(&mut book, id, new, at)).collect();
        Ok(done)
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

/// What a message would become; none if it does not wait, or its text has a place in a longer one.
fn replacement(live: &Live, wanted: &Wanted<'_>) -> Option<Replacement> {
    let body = live.body.as_ref().filter(|body| live.waits() && body.part().is_none())?;
    Some(Replacement {
        body: crate::live::Body { text: Octets::from(wanted.text), ..body.clone() },
        registered_delivery: wanted.registered_delivery,
        expires_at: wanted.expires_at.unwrap_or(live.expires_at),
        pause: Duration::ZERO,
    })
}

fn replace(book: &mut Book, id: MessageId, new: Replacement, at: Moment) -> Option<Replaced> {
    let before = book.replace(id, new, at)?;
    let live = book.live(id)?;
    Some(Replaced {
        id,
        before,
        record: MessageRecord::of(live)?,
        enterprise: live.authorization.enterprise().clone(),
    })
}
