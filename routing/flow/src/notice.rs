//! What an account asked to be told of a message before its end: that it is still being tried, and what the recipient's
//! device or the recipients themselves acknowledge. Built anew from listed fields, like receipts.

use std::sync::Arc;

use veilgate_admission::Registered;
use veilgate_names::{AccountId, AccountKind, MessageId, ServiceNumber, Timestamp};

use crate::delivery::{Content, Delivery, Notice};
use crate::flow::Flow;
use crate::live::{Live, Moment};
use crate::turn::{DeliverAnswer, LinkId, Outcomes, Step, Turn, Waiting};

/// A notice that was asked for, to be built outside the book's lock.
pub(crate) struct Noticed {
    account: AccountId,
    kind: AccountKind,
    authorization: Arc<Registered>,
    service_number: ServiceNumber,
    message: MessageId,
    accepted_at: Timestamp,
    notice: Notice,
    /// Which SMSC waits until it is durable.
    answer: Option<Waiting<LinkId>>,
}

impl Noticed {
    /// What is told of a message, if its sender asked for that.
    pub(crate) fn of(live: &Live, notice: Notice, answer: Option<Waiting<LinkId>>) -> Option<Self> {
        notice.is_asked_by(live.registered_delivery).then(|| Self {
            account: live.account.clone(),
            kind: live.kind,
            authorization: Arc::clone(&live.authorization),
            service_number: live.service_number,
            message: live.member.told(live.id),
            accepted_at: live.accepted_at,
            notice,
            answer,
        })
    }
}

impl Flow {
    /// Messages whose first attempt failed for now: who asked for it is told that they are under way still.
    pub(crate) fn notice_retries(&self, steps: &[Step], outcomes: &mut Outcomes) {
        let put_off = |step: &Step| match step {
            Step::Retracted { message, pause, .. } if !pause.is_zero() => Some(*message),
            _ => None,
        };
        let mut put_off = steps.iter().filter_map(put_off).peekable();
        if put_off.peek().is_none() {
            return;
        }
        let mut book = self.book.lock();
        let noticed = put_off.filter_map(|id| {
            let live = book.live(id).filter(|live| live.attempts == 1)?;
            Noticed::of(live, Notice::Underway, None)
        });
        outcomes.noticed.extend(noticed);
    }

    /// Makes deliveries of what was noticed. An account that has too much waiting is not told.
    pub(crate) fn tell(&self, at: Moment, turn: &mut Turn, outcomes: &mut Outcomes) {
        for noticed in std::mem::take(&mut outcomes.noticed) {
            let answer = noticed.answer;
            let full = self.outbox(&noticed.account).lock().is_full();
            let delivery = Arc::new(self.delivery_of(noticed, at));
            if !full && self.put_delivery(&delivery, turn) {
                turn.steps.push(Step::Notice { answer, delivery });
            } else {
                outcomes.deliver_answers.extend(answer.map(|answer| (answer, DeliverAnswer::Taken)));
            }
        }
    }

    fn delivery_of(&self, noticed: Noticed, at: Moment) -> Delivery {
        let Noticed { account, kind, authorization, service_number, message, accepted_at, notice, .. } =
            noticed;
        Delivery {
            id: self.next_id(),
            account,
            kind,
            enterprise: authorization.enterprise().clone(),
            service_number,
            pseudonym: authorization.pseudonym().clone(),
            device: authorization.devices().first().filter(|_| kind == AccountKind::Notary).cloned(),
            authorization: authorization.id().clone(),
            content: Content::Notice { message, notice, accepted_at, at: at.wall },
        }
    }
}
