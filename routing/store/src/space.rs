//! The closed list of named spaces. A key means something only within its space.

/// A named set of records; keys of different spaces never meet. The tags are on disk: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// Accepted messages: sealed, written once, short-lived.
    Message,
    /// How far a message or call has come: small, overwritten a few times.
    State,
    /// Deliveries still owed to the north: receipts and events.
    Delivery,
    /// Replies from subscribers on their way north.
    Reply,
    /// Authorizations: long-lived.
    Authorization,
    /// Revoked authorizations.
    Revocation,
    /// Slots: which service number and extension stand for which authorization.
    Slot,
    /// The gateway's own marks: counters, cursors, versions.
    Meta,
    /// CDRs that are not in a CDR file yet.
    Cdr,
    /// Whom device IDs meant on a date: small, as long-lived as the authorization that asked.
    Pin,
    /// Who does not want to hear from whom.
    OptOut,
    /// How often authorizations were used today.
    Usage,
    /// Submits that may be repeated, by a hash.
    Repeat,
    /// Parts of messages from the north that wait for the others.
    Segment,
    /// Who was contacted when and by whom, as keyed and short marks: kept as long as a limit counts it, by message.
    Contact,
    /// What tenants paid in, the sums of what they were charged, and how much of their quotas is used.
    Balance,
    /// What a message was charged, until it is in the sum.
    Charge,
    /// Objects that staff manage: the rules. Rarely written, as long-lived as the rule.
    Object,
}

impl Space {
    /// Every space, in the order of the tags.
    pub const ALL: [Self; 18] = [
        Self::Message,
        Self::State,
        Self::Delivery,
        Self::Reply,
        Self::Authorization,
        Self::Revocation,
        Self::Slot,
        Self::Meta,
        Self::Cdr,
        Self::Pin,
        Self::Usage,
        Self::OptOut,
        Self::Repeat,
        Self::Segment,
        Self::Contact,
        Self::Balance,
        Self::Charge,
        Self::Object,
    ];

    /// Whether a scan meets the records in the order of their keys. In the others it meets them in an order of the
    /// backend's own, which stays the same while the store is open: their keys are names without an order that means
    /// anything.
    #[must_use]
    pub const fn is_ordered(self) -> bool {
        !matches!(
            self,
            Self::Authorization
                | Self::Revocation
                | Self::Slot
                | Self::Pin
                | Self::OptOut
                | Self::Usage
                | Self::Repeat
                | Self::Balance
        )
    }

    /// Whether keys are identifiers that the gateway numbers itself, which name nobody.
    #[must_use]
    pub const fn has_own_ids(self) -> bool {
        matches!(
            self,
            Self::Message
                | Self::State
                | Self::Delivery
                | Self::Reply
                | Self::Cdr
                | Self::Segment
                | Self::Contact
                | Self::Charge
        )
    }

    /// Its name in logs and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::State => "state",
            Self::Delivery => "delivery",
            Self::Reply => "reply",
            Self::Authorization => "authorization",
            Self::Revocation => "revocation",
            Self::Slot => "slot",
            Self::Meta => "meta",
            Self::Cdr => "cdr",
            Self::Pin => "pin",
            Self::OptOut => "opt_out",
            Self::Usage => "usage",
            Self::Repeat => "repeat",
            Self::Segment => "segment",
            Self::Contact => "contact",
            Self::Balance => "balance",
            Self::Charge => "charge",
            Self::Object => "object",
        }
    }

    /// The octet that stands for this space on disk.
    #[must_use]
    pub const fn tag(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::State => 2,
            Self::Delivery => 3,
            Self::Reply => 4,
            Self::Authorization => 5,
            Self::Revocation => 6,
            Self::Slot => 7,
            Self::Meta => 8,
            Self::Cdr => 9,
            Self::Pin => 10,
            Self::OptOut => 12,
            Self::Usage => 11,
            Self::Repeat => 13,
            Self::Segment => 14,
            Self::Contact => 15,
            Self::Balance => 16,
            Self::Charge => 17,
            Self::Object => 18,
        }
    }

    /// The space with this tag, `None` if there is none.
    #[must_use]
    pub const fn from_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            1 => Self::Message,
            2 => Self::State,
            3 => Self::Delivery,
            4 => Self::Reply,
            5 => Self::Authorization,
            6 => Self::Revocation,
            7 => Self::Slot,
            8 => Self::Meta,
            9 => Self::Cdr,
            10 => Self::Pin,
            12 => Self::OptOut,
            11 => Self::Usage,
            13 => Self::Repeat,
            14 => Self::Segment,
            15 => Self::Contact,
            16 => Self::Balance,
            17 => Self::Charge,
            18 => Self::Object,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Space;

    #[test]
    fn tags_go_there_and_back() {
        for space in Space::ALL {
            assert_eq!(Space::from_tag(space.tag()), Some(space));
        }
        assert_eq!((Space::from_tag(0), Space::from_tag(99)), (None, None));
    }
}
