//! `submit_multi` (SMPP 3.4, 4.5): each destination becomes a message of its own, with its own checks, end and CDR. Their
//! ids follow each other, and the first of them names them all: the response carries it, receipts speak of it, and
//! `query_sm`, `cancel_sm` and `replace_sm` by it mean every one of them.

use veilgate_admission::Account;
use veilgate_names::{AccountKind, MessageId, Pseudonym};
use veilgate_smpp::codec::{Address, CString, Status, Tag};
use veilgate_smpp::pdu::{Destination, SubmitMulti, SubmitSm, Unsuccessful, UnsuccessfulList};
use veilgate_smpp::side::North;

use crate::flow::{Flow, Origin};
use crate::live::Moment;
use crate::message::Received;
use crate::refusal::Refusal;
use crate::turn::{SessionId, Turn, Waiting};

/// The most destinations of one `submit_multi` (SMPP 3.4, 5.2.24).
pub(crate) const MAX_DESTINATIONS: u8 = 254;
/// Octets of records that one `submit_multi` may become: they are one write, well below the store's bound.
const MAX_RECORDS: usize = 4 << 20;
/// About what a message's record takes beside its text.
const RECORD: usize = 1024;

/// Which of the recipients of one `submit_multi` a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Member {
    /// Its place among those accepted, from 0.
    pub(crate) index: u8,
    /// How many there are at most; 0 for a message by itself.
    pub(crate) of: u8,
}

/// What became of a `submit_multi` that was understood.
#[derive(Debug, Default)]
pub struct MultiResult {
    /// The id of the first message, which names all; none if nobody will get it.
    pub id: Option<MessageId>,
    /// Who will not get it. An address that is no alias is left empty: it might be a number.
    pub unsuccessful: UnsuccessfulList,
    /// Why, in the same order.
    pub refusals: Vec<Refusal>,
    /// How many messages it became.
    pub accepted: u8,
}

impl Member {
    /// The id that stands for a message north.
    pub(crate) fn told(self, id: MessageId) -> MessageId {
        MessageId(id.0.wrapping_sub(u64::from(self.index)))
    }
}

impl MultiResult {
    /// What to answer if nobody will get it: what all were refused with, if that is the same, or ESME_RSUBMITFAIL.
    #[must_use]
    pub fn failure(&self, kind: AccountKind) -> Option<(Status, Refusal)> {
        let first = self.refusals.first().filter(|_| self.id.is_none())?;
        let status = first.status(kind);
        let same = self.refusals.iter().all(|refusal| refusal.status(kind) == status);
        Some((if same { status } else { Status::RSUBMITFAIL }, *first))
    }

    fn refuse(&mut self, destination: &Destination<'_>, refusal: Refusal, kind: AccountKind) {
        let destination = match destination {
            Destination::Address(address) => echo(*address),
            Destination::List(name) => echo_list(*name),
        };
        let status = refusal.status(kind);
        // 254 at most, where 255 have room.
        let _ = self.unsuccessful.push(&Unsuccessful { destination, status });
        self.refusals.push(refusal);
    }
}

impl Flow {
    /// Takes a `submit_multi` to the journal, as messages of one turn. `from` is answered when that is durable, unless
    /// nobody will get it: then there is no id, and the caller answers at once.
    ///
    /// # Errors
    /// [`Refusal`] of the whole: ESME_RINVNUMDESTS for none, too many or too much; ESME_ROPTPARNOTALLWD for TLVs that
    /// name one recipient beside several destinations.
    pub fn submit_multi(
        &self,
        account: &Account,
        from: Waiting<SessionId>,
        pdu: &SubmitMulti<'_, North>,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<MultiResult, Refusal> {
        let of = pdu.destinations.len();
        self.check_list(pdu)?;
        let first = self.reserve_ids(u64::from(of));
        let mut result = MultiResult::default();
        for destination in pdu.destinations {
            let index = result.accepted;
            let id = MessageId(first.0.wrapping_add(u64::from(index)));
            let answer = result.id.is_none().then_some(from);
            let origin = Origin { id: Some(id), answer, member: Member { index, of } };
            match self.submit_one(account, pdu, &destination, origin, at, turn) {
                Ok(id) => {
                    result.id.get_or_insert(id);
                    result.accepted += 1;
                }
                Err(refusal) => result.refuse(&destination, refusal, account.kind()),
            }
        }
        Ok(result)
    }

    fn check_list(&self, pdu: &SubmitMulti<'_, North>) -> Result<(), Refusal> {
        let of = pdu.destinations.len();
        let text = pdu.message().map_err(Refusal::field)?.as_bytes().len();
        let records = usize::from(of).saturating_mul(text.saturating_add(RECORD));
        if of == 0 || of > MAX_DESTINATIONS || records > MAX_RECORDS.max(self.rules.max_text + RECORD) {
            return Err(Refusal::field(Status::RINVNUMDESTS));
        }
        if of > 1 && pdu.tlvs.iter().any(|tlv| NAMES_ONE.contains(&tlv.tag)) {
            return Err(Refusal::field(Status::ROPTPARNOTALLWD));
        }
        Ok(())
    }

    fn submit_one(
        &self,
        account: &Account,
        pdu: &SubmitMulti<'_, North>,
        destination: &Destination<'_>,
        origin: Origin,
        at: Moment,
        turn: &mut Turn,
    ) -> Result<MessageId, Refusal> {
        let Destination::Address(destination) = destination else {
            return Err(Refusal::field(Status::RINVDLNAME));
        };
        let submit = SubmitSm {
            service_type: pdu.service_type,
            source: pdu.source,
            destination: *destination,
            esm_class: pdu.esm_class,
            protocol_id: pdu.protocol_id,
            priority_flag: pdu.priority_flag,
            schedule_delivery_time: pdu.schedule_delivery_time,
            validity_period: pdu.validity_period,
            registered_delivery: pdu.registered_delivery,
            replace_if_present_flag: pdu.replace_if_present_flag,
            data_coding: pdu.data_coding,
            sm_default_msg_id: pdu.sm_default_msg_id,
            short_message: pdu.short_message,
            tlvs: pdu.tlvs,
        };
        let received = Received::submit(account.kind(), &submit, &self.rules, at)?;
        self.accept(account, origin, received, at, turn)
    }
}

/// TLVs that name the recipient, who can be only one.
const NAMES_ONE: [Tag; 6] = [
    Tag::ENCRYPTED_DEVICE_ID,
    Tag::PSEUDONYM,
    Tag::AUTHORIZATION_ID,
    Tag::AS_OF,
    Tag::ENTERPRISE_ID,
    Tag::AUTHORIZATION,
];

/// An address as the client gave it, if it can only be an alias: numbers do not go north, not even back to who sent them.
fn echo(address: Address<'_>) -> Address<'_> {
    let text = std::str::from_utf8(address.digits.as_bytes()).unwrap_or_default();
    match Pseudonym::parse(text) {
        Ok(_) if address.ton == 5 => address,
        _ => Address { digits: CString::default(), ..address },
    }
}

/// The name of a distribution list, with the same care.
fn echo_list(name: CString<'_, 20>) -> Address<'_> {
    let text = std::str::from_utf8(name.as_bytes()).unwrap_or_default();
    let digits = if text.bytes().any(|octet| octet.is_ascii_digit()) { CString::default() } else { name };
    Address { ton: 0, npi: 0, digits }
}
