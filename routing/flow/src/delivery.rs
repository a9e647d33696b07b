//! What is on its way north to one account: a receipt or a reply, built from listed fields.

use veilgate_names::{
    AccountId, AccountKind, AuthorizationId, Code, EncryptedDeviceId, EnterpriseId, FinalState, MessageId,
    Octets, Pseudonym, ServiceNumber, Timestamp,
};

/// One `deliver_sm` to come. No field can hold a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its own id, the key of its record.
    pub id: MessageId,
    /// Who gets it.
    pub account: AccountId,
    /// Decides which fields are written (interfaces.md section 4).
    pub kind: AccountKind,
    /// Whose user it is: names the key the record is sealed with.
    pub enterprise: EnterpriseId,
    /// The service number the user knows: destination of the `deliver_sm`.
    pub service_number: ServiceNumber,
    /// What the account calls the user.
    pub pseudonym: Pseudonym,
    /// The device ID as it came; written for notaries only.
    pub device: Option<EncryptedDeviceId>,
    /// The authorization; written for notaries only.
    pub authorization: AuthorizationId,
    /// Receipt or reply.
    pub content: Content,
}

/// What a delivery says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// The final state of a message that asked for a receipt.
    Receipt {
        /// The message it speaks of.
        message: MessageId,
        /// How it ended.
        state: FinalState,
        /// Why, when it did not end well.
        code: Option<Code>,
        /// When it was accepted.
        accepted_at: Timestamp,
        /// When it ended.
        done_at: Timestamp,
    },
    /// Something asked for that a message met on its way.
    Notice {
        /// The message it speaks of.
        message: MessageId,
        /// What.
        notice: Notice,
        /// When it was accepted.
        accepted_at: Timestamp,
        /// When it happened.
        at: Timestamp,
    },
    /// A user's message.
    Reply {
        /// SMPP `data_coding`.
        data_coding: u8,
        /// Whether `text` begins with a (rebuilt) user data header.
        has_header: bool,
        /// The text, own number masked.
        text: Octets,
        /// What is special about it, for the notary: late, without a sure addressee, an opt-out.
        code: Option<Code>,
    },
}

/// What is told of a message before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It has not arrived yet, but is being tried.
    Underway,
    /// The recipient's device says that it has it.
    DeliveryAcknowledged,
    /// The recipient says that they have read it.
    UserAcknowledged,
}

impl Notice {
    /// The message type in `esm_class` (SMPP 3.4, 5.2.12).
    pub(crate) fn esm_class(self) -> u8 {
        match self {
            Self::DeliveryAcknowledged => 0x08,
            Self::UserAcknowledged => 0x10,
            Self::Underway => 0x20,
        }
    }

    /// Reads back [`Self::esm_class`].
    pub(crate) fn from_esm_class(value: u8) -> Option<Self> {
        [Self::Underway, Self::DeliveryAcknowledged, Self::UserAcknowledged]
            .into_iter()
            .find(|notice| notice.esm_class() == value)
    }

    /// Whether `registered_delivery` asks for it (SMPP 3.4, 5.2.17).
    pub(crate) fn is_asked_by(self, registered_delivery: u8) -> bool {
        let bit = match self {
            Self::DeliveryAcknowledged => 0x04,
            Self::UserAcknowledged => 0x08,
            Self::Underway => 0x10,
        };
        registered_delivery & bit != 0
    }

    /// `message_state`: ENROUTE, or DELIVERED for what only who has it can say.
    pub(crate) fn message_state(self) -> u8 {
        if self == Self::Underway { 1 } else { 2 }
    }
}
