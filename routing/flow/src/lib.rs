//! The message's way as types: received, admitted, resolved, cleared, journalled, routed, sent, settled; and back:
//! receipts and replies. Decisions only: the shell brings PDUs and moments in, and carries turns to the store
//! and outcomes to the sockets.

mod book;
mod cancel;
mod cancellation;
mod cdr;
mod correlate;
mod delivery;
mod directory;
mod ended;
mod erasing;
mod expiry;
mod fair;
mod flow;
mod groups;
mod health;
mod held;
mod inspect;
mod label;
mod live;
mod marks;
mod message;
mod multi;
mod notice;
mod offboard;
mod opt_out;
mod pin;
mod query;
mod recipient;
mod record;
mod refusal;
mod repeats;
mod replace;
mod reply;
mod restore;
mod retry;
mod rewrite;
mod schedule;
mod seal;
mod service;
mod shares;
mod state;
mod turn;
mod upkeep;

pub use book::{Answer, ChannelState, LinkEvent};
pub use cancellation::OutgoingCancel;
pub use correlate::ReceiptFact;
pub use delivery::{Attempt, Content, Delivery, Notice, Outbox};
pub use directory::{ChannelRules, Directory, FlowRules, NumberRules};
pub use flow::{ChannelFacts, Flow, Gate, Outgoing, ParkedCounts};
pub use groups::{Member, RouteRules};
pub use health::{Health, HealthRules};
pub use held::Asking;
pub use inspect::{Inspection, MAX_NAMED, Oddity, OddityKind, inspect};
pub use live::{Body, Moment};
pub use marks::{Mark, marks};
pub use multi::MultiResult;
pub use offboard::{Sweep, TenantLoad};
pub use opt_out::{OptOutRules, OptOutScope, OptOuts, OptedOut, Words};
pub use query::Found;
pub use record::RecordError;
pub use refusal::Refusal;
pub use reply::{Attribution, Incoming, ReplyRules, Unattributed};
pub use restore::{Restored, pending_cdrs, reserve_ids};
pub use retry::{Class, Delays, Fault, Match, Retry, RetryTable, Row, VendorCode};
pub use rewrite::with_deliver;
pub use schedule::PastSchedule;
pub use seal::SealedUnder;
pub use service::ServiceType;
pub use state::State;
pub use turn::{
    Cancellation, Counts, DeliverAnswer, LinkId, LinkPlace, Outcomes, SessionId, Turn, Urgency, Waiting,
};
pub use upkeep::{FreezeRecord, frozen_accounts};
