//! Octets of flags.

/// Mode, type and features of a message (SMPP 3.4, 5.2.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EsmClass(pub u8);

impl EsmClass {
    /// A plain message.
    pub const MESSAGE: Self = Self(0);
    /// `deliver_sm` only: a delivery receipt of the SMSC.
    pub const RECEIPT: Self = Self(0x04);
    /// `deliver_sm` only: an intermediate notification.
    pub const INTERMEDIATE: Self = Self(0x20);
    /// The feature bit: the message begins with a user data header.
    pub const USER_DATA_HEADER: u8 = 0x40;
    const TYPE: u8 = 0x3c;

    /// Whether this is an SMSC delivery receipt.
    #[must_use]
    pub const fn is_receipt(self) -> bool {
        self.0 & Self::TYPE == Self::RECEIPT.0
    }

    /// Whether this is an intermediate notification.
    #[must_use]
    pub const fn is_intermediate(self) -> bool {
        self.0 & Self::TYPE == Self::INTERMEDIATE.0
    }

    /// Whether this is a handset's or user's own acknowledgement (types 0x08 and 0x10).
    #[must_use]
    pub const fn is_acknowledgement(self) -> bool {
        matches!(self.0 & Self::TYPE, 0x08 | 0x10)
    }

    /// Whether the message begins with a user data header.
    #[must_use]
    pub const fn has_user_data_header(self) -> bool {
        self.0 & Self::USER_DATA_HEADER != 0
    }
}

/// Which reports the sender asks for (SMPP 3.4, 5.2.17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegisteredDelivery(pub u8);

impl RegisteredDelivery {
    /// No receipt.
    pub const NONE: Self = Self(0);
    /// A receipt for success and failure.
    pub const ALWAYS: Self = Self(1);

    /// Whether a receipt is due after delivery: asked for always, or on success (5.0).
    #[must_use]
    pub const fn on_success(self) -> bool {
        matches!(self.0 & 3, 1 | 3)
    }

    /// Whether a receipt is due after failure.
    #[must_use]
    pub const fn on_failure(self) -> bool {
        matches!(self.0 & 3, 1 | 2)
    }

    /// Whether intermediate notifications are asked for.
    #[must_use]
    pub const fn intermediate(self) -> bool {
        self.0 & 0x10 != 0
    }
}
