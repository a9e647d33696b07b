//! A message's way back: sender and dialled number -> (tenure, service number, extension) -> slot ->
//! authorization -> deliveries under the pseudonym. A part of a long text waits for the others ([`parts`]). Whatever
//! cannot be attributed goes nowhere and is counted.

mod attribution;
mod deliver;
mod long;
mod parts;
mod rules;
mod text;

use std::sync::Arc;

use veilgate_admission::Registered;
use veilgate_identity::Known;
use veilgate_names::Extension;
use veilgate_smpp::codec::{Address, OctetString};
use veilgate_smpp::side::SouthNumber;
use veilgate_smpp::text::encoding::{DefaultAlphabet, decode_text};
use veilgate_smpp::text::udh::Segment;

use crate::directory::NumberRules;
use crate::flow::Flow;
use crate::live::Moment;
use crate::turn::{LinkId, Turn, Waiting};
use deliver::Put;
pub(crate) use parts::{Part, Parts, Text};
pub use rules::ReplyRules;

/// A `deliver_sm` or `data_sm` from an SMSC that is no receipt.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Who sent it.
    pub sender: SouthNumber<'a>,
    /// What was dialled.
    pub dialled: Address<'a>,
    /// SMPP `esm_class`.
    pub esm_class: u8,
    /// SMPP `data_coding`.
    pub data_coding: u8,
    /// User data.
    pub text: OctetString<'a, 65_535>,
    /// Which part it is, as the `sar_*` TLVs say; a user data header says the same with more weight.
    pub segment: Option<Segment>,
    /// What `data_coding` 0 means on this channel.
    pub alphabet: DefaultAlphabet,
}

/// What became of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribution {
    /// In the turn; the SMSC is answered when that is durable.
    Attributed,
    /// In the turn, but nobody's for sure: only the notary hears of it. The SMSC is answered when that is durable.
    Told(Unattributed),
    /// There already (a part sent twice): the SMSC may forget it.
    Duplicate,
    /// No room now: the SMSC is asked to send it again later.
    Full,
    /// Longer than any reply may be: the SMSC is told no, for good.
    TooLong,
    /// It goes nowhere.
    Unattributed(Unattributed),
}

/// Why a reply goes nowhere (requirements.md 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unattributed {
    /// No service number of ours was dialled.
    Unrouted,
    /// The sender has no open tenure in our network.
    Foreign,
    /// The extension is not this tenure's (a new holder answering an old thread, a forgery).
    OtherTenure,
    /// Nobody wrote to this person from this number.
    NoSlot,
    /// Several did, and the reply names none.
    Ambiguous,
    /// The authorization ended longer ago than the grace.
    Late,
}

/// Who wrote to which number, before it is asked under which authorization.
pub(crate) struct Writer {
    pub(crate) rules: NumberRules,
    pub(crate) extension: Extension,
    pub(crate) known: Known,
}

/// Under which authorization a reply is.
pub(crate) enum Addressee {
    One(Arc<Registered>),
    /// Several of one enterprise, none likelier than the others.
    Several(Vec<Arc<Registered>>),
}

impl Flow {
    /// Attributes a reply. `answer` is the SMSC's request.
    pub fn reply(
        &self,
        incoming: &Incoming<'_>,
        answer: Waiting<LinkId>,
        at: Moment,
        turn: &mut Turn,
    ) -> Attribution {
        let writer = match self.writer(incoming, at) {
            Ok(writer) => writer,
            Err(why) => return Attribution::Unattributed(why),
        };
        let (segment, text) = text::dissect(incoming);
        match segment {
            Some(segment) if segment.total > 1 => {
                self.part(incoming, writer, segment, text, answer, at, turn)
            }
            _ => self.whole(incoming, &writer, text, answer, at, turn),
        }
    }

    /// A reply that came in one piece.
    fn whole(
        &self,
        incoming: &Incoming<'_>,
        writer: &Writer,
        text: &[u8],
        answer: Waiting<LinkId>,
        at: Moment,
        turn: &mut Turn,
    ) -> Attribution {
        let readable = decode_text(incoming.data_coding, text, incoming.alphabet).ok();
        if let Some(word) = readable.as_deref().and_then(|text| self.rules.opt_out.words.find(text)) {
            return self.refuse(writer, word, Some(answer), at, turn);
        }
        let content = text::single(incoming.data_coding, incoming.alphabet, text, &writer.known);
        match self.addressee(writer, at) {
            Err(why) => Attribution::Unattributed(why),
            Ok(Addressee::Several(candidates)) => {
                self.tell_of_ambiguous(&candidates, &writer.rules, answer, turn)
            }
            Ok(Addressee::One(authorization)) => {
                match self.put_reply(&authorization, &writer.rules, content, 1, at, turn) {
                    Put::Done(put) => {
                        let (deliveries, cdr) = *put;
                        turn.steps.push(crate::turn::Step::Reply { answer, deliveries, cdr: Some(cdr) });
                        Attribution::Attributed
                    }
                    Put::Full => Attribution::Full,
                    Put::Late => Attribution::Unattributed(Unattributed::Late),
                }
            }
        }
    }
}
