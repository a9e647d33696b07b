//! `cancel_sm` (SMPP 3.4, 4.9): what waits is taken back; durable, with receipt and CDR, before it is answered.

use std::sync::Arc;
use std::time::Duration;

use veilgate_admission::{Account, Registered};
use veilgate_names::{MessageId, Reason};
use veilgate_smpp::codec::Status;
use veilgate_smpp::pdu::CancelSm;

use crate::flow::Flow;
use crate::held::Asking;
use crate::live::{Ended, Live, Moment};
use crate::message::authorization;
use crate::query::Asked;
use crate::recipient::Recipient;
use crate::refusal::Refusal;
use crate::turn::{Cancellation, Outcomes, SessionId, Step, Turn, Waiting};

/// How long after one request by addresses the next is taken: each looks at every message.
const SEARCH_PAUSE: Duration = Duration::from_millis(200);

impl Flow {
    /// Takes messages back that wait. `from` is answered when their ends are durable, or when an SMSC has answered that was
    /// asked to take its one back.
    ///
    /// # Errors
    /// ESME_RINVMSGID for what can be no id of ours; ESME_RCANCELFAIL if there is nothing to take back: not known, ended, or
    /// with an SMSC; ESME_RTHROTTLED if messages are searched by addresses too often.
    pub fn cancel(
        &self,
        asking: &Asking<'_>,
        pdu: &CancelSm<'_>,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Result<(), Refusal> {
        let Asking { account, from, at, store } = *asking;
        let ended = if pdu.message_id.is_empty() {
            self.cancel_by_addresses(asking, pdu, turn, outcomes)?
        } else {
            let asked = Asked::new(account, pdu.message_id, &pdu.source)?;
            let held = self.hold_members(store, &asked, at);
            let ended = self.cancel_by_id(&asked, from, at, outcomes);
            self.let_go(&held, at, outcomes);
            ended
        };
        let Some(first) = ended.first() else {
            let asks = |one: &Cancellation| one.asked == Some(from);
            let pending = outcomes.cancellations.iter().any(asks);
            return if pending { Ok(()) } else { Err(Refusal::field(Status::RCANCELFAIL)) };
        };
        let id = first.member.told(first.id);
        self.finish(ended, turn);
        turn.steps.push(Step::Answer { to: from, id });
        Ok(())
    }

    /// What waits ends now; what an SMSC has is asked back there, where that may be. If nothing waited, the first answer
    /// of an SMSC is the answer.
    fn cancel_by_id(
        &self,
        asked: &Asked<'_>,
        from: Waiting<SessionId>,
        at: Moment,
        outcomes: &mut Outcomes,
    ) -> Vec<Ended> {
        let mut book = self.book.lock();
        let members = Self::members(&book, asked);
        let ended: Vec<Ended> = members.iter().filter_map(|id| book.cancel(*id, at)).collect();
        let mut waits = ended.is_empty().then_some(from);
        for id in members {
            if let Some(cancellation) = book.cancellation(id, waits) {
                waits = None;
                outcomes.cancellations.push(cancellation);
            }
        }
        ended
    }

    fn cancel_by_addresses(
        &self,
        asking: &Asking<'_>,
        pdu: &CancelSm<'_>,
        turn: &mut Turn,
        outcomes: &mut Outcomes,
    ) -> Result<Vec<Ended>, Refusal> {
        let Asking { account, at, .. } = *asking;
        let recipient = Recipient::parse(account.kind(), &pdu.destination, &pdu.tlvs)?;
        let source = pdu.source.digits.as_bytes();
        if source.is_empty() {
            return Err(Refusal::field(Status::RINVSRCADR));
        }
        self.search_pause(at)?;
        let meant = self.meant(account, &recipient, at);
        if let Some(meant) = &meant {
            let called = self.call(asking, meant.id(), turn, outcomes);
            if let Err(reason) = called {
                self.let_go_under(meant.id(), at, outcomes);
                return Err(reason.into());
            }
        }
        let service = pdu.service_type.as_bytes();
        let described = |live: &Live| {
            live.service_number.as_str().as_bytes() == source
                && recipient.is_meant_by(&live.authorization)
                && (service.is_empty()
                    || live.body.as_ref().is_some_and(|body| body.service.as_bytes() == service))
        };
        let mut book = self.book.lock();
        let mut found: Vec<MessageId> = book.waiting_of(account.id(), described);
        found.sort_unstable();
        let ended = found.into_iter().filter_map(|id| book.cancel(id, at)).collect();
        drop(book);
        if let Some(meant) = meant {
            self.let_go_under(meant.id(), at, outcomes);
        }
        Ok(ended)
    }

    /// The authorization that a recipient means now, if one is registered: what is parked for them is parked under it.
    fn meant(&self, account: &Account, recipient: &Recipient, at: Moment) -> Option<Arc<Registered>> {
        match recipient {
            Recipient::Pseudonym(_) | Recipient::Registered { .. } => {
                authorization(recipient, account.tenant(), &self.gate, at.wall).ok()
            }
            Recipient::Whole(_) | Recipient::Short(_) => None,
        }
    }

    fn search_pause(&self, at: Moment) -> Result<(), Refusal> {
        let mut next = self.next_search.lock();
        if at.mono < *next {
            return Err(Reason::Tps.into());
        }
        *next = at.mono.plus(SEARCH_PAUSE);
        Ok(())
    }
}
