//! `cancel_sm` (SMPP 3.4, 4.9): what waits is taken back; durable, with receipt and CDR, before it is answered.

use std::time::Duration;

use veilgate_admission::Account;
use veilgate_names::MessageId;
use veilgate_smpp::codec::Status;
use veilgate_smpp::pdu::CancelSm;

use crate::flow::Flow;
use crate::live::{Ended, Live, Moment};
use crate::query::Asked;
use crate::recipient::Recipient;
use crate::refusal::Refusal;
use crate::turn::{SessionId, Step, Turn, Waiting};

/// How long after one request by addresses the next is taken: each looks at every message.
const SEARCH_PAUSE: Duration = Duration::from_millis(200);

impl Flow {
    /// Takes messages back that wait. `from` is answered when their ends are durable.
    ///
    /// # Errors
    /// ESME_RINVMSGID for what can be no id of ours; ESME_RCANCELFAIL if there is nothing to take back: not known, ended, or
    /// with an SMSC; ESME_RTHROTTLED if messages are searched by addresses too often.
    pub fn cancel(
        &self,
        account: &Account,
        from: Waiting<SessionId>,
        pdu: &CancelSm<'_>,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<(), Refusal> {
        let ended = if pdu.message_id.is_empty() {
            self.cancel_by_addresses(account, pdu, at)?
        } else {
            self.cancel_by_id(&Asked::new(account, pdu.message_id, &pdu.source)?, at)
        };
        let first = ended.first().ok_or(Refusal::field(Status::RCANCELFAIL))?;
        let id = first.member.told(first.id);
        self.finish(ended, turn);
        turn.steps.push(Step::Answer { to: from, id });
        Ok(())
    }

    fn cancel_by_id(&self, asked: &Asked<'_>, at: Moment) -> Vec<Ended> {
        let mut book = self.book.lock();
        let members = Self::members(&book, asked);
        members.into_iter().filter_map(|id| book.cancel(id, at)).collect()
    }

    fn cancel_by_addresses(
        &self,
        account: &Account,
        pdu: &CancelSm<'_>,
        at: Moment,
    ) -> Result<Vec<Ended>, Refusal> {
        let recipient = Recipient::parse(account.kind(), &pdu.destination, &pdu.tlvs)?;
        let source = pdu.source.digits.as_bytes();
        if source.is_empty() {
            return Err(Refusal::field(Status::RINVSRCADR));
        }
        self.search_pause(at)?;
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
        Ok(found.into_iter().filter_map(|id| book.cancel(id, at)).collect())
    }

    fn search_pause(&self, at: Moment) -> Result<(), Refusal> {
        let mut next = self.next_search.lock();
        if at.mono < *next {
            return Err(veilgate_names::Reason::Tps.into());
        }
        *next = at.mono.plus(SEARCH_PAUSE);
        Ok(())
    }
}
