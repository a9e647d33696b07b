//! The vocabulary of the gateway: identifiers, times, reasons. No type here holds a phone number,
//! and nothing here knows a protocol, a socket or a clock.

mod device_mark;
mod edi;
mod ids;
mod octets;
mod place;
mod reason;
mod service_number;
mod states;
mod time;

pub use device_mark::DeviceMark;
pub use edi::{EdiVersion, EncryptedDeviceId};
pub use ids::{
    AccountId, AuthorizationId, ChannelId, EnterpriseId, KeyId, ListKey, MessageId, NameError, ObjectId,
    PlatformId, Pseudonym, SubscriberKey, is_phone_number, looks_like_a_number,
};
pub use octets::Octets;
pub use place::{Gazetteer, Place};
pub use reason::{Code, Reason};
pub use service_number::{Extension, ServiceNumber};
pub use states::{AccountKind, Category, FinalState, Service};
pub use time::{AsOf, Monotonic, TimeError, Timestamp, beijing_day};
