//! `query_sm` (SMPP 3.4, 4.8), and how a message is found by what an account knows of it: the id it was given and the
//! source it gave. Whatever does not fit is unknown, other accounts' messages among it.

use veilgate_admission::Account;
use veilgate_names::{AccountId, FinalState, MessageId, ServiceNumber, Timestamp};
use veilgate_smpp::codec::{Address, CString, Status};
use veilgate_smpp::pdu::QuerySm;
use veilgate_store::{Space, Store};

use crate::book::Book;
use crate::flow::Flow;
use crate::multi::Member;
use crate::refusal::Refusal;

/// `message_state` of a message that has not ended (SMPP 3.4, 5.2.28).
const ENROUTE: u8 = 1;

/// What is known of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The id it was asked for by.
    pub id: MessageId,
    /// SMPP `message_state`.
    pub message_state: u8,
    /// When it ended, if it has.
    pub done_at: Option<Timestamp>,
}

/// A message an account asks for: its id, and the source it was submitted with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) id: MessageId,
    source: &'a [u8],
}

/// One message as it stands; its end if it has ended.
#[derive(Debug, Clone, Copy)]
struct Standing {
    member: Member,
    end: Option<(FinalState, Timestamp)>,
}

impl<'a> Asked<'a> {
    /// Reads an id as it was given out.
    pub(crate) fn new(
        account: &'a Account,
        id: CString<'a, 64>,
        source: &Address<'a>,
    ) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(id.as_bytes()).unwrap_or_default();
        let id = MessageId::parse(text).map_err(|_| Refusal::field(Status::RINVMSGID))?;
        Ok(Self { account: account.id(), id, source: source.digits.as_bytes() })
    }

    /// An empty source stands for whatever was the default then.
    pub(crate) fn is_from(&self, number: ServiceNumber) -> bool {
        self.source.is_empty() || self.source == number.as_str().as_bytes()
    }

    /// The same request for another member of its `submit_multi`.
    pub(crate) fn member(&self, index: u8) -> Self {
        Self { id: MessageId(self.id.0.wrapping_add(u64::from(index))), ..*self }
    }
}

impl Flow {
    /// Answers a `query_sm`. Of a `submit_multi`: on its way while any of its messages is, then the worst of their states.
    ///
    /// # Errors
    /// ESME_RINVMSGID for what can be no id of ours, ESME_RQUERYFAIL for one that is not known: never given out, another
    /// account's, from another source, or ended longer ago than is remembered.
    pub fn query(&self, account: &Account, pdu: &QuerySm<'_>, store: &dyn Store) -> Result<Found, Refusal> {
        let asked = Asked::new(account, pdu.message_id, &pdu.source)?;
        let first = self.stands(&asked, store).filter(|first| first.member.index == 0);
        let first = first.ok_or(Refusal::field(Status::RQUERYFAIL))?;
        let rest = (1..first.member.of).filter_map(|index| self.stands(&asked.member(index), store));
        let mut worst = first.end;
        for other in rest {
            worst = match (worst, other.end) {
                (Some(one), Some(other)) => Some(join(one, other)),
                _ => None,
            };
        }
        Ok(Found {
            id: asked.id,
            message_state: worst.map_or(ENROUTE, |(state, _)| state.message_state()),
            done_at: worst.map(|(_, done_at)| done_at),
        })
    }

    /// One message: in the book, ended lately, a part that waits for others, or parked.
    fn stands(&self, asked: &Asked<'_>, store: &dyn Store) -> Option<Standing> {
        if let Some(standing) = standing(&self.book.lock(), asked) {
            return Some(standing);
        }
        if let Some((end, from)) = self.ends.lock().find(asked.account, asked.id) {
            let standing = Standing { member: end.member, end: Some((end.state, end.done_at)) };
            return asked.is_from(from).then_some(standing);
        }
        if let Some(number) = self.segments.lock().number_of(asked.account, asked.id) {
            let standing = Standing { member: Member::default(), end: None };
            return asked.is_from(number).then_some(standing);
        }
        let value = store.read(Space::Message, &[&asked.id.0.to_be_bytes()]).ok()?.pop()??;
        let record = self.open_message(&value).ok()?;
        let fits = record.account == *asked.account && asked.is_from(record.service_number);
        fits.then_some(Standing { member: record.member, end: None })
    }

    /// The messages that have not ended among those an id stands for, in their order.
    pub(crate) fn members(book: &Book, asked: &Asked<'_>) -> Vec<MessageId> {
        // The first may have ended before the others.
        let live = |index: u8| {
            let asked = asked.member(index);
            let live = book.of_account(asked.account, asked.id)?;
            (live.member.index == index && asked.is_from(live.service_number)).then_some(live.id)
        };
        (0..=crate::multi::MAX_DESTINATIONS).filter_map(live).collect()
    }
}

fn standing(book: &Book, asked: &Asked<'_>) -> Option<Standing> {
    let live = book.of_account(asked.account, asked.id)?;
    asked.is_from(live.service_number).then_some(Standing { member: live.member, end: None })
}

/// The worse of two ends, and the later moment.
fn join(one: (FinalState, Timestamp), other: (FinalState, Timestamp)) -> (FinalState, Timestamp) {
    let state = if badness(one.0) >= badness(other.0) { one.0 } else { other.0 };
    (state, one.1.max(other.1))
}

fn badness(state: FinalState) -> u8 {
    match state {
        FinalState::Delivered => 0,
        FinalState::Cancelled => 1,
        FinalState::Expired => 2,
        FinalState::Undeliverable => 3,
        FinalState::Rejected => 4,
        FinalState::Unknown => 5,
    }
}
